"""How evenly the control cycle runs: a histogram of its period."""

from array import array

from evse import ticks

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
