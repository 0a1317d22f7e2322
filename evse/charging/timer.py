"""Delayed start, stop, and both repeated daily.

A start that passed while the power was off is made up for as long as its stop is still to come.
A daily timer keeps the time of day, not the 24 hours: when clocks change it follows them, and a
clock that was corrected, forwards or back, finds its place again.
"""

from micropython import const

NOTHING = const(0)
START = const(1)
STOP = const(2)

_DAY_MINUTES = const(1440)
_DAY_S = const(86400)
_AT_ONCE_S = const(60)
_CLOCK_MOVED_S = const(60)
_EARLIEST_S = const(1750000000)  # before there was this firmware: past, whatever the time is now
_LATEST_S = const(4294967295)


class Timer:
    """What is to happen when. Times are Unix seconds, 0 for none; the clock is 0 while unknown.

    ``zone`` is an ``evse.clock.Zone`` or the like; it may be replaced at any time. ``state`` is
    what ``state()`` said before the power failed. ``mode`` (Normal, Smart or Solar) goes with the
    start. ``start`` and ``stop`` are the next of each; ``repeat`` is 0, or for a daily timer
    1 + 1440 * the minute of the day it starts at + that it stops at. ``pending`` is True while a
    start is awaited and nothing may charge, ``waiting_clock`` while anything is set and the time
    of day is not known.
    """

    def __init__(self, zone, state=None):
        self.zone = zone
        self.mode, self.start, self.stop, self.repeat = state or ("", 0, 0, 0)
        if self.repeat == 1:  # as a backup of other firmware says; midnight to midnight is 1, too
            self.repeat = 1 + self._when(self.start)[1] * _DAY_MINUTES + self._when(self.stop)[1]
        # True once the daily times are of our own reckoning, not those that were asked for.
        self._reckoned = False
        self._seen = 0  # the clock at the last check
        self.check(0)

    def set(self, mode, start, stop, repeat, now_s):
        """Set the timer anew; returns START when it begins, or nothing is left to wait for, now.

        ``start`` and ``stop`` are local times "YYYY-MM-DDTHH:MM" or Unix seconds, "" or 0 for
        none; ``repeat`` means daily. No start, or one in the past, cancels whatever was set: the
        mode then holds from now on and ``state()`` is None. A start within a minute is now.
        Raises ValueError with a sentence, and then changes nothing.
        """
        if mode not in ("Normal", "Smart", "Solar"):
            raise ValueError("the timer's mode must be Normal, Smart or Solar")
        start, first = self._when(start)
        if start < (now_s or _EARLIEST_S) // 60 * 60:
            self.clear()
            return START
        stop, last = self._when(stop)
        if stop and stop <= start:
            raise ValueError("the stop must come after the start")
        if repeat:
            if not stop:
                raise ValueError("a daily start needs a stop as well")
            offset = self.zone.offset
            if stop + offset(stop) - start - offset(start) > _DAY_S:
                raise ValueError("a daily stop must come within 24 hours of the start")
        self.mode = mode
        self.start = start
        self.stop = stop
        self.repeat = 1 + first * _DAY_MINUTES + last if repeat else 0
        self._reckoned = False
        if now_s and start - now_s <= _AT_ONCE_S:
            now_s = max(now_s, start)
        return self.check(now_s)

    def check(self, now_s):
        """Return what is due at ``now_s``: NOTHING, START or STOP. Call it about once a second."""
        start = self.start
        stop = self.stop
        event = NOTHING
        self.waiting_clock = not now_s and (start or stop) != 0
        if now_s:
            if self.repeat:
                if now_s >= start or now_s >= stop or (
                        self._reckoned and now_s < self._seen - _CLOCK_MOVED_S):
                    minutes = self.repeat - 1
                    self.start = start = self._after(minutes // _DAY_MINUTES, now_s)
                    self.stop = stop = self._after(minutes % _DAY_MINUTES, now_s)
                    self._reckoned = True
                    event = START if stop <= start else STOP
            elif stop and now_s >= stop:
                self.start = self.stop = start = stop = 0
                event = STOP
            elif start and now_s >= start:
                self.start = start = 0
                event = START
            self._seen = now_s
        # A stop that comes before the next start belongs to one that has been.
        self.pending = start != 0 and (not stop or start < stop)
        return event

    def clear(self):
        """Forget all; True when anything was set."""
        had = (self.start or self.stop) != 0
        self.start = self.stop = self.repeat = 0
        self.check(0)
        return had

    def state(self):
        """Return (mode, start, stop, repeat), all that must outlive a power cut; None if unset."""
        if self.start or self.stop:
            return self.mode, self.start, self.stop, self.repeat
        return None

    def words(self, now_s):
        """Return the next event in words, "" without one."""
        at = self.start if self.pending else self.stop
        if not at:
            return ""
        if not now_s:
            return "waits for the time of day"
        zone = self.zone
        date, _, clock = zone.text(at).partition("T")
        year, month, day = zone.local(now_s)[:3]
        if not self.pending and at - now_s < _DAY_S:
            when = clock
        elif date == zone.text(now_s)[:10]:
            when = "today " + clock
        elif date == zone.text(zone.utc(year, month, day + 1, 12, 0))[:10]:
            when = "tomorrow " + clock
        else:
            when = date + " " + clock
        return "%s %s%s" % ("starts" if self.pending else "stops", when,
                            " daily" if self.repeat else "")

    def _when(self, value):
        """Return a time of a command as (Unix seconds, minute of the day); 0 seconds for none.

        A time that the clocks skip keeps the minute it was written with.
        """
        at = value
        if type(value) is str:
            at = self.zone.parse(value) if value else 0
        if type(at) is not int or at > _LATEST_S:
            raise ValueError("a time is written YYYY-MM-DDTHH:MM or in Unix seconds")
        at -= at % 60
        text = value if type(value) is str and value else self.zone.text(at)
        return at, int(text[11:13]) * 60 + int(text[14:16])

    def _after(self, minute, now_s):
        """Return the first time after ``now_s`` when it is so many minutes past midnight."""
        year, month, day = self.zone.local(now_s)[:3]
        at = self.zone.utc(year, month, day, 0, minute)
        if at > now_s:
            return at
        return self.zone.utc(year, month, day + 1, 0, minute)
