"""The journal: a ring of events that says why everything happened.

``record`` writes four ints into preallocated arrays, so it may be called from the 10 ms path and
from the timer callback. Time is the uptime in seconds; words are looked up when somebody reads.
"""

from array import array

from micropython import const

SIZE = const(64)


class Journal:
    """Ring of the last ``SIZE`` events. ``uptime_s`` is kept current by the core."""

    def __init__(self):
        self._code = bytearray(SIZE)
        self._a = array("i", bytes(4 * SIZE))
        self._b = array("i", bytes(4 * SIZE))
        self._at = array("i", bytes(4 * SIZE))
        self.count = 0
        self.uptime_s = 0

    def record(self, code, a=0, b=0):
        """Append one event; ``a`` and ``b`` are ints whose meaning the code defines."""
        slot = self.count % SIZE
        self._code[slot] = code
        self._a[slot] = a
        self._b[slot] = b
        self._at[slot] = self.uptime_s
        self.count += 1

    def events(self, since=0):
        """Yield (number, uptime_s, code, a, b), oldest first, from event number ``since`` on."""
        number = max(since, self.count - SIZE)
        while number < self.count:
            slot = number % SIZE
            yield number, self._at[slot], self._code[slot], self._a[slot], self._b[slot]
            number += 1
