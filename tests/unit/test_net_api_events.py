"""/api/v1/events: what changes is told, and nothing else; who listens too long or too slowly."""

import asyncio
import json

from evse.net import api_events
from helpers_net import FakeStatus, get, request


class Gone(Exception):
    """The peer has left."""


class Peer:
    """Takes events; ``script`` is called with the number of seconds that have passed."""

    def __init__(self, script=None, seconds=3, room=True):
        self.heard = b""
        self.allowed = []
        self.largest = 0
        self._seconds = seconds
        self._script = script
        self._room = room
        self.passed = 0

    def endless(self):
        return self._room

    who = "REST"

    def source(self):
        return self.who

    def allow_more(self, limit_ms):
        if self.passed == self._seconds:
            raise Gone
        if self._script:
            self._script(self.passed)
        self.passed += 1
        self.allowed.append(limit_ms)

    async def awrite(self, data):
        self.largest = max(self.largest, len(data))
        self.heard += bytes(data)
        await asyncio.sleep_ms(0)

    def events(self):
        """The events heard, as (kind, document), comments as (None, None)."""
        found = []
        body = self.heard.partition(b"\r\n\r\n")[2].decode()
        for block in body.split("\n\n")[:-1]:
            if block == ":":
                found.append((None, None))
                continue
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            found.append((fields["event"], json.loads(fields["data"])))
        return found

    def told(self):
        """The events heard, without comments."""
        return [event for event in self.events() if event[0]]


class Request:
    source = "REST"

    def __init__(self, **args):
        self.args = args


def listen(status, peer, **args):
    async def nothing(_ms):
        pass

    class Quick:
        sleep_ms = staticmethod(nothing)

    kept = api_events.asyncio
    api_events.asyncio = Quick
    try:
        asyncio.run(api_events.get_events(Request(**args), status, None).write(peer))
    except Gone:
        pass
    finally:
        api_events.asyncio = kept
    return peer


def test_all_there_is_comes_first_and_then_nothing():
    status = FakeStatus()
    peer = listen(status, Peer())
    head = peer.heard.partition(b"\r\n\r\n")[0]
    assert b"200" in head and b"text/event-stream" in head and b"Content-Length" not in head
    events = peer.told()
    assert [kind for kind, _ in events] == ["status"]
    assert events[0][1] == get("/api/v1/status").json
    assert peer.allowed == [20_000] * 3
    assert peer.largest <= 1024


def test_members_that_change_come_alone():
    status = FakeStatus()

    def script(passed):
        if passed == 1:
            status.grant_da = 99
            status.amps = [1, 2, 3]
        if passed == 2:
            status.uptime_s += 2  # what changes all the time
            status.mains_age_ms += 900
            status.heap_free = 1

    events = listen(status, Peer(script, 4)).told()
    assert [kind for kind, _ in events] == ["status", "status"]
    assert sorted(events[1][1]) == ["grant_da", "limit", "mains", "max_da", "min_da",
                                    "offered_da", "override_da", "reason"]
    assert events[1][1]["grant_da"] == 99
    assert events[1][1]["mains"]["da"] == [1, 2, 3]


def test_everything_comes_again_after_a_minute_and_a_sign_of_life_before():
    status = FakeStatus()
    events = listen(status, Peer(None, 61)).events()
    assert [kind for kind, _ in events] == ["status"] + [None] * 29 + ["status"]
    assert events[-1][1] == events[0][1]


def test_events_of_the_journal_as_they_come():
    status = FakeStatus()

    def script(passed):
        if passed == 1:
            status.journal.append((9, 3700, "state changed", 1, 2))

    peer = listen(status, Peer(script))
    assert peer.told()[1] == (
        "journal", {"number": 9, "uptime_s": 3700, "text": "state changed", "a": 1, "b": 2})
    told = [document["number"] for kind, document in
            listen(FakeStatus(), Peer(), since="8").events() if kind == "journal"]
    assert told == [8]
    told = [document["number"] for kind, document in
            listen(FakeStatus(), Peer(), since="0").events() if kind == "journal"]
    assert told == [7, 8]


def test_a_journal_without_events():
    status = FakeStatus()
    status.journal = []
    assert [kind for kind, _ in listen(status, Peer()).told()] == ["status"]


def test_another_who_listens_is_sent_away():
    peer = listen(FakeStatus(), Peer(room=False))
    assert b" 503 " in peer.heard and b"Retry-After" in peer.heard
    assert peer.allowed == []


def test_the_head_alone_and_a_wrong_number():
    answer = request("HEAD", "/api/v1/events")
    assert (answer.status, answer.body) == (200, b"")
    for wrong in ("x", "-1", ""):
        answer = get("/api/v1/events?since=" + wrong)
        assert (answer.status, answer.json["field"]) == (400, "since"), wrong


def test_rights_may_end_while_somebody_listens():
    def end(second):
        peer.who = "installer" if second < 2 else "REST"

    peer = Peer(end, seconds=4)
    peer.who = "installer"
    listen(FakeStatus(), peer)
    levels = [document["level"] for _, document in peer.told() if "level" in document]
    assert levels == ["install", "drive"]
