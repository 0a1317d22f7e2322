"""Whatever the pilot, the owner of the facts and the clock do: the rules of the plug hold."""

import os
import sys
from array import array

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "unit"))

from evse import reasons
from evse.charging import faults, modem
from evse.charging.pilot import FULL, LEVEL_B, Pilot, duty_of
from evse.charging.plug import ACCESS_ON
from evse.charging.states import (
    STATE_A,
    STATE_ACTSTART,
    STATE_B,
    STATE_B1,
    STATE_C,
    STATE_C1,
    STATE_MODEM_DENIED,
    STATE_MODEM_DONE,
    STATE_MODEM_REQUEST,
    STATE_MODEM_WAIT,
)
from helpers_charging import MASK, MV, NO_DIODE_MV, Plug, fill

NOW = st.one_of(st.integers(0, MASK), st.integers(MASK - 30000, MASK))
# Shrinking minutes of simulated time takes longer than reading them.
PHASES = (Phase.explicit, Phase.generate)
INT32 = st.integers(-(2**31), 2**31 - 1)
ANY_MV = st.one_of(st.integers(100, 3300), INT32)
BURST = st.tuples(st.integers(-2, 20), ANY_MV, ANY_MV, st.integers(-2, 20), ANY_MV, ANY_MV)


class Stamp(int):
    """An int that may not leave the small ints of the board, nor may what is computed from it."""

    LIMIT = 2**30

    def __new__(cls, value):
        assert -cls.LIMIT <= value < cls.LIMIT, value
        return int.__new__(cls, value)


def _small(name):
    plain = getattr(int, name)

    def act(self, other):
        return Stamp(plain(self, int(other)))
    return act


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__and__", "__rand__", "__xor__",
              "__rxor__", "__mul__", "__rmul__", "__floordiv__"):
    setattr(Stamp, _name, _small(_name))


def _fault(bit):
    def act(plug):
        plug.charger.faults |= bit
    return act


def _set(name, value):
    def act(plug):
        setattr(plug.charger, name, value)
    return act


def _board(name, value):
    def act(plug):
        setattr(plug, name, value)
    return act


_SPOILERS = {
    "access off": _set("access", 0),
    "pause": _set("access", 2),
    "orderly fault": _fault(faults.TEMP_HIGH),
    "danger": _fault(faults.WELDED),
    "unlocked": _set("locked", False),
    "cable": _set("cable_da", 50),
    "no diode": _board("low_mv", NO_DIODE_MV),
    "diode unseen": _board("unseen", True),
    "no samples": _board("n", 0),
    "residual current": _board("rcm", True),
}


class TheRules(RuleBasedStateMachine):
    """Drives a plug at random and checks after each cycle."""

    def __init__(self):
        super().__init__()
        self.plug = None

    @initialize(now=NOW)
    def start(self, now):
        self.plug = Checked(now)
        self.plug.run(3100, 0)

    @rule(level=st.sampled_from((0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6)),
          ms=st.sampled_from((10, 20, 30, 40, 50, 100, 500, 600, 1000, 3000)))
    def car_shows(self, level, ms):
        self.plug.run(ms, level)

    @rule(da=st.sampled_from((0, 59, 60, 60, 160, 320, 510, 520, 650, 651, 800, 801)),
          ms=st.sampled_from((0, 1000, 30000, 400000000)))
    def permission(self, da, ms):
        self.plug.permit(da, ms)
        self.plug.granted = da
        self.plug.expires = (self.plug.now + ms) & MASK
        self.plug.expired = False

    @rule(access=st.sampled_from((0, 1, 1, 1, 2)))
    def access(self, access):
        self.plug.charger.access = access

    @rule(bit=st.sampled_from([fault[0] for fault in faults.FAULTS]), on=st.booleans())
    def fault(self, bit, on):
        charger = self.plug.charger
        charger.faults = charger.faults | bit if on else charger.faults & ~bit

    @rule(low=st.sampled_from((164, 164, 294, NO_DIODE_MV, 1723)),
          n=st.sampled_from((16, 16, 3, 1, 0)))
    def board(self, low, n):
        self.plug.low_mv = low
        self.plug.n = n

    @rule(on=st.booleans())
    def residual_current(self, on):
        self.plug.rcm = on
        self.plug.run(10)

    @rule(ms=st.sampled_from((10, 50, 190, 200, 210, 500)))
    def stall(self, ms):
        self.plug.stepping = False
        self.plug.run(ms)
        self.plug.stepping = True

    @rule(cable=st.sampled_from((0, 130, 320, 800)), least=st.sampled_from((60, 100)))
    def limits(self, cable, least):
        self.plug.charger.cable_da = cable
        self.plug.charger.min_da = least

    @rule(pause=st.sampled_from((0, 0, 5000, 15000)))
    def stop(self, pause):
        self.plug.charger.stop(reasons.COMMANDED, pause)

    @rule(locked=st.booleans())
    def lock(self, locked):
        self.plug.charger.locked = locked

    @rule(option=st.sampled_from((0, 1, 2, 3, 4, 4)), mode=st.sampled_from((0, 1, 2, 2)),
          auto=st.sampled_from((1, 3)))
    def phases(self, option, mode, auto):
        contactors = self.plug.charger.contactors
        contactors.option, contactors.mode, contactors.auto = option, mode, auto

    @rule(there=st.booleans(), required=st.sampled_from(("", "X")))
    def modem(self, there, required):
        charger = self.plug.charger
        charger.modem = modem.Modem(self.plug.record) if there else None
        if there:
            charger.modem.required = required

    @rule(evccid=st.sampled_from((None, "X", "Y")), soc=st.sampled_from((None, 0, 50)))
    def tell(self, evccid, soc):
        told = self.plug.charger.modem
        if told:
            told.tell({"evccid": evccid, "current_soc": soc})

    @rule(pwm=st.sampled_from((-1, -1, 0, 51, 81, 82, 300, 1024)))
    def pwm(self, pwm):
        self.plug.charger.pwm = pwm

    @rule(ms=st.sampled_from((4000, 16000, 31000)), level=st.sampled_from((0, 1, 1, 1, 2)))
    def patience(self, ms, level):
        self.plug.run(ms, level)

    @rule(burst=BURST, times=st.integers(1, 8))
    def garbage(self, burst, times):
        for _ in range(times):
            self.plug.garbage = burst
            self.plug.run(10)
        self.plug.garbage = None

    def prepare(self):
        """Set all that a charge needs, but for the car."""
        plug = self.plug
        plug.low_mv, plug.n, plug.rcm, plug.unseen = 164, 16, False, False
        plug.run(20)
        charger = plug.charger
        charger.access, charger.faults, charger.cable_da, charger.min_da = ACCESS_ON, 0, 800, 60
        charger.locked, charger.modem, charger.pwm = True, None, -1
        self.permission(800, 400000000)

    @rule()
    def be_nice(self):
        """What it takes to charge, so that runs reach C often."""
        self.prepare()
        self.plug.run(3200, 1)
        self.plug.run(700, 2)

    @rule(spoiled=st.sampled_from(sorted(_SPOILERS)), early=st.booleans())
    def all_but(self, spoiled, early):
        """All it takes to charge but one thing, missing from the start or once B is reached."""
        self.prepare()
        plug = self.plug
        if spoiled == "diode unseen":
            early = True  # it is proven once in B, and taken for granted from then on
            plug.run(100, 0)
        if early:
            _SPOILERS[spoiled](plug)
        plug.run(3200, 1)
        if not early:
            _SPOILERS[spoiled](plug)
        plug.run(700, 2)
        plug.low_mv, plug.unseen = 164, False

    @rule()
    def straight_to_c(self):
        """A car that never shows 9 V."""
        self.plug.run(100, 0)
        self.prepare()
        self.plug.run(4500, 2)

    @rule(level=st.sampled_from((0, 1, 3, 4, 5, 6)), ms=st.sampled_from((10, 20, 30)))
    def blip(self, level, ms):
        """What lasts no longer than 30 ms stops nothing."""
        self.be_nice()
        plug = self.plug
        plug.run(3100)
        if plug.charger.state == STATE_C:
            plug.run(ms, level).run(200, 2)
            plug.rule(plug.charger.c1, "a disturbance of 30 ms is borne")

    @rule(level=st.sampled_from((0, 1, 4)), ms=st.sampled_from((50, 90, 150)))
    def leave_while_control_hangs(self, level, ms):
        self.be_nice()
        self.plug.stepping = False
        self.plug.run(ms, level)
        self.plug.stepping = True

    @rule(access=st.sampled_from((0, 2)))
    def ignore_the_stop(self, access):
        self.be_nice()
        self.plug.charger.access = access
        self.plug.run(7000, 2)

    @invariant()
    def always(self):
        if self.plug is not None:
            assert self.plug.broken is None, self.plug.broken


_STATES = (STATE_A, STATE_B, STATE_C, STATE_ACTSTART, STATE_B1, STATE_C1, STATE_MODEM_REQUEST,
           STATE_MODEM_WAIT, STATE_MODEM_DONE, STATE_MODEM_DENIED)
_DANGERS = (reasons.GUARD_SHORT, reasons.GUARD_PILOT, reasons.GUARD_RCM, reasons.GUARD_STALL)


class Checked(Plug):
    """A plug that checks the rules in each cycle, from what was put in and what came out alone."""

    def __init__(self, now):
        super().__init__(now, permit_da=0)
        self.broken = None
        self.granted = 0
        self.expires = now
        self.expired = False
        self.garbage = None
        self.unseen = False  # no sample falls into the negative part
        self.seen_b = False
        self.raised_at = None
        self.c1_for = 0  # ms that contactor 1 has been closed
        self.steady_ms = 100000  # of +12 V on a line that is connected
        self.steady = False
        self.f_ms = None
        self.elapsed = 0  # since the last step
        self.left = 0
        self.left_ms = 0  # that the car has truly shown A, B or a short, ``left``
        self.c1_state_ms = 0

    def tick(self):
        charger = self.charger
        pilot = self.pilot
        was = (charger.c1, charger.state, charger.duty, charger.offered_da, charger.c2)
        self.check_grant()
        if charger.connect:
            low = MV[4] if self.level == 4 else self.low_mv
            fill(self.burst, charger.duty, MV[self.level], low, self.n)
        else:
            fill(self.burst, charger.duty, self.open_mv, self.open_mv, self.n)
            self.open_mv = (self.open_mv * 7 + 1234) % 3300
        if self.unseen:
            self.burst[3] = 0
        if self.garbage is not None:
            for index in range(6):
                self.burst[index] = self.garbage[index]
        now = Stamp(self.now)
        pilot.feed(self.burst, charger.duty, now)
        self.guard.check(now, self.rcm)
        if self.stepping:
            self.wait = int(charger.step(now))
        self.check(was)

    def permit(self, da, ms=400000000, reason=0):
        self.charger.grant(Stamp(da), Stamp((self.now + ms) & MASK), reason)

    def check_grant(self):
        if ((self.now - self.expires) & MASK) < 2**29:
            self.expired = True

    def check(self, was):
        charger = self.charger
        pilot = self.pilot
        closed, state, duty, offered, second = was
        sound = self.garbage is None and self.n >= 3 and self.low_mv == 164 and charger.connect
        if self.level != self.left:
            self.left, self.left_ms = self.level, 0
        self.left_ms = self.left_ms + self.period if sound and self.level in (0, 1, 4) else 0
        if pilot.level == LEVEL_B:
            self.seen_b = True
        if charger.state == STATE_A:
            self.seen_b = False
        self.rule(charger.state in _STATES, "known state")
        if charger.state >= STATE_MODEM_REQUEST and charger.modem is None:
            self.rule(not self.stepping, "asks a modem that is there")
        if charger.c1 and not closed:
            self.rule(state == STATE_B and charger.state == STATE_C, "closes from B into C only")
            self.rule(self.seen_b, "pilot B seen")
            self.rule(pilot.level == 2 and pilot.diode, "C with a proven diode")
            # Above 54 A too little of the period is negative: it was proven before the raise.
            self.rule(self.garbage or self.low_mv < 400 or duty > FULL * 85 // 100,
                      "and one that is there")
            self.rule(not charger.faults & faults.BLOCKING, "no fault")
            self.rule(charger.access == ACCESS_ON, "access")
            self.rule(not self.expired, "permission in force")
            self.rule(min(self.granted, charger.cable_da) >= max(charger.min_da, 60), "enough")
            self.rule(not self.guard.tripped and not self.rcm, "no trip")
            self.rule(charger.locked, "closes with the plug locked")
            self.rule(not charger.modem or charger.pwm < 0 or charger.pwm >= 82, "pwm permits")
        if charger.c1:
            self.rule(charger.state in (STATE_C, STATE_C1), "closed in C and C1 only")
            self.rule(pilot.level > LEVEL_B and pilot.level != 4, "closed at a level that may be")
            self.rule(pilot.invalid_ms <= 1000, "closed with a good record")
            self.rule(self.left_ms <= 50, "opens within 50 ms, control or not")
            self.rule(((self.now - charger.stepped_at) & MASK) <= 200, "not without control")
            self.rule(not self.guard.tripped and not self.rcm, "closed without a trip")
        if closed and not charger.c1:
            self.seen_b = pilot.level == LEVEL_B
        self.c1_for = self.c1_for + self.period if charger.c1 else 0
        self.rule(charger.c1 or not charger.c2, "contactor 2 never alone")
        if charger.c2 and not second:
            self.rule(closed and 50 <= self.c1_for <= 310 + self.period,
                      "contactor 2 straight after contactor 1")
            self.rule(charger.contactors.wanted(), "contactor 2 closes when it is wanted")
        if second and not charger.c2:
            self.rule(not charger.c1, "contactor 2 opens with contactor 1")
        if closed and not charger.c1 and self.stepping:
            self.rule(charger.reason not in (0, reasons.CHARGING), "every stop has a reason")
        self.elapsed += self.period
        if not self.stepping:
            self.rule(charger.duty == duty, "only a step changes the duty")
            self.rule(closed or not charger.c1, "only a step closes")
            return
        self.check_line(state)
        if charger.state in (STATE_B, STATE_C) and charger.offered_da:
            least = max(charger.min_da, 60)
            self.rule(charger.offered_da >= least, "0 is no duty")
            self.rule(0 < charger.duty <= duty_of(max(charger.offered_da, 60)), "not more")
            self.rule(charger.offered_da <= min(self.granted, charger.cable_da, 800), "permitted")
            self.rule(not self.expired, "an expired grant offers nothing")
            self.rule(min(self.granted, charger.cable_da) >= least, "enough is permitted")
            if charger.offered_da > 320 and charger.state == STATE_B:
                self.rule(pilot.diode or pilot.level > 2, "32 A until the diode is proven")
        if offered and charger.offered_da > offered:
            self.rule(self.raised_at is None or ((self.now - self.raised_at) & MASK) >= 5000,
                      "5 s between changes")
        if charger.offered_da and charger.offered_da != offered:
            self.raised_at = self.now
        if charger.offered_da == 0:
            self.raised_at = None
        self.rule(10 <= self.wait <= (150 if charger.c1 else 1000), "a sensible wait")
        self.rule(self.wait % 10 == 0, "whole cycles")

    def check_line(self, state):
        """What is on the pilot in each state, and for how long."""
        charger = self.charger
        offers = 0 < charger.duty < FULL
        self.rule(not offers or charger.access == ACCESS_ON, "nothing is offered without access")
        self.rule(not offers or not charger.faults & faults.BLOCKING, "nor with a fault")
        self.rule(not charger.c1 or not charger.faults & faults.AT_ONCE, "a danger opens at once")
        self.c1_state_ms = self.c1_state_ms + self.elapsed if charger.state == STATE_C1 else 0
        self.rule(self.c1_state_ms <= 6050, "a stop takes 6 s at most")
        if charger.state in (STATE_A, STATE_C1):
            self.rule(charger.duty == FULL and charger.connect, "steady +12 V")
        elif charger.state in (STATE_B, STATE_C):
            self.rule(offers and charger.connect, "PWM")
            self.rule(charger.offered_da or charger.modem, "only a modem offers nothing in B")
        else:
            self.rule(not charger.offered_da, "nothing is offered")
            self.rule(not offers or charger.state == STATE_MODEM_WAIT, "no PWM")
        if charger.state == STATE_MODEM_WAIT:
            self.rule(charger.duty == 3264 and charger.modem, "5 %")
        # What was on the line after the last step was there until this one.
        if self.steady_ms is not None:
            self.steady_ms += self.elapsed
        if self.f_ms is not None:
            self.f_ms += self.elapsed
        if offers and self.steady_ms is not None and charger.state != state:
            self.rule(self.steady_ms >= 3000, "X1 lasts 3 s")
        steady = charger.duty == FULL and charger.connect
        if not steady:
            self.steady_ms = None if offers else 0
        elif not self.steady or self.steady_ms is None:
            self.steady_ms = 0
        self.steady = steady
        self.check_f(state)
        self.elapsed = 0

    def check_f(self, state):
        """State F for 300 ms after a fault under load."""
        charger = self.charger
        if charger.duty == 0 and charger.connect:
            if self.f_ms is None:
                self.f_ms = 0
            return
        self.rule(self.f_ms is None or self.f_ms >= 300, "state F lasts 300 ms")
        self.f_ms = None
        if state in (STATE_C, STATE_C1) and charger.state == STATE_B1:
            self.rule(charger.reason not in _DANGERS, "state F after a fault under load")

    def rule(self, holds, name):
        if not holds and self.broken is None:
            self.broken = (name, self.now, self.charger.state, self.pilot.level, self.log[-6:])


TestTheRules = TheRules.TestCase
TestTheRules.settings = settings(max_examples=120, stateful_step_count=40, deadline=None,
                                 derandomize=True, phases=PHASES)


@settings(max_examples=8, deadline=None, derandomize=True, phases=PHASES)
@given(now=NOW)
def test_each_condition_alone_keeps_the_contactor_open(now):
    for spoiled in sorted(_SPOILERS):
        for early in (False, True):
            rules = TheRules()
            rules.start(now)
            rules.all_but(spoiled, early)
            assert not rules.plug.charger.c1 and rules.plug.broken is None, (spoiled, early)
    rules = TheRules()
    rules.start(now)
    rules.straight_to_c()
    assert not rules.plug.charger.c1
    rules.be_nice()
    assert rules.plug.charger.c1


@settings(max_examples=20, deadline=None, derandomize=True, phases=PHASES)
@given(now=NOW, level=st.sampled_from((0, 1, 3, 4, 5, 6)), ms=st.sampled_from((10, 20, 30)),
       bit=st.sampled_from([fault[0] for fault in faults.FAULTS if fault[0] & faults.AT_ONCE]))
def test_while_charging_30_ms_stop_nothing_and_a_danger_stops_at_once(now, level, ms, bit):
    rules = TheRules()
    rules.start(now)
    rules.blip(level, ms)
    assert rules.plug.charger.c1 and rules.plug.broken is None
    rules.fault(bit, True)
    rules.plug.run(10)
    assert not rules.plug.charger.c1 and rules.plug.broken is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(now=NOW, bursts=st.lists(st.tuples(BURST, st.integers(0, 200), st.integers(0, FULL)),
                                max_size=60))
def test_no_burst_raises_and_the_pilot_stays_sane(now, bursts):
    pilot = Pilot()
    burst = array("i", (0,) * 6)
    for values, gap, duty in bursts:
        for index in range(6):
            burst[index] = values[index]
        pilot.feed(burst, duty, Stamp(now))
        now = (now + gap) & MASK
        assert 0 <= pilot.level <= 7
        assert 0 <= pilot.raw <= 7
        assert 0 <= pilot.invalid_ms <= 3030
        assert not pilot.no_diode or pilot.raw == 6


@settings(max_examples=200, deadline=None, derandomize=True)
@given(now=NOW, changes=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), max_size=40))
def test_invalid_ms_is_the_time_of_the_last_three_seconds(now, changes):
    """Against the plain sum over all samples: never less, and at most 30 ms of window more."""
    pilot = Pilot()
    burst = array("i", (16, 0, 0, 16, 164, 164))
    mv = (3281, 2892, 2502, 2112, 1723, 164, 1000)
    spans = []
    for level, cycles in changes:
        for _ in range(cycles):
            burst[1] = burst[2] = mv[level]
            pilot.feed(burst, FULL, now)
            bad = sum(spans[-300:]), sum(spans[-303:])
            assert bad[0] <= pilot.invalid_ms <= bad[1]
            spans.append(10 if level > 2 else 0)
            now = (now + 10) & MASK


@settings(max_examples=200, deadline=None, derandomize=True)
@given(now=NOW, changes=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 250)), max_size=40))
def test_invalid_ms_does_not_depend_on_how_often_bursts_come(now, changes):
    often, seldom = Pilot(), Pilot()
    burst = array("i", (16, 2502, 2502, 16, 164, 164))
    mv = (3281, 2892, 2502, 2112, 1723, 164, 1000)
    for _ in range(10):
        often.feed(burst, FULL, now)
        seldom.feed(burst, FULL, now)
        now = (now + 10) & MASK
    for level, cycles in changes:
        burst[1] = burst[2] = mv[level]
        for cycle in range(cycles):
            often.feed(burst, FULL, now)
            if cycle == 0:
                seldom.feed(burst, FULL, now)
                assert often.invalid_ms == seldom.invalid_ms
            now = (now + 10) & MASK
