"""The external switch or button: debounced, and what each of its functions makes of it.

A function is the index of the setting switch: 0 Disabled, 1 Access B, 2 Access S, 3 Sma-Sol B,
4 Sma-Sol S, 5 Grid Relay, 6 Custom B, 7 Custom S. Names in B are buttons, as is a disabled switch
(its press still stops charging); the others are toggles whose position counts.
"""

from micropython import const

# Events.
PRESSED = const(1)
RELEASED = const(2)  # of a button only after a short press
LONG = const(3)  # of a button, while it is held

# Actions.
NOTHING = const(0)
STOP = const(1)
ACCESS_OFF = const(2)
ACCESS_ON = const(3)
MODE_SMART = const(4)
MODE_SOLAR = const(5)
RELAY_OFF = const(6)  # open: the connection is limited
RELAY_ON = const(7)  # closed: it is not
CUSTOM_OFF = const(8)
CUSTOM_ON = const(9)
CUSTOM_TOGGLE = const(10)

_TOGGLES = const(1 << 2 | 1 << 4 | 1 << 5 | 1 << 7)
# By function, what needs no further condition.
_ON_PRESS = bytes((0, 0, ACCESS_ON, 0, 0, RELAY_ON, CUSTOM_TOGGLE, CUSTOM_ON))
_ON_RELEASE = bytes((0, 0, ACCESS_OFF, 0, 0, RELAY_OFF, 0, CUSTOM_OFF))

_DEBOUNCE_MS = const(120)
_LEAST_READINGS = const(5)  # a late call must not let two readings pass for a steady level
_LONG_MS = const(1500)
_MASK = const(0x3FFFFFFF)

_UNKNOWN = const(-1)
# What a press has come to; that of a toggle, or of a button held since power-up, to nothing.
_NONE = const(0)
_SHORT = const(1)
_LONG = const(2)


class Switch:
    """Turns readings of the line into events. ``function`` is set by ``choose``."""

    def __init__(self):
        self.choose(0)

    def choose(self, function):
        """Serve another function: toggles report their position anew, a held button is ignored."""
        self.function = function
        self._level = _UNKNOWN
        self._seen = _UNKNOWN
        self._readings = 0
        self._since = 0
        self._press = _NONE
        self._pressed_at = 0

    def feed(self, pressed, now):
        """Take a reading, every 20 ms; returns an event or 0.

        A level counts once the readings of 120 ms agree. A toggle's first position is an event.
        """
        if pressed != self._seen:
            self._seen = pressed
            self._readings = 0
            self._since = now
        # Ticks wrap, so both stamps are looked at only while they are fresh.
        if pressed == self._level:
            if self._press == _SHORT and (now - self._pressed_at) & _MASK >= _LONG_MS:
                self._press = _LONG
                return LONG
            return 0
        self._readings += 1
        if self._readings < _LEAST_READINGS or (now - self._since) & _MASK < _DEBOUNCE_MS:
            return 0
        return self._settle(pressed)

    def _settle(self, pressed):
        first = self._level == _UNKNOWN
        self._level = pressed
        if _TOGGLES >> self.function & 1:
            return PRESSED if pressed else RELEASED
        if first:
            return 0
        if pressed:
            self._press = _SHORT
            self._pressed_at = self._since
            return PRESSED
        short = self._press == _SHORT
        self._press = _NONE
        return RELEASED if short else 0


def action(function, event, access, mode, charging):
    """Return what ``function`` does on ``event``.

    ``access`` is 0 off, 1 on, 2 pause; ``mode`` 0 Normal, 1 Smart, 2 Solar; ``charging`` True in
    state C. STOP means an orderly stop with a pause of 15 s.
    """
    if event == PRESSED:
        if function == 0:
            return STOP if charging else NOTHING
        if function == 1:
            return ACCESS_OFF if access == 1 else ACCESS_ON
        if function == 4 and access == 1 and mode == 2:
            return MODE_SMART
        return _ON_PRESS[function]
    if event == RELEASED:
        if access == 1 and (function == 3 or function == 4):
            if mode == 1:
                return MODE_SOLAR
            if mode == 2 and function == 3:
                return MODE_SMART
        return _ON_RELEASE[function]
    return STOP if event == LONG and function == 3 and charging else NOTHING
