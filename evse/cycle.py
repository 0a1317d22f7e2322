"""What the charger did lately: a histogram of the control period, and ten minutes by seconds."""

from array import array

from micropython import const

from evse import ticks
from evse.charging import states
from evse.power import readings as sources

EDGES_MS = (11, 13, 16, 20, 30, 50, 100, 200)


class Cycle:
    """Counts of control periods up to each of ``EDGES_MS``, the last bin for all above."""

    def __init__(self, now):
        self.bins = array("i", (0,) * (len(EDGES_MS) + 1))
        self.worst_ms = 0
        self._last = now

    def note(self, now):
        """One control step ran at ``now``. Allocates nothing."""
        period = ticks.diff(now, self._last)
        self._last = now
        if period > self.worst_ms:
            self.worst_ms = period
        slot = 0
        while slot < len(EDGES_MS) and period > EDGES_MS[slot]:
            slot += 1
        self.bins[slot] += 1

    def summary(self):
        """Return {"count", "late" (periods over 20 ms), "worst_ms"}."""
        total = sum(self.bins)
        return {"count": total, "late": total - sum(self.bins[:4]), "worst_ms": self.worst_ms}


_BYTES = const(7)  # of a second
_BLOCK_S = const(120)
_BLOCKS = const(5)
_NOTED = const(128)
# A current in one byte: half amperes up to 31.5 A, then steps of 3 A up to 221 A, and the sign.
_FINE_DA = const(5)
_FINE = const(64)
_FINE_TOP_DA = const(320)
_COARSE_DA = const(30)


def packed(da):
    """A current in dA as 0 to 255: the next that can be told, towards 0."""
    size = abs(da)
    code = (size // _FINE_DA if size < _FINE_TOP_DA else
            min(_FINE + (size - _FINE_TOP_DA) // _COARSE_DA, 2 * _FINE - 1))
    return 255 - code if da < 0 else code


def unpacked(code):
    """The current in dA that ``packed`` has made ``code`` of."""
    if code > 127:
        return -unpacked(255 - code)
    return code * _FINE_DA if code < _FINE else _FINE_TOP_DA + (code - _FINE) * _COARSE_DA


class Recent:
    """The last ten minutes, second by second, in blocks that exist from the start."""

    def __init__(self):
        self._blocks = [bytearray(_BLOCK_S * _BYTES) for _ in range(_BLOCKS)]
        self._seconds = 0  # of uptime, up to which something was noted

    def note(self, core):
        """Note how it is; within a second what is noted last holds. Allocates nothing."""
        uptime_s = core.journal.uptime_s
        charger = core.charger
        readings = core.readings
        mains = readings.amps[sources.MAINS]
        car = readings.amps[sources.EV]
        for at_s in range(self._seconds + 1, uptime_s):  # what a stall has skipped
            self._blocks[at_s // _BLOCK_S % _BLOCKS][at_s % _BLOCK_S * _BYTES] = 0
        self._seconds = uptime_s
        block = self._blocks[uptime_s // _BLOCK_S % _BLOCKS]
        at = uptime_s % _BLOCK_S * _BYTES
        fresh = readings.fresh(sources.MAINS, core.now)
        block[at] = _NOTED | charger.c1 | charger.c2 << 1 | charger.state << 2 | fresh << 6
        block[at + 1] = charger.reason
        block[at + 2] = packed(core.regulator.grant_da[0])
        block[at + 3] = packed(mains[0])
        block[at + 4] = packed(mains[1])
        block[at + 5] = packed(mains[2])
        block[at + 6] = packed(max(car))

    def rows(self):
        """Yield [s of uptime, bits, state, reason, dA granted, of L1, L2, L3, of the car].

        The oldest first. Bits 0 and 1 tell contactors that are closed, 4 that L1 to L3 are known.
        """
        last = self._seconds
        for uptime_s in range(max(1, last - _BLOCK_S * _BLOCKS + 1), last + 1):
            block = self._blocks[uptime_s // _BLOCK_S % _BLOCKS]
            at = uptime_s % _BLOCK_S * _BYTES
            first = block[at]
            if first:
                yield [uptime_s, first & 3 | first >> 4 & 4, states.short(first >> 2 & 15),
                       block[at + 1]] + [
                    unpacked(code) for code in block[at + 2:at + _BYTES]]
