"""The modem states, who may charge, what a modem tells, and the duty given by hand."""

from evse import reasons
from evse.charging import faults
from evse.charging.modem import Modem
from evse.charging.pilot import FULL, duty_of
from evse.charging.plug import ACCESS_OFF
from evse.charging.states import (
    STATE_A,
    STATE_B,
    STATE_B1,
    STATE_C,
    STATE_C1,
    STATE_MODEM_DENIED,
    STATE_MODEM_DONE,
    STATE_MODEM_REQUEST,
    STATE_MODEM_WAIT,
)
from helpers_charging import MASK, STARTS, Plug

FIVE_PERCENT = 51 * 64


def with_modem(now=MASK - 30000, required=""):
    plug = Plug(now)
    plug.charger.modem = Modem(plug.record)
    plug.charger.modem.required = required
    return plug.run(3100, 0)


def at(state, now=MASK - 30000, required="THE CAR"):
    """A plug in one of the modem states."""
    plug = with_modem(now, required)
    plug.level = 1
    if state == STATE_MODEM_DENIED:
        plug.to(STATE_MODEM_WAIT)
        plug.charger.modem.tell({"current_soc": 50, "evccid": "ANOTHER"})
    elif state == STATE_MODEM_DONE:
        plug.to(STATE_MODEM_WAIT)
        plug.charger.modem.tell({"current_soc": 50, "evccid": "THE CAR"})
    plug.to(state)
    plug.log.clear()
    return plug


MODEM_STATES = (STATE_MODEM_REQUEST, STATE_MODEM_WAIT, STATE_MODEM_DONE, STATE_MODEM_DENIED)


def test_without_an_answer_the_car_is_asked_for_a_minute():
    for start in STARTS:
        plug = with_modem(start)
        charger = plug.charger
        plug.level = 1
        plug.to(STATE_MODEM_REQUEST)
        assert charger.reason == reasons.MODEM
        plug.until(lambda: not charger.connect)
        assert plug.until(lambda: charger.connect) in (4990, 5000)
        assert plug.to(STATE_MODEM_WAIT) in range(2990, 3010)
        assert charger.duty == FIVE_PERCENT and charger.offered_da == 0
        assert plug.to(STATE_MODEM_DONE, 70000) in (59990, 60000, 60010)
        assert charger.duty == FULL
        assert plug.until(lambda: charger.connect) in (4990, 5000)
        assert plug.to(STATE_B) in range(2990, 3020)
        assert charger.duty == duty_of(160)
        plug.level = 2
        plug.to(STATE_C)
        assert plug.states() == [
            (STATE_B1, reasons.CAR_NOT_READY), (STATE_MODEM_REQUEST, reasons.MODEM),
            (STATE_MODEM_WAIT, reasons.MODEM), (STATE_MODEM_DONE, reasons.MODEM),
            (STATE_B, reasons.CAR_NOT_READY), (STATE_C, reasons.CHARGING)]


def test_an_answer_ends_the_waiting():
    plug = at(STATE_MODEM_WAIT)
    plug.run(1000)
    plug.charger.modem.tell({"current_soc": 50, "evccid": "THE CAR"})
    plug.run(10)
    assert plug.charger.state == STATE_MODEM_DONE
    assert plug.to(STATE_B) in range(7990, 8080)


def test_an_early_answer_counts():
    plug = at(STATE_MODEM_REQUEST, required="")
    plug.charger.modem.tell({"current_soc": 50})
    plug.to(STATE_MODEM_WAIT)
    plug.run(10)
    assert plug.charger.state == STATE_MODEM_DONE


def test_an_answer_without_a_state_of_charge_does_not_end_it():
    plug = at(STATE_MODEM_WAIT)
    plug.charger.modem.tell({"evccid": "THE CAR"})
    plug.run(1000)
    assert plug.charger.state == STATE_MODEM_WAIT


def test_another_car_is_denied_for_a_minute_and_asked_again():
    for start in (0, MASK - 100000):
        plug = at(STATE_MODEM_DENIED, start)
        charger = plug.charger
        assert charger.reason == reasons.MODEM_DENIED
        assert charger.duty == FULL and charger.connect and charger.offered_da == 0
        plug.run(30000, 2)  # it may ask as it likes
        assert charger.state == STATE_MODEM_DENIED
        plug.level = 1
        assert plug.to(STATE_B1, 40000) in range(29900, 30100)
        plug.to(STATE_MODEM_REQUEST)
        plug.to(STATE_MODEM_WAIT)
        plug.run(1000)
        assert charger.state == STATE_MODEM_WAIT  # the old answer is none
        charger.modem.tell({"current_soc": 50, "evccid": "THE CAR"})
        plug.to(STATE_B)


def test_an_unknown_car_is_denied_where_one_is_required():
    plug = with_modem(required="THE CAR")
    plug.level = 1
    plug.to(STATE_MODEM_DENIED, 80000)


def test_no_modem_state_ever_closes():
    for state in MODEM_STATES:
        plug = at(state)
        for _ in range(6000):
            plug.run(10, 2)
            assert not plug.charger.c1 and plug.charger.state != STATE_C


def test_a_car_is_asked_once():
    plug = at(STATE_MODEM_DONE)
    plug.to(STATE_B)
    plug.level = 2
    plug.to(STATE_C)
    plug.charger.stop(reasons.COMMANDED)
    plug.run(1000)
    plug.level = 1
    plug.to(STATE_B1)
    plug.run(2800)
    assert plug.charger.state == STATE_B1
    plug.run(300)
    assert plug.charger.state == STATE_B


def test_after_3_s_without_a_car_all_is_forgotten():
    for start in STARTS:
        plug = at(STATE_MODEM_DONE, start)
        plug.to(STATE_B)
        modem = plug.charger.modem
        plug.run(2500, 0)
        assert plug.charger.state == STATE_A
        assert modem.done and modem.evccid == "THE CAR"
        plug.run(100, 1).run(2000, 0)
        assert modem.done  # the contact bounced
        plug.run(1200)
        assert not modem.done and modem.evccid == "" and modem.initial_soc == -1
        plug.level = 1
        plug.to(STATE_MODEM_REQUEST)


# What becomes of each modem state with the next step after an input.
INPUTS = (
    ("access", reasons.NO_ACCESS),
    ("fault", reasons.FAULT),
    ("danger", reasons.FAULT),
    ("grant", reasons.NO_GRANT),
    ("stop", reasons.COMMANDED),
    ("pwm", reasons.COMMANDED),
    ("phases", reasons.SWITCHING_PHASES),
    ("modem", reasons.COMMANDED),
)


def apply(plug, name):
    charger = plug.charger
    if name == "access":
        charger.access = ACCESS_OFF
    elif name == "fault":
        charger.faults |= faults.TEMP_HIGH
    elif name == "danger":
        charger.faults |= faults.RCM_TRIPPED
    elif name == "grant":
        plug.permit(0)
    elif name == "stop":
        charger.stop(reasons.COMMANDED)
    elif name == "pwm":
        charger.pwm = 0
    elif name == "phases":
        charger.contactors.option = 3
    else:
        charger.modem = None


def test_each_modem_state_with_each_stopping_input():
    for state in MODEM_STATES:
        for name, reason in INPUTS:
            for ms in (10, 4000, 6500):
                plug = at(state)
                plug.run(ms)
                assert plug.charger.state == state
                plug.log.clear()
                apply(plug, name)
                plug.run(10)
                assert plug.states() == [(STATE_B1, reason)], (state, name, ms)
                assert plug.charger.connect and plug.charger.duty == FULL


def test_each_modem_state_with_each_level():
    for state in MODEM_STATES:
        for level in range(7):
            plug = at(state)
            plug.run(6000)  # past the open line
            plug.run(60, level)
            assert plug.charger.state == (STATE_A if level == 0 else state), (state, level)


def test_a_bad_level_when_a_modem_state_ends():
    for state in (STATE_MODEM_REQUEST, STATE_MODEM_DONE, STATE_MODEM_DENIED):
        for level in (2, 3, 4, 6):
            plug = at(state)
            plug.level = level
            plug.to(STATE_B1, 70000)
            assert plug.charger.duty == FULL


def test_permission_is_wanted_throughout():
    plug = with_modem()
    plug.level = 1
    plug.to(STATE_MODEM_REQUEST)
    while plug.charger.state != STATE_B:
        plug.run(10)
        assert plug.charger.wants and plug.charger.plugged


def test_five_percent_only_with_a_modem():
    plug = Plug().plug()
    for pwm in (0, 51, 81, 82, 200, 1024):
        plug.charger.pwm = pwm
        plug.run(100)
        assert plug.charger.state == STATE_B
        assert plug.charger.duty == duty_of(160)


# ---- the duty by hand ----

def in_b(pwm):
    plug = at(STATE_MODEM_DONE)
    plug.to(STATE_B)
    plug.run(100)
    plug.charger.pwm = pwm
    return plug.run(10)


def test_a_duty_by_hand_is_never_above_the_grant():
    for pwm, da in ((82, 60), (136, 80), (200, 117), (272, 159), (273, 160), (500, 160),
                    (864, 160), (993, 160), (994, 160), (1024, 160), (-1, 160)):
        plug = in_b(pwm)
        assert plug.charger.state == STATE_B
        assert plug.charger.offered_da == da, pwm
        assert plug.charger.duty == duty_of(da)


def test_a_duty_by_hand_also_counts_in_c_and_rises_after_5_s():
    plug = in_b(-1)
    plug.level = 2
    plug.to(STATE_C)
    plug.run(6000)
    plug.charger.pwm = 136
    plug.run(10)
    assert plug.charger.offered_da == 80
    plug.charger.pwm = -1
    plug.run(4900)
    assert plug.charger.offered_da == 80
    plug.run(100)
    assert plug.charger.offered_da == 160


def test_a_duty_below_the_least_current_stops_in_order():
    plug = in_b(-1)
    plug.charger.min_da = 100
    plug.level = 2
    plug.to(STATE_C)
    plug.charger.pwm = 136
    plug.run(10)
    assert plug.charger.state == STATE_C1
    assert plug.charger.c1


def test_zero_stops_in_order():
    plug = in_b(-1)
    plug.level = 2
    plug.to(STATE_C)
    plug.charger.pwm = 0
    plug.run(10)
    assert plug.charger.state == STATE_C1 and plug.charger.c1
    assert plug.charger.reason == reasons.COMMANDED
    plug.run(60, 1)
    plug.run(20000)
    assert plug.charger.state == STATE_B1
    plug.charger.pwm = -1
    plug.run(20)
    assert plug.charger.state == STATE_B


def test_a_duty_that_offers_no_current_closes_nothing():
    for pwm in (1, 51, 81):
        plug = in_b(pwm)
        assert plug.charger.duty == pwm * 64
        assert plug.charger.offered_da == 0
        assert plug.charger.reason == reasons.MODEM
        plug.run(5000, 2)
        assert plug.charger.state == STATE_B and not plug.charger.c1
        assert plug.charger.duty == pwm * 64
        plug.charger.pwm = -1
        plug.run(10)
        assert plug.charger.duty == duty_of(160)
        assert plug.charger.state == STATE_C
        plug.charger.pwm = pwm
        plug.run(10)
        assert plug.charger.state == STATE_C1 and plug.charger.c1
        assert plug.charger.reason == reasons.MODEM


# ---- what a modem tells ----

def modem():
    told = []
    one = Modem(lambda code, a=0, b=0: told.append((code, a, b)))
    return one, told


def test_what_is_told_is_kept():
    one, told = modem()
    assert not one.used
    one.tell({"current_soc": 40, "full_soc": 80, "energy_request": 20000,
              "energy_capacity": 50000, "evccid": "0123456789AB"})
    assert (one.initial_soc, one.computed_soc, one.full_soc) == (40, 40, 80)
    assert (one.energy_request, one.energy_capacity) == (20000, 50000)
    assert one.evccid == "0123456789AB"
    assert one.told and one.used and not one.done
    assert told == [(reasons.EV_STATE, 40, 80)]


def test_pieces_only_grow():
    one, _ = modem()
    one.tell({"full_soc": 80, "energy_capacity": 50000})
    one.tell({"full_soc": 70, "energy_capacity": -1, "energy_request": 300})
    assert (one.full_soc, one.energy_capacity, one.energy_request) == (80, 50000, 300)
    assert one.initial_soc == -1 and not one.told
    one.tell({"current_soc": 0})
    assert one.initial_soc == 0 and one.told


def test_nonsense_is_refused_whole():
    for values in ({"current_soc": 101}, {"current_soc": -2}, {"full_soc": "80"},
                   {"energy_request": 1.5}, {"energy_capacity": 1000001}, {"current_soc": True},
                   {"evccid": "x" * 33}, {"evccid": 5}):
        one, told = modem()
        values = dict(values)
        values.setdefault("full_soc", 90)
        try:
            one.tell(values)
        except ValueError:
            assert one.full_soc == -1 and not one.used and one.evccid == "" and not told
            continue
        raise AssertionError(values)
    one, _ = modem()
    one.tell({"evccid": "x" * 32})
    assert len(one.evccid) == 32


def test_who_is_admitted():
    one, _ = modem()
    assert one.admits()
    one.required = "A"
    assert not one.admits()
    one.evccid = "B"
    assert not one.admits()
    one.evccid = "A"
    assert one.admits()


def test_how_full_the_car_is():
    one, _ = modem()
    one.charged(1000, 11000)
    assert one.computed_soc == -1 and one.time_until_full == -1
    one.tell({"current_soc": 40, "full_soc": 80, "energy_capacity": 50000})
    for wh, w, left, soc, seconds in ((0, 10000, 40, 40, 7200), (10000, 10000, 20, 60, 3600),
                                      (20000, 5000, 0, 80, 0), (25000, 0, 0, 80, -1)):
        one.charged(wh, w)
        assert (one.remaining_soc, one.computed_soc, one.time_until_full) == (left, soc, seconds)
    one.tell({"energy_request": 30000})
    one.charged(10000, 10000)
    assert (one.remaining_soc, one.computed_soc, one.time_until_full) == (40, 40, 7200)
    one.tell({"energy_request": 1000000})
    one.charged(0, 0)
    assert (one.remaining_soc, one.computed_soc) == (80, 0)
    one, _ = modem()
    one.tell({"current_soc": 90, "full_soc": 80, "energy_capacity": 50000})
    one.charged(100, 100)
    assert one.computed_soc == 90
    one, _ = modem()
    one.tell({"current_soc": 40, "full_soc": 80})
    one.charged(100, 100)
    assert one.computed_soc == 40 and one.remaining_soc == -1
