"""What the app does by itself: the network is joined and left as the setting says."""

from evse import app
from evse.journal import Journal
from evse.settings import Settings


class Loop:
    """Stands for asyncio: who sleeps says for how long."""

    @staticmethod
    def sleep_ms(ms):
        yield ms


class Board:
    """Notes who is joined."""

    def __init__(self):
        self.joined = []
        self.address = ""

    def start_network(self, ssid, password):
        self.joined.append((ssid, password))

    def ip(self):
        return self.address


class Status:
    ip = ""


def one(**values):
    """(app, its service) with these settings."""
    it = object.__new__(app.App)
    it.board = Board()
    it.status = Status()
    it.settings = Settings(Journal().record)
    it.settings.load({"settings": values})
    app.asyncio = Loop
    return it, it.wifi()


def test_it_joins_only_what_is_switched_on():
    for values, joined in (({}, []), ({"wifi": "Enabled"}, []), ({"wifi_ssid": "home"}, []),
                           ({"wifi": "Enabled", "wifi_ssid": "home", "wifi_password": "x"},
                            [("home", "x")]),
                           ({"wifi": "SetupWifi", "wifi_ssid": "home"}, [("home", "")])):
        it, service = one(**values)
        for _ in range(3):
            assert service.send(None) == 2000
        assert it.board.joined == joined, values


def test_it_leaves_and_joins_again():
    it, service = one(wifi="Enabled", wifi_ssid="home", wifi_password="x")
    service.send(None)
    it.board.address = "10.0.0.7"
    it.settings.set("wifi_ssid", "other")  # the password is still to come
    service.send(None)
    assert it.board.joined == [("home", "x")] and it.status.ip == "10.0.0.7"
    it.settings.set("wifi_password", "y")
    it.settings.set("wifi", "Disabled")
    service.send(None)
    assert it.board.joined[1][0] == ""
    it.settings.set("wifi", "Enabled")
    service.send(None)
    assert it.board.joined[2] == ("other", "y") and len(it.board.joined) == 3
