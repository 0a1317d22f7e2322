"""The fonts and pictures: the generated module is up to date, and the art holds what it must."""

from pathlib import Path

import pytest

import glyphs

ROOT = Path(__file__).resolve().parents[1]
TEXTS = sorted((ROOT / "evse" / "panel" / "languages").glob("*.txt"))
LETTERS = "äöüÄÖÜßéèëïóáúêîôçàÉ"  # of Dutch and German
FONTS = {name: glyphs.font(name) for name in glyphs.FONTS}
PICTURES = glyphs.pictures()
# (width, height in pixels) of what has its place on the energy-flow screen.
BOXES = {"pylon": (19, 30), "house": (21, 27), "sun": (13, 13), "clock": (7, 7), "car": (32, 13)}


@pytest.fixture(params=FONTS)
def font(request):
    """{character: rows} of each font."""
    return FONTS[request.param]


def _ink(rows):
    """(first and last row, first and last column) with something dark in it."""
    ys = [y for y, row in enumerate(rows) if "#" in row]
    xs = [x for x, column in enumerate(zip(*rows)) if "#" in column]
    return ys[0], ys[-1], xs[0], xs[-1]


def test_the_module_is_what_the_art_says():
    assert glyphs.OUT.read_text(encoding="utf-8") == glyphs.source(), "run `make glyphs`"


def test_digits_are_equally_wide(font):
    widths = {len(font[digit][0]) for digit in "0123456789"}
    assert widths == {max(len(glyph[0]) for glyph in font.values())}


def test_both_fonts_have_all_characters(font):
    for character in [chr(code) for code in range(32, 127)] + list(LETTERS + "°Σ\u00b7"):
        assert character in font, character


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_fonts_have_all_characters_of_the_texts(path):
    text = path.read_text(encoding="utf-8")
    for font in FONTS.values():
        assert not set(text) - set(font) - {"\n"}


def test_no_two_characters_look_the_same(font):
    known = {}
    for character, rows in font.items():
        assert known.setdefault(rows, character) + character in (2 * character, "0O"), character


def test_glyphs_have_no_empty_columns_beside_them(font):
    for character, rows in font.items():
        if character != " " and not character.isdigit():
            assert _ink(rows)[2:] == (0, len(rows[0]) - 1), character


def test_letters_stand_on_one_line(font):
    bottom = _ink(font["H"])[1]
    tall = bottom + 1
    assert tall == {8: 7, 16: 14}[len(font["H"])]
    for character in "ABCDEFGHIJKLMNOPRSTUVWXYZ0123456789bdhkl":
        assert _ink(font[character])[:2] == (0, bottom), character
    low = _ink(font["x"])[0]
    for character in "aceimnorsuvwxz":
        assert _ink(font[character])[1] == bottom, character
        assert character == "i" or _ink(font[character])[0] == low, character
    for character in "gjpqy":
        assert _ink(font[character])[1] == len(font["x"]) - 1, character


def test_strokes_of_large_letters_are_two_pixels_wide():
    for character, rows in FONTS["large"].items():
        if character.isascii() and character.isalnum() and character not in "MWw":
            for row in (*rows, *("".join(column) for column in zip(*rows))):
                assert all(len(run) > 1 for run in row.split(".") if run), character


def test_pictures_fit_their_places():
    for name, (width, height) in BOXES.items():
        top, bottom, left, right = _ink(PICTURES[name])
        assert (right - left + 1, bottom - top + 1) == (width, height), name
    assert _ink(PICTURES["pylon"])[0] == 1 and _ink(PICTURES["house"])[0] == 4
    assert _ink(PICTURES["car"])[0] == 2


def test_mistakes_in_the_art_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(glyphs, "ART", tmp_path)
    for art, complaint in (("= A B\n.# ##\n", "rows"), ("= A\n" + "#x\n" * 8, "only"),
                           ("= A B\n" + "#.\n" * 8, "2 characters over 1"),
                           ("= A B\n" + "# #\n" * 7 + "# # #\n", "2 characters over 3"),
                           ("= A A\n" + "# #\n" * 8, "small: A"),
                           ("= A\n" + "#\n" * 8, "lacks ' '"),
                           ("= A\n" + "######\n" * 8, "longer than 5")):
        (tmp_path / "small.txt").write_text(art)
        with pytest.raises(glyphs.Problem, match=complaint):
            glyphs.font("small")
    for character in ("\u20ac", "\U0001f697"):
        with pytest.raises(glyphs.Problem, match="table"):
            glyphs.extra([character])
    with pytest.raises(glyphs.Problem, match="table"):
        glyphs.extra(["\u00a3", "\u00e3"])
