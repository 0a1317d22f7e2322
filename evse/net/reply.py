"""Answers of the web server: one class, streamed through one small buffer."""

import asyncio
import json
import sys

from microdot import Response

from evse.net.inlet import Refusal

_SIZE = 512
_FULL = 256  # text is let go at so much: to make it takes its time
# The only send buffer for bodies. It is filled and handed to the socket without an await between,
# so requests that run side by side may share it: its content never has to outlive a switch.
_buffer = bytearray(_SIZE)
shared = memoryview(_buffer)

# Scripts, styles and requests from this origin only; nobody may frame the page.
_COMMON = (
    b"Connection: close\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"Referrer-Policy: no-referrer\r\n"
    b"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    b"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'\r\n"
    b"\r\n"
)


class Reply(Response):
    """An answer that writes its head in one piece and its body in chunks of 512 bytes at most.

    ``body`` is bytes or text, an open binary file, or a generator of short pieces of text.
    ``headers`` are added to those every answer carries.
    """

    def __init__(self, body, status=200, kind="application/json", headers=None):
        super().__init__(body, status, headers)
        self.headers["Content-Type"] = kind
        if "Cache-Control" not in self.headers:
            self.headers["Cache-Control"] = "no-store"
        if type(self.body) is bytes:
            self.headers["Content-Length"] = str(len(self.body))

    async def write(self, stream):
        """Send the whole answer; raises OSError when the peer is gone."""
        body = self.body
        try:
            await asyncio.sleep_ms(0)  # one slice for making the answer, one for each piece sent
            await stream.awrite(self._head())
            if self.is_head:
                return
            if type(body) is bytes:
                await stream.awrite(body)
                return
            for chunk in _from_file(body) if hasattr(body, "readinto") else _packed(body):
                await stream.awrite(chunk)
        finally:
            if hasattr(body, "close"):
                body.close()

    def _head(self):
        status = self.status_code
        lines = ["HTTP/1.0 %d %s\r\n" % (status, "OK" if status < 300 else "Error")]
        for name, value in self.headers.items():
            lines.append("%s: %s\r\n" % (name, value))
        own = "".join(lines).encode()
        size = len(own) + len(_COMMON)
        if size > _SIZE:
            return own + _COMMON
        _buffer[:len(own)] = own
        _buffer[len(own):size] = _COMMON
        return shared[:size]


class Later(Reply):
    """The answer a coroutine returns that takes its time, or raises as a Refusal."""

    def __init__(self, work, limit_ms):
        super().__init__("")
        self._work = work
        self._limit_ms = limit_ms

    async def write(self, stream):
        """Wait for the answer, ``limit_ms`` at most, and send it."""
        stream.allow_more(self._limit_ms)
        try:
            answer = await self._work
        except Refusal as exc:
            answer = failure(exc.status, exc.error, headers=exc.headers)
        except MemoryError:
            raise
        except Exception as problem:
            sys.print_exception(problem)
            answer = failure(500, "internal error")
        await answer.write(stream)


def _packed(pieces):
    """Yield the text of ``pieces`` as views of the shared buffer, each as full as possible.

    A line that is complete, or a piece that is empty, is let go at once: what makes lines takes
    its time for each of them, and others must run in between.
    """
    used = 0
    for piece in pieces:
        data = piece.encode()
        start = 0
        while start < len(data):
            count = min(_FULL - used, len(data) - start)
            _buffer[used : used + count] = data[start : start + count]
            start += count
            used += count
            if used == _FULL:
                used = 0
                yield shared[:_FULL]
        if not data or data[-1] == 10:
            yield shared[:used]
            used = 0
    if used:
        yield shared[:used]


def _from_file(file):
    """Yield a file's bytes as views of the shared buffer."""
    while True:
        count = file.readinto(_buffer)
        if not count:
            return
        yield shared[:count]


_RFID = ("Ready to read card\nPresent\nCard Stored\nCard Deleted\nCard already stored\n"
         "Card not in storage\nCard Storage full\nInvalid\nNOSTATUS")


def rfid_text(code):
    """What clients know as the card reader's status ``code`` (0 to 7)."""
    return _RFID.split("\n")[min(code, 8)]


def quote(value):
    """``value`` as JSON text."""
    return json.dumps(value)


def trusted(request, status):
    """Whether the asker may see and do what the installer may."""
    return request.source != "REST" or status.setting("trust_lan") == "Enabled"


def failure(status, error, field=None, allowed=None, headers=None):
    """An error answer: {"error", "field", "allowed"}, the last two where they say something."""
    document = {"error": error}
    if field:
        document["field"] = field
    if allowed is not None:
        document["allowed"] = allowed
    return Reply(json.dumps(document), status, headers=headers)
