"""The web server: bounded and timed, with Microdot's requests and answers.

Microdot's application would take 3 KB of memory, so sockets, paths and errors are this module's.
At most four requests are served at a time, each has a time limit, and whoever exceeds a bound gets
an answer and is let go.
"""

import asyncio
import gc
import select
import sys

from microdot import Request
from micropython import const

from evse import ticks
from evse.net import inlet
from evse.net.listener import listen, text_of
from evse.net.reply import failure
from evse.net.routes import Routes, now_ms

_SERVED_MAX = const(4)
_SERVED_LEAST = const(2)
# Refused peers may take their answer at leisure, but only so many.
_LEAVING_MAX = const(2)
# lwIP has ten sockets: one listens here, one answers for the host name, one is for questions of
# names and the time of day.
_SOCKETS = const(7)
_MODBUS_SOCKETS = const(3)
_TELNET_SOCKETS = const(2)
_PORTAL_SOCKETS = const(2)  # one answers for all names there are
_HEAD_MS = const(5000)
_REQUEST_MS = const(10000)
_LEAVE_MS = const(500)
_PLACE_MS = const(1000)  # a browser asks for several files at once, and will not ask again
_ACCEPT_MS = const(20)
_BACKLOG = const(4)
_DISCARD_MAX = const(4096)

_BUSY = inlet.Refusal(503, "busy, try again in a second", {"Retry-After": "1"})
_LATE = inlet.Refusal(408, "request not complete in time")
_SHORT = inlet.Refusal(503, "short of memory, try again in a second", {"Retry-After": "1"})


class _Connection:
    """One peer and the time it has left; what answers are written to."""

    def __init__(self, stream, server, inside):
        self._stream = stream
        self._server = server
        self.inside = inside  # it came to the address of the network for the set-up
        self._task = asyncio.current_task()
        self._start = now_ms()
        self._deadline = self._start
        self.expired = False
        self.answered = False
        self.long = False  # its body comes in pieces
        self.lasting = False
        self.token = ""

    def allow(self, limit_ms):
        """Let the connection live until ``limit_ms`` after its start."""
        self._deadline = ticks.add(self._start, limit_ms)

    def allow_more(self, limit_ms):
        """Let the connection live for ``limit_ms`` from now."""
        self.expired = False
        self._deadline = ticks.add(now_ms(), limit_ms)

    def endless(self):
        """Ask to become one that does not end: False while there are enough of them.

        Whoever may has to call ``allow_more`` again and again.
        """
        self.lasting = self._server.has_room_for_endless()
        return self.lasting

    def reap(self, now):
        """Cancel the task when its time is up; it knows from ``expired`` why, and says so."""
        if not self.expired and ticks.due(now, self._deadline):
            self.expired = True
            self._task.cancel()

    def cut(self):
        """Cancel the task without a word: nobody will reap it."""
        self.expired = False
        self._task.cancel()

    def source(self):
        """Who asks, as of now: what its rights rest on may have ended."""
        return self._server.source(self)

    def peer(self):
        """Whose connection it is: the peer's address as ``a.b.c.d``."""
        return text_of(self._stream.get_extra_info("peername"))

    def put(self, data):
        """Send or copy ``data`` without a switch to another task; ``awrite`` has to follow."""
        self.answered = True
        self._stream.write(data)

    async def awrite(self, data):
        """Send ``data``; it is on its way or copied before the first switch to another task."""
        self.put(data)
        await self._stream.drain()


class WebServer(Routes):
    """Serves page and API. ``status`` and ``command`` are the core's doors.

    ``web_dir`` holds the page's gzipped files.
    ``served``, ``refused`` (no room) and ``expired`` (too slow) count connections.
    ``listening`` is True while others may come.
    """

    def __init__(self, status, command, web_dir):
        super().__init__(status, command, web_dir)
        Request.max_content_length = Request.max_body_length = inlet.BODY_MAX
        self._names = ("smartevse-%d" % status.serial, "microevse-%d" % status.serial)
        self._serving = []
        self._leaving = []
        self._most = _SERVED_MAX + _LEAVING_MAX
        self.served = 0
        self.refused = 0
        self.expired = 0
        self.listening = False

    async def run(self, host, port):
        """Serve until cancelled; raises OSError when the address is not to be had.

        asyncio's own server ends for ever when memory is short at the wrong moment, so connections
        are accepted here: as many as can be held, the others wait in the system's queue.
        """
        poller = select.poll()
        listener = listen(host, port, _BACKLOG, poller)
        inner = None
        self.listening = True
        try:
            while True:
                portal = self.doors[0].portal
                try:
                    self.sweep(now_ms())
                    for door, _ in poller.ipoll(0):
                        self.count_sockets()
                        if self.has_room():
                            self._admit(door, door is inner)
                    # Who comes by the network for the set-up is known by the address they come to:
                    # their own could be that of anybody.
                    if portal and not inner:
                        inner = listen(portal[2], port, _BACKLOG, poller)
                    elif inner and not portal:
                        poller.unregister(inner)
                        inner.close()
                        inner = None
                except (OSError, MemoryError):
                    pass  # there is no socket or no memory for it now
                await asyncio.sleep_ms(_ACCEPT_MS)
        finally:
            self.listening = False
            listener.close()
            if inner:
                inner.close()
            for connection in self._serving + self._leaving:
                connection.cut()

    def count_sockets(self):
        """See how many connections may be open beside what the other services need."""
        setting = self.doors[0].setting
        left = _SOCKETS
        if setting("mqtt_host"):
            left -= 1
        if self.doors[0].update is not None:
            left -= 1  # it may be fetched
        if self.doors[0].portal:
            left -= _PORTAL_SOCKETS
        if setting("modbus_tcp") == "Enabled":
            left -= _MODBUS_SOCKETS
        if setting("telnet") == "Enabled":
            left -= _TELNET_SOCKETS
        for key in ("mains_met", "circt_met", "ev_meter"):
            if setting(key) == "HomeWizrd":
                left -= 1
        self._most = max(_SERVED_LEAST, min(_SERVED_MAX + _LEAVING_MAX, left))

    def has_room(self):
        """True if one more connection may be accepted."""
        return len(self._serving) + len(self._leaving) < self._most

    def has_room_for_endless(self):
        """True if one more connection may stay for ever: half of them at most."""
        lasting = sum(connection.lasting for connection in self._serving)
        return lasting < min(_SERVED_MAX, self._most) // 2

    def _admit(self, listener, inside):
        peer = None
        try:
            peer, address = listener.accept()
            peer.setblocking(False)
            stream = asyncio.StreamReader(peer, {"peername": address})
            asyncio.create_task(self.accept(stream, stream, inside))
        except (OSError, MemoryError):
            if peer:
                peer.close()  # no room for it now: it may come back

    def sweep(self, now):
        """End the connections whose time is up at ``now``, and let go what nobody wants."""
        for connection in self._serving:
            connection.reap(now)
        for connection in self._leaving:
            connection.reap(now)
        self.forget(now)

    async def accept(self, reader, writer, inside=False):
        """Serve one connection, or turn it away; returns when it is closed.

        ``inside``: it came to the charger's address in the network for the set-up.
        """
        connection = _Connection(writer, self, inside)
        try:
            if await self._place(connection):
                await self._serve(connection, reader)
            else:
                self.refused += 1
                await self._turn_away(connection, reader, _BUSY)
        except (OSError, MemoryError):
            pass  # the peer broke the connection, or there is no room for it now: it may come back
        finally:
            await writer.wait_closed()

    async def _place(self, connection):
        """Wait a moment until there is a place among those served; False when there is none."""
        start = now_ms()
        connection.allow_more(2 * _PLACE_MS)
        self._leaving.append(connection)
        try:
            while len(self._serving) >= min(_SERVED_MAX, self._most):
                if ticks.diff(now_ms(), start) >= _PLACE_MS:
                    return False
                await asyncio.sleep_ms(_ACCEPT_MS)
            return True
        finally:
            self._leaving.remove(connection)

    async def _serve(self, connection, reader):
        refusal = None
        self._serving.append(connection)
        try:
            connection.allow(_HEAD_MS)
            request = inlet.Inlet(reader, self._names)
            await request.read_head()
            if request.chunks is not None and not request.streamed:
                if any(other.long for other in self._serving):
                    # A new one: each time it is raised one remembers where.
                    raise inlet.Refusal(_BUSY.status, _BUSY.error, _BUSY.headers)
                connection.long = True
            connection.allow(_REQUEST_MS)
            await request.read_body()
            self.served += 1
            await asyncio.sleep_ms(0)  # one slice for reading, one for answering
            await self._take(request, connection)
        except inlet.Refusal as exc:
            refusal = exc
            if exc.status == 421 and self.on_portal(connection):
                refusal = self.to_portal()  # what a telephone asks to find out where it is
        except inlet.Gone:
            pass
        except MemoryError:
            gc.collect()  # what was made for it goes, so that there is enough for the answer
            if not connection.answered:
                refusal = _SHORT
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
            asked = await Request.create(None, request, connection, connection.peer())
        except ValueError:  # it is no text
            await failure(400, "bad request").write(connection)
            return
        asked.token = connection.token = request.token
        asked.chunks = request.chunks
        asked.piece = request.piece
        await asyncio.sleep_ms(0)  # one slice for this, one for finding who answers
        asked.source = connection.source()
        try:
            answer = self.find(asked)
            if callable(answer):
                await asyncio.sleep_ms(0)  # one slice for loading it, one for its work
                answer = answer(asked, *self.doors)
        except MemoryError:
            raise
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
