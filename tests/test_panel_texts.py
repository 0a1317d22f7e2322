"""The panel's texts in every language: complete, understood by the packer, and they fit."""

import struct

import pytest

import glyphs
import texts

LARGE, SMALL = glyphs.font("large"), glyphs.font("small")
WIDTH = 128  # of the display, in px
BETWEEN_ARROWS = 108
TABLE = {setting[0]: setting for setting in texts.table()}
IN_MENU = [key for key, setting in TABLE.items() if setting[6]]
# The longest that can be filled in, or comes behind.
FILLED = {
    "stops_in": "99:59", "stops_at": "23:59", "import": ("1999.9", 48),
    "capacity": ("1999.9", "600.0"), "sun": "1999.9", "master": (8, 8, "640.0"),
    "node": (7, "80.0"), "sb2": "188.188.188.188", "portal_pw": "00000000",
}
BEHIND = {"ready": " 600", "charge": " 600", "smart": " 3P", "solar": " 3P"}
# Meters and the forms of their numbers have the names that are in their manuals.
NAMES = {"mains_met", "circt_met", "ev_meter", "em_byte_order", "em_data_type", "rcmon"}


@pytest.fixture(params=texts.languages())
def language(request):
    """Each language."""
    return request.param


@pytest.fixture
def source(language):
    """{section: {key: text}} of each language."""
    return texts.parse(language)


def large(text):
    """Columns of a text in the large font."""
    return sum(len(LARGE[one][0]) + 2 for one in text) - 2


def small(text):
    return sum(len(SMALL[one][0]) + 1 for one in text) - 1


def wide(key, text, longest, width):
    """What of a text is too wide."""
    return ["%s: %s" % (key, part) for part in text.split("|") if width(part) > longest]


def test_the_fonts_measure_as_the_display_does():
    assert large("TRANSACTION") in range(100, WIDTH) and large("CIRCUIT METER") > WIDTH
    assert (large("1"), small("1"), small("11")) == (11, 5, 11)


def test_large_lines_fit(source):
    bad = []
    for key, text in source["large"].items():
        longest = BETWEEN_ARROWS if key in ("exit", "menu", "disabled", "enabled", "holding",
                                            "input") else WIDTH
        if key in ("days", "months"):
            after = " 88:88" if key == "days" else "%s 88 " % source["large"]["days"][:3]
            text = "|".join(word + after for word in text.split(" "))
        bad += wide(key, text + BEHIND.get(key, ""), longest, large)
    for key, text in source["values"].items():
        bad += wide(key, text, BETWEEN_ARROWS, large)
    assert not bad


def test_small_lines_fit(source):
    bad = []
    limit = source["small"]["limit"]
    for key, text in source["small"].items():
        if key in FILLED:
            text = text % FILLED[key]
        if key != "limit":
            bad += wide(key, text, WIDTH, small)
    for key, text in source["reasons"].items():
        bad += wide(key, limit % text if key.startswith("reason_LIMIT") else text, WIDTH, small)
    assert not bad


def test_whatever_is_filled_in_was_tried(source):
    with_values = {key for key, text in source["small"].items() if "%" in text}
    assert with_values == {*FILLED, "limit"}
    assert not [key for key, text in source["large"].items() if "%" in text]


def test_every_item_of_the_menu_is_explained(source):
    assert not [key for key in [*IN_MENU, "exit"] if "help_" + key not in source["help"]]
    for key, text in source["help"].items():
        if key.startswith("help_"):
            assert text[-1] == "." and 15 < len(text) < 185, key
            assert key[5:] == "exit" or key[5:] in TABLE


def test_every_choice_in_the_menu_has_words(source):
    wanted = {"values_" + key for key in IN_MENU if TABLE[key][1] == "enum"}
    wanted.add("values_language")  # the wizard asks for it
    assert set(source["values"]) == wanted - {"values_" + key for key in NAMES}


def test_english_choices_keep_the_names_people_know():
    for key, text in texts.parse("en")["values"].items():
        if key not in ("values_language", "values_modem"):  # one is cut to fit
            assert text.split("|") == list(TABLE[key[7:]][3])


def test_help_names_choices_as_the_menu_shows_them(source):
    for key in ("contact_2", "rfid", "cap_mode", "wifi", "lock", "grid"):
        text = source["help"]["help_" + key]
        named = [word for word in source["values"]["values_" + key].split("|") if word in text]
        assert len(named) > 1, key


def test_every_reason_has_words(source):
    known = {"reason_" + name for name, code in texts.declared("reasons.py").items()
             if type(code) is int and 0 < code < 60}
    assert set(source["reasons"]) == known


def test_days_and_months_are_all_there(source):
    days, months = (source["large"][key].split(" ") for key in ("days", "months"))
    assert (len(set(days)), len(set(months))) == (7, 12)


def test_languages_are_translated():
    english = texts.parse("en")
    for language in texts.languages()[1:]:
        other = texts.parse(language)
        for section, same in (("help", 0), ("reasons", 1), ("small", 3), ("large", 10)):
            found = [key for key, text in english[section].items()
                     if other[section][key] == text]
            assert len(found) <= same, found


def test_the_packed_file_has_every_text(language, source):
    data = texts.pack(language)
    magic, count = struct.unpack_from("<2sH", data)
    index = struct.unpack_from("<%dH" % (count + 1), data, 4)
    assert magic == b"T1" and index[0] == 4 + 2 * len(index) and index[-1] == len(data)
    places = texts.places()
    used = set()
    for section in source.values():
        for key, text in section.items():
            at = places[key]
            assert data[index[at]:index[at + 1]].decode() == text
            used.add(at)
    assert not [at for at in range(count) if at not in used and index[at] != index[at + 1]]


def test_sources_do_not_travel(sim_build, language):
    assert (sim_build / "evse" / "panel" / ("texts." + language)).read_bytes() == \
        texts.pack(language)
    assert not list(sim_build.rglob("%s.txt" % language))


@pytest.mark.parametrize("old, new, complaint", (
    ("charging LAADT\n", "", "nl.txt: charging is missing"),
    ("charging LAADT\n", "charging LAADT\nmore MEER\n", "nl.txt: more is not to be in"),
    ("charging LAADT\n", "charging LAADT\ncharging LAADT\n", "charging is there twice"),
    ("charging LAADT\n", "charging\n", "a key and its text are wanted"),
    ("charging LAADT\n", "charging LAADT \n", "a key and its text are wanted"),
    ("[large]\n", "", "nl.txt, line 3: a key and its text"),
    ("[small]\n", "[tiny]\n", "no section is called tiny"),
    ("denied GEEN|TOEGANG", "denied GEEN TOEGANG", "denied must have 2 parts"),
    ("stopt over %s", "stopt over", "stops_in must have the same %"),
    ("stopt over %s", "stopt over %d", "stops_in must have the same %"),
    ("reason_CARD met pas\n", "", "reason_CARD is missing"),
    ("help_max Hoogste", "help_maximum Hoogste", "help_max is missing"),
))
def test_mistakes_are_named(tmp_path, monkeypatch, old, new, complaint):
    for name in texts.languages():
        text = (texts.FOLDER / (name + ".txt")).read_text(encoding="utf-8")
        if name == "nl":
            assert old in text
            text = text.replace(old, new)
        (tmp_path / (name + ".txt")).write_text(text, encoding="utf-8")
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    with pytest.raises(texts.Problem) as problem:
        texts.pack("nl")
    assert complaint in str(problem.value)


@pytest.mark.parametrize("old, new, complaint", (
    ("charging CHARGING\n", "", "en.txt: charging is missing"),
    ("charging CHARGING\n", "charging CHARGING\nmore MORE\n", "nothing is called more"),
    ("Standard|Public", "Standard", "values_led_mode must have 2 parts"),
    ("menu MENU", "menu " + 60000 * "M", "64 KB"),
))
def test_mistakes_in_english_are_named(tmp_path, monkeypatch, old, new, complaint):
    text = (texts.FOLDER / "en.txt").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "en.txt").write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    with pytest.raises(texts.Problem, match=complaint):
        texts.pack("en")
    with pytest.raises(texts.Problem, match=r"nl\.txt is missing"):
        texts.pack("nl")


def test_numbers_without_order_are_named(monkeypatch):
    usual = texts.declared
    for change, complaint in ({"T_MENU": 0}, "without a gap"), ({"HELP_AT": 58}, "grows into"):
        monkeypatch.setattr(texts, "declared",
                            lambda name, change=change: {**usual(name), **change})
        with pytest.raises(texts.Problem, match=complaint):
            texts.places()
