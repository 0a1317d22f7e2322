"""What the charger did lately: periods of control in bins, and ten minutes second by second."""

from evse import reasons
from evse.cycle import Cycle, Recent, packed, unpacked
from evse.power import readings as sources
from helpers_core import Bench

SETTINGS = {"mains_met": "API", "mains": 25, "max": 16, "config": "Fixed", "mode": "Smart"}


def test_periods_are_counted_by_their_length():
    cycle = Cycle(2 ** 30 - 5)
    for now in (3, 11, 32, 432):
        cycle.note(now)
    assert list(cycle.bins) == [2, 0, 0, 0, 1, 0, 0, 0, 1]
    assert cycle.summary() == {"count": 4, "late": 2, "worst_ms": 400}


def test_a_current_in_one_byte():
    for da in range(-3000, 3001):
        back = unpacked(packed(da))
        assert abs(back) <= abs(da) and 0 <= packed(da) < 256, da
        assert back * da >= 0, da
        if abs(da) < 320:
            assert abs(da - back) < 5, da
        elif abs(da) < 2210:
            assert abs(da - back) < 30, da
    assert unpacked(packed(-3)) == 0


def seconds(recent, core, first, last):
    for uptime_s in range(first, last + 1):
        core.journal.uptime_s = uptime_s
        recent.note(core)
        recent.note(core)


def test_ten_minutes_are_kept_and_no_more():
    bench = Bench(SETTINGS)
    bench.house = 30
    bench.charge()
    bench.run(30_000)
    core = bench.core
    recent = Recent()
    seconds(recent, core, 1, 10)
    rows = list(recent.rows())
    assert [row[0] for row in rows] == list(range(1, 11))
    mains = [unpacked(packed(core.readings.amps[sources.MAINS][phase])) for phase in range(3)]
    assert rows[-1][:5] == [10, 5, "C", reasons.CHARGING, core.regulator.grant_da[0] // 5 * 5]
    assert rows[-1][5:] == mains + [0]
    assert mains[0] > 100
    seconds(recent, core, 11, 1500)
    assert [row[0] for row in recent.rows()] == list(range(901, 1501))


def test_seconds_that_were_skipped_are_not_those_of_before():
    core = Bench(SETTINGS).core
    recent = Recent()
    seconds(recent, core, 1, 600)
    seconds(recent, core, 620, 621)
    found = [row[0] for row in recent.rows()]
    assert found == list(range(22, 601)) + [620, 621]
    seconds(recent, core, 5000, 5000)
    assert [row[0] for row in recent.rows()] == [5000]


def test_mains_that_nobody_knows_are_not_told():
    bench = Bench(SETTINGS)
    recent = Recent()
    seconds(recent, bench.core, 1, 1)
    assert not next(recent.rows())[1] & 4
