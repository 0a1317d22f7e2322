"""What a person does with the three buttons: samples every 10 ms become events."""

from micropython import const

from evse import ticks

LEFT = const(1)
MIDDLE = const(2)
RIGHT = const(4)

# An event is one of these with the bits of its buttons. SHORT is the release of one that was down
# for less than 2 s, REPEAT comes ever faster while one is held. BOTH is < and > together, or o and
# > held at power-up; whatever else is pressed together means nothing.
PRESS = const(8)
SHORT = const(16)
HELD = const(32)
REPEAT = const(64)
BOTH = const(128)

_STEADY_MS = const(9)  # two samples 10 ms apart, one of them maybe a little late
_HELD_MS = const(2000)
_REPEAT_MS = const(500)
_FASTEST_MS = const(40)
_CHORD = const(LEFT | RIGHT)
_LOCK = const(MIDDLE | RIGHT)


class Buttons:
    """Feed it samples. ``down`` are the bits of the buttons that are pressed, bounces left out."""

    def __init__(self):
        self.down = 0
        self._sample = 0
        self._since = None
        self._started = False
        self._deaf = True  # until all are released: what is held at power-up presses nothing
        self._held = False
        self._pressed = self._repeat = self._interval = 0

    def feed(self, bits, now):
        """Take ``bits`` as sampled at tick ``now``; returns an event or 0. Allocates nothing."""
        if bits != self._sample or self._since is None:
            self._sample = bits
            self._since = now
        elif bits != self.down or not self._started:
            if ticks.diff(now, self._since) >= _STEADY_MS:
                return self._change(bits, now)
        down = self.down
        if not down or self._deaf:
            return 0
        if not self._held and ticks.diff(now, self._pressed) >= _HELD_MS:
            self._held = True
            return HELD | down
        if ticks.due(now, self._repeat):
            self._interval = max(self._interval * 7 // 8, _FASTEST_MS)
            self._repeat = ticks.add(now, self._interval)
            return REPEAT | down
        return 0

    def ignore(self):
        """What is down means nothing any more, until all are released."""
        self._deaf = self.down != 0

    def _change(self, bits, now):
        """Other buttons are down than before, for long enough to be believed."""
        before = self.down
        self.down = bits
        if not self._started:
            self._started = True
            self._deaf = bits != 0
            return BOTH | bits if bits == _LOCK else 0
        if self._deaf:
            self._deaf = bits != 0
            return 0
        held = self._held
        self._held = False
        if not bits:
            return 0 if held else SHORT | before
        if not before and bits & bits - 1 == 0:
            self._pressed = now
            self._interval = _REPEAT_MS
            self._repeat = ticks.add(now, _REPEAT_MS)
            return PRESS | bits
        # Together with another they mean something else, or nothing, until all are released.
        self._deaf = True
        return BOTH | bits if bits == _CHORD and not held else 0
