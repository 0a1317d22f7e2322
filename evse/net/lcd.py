"""The display over the network: its picture, the three buttons, and who may press them.

Loaded when somebody asks, and kept as long as it has open doors to remember.
"""

import asyncio
from array import array
from binascii import crc32

import framebuf
from micropython import const

from evse import ticks
from evse.net.reply import Reply, failure, quote, shared, trusted
from evse.settings import Refused

_WIDTH = const(128)
_HEIGHT = const(64)
_PAGES = const(8)
_ROW = const(16)  # bytes of a row in the BMP
_SMALL_INT = const(0x3FFFFFFF)
_NAMES = ("left", "middle", "right")

_KEPT_MS = const(60_000)
_DRAW_MS = const(500)  # a redraw is over by then
_STEP_MS = const(5)

_DOORS = const(6)
_OPEN_MS = const(600_000)

# 1086 bytes in all: 128 x 64, 1 bit, bottom row first; 0 is white, 1 red, which pages tint.
_BMP = (b"BM>\x04\0\0\0\0\0\0>\0\0\0"
        b"(\0\0\0\x80\0\0\0@\0\0\0\x01\0\x01\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"
        b"\xff\xff\xff\0\0\0\xff\0")


class Lcd:
    """Answers for the display of ``status``; ``command`` presses its buttons.

    ``guesses()`` gives the evse.net.guesses there is, ``now`` is the tick.
    """

    def __init__(self, status, command, guesses, now):
        self._status = status
        self._command = command
        self._used_at = now
        self._sums = array("i", (-1 for _ in range(_PAGES)))
        self._frames = array("i", (0 for _ in range(_PAGES)))
        # Frames are counted from the tick on, so that a number from before this was loaded is
        # none of ours: they are fewer than milliseconds.
        self._first = self._frame = now
        self._guesses = guesses
        self._doors = []  # of who has given the PIN: [peer, PIN, tick at which it closes]

    def over(self, now):
        """True when nobody asks any more, and no door is open."""
        self._find("", now)
        return ticks.diff(now, self._used_at) >= _KEPT_MS and not self._doors

    def answer(self, request, _status, _command):
        """Answer one of the paths of the display."""
        now = self._used_at = request.now
        post = request.method == "POST"
        if request.path == "/lcd-verify-password":
            return self._verify(request, now)
        if not self._status.screen():
            return failure(404, "there is no display")
        if post:
            return self._press(request, now)
        panel = self._status.panel()
        buttons = self._buttons(request, now)
        if request.path == "/lcd":
            return _Picture(self, panel, buttons)
        try:
            since = int(request.args.get("since", -1))
        except ValueError:
            return failure(400, "since is the number of a frame", "since")
        return _Changes(self, panel, buttons, since)

    # ---- buttons ----

    def _buttons(self, request, now):
        """Whether this peer may press: "open", "locked", "pin" (after giving it) or "closed"."""
        setting = self._status.setting
        if setting("lcd_lock") == "Enabled":
            return "locked"
        if trusted(request, self._status) or self._find(request.client_addr, now):
            return "open"
        return "pin" if setting("lcd_pin") else "closed"

    def _press(self, request, now):
        name, state = _parameter(request, "button"), _parameter(request, "state")
        door = self._find(request.client_addr, now)
        document = {"button": {"right": "down", "middle": "down", "left": "down"}}
        bit = 0
        down = False
        if not door and not trusted(request, self._status):
            # As older firmwares answer whoever has not given the PIN.
            document["error"] = "the buttons need the PIN of the LCD, the password or trust_lan"
            return Reply(quote(document))
        if name in _NAMES and str(state).lower() in ("0", "1", "true", "false"):
            down = str(state).lower() in ("1", "true")
            bit = 1 << _NAMES.index(name)
            try:
                self._command("button", (name, down), "PIN" if door else request.source)
            except Refused as exc:
                document["error"] = exc.reason
                down = False
            if door:
                door[2] = ticks.add(now, _OPEN_MS)
        pressed = self._status.panel().pressed
        if bit:
            pressed = pressed | bit if down else pressed & ~bit
        for number, name in enumerate(_NAMES):
            document["button"][name] = "down" if pressed & 1 << number else "up"
        return Reply(quote(document))

    # ---- PIN ----

    def _verify(self, request, now):
        pin = self._status.setting("lcd_pin")
        if not pin:
            return Reply('{"success":false,"error":"no PIN is set"}')
        peer = request.client_addr
        guesses = self._guesses()
        wait_s = guesses.wait_s(peer, now)
        if wait_s < 0:
            return Reply('{"success":false,"error":"too many have tried"}')
        if wait_s:
            return Reply('{"success":false,"wait_s":%d}' % wait_s)
        text = str(_parameter(request, "password", False))
        if len(text) > 4 or not text.isdigit() or int(text) != pin:
            return Reply('{"success":false,"wait_s":%d}' % guesses.wrong(peer, now))
        guesses.right(peer, now)
        self._doors = [door for door in self._doors if door[0] != peer][1 - _DOORS:]
        self._doors.append([peer, pin, ticks.add(now, _OPEN_MS)])
        return Reply('{"success":true}')

    def _find(self, peer, now):
        """The door of ``peer`` if it has given the PIN in force, else None."""
        found = None
        pin = self._status.setting("lcd_pin")
        for door in self._doors[:]:
            if ticks.due(now, door[2]):
                self._doors.remove(door)
            elif door[0] == peer and door[1] == pin != 0:
                found = door
        return found

    # ---- frames ----

    def look(self, data):
        """Compare the picture with the last one looked at; returns the number of this frame."""
        fresh = ticks.add(self._frame, 1)
        for page in range(_PAGES):
            total = crc32(data[page * _WIDTH:(page + 1) * _WIDTH]) & _SMALL_INT
            if total != self._sums[page]:
                self._sums[page] = total
                self._frames[page] = self._frame = fresh
        return self._frame

    def since(self, frame):
        """Pages that have changed after ``frame``, a bit each; all after one that is not ours."""
        ours = ticks.diff(self._frame, self._first)
        if not 0 <= frame <= ticks.MASK or not 0 <= ticks.diff(frame, self._first) <= ours:
            return (1 << _PAGES) - 1
        pages = 0
        for page in range(_PAGES):
            if ticks.diff(self._frames[page], frame) > 0:
                pages |= 1 << page
        return pages


def _parameter(request, name, query=True):
    """A parameter of query (unless it must not be there), form or JSON body, or None."""
    value = request.args.get(name) if query else None
    if value is None and request.body:
        try:
            body = request.json
            if body is None:
                body = request.form
        except ValueError:
            return None
        if hasattr(body, "get"):
            value = body.get(name)
    return value


class _Shown(Reply):
    """An answer that waits for a picture that is whole, and takes it in one go."""

    def __init__(self, lcd, panel, buttons, kind):
        super().__init__((), 200, kind, {"X-Buttons": buttons})
        self.lcd = lcd
        self._panel = panel

    async def write(self, stream):
        """Send the whole answer; raises OSError when the peer is gone."""
        panel = self._panel
        for _ in range(_DRAW_MS // _STEP_MS):
            await asyncio.sleep_ms(_STEP_MS if panel.drawing else 0)
            if not panel.drawing:
                break
        buttons = self.headers["X-Buttons"]
        if panel.secret and buttons != "open":
            await failure(403, "a password is on the display: it is read at the charger",
                          headers={"X-Buttons": buttons}).write(stream)
            return
        if panel.drawing:
            await failure(503, "the display is busy", headers={"Retry-After": "1"}).write(stream)
            return
        pieces = self.pieces(memoryview(panel.screen()))
        stream.put(self._head())
        if not self.is_head:
            for piece in pieces:
                stream.put(piece)
        await stream.awrite(b"")


class _Picture(_Shown):
    """The whole picture as a BMP."""

    def __init__(self, lcd, panel, buttons):
        super().__init__(lcd, panel, buttons, "image/bmp")
        self.headers["Content-Length"] = str(len(_BMP) + _HEIGHT * _ROW)

    @staticmethod
    def pieces(data):
        """Yield the file in pieces, the rows by way of the buffer that all answers share."""
        yield _BMP
        source = framebuf.FrameBuffer(data, _WIDTH, _HEIGHT, framebuf.MONO_VLSB)
        row = bytearray(_ROW)
        line = framebuf.FrameBuffer(row, _WIDTH, 1, framebuf.MONO_HLSB)
        used = 0
        for y in range(_HEIGHT - 1, -1, -1):
            line.blit(source, 0, -y)
            shared[used:used + _ROW] = row
            used += _ROW
            if used == len(shared):
                yield shared
                used = 0


class _Changes(_Shown):
    """The pages that changed after a frame; X-Frame and X-Pages say which."""

    def __init__(self, lcd, panel, buttons, since):
        super().__init__(lcd, panel, buttons, "application/octet-stream")
        self._since = since

    def pieces(self, data):
        """Return the pages as views of the picture itself."""
        headers = self.headers
        headers["X-Frame"] = str(self.lcd.look(data))
        pages = self.lcd.since(self._since)
        headers["X-Pages"] = str(pages)
        found = [data[page * _WIDTH:(page + 1) * _WIDTH] for page in range(_PAGES)
                 if pages & 1 << page]
        if found:
            headers["Content-Length"] = str(len(found) * _WIDTH)
        else:
            self.status_code = 204
        return found
