"""The web server: bounded and timed, with Microdot's requests and answers.

Microdot's application would take 3 KB of memory, so sockets, paths and errors are this module's.
At most four requests are served at a time, each has a time limit, and whoever exceeds a bound gets
an answer and is let go.
"""

import asyncio
import select
import socket
import sys
import time

from microdot import Request
from micropython import const

from evse import ticks
from evse.net import api, inlet, legacy, page
from evse.net.reply import failure
from evse.rare import rare

_SERVED_MAX = const(4)
# Refused peers may take their answer at leisure, but only so many: the board has ten sockets.
_LEAVING_MAX = const(2)
_HEAD_MS = const(5000)
_REQUEST_MS = const(10000)
_LEAVE_MS = const(500)
_ACCEPT_MS = const(20)
_BACKLOG = const(4)
_DISCARD_MAX = const(4096)
_KEPT_MS = const(60_000)

# What evse.net.writes answers. Some clients never POST, some feed a meter every second: the module
# is loaded for the first, and goes when nobody has wanted it for a minute.
_WRITES = ("/settings", "/currents", "/ev_meter", "/ev_state", "/rfid", "/cablelock", "/color_off",
           "/color_normal", "/color_smart", "/color_solar", "/color_custom")

# What evse.net.lcd answers: GET and POST.
_SHOWN = ("/lcd", "/api/v1/lcd")
_PRESSED = ("/lcd", "/lcd-verify-password")

_BUSY = inlet.Refusal(503, "busy, try again in a second", {"Retry-After": "1"})
_LATE = inlet.Refusal(408, "request not complete in time")


def now_ms():
    """Ticks in ms."""
    return time.ticks_ms() & ticks.MASK


class _Connection:
    """One peer and the time it has left; what answers are written to."""

    def __init__(self, stream):
        self._stream = stream
        self._task = asyncio.current_task()
        self._start = now_ms()
        self._deadline = self._start
        self.expired = False
        self.answered = False

    def allow(self, limit_ms):
        """Let the connection live until ``limit_ms`` after its start."""
        self._deadline = ticks.add(self._start, limit_ms)

    def allow_more(self, limit_ms):
        """Let the connection live for ``limit_ms`` from now."""
        self.expired = False
        self._deadline = ticks.add(now_ms(), limit_ms)

    def reap(self, now):
        """Cancel the task when its time is up."""
        if not self.expired and ticks.due(now, self._deadline):
            self.cut()

    def cut(self):
        """Cancel the task; it knows from ``expired`` that this was meant."""
        self.expired = True
        self._task.cancel()

    def peer(self):
        """Whose connection it is: the peer's address without its port."""
        address = self._stream.get_extra_info("peername")
        # On a host it is the system's own structure.
        return address[0] if type(address) is tuple else bytes(address[4:8])

    def put(self, data):
        """Send or copy ``data`` without a switch to another task; ``awrite`` has to follow."""
        self.answered = True
        self._stream.write(data)

    async def awrite(self, data):
        """Send ``data``; it is on its way or copied before the first switch to another task."""
        self.put(data)
        await self._stream.drain()


class WebServer:
    """Serves page and API. ``status`` and ``command`` are the core's doors.

    ``web_dir`` holds the page's gzipped files.
    ``served``, ``refused`` (no room) and ``expired`` (too slow) count connections. ``lcd`` is what
    answers for the display, None while nobody asks.
    """

    def __init__(self, status, command, web_dir):
        Request.max_content_length = Request.max_body_length = inlet.BODY_MAX
        self._doors = (status, command)
        self._web_dir = web_dir
        self._writes = None
        self.lcd = None
        self._wrote_at = 0
        self._names = ("smartevse-%d" % status.serial, "microevse-%d" % status.serial)
        self._serving = []
        self._leaving = []
        self.served = 0
        self.refused = 0
        self.expired = 0

    def _answer(self, request):
        """Answer a request for any path; HEAD is a GET whose body is left out."""
        path = request.path
        get = request.method != "POST"
        handler = _route(("GET " if get else "POST ") + path)
        if handler:
            return handler(request, *self._doors)
        if path in _WRITES and not get:
            self._writes = self._writes or rare("net.writes")
            self._wrote_at = now_ms()
            return self._writes.post(request, *self._doors)
        if path in (_SHOWN if get else _PRESSED):
            now = now_ms()
            self.lcd = self.lcd or rare("net.lcd").Lcd(*self._doors, now)
            return self.lcd.answer(request, now)
        known = path in page.FILES
        if known and get:
            return page.serve(path, self._web_dir)
        if (known or path in _WRITES or path in _SHOWN or path in _PRESSED
                or _route(("POST " if get else "GET ") + path)):
            return failure(405, "method not allowed",
                           headers={"Allow": "POST" if get else "GET, HEAD"})
        return failure(404, "not found")

    async def run(self, host, port):
        """Serve until cancelled; raises OSError when the address is not to be had.

        asyncio's own server ends for ever when memory is short at the wrong moment, so connections
        are accepted here: as many as can be held, the others wait in the system's queue.
        """
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(socket.getaddrinfo(host, port)[0][-1])
            listener.listen(_BACKLOG)
            listener.setblocking(False)
            poller = select.poll()
            poller.register(listener, select.POLLIN)
            while True:
                self.sweep(now_ms())
                if len(self._serving) + len(self._leaving) < _SERVED_MAX + _LEAVING_MAX:
                    for _ in poller.ipoll(0):
                        self._admit(listener)
                await asyncio.sleep_ms(_ACCEPT_MS)
        finally:
            listener.close()
            for connection in self._serving + self._leaving:
                connection.cut()

    def _admit(self, listener):
        peer = None
        try:
            peer, address = listener.accept()
            peer.setblocking(False)
            stream = asyncio.StreamReader(peer, {"peername": address})
            asyncio.create_task(self.accept(stream, stream))
        except (OSError, MemoryError):
            if peer:
                peer.close()  # no room for it now: it may come back

    def sweep(self, now):
        """End the connections whose time is up at ``now``, and let go what nobody wants."""
        for connection in self._serving:
            connection.reap(now)
        for connection in self._leaving:
            connection.reap(now)
        if self._writes and ticks.diff(now, self._wrote_at) >= _KEPT_MS:
            self._writes = None
        if self.lcd and self.lcd.over(now):
            self.lcd = None

    async def accept(self, reader, writer):
        """Serve one connection, or turn it away; returns when it is closed."""
        connection = _Connection(writer)
        try:
            if len(self._serving) >= _SERVED_MAX:
                self.refused += 1
                await self._turn_away(connection, reader, _BUSY)
            else:
                await self._serve(connection, reader)
        except (OSError, MemoryError):
            pass  # the peer broke the connection, or there is no room for it now: it may come back
        finally:
            await writer.wait_closed()

    async def _serve(self, connection, reader):
        refusal = None
        self._serving.append(connection)
        try:
            connection.allow(_HEAD_MS)
            request = inlet.Inlet(reader, self._names)
            await request.read_head()
            connection.allow(_REQUEST_MS)
            await request.read_body()
            self.served += 1
            await asyncio.sleep_ms(0)  # one slice for reading, one for answering
            await self._take(request, connection)
        except inlet.Refusal as exc:
            refusal = exc
        except inlet.Gone:
            pass
        except asyncio.CancelledError:
            if not connection.expired:
                raise
            self.expired += 1
            if not connection.answered:
                refusal = _LATE
        finally:
            self._serving.remove(connection)
        if refusal:
            await self._turn_away(connection, reader, refusal)

    async def _take(self, request, connection):
        """Have Microdot read the request, and answer it."""
        try:
            asked = await Request.create(None, request, connection,
                                         connection.peer())
        except ValueError:  # it is no text
            asked = None
        if not asked:
            await failure(400, "bad request").write(connection)
            return
        try:
            answer = self._answer(asked)
        except Exception as problem:
            sys.print_exception(problem)
            answer = failure(500, "internal error")
        answer.is_head = asked.method == "HEAD"
        await answer.write(connection)

    async def _turn_away(self, connection, reader, refusal):
        """Answer, then read on for a moment: closing on unread input would destroy the answer."""
        left = _DISCARD_MAX if len(self._leaving) < _LEAVING_MAX else 0
        connection.allow_more(_LEAVE_MS)
        self._leaving.append(connection)
        try:
            await failure(refusal.status, refusal.error,
                          headers=refusal.headers).write(connection)
            while left > 0:
                data = await reader.read(256)
                if not data:
                    break
                left -= len(data)
        except asyncio.CancelledError:
            if not connection.expired:
                raise
        finally:
            self._leaving.remove(connection)


def _route(method_and_path):
    return api.ROUTES.get(method_and_path) or legacy.ROUTES.get(method_and_path)
