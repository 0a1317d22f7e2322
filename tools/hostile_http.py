"""Web clients that mean no good, and those that mean well and want an answer all the same.

Each of ``KINDS`` is a coroutine ``kind(address, rng)`` that does it once. It raises OSError or
asyncio.TimeoutError when it is turned away, and frees what it holds when it is cancelled.
"""

import asyncio
import contextlib
import itertools
import json
import socket
import struct
import time

_PATIENCE_S = 12  # longer than the charger lets anybody stay
_PIECE = 4096
_PLAIN = b"GET /settings HTTP/1.1\r\nHost: localhost\r\n\r\n"
_WRITE = b"POST /settings?mode=3 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
_BIG = b"GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
_PATHS = ("/", "/settings", "/api/v1/status", "/metrics", "/api/v1/settings", "/api/v1/journal",
          "/api/v1/limits", "/api/v1/sessions", "/api/v1/events", "/nothing", "/lcd")
_CROWD = 50


@contextlib.asynccontextmanager
async def connection(address, patience_s=_PATIENCE_S):
    """A connection as (reader, writer); reset at the end, so that no sockets pile up here."""
    reader, writer = await asyncio.wait_for(asyncio.open_connection(*address), patience_s)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def hear(reader, most=1_000_000, patience_s=_PATIENCE_S):
    """All that comes until the other side closes."""
    heard = b""
    while len(heard) < most:
        part = await asyncio.wait_for(reader.read(_PIECE), patience_s)
        if not part:
            break
        heard += part
    return heard


async def ask(address, data, patience_s=_PATIENCE_S):
    """Send ``data`` in one piece; returns all that is answered."""
    async with connection(address, patience_s) as (reader, writer):
        writer.write(data)
        return await hear(reader, patience_s=patience_s)


@contextlib.contextmanager
def limit(seconds):
    """asyncio.TimeoutError for what is within when it takes longer; no task is made for it."""
    task = asyncio.current_task()
    late = []

    def cut():
        late.append(True)
        task.cancel()

    clock = asyncio.get_running_loop().call_later(seconds, cut)
    try:
        yield
    except asyncio.CancelledError:
        if not late:
            raise
        raise asyncio.TimeoutError
    finally:
        clock.cancel()


async def end(tasks):
    """Cancel tasks until they are over: wait_for swallows a cancellation that comes too late."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1)


async def _slow_loris(address, rng):
    """Several that send a byte now and then."""
    async def one(data):
        async with connection(address) as (reader, writer):
            for byte in data:
                writer.write(bytes((byte,)))
                await writer.drain()
                if reader.at_eof():
                    break
                await asyncio.sleep(rng.uniform(0.05, 1))

    texts = (_PLAIN, b"POST /settings HTTP/1.1\r\nContent-Length: 900\r\n\r\n" + b"a" * 900)
    await _together(one(texts[at % 2]) for at in range(3))


async def _endless_line(address, rng):
    async with connection(address) as (reader, writer):
        writer.write(rng.choice((b"GET /", b"", b"GET / HTTP/1.1\r\nX: ")))
        for _ in range(200):
            writer.write(b"a" * rng.randrange(1, 3000))
            await asyncio.wait_for(writer.drain(), _PATIENCE_S)
        await hear(reader)


async def _huge_headers(address, rng):
    lines = b"".join(b"X-%d: %s\r\n" % (at, b"v" * rng.randrange(200))
                     for at in range(rng.randrange(20, 3000)))
    await ask(address, b"GET / HTTP/1.1\r\n" + lines + b"\r\n")


async def _wrong_length(address, rng):
    body = b'{"name":"mode","value":"Smart"}'
    length = rng.choice((b"-1", b"0", b"1", b"99999999999", b"1e3", b"0x10", b"4000",
                         b"%d" % (len(body) + 5), b"%d" % (len(body) - 5)))
    await ask(address, b"POST /api/v1/command HTTP/1.1\r\nContent-Type: application/json\r\n"
              b"Content-Length: " + length + b"\r\n\r\n" + body * rng.choice((1, 1, 100)))


async def _pipelined(address, rng):
    await ask(address, _PLAIN * rng.randrange(2, 200))


async def _aborted(address, rng):
    """In the middle of the question or of the answer."""
    async with connection(address) as (reader, writer):
        data = rng.choice((_PLAIN, _BIG))
        writer.write(data[:rng.randrange(1, len(data))] if rng.random() < 0.5 else data)
        await asyncio.sleep(rng.uniform(0, 0.05))
        if rng.random() < 0.5:
            await asyncio.wait_for(reader.read(10), 1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                   struct.pack("ii", 1, 0))


async def _garbage(address, rng):
    data = bytearray(rng.choice((_PLAIN, _WRITE)))
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        data[at:at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
    await ask(address, rng.choice((bytes(data), rng.randbytes(rng.randrange(1, 3000)))))


async def _crowd(address, rng):
    """Fifty at once, each with a question of its own."""
    async def one(path):
        with limit(_PATIENCE_S):  # events never end
            await ask(address, _get(path))

    await _together(one(rng.choice(_PATHS)) for _ in range(_CROWD))


async def _never_reads(address, rng):
    """Asks for much and takes nothing of it."""
    async def one():
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        sock.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.sock_connect(sock, address), _PATIENCE_S)
            await loop.sock_sendall(sock, _BIG)
            await asyncio.sleep(_PATIENCE_S)
        finally:
            sock.close()

    await _together(one() for _ in range(rng.randrange(1, 4)))


async def _deep_bodies(address, rng):
    """Bodies that are small on the wire and large in memory, or no JSON at all."""
    body = rng.choice((b"[" * 900, b'{"a":' * 200, b"," * 900, b"a&" * 400,
                       b'"' + b"\\u0000" * 140, b"[1" + b",1" * 400 + b"]", rng.randbytes(900)))
    path = rng.choice((b"/settings", b"/api/v1/settings", b"/api/v1/command", b"/api/v1/prices",
                       b"/api/v1/restore", b"/api/v1/login", b"/currents", b"/ev_meter"))
    method = b"PATCH" if path.endswith(b"v1/settings") else b"POST"
    await ask(address, method + b" " + path + b" HTTP/1.1\r\nContent-Type: application/json\r\n"
              b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def _guesses(address, rng):
    """Somebody who tries passwords."""
    body = json.dumps({"password": "%08x" % rng.getrandbits(32)}).encode()
    await ask(address, b"POST /api/v1/login HTTP/1.1\r\nContent-Type: application/json\r\n"
              b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def _together(works):
    for problem in await asyncio.gather(*works, return_exceptions=True):
        if problem and not isinstance(problem, (OSError, asyncio.TimeoutError)):
            raise problem


KINDS = {
    "slow loris": _slow_loris, "endless line": _endless_line, "huge headers": _huge_headers,
    "wrong length": _wrong_length, "pipelined": _pipelined, "aborted": _aborted,
    "garbage": _garbage, "fifty at once": _crowd, "never reads": _never_reads,
    "deep bodies": _deep_bodies, "guesses": _guesses,
}


# ---- those that mean well ----

_AGAIN_S = 1.0  # what the charger asks of whom it turns away


class Client:
    """Asks the same every ``period_s``, and comes again when it is turned away.

    ``answers``, ``turned_away`` (503, or nobody lets it in) and ``broken`` count. ``gap_s`` is
    the longest time without an answer, ``wrong`` the first answer that should not be. ``take``,
    if set, gets the body of each answer.
    """

    def __init__(self, name, period_s, requests):
        self.name = name
        self.answers = self.turned_away = self.broken = 0
        self.gap_s = 0.0
        self.wrong = ""
        self.take = None
        self._period_s = period_s
        self._requests = itertools.cycle(requests)
        self._last = None

    async def run(self, address):
        """Ask until cancelled."""
        self._last = time.monotonic()
        request = next(self._requests)
        while True:
            begun = time.monotonic()
            done = await self._once(address, request)
            now = time.monotonic()
            self.gap_s = max(self.gap_s, now - self._last)
            if done:
                self._last = now
                request = next(self._requests)
                await asyncio.sleep(max(0, begun + self._period_s - now))
            else:
                await asyncio.sleep(_AGAIN_S)

    async def _once(self, address, request):
        try:
            heard = await ask(address, request)
        except (OSError, asyncio.TimeoutError):
            self.turned_away += 1
            return False
        words = heard.split(None, 2)
        status = words[1] if len(words) > 1 else b""
        if status == b"200" and _is_whole(heard):
            self.answers += 1
            if self.take:
                self.take(heard.partition(b"\r\n\r\n")[2])
            return True
        if status in (b"503", b"408"):
            self.turned_away += 1
        else:
            self.broken += 1
            if status not in (b"", b"200"):
                self.wrong = self.wrong or heard[:200].decode(errors="replace")
        return False


def _is_whole(heard):
    head, _, body = heard.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value) == len(body)
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _get(path):
    return b"GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n" % path.encode()


def _post(path):
    return (b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n" % path.encode())


def ordinary():
    """The clients that every house has: the page, evcc, Home Assistant feeding currents."""
    currents = [_post("/currents?battery_current=%d&L1=%d&L2=%d&L3=%d" % (
        10 * (at % 3), 40 + at, 35 - at, 10 * at)) for at in range(9)]
    return [Client("page", 1.0, [_get("/api/v1/status")]),
            Client("evcc", 3.0, [_get("/settings"), _get("/settings"),
                                 _post("/settings?override_current=0")]),
            Client("currents", 2.0, currents)]


async def listen(address):
    """A browser that takes the events as they come, and comes again when they end."""
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            async with connection(address) as (reader, writer):
                writer.write(_get("/api/v1/events"))
                while await asyncio.wait_for(reader.read(_PIECE), 60):
                    pass
        await asyncio.sleep(3)
