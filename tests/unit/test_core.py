"""One charger as a whole: commands, faults and the way from meter to contactor."""

from evse import reasons
from evse.charging import faults
from evse.charging.states import STATE_B, STATE_B1
from helpers_core import FULL, NOON_S, Bench, drawing, refused, still

SMART = {"mode": "Smart", "mains_met": "Eastron3P", "max": 16}


def test_a_car_charges_in_normal_mode():
    bench = Bench({"max": 16})
    bench.charge()
    bench.run(10000)
    assert bench.core.charger.offered_da == 160
    assert bench.status.state_id == 2


def test_smart_holds_the_mains_limit_from_the_meter():
    bench = Bench(SMART)
    bench.house = 40
    bench.charge()
    bench.run(60000)
    assert bench.core.charger.offered_da == 160
    bench.house = 150
    bench.run(10000)
    assert 60 <= bench.core.charger.offered_da <= 100
    assert bench.status.limit_name == "mains"


def test_losing_the_meter_stops_smart_and_its_return_starts_again():
    bench = Bench(SMART)
    bench.house = 40
    bench.charge()
    bench.house = None
    bench.run(25000)
    assert not bench.core.charger.c1
    assert bench.status.error_id == 2
    bench.car = "B"
    bench.house = 40
    bench.run(10000)
    bench.car = "C"
    bench.run(3000)
    assert bench.core.charger.c1
    assert bench.status.error_id == 0


def test_losing_the_meter_in_normal_goes_down_to_min_and_never_stops():
    bench = Bench({"mains_met": "Eastron3P", "max": 16})
    bench.house = 40
    bench.charge()
    bench.run(30000)
    bench.house = None
    for _ in range(60):
        bench.run(1000)
        assert bench.core.charger.c1
    assert bench.core.charger.offered_da == 60


def test_off_and_pause_stop_in_order_and_outlive_a_mode():
    for name, access in (("Off", 0), ("Pause", 2)):
        bench = Bench()
        bench.charge()
        bench.core.command("mode", name, "REST")
        bench.run(50)
        assert bench.core.charger.duty == FULL
        assert bench.core.charger.c1  # the car has 6 s to stop drawing
        bench.car = "B"
        bench.run(100)
        assert not bench.core.charger.c1
        assert bench.settings.states["access"] == access
        assert bench.status.mode == name


def test_no_remote_command_closes_the_contactor_without_a_car():
    bench = Bench(SMART)
    for name, value in (("mode", "Normal"), ("mode", 3), ("override", 100)):
        bench.core.command(name, value, "REST")
        bench.run(5000)
        assert not bench.core.charger.c1


def test_commands_out_of_range_are_refused_and_change_nothing():
    bench = Bench()
    for name, value in (("mode", "Turbo"), ("mode", 9), ("mode", True), ("mode", None),
                        ("override", 59), ("override", 131), ("override", "60"),
                        ("nonsense", 1), ("set", ("max", 32)), ("set", ("nonsense", 1)),
                        ("reading", ("mains", 1, 2, 3)), ("reading", ("moon", 1, 2, 3)),
                        ("fault", "ignore")):
        assert refused(bench, name, value).reason
    assert bench.settings.get("max") == 13
    assert bench.core.override_da == 0
    assert bench.status.mode == "Normal"


def test_smart_needs_a_meter_and_solar_is_not_there_yet():
    bench = Bench()
    assert "mains meter" in refused(bench, "mode", "Smart").reason
    assert refused(bench, "mode", "Solar").field == "mode"


def test_taking_the_meter_away_brings_the_mode_back_to_normal():
    bench = Bench(SMART)
    bench.core.command("set", ("mains_met", "Disabled"), "installer")
    assert bench.status.mode == "Normal"


def test_readings_that_are_no_currents_arerefused():
    bench = Bench({"mains_met": "API"})
    for value in (("mains", 1, 2), ("mains", 1, 2, "3"), ("mains", 1, 2, 3.0),
                  ("mains", 1, 2, 100000), ("mains",), (), 5, None):
        refused(bench, "reading", value)
    assert not bench.status.mains_fresh
    bench.core.command("reading", ("mains", 1, 2, 3), "REST")
    assert bench.status.mains_fresh


def test_override_limits_the_current_and_a_mode_ends_it():
    bench = Bench()
    bench.charge()
    bench.core.command("override", 80, "REST")
    bench.run(3000)
    assert bench.core.charger.offered_da == 80
    assert bench.status.limit_name == "override"
    bench.core.command("mode", "Normal", "REST")
    bench.run(8000)
    assert bench.core.charger.offered_da == 130


def test_heat_lowers_the_current_then_stops_it_and_ten_degrees_bring_it_back():
    bench = Bench({"max": 16})
    bench.charge()
    bench.run(8000)
    bench.temperature = 600
    bench.run(2000)
    assert bench.core.charger.offered_da == 110
    assert bench.status.limit_name == "temperature"
    bench.temperature = 650
    bench.run(2000)
    assert bench.core.charger.faults & faults.TEMP_HIGH
    bench.car = "B"
    bench.temperature = 560
    bench.run(3000)
    assert bench.core.charger.faults & faults.TEMP_HIGH
    bench.temperature = 550
    bench.run(5000)
    assert not bench.core.charger.faults & faults.TEMP_HIGH


def test_residual_current_opens_within_a_tick_and_needs_a_reset():
    bench = Bench({"rcmon": "Enabled"})
    bench.charge()
    bench.rcm = True
    bench.run(10)
    assert bench.opened
    bench.run(50)
    assert not bench.core.charger.c1
    bench.rcm = False
    bench.car = "B"
    bench.run(60000)
    assert bench.core.charger.state == STATE_B1
    assert bench.status.error_id == 5
    bench.core.command("fault", "reset", "LCD")
    bench.run(10000)
    bench.car = "C"
    bench.run(2000)
    assert bench.core.charger.c1


def test_an_rcm_line_nobody_enabled_is_ignored():
    bench = Bench()
    bench.rcm = True
    bench.charge()


def test_reset_of_a_residual_current_that_is_still_there_isrefused():
    bench = Bench({"rcmon": "Enabled"})
    bench.run(1000)
    bench.rcm = True
    bench.run(1000)
    assert refused(bench, "fault", "reset", "LCD").field == "fault"
    assert bench.core.charger.faults & faults.RCM_TRIPPED


def test_a_line_that_was_never_quiet_is_a_missing_sensor_until_it_is():
    bench = Bench({"rcmon": "Enabled"})
    bench.rcm = True
    bench.car = "B"
    bench.run(20000)
    assert bench.status.faults & (faults.RCM_MISSING | faults.RCM_TRIPPED) == faults.RCM_MISSING
    assert bench.status.error_id == 5
    assert bench.core.charger.state != STATE_B
    bench.rcm = False
    bench.charge()
    assert not bench.status.faults & faults.RCM_MISSING


def test_nothing_charges_until_the_start_delay_is_over():
    bench = Bench(delay_s=40)
    bench.car = "B"
    bench.run(35000)
    assert bench.core.charger.state == STATE_B1
    assert bench.status.reason_text == "waits after power returned"
    bench.run(10000)
    bench.car = "C"
    bench.run(2000)
    assert bench.core.charger.c1


def test_uptime_counts_seconds_through_the_wrap():
    bench = Bench()
    bench.run(20000)
    assert 19 <= bench.status.uptime_s <= 20


def test_secrets_do_not_leave():
    bench = Bench({"wifi_password": "hush"})
    assert bench.status.setting("wifi_password") is True


def test_a_cable_is_read_whenever_it_makes_contact():
    for phase in range(0, 500, 50):
        bench = Bench({"max": 32})
        bench.proximity = 3300
        bench.run(3000 + phase)
        bench.proximity = 595
        bench.charge()
        bench.run(8000)
        assert bench.core.charger.offered_da == 320, phase


def test_a_cable_is_not_read_again_while_charging():
    bench = Bench({"max": 32})
    bench.charge()
    bench.run(8000)
    bench.proximity = 3300
    bench.run(8000)
    assert bench.core.charger.offered_da == 320


def test_a_file_cannot_bring_smart_without_a_meter():
    bench = Bench({"mode": "Smart"})
    assert bench.status.mode == "Normal"
    bench.charge()
