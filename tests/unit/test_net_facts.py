"""What MQTT clients hear: every topic of the older firmwares, and when it is sent."""

from evse.settings import TABLE
from helpers_core import Bench
from helpers_facts import Client, Status
from helpers_net import CLOCK_S


def test_topics_formats_and_units_are_the_older_firmwares():
    heard = Client(modem="Experimental", status=with_modem()).round(61)
    expected = {
        "ESPUptime": "3723", "ESPTemp": "31", "Mode": "Smart", "MaxCurrent": "160",
        "MaxSumMains": "40", "MaxSumMainsTime": "3", "CustomButton": "On", "ChargeCurrent": "137",
        "ChargeCurrentOverride": "0", "NrOfPhases": "3", "Access": "Allow", "RFID": "Present",
        "EnableC2": "Auto", "RFIDLastRead": "04A1B2C3D4E5F6", "State": "Charging", "StateID": "C",
        "Error": "None", "EVPlugState": "Connected", "WiFiSSID": "Home",
        "WiFiBSSID": "AA:BB:CC:DD:EE:FF", "WiFiRSSI": "-61",
        # Those of the mains are without the home battery's part.
        "MainsCurrentL1": "20", "MainsCurrentL2": "-45", "MainsCurrentL3": "217",
        "MainsImportActiveEnergy": "1234567", "MainsExportActiveEnergy": "7654",
        "EVCurrentL1": "130", "EVCurrentL2": "131", "EVCurrentL3": "132",
        "EVImportActiveEnergy": "1234567", "CircuitCurrentL1": "160", "CircuitCurrentL2": "161",
        "CircuitCurrentL3": "162", "EVChargePower": "9123", "EVEnergyCharged": "7654",
        "EVTotalEnergyCharged": "1234567", "HomeBatteryCurrent": "101", "OCPP": "Disabled",
        "OCPPConnection": "Disconnected", "LEDColorOff": "1,2,3", "LEDColorNormal": "0,255,0",
        "LEDColorSmart": "0,254,1", "LEDColorSolar": "255,170,0", "LEDColorCustom": "0,0,255",
        "CableLock": "1", "LoadBl": "1", "PairingPin": "", "SolarStopTimer": "540",
        "CPPWM": "233", "CPPWMOverride": "-1", "EVInitialSoC": "-1", "EVFullSoC": "80",
        "EVComputedSoC": "55", "EVRemainingSoC": "20", "EVTimeUntilFull": "3600",
        "EVEnergyCapacity": "60000", "EVEnergyRequest": "-1", "EVCCID": "0A0B",
        "RequiredEVCCID": "", "Reason": "charging", "Limit": "mains", "Fault": "Pilot Fault",
        "StartTime": str(CLOCK_S + 3600), "StopTime": str(CLOCK_S + 7200), "Phases": "1",
        "SessionSolarEnergy": "1234", "SessionTime": "5400", "CapacityUsed": "400",
        "CapacityBudget": "625", "CapacityPeak": "2750", "MinCurrent": "6", "MainsLimit": "25",
        "CircuitLimit": "20", "CapacityLimit": "40", "CapacityStopTime": "3",
        "CapacityMode": "Flanders", "SolarStartCurrent": "5", "SolarMaxImport": "2",
        "SolarStopTime": "11", "SolarStyle": "greedy", "BatteryReserve": "7",
        "BatteryProtect": "Enabled", "Version": "v4.0.0", "IPAddress": "192.168.1.5",
        "ResetCause": "power", "Starts": "4", "TaskRestarts": "3", "LeastMemory": "41000"}
    for name in expected:
        assert heard.get(name) == expected[name], (name, heard.get(name))
    assert len(heard) == len(expected), set(heard) - set(expected)


def with_modem():
    """The status of a charger with a modem that has heard from the car."""
    status = Status(modem="Experimental")
    status.car = {"initial_soc": -1, "remaining_soc": 20, "full_soc": 80, "computed_soc": 55,
                       "energy_capacity": 60000, "energy_request": -1, "evccid": "0A0B",
                       "time_until_full": 3600}
    return status


def test_what_is_retained_is_what_was():
    client = Client(status=with_modem())
    client.round(61)
    fleeting = set(client.heard) - set(client.retained)
    assert fleeting == {
        "ESPUptime", "ESPTemp", "CustomButton", "WiFiRSSI", "MainsCurrentL1", "MainsCurrentL2",
        "MainsCurrentL3", "MainsImportActiveEnergy", "MainsExportActiveEnergy", "EVCurrentL1",
        "EVCurrentL2", "EVCurrentL3", "EVImportActiveEnergy", "CircuitCurrentL1",
        "CircuitCurrentL2", "CircuitCurrentL3", "EVChargePower", "EVTotalEnergyCharged",
        "HomeBatteryCurrent", "OCPPConnection", "SolarStopTimer", "CPPWM", "EVTimeUntilFull",
        "SessionTime", "CapacityUsed", "CapacityBudget", "LeastMemory"}


def test_a_bare_charger_says_nothing_of_what_it_has_not():
    client = Client(mains_met="Disabled", ev_meter="Disabled", circt_met="Disabled",
                    lock="Disabled", rfid="Disabled", cap_mode="Disabled", contact_2="Not present",
                    pwr_share="Disabled", wifi_ssid="")
    client.status.battery_age_ms = -1
    client.status.network = None
    client.status.ip = ""
    heard = client.round(61)
    for name in heard:
        assert not name.startswith(("Mains", "Circuit", "HomeBattery", "WiFi", "IPA", "CP")) or \
            name.endswith("Limit"), name
        assert not name.startswith("EV") or name == "EVPlugState", name
    assert heard["RFID"] == "Not Installed"
    assert heard["LoadBl"] == "0"
    for name in ("RFIDLastRead", "CableLock", "Phases", "CapacityUsed", "RequiredEVCCID"):
        assert name not in heard, name


def test_a_round_says_what_has_changed():
    client = Client()
    assert client.round() == {}
    client.status.mode = "Pause"
    client.status.access = 2
    client.status.grant_da = 60
    assert client.round() == {"Mode": "Pause", "Access": "Pause", "ChargeCurrent": "60"}
    assert client.retained == ["Mode", "Access", "ChargeCurrent"]
    assert client.round() == {}


def test_what_is_measured_comes_every_two_seconds():
    client = Client()
    client.round(2)
    client.status.amps = [56, -12, 250]
    client.status.ev_w = 9200
    assert client.round(1) == {}
    assert client.round(1) == {"MainsCurrentL1": "21", "EVChargePower": "9200"}


def test_what_always_moves_waits_for_the_refresh():
    client = Client()
    client.status.temp = 40
    client.status.network.rssi = -70
    for _ in range(59):
        assert client.round() == {}
    heard = client.round()
    assert (heard["ESPTemp"], heard["WiFiRSSI"], heard["ESPUptime"]) == ("40", "-70", "3722")
    assert heard["Mode"] == "Smart"  # everything else with it
    assert client.round() == {}


def test_settings_are_looked_at_when_one_has_changed():
    client = Client()
    client.status.values["start"] = 9
    assert client.round() == {}
    client.status.change(start=10)
    assert client.round() == {"SolarStartCurrent": "10"}


def test_states_go_by_their_plain_name():
    client = Client()
    client.status.state_name = "Charging Stopped - Waiting for Solar"
    client.status.state_id = 1
    heard = client.round()
    assert (heard["State"], heard["StateID"]) == ("Charging Stopped", "B")
    client.status.access = 0
    assert client.round() == {"Access": "Deny"}


def test_a_lost_meter_is_silent():
    client = Client()
    client.status.mains_fresh = False
    client.status.ev_age_ms = client.status.circuit_age_ms = client.status.battery_age_ms = -1
    client.status.ev_w = -1
    heard = client.round(61)
    for name in heard:
        assert not name.startswith(("MainsCurrent", "MainsImport", "EVCurrent", "EVChargePower",
                                    "CircuitCurrent", "HomeBattery")), name
    assert heard["EVTotalEnergyCharged"] == "1234567"  # what it said last still holds


def test_the_sub_panel_s_meter_is_no_meter_of_the_car():
    heard = Client(ev_meter_role="Sub-panel", circt_met="Disabled").round(61)
    assert heard["CircuitCurrentL1"] == "160"
    assert "EVCurrentL1" not in heard
    assert "EVEnergyCharged" not in heard


def test_numbers_of_the_group():
    for share, number in (("Disabled", "0"), ("Master", "1"), ("Node 1", "2"), ("Node 7", "8")):
        assert Client(pwr_share=share).heard["LoadBl"] == number


def test_a_new_link_hears_everything():
    client = Client()
    client.round()
    client.facts.connected()
    heard = client.round()
    assert len(heard) > 60
    assert client.announced > 80


def test_messages_fit_whatever_the_prefix_is():
    for prefix in ("E", "SmartEVSE/4711", "x" * 24, "x" * 25, "y" * 63):
        status = with_modem()
        status.change(trust_lan="Enabled")
        status.ip, status.serial, status.version = "192.168.178.123", 16777215, "v4.10.12"
        client = Client(prefix, status=status)
        for topic in client.kept:
            size = len(topic) + len(client.kept[topic].encode())
            assert size <= 1017, (topic, size)
        assert len(client.kept) > 60


def test_others_run_between():
    client = Client()
    client.facts.connected()
    client.status.uptime_s += 1
    work = 0
    for piece in client.facts.pieces():
        if piece is None:
            work = 0
        else:
            work += 1
            assert work <= 8


def test_a_round_that_sends_nothing_makes_no_garbage_to_speak_of():
    import gc
    client = Client()
    client.round(2)
    facts = client.facts
    status = client.status
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        for _ in range(10):
            status.uptime_s += 2
            for piece in facts.pieces():
                assert piece is None
        used = (gc.mem_alloc() - before) // 10
    finally:
        gc.enable()
    assert used < 4000, used


def test_it_says_what_a_real_charger_is():
    bench = Bench({"max": 16, "mains_met": "API", "contact_2": "Always On", "mode": "Smart",
                   "ev_meter": "API"})
    client = Client(status=bench.status, command=bench.command)
    heard = client.heard
    assert heard["Mode"] == "Smart", heard
    assert (heard["State"], heard["StateID"]) == ("Ready to Charge", "A"), heard
    assert heard["EnableC2"] == "Always On"
    assert "MainsCurrentL1" not in heard
    client.command = bench.command
    client.facts.take(b"EVSE/Set/MainsMeter", b"10:20:-30:400:5000")
    bench.run(3000)
    client.hear(client.facts.pieces())
    assert (client.heard["MainsCurrentL1"], client.heard["MainsCurrentL3"]) == ("10", "-30")
    assert client.heard["MainsImportActiveEnergy"] == "5000"


def test_settings_it_reads_exist():
    keys = [setting[0] for setting in TABLE]
    for key in Status().values:
        assert key in keys, key
