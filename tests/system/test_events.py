"""GET /api/v1/events of a running charger: how many may listen, and what they hear."""

import json

import pytest

from raw_http import Peer, ask, document_of, status_of
from twin_fixture import Twin

REQUEST = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
MOST = 2


class Listener(Peer):
    """Somebody who reads events."""

    def __init__(self, twin):
        super().__init__(twin)
        self.say(REQUEST)
        self.lines = self.socket.makefile("rb")
        self.status = int(self.lines.readline().split()[1])
        while self.lines.readline().strip():
            pass

    def leave(self, abort=False):
        """Close the connection, or reset it."""
        self.lines.close()  # until then the socket stays open
        if abort:
            self.break_off()
        else:
            self.socket.close()

    def event(self, kind="status"):
        """The document of the next event of a kind."""
        found = None
        while True:
            line = self.lines.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                found = line[7:]
            elif line.startswith("data: ") and found == kind:
                return json.loads(line[6:])


@pytest.fixture(scope="module")
def charger(sim_build):
    """One twin for all of these."""
    one = Twin("--auto", settings={"mains_met": "API"})
    yield one
    one.close()


def listeners(charger, count):
    """So many who listen, as soon as there is room for them."""
    found = []

    def one_more():
        one = Listener(charger)
        if one.status == 200:
            found.append(one)
        else:
            one.leave()
        return len(found) == count

    charger.wait(one_more, 30, "room for %d who listen" % count)
    return found


def test_what_changes_is_heard_at_once(charger):
    listener, = listeners(charger, 1)
    whole = listener.event()
    assert whole.keys() == charger.get("api/v1/status").keys()
    charger.post("api/v1/command", {"name": "override", "value": 90})
    change = listener.event()
    while "override_da" not in change:
        change = listener.event()
    assert change["override_da"] == 90
    assert "version" not in change and "uptime_s" not in change
    charger.post("api/v1/command", {"name": "mode", "value": "Pause"})
    event = listener.event("journal")
    while event["text"] != "mode changed":
        event = listener.event("journal")
    assert event["a"] == 4
    listener.leave()


def test_two_may_listen_and_others_are_served(charger):
    before = charger.get("api/v1/status")["cycle"]
    open_ones = listeners(charger, MOST)
    heard = ask(charger, REQUEST)
    assert status_of(heard) == 503
    assert b"Retry-After" in heard and document_of(heard)["error"]
    for _ in range(20):
        assert charger.get("api/v1/status")["uptime_s"] > 0
    cycle = charger.get("api/v1/status")["cycle"]
    assert cycle["count"] > before["count"]
    # Who closes makes room for others.
    for one in open_ones:
        one.leave()
    for one in listeners(charger, MOST):
        one.leave(abort=True)
    for one in listeners(charger, MOST):
        one.leave()
