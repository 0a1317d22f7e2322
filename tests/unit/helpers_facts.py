"""A status for the tests of what MQTT clients hear and tell, and what collects messages."""

from evse.net.facts import Facts
from helpers_net import FakeCommand, FakeStatus


class Network:
    """What is known of the WiFi network."""

    bssid = "AA:BB:CC:DD:EE:FF"
    rssi = -61


class Status(FakeStatus):
    """A charger with everything, in the middle of a session; ``car`` is what its modem knows."""

    changes = 1
    pwm_override = -1
    network = Network
    car = None
    ip = "192.168.1.5"

    def __init__(self, **values):
        super().__init__()
        self.values.update({"ha_discovery": "Enabled", "mode": "Smart",
                            "wifi_ssid": "Home"})
        self.values.update(values)

    def ev_state(self):
        return self.car

    def state_letter(self):
        return "ABCD"[self.state_id]

    def phase_count(self):
        return 3

    def change(self, **values):
        """Change settings, as a command would."""
        self.values.update(values)
        self.changes += 1


class Client:
    """Facts and what a broker would hear of them.

    ``heard`` is what the last round sent, by topic below the prefix, discovery left out;
    ``retained`` are those of it that are; ``kept`` all discovery configurations in force.
    """

    def __init__(self, prefix="EVSE", status=None, command=None, **values):
        self.status = status or Status(**values)
        self.command = command or FakeCommand(status=self.status)
        self.prefix = prefix
        self.facts = Facts(self.status, self.command, prefix)
        self.kept = {}
        self.removed = []
        self.round()

    def round(self, seconds=1):
        """Let ``seconds`` pass and one round be sent; returns ``heard``."""
        self.status.uptime_s += seconds
        self.hear(self.facts.pieces())
        return self.heard

    def hear(self, pieces):
        """Take what ``pieces`` yields."""
        self.heard = {}
        self.retained = []
        self.announced = 0
        for piece in pieces:
            if piece is None:
                continue
            topic, payload, retained = piece
            if topic.startswith("homeassistant/"):
                assert retained
                self.announced += 1
                if payload:
                    self.kept[topic] = payload
                elif self.kept.pop(topic, None):
                    self.removed.append(topic)
                continue
            assert topic.startswith(self.prefix + "/"), topic
            name = topic[len(self.prefix) + 1:]
            assert name not in self.heard, name
            self.heard[name] = payload
            if retained:
                self.retained.append(name)

    def tell(self, name, payload):
        """Send ``payload`` to Set/``name``; returns the commands it came to."""
        calls = self.command.calls
        before = len(calls)
        self.facts.take(("%s/Set/%s" % (self.prefix, name)).encode(), payload.encode())
        return calls[before:]
