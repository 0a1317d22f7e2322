"""Runs on MicroPython: a board with all that the services of a charger need."""

from faults_board import Board
from faults_peers import HOST

_JOINING, _JOINED = 1, 2  # of a radio


class _Screen:
    def restart(self, now):
        pass

    def step(self, now):
        return True

    def send(self, page, view):
        return None


class Air:
    """A radio that joins whatever it is told to, unless the network is ``away``."""

    def __init__(self):
        self.away = False
        self._joined = False

    def join(self, ssid, password, fixed):
        self._joined = bool(ssid)

    def restart(self):
        self._joined = False

    def link(self):
        if not self._joined:
            return (0, "", 0)
        return (_JOINING, "", 0) if self.away else (_JOINED, HOST, -50)

    def scan(self):
        pass

    def found(self):
        return []

    def channel(self):
        return 1

    def portal_dns(self):
        return None

    mdns = portal_dns


class Wired(Board):
    """The board; ``ports`` are where its peers and servers are, by their names."""

    ports = {}

    def __init__(self, charger):
        super().__init__(charger)
        self.air = Air()

    def display(self):
        return _Screen()

    def radio(self):
        return self.air

    def buttons(self):
        return 4 if self._clock.ms // 200 % 5 == 0 else 0  # leafs through the screens

    def http_address(self):
        return HOST, self.ports["http"]

    def modbus_address(self):
        return HOST, self.ports["modbus"]

    def telnet_address(self):
        return HOST, self.ports["telnet"]

    def dns_server(self):
        return "%s:%d" % (HOST, self.ports["dns"])


def settings(ports):
    """Return the settings that put all services to use."""
    return {"wifi": "Enabled", "wifi_ssid": "home", "wifi_password": "correct horse",
            "mqtt_host": "broker.test", "mqtt_port": ports["mqtt"], "trust_lan": "Enabled",
            "ntp_host": "ntp.test:%d" % ports["ntp"], "modbus_tcp": "Enabled",
            "telnet": "Enabled", "circt_met": "HomeWizrd",
            "circt_host": "%s:%d" % (HOST, ports["meter"])}
