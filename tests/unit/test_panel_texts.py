"""The texts of the panel: read by number, code and setting, and what happens to broken files."""

import gc
import os

from evse import reasons, settings
from evse.panel import texts
from evse.panel.texts import Texts

LAST = texts.T_HELP_EXIT
FOLDER = texts.__file__.rsplit("/", 1)[0] + "/texts."


def packed(language):
    with open(FOLDER + language, "rb") as file:
        return file.read()


class Broken:
    """A language "xx" whose file holds ``data``, for as long as the block runs."""

    def __init__(self, data):
        self.data = data

    def __enter__(self):
        with open(FOLDER + "xx", "wb") as file:
            file.write(self.data)
        return Texts("xx")

    def __exit__(self, *_):
        os.remove(FOLDER + "xx")


def test_texts_by_number():
    it = Texts("en")
    assert it.get(texts.T_E_EV_METER) == "CAN'T READ|EV METER|CHECK CFG|OR WIRING"
    assert it.get(texts.T_STOPS_IN) % "7:10" == "stops in 7:10"
    assert it.get(texts.T_IMPORT) % ("3.2", 2) == "import 3.2 A > 2 A"
    assert it.get(texts.T_NOT_CHARGING) == "Not while charging"
    assert it.get(LAST) == it.help("exit")


def test_the_menu_counts_on_from_the_first_hint():
    first = texts.T_C2_3P
    assert (texts.T_C2_1P, texts.T_C2_SOLAR, texts.T_C2_AUTO) == (first + 1, first + 2, first + 3)


def test_parts_of_texts():
    it = Texts("en")
    assert it.get(texts.T_DENIED, 0) == "ACCESS"
    assert it.get(texts.T_DENIED, 1) == "DENIED"
    assert it.get(texts.T_DENIED, 2) == ""
    assert it.get(texts.T_CARD_STATES, 0) == "Ready to read card"
    assert it.get(texts.T_CARD_STATES, 7) == "Invalid card"


def test_reasons_limits_and_no_events():
    it = Texts("en")
    assert it.reason(reasons.NO_CAR) == "no car connected"
    assert it.reason(reasons.LIMIT_SHARE) == "group's share"
    for none in (reasons.NONE, reasons.STARTED, reasons.SETTING, 255):
        assert it.reason(none) == "", none
    assert it.reason(40 - 1) == it.reason(-1) == ""


def test_help_of_settings():
    it = Texts("en")
    assert it.help("mode").startswith("Normal charges at MAX.")
    assert it.help("lcd_pin").startswith("PIN for")
    assert it.help("exit").startswith("Stores all")
    assert it.help("tz") == it.help("nothing") == ""


def test_values_in_words():
    it = Texts("nl")
    assert it.value("config", "Fixed") == "Vast"
    assert it.value("rcmon", "Enabled") == "Aan"
    assert it.value("mains_met", "Disabled") == it.value("lock", "Disabled") == "Uit"
    assert it.value("mains_met", "Sinotimer") == "Sinotimer"
    assert it.value("config", "Other") == "Other" and it.value("no", "Disabled") == "Uit"


def test_languages_differ_and_change():
    it = Texts("de")
    german = it.get(texts.T_CHARGING), it.reason(reasons.NO_SUN), it.help("max")
    it.use("nl")
    dutch = it.get(texts.T_CHARGING), it.reason(reasons.NO_SUN), it.help("max")
    it.use("en")
    for one, other in zip(german, dutch):
        assert one and other and one != other
    assert it.get(texts.T_CHARGING) == "CHARGING"
    assert "ü" in Texts("de").help("mode")


def test_the_whole_of_every_language_can_be_read():
    for language in ("en", "nl", "de"):
        it = Texts(language)
        whole = [it.get(number) for number in range(LAST + 1)]
        whole += [it.help(setting[settings.KEY]) for setting in settings.TABLE
                  if setting[settings.LCD]]
        assert "?" not in whole and "" not in whole


def test_a_missing_language_is_english():
    assert Texts("fr").get(texts.T_CHARGING) == "CHARGING"


def test_a_broken_file_is_english():
    data = packed("nl")
    for broken in (b"", b"T", b"T1", b"T1\x00\x00", b"T2" + data[2:], data[:-1], data + b"x",
                   data[:300], b"T1\xff\xff" + data[4:]):
        with Broken(broken) as it:
            assert it.get(texts.T_CHARGING) == "CHARGING", broken[:8]
    with Broken(data) as it:
        assert it.get(texts.T_CHARGING) == "LAADT"


def entry(number):
    """Where the index has the offset of a text of its own."""
    return 4 + 2 * (texts.TEXTS_AT + number)


def test_a_broken_text_is_a_question_mark():
    at = entry(texts.T_CHARGING)
    data = bytearray(packed("de"))
    begin = data[at] | data[at + 1] << 8
    for place, byte in ((begin, 0xFF), (at + 3, 0), (at + 3, 0xFF)):
        broken = bytearray(data)
        broken[place] = byte  # no UTF-8; an end before the beginning; one far behind the file's
        with Broken(broken) as it:
            assert it.get(texts.T_CHARGING) == it.get(texts.T_CHARGING, 1) == "?"
            assert it.get(texts.T_PAUSE) != "?"


def test_a_text_of_no_number_is_a_question_mark():
    assert Texts("en").get(LAST + 1) == "?"


def test_without_any_file_all_is_unknown():
    it = Texts("en")
    it.close()
    it.close()
    assert it.get(0) == it.get(0, 1) == it.reason(1) == it.help("mode") == "?"
    assert it.value("mode", "Smart") == "Smart"
    assert it.value("rcmon", "Enabled") == "?"


class Failing:
    """A file that opens well and cannot be read any more."""

    def __init__(self, path, _):
        with open(path, "rb") as file:
            self.data = file.read()
        self.at = 0

    def seek(self, at, whence=0):
        if texts.open is Failing:
            self.at = at + (len(self.data) if whence else 0)
            return self.at
        raise OSError(5)

    def readinto(self, buffer):
        buffer[:] = self.data[self.at:self.at + len(buffer)]
        self.at += len(buffer)
        return len(buffer)

    def close(self):
        pass


def test_a_file_that_fails_is_a_question_mark():
    texts.open = Failing
    try:
        it = Texts("en")
        texts.open = None
        assert it.get(texts.T_CHARGING) == it.reason(1) == it.help("mode") == "?"
        it.close()
    finally:
        del texts.open


def test_reading_keeps_nothing():
    it = Texts("en")
    it.get(texts.T_CHARGING)
    it.help("mode")
    gc.collect()
    before = gc.mem_alloc()
    for number in range(LAST):
        it.get(number)
        it.reason(number)
    it.help("max_temp")
    gc.collect()
    assert gc.mem_alloc() <= before


def test_a_text_costs_little_more_than_itself():
    it = Texts("en")
    for number, most in ((texts.T_CHARGING, 160), (texts.T_CARD_STATES, 320)):
        it.get(number)
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        it.get(number)
        cost = gc.mem_alloc() - before
        gc.enable()
        assert cost <= most, cost
