"""/api/v1: the status document and the one command at a time."""

from helpers_net import (
    CLOCK_S,
    FakeCommand,
    FakePanel,
    FakeStatus,
    FakeStream,
    get,
    post,
    request,
    serve,
)


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
    assert document["reason"] == {"code": 16, "text": "charging", "since_s": 3000,
                                  "until_s": 0}
    assert document["limit"] == {"code": 42, "text": "mains"}
    assert (document["grant_da"], document["offered_da"], document["override_da"]) == (137, 136, 0)
    assert (document["min_da"], document["max_da"]) == (60, 160)
    assert document["mains"] == {"meter": "Eastron3P", "limit_da": 250, "da": [55, -12, 250],
                                 "age_ms": 1500, "fresh": True, "w": 6739, "wh": 1234567,
                                 "out_wh": 7654, "solar_da": [20, -45, 217]}
    assert (document["session"]["w"], document["session"]["solar_w"]) == (9123, 2384)
    assert (document["temp_c"], document["pwm1024"]) == (31, 233)
    assert document["heap"] == {"free": 60000, "low": 41000}
    assert (document["reset_cause"], document["light_s"]) == ("power", 97)
    assert document["starts"] == {"count": 4, "restarts": 3, "last": [
        {"cause": "watchdog", "ran_s": 3600}, {"cause": "soft", "ran_s": 90061},
        {"cause": "watchdog", "ran_s": 59}, {"cause": "power", "ran_s": -1}]}
    assert "ev_state" not in document
    assert document["display"] is False
    status = FakeStatus()
    status.display = FakePanel()
    assert get("/api/v1/status", status=status).json["display"] is True
    assert document["cycle"] == {"count": 1000, "late": 3, "worst_ms": 24}
    assert [row["name"] for row in document["bus"]] == ["mains", "ev"]
    assert document["doctor"] == {"kind": "bus", "state": "running", "percent": 37}


def test_status_tells_what_the_car_said_through_a_modem():
    status = FakeStatus()
    status.car = {"evccid": "AABBCC", "full_soc": 80}
    assert get("/api/v1/status", status=status).json["ev_state"] == status.car


def test_status_without_bus_and_cycle_is_still_json():
    status = FakeStatus()
    status.bus_rows = lambda: iter(())
    status.cycle_summary = lambda: None
    status.crumb = None
    status.tasks = tuple
    document = get("/api/v1/status", status=status).json
    assert document["starts"] == {"count": 0, "restarts": 0, "last": []}
    assert document["bus"] == []
    assert document["cycle"] is None


def test_status_says_what_the_current_follows():
    document = get("/api/v1/status").json
    assert document["solar"] == {"style": "greedy", "start": 5, "stop": 11, "import": 2,
                                 "left_s": 540, "free_da": 21, "needs_da": 40}
    assert document["battery"] == {"da": 101, "age_ms": 4200, "expired": False, "reserve": 7,
                                   "protect": True}
    assert document["capacity"] == {
        "mode": "Flanders", "amps": 40, "stop": 3, "limit_da": 330, "used_wh": 400,
        "budget_wh": 625, "left_s": 123, "peak_w": 2750, "stops_s": 0,
        "intervals": [[0, 6000], [420, 2500]]}
    assert document["circuit"] == {"meter": "Chint 3P", "limit_da": 200, "da": [160, 161, 162],
                                   "age_ms": 900}
    assert document["phases"] == {"wish": 1, "in_force": 3, "used": []}
    assert document["relay_open"] is False
    assert document["share"] == "Master"
    assert document["colours"] == ["#010203", "#00ff00", "#00fe01", "#ffaa00", "#0000ff"]
    assert document["order"] == [3, 0]
    assert document["evses"] == [
        {"number": 0, "mode": "Smart", "wants": True, "charging": True, "grant_da": 137,
         "reason": "charging", "limit": "mains", "lost": False},
        {"number": 3, "mode": "Solar", "wants": True, "charging": False, "grant_da": 0,
         "reason": "waits for more sun", "limit": "", "lost": True}]


def test_limits_that_are_not_in_force():
    status = FakeStatus()
    status.capacity = lambda: (None, 0, 0, 0, 0)
    status.intervals = tuple
    status.circuit_limit_da = status.mains_w = None
    status.solar_free_da = status.solar_needs_da = None
    status.phases_used = 5
    status.battery_expired = True
    document = get("/api/v1/status", status=status).json
    assert document["capacity"]["limit_da"] is None
    assert document["capacity"]["intervals"] == []
    assert document["circuit"]["limit_da"] is None
    assert document["mains"]["w"] is None
    assert document["solar"]["free_da"] is document["solar"]["needs_da"] is None
    assert document["phases"]["used"] == [1, 3]
    assert document["battery"]["expired"] is True


def test_text_is_quoted():
    status = FakeStatus()
    status.state_name = 'a "b" \\ \n' + chr(233)
    assert get("/api/v1/status", status=status).json["state"]["name"] == status.state_name


def test_smart_is_offered_with_a_meter_only():
    status = FakeStatus()
    modes = get("/api/v1/status", status=status).json["modes"]
    assert modes == ["Off", "Normal", "Smart", "Solar", "Pause"]
    status.values["mains_met"] = "Disabled"
    assert get("/api/v1/status", status=status).json["modes"] == ["Off", "Normal", "Pause"]
    # A node's master has the meter.
    status.values["pwr_share"] = "Node 3"
    assert get("/api/v1/status", status=status).json["modes"] == modes


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
                     "value": 1}, {"name": "intervals", "value": {}}, {"name": [], "value": 1},
                     {"name": "set", "value": "min"},
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


class Box:
    version = 20
    software = 2
    p1 = True
    wiring = 2
    wifi_mode = 1
    wifi_connected = True
    portal = False
    ip = "192.168.1.77"
    portal_password = "s3cret12"


def test_the_sensorbox_where_there_is_one():
    assert "sensorbox" not in get("/api/v1/status").json
    status = FakeStatus()
    status.box = Box
    document = get("/api/v1/status", status=status).json["sensorbox"]
    assert document == {"version": 20, "software": 2, "p1": True, "wiring": 2, "wifi_mode": 1,
                        "wifi_connected": True, "portal": False, "ip": "192.168.1.77",
                        "portal_password": ""}
    status.values["trust_lan"] = "Enabled"
    assert get("/api/v1/status", status=status).json["sensorbox"]["portal_password"] == "s3cret12"


def test_the_doctor_tells_what_it_found():
    answer = get("/api/v1/doctor")
    assert answer.json == {
        "kind": "bus", "state": "running", "percent": 37, "findings": [
            {"code": 1, "what": "does not answer", "where": "mains", "mistake": True,
             "hint": 'Check its "power" supply.'},
            {"code": 50, "what": "ABB answers here", "where": "address 20", "mistake": False,
             "hint": ""}]}
    status = FakeStatus()
    status.doctor = lambda: ("", "idle", 0)
    status.doctor_rows = lambda: ()
    assert get("/api/v1/doctor", status=status).json == {
        "kind": "", "state": "idle", "percent": 0, "findings": []}
    core = FakeCommand()
    assert command({"name": "doctor", "value": "phases"}, command=core).status == 200
    assert core.calls == [("doctor", "phases", "REST")]


def test_status_says_all_about_the_plug():
    document = get("/api/v1/status").json
    assert document["clock"] == {"s": CLOCK_S, "local": "2026-09-21T15:33"}
    assert document["custom"] is True
    assert document["trust_lan"] is False
    assert document["faults"] == [
        {"name": "Pilot Fault", "stops": "at once", "clears": "after a pause"},
        {"name": "RCM Tripped", "stops": "at once", "clears": "by reset"}]
    assert document["session"] == {
        "number": 12, "wh": 7654, "solar_wh": 1234, "charging_s": 5400, "estimated": False,
        "card": "04A1B2C3D4E5F6", "woke": 2, "w": 9123, "solar_w": 2384}
    assert document["timer"] == {
        "mode": "Smart", "start": CLOCK_S + 3600, "stop": CLOCK_S + 7200, "repeat": 1,
        "text": "starts tomorrow 07:30 daily"}
    assert document["reader"] == {"mode": "EnableOne", "code": 1, "text": "Present",
                                  "last": "04A1B2C3D4E5F6"}
    assert document["lock"] == {"kind": "Motor", "state": "locked", "keep": True}
    assert document["contactors"] == {"contact_2": "Auto", "phases": 3, "c1_count": 1001,
                                      "c2_count": 17}
    assert document["ev_meter"] == {"meter": "ABB", "da": [130, 131, 132], "w": 9123,
                                    "wh": 1234567, "age_ms": 800}


def test_status_without_faults_and_time_of_day():
    status = FakeStatus()
    status.fault_rows = tuple
    status.clock_s = 0
    document = get("/api/v1/status", status=status).json
    assert document["faults"] == []
    assert document["clock"] == {"s": 0, "local": ""}


def test_commands_of_the_plug_reach_the_core():
    for name, value, passed in (
        ("access", "Off", "Off"),
        ("swipe", "112233445566", "112233445566"),
        ("timer", {"mode": "Smart", "start": "2026-09-21T23:00", "stop": "", "repeat": 1},
         ("Smart", "2026-09-21T23:00", "", 1)),
        ("timer", {"mode": "Smart", "start": 1790003600}, ("Smart", 1790003600, "", "")),
        ("timer", None, None),
        ("clock", 1790000000, 1790000000),
        ("custom", True, True),
        ("colour", ["off", 1, 2, 3], ("off", 1, 2, 3)),
        ("phases", 1, 1),
        ("pwm", 51, 51),
        ("ev_state", {"current_soc": 20}, {"current_soc": 20}),
        ("cards", ["add", "112233445566", "Anna"], ("add", "112233445566", "Anna")),
        ("cards", ["add", "112233445566"], ("add", "112233445566", "")),
        ("cards", ["remove", "112233445566"], ("remove", "112233445566")),
        ("cards", ["clear"], ("clear",)),
        ("battery", -71, -71),
        ("intervals", [[0, 6000], [420, 2500]], ([0, 6000], [420, 2500])),
        ("intervals", [], ()),
        ("order", [3, 0], (3, 0)),
        ("reading", ["circuit", 10, 20, 30], ("circuit", 10, 20, 30)),
    ):
        core = FakeCommand()
        answer = command({"name": name, "value": value}, command=core)
        assert answer.status == 200, (name, value)
        assert core.calls == [(name, passed, "REST")]


def test_values_of_another_shape_are_refused():
    for name, value in (("timer", ["Smart"]), ("timer", "now"), ("timer", 0),
                        ("timer", {"mode": "Smart"}), ("timer", {"start": ""}), ("colour", "off"),
                        ("colour", ["off", 1, 2]), ("cards", "clear"), ("cards", []),
                        ("cards", ["add"]), ("cards", ["clear", 1]), ("cards", ["remove"]),
                        ("cards", ["load", "x"]), ("cards", [["add"], "x"]),
                        ("cards", ["add", "x", "y", "z"])):
        core = FakeCommand()
        answer = command({"name": name, "value": value}, command=core)
        assert answer.status == 400, (name, value)
        assert answer.json["field"] == "value"
        assert core.calls == []


def test_tables_are_files_of_csv():
    for name, lines in (("sessions", 41), ("months", 2)):
        answer = get("/api/v1/%s.csv" % name)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == (
            'attachment; filename="%s.csv"' % name)
        assert answer.body.count(b"\n") == lines
    assert get("/api/v1/months.csv").body == (
        b"month,card,kwh\n2026-09,04A1B2C3D4E5F6,7.654\n")
    assert get("/api/v1/sessions.csv").body.endswith(b"\n39,2026-09-21T15:33\n")


def test_each_line_of_a_table_is_sent_by_itself():
    class Turns(FakeStream):
        turns = 0

        async def drain(self):
            self.turns += 1

    stream = Turns(b"GET /api/v1/sessions.csv HTTP/1.0\r\n\r\n")
    serve(stream)
    assert stream.turns == 1 + 41
    stream = Turns(b"GET /api/v1/months.csv HTTP/1.0\r\n\r\n")
    serve(stream)
    assert stream.turns == 1 + 3  # an empty piece gives a turn as well


def test_the_list_of_cards_is_not_for_everybody():
    answer = get("/api/v1/cards.csv")
    assert answer.status == 403
    assert answer.json["field"] == "trust_lan"
    assert b"Anna" not in answer.body
    status = FakeStatus()
    status.values["trust_lan"] = "Enabled"
    assert get("/api/v1/cards.csv", status=status).body == b"04A1B2C3D4E5F6,Anna\n112233445566\n"


def load(body, query="", kind="text/csv", **options):
    return request("POST", "/api/v1/cards" + query, body, {"Content-Type": kind}, **options)


def test_cards_are_replaced_as_a_whole():
    core = FakeCommand()
    answer = load(b"112233445566,Bert\r\n\n 04A1B2C3D4E5F6\n", command=core)
    assert answer.status == 200
    assert core.calls == [("cards", ("load", ["112233445566,Bert", "04A1B2C3D4E5F6"]), "REST")]


def test_cards_are_added_to_those_there_are():
    for query in ("?add", "?add="):
        core = FakeCommand()
        assert load(b"AABBCCDDEEFF,Bert\n", query, command=core).status == 200
        assert core.calls == [("cards", ("load", ["04A1B2C3D4E5F6,Anna", "112233445566",
                                                  "AABBCCDDEEFF,Bert"]), "REST")]


def test_a_card_that_is_added_again_gets_its_new_name():
    core = FakeCommand()
    load(b"04a1b2c3d4e5f6 ,Carla\nAABBCCDDEEFF", "?add", command=core)
    assert core.calls[0][1][1] == ["112233445566", "04a1b2c3d4e5f6 ,Carla", "AABBCCDDEEFF"]


def test_lines_of_cards_that_come_in_pieces_stay_whole():
    body = "".join("%012X,Name of number %d\n" % (number, number) for number in range(120))
    assert 3000 < len(body) < 4096
    core = FakeCommand()
    assert load(body.encode(), command=core).status == 200
    assert core.calls[0][1][1] == body.split("\n")[:-1]


def test_cards_the_charger_refuses():
    answer = load(b"112233445566", command=FakeCommand(("cards",)))
    assert answer.status == 422
    assert answer.json["error"] == "no cards today"


def test_cards_in_another_form_are_refused():
    for body, kind, status in ((b"112233445566", "text/plain", 415),
                               (b"", "text/csv", 400),
                               (b"x" * 4097, "text/csv", 413)):
        core = FakeCommand()
        assert load(body, kind=kind, command=core).status == status
        assert core.calls == []
    assert load(b"112233445566", kind="text/csv; charset=utf-8").status == 200
