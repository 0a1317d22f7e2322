"""The display over the network: its picture, the three buttons, and who may press them.

Loaded when somebody asks, and kept as long as it has wrong PINs or open doors to remember.
"""

import asyncio
from array import array
from binascii import crc32

import framebuf
from micropython import const

from evse import ticks
from evse.net.reply import Reply, failure, quote, shared
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

# Who has given the PIN, or a wrong one: (peer, PIN given or -1, wrong ones so far) and the tick at
# which it is forgotten or, after too many wrong ones, may try again.
_PEERS = const(6)
_OPEN_MS = const(600_000)
_WRONG_MS = const(3_600_000)
_TRIES = const(5)
_WAIT_S = const(60)
_WAIT_MOST_S = const(600)

# 1086 bytes in all: 128 x 64, 1 bit, bottom row first; 0 is white, 1 red, which pages tint.
_BMP = (b"BM>\x04\0\0\0\0\0\0>\0\0\0"
        b"(\0\0\0\x80\0\0\0@\0\0\0\x01\0\x01\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"
        b"\xff\xff\xff\0\0\0\xff\0")


class Lcd:
    """Answers for the display of ``status``; ``command`` presses its buttons."""

    def __init__(self, status, command, now):
        self._status = status
        self._command = command
        self._used_at = now
        self._sums = array("i", (-1 for _ in range(_PAGES)))
        self._frames = array("i", (0 for _ in range(_PAGES)))
        # Frames are counted from the tick on, so that a number from before this was loaded is
        # none of ours: they are fewer than milliseconds.
        self._first = self._frame = now
        self._peers = []
        self._until = array("i", (0 for _ in range(_PEERS)))

    def over(self, now):
        """True when nobody asks any more, and nobody's PIN has to be remembered."""
        self._forget(now)
        return ticks.diff(now, self._used_at) >= _KEPT_MS and not self._peers

    def answer(self, request, now):
        """Answer one of the paths of the display."""
        self._used_at = now
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
        if setting("trust_lan") == "Enabled" or self._given(request.client_addr, now) >= 0:
            return "open"
        return "pin" if setting("lcd_pin") else "closed"

    def _press(self, request, now):
        name, state = _parameter(request, "button"), _parameter(request, "state")
        given = self._given(request.client_addr, now)
        document = {"button": {"right": "down", "middle": "down", "left": "down"}}
        bit = 0
        down = False
        if given < 0 and self._status.setting("trust_lan") != "Enabled":
            # As older firmwares answer whoever has not given the PIN.
            document["error"] = "the buttons need the PIN of the LCD, or trust_lan"
            return Reply(quote(document))
        if name in _NAMES and str(state).lower() in ("0", "1", "true", "false"):
            down = str(state).lower() in ("1", "true")
            bit = 1 << _NAMES.index(name)
            try:
                self._command("button", (name, down), "REST" if given < 0 else "PIN")
            except Refused as exc:
                document["error"] = exc.reason
                down = False
            if given >= 0:
                self._until[given] = ticks.add(now, _OPEN_MS)
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
        number = self._find(peer, now)
        if number < 0:
            if len(self._peers) >= _PEERS:
                return Reply('{"success":false,"error":"too many have tried"}')
            number = len(self._peers)
            self._peers.append((peer, -1, 0))
            self._until[number] = ticks.add(now, _WRONG_MS)
        wrong = self._peers[number][2]
        wait_ms = ticks.diff(self._until[number], now) - _WRONG_MS
        if wait_ms > 0:
            return Reply('{"success":false,"wait_s":%d}' % (wait_ms // 1000 + 1))
        text = str(_parameter(request, "password", False))
        if len(text) <= 4 and text.isdigit() and int(text) == pin:
            self._peers[number] = (peer, pin, 0)
            self._until[number] = ticks.add(now, _OPEN_MS)
            return Reply('{"success":true}')
        wrong += 1
        wait_s = 0
        if wrong >= _TRIES:
            wait_s = min(_WAIT_S << min(wrong - _TRIES, 4), _WAIT_MOST_S)
        self._peers[number] = (peer, -1, wrong)
        self._until[number] = ticks.add(now, _WRONG_MS + wait_s * 1000)
        return Reply('{"success":false,"wait_s":%d}' % wait_s)

    def _find(self, peer, now):
        """Place of ``peer`` among those remembered, or -1."""
        self._forget(now)
        for number, known in enumerate(self._peers):
            if known[0] == peer:
                return number
        return -1

    def _given(self, peer, now):
        """Place of ``peer`` among those remembered if it has given the PIN in force, else -1."""
        number = self._find(peer, now)
        pin = self._status.setting("lcd_pin")
        return number if number >= 0 and pin and self._peers[number][1] == pin else -1

    def _forget(self, now):
        """Forget those whose time is up; the last one takes the place of each."""
        peers = self._peers
        for number in range(len(peers) - 1, -1, -1):
            if ticks.due(now, self._until[number]):
                peers[number] = peers[-1]
                self._until[number] = self._until[len(peers) - 1]
                peers.pop()

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
