"""The picture of a black box shows what is in it."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import blackbox  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
BOX = """MicroEVSE black box of 2026-11-22T06:59
v4.0.0 on sim, serial 4711

== journal ==
7 at -20 s: started (0, 0)
8 at 103 s: a "quoted" <word> (9, 2)
9 at 900 s: too late (0, 0)

== last ten minutes ==
s of uptime, ...; reason where it changes
100 A 0 0 - - - 0 no car connected
110 C 1 160 250 -50 0 155 charging
160 C 3 100 250 -50 0 95
199 end
"""


def drawn(text=BOX):
    return ElementTree.fromstring(blackbox.draw(*blackbox.read(text)))


def lines(picture):
    """Points of each line by its name, in the units of the picture."""
    colours = {colour: name for name, colour in blackbox.LINES}
    return {colours[path.get("stroke")]: [
        (kind, float(x), float(y), float(to)) for kind, x, y, to in re.findall(
            r"([ML])([\d.]+) ([\d.]+)H([\d.]+)", path.get("d"))]
        for path in picture.iter(SVG + "path") if path.get("class") == "line"}


def test_a_line_for_each_current_broken_where_it_is_not_known():
    found = lines(drawn())
    assert [len(found[name]) for name in ("L1", "L2", "car", "granted")] == [2, 2, 3, 3]
    assert [point[0] for point in found["car"]] == ["M", "L", "L"]
    left, right = blackbox.LEFT, blackbox.WIDTH - blackbox.RIGHT
    assert found["car"][0][1] == left and found["car"][-1][3] == right
    assert abs(found["L1"][0][1] - (left + (right - left) / 10)) < 0.1
    # 5 A a step, from -5 to 25 A.
    zero, step = found["car"][0][2], blackbox.HEIGHT / 6
    assert abs(zero - found["L1"][0][2] - 5 * step) < 0.2
    assert abs(found["L2"][0][2] - zero - step) < 0.2


def test_states_contactors_reasons_and_events_of_that_time():
    picture = drawn()
    assert len(list(picture.iter(SVG + "rect"))) == 3 + 2
    texts = [one.text for one in picture.iter(SVG + "text")]
    assert "no car connected" in texts and "MicroEVSE black box of 2026-11-22T06:59" in texts
    assert '0:01:43 a "quoted" <word> (9, 2)' in texts
    assert not [one for one in texts if one and ("late" in one or "started" in one)]


def test_the_command_writes_it_or_says_why_not(tmp_path):
    box, out = tmp_path / "box.txt", tmp_path / "box.svg"

    def run():
        return subprocess.run([sys.executable, ROOT / "tools" / "blackbox.py", box, out],
                              capture_output=True, text=True, timeout=60)

    box.write_text(BOX)
    assert run().returncode == 0
    ElementTree.parse(out)
    box.write_text("<html>")
    done = run()
    assert (done.returncode, done.stderr) == (1, "this is no black box\n")


@pytest.mark.parametrize("text,why", [
    ("", "no black box"), (BOX.partition("100 A")[0], "nothing has been noted"),
    (BOX.replace("C 3 100", "C 3 x"), "not understood")])
def test_what_is_no_box_is_told(text, why):
    with pytest.raises(blackbox.NoBox, match=why):
        blackbox.read(text)
