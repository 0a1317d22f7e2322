"""Fuzzing of what is asked over HTTP: whole connections, and the bodies of all that is written."""

from evse import ticks
from evse.net.routes import now_ms
from evse.net.web import WebServer
from fuzz_world import World, finish, must
from helpers_net import FakeStream

_PIECES = (1 << 20, 1, 100)
_KNOWN = (200, 202, 204, 302, 304, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 421, 422, 429,
          431, 503)
_LONGEST_WRITE = 1024
_LATER_MS = 1_000_000
_HEAD = "Host: 192.168.1.5\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"


class Http:
    """All bytes of one connection, from anybody on the network."""

    trusting = False

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Say ``data`` to a charger that has just started."""
        world = World(self._folder, self.trusting, self.begin, mains_met="API", ev_meter="API",
                      modem="Experimental", contact_2="Auto", rfid="EnableAll")
        before = world.facts()
        stream = FakeStream(self.request(data), _PIECES[len(data) % len(_PIECES)])
        server = WebServer(world.status, world.core.command, self._folder)
        finish(server.accept(stream, stream), lambda: server.sweep(ticks.add(now_ms(), _LATER_MS)))
        must(stream.closed == 1, "the connection is not closed once")
        must(stream.largest <= _LONGEST_WRITE, "a write is longer than %d" % _LONGEST_WRITE)
        if stream.written:
            status = _status(stream.written)
            must(status in _KNOWN, "it answers %s" % status)
            if status >= 400:
                must(world.facts() == before, "refused by %d, yet changed" % status)
        else:
            must(world.facts() == before, "no answer, yet changed")
        world.judge()

    def begin(self):
        """Put files in their place before the charger starts: there are none."""

    @staticmethod
    def request(data):
        """The bytes of the connection."""
        return data


class Body(Http):
    """A method, a path and a body, such as ``POST /settings?mode=1\\n{}``, where all may install.
    """

    trusting = True

    @staticmethod
    def request(data):
        """The request that a well-behaved program makes of it."""
        line, _, body = data.partition(b"\n")
        kind = "text/csv" if b"/cards" in line else "application/json"
        return (line[:900].replace(b"\r", b"") + b" HTTP/1.1\r\n"
                + (_HEAD % (kind, len(body))).encode() + body)


def _status(written):
    """The status of an answer; Broken when it is no sound one."""
    head, end, _ = written.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    must(end and lines[0].startswith(b"HTTP/1."), "the answer is no HTTP")
    for line in lines[1:]:
        must(b": " in line and b"\n" not in line and b"\r" not in line, "a header is broken")
    return int(lines[0].split(b" ")[1])
