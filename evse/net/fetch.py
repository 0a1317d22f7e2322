"""An update fetched from a web server of the own network: one file by plain HTTP, nothing else.

Whose update it is the signature tells, so it does not matter who can read or change it on the way.
What must not be is a charger that asks around elsewhere for whoever tells it to: so only private
addresses, and no redirects. Loaded for one fetch.
"""

import asyncio
import select
import socket
from errno import EINPROGRESS

from micropython import const

from evse import ticks
from evse.net.names import host_port
from evse.net.routes import now_ms

_URL_MAX = const(200)
_HEAD_MS = const(8000)  # from connecting to the end of the answer's head
_SILENT_MS = const(15_000)
_POLL_MS = const(10)
_PIECE = const(512)
_LINE_MAX = const(256)
_LINES_MAX = const(32)
_STREAM_MAX = const(1_000_000)  # as of what is sent to the charger
# First byte of a private network, first and last of the second: RFC 1918, link-local, this host.
_PRIVATE = const(((10, 0, 255), (172, 16, 31), (192, 168, 168), (169, 254, 254), (127, 0, 255)))


def parts_of(url):
    """(host, port, path) of a URL; ValueError with a sentence."""
    url = url.partition("#")[0]
    for char in url:
        if not "!" <= char <= "~":
            raise ValueError("a URL has no spaces and only plain letters")
    if len(url) > _URL_MAX:
        raise ValueError("the URL is longer than %d characters" % _URL_MAX)
    if url[:7].lower() != "http://":
        raise ValueError("the URL must begin with http://")
    place, _, path = url[7:].partition("/")
    try:
        host, port = host_port(place, 80)
    except ValueError:
        host, port = "", 0
    if not host or "@" in host or "?" in place:
        raise ValueError("the URL names no host")
    return host, port, "/" + path


def is_private(address):
    """Whether an IPv4 address in figures is one of a private network."""
    first, second = [int(part) for part in address.split(".")[:2]]
    for network, low, high in _PRIVATE:
        if first == network and low <= second <= high:
            return True
    return False


class Source:
    """The file at ``url`` (else ValueError); ``names`` gives an ``evse.net.names.Names``.

    ``await piece()`` gives its next bytes once ``open`` is through, b"" after the last, and when
    the server falls silent or has gone.
    """

    def __init__(self, url, names):
        self._host, self._port, self._path = parts_of(url)
        self._names = names
        self._sock = None
        self._rest = b""
        self._left = 0

    async def open(self):
        """Connect and ask for the file; returns why it is not to be had, "" if it is."""
        address = await self._names().lookup(self._host)
        if not address:
            return "nobody knows where %s is" % self._host
        if not is_private(address):
            return "%s is not on this network" % address
        end = ticks.add(now_ms(), _HEAD_MS)
        try:
            await self._ask(address, end)
            head = (await self._line(end)).split(None, 2)
            if len(head) < 2 or not head[0].startswith(b"HTTP/1."):
                raise ValueError
            if head[1] != b"200":
                return "%s answers %s, not 200" % (self._host, _printable(head[1]))
            self._left = await self._length(end)
        except OSError as problem:
            return "no connection to %s:%d (%s)" % (self._host, self._port, problem)
        except ValueError:
            return "%s is no web server that says how long the file is" % self._host
        return "" if self._left <= _STREAM_MAX else "the file is too long"

    def close(self):
        """Let go of the connection."""
        if self._sock:
            self._sock.close()
            self._sock = None

    async def piece(self):
        """The next bytes."""
        data = self._rest[:self._left]
        self._rest = b""
        try:
            if self._left and not data:
                data = (await self._read(ticks.add(now_ms(), _SILENT_MS)))[:self._left]
        except OSError:
            pass  # it has gone
        self._left -= len(data)
        return data

    async def _ask(self, address, end):
        self._sock = sock = socket.socket()
        sock.setblocking(False)
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        try:
            sock.connect(socket.getaddrinfo(address, self._port)[0][-1])
        except OSError as problem:
            if problem.errno != EINPROGRESS:
                raise
        while not poller.poll(0):
            await _nap(end)
        # The first bytes of a connection always find room.
        sock.write("GET %s HTTP/1.0\r\nHost: %s:%d\r\nConnection: close\r\n\r\n"
                   % (self._path, self._host, self._port))

    async def _read(self, end):
        """Wait for the next bytes; OSError when none come until ``end``."""
        while True:
            await _nap(end)
            data = self._sock.read(_PIECE)
            if data is not None:
                return data

    async def _line(self, end):
        while True:
            line, found, rest = self._rest.partition(b"\n")
            if found:
                self._rest = rest
                return line.strip()
            if len(line) > _LINE_MAX:
                raise ValueError
            data = await self._read(end)
            if not data:
                raise ValueError
            self._rest += data

    async def _length(self, end):
        """Read the rest of the head; returns how long the file is, else raises ValueError."""
        length = b""
        for _ in range(_LINES_MAX):
            line = await self._line(end)
            if not line:
                return int(length)
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = value if value.strip().isdigit() and len(value) < 12 else b""
        raise ValueError


def _printable(data):
    """Foreign bytes as text that harms nobody."""
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in data[:8])


async def _nap(end):
    """Let others run; OSError at the tick ``end``."""
    if ticks.due(now_ms(), end):
        raise OSError("no answer in time")
    await asyncio.sleep_ms(_POLL_MS)
