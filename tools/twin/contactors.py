"""Two contactors and what they let through. Pure.

Contactor 1 carries L1 and the neutral, and without a second one L2 and L3 as well; a second one
carries L2 and L3. They follow their command at once, unless their contacts are welded or stuck.
"""

FINE, WELDED, STUCK = "sound", "welded", "stuck"
LOAD_MA = 1000  # more than this is a load
L1, L2, L3 = 1, 2, 4


class Contactors:
    """``c1`` and ``c2`` are commands; what is closed may differ by ``faults``, one for each.

    Counted for the judge of a run: ``closings`` and ``c2_closings`` by command,
    ``under_load``: openings of contactor 1 above 1 A, ``c2_under_load``: commands of the second
    one above 1 A while the first stayed closed, ``without_neutral``: how often the second was
    commanded closed without the first.
    """

    def __init__(self):
        self.second = False  # fitted
        self.c1 = False
        self.c2 = False
        self.faults = [FINE, FINE]
        self.closings = 0
        self.c2_closings = 0
        self.under_load = 0
        self.c2_under_load = 0
        self.without_neutral = 0

    def command(self, c1, c2, load_ma):
        """Command both while the car draws ``load_ma`` mA on its worst phase."""
        loaded = load_ma > LOAD_MA
        if c1 and not self.c1:
            self.closings += 1
        if self.c1 and not c1 and loaded:
            self.under_load += 1
        if self.second:
            if c2 and not self.c2:
                self.c2_closings += 1
            if c2 != self.c2 and c1 and self.c1 and loaded:
                self.c2_under_load += 1
            if (c2 and not c1) and not (self.c2 and not self.c1):
                self.without_neutral += 1
        self.c1 = c1
        self.c2 = c2

    def _closed(self, number, commanded):
        fault = self.faults[number]
        return fault == WELDED or (commanded and fault != STUCK)

    @property
    def closed_1(self):
        """True while the contacts of contactor 1 touch."""
        return self._closed(0, self.c1)

    @property
    def closed_2(self):
        """True while the contacts of contactor 2 touch; never without one."""
        return self.second and self._closed(1, self.c2)

    def powered(self):
        """Bits 1, 2, 4 of L1, L2, L3 that are live at the car and have their neutral."""
        if not self.closed_1:
            return 0
        return L1 | L2 | L3 if not self.second or self.closed_2 else L1
