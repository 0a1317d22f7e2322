"""docs/wiring.md and its pictures: made of what the page shows, with nothing of it missing."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import webtexts  # noqa: E402
import wiring  # noqa: E402


@pytest.mark.parametrize("path", wiring.outputs(), ids=lambda path: path.name)
def test_the_file_is_fresh(path):
    assert path.read_text(encoding="utf-8") == wiring.outputs()[path], "make wiring"


def test_no_picture_is_left_over():
    assert set(wiring.FOLDER.iterdir()) == set(wiring.outputs()) - {wiring.DOCUMENT}


def test_what_nobody_can_draw_is_named():
    with pytest.raises(wiring.Problem, match="circle 1 2"):
        wiring._part("Title\n@ 10 10\ncircle 1 2")


# Names and figures, which are the same in every language.
SAME = {"LOCK", "Solenoid", "Motor", "Ratio", "Phoenix Contact", "MAINS MET", "CIRCT MET",
        "Sensorbox", "P1: RCM14-03", "25 A", "16 A", "PE", "N", "L1", "L2", "L3", "C1", "C2", "A",
        "B", "+12V", "GND", "SW", "LED R", "LED G", "R", "W", "PP", "CP"}
BEFORE = {"t": 3, "b": 5}  # blanks in front of the words


def texts_of(line):
    if line[0] == "|":
        return line[2:].split(" | ")
    return [] if line[0] in "@wd" else [line.split(" ", BEFORE.get(line[0], 1))[-1]]


@pytest.mark.parametrize("language", ("nl", "de"))
def test_each_language_has_all_words_and_the_same_pictures(language):
    english = webtexts.wiring("en").decode().splitlines()
    other = webtexts.wiring(language).decode().splitlines()
    assert len(other) == len(english)
    known = webtexts.parse(language)["wiring"]
    said = set()
    for before, after in zip(english, other):
        assert after[0] == before[0]
        said.update(texts_of(before))
        for text, translated in zip(texts_of(before), texts_of(after)):
            assert translated == (text if text in SAME else known[text])
    assert set(known) <= said


def wires(picture):
    """The wires of a picture as {kind: [(x, y), ...]}."""
    text = next(part for part in wiring.SOURCE.read_text(encoding="utf-8").split("\n= ")
                if part.startswith(picture))
    found = {}
    for line in text.split("\n"):
        if line.startswith("w "):
            _, kind, *points = line.split()
            found.setdefault(kind, []).append([int(point) for point in points])
    boxes = {" ".join(line.split()[5:]): [int(number) for number in line.split()[1:5]]
             for line in text.split("\n") if line.startswith("b ")}
    return found, boxes


def test_contactor_1_switches_n_with_all_phases_and_contactor_2_neither_n_nor_l1():
    found, boxes = wires("Contactors")
    first, second = boxes["C1, four poles"], boxes["C2"]
    for kind in ("n", "l1", "l2", "l3"):
        (x, top, _, bottom), = found[kind]
        assert first[0] < x < first[0] + first[2] and top < first[1] < bottom
        assert (second[0] < x < second[0] + second[2]) == (kind in ("l2", "l3"))
    assert second[1] > first[1] + first[3]  # behind it
    (earth,) = found["pe"]
    assert earth[0] < min(first[0], second[0])  # nothing switches it
