"""/api/v1: all settings told, changed together or not at all, saved and put back."""

import json

from evse import reasons
from evse.settings import KEY, TABLE
from helpers_core import NOON_S, Bench
from helpers_net import request


def bench(**settings):
    values = {"trust_lan": "Enabled", "mqtt_password": "s3cret", "lcd_pin": 1234}
    values.update(settings)
    one = Bench(values)
    one._status.network = None
    return one


def ask(one, method, path, document=None, body=None, kind="application/json"):
    if document is not None:
        body = json.dumps(document).encode()
    headers = {"Content-Type": kind} if body is not None else {}
    return request(method, "/api/v1/" + path, body or b"", headers, one.status, one.core.command)


def patch(one, **values):
    return ask(one, "PATCH", "settings", values)


def values_of(one):
    return {setting[KEY]: one.settings.get(setting[KEY]) for setting in TABLE}


# ---- reading ----

def test_each_setting_says_what_it_may_be():
    one = bench()
    document = ask(one, "GET", "settings").json
    assert sorted(document) == sorted(setting[KEY] for setting in TABLE)
    assert document["mains"] == {
        "kind": "int", "level": "install", "unit": "A", "label": "MAINS", "value": 25,
        "default": 25, "min": 10, "max": 200, "writable": True}
    assert document["wifi"] == {
        "kind": "enum", "level": "install", "unit": "", "label": "WIFI", "value": "Disabled",
        "default": "Disabled", "names": ["Disabled", "Enabled", "SetupWifi"], "writable": True}
    assert document["tz"]["longest"] == 63
    assert "Sensorbox" in document["mains_met"]["names"]
    assert "Sensorbox" not in document["ev_meter"]["names"]


def test_what_is_secret_is_not_told():
    one = bench()
    for path in ("settings", "settings?values", "backup"):
        text = ask(one, "GET", path).body
        assert b"s3cret" not in text and b"1234" not in text, path
    document = ask(one, "GET", "settings").json
    assert document["mqtt_password"]["set"] is True
    assert document["wifi_password"]["set"] is False
    assert document["lcd_pin"]["set"] is True
    assert "value" not in document["lcd_pin"] and "default" not in document["lcd_pin"]
    assert "lcd_pin" not in ask(one, "GET", "settings?values").json
    one.settings.set("lcd_pin", 0)
    assert ask(one, "GET", "settings").json["lcd_pin"]["set"] is False


def test_who_may_write_what():
    for settings, install, drive in (({}, True, True), ({"trust_lan": "Disabled"}, False, True),
                                     ({"trust_lan": "Disabled", "drive_locked": "Enabled"}, False,
                                      False)):
        document = ask(bench(**settings), "GET", "settings").json
        assert document["mains"]["writable"] is install, settings
        assert document["start"]["writable"] is drive, settings


def test_the_values_alone_may_be_sent_back():
    one = bench(mains_met="API", mode="Smart", min=8)
    values = ask(one, "GET", "settings?values").json
    assert values["min"] == 8 and values["mode"] == "Smart"
    for part in range(0, len(TABLE), 16):
        some = {setting[KEY]: values[setting[KEY]] for setting in TABLE[part:part + 16]
                if setting[KEY] in values}
        assert patch(one, **some).status == 200, some
    assert ask(one, "GET", "settings?values").json == values


# ---- changing ----

def test_several_settings_at_once():
    one = bench()
    answer = patch(one, max=32, min=16, mains_met="API", mode="Solar", start=7, wifi="enabled")
    assert (answer.status, answer.json) == (200, {"ok": True})
    for key, value in (("max", 32), ("min", 16), ("mains_met", "API"), ("mode", "Solar"),
                       ("start", 7), ("wifi", "Enabled")):
        assert one.settings.get(key) == value, key


def test_all_or_none():
    for values, fields in (
            ({"mains": 40, "max": 5}, ["max"]),
            ({"mains": 40, "nothing": 1, "wifi": "On", "min": None}, ["min", "nothing", "wifi"]),
            ({"mains": 40, "min": 14}, ["min"]),
            ({"mains": "40", "start": True, "wifi": 1}, ["mains", "start", "wifi"]),
            ({"mains": 40, "capacity": 5}, ["capacity"]),
            ({"mains": 40, "tz": "nowhere"}, ["tz"]),
            ({"mains": 40, "mode": "Smart"}, ["mode"])):
        one = bench()
        before = values_of(one)
        answer = patch(one, **values)
        assert answer.status == 422, values
        document = answer.json
        assert document["error"]
        found = sorted(row["field"] for row in document.get("errors", [document]))
        assert found == fields, (values, document)
        assert values_of(one) == before, values


def test_who_may_not_changes_nothing():
    one = bench(trust_lan="Disabled")
    before = values_of(one)
    answer = patch(one, start=9, mains=40)
    assert answer.status == 403
    assert answer.json["field"] == "mains"
    assert [row["field"] for row in answer.json["errors"]] == ["mains"]
    assert values_of(one) == before
    assert patch(one, start=9, solar_style="greedy").status == 200
    assert one.settings.get("start") == 9
    one.settings.set("drive_locked", "Enabled")
    assert patch(one, start=10).status == 403
    assert patch(one, mqtt_password="x").status == 403
    assert one.settings.get("mqtt_password") == "s3cret"


def test_passwords_are_stored_with_the_others_or_not_at_all():
    one = bench()
    assert patch(one, mqtt_password="secret too", mains=40, min=40).status == 422
    assert patch(one, mqtt_password="secret too", mains=40, mode="Smart").status == 422
    assert one.settings.get("mqtt_password") == "s3cret"
    assert patch(one, mqtt_password="secret too", mains=40).status == 200
    assert one.settings.get("mqtt_password") == "secret too"
    assert one.settings.get("mains") == 40


def test_the_mode_as_a_setting_switches_nothing_on():
    one = bench(mains_met="API")
    one.command("access", "Off")
    assert patch(one, mode="Smart").status == 200
    assert one.settings.get("mode") == "Smart"
    assert one.status.access == 0


def test_a_body_that_holds_no_settings():
    one = bench()
    for body, kind, status in ((b"[]", "application/json", 400), (b"{", "application/json", 400),
                               (b"{}", "text/plain", 415), (b"", "application/json", 400),
                               (b"{}", "application/json", 400)):
        assert ask(one, "PATCH", "settings", body=body, kind=kind).status == status, body


def test_what_would_still_be_refused_keeps_the_timer_and_the_override():
    one = bench(mains_met="API", config="Fixed")
    one.clock_s = NOON_S
    one.house = 10
    one.charge()
    one.command("override", 80)
    assert one.status.charging
    answer = patch(one, mode="Solar", rfid="DeleteAll")
    assert (answer.status, answer.json["field"]) == (422, "rfid")
    assert one.settings.get("mode") == "Normal"
    assert one.status.override_da == 80
    assert patch(one, rfid="Learn").status == 200


# ---- backup ----

def test_a_backup_puts_all_back():
    one = bench(mains_met="API", mode="Solar", min=16, max=32, tz="UTC0", mains_host="p1.local",
                wifi_ssid='a "b" \\" {c}, [d]: é\\', capacity=40)
    one.command("intervals", [[0, 6000], [420, 2500]])
    one.command("order", [3, 0])
    answer = ask(one, "GET", "backup")
    assert answer.headers["content-disposition"] == 'attachment; filename="microevse-1.json"'
    assert answer.json["settings"]["min"] == 16
    other = bench(max=10, mqtt_password="other")
    answer = ask(other, "POST", "restore", body=answer.body)
    assert (answer.status, answer.json) == (200, {"ok": True})
    before = values_of(one)
    after = values_of(other)
    assert after.pop("mqtt_password") == "other"
    before.pop("mqtt_password")
    assert after == before
    assert other.status.intervals() == ((0, 6000), (420, 2500))
    assert other.status.order() == (3, 0)


def test_a_backup_that_does_not_fit_changes_nothing():
    one = bench()
    one.command("intervals", [[0, 100]])
    one.command("order", [2])
    before = values_of(one)
    for document, status in (
            ({"settings": {"mains": 40, "max": 500}}, 422),
            ({"settings": {"mains": 40, "colour": 1}}, 422),
            ({"settings": {"mains": 40, "mode": "Smart"}, "intervals": [[0, 1]]}, 422),
            ({"settings": {"mains": 40}, "intervals": [[5, 1], [4, 1]]}, 422),
            ({"settings": {"mains": 40}, "intervals": [[0, 1]], "order": [9]}, 422),
            ({"settings": {"mains": 40, "mode": "Smart"}, "order": [1]}, 422),
            ({"settings": {"mains": 40}, "cards": []}, 400),
            ({"settings": []}, 400), ({"settings": {}}, 400), ({}, 400)):
        answer = ask(one, "POST", "restore", document)
        assert answer.status == status, (document, answer.json)
        assert answer.json["error"]
        assert values_of(one) == before, document
        assert one.status.intervals() == ((0, 100),), document
        assert one.status.order() == (2,), document


def test_what_is_no_backup():
    one = bench()
    before = values_of(one)
    whole = b'{"settings":{"mains":40}}'
    for body in [b"", b"[]", b"null", b"7", whole + b"x", whole + whole, b"x" + whole,
                 b'{"settings":{"mains":40,,"min":6}}', b'{,"settings":{"mains":40}}',
                 b'{"settings":{"mains"}}', b'{"settings":{"mains":40]}',
                 b'{"settings":{"a":"\xff"}}',
                 b'{"settings":{"mains":40}"min":6}', b'{"x":"' + b"a" * 600 + b'"}',
                 b'{"settings":{"mains":40},"settings"}'] + [
                     whole[:end] for end in range(1, len(whole))]:
        answer = ask(one, "POST", "restore", body=body)
        assert answer.status == 400, (body[:60], answer.body)
        assert values_of(one) == before, body[:60]
    assert ask(one, "POST", "restore", body=whole, kind="text/plain").status == 415
    assert ask(one, "POST", "restore", body=b" " * 4097).status == 413


def test_a_backup_that_somebody_has_formatted():
    for text in (('{\r\n  "settings" : {\n\t"mains" : 40 ,\n "wifi_ssid" : "a\\"b,}{" } ,\n'
                  ' "microevse" : 1 , "version" : "v9" }\n\n'),
                 '{"intervals":[[0,1]],"settings":{"mains":40,"wifi_ssid":"a\\"b,}{"}}'):
        one = bench()
        assert ask(one, "POST", "restore", body=text.encode()).status == 200, text
        assert one.settings.get("mains") == 40
        assert one.settings.get("wifi_ssid") == 'a"b,}{'


def test_a_restore_is_journalled_like_any_change():
    one = bench()
    ask(one, "POST", "restore", {"settings": {"mains": 40}})
    assert reasons.text(reasons.SETTING) in [event[2] for event in one.status.events()]
