"""What the cars draw, and on which phases, as far as it can be known.

With an EV meter the draw is measured. Without one it is estimated: a car is taken to draw what it
was seen to take. After each change of a grant the car gets time to follow, and what the mains
meter moves in that time in the right direction is the car's. A car that follows a change by three
quarters follows its pilot, so it draws its grant; one that does not draws less, at its own limit.
Phases that twice did not move when the others did are not in use.
"""

from array import array

from micropython import const

from evse import reasons, ticks

EVSES = const(8)
RISING = const(1)
FALLING = const(2)
UNSURE = const(3)

# A car has 5 s to follow its pilot (IEC 61851-1); the rest is its ramp and the meter's delay.
FOLLOW_MS = const(7_000)
# While the draw still moves at the end of that time, it gets as much more, again and again.
_GOING_ON_MS = const(3_000)
# A car may take a minute to wake; so often the time to follow is given again at its start.
_STARTS = const(7)
# Once only where others move too: whose steps were seen is found out by asking each alone.
_STARTS_IN_COMPANY = const(1)
# The smallest change that tells the car from the noise of a house.
EVIDENCE_DA = const(10)
# So much more or less is offered to see whether a car follows.
ASK_DA = const(15)
# A car draws up to so much less than its pilot allows and still uses all of it.
USED_DA = const(5)
_PROGRESS_DA = const(5)
# An EV meter that shows more than USES_DA on one phase and less than IDLE_DA on another has said
# which of them the car uses.
_USES_DA = const(40)
_IDLE_DA = const(10)


class Draws:
    """Draw of each EVSE and phase in dA, laid out ``[3 * evse + phase]``.

    ``likely`` is the best estimate, used to lower grants. ``least`` is what the car surely draws
    of its grant, used to raise them; ``early`` also one sample before. ``top[i]`` is the most it
    may draw on any phase, used before it is stopped. ``moving[i]`` is RISING, FALLING or UNSURE
    while EVSE ``i`` may not have
    followed its last change, else 0.
    ``proven[i]`` is 1 when the last sample showed that it follows its pilot, ``refused[i]`` when
    it showed that it does not. ``deaf[i]`` is 1 while it has not answered a lowering, ``vain[i]``
    when the time of a lowering ended from which no answer could be expected. These three are
    events: ``over`` ends them.
    ``uses[i]`` are bits 1, 2, 4 of the phases the car of EVSE ``i`` draws on, 0 while unknown;
    ``seen[i]`` the same after one look, ``habit[i]`` those of the last car that was known.
    ``delay_ms[i]``: so long at least it takes the car to answer, 0 while unknown.
    """

    def __init__(self, allocate, record, number):
        self._allocate = allocate
        self._record = record
        self.uses = array("i", (0,) * number)
        self.delay_ms = array("i", (0,) * number)
        self._quiet_ms = array("i", (0,) * number)
        self._at = array("i", (0,) * number)
        self._awake = array("i", (0,) * number)
        self.habit = array("i", (0,) * number)
        self.seen = array("i", (0,) * number)
        self.likely = array("i", (0,) * (3 * number))
        self.least = array("i", (0,) * (3 * number))
        self.early = array("i", (0,) * (3 * number))
        self.top = array("i", (0,) * number)
        self.moving = array("i", (0,) * number)
        self.proven = array("i", (0,) * number)
        self.refused = array("i", (0,) * number)
        self.deaf = array("i", (0,) * number)
        self.vain = array("i", (0,) * number)
        self._events = (self.proven, self.refused, self.vain)
        self._deadline = array("i", (0,) * number)
        self._best = array("i", (0,) * number)
        self._starts = array("i", (0,) * number)
        self._sure = array("i", (0,) * number)
        self._reference = array("i", (0,) * (3 * number))
        self._began = array("i", (0,) * (3 * number))
        self._company = array("i", (0,) * number)
        self._expected = array("i", (0,) * (3 * number))
        self._metered = array("i", (0,) * number)
        self._news = array("i", (0,) * number)
        self._meter = array("i", (0,) * (3 * number))
        self._before = array("i", (0,) * (3 * number))
        self._last = array("i", (0, 0, 0))

    def started(self, i, grant, now):
        """The contactor of EVSE ``i`` closed: from nothing the car may go up to ``grant`` dA."""
        self.assume(i, 0)
        self.commanded(i, 0, grant, 7, now)
        self._starts[i] = _STARTS

    def forget(self, i):
        """The car of EVSE ``i`` is gone, or its contactors are others now."""
        self.uses[i] = 0
        self.delay_ms[i] = 0
        self.seen[i] = 0

    def assume(self, i, draw, mask=7):
        """Take for granted that EVSE ``i`` draws ``draw`` dA on every phase of ``mask``."""
        for phase in range(3):
            amps = draw if (mask or 7) & (1 << phase) else 0
            self.likely[3 * i + phase] = amps
            self.least[3 * i + phase] = amps
        self.deaf[i] = 0
        self.top[i] = draw
        self._settle(i, draw)

    def commanded(self, i, old, new, mask, now):
        """The grant of the charging EVSE ``i`` was changed from ``old`` to ``new`` dA.

        ``mask`` are the phases it may use. A car that left ``old`` unused is not credited with
        what the mains meter shows next.
        """
        if self.moving[i] == FALLING and 0 <= old - new < EVIDENCE_DA:
            # A correction of the last one: the car still answers that.
            for at in range(3 * i, 3 * i + 3):
                self._expected[at] += new - old
            return
        self.top[i] = max(old, new, self.top[i] if self.moving[i] else 0)
        if new < old:
            self.moving[i] = FALLING
        else:
            self.moving[i] = UNSURE if old and self.idle(i, old, mask) else RISING
        self._starts[i] = 0
        self._at[i] = now
        self._quiet_ms[i] = 0
        self._sure[i] = 0
        self._deadline[i] = ticks.add(now, FOLLOW_MS)
        self._best[i] = 0
        self._company[i] = 0
        for phase in range(3):
            at = 3 * i + phase
            self._reference[at] = self._last[phase]
            self._began[at] = self.likely[at]
            if abs(new - old) < EVIDENCE_DA:
                self._expected[at] = 0
            elif new > old:
                self._expected[at] = new - old
            else:
                self._expected[at] = -max(EVIDENCE_DA, self.likely[at] - new)
                self._sure[i] |= self.likely[at] - new >= EVIDENCE_DA

    def measured(self, i, amps, rotation):
        """A new sample ``amps`` (3) of the meter of EVSE ``i``.

        ``rotation`` (3) says which phase of the mains, 0 to 2, each of its own is.

        It was not taken together with the mains, so the higher and the lower of the last two bound
        the draw at that moment.
        """
        for phase in range(3):
            at = 3 * i + rotation[phase]
            amp = max(0, amps[phase])
            self._before[at] = self._meter[at] if self._metered[i] else amp
            self._meter[at] = amp
        self._metered[i] = 1
        self._news[i] = 1

    def unmeasured(self, i):
        """The meter of EVSE ``i`` is silent: go on by estimate from where it ended."""
        self._metered[i] = 0
        self._news[i] = 0

    def metered(self, i):
        """True while the draw of EVSE ``i`` is measured."""
        return self._metered[i] == 1

    def most(self, i):
        """Return the most that the meter of EVSE ``i`` showed on any phase in its last samples."""
        most = 0
        for at in range(3 * i, 3 * i + 3):
            most = max(most, self._meter[at], self._before[at])
        return most

    def idle(self, i, grant, mask):
        """True when EVSE ``i`` is thought to leave part of its ``grant`` unused on every phase."""
        for phase in range(3):
            if mask & (1 << phase) and self.likely[3 * i + phase] >= grant - USED_DA:
                return False
        return True

    def track(self, count, amps, grant, mask, now):
        """Take a sample ``amps`` (3) of the meter all EVSEs are behind; then ``learn`` of each.

        ``grant`` and ``mask`` are per EVSE; a mask of 0 says that the phases are not known. What
        moves before a car can have answered is not the car.
        """
        movers = 0
        for i in range(count):
            self._awake[i] = self.moving[i]
            if self.moving[i]:
                movers += 1
                if not self._starts[i] and ticks.diff(now, self._at[i]) <= self.delay_ms[i]:
                    self._awake[i] = 0
        self._allocate.track(count, amps, self._last, self.likely, grant, self._awake, mask)
        if movers > 1:  # the meter shows the steps of all of them
            for i in range(count):
                if self.moving[i]:
                    self._company[i] = 1
                    self._starts[i] = min(self._starts[i], _STARTS_IN_COMPANY)

    def learn(self, i, amps, grant, mask, news, now):
        """Learn what EVSE ``i`` drew when the sample ``amps`` was taken.

        A sample that is no ``news`` does not show that a car has done nothing.
        """
        if self._news[i]:
            self._news[i] = 0
            self._take_meter(i)
        if self.moving[i]:
            if self._metered[i]:
                self._watch_meter(i, grant, mask or 7, now)
            else:
                self._watch_mains(i, amps, grant, mask, news, now)
        likely = self.likely
        early = self.early
        least = self.least
        metered = self._metered[i]
        for at in range(3 * i, 3 * i + 3):
            sure = likely[at] if likely[at] < grant else grant
            if metered:
                sure = min(sure, self._meter[at], self._before[at])
            early[at] = least[at] if least[at] < sure else sure
            least[at] = sure

    def rest(self, i, grant, mask, now):
        """No meter sees EVSE ``i``: in time it does what it is told, but only open is off."""
        if self.moving[i] and ticks.due(now, self._deadline[i]):
            if grant:
                self.assume(i, grant, mask)
            self._settle(i, grant)

    def over(self, count):
        """The sample has been acted on."""
        for events in self._events:
            if any(events):
                for i in range(count):
                    events[i] = 0

    def _take_meter(self, i):
        used = idle = 0
        for phase in range(3):
            at = 3 * i + phase
            self.likely[at] = max(self._meter[at], self._before[at])
            if self._meter[at] >= _USES_DA:
                used |= 1 << phase
            elif self.likely[at] < _IDLE_DA:
                idle |= 1 << phase
        if used and used | idle == 7:
            self._known(i, used)
        elif self.uses[i] and used & ~self.uses[i]:
            self._known(i, self.uses[i] | used)

    def _known(self, i, mask):
        if mask != self.uses[i]:
            self.uses[i] = self.habit[i] = mask
            for phase in range(3):
                if not mask & (1 << phase):
                    self.likely[3 * i + phase] = 0
            self._record(reasons.PHASES_SEEN, mask, i)

    def _watch_mains(self, i, amps, grant, mask, news, now):
        """Has the car answered its last change, is it on its way, or is its time over?"""
        best = asked = answers = silent = finished = 0
        for phase in range(3):
            expected = self._expected[3 * i + phase]
            moved = self._moved(i, phase, amps)
            if expected < 0:
                expected = -expected
                moved = -moved
            if expected < EVIDENCE_DA or (mask and not mask & (1 << phase)):
                continue
            asked += 1
            best = max(best, moved)
            if 3 * expected <= 4 * moved <= 8 * expected:  # more than twice is not the car alone
                answers += 1
            elif 4 * moved < expected:
                silent += 1
            if moved + _PROGRESS_DA >= expected:
                finished += 1
        # A car draws alike on all its phases, a house hardly; of unknown phases one must do.
        answered = 2 * answers > asked if mask else answers > 0
        going_on = best >= self._best[i] + _PROGRESS_DA
        self._best[i] = max(best, self._best[i])
        if asked and silent == asked:
            self._quiet_ms[i] = ticks.diff(now, self._at[i])
        if answered and (finished or not going_on):
            self._learn_delay(i)
            self._answered(i, amps, grant)
            self.proven[i] = 0 if self.idle(i, grant, mask or 7) else 1
        elif news and ticks.due(now, self._deadline[i]):
            if going_on:
                self._deadline[i] = ticks.add(now, _GOING_ON_MS)
            elif self._starts[i]:
                self._wait_again(i, grant, now)
            else:
                if not asked:
                    self._trust(i, grant)
                fell = self.moving[i] == FALLING
                self.vain[i] = 1 if fell and not self._sure[i] else 0
                self._unanswered(i, grant, asked > 0 and silent == asked)

    def _from_nothing(self, i):
        return self._began[3 * i] == self._began[3 * i + 1] == self._began[3 * i + 2] == 0

    def _learn_delay(self, i):
        """It has answered, and alone: for how long had nothing been seen of it?"""
        if not self._company[i] and not self._starts[i]:
            known = self.delay_ms[i]
            self.delay_ms[i] = min(known, self._quiet_ms[i]) if known else self._quiet_ms[i]

    def _moved(self, i, phase, amps):
        """Return the dA that EVSE ``i`` may have moved on ``phase`` since its last change."""
        at = 3 * i + phase
        if self._company[i]:
            return self.likely[at] - self._began[at]
        return amps[phase] - self._reference[at]

    def _answered(self, i, amps, grant):
        """The car follows its pilot, on the phases where it was seen to."""
        moving = answering = 0
        for phase in range(3):
            at = 3 * i + phase
            expected = self._expected[at]
            moved = self._moved(i, phase, amps)
            if expected < 0:
                expected = -expected
                moved = -moved
            self.likely[at] = min(self.likely[at], grant)
            if expected < EVIDENCE_DA:
                continue
            if 4 * moved >= expected:
                moving |= 1 << phase
            if 3 * expected <= 4 * moved <= 8 * expected:
                answering |= 1 << phase
                # What is missing of a rise may still come; of a fall nothing is counted on.
                rest = max(0, expected - moved) if self._expected[at] > 0 else 0
                self.likely[at] = grant - rest
        if moving == answering and not self._company[i]:  # else one of them may be the house
            # Of a start one look tells a one-phase car: a house hides one phase, hardly two.
            if answering == self.seen[i] or (answering in (1, 2, 4) and self._from_nothing(i)):
                self._known(i, answering)
            self.seen[i] = answering
        if self.uses[i] and answering & ~self.uses[i]:
            self._known(i, self.uses[i] | answering)
        self.deaf[i] = 0
        self._settle(i, grant)

    def _trust(self, i, grant):
        """A rise too small to be seen is followed by a car that used all it had."""
        if self.moving[i] == RISING:
            for at in range(3 * i, 3 * i + 3):
                if self.likely[at]:
                    self.likely[at] = grant

    def _unanswered(self, i, grant, silent):
        """The time to follow is over: what moved was counted, and nothing more is to come."""
        for at in range(3 * i, 3 * i + 3):
            before = grant - self._expected[at]
            self.likely[at] = min(self.likely[at], grant)
            if silent and before < grant and self.likely[at] >= before - USED_DA:
                # It did not draw what it had either, or it would have followed.
                self.likely[at] = max(0, before - ASK_DA)
                self.refused[i] = 1
        self.deaf[i] = 1 if silent and self._sure[i] else 0
        self._settle(i, grant)

    def _wait_again(self, i, grant, now):
        """The car did not start yet; what the house did meanwhile was not the car's."""
        starts = self._starts[i] - 1
        self.started(i, grant, now)
        self._starts[i] = starts

    def _watch_meter(self, i, grant, mask, now):
        there = True
        for phase in range(3):
            at = 3 * i + phase
            if mask & (1 << phase) and (abs(self._meter[at] - grant) > EVIDENCE_DA
                                        or abs(self._before[at] - grant) > EVIDENCE_DA):
                there = False
        if there or ticks.due(now, self._deadline[i]):
            self.deaf[i] = 0
            self._settle(i, grant)

    def _settle(self, i, grant):
        self.moving[i] = 0
        self._starts[i] = 0
        if grant:  # else it counts with all it had until its contactor is open
            self.top[i] = grant
