"""/api/v1: the status document and the one command at a time."""

from helpers_net import FakeCommand, FakeStatus, get, post, request


def command(document, **options):
    return post("/api/v1/command", document, **options)


def test_status_says_all_the_page_needs():
    document = get("/api/v1/status").json
    assert document["version"] == "v4.0.0"
    assert document["board"] == "sim"
    assert document["serial"] == 4711
    assert document["uptime_s"] == 3661
    assert document["state"] == {"id": 2, "name": "Charging"}
    assert document["mode"] == "Smart"
    assert document["access"] == 1
    assert document["car_connected"] is True
    assert document["charging"] is True
    assert document["error"] == {"id": 0, "text": "None"}
    assert document["fault"] == "Pilot Fault"
    assert document["reason"] == {"code": 16, "text": "charging"}
    assert document["limit"] == {"code": 42, "text": "mains"}
    assert (document["grant_da"], document["offered_da"], document["override_da"]) == (137, 136, 0)
    assert (document["min_da"], document["max_da"]) == (60, 160)
    assert document["mains"] == {"meter": "Eastron3P", "limit_da": 250, "da": [55, -12, 250],
                                 "age_ms": 1500, "fresh": True}
    assert (document["temp_c"], document["pwm1024"]) == (31, 233)
    assert document["heap"] == {"free": 60000}
    assert document["cycle"] == {"count": 1000, "late": 3, "worst_ms": 24}
    assert [row["name"] for row in document["bus"]] == ["mains", "ev"]


def test_status_without_bus_and_cycle_is_still_json():
    status = FakeStatus()
    status.bus_rows = lambda: iter(())
    status.cycle_summary = lambda: None
    document = get("/api/v1/status", status=status).json
    assert document["bus"] == []
    assert document["cycle"] is None


def test_text_is_quoted():
    status = FakeStatus()
    status.state_name = 'a "b" \\ \n' + chr(233)
    assert get("/api/v1/status", status=status).json["state"]["name"] == status.state_name


def test_smart_is_offered_with_a_meter_only():
    status = FakeStatus()
    modes = get("/api/v1/status", status=status).json["modes"]
    assert modes == ["Off", "Normal", "Smart", "Pause"]
    status.values["mains_met"] = "Disabled"
    assert get("/api/v1/status", status=status).json["modes"] == ["Off", "Normal", "Pause"]


def test_commands_reach_the_core():
    for name, value, passed in (
        ("mode", "Off", "Off"),
        ("override", 100, 100),
        ("set", ["min", 7], ("min", 7)),
        ("fault", "reset", "reset"),
    ):
        core = FakeCommand()
        answer = command({"name": name, "value": value}, command=core)
        assert answer.status == 200, name
        assert answer.json == {"ok": True}
        assert core.calls == [(name, passed, "REST")]


def test_a_refusal_says_what_is_allowed():
    answer = command({"name": "mode", "value": "Solar"}, command=FakeCommand(("mode",)))
    assert answer.status == 422
    assert answer.json == {"error": "no mode today", "field": "mode", "allowed": ["never"]}


def test_malformed_commands_are_refused():
    for document in ([], "mode", 7, {}, {"name": "mode"}, {"value": 1}, {"name": "reading",
                     "value": 1}, {"name": [], "value": 1}, {"name": "set", "value": "min"},
                     {"name": "set", "value": ["min"]}, {"name": "set", "value": [1, 2]},
                     {"name": "__init__", "value": 1}):
        core = FakeCommand()
        answer = command(document, command=core)
        assert answer.status == 400, document
        assert "error" in answer.json
        assert core.calls == []


def test_a_body_that_is_not_json_is_refused():
    for body, kind, status in (
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 1000, "application/json", 400),
        (b"name=mode&value=Off", "application/x-www-form-urlencoded", 415),
        (b'{"name":"mode","value":"Off"}', "text/plain", 415),
    ):
        core = FakeCommand()
        answer = request("POST", "/api/v1/command", body, {"Content-Type": kind}, command=core)
        assert answer.status == status, body[:20]
        assert core.calls == []


def test_a_charset_beside_the_type_is_accepted():
    answer = command({"name": "mode", "value": "Off"},
                     headers={"Content-Type": "application/json; charset=utf-8"})
    assert answer.status == 200


def test_the_journal_is_an_array_of_events():
    answer = get("/api/v1/journal")
    assert answer.status == 200
    assert answer.json == [
        {"number": 7, "uptime_s": 3600, "text": "mode changed", "a": 3, "b": 0},
        {"number": 8, "uptime_s": 3661, "text": 'a "quoted" word', "a": -1, "b": 2},
    ]
