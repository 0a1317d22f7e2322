"""Building the tree the twin and the tests run: native where it can be, only what changed."""

import os
import platform
import subprocess
import sys

import pytest

import build
import inline
import shorten
import size
from twin import firmware

LINUX_PC = platform.system() == "Linux" and platform.machine() == "x86_64"


@pytest.mark.skipif(not LINUX_PC, reason="machine code is for x86-64 Linux")
def test_the_native_core_runs_here(sim_build, micropython):
    script = ("import sys; sys.path[:] = [%r, %r, '.frozen']; "
              "from evse.app import allocate; print(allocate.__name__)"
              % (str(sim_build), str(sim_build / "lib")))
    done = subprocess.run([micropython, "-c", script], text=True, capture_output=True, timeout=60)
    assert done.stdout.strip() == "evse.power.allocate_native", done.stdout + done.stderr


def test_a_second_build_writes_nothing(sim_build):
    before = {path: path.stat().st_mtime_ns for path in sim_build.rglob("*")}
    build.build("sim")
    assert {path: path.stat().st_mtime_ns for path in sim_build.rglob("*")} == before


def test_what_has_no_source_any_more_goes(sim_build):
    stale = sim_build / "evse" / "gone.mpy"
    stale.write_bytes(b"M")
    build.build("sim")
    assert not stale.exists()


def test_a_mistake_is_told_with_its_line(tmp_path):
    source = tmp_path / "bad.py"
    source.write_text("fine = 1\nif\n")
    target = tmp_path / "bad.mpy"
    target.write_bytes(b"old")
    os.utime(target, (0, 0))
    with pytest.raises(build.Problem, match=r'bad\.py", line 2'):
        build.compile_file(source, target, "bad.py", 2, None)
    assert not target.exists()


def test_an_unknown_board_is_refused_by_name():
    done = subprocess.run([sys.executable, str(build.ROOT / "tools/image.py"), "--board", "esp99"],
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert "esp99" in done.stderr and "smartevse_v3" in done.stderr


# ---- make size ----
def test_imports_are_weighed_each_by_itself(sim_build):
    found = size.sources()
    order = size.in_order(found, "evse.app")
    assert order.index("evse.ticks") < order.index("evse.core") < order.index("evse.app")
    assert "microdot.microdot" in order and "umodbus.functions" in order
    assert "evse.boards.sim" not in order, "the app asks for its board by name"


def test_size_shows_every_part(sim_build):
    rows = dict(size.import_rows())
    assert {"evse.app", "evse.core", "evse.boards.sim", "microdot.microdot"} <= set(rows)
    assert all(kept >= 0 for kept in rows.values())
    assert 0 < sum(rows.values()) < size.live_heap()
    flash = {what: (files, count) for what, files, count in size.flash_rows(build.BOARDS[0])}
    total = flash.pop("all")
    assert total == tuple(map(sum, zip(*flash.values())))
    assert 2 * total[1] < 2031616, "two slots must fit"


# ---- numbers for constants ----
CODES = """from micropython import const
WARM = const(3)
HOT, _COLDER = 9, -1
COLD = _COLDER - 1
WORDS = ("warm", "hot")
"""
TUBS = """from evse import codes
from evse.codes import COLD, HOT, WORDS


def is_hot(tub):
    from evse.codes import WARM
    return tub.degrees - COLD > WARM, WORDS[codes.WARM != HOT]


class Tub:
    HOT = HOT
"""


def inlined(**texts):
    """What becomes of modules of the package evse: their texts, and the names that went."""
    texts, gone = inline.inlined({"evse." + name: text for name, text in texts.items()})
    return ({name.removeprefix("evse."): text for name, text in texts.items()},
            {name.removeprefix("evse."): names for name, names in gone.items()})


def test_constants_become_numbers_across_modules_and_nothing_moves():
    texts, gone = inlined(codes=CODES, tubs=TUBS.replace("HOT = HOT", "hot = HOT"))
    assert texts["codes"] == "\n\n\n\n" + CODES.split("\n")[4] + "\n"
    assert texts["tubs"].split("\n") == [
        "", "from evse.codes import WORDS", "", "", "def is_hot(tub):", "    pass",
        "    return tub.degrees - (-2) > 3, WORDS[3 != 9]", "", "", "class Tub:", "    hot = 9",
        ""]
    assert gone == {"codes": {"WARM": 3, "HOT": 9, "COLD": -2},
                    "tubs": {"COLD": -2, "HOT": 9, "WARM": 3}}


@pytest.mark.parametrize("user, stays", [
    (TUBS, "HOT"),  # the name means two things
    ("from evse import codes\nread = getattr(codes, 'HOT')\n", "WARM HOT COLD"),
    ("import evse.codes\n", "WARM HOT COLD"),
    ("from evse.codes import *\n", "WARM HOT COLD"),
    ("def name(it):\n    return it.HOT\n", "HOT"),
    ("from evse import codes\ncodes.HOT = 4\n", "HOT"),
])
def test_what_is_not_certain_keeps_its_name(user, stays):
    texts, gone = inlined(codes=CODES, user=user)
    for name in ("WARM", "HOT", "COLD"):
        assert (name in gone.get("codes", ())) == (name not in stays.split()), name
    assert ("HOT, _COLDER = 9, -1" in texts["codes"]) == ("HOT" in stays)


def test_what_changes_is_no_constant():
    text = "COUNT = 0\n\n\ndef add():\n    global COUNT\n    COUNT += 1\n    return COUNT\n"
    assert inlined(codes=text) == ({"codes": text}, {})


def test_what_hides_names_is_refused():
    with pytest.raises(ValueError, match=r"evse\.user, line 2"):
        inlined(codes=CODES, user="\nsaid = f'{1}'\n")


def test_the_names_are_gone_from_the_firmware_and_there_beside_it(sim_build, micropython):
    beside = firmware.beside(sim_build)
    for start, known in ((beside, "True 65"),
                         (beside.replace("import constants;", ""), "False 0")):
        code = ("from evse import reasons; from evse.charging import plug; "
                "print(hasattr(plug, 'ACCESS_ON'), getattr(reasons, 'MODE', 0))")
        done = subprocess.run([micropython, "-c", start + code], text=True, capture_output=True,
                              timeout=60)
        assert done.stdout.strip() == known, done.stderr


def test_classes_that_build_on_each_other_share_their_private_names():
    base = "class Base:\n    def _tell(self):\n        return self._told\n"
    more = ("from evse.base import Base\n\n\nclass More(Base):\n    def _more(self):\n"
            "        return self._told, self._told, self._told\n")
    texts = {"evse.base": base, "evse.more": more, "evse.other": "_more = 1\n"}
    families = shorten.families(texts)
    assert sorted(families["evse.base"]) == ["evse.base", "evse.more"]
    assert families["evse.other"] == ["evse.other"]
    short = {name: shorten.shortened(text, [texts[one] for one in families[name]])
             for name, text in texts.items()}
    assert short["evse.other"] == "_a = 1\n"
    assert short["evse.base"] == "class Base:\n    def _c(self):\n        return self._a\n"
    assert short["evse.more"].endswith("def _b(self):\n        return self._a, self._a, self._a\n")
