"""integrations/home-assistant in a real Home Assistant: what it reads, what it feeds."""

from pathlib import Path

import pytest

from ha import HomeAssistant
from mqtt_fixture import Mosquitto

FILES = Path(__file__).resolve().parents[2] / "integrations" / "home-assistant"
ADDRESS = "192.168.1.50"  # of the charger in the files
HEAP = "560K"  # as tests/system/test_mqtt.py


def package(name, charger):
    """A file as its user would have it, with his charger's address."""
    text = (FILES / (name + ".yaml")).read_text()
    return text.replace(ADDRESS, charger.url.split("/")[2])


@pytest.fixture
def broker(tmp_path):
    """A Mosquitto."""
    one = Mosquitto(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("feed", ("smartevse_feed", "smartevse_feed_rest"))
def test_the_packages_read_and_feed_the_charger(twin, broker, feed):
    charger = twin("--mqtt", "127.0.0.1:%d" % broker.port, heap=HEAP, settings={
        "mains_met": "API", "ev_meter": "API", "mqtt_prefix": "SmartEVSE-4711"})
    home = HomeAssistant(broker.port, {
        name: package(name, charger) for name in ("smartevse_rest", feed)})
    try:
        def state(entity, wanted):
            home.wait(lambda entities: entities.get(entity, {}).get("state") == wanted, entity)

        for phase, watts in (("l1", 2300), ("l2", -460), ("l3", 0)):
            home.ask("state", entity="sensor.p1_power_" + phase, state=str(watts))
            home.ask("state", entity="sensor.car_current_" + phase, state="6.1")
        home.ask("state", entity="sensor.battery_charging_power", state="-230")
        home.ask("state", entity="sensor.car_power", state="4200")
        home.ask("state", entity="sensor.car_energy", state="12.345")
        charger.wait(lambda: charger.get("/settings")["phase_currents"]["original_data"] == {
            "TOTAL": 80, "L1": 100, "L2": -20, "L3": 0}, what="the mains' currents")
        charger.wait(lambda: charger.get("/settings")["home_battery"]["current"] == -10,
                     what="the battery's current")
        if feed == "smartevse_feed":
            charger.wait(lambda: charger.get("/settings")["ev_meter"][
                "import_active_power"] == 4200, what="the car's power")
            car = charger.get("/settings")["ev_meter"]
            assert (car["currents"]["L1"], car["total_wh"]) == (61, 12345)
        state("sensor.smartevse_mode", "Smart")
        state("sensor.smartevse_mains_l1", "10.0")
        state("binary_sensor.smartevse_car_connected", "off")
        assert home.call("input_select.select_option", "input_select.smartevse_mode",
                         option="Normal") is None
        charger.wait(lambda: charger.get("/settings")["mode"] == "NORMAL", what="Normal")
        assert home.ask("call", domain="rest_command", service="smartevse_override",
                        data={"amps": 7.5}) is None
        charger.wait(lambda: charger.get("/settings")["settings"]["override_current"] == 75,
                     what="the override")
        state("sensor.smartevse_override_current", "7.5")
        # A sensor that is lost is not fed as 0.
        home.ask("state", entity="sensor.p1_power_l1", state="unavailable")
        charger.wait(lambda: charger.get("/api/v1/status")["mains"]["fresh"] is False, 30,
                     "the loss of the mains meter")
        assert home.ask("log") == []
    finally:
        home.close()
