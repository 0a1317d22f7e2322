"""/api/v1: what is read beside the status, and the few things that are done."""

import os

from helpers_core import Bench
from helpers_net import (
    CLOCK_S,
    FakeCommand,
    FakeStatus,
    get,
    post,
    request,
)


def trusting():
    status = FakeStatus()
    status.values["trust_lan"] = "Enabled"
    return status


def test_paths_and_methods_that_are_not_there():
    assert get("/api/v1/nothing").status == 404
    for method, path, allowed in (
            ("POST", "status", "GET, HEAD"), ("GET", "command", "POST"),
            ("DELETE", "settings", "GET, HEAD, PATCH"), ("PATCH", "cards", "GET, HEAD, POST"),
            ("POST", "events", "GET, HEAD"), ("PATCH", "schedule", "GET, HEAD, POST, DELETE")):
        answer = request(method, "/api/v1/" + path)
        assert answer.status == 405, path
        assert answer.headers["allow"] == allowed, path
        assert answer.json["error"]


def test_the_head_of_an_answer_without_its_body():
    answer = request("HEAD", "/api/v1/limits")
    assert answer.status == 200
    assert answer.body == b""


def test_limits_and_the_ones_that_win():
    document = get("/api/v1/limits").json
    assert document["group"] == [
        {"code": 42, "text": "mains", "of": "phase", "da": 250},
        {"code": 50, "text": "grid relay", "of": "sum", "da": 182}]
    assert document["evses"] == [
        {"number": 0, "grant_da": 137, "winner": "mains", "limits": [
            {"code": 40, "text": "MAX", "da": 160, "left_s": None, "wins": False},
            {"code": 56, "text": "random start delay", "da": 0, "left_s": 17, "wins": False}]},
        {"number": 3, "grant_da": 80, "winner": "MAX", "limits": [
            {"code": 40, "text": "MAX", "da": 80, "left_s": None, "wins": True}]}]


def test_limits_of_nobody():
    status = FakeStatus()
    status.details = lambda name: iter(())
    assert get("/api/v1/limits", status=status).json == {"group": [], "evses": []}


def test_the_journal_from_a_number_on():
    assert [event["number"] for event in get("/api/v1/journal").json] == [7, 8]
    assert [event["number"] for event in get("/api/v1/journal?since=8").json] == [8]
    for number in (9, 0x3FFFFFFF):
        assert get("/api/v1/journal?since=%d" % number).json == []
    for wrong in ("x", "", "-1", "1.5", "1073741824", "99999999999"):
        answer = get("/api/v1/journal?since=" + wrong)
        assert answer.status == 400, wrong
        assert answer.json["field"] == "since"


# ---- sessions ----

def test_sessions_by_number_and_time():
    for query, wanted in (
            ("", (1, "", "")), ("?after=7", (8, "", "")), ("?last=3", (38, "", "")),
            ("?last=3&after=38", (39, "", "")), ("?last=100", (1, "", "")),
            ("?from=2026-09&to=2026-09-21T15:33", (1, "2026-09", "2026-09-21T15:33")),
            ("?to=2026", (1, "", "2026")), ("?from=2026-09-21T15", (1, "2026-09-21T15", ""))):
        for path in ("sessions", "sessions.csv"):
            status = FakeStatus()
            answer = get("/api/v1/%s%s" % (path, query), status=status)
            assert answer.status == 200, query
            assert status.wanted == wanted, (query, status.wanted)
    assert get("/api/v1/sessions").json == {"sessions": [{"number": 1}]}
    assert get("/api/v1/sessions").headers["content-type"] == "application/json"


def test_sessions_asked_for_in_another_way():
    for query in ("last=x", "last=", "last=-1", "after=1e3", "from=yesterday", "from=",
                  "to=2026-9", "to=2026-09-21T15:33:00", "from=2026/09", "from=20266"):
        answer = get("/api/v1/sessions?" + query)
        assert answer.status == 400, query
        assert answer.json["field"] == query.split("=")[0]


# ---- cards ----

def test_cards_for_those_who_may_see_them():
    answer = get("/api/v1/cards")
    assert answer.status == 403
    assert b"Anna" not in answer.body
    assert get("/api/v1/cards", status=trusting()).json == {"cards": [
        {"card": "04A1B2C3D4E5F6", "name": "Anna"}, {"card": "112233445566", "name": ""}]}
    status = trusting()
    status.cards_csv = tuple
    assert get("/api/v1/cards", status=status).json == {"cards": []}


# ---- times ----

def test_the_schedule():
    assert get("/api/v1/schedule").json == {
        "mode": "Smart", "start": CLOCK_S + 3600, "stop": CLOCK_S + 7200, "repeat": 1,
        "text": "starts tomorrow 07:30 daily"}
    core = FakeCommand()
    answer = post("/api/v1/schedule", {"mode": "Solar", "start": "2026-09-21T23:00"},
                  command=core)
    assert answer.status == 200
    assert request("DELETE", "/api/v1/schedule", command=core).status == 200
    assert core.calls == [("timer", ("Solar", "2026-09-21T23:00", "", ""), "REST"),
                          ("timer", None, "REST")]
    answer = post("/api/v1/schedule", {"mode": "Solar", "begin": 1}, command=core)
    assert answer.status == 400
    for document in ({"mode": "Solar"}, {"start": ""}, {}, {"mode": "Solar", "start": None},
                     {"mode": "Solar", "start": "", "stop": []},
                     {"mode": "Solar", "start": "", "repeat": 2},
                     {"mode": "Solar", "start": "", "repeat": True},
                     {"mode": "Solar", "start": "", "repeat": {}}):
        assert post("/api/v1/schedule", document, command=core).status == 400, document
    answer = post("/api/v1/schedule", {"mode": "Solar", "start": ""},
                  command=FakeCommand(("timer",)))
    assert answer.status == 422
    assert len(core.calls) == 2


def test_prices_that_were_told():
    assert get("/api/v1/prices").json == {"start": 0, "minutes": 0, "now": None, "prices": []}
    status = FakeStatus()
    status.stored_prices = (CLOCK_S - 3600, 60, "AQD+/wMA")  # 1, -2, 3
    assert get("/api/v1/prices", status=status).json == {
        "start": CLOCK_S - 3600, "minutes": 60, "now": -2, "prices": [1, -2, 3]}
    for start in (CLOCK_S + 1, CLOCK_S - 3 * 3600):
        status.stored_prices = (start, 60, "AQD+/wMA")
        assert get("/api/v1/prices", status=status).json["now"] is None, start
    status.clock_s = 0
    assert get("/api/v1/prices", status=status).json["now"] is None


def test_telling_prices():
    core = FakeCommand()
    answer = post("/api/v1/prices", {"start": 1790000100, "minutes": 15, "prices": [1, 2]},
                  command=core)
    assert answer.status == 200
    assert request("DELETE", "/api/v1/prices", command=core).status == 200
    assert core.calls == [("prices", (1790000100, 15, [1, 2]), "REST"), ("prices", None, "REST")]
    assert post("/api/v1/prices", {"price": 1}).status == 400
    assert post("/api/v1/prices", [1]).status == 400
    answer = request("POST", "/api/v1/prices", b"{}", {"Content-Type": "text/plain"})
    assert answer.status == 415


# ---- the rest ----

def test_who_may_not_is_told_apart_from_what_cannot_be():
    one = Bench({"trust_lan": "Disabled"})
    for document, status in (({"name": "restart", "value": 1}, 403),
                             ({"name": "set", "value": ["mains", 40]}, 403),
                             ({"name": "mode", "value": "Smart"}, 422),
                             ({"name": "mode", "value": "Pause"}, 200)):
        answer = post("/api/v1/command", document, status=one.status, command=one.core.command)
        assert answer.status == status, document
    one.settings.set("drive_locked", "Enabled")
    answer = post("/api/v1/command", document, status=one.status, command=one.core.command)
    assert (answer.status, answer.json["field"]) == (403, "drive_locked")


def test_a_restart():
    core = FakeCommand()
    assert request("POST", "/api/v1/restart", command=core).status == 200
    assert core.calls == [("restart", True, "REST")]


class Link:
    """A link to a broker that counts what it is told."""

    state = "waiting"
    problem = ""
    tries = 0

    def retry(self):
        self.tries += 1


def test_the_broker_is_tried_when_somebody_wants_to_know():
    status = trusting()
    answer = request("POST", "/api/v1/mqtt", status=status)
    assert answer.status == 422 and answer.json["field"] == "mqtt_host"
    status.values["mqtt_host"] = "broker"
    assert request("POST", "/api/v1/mqtt", status=status).status == 200  # it is about to begin
    status.mqtt = Link()
    assert request("POST", "/api/v1/mqtt", status=status).status == 200
    assert status.mqtt.tries == 1
    status.values["trust_lan"] = "Disabled"
    assert request("POST", "/api/v1/mqtt", status=status).status == 403
    assert status.mqtt.tries == 1


def test_what_was_imported_is_shown_until_it_is_put_away():
    status = trusting()
    status.directory = "."
    status.imported = True
    assert get("/api/v1/imported", status=status).status == 404
    with open("./imported.json", "w") as file:
        file.write('{"version":1}')
    try:
        assert get("/api/v1/imported", status=status).json == {"version": 1}
        answer = request("DELETE", "/api/v1/imported", status=status)
        assert answer.status == 422  # it charges
        status.values["trust_lan"] = "Disabled"
        assert request("DELETE", "/api/v1/imported", status=status).status == 403
        status.values["trust_lan"] = "Enabled"
        assert get("/api/v1/imported", status=status).status == 200
        assert get("/api/v1/status", status=status).json["imported"] is True
        status.charging = False
        assert request("DELETE", "/api/v1/imported", status=status).status == 200
        assert get("/api/v1/status", status=status).json["imported"] is False
        assert get("/api/v1/imported", status=status).status == 404
        assert request("DELETE", "/api/v1/imported", status=status).status == 404
    finally:
        try:
            os.remove("./imported.json")
        except OSError:
            pass


def test_what_the_asker_may_do_is_in_the_status():
    assert get("/api/v1/status").json["level"] == "drive"
    status = FakeStatus()
    status.values["drive_locked"] = "Enabled"
    assert get("/api/v1/status", status=status).json["level"] == "look"
    assert get("/api/v1/status", status=trusting()).json["level"] == "install"


class Network:
    state = "joined"
    bssid = "AA:BB:CC:DD:EE:FF"
    rssi = -61
    joins = 3
    losses = 2
    away_s = 17


class Broker:
    state = "waiting"
    problem = "the broker does not answer"


def test_the_network_in_the_status():
    document = get("/api/v1/status").json
    assert document["network"] == {"wifi": "Enabled", "ssid": "Home", "state": "off",
                                   "ip": "192.168.1.5", "portal": False}
    assert document["mqtt"] == {"host": "", "state": "off", "problem": ""}
    assert document["ntp"]["synced_s"] == 3600
    status = FakeStatus()
    status.network = Network
    status.mqtt = Broker
    document = get("/api/v1/status", status=status).json
    assert document["network"] == {
        "wifi": "Enabled", "ssid": "Home", "state": "joined", "ip": "192.168.1.5",
        "portal": False, "bssid": "AA:BB:CC:DD:EE:FF", "rssi": -61, "joins": 3, "losses": 2,
        "away_s": 17}
    assert document["mqtt"] == {"host": "", "state": "waiting",
                                "problem": "the broker does not answer"}
