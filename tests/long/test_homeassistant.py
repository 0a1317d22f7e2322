"""A real Home Assistant, a real broker and the running charger: discovery without a warning."""

import pytest

from ha import HomeAssistant
from mqtt_fixture import Mosquitto

HEAP = "560K"  # as tests/system/test_mqtt.py
SETTINGS = {"ev_meter": "Eastron3P", "lock": "Motor", "config": "Fixed", "rfid": "EnableAll",
            "contact_2": "Auto", "cap_mode": "Flanders",
            "modem": "Experimental"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A Mosquitto for all tests here, which use prefixes of their own."""
    one = Mosquitto(tmp_path_factory.mktemp("broker"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def home(broker):
    """A Home Assistant for all tests here."""
    one = HomeAssistant(broker.port)
    yield one
    one.close()


class House:
    """One charger as Home Assistant sees it: entities by their name after the prefix."""

    def __init__(self, home, twin, broker, prefix, **settings):
        self.home = home
        self.slug = prefix.lower().replace("-", "_").replace("/", "_") + "_"
        self.charger = twin("--mqtt", "127.0.0.1:%d" % broker.port, heap=HEAP, settings={
            "mqtt_prefix": prefix, **SETTINGS, **settings})

    def entities(self):
        """All entities of this charger, "domain.name" without the prefix."""
        return self.own(self.home.ask("entities"))

    def own(self, entities):
        """Those of ``entities`` that are this charger's."""
        found = {}
        for entity_id, facts in entities.items():
            domain, _, name = entity_id.partition(".")
            if name.startswith(self.slug):
                found[domain + "." + name[len(self.slug):]] = facts
        return found

    def wait(self, name, state):
        """Wait for an entity's state."""
        return self.home.wait(lambda all_of_them: str(self.own(all_of_them).get(name, {}).get(
            "state")) == state, "%s %s" % (name, state))

    def call(self, service, name, **data):
        """Call a service on one entity; it must be carried out."""
        domain, _, rest = name.partition(".")
        answer = self.home.call(service, "%s.%s%s" % (domain, self.slug, rest), **data)
        assert answer is None, answer

    def post(self, name, value):
        """Give the charger a command."""
        self.charger.post("/api/v1/command", {"name": name, "value": value})

    def set(self, **settings):
        """Change settings as somebody on a trusted network does."""
        for key, value in settings.items():
            self.post("set", [key, value])


def test_home_assistant_discovers_and_drives_the_charger(home, twin, broker):
    house = House(home, twin, broker, "SmartEVSE-4711", trust_lan="Enabled")
    charger = house.charger
    house.wait("select.mode", "Smart")
    house.wait("sensor.state", "Ready to Charge")
    device = next(one for one in home.ask("devices") if one["name"] == "SmartEVSE-4711")
    assert device["manufacturer"] == "Stegen"
    assert device["version"] == charger.get("/settings")["version"]
    assert device["serial"] == str(charger.get("/settings")["serialnr"])

    # Facts arrive, in the units people read.
    house.wait("sensor.error", "OK")
    house.wait("sensor.starttime", "none")
    charger.post("/currents?battery_current=-12")
    house.wait("sensor.homebatterycurrent", "-1.2")
    charger.world("plug")
    house.wait("sensor.evplugstate", "Connected")
    house.post("swipe", "0123456789AB")  # with a reader nothing charges without a card
    house.wait("sensor.rfidlastread", "0123456789AB")
    for phase in "L1", "L2", "L3":
        home.wait(lambda all_of_them: house.own(all_of_them)[
            "sensor.mainscurrent" + phase.lower()]["state"] == str(
                charger.get("/settings")["phase_currents"][phase] / 10), phase)

    # Each control does what it says, and shows what is in force.
    house.call("select.select_option", "select.mode", option="Normal")
    house.wait("select.mode", "Normal")
    assert charger.get("/settings")["mode"] == "NORMAL"
    house.call("number.set_value", "number.chargecurrentoverride", value=8)
    house.wait("number.chargecurrentoverride", "8.0")
    assert charger.get("/settings")["settings"]["override_current"] == 80
    for name, value, key in (("solarstartcurrent", 7, "solar_start_current"),
                             ("solarmaximport", 3, "solar_max_import"),
                             ("solarstoptime", 20, "solar_stop_time"),
                             ("mincurrent", 7, "current_min"),
                             ("mainslimit", 30, "current_main"),
                             ("circuitlimit", 20, "current_max_circuit"),
                             ("capacitylimit", 40, "current_max_sum_mains"),
                             ("capacitystoptime", 5, "max_sum_mains_time")):
        house.call("number.set_value", "number." + name, value=value)
        house.wait("number." + name, str(value))
        assert charger.get("/settings")["settings"][key] == value, name
    house.wait("sensor.maxsummains", "40")
    house.call("number.set_value", "number.batteryreserve", value=4)
    house.wait("number.batteryreserve", "4")
    for name, option in (("enablec2", "Always On"), ("solarstyle", "greedy"),
                         ("capacitymode", "Fixed"), ("custombutton", "On"), ("cablelock", "1")):
        house.call("select.select_option", "select." + name, option=option)
        house.wait("select." + name, option)
    assert "select.phases" not in house.entities()  # contactor 2 is not Auto any more
    house.call("switch.turn_on", "switch.batteryprotect")
    house.wait("switch.batteryprotect", "on")
    house.call("text.set_value", "text.ledcolorsolar", value="1,2,3")
    house.wait("text.ledcolorsolar", "1,2,3")
    assert charger.get("/settings")["color"]["solar"] == {"R": 1, "G": 2, "B": 3}
    house.call("number.set_value", "number.cppwmoverride", value=50)
    house.wait("number.cppwmoverride", "50")
    house.call("number.set_value", "number.cppwmoverride", value=-1)
    house.wait("number.cppwmoverride", "-1.0")

    # Only what it can do is there to be done, and what is gone is taken away.
    house.set(trust_lan="Disabled")
    gone = {"select.cablelock", "text.ledcolorsolar", "number.mainslimit", "number.circuitlimit"}
    home.wait(lambda entities: not gone & set(house.own(entities)), "an end of the controls")
    house.wait("sensor.mainslimit", "30")
    names = house.entities()
    assert all(facts["state"] not in (None, "unavailable") for name, facts in names.items()
               if not facts["disabled"]), names
    assert home.ask("log") == []


def test_it_comes_and_goes(home, twin, broker):
    house = House(home, twin, broker, "SmartEVSE/1234", trust_lan="Enabled")  # as imported
    # The last one told.
    home.wait(lambda entities: "sensor.espuptime" in house.own(entities), "all entities")
    count = len(house.entities())
    assert count > 70
    house.set(ha_discovery="Disabled")
    home.wait(lambda entities: not house.own(entities), "an end of all entities")
    house.set(ha_discovery="Enabled")
    home.wait(lambda entities: len(house.own(entities)) == count, "all entities again")
    house.set(mqtt_prefix="garage")
    home.wait(lambda entities: not house.own(entities), "an end of the old prefix")
    house.slug = "garage_"
    home.wait(lambda entities: len(house.own(entities)) == count, "those of the new prefix")
    # Home Assistant starts again and asks: what is not retained comes at once as well.
    home.ask("publish", topic="homeassistant/status", payload="online")
    house.wait("select.mode", "Smart")
    house.charger.close()
    house.wait("select.mode", "unavailable")
    assert home.ask("log") == []
