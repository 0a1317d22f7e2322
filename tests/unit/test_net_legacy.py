"""GET /settings as clients of the older firmwares read it: keys, types, places."""

from evse.settings import ALLOWED, KEY, TABLE
from helpers_net import CLOCK_S, FakeStatus, get


def settings_of(**facts):
    """The document of a status with some facts changed; those of ``values`` are settings."""
    status = FakeStatus()
    status.values.update(facts.pop("values", {}))
    for name, value in facts.items():
        setattr(status, name, value)
    return get("/settings", status=status).json


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
    assert (evse["access"], evse["mode"], evse["loadbl"]) == (1, 1, 1)
    assert evse["connected"] is True
    values = document["settings"]
    assert (values["charge_current"], values["override_current"]) == (137, 0)
    assert (values["current_min"], values["current_max"], values["current_main"]) == (6, 16, 25)
    assert values["mains_meter"] == "Eastron3P"
    assert document["mains_meter"] == {"import_active_energy": 1234567,
                                       "export_active_energy": 7654}
    phases = document["phase_currents"]
    assert (phases["L1"], phases["L2"], phases["L3"], phases["TOTAL"]) == (20, -45, 217, 192)
    assert phases["original_data"] == {"L1": 55, "L2": -12, "L3": 250, "TOTAL": 293}


def test_whole_numbers_stay_whole():
    text = get("/settings").body
    # Only the two that are given in kWh have a fraction, and just one digit of it.
    for part in (b"v4.0.0", b'"total_kwh":1234.5', b'"charged_kwh":7.6'):
        assert part in text
        text = text.replace(part, b"")
    assert b"." not in text


def test_what_does_not_exist_reports_off():
    document = get("/settings").json
    assert document["mqtt"]["tls"] is document["mqtt"]["smartevse_server"] is False
    assert document["ocpp"]["mode"] == document["ocpp"]["auto_auth"] == "Disabled"
    assert document["ocpp"]["status"] == "Disconnected"
    assert document["eth"] == {"present": False, "connected": False, "has_ip": False}


class Network:
    """The network as evse.net.wifi's tells of it."""

    state, rssi, bssid = "joined", -71, "24:5A:4C:1C:FB:F5"


def test_the_wifi_only_while_it_is_joined():
    assert "wifi" not in get("/settings").json
    network = Network()
    values = {"wifi_ssid": 'Van "Dam"'}
    assert settings_of(network=network, values=values)["wifi"] == {
        "status": "WL_CONNECTED", "ssid": 'Van "Dam"', "rssi": -71, "bssid": "24:5A:4C:1C:FB:F5"}
    for state in ("off", "joining", "wrong password", "not found", "failed"):
        network.state = state
        assert "wifi" not in settings_of(network=network)


class Link:
    """The link to a broker as evse.net.mqtt's tells of it."""

    def __init__(self, connected):
        self.connected = connected


def test_the_broker_and_the_link_to_it():
    assert get("/settings").json["mqtt"] == {
        "host": "", "port": 1883, "topic_prefix": "SmartEVSE-4711", "username": "",
        "password_set": False, "tls": False, "smartevse_server": False, "status": "Disconnected"}
    values = {"mqtt_host": "10.0.0.1", "mqtt_port": 1884, "mqtt_prefix": 'ho"me',
              "mqtt_user": "\u00e9", "mqtt_password": True}
    document = settings_of(mqtt=Link(True), values=values)["mqtt"]
    assert (document["host"], document["port"]) == ("10.0.0.1", 1884)
    assert (document["topic_prefix"], document["username"]) == ('ho"me', "\u00e9")
    assert document["password_set"] is True
    assert document["status"] == "Connected"
    assert settings_of(mqtt=Link(False))["mqtt"]["status"] == "Disconnected"


KILO = {"api_units": "kW"}
KILO_CAR = {"initial_soc": 20, "remaining_soc": -1, "full_soc": 80, "computed_soc": 31,
            "energy_capacity": 64_380, "energy_request": -1, "evccid": "A", "time_until_full": 9}


def test_the_same_keys_in_kilowatts():
    document = settings_of(values=KILO)
    meter = document["ev_meter"]
    assert meter["import_active_power"] == 9.1
    assert (meter["import_active_energy"], meter["export_active_energy"]) == (1234.5, 0)
    assert document["mains_meter"] == {"import_active_energy": 1234.5,
                                       "export_active_energy": 7.6}
    # Those that have had one unit only keep it.
    assert (meter["total_wh"], meter["charged_wh"]) == (1234567, 7654)
    assert (meter["total_kwh"], meter["charged_kwh"]) == (1234.5, 7.6)
    assert document["phase_currents"]["original_data"]["L3"] == 250
    modem = dict(KILO, modem="Experimental")
    told = settings_of(values=modem, car=KILO_CAR)["ev_state"]
    assert (told["energy_capacity"], told["energy_request"]) == (64.3, -1)
    assert told["full_soc"] == 80
    told = settings_of(values={"modem": "Experimental"}, car=KILO_CAR)["ev_state"]
    assert told["energy_capacity"] == 64_380


def test_in_kilowatts_it_is_an_older_version_to_clients_that_go_by_it():
    version = settings_of(values=KILO)["version"]
    assert version == "v3.9.0+v4.0.0"
    assert get("/settings").json["version"] == "v4.0.0"


def test_where_a_meter_in_the_network_is():
    document = settings_of(values={"mains_met": "HomeWizrd", "mains_host": "p1.local"})
    assert document["mains_meter"] == {"host": "p1.local", "import_active_energy": 1234567,
                                       "export_active_energy": 7654}
    document = settings_of(values={"mains_met": "HomeWizrd"}, mains_wh=-1)
    assert document["mains_meter"] == {"host": "Not Set"}
    document = settings_of(values={"ev_meter": "HomeWizrd", "ev_host": "10.0.0.7"})
    assert document["ev_meter"]["host"] == "10.0.0.7"
    assert "host" not in document["circuit_meter"]
    document = settings_of(values={"circt_met": "HomeWizrd", "circt_host": "10.0.0.8"})
    assert document["circuit_meter"]["host"] == "10.0.0.8"
    assert "host" not in document["ev_meter"]
    document = settings_of(values={"circt_met": "Disabled", "ev_meter": "HomeWizrd",
                                   "ev_host": "10.0.0.7", "ev_meter_role": "Sub-panel"})
    assert document["circuit_meter"]["host"] == "10.0.0.7"


def test_sample_time_is_unix_time():
    assert get("/settings").json["phase_currents"]["last_data_update"] == CLOCK_S - 1
    assert settings_of(clock_s=0)["phase_currents"]["last_data_update"] == 0


def test_the_home_battery_and_when_it_was_told():
    assert get("/settings").json["home_battery"] == {"current": 101, "last_update": CLOCK_S - 4}
    document = settings_of(battery_da=0, battery_age_ms=-1, battery_expired=True)
    assert document["home_battery"] == {"current": 0, "last_update": 0}


def test_solar_capacity_and_circuit():
    document = get("/settings").json
    assert document["evse"]["solar_stop_timer"] == 540
    values = document["settings"]
    assert (values["solar_start_current"], values["solar_stop_time"],
            values["solar_max_import"]) == (5, 11, 2)
    assert (values["current_max_circuit"], values["current_max_sum_mains"],
            values["max_sum_mains_time"]) == (20, 40, 3)
    assert values["capacity_mode"] == 3
    assert values["intervals"] == [{"start": 0, "power": 6000}, {"start": 420, "power": 2500}]
    assert document["circuit_meter"] == {
        "description": "Chint 3P", "address": 13,
        "currents": {"TOTAL": 483, "L1": 160, "L2": 161, "L3": 162}}


def test_no_intervals_and_no_circuit_meter():
    status = FakeStatus()
    status.intervals = tuple
    status.values["circt_met"] = "Disabled"
    document = get("/settings", status=status).json
    assert document["settings"]["intervals"] == []
    assert "circuit_meter" not in document


def test_an_ev_meter_of_the_sub_panel_is_the_circuits():
    document = settings_of(values={"circt_met": "Disabled", "ev_meter_role": "Sub-panel"})
    assert document["circuit_meter"]["description"] == "ABB"
    assert document["circuit_meter"]["address"] == 12
    assert document["ev_meter"]["charged_wh"] == 0  # it does not measure the car
    assert "circuit_meter" not in settings_of(values={
        "circt_met": "Disabled", "ev_meter": "Disabled", "ev_meter_role": "Sub-panel"})


def test_its_place_in_the_group_by_number():
    for number, name in enumerate(("Disabled", "Master", "Node 1", "Node 2", "Node 3", "Node 4",
                                   "Node 5", "Node 6", "Node 7")):
        assert settings_of(values={"pwr_share": name})["evse"]["loadbl"] == number


def test_phases_the_car_is_known_to_use():
    for used, wired, count, marks in ((0, 3, 3, (1, 1, 1)), (0, 1, 1, (1, 0, 0)),
                                      (0, 0, 0, (1, 1, 1)), (2, 3, 1, (0, 1, 0)),
                                      (3, 3, 3, (1, 1, 0)), (7, 0, 3, (1, 1, 1))):
        document = settings_of(phases_used=used, phases=wired)
        assert document["evse"]["nrofphases"] == count, (used, wired)
        phases = document["phase_currents"]
        assert [phases["charging_L%d" % phase] for phase in (1, 2, 3)] == [
            mark == 1 for mark in marks], (used, wired)
    phases = settings_of(phases_used=7, charging=False)["phase_currents"]
    assert not any(phases["charging_L%d" % phase] for phase in (1, 2, 3))


def test_no_sample_has_time_zero():
    assert settings_of(mains_age_ms=-1)["phase_currents"]["last_data_update"] == 0


def test_the_card_reader():
    evse = get("/settings").json["evse"]
    assert evse["rfidreader"] == "EnableOne"
    assert evse["rfid"] == "Present"
    assert evse["rfid_lastread"] == "04A1B2C3D4E5F6"
    for code, text in ((0, "Ready to read card"), (2, "Card Stored"), (3, "Card Deleted"),
                       (4, "Card already stored"), (5, "Card not in storage"),
                       (6, "Card Storage full"), (7, "Invalid"), (99, "NOSTATUS")):
        assert settings_of(rfid_status=code)["evse"]["rfid"] == text
    assert settings_of(rfid_last="")["evse"]["rfid_lastread"] == "00000000000000"


def test_no_card_reader():
    evse = settings_of(values={"rfid": "Disabled"})["evse"]
    assert (evse["rfidreader"], evse["rfid"]) == ("Disabled", "Not Installed")
    assert "rfid_lastread" not in evse


def test_button_and_phases():
    for custom in (True, False):
        assert settings_of(custom=custom)["evse"]["custombutton"] is custom
    for phases in (0, 1, 3):
        assert settings_of(phases=phases)["evse"]["nrofphases"] == phases


def test_second_contactor_by_name():
    for name in ("Not present", "Always Off", "Solar Off", "Always On", "Auto"):
        assert settings_of(values={"contact_2": name})["settings"]["enable_C2"] == name


def test_locks_and_led_by_number():
    values = get("/settings").json["settings"]
    assert (values["lock"], values["cablelock"], values["ledmode"]) == (2, 1, 1)
    for number, name in enumerate(("Disabled", "Solenoid", "Motor")):
        assert settings_of(values={"lock": name})["settings"]["lock"] == number
    values = settings_of(values={"cable_lock": "Disabled", "led_mode": "Standard"})["settings"]
    assert (values["cablelock"], values["ledmode"]) == (0, 0)


def test_the_display_its_lock_and_its_light():
    status = FakeStatus()
    for level, text in ((-1, "N/A"), (0, "OFF"), (1, "DIMMED"), (179, "DIMMED"), (180, "ON"),
                        (255, "ON")):
        status.backlight = level
        document = get("/settings", status=status).json
        assert document["backlight"] == {"timer": 97, "status": text}
    for name, number in (("Disabled", 0), ("Enabled", 1)):
        status.values["lcd_lock"] = name
        assert get("/settings", status=status).json["settings"]["lcdlock"] == number


def test_every_choice_a_setting_has_can_be_told():
    for setting in TABLE:
        if setting[KEY] in ("contact_2", "lock", "cable_lock", "led_mode", "rfid", "modem",
                            "pwr_share", "cap_mode", "circt_met", "ev_meter_role"):
            for name in setting[ALLOWED]:
                assert settings_of(values={setting[KEY]: name})["version"] == "v4.0.0"


def test_the_timer():
    values = get("/settings").json["settings"]
    assert values["starttime"] == CLOCK_S + 3600
    assert values["stoptime"] == CLOCK_S + 7200
    assert values["repeat"] == 1


def test_without_a_modem_nothing_is_said_of_the_car():
    document = settings_of(car={"evccid": "x"})
    assert document["settings"]["modem"] == "Not present"
    assert "required_evccid" not in document["settings"]
    assert "ev_state" not in document


def test_with_a_modem():
    told = {"initial_soc": 20, "remaining_soc": -1, "full_soc": 80, "computed_soc": 31,
            "energy_capacity": 64000, "energy_request": -1, "evccid": "AB\"CD",
            "time_until_full": 600}
    document = settings_of(car=told, values={"modem": "Experimental",
                                                  "required_evccid": "AA\"BB"})
    assert document["settings"]["modem"] == "Experiment"
    assert document["settings"]["required_evccid"] == "AA\"BB"
    assert document["ev_state"] == told
    assert "ev_state" not in settings_of(values={"modem": "Experimental"})


def test_the_ev_meter_in_watts_and_both_kinds_of_energy():
    meter = get("/settings").json["ev_meter"]
    assert meter == {
        "description": "ABB", "address": 12, "import_active_power": 9123,
        "total_wh": 1234567, "charged_wh": 7654, "total_kwh": 1234.5, "charged_kwh": 7.6,
        "currents": {"TOTAL": 393, "L1": 130, "L2": 131, "L3": 132},
        "import_active_energy": 1234567, "export_active_energy": 0}


def test_an_ev_meter_that_has_said_nothing():
    meter = settings_of(ev_w=-1, ev_wh=-1, session_wh=0)["ev_meter"]
    assert (meter["import_active_power"], meter["total_wh"], meter["total_kwh"]) == (0, 0, 0)
    assert (meter["charged_wh"], meter["charged_kwh"]) == (0, 0)
    assert meter["import_active_energy"] == 0


def test_no_ev_meter_has_no_energy_though_the_session_is_estimated():
    meter = settings_of(values={"ev_meter": "Disabled"})["ev_meter"]
    assert meter["description"] == "Disabled"
    assert (meter["charged_wh"], meter["charged_kwh"], meter["import_active_power"]) == (0, 0, 0)


def test_the_colours():
    assert get("/settings").json["color"] == {
        "off": {"R": 1, "G": 2, "B": 3}, "normal": {"R": 0, "G": 255, "B": 0},
        "smart": {"R": 0, "G": 254, "B": 1}, "solar": {"R": 255, "G": 170, "B": 0},
        "custom": {"R": 0, "G": 0, "B": 255}}


def test_unknown_energy_is_left_out():
    status = FakeStatus()
    status.mains_wh = -1
    assert "mains_meter" not in get("/settings", status=status).json


def test_any_origin_may_read_the_document():
    assert get("/settings").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in get("/api/v1/status").headers
