"""Drivers and installers over HTTP, on the running firmware: timer, cards, levels, CSV files."""

import datetime
import urllib.error
import urllib.parse
import urllib.request

REFUSED = "Value not allowed!"
NOON_S = 1_790_078_400  # 22 September 2026, 12:00 UTC
UTC = {"tz": "UTC0"}
TRUSTED = {"trust_lan": "Enabled", "rfid": "EnableAll"}


def at(seconds):
    """The charger's local time, where that is UTC."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M")


def text_of(one, path):
    """(status, type, text) of a GET."""
    try:
        with urllib.request.urlopen(one.url + path, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.headers["Content-Type"], problem.read().decode()


def send_cards(one, lines, query=""):
    """POST lines of cards; (status, text)."""
    request = urllib.request.Request(one.url + "api/v1/cards" + query,
                                     "\n".join(lines).encode(), {"Content-Type": "text/csv"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.read().decode()


def command(one, name, value):
    """One command of /api/v1; returns (status, document)."""
    try:
        return 200, one.post("api/v1/command", {"name": name, "value": value})
    except AssertionError as problem:
        return int(str(problem).split(": ")[1].split()[0]), str(problem)


def settings_of(one):
    return one.get("settings")["settings"]


def timer_of(one):
    values = settings_of(one)
    return values["starttime"], values["stoptime"], values["repeat"]


def test_a_start_to_come_keeps_it_off_and_survives_in_words(twin):
    one = twin("--clock", str(NOON_S), settings=UTC)
    query = urllib.parse.urlencode({"mode": 1, "starttime": at(NOON_S + 3600),
                                    "stoptime": at(NOON_S + 7200), "repeat": 1})
    assert one.post("settings?" + query) == {"mode": "1", "starttime": NOON_S + 3600,
                                             "stoptime": NOON_S + 7200, "repeat": 1}
    assert timer_of(one) == (NOON_S + 3600, NOON_S + 7200, 1)
    assert one.get("settings")["evse"]["access"] == 0
    assert one.get("api/v1/status")["timer"]["text"] == "starts today 13:00 daily"
    # Any mode without a start ends it, and says so.
    assert one.post("settings?mode=3") == {"mode": "3", "starttime": 0, "stoptime": 0,
                                           "repeat": 0}
    assert timer_of(one) == (0, 0, 0)
    assert one.get("settings")["mode"] == "SMART"


def test_a_start_in_the_past_cancels_and_a_start_now_is_now(twin):
    one = twin("--clock", str(NOON_S), settings=UTC)
    one.post("settings?mode=0")
    assert one.post("settings?mode=1&starttime=2025-05-15T00:27&stoptime=2025-05-15T00:27"
                    "&repeat=0")["mode"] == "1"
    assert timer_of(one) == (0, 0, 0)
    assert one.get("settings")["mode"] == "NORMAL"
    one.post("settings?mode=0")
    reply = one.post("settings?mode=3&starttime=%s&stoptime=%s" % (at(NOON_S),
                                                                   at(NOON_S + 7200)))
    assert reply["mode"] == "3"
    assert one.get("settings")["mode"] == "SMART"
    assert settings_of(one)["stoptime"] == NOON_S + 7200


def test_a_timer_that_makes_no_sense_starts_nothing(twin):
    one = twin("--clock", str(NOON_S), settings=UTC)
    one.post("settings?mode=0")
    for start, stop, repeat in ((at(NOON_S + 3600), at(NOON_S + 3600 + 86400 + 60), 1),
                                (at(NOON_S + 3600), at(NOON_S + 60), 0), ("soon", "", 0)):
        query = urllib.parse.urlencode({"mode": 1, "starttime": start, "stoptime": stop,
                                        "repeat": repeat})
        assert one.post("settings?" + query) == {"mode": REFUSED, "starttime": 0}, start
        assert timer_of(one) == (0, 0, 0)
        assert one.get("settings")["mode"] == "OFF"
    # More than a day is fine when it is not daily.
    query = urllib.parse.urlencode({"mode": 1, "starttime": at(NOON_S + 3600),
                                    "stoptime": at(NOON_S + 3600 + 86400 + 60)})
    assert one.post("settings?" + query)["stoptime"] == NOON_S + 3600 + 86400 + 60


def test_without_the_time_of_day_the_start_waits_until_somebody_tells(twin):
    one = twin("--clock", "none", settings=UTC)
    assert one.get("api/v1/status")["clock"] == {"s": 0, "local": ""}
    one.post("settings?mode=1&starttime=%s" % at(NOON_S + 3600))
    status = one.get("api/v1/status")
    assert status["timer"]["text"] == "waits for the time of day"
    assert command(one, "clock", NOON_S)[0] == 200
    one.wait(lambda: one.get("api/v1/status")["clock"]["local"] == at(NOON_S), 5, "the clock")
    assert one.get("api/v1/status")["timer"]["text"] == "starts today 13:00"
    assert command(one, "clock", NOON_S + 500_000)[0] == 422


def test_what_only_an_installer_may_do(twin):
    one = twin(settings={"rfid": "EnableAll", "modem": "Experimental"})
    assert one.post("settings?current_min=7") == {"current_min": REFUSED}
    assert one.post("settings?cablelock=1") == {"cablelock": REFUSED}
    assert one.post("settings?required_evccid=x") == {"required_evccid": REFUSED}
    assert one.post("settings?modem=0") == {"settings": {"modem": REFUSED}}
    assert one.post("settings?override_pwm=51") == {"override_pwm": REFUSED}
    assert one.post("cablelock?1=") == {"cablelock": REFUSED}
    assert one.post("color_off?R=1&G=2&B=3") == {"color": {"off": REFUSED}}
    assert one.post("ev_state?current_soc=20") == {"current_soc": REFUSED}
    assert one.post("rfid?rfid=112233445566")["rfid_status"] not in ("Present", "Invalid")
    for name, value in (("swipe", "112233445566"), ("cards", ["add", "112233445566", "A"]),
                        ("cards", ["clear"]), ("colour", ["off", 1, 2, 3]),
                        ("set", ["trust_lan", "Enabled"]), ("set", ["max", 32]),
                        ("set", ["wifi_password", "x"])):
        assert command(one, name, value)[0] == 403, name
    assert send_cards(one, ["112233445566"])[0] == 403
    assert text_of(one, "api/v1/cards.csv")[0] == 403
    assert settings_of(one)["current_min"] == 6


def test_what_a_driver_may_do(twin):
    one = twin(settings={"contact_2": "Auto"})
    for number, name in enumerate(("Not present", "Always Off", "Solar Off", "Always On",
                                   "Auto")):
        assert one.post("settings?enable_C2=%d" % number) == {"settings": {"enable_C2": name}}
        assert settings_of(one)["enable_C2"] == name
    for name, value in (("mode", "Normal"), ("override", 80), ("access", "Pause"),
                        ("access", "On"), ("timer", None), ("phases", 1), ("phases", 3)):
        status, document = command(one, name, value)
        assert status == 200, (name, value, document)


def test_a_trusted_network_may_do_as_of_old(twin):
    one = twin(settings={**TRUSTED, "modem": "Experimental"})
    assert one.post("settings?current_min=7") == {"current_min": 7}
    assert settings_of(one)["current_min"] == 7
    assert one.post("settings?cablelock=1") == {"cablelock": 1}
    assert settings_of(one)["cablelock"] == 1
    assert one.post("cablelock") == {"cablelock": 0}
    assert one.post("settings?required_evccid=AB") == {"required_evccid": "AB"}
    assert settings_of(one)["required_evccid"] == "AB"
    assert one.post("settings?custombutton=1") == {"custombutton": True}
    assert one.get("settings")["evse"]["custombutton"] is True
    assert one.post("color_solar?R=9&G=8&B=7") == {"color": {"solar": {"R": 9, "G": 8, "B": 7}}}
    assert one.get("settings")["color"]["solar"] == {"R": 9, "G": 8, "B": 7}
    assert one.post("color_solar?R=9&G=8&B=256") == {"color": {"solar": REFUSED}}


def test_a_hundred_cards_there_and_back(twin):
    one = twin(settings=TRUSTED)
    lines = ["%014X,Card %d" % (0x04A10000000001 + number, number) for number in range(100)]
    assert send_cards(one, lines[:35])[0] == 200
    assert send_cards(one, lines[35:70], "?add")[0] == 200
    assert send_cards(one, lines[70:], "?add")[0] == 200
    status, kind, text = text_of(one, "api/v1/cards.csv")
    assert (status, kind) == (200, "text/csv; charset=utf-8")
    assert text.splitlines() == lines
    # One bad line, and all stay as they are.
    status, text = send_cards(one, ["AABBCCDDEEFF", "no card"])
    assert status == 422
    assert "error" in text
    assert text_of(one, "api/v1/cards.csv")[2].splitlines() == lines
    assert command(one, "cards", ["remove", lines[0][:14]])[0] == 200
    assert command(one, "cards", ["add", "aabbccddeeff", "Anna"])[0] == 200
    assert set(text_of(one, "api/v1/cards.csv")[2].splitlines()) == {*lines[1:],
                                                                      "AABBCCDDEEFF,Anna"}
    assert one.post("rfid?rfid=AABBCCDDEEFF")["rfid_status"] == "Present"
    assert one.post("rfid?rfid=001122334455")["rfid_status"] == "Invalid"


def test_the_ev_meter_of_type_api(twin):
    one = twin(settings={"ev_meter": "API"})
    reply = one.post("ev_meter?L1=10&L2=20&L3=30&import_active_power=2300"
                     "&import_active_energy=12345&export_active_energy=0")
    assert reply["ev_meter"]["currents"]["TOTAL"] == 60
    meter = one.get("settings")["ev_meter"]
    assert (meter["description"], meter["import_active_power"]) == ("API", 2300)
    assert (meter["total_wh"], meter["total_kwh"]) == (12345, 12.3)
    assert meter["currents"] == {"TOTAL": 60, "L1": 10, "L2": 20, "L3": 30}
    one.post("ev_meter?import_active_power=2400&import_active_energy=12400"
             "&export_active_energy=0")
    meter = one.get("settings")["ev_meter"]
    assert (meter["import_active_power"], meter["total_wh"]) == (2400, 12400)
    assert meter["currents"]["TOTAL"] == 60
    other = twin()
    assert other.post("ev_meter?L1=1&L2=2&L3=3") == {"ev_meter": REFUSED}


def test_sessions_as_files(twin):
    one = twin("--auto")
    one.wait(lambda: one.get("api/v1/status")["charging"], 45, "charging")
    one.wait(lambda: one.get("api/v1/status")["session"]["wh"] > 0, 30, "energy")
    one.world("unplug")
    one.wait(lambda: len(text_of(one, "api/v1/sessions.csv")[2].splitlines()) == 2, 20,
             "the session's record")
    for name, first in (("sessions", "number"), ("months", "month")):
        status, kind, text = text_of(one, "api/v1/%s.csv" % name)
        assert (status, kind) == (200, "text/csv; charset=utf-8")
        header, row = text.splitlines()
        assert header.startswith(first)
        assert header.count(",") == row.count(",")


def test_faults_are_listed_with_what_they_stop_and_how_they_clear(twin):
    one = twin(settings={"rcmon": "Enabled", "trust_lan": "Enabled"})
    one.wait(lambda: one.get("api/v1/status")["faults"] == [], 20, "the meter's first answer")
    one.world("rcm", on=True)
    one.wait(lambda: one.get("api/v1/status")["faults"], 10, "a fault")
    assert {"name": "RCM Tripped", "stops": "at once", "clears": "by reset"} in \
        one.get("api/v1/status")["faults"]
    assert command(one, "fault", "reset")[0] == 422
    one.world("rcm", on=False)
    one.wait(lambda: command(one, "fault", "reset")[0] == 200, 10, "the line to be quiet")
    assert one.get("api/v1/status")["faults"] == []
