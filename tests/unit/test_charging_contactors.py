"""Contactor 2: who wants it, when it closes and opens, and how phases change."""

from evse import reasons
from evse.charging import faults
from evse.charging.contactors import Contactors
from evse.charging.modem import Modem
from evse.charging.pilot import FULL
from evse.charging.plug import ACCESS_OFF, ACCESS_ON
from evse.charging.states import STATE_A, STATE_B, STATE_B1, STATE_C, STATE_C1
from helpers_charging import MASK, STARTS, Plug

NOT_PRESENT, ALWAYS_OFF, SOLAR_OFF, ALWAYS_ON, AUTO = range(5)
NORMAL, SMART, SOLAR = range(3)

# Phases in force for each option in Normal, Smart, Solar (automatic wants 3), Solar (wants 1).
PHASES = (
    (NOT_PRESENT, (0, 0, 0, 0)),
    (ALWAYS_OFF, (1, 1, 1, 1)),
    (SOLAR_OFF, (3, 3, 1, 1)),
    (ALWAYS_ON, (3, 3, 3, 3)),
    (AUTO, (3, 3, 3, 1)),
    (5, (1, 1, 1, 1)),  # no such option: the safe side
    (-1, (1, 1, 1, 1)),
)


def test_each_option_in_each_mode():
    for option, row in PHASES:
        for column, phases in enumerate(row):
            contactors = Contactors(lambda code, a=0, b=0: None)
            contactors.option = option
            contactors.mode = min(column, SOLAR)
            contactors.auto = 1 if column == 3 else 3
            assert contactors.wanted() is (phases == 3), (option, column)
            contactors.take()
            assert contactors.phases == phases, (option, column)
            contactors.auto = 1
            if column < SOLAR:  # the automatic acts in Solar only
                assert contactors.wanted() is (phases == 3), (option, column)


def test_only_a_change_of_phases_is_told():
    told = []
    contactors = Contactors(lambda code, a=0, b=0: told.append((code, a)))
    contactors.take()
    contactors.option = ALWAYS_ON
    contactors.take()
    contactors.take()
    contactors.option = ALWAYS_OFF
    contactors.take()
    assert told == [(reasons.PHASES, 3), (reasons.PHASES, 1)]


class Watched(Plug):
    """Checks in each cycle what must hold of contactor 2."""

    def __init__(self, option=ALWAYS_ON, now=MASK - 9000):
        self.closed_at = None
        super().__init__(now)
        self.charger.contactors.option = option

    def tick(self):
        charger = self.charger
        before = charger.c1, charger.c2
        super().tick()
        assert charger.c1 or not charger.c2, "contactor 2 alone"
        if charger.c1 and not before[0]:
            assert not charger.c2, "both at once"
            self.closed_at = self.now
        if charger.c2 and not before[1]:
            assert charger.state == STATE_C and 50 <= self.since(self.closed_at) <= 300
        if before[1] and not charger.c2:
            assert not charger.c1, "opened alone"


def charging(option=ALWAYS_ON, now=MASK - 9000):
    plug = Watched(option, now).charge()
    plug.run(1000)
    return plug


def test_it_closes_50_ms_after_the_first():
    for start in STARTS:
        plug = Watched(ALWAYS_ON, start).charge()
        assert plug.charger.c1 and not plug.charger.c2
        plug.run(40)
        assert not plug.charger.c2
        assert plug.wait == 10
        plug.run(10)
        assert plug.charger.c2
        assert plug.since(plug.closed_at) == 60  # the last tick was 10 ms ago
        assert plug.charger.contactors.phases == 3


def test_it_rests_when_not_wanted():
    for option in (NOT_PRESENT, ALWAYS_OFF):
        plug = charging(option)
        assert plug.charger.c1 and not plug.charger.c2
        assert plug.charger.contactors.c2_count == 0


def test_closings_are_counted():
    plug = charging()
    contactors = plug.charger.contactors
    assert (contactors.c1_count, contactors.c2_count) == (1, 1)
    plug.run(2000, 1).run(2000, 2)
    assert (contactors.c1_count, contactors.c2_count) == (2, 2)
    plug = Watched(ALWAYS_OFF)
    plug.charger.contactors.c1_count = 41
    plug.charge()
    assert plug.charger.contactors.c1_count == 42


def test_both_open_together_whatever_happens():
    for level, ms in ((0, 60), (1, 60), (4, 60), (3, 1100)):
        for stopping in (False, True):
            plug = charging()
            if stopping:
                plug.charger.stop(reasons.COMMANDED)
                plug.run(20)
                assert plug.charger.c2
            plug.run(ms, level)
            assert not plug.charger.c1 and not plug.charger.c2
    plug = charging()
    plug.charger.stop(reasons.COMMANDED)
    plug.run(5990)
    assert plug.charger.c2
    plug.run(30)
    assert not plug.charger.c2
    plug = charging()
    plug.charger.faults |= faults.WELDED
    plug.run(10)
    assert not plug.charger.c1 and not plug.charger.c2
    plug = charging()
    plug.rcm = True
    plug.stepping = False
    plug.run(10)
    assert not plug.charger.c1 and not plug.charger.c2


def test_after_300_ms_it_is_too_late():
    plug = Watched(ALWAYS_ON).charge()
    plug.guard.check = lambda now, rcm: 0  # it would have opened after 200
    plug.stepping = False
    plug.run(310)
    plug.stepping = True
    plug.run(10)
    assert not plug.charger.c2
    assert plug.charger.state == STATE_C1
    assert plug.charger.reason == reasons.SWITCHING_PHASES
    assert plug.charger.contactors.c2_count == 0


def test_a_trip_during_the_step_takes_both_back():
    plug = Watched(ALWAYS_ON).charge()
    plug.run(40)
    charger = plug.charger
    charger.trip = reasons.GUARD_LEVEL
    charger.acknowledged = reasons.GUARD_LEVEL  # as if it came after the step had looked
    plug.guard.check = lambda now, rcm: 0
    plug.run(10)
    assert not charger.c1 and not charger.c2


def test_it_stays_open_when_the_first_was_taken_back():
    plug = Watched(ALWAYS_ON).charge()
    plug.run(40)
    plug.guard.check = lambda now, rcm: 0
    plug.charger.c1 = False
    plug.run(100)
    assert not plug.charger.c2


# ---- changing phases ----

def change(plug, option=ALWAYS_OFF):
    plug.log.clear()
    plug.charger.contactors.option = option
    return plug


def test_phases_change_only_with_the_car_stopped_and_disconnected():
    for start in STARTS:
        for one, other in ((ALWAYS_ON, ALWAYS_OFF), (ALWAYS_OFF, ALWAYS_ON), (NOT_PRESENT, 3)):
            plug = charging(one, start)
            charger = plug.charger
            before = charger.contactors.phases
            change(plug, other).run(10)
            assert charger.state == STATE_C1
            assert charger.contactors.phases == before
            assert charger.c2 == (before == 3)
            plug.run(1000)
            plug.level = 1
            plug.to(STATE_B1)
            plug.until(lambda: not charger.connect)
            opened = plug.now
            assert charger.contactors.phases == (1 if other == ALWAYS_OFF else 3)
            plug.until(lambda: charger.connect)
            assert plug.since(opened) == 10000
            assert plug.to(STATE_B) in range(2980, 3010)
            plug.level = 2
            plug.to(STATE_C)
            plug.run(100)
            assert charger.c2 == (other == ALWAYS_ON)
            assert plug.states() == [
                (STATE_C1, reasons.SWITCHING_PHASES), (STATE_B1, reasons.CAR_STOPPED),
                (STATE_B, reasons.CAR_NOT_READY), (STATE_C, reasons.CHARGING)]


def test_the_pause_is_as_long_as_asked():
    for pause_ms in (5000, 60000):
        plug = charging()
        plug.charger.contactors.pause_ms = pause_ms
        change(plug).run(100).run(50, 1)
        plug.until(lambda: not plug.charger.connect)
        assert plug.charger.reason in (reasons.SWITCHING_PHASES, reasons.CAR_STOPPED)
        plug.run(20)
        assert plug.charger.reason == reasons.SWITCHING_PHASES
        assert plug.until(lambda: plug.charger.connect, 70000) in (pause_ms - 20, pause_ms - 10)


def test_in_b_the_car_is_disconnected_too():
    plug = Watched(ALWAYS_ON).plug()
    change(plug).run(10)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.SWITCHING_PHASES
    plug.run(20)
    assert not plug.charger.connect
    assert plug.to(STATE_B) in range(12900, 13050)
    assert plug.charger.contactors.phases == 1


def test_a_car_that_saw_no_offer_need_not_be_disconnected():
    plug = Watched(ALWAYS_ON)
    plug.run(100, 0)
    change(plug)
    plug.run(10)
    assert plug.charger.contactors.phases == 1
    plug.permit(0)
    plug.run(5000, 1)
    assert plug.charger.state == STATE_B1
    change(plug, ALWAYS_ON).run(10)
    assert plug.charger.contactors.phases == 3
    plug.permit(160)
    plug.run(20)
    assert plug.charger.state == STATE_B


def test_one_that_saw_an_offer_is_disconnected_when_it_may_go_on():
    plug = Watched(ALWAYS_ON).plug()
    plug.permit(0)
    plug.run(10)
    change(plug).run(60000)
    assert plug.charger.contactors.phases == 1  # taken, but nobody is disturbed for it yet
    assert plug.charger.connect
    change(plug, ALWAYS_ON).run(100)
    plug.permit(160)
    plug.run(20)
    assert plug.charger.state == STATE_B  # what it saw is in force again
    plug.permit(0)
    plug.run(3100)
    change(plug).run(100)
    plug.permit(160)
    plug.run(20)
    assert not plug.charger.connect
    plug.to(STATE_B)
    plug.run(5000)
    assert plug.charger.connect


def test_a_new_car_is_not_disconnected():
    plug = charging()
    change(plug).run(60, 0)
    assert plug.charger.state == STATE_A
    assert plug.charger.contactors.phases == 1
    plug.run(10000)
    plug.run(100, 1)
    assert plug.charger.state == STATE_B
    assert plug.charger.connect


def test_a_wish_withdrawn_in_time_changes_nothing():
    plug = charging()
    change(plug).run(100)
    assert plug.charger.state == STATE_C1
    plug.charger.contactors.option = ALWAYS_ON
    plug.run(60, 1)
    plug.to(STATE_B)
    assert plug.charger.contactors.phases == 3
    plug.run(100)
    assert plug.charger.connect


def test_a_label_without_a_contactor_behind_it_waits():
    plug = charging(NOT_PRESENT)
    change(plug, ALWAYS_OFF).run(1000)
    assert plug.charger.state == STATE_C  # contactor 2 is open either way
    assert plug.charger.contactors.phases == 0


def test_access_off_during_the_pause_shows_at_once():
    plug = charging()
    change(plug).run(100).run(60, 1)
    plug.until(lambda: not plug.charger.connect)
    plug.charger.access = ACCESS_OFF
    plug.run(10)
    assert plug.charger.reason == reasons.NO_ACCESS
    assert not plug.charger.wants
    plug.run(20000)
    assert plug.charger.state == STATE_B1
    assert plug.charger.duty == FULL and plug.charger.connect
    plug.charger.access = ACCESS_ON
    plug.run(20)
    assert plug.charger.state == STATE_B  # it was disconnected, that is enough


def test_unplugged_during_the_pause():
    plug = charging()
    change(plug).run(100).run(60, 1)
    plug.until(lambda: not plug.charger.connect)
    plug.level = 0
    plug.run(9900)
    assert plug.charger.state == STATE_B1
    plug.run(200)
    assert plug.charger.state == STATE_A


def test_permission_is_not_given_back_for_the_pause():
    plug = charging()
    change(plug).run(100).run(60, 1)
    plug.until(lambda: not plug.charger.connect)
    while plug.charger.state != STATE_B:
        plug.run(10)
        assert plug.charger.wants


def test_a_change_during_the_modem_states_and_a_nudge_disconnects():
    plug = Watched(ALWAYS_ON)
    plug.charger.modem = Modem(plug.record)
    plug.run(3100, 0).run(1000, 1)
    change(plug).run(10)
    assert plug.charger.state == STATE_B1
    assert plug.charger.reason == reasons.SWITCHING_PHASES
    assert plug.charger.connect
    plug.run(20)
    assert plug.charger.contactors.phases == 1
