"""The running charger's small services: the time from a server, the log, the figures."""

import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import blackbox
from test_ntp import AHEAD_S, Server, good
from test_telnet import Client, free_port
from twin_fixture import Twin


class House:
    """A charger that starts without the time, its time server and its log's port."""

    def __init__(self, monkeypatch):
        self.server = Server(lambda question, seconds: [good(question, seconds)])
        self.port = free_port()
        monkeypatch.setenv("MICROEVSE_TELNET", "127.0.0.1:%d" % self.port)
        self.charger = Twin("--auto", "--clock", "none", settings={
            "ntp_host": self.server.host, "telnet": "Enabled", "mains_met": "Eastron3P",
            "ev_meter": "Eastron3P", "mode": "Smart", "trust_lan": "Enabled"})

    def password(self):
        """That of the set-up network, which counts until another one is chosen."""
        environment = Path("/proc/%d/environ" % self.charger.pid).read_bytes().split(b"\0")
        folder = Path(next(entry[15:].decode() for entry in environment
                           if entry.startswith(b"MICROEVSE_DATA=")))

        def stored():
            try:
                return json.loads((folder / "settings.json").read_text()).get("portal")
            except (FileNotFoundError, ValueError):
                return None

        return self.charger.wait(stored, 90, "the portal's password")

    def metrics(self):
        """(kind of the answer, its text)."""
        with urllib.request.urlopen(self.charger.url + "metrics", timeout=10) as answer:
            return answer.headers["Content-Type"], answer.read().decode()

    def set(self, key, value):
        """Change a setting, as anybody may here."""
        self.charger.post("/api/v1/command", {"name": "set", "value": [key, value]})

    def figure(self, name):
        """Value of a figure by its name and labels, None when it is not there."""
        for line in self.metrics()[1].splitlines():
            if line.rpartition(" ")[0] == name:
                return float(line.rpartition(" ")[2])
        return None

    def close(self):
        self.charger.close()
        self.server.close()


@pytest.fixture(scope="module")
def house(sim_build):
    with pytest.MonkeyPatch.context() as monkeypatch:
        one = House(monkeypatch)
        yield one
        one.close()


def test_the_charger_gets_the_time(house):
    charger = house.charger
    told = charger.wait(lambda: charger.get("/api/v1/status")["clock"]["s"], what="the time")
    assert abs(told - time.time() - AHEAD_S) <= 3
    charger.wait(lambda: "clock set" in [event["text"] for event in charger.get(
        "/api/v1/journal")], what="the event")
    assert house.figure("microevse_ntp_failures") == 0
    assert house.figure("microevse_clock_seconds") >= told


def test_the_figures_are_those_of_the_status(house):
    charger = house.charger
    charger.wait(lambda: charger.get("/api/v1/status")["charging"], 60, "charging")
    kind, text = house.metrics()
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) microevse_\w+ .+|'
                            r'microevse_\w+(\{(\w+="([^"\\]|\\.)*",?)+\})? -?\d+(\.\d+)?',
                            line), line
    assert house.figure("microevse_charging") == 1
    assert house.figure("microevse_temperature_celsius") == charger.get(
        "/api/v1/status")["temp_c"]
    assert house.figure('microevse_mains_amperes{phase="L1"}') is not None
    bus = 'microevse_bus_replies_total{name="mains",address="10"}'
    before = house.figure(bus)
    charger.wait(lambda: house.figure(bus) > before, what="another reply of the meter")
    assert house.figure("microevse_cycle_seconds_count") > 100
    assert house.figure('microevse_heap_free_bytes{heap="python"}') >= house.figure(
        'microevse_heap_least_free_bytes{heap="python"}') > 1000


def test_the_black_box_can_be_drawn(house):
    with urllib.request.urlopen(house.charger.url + "api/v1/blackbox", timeout=20) as answer:
        title, rows, events = blackbox.read(answer.read().decode())
    assert rows[-1][2] == "C" and rows[-1][3] == 1, "it charges"
    assert "session began" in " ".join(words for _, words in events)
    assert blackbox.draw(title, rows, events).count("<rect") >= 2


def test_figures_are_only_read(house):
    request = urllib.request.Request(house.charger.url + "metrics", data=b"", method="POST")
    with pytest.raises(urllib.error.HTTPError) as problem:
        urllib.request.urlopen(request, timeout=10)
    assert problem.value.code == 405


def test_the_log_is_shown_to_who_has_the_install_password(house):
    password = house.password()
    client = Client(house.port)
    client.until(b"Password: ")
    client.send(b"guess\r\n")
    client.until(b"wrong. Password: ")
    client.close()

    def entered():
        try:
            one = Client(house.port)
            one.until(b"Password: ")
            one.send(password.encode() + b"\r\n")
            one.until(b"to leave.\r\n")
            return one
        except OSError:
            return None  # who guesses wrong has to wait

    client = house.charger.wait(entered, 30, "the log")
    client.until(b"clock set")
    house.charger.post("/api/v1/command", {"name": "mode", "value": "Off"})
    client.until(b"mode changed")
    # Switched off it is gone, and whoever is looking with it; switched on it is there again.
    house.set("telnet", "Disabled")
    client.rest()
    client.close()
    with pytest.raises(ConnectionRefusedError):
        Client(house.port)
    house.set("telnet", "Enabled")
    client = house.charger.wait(entered, 30, "the log")
    client.until(b"mode changed")
    client.close()
