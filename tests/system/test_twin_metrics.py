"""The judge of a run, against figures worked out by hand: site, limits, each charger's tally."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from twin.car import Car  # noqa: E402
from twin.metrics import Metrics  # noqa: E402
from twin.sampler import Dice, Noise, Sampler  # noqa: E402
from twin.site import Site  # noqa: E402
from twin.tally import Settle  # noqa: E402
from twin.world import World  # noqa: E402


class Bench:
    """A site at 200 V with still cars, whose draws are put there by hand."""

    def __init__(self, count=1, per_phase=False, begun_ms=0):
        self.now = 0
        self.site = Site(200)
        self.worlds = [World(Car(energy_wh=1000), self.site) for _ in range(count)]
        self.metrics = Metrics(self.site, per_phase, begun_ms)
        for tally in self.metrics.tallies:
            tally.reason = "idle"

    def draw(self, number, *milliamps):
        """From now on car ``number`` draws these currents."""
        world = self.worlds[number]
        world.amps()
        world._amps = list(milliamps)

    def wait(self, seconds):
        """Let time pass."""
        self.now += int(seconds * 1000)
        self.metrics.advance_all(self.now)

    def result(self):
        """(metrics, evses, reasons)."""
        return self.metrics.result()


def test_energy_import_export_and_sun_by_hand():
    bench = Bench(2)
    site = bench.site
    site.load_ma, site.pv_ma = [2000, 0, 0], [0, 30000, 0]
    site.circuit_load_ma, site.battery_ma = [0, 3000, 0], [1000, 0, 0]
    bench.wait(360)  # nobody is there: surplus 25 A counts for nothing, 24 A leave
    bench.worlds[0].plug()
    bench.wait(360)  # plugged without drawing: it could have had 25 A
    bench.draw(0, 10000, 10000, 10000)
    bench.wait(360)  # 30 A, of which 25 from the sun; 30 + 2 + 3 + 1 - 30 = 6 A bought
    metrics, evses, why = bench.result()
    hour = 200 / 1000 * 0.1  # kWh for each ampere in 360 s
    assert metrics["kwh"] == evses[0]["kwh"] == pytest.approx(30 * hour, abs=1e-6)
    assert evses[1]["kwh"] == 0
    assert metrics["kwh_export"] == pytest.approx(2 * 24 * hour)
    assert metrics["kwh_import"] == pytest.approx(6 * hour)
    assert metrics["solar_kwh"] == pytest.approx(25 * hour)
    assert metrics["solar_share"] == pytest.approx(25 / 30, abs=1e-6)
    assert metrics["self_use"] == pytest.approx(25 / 50)
    assert evses[0]["mean_a"] == 5 and evses[1]["mean_a"] == 0
    assert why == {"idle": 2 * 1080.0}
    assert evses[1]["reasons"] == {"idle": 1080.0}


def test_import_and_export_phase_by_phase():
    bench = Bench(per_phase=True)
    bench.site.load_ma, bench.site.pv_ma = [10000, 0, 0], [0, 4000, 6000]
    bench.wait(3600)
    metrics = bench.result()[0]
    assert metrics["kwh_import"] == metrics["kwh_export"] == 2


def test_what_is_above_each_limit_by_hand():
    bench = Bench(2)
    bench.metrics.limits(25_000, 16_000, 40_000, 20_000)
    bench.site.load_ma, bench.site.circuit_load_ma = [5000, 1000, 0], [1000, 0, 0]
    bench.draw(0, 10000, 0, 0)
    bench.draw(1, 5000, 0, 0)
    bench.wait(10)  # mains L1 21, circuit L1 16, sum 22, cars 15
    bench.draw(1, 9100, 9000, 0)
    bench.wait(4)  # mains L1 25.1: as much as is let pass; circuit 20.1, sum 35.1, cars 28.1
    bench.draw(1, 12000, 12000, 12000)
    bench.wait(2)  # mains L1 28, circuit 23, sum 53, cars 46
    bench.metrics.limits(25_000, 0, 0, 0)
    bench.wait(1)  # only the mains count now
    bench.draw(1, 0, 0, 0)
    bench.wait(5)
    metrics = bench.result()[0]
    figures = {name: [metrics[key % name] for key in ("over_%s_s", "over_%s_as",
                                                      "worst_over_%s_da")]
               for name in ("mains", "circuit", "sum", "relay")}
    assert figures == {"mains": [3, 9.0, 30], "circuit": [6, 4 * 4.1 + 2 * 7, 70],
                       "sum": [2, 26.0, 130], "relay": [6, 4 * 8.1 + 2 * 26, 260]}


def test_a_relay_that_never_opened_has_no_figures():
    bench = Bench()
    bench.draw(0, 30000, 30000, 30000)
    bench.wait(10)
    metrics = bench.result()[0]
    assert "over_relay_s" not in metrics and "worst_quarter_w" not in metrics
    assert metrics["over_mains_s"] == metrics["over_circuit_s"] == metrics["over_sum_s"] == 0


def test_the_worst_quarter_of_an_hour_by_hand():
    bench = Bench(begun_ms=300_000)
    bench.metrics.quarters.wanted = True
    bench.site.load_ma = [10000, 0, 0]
    bench.wait(600)  # 2 kW for the ten minutes left of the first quarter
    bench.site.load_ma = [20000, 0, 0]
    bench.wait(150)
    bench.site.load_ma = [0, 0, -50000]  # what is sold takes nothing off
    bench.wait(300)
    bench.site.load_ma = [20000, 0, 0]
    bench.wait(450 + 300)  # 4 kW for 600 s of the second quarter, so far for 300 of the third
    assert bench.result()[0]["worst_quarter_w"] == pytest.approx(4000 * 600 / 900, abs=1e-5)
    bench.wait(450)
    assert bench.result()[0]["worst_quarter_w"] == pytest.approx(4000 * 750 / 900, abs=1e-5)


def test_starts_stops_waits_and_reversals_by_hand():
    bench = Bench()
    tally = bench.metrics.tallies[0]
    world = bench.worlds[0]
    bench.wait(10)
    world.plug()
    bench.wait(20)  # waits
    tally.grant(100)
    world.contactors.c1 = True
    tally.contactor(True, True)
    bench.wait(9)
    world.contactors.c1 = False
    tally.contactor(False, True)  # too short to have been a charge
    bench.wait(5)  # waits
    world.contactors.c1 = True
    tally.contactor(True, True)
    bench.wait(60)
    for grant in (130, 128, 133, 110, 0, 140, 139, 150):
        tally.grant(grant)  # up, small, up, down: reversal; a stop is none; up: reversal
    world.contactors.c1 = False
    tally.contactor(False, False)
    tally.contactor(False, True)
    world.car.left_uj = 0
    bench.wait(30)  # full: no longer waiting
    metrics, (evse,), _ = bench.result()
    assert metrics["starts"] == evse["starts"] == evse["stops"] == 2
    assert evse["contactor_ops"] == 4
    assert evse["aborted_starts"] == 1
    assert evse["wait_s"] == 25
    assert evse["reversals"] == 2
    assert evse["max_grant_da"] == 150


@pytest.mark.parametrize("levels, settled", [
    ([], 0), ([5000], 0), ([0, 5000], 1), ([0, 5000, 4600], 1), ([0, 5000, 4400], 2),
    ([9000, 4000, 9000, 9300, 8900], 2), ([9000, 9000, 9400, 9900], 2), ([1, 1, 1], 0),
    ([6000, 0, 6000, 0, 400, 501], 4), ([500, 0], 0), ([501, 0], 1)])
def test_when_a_draw_has_settled(levels, settled):
    settle = Settle()
    for number, level in enumerate(levels):
        settle.note(number + 1, level)
    assert settle.settled() == settled


def test_settling_of_the_slowest_counts():
    bench = Bench(2)
    bench.wait(5)
    bench.draw(0, 6000, 6000, 6000)
    bench.wait(7)
    bench.draw(1, 8000, 0, 0)
    bench.wait(20)
    assert bench.result()[0]["settle_s"] == 12


# ---- the site ----

def test_the_site_adds_up_and_follows_the_wiring():
    site = Site()
    site.load_ma, site.pv_ma = [1000, 2000, 3000], [500, 500, 500]
    site.circuit_load_ma, site.battery_ma = [100, 200, 300], [-10, -20, -30]
    one, other = World(Car(phases=(1,)), site), World(Car(), site)
    other.rotation = (1, 2, 0)
    for world, using in ((one, 1), (other, 3)):
        world.car.draw_ma, world.car._using = 10000, using
    other.car.draw_ma = 4000
    assert [one.number, other.number] == [0, 1]
    assert [other.ev_ma(phase) for phase in range(3)] == [4000, 4000, 0]
    assert other.amps() == [0, 4000, 4000]
    assert [site.ev_ma(phase) for phase in range(3)] == [10000, 4000, 4000]
    assert [site.circuit_ma(phase) for phase in range(3)] == [10100, 4200, 4300]
    assert [site.mains_ma(phase) for phase in range(3)] == [10590, 5680, 6770]


def test_the_next_change_is_that_of_the_first_to_change():
    site = Site()
    worlds = [World(Car(ready_s=ready), site) for ready in (3, 1, 2)]
    assert site.next_change() == (None, None)
    for world in worlds:
        world.plug()
        world.outputs(20000, True, False, False)
    assert site.next_change() == (1000, worlds[1])
    worlds[1].advance(1000)
    assert site.next_change() == (2000, worlds[2])
    worlds[2].unplug()
    assert site.next_change() == (3000, worlds[0])


def test_without_power_nothing_is_closed_and_nobody_is_blamed():
    world = World(Car(dead_s=0.5))
    world.plug()
    world.outputs(20000, True, False, False)
    world.advance(2000)
    world.outputs(20000, True, True, False)
    world.advance(20000)
    assert world.amps() == [16000] * 3
    world.power_off()
    assert world.amps() == [0, 0, 0] and not world.c1 and world.pilot_mv() == (0, 0)
    assert world.contactors.under_load == 0


# ---- what meters deliver ----

def delivered(sampler, until, measure):
    got = []
    for now in range(0, until, 10):
        if sampler.next_change() <= now:
            value = sampler.at(now, measure)
            if value:
                got.append((now, value[0]))
    return got


def test_a_sampler_measures_delays_repeats_and_falls_silent():
    rising = iter(range(100))
    sampler = Sampler(2000, 300, 500, 1000, Noise(1, 0))
    assert delivered(sampler, 5000, lambda: [next(rising), 7, 7, 7]) == [
        (800, 0), (1800, 0), (2800, 1), (3800, 1), (4800, 2)]
    sampler.on = False
    assert sampler.at(6500, lambda: [9]) is None
    sampler.on = True
    assert sampler.at(8500, lambda: [8]) is None, "measured, and under way"
    assert sampler.at(8800, lambda: [9]) == [8]


def test_noise_stays_within_bounds_and_off_power_and_energy():
    sampler = Sampler(1000, 0, 0, None, Noise(3, 5))
    values = [sampler.at(1000 * number, lambda: [0, 0, 0, 0, 0]) for number in range(200)]
    for value in values:
        assert all(abs(part) <= 5 for part in value[:3]) and value[3:] == [0, 0]
    assert {value[0] for value in values} == set(range(-5, 6))


def test_dice_fall_evenly_and_the_same_for_a_seed():
    one, same, other = Dice(4), Dice(4), Dice(5)
    rolls = [one(6) for _ in range(6000)]
    assert rolls == [same(6) for _ in range(6000)] != [other(6) for _ in range(6000)]
    assert all(900 < rolls.count(face) < 1100 for face in range(6))
