"""One phase or three: what contactor 2 on Auto shall do in Solar.

Three phases need three times MIN, so with little sun one phase is all that can follow it. Each
change stops the car for half a minute, wears the contactors and upsets some cars: it is made for
energy, not for a moment, and how often it may go back to three phases is bounded.
"""

from array import array

from micropython import const

from evse import reasons, ticks

NEVER = const(0)
ONCE = const(1)
BUDGET = const(2)

# Buying up to so much (1 A over all phases) is no reason to switch.
_SLACK_DA = const(10)
# Three phases are worth it when each has 1 A more than it needs, and 3 A would be left otherwise.
_SPARE_DA = const(10)
_GAIN_DA = const(30)
# What may be bought in a shortage before it switches, in dA s at 230 V: 15, 30, 60 Wh by style.
_SHORT_DAS = const(2350)
# Four times as much where there is no way back.
_NO_WAY_BACK = const(2)
# A return waits until the sun has lasted so long; doubled each time it turned out too early.
_HOLD_S = const(60)
_EARLY_S = const(900)
_DOUBLINGS = const(4)
# A switch takes so long at most; from here a car that was stopped for want of sun starts anew.
_SWITCH_S = const(90)
# Between two switches, if the second is not forced by a shortage.
_REST_S = const(600)
_HOUR_S = const(3600)
_RETURNS_PER_HOUR = const(2)
# What was judged longer ago no longer counts; the meter is lost by then.
_STALE_MS = const(12_000)


class Phases:
    """The wish for 1 or 3 phases of the one EVSE whose contactor 2 is on Auto, in Solar.

    Inputs: ``params`` (``import_sum_da``, ``stop_s``, ``style``), ``option`` (how to go back to
    three phases: NEVER, ONCE per session, or within the hourly BUDGET), ``draw_da`` (what the car
    draws at this sample, summed over its phases; -1 not known). Output: ``wish``, 1 or 3.

    In what follows ``free_da`` is what it could take without buying, as a sum over the phases, its
    own draw included. ``low_da`` is MIN and ``high_da`` the most it may take on one phase alone,
    both per phase. ``import_sum_da`` may be bought on top of what is free.
    """

    def __init__(self, params, record):
        self.option = NEVER
        self.wish = 3
        self.draw_da = -1
        self._params = params
        self._record = record
        self._now = -1
        self._quiet = array("i", (0,) * _RETURNS_PER_HOUR)
        self._doublings = 0
        self.session(0)

    def session(self, now):
        """A car was plugged in: nothing is known about it."""
        self._force = 0
        self._many = 3
        self._least = 0
        self._since = _HOUR_S
        self._returned = False
        self._rest(now)

    def choose(self, free_da, low_da, now):
        """Before a start, for what is free now; a car known to use one phase stays as it is."""
        self._rest(now)
        if self._many == 1 or self._since < _SWITCH_S:
            return  # a switch under way is not called back
        enough = free_da + self._params.import_sum_da >= self._worth(low_da)
        self._set(3 if enough and (self._force != 1 or self._may_return()) else 1, free_da)

    def judge(self, free_da, low_da, high_da, phases, used, now):
        """At each fresh sample while it charges in Solar.

        ``phases`` are in force (1 or 3), on ``used`` of them the car is known to draw (0 unknown).
        The switch itself is decided in ``step``, where time is counted.
        """
        self._at = now
        if phases == 3 and used:
            self._many = used
        if phases != self.wish:
            return  # on its way
        if phases != self._force:
            self._changes(phases)
        have = free_da + self._params.import_sum_da
        draw = self.draw_da
        self._free = free_da
        if phases == 3:
            need = self._many * low_da
            self._short = (need if draw < 0 else min(draw, need + _SLACK_DA)) - have
            self._droppable = self._many > 1 and high_da >= low_da
            return
        if draw < 0:
            draw = min(have, high_da)
        self._plenty = (have >= self._worth(low_da) and have - draw >= _GAIN_DA
                        and 2 * draw >= low_da)

    def step(self, now):
        """Count the time that has passed; call it at least once a second."""
        if self._now < 0:
            self._now = now
        seconds = ticks.diff(now, self._now) // 1000
        if seconds <= 0:
            return
        self._now = ticks.add(self._now, seconds * 1000)
        self._since = min(_HOUR_S, self._since + seconds)
        for n in range(_RETURNS_PER_HOUR):
            self._quiet[n] = max(0, self._quiet[n] - seconds)
        seconds = min(seconds, _STALE_MS // 1000)
        if ticks.diff(now, self._at) > _STALE_MS:
            self._rest(ticks.add(now, -_STALE_MS))
        elif self._force == self.wish == 3:
            self._count_shortage(seconds)
        elif self._force == self.wish == 1:
            self._count_plenty(seconds)

    def _count_shortage(self, seconds):
        """Buy for a while, then go down to one phase; no longer than half of STOP lets it."""
        short = self._short
        if short > _SLACK_DA:
            self._bought += short * seconds
            self._held += seconds
        elif short <= 0:
            self._bought = max(0, self._bought + (short - _SLACK_DA) * seconds)
            if not self._bought:
                self._held = 0
        most = _SHORT_DAS << self._params.style
        if not self._may_return(True):
            most <<= _NO_WAY_BACK
        stop_s = self._params.stop_s
        if self._droppable and (self._bought >= most or (stop_s and 2 * self._held >= stop_s)):
            if self.draw_da > 0:
                self._least = self.draw_da
            self._set(1, self._free)
            self._changes(1)

    def _count_plenty(self, seconds):
        self._held = max(0, self._held + (seconds if self._plenty else -2 * seconds))
        if self._held >= _HOLD_S << self._doublings and self._may_return():
            self._set(3, self._free)
            self._changes(3)

    def _worth(self, low_da):
        """Return the sum from which three phases are worth it, by what the car took at least."""
        return max(self._many * low_da, self._least) + self._many * _SPARE_DA

    def _may_return(self, some_day=False):
        """True when it may go from one phase to three, now or ``some_day`` in this session."""
        if self.option == NEVER or (self.option == ONCE and self._returned):
            return False
        return some_day or (self._since >= _REST_S and min(self._quiet) == 0)

    def _changes(self, phases):
        """The car goes, or was found, on another number of phases than before."""
        before = self._force
        self._force = phases
        if phases == 3 and before:
            self._returned = True
            for n in range(_RETURNS_PER_HOUR):
                if not self._quiet[n]:
                    self._quiet[n] = _HOUR_S
                    break
        elif self._returned and self._since < _EARLY_S:
            self._doublings = min(_DOUBLINGS, self._doublings + 1)
        elif before:
            self._doublings = max(0, self._doublings - 1)
        self._since = 0

    def _rest(self, now):
        """Forget what was counted."""
        self._at = now
        self._short = self._bought = self._held = self._free = 0
        self._plenty = self._droppable = False

    def _set(self, wish, free_da):
        if wish != self.wish:
            self.wish = wish
            self._rest(self._at)
            self._record(reasons.SWITCHING_PHASES, wish, free_da)
