"""The capacity tariff: how much the whole house may draw, as a sum over its phases.

Fixed: so many ampere. Interval: so many watts by the time of day. Flanders: the mean of a quarter
of an hour may reach the month's highest so far, at least 2.5 kW. Within a quarter what is left of
its energy is spread over what is left of its time, so what the house did not use at first may be
drawn later. A reserve is kept for what the house switches on, and released towards the end.
Only import counts, moment by moment, as the meters of the grid count it: what was fed in a minute
ago is not given back. Were it given back, this would err on the safe side.

Whole numbers: W, Ws, s, dA. The most is 400 kW for 900 s, 360 MWs, so sums and differences of two
such stay within the 31 bits of the board's small ints.
"""

from array import array

from micropython import const

from evse import reasons
from evse.power.views import NO_LIMIT, NOT_NOW_S

DISABLED = const(0)
FIXED = const(1)
INTERVAL = const(2)
FLANDERS = const(3)

FLOOR_W = const(2500)
QUARTER_S = const(900)
# 230 V: 23 W for each dA.
_W_PER_DA = const(23)
# A momentary limit is kept so far away from, for mains above 230 V and a slow meter.
_MARGIN_W = const(100)
# Kept back until the last seconds: what the house may switch on until a meter has shown it and the
# cars have gone down or their contactors are open.
_JUMP_W = const(5000)
_YIELD_S = const(10)
# Kept back until the last minutes: what something like a kettle takes beyond what a car can yield.
_KETTLE_W = const(1000)
_KETTLE_S = const(150)
# The mean that a quarter begins with is so much lower for both.
_RESERVE_W = const(212)
# A car is not started for what the end of a quarter has left over: the next would stop it again.
_TOO_LATE_S = const(60)
# The longest time for which MIN may go on although it cannot do so to the end of the quarter.
_STRETCH_S = const(60)
# What no house draws; a greater value is a broken answer.
_MOST_W = const(400_000)
_MOST_WS = const(360_000_000)
# The last day's quarters are kept in 10 W; what is not known is no such number.
_DAY = const(96)
_KEPT_W = const(10)
_UNKNOWN = const(0xFFFF)
# A clock that is set by no more than this does not make what was counted doubtful.
_SLIP_S = const(5)


class Capacity:
    """The limit on the sum of the mains phases; set the attributes, then call ``second``.

    To set: ``mode``, ``fixed_da`` (0 off), ``stop_s`` (CAP STOP), ``intervals`` ((minute of the
    day, W), ...), ``peak`` (month number, W; replaced when it changes), ``min_w``: what the EVSEs
    that charge now draw together at MIN, 0 when none does, -1 when not told.

    To read: ``limit_da``, ``stop_after_s`` (so long it may be exceeded with all at MIN; Flanders
    counts by itself, then it is very long until it is 0), and of the running quarter ``used_wh``,
    ``budget_wh``, ``left_s``, ``peak_w``. ``record(code, a, b)`` is told of new month peaks and of
    quarters that used more than three quarters of their budget.
    """

    def __init__(self, record):
        self._record = record
        self.mode = DISABLED
        self.fixed_da = 0
        self.stop_s = 0
        self.intervals = ()
        self.peak = (0, 0)
        self.min_w = -1
        self.limit_da = NO_LIMIT
        self.stop_after_s = 0
        self.used_wh = 0
        self.budget_wh = 0
        self.left_s = 0
        self.peak_w = FLOOR_W
        # Number of the quarter since 1970 (-1 unknown) and the second in it; then the same, new.
        # Unix seconds are big ints on the board and so is what is computed from them, however
        # small, until an array has held it.
        self._clock = array("i", (-1, 0, 0, 0))
        self._day = array("H", (_UNKNOWN,) * _DAY)  # by the quarter's number
        self._used_ws = 0  # at the most
        self._seen_ws = 0  # what samples prove
        self._watts = -1  # of the last sample
        self._plan_w = 0
        self._short_s = 0  # MIN could not go on to the end of the quarter for so long

    def second(self, clock_s, minute, month, watts, seconds):
        """Count what was drawn and set the limit; call it about once a second.

        ``clock_s``: Unix seconds, 0 when unknown. ``minute`` of the local day, ``month``: a number
        of the local month. ``watts``: what the mains import now (negative: export), None without a
        valid sample. ``seconds``: since the last call, 1 to 60.
        """
        seen = watts is not None
        if seen:
            self._watts = max(0, min(watts, _MOST_W))
        if clock_s:
            clock = self._clock
            clock[2] = clock_s // QUARTER_S
            clock[3] = clock_s % QUARTER_S
            self._count(month, seen, seconds)
        else:
            self._clock[0] = -1
            self._used_ws = self.left_s = 0
        self.used_wh = self._used_ws // 3600
        self.peak_w = max(FLOOR_W, min(self.peak[1], _MOST_W))
        self.budget_wh = self.peak_w // 4
        self.stop_after_s = self.stop_s
        if self.mode == FIXED:
            self.limit_da = self.fixed_da or NO_LIMIT
        elif self.mode == INTERVAL:
            self.limit_da = self._by_time(minute if clock_s else -1)
        elif self.mode == FLANDERS:
            self._by_quarter(seconds)
        else:
            self.limit_da = NO_LIMIT

    def quarters(self):
        """Yield (Unix seconds of its begin, mean W) of each quarter of the last 24 h, if known."""
        last = self._clock[0]
        for number in range(last - _DAY, last):
            if last >= 0 and self._day[number % _DAY] != _UNKNOWN:
                yield number * QUARTER_S, self._day[number % _DAY] * _KEPT_W

    # ---- what was drawn ----

    def _count(self, month, seen, seconds):
        """Add the last ``seconds`` to the quarter they belong to."""
        clock = self._clock
        ahead = clock[2] - clock[0]
        at = clock[3]
        slip = ahead * QUARTER_S + at - clock[1] - seconds if -2 < ahead < 2 else _SLIP_S + 1
        if not -_SLIP_S <= slip <= _SLIP_S:
            self._month(month)
            self._enter(at, clock[0] >= 0)
            for slot in range(_DAY if ahead else 0):
                self._day[slot] = _UNKNOWN
            clock[0] = clock[2]
        elif ahead > 0:
            self._add(seconds - at, seen)
            self._finish()
            self._month(month)
            self._used_ws = self._seen_ws = 0
            self._add(at, seen)
            clock[0] = clock[2]
        else:
            if ahead < 0:
                at = 0  # set back over the end of the last quarter: this one has not begun again
            self._month(month)
            self._add(seconds, seen)
        clock[1] = at
        self.left_s = QUARTER_S - at

    def _add(self, seconds, seen):
        """Count ``seconds`` at the last power seen; before the first sample, at the planned."""
        if seconds > 0:
            watts = self._watts if self._watts >= 0 else self._even()
            self._used_ws = min(_MOST_WS, self._used_ws + watts * seconds)
            if seen:
                self._seen_ws = min(_MOST_WS, self._seen_ws + watts * seconds)

    def _enter(self, at, corrected):
        """Begin in the middle of a quarter: nobody knows what was drawn in it.

        It is taken to be what we planned, which cars that we regulate did not exceed. When the
        clock was wrong till now, its plans were for other quarters: then at least what is drawn
        now.
        """
        watts = self._even()
        self._plan_w = watts
        if corrected:
            watts = max(watts, self._watts)
        self._used_ws = watts * at
        self._seen_ws = 0

    def _finish(self):
        """A quarter is over: the month's peak follows what samples prove of it.

        What a gap was filled with is no reason to let the house draw more for the rest of a month.
        """
        budget = max(FLOOR_W, min(self.peak[1], _MOST_W))
        if self.mode == FLANDERS and 4 * (self._used_ws // QUARTER_S) > 3 * budget:
            self._record(reasons.QUARTER, self._used_ws // 3600, budget // 4)
        watts = self._seen_ws // QUARTER_S
        # One that nobody has seen all of has no mean.
        self._day[self._clock[0] % _DAY] = (
            watts // _KEPT_W if self._seen_ws == self._used_ws else _UNKNOWN)
        if watts > budget:
            self.peak = (self.peak[0], watts)
            self._record(reasons.PEAK, watts, 0)

    def _month(self, month):
        if month != self.peak[0]:
            self.peak = (month, FLOOR_W)

    def _even(self):
        """Return the W that a quarter begins with: all of its energy but the reserve, evenly."""
        return max(FLOOR_W, min(self.peak[1], _MOST_W)) - _RESERVE_W

    # ---- what may be drawn ----

    def _by_time(self, minute):
        """Return the limit of the interval that holds at ``minute``; -1: the lowest of all."""
        begin = last = -1
        watts = final = lowest = 0
        for start, most in self.intervals:
            if begin < start <= minute:
                begin = start
                watts = most
            if start > last:
                if last < 0:
                    lowest = most
                last = start
                final = most
            lowest = min(lowest, most)
        if last < 0:
            return NO_LIMIT
        if minute < 0:
            watts = lowest
        elif begin < 0:
            watts = final  # before the day's first begins, the last of yesterday holds
        return max(0, min(watts, _MOST_W) - _MARGIN_W) // _W_PER_DA

    def _by_quarter(self, seconds):
        left = self.left_s
        if not left:
            # Which quarter this is, is not known: no mean can exceed what no moment exceeds.
            self.limit_da = (FLOOR_W - _MARGIN_W) // _W_PER_DA
            self.stop_after_s = 0
            return
        # In the last seconds less can happen, and nobody could follow a limit that rises.
        soon = min(left, _YIELD_S)
        rest = self.peak_w * QUARTER_S - self._used_ws - _JUMP_W * soon
        plan = (rest - _KETTLE_W * (min(left, _KETTLE_S) - soon)) // left
        if left <= _YIELD_S:
            plan = min(plan, self._plan_w)
        self._plan_w = plan
        if left <= _TOO_LATE_S and not self.min_w:
            plan = min(plan, self._even())
        self.limit_da = max(0, plan) // _W_PER_DA
        self.stop_after_s = 0
        if self.min_w > 0:
            # MIN may go on when the quarter can bear it to its end. Else a stop for every kettle
            # would wear contactors out: half of the time that MIN could still be borne, were the
            # house to go on as it is, passes first, and at least what cars take to go down to MIN.
            house = max(0, self._watts - self.min_w)
            bears_s = (rest - house * left) // self.min_w
            self._short_s = self._short_s + seconds if bears_s < left else 0
            if self._short_s <= max(soon, min((bears_s - soon) // 2, _STRETCH_S)):
                self.stop_after_s = NOT_NOW_S
        else:
            self._short_s = 0
