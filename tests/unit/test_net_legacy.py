"""The REST interface of the older firmwares: keys, types, manners."""

import time

from helpers_net import FakeCommand, FakeStatus, get, post, request

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REFUSED = "Value not allowed!"


def settings(query="", body=b"", headers=None, command=None):
    return request("POST", "/settings" + query, body, headers, command=command)


def test_values_stand_in_their_legacy_place():
    document = get("/settings").json
    assert document["version"] == "v4.0.0"
    assert document["serialnr"] == 4711
    assert document["mode"] == "SMART"
    assert document["mode_id"] == 3
    assert document["car_connected"] is True
    evse = document["evse"]
    assert (evse["temp"], evse["temp_max"], evse["pwm"]) == (31, 65, 233)
    assert (evse["state"], evse["state_id"]) == ("Charging", 2)
    assert (evse["error"], evse["error_id"]) == ("None", 0)
    assert (evse["access"], evse["mode"], evse["loadbl"]) == (1, 1, 0)
    assert evse["connected"] is True
    values = document["settings"]
    assert (values["charge_current"], values["override_current"]) == (137, 0)
    assert (values["current_min"], values["current_max"], values["current_main"]) == (6, 16, 25)
    assert values["mains_meter"] == "Eastron3P"
    assert document["mains_meter"] == {"import_active_energy": 1234567}
    phases = document["phase_currents"]
    assert (phases["L1"], phases["L2"], phases["L3"], phases["TOTAL"]) == (55, -12, 250, 293)
    assert phases["original_data"] == {"L1": 55, "L2": -12, "L3": 250, "TOTAL": 293}


def test_whole_numbers_stay_whole():
    text = get("/settings").body
    assert b"." not in text.replace(b"v4.0.0", b"")


def test_what_does_not_exist_reports_off():
    document = get("/settings").json
    assert document["ev_meter"]["description"] == "Disabled"
    assert document["settings"]["enable_C2"] == "Not present"
    assert document["mqtt"]["status"] == "Disconnected"
    assert document["ocpp"]["mode"] == "Disabled"
    assert document["evse"]["rfid"] == "Not Installed"
    assert document["backlight"]["status"] == "N/A"


def test_sample_time_is_unix_time():
    document = get("/settings").json
    now = time.time()
    assert abs(now - 1.5 - document["phase_currents"]["last_data_update"]) < 5


def test_no_sample_has_time_zero():
    status = FakeStatus()
    status.mains_age_ms = -1
    assert get("/settings", status=status).json["phase_currents"]["last_data_update"] == 0


def test_unknown_energy_is_left_out():
    status = FakeStatus()
    status.mains_wh = -1
    assert "mains_meter" not in get("/settings", status=status).json


def test_any_origin_may_read_the_document():
    assert get("/settings").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in get("/api/v1/status").headers


def test_mode_numbers():
    for number, name in enumerate(("Off", "Normal", "Solar", "Smart", "Pause")):
        core = FakeCommand()
        answer = settings("?mode=%d" % number, command=core)
        assert answer.status == 200
        assert answer.json == {"mode": str(number)}
        assert core.calls == [("mode", name, "REST")]


def test_parameters_in_query_form_and_json_body():
    for query, body, headers in (
        ("?mode=1&override_current=60", b"", None),
        ("", b"mode=1&override_current=60", FORM),
        ("", b'{"mode": 1, "override_current": 60}', {"Content-Type": "application/json"}),
        ("?mode=1", b'{"override_current": "60"}', {"Content-Type": "application/json"}),
        ("?mode=1", b"override_current=60&mode=3", FORM),
    ):
        core = FakeCommand()
        answer = settings(query, body, headers, command=core)
        assert answer.json == {"mode": "1", "override_current": 60}, (query, body)
        assert core.calls == [("mode", "Normal", "REST"), ("override", 60, "REST")]


def test_numbers_as_clients_write_them():
    for text, da in (("80.0", 80), ("80.00000000000001", 80), ("125.000000", 125), ("80%20", 80),
                     ("+80", 80), ("0", 0)):
        core = FakeCommand()
        assert settings("?override_current=" + text, command=core).json == {"override_current": da}
        assert core.calls == [("override", da, "REST")], text


def test_values_that_are_no_numbers_are_refused():
    for text in ("abc", "", "nan", "inf", "1e999", "0x10", "16A"):
        core = FakeCommand()
        answer = settings("?mode=%s&override_current=%s&current_min=%s" % (text, text, text),
                          command=core)
        assert answer.status == 200
        assert answer.json == {"mode": REFUSED, "override_current": REFUSED,
                               "current_min": REFUSED}, text
        assert core.calls == []


def test_modes_out_of_range_are_refused():
    for number in ("5", "-1", "99"):
        core = FakeCommand()
        assert settings("?mode=" + number, command=core).json == {"mode": REFUSED}
        assert core.calls == []


def test_what_the_core_refuses_is_named():
    core = FakeCommand(("mode", "set"))
    answer = settings("?mode=3&current_min=6&override_current=60", command=core)
    assert answer.status == 200
    assert answer.json == {"mode": REFUSED, "current_min": REFUSED, "override_current": 60}
    assert core.calls == [("override", 60, "REST")]


def test_override_ends_before_the_mode_and_begins_after():
    core = FakeCommand()
    answer = settings("?override_current=100&mode=3&disable_override_current=1", command=core)
    assert answer.json == {"disable_override_current": "OK", "mode": "3", "override_current": 100}
    assert [call[0] for call in core.calls] == ["override", "mode", "override"]


def test_minimum_current():
    core = FakeCommand()
    assert settings("?current_min=8", command=core).json == {"current_min": 8}
    assert core.calls == [("set", ("min", 8), "REST")]


def test_a_start_in_the_past_does_not_hold_the_mode():
    core = FakeCommand()
    answer = settings("?mode=3&starttime=2025-05-15T00:27&stoptime=2025-05-15T00:27&repeat=0",
                      command=core)
    assert answer.json == {"mode": "3", "starttime": 0}
    assert core.calls == [("mode", "Smart", "REST")]


def test_a_start_to_come_does_not_charge_now():
    for start in ("2099-01-01T00:00", "soon", "%04d-%02d-%02dT00:00" % time.gmtime()[:3]):
        core = FakeCommand()
        answer = settings("?mode=3&starttime=" + start, command=core)
        assert answer.json == {"mode": REFUSED, "starttime": 0}, start
        assert core.calls == []


def test_off_and_pause_ignore_a_start_to_come():
    core = FakeCommand()
    settings("?mode=0&starttime=2099-01-01T00:00", command=core)
    settings("?mode=4&starttime=2099-01-01T00:00", command=core)
    assert [call[1] for call in core.calls] == ["Off", "Pause"]


def test_things_to_come_are_refused_by_name():
    answer = settings("?enable_C2=1&stop_timer=8&solar_max_import=8.0&solar_start_current=4")
    assert answer.status == 200
    assert answer.json == {"enable_C2": REFUSED, "stop_timer": REFUSED,
                           "solar_max_import": REFUSED, "solar_start_current": REFUSED}


def test_unknown_parameters_are_ignored():
    for query in ("", "?reset_rfid_totals=1", "?nonsense", "?=", "?&&"):
        core = FakeCommand()
        answer = settings(query, command=core)
        assert answer.status == 200
        assert answer.json == {}
        assert core.calls == []


def test_bodies_of_other_types_are_ignored():
    core = FakeCommand()
    answer = settings("?mode=1", b"mode=3", {"Content-Type": "text/plain"}, core)
    assert answer.json == {"mode": "1"}
    assert settings("?mode=1", b"{}", {"Content-Type": "application/json"}, core).status == 200
    assert [call[1] for call in core.calls] == ["Normal", "Normal"]


def test_unreadable_bodies_change_nothing_and_say_so():
    for body, headers in ((b"{", {"Content-Type": "application/json"}),
                          (b"[1]", {"Content-Type": "application/json"}),
                          (b"7", {"Content-Type": "application/json"}),
                          (b"mode=%zz", FORM), (b"mode=%ff", FORM)):
        core = FakeCommand()
        answer = settings("?mode=1", body, headers, core)
        assert answer.status == 200, body
        assert "error" in answer.json
        assert core.calls == []


def test_json_values_of_odd_types_are_refused():
    for value in (None, [], {}, "x" * 300):
        core = FakeCommand()
        answer = post("/settings", {"override_current": value}, command=core)
        assert answer.status == 200
        assert answer.json in ({}, {"override_current": REFUSED})
        assert core.calls == []


def test_currents_feed_the_meter():
    core = FakeCommand()
    answer = request("POST", "/currents?L1=125.000000&L2=-10.5%20&L3=12.0", command=core)
    assert answer.status == 200
    assert answer.json == {"original": {"L1": 125, "L2": -10, "L3": 12}, "L1": 125, "L2": -10,
                           "L3": 12, "TOTAL": 127}
    assert core.calls == [("reading", ("mains", 125, -10, 12), "REST")]


def test_incomplete_currents_are_not_used():
    for query, reply in (("", {}), ("?L1=1&L2=2", {}), ("?L1=1&L2=x&L3=3", {"L2": REFUSED}),
                         ("?battery_current=71", {"battery_current": REFUSED})):
        core = FakeCommand()
        assert request("POST", "/currents" + query, command=core).json == reply, query
        assert core.calls == []


def test_currents_the_core_refuses_are_named():
    answer = request("POST", "/currents?L1=1&L2=2&L3=3", command=FakeCommand(("reading",)))
    assert answer.status == 200
    assert answer.json == {"L1": REFUSED, "L2": REFUSED, "L3": REFUSED}
