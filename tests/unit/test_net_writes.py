"""POST of the older firmwares: parameters, order, answers and manners."""

import asyncio

from evse.net.web import WebServer
from helpers_net import CLOCK_S, FakeCommand, FakeStatus, FakeStream, post, request

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REFUSED = "Value not allowed!"
START = CLOCK_S + 3600
STOP = CLOCK_S + 7200
IDLE = {"timer_start": 0, "timer_stop": 0, "timer_repeat": 0}
SET = {"timer_start": START, "timer_stop": STOP, "timer_repeat": 1}


def settings(query="", body=b"", headers=None, command=None, status=None):
    return request("POST", "/settings" + query, body, headers, command=command,
                   status=status or quiet())


def quiet(**facts):
    """A status without a timer, with some other facts changed."""
    status = FakeStatus()
    for name, value in dict(IDLE, **facts).items():
        setattr(status, name, value)
    return status


def timed(query, effects, before=IDLE, refuses=()):
    """POST /settings when commands have ``effects``; returns (reply, calls)."""
    status = quiet(**before)
    core = FakeCommand(refuses, status, effects)
    return settings(query, command=core, status=status).json, core.calls


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


def test_of_several_by_one_name_the_first_counts():
    for query, body, headers in (("?mode=1&mode=3", b"", None), ("", b"mode=1&mode=3", FORM),
                                 ("?mode=1&mode=x", b"mode=0", FORM)):
        core = FakeCommand()
        assert settings(query, body, headers, command=core).json == {"mode": "1"}
        assert core.calls == [("mode", "Normal", "REST")]


def test_override_ends_before_the_mode_and_begins_after():
    core = FakeCommand()
    answer = settings("?override_current=100&mode=3&disable_override_current=1", command=core)
    assert answer.json == {"disable_override_current": "OK", "mode": "3", "override_current": 100}
    assert [call[0] for call in core.calls] == ["override", "mode", "override"]


def test_minimum_current():
    core = FakeCommand()
    assert settings("?current_min=8", command=core).json == {"current_min": 8}
    assert core.calls == [("set", ("min", 8), "REST")]


def test_a_start_to_come_sets_the_timer_in_the_mode_pressed():
    for number, mode in (("1", "Normal"), ("2", "Solar"), ("3", "Smart")):
        reply, calls = timed("?mode=%s&starttime=2026-09-21T23:00&stoptime=2026-09-22T06:00"
                             "&repeat=1" % number, {"timer": SET})
        assert reply == {"mode": number, "starttime": START, "stoptime": STOP, "repeat": 1}
        assert calls == [("timer", (mode, "2026-09-21T23:00", "2026-09-22T06:00", 1), "REST")]


def test_a_start_without_a_stop():
    # Without a stop there is nothing to repeat, whatever the client's page sends along.
    for rest in ("", "&stoptime=", "&repeat=1", "&stoptime=&repeat=1", "&repeat=7", "&repeat=x"):
        reply, calls = timed("?mode=3&starttime=2026-09-21T23:00" + rest,
                             {"timer": dict(SET, timer_stop=0, timer_repeat=0)})
        assert calls == [("timer", ("Smart", "2026-09-21T23:00", "", 0), "REST")], rest
        assert reply["mode"] == "3"
        assert reply["starttime"] == START
        if "stoptime" in rest:
            assert (reply["stoptime"], reply["repeat"]) == (0, 0)
        else:
            assert "stoptime" not in reply


def test_a_start_now_with_a_stop_to_come_is_not_switched_on_twice():
    reply, calls = timed("?mode=3&starttime=2026-09-21T15:33&stoptime=2026-09-21T18:00",
                         {"timer": dict(IDLE, timer_stop=STOP)})
    assert [call[0] for call in calls] == ["timer"]  # it acts by itself
    assert reply == {"mode": "3", "starttime": 0, "stoptime": STOP, "repeat": 0}


def test_a_start_in_the_past_cancels_which_the_core_does():
    query = "?mode=3&starttime=2025-05-15T00:27&stoptime=2025-05-15T00:27&repeat=0"
    for before, reply in ((IDLE, {"mode": "3", "starttime": 0}),
                          (SET, {"mode": "3", "starttime": 0, "stoptime": 0, "repeat": 0})):
        answer, calls = timed(query, {"timer": IDLE}, before)
        assert answer == reply
        assert calls == [("timer", ("Smart", "2025-05-15T00:27", "2025-05-15T00:27", 0), "REST")]


def test_a_mode_without_a_start_clears_the_timer_and_says_so():
    for query in ("?mode=3", "?mode=3&starttime=", "?mode=3&starttime=0", "?mode=0",
                  "?mode=0&starttime=2026-09-21T23:00"):
        reply, calls = timed(query, {"mode": IDLE}, SET)
        assert [call[0] for call in calls] == ["mode"]
        assert reply == {"mode": query[6], "starttime": 0, "stoptime": 0, "repeat": 0}, query
    assert timed("?mode=3", {})[0] == {"mode": "3"}


def test_a_timer_the_core_refuses_starts_nothing():
    reply, calls = timed("?mode=3&starttime=soon&stoptime=later", {}, refuses=("timer",))
    assert reply == {"mode": REFUSED, "starttime": 0}
    assert calls == []
    # One that was set before stays, and is not reported as taken.
    reply, calls = timed("?mode=3&starttime=soon&stoptime=later&repeat=1", {}, SET, ("timer",))
    assert reply == {"mode": REFUSED, "starttime": 0}
    assert calls == []


def test_a_mode_that_does_not_exist_leaves_the_timer():
    for query, reply in (("?mode=9", {"mode": REFUSED}),
                         ("?mode=9&starttime=2026-09-21T23:00",
                          {"mode": REFUSED, "starttime": 0})):
        answer, calls = timed(query, {}, SET)
        assert answer == reply
        assert calls == []


def test_a_start_without_a_mode_starts_nothing():
    reply, calls = timed("?starttime=2026-09-21T23:00&stoptime=2026-09-22T06:00", {})
    assert reply == {"starttime": 0}
    assert calls == []


def test_off_and_pause_ignore_a_start_to_come():
    core = FakeCommand()
    for number in ("0", "4"):
        answer = settings("?mode=%s&starttime=2099-01-01T00:00" % number, command=core)
        assert answer.json == {"mode": number, "starttime": 0}
    assert [call[1] for call in core.calls] == ["Off", "Pause"]


def test_the_lock_of_the_lcd_and_its_light():
    for number, name in enumerate(("Disabled", "Enabled")):
        core = FakeCommand()
        assert settings("?lcdlock=%d" % number, command=core).json == {"lcdlock": number}
        assert core.calls == [("set", ("lcd_lock", name), "REST")]
    for text in ("2", "-1", "x"):
        core = FakeCommand()
        assert settings("?lcdlock=" + text, command=core).json == {"lcdlock": REFUSED}
        assert core.calls == []
    assert settings("?lcdlock=1", command=FakeCommand(("set",))).json == {"lcdlock": REFUSED}
    core = FakeCommand()
    assert settings("?backlight=2.0", command=core).json == {"Backlight": 2}
    assert core.calls == [("backlight", 2, "REST")]
    assert settings("?backlight=2", command=FakeCommand(("backlight",))).json == {
        "Backlight": REFUSED}


def test_solar_settings():
    core = FakeCommand()
    assert settings("?stop_timer=8.0&solar_max_import=8.0&solar_start_current=4",
                    command=core).json == {"stop_timer": True, "solar_max_import": 8,
                                           "solar_start_current": 4}
    assert core.calls == [("set", ("stop", 8), "REST"), ("set", ("start", 4), "REST"),
                          ("set", ("import", 8), "REST")]
    assert settings("?stop_timer=99&solar_max_import=99&solar_start_current=99",
                    command=FakeCommand(("set",))).json == {
        "stop_timer": False, "solar_max_import": REFUSED, "solar_start_current": REFUSED}
    assert settings("?stop_timer=x").json == {"stop_timer": REFUSED}


def test_capacity_mode_by_number():
    for number, name in enumerate(("Disabled", "Fixed", "Interval", "Flanders")):
        core = FakeCommand()
        assert settings("?capacity_mode=%d" % number, command=core).json == {
            "capacity_mode": number}
        calls = [("set", ("cap_mode", name), "REST")]
        if number == 0:
            calls.append(("set", ("capacity", 0), "REST"))
        assert core.calls == calls
    for text in ("4", "-1", "x"):
        core = FakeCommand()
        assert settings("?capacity_mode=" + text, command=core).json == {
            "capacity_mode": REFUSED}
        assert core.calls == []
    assert settings("?capacity_mode=0", command=FakeCommand(("set",))).json == {
        "capacity_mode": REFUSED}


def test_capacity_current_and_its_time():
    core = FakeCommand()
    assert settings("?current_max_sum_mains=30&max_sum_mains_timer=5", command=core).json == {
        "current_max_sum_mains": 30, "max_sum_mains_time": 5}
    assert core.calls == [("set", ("capacity", 30), "REST"), ("set", ("cap_stop", 5), "REST")]
    assert settings("?current_max_sum_mains=30&max_sum_mains_timer=5",
                    command=FakeCommand(("set",))).json == {
        "current_max_sum_mains": REFUSED, "max_sum_mains_time": REFUSED}


def test_a_capacity_current_without_a_mode_is_a_fixed_one():
    status = quiet()
    status.values["cap_mode"] = "Disabled"
    core = FakeCommand()
    assert settings("?current_max_sum_mains=30", command=core, status=status).json == {
        "current_max_sum_mains": 30}
    assert core.calls == [("set", ("capacity", 30), "REST"), ("set", ("cap_mode", "Fixed"),
                                                              "REST")]
    core = FakeCommand()
    settings("?current_max_sum_mains=0", command=core, status=status)
    assert core.calls == [("set", ("capacity", 0), "REST")]


def test_intervals_of_the_capacity_tariff():
    rows = '[{"start":0,"power":6000},{"start":420.0,"power":"2500"}]'
    pairs = [[0, 6000], [420, 2500]]
    quoted = rows.replace('"', "%22").replace("{", "%7B").replace("}", "%7D")
    for query, body, headers in (
        ("?intervals=" + quoted, b"", None),
        ("", b"intervals=" + quoted.encode(), FORM),
        ("", b'{"intervals": ' + rows.encode() + b"}", {"Content-Type": "application/json"}),
    ):
        core = FakeCommand()
        assert settings(query, body, headers, command=core).json == {"intervals": "OK"}, query
        assert core.calls == [("intervals", pairs, "REST")]
    core = FakeCommand()  # the older pages kept them as they were typed
    post("/settings", {"intervals": [{"start": 60, "power": 2}, {"start": 0, "power": 1}]},
         command=core)
    assert core.calls == [("intervals", [[0, 1], [60, 2]], "REST")]
    core = FakeCommand()
    assert settings("?intervals=[]", command=core).json == {"intervals": "OK"}
    assert core.calls == [("intervals", [], "REST")]


def test_intervals_that_are_none():
    for text in ("", "x", "7", '[{"start":0,"power":null},{"start":0,"power":1}]',
                 "null", "{}x", "[1]", "[[0,6000]]", '[{"start":0}]', '"ab"',
                 '{"start":0,"power":1}', "[" * 60):
        core = FakeCommand()
        body = "intervals=" + text.replace('"', "%22").replace("{", "%7B")
        answer = settings("", body.encode(), FORM, command=core)
        assert answer.status == 200
        assert answer.json == {"intervals": REFUSED}, text
        assert core.calls == []
    assert settings("?intervals=[]", command=FakeCommand(("intervals",))).json == {
        "intervals": REFUSED}


def test_the_home_battery_is_told_in_both_places():
    for path in ("/settings", "/currents"):
        for text, value in (("71", 71), ("-71.0", -71), ("0", 0)):
            core = FakeCommand()
            assert request("POST", path + "?battery_current=" + text, command=core).json == {
                "battery_current": value}
            assert core.calls == [("battery", value, "REST")]
        assert request("POST", path + "?battery_current=x").json == {"battery_current": REFUSED}
        assert request("POST", path + "?battery_current=7",
                       command=FakeCommand(("battery",))).json == {"battery_current": REFUSED}


def test_second_contactor_by_number():
    for number, name in enumerate(("Not present", "Always Off", "Solar Off", "Always On",
                                   "Auto")):
        core = FakeCommand()
        assert settings("?enable_C2=%d" % number, command=core).json == {
            "settings": {"enable_C2": name}}
        assert core.calls == [("set", ("contact_2", name), "REST")]
    for text in ("5", "-1", "x", ""):
        core = FakeCommand()
        assert settings("?enable_C2=" + text, command=core).json == {
            "settings": {"enable_C2": REFUSED}}, text
        assert core.calls == []
    assert settings("?enable_C2=1", command=FakeCommand(("set",))).json == {
        "settings": {"enable_C2": REFUSED}}


def test_modem_and_contactor_share_their_object():
    core = FakeCommand()
    assert settings("?modem=1&enable_C2=3", command=core).json == {
        "settings": {"modem": "Experiment", "enable_C2": "Always On"}}
    assert core.calls == [("set", ("contact_2", "Always On"), "REST"),
                          ("set", ("modem", "Experimental"), "REST")]
    assert settings("?modem=0").json == {"settings": {"modem": "Not present"}}
    assert settings("?modem=2").json == {"settings": {"modem": REFUSED}}


def test_required_car():
    core = FakeCommand()
    assert settings("?required_evccid=AB%20CD", command=core).json == {"required_evccid": "AB CD"}
    assert settings("?required_evccid=", command=core).json == {"required_evccid": ""}
    assert core.calls == [("set", ("required_evccid", "AB CD"), "REST"),
                          ("set", ("required_evccid", ""), "REST")]
    answer = settings("?required_evccid=" + "x" * 33, command=FakeCommand(("set",)))
    assert answer.json == {"required_evccid": "EVCCID too long (max 32 char)"}
    assert settings("?required_evccid=x", command=FakeCommand(("set",))).json == {
        "required_evccid": REFUSED}


def test_custom_button():
    for text, on in (("1", True), ("7", True), ("0", False), ("-1", False)):
        core = FakeCommand()
        assert settings("?custombutton=" + text, command=core).json == {"custombutton": on}
        assert core.calls == [("custom", on, "REST")]
    assert settings("?custombutton=x").json == {"custombutton": REFUSED}


def test_cable_lock():
    for path, number in (("/settings?cablelock=1", 1), ("/settings?cablelock=0", 0),
                         ("/cablelock?1=", 1), ("/cablelock?1", 1), ("/cablelock?1=0", 1),
                         ("/cablelock", 0), ("/cablelock?0=1", 0)):
        core = FakeCommand()
        assert request("POST", path, command=core).json == {"cablelock": number}, path
        assert core.calls == [("set", ("cable_lock", ("Disabled", "Enabled")[number]), "REST")]
        assert request("POST", path, command=FakeCommand(("set",))).json == {
            "cablelock": REFUSED}
    for text in ("2", "-1", "x"):
        core = FakeCommand()
        assert settings("?cablelock=" + text, command=core).json == {"cablelock": REFUSED}
        assert core.calls == []


def test_duty_set_by_hand():
    for path, name in (("/settings?override_pwm=", "override_pwm"), ("/modem?pwm=", "pwm")):
        for text, shown, passed in (("0", 0, 0), ("51", 51, 51), ("1024", 1024, 1024),
                                    ("-1", 100, -1), ("-7", 100, -1)):
            core = FakeCommand()
            assert request("POST", path + text, command=core).json == {name: shown}
            assert core.calls == [("pwm", passed, "REST")]
        assert request("POST", path + "51", command=FakeCommand(("pwm",))).json == {name: REFUSED}
        assert request("POST", path + "x").json == {name: REFUSED}
    assert request("POST", "/modem").json == {}


def test_the_order_of_the_older_firmwares():
    core = FakeCommand()
    settings("?mqtt_update=1&mqtt_host=a&ocpp_update=1&cablelock=1&lcdlock=1&required_evccid=a"
             "&override_pwm=0&override_current=60&enable_C2=1&modem=1&mode=1&custombutton=1"
             "&current_min=6&disable_override_current=1&battery_current=1&solar_max_import=1"
             "&solar_start_current=1&stop_timer=1&max_sum_mains_timer=1"
             "&current_max_sum_mains=30&intervals=[]&capacity_mode=1&backlight=1", command=core)
    assert [call[1][0] if call[0] == "set" else call[0] for call in core.calls] == [
        "backlight", "min", "cap_mode", "intervals", "capacity", "cap_stop", "override", "custom",
        "mode", "contact_2", "modem", "stop", "override", "start", "import", "battery", "pwm",
        "required_evccid", "lcd_lock", "cable_lock", "mqtt_host"]


def test_others_run_between_the_commands_of_one_request():
    told = []

    class Core(FakeCommand):
        def __call__(self, name, value, source):
            told.append(name)

    async def other():
        while len(told) < 3 or told[-1] != "end":
            told.append("other")
            await asyncio.sleep_ms(0)

    async def both():
        task = asyncio.create_task(other())
        query = b"POST /settings?current_min=6&stop_timer=1&override_current=60 HTTP/1.1\r\n\r\n"
        stream = FakeStream(query)
        await WebServer(quiet(), Core(), ".").accept(stream, stream)
        told.append("end")
        await task

    asyncio.run(both())
    commands = [i for i, name in enumerate(told) if name in ("set", "override")]
    assert len(commands) == 3
    for i in range(2):
        assert "other" in told[commands[i]:commands[i + 1]]


def broker(query, refuses=()):
    """POST ``query`` about the broker; returns (reply, (key, value) of what was set)."""
    core = FakeCommand(refuses)
    reply = settings("?mqtt_update=1" + query, command=core).json
    assert [call for call in core.calls if call[0] != "set" or call[2] != "REST"] == []
    return reply, [call[1] for call in core.calls]


def test_the_broker():
    reply, stored = broker("&mqtt_host=10.0.0.1&mqtt_port=1884&mqtt_topic_prefix=home%2Fev"
                           "&mqtt_username=me&mqtt_password=s%20ecret&mqtt_tls=0&mqtt_ca_cert=")
    assert reply == {"mqtt_host": "10.0.0.1", "mqtt_port": 1884, "mqtt_topic_prefix": "home/ev",
                     "mqtt_username": "me", "mqtt_password_set": True, "mqtt_tls": False,
                     "mqtt_ca_cert_set": False}
    assert stored == [("mqtt_host", "10.0.0.1"), ("mqtt_port", 1884), ("mqtt_prefix", "home/ev"),
                      ("mqtt_user", "me"), ("mqtt_password", "s ecret")]


def test_what_is_left_empty_about_the_broker():
    assert broker("&mqtt_host=&mqtt_topic_prefix=&mqtt_username=&mqtt_password=") == (
        {"mqtt_host": "", "mqtt_topic_prefix": "SmartEVSE-4711", "mqtt_username": "",
         "mqtt_password_set": False},
        [("mqtt_host", ""), ("mqtt_prefix", ""), ("mqtt_user", ""), ("mqtt_password", "")])
    for query in ("&mqtt_port=", "&mqtt_port=0"):
        assert broker(query) == ({"mqtt_port": 1883}, [("mqtt_port", 1883)])
    assert broker("&mqtt_port=x") == ({"mqtt_port": REFUSED}, [])
    assert broker("") == ({}, [])


def test_what_the_core_refuses_about_the_broker_is_named_and_no_password_told():
    assert broker("&mqtt_host=a&mqtt_port=1&mqtt_topic_prefix=p&mqtt_username=u&mqtt_password=w",
                  ("set",)) == (dict.fromkeys(
                      ("mqtt_host", "mqtt_port", "mqtt_topic_prefix", "mqtt_username",
                       "mqtt_password_set"), REFUSED), [])


def test_what_needs_tls_is_refused():
    for query, reply in (("&mqtt_tls=1", {"mqtt_tls": REFUSED}),
                         ("&mqtt_tls=2", {"mqtt_tls": False}),
                         ("&mqtt_ca_cert=PEM", {"mqtt_ca_cert_set": REFUSED})):
        assert broker(query) == (reply, [])


def test_without_its_word_nothing_about_the_broker_is_read():
    for word in ("", "mqtt_update=0&", "mqtt_update&", "mqtt_update=2&", "ocpp_update=1&"):
        core = FakeCommand()
        reply = settings("?%smqtt_host=a&mqtt_password=b" % word, command=core).json
        assert "mqtt_host" not in reply
        assert core.calls == []
    core = FakeCommand()  # the rest of the request counts all the same
    assert settings("?mqtt_update=1&mqtt_host=a&mode=1", command=core).json == {
        "mode": "1", "mqtt_host": "a"}


def test_ocpp_stays_disabled():
    core = FakeCommand()
    words = "Can only update when OCPP enabled"
    assert settings("?ocpp_update=1&ocpp_mode=1&ocpp_auto_auth=1&ocpp_auth_key=secret"
                    "&ocpp_backend_url=u&ocpp_cb_id=i&ocpp_auto_auth_idtag=t",
                    command=core).json == {
        "ocpp_mode": REFUSED, "ocpp_auto_auth": words, "ocpp_auth_key": words,
        "ocpp_backend_url": words, "ocpp_cb_id": words, "ocpp_auto_auth_idtag": words}
    assert settings("?ocpp_update=1&ocpp_mode=0", command=core).json == {"ocpp_mode": 0}
    assert settings("?ocpp_mode=1&ocpp_auto_auth=1", command=core).json == {}
    assert core.calls == []


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
    status = FakeStatus()
    core = FakeCommand((), status, {"reading": {"amps": [125, -10, 12]}})
    answer = request("POST", "/currents?L1=125.000000&L2=-10.5%20&L3=12.0&battery_current=101",
                     command=core, status=status)
    assert answer.status == 200
    # Corrected as Solar sees them; the battery goes first, so that it is the one told along.
    assert answer.json == {"battery_current": 101, "original": {"L1": 125, "L2": -10, "L3": 12},
                           "L1": 90, "L2": -43, "L3": -21, "TOTAL": 26}
    assert core.calls == [("battery", 101, "REST"),
                          ("reading", ("mains", 125, -10, 12), "REST")]


def test_incomplete_currents_are_not_used():
    for query, reply in (("", {}), ("?L1=1&L2=2", {}), ("?L1=1&L2=x&L3=3", {"L2": REFUSED})):
        core = FakeCommand()
        assert request("POST", "/currents" + query, command=core).json == reply, query
        assert core.calls == []


def test_currents_the_core_refuses_are_named():
    answer = request("POST", "/currents?L1=1&L2=2&L3=3", command=FakeCommand(("reading",)))
    assert answer.status == 200
    assert answer.json == {"L1": REFUSED, "L2": REFUSED, "L3": REFUSED}

def test_the_ev_meter_is_fed():
    status = quiet(session_wh=500)
    core = FakeCommand()
    answer = request("POST", "/ev_meter?L1=10&L2=20.7&L3=30&import_active_power=2300"
                     "&import_active_energy=12345&export_active_energy=45", command=core,
                     status=status)
    assert answer.json == {"ev_meter": {
        "currents": {"L1": 10, "L2": 20, "L3": 30, "TOTAL": 60}, "import_active_power": 2300,
        "import_active_energy": 12345, "export_active_energy": 45, "total_wh": 12300,
        "charged_wh": 500}}
    assert core.calls == [("reading", ("ev", 10, 20, 30, 2300, 12300), "REST")]


def test_half_of_the_ev_meters_values():
    core = FakeCommand()
    answer = request("POST", "/ev_meter?L1=10&L2=20&L3=30&import_active_power=5", command=core)
    assert answer.json == {"ev_meter": {"currents": {"L1": 10, "L2": 20, "L3": 30, "TOTAL": 60}}}
    answer = request("POST", "/ev_meter?import_active_power=0&import_active_energy=7"
                     "&export_active_energy=0&L1=5", command=core)
    assert answer.json["ev_meter"]["total_wh"] == 7
    assert "currents" not in answer.json["ev_meter"]
    assert [call[1] for call in core.calls] == [("ev", 10, 20, 30),
                                                ("ev", None, None, None, 0, 7)]


def test_ev_meter_values_that_cannot_be_used():
    for query, reply in (("", {}), ("?L1=1&L2=2", {}), ("?L1=1&L2=x&L3=3", {"L2": REFUSED}),
                         ("?import_active_power=5", {})):
        core = FakeCommand()
        assert request("POST", "/ev_meter" + query, command=core).json == reply, query
        assert core.calls == []
    answer = request("POST", "/ev_meter?L1=1&L2=2&L3=3", command=FakeCommand(("reading",)))
    assert answer.json == {"ev_meter": REFUSED}


def test_what_was_learned_from_the_car():
    core = FakeCommand()
    told = {"current_soc": 20, "full_soc": 80, "energy_request": 30000,
            "energy_capacity": 64000, "evccid": "ABC"}
    answer = request("POST", "/ev_state?current_soc=20&full_soc=80&energy_request=30000"
                     "&energy_capacity=64000&evccid=ABC", command=core)
    assert answer.json == told
    assert core.calls == [("ev_state", told, "REST")]


def test_what_was_not_said_of_the_car_is_not_passed_on():
    core = FakeCommand()
    assert request("POST", "/ev_state?current_soc=20", command=core).json == {"current_soc": 20}
    assert post("/ev_state", {"evccid": "A"}, command=core).json == {"evccid": "A"}
    assert post("/ev_state", {"evccid": 7, "full_soc": "x"}, command=core).json == {
        "full_soc": REFUSED}
    assert request("POST", "/ev_state", command=core).json == {}
    assert [call[1] for call in core.calls] == [{"current_soc": 20}, {"evccid": "A"}]
    assert request("POST", "/ev_state?current_soc=20&evccid=A",
                   command=FakeCommand(("ev_state",))).json == {"current_soc": REFUSED,
                                                                "evccid": REFUSED}


def test_a_card_by_its_number():
    for card in ("04a1b2c3d4e5f6", "112233445566"):
        status = FakeStatus()
        core = FakeCommand((), status, {"swipe": {"rfid_status": 7}})
        answer = request("POST", "/rfid?rfid=%20" + card + "%20", command=core, status=status)
        assert answer.json == {"rfid": card, "rfid_status": "Invalid"}
        assert core.calls == [("swipe", card.upper(), "REST")]


def test_cards_that_are_none():
    for card, why in (("04A1", "Invalid RFID length"), ("", "Invalid RFID length"),
                      ("04A1B2C3D4E5F67", "Invalid RFID length"),
                      ("04A1B2C3D4E5G6", "Invalid RFID hex string"),
                      ("G4A1B2C3D4E5", "Invalid RFID hex string")):
        core = FakeCommand()
        answer = request("POST", "/rfid?rfid=" + card, command=core)
        assert answer.status == 200
        assert answer.json == {"rfid": card, "rfid_status": why}
        assert core.calls == []
    assert request("POST", "/rfid").json == {"rfid_status": "Missing rfid parameter"}
    assert post("/rfid", {"rfid": 7}).json == {"rfid_status": "Missing rfid parameter"}


def test_cards_without_a_reader_or_the_right():
    status = FakeStatus()
    status.values["rfid"] = "Disabled"
    core = FakeCommand()
    answer = request("POST", "/rfid?rfid=112233445566", command=core, status=status)
    assert answer.json["rfid_status"] == "RFID reader not enabled"
    assert core.calls == []
    answer = request("POST", "/rfid?rfid=112233445566", command=FakeCommand(("swipe",)))
    assert answer.json["rfid_status"] == "no swipe today"


def test_colours():
    for name in ("off", "normal", "smart", "solar", "custom"):
        core = FakeCommand()
        answer = request("POST", "/color_%s?R=1&G=2&B=255" % name, command=core)
        assert answer.json == {"color": {name: {"R": 1, "G": 2, "B": 255}}}
        assert core.calls == [("colour", (name, 1, 2, 255), "REST")]
    assert request("POST", "/color_off?R=1&G=2&B=256", command=FakeCommand(("colour",))).json == {
        "color": {"off": REFUSED}}


def test_colours_that_are_not_whole():
    for path, reply in (("/color_off", {}), ("/color_off?R=1&G=2", {}),
                        ("/color_off?R=1&G=2&B=x", {"B": REFUSED})):
        core = FakeCommand()
        assert request("POST", path, command=core).json == reply
        assert core.calls == []
    assert request("POST", "/color_pink?R=1&G=2&B=3").status == 404


def test_only_what_is_named_can_be_posted():
    for path in ("/read", "/reply", "/__init__", "/colour", "/color_", "/settings/", "/nothing"):
        core = FakeCommand()
        assert request("POST", path, command=core).status == 404, path
        assert core.calls == []
    for path in ("/rfid", "/cablelock", "/color_off", "/ev_state"):
        assert request("GET", path).status == 405, path
