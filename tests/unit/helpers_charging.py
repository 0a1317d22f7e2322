"""A plug on the bench: pilot, charger and guard driven by a car's levels on simulated time."""

from array import array

from evse import reasons
from evse.charging.charger import Charger
from evse.charging.guard import Guard
from evse.charging.pilot import FULL, LEVEL_A, LEVEL_B, LEVEL_C, LEVEL_INVALID, Pilot
from evse.charging.plug import ACCESS_ON
from evse.charging.states import STATE_B, STATE_C

MASK = 0x3FFFFFFF
# Ticks to start at: plain, middle of the range, and where sums cross the wrap during a test.
STARTS = (0, 20011, 0x1FFFFF00, 0x20000000, MASK - 60011, MASK - 3000, MASK - 500, MASK - 35, MASK)

LOW_MV = 164
NO_DIODE_MV = 554
# Pin millivolts of the levels A to F, and of one that is none.
MV = (3281, 2892, 2502, 2112, 1723, 164, 1000)


def fill(burst, duty, mv, low_mv=LOW_MV, n=16):
    """Fill ``burst`` as a board would at ``duty``: too short a part gives no samples."""
    if duty == 0:
        burst[0] = 0
        burst[3] = n
    else:
        burst[0] = n
        burst[3] = n if 100 <= (FULL - duty) * 1000 // FULL else 0
    burst[1] = burst[2] = mv
    burst[4] = burst[5] = low_mv


class Plug:
    """Everything at one plug, ``period`` ms at a time; ``log``: (tick, code, a, b) of each event.

    An open line floats at ``open_mv``; a short (level 4) is 0 V in both parts of the period.
    """

    def __init__(self, now=0, permit_da=160, period=10):
        self.now = now
        self.period = period
        self.log = []
        self.pilot = Pilot()
        self.charger = Charger(self.pilot, self.record)
        self.guard = Guard(self.pilot, self.charger, self.record)
        self.charger.access = ACCESS_ON
        self.charger.cable_da = 800
        self.charger.max_da = 800
        self.keeping = True  # of a log; False where nothing may be allocated
        self.burst = array("i", (0,) * 6)
        self.level = LEVEL_A
        self.low_mv = LOW_MV
        self.open_mv = 1000
        self.n = 16
        self.rcm = False
        self.stepping = True
        self.opened_at = -1  # tick at which the guard or the charger last opened the contactor
        self.wait = 0
        if permit_da:
            self.permit(permit_da)

    def record(self, code, a=0, b=0):
        if self.keeping:
            self.log.append((self.now, code, a, b))

    def states(self):
        """(state, reason) of each change since the log was last cleared."""
        return [entry[2:] for entry in self.log if entry[1] == reasons.STATE]

    def to(self, state, limit_ms=20000):
        """Run until the charger is in ``state``; returns the ms it took."""
        return self.until(lambda: self.charger.state == state, limit_ms)

    def codes(self):
        return [entry[1] for entry in self.log]

    def permit(self, da, ms=400000000, reason=0):
        self.charger.grant(da, (self.now + ms) & MASK, reason)

    def tick(self):
        """One cycle at ``now``: burst, guard, step."""
        charger = self.charger
        closed = charger.c1
        if charger.connect:
            low = MV[4] if self.level == 4 else self.low_mv
            fill(self.burst, charger.duty, MV[self.level], low, self.n)
        else:
            fill(self.burst, charger.duty, self.open_mv, self.open_mv, self.n)
        self.pilot.feed(self.burst, charger.duty, self.now)
        self.guard.check(self.now, self.rcm)
        if self.stepping:
            self.wait = charger.step(self.now)
        if closed and not charger.c1:
            self.opened_at = self.now

    def run(self, ms, level=None):
        """Run whole cycles for ``ms``; ``level`` is what the car shows from now on."""
        if level is not None:
            self.level = level
        for _ in range(ms // self.period):
            self.tick()
            self.now = (self.now + self.period) & MASK
        return self

    def jump(self, ms):
        """As ``run``, but from one moment that matters to the next, as a simulator does."""
        end = (self.now + ms) & MASK
        while self.now != end:
            self.tick()
            self.now = (self.now + min(self.wait, (end - self.now) & MASK)) & MASK
        return self

    def until(self, ask, limit_ms=20000):
        """Run until ``ask()``; returns the ms it took."""
        for spent in range(0, limit_ms, self.period):
            if ask():
                return spent
            self.run(self.period)
        raise AssertionError("not within %d ms" % limit_ms)

    def plug(self):
        """Bring a car at rest to B with its diode proven."""
        self.run(100, LEVEL_A)
        self.run(3000, LEVEL_B)
        self.until(lambda: self.charger.state == STATE_B and self.pilot.diode)
        return self

    def charge(self):
        """Bring a car into C."""
        self.plug()
        self.level = LEVEL_C
        self.until(lambda: self.charger.state == STATE_C)
        return self

    def since(self, tick):
        return (self.now - tick) & MASK


BAD = LEVEL_INVALID
