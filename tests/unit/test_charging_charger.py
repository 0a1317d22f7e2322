"""The state machine: each state with each input, permissions, stops, and what is offered."""

from evse import reasons
from evse.charging import faults
from evse.charging import states as names
from evse.charging.modem import Modem
from evse.charging.pilot import FULL, LEVEL_UNKNOWN, duty_of
from evse.charging.plug import ACCESS_OFF, ACCESS_ON, ACCESS_PAUSE
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
from helpers_charging import MASK, NO_DIODE_MV, STARTS, Plug


def in_state(state):
    """Return a plug whose charger has settled in ``state``, past any pulse at its beginning."""
    plug = Plug(MASK - 5000)
    if state >= STATE_MODEM_REQUEST:
        plug.charger.modem = Modem(plug.record)
        if state == STATE_MODEM_DENIED:
            plug.charger.modem.required = "ANOTHER"
        plug.run(200, 0)
        plug.level = 1
        plug.to(state, 100000)
        plug.run(5500)
        return plug
    if state == STATE_A:
        return plug.run(200, 0)
    if state == STATE_B1:
        plug.permit(0)
        return plug.run(200, 0).run(5000, 1)
    if state == STATE_B:
        return plug.plug()
    if state == STATE_ACTSTART:
        plug.plug()
        plug.to(STATE_ACTSTART, 31000)
        return plug.run(4500)
    plug.charge()
    if state == STATE_C1:
        plug.charger.stop(reasons.COMMANDED)
        plug.run(10)
    return plug


STATES = (STATE_A, STATE_B1, STATE_B, STATE_C, STATE_C1, STATE_ACTSTART, STATE_MODEM_REQUEST,
          STATE_MODEM_WAIT, STATE_MODEM_DONE, STATE_MODEM_DENIED)
CLOSED = (STATE_C, STATE_C1)


def test_ids_and_names_are_those_of_the_reference():
    assert STATES == (0, 9, 1, 2, 10, 8, 11, 12, 13, 14)
    assert [names.name(state) for state in range(15)] == [
        "Ready to Charge", "Connected to EV", "Charging", "D", "Request State B", "State B OK",
        "Request State C", "State C OK", "Activate", "Charging Stopped", "Stop Charging",
        "Modem Setup", "Modem Request", "Modem Done", "Modem Denied"]
    assert [names.short(state) for state in range(15)] == [
        "A", "B", "C", "D", "COMM_B", "COMM_B_OK", "COMM_C", "COMM_C_OK", "Activate", "B1", "C1",
        "MODEM_REQ", "MODEM_WAIT", "MODEM_DONE", "MODEM_DENIED"]
    for state in (-1, 15, 255):
        assert names.name(state) == names.short(state) == "NOSTATE"
    assert (names.STATE_D, names.STATE_COMM_B, names.STATE_COMM_B_OK, names.STATE_COMM_C,
            names.STATE_COMM_C_OK) == (3, 4, 5, 6, 7)


def test_outputs_of_each_state():
    for state in STATES:
        plug = in_state(state)
        charger = plug.charger
        assert charger.state == state
        assert charger.connect
        assert charger.c1 == charger.charging == (state in CLOSED)
        assert not charger.c2
        offers = state in (STATE_B, STATE_C)
        asks = 51 * 64 if state == STATE_MODEM_WAIT else FULL
        assert charger.duty == (duty_of(160) if offers else asks)
        assert charger.offered_da == (160 if offers else 0)
        assert charger.wants == charger.plugged == (state != STATE_A)


# What becomes of each state 60 ms after the car shows a level (columns A to F, none, no samples).
A, B, B1, C, C1, ACT, REQ, WAIT, DONE, DENIED = (
    STATE_A, STATE_B, STATE_B1, STATE_C, STATE_C1, STATE_ACTSTART, STATE_MODEM_REQUEST,
    STATE_MODEM_WAIT, STATE_MODEM_DONE, STATE_MODEM_DENIED)
AFTER_LEVEL = {
    STATE_A: (A, B, B1, A, A, A, A, A),
    STATE_B1: (A, B1, B1, B1, B1, B1, B1, B1),
    STATE_B: (A, B, B, B, B, B, B, B),
    STATE_C: (A, B, C, C, B1, C, C, C),
    STATE_C1: (A, B1, C1, C1, B1, C1, C1, C1),
    STATE_ACTSTART: (A, ACT, ACT, ACT, ACT, ACT, ACT, ACT),
    STATE_MODEM_REQUEST: (A, REQ, REQ, REQ, REQ, REQ, REQ, REQ),
    STATE_MODEM_WAIT: (A, WAIT, WAIT, WAIT, WAIT, WAIT, WAIT, WAIT),
    STATE_MODEM_DONE: (A, DONE, DONE, DONE, DONE, DONE, DONE, DONE),
    STATE_MODEM_DENIED: (A, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED),
}
# And after 9 s: nothing stays where it may not, and nothing but C and C1 is ever closed.
AFTER_LONG = {
    STATE_A: (A, B, B1, A, A, A, A, A),
    STATE_B1: (A, B1, B1, B1, B1, B1, B1, B1),
    STATE_B: (A, B, C, B1, B1, B1, B1, B1),
    STATE_C: (A, B, C, B1, B1, B1, B1, B1),
    STATE_C1: (A, B, B1, B1, B1, B1, B1, B1),
    STATE_ACTSTART: (A, B, B1, B1, B1, B1, B1, B1),
    STATE_MODEM_REQUEST: (A, WAIT, B1, B1, B1, B1, B1, B1),
    STATE_MODEM_WAIT: (A, WAIT, WAIT, WAIT, WAIT, WAIT, WAIT, WAIT),
    STATE_MODEM_DONE: (A, B, B1, B1, B1, B1, B1, B1),
    STATE_MODEM_DENIED: (A, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED, DENIED),
}


def shows(plug, level):
    if level == 7:
        plug.n = 0
    else:
        plug.level = level


def test_each_state_with_each_level():
    for state in STATES:
        for level in range(8):
            plug = in_state(state)
            if state == STATE_A:
                plug.run(3000)  # the pause after boot or a stop is another test's
            shows(plug, level)
            for _ in range(6):
                plug.run(10)
                assert not plug.charger.c1 or plug.charger.state in CLOSED
                assert state in CLOSED or not plug.charger.c1
            assert plug.charger.state == AFTER_LEVEL[state][level], (state, level)
            for _ in range(900):
                plug.run(10)
                assert not plug.charger.c1 or plug.charger.state in CLOSED
                assert state in (STATE_B, STATE_C, STATE_C1) or not plug.charger.c1
            assert plug.charger.state == AFTER_LONG[state][level], (state, level)


# What becomes of each state with the next step after an input (columns: the rows of INPUTS).
INPUTS = (
    ("access off", reasons.NO_ACCESS),
    ("pause", reasons.PAUSED),
    ("grant 0", reasons.NO_GRANT),
    ("grant below MIN", reasons.NO_GRANT),
    ("grant expired", reasons.GRANT_EXPIRED),
    ("cable below MIN", reasons.NO_GRANT),
    ("temperature", reasons.FAULT),
    ("lock failure", reasons.FAULT),
    ("over-current", reasons.FAULT),
    ("start delay", reasons.POWER_RETURN),
    ("stop", reasons.COMMANDED),
    ("phases", reasons.SWITCHING_PHASES),
)
AFTER_INPUT = {STATE_A: STATE_A, STATE_B1: STATE_B1, STATE_B: STATE_B1, STATE_C: STATE_C1,
               STATE_C1: STATE_C1}


def apply(plug, name):
    charger = plug.charger
    if name == "access off":
        charger.access = ACCESS_OFF
    elif name == "pause":
        charger.access = ACCESS_PAUSE
    elif name == "grant 0":
        plug.permit(0)
    elif name == "grant below MIN":
        charger.min_da = 100
        plug.permit(99)
    elif name == "grant expired":
        plug.permit(160, 0)
    elif name == "cable below MIN":
        charger.cable_da = 59
    elif name == "temperature":
        charger.faults |= faults.TEMP_HIGH
    elif name == "lock failure":
        charger.faults |= faults.LOCK
    elif name == "over-current":
        charger.faults |= faults.OVERCURRENT
    elif name == "start delay":
        charger.faults |= faults.BOOT_DELAY
    elif name == "phases":
        charger.contactors.option = 3
    else:
        charger.stop(reasons.COMMANDED)


def test_each_state_with_each_stopping_input():
    for state in STATES:
        for name, reason in INPUTS:
            plug = in_state(state)
            plug.log.clear()
            apply(plug, name)
            plug.run(10)
            charger = plug.charger
            assert charger.state == AFTER_INPUT.get(state, STATE_B1), (state, name)
            if charger.state != state:
                assert charger.reason == reason, (state, name)
                assert plug.states() == [(charger.state, reason)]
                assert charger.duty == FULL
            assert charger.c1 == (state in CLOSED)  # never opened under load


def test_each_state_with_a_danger():
    for state in STATES:
        for bit in (faults.RCM_TRIPPED, faults.PILOT, faults.DIODE, faults.STALL, faults.WELDED,
                    faults.RCM_MISSING):
            plug = in_state(state)
            plug.charger.faults |= bit
            plug.run(10)
            charger = plug.charger
            assert charger.state == (STATE_A if state == STATE_A else STATE_B1)
            assert not charger.c1
            assert charger.connect
            assert charger.duty == (0 if state in CLOSED else FULL)


def test_each_state_with_an_rcm_trip():
    for state in STATES:
        plug = in_state(state)
        plug.rcm = True
        plug.run(20)
        charger = plug.charger
        assert charger.state == (STATE_A if state == STATE_A else STATE_B1)
        assert not charger.c1
        assert charger.faults == faults.RCM_TRIPPED


def test_each_state_without_a_lock():
    for state in STATES:
        plug = in_state(state)
        plug.charger.locked = False
        plug.run(100)
        assert plug.charger.state == state  # the lock holds up the closing, nothing else


def test_nothing_but_b_leads_to_a_closed_contactor():
    for state in STATES:
        plug = in_state(state)
        charger = plug.charger
        closed = charger.c1
        charger.c1 = False
        charger.enter(STATE_C, reasons.CHARGING, plug.now)
        assert charger.c1 == (state == STATE_B), (state, closed)
    for state in range(15):
        if state not in (STATE_C, STATE_C1):
            plug = in_state(STATE_C)
            plug.charger.c2 = True
            plug.charger.enter(state, reasons.COMMANDED, plug.now)
            assert not plug.charger.c1 and not plug.charger.c2


def test_after_a_fault_under_load_state_f_for_350_ms():
    def rcm(plug):
        plug.rcm = True

    def stall(plug):
        plug.stepping = False
        plug.run(210)
        plug.stepping = True

    def welded(plug):
        plug.charger.faults |= faults.WELDED

    def shorted(plug):
        plug.run(40, 4)

    for start in STARTS:
        for act in (rcm, stall, welded, shorted):
            for stopping in (False, True):
                plug = Plug(start).charge()
                if stopping:
                    plug.charger.stop(reasons.COMMANDED)
                    plug.run(20)
                act(plug)
                plug.run(20)
                charger = plug.charger
                assert charger.state == STATE_B1
                assert charger.duty == 0 and charger.connect
                assert not charger.c1
                begun = charger.state_since
                plug.until(lambda: charger.duty == FULL)
                assert 350 <= plug.since(begun) - 10 <= 360
                plug.level = 0  # and an unplugged car is noticed
                assert plug.to(STATE_A) <= 60
    plug = Plug().plug()
    plug.rcm = True
    plug.run(10)
    assert plug.charger.duty == FULL  # nothing was under load


def test_after_a_fault_12_volts_for_3_s_before_an_offer():
    plug = Plug().charge()
    plug.rcm = True
    plug.run(20)
    plug.rcm = False
    plug.level = 1
    plug.run(20)
    plug.charger.faults = 0
    plug.until(lambda: plug.charger.duty == FULL)
    assert 2980 <= plug.to(STATE_B) <= 3010


def test_a_car_that_leaves_or_ignores_a_stop_sees_no_f():
    for level in (0, 1):
        plug = Plug().charge()
        plug.run(100, level)
        assert plug.charger.duty
    plug = Plug().charge()
    plug.charger.stop(reasons.COMMANDED)
    plug.run(6020)
    assert plug.charger.state == STATE_B1
    assert plug.charger.duty == FULL


# ---- lock, and how long a stop lasts ----

def test_the_contactor_waits_for_the_lock():
    plug = Plug().plug()
    plug.charger.locked = False
    plug.run(400, 2)
    assert plug.charger.reason == reasons.CAR_NOT_READY
    plug.run(3000)
    assert plug.charger.state == STATE_B
    assert plug.charger.reason == reasons.LOCKING
    plug.charger.locked = True
    plug.run(10)
    assert plug.charger.state == STATE_C


def test_a_stop_may_last_longer():
    for start in STARTS:
        for state in (STATE_B, STATE_C):
            plug = Plug(start)
            plug.plug() if state == STATE_B else plug.charge()
            plug.charger.stop(reasons.SWITCH, 15000)
            plug.run(10)
            plug.level = 1
            plug.to(STATE_B1)
            stopped = plug.charger.state_since
            plug.to(STATE_B)
            assert plug.since(stopped) in (15000, 15010)


def test_a_stop_in_b1_lasts_from_then():
    plug = Plug().run(100, 0).run(60, 1)
    plug.charger.stop(reasons.SWITCH)
    plug.run(1000)
    plug.charger.stop(reasons.SWITCH, 15000)
    plug.run(10)
    assert plug.charger.reason == reasons.STOP_DELAY
    assert plug.to(STATE_B) in range(14980, 15010)


def test_a_shorter_stop_does_not_shorten_a_longer_one():
    plug = Plug().charge()
    plug.charger.stop(reasons.SWITCH, 15000)
    plug.run(10)
    plug.charger.stop(reasons.COMMANDED)
    plug.run(10)
    plug.level = 1
    plug.to(STATE_B1)
    plug.charger.stop(reasons.SWITCH, 1000)
    assert plug.to(STATE_B) in range(14980, 15010)


def test_the_length_of_a_stop_ends_with_the_car():
    plug = Plug().charge()
    plug.charger.stop(reasons.SWITCH, 15000)
    plug.run(10)
    plug.run(100, 0)
    plug.charger.stop(reasons.SWITCH, 15000)
    plug.run(4000)
    plug.run(60, 1)
    assert plug.charger.state == STATE_B
    plug.charger.stop(reasons.COMMANDED)
    plug.run(20)
    assert plug.to(STATE_B) <= 3000


def test_when_the_contactor_last_switched():
    for start in STARTS:
        plug = Plug(start).charge()
        assert plug.charger.switched_at == plug.charger.state_since
        closed = plug.charger.switched_at
        plug.run(5000)
        assert plug.charger.switched_at == closed
        plug.stepping = False
        plug.run(50, 1)
        opened = plug.now  # by the guard; the next step notes it
        plug.stepping = True
        plug.run(10)
        assert plug.charger.switched_at == opened


def test_before_the_first_step_the_line_says_nothing():
    plug = Plug()
    plug.stepping = False
    plug.run(1000, 2)
    assert plug.pilot.level == LEVEL_UNKNOWN
    assert plug.pilot.invalid_ms == 0
    plug.stepping = True
    plug.run(20)
    assert plug.pilot.level == LEVEL_UNKNOWN


def test_a_shortage_is_only_shown():
    plug = Plug().charge()
    plug.charger.faults |= faults.LESS_6A
    plug.run(1000)
    assert plug.charger.state == STATE_C
    assert plug.charger.wants


def test_nothing_happens_before_the_first_step():
    charger = Plug().charger
    assert not charger.connect and not charger.c1 and not charger.c2
    assert charger.duty == FULL


# ---- the way into C ----

def test_a_car_charges():
    for start in STARTS:
        plug = Plug(start).charge()
        assert plug.charger.reason == reasons.CHARGING
        assert [entry[2] for entry in plug.log if entry[1] == reasons.STATE] == [
            STATE_B1, STATE_B, STATE_C]


def test_six_volts_from_the_start_wait_for_nine():
    plug = Plug().run(100, 0).run(20000, 2)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.CAR_NOT_READY
    assert plug.charger.duty == FULL
    plug.run(100, 1)
    assert plug.charger.state == STATE_B
    plug.level = 2
    plug.until(lambda: plug.charger.c1)


def test_a_car_that_ignored_a_stop_must_show_nine_volts_again():
    plug = Plug().charge()
    plug.charger.stop(reasons.COMMANDED)
    plug.run(20000)
    assert plug.charger.state == STATE_B1
    plug.run(60, 1)
    assert plug.charger.state == STATE_B


def test_the_car_must_ask_for_half_a_second():
    for start in STARTS:
        plug = Plug(start).plug()
        plug.run(500, 2)
        assert plug.charger.state == STATE_B
        plug.run(10)
        assert plug.charger.state == STATE_C
    plug = Plug().plug()
    for _ in range(5):
        plug.run(450, 2).run(100, 1)
    assert plug.charger.state == STATE_B


def test_no_contactor_without_a_diode():
    plug = Plug().run(3100, 0)
    plug.low_mv = NO_DIODE_MV
    plug.run(60, 1)
    assert plug.charger.state == STATE_B
    assert not plug.charger.c1
    plug.run(100)
    assert plug.charger.reason == reasons.NO_DIODE
    plug.run(1000, 2)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.NO_DIODE
    assert plug.charger.faults == faults.DIODE
    assert not plug.charger.c1


def test_a_diode_nobody_could_see_is_no_diode():
    plug = Plug().run(3100, 0)
    plug.run(60, 1)
    plug.charger.stop(reasons.COMMANDED)
    plug.run(2900)
    # A board that never gets a sample of the negative part.
    pilot = plug.pilot
    burst = plug.burst
    for _ in range(400):
        burst[0], burst[1], burst[2], burst[3] = 16, 2892, 2892, 0
        pilot.feed(burst, plug.charger.duty, plug.now)
        plug.charger.step(plug.now)
        plug.now = (plug.now + 10) & MASK
    assert plug.charger.state == STATE_B
    assert plug.charger.reason == reasons.NO_DIODE
    assert plug.charger.offered_da == 160


def test_ventilation_is_not_served():
    plug = Plug().plug()
    plug.run(900, 3)
    assert plug.charger.state == STATE_B
    assert plug.charger.reason == reasons.PILOT_INVALID
    plug.run(200)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.PILOT_INVALID
    assert plug.charger.faults == faults.PILOT


def test_a_noisy_pilot_does_not_start():
    plug = Plug().plug()
    for _ in range(3):
        plug.run(200, 6).run(100, 1)
    plug.run(1000, 2)
    assert plug.charger.state == STATE_B  # C is asked for long enough, the record is too bad
    plug.run(2500)
    assert plug.charger.state == STATE_C
    plug = Plug().run(3100, 0)
    plug.charger.access = ACCESS_OFF
    plug.run(700, 6)
    plug.charger.access = ACCESS_ON
    plug.run(1000, 1)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.PILOT_INVALID
    plug.run(2500)
    assert plug.charger.state == STATE_B


def test_access():
    plug = Plug().run(100, 0)
    plug.charger.access = ACCESS_OFF
    plug.run(1000, 1)
    assert plug.charger.state == STATE_A
    assert plug.charger.reason == reasons.NO_ACCESS
    assert not plug.charger.wants
    plug.charger.access = ACCESS_PAUSE
    plug.run(10)
    assert plug.charger.reason == reasons.PAUSED
    plug.charger.access = ACCESS_ON
    plug.run(5000)
    assert plug.charger.state == STATE_B


def test_reasons_without_a_car():
    plug = Plug().run(100, 0)
    assert plug.charger.reason == reasons.NO_CAR
    plug.run(100, 4)
    assert plug.charger.reason == reasons.PILOT_INVALID
    assert plug.charger.state == STATE_A
    plug = in_state(STATE_B1)
    assert plug.charger.reason == reasons.NO_GRANT
    plug.run(100, 3)
    plug.permit(160)
    plug.run(10)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.PILOT_INVALID


def test_wants_needs_a_car_access_and_no_fault():
    plug = in_state(STATE_B1)
    assert plug.charger.wants
    plug.charger.faults = faults.TEMP_HIGH
    plug.run(10)
    assert not plug.charger.wants
    plug.charger.faults = 0
    plug.charger.access = ACCESS_PAUSE
    plug.run(10)
    assert not plug.charger.wants
    plug.charger.access = ACCESS_ON
    plug.run(10)
    assert plug.charger.wants
    plug.run(100, 4)
    assert not plug.charger.wants


# ---- permissions ----

def test_the_smallest_of_grant_cable_and_max_is_offered():
    for grant, cable, most, offered in ((160, 320, 320, 160), (320, 160, 200, 160),
                                        (320, 320, 130, 130), (60, 60, 60, 60)):
        plug = Plug(permit_da=grant)
        plug.charger.cable_da = cable
        plug.charger.max_da = most
        plug.charge()
        assert plug.charger.offered_da == offered
        assert plug.charger.duty == duty_of(offered)


def test_more_than_any_duty_says_is_80_ampere():
    plug = Plug(permit_da=5000)
    plug.charger.cable_da = plug.charger.max_da = 5000
    plug.charge()
    plug.run(6000)
    assert plug.charger.offered_da == 800


def test_a_grant_of_0_is_never_a_duty():
    plug = Plug().charge()
    duties = set()
    plug.permit(0, reason=reasons.LIMIT_SHORTAGE)
    for _ in range(1000):
        plug.run(10)
        duties.add(plug.charger.duty)
    assert duties == {FULL}
    assert plug.charger.reason == reasons.LIMIT_SHORTAGE


def test_a_grant_expires():
    for start in STARTS:
        plug = Plug(start).charge()
        plug.permit(160, 2000)
        plug.run(2000)
        assert plug.charger.state == STATE_C
        plug.run(10)
        assert plug.charger.state == STATE_C1
        assert plug.charger.reason == reasons.GRANT_EXPIRED
        assert plug.charger.grant_da == 0
        plug = Plug(start).plug()
        plug.permit(160, 2000)
        plug.run(2010)
        assert plug.charger.state == STATE_B1
        assert plug.charger.reason == reasons.GRANT_EXPIRED


def test_an_expired_grant_does_not_come_back_when_the_ticks_wrap():
    plug = Plug().charge()
    plug.permit(160, 1000)
    plug.run(1100)
    for _ in range(5):  # 15 days
        plug.now = (plug.now + 0x10000000) & MASK
        plug.run(100, 1)
        assert plug.charger.state == STATE_B1


def test_lower_is_at_once_higher_after_5_s():
    for start in STARTS:
        plug = Plug(start).charge()
        plug.run(6000)
        for da in (150, 100, 60):
            plug.permit(da)
            plug.run(10)
            assert plug.charger.duty == duty_of(da)
        plug.permit(200)
        plug.run(4990)
        assert plug.charger.offered_da == 60
        plug.run(10)
        assert plug.charger.offered_da == 200
        assert plug.charger.duty == duty_of(200)


def test_a_raise_is_not_held_up_when_the_ticks_wrap():
    plug = Plug().plug()
    plug.run(6000)
    plug.now = (plug.now + 0x1FFFF000) & MASK
    plug.run(20)
    plug.now = (plug.now + 0x10000000) & MASK
    plug.permit(200)
    plug.run(10)
    assert plug.charger.offered_da == 200


# ---- stops ----

def test_a_stop_gives_the_car_6_s():
    for start in STARTS:
        plug = Plug(start).charge()
        plug.charger.stop(reasons.COMMANDED)
        plug.run(10)
        stopped = plug.charger.state_since
        assert plug.charger.state == STATE_C1
        plug.run(5990)
        assert plug.charger.c1
        assert plug.charger.duty == FULL
        plug.run(10)
        assert not plug.charger.c1
        assert (plug.charger.state_since - stopped) & MASK == 6000
        assert plug.log[-1][1:] == (reasons.STATE, STATE_B1, reasons.CAR_IGNORES_STOP)


def test_a_car_that_stops_in_time_is_opened_then():
    plug = Plug().charge()
    plug.charger.stop(reasons.COMMANDED)
    plug.run(1000)
    changed = plug.now
    plug.run(60, 1)
    assert plug.charger.state == STATE_B1
    assert plug.opened_at - changed == 40
    assert plug.log[-1][1:] == (reasons.STATE, STATE_B1, reasons.CAR_STOPPED)


def test_after_a_stop_3_s_of_steady_12_v():
    for start in STARTS:
        plug = Plug(start).plug()
        plug.charger.stop(reasons.COMMANDED)
        plug.run(10)
        stopped = plug.charger.state_since
        plug.run(10)
        assert plug.charger.reason == reasons.STOP_DELAY
        plug.until(lambda: plug.charger.duty != FULL)
        assert (plug.charger.state_since - stopped) & MASK == 3000


def test_a_quick_replug_waits_3_s_too():
    plug = Plug().charge()
    plug.run(100, 0)
    out = plug.charger.state_since
    plug.run(100, 1)
    plug.until(lambda: plug.charger.state == STATE_B)
    assert plug.charger.state_since - out == 3000


def test_a_first_plug_need_not_wait():
    plug = Plug().run(100, 0).run(60, 1)
    assert plug.charger.state == STATE_B


def test_a_stop_without_charging_is_forgotten():
    plug = in_state(STATE_B1)
    plug.charger.stop(reasons.COMMANDED)
    plug.run(10)
    plug.permit(160)
    plug.run(100)
    assert plug.charger.state == STATE_B
    plug.run(1000)
    assert plug.charger.state == STATE_B


def test_a_car_that_stops_by_itself_may_go_on():
    plug = Plug().charge()
    plug.run(100, 1)
    assert plug.charger.state == STATE_B
    assert (reasons.STATE, STATE_B, reasons.CAR_STOPPED) in [entry[1:] for entry in plug.log]
    assert plug.charger.duty == duty_of(160)
    plug.run(600, 2)
    assert plug.charger.state == STATE_C


def test_a_car_that_stops_as_permission_goes_rests():
    plug = Plug().charge()
    plug.run(40, 1)
    plug.permit(0)
    plug.run(10)
    assert plug.charger.state == STATE_B1


def test_a_pilot_fault_clears_after_15_s():
    plug = Plug().charge()
    plug.run(100, 4)
    assert plug.charger.faults == faults.PILOT
    plug.level = 1
    plug.until(lambda: not plug.charger.faults)
    assert 14950 <= plug.since(plug.opened_at) <= 15050
    assert plug.charger.state == STATE_B
    codes = plug.codes()
    assert codes.count(reasons.FAULT_SET) == codes.count(reasons.FAULT_CLEARED) == 1


def test_rcm_stays_until_somebody_clears_it():
    plug = Plug().charge()
    plug.rcm = True
    plug.run(50)
    plug.rcm = False
    plug.run(60000, 1)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.FAULT
    plug.charger.faults &= ~faults.RCM_TRIPPED
    plug.run(100)
    assert plug.charger.state == STATE_B
    plug = Plug().run(100, 0)
    plug.rcm = True
    plug.run(50)
    assert plug.charger.state == STATE_A
    assert plug.charger.faults == faults.RCM_TRIPPED


def test_start_delay_and_updates_block_until_their_owner_clears_them():
    for fault, reason in ((faults.BOOT_DELAY, reasons.POWER_RETURN),
                          (faults.UPDATE, reasons.UPDATING),
                          (faults.UPDATE | faults.BOOT_DELAY, reasons.UPDATING),
                          (faults.UPDATE | faults.TEMP_HIGH, reasons.FAULT)):
        plug = Plug()
        plug.charger.faults = fault
        plug.run(100, 0).run(20000, 1)
        assert plug.charger.state == STATE_B1
        assert plug.charger.reason == reason
        plug.charger.faults = 0
        plug.run(20)
        assert plug.charger.state == STATE_B


def test_the_charger_opens_by_itself_without_a_guard():
    for level, ms, state in ((0, 50, STATE_A), (1, 50, STATE_B), (4, 50, STATE_B1),
                             (3, 1020, STATE_B1), (6, 1020, STATE_B1)):
        for stopping in (False, True):
            plug = Plug().charge()
            plug.guard.check = lambda now, rcm: 0
            if stopping:
                plug.charger.stop(reasons.COMMANDED)
                plug.run(20)
            plug.run(ms, level)
            assert not plug.charger.c1, (level, stopping)
            assert plug.charger.state == (STATE_B1 if stopping and level == 1 else state)


# ---- the diode at high currents ----

def test_at_most_32_ampere_before_the_diode_is_proven():
    for da in (320, 510, 630, 800):
        plug = Plug(permit_da=da).run(3100, 0)
        plug.level = 1
        most = 0
        for _ in range(20):
            plug.run(10)
            if not plug.pilot.diode:
                most = max(most, plug.charger.offered_da)
        assert most == 320
        assert plug.pilot.diode
        plug.run(5000)
        assert plug.charger.offered_da == da


def test_back_in_b_the_diode_is_proven_anew_at_32_ampere():
    plug = Plug(permit_da=630).charge()
    plug.run(6000)
    assert plug.charger.offered_da == 630
    plug.run(50, 1)
    assert plug.charger.state == STATE_B
    assert plug.charger.offered_da == 320
    assert not plug.pilot.diode
    plug.run(30)
    assert plug.pilot.diode


def dips(plug, ms):
    """(tick, length in ms) of each dip to 51 A while ``ms`` pass."""
    found = []
    begun = None
    for _ in range(ms // 10):
        plug.run(10)
        low = plug.charger.duty == duty_of(510)
        if low and begun is None:
            begun = plug.now
        elif not low and begun is not None:
            found.append((begun, (plug.now - begun) & MASK))
            begun = None
    return found


def test_above_65_ampere_dips_prove_the_diode_every_30_s():
    for start in (0, MASK - 40000):
        plug = Plug(start, permit_da=800).charge()
        plug.until(lambda: plug.charger.offered_da == 800)
        assert plug.charger.duty == duty_of(800)
        found = dips(plug, 95000)
        assert len(found) == 3
        for _, length in found:
            assert 30 <= length <= 50, length
        assert 30000 <= (found[1][0] - found[0][0]) & MASK <= 30100
        assert plug.charger.state == STATE_C
        assert plug.charger.offered_da == 800


def test_no_dips_where_the_negative_part_is_seen():
    for da in (510, 520, 630, 650):
        plug = Plug(permit_da=da).charge()
        plug.run(6000)
        assert plug.charger.offered_da == da
        duty = plug.charger.duty
        for _ in range(4000):
            plug.run(10)
            assert plug.charger.duty == duty


def test_a_diode_lost_at_80_ampere_is_found_by_the_dip():
    plug = Plug(permit_da=800).charge()
    plug.until(lambda: plug.charger.offered_da == 800)
    plug.low_mv = NO_DIODE_MV
    plug.until(lambda: not plug.charger.c1, 33000)
    assert plug.charger.state == STATE_B1
    assert reasons.GUARD_PILOT in plug.codes()  # after the 1 s that invalid levels are borne


def test_a_dip_without_samples_stops_in_order():
    for state in (STATE_B, STATE_C):
        plug = Plug(permit_da=800)
        plug.charge()
        if state == STATE_B:
            plug.run(100, 1)  # a car that stops by itself is not nudged
        plug.until(lambda: plug.charger.offered_da == 800)
        burst = plug.burst
        charger = plug.charger
        mv = 2892 if state == STATE_B else 2502
        for _ in range(3200):
            burst[0], burst[1], burst[2], burst[3] = 16, mv, mv, 0
            plug.pilot.feed(burst, charger.duty, plug.now)
            plug.guard.check(plug.now, False)
            charger.step(plug.now)
            plug.now = (plug.now + 10) & MASK
            if charger.state != state:
                break
        assert charger.state == (STATE_B1 if state == STATE_B else STATE_C1)
        assert charger.reason == reasons.NO_DIODE


def test_lowering_during_a_dip_is_at_once():
    for da in (700, 650, 520, 320, 60):
        plug = Plug(permit_da=800).charge()
        plug.until(lambda: plug.charger.offered_da == 800)
        plug.until(lambda: plug.charger.duty == duty_of(510), 40000)
        plug.permit(da)
        plug.run(10)
        assert plug.charger.offered_da == da
        assert plug.charger.duty == duty_of(510 if da > 650 else da)
        plug.run(100)
        assert plug.charger.duty == duty_of(da)


def test_a_stop_without_a_diode_does_not_wait_for_the_car():
    for name, _ in INPUTS:
        plug = in_state(STATE_C)
        plug.low_mv = NO_DIODE_MV
        plug.run(200)
        assert plug.charger.c1, name
        apply(plug, name)
        plug.run(10)
        assert not plug.charger.c1 and plug.charger.state == STATE_B1, name
        assert plug.charger.faults & faults.DIODE, name
