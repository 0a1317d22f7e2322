"""The journal: a ring of events that says why everything happened.

``record`` writes four ints into memory it has from the start, so it may be called from the 10 ms
path and from the timer callback. Time is the uptime in seconds; words are looked up when somebody
reads.
"""

from struct import pack_into, unpack_from

from micropython import const

SIZE = const(64)
_EVENT = const("<Biii")  # code, a, b, uptime
_BYTES = const(13)
_AT = const(9)  # where in an event its uptime is
RING_BYTES = const(832)


class Journal:
    """Ring of the last ``SIZE`` events. ``uptime_s`` is kept current by the core.

    ``ring`` are its RING_BYTES, for whoever keeps them beyond a restart.
    """

    def __init__(self, ring=None):
        self._ring = bytearray(RING_BYTES) if ring is None else ring
        self.count = 0
        self.uptime_s = 0

    def resume(self, count, uptime_s):
        """Go on with what is in the ring: ``count`` events of a run that lasted ``uptime_s``.

        Their uptime becomes negative: so long before this start they were.
        """
        ring = self._ring
        self.count = count
        for number in range(min(count, SIZE)):
            at = number * _BYTES + _AT
            pack_into("<i", ring, at, min(unpack_from("<i", ring, at)[0] - uptime_s, -1))

    def record(self, code, a=0, b=0):
        """Append one event; ``a`` and ``b`` are ints whose meaning the code defines."""
        pack_into(_EVENT, self._ring, self.count % SIZE * _BYTES, code, a, b, self.uptime_s)
        self.count += 1

    def events(self, since=0):
        """Yield (number, uptime_s, code, a, b), oldest first, from event number ``since`` on."""
        number = max(since, self.count - SIZE, 0)
        while number < self.count:
            code, a, b, at = unpack_from(_EVENT, self._ring, number % SIZE * _BYTES)
            yield number, at, code, a, b
            number += 1
