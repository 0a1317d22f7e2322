"""Who comes first when there is not enough for all, and when it is another's turn."""

from array import array

from micropython import const

from evse import ticks
from evse.power.views import FAIR, NODE_ORDER, SOLAR, SOLAR_FIRST

# Who has just begun is not sent away for another, except by a limit.
_MIN_ON_S = const(300)
# A car that was given current takes so long, or is in no hurry.
_STARTING_S = const(15)
_CLASS = const(4_000_000)
_HALF = const(1_000_000)
_LAST_S = const(999_999)


class Turns:
    """Seconds each EVSE has waited and charged, and the order that follows from them.

    ``order[0:count]`` are the EVSEs, the most important first. Whoever has waited for a whole
    turn goes before whoever has charged for one; otherwise the order of the setting holds. In the
    fair order those who charge go before those who wait, so that nobody is sent away early.
    ``waited[i]``: seconds; ``served[i]``: seconds of charging while another waited.
    """

    def __init__(self, allocate, number):
        self._allocate = allocate
        self.order = array("i", range(number))
        self.waited = array("i", (0,) * number)
        self.served = array("i", (0,) * number)
        self._on = array("i", (0,) * number)
        self._arrived = array("i", (0,) * number)
        self._key = array("i", (0,) * number)
        self._arrivals = 0
        self._second = None

    def arrived(self, i):
        """A car came to EVSE ``i``."""
        self._arrivals = (self._arrivals + 1) & 0xFFFFF
        self._arrived[i] = self._arrivals
        self.waited[i] = 0

    def granted(self, i):
        """EVSE ``i`` was given current, or lost it."""
        self.waited[i] = self.served[i] = self._on[i] = 0

    def step(self, evses, grant, waiting, now):
        """Count seconds; ``waiting[i]`` is 1 for who could charge if there were more current."""
        if self._second is None:
            self._second = now
        seconds = ticks.diff(now, self._second) // 1000
        if seconds <= 0:
            return
        self._second = ticks.add(self._second, 1000 * seconds)
        somebody = any(waiting)
        for i in range(len(evses)):
            if grant[i]:
                self._on[i] = min(self._on[i] + seconds, _LAST_S)
                self.served[i] = min(self.served[i] + seconds, _LAST_S) if somebody else 0
            elif waiting[i]:
                self.waited[i] = min(self.waited[i] + seconds, _LAST_S)

    def rank(self, evses, grant, params):
        """Put ``order`` in order, by the settings of the group and whose turn it is."""
        count = len(evses)
        for i in range(count):
            self.order[i] = i
            self._key[i] = self._rank(i, evses[i], grant[i] > 0, params)
        self._allocate.rank(count, self._key, self.order)

    def young(self, i):
        """True while EVSE ``i`` has only just been given current."""
        return self._on[i] < _STARTING_S

    def over(self, i, rotation_s):
        """True when EVSE ``i`` has had its turn."""
        return 0 < rotation_s <= self.served[i]

    def _rank(self, i, view, holds, params):
        order = params.order
        rotation_s = params.rotation_s
        if order == FAIR:
            place = self.served[i] if holds else 2 * _HALF - self.waited[i]
        elif order == NODE_ORDER:
            place = params.places[i]
        else:
            place = self._arrived[i]
            if order == SOLAR_FIRST and view.mode != SOLAR:
                place += 2 * _HALF
        if holds and self._on[i] < _MIN_ON_S:
            return place
        if not holds and 0 < rotation_s <= self.waited[i]:
            return _CLASS + _LAST_S - self.waited[i]
        if holds and self.over(i, rotation_s):
            return 3 * _CLASS + self.served[i]
        return 2 * _CLASS + place
