"""The guard: what makes it open, that it never closes, and its handshake with the charger."""

from evse import reasons
from evse.charging.charger import STATE_A, STATE_B, STATE_B1, STATE_C, STATE_C1
from evse.charging.guard import STALL_MS
from evse.charging.pilot import FULL
from helpers_charging import MASK, NO_DIODE_MV, STARTS, Plug


def check_only(plug, ms, level=None):
    """Bursts and guard, but no step: as while the control task hangs."""
    plug.stepping = False
    return plug.run(ms, level)


def test_silent_while_all_is_well():
    for start in STARTS:
        plug = Plug(start).charge()
        plug.run(10000)
        assert plug.charger.c1
        assert plug.guard.tripped == 0


def test_opens_on_a_and_b_without_the_charger():
    for start in STARTS:
        for level in (0, 1):
            plug = Plug(start).charge()
            changed = plug.now
            check_only(plug, 40, level)
            assert plug.charger.c1
            check_only(plug, 10)
            assert not plug.charger.c1
            assert (plug.opened_at - changed) & MASK == 40
            assert plug.guard.tripped == reasons.GUARD_LEVEL


def test_opens_on_b_while_stopping():
    plug = Plug().charge()
    plug.charger.stop(reasons.COMMANDED)
    plug.run(100)
    assert plug.charger.state == STATE_C1 and plug.charger.c1
    check_only(plug, 50, 1)
    assert not plug.charger.c1


def test_a_short_opens_after_the_burst_filter():
    for start in STARTS:
        plug = Plug(start).charge()
        changed = plug.now
        check_only(plug, 100, 4)
        assert (plug.opened_at - changed) & MASK == 40
        assert plug.guard.tripped == reasons.GUARD_SHORT


def test_invalid_levels_open_after_one_second():
    for start in STARTS:
        for level in (3, 5, 6):
            plug = Plug(start).charge()
            changed = plug.now
            plug.run(1010, level)
            assert plug.charger.c1
            plug.run(10)
            assert not plug.charger.c1
            assert (plug.opened_at - changed) & MASK == 1010
            assert plug.guard.tripped == reasons.GUARD_PILOT


def test_invalid_pieces_open_when_they_sum_to_one_second_within_three():
    plug = Plug().charge()
    for _ in range(5):
        plug.run(200, 3).run(200, 2)
    assert plug.charger.c1
    plug.run(10, 3).run(10, 2)
    assert not plug.charger.c1
    assert plug.guard.tripped == reasons.GUARD_PILOT


def test_invalid_pieces_below_a_second_in_three_go_on():
    plug = Plug().charge()
    for _ in range(20):
        plug.run(950, 3).run(2200, 2)
    assert plug.charger.c1


def test_a_lost_diode_and_missing_samples_open_after_a_second():
    plug = Plug().charge()
    plug.low_mv = NO_DIODE_MV
    plug.run(1020)
    assert not plug.charger.c1
    plug = Plug().charge()
    plug.n = 0
    plug.run(1010)
    assert plug.charger.c1
    plug.run(40)
    assert not plug.charger.c1


def test_bursts_of_30_ms_at_any_level_stop_nothing():
    for start in STARTS:
        plug = Plug(start).charge()
        for _ in range(20):
            for level in (0, 1, 3, 4, 5, 6):
                plug.run(30, level).run(180, 2)
        assert plug.charger.c1
        assert plug.charger.state == STATE_C
        assert plug.guard.tripped == 0


def test_rcm_opens_at_once_in_any_state():
    for start in STARTS:
        plug = Plug(start).charge()
        plug.stepping = False
        plug.rcm = True
        plug.run(10)
        assert not plug.charger.c1
        assert plug.guard.tripped == reasons.GUARD_RCM
    plug = Plug().plug()
    plug.rcm = True
    plug.run(10)
    assert plug.guard.tripped == reasons.GUARD_RCM
    assert plug.charger.state == STATE_B1


def test_rcm_replaces_a_lesser_trip_and_is_not_lost():
    plug = Plug().charge()
    check_only(plug, 50, 1)
    plug.rcm = True
    plug.run(10)
    plug.rcm = False
    plug.run(10)
    plug.stepping = True
    plug.run(20)
    assert plug.charger.faults & 16
    assert plug.charger.state == STATE_B1
    assert plug.guard.tripped == 0


def test_a_stalled_charger_is_opened_after_200_ms():
    for start in STARTS:
        plug = Plug(start).charge()
        stepped = plug.charger.stepped_at
        check_only(plug, 300)
        assert (plug.opened_at - stepped) & MASK == STALL_MS + 10
        assert plug.guard.tripped == reasons.GUARD_STALL


def test_a_stall_of_200_ms_is_borne():
    plug = Plug().charge()
    check_only(plug, 190)
    plug.stepping = True
    plug.run(10)
    assert plug.charger.c1


def test_a_stall_with_open_contactors_is_nothing():
    plug = Plug().plug()
    check_only(plug, 5000)
    assert plug.guard.tripped == 0


def test_it_never_closes_nor_raises():
    plug = Plug().plug()
    plug.stepping = False
    duty = plug.charger.duty
    plug.run(3000, 2)
    assert not plug.charger.c1 and not plug.charger.c2
    assert plug.charger.duty == duty
    assert plug.charger.state == STATE_B


def test_a_trip_stays_until_the_charger_has_seen_it():
    plug = Plug().charge()
    check_only(plug, 50, 1)
    plug.run(3000, 2)  # the cause is long gone
    assert plug.guard.tripped == reasons.GUARD_LEVEL
    assert plug.guard.check(plug.now, False) == reasons.GUARD_LEVEL
    plug.stepping = True
    plug.run(10)
    assert plug.charger.state == STATE_B
    assert plug.guard.tripped
    plug.run(10)
    assert not plug.guard.tripped


def test_a_trip_stays_while_its_cause_does():
    plug = Plug().charge()
    plug.rcm = True
    plug.run(5000)
    assert plug.guard.tripped == reasons.GUARD_RCM
    assert plug.codes().count(reasons.GUARD_RCM) == 1
    plug.rcm = False
    plug.run(20)
    assert plug.guard.tripped == 0


def test_a_closing_that_races_with_a_trip_is_taken_back():
    plug = Plug().charge()
    plug.rcm = True
    plug.stepping = False
    plug.run(10)
    plug.rcm = False
    plug.charger.c1 = True  # what an interrupted step might still have written
    plug.run(10)
    assert not plug.charger.c1


def test_a_second_equal_trip_is_obeyed_too():
    plug = Plug().charge()
    for _ in range(3):
        plug.rcm = True
        plug.run(10)
        plug.rcm = False
        plug.run(30)
        assert plug.charger.faults & 16
        plug.charger.faults = 0


def test_an_equal_trip_before_the_next_step_is_obeyed_too():
    plug = Plug().charge()
    plug.rcm = True
    plug.run(10)
    plug.charger.faults = 0
    plug.stepping = False
    plug.rcm = False
    plug.run(10)
    assert plug.guard.tripped == 0
    plug.rcm = True
    plug.run(10)
    plug.stepping = True
    plug.run(10)
    assert plug.charger.faults & 16


def test_nothing_closes_while_a_trip_stands():
    plug = Plug().plug()
    plug.guard.check = lambda now, rcm: 0  # it has not looked again yet
    plug.charger.trip = plug.charger.acknowledged = reasons.GUARD_LEVEL
    plug.run(2000, 2)
    assert plug.charger.state == STATE_B
    plug.charger.trip = plug.charger.acknowledged = 0
    plug.run(20)
    assert plug.charger.state == STATE_C


def test_a_trip_cleared_while_the_charger_looks_is_nothing():
    plug = Plug().plug()
    plug.charger.acknowledged = reasons.GUARD_LEVEL  # the guard took back its trip in between
    plug.run(10)
    assert plug.charger.acknowledged == 0
    assert plug.charger.state == STATE_B


def test_a_fault_that_stands_already_is_not_told_twice():
    plug = Plug().charge()
    plug.run(100, 4).run(100, 1)
    plug.charger.trip = reasons.GUARD_PILOT
    plug.run(10)
    assert plug.codes().count(reasons.FAULT_SET) == 1


def test_after_each_trip_the_state_is_safe_and_says_why():
    for level, ms, state, reason, fault in (
        (0, 60, STATE_A, reasons.NO_CAR, 0),
        (1, 60, STATE_B, reasons.CAR_NOT_READY, 0),
        (4, 560, STATE_B1, reasons.GUARD_SHORT, 256),
        (3, 1560, STATE_B1, reasons.GUARD_PILOT, 256),
    ):
        plug = Plug().charge()
        plug.run(ms, level)
        charger = plug.charger
        assert charger.state == state, level
        assert charger.reason == reason, level
        assert charger.faults == fault, level
        assert not charger.c1 and not charger.charging
        assert (charger.duty == FULL) == (state != STATE_B)


def test_a_stall_keeps_charging_off_for_15_s():
    plug = Plug().charge()
    check_only(plug, 300)
    plug.stepping = True
    plug.run(10)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.GUARD_STALL
    plug.level = 1
    spent = plug.until(lambda: plug.charger.state == STATE_B)
    assert 14980 <= spent <= 15020, spent
