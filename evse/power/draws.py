"""What the cars draw, as far as it can be known.

With an EV meter the draw is measured. Without one it is estimated: a car is taken to draw what it
was seen to take. After each change of a grant the car gets time to follow, and what the mains meter
moves in that time in the right direction is the car's. A car that follows a change by three
quarters follows its pilot, so it draws its grant; one that takes no more than before is at its own
limit, and what it leaves unused is never counted as drawn.
"""

from array import array

from micropython import const

from evse import ticks

EVSES = const(8)

# A car has 5 s to follow its pilot (IEC 61851-1); the rest is its ramp and the meter's delay.
FOLLOW_MS = const(8_000)
# While the draw still moves at the end of that time, it gets as much more, again and again.
_GOING_ON_MS = const(3_000)
# A car may take a minute to wake; so often the time to follow is given again at its start.
_STARTS = const(7)
# The smallest change that tells the car from the noise of a house.
_EVIDENCE_DA = const(10)
_PROGRESS_DA = const(5)


class Draws:
    """Draw of each EVSE and phase in dA, laid out ``[3 * evse + phase]``.

    ``likely`` is the best estimate, used to lower grants. ``least`` is what the car surely draws
    of its grant, used to raise them. ``top[i]`` is the most it may draw on any phase, used before
    it is stopped. ``moving[i]`` is 1 while EVSE ``i`` may not have followed its last change,
    ``settled[i]`` the tick since when it has. ``deaf[i]`` is 1 when it did not answer a lowering.
    """

    def __init__(self, allocate):
        self._allocate = allocate
        self.likely = array("i", (0,) * (3 * EVSES))
        self.least = array("i", (0,) * (3 * EVSES))
        self.top = array("i", (0,) * EVSES)
        self.moving = array("i", (0,) * EVSES)
        self.settled = array("i", (0,) * EVSES)
        self.deaf = array("i", (0,) * EVSES)
        self._deadline = array("i", (0,) * EVSES)
        self._best = array("i", (0,) * EVSES)
        self._starts = array("i", (0,) * EVSES)
        self._reference = array("i", (0,) * (3 * EVSES))
        self._expected = array("i", (0,) * (3 * EVSES))
        self._metered = array("i", (0,) * EVSES)
        self._meter = array("i", (0,) * (3 * EVSES))
        self._before = array("i", (0,) * (3 * EVSES))
        self._last = array("i", (0, 0, 0))

    def started(self, i, grant, now):
        """The contactor of EVSE ``i`` closed: from nothing the car may go up to ``grant`` dA."""
        self.assume(i, 0, now)
        self.commanded(i, grant, grant, now)
        self._starts[i] = _STARTS

    def assume(self, i, draw, now):
        """Take for granted that EVSE ``i`` draws ``draw`` dA on every phase."""
        for at in range(3 * i, 3 * i + 3):
            self.likely[at] = draw
            self.least[at] = draw
        self.deaf[i] = 0
        self._settle(i, draw, now)

    def restart(self, amps):
        """Forget the mains currents from before a gap; ``amps`` (3) is the first after it."""
        for phase in range(3):
            self._last[phase] = amps[phase]

    def commanded(self, i, old, new, now):
        """The grant of the charging EVSE ``i`` was changed from ``old`` to ``new`` dA."""
        self.top[i] = max(old, new, self.top[i] if self.moving[i] else 0)
        self.moving[i] = 1
        self._starts[i] = 0
        self._deadline[i] = ticks.add(now, FOLLOW_MS)
        self._best[i] = 0
        for phase in range(3):
            at = 3 * i + phase
            self._reference[at] = self._last[phase]
            self._expected[at] = new - self.likely[at]

    def measured(self, i, amps):
        """A new sample ``amps`` (3) of the meter of EVSE ``i``.

        It was not taken together with the mains, so the higher and the lower of the last two bound
        the draw at that moment.
        """
        for phase in range(3):
            at = 3 * i + phase
            amp = max(0, amps[phase])
            self._before[at] = self._meter[at] if self._metered[i] else amp
            self._meter[at] = amp
            self.likely[at] = max(amp, self._before[at])
        self._metered[i] = 1

    def unmeasured(self, i):
        """The meter of EVSE ``i`` is silent: go on by estimate from where it ended."""
        self._metered[i] = 0

    def sample(self, count, amps, grant, mask, now):
        """Learn what the cars drew from a new mains sample ``amps`` (3)."""
        self._allocate.track(count, amps, self._last, self.likely, grant, self.moving, mask)
        for i in range(count):
            if self.moving[i]:
                if self._metered[i]:
                    self._watch_meter(i, grant[i], mask[i], now)
                else:
                    self._watch_mains(i, amps, grant[i], mask[i], now)
            for at in range(3 * i, 3 * i + 3):
                least = min(self.likely[at], grant[i])
                if self._metered[i]:
                    least = min(least, self._meter[at], self._before[at])
                self.least[at] = least

    def _watch_mains(self, i, amps, grant, mask, now):
        best = 0
        lowered = answered = finished = silent = False
        for phase in range(3):
            expected = self._expected[3 * i + phase]
            moved = amps[phase] - self._reference[3 * i + phase]
            if expected < 0:
                expected = -expected
                moved = -moved
                lowering = True
            else:
                lowering = False
            if not mask & (1 << phase) or expected < _EVIDENCE_DA:
                continue
            best = max(best, moved)
            answer = 4 * moved >= 3 * expected
            answered = answered or answer
            finished = finished or moved + _PROGRESS_DA >= expected
            if lowering:
                silent = 4 * moved < expected and (silent or not lowered)
                lowered = True
        going_on = best >= self._best[i] + _PROGRESS_DA
        self._best[i] = max(best, self._best[i])
        if answered and (finished or not going_on):
            self._conclude(i, amps, grant, now)
            self.deaf[i] = 0
        elif ticks.due(now, self._deadline[i]):
            if going_on:
                self._deadline[i] = ticks.add(now, _GOING_ON_MS)
            elif self._starts[i]:
                self._wait_again(i, amps, grant, now)
            else:
                self._conclude(i, amps, grant, now)
                self.deaf[i] = 1 if silent else 0

    def _wait_again(self, i, amps, grant, now):
        """The car did not start yet; what the house did meanwhile was not the car's."""
        starts = self._starts[i] - 1
        self.assume(i, 0, now)
        self.restart(amps)
        self.commanded(i, grant, grant, now)
        self._starts[i] = starts

    def _conclude(self, i, amps, grant, now):
        """The time to follow is over: who answered draws its grant, nobody draws more."""
        for phase in range(3):
            at = 3 * i + phase
            expected = self._expected[at]
            moved = amps[phase] - self._reference[at]
            if expected < 0:
                expected = -expected
                moved = -moved
            if expected >= _EVIDENCE_DA and 4 * moved >= 3 * expected:
                self.likely[at] = grant
            else:
                self.likely[at] = min(self.likely[at], grant)
        self._settle(i, grant, now)

    def _watch_meter(self, i, grant, mask, now):
        there = True
        for phase in range(3):
            at = 3 * i + phase
            if mask & (1 << phase) and (abs(self._meter[at] - grant) > _EVIDENCE_DA
                                        or abs(self._before[at] - grant) > _EVIDENCE_DA):
                there = False
        if there or ticks.due(now, self._deadline[i]):
            self.deaf[i] = 0
            self._settle(i, grant, now)

    def _settle(self, i, top, now):
        self.moving[i] = 0
        self._starts[i] = 0
        self.settled[i] = now
        self.top[i] = top
