"""The requests of the set-up page, who may send them, and what is refused."""

import json

from helpers_net import SETTINGS, FakeCommand, FakeStatus, FakeStream, serve

JOIN = {"ssid": "home", "password": "correct horse", "tz": "UTC0"}


class Network:
    """Stands for the WiFi's supervisor."""

    state = "joined"
    rssi = -61
    bssid = "01:02:03:AB:CD:EF"
    joins, losses, away_s = 3, 2, 40
    trying = scanning = False
    failed = ""
    networks = None
    possible = True

    def __init__(self):
        self.asked = []

    def touch(self):
        self.asked.append("touch")

    def attempt(self):
        self.asked.append("attempt")

    def scan(self, asked):
        assert asked
        self.asked.append("scan")
        return self.possible


def asked(method, path, body=None, portal=True, trust="Disabled", kind="application/json",
          network=None, refuses=()):
    """(answer, commands, what the network was asked) of one request out of the portal."""
    status = FakeStatus()
    status.network = network or Network()
    status.portal = ("SmartEVSE-4711", "k3v9wq7m", "192.168.4.1") if portal else None
    status.values = dict(SETTINGS, wifi="SetupWifi", wifi_ssid="home", tz="UTC0",
                         trust_lan=trust, ntp_host="")
    command = FakeCommand(refuses)
    data = b"" if body is None else body if type(body) is bytes else json.dumps(body).encode()
    head = "%s %s HTTP/1.1\r\nHost: 192.168.4.1\r\nContent-Length: %d\r\n" % (
        method, path, len(data))
    if kind:
        head += "Content-Type: %s\r\n" % kind
    peer = "192.168.4.2" if portal else "192.168.1.9"
    stream = FakeStream(head.encode() + b"\r\n" + data, address=(peer, 1))
    answer = serve(stream, status, command, inside=portal)
    return answer, command.calls, [what for what in status.network.asked if what != "touch"]


def test_how_it_is_with_the_wifi():
    network = Network()
    network.networks = [(b"home", -60, True), (b"\xff\xfe", -70, True), (b'a "b"', -80, False)]
    answer = asked("GET", "/api/v1/wifi", network=network)[0]
    assert answer.status == 200 and answer.json == {
        "mode": "SetupWifi", "state": "joined", "ssid": "home", "ip": "192.168.1.5",
        "rssi": -61, "bssid": "01:02:03:AB:CD:EF", "joins": 3, "losses": 2, "away_s": 40,
        "host": "SmartEVSE-4711", "portal": "SmartEVSE-4711", "trying": False, "failed": "",
        "tz": "UTC0", "scanning": False,
        "networks": [{"ssid": "home", "rssi": -60, "secured": True},
                     {"ssid": 'a "b"', "rssi": -80, "secured": False}]}
    assert "touch" in network.asked
    for rows, shown in ((None, None), ([], [])):
        network.networks = rows
        assert asked("GET", "/api/v1/wifi", network=network)[0].json["networks"] == shown


def test_only_for_who_may_change_settings():
    for method, path, body in (("GET", "/api/v1/wifi", None), ("POST", "/api/v1/wifi", JOIN),
                               ("POST", "/api/v1/wifi/scan", {})):
        answer, calls, done = asked(method, path, body, portal=False)
        assert answer.status == 403 and calls == done == []
        assert asked(method, path, body, portal=False, trust="Enabled")[0].status == 200


def test_joining_stores_all_three_and_tries():
    answer, calls, done = asked("POST", "/api/v1/wifi", JOIN)
    assert answer.status == 200 and done == ["attempt"]
    assert calls == [("set", ("tz", "UTC0"), "portal"), ("set", ("wifi_ssid", "home"), "portal"),
                     ("set", ("wifi_password", "correct horse"), "portal")]
    _, calls, _ = asked("POST", "/api/v1/wifi", {"ssid": "cafe"})
    assert [call[1] for call in calls] == [("wifi_ssid", "cafe"), ("wifi_password", "")]
    for password in ("12345678", "x" * 63, "0123456789abcDEF" * 4):
        assert asked("POST", "/api/v1/wifi", {"ssid": "a" * 32,
                                              "password": password})[0].status == 200


def test_what_cannot_be_is_refused_and_changes_nothing():
    for body, status, field in (
        (b"{", 400, None), ([], 400, None), ({}, 422, "ssid"), ({"ssid": ""}, 422, "ssid"),
        ({"ssid": "a" * 33}, 422, "ssid"), ({"ssid": "\u00e9" * 17}, 422, "ssid"),
        ({"ssid": 5}, 422, "ssid"), (dict(JOIN, name="x"), 422, "name"),
        (dict(JOIN, password="1234567"), 422, "password"),
        (dict(JOIN, password="x" * 64), 422, "password"),
        (dict(JOIN, password="0" * 65), 422, "password"),
    ):
        answer, calls, done = asked("POST", "/api/v1/wifi", body)
        assert (answer.status, answer.json.get("field")) == (status, field), body
        assert calls == done == []
    assert asked("POST", "/api/v1/wifi", JOIN, kind="text/plain")[0].status == 415
    answer, calls, done = asked("POST", "/api/v1/wifi", JOIN, refuses=("set",))
    assert answer.status == 422 and calls == done == []


def test_a_scan_is_not_always_possible():
    network = Network()
    assert asked("POST", "/api/v1/wifi/scan", {}, network=network)[0].status == 200
    network.possible = False
    assert asked("POST", "/api/v1/wifi/scan", {}, network=network)[0].status == 409
