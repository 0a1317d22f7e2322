"""The view from outside: what each fact says, and that looking changes nothing."""

from evse import reasons
from evse.bus import doctor as codes
from evse.bus.doctor import Doctor
from evse.charging import faults
from evse.power import readings
from helpers_core import NOON_S, Bench, Board, drawing


def test_a_charger_at_rest():
    bench = Bench({"max": 16})
    bench.run(1000)
    status = bench.status
    assert (status.version, status.board, status.serial) == ("v4.0.0", "test", 1)
    assert (status.state_id, status.state_name, status.reason) == (0, "Ready to Charge",
                                                                   reasons.NO_CAR)
    assert not status.car_connected
    assert not status.charging
    assert (status.access, status.mode, status.mode_id, status.setting_mode_id) == (1, "Normal",
                                                                                  1, 0)
    assert (status.error_id, status.error_name, status.fault_name, status.faults) == (
        0, "None", "None", 0)
    assert (status.offered_da, status.override_da, status.pwm1024) == (0, 0, 1024)
    assert (status.mains_age_ms, status.ev_age_ms, status.ev_w, status.ev_wh) == (-1,) * 4
    assert not status.mains_fresh
    assert (status.timer_mode, status.timer_start, status.timer_stop, status.timer_repeat,
            status.timer_words()) == ("", 0, 0, 0, "")
    assert (status.session_number, status.session_wh, status.session_s, status.session_card) == (
        0, 0, 0, "")
    assert (status.lock_state, status.woke, status.phases, status.c2_option) == ("", -1, 0, 0)
    assert (status.clock_s, status.ev_state()) == (0, None)
    assert list(status.fault_rows()) == []


def test_a_charger_at_work():
    bench = Bench({"max": 16, "ev_meter": "Eastron3P", "contact_2": "Always On"}, clock_s=NOON_S)
    bench.meter = drawing
    bench.charge()
    bench.run(6000)
    status = bench.status
    assert (status.state_id, status.state_name) == (2, "Charging")
    assert status.reason_text() == "charging"
    assert status.car_connected
    assert status.charging
    assert (status.grant_da, status.offered_da, status.limit_name) == (160, 160, "MAX")
    assert status.pwm1024 == 273
    assert (status.ev_da(0), status.ev_w) == (160, 11040)
    assert 0 <= status.ev_age_ms <= 1000
    assert (status.phases, status.c1_count, status.c2_count, status.c2_option) == (3, 1, 1, 3)
    assert (status.session_number, status.woke) == (1, 0)
    assert status.temp == 25
    assert status.clock_s >= NOON_S
    assert status.uptime_s >= 13
    assert 1000 < status.heap_low <= status.heap_free


def test_facts_are_of_the_last_refresh():
    bench = Bench()
    status = bench.status
    bench.charge()
    assert status.state_id == 0
    status.refresh()
    assert status.state_id == 2


def test_free_memory_is_a_fact_that_is_refreshed_in_a_step_of_its_own():
    status = Bench().status
    status.heap_free, status.heap_low = 0, 1 << 29
    status.refresh()
    assert status.heap_free == 0
    steps = status.refreshing()
    next(steps)
    next(steps)
    assert status.heap_free == 0
    next(steps)
    assert status.heap_low == status.heap_free > 1000
    status.heap_low = 7
    assert list(status.refreshing()) == ["", "", ""]
    assert status.heap_low == 7 < status.heap_free


def test_off_and_pause_go_before_the_mode():
    bench = Bench({"mains_met": "API"})
    for mode, number, setting in (("Smart", 3, 1), ("Pause", 4, 1), ("Off", 0, 1),
                                  ("Normal", 1, 0)):
        bench.command("mode", mode)
        status = bench.status
        assert (status.mode, status.mode_id, status.setting_mode_id) == (mode, number, setting)


def test_waiting_for_current_is_part_of_the_state_and_no_error():
    bench = Bench({"mains_met": "API", "mode": "Smart", "mains": 10})
    bench.house = 200
    bench.car = "B"
    bench.run(10000)
    status = bench.status
    assert status.faults & faults.LESS_6A
    assert (status.error_id, status.error_name) == (0, "None")
    assert status.state_name.endswith(" - No Power Available"), status.state_name
    assert ("No Power Available", "nothing", "by itself") in list(status.fault_rows())


def test_each_fault_tells_what_it_stops_and_how_it_clears():
    bench = Bench()
    stops = {"nothing": 0, "in order": 0, "at once": 0}
    clears = {"by itself": 0, "after a pause": 0, "by reset": 0}
    for fault in faults.FAULTS:
        bench.core.charger.faults = fault[0]
        (name, stop, clear), = bench.status.fault_rows()
        assert name == fault[2]
        stops[stop] += 1
        clears[clear] += 1
        if fault[0] != faults.LESS_6A:
            assert bench.status.fault_name == fault[2]
            assert bench.status.error_id == fault[1]
    assert all(stops.values()) and all(clears.values())
    bench.core.charger.faults = faults.RCM_TRIPPED
    assert list(bench.status.fault_rows()) == [("RCM Tripped", "at once", "by reset")]
    bench.core.charger.faults = faults.TEMP_HIGH | faults.STORAGE
    assert [row[1:] for row in bench.status.fault_rows()] == [("in order", "by itself"),
                                                              ("nothing", "by itself")]


def test_a_fault_is_named_in_the_reason_by_what_blocks():
    bench = Bench()
    bench.car = "B"
    bench.run(5000)
    bench.core.fault(faults.STORAGE | faults.EV_NOCOMM | faults.LOCK, True)
    bench.run(100)
    assert bench.status.reason_text() == "stopped by a fault: Lock Failure"


def test_the_timer_is_the_reason_while_it_waits_from_the_first_look_on():
    bench = Bench({"tz": "UTC0"}, clock_s=NOON_S)
    bench.car = "B"
    bench.run(5000)
    bench.command("timer", ("Normal", NOON_S + 3600, NOON_S + 7200, 1))
    bench.run(1000)
    status = bench.status
    assert status.reason_text() == status.timer_words() == "starts today 13:00 daily"
    assert (status.timer_mode, status.timer_start, status.timer_stop, status.timer_repeat) == (
        "Normal", NOON_S + 3600, NOON_S + 7200, 1)
    bench.command("mode", "Off")
    bench.run(100)
    assert bench.status.reason_text() == "switched off"


def test_moments_are_told_in_local_time():
    bench = Bench({"tz": "CET-1CEST,M3.5.0,M10.5.0/3"})
    assert bench.status.local(NOON_S) == "2026-09-22T14:00"
    bench.command("set", ("tz", "UTC0"), "LCD")
    assert bench.status.local(NOON_S) == "2026-09-22T12:00"


def test_events_come_with_words():
    bench = Bench()
    bench.run(3000)
    bench.command("mode", "Pause")
    events = list(bench.status.events())
    assert events[0][2:] == ("started", 0, 0)
    assert [number for number, _, _, _, _ in events] == list(range(len(events)))
    assert ("mode changed", 4, 0) in [event[2:] for event in events]


def test_mains_and_their_age():
    bench = Bench({"mains_met": "API"})
    bench.run(1000)
    bench.command("reading", ("mains", 10, -20, 30, None, 5000))
    assert bench.status.mains_out_wh == -1
    bench.command("reading", ("mains", 10, -20, 30, None, None, 700))
    bench.run(2000)
    status = bench.status
    assert status.mains_out_wh == 700
    assert [status.mains_da(phase) for phase in range(3)] == [10, -20, 30]
    assert status.mains_fresh
    assert 1900 <= status.mains_age_ms <= 2000
    assert status.mains_wh == 5000
    assert bench.core.readings.fresh(readings.MAINS, bench.core.now)


def test_the_lock_s_state():
    bench = Bench({"config": "Socket", "lock": "Solenoid"}, board=Board())
    bench.board.kind = 1
    bench.run(5000)
    assert bench.status.lock_state == "unlocked", bench.status.lock_state
    bench.car = "B"
    seen = []
    for _ in range(60):
        bench.run(100)
        if bench.status.lock_state not in seen:
            seen.append(bench.status.lock_state)
    assert seen == ["moving", "locked"], seen


def test_a_cycle_is_summed_up_where_there_is_one():
    bench = Bench()
    assert bench.status.cycle_summary() is None


def test_looking_changes_nothing():
    bench = Bench({"max": 16})
    bench.charge()
    before = (bench.journal.count, dict(bench.core.charger.__dict__),
              dict(bench.settings.states), bench.settings.changed)
    for _ in range(5):
        status = bench.status
        list(status.fault_rows())
        list(status.events())
        status.setting("wifi_password")
        status.local(NOON_S)
    assert before == (bench.journal.count, dict(bench.core.charger.__dict__),
                      dict(bench.settings.states), bench.settings.changed)


def test_the_sun_the_house_leaves_and_the_home_battery():
    bench = Bench({"mains_met": "API", "mode": "Solar"})
    bench.run(1000)
    status = bench.status
    assert (status.battery_da, status.battery_age_ms, status.battery_expired) == (0, -1, False)
    bench.command("battery", 100)
    bench.command("reading", ("mains", 0, 0, -10))
    bench.run(2000)
    status = bench.status
    assert (status.battery_da, status.battery_expired) == (100, False)
    assert 1900 <= status.battery_age_ms <= 2000
    amps = [status.solar_da(phase) for phase in range(3)]
    assert amps == [-34, -33, -43]
    assert [status.mains_da(phase) for phase in range(3)] == [0, 0, -10]
    bench.command("battery", -5)
    assert [bench.status.solar_da(phase) for phase in range(3)] == [1, 2, -8]
    # Only in Solar.
    bench.command("mode", "Smart")
    assert [bench.status.solar_da(phase) for phase in range(3)] == [0, 0, -10]
    bench.run(61000)
    status = bench.status
    assert (status.battery_da, status.battery_age_ms, status.battery_expired) == (0, -1, True)


def test_all_of_the_battery_is_on_the_one_phase_in_use():
    bench = Bench({"mains_met": "API", "mode": "Solar", "contact_2": "Always Off",
                   "phase_rotation": "L2L3L1"})
    bench.run(1000)
    bench.command("battery", 100)
    bench.command("reading", ("mains", 0, 0, -10))
    assert [bench.status.solar_da(phase) for phase in range(3)] == [0, -100, -10]


def test_waiting_for_sun_is_part_of_the_state():
    bench = Bench({"mains_met": "API", "mode": "Solar"})
    bench.house = 20
    bench.car = "B"
    bench.run(10000)
    status = bench.status
    assert status.state_name.endswith(" - Waiting for Solar"), status.state_name
    assert status.reason_text() == "waits for more sun"
    assert (status.error_id, status.solar_left_s) == (0, 0)


def test_the_circuit_where_it_is_measured():
    assert Bench({"circuit": 20}).status.circuit_limit_da is None
    bench = Bench({"mains_met": "API", "circt_met": "API", "circuit": 20})
    bench.run(1000)
    assert (bench.status.circuit_limit_da, bench.status.circuit_age_ms) == (200, -1)
    bench.command("reading", ("circuit", 10, 20, 30))
    bench.run(1000)
    status = bench.status
    assert [status.circuit_da(phase) for phase in range(3)] == [10, 20, 30]
    assert 900 <= status.circuit_age_ms <= 1000


def test_the_capacity_tariff():
    bench = Bench()
    bench.run(1000)
    assert bench.status.capacity() == (None, 0, 0, 0, 0)
    assert bench.status.intervals() == ()
    bench.command("intervals", [[0, 6000], [420, 2500]], "LCD")
    assert bench.status.intervals() == ((0, 6000), (420, 2500))
    bench = Bench({"mains_met": "API", "mode": "Smart", "cap_mode": "Fixed", "capacity": 30})
    bench.run(3000)
    assert bench.status.capacity()[0] == 300
    bench = Bench({"mains_met": "API", "mode": "Smart", "cap_mode": "Flanders", "tz": "UTC0"},
                  clock_s=NOON_S + 60)
    bench.house = 10
    bench.run(5000)
    limit, used, budget, left, peak = bench.status.capacity()
    assert (budget, peak) == (625, 2500)
    assert 800 <= left <= 840
    assert 0 < used < 60
    assert limit > 0


def test_the_doctor_and_the_registers():
    bench = Bench()
    assert bench.status.doctor() == ("", "idle", 0)
    assert list(bench.status.doctor_rows()) == []
    bench.core.doctor = doctor = Doctor(None, None, bench.core, None, None, "bus")
    doctor.find(codes.SAME_ADDRESS, "mains, ev", 12)
    doctor.percent = 40
    assert bench.status.doctor() == ("bus", "running", 40)
    (code, what, where, _, mistake), = bench.status.doctor_rows()
    assert (code, what, where) == (codes.SAME_ADDRESS, "Address 12 is set twice", "mains, ev")
    assert mistake
    doctor.state = "done"
    bench.command("doctor", "bus", "REST")
    assert bench.status.doctor() == ("bus", "running", 0)
    assert list(bench.status.doctor_rows()) == []
    assert bench.status.register(0x0102) == 6
    assert bench.status.register(0x7777) is None


def test_the_grid_relay():
    bench = Bench()
    assert not bench.status.relay_open
    bench.core.relay_open = True
    assert bench.status.relay_open


def test_rows_of_the_group():
    bench = Bench({"mains_met": "API", "mode": "Smart"})
    bench.run(1000)
    row, = bench.status.evse_rows()
    assert row == (0, "Smart", False, False, 0, "no car connected", "", False)
    bench = Bench({"mains_met": "API", "mode": "Smart", "pwr_share": "Master"})
    bench.house = 0
    bench.run(1000)
    group = bench.core.group
    group.heard(3, True, False, 2, 160, 0, bench.now)
    group.heard(5, True, False, 0, 160, 0, bench.now)
    bench.run(1000)
    for _ in range(9):
        group.missed(5, bench.now)
    bench.command("mode", "Pause")
    rows = list(bench.status.evse_rows())
    assert [row[0] for row in rows] == [0, 3, 5]
    assert [row[1] for row in rows] == ["Pause", "Solar", "Normal"]
    assert [row[2] for row in rows] == [False, True, False]
    assert [row[7] for row in rows] == [False, False, True]
    assert rows[1][5] == "waits for more sun"
    assert rows[0][5] == "no car connected"
    group.heard(3, True, False, 0, 160, 0, bench.now)
    bench.run(3000)
    assert list(bench.status.evse_rows())[1] == (
        3, "Normal", True, False, 60, "waits for the car", "start of session", False)
    group.heard(3, True, True, 0, 160, 0, bench.now)
    assert list(bench.status.evse_rows())[1][5] == "charging"
    group.heard(3, False, False, 0, 160, 0, bench.now)
    assert list(bench.status.evse_rows())[1][5] == ""


class Panel:
    """A display."""

    lit_s = 17
    level = 90
    data = b"\1" * 1024

    def screen(self):
        return self.data


def test_the_display():
    bench = Bench()
    status = bench.status
    assert (status.panel(), status.screen()) == (None, None)
    assert (status.backlight_s, status.backlight) == (0, -1)
    bench.core.panel = panel = Panel()
    status = bench.status
    assert status.panel() is panel
    assert type(status.screen()) is memoryview
    assert len(status.screen()) == 1024
    assert (status.backlight_s, status.backlight) == (17, 90)
    panel.data = None
    assert bench.status.backlight == -1
    assert status.screen() is None


def test_what_later_issues_show_is_not_there_yet():
    status = Bench().status
    assert (status.portal, status.update, status.wizard, status.ip) == (None, None, False, "")
    assert (status.capacity_left_s, status.delay_s) == (0, 0)


def test_events_from_a_number_on_and_from_one_that_has_not_come_yet():
    bench = Bench()
    numbers = [event[0] for event in bench.status.events()]
    assert len(numbers) > 0
    assert [event[0] for event in bench.status.events(numbers[-1])] == numbers[-1:]
    assert list(bench.status.events(numbers[-1] + 1)) == []
    assert [event[0] for event in bench.status.events(numbers[-1] + 2)] == numbers
