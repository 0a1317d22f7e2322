"""Stands for MicroPython's network module and notes in ``log`` what is done to it."""

STA_IF = 0
AP_IF = 1
log = []
broken = [False]
# What the station answers: isconnected, status, dBm, address, name server, found networks.
air = {}


def clear():
    """Start a test with a working radio."""
    del log[:]
    broken[0] = False
    air.update({"connected": False, "status": 1000, "rssi": -60, "ip": "0.0.0.0",
                "dns": "0.0.0.0", "found": [], "busy": False})


def hostname(name):
    log.append(("hostname", name))


class WLAN:
    """The station's interface, or that of the own network."""

    def __init__(self, interface):
        self._side = ("sta", "ap")[interface]

    def active(self, on):
        if broken[0]:
            raise OSError("WiFi Out of Memory")
        log.append((self._side, "active", on))

    def ifconfig(self, fixed=None):
        if fixed is not None:
            log.append((self._side, "ifconfig", fixed))
        return air["ip"], "255.255.255.0", "192.168.1.1", air["dns"]

    def config(self, what=None, **values):
        if what:
            return {"channel": 6}[what]
        if air["busy"] and self._side == "ap":
            raise OSError("Wifi Internal State Error")
        log.append((self._side, "config", sorted(values.items())))
        return None

    def connect(self, ssid, password):
        if air["busy"]:
            raise OSError("Wifi Internal State Error")
        log.append(("connect", ssid, password))

    def disconnect(self):
        log.append(("disconnect",))
        if air["busy"]:
            raise OSError("WiFi not connected")

    def isconnected(self):
        return air["connected"]

    def status(self, what=None):
        if what is None:
            return air["status"]
        if air["rssi"] is None:
            raise OSError("not connected")
        return {"rssi": air["rssi"]}[what]

    def scan(self):
        if air["found"] is None:
            raise OSError("scan failed")
        return air["found"]
