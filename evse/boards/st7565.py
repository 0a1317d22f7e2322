"""The display of SmartEVSE v3: ST7565 or ST7567, written to only, and the buttons on its lines.

A0 and the data line are those of two buttons as well. Without a clock edge the display does not
care what they do, so the buttons are read between two transfers: by the task that sends, never by
a thread. docs/boards.md has the traps.
"""

import time

import esp
from machine import SPI, Pin
from micropython import const

from evse import ticks

_BUS = const(2)  # SPI(1)'s own pins are those of the residual current and the backlight
_HZ = const(10_000_000)
_DATA_SIGNAL = const(65)  # data out of SPI(2) in the GPIO matrix

# Contactors that switch disturb the display: it is left alone for a while before its reset.
_WAIT_MS = const(200)
_PULSE_US = const(4)

# Bias 1/9, columns from the left, rows from below, regulator 4 of 7, booster fivefold, contrast,
# not inverted, not all on, and all of its supplies on.
_SET_UP = b"\xa2\xa0\xc8\x24\xf8\x01\x81\x24\xa6\xa4\x2f"
_FIRST_PAGE = b"\xb0\x10\x00"
_ON = b"\xaf"
_PAGES = const(8)
_EMPTY = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
_EMPTIES = const(4)  # make a page

_RESET = const(-2)
_SETTING_UP = const(-1)
_READY = const(9)


class St7565:
    """The display; ``evse.boards.board`` says what each call does.

    ``pins`` has the GPIO numbers clock, data, a0 and reset, ``buttons`` the Pins <, o and >.
    """

    def __init__(self, pins, buttons):
        self._data = pins["data"]
        self._reset = Pin(pins["reset"], Pin.OUT, value=0)
        self._buttons = buttons
        self._a0 = buttons[1]
        # Mode 3. A MISO that is not named would be the pilot's pin.
        self._spi = SPI(_BUS, baudrate=_HZ, polarity=1, phase=1, sck=Pin(pins["clock"]),
                        mosi=Pin(self._data), miso=None)
        self._a0.init(Pin.OUT)
        self._place = bytearray(b"\x10\x00\xb0")
        self._stage = _RESET
        self._since = None

    def restart(self, now):
        self._stage = _RESET
        self._since = now

    def step(self, now):
        stage = self._stage
        if stage == _READY:
            return True
        if stage == _RESET:
            if self._since is None:
                self._since = now
            if ticks.diff(now, self._since) < _WAIT_MS:
                return False
            self._a0.value(0)
            self._reset.value(0)
            time.sleep_us(_PULSE_US)
            self._reset.value(1)
            time.sleep_us(_PULSE_US)
        elif stage == _SETTING_UP:
            self._spi.write(_SET_UP)
        elif stage < _PAGES:
            self._go_to(stage)
            for _ in range(_EMPTIES):
                self._spi.write(_EMPTY)
        else:
            self._a0.value(0)
            self._spi.write(_FIRST_PAGE)
            self._spi.write(_ON)
        self._stage = stage + 1
        return self._stage == _READY

    def _go_to(self, page):
        self._a0.value(0)
        self._place[2] = 0xB0 | page
        self._spi.write(self._place)
        self._a0.value(1)

    def send(self, page, view):
        self._go_to(page)
        self._spi.write(view)

    def pressed(self):
        """Bits of the pressed buttons, read on the display's lines; the clock stays high."""
        left, a0, data = self._buttons
        data.init(Pin.IN)
        a0.init(Pin.IN)
        bits = (not data.value()) << 2 | (not a0.value()) << 1 | (not left.value())
        # An output is a plain pin at first: the display's data has to be led to it again.
        data.init(Pin.OUT)
        esp.gpio_matrix_out(self._data, _DATA_SIGNAL, 0, 0)
        a0.init(Pin.OUT)
        return bits
