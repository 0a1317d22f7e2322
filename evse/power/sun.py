"""Solar: when an EVSE starts, goes on at MIN although the sun is short, and stops.

Judged is the sun an EVSE could take, now and as a mean of the last minutes. It starts when the sun
has been above START and above the part of MIN its style asks for during a minute, and the mean is,
too. It stops when the sun has been short for a minute and the mean went under the lower bar of its
style, or when the sun was short for all of STOP. So a kettle or a small cloud stops nobody, a
glimpse of sun starts nobody, and on the edge nothing happens at all. After two starts each further
one asks for more sun.

The bars are parts of MIN on all phases of the car: with START 4 a car on three phases does not
start for 4 A, only to buy the other 14 and to be stopped after STOP, again and again.
"""

from array import array

from micropython import const

from evse import reasons, ticks

# A sample counts for so long when no other comes; after that the sun is unknown.
_HOLD_S = const(15)
# For so long at least there must be enough for a start, or too little for a stop.
_LEAST_S = const(60)
# So long without running takes one start back.
_FORGIVEN_S = const(45 * 60)
_LONGEST_S = const(3600)  # no STOP is longer
_FREE_STARTS = const(2)
_MOST_STARTS = const(6)
# The mean is kept in this part of a dA, or small steps would be lost.
_FINE = const(4096)
# More than this times MIN does not count, or a short bright time would count for a long dark one.
_CAP_PCT = const(300)
_CAP_RUNNING_PCT = const(140)
# The mean looks back for so long at this STOP; a longer STOP makes it slower to stop.
_USUAL_STOP_S = const(600)
_LEAST_SPAN_S = const(30)

# For each style as views numbers them (thrifty, balanced, greedy), in % of MIN: the sun that
# starts, what each start after the second adds to it, the sun below which it is short, and the
# mean below which that stops.
_START_PCT = (87, 66, 55)
_MORE_PCT = (20, 20, 10)
_SHORT_PCT = (75, 55, 42)
_STOP_PCT = (95, 70, 32)
_SPAN_S = (500, 500, 320)
_TRIM_DA = (0, 0, 0)


class Sun:
    """Solar for ``number`` EVSEs; all sun and currents in dA as sums over the phases.

    ``params`` is views.Params. ``record(code, i, da)`` is told of each start and stop, with the
    sun at that moment.
    """

    def __init__(self, params, record, number):
        self._params = params
        self._record = record
        self._at = 0
        self._on = array("i", (0,) * number)  # the verdict
        self._running = array("i", (0,) * number)
        self._sun = array("i", (0,) * number)
        self._low = array("i", (0,) * number)
        self._mean = array("i", (0,) * number)
        self._seen_s = array("i", (0,) * number)  # how long the mean has been taken
        self._held_s = array("i", (_HOLD_S,) * number)  # age of the sample
        # How long there has been sun enough for a start; once it shall run: too little.
        self._spell_s = array("i", (0,) * number)
        self._rest_s = array("i", (0,) * number)  # without running, since a start was forgiven
        self._last_s = array("i", (_LONGEST_S,) * number)  # since the last stop
        self._starts = array("i", (0,) * number)

    def judge(self, i, free_da, low_da, running, now):
        """True when EVSE ``i`` shall run; call it at each fresh mains sample.

        ``free_da``: what it could take without import; ``low_da``: MIN on all its phases.
        """
        self.step(now)
        # What the house itself buys is not this car's.
        sun = max(0, free_da) + self._params.import_sum_da
        if self._held_s[i] >= _HOLD_S or low_da != self._low[i]:
            self._low[i] = low_da
            self._seen_s[i] = 0
            self._spell_s[i] = 0
            self._mean[i] = min(sun, low_da * _CAP_PCT // 100) * _FINE
        self._sun[i] = sun
        self._held_s[i] = 0
        if running and not self._running[i]:
            self._starts[i] = min(_MOST_STARTS, self._starts[i] + 1)
            self._spell_s[i] = 0
            self._on[i] = 1
        self._running[i] = 1 if running else 0
        if not self._on[i]:
            if self._begins(i):
                self._begin(i, free_da)
        elif self._ends(i):
            self._on[i] = 0
            self._spell_s[i] = 0
            if running:
                self._last_s[i] = 0
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
        seconds = min(seconds, _LONGEST_S)
        for i in range(len(self._on)):
            self._last_s[i] = min(_LONGEST_S, self._last_s[i] + seconds)
            self._rest_s[i] = 0 if self._running[i] else self._rest_s[i] + seconds
            if self._rest_s[i] >= _FORGIVEN_S:
                self._rest_s[i] = 0
                self._starts[i] = max(0, self._starts[i] - 1)
            counted = min(seconds, _HOLD_S - self._held_s[i])
            if counted > 0:
                self._held_s[i] += counted
                self._count(i, counted)

    def stopped(self, i):
        """EVSE ``i`` was stopped by something else: it needs the sun of a start again."""
        self._on[i] = 0
        self._running[i] = 0
        self._spell_s[i] = 0

    def forget(self, i):
        """The car of EVSE ``i`` is gone, and with it what was counted of its starts."""
        self.stopped(i)
        self._held_s[i] = _HOLD_S
        self._last_s[i] = _LONGEST_S
        self._starts[i] = 0

    def left_s(self, i):
        """Seconds until EVSE ``i`` is stopped if the sun stays as it is; 0 when it is not."""
        stop_s = self._params.stop_s
        if not (stop_s and self._running[i] and self._on[i] and self._short(i)):
            return 0
        left = stop_s - self._spell_s[i]
        above = self._mean[i] - self._bar(i, _STOP_PCT) * _FINE
        fall = (self._mean[i] - self._sun[i] * _FINE) // self._span_s(i)
        if above < 0:
            left = 0
        elif fall > 0:
            left = min(left, above // fall)
        return max(1, left, _LEAST_S - self._spell_s[i], stop_s - self._last_s[i])

    def trim_da(self):
        """DA below the sun that the regulator aims at."""
        return _TRIM_DA[self._params.style]

    def needs_da(self, i):
        """Sun beyond what may be bought that EVSE ``i`` needs for a start."""
        params = self._params
        return max(params.start_sum_da, self._start_da(i) - params.import_sum_da)

    # ---- start and stop ----

    def _start_da(self, i):
        """Sun that a start needs."""
        params = self._params
        if not params.stop_s:  # who is never stopped starts as told
            return params.start_sum_da
        percent = max(0, self._starts[i] - _FREE_STARTS) * _MORE_PCT[params.style]
        percent += _START_PCT[params.style]
        return max(params.start_sum_da, self._low[i] * percent // 100)

    def _enough(self, i):
        exported = self._sun[i] - self._params.import_sum_da
        return exported > self._params.start_sum_da and self._sun[i] >= self._start_da(i)

    def _begins(self, i):
        if self._spell_s[i] < _LEAST_S or not self._enough(i):
            return False
        return self._mean[i] >= self._start_da(i) * _FINE

    def _begin(self, i, free_da):
        self._on[i] = 1
        self._spell_s[i] = 0
        for other in range(len(self._on)):
            # The others counted on the same sun; they look anew at what is left.
            if not self._on[other]:
                self._held_s[other] = _HOLD_S
        self._record(reasons.SUN_START, i, free_da)

    def _ends(self, i):
        stop_s = self._params.stop_s
        short_s = self._spell_s[i]
        if short_s < _LEAST_S or not self._short(i):
            return False
        if not self._running[i]:
            return True  # the sun went before the car came
        if not stop_s or self._last_s[i] < stop_s:
            return False
        return short_s >= stop_s or self._mean[i] < self._bar(i, _STOP_PCT) * _FINE

    # ---- the sun ----

    def _bar(self, i, percent):
        return self._low[i] * percent[self._params.style] // 100

    def _short(self, i):
        return self._sun[i] < self._bar(i, _SHORT_PCT)

    def _span_s(self, i):
        span_s = _SPAN_S[self._params.style]
        if self._running[i] and self._params.stop_s:
            span_s = max(_LEAST_SPAN_S, span_s * self._params.stop_s // _USUAL_STOP_S)
        return span_s

    def _count(self, i, seconds):
        """``seconds`` passed with the sun that was last seen."""
        counts = self._short(i) if self._on[i] else self._enough(i)
        self._spell_s[i] = min(_LONGEST_S, self._spell_s[i] + seconds) if counts else 0
        span_s = self._span_s(i)
        self._seen_s[i] = min(span_s, self._seen_s[i] + seconds)
        cap = self._low[i] * (_CAP_RUNNING_PCT if self._running[i] else _CAP_PCT) // 100
        missing = min(self._sun[i], cap) * _FINE - self._mean[i]
        self._mean[i] += missing * seconds // max(seconds, self._seen_s[i])
