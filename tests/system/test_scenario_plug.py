"""The plug in the closed loop: what can be fitted, happen and go wrong there, on real decisions.

Each run is the shipped code against the world; what must hold is read off the world, the trace and
the charger's journal.
"""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import scenario as scenarios  # noqa: E402

C = 2
NIGHT = "2026-06-01T"
ANN, BOB, NOBODY = "04A2B3C4D5E6F7", "04A2B3C4D5E6F8", "04A2B3C4D5E6F9"


class Run:
    """One run of 16 A Smart with the car plugged in from 5 s on."""

    def __init__(self, settings=None, car=None, events=(), evse=None, duration_s=300, **more):
        document = {
            "duration_s": duration_s, "trace": True, "journal": True, "sessions": True,
            "settings": {"mode": "Smart", "max": 16, **(settings or {})},
            "evses": [{"car": {"plugged": [[5, duration_s + 1]], **(car or {})}, **(evse or {})}],
            "events": list(events), **more}
        self.result = scenarios.run(scenarios.normalise(document))
        self.evse = self.result["evses"][0]
        self.columns = self.result["trace_columns"]

    def at(self, moment):
        """The row of the trace in force at ``moment`` s, by column."""
        rows = [row for row in self.result["trace"] if row[0] <= moment]
        return dict(zip(self.columns, rows[-1]))

    def drew(self, moment):
        """Phases with current at ``moment``."""
        row = self.at(moment)
        return [phase for phase in (1, 2, 3) if row["ev_l%d_ma" % phase] > 1000]

    def when(self, reason):
        """Moments of this entry in the journal, with its two values."""
        return [(entry[0], *entry[2:]) for entry in self.result["journal"] if entry[1] == reason]

    def closings(self):
        """Moments at which contactor 1 closed."""
        index = self.columns.index("c1")
        rows = self.result["trace"]
        return [row[0] for before, row in zip(rows, rows[1:]) if row[index] > before[index]]


pytestmark = pytest.mark.usefixtures("sim_build")


# ---- contactors and phases ----

@pytest.mark.parametrize("option, phases", [
    ("Not present", [1, 2, 3]), ("Always Off", [1]), ("Solar Off", [1, 2, 3]),
    ("Always On", [1, 2, 3]), ("Auto", [1, 2, 3])])
@pytest.mark.parametrize("mode", ["Normal", "Smart"])
def test_phases_by_the_option_of_contactor_2(option, phases, mode):
    run = Run({"contact_2": option, "mode": mode}, duration_s=60)
    assert run.drew(50) == phases
    assert "violations" not in run.evse
    assert run.evse.get("c2_closings") == {"Not present": None, "Always Off": 0}.get(option, 1)


def test_contactor_2_follows_the_first_and_never_leads():
    run = Run({"contact_2": "Always On"}, events=[[60, "command", "access", "off"]],
              duration_s=90)
    c1, c2 = run.columns.index("c1"), run.columns.index("c2")
    pairs = [(row[0], row[c1], row[c2]) for row in run.result["trace"]]
    closed = [moment for moment, one, _ in pairs if one]
    both = [moment for moment, one, two in pairs if one and two]
    assert both[0] - closed[0] == pytest.approx(0.05)
    assert not [moment for moment, one, two in pairs if two and not one]


def test_phases_change_at_rest_with_the_pilot_open():
    run = Run({"contact_2": "Always On", "c2_pause_s": 20},
              events=[[120, "set", "contact_2", "Always Off"],
                      [240, "set", "contact_2", "Always On"]], duration_s=360)
    assert run.drew(110) == [1, 2, 3] and run.drew(230) == [1] and run.drew(350) == [1, 2, 3]
    assert "violations" not in run.evse
    assert run.evse["c2_closings"] == 2
    index = run.columns.index("connect")
    rows = run.result["trace"]
    opened = [row[0] for before, row in zip(rows, rows[1:]) if row[index] < before[index]]
    joined = [row[0] for before, row in zip(rows, rows[1:]) if row[index] > before[index]]
    assert len(opened) == len(joined) == 2
    for begin, end in zip(opened, joined):
        assert end - begin == pytest.approx(20, abs=0.1)


def test_a_weld_of_contactor_2_leaves_three_phases_and_is_found():
    run = Run({"contact_2": "Always Off"}, ev_meter={"period_s": 1}, duration_s=60,
              events=[[1, "world", "contactor_2", "welded"]])
    evidence = run.when("weld_evidence")
    assert len(evidence) == 1 and evidence[0][1] & 6
    assert run.at(59)["c1"] == 0


def test_a_weld_of_contactor_1_is_found_by_the_current_that_goes_on():
    run = Run(car={"ignores_stop": True}, ev_meter={"period_s": 1}, duration_s=120,
              events=[[60, "world", "contactor_1", "welded"],
                      [70, "command", "access", "off"],
                      [90, "command", "access", "on"]])
    moment, mask, amps = run.when("weld_evidence")[0]
    assert 76 < moment < 84 and mask == 7 and amps == pytest.approx(160, abs=2)
    assert run.evse["starts"] == 1, "a welded contactor is not closed again"
    assert run.evse["violations"] == {"opened_under_load": 1}, "forced open after 6 s"


def test_a_contactor_that_stays_open_is_told_and_stops_nothing():
    run = Run(ev_meter={"period_s": 1}, duration_s=120,
              events=[[1, "world", "contactor_1", "stuck"]])
    assert 60 <= run.when("no_current_evidence")[0][0] <= 80
    assert run.at(119)["c1"] == 1 and run.result["metrics"]["kwh"] == 0


# ---- waking ----

@pytest.mark.parametrize("floating_mv", [0, 3000, 9000, 12000, -12000])
@pytest.mark.parametrize("wake, step", [("interruption", 1), ("long", 2), ("f", 3)])
def test_the_ladder_wakes_whom_it_can(wake, step, floating_mv):
    run = Run(car={"wake": wake, "asleep": True}, evse={"floating_mv": floating_mv})
    assert [entry[1] for entry in run.when("wake_step")] == list(range(1, step + 1))
    assert [entry[1] for entry in run.when("woke")] == [step]
    assert run.result["sessions"][0]["woke"] == step
    assert not run.when("car_unplugged"), "an open line is no unplugging"
    opened = [run.at(moment + 3) for moment, *_ in run.when("wake_step")[:2]]
    assert all(row["connect"] == 0 and row["pilot_mv"] == floating_mv for row in opened)


def test_who_never_wakes_is_left_alone():
    run = Run(car={"wake": "never", "asleep": True}, duration_s=590)
    assert [entry[1] for entry in run.when("wake_step")] == [1, 2, 3]
    assert run.evse["starts"] == 0 and run.at(580)["duty"] < 65536


def test_a_car_that_fell_asleep_during_a_pause_is_woken():
    run = Run(car={"wake": "interruption", "sleep_s": 60}, duration_s=400,
              events=[[60, "command", "access", "pause"], [200, "command", "access", "on"]])
    assert [entry[1] for entry in run.when("woke")] == [0, 1]
    assert run.evse["starts"] == 2


def test_a_car_unplugged_during_an_interruption_is_missed_after_it():
    run = Run(car={"wake": "never", "asleep": True, "plugged": [[5, 110]]},
              evse={"floating_mv": 9000}, duration_s=200)
    assert run.when("wake_step")[1][0] < 110, "pulled while the pilot was open"
    assert run.at(199)["state"] == 0 and run.at(199)["duty"] == 65536


# ---- too much current ----

def test_a_car_that_takes_too_much_is_held_down():
    run = Run(car={"over_da": 30, "max_da": 320}, ev_meter={"period_s": 1})
    assert run.when("overcurrent_evidence")
    assert run.at(299)["c1"] == 1
    assert run.at(299)["ev_l1_ma"] <= 16_100, "what it takes is what it may"
    assert run.at(299)["limit"] == "limit_overcurrent"


def test_a_car_that_heeds_nothing_is_stopped():
    run = Run({"max": 10}, car={"ignores_offer": True}, ev_meter={"period_s": 1})
    assert len(run.when("overcurrent_evidence")) >= 2
    first = run.closings()[0]
    stopped = [entry[0] for entry in run.when("fault_set") if entry[1] == 1 << 16]
    assert stopped[0] - first < 30
    assert "violations" not in run.evse, "it is told to stop, not cut off"


def test_without_an_ev_meter_nothing_is_said_about_the_car():
    run = Run(car={"over_da": 30, "max_da": 320}, duration_s=120)
    assert not run.when("overcurrent_evidence")


# ---- residual current, temperature ----

def test_a_residual_current_opens_at_once_and_a_hand_resets_it():
    press = [[t, "world", "switch", down] for t, down in
             ((70, True), (70.5, False), (90, True), (90.5, False))]
    run = Run({"rcmon": "Enabled", "switch": "Custom B"}, duration_s=150,
              events=sorted(press + [[60, "world", "rcm", True], [80, "world", "rcm", False]]))
    opened = next(row[0] for row in run.result["trace"] if row[0] >= 60)
    assert opened == 60 and run.at(60)["c1"] == 0
    assert run.evse["violations"] == {"opened_under_load": 1}
    assert run.at(89)["c1"] == 0, "the line is quiet, but nobody has reset it"
    assert len(run.closings()) == 2 and run.closings()[1] > 90


def test_a_missing_monitor_is_told_apart_from_a_trip():
    run = Run({"rcmon": "Enabled"}, duration_s=100,
              events=[[0, "world", "rcm_fitted", False], [60, "world", "rcm_fitted", True]])
    assert not run.when("guard_rcm")
    assert run.at(59)["state"] != C and run.at(99)["c1"] == 1


def test_heat_lowers_then_stops_and_ten_degrees_less_resume():
    run = Run(events=[[60, "world", "temp_c", 61], [90, "world", "temp_c", 65],
                      [120, "world", "temp_c", 56], [150, "world", "temp_c", 55]],
              duration_s=200)
    assert run.at(80)["ev_l1_ma"] == pytest.approx(10_000, abs=200)
    assert run.at(119)["c1"] == 0 and run.at(149)["c1"] == 0 and run.at(199)["c1"] == 1
    assert "violations" not in run.evse


# ---- card, lock, switch, timer ----

def test_a_card_at_the_reader_starts_and_only_the_same_one_stops():
    run = Run({"rfid": "EnableOne"}, cards=[ANN + ",Ann", BOB], duration_s=200,
              events=[[1, "command", "access", "off"],
                      [30, "world", "card", NOBODY], [33, "world", "card", None],
                      [60, "world", "card", ANN], [62, "world", "card", None],
                      [100, "command", "swipe", BOB], [150, "command", "swipe", ANN]])
    assert run.at(59)["state"] == 0
    assert len(run.closings()) == 1 and 60 < run.closings()[0] < 70
    assert run.at(140)["c1"] == 1 and run.at(160)["c1"] == 0
    assert [(one["card"], one["by"]) for one in run.result["sessions"]] == [(ANN, "card")]


def test_a_pressed_switch_hides_the_card():
    run = Run({"rfid": "EnableAll"}, cards=[ANN], duration_s=60,
              events=[[1, "command", "access", "off"], [2, "world", "switch", True],
                      [10, "world", "card", ANN]])
    assert not run.when("card_read") and run.evse["starts"] == 0


@pytest.mark.parametrize("kind", ["Solenoid", "Motor"])
def test_nothing_charges_before_the_plug_is_locked(kind):
    run = Run({"config": "Socket", "lock": kind}, duration_s=60)
    assert run.when("lock_moved")[0][0] < run.closings()[0]
    jammed = Run({"config": "Socket", "lock": kind}, duration_s=160,
                 events=[[1, "world", "jammed", True], [80, "world", "jammed", False]])
    assert len(jammed.closings()) == 1 and jammed.closings()[0] > 80
    assert [entry for entry in jammed.when("fault_set") if entry[1] == 1 << 14]


def test_a_plug_pulled_at_the_car_is_released_at_the_socket():
    run = Run({"config": "Socket", "lock": "Motor"}, car={"plugged": [[5, 60], [100, 160]]},
              duration_s=160)
    assert len(run.closings()) == 2
    moved = [(entry[0] // 50, entry[1]) for entry in run.when("lock_moved") if entry[0] > 5]
    assert moved == [(0, 1), (1, -1), (2, 1)]


def test_the_switch_grants_and_takes_access():
    run = Run({"switch": "Access S"}, duration_s=100,
              events=[[30, "world", "switch", True], [70, "world", "switch", False]])
    assert run.at(29)["c1"] == 0 and run.at(60)["c1"] == 1 and run.at(80)["c1"] == 0


@pytest.mark.parametrize("start, stop", [(120, 240), (NIGHT + "00:02", NIGHT + "00:04")])
def test_the_timer_starts_and_stops(start, stop):
    run = Run(duration_s=300, events=[[2, "command", "stop", stop],
                                      [3, "command", "start", start]])
    assert len(run.closings()) == 1 and 120 <= run.closings()[0] < 130
    assert run.at(239)["c1"] == 1 and run.at(246)["c1"] == 0
    assert run.result["sessions"][0]["by"] == "timer"
    assert run.result["sessions"][0]["start"] == pytest.approx(1780264800 + 122, abs=4)


def test_the_timer_waits_for_the_time_of_day():
    run = Run(duration_s=200, clock=None,
              events=[[2, "command", "start", {"at": NIGHT + "00:02"}]])
    assert run.evse["starts"] == 0
    assert [entry for entry in run.when("fault_set") if entry[1] == 1 << 18]


def test_the_timer_comes_again_each_day():
    run = Run(duration_s=86400 + 400, car={"ramp_da_s": 10000}, mains_meter={"period_s": 10},
              events=[[3, "command", "start", {"at": 120, "stop": 240, "daily": True}]])
    assert [int(moment) // 10 for moment in run.closings()] == [12, 8652]


def test_a_command_the_charger_refuses_is_named():
    for event, words in (([1, "command", "phases", 1], "phases is 1 or 3, with contact_2 Auto"),
                         ([1, "command", "swipe", ANN], "RFID reader not enabled"),
                         ([1, "command", "start", "tomorrow"], r"events\[0\]: ")):
        with pytest.raises(scenarios.BadScenario, match=words):
            Run(events=[event], duration_s=5)
    run = Run({"contact_2": "Auto"}, events=[[1, "command", "phases", 1]], duration_s=30)
    assert run.drew(29) == [1, 2, 3], "outside Solar the automatic takes three"


# ---- the meter in the car's lines ----

def test_a_session_is_what_the_meter_counted():
    run = Run(ev_meter={"period_s": 2}, car={"energy_wh": 500, "plugged": [[5, 500]]},
              duration_s=600, site={"voltage": 200})
    (one,) = run.result["sessions"]
    true_wh = run.result["metrics"]["kwh"] * 1000
    assert one["wh"] == pytest.approx(true_wh, abs=4) and not one["estimated"]
    assert one["peak_da"] == pytest.approx(160, abs=1)
    assert true_wh == pytest.approx(500, abs=5)


def test_a_lost_ev_meter_stops_nothing():
    run = Run(ev_meter={"period_s": 1}, duration_s=200, events=[[60, "ev_meter", "off"]])
    assert run.at(199)["c1"] == 1
    assert [entry for entry in run.when("fault_set") if entry[1] == 8]
