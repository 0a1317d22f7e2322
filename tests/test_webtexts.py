"""The page's words: all there in each language, none that nobody says, all packed."""

import json
import re
import sys
from pathlib import Path

import pytest
import zopfli.gzip

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import texts  # noqa: E402
import webtexts  # noqa: E402

TRANSLATIONS = [language for language in texts.languages() if language != "en"]
MOST = 4 * 4080  # bytes of a language, as it is sent: four blocks of flash


@pytest.fixture(scope="module")
def page():
    return webtexts.read_page()


def unpacked(data):
    """(texts of the numbers, {key: text}) of a language's file, as web/core.js takes it."""
    document = json.loads(data)
    return document["numbered"], dict(zip(document["keys"], document["texts"], strict=True))


def test_texts_are_found_where_they_are_said(page):
    assert {"Language", "The charger did not answer. Try again."} <= set(page.numbers)
    assert {"To the content", "Now"} <= page.marked
    assert "Charges at once, with what the mains allow." in page.named
    charger = webtexts.said_by_the_charger()
    assert "waits for current" in charger
    assert "{} must be a number from {} to {}" in charger
    assert "Add the words of the page" not in charger


def test_no_text_is_put_together(page):
    for name, text in page.scripts.items():
        assert not re.search(r"\bt\(`", text), name


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_text_of_the_page_is_there(page, language):
    missing = (set(page.numbers) | page.marked) - set(webtexts.parse(language)["words"])
    assert not missing, "\n".join(sorted(missing))


def said_in(charger, part):
    """Whether the charger has it, or the two texts that it is made of."""
    return part in charger or any(part[:at] in charger and part[at:] in charger
                                  for at in range(8, len(part) - 8))


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_no_text_is_there_that_nobody_says(page, language):
    charger = webtexts.said_by_the_charger()
    scripts = "\n".join(page.scripts.values())
    numbered = tuple(re.findall(r"`(\w+ )\$\{", scripts))  # asked for as `hint ${code}`
    unused = [key for key in webtexts.parse(language)["words"]
              if key not in page.numbers and key not in page.named
              and not all(said_in(charger, part) for part in re.split(r"\{\d\}", key))
              and not (key[-1].isdigit() and key.startswith(numbered))]
    assert not unused, "\n".join(unused)


def test_scripts_carry_numbers_for_what_is_said_just_there():
    scripts = {"a": 't("One {0}", 1); say("Three"); t("Two"); t("One {0}");', "b": 't(\n "Q\\"")'}
    found = webtexts.Page(scripts, "<p data-t>Two</p><p data-t>Four</p>")
    assert found.scripts == {"a": 't(0, 1); say("Three"); t(1); t(0);', "b": "t(2)"}
    assert list(found.numbers) == ["One {0}", "Two", 'Q"']
    assert found.marked == {"Two", "Four"}
    assert found.named == {"Two", "Four", "Three"}


def test_what_is_looked_for_by_its_words_is_found_by_them(page):
    numbered, document = unpacked(webtexts.pack("nl", page))
    words = webtexts.parse("nl")["words"]
    assert numbered[page.numbers["Older"]] == words["Older"]
    assert document[webtexts.short("Cards")] == words["Cards"]  # "Cards" is in a table
    assert document["{0} must be a number from {1} to {2}"].count("{") == 3
    assert webtexts.short("no car connected") == "mye6"  # as in web/core.js


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_what_the_panel_says_is_not_said_again(language):
    own, panel = webtexts.parse(language)["words"], texts.parse(language)["reasons"]
    twice = [english for name, english in webtexts.reasons().items()
             if english in own and own[english] == panel.get("reason_" + name)]
    assert not twice, "\n".join(twice)


@pytest.mark.parametrize("section", ("labels", "help"))
def test_sections_are_complete(section):
    """All translations have what one has. English lacks what the charger or the panel says."""
    one, *others = (set(webtexts.parse(language)[section]) for language in TRANSLATIONS)
    for other in others:
        assert other == one
    assert set(webtexts.parse("en")[section]) <= one


def test_every_state_of_the_charger_has_words():
    states = set(texts.declared("charging/states.py")["_NAMES"].split(",")) - {"D"}
    assert len(states) == 14
    for language in TRANSLATIONS:
        assert states <= set(webtexts.parse(language)["words"]), language


@pytest.mark.parametrize(("language", "other"), (
    ("de", "Ladestation|Ladesäule|Flugschreiber|Anzeige"), ("nl", "laadpaal|black box"),
    ("en", "wallbox|flight recorder")))
def test_one_thing_has_one_name(language, other):
    said = [text for section in webtexts.parse(language).values() for text in section.values()]
    assert [text for text in said if re.search(other, text, re.IGNORECASE)] == []


@pytest.mark.parametrize("language", texts.languages())
def test_help_of_the_panel_alone_is_not_the_page_s(language):
    helps = webtexts.parse(language)["help"]
    for key in ("wifi", "sb2_wifi"):  # the panel shows the password beside it
        assert "isplay" in helps[key]


def test_every_setting_has_a_name():
    keys = {setting[0] for setting in texts.declared("settings.py")["TABLE"]}
    assert keys <= set(webtexts.parse("en")["labels"])


def test_english_has_no_words():
    assert not webtexts.parse("en")["words"]


@pytest.mark.parametrize("language", texts.languages())
def test_a_language_is_packed_whole_and_small(page, language):
    packed = webtexts.pack(language, page)
    numbered, document = unpacked(packed)
    parsed = webtexts.parse(language)
    for english, number in page.numbers.items():
        assert numbered[number] == parsed["words"].get(english, english)
    for english, text in parsed["words"].items():
        if english not in page.numbers:
            assert document[webtexts.short(english)] == text
    for section, kind in (("labels", "label"), ("help", "help"), ("values", "value")):
        for key, text in parsed[section].items():
            assert document["%s %s" % (kind, key)] == text
    if language != "en":
        panel = texts.parse(language)["reasons"]["reason_NO_CAR"]
        assert document[webtexts.short("no car connected")] == panel
    assert document["help mains"] == (parsed["help"].get("mains")
                                      or texts.parse(language)["help"]["help_mains"])
    assert len(zopfli.gzip.compress(packed)) <= MOST


def test_two_texts_with_one_number_are_refused(monkeypatch, page):
    monkeypatch.setattr(webtexts, "short", lambda english: "x")
    with pytest.raises(webtexts.Problem, match="one number"):
        webtexts.pack("nl", page)


@pytest.mark.parametrize(("source", "problem"), (
    ("[words]\nA {0} = B", "places to fill in"), ("[words]\nA = B\nA = C", "twice"),
    ("[word]\n", "no section"), ("A = B", "wanted first"),
    ("[labels]\nmains", "a key and its text"), ("[words]\nA = ", "a key and its text")))
def test_a_source_that_is_wrong_is_refused(source, problem, tmp_path, monkeypatch):
    (tmp_path / "xx.txt").write_text(source)
    monkeypatch.setattr(webtexts, "FOLDER", tmp_path)
    with pytest.raises(webtexts.Problem, match=problem):
        webtexts.parse("xx")
