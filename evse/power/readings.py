"""Meter samples: the value, when it came, and until when it may be used.

A sample never decides by its age alone: it is valid until the tick given with it, then it is lost
until a new one comes. Loss is latched by ``expire``, so that a wrapping clock cannot revive it.
"""

from array import array

from micropython import const

from evse import ticks

MAINS = const(0)
CIRCUIT = const(1)
EV = const(2)
BATTERY = const(3)
SOURCES = const(4)

# What no house meter shows. A value beyond it is a broken answer, not a current; refusing it also
# keeps every sum of the allocation within 32 bits.
_ABSURD_DA = const(100_000)
# Some meters hand out their last values again while they have no others. So the very same currents
# do not show that nothing has happened, unless they have stayed for so long.
_SAME_MS = const(11_000)


class Readings:
    """The last sample of each source.

    ``amps[source]`` is an array of three phase currents in dA, import positive. ``count[source]``
    grows by one with each sample taken, ``at[source]`` and ``until[source]`` are the ticks of its
    arrival and of its end. ``news[source]`` is 0 when the last sample may be the one before, told
    again: its values are the same, and not yet for long.
    """

    def __init__(self):
        self.amps = tuple(array("i", (0, 0, 0)) for _ in range(SOURCES))
        self.count = array("i", (0,) * SOURCES)
        self.at = array("i", (0,) * SOURCES)
        self.until = array("i", (0,) * SOURCES)
        self.news = array("i", (0,) * SOURCES)
        self._told_at = array("i", (0,) * SOURCES)
        self._valid = array("i", (0,) * SOURCES)

    def put(self, source, l1, l2, l3, now, valid_ms):
        """Take one sample in dA, valid for ``valid_ms``.

        Returns False, and changes nothing, when a value is absurd.
        """
        if not (-_ABSURD_DA <= l1 <= _ABSURD_DA and -_ABSURD_DA <= l2 <= _ABSURD_DA
                and -_ABSURD_DA <= l3 <= _ABSURD_DA):
            return False
        amps = self.amps[source]
        same = amps[0] == l1 and amps[1] == l2 and amps[2] == l3
        if not same:
            self._told_at[source] = now
        self.news[source] = 0 if same and ticks.diff(now, self._told_at[source]) < _SAME_MS else 1
        amps[0] = l1
        amps[1] = l2
        amps[2] = l3
        self.at[source] = now
        self.until[source] = ticks.add(now, valid_ms)
        self.count[source] = (self.count[source] + 1) & ticks.MASK
        self._valid[source] = 1
        return True

    def fresh(self, source, now):
        """True while the last sample of ``source`` is valid."""
        return self._valid[source] == 1 and not ticks.due(now, self.until[source])

    def age(self, source, now):
        """Return the age in ms of a valid sample, -1 when there is none."""
        return ticks.diff(now, self.at[source]) if self.fresh(source, now) else -1

    def expire(self, now):
        """Latch the loss of samples whose time is over; call it at least once an hour.

        Returns a bit mask of the sources that were lost by this call, bit n for source n.
        """
        lost = 0
        for source in range(SOURCES):
            if self._valid[source] and ticks.due(now, self.until[source]):
                self._valid[source] = 0
                lost |= 1 << source
        return lost
