"""What sets the current, over HTTP on the running firmware: Solar, capacity, battery, circuit."""

import urllib.parse

REFUSED = "Value not allowed!"
API = {"mains_met": "API"}
TRUSTED = {**API, "trust_lan": "Enabled"}


def command(one, name, value):
    """One command of /api/v1; returns (status, document)."""
    try:
        return 200, one.post("api/v1/command", {"name": name, "value": value})
    except AssertionError as problem:
        return int(str(problem).split(": ")[1].split()[0]), str(problem)


def values_of(one):
    return one.get("settings")["settings"]


def test_solar_can_be_chosen_with_a_mains_meter(twin):
    one = twin(settings=API)
    assert one.get("api/v1/status")["modes"] == ["Off", "Normal", "Smart", "Solar", "Pause"]
    assert one.post("settings?mode=2") == {"mode": "2"}
    document = one.get("settings")
    assert (document["mode"], document["mode_id"], document["evse"]["mode"]) == ("SOLAR", 2, 2)
    assert command(one, "mode", "Smart")[0] == 200
    assert one.get("settings")["mode_id"] == 3
    other = twin(settings={"mains_met": "Disabled", "mode": "Normal"})
    assert other.post("settings?mode=2") == {"mode": REFUSED}
    assert command(other, "mode", "Solar")[0] == 422
    assert other.get("settings")["mode_id"] == 1


def test_a_driver_sets_solar(twin):
    one = twin(settings=API)
    assert one.post("settings?stop_timer=8.0&solar_start_current=5.0&solar_max_import=3") == {
        "stop_timer": True, "solar_start_current": 5, "solar_max_import": 3}
    values = values_of(one)
    assert (values["solar_stop_time"], values["solar_start_current"],
            values["solar_max_import"]) == (8, 5, 3)
    assert one.post("settings?stop_timer=61&solar_start_current=49&solar_max_import=-1") == {
        "stop_timer": False, "solar_start_current": REFUSED, "solar_max_import": REFUSED}
    assert command(one, "set", ["solar_style", "greedy"])[0] == 200
    assert command(one, "set", ["battery_reserve", 7])[0] == 200
    assert command(one, "set", ["battery_protect", "Enabled"])[0] == 200
    status = one.get("api/v1/status")
    solar = status["solar"]
    assert [solar[key] for key in ("style", "start", "stop", "import", "left_s")] == [
        "greedy", 5, 8, 3, 0]
    assert (status["battery"]["reserve"], status["battery"]["protect"]) == (7, True)


def test_capacity_is_the_installers(twin):
    query = urllib.parse.urlencode({
        "capacity_mode": 2, "intervals": '[{"start":420,"power":2500},{"start":0,"power":6000}]',
        "current_max_sum_mains": 32, "max_sum_mains_timer": 4})
    one = twin(settings=API)
    assert one.post("settings?" + query) == {
        "capacity_mode": REFUSED, "intervals": REFUSED, "current_max_sum_mains": REFUSED,
        "max_sum_mains_time": REFUSED}
    values = values_of(one)
    assert (values["capacity_mode"], values["intervals"], values["current_max_sum_mains"],
            values["max_sum_mains_time"]) == (0, [], 0, 0)
    assert command(one, "intervals", [[0, 6000]])[0] == 403
    one = twin(settings=TRUSTED)
    assert one.post("settings?" + query) == {
        "capacity_mode": 2, "intervals": "OK", "current_max_sum_mains": 32,
        "max_sum_mains_time": 4}
    values = values_of(one)
    assert (values["capacity_mode"], values["current_max_sum_mains"],
            values["max_sum_mains_time"]) == (2, 32, 4)
    assert values["intervals"] == [{"start": 0, "power": 6000}, {"start": 420, "power": 2500}]
    assert command(one, "intervals", [[0, -1]])[0] == 422
    assert command(one, "intervals", [[60, 3000]])[0] == 200
    capacity = one.get("api/v1/status")["capacity"]
    assert (capacity["mode"], capacity["amps"], capacity["stop"]) == ("Interval", 32, 4)
    assert capacity["intervals"] == [[60, 3000]]
    assert one.post("settings?capacity_mode=0") == {"capacity_mode": 0}
    assert (values_of(one)["capacity_mode"], values_of(one)["current_max_sum_mains"]) == (0, 0)
    # What clients of the first firmware send alone is a limit at once.
    assert one.post("settings?current_max_sum_mains=25.0") == {"current_max_sum_mains": 25}
    assert values_of(one)["capacity_mode"] == 1
    one.wait(lambda: one.get("api/v1/status")["capacity"]["limit_da"] == 250, 5, "the limit")
    assert one.post("settings?current_max_sum_mains=5") == {"current_max_sum_mains": REFUSED}


def test_the_home_battery_corrects_what_solar_sees(twin):
    one = twin(settings={**API, "mode": "Solar"})
    assert one.get("settings")["home_battery"] == {"current": 0, "last_update": 0}
    assert one.post("settings?battery_current=100") == {"battery_current": 100}
    reply = one.post("currents?L1=0&L2=0&L3=-10")
    assert reply["original"] == {"L1": 0, "L2": 0, "L3": -10}
    assert reply["TOTAL"] == -110
    assert one.post("currents?battery_current=-30") == {"battery_current": -30}
    document = one.get("settings")
    assert document["home_battery"]["current"] == -30
    assert document["home_battery"]["last_update"] > 1_700_000_000
    phases = document["phase_currents"]
    assert (phases["TOTAL"], phases["original_data"]["TOTAL"]) == (20, -10)
    battery = one.get("api/v1/status")["battery"]
    assert battery["da"] == -30
    assert not battery["expired"]
    assert 0 <= battery["age_ms"] < 5000
    assert one.post("settings?mode=3") == {"mode": "3"}
    assert one.get("settings")["phase_currents"]["TOTAL"] == -10
    assert one.post("settings?battery_current=99999") == {"battery_current": REFUSED}


def test_a_circuit_meter_of_type_api(twin):
    one = twin(settings={**API, "circt_met": "API", "circuit": 20})
    assert command(one, "reading", ["circuit", 10, 20, 30])[0] == 200
    meter = one.get("settings")["circuit_meter"]
    assert meter == {"description": "API", "address": 13,
                     "currents": {"TOTAL": 60, "L1": 10, "L2": 20, "L3": 30}}
    assert values_of(one)["current_max_circuit"] == 20
    circuit = one.get("api/v1/status")["circuit"]
    assert (circuit["limit_da"], circuit["da"]) == (200, [10, 20, 30])
    other = twin(settings=API)
    assert command(other, "reading", ["circuit", 10, 20, 30])[0] == 422
    assert "circuit_meter" not in other.get("settings")
    assert other.get("api/v1/status")["circuit"]["limit_da"] is None


def test_the_place_in_the_group(twin):
    for share, number, rows in (("Disabled", 0, 1), ("Master", 1, 1), ("Node 7", 8, 1)):
        one = twin(settings={**API, "pwr_share": share})
        assert one.get("settings")["evse"]["loadbl"] == number
        status = one.get("api/v1/status")
        assert status["share"] == share
        assert len(status["evses"]) == rows
        assert status["evses"][0]["number"] == 0


def test_a_car_that_waits_for_sun_gets_it(twin):
    one = twin("--auto", settings={"mode": "Solar", "start": 0, "max": 16})
    one.wait(lambda: one.get("api/v1/status")["car_connected"], 20, "a car")
    one.wait(lambda: one.get("api/v1/status")["reason"]["text"] == "waits for more sun", 30,
             "a reason")
    assert not one.get("api/v1/status")["charging"]
    assert one.get("settings")["evse"]["state"].endswith(" - Waiting for Solar")
    one.world("sun", amps=12)
    one.wait(lambda: one.get("api/v1/status")["charging"], 120, "charging")
    one.wait(lambda: one.get("api/v1/status")["limit"]["text"] in ("sun", "start of session"), 30,
             "the sun as the limit")
