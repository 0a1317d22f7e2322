"""evse.details: which limits there are and which of them wins, of a real core."""

from evse import reasons
from evse.charging import faults
from helpers_core import Bench

SETTINGS = {"mains_met": "API", "mains": 25, "max": 16, "config": "Fixed", "mode": "Smart",
            "circuit": 20}


def limits(bench):
    return {row[4]: row for row in bench.status.details("limits")}


def test_max_wins_where_the_mains_leave_more():
    bench = Bench(SETTINGS)
    bench.house = 10
    bench.charge()
    bench.run(40_000)
    rows = limits(bench)
    assert rows["MAX"] == (0, 160, "MAX", reasons.LIMIT_MAX, "MAX", 160, None, True), rows
    assert rows["cable"][5:] == (160, None, False)
    bench.command("override", 80)
    bench.run(3000)
    rows = limits(bench)
    assert rows["override"] == (0, 80, "override", reasons.LIMIT_OVERRIDE, "override", 80, None,
                                True)
    assert not rows["MAX"][-1]


def test_the_group_s_limits_come_and_go():
    bench = Bench(SETTINGS)
    bench.house = 10
    bench.run(5000)
    assert list(bench.status.details("group_limits")) == [
        (reasons.LIMIT_MAINS, "mains", "phase", 250)]
    bench.command("set", ("cap_mode", "Fixed"), "LCD")
    bench.command("set", ("capacity", 40), "LCD")
    bench.core.relay_open = True
    bench.run(3000)
    assert [row[1:] for row in bench.status.details("group_limits")] == [
        ("mains", "phase", 250), ("capacity", "sum", 400), ("grid relay", "sum", 4200 // 23)]
    bench.command("set", ("mode", "Normal"), "LCD")
    bench.run(3000)
    assert [row[1] for row in bench.status.details("group_limits")] == ["mains", "grid relay"]
    bench.command("set", ("normal_mains", "Disabled"), "LCD")
    bench.run(3000)
    assert [row[1] for row in bench.status.details("group_limits")] == ["grid relay"]


def test_a_limit_that_ends_by_itself_says_when():
    bench = Bench(dict(SETTINGS, pwr_share="Master"))
    bench.run(2000)
    assert {row[0] for row in bench.status.details("limits")} == {0}
    row = limits(bench)["share of the group"]
    assert 0 < row[6] <= 20, row
    rows = list(bench.status.details("group_limits"))
    assert (reasons.LIMIT_CIRCUIT, "circuit", "phase", 200) in rows


def test_the_quarters_of_the_tariff():
    bench = Bench(SETTINGS)
    assert list(bench.status.details("quarters")) == []  # without a tariff nobody counts
    bench.command("set", ("cap_mode", "Flanders"), "LCD")
    begin = 1_790_000_100  # of a quarter
    for at in (0, 300, 600, 900):
        bench.core.capacity.second(begin + at, 0, 24_321, 2300, 0 if at == 0 else 300)
    assert list(bench.status.details("quarters")) == [(begin, 2300)]


def test_what_spoke_for_a_fault_is_told_with_it():
    bench = Bench(SETTINGS)
    core = bench.core
    for code in range(reasons.GUARD_LEVEL, reasons.GUARD_STALL + 1):
        core.record(code, 5, 2)
        at, words = list(bench.status.details("evidence"))[-1]
        assert words == reasons.text(code) + ": pilot level 5, state C"
    core.record(reasons.GUARD_SHORT, 5, 2)
    core.record(reasons.WELD_EVIDENCE, 7, 61)
    core.fault(faults.WELDED | faults.LOCK, True)
    core.fault(faults.LOCK, False)
    at = core.journal.uptime_s
    assert [row for row in bench.status.details("evidence") if row[0] == at][-5:] == [
        (at, "opened: pilot shorted: pilot level 5, state C"),
        (at, "current while open: phases 7 (bits), up to 61 x 0.1 A"),
        (at, "fault set: Contactor Welded"), (at, "fault set: Lock Failure"),
        (at, "fault cleared: Lock Failure")]
