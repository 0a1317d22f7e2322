"""Runs on MicroPython: what a board does to the code that runs on it, and chance.

The timer fires each 8 ms, its callback runs when the interpreter lets it, the control task when
its turn comes. ``Quiet`` is a board without interruptions, ``Stalls`` one with those of DESIGN
3.8. Both depend on nothing but the time, so that leaving out cycles in which nothing is due
changes nothing.
"""

from array import array

TICK_MS = 8  # evse.boards.esp32
QUEUE = 8  # callbacks that may wait for their turn on the ESP32
GC_MS = 15
SLICE_MS = 15
ERASE_MS = (45, 400)


def mix(a, b):
    """A number below 2**24 that depends on ``a`` and ``b`` without any pattern to be seen."""
    x = (a * 0x9E3779B1 + b * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ x >> 15) * 0x2C1B3C6D) & 0xFFFFFFFF
    return (x ^ x >> 12) & 0xFFFFFF


def _noise():
    """mV of one sample: triangular within +-44 mV at the pin, 0.34 V on the pilot."""
    return array("b", (mix(i, 1) % 45 - mix(i, 2) % 45 for i in range(1024)))


def _lost(percent):
    """How many of up to eight conversions are lost: 256 draws for each number of them."""
    return [bytes([sum([mix(draw, 40 + i) % 100 < percent for i in range(n)])
                   for draw in range(256)]) for n in range(9)]


NOISE = _noise()
LOST = _lost(20)


class Rng:
    """Random numbers that are the same on every host."""

    def __init__(self, seed):
        self._seed = seed
        self._count = 0

    def below(self, n):
        """A whole number from 0 to ``n`` - 1."""
        self._count += 1
        return mix(self._seed, self._count) % n

    def between(self, low, high):
        """A whole number from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def one_in(self, n):
        """True in one of ``n`` cases."""
        return self.below(n) == 0


class Quiet:
    """A board on which nothing interferes: a callback takes its turn within a ms."""

    rejects = False  # one in five conversions

    def __init__(self, seed):
        self._seed = seed

    def dropped(self, nominal):
        """True when the timer's event of that ms is lost."""
        return False

    def callback(self, nominal, closed):
        """When the callback due at ``nominal`` runs; ``closed`` says if contactor 1 is."""
        return nominal + (mix(nominal, self._seed) & 1)

    def step(self, at, closed):
        """When the control task, released at ``at``, has its turn."""
        return at + (mix(at, self._seed) >> 1 & 1)

    def stress(self, rng, moment):
        """Let the rare things fall together around ``moment``."""


class Stalls(Quiet):
    """A board that collects garbage, serves clients, loses timer events and rejects samples.

    While contactor 1 is open it erases flash as well.
    """

    rejects = True

    def __init__(self, seed):
        super().__init__(seed)
        self._forced = -1000
        self._drop = -1
        self._erase = -1000
        self._erase_ms = 0
        # What is drawn for the span of time now running, from its first ms on.
        self._cell = self._drop_cell = self._erase_cell = -100_000
        self._collect = self._drop_at = self._erase_from = self._erase_to = -1000

    def stress(self, rng, moment):
        if not rng.one_in(5):
            self._forced = moment - GC_MS + rng.below(GC_MS + 75)
        if not rng.one_in(5):
            self._drop = moment - TICK_MS + rng.below(75)
        if rng.one_in(3):
            self._erase_ms = ERASE_MS[rng.below(2)]
            self._erase = moment - self._erase_ms + rng.below(self._erase_ms + 75)

    def _erasing(self, at):
        """``at``, or the end of the erase that runs then: no code runs during one."""
        if self._erase <= at < self._erase + self._erase_ms:
            return self._erase + self._erase_ms
        if not self._erase_cell <= at < self._erase_cell + 20_000:
            self._erase_cell = cell = at // 20_000 * 20_000
            draw = mix(cell, self._seed + 3)
            self._erase_from = cell + draw % 19_000
            self._erase_to = self._erase_from + ERASE_MS[draw >> 16 & 1]
        return self._erase_to if self._erase_from <= at < self._erase_to else at

    def _collecting(self, at):
        """``at``, or the end of the collection that runs then."""
        if self._forced <= at < self._forced + GC_MS:
            return self._forced + GC_MS
        if not self._cell <= at < self._cell + 3000:
            self._cell = cell = at // 3000 * 3000  # one collection each 1 to 5 s
            self._collect = cell + mix(cell, self._seed) % 2000
        if self._collect <= at < self._collect + GC_MS:
            return self._collect + GC_MS
        return at

    def dropped(self, nominal):
        if self._drop >= 0 and nominal >= self._drop:
            self._drop = -1
            return True
        if not self._drop_cell <= nominal < self._drop_cell + 60_000:
            self._drop_cell = cell = nominal // 60_000 * 60_000
            self._drop_at = cell + mix(cell, self._seed + 1) % 59_000
        return self._drop_at <= nominal < self._drop_at + TICK_MS

    def callback(self, nominal, closed):
        at = nominal + (mix(nominal, self._seed) & 1)
        return self._collecting(at if closed else self._erasing(at))

    def step(self, at, closed):
        at += mix(at, self._seed) >> 1 & 1
        cell = at // 32
        draw = mix(cell, self._seed + 2)
        start = cell * 32 + draw % 17
        if start <= at < start + 1 + (draw >> 8) % SLICE_MS:
            at = start + 1 + (draw >> 8) % SLICE_MS
        return self._collecting(at if closed else self._erasing(at))
