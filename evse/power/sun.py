"""Solar: when an EVSE starts, goes on at MIN while the sun is short, and stops.

Charging at MIN beside too little sun buys energy; stopping wastes the sun there is and costs a
start later. Each EVSE has one account of that, in dA seconds. While it stands still, sun above a
bar (a part of MIN) fills the account, and the EVSE starts when it is full. While it charges at MIN
beside less sun than a lower bar, the shortage empties it, and the EVSE stops when it is empty or
when the shortage has lasted for STOP. So a kettle or a small cloud stops nobody, a glimpse of sun
starts nobody, and what is on the edge waits. Each start of a day makes the next one harder.

Nobody starts at START or less, and nobody is stopped while what he leaves would start him again.
"""

from array import array

from micropython import const

from evse import reasons, ticks

_EVSES = const(8)
# A sample counts on for so long when no other comes; the regulator stops without a meter anyway.
_HOLD_S = const(15)
# Off for so long is a night: the starts of the day are forgotten.
_NIGHT_S = const(6 * 3600)
_MOST_STARTS = const(6)

# For each style, as views numbers them: thrifty, balanced, greedy.
# The sun a start needs and the sun that is enough to go on, in % of MIN.
_START_PCT = (90, 65, 40)
_GO_ON_PCT = (85, 55, 30)
# What fills the account, in seconds of a sun of MIN above the bar; what empties it, in % of MIN
# for STOP.
_FILL_S = (120, 60, 40)
_EMPTY_PCT = (30, 40, 30)
_TRIM_DA = (2, 1, 0)


class Sun:
    """Solar for up to eight EVSEs; all sun and currents in dA as sums over the phases.

    ``params`` is views.Params. ``record(code, i, da)`` is told of each start and stop, with the
    sun at that moment.
    """

    def __init__(self, params, record):
        self._params = params
        self._record = record
        self._at = 0
        self._on = array("i", (0,) * _EVSES)  # the verdict
        self._running = array("i", (0,) * _EVSES)
        self._free = array("i", (0,) * _EVSES)
        self._low = array("i", (0,) * _EVSES)
        self._held_s = array("i", (_HOLD_S,) * _EVSES)
        self._account = array("i", (0,) * _EVSES)
        self._short_s = array("i", (0,) * _EVSES)  # how long the sun has been too little
        self._stop_s = array("i", (_NIGHT_S,) * _EVSES)  # since the last stop
        self._starts = array("i", (0,) * _EVSES)

    def judge(self, i, free_da, low_da, running, now):
        """True when EVSE ``i`` shall run; call it at each fresh mains sample.

        ``free_da``: what it could take without import; ``low_da``: MIN on all its phases.
        """
        self.step(now)
        self._free[i] = free_da
        self._low[i] = low_da
        self._held_s[i] = 0
        if running and not self._running[i]:
            self._on[i] = 1
            self._starts[i] = min(_MOST_STARTS, self._starts[i] + 1)
            self._account[i] = self._empty(i)
            self._short_s[i] = 0
        elif self._running[i] and not running and self._on[i]:
            self._account[i] = self._full(i)  # something else stopped it; the sun would go on
        self._running[i] = 1 if running else 0
        if not self._on[i]:
            if self._account[i] >= self._full(i) and free_da > self._params.start_sum_da:
                self._begin(i)
        elif not running:
            if self._account[i] <= 0:
                self._on[i] = 0  # the sun went before the car came
        elif self._ends(i):
            self._on[i] = 0
            self._account[i] = 0
            self._short_s[i] = 0
            self._stop_s[i] = 0
            self._record(reasons.SUN_STOP, i, free_da)
        return self._on[i] == 1

    def step(self, now):
        """Let the whole seconds since the last call count."""
        seconds = ticks.diff(now, self._at) // 1000
        if seconds <= 0:
            if seconds < -1:
                self._at = now
            return
        self._at = ticks.add(self._at, 1000 * seconds)
        for i in range(_EVSES):
            self._stop_s[i] = min(_NIGHT_S, self._stop_s[i] + seconds)
            if self._starts[i] and not self._running[i] and self._stop_s[i] >= _NIGHT_S:
                self._starts[i] = 0
            counted = min(seconds, _HOLD_S - self._held_s[i])
            if counted > 0:
                self._held_s[i] += counted
                self._count(i, counted)

    def forget(self, i):
        """The car of EVSE ``i`` is gone."""
        self._on[i] = 0
        self._running[i] = 0
        self._account[i] = 0
        self._short_s[i] = 0
        self._held_s[i] = _HOLD_S
        self._starts[i] = 0
        self._stop_s[i] = _NIGHT_S

    def stopped(self, i):
        """EVSE ``i`` was stopped by something else: it needs the sun of a start again."""
        self._on[i] = 0
        self._running[i] = 0
        self._account[i] = 0
        self._short_s[i] = 0

    def left_s(self, i):
        """Seconds until EVSE ``i`` is stopped if the sun stays as it is; 0 when it is not."""
        stop_s = self._params.stop_s
        missing = self._missing(i)
        if not (self._running[i] and self._on[i] and stop_s and missing > 0):
            return 0
        left = min(self._account[i] // missing, stop_s - self._short_s[i])
        return max(1, left, stop_s - self._stop_s[i])

    def trim_da(self):
        """DA below the sun that the regulator aims at."""
        return _TRIM_DA[self._params.style]

    # ---- the account ----

    def _begin(self, i):
        self._on[i] = 1
        for other in range(_EVSES):
            # The others counted on the same sun.
            if not self._on[other]:
                self._account[other] = 0
        self._record(reasons.SUN_START, i, self._free[i])

    def _count(self, i, seconds):
        """``seconds`` passed with the sun that was last seen."""
        if self._running[i]:
            missing = self._missing(i)
            if missing > 0:
                self._short_s[i] += seconds
                self._account[i] = max(0, self._account[i] - missing * seconds)
            else:
                self._short_s[i] = 0
                self._account[i] = min(self._empty(i), self._account[i] - missing * seconds)
            return
        gain = self._gain(i)
        self._account[i] = max(0, min(self._full(i), self._account[i] + gain * seconds))

    def _gain(self, i):
        """DA of sun above the bar for a start, negative below it."""
        params = self._params
        low = self._low[i]
        free = self._free[i]
        gain = min(2 * low, max(0, free) + params.import_sum_da)
        if params.stop_s:
            gain -= low * _START_PCT[params.style] // 100
        if free <= params.start_sum_da:
            gain = min(gain, free - params.start_sum_da - 1)
        return max(-low, gain)

    def _missing(self, i):
        """DA the sun is below what is enough to go on, negative above it."""
        params = self._params
        low = self._low[i]
        enough = low * _GO_ON_PCT[params.style] // 100
        return max(enough - max(0, self._free[i]) - params.import_sum_da, -low)

    def _full(self, i):
        style = self._params.style
        return _FILL_S[style] * self._low[i] * (1 + self._starts[i])

    def _empty(self, i):
        params = self._params
        return params.stop_s * self._low[i] // 100 * _EMPTY_PCT[params.style]

    def _ends(self, i):
        stop_s = self._params.stop_s
        if not stop_s or self._stop_s[i] < stop_s or self._missing(i) <= 0:
            return False
        return self._account[i] <= 0 or self._short_s[i] >= stop_s
