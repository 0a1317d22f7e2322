"""Bursts for the simulated board, sorted by the same windows as on a real one."""

from array import array

from evse.boards.sampling import CONVERT_US, ENOUGH, FULL, SETTLE_US, windows

_LEAST_MV = 142  # the ends of the converter's scale
_MOST_MV = 3133


def _counts(us):
    return us * FULL // 1000


class Synth:
    """Bursts as a board would take them from a pilot of given voltages; the twin's sampler."""

    _CYCLE = _counts(CONVERT_US + 8)  # from one conversion to the next: 50 in a period
    _CONVERT = _counts(CONVERT_US)

    def __init__(self, seed=1):
        """``seed``, 1..65535, makes a sequence of bursts repeatable."""
        self._random = seed
        self._window = array("i", (0, 0, 0, 0))
        self._duty = -1

    def _draw(self):
        """Return the next number in 1..65535."""
        x = self._random
        x ^= x << 7 & 0xFFFF
        x ^= x >> 9
        x ^= x << 8 & 0xFFFF
        self._random = x
        return x

    def _pin_mv(self, cp_mv):
        mv = 1723 + cp_mv * 1299 // 10000
        return min(max(mv, _LEAST_MV), _MOST_MV)

    def _part(self, cp_mv, start, end, reject_pct, noise_mv, burst, part):
        burst[part] = burst[part + 1] = burst[part + 2] = 0
        room = end - start - self._CONVERT
        if room < 0:
            return
        tries = room // self._CYCLE
        if self._draw() % self._CYCLE <= room % self._CYCLE:
            tries += 1
        n = 0
        low = high = cp_mv
        for _ in range(tries):
            if reject_pct and self._draw() % 100 < reject_pct:
                continue
            if noise_mv:
                mv = cp_mv - noise_mv + self._draw() % (2 * noise_mv + 1)
                low = mv if not n else min(low, mv)
                high = mv if not n else max(high, mv)
            n += 1
            if n == ENOUGH:
                break
        if n:
            burst[part] = n
            burst[part + 1] = self._pin_mv(low)
            burst[part + 2] = self._pin_mv(high)

    def burst(self, high_mv, low_mv, duty, reject_pct, noise_mv, burst):
        """Fill ``burst``, an array('i', 6), with pin mV; allocates nothing.

        ``high_mv`` and ``low_mv`` are the pilot's voltage in mV in either part of the period,
        ``reject_pct`` percent of the conversions fail, ``noise_mv`` is added or taken at random.
        """
        window = self._window
        if duty != self._duty:
            self._duty = duty
            windows(duty, SETTLE_US, CONVERT_US, window)
        self._part(high_mv, window[0], window[1], reject_pct, noise_mv, burst, 0)
        self._part(low_mv, window[2], window[3], reject_pct, noise_mv, burst, 3)
