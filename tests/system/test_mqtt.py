"""The running charger and a real Mosquitto: what it says, hears, and how it comes back."""

import json
import os
import signal

import pytest

from mqtt_fixture import HEAP, Client, Mosquitto, wait
from test_resolve import Server, good

PREFIX = "SmartEVSE-4711"
USER, PASSWORD = "eve", "J\u00f6rg's secret"


def link(charger):
    """What the charger says of its link."""
    return charger.get("/api/v1/status")["mqtt"]


def tell(charger, **settings):
    """Change settings."""
    for key, value in settings.items():
        charger.post("/api/v1/command", {"name": "set", "value": [key, value]})


@pytest.fixture
def broker(tmp_path):
    """Factory of Mosquittos and clients of them; all end with the test."""
    made = []

    def start(**options):
        made.append(Mosquitto(tmp_path, **options))
        return made[-1]

    def client(broker, **options):
        made.append(Client(broker.port, **options))
        return made[-1]

    start.client = client
    yield start
    for one in reversed(made):
        one.close()


def test_a_charger_and_the_house_it_is_in(twin, broker):
    """From a wrong password to a last goodbye."""
    mosquitto = broker(users={USER: PASSWORD})
    house = broker.client(mosquitto, user=USER, password=PASSWORD)
    house.say(PREFIX + "/Set/Mode", "Off", retained=True)
    charger = twin("--mqtt", "127.0.0.1:%d" % mosquitto.port, heap=HEAP, settings={
        "mqtt_user": USER, "mqtt_password": "guess", "trust_lan": "Enabled"})
    charger.wait(lambda: link(charger)["problem"] ==
                 "the broker does not let this user in with this password")
    assert not [topic for topic in house.last if topic != PREFIX + "/Set/Mode"]

    tell(charger, mqtt_password=PASSWORD)
    house.wait(PREFIX + "/connected", "online")
    charger.wait(lambda: link(charger) == {"host": "127.0.0.1", "state": "connected",
                                           "problem": ""})
    # What somebody once left on the broker is no command.
    assert house.wait(PREFIX + "/Mode") == "Smart"
    assert house.wait(PREFIX + "/State") == "Ready to Charge"
    assert house.wait(PREFIX + "/Access") == "Allow"
    charger.world("plug")
    house.wait(PREFIX + "/EVPlugState", "Connected")
    house.wait(PREFIX + "/State", "Charging")

    house.say(PREFIX + "/Set/Mode", "Pause")
    house.wait(PREFIX + "/Mode", "Pause")
    assert charger.get("/api/v1/status")["mode"] == "Pause"
    house.say(PREFIX + "/Set/Mode", "Normal")
    house.say(PREFIX + "/Set/CurrentOverride", "70")
    house.wait(PREFIX + "/ChargeCurrentOverride", "70")
    house.say(PREFIX + "/Set/Mode", "fast")
    house.say(PREFIX + "/Set/Mode", b"\xff\xfe")
    house.say(PREFIX + "/Set/CurrentOverride", "0")
    house.wait(PREFIX + "/ChargeCurrentOverride", "0")
    assert house.last[PREFIX + "/Mode"] == b"Normal"

    # Whoever comes later knows all that matters, and Home Assistant what there is.
    guest = broker.client(mosquitto, user=USER, password=PASSWORD, name="guest")
    for topic in ("connected", "Mode", "State", "Access", "Error", "MaxCurrent"):
        assert guest.wait("%s/%s" % (PREFIX, topic)) == house.last[
            "%s/%s" % (PREFIX, topic)].decode()
    configs = wait(lambda: [topic for topic in guest.last if topic.startswith("homeassistant/")])
    assert all(retained for topic, _, retained in guest.heard if topic in configs)
    mode = json.loads(house.wait("homeassistant/select/%s-Mode/config" % PREFIX))
    assert mode["command_topic"] == PREFIX + "/Set/Mode"
    count = len(house.heard)
    house.say("homeassistant/status", "online")
    wait(lambda: [topic for topic, _, _ in house.heard[count:] if topic in configs],
         "a second discovery")

    house.say(PREFIX + "/Set/Mode", "", retained=True)
    tell(charger, mqtt_prefix="garage")
    house.wait("garage/connected", "online")
    house.wait("garage/Mode", "Normal")
    assert house.last[PREFIX + "/connected"] == b"offline"
    assert not house.last["homeassistant/select/%s-Mode/config" % PREFIX]
    house.wait("homeassistant/select/garage-Mode/config")
    tell(charger, mqtt_host="")
    house.wait("garage/connected", "offline")
    charger.wait(lambda: link(charger) == {"host": "", "state": "off", "problem": ""})


@pytest.fixture
def named(monkeypatch):
    """A name server that knows every name as this machine's."""
    server = Server(lambda *question: good(*question, "127.0.0.1"))
    monkeypatch.setenv("MICROEVSE_DNS", server.address)
    yield
    server.close()


def test_a_broker_that_restarts_and_a_charger_that_dies(twin, broker, named):
    mosquitto = broker()
    house = broker.client(mosquitto)
    charger = twin("--mqtt", "broker.example:%d" % mosquitto.port, heap=HEAP, settings={
        "mqtt_prefix": "house/garage"})
    house.wait("house/garage/Mode", "Smart")
    mosquitto.stop()
    charger.wait(lambda: link(charger)["state"] == "waiting")
    assert "broker" in link(charger)["problem"]
    mosquitto.start()
    house = broker.client(mosquitto)
    # The new broker knows nothing yet.
    house.wait("house/garage/connected", "online")
    house.wait("house/garage/Mode", "Smart")
    house.wait("homeassistant/select/house/garage-Mode/config")
    os.kill(charger.pid, signal.SIGKILL)
    house.wait("house/garage/connected", "offline")
    guest = broker.client(mosquitto, name="guest")
    assert guest.wait("house/garage/connected") == "offline"
