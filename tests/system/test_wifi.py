"""The running firmware in the twin's air: joined, lost, found again; set up by its own network."""

import http.client
import json
import socket
import struct
import time

import pytest

import helpers_dns as dns

JOINED = {"wifi": "Enabled", "wifi_ssid": "home", "wifi_password": "correct horse"}
BACK_S = 30  # what is promised
NOT_THERE_S = 12  # for the driver to have given up


def air(twin):
    return twin.world()["chargers"][0]["wifi"]


def events(twin):
    return [event["text"] for event in twin.get("/api/v1/journal")]


class Visitor:
    """Somebody in the charger's own network: speaks to its page through the world."""

    def __init__(self, twin):
        url = twin.wait(lambda: air(twin)["portal"], what="the portal")["url"]
        self._where = url.removeprefix("http://").rstrip("/")

    def ask(self, method, path, body=None, host=None):
        """(status, headers, text) of one request."""
        connection = http.client.HTTPConnection(self._where, timeout=10)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if host:
            headers["Host"] = host
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, text

    def wifi(self):
        """What the page polls."""
        status, _, text = self.ask("GET", "/api/v1/wifi")
        assert status == 200, text
        return json.loads(text)


def test_it_is_back_within_30_s_after_the_access_point(twin):
    running = twin(settings=JOINED)
    running.wait(lambda: air(running)["state"] == "joined", what="joining")
    running.wait(lambda: "WiFi joined" in events(running))
    running.world("access_point", on=False)
    running.wait(lambda: "WiFi lost" in events(running), what="the loss being noticed")
    time.sleep(NOT_THERE_S)  # its own tries are over: it is the supervisor who must go on
    assert air(running)["state"] == "not found"
    running.world("access_point", on=True)
    began = time.monotonic()
    running.wait(lambda: events(running).count("WiFi joined") == 2, timeout=BACK_S,
                 what="being back")
    print("back after %.1f s" % (time.monotonic() - began))


@pytest.fixture
def portal(twin):
    """(twin, visitor) of a charger that has its own network up."""
    running = twin(settings={"wifi": "SetupWifi", "trust_lan": "Disabled"})
    return running, Visitor(running)


def test_the_set_up_from_the_first_look_to_the_network_joined(portal):
    running, visitor = portal
    assert air(running)["portal"]["ssid"] == "SmartEVSE-4711"
    assert len(air(running)["portal"]["password"]) == 8
    # What telephones ask to find out where they are, and the page they are sent to.
    for path, host in (("/generate_204", "connectivitycheck.gstatic.com"),
                       ("/hotspot-detect.html", "captive.apple.com"), ("/anything", None)):
        status, headers, _ = visitor.ask("GET", path, host=host)
        assert (status, headers["Location"]) == (302, "http://127.0.4.1/")
    status, headers, page = visitor.ask("GET", "/")
    assert status == 200 and headers["Content-Encoding"] == "gzip"
    networks = running.wait(lambda: visitor.wifi()["networks"], what="networks found")
    assert [(row["ssid"], row["secured"]) for row in networks] == [
        ("home", True), ("next door", True), ("guests", False)]
    # A wrong password first, which is told and can be put right.
    join = {"ssid": "home", "password": "wrong horse", "tz": "GMT0BST,M3.5.0/1,M10.5.0"}
    assert visitor.ask("POST", "/api/v1/wifi", join)[0] == 200
    assert visitor.wifi()["trying"]
    failed = running.wait(lambda: visitor.wifi()["failed"], timeout=30, what="the verdict")
    assert failed == "wrong password"
    join["password"] = "correct horse"
    assert visitor.ask("POST", "/api/v1/wifi", join)[0] == 200
    running.wait(lambda: visitor.wifi()["state"] == "joined", what="joining")
    state = visitor.wifi()
    assert (state["ip"], state["tz"], state["trying"]) == ("127.0.0.1", join["tz"], False)
    assert air(running)["portal"]  # for as long as the page has to tell the address


def test_only_who_is_in_its_network_may(portal):
    running, visitor = portal
    assert visitor.ask("GET", "/api/v1/wifi")[0] == 200
    with pytest.raises(AssertionError, match="403"):
        running.get("/api/v1/wifi")
    with pytest.raises(AssertionError, match="403"):
        running.post("/api/v1/wifi", {"ssid": "mine", "password": ""})
    with pytest.raises(AssertionError, match="404"):
        running.get("/generate_204")
    assert visitor.ask("POST", "/api/v1/wifi", {"ssid": "home", "password": "short"})[0] == 422


def test_every_name_leads_to_the_portal(twin, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MICROEVSE_PORTAL_DNS", str(port))
    running = twin(settings={"wifi": "SetupWifi"})
    Visitor(running)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", port))
        asker.settimeout(5)
        asker.send(b"\0" * 3)  # no question
        asker.send(b"\xff" * 400)
        for name in ("captive.apple.com", "a.example"):
            asker.send(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + dns.name(name)
                       + struct.pack(">HH", dns.A, 1))
            reply = asker.recv(600)
            assert reply[:2] == b"\0\7" and reply[-4:] == bytes((127, 0, 4, 1))
