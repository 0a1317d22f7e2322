"""A meter as the firmware meets it in a scenario: when it measures, when the value arrives.

Pure, times in ms. Noise comes from a generator of its own, so that
a run depends on nothing but its seed.
"""


_FACTOR, _STEP, _MASK = 1103515245, 12345, 0x7FFFFFFF


class Dice:
    """Call it with n for a number of 0 to n - 1, the same row for each seed everywhere."""

    def __init__(self, seed):
        self._state = (seed * 2654435761 + 12345) & _MASK

    def __call__(self, sides):
        self._state = (self._state * _FACTOR + _STEP) & _MASK
        return (self._state >> 8) % sides


class Noise:
    """Whole numbers spread evenly over -amplitude..amplitude, the same on every interpreter."""

    def __init__(self, seed, amplitude):
        self._dice = Dice(seed)
        self._amplitude = amplitude

    def next(self):
        """The next number."""
        if not self._amplitude:
            return 0
        return self._dice(2 * self._amplitude + 1) - self._amplitude


def to_da(milliamps):
    """mA to the nearest dA."""
    return (milliamps + 50) // 100


class Sampler:
    """Measures every ``period_ms`` from ``start_ms`` on, delivers ``latency_ms`` later.

    ``redeliver_ms`` hands out the last value again at that pace until a new one arrives, as some
    gateways do; None for never.
    """

    def __init__(self, period_ms, latency_ms, start_ms, redeliver_ms, noise):
        self._period = period_ms
        self._latency = latency_ms
        self._start = start_ms
        self._redeliver = redeliver_ms
        self._noise = noise
        self._number = 0
        self._under_way = []
        self._last = None
        self._again = None
        self.on = True

    def _next_sample(self):
        return self._start + self._number * self._period

    def next_change(self):
        """Moment of the next measurement or delivery."""
        soonest = self._next_sample()
        if self._under_way and self._under_way[0][0] < soonest:
            soonest = self._under_way[0][0]
        if self._again is not None and self._again < soonest:
            soonest = self._again
        return soonest

    def at(self, now, measure):
        """Do what is due; returns the list of values when one arrives, else None.

        ``measure()`` gives the true values at this moment, currents in dA first; noise is added to
        the first three.
        """
        while self._next_sample() <= now:
            self._number += 1
            if self.on and self._next_sample() > now:  # a missed measurement is not made up for
                value = measure()
                for number in range(min(3, len(value))):
                    value[number] += self._noise.next()
                self._under_way.append((now + self._latency, value))
        arrived = None
        while self._under_way and self._under_way[0][0] <= now:
            arrived = self._last = self._under_way.pop(0)[1]
        if arrived:
            self._again = now + self._redeliver if self._redeliver else None
        elif self._again is not None and self._again <= now:
            arrived = self._last
            self._again = now + self._redeliver
        if not self.on:
            self._under_way = []
            self._again = None
            return None
        return arrived
