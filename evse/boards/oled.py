"""A display for the bench: an SSD1306 of 128 x 64 pixels on I2C, through micropython-ssd1306.

The package's own driver sends everything in one go, 25 ms; a charger has 2. So its table of
commands is taken, and its addressing, and the rest is done in pieces.
"""

import ssd1306
from machine import I2C, Pin
from micropython import const

_ADDRESS = const(0x3C)
_HZ = const(400_000)
_TIMEOUT_US = const(3000)  # a piece takes 0.8 ms; the driver's own would be 50 ms
_COMMANDS = b"\0"  # what goes before commands, and before pixels
_PIXELS = b"\x40"
_PIECE = const(32)  # columns: 0.8 ms on the wire
_PIECES = const(4)
_COLUMNS = const(128)
_TOP = const(127)


class _Recorder:
    """What the package takes for its display: notes the commands it would get."""

    width, height, external_vcc = 128, 64, False

    def __init__(self):
        self.commands = bytearray()

    def write_cmd(self, command):
        self.commands.append(command)

    def fill(self, colour):
        pass

    def show(self):
        pass


class Oled:
    """The display; ``evse.boards.board`` says what each call does. OSError without one."""

    def __init__(self, pins):
        self._i2c = I2C(0, scl=Pin(pins["clock"]), sda=Pin(pins["data"]), freq=_HZ,
                        timeout=_TIMEOUT_US)  # pyright: ignore[reportCallIssue]
        self._i2c.writeto(_ADDRESS, b"")
        recorder = _Recorder()
        ssd1306.SSD1306.init_display(recorder)
        # The last one switches it on: for that there must be something to see.
        self._table = bytes(recorder.commands[:-1])
        self._level = 0
        self._place = bytearray((ssd1306.SET_COL_ADDR, 0, _TOP, ssd1306.SET_PAGE_ADDR, 0, 0))
        self._ready = False
        self._piece = 0
        self._parts = [_PIXELS, None]
        self._empty = memoryview(bytes(_PIECE))

    def _command(self, commands):
        parts = self._parts
        parts[0], parts[1] = _COMMANDS, commands
        self._i2c.writevto(_ADDRESS, parts)

    def restart(self, now):
        self._ready = False
        self._piece = 0

    def step(self, now):
        if not self._ready:
            piece = self._piece
            if piece == 0:
                self._command(self._table)
            if piece < 8 * _PIECES:
                self._write(piece // _PIECES, piece % _PIECES, self._empty)
                self._piece += 1
            else:
                self._shine()
                self._ready = True
                self._piece = 0
        return self._ready

    def _write(self, page, piece, view):
        place, parts = self._place, self._parts
        place[1] = piece * _PIECE
        place[4] = place[5] = page
        self._command(place)
        parts[0], parts[1] = _PIXELS, view
        self._i2c.writevto(_ADDRESS, parts)

    def send(self, page, view):
        """As the interface says; True while there is more of this page to send."""
        piece = self._piece
        self._write(page, piece, view[piece * _PIECE:(piece + 1) * _PIECE])
        self._piece = (piece + 1) % _PIECES
        return self._piece > 0

    def light(self, level):
        """Brightness, also after the next restart; dark pixels last longer."""
        self._level = level
        if self._ready:
            try:
                self._shine()
            except OSError:
                self._ready = False  # who sends the next page hears of it

    def _shine(self):
        level = self._level
        self._command(bytes((ssd1306.SET_CONTRAST, level, ssd1306.SET_DISP | (level > 0))))
