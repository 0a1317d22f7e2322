"""The lock: where it belongs, how it is driven, and what happens when it does not obey."""

import random

from evse import reasons
from evse.charging import faults
from evse.charging.lock import Lock, wanted

MASK = 0x3FFFFFFF
STARTS = (0, 0x1FFFFF00, MASK - 30000, MASK - 700, MASK - 50, MASK)
SOLENOID, MOTOR = 1, 2
LOCKED, RELEASED = 1, -1


class Bolt:
    """A lock as a thing: ``at`` follows drives of at least 300 ms, unless it is jammed."""

    def __init__(self, kind=SOLENOID, now=0, at=RELEASED, period=100):
        self.log = []
        self.lock = Lock(self.record)
        self.lock.kind = kind
        self.now = now
        self.at = at
        self.period = period
        self.jammed = False
        self.stuck = None  # what the feedback says whatever the bolt does
        self.driven = 0
        self.ms = 0
        self.pulses = []  # (ms of its beginning, direction)
        self.lengths = []
        self.drive = 0

    def record(self, code, a=0, b=0):
        self.log.append((code, a, b))

    def sense(self):
        at = self.at if self.stuck is None else self.stuck
        return (at == LOCKED) == (self.lock.kind == MOTOR)

    def run(self, want, ms):
        """Step for ``ms``; the bolt moves with what was driven since the step before."""
        for _ in range(ms // self.period):
            if self.drive:
                self.driven += self.period
                self.lengths[-1] += self.period
                if self.driven >= 300 and not self.jammed:
                    self.at = self.drive
            before, self.drive = self.drive, self.lock.step(want, self.sense(), self.now)
            assert self.drive in (LOCKED, 0, RELEASED)
            if self.drive != before:
                assert not before or not self.drive, "reversed without a pause"
                self.driven = 0
                if self.drive:
                    self.pulses.append((self.ms, self.drive))
                    self.lengths.append(0)
            self.now = (self.now + self.period) & MASK
            self.ms += self.period
        return self


def test_where_the_lock_belongs():
    cases = 0
    for plugged in (False, True):
        for empty_ms in (0, 100, 999, 1000, 5000):
            for released in (False, True):
                for cable_lock in (False, True):
                    for live in (False, True):
                        want = wanted(plugged, empty_ms, released, cable_lock, live)
                        case = (plugged, empty_ms, released, cable_lock, live)
                        if live or cable_lock:
                            assert want == (LOCKED if plugged else 0), case
                        elif released:
                            assert want == RELEASED, case
                        elif plugged:
                            assert want == LOCKED, case
                        else:
                            assert want == (RELEASED if empty_ms >= 1000 else 0), case
                        cases += 1
    assert cases == 80


def test_it_is_never_released_live_and_never_against_the_cable_lock():
    for case in range(32):
        plugged, released, cable_lock, live, empty = [bool(case >> bit & 1) for bit in range(5)]
        want = wanted(plugged, 9999 if empty else 0, released, cable_lock, live)
        if live or cable_lock:
            assert want != RELEASED
        if not plugged:
            assert want != LOCKED  # an empty socket must take a plug


def test_after_power_up_nothing_moves_before_the_pilot_has_told():
    for at in (LOCKED, RELEASED):
        bolt = Bolt(at=at)
        bolt.run(wanted(False, 0, False, False, False), 20000)
        assert not bolt.pulses and not bolt.lock.moving and not bolt.lock.fault
        assert bolt.lock.locked is (at == LOCKED)
        bolt.run(wanted(False, 1000, False, False, False), 2000)
        assert bolt.pulses == [(20000, RELEASED)] and bolt.at == RELEASED


def test_without_a_lock_nothing_is_driven_and_nothing_stands_in_the_way():
    bolt = Bolt(0)
    for want in (LOCKED, RELEASED, 0):
        bolt.run(want, 70000)
        assert bolt.lock.locked and not bolt.lock.moving and not bolt.lock.fault
    assert not bolt.pulses


def test_locking_and_releasing():
    for kind in (SOLENOID, MOTOR):
        for start in STARTS:
            bolt = Bolt(kind, start)
            bolt.run(LOCKED, 100)
            assert bolt.drive == LOCKED and not bolt.lock.locked and bolt.lock.moving
            bolt.run(LOCKED, 900)
            assert not bolt.lock.locked  # three readings, the first at 0.8 s
            bolt.run(LOCKED, 100)
            assert bolt.lock.locked and not bolt.lock.moving and bolt.at == LOCKED
            bolt.run(LOCKED, 30000)
            assert bolt.pulses == [(0, LOCKED)]
            bolt.run(RELEASED, 100)
            assert not bolt.lock.locked and bolt.lock.moving
            bolt.run(RELEASED, 30000)
            assert bolt.pulses[1:] == [(31100, RELEASED)] and bolt.at == RELEASED
            assert not bolt.lock.locked and not bolt.lock.moving
            assert bolt.lengths == [600, 600]
            assert bolt.log == [(reasons.LOCK_MOVED, LOCKED, 1), (reasons.LOCK_MOVED, RELEASED, 1)]


def test_a_jammed_lock_is_tried_five_times_then_once_a_minute():
    for kind in (SOLENOID, MOTOR):
        for start in STARTS:
            for want, fault in ((LOCKED, faults.LOCK), (RELEASED, faults.LOCK_STUCK)):
                bolt = Bolt(kind, start, -want)
                bolt.jammed = True
                bolt.run(want, 25000)
                assert [at for at, _ in bolt.pulses] == [0, 5000, 10000, 15000, 20000]
                assert not bolt.lock.fault
                bolt.run(want, 100)
                assert bolt.lock.fault == fault
                assert bolt.lock.moving and not bolt.lock.locked
                bolt.run(want, 180000)
                assert [at for at, _ in bolt.pulses[5:]] == [80000, 140000, 200000]
                assert set(bolt.lengths) == {600}
                assert bolt.lock.fault == fault and not bolt.log


def test_a_lock_that_moves_again_clears_its_fault():
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(LOCKED, 30000)
    assert bolt.lock.fault == faults.LOCK
    bolt.jammed = False
    bolt.run(LOCKED, 49900)
    assert bolt.lock.fault == faults.LOCK
    bolt.run(LOCKED, 1300)
    assert not bolt.lock.fault and bolt.lock.locked
    assert bolt.log == [(reasons.LOCK_MOVED, LOCKED, 6)]


def test_another_wish_clears_the_fault_and_has_its_own_tries():
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(LOCKED, 30000)
    bolt.jammed = False
    bolt.run(RELEASED, 100)
    assert not bolt.lock.fault
    bolt.run(RELEASED, 2000)
    assert bolt.pulses[-1] == (30000, RELEASED) and not bolt.lock.moving


def test_a_changed_mind_waits_for_the_reservoir():
    bolt = Bolt()
    bolt.run(LOCKED, 300)
    bolt.run(RELEASED, 100)
    assert bolt.drive == 0
    bolt.run(RELEASED, 5000)
    assert bolt.pulses == [(0, LOCKED), (3000, RELEASED)]
    assert bolt.at == RELEASED and not bolt.lock.moving


def test_a_changed_mind_takes_no_position_for_granted():
    bolt = Bolt()
    bolt.run(LOCKED, 200)
    bolt.run(RELEASED, 2800)
    assert bolt.at == RELEASED and bolt.lock.moving and len(bolt.pulses) == 1
    bolt.run(RELEASED, 1100)
    assert bolt.pulses[1:] == [(3000, RELEASED)] and not bolt.lock.moving


def test_a_mind_that_changes_all_the_time_cannot_empty_the_reservoir():
    bolt = Bolt()
    for second in range(0, 120, 2):
        bolt.run(LOCKED if second % 4 else RELEASED, 2000)
    times = [at for at, _ in bolt.pulses]
    assert all(later - sooner >= 3000 for sooner, later in zip(times, times[1:]))


def test_a_position_lost_later_is_sought_again():
    for start in STARTS:
        bolt = Bolt(now=start)
        bolt.run(LOCKED, 100000)
        bolt.at = RELEASED
        bolt.run(LOCKED, 200)
        assert bolt.lock.locked and len(bolt.pulses) == 1
        bolt.run(LOCKED, 100)
        assert not bolt.lock.locked and bolt.lock.moving
        bolt.run(LOCKED, 1500)
        assert bolt.lock.locked and bolt.pulses[1:] == [(100200, LOCKED)]


def test_a_trembling_feedback_changes_nothing():
    bolt = Bolt()
    bolt.run(LOCKED, 2000)
    for _ in range(300):
        bolt.stuck = RELEASED
        bolt.run(LOCKED, 200)
        bolt.stuck = None
        bolt.run(LOCKED, 100)
        assert bolt.lock.locked
    assert len(bolt.pulses) == 1


def test_a_reading_just_after_three_is_only_one():
    bolt = Bolt()
    bolt.run(LOCKED, 1100)
    assert bolt.lock.locked
    for ms in (200, 100, 200, 200):
        bolt.stuck = RELEASED
        bolt.run(LOCKED, ms)
        assert bolt.lock.locked
        bolt.stuck = None
        bolt.run(LOCKED, 100)
    bolt.stuck = RELEASED
    bolt.run(LOCKED, 300)
    assert not bolt.lock.locked
    bolt.stuck = None
    bolt.run(LOCKED, 100)
    assert not bolt.lock.locked
    bolt.stuck = RELEASED
    bolt.run(LOCKED, 200)
    bolt.stuck = None
    bolt.run(LOCKED, 200)
    assert not bolt.lock.locked
    bolt.run(LOCKED, 100)
    assert bolt.lock.locked


def test_a_single_reading_does_not_confirm():
    bolt = Bolt()
    bolt.jammed = True
    for _ in range(40):
        bolt.run(LOCKED, 100)
        bolt.stuck = LOCKED
        bolt.run(LOCKED, 200)
        bolt.stuck = None
        assert not bolt.lock.locked


def test_a_bolt_that_never_stays_is_not_hammered_at():
    # It obeys each pulse, and two seconds later it is back.
    bolt = Bolt()
    for _ in range(600):
        bolt.run(LOCKED, 2000)
        bolt.at = RELEASED
    times = [at for at, _ in bolt.pulses]
    assert all(later - sooner >= 5000 for sooner, later in zip(times, times[1:]))
    assert len([at for at in times if at < 60000]) <= 6
    assert len(times) <= 6 + 1200 // 60
    assert bolt.lock.fault == faults.LOCK


def test_a_minute_in_place_forgives():
    bolt = Bolt()
    for _ in range(20):
        bolt.run(LOCKED, 70000)
        assert bolt.lock.locked and not bolt.lock.fault
        bolt.at = RELEASED
    assert len(bolt.pulses) == 20


def test_a_feedback_that_lies_from_the_start_does_not_spare_the_pulse():
    bolt = Bolt()
    bolt.stuck = LOCKED
    bolt.run(LOCKED, 2000)
    assert bolt.pulses == [(0, LOCKED)] and bolt.at == LOCKED and bolt.lock.locked


def test_a_line_without_a_lock_on_it_is_a_fault():
    for kind, want, fault in ((MOTOR, LOCKED, faults.LOCK), (SOLENOID, RELEASED,
                                                             faults.LOCK_STUCK)):
        bolt = Bolt(kind)
        bolt.stuck = RELEASED if kind == MOTOR else LOCKED  # low
        bolt.run(want, 30000)
        assert bolt.lock.fault == fault


def test_nothing_wanted_keeps_watch_over_what_was():
    bolt = Bolt()
    bolt.run(LOCKED, 2000)
    bolt.run(0, 100000)
    assert bolt.lock.locked and len(bolt.pulses) == 1
    bolt.at = RELEASED
    bolt.run(0, 2000)
    assert bolt.at == LOCKED and len(bolt.pulses) == 2


def test_another_kind_is_taken_at_once():
    bolt = Bolt()
    bolt.run(LOCKED, 2000)
    bolt.lock.kind = 0
    bolt.run(LOCKED, 1000)
    assert bolt.lock.locked
    bolt.lock.kind = MOTOR
    bolt.at = RELEASED
    bolt.run(LOCKED, 100)
    assert not bolt.lock.locked and bolt.drive == LOCKED
    bolt.run(LOCKED, 1500)
    assert bolt.lock.locked


def test_a_fault_does_not_outlive_its_lock():
    bolt = Bolt()
    bolt.jammed = True
    bolt.run(LOCKED, 30000)
    bolt.lock.kind = 0
    bolt.run(LOCKED, 100)
    assert not bolt.lock.fault and not bolt.lock.moving and bolt.lock.locked


def test_late_steps_end_a_pulse_at_the_first_chance():
    bolt = Bolt(period=450)
    bolt.run(LOCKED, 4500)
    assert bolt.lengths == [900] and bolt.lock.locked


def test_a_step_after_very_long_is_like_any_other():
    for gap in (MASK, 0x20000000, 0x1FFFFFFF, 3600000):
        bolt = Bolt()
        bolt.run(LOCKED, 2000)
        bolt.now = (bolt.now + gap) & MASK
        bolt.run(LOCKED, 5000)
        assert bolt.lock.locked and len(bolt.pulses) == 1
        bolt.run(RELEASED, 2000)
        assert bolt.at == RELEASED and not bolt.lock.moving


def test_whatever_feedback_and_wishes_do():
    random.seed(11)
    for start in STARTS:
        bolt = Bolt(random.choice((SOLENOID, MOTOR)), start)
        want = 0
        for _ in range(4000):
            if not random.randrange(200):
                want = random.choice((LOCKED, RELEASED, 0))
            if not random.randrange(5):
                bolt.stuck = random.choice((LOCKED, RELEASED, None))
            bolt.run(want, 100)
            lock = bolt.lock
            if want:
                assert not (lock.locked and want == RELEASED)
                assert lock.fault in (0, faults.LOCK if want == LOCKED else faults.LOCK_STUCK)
            assert not (lock.locked and lock.moving)
            assert not lock.fault or lock.moving
        assert max(bolt.lengths) == 600
        times = [at for at, _ in bolt.pulses]
        assert len(times) > 20
        assert all(later - sooner >= 3000 for sooner, later in zip(times, times[1:]))


def test_pulses_for_one_wish_are_bounded_whatever_the_feedback_says():
    random.seed(12)
    for calm in (2, 5, 20, 60):
        bolt = Bolt()
        for _ in range(6000):
            if not random.randrange(calm):
                bolt.stuck = random.choice((LOCKED, RELEASED))
            bolt.run(LOCKED, 100)
        times = [at for at, _ in bolt.pulses]
        for first in times:
            assert len([at for at in times if first <= at < first + 60000]) <= 6
