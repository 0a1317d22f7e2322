"""Stands for MicroPython's network module and notes in ``log`` what is done to it."""

STA_IF = 0
log = []
broken = [False]


def clear():
    """Start a test with a working radio."""
    del log[:]
    broken[0] = False


def hostname(name):
    log.append(("hostname", name))


class WLAN:
    """The station interface."""

    server = "0.0.0.0"  # none before the network is joined

    def __init__(self, interface):
        assert interface == STA_IF

    def active(self, on):
        if broken[0]:
            raise OSError("WiFi Out of Memory")
        log.append(("active", on))

    def ifconfig(self):
        return "192.168.1.5", "255.255.255.0", "192.168.1.1", self.server

    def connect(self, ssid, password):
        log.append(("connect", ssid, password))

    def disconnect(self):
        log.append(("disconnect",))
