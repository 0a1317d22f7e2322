"""The panel's pictures: as when people last looked at them, and nothing cut or covered."""

import re
import subprocess

import pytest

import pbm
import screens
from twin import firmware

MOST_BYTES = 1100  # of a golden


@pytest.fixture(scope="module")
def drawn(sim_build):
    return screens.pictures(sim_build)


def test_each_picture_is_the_one_that_was_looked_at(drawn):
    kept, _ = drawn
    stored = {path.stem: path.read_bytes() for path in screens.GOLDEN.iterdir()}
    changed = [name for name, (_, _, display) in kept.items()
               if stored.get(name) != pbm.pbm(display)]
    assert not changed, "`make screens` draws them anew; look at them: %s" % ", ".join(changed)
    assert not stored.keys() - kept.keys()
    assert max(len(data) for data in stored.values()) < MOST_BYTES


def test_no_text_is_cut_or_touches_another(drawn):
    assert not drawn[1]


@pytest.mark.parametrize("language", screens.LANGUAGES)
def test_there_is_room_for_the_longest_of_everything(sim_build, language):
    wrong = [one["wrong"] for one in screens.run(sim_build, "extremes", language)]
    assert not wrong, wrong[0]


def test_every_item_and_every_fault_has_a_picture(drawn):
    from evse.charging import faults
    from evse.settings import KEY, LCD, TABLE

    kept, _ = drawn
    for setting in TABLE:
        if setting[LCD]:
            assert "menu_" + setting[KEY] in kept
    assert sum(name.startswith("fault_") for name in kept) >= len(faults.FAULTS) - 3
    displays = [display for _, _, display in kept.values()]
    assert all(any(display) for display in displays)


def test_the_document_shows_all_of_them(drawn):
    found = screens.sections(drawn[0])
    text = screens.DOCUMENT.read_text(encoding="utf-8")
    assert text == screens.document(found)
    names = [name for name, _, _ in screens.sheets(found)]
    assert sorted(re.findall(r"\]\(screens/(\w+\.png)\)", text)) == sorted(names)
    assert sorted(path.name for path in screens.SHEETS.iterdir()) == sorted(names)
    for name, _, part in screens.sheets(found):
        stored = (screens.SHEETS / name).read_bytes()
        assert screens.unpacked(stored) == screens.raw(screens.sheet(part)), name


# What the recorder must see, or it proves nothing: lines of code, and what is then wrong.
MISTAKES = (
    ("c.large('CIRCUIT METER', 0)", "is cut to"),
    ("c.small('0123456789', 100, 3)", "is cut to"),
    ("c.small('here', 10, 2); c.small('there', 20, 2)", "drawn over"),
    ("c.small('here', 10, 2); c.small('there', 11 + c.small_width('here'), 2)", "touch"),
    ("c.large('OVER', 2); c.small('x', 60, 3)", "drawn over"),
    ("c.large('HALF', 2); c.blank(2, 1)", "drawn over"),
    ("c.small('line', 5, 1); c.line(12)", "drawn over"),
    ("c.small('snow ☃', 5, 1)", "needs a glyph"),
    ("c.small('far', 5, 8)", "begins outside"),
    ("c.picture(glyphs.HOUSE, 50, 0); c.small('wall', 71, 2)", "touches what is drawn"),
    ("c.picture(glyphs.CAR, 120, 2)", "does not fit"),
)


@pytest.mark.parametrize(("code", "words"), MISTAKES)
def test_the_recorder_sees(sim_build, code, words):
    script = (firmware.beside(sim_build).replace("'.frozen']", "%r, '.frozen']")
              % str(screens.ROOT / "tests" / "unit")
              + "from helpers_recorder import Recorder\nfrom evse.panel import glyphs\n"
              "c = Recorder()\ntry:\n    %s\nexcept (ValueError, IndexError):\n    pass\n"
              "print(c.faults())\n" % code)
    done = subprocess.run([firmware.interpreter(), "-c", script], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert words in done.stdout, done.stdout


def test_what_is_right_is_not_blamed(sim_build):
    script = (firmware.beside(sim_build).replace("'.frozen']", "%r, '.frozen']")
              % str(screens.ROOT / "tests" / "unit")
              + "from helpers_recorder import Recorder\nc = Recorder()\n"
              "c.large('MODE', 2); c.large('<', 2, 0, False); c.large('>', 2, 120, False)\n"
              "c.small('left', 0, 7); c.small('right', 128, 7, 2); c.line(52)\n"
              "c.large('SMART', 4); c.large('SOLAR', 4); c.blank(0, 1)\n"
              "print(c.faults(), len(c.texts))\n")
    done = subprocess.run([firmware.interpreter(), "-c", script], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.stdout == "[] 6\n"
