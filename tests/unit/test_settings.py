"""Settings: validation, storage, and what a damaged file leaves standing."""

import json
import os

from evse import reasons, schema
from evse.journal import Journal
from evse.settings import DEFAULT, KEY, KIND, TABLE, Refused, Settings, check

TODAY = len(schema.STEPS) + 1
PATH = "/tmp/microevse_settings_test.json"


def _fresh():
    for name in (PATH, PATH + ".old", PATH + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass
    return Journal()


def _refused(call, *args):
    try:
        call(*args)
    except Refused as refusal:
        return refusal
    raise AssertionError("not refused: %r" % (args,))


def _codes(journal):
    return [code for _, _, code, _, _ in journal.events()]


def test_every_default_is_allowed_by_its_own_entry():
    for setting in TABLE:
        assert check(setting, setting[DEFAULT]) == setting[DEFAULT], setting[KEY]


def test_keys_are_declared_once():
    keys = [setting[KEY] for setting in TABLE]
    assert len(keys) == len(set(keys))


def test_values_outside_the_range_are_refused_and_change_nothing():
    settings = Settings(Journal().record)
    for value in (5, 81, "12.5", None, True, 13.0, []):
        refusal = _refused(settings.set, "max", value)
        assert refusal.field == "max"
        assert settings.get("max") == 13
    assert not settings.changed


def test_enum_names_ignore_case_and_are_stored_in_their_own_spelling():
    settings = Settings(Journal().record)
    settings.set("mode", "sMART")
    assert settings.get("mode") == "Smart"
    assert "Normal" in _refused(settings.set, "mode", "Turbo").allowed


def test_the_mqtt_prefix_is_a_topic():
    settings = Settings(Journal().record)
    for value in ("", "SmartEVSE/4711", "at home", "a" * 63):
        settings.set("mqtt_prefix", value)
        assert settings.get("mqtt_prefix") == value
    for value in ("home/#", "+", "/home", "home/", "a\0b", "h\xf6me", "a\x7f", "a" * 64):
        assert _refused(settings.set, "mqtt_prefix", value).field == "mqtt_prefix", value


def test_min_stays_below_max():
    settings = Settings(Journal().record)
    _refused(settings.set, "min", 14)
    settings.set("max", 16)
    settings.set("min", 14)
    _refused(settings.set, "max", 13)
    assert (settings.get("min"), settings.get("max")) == (14, 16)


def test_stored_values_come_back():
    journal = _fresh()
    settings = Settings(journal.record, PATH)
    settings.set("mains", 35)
    settings.remember("access", 0)
    settings.save()
    again = Settings(journal.record, PATH)
    assert again.get("mains") == 35
    assert again.states["access"] == 0


def test_saving_without_a_change_writes_nothing():
    settings = Settings(_fresh().record, PATH)
    settings.save()
    settings.set("mains", 25)
    settings.save()
    assert PATH.rsplit("/", 1)[1] not in os.listdir("/tmp")


def test_bad_entries_are_dropped_one_by_one_and_journalled():
    journal = _fresh()
    with open(PATH, "w") as file:
        json.dump({"version": 1, "access": 7,
                   "settings": {"mains": 35, "max": 999, "nonsense": 1, "min": "x"}}, file)
    settings = Settings(journal.record, PATH)
    assert settings.get("mains") == 35
    assert settings.get("max") == 13
    assert settings.states["access"] == 1
    assert _codes(journal).count(reasons.SETTING_DROPPED) == 3


def test_a_torn_file_falls_back_to_the_generation_before():
    journal = _fresh()
    settings = Settings(journal.record, PATH)
    settings.set("mains", 30)
    settings.save()
    settings.set("mains", 40)
    settings.save()
    with open(PATH, "w") as file:
        file.write('{"version": 1, "settings": {"mai')
    again = Settings(journal.record, PATH)
    assert again.get("mains") == 30
    assert reasons.STORAGE in _codes(journal)


def test_power_cut_between_the_two_renames_loses_nothing():
    settings = Settings(_fresh().record, PATH)
    settings.set("mains", 30)
    settings.save()
    os.rename(PATH, PATH + ".old")
    assert Settings(Journal().record, PATH).get("mains") == 30


def test_settings_that_contain_each_other_load_in_any_order():
    settings = Settings(Journal().record)
    settings.load({"settings": {"min": 16, "max": 32}})
    assert (settings.get("min"), settings.get("max")) == (16, 32)


def test_the_password_is_kept_and_forgotten_with_all_the_rest():
    settings = Settings(_fresh().record, PATH)
    settings.remember("auth", "1000$" + "x" * 95)
    settings.save()
    again = Settings(Journal().record, PATH)
    assert again.states["auth"] == "1000$" + "x" * 95
    again.erase()
    assert again.states["auth"] == ""
    for wrong in (None, 5, [], "x" * 101):
        again.load({"auth": wrong})
        assert again.states["auth"] == "", wrong


def test_the_order_of_the_chargers_is_kept_and_nonsense_is_none():
    settings = Settings(_fresh().record, PATH)
    settings.remember("order", (3, 0))
    settings.save()
    again = Settings(Journal().record, PATH)
    assert again.states["order"] == (3, 0)
    for wrong in (None, 5, "30", [8], [1, 1], [-1], [True], [[0]], {"0": 1}):
        again.load({"order": wrong})
        assert again.states["order"] == (3, 0), wrong
    again.load({"order": []})
    assert again.states["order"] == ()


def test_a_cut_between_the_renames_keeps_the_newest_generation():
    settings = Settings(_fresh().record, PATH)
    settings.set("mains", 30)
    settings.save()
    settings.remember("access", 0)
    settings.save()
    os.rename(PATH, PATH + ".new")
    again = Settings(Journal().record, PATH)
    assert (again.get("mains"), again.states["access"]) == (30, 0)


def test_a_bit_that_flips_in_the_file_brings_back_the_generation_before():
    settings = Settings(_fresh().record, PATH)
    for mains in (30, 31):
        settings.set("mains", mains)
        settings.set("wifi_ssid", "home")
        settings.remember("timer", ("Normal", 1, 2, 0))
        settings.remember("intervals", ((0, 2500), (420, 4000)))
        settings.save()
    with open(PATH, "rb") as file:
        written = file.read()
    assert Settings(Journal().record, PATH).get("mains") == 31
    for at, bit in ((written.index(b"31") + 1, 1), (written.index(b"home"), 2),
                    (written.index(b"2500"), 4), (written.index(b"mains"), 8),
                    (written.index(b"settings"), 2)):
        with open(PATH, "wb") as file:
            file.write(written[:at] + bytes((written[at] ^ bit,)) + written[at + 1:])
        journal = Journal()
        again = Settings(journal.record, PATH)
        assert (again.get("mains"), again.get("wifi_ssid")) == (30, "home"), written[at:at + 4]
        assert again.states["intervals"] == ((0, 2500), (420, 4000))
        assert [event[2] for event in journal.events()] == [reasons.STORAGE]


def test_a_file_that_is_none_of_ours_brings_back_the_generation_before():
    settings = Settings(_fresh().record, PATH)
    settings.set("mains", 30)
    settings.save()
    os.rename(PATH, PATH + ".old")
    deep = '{"settings":' * 3000 + "1" + "}" * 3000
    for text, times in (('{"settings": 5, "sum": 1}', 1), ("[1]", 1), ("5", 1), ("null", 1),
                        ("x" * 9000, 1), ("[" * 5000, 1), (deep, 1), ("[7," * 3000, 200)):
        with open(PATH, "w") as file:
            for _ in range(times):
                file.write(text)
        journal = Journal()
        assert Settings(journal.record, PATH).get("mains") == 30, text[:20]
        assert [event[2] for event in journal.events()] == [reasons.STORAGE], text[:20]
    with open(PATH, "w") as file:
        file.write('{"settings": {"mains": 33}}')  # as people write it
    assert Settings(Journal().record, PATH).get("mains") == 33
    _fresh()


def test_a_save_that_fails_is_tried_again():
    settings = Settings(_fresh().record, "/tmp/no such folder/settings.json")
    settings.set("mains", 30)
    try:
        settings.save()
        raise AssertionError("saved to nowhere")
    except OSError:
        assert settings.changed


def test_numbers_may_be_stored_as_text():
    settings = Settings(Journal().record)
    settings.load({"settings": {"mains": "35", "wifi_password": "12345678"}})
    assert settings.get("mains") == 35
    assert settings.get("wifi_password") == "12345678"


def test_wifi_stays_on_for_those_who_had_it_before_there_was_a_switch():
    for stored, expected in (({"wifi_ssid": "home"}, "Enabled"), ({}, "Disabled"),
                             ({"wifi_ssid": ""}, "Disabled"),
                             ({"wifi_ssid": "home", "wifi": "Disabled"}, "Disabled"),
                             ({"wifi_ssid": "home", "wifi": "SetupWifi"}, "SetupWifi")):
        journal = _fresh()
        with open(PATH, "w") as file:
            json.dump({"version": 1, "settings": stored}, file)
        settings = Settings(journal.record, PATH)
        assert settings.get("wifi") == expected, stored
        for choice in ("Enabled", "Disabled"):
            settings.set("wifi", choice)
            settings.save()
            settings = Settings(journal.record, PATH)
            assert settings.get("wifi") == choice, stored


def stored_as(document):
    """Settings out of a file that holds ``document``, and the journal."""
    journal = _fresh()
    with open(PATH, "w") as file:
        json.dump(document, file)
    return Settings(journal.record, PATH), journal


def test_a_file_of_before_is_brought_up_to_date_step_by_step():
    ran = []
    steps = schema.STEPS
    schema.STEPS = (lambda document: ran.append(1), lambda document: ran.append(2),
                    lambda document: document.update({"settings": {"mains": 16 + len(ran)}}))
    try:
        for version, expected in ((1, [1, 2]), (3, []), (0, [1, 2]), (-5, [1, 2]), ("x", [1, 2]),
                                  (None, [1, 2]), (True, [1, 2]), (4, []), (99, [])):
            ran.clear()
            document = {"version": version}
            schema.migrate(document)
            assert ran == expected, version
            assert ("settings" in document) == (version not in (4, 99)), version
    finally:
        schema.STEPS = steps
    for settings in (None, 7, [], {}, {"wifi_ssid": []}, {"wifi_ssid": 7}):
        assert stored_as({"version": 1, "settings": settings})[0].get("mains") == 25
        assert stored_as({"settings": settings})[0].get("mains") == 25


def test_what_is_saved_is_of_today_and_needs_no_step():
    settings, _ = stored_as({"version": 1, "settings": {"wifi_ssid": "home"}})
    settings.set("mains", 30)
    settings.save()
    with open(PATH) as file:
        document = json.load(file)
    assert document["version"] == TODAY
    assert document["settings"] == {"wifi_ssid": "home", "wifi": "Enabled", "mains": 30}


def test_a_file_of_a_later_firmware_gives_what_is_known_and_the_rest_is_journalled():
    """Back to the version before: its next save is in its own words."""
    settings, journal = stored_as({
        "version": TODAY + 1, "access": 0, "moon": "full",
        "settings": {"mains": 30, "wifi_ssid": "home", "mode": "Lunar", "tide": 7}})
    assert (settings.get("mains"), settings.get("wifi_ssid")) == (30, "home")
    assert (settings.get("mode"), settings.get("wifi")) == ("Normal", "Disabled")
    assert settings.states["access"] == 0
    assert _codes(journal) == [reasons.SETTING_DROPPED] * 2
    settings.set("mains", 31)
    settings.save()
    with open(PATH) as file:
        document = json.load(file)
    assert document["version"] == TODAY and "moon" not in document
    assert document["settings"] == {"mains": 31, "wifi_ssid": "home", "wifi": "Disabled"}


def test_wifi_that_is_off_stays_off_in_an_older_firmware():
    settings, _ = stored_as({"version": TODAY})
    settings.set("wifi_ssid", "home")
    settings.save()
    with open(PATH) as file:
        document = json.load(file)
    before, _ = stored_as({"version": 1, "settings": document["settings"]})  # as it reads it
    assert (before.get("wifi_ssid"), before.get("wifi")) == ("home", "Disabled")


def test_a_network_that_is_told_later_switches_nothing_on():
    settings = Settings(_fresh().record, PATH)
    settings.load({"settings": {"wifi_ssid": "home"}})  # as the log and the twin bring them
    assert settings.get("wifi") == "Disabled"


def test_secrets_are_known_by_their_names():
    for setting in TABLE:
        assert (setting[KIND] == "secret") == setting[KEY].endswith("_password"), setting[KEY]


def test_what_nobody_has_set_is_as_the_factory_left_it():
    one = Settings(Journal().record)
    assert one.untouched()
    one.remember("portal", "abcdefgh")
    assert one.untouched()
    one.set("max", 16)
    assert not one.untouched()
    one.set("max", 13)
    assert one.untouched()
    one.set("wifi_ssid", "home")
    assert one.untouched(("wifi_ssid",)) and not one.untouched()
    one.set("max", 16)
    assert not one.untouched(("wifi_ssid",))
