"""What Home Assistant is told: entities as the older firmwares name them, which come and go."""

import json

from helpers_facts import Client, Status


def config(client, domain, suffix):
    """The configuration of one entity."""
    return json.loads(client.kept["homeassistant/%s/%s-%s/config" % (domain, "EVSE", suffix)])


def domains(client, suffix):
    """The domains an entity of that name is in."""
    end = "/EVSE-%s/config" % suffix
    return [topic.split("/")[1] for topic in client.kept if topic.endswith(end)]


def test_an_entity_of_the_older_firmwares():
    told = config(Client(), "sensor", "EVImportActiveEnergy")
    assert told == {
        "name": "EV Import Active Energy", "unique_id": "EVSE-EVImportActiveEnergy",
        "object_id": "EVSE-EVImportActiveEnergy",
        "default_entity_id": "sensor.evse_evimportactiveenergy",
        "state_topic": "EVSE/EVImportActiveEnergy", "availability_topic": "EVSE/connected",
        "device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "Wh",
        "origin": {"name": "MicroEVSE"},
        "device": {"identifiers": ["EVSE"], "name": "EVSE", "manufacturer": "Stegen",
                   "model": "sim", "sw_version": "v4.0.0", "serial_number": "4711",
                   "configuration_url": "http://192.168.1.5/"}}


def test_controls_have_their_commands():
    client = Client()
    mode = config(client, "select", "Mode")
    assert mode["command_topic"] == "EVSE/Set/Mode"
    assert mode["options"] == ["Off", "Normal", "Smart", "Solar", "Pause"]
    override = config(client, "number", "ChargeCurrentOverride")
    assert override["command_topic"] == "EVSE/Set/CurrentOverride"
    assert (override["min"], override["max"]) == (0, 16)
    for suffix, most in (("SolarStartCurrent", 48), ("SolarMaxImport", 48), ("SolarStopTime", 60),
                         ("BatteryReserve", 50)):
        told = config(client, "number", suffix)
        assert told["command_topic"] == "EVSE/Set/" + suffix
        assert (told["min"], told["max"]) == (0, most)
    assert config(client, "select", "EnableC2")["options"][0] == "Not present"


def test_what_is_missing_has_no_entity():
    client = Client(mains_met="Disabled", ev_meter="Disabled", circt_met="Disabled",
                    modem="Not present", lock="Disabled", rfid="Disabled",
                    cap_mode="Disabled", contact_2="Always On")
    for suffix in ("MainsCurrentL1", "EVCurrentL1", "CircuitCurrentL1", "PVCurrentL1", "CPPWM",
                   "CableLock", "RFIDLastRead", "CapacityUsed", "SolarStartCurrent", "Phases",
                   "EVExportActiveEnergy", "EVRemainingSoC"):
        assert domains(client, suffix) == [], suffix
    assert domains(client, "State") == ["sensor"]


def test_entities_follow_the_settings():
    client = Client()
    count = len(client.kept)
    client.status.change(mains_met="Disabled")
    client.round()
    assert domains(client, "MainsCurrentL1") == []
    assert "homeassistant/sensor/EVSE-MainsCurrentL1/config" in client.removed
    client.status.change(mains_met="API")
    client.round()
    assert len(client.kept) == count
    client.status.change(max=32)
    client.round()
    assert config(client, "number", "ChargeCurrentOverride")["max"] == 32
    client.status.ip = "10.0.0.9"
    client.round(2)
    assert config(client, "sensor", "State")["device"]["configuration_url"] == "http://10.0.0.9/"
    client.status.change(start=7)
    client.round()
    assert client.announced == 0


def test_controls_of_the_installer_are_there_for_who_may_use_them():
    client = Client()
    for suffix in ("CableLock", "LEDColorOff", "CustomButton", "MinCurrent", "MainsLimit",
                   "CircuitLimit", "CapacityMode"):
        assert domains(client, suffix) == ["sensor"], suffix
    client.status.change(trust_lan="Enabled")
    client.round()
    for suffix, domain in (("CableLock", "select"), ("LEDColorOff", "text"),
                           ("CustomButton", "select"), ("MinCurrent", "number"),
                           ("MainsLimit", "number"), ("CapacityLimit", "number")):
        assert domains(client, suffix) == [domain], suffix


def test_it_can_be_switched_off():
    client = Client()
    client.status.change(ha_discovery="Disabled")
    client.round()
    assert client.kept == {}
    client.facts.connected()
    client.round()
    assert client.kept == {}
    client.status.change(ha_discovery="Enabled")
    client.round()
    assert len(client.kept) > 60


def test_home_assistant_s_birth_is_answered():
    client = Client()
    client.round()
    for payload, answered in ((b"offline", False), (b"online", True)):
        client.facts.take(b"homeassistant/status", payload)
        client.round()
        assert bool(client.announced) == answered
        assert bool(client.heard) == answered
    assert client.command.calls == []


def test_a_birth_in_the_middle_is_not_lost():
    client = Client()
    client.status.change(max=20)
    client.status.uptime_s += 1
    pieces = client.facts.pieces()
    for piece in pieces:
        if piece and piece[0].startswith("homeassistant/"):
            break
    client.facts.take(b"homeassistant/status", b"online")
    for _ in pieces:
        pass
    client.round()
    assert client.announced > 80


def test_the_battery_s_entity_comes_with_its_first_value():
    status = Status()
    status.battery_age_ms = -1
    client = Client(status=status)
    assert domains(client, "HomeBatteryCurrent") == []
    status.battery_age_ms = 100
    client.round(2)
    assert domains(client, "HomeBatteryCurrent") == ["sensor"]
    status.battery_age_ms = -1
    status.battery_expired = True
    client.round(2)
    assert domains(client, "HomeBatteryCurrent") == ["sensor"]


def test_a_changed_prefix_takes_all_away():
    client = Client()
    client.hear(client.facts.farewell())
    assert client.kept == {}
    assert client.heard == {}


def test_prefixes_home_assistant_could_not_take():
    client = Client("SmartEVSE/4711")  # as the older firmware has it
    assert "homeassistant/sensor/SmartEVSE/4711-State/config" in client.kept
    told = json.loads(client.kept["homeassistant/sensor/SmartEVSE/4711-State/config"])
    assert told["default_entity_id"] == "sensor.smartevse_4711_state"
    assert told["unique_id"] == "SmartEVSE/4711-State"
    client = Client('home/my car."1"/evse')
    told = json.loads(client.kept["homeassistant/sensor/home/my_car__1__evse-State/config"])
    assert told["state_topic"] == 'home/my car."1"/evse/State'
    assert told["default_entity_id"] == "sensor.home_my_car__1__evse_state"


def test_a_long_prefix_is_abbreviated():
    prefix = "garage/charger/on/the/left/of/the/door"
    client = Client(prefix)
    told = json.loads(client.kept[
        "homeassistant/select/garage/charger_on_the_left_of_the_door-Mode/config"])
    assert told["~"] == prefix
    assert (told["state_topic"], told["command_topic"]) == ("~/Mode", "~/Set/Mode")
    assert told["device"]["identifiers"] == [prefix]


def test_each_state_topic_is_sent():
    status = Status(trust_lan="Enabled", modem="Experimental")
    status.car = dict.fromkeys((
        "initial_soc", "remaining_soc", "full_soc", "computed_soc", "energy_capacity",
        "energy_request", "evccid", "time_until_full"), 1)
    client = Client(status=status)
    for topic in client.kept:
        told = json.loads(client.kept[topic])
        assert told["state_topic"][5:] in client.heard, topic
