"""Supervision by the car's meter: welds, no current path, over-current."""

from evse import reasons
from evse.charging import faults
from evse.charging.contactors import Contactors
from evse.charging.states import STATE_A, STATE_B, STATE_C, STATE_C1
from evse.charging.supervise import Supervisor
from helpers_charging import MASK, STARTS


class Stub:
    """What the supervisor looks at of a charger."""

    def __init__(self):
        self.c1 = False
        self.c2 = False
        self.state = STATE_B
        self.switched_at = 0
        self.contactors = Contactors(lambda code, a=0, b=0: None)


class Line:
    """A supervised line, sampled once a second."""

    def __init__(self, now=0, grant=160):
        self.now = now
        self.grant = grant
        self.log = []
        self.charger = Stub()
        self.charger.switched_at = (now - 100000) & MASK
        self.supervisor = Supervisor(self.record)
        self.bits = 0

    def record(self, code, a=0, b=0):
        self.log.append((code, a, b))

    def state(self, state):
        charger = self.charger
        c1 = state in (STATE_C, STATE_C1)
        if c1 != charger.c1:
            charger.c1 = c1
            charger.switched_at = self.now
        charger.state = state
        return self

    def samples(self, count, *amps):
        """``count`` samples a second apart; returns the bits after the last."""
        for _ in range(count):
            self.bits = self.supervisor.sample(amps, self.charger, self.grant, self.now)
            self.now = (self.now + 1000) & MASK
        return self.bits

    def regulated(self, count, *amps):
        """The same with a regulator that keeps to the ceiling, at most 16 A."""
        for _ in range(count):
            ceiling = self.supervisor.ceiling_da
            self.grant = min(160, ceiling) if ceiling else 160
            self.samples(1, *amps)
        return self.bits


# ---- welded ----

def test_three_samples_of_current_while_open():
    for start in STARTS:
        for amps, mask in (((11, 0, 0), 1), ((0, -11, 0), 2), ((0, 0, 300), 4), ((11, 11, 11), 7)):
            line = Line(start)
            assert line.samples(2, *amps) == 0
            assert line.samples(1, *amps) == faults.WELDED
            top = max([abs(da) for da in amps])
            assert line.log == [(reasons.WELD_EVIDENCE, mask, top)]
            line.samples(10, *amps)
            assert len(line.log) == 1


def test_one_ampere_is_no_weld():
    assert Line().samples(100, 10, -10, 10) == 0


def test_an_interrupted_row_of_samples_begins_anew():
    line = Line()
    for _ in range(10):
        assert line.samples(2, 50, 0, 0) == 0
        line.samples(1, 0, 0, 0)


def test_what_a_meter_reports_late_is_no_weld():
    for start in STARTS:
        line = Line(start).state(STATE_C)
        line.samples(20, 160, 160, 160)
        line.state(STATE_B)
        assert line.samples(2, 160, 160, 160) == 0
        assert line.samples(2, 160, 160, 160) == 0  # 2 and 3 s after it opened
        line.samples(1, 0, 0, 0)
        assert line.bits == 0
        line.state(STATE_C).samples(5, 100, 0, 0)
        line.state(STATE_B)
        assert line.samples(5, 100, 0, 0) == faults.WELDED


def test_a_weld_stays_until_somebody_has_seen_to_it():
    line = Line()
    line.samples(3, 50, 0, 0)
    assert line.samples(1000, 0, 0, 0) == faults.WELDED
    assert line.supervisor.lost(line.now) == faults.WELDED
    line.supervisor.reset()
    assert line.samples(10, 0, 0, 0) == 0
    assert line.samples(3, 50, 0, 0) == faults.WELDED
    assert len(line.log) == 2


def test_a_reset_while_current_still_flows():
    line = Line()
    line.samples(5, 50, 0, 0)
    line.supervisor.reset()
    assert line.samples(2, 50, 0, 0) == 0
    assert line.samples(1, 50, 0, 0) == faults.WELDED


def test_contactor_2_is_welded_when_a_second_phase_carries_current():
    for amps, mask in (((100, 100, 100), 7), ((100, 0, 11), 5), ((100, 11, 0), 3)):
        line = Line()
        line.charger.contactors.phases = 1
        line.state(STATE_C)
        assert line.samples(4, *amps) == 0  # the first two are within 2 s of closing
        assert line.samples(1, *amps) == faults.WELDED
        assert line.log[0] == (reasons.WELD_EVIDENCE, mask, 100)


def test_one_phase_on_any_terminal_is_none():
    for amps in ((160, 0, 0), (0, 160, 0), (5, 10, 160)):
        line = Line()
        line.charger.contactors.phases = 1
        assert line.state(STATE_C).samples(100, *amps) == 0


def test_without_or_with_contactor_2_closed_all_phases_may_carry():
    for phases in (0, 3):
        line = Line()
        line.charger.contactors.phases = phases
        assert line.state(STATE_C).samples(100, 160, 160, 160) == 0
        assert line.state(STATE_C1).samples(5, 160, 160, 160) == 0


# ---- no current path ----

def test_a_minute_without_current_is_shown():
    for start in STARTS:
        line = Line(start).state(STATE_C)
        assert line.samples(60, 0, 1, -2) == 0
        assert line.samples(1, 0, 0, 2) == faults.NO_CURRENT
        assert line.log == [(reasons.NO_CURRENT_EVIDENCE, 2, 60)]
        line.samples(100, 0, 0, 0)
        assert len(line.log) == 1
        assert line.samples(1, 0, 3, 0) == 0
        assert line.samples(1000, 0, 0, 0) == 0  # a path was seen


def test_it_clears_when_the_car_no_longer_asks():
    for state in (STATE_A, STATE_B, STATE_C1):
        line = Line().state(STATE_C)
        assert line.samples(70, 0, 0, 0) == faults.NO_CURRENT
        assert line.state(state).samples(1, 0, 0, 0) == 0
    line = Line().state(STATE_C)
    line.samples(70, 0, 0, 0)
    assert line.supervisor.lost(line.now) == 0


def test_current_of_an_earlier_closing_does_not_count():
    line = Line().state(STATE_C)
    line.samples(10, 100, 0, 0)
    line.state(STATE_B).samples(5, 0, 0, 0)
    line.state(STATE_C)
    line.samples(2, 50, 0, 0)  # what the meter reports late
    assert line.samples(59, 0, 0, 0) == faults.NO_CURRENT


# ---- over-current ----

def test_an_ampere_too_much_is_borne():
    line = Line().state(STATE_C)
    assert line.samples(1000, 170, -170, 0) == 0
    assert line.supervisor.ceiling_da == 0
    assert line.log == []


def test_seven_seconds_warn_and_lower():
    for start in STARTS:
        line = Line(start).state(STATE_C)
        line.samples(7, 100, 190, 0)
        assert line.log == [] and line.supervisor.ceiling_da == 0
        assert line.samples(1, 100, 190, 0) == 0
        assert line.log == [(reasons.OVERCURRENT_EVIDENCE, 3, 30)]
        assert line.supervisor.ceiling_da == 130


def test_a_car_that_follows_with_its_excess_goes_on():
    line = Line().state(STATE_C)
    line.regulated(8, 190, 0, 0)
    line.regulated(5, 190, 0, 0)
    assert line.regulated(1000, 160, 0, 0) == 0  # 3 A above 13 A: what 16 A was meant to allow
    assert len(line.log) == 1
    line.state(STATE_A).samples(1, 0, 0, 0)
    assert line.supervisor.ceiling_da == 0


def test_a_lower_limit_of_others_is_no_second_offence():
    line = Line().state(STATE_C)
    line.regulated(9, 190, 0, 0)
    line.grant = 80
    assert line.samples(8, 110, 0, 0) == 0
    assert line.supervisor.ceiling_da == 60
    assert len(line.log) == 2
    line.grant = 60
    assert line.samples(20, 90, 0, 0) == 0


def test_seven_more_seconds_stop():
    line = Line().state(STATE_C)
    line.regulated(8, 320, 0, 0)
    assert line.supervisor.ceiling_da == 60
    assert line.regulated(7, 320, 0, 0) == 0
    assert line.regulated(1, 320, 0, 0) == faults.OVERCURRENT
    assert len(line.log) == 2


def test_a_short_excess_never_counts():
    line = Line().state(STATE_C)
    for _ in range(20):
        line.samples(7, 320, 0, 0)
        line.samples(1, 160, 0, 0)
    assert line.log == [] and line.bits == 0
    line.samples(5, 320, 0, 0)
    line.supervisor.lost(line.now)
    line.samples(5, 320, 0, 0)
    assert line.log == []


def test_what_flows_while_stopping_is_not_judged():
    line = Line().state(STATE_C1)
    assert line.samples(20, 320, 0, 0) == 0
    assert line.log == []


def test_each_stop_lasts_twice_as_long_up_to_16_minutes():
    for start in STARTS:
        for meter in (True, False):
            line = Line(start).state(STATE_C)
            line.regulated(16, 320, 0, 0)
            pauses = []
            for _ in range(6):
                assert line.bits == faults.OVERCURRENT
                line.state(STATE_B)
                seconds = 0
                while line.bits:
                    if meter:
                        line.samples(1, 0, 0, 0)
                    else:
                        line.bits = line.supervisor.lost(line.now)
                        line.now = (line.now + 1000) & MASK
                    seconds += 1
                pauses.append(seconds)
                line.state(STATE_C).regulated(8, 320, 0, 0)
            assert [(pause + 2) // 10 * 10 for pause in pauses] == [60, 120, 240, 480, 960, 960]
            line.state(STATE_A)
            line.samples(1, 0, 0, 0)
            assert line.supervisor.ceiling_da == 0


def test_a_new_car_is_judged_anew():
    line = Line().state(STATE_C)
    line.regulated(16, 320, 0, 0)
    line.state(STATE_A).samples(1, 0, 0, 0)
    assert line.samples(70, 0, 0, 0) == 0
    line.state(STATE_C).regulated(8, 190, 0, 0)
    assert line.supervisor.ceiling_da == 130
    assert line.bits == 0
