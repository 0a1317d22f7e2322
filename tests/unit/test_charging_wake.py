"""The wake-up ladder: its times, who is left alone, and what happens in the middle of a nudge."""

from evse import reasons
from evse.charging import faults
from evse.charging.pilot import FULL, LEVEL_UNKNOWN, duty_of
from evse.charging.plug import ACCESS_OFF, ACCESS_PAUSE
from evse.charging.states import STATE_A, STATE_ACTSTART, STATE_B, STATE_B1, STATE_C
from helpers_charging import MASK, MV, STARTS, Plug


def asleep(now=MASK - 50000):
    """A plug whose car has just been offered a current and lets it lie."""
    plug = Plug(now).run(100, 0)
    plug.level = 1
    plug.to(STATE_B)
    plug.log.clear()
    return plug


def nudge(plug, step):
    """Run into the pulse of ``step``."""
    while plug.charger.state != STATE_ACTSTART or steps(plug)[-1] != step:
        plug.to(STATE_ACTSTART, 700000)
        if steps(plug)[-1] != step:
            plug.to(STATE_B)
    return plug


def steps(plug):
    return [entry[2] for entry in plug.log if entry[1] == reasons.WAKE_STEP]


def pulses(plug, ms):
    """(ms from now, length, kind) of each stretch that was not +12 V or an offer."""
    found = []
    begun = None
    zero = plug.now
    for _ in range(ms // 10):
        plug.run(10)
        kind = "open" if not plug.charger.connect else "F" if plug.charger.duty == 0 else None
        if kind and begun is None:
            begun = (plug.now - zero) & MASK, kind
        elif begun is not None and not kind:
            found.append((begun[0], ((plug.now - zero) & MASK) - begun[0], begun[1]))
            begun = None
    return found


def near(found, wanted):
    assert len(found) == len(wanted), found
    for one, other in zip(found, wanted):
        assert one[2] == other[2], found
        assert 0 <= one[1] - other[1] <= 10, found
        assert abs(one[0] - other[0]) <= 150, found


def test_the_ladder_and_its_times():
    for start in STARTS:
        plug = asleep(start)
        found = pulses(plug, 245000)
        # 30 s; 4 s open, 3 s of +12 V, 60 s; 15 s open, 3 s, 60 s; 4 s of -12 V, 3 s, 60 s
        near(found, ((30000, 4000, "open"), (97000, 15000, "open"), (175000, 4000, "F")))
        assert steps(plug) == [1, 2, 3]
        assert plug.charger.state == STATE_B
        assert plug.charger.reason == reasons.CAR_NOT_READY
        assert plug.charger.woke == -1


def test_what_is_shown_on_the_way():
    plug = asleep()
    assert plug.charger.reason == reasons.CAR_NOT_READY
    plug.to(STATE_ACTSTART, 31000)
    charger = plug.charger
    while charger.state == STATE_ACTSTART:
        assert charger.reason == reasons.WAKING
        assert charger.offered_da == 0
        assert charger.plugged and charger.wants
        assert charger.duty == FULL
        plug.run(10)
    assert charger.state == STATE_B
    plug.run(100)
    assert charger.reason == reasons.WAKING
    assert charger.duty == duty_of(160)
    assert plug.states() == [(STATE_ACTSTART, reasons.WAKING), (STATE_B, reasons.CAR_NOT_READY)]


def test_three_seconds_of_12_volts_after_each_nudge():
    for step in (1, 2, 3):
        plug = nudge(asleep(), step)
        charger = plug.charger
        plug.until(lambda: not charger.connect or charger.duty == 0)
        plug.until(lambda: charger.connect and charger.duty == FULL)
        assert 2980 <= plug.until(lambda: charger.duty != FULL) <= 3010
        assert charger.state == STATE_B


def test_each_step_may_wake_and_is_remembered():
    for start in (0, MASK - 100000):
        for step in (0, 1, 2, 3):
            plug = asleep(start)
            if step:
                nudge(plug, step)
                plug.to(STATE_B)
            plug.run(5000)
            plug.level = 2
            plug.to(STATE_C)
            woke = [entry[2:] for entry in plug.log if entry[1] == reasons.WOKE]
            assert len(woke) == 1 and woke[0][0] == step
            assert 5400 <= woke[0][1] <= 5650  # since that offer
            assert plug.charger.woke == step
            plug.run(2000)
            assert plug.charger.c1


def test_the_step_is_kept_until_the_next_car():
    plug = nudge(asleep(), 1)
    plug.to(STATE_B)
    plug.level = 2
    plug.to(STATE_C)
    plug.run(1000, 1).run(2000, 2)
    assert plug.charger.state == STATE_C
    assert plug.charger.woke == 1
    assert plug.codes().count(reasons.WOKE) == 1
    plug.run(1000, 0)
    assert plug.charger.woke == 1
    plug.level = 1
    plug.to(STATE_B)
    assert plug.charger.woke == -1


def test_after_the_ladder_it_rests_ever_longer():
    plug = asleep()
    plug.jump(500 * 60000)
    nudges = [entry for entry in plug.log if entry[1] == reasons.WAKE_STEP]
    assert [entry[2] for entry in nudges] == [1, 2, 3] * 7
    rests = []
    for number in range(3, 21, 3):
        rests.append(((nudges[number][0] - nudges[number - 1][0]) & MASK) - 67000)
    for rest, minutes in zip(rests, (10, 20, 40, 80, 160, 160)):
        assert 0 <= rest - minutes * 60000 <= 150, rests


def test_a_new_start_rests_10_minutes_again():
    plug = asleep()
    plug.jump(40 * 60000)  # two rounds
    plug.permit(0)
    plug.jump(1000)
    plug.log.clear()
    plug.permit(160)
    plug.jump(20 * 60000)
    assert steps(plug) == [1, 2, 3, 1, 2, 3]


def test_a_nudge_that_ends_late_is_followed_by_all_of_the_12_volts():
    for step in (1, 3):
        plug = nudge(asleep(), step)
        charger = plug.charger
        plug.run(3900)
        plug.stepping = False
        plug.run(500)
        plug.stepping = True
        plug.run(10)
        assert charger.connect and charger.duty == FULL
        assert 2990 <= plug.until(lambda: charger.duty != FULL) <= 3000


def test_a_car_that_stopped_by_itself_is_let_alone():
    plug = Plug().charge()
    plug.run(1000).run(400000, 1)
    assert plug.charger.state == STATE_B
    assert steps(plug) == []
    # A new start by the charger may find it asleep.
    plug.permit(0)
    plug.run(1000)
    plug.permit(160)
    plug.to(STATE_B)
    plug.to(STATE_ACTSTART, 31000)
    assert steps(plug) == [1]


def test_each_start_by_the_charger_begins_at_the_foot():
    plug = nudge(asleep(), 2)
    plug.to(STATE_B)
    plug.permit(0)
    plug.run(100)
    plug.permit(160)
    plug.to(STATE_B)
    assert 29800 <= plug.to(STATE_ACTSTART, 40000) <= 30010
    assert steps(plug) == [1, 2, 1]


def test_a_replugged_car_begins_at_the_foot():
    plug = nudge(asleep(), 2)
    plug.to(STATE_B)
    plug.run(5000, 0)
    plug.log.clear()
    plug.level = 1
    plug.to(STATE_B)
    assert 29800 <= plug.to(STATE_ACTSTART, 40000) <= 30010
    assert steps(plug) == [1]


def test_nobody_without_a_diode_or_with_a_noisy_pilot_is_nudged():
    plug = Plug()
    plug.run(3100, 0)
    plug.n = 0
    burst = plug.burst
    charger = plug.charger
    for _ in range(4000):  # never a sample of the negative part
        burst[0], burst[1], burst[2], burst[3] = 16, 2892, 2892, 0
        plug.pilot.feed(burst, charger.duty, plug.now)
        charger.step(plug.now)
        plug.now = (plug.now + 10) & MASK
    assert charger.state == STATE_B
    assert charger.reason == reasons.NO_DIODE
    assert steps(plug) == []
    plug = asleep()
    plug.run(29970).run(30, 2)
    assert plug.charger.state == STATE_B  # its time has come, but is the car about to ask?
    plug.run(10, 1)
    assert plug.charger.state == STATE_ACTSTART


def test_a_car_that_asks_just_then_is_not_disturbed():
    plug = asleep()
    plug.run(29700)
    plug.level = 2
    plug.to(STATE_C, 1000)
    assert steps(plug) == []
    assert plug.charger.woke == 0


# ---- in the middle of a nudge ----

def test_a_floating_line_says_nothing():
    for step in (1, 2, 3):
        for open_mv in MV:
            plug = nudge(asleep(), step)
            plug.open_mv = open_mv
            if step == 3:
                plug.level, plug.low_mv = 2, 164
            plug.run(100)
            for _ in range(300):
                plug.run(10)
                assert plug.charger.state == STATE_ACTSTART
                assert plug.pilot.level == LEVEL_UNKNOWN
                assert plug.pilot.invalid_ms == 0
                assert plug.charger.wants
                assert not plug.charger.c1
            plug.level = 1
            plug.to(STATE_B)


def test_the_level_is_unknown_until_40_ms_after():
    plug = nudge(asleep(), 1)
    charger = plug.charger
    plug.until(lambda: not charger.connect)
    plug.until(lambda: charger.connect)
    assert plug.pilot.level == LEVEL_UNKNOWN
    plug.run(40)
    assert plug.pilot.level == LEVEL_UNKNOWN
    plug.run(10)
    assert plug.pilot.level == 1


def test_unplugged_during_a_nudge_is_noticed_after_it():
    for step in (1, 2, 3):
        plug = nudge(asleep(), step)
        plug.run(100, 0)
        assert plug.charger.state == STATE_ACTSTART
        charger = plug.charger
        plug.until(lambda: charger.connect and charger.duty)
        assert plug.to(STATE_A) <= 60


def test_a_car_swapped_during_a_nudge_must_prove_its_diode():
    plug = nudge(asleep(), 1)
    assert not plug.pilot.diode
    plug.low_mv = 554
    plug.to(STATE_B)
    plug.run(2000, 2)
    assert not plug.charger.c1
    assert plug.charger.faults == faults.DIODE


def test_what_forbids_charging_ends_a_nudge_at_once():
    def off(plug):
        plug.charger.access = ACCESS_OFF

    def pause(plug):
        plug.charger.access = ACCESS_PAUSE

    def hot(plug):
        plug.charger.faults |= faults.TEMP_HIGH

    def less(plug):
        plug.permit(0)

    def stop(plug):
        plug.charger.stop(reasons.SWITCH, 15000)

    def phases(plug):
        plug.charger.contactors.option = 3

    for act, reason in ((off, reasons.NO_ACCESS), (pause, reasons.PAUSED), (hot, reasons.FAULT),
                        (less, reasons.NO_GRANT), (stop, reasons.SWITCH),
                        (phases, reasons.SWITCHING_PHASES)):
        for step in (1, 2, 3):
            for ms in (10, 5000):  # in the pulse, and in the 12 V after a short one
                plug = nudge(asleep(), step)
                plug.run(ms)
                plug.log.clear()
                act(plug)
                plug.run(10)
                charger = plug.charger
                assert plug.states() == [(STATE_B1, reason)], (reason, step, ms)
                assert charger.connect and charger.duty == FULL
                assert not charger.c1
                stopped = charger.state_since
                if act is stop:
                    plug.to(STATE_B)
                    assert plug.since(stopped) in range(15000, 15030)
                elif act is not phases:
                    plug.run(5000)
                    assert charger.state == STATE_B1
                    assert plug.pilot.level == 1


def test_an_rcm_trip_during_a_nudge():
    plug = nudge(asleep(), 2)
    plug.run(1000)
    plug.rcm = True
    plug.run(10)
    charger = plug.charger
    assert charger.state == STATE_B1
    assert charger.faults == faults.RCM_TRIPPED
    assert charger.connect and charger.duty == FULL


def test_six_volts_after_a_nudge_wait_for_nine():
    plug = nudge(asleep(), 1)
    plug.level = 2
    plug.to(STATE_B1)
    assert plug.charger.reason == reasons.CAR_NOT_READY
    plug.run(20000)
    assert plug.charger.state == STATE_B1
    plug.run(100, 1)
    assert plug.charger.state == STATE_B


def test_a_bad_level_after_a_nudge():
    for level in (3, 4, 6):
        plug = nudge(asleep(), 1)
        plug.level = level
        plug.to(STATE_B1)
        plug.run(3100)
        assert plug.charger.reason == reasons.PILOT_INVALID
        plug.run(5000, 1)
        assert plug.charger.state == STATE_B


def test_the_guard_opens_where_the_line_is_blind():
    plug = Plug().charge()
    plug.stepping = False
    plug.pilot.look(False)
    plug.run(10)
    assert not plug.charger.c1
    assert plug.guard.tripped == reasons.GUARD_PILOT
