"""The limits of the group, and what is free under them."""

from array import array

from micropython import const

from evse import reasons
from evse.power.readings import CIRCUIT, MAINS
from evse.power.views import NO_LIMIT

# Places of the claims as ``allocate`` takes them, of the sum beside the phases, and how it names
# the claim that won.
_MAINS = const(0)
_CIRCUIT = const(1)
_MEASURED = const(2)
_CAPACITY = const(3)
_TOGETHER = const(4)
_SUM = const(3)
_BY_CIRCUIT = const(1)
_BY_CAPACITY = const(2)
_BY_ALL = const(3)
_NAMES = (reasons.LIMIT_MAINS, reasons.LIMIT_CIRCUIT, reasons.LIMIT_CAPACITY, reasons.LIMIT_RELAY)


class Rooms:
    """Room in dA on L1, L2, L3 and for their sum, and which limit leaves no more.

    ``room`` (4) is what ``free`` found, less what sharing took of it. ``bound``: MAINS counts and
    the mains meter speaks, ``smart``: so does the capacity, ``metered``: a circuit meter speaks.
    """

    def __init__(self, allocate, readings, params):
        self._allocate = allocate
        self._readings = readings
        self._params = params
        self._claims = array("i", (NO_LIMIT, NO_LIMIT, 0, NO_LIMIT, NO_LIMIT))
        self._code = array("i", (0,) * 4)
        self.room = array("i", (0,) * 4)
        self._spare = array("i", (0,) * 4)  # of each limit by the meters, negative if exceeded
        self._others = array("i", (0,) * 3)
        self._most_others = array("i", (0,) * 3)
        self.bound = self.smart = self.metered = False
        self.protect_da = 0

    def measured(self, margin=0):
        """Count the limits that meters see, each less ``margin`` dA."""
        params = self._params
        claims = self._claims
        claims[_MAINS] = params.mains_da - margin if self.bound else NO_LIMIT
        claims[_CIRCUIT] = params.circuit_da - margin if self.metered else NO_LIMIT
        claims[_MEASURED] = 1 if self.metered else 0
        capacity = params.capacity_sum_da if self.bound and self.smart else NO_LIMIT
        if self.protect_da:
            amps = self._readings.amps[MAINS]
            capacity = min(capacity, amps[0] + amps[1] + amps[2] - self.protect_da)
        claims[_CAPACITY] = capacity - 3 * margin if capacity != NO_LIMIT else NO_LIMIT
        claims[_TOGETHER] = NO_LIMIT

    def promised(self, alone=True):
        """Count the limits on what is granted; ``alone``: and no others."""
        params = self._params
        claims = self._claims
        if alone:
            claims[_MAINS] = claims[_CIRCUIT] = claims[_CAPACITY] = NO_LIMIT
            claims[_MEASURED] = 0
        if not self.metered:
            claims[_CIRCUIT] = params.circuit_da
        claims[_TOGETHER] = params.relay_sum_da

    def note(self, count, likely, early):
        """A circuit sample came: what do other loads take of it, likely and at the most?

        It is not taken in the same moment as the mains: it counts with what the EVSEs drew then.
        """
        amps = self._readings.amps[CIRCUIT]
        for phase in range(3):
            others = most = amps[phase]
            for at in range(phase, 3 * count, 3):
                others -= likely[at]
                most -= early[at]
            self._others[phase] = others
            self._most_others[phase] = most

    def free(self, count, drawn, grant, top, mask, careful=False):
        """Find the room for all EVSEs together, given what they draw, hold and at most draw.

        ``careful``: with what other loads take of the circuit at the most.
        """
        self._allocate.rooms(count, self._claims, self._readings.amps[MAINS],
                             self._most_others if careful else self._others, drawn, grant, top,
                             mask, self.room, self._code)

    def judge(self, mains, circuit):
        """Compare those of the meters that have something new with their limits."""
        claims = self._claims
        amps = self._readings.amps
        on_mains, on_circuit, in_all = claims[_MAINS], claims[_CIRCUIT], claims[_CAPACITY]
        if not mains:
            claims[_MAINS] = claims[_CAPACITY] = NO_LIMIT
        if not circuit:
            claims[_CIRCUIT] = NO_LIMIT
        self._allocate.over(claims, amps[MAINS], amps[CIRCUIT], self._spare)
        claims[_MAINS], claims[_CIRCUIT], claims[_CAPACITY] = on_mains, on_circuit, in_all
        for at in range(4):
            self._spare[at] = -self._spare[at]

    def worst(self, mask):
        """Return the dA by which any limit is exceeded that EVSEs on ``mask`` add to."""
        return -min(self._allocate.least(self._spare, mask), self._spare[_SUM])

    def missing(self, low, mask):
        """Return how many dA per phase ``low`` is above the room that is left."""
        phases = count(mask)
        return max(low - self._allocate.least(self.room, mask),
                   (low * phases - self.room[_SUM] + phases - 1) // phases)

    def only_capacity(self, mask):
        """True when no phase of ``mask`` is above its limit, only the sum."""
        return self._allocate.least(self._spare, mask) >= 0 > self._spare[_SUM]

    def _tightest(self, mask):
        """Return the number of the limit that leaves the least to EVSEs on ``mask``."""
        room = self.room
        slot = _SUM
        least = room[_SUM] // count(mask)
        mask = mask or 7
        for phase in range(3):
            if mask & (1 << phase) and room[phase] <= least:
                slot = phase
                least = room[phase]
        return self._code[slot]

    def exact(self, mask):
        """True when what EVSEs on ``mask`` have left depends on no other loads."""
        tightest = self._tightest(mask)
        return tightest == _BY_ALL or (tightest == _BY_CIRCUIT and not self.metered)

    def limit(self, mask):
        """Return the reason code of the limit that left the least to EVSEs on ``mask``."""
        tightest = self._tightest(mask)
        if tightest == _BY_CAPACITY and self.protect_da:
            return reasons.LIMIT_BATTERY
        return _NAMES[tightest]

    def fifth(self, missing):
        """True when ``missing`` dA are more than a fifth of the lowest limit of a phase."""
        claims = self._claims
        lowest = min(claims[_MAINS], claims[_CIRCUIT], claims[_CAPACITY] // 3)
        return missing > 0 and 5 * missing > lowest


def count(mask):
    """Return how many phases are in ``mask``; 0 stands for all three."""
    mask = mask or 7
    return (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1)
