"""Since when a reason holds and when it ends: what the page counts down to."""

from evse import reasons
from helpers_core import Bench

SECOND_MS = 1000


def ends(bench, within_s, *followed_by):
    """Run until the reason is another one; its end as first told was right to the second."""
    status = bench.status
    reason, until_s = status.reason, status.reason_until_s
    assert 0 < until_s - status.uptime_s <= within_s, (reason, until_s, status.uptime_s)
    while bench.status.reason == reason or bench.status.reason in followed_by:
        bench.run(SECOND_MS)
        status = bench.status
        assert status.uptime_s <= until_s + 3, (reason, until_s)
        assert status.reason != reason or status.reason_until_s == until_s
    assert abs(status.uptime_s - until_s) <= 3, (reason, until_s, status.uptime_s)
    return reason


def test_a_reason_holds_since_it_came():
    bench = Bench()
    bench.run(5000)
    assert bench.status.reason == reasons.NO_CAR
    assert bench.status.reason_since_s <= 1
    bench.command("access", "Pause")
    bench.car = "B"
    bench.run(3000)
    status = bench.status
    assert status.reason == reasons.PAUSED
    since_s = status.reason_since_s
    assert status.uptime_s - 3 <= since_s <= status.uptime_s
    bench.run(20000)
    assert (bench.status.reason_since_s, bench.status.reason_until_s) == (since_s, 0)


def test_the_wait_after_power_returned():
    bench = Bench(delay_s=40)
    bench.car = "B"
    bench.run(3000)
    assert ends(bench, 40) == reasons.POWER_RETURN


def test_a_random_start():
    bench = Bench({"random_start_s": 60})
    bench.core.dice = lambda most: 30
    bench.car = "B"
    bench.run(3000)
    assert ends(bench, 30) == reasons.LIMIT_DELAY


def test_the_pause_after_a_stop_for_want_of_current():
    bench = Bench({"mains_met": "API", "mode": "Smart", "mains": 20})
    bench.house = 20
    bench.charge()
    bench.run(10000)
    bench.house = 400
    bench.run(15000)
    assert bench.status.reason == reasons.LIMIT_SHORTAGE
    bench.house = 20
    bench.run(2000)
    assert ends(bench, 60) == reasons.LIMIT_SHORTAGE


def test_the_pause_after_a_fault_of_the_pilot():
    bench = Bench()
    bench.charge()
    bench.car = "short"
    bench.run(2000)
    bench.car = "B"
    bench.run(2000)
    ends(bench, 15)


def test_phases_are_switched():
    bench = Bench({"contact_2": "Always On"})
    bench.charge()
    bench.run(2000)
    bench.command("set", ("contact_2", "Always Off"))
    bench.obedient = True
    while bench.status.reason != reasons.SWITCHING_PHASES or not bench.status.reason_until_s:
        bench.run(SECOND_MS)
        assert bench.status.uptime_s < 60
    assert ends(bench, 14, reasons.STOP_DELAY) == reasons.SWITCHING_PHASES


def test_the_sun_a_start_needs():
    bench = Bench({"mains_met": "API", "mode": "Solar", "start": 4, "import": 0})
    bench.house = 20
    bench.run(5000)
    assert (bench.status.solar_free_da, bench.status.solar_needs_da) == (None, None)
    bench.car = "B"
    bench.run(10000)
    status = bench.status
    assert (status.solar_free_da, status.solar_needs_da) == (0, 40)
    bench.house = -7
    bench.run(5000)
    assert bench.status.solar_free_da == 21
    bench.command("mode", "Normal")
    bench.run(2000)
    assert (bench.status.solar_free_da, bench.status.solar_needs_da) == (None, None)


def test_the_car_s_power_and_the_grid_s():
    bench = Bench({"mains_met": "API", "max": 16})
    assert (bench.status.mains_w, bench.status.session_w) == (None, 0)
    bench.house = -50
    bench.charge()
    bench.run(10000)
    status = bench.status
    assert status.session_w == 160 * 3 * 23
    assert status.mains_w is not None
    assert status.session_solar_w in (0, status.session_w)
    bench.car = "A"
    bench.run(3000)
    assert (bench.status.session_w, bench.status.session_solar_w) == (0, 0)
