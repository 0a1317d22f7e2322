"""What the core tells the regulator of settings, neighbours and chance, on simulated time."""

from evse import reasons, ticks
from evse.charging import faults
from evse.charging.states import (
    STATE_A,
    STATE_COMM_B,
    STATE_COMM_B_OK,
    STATE_COMM_C,
    STATE_COMM_C_OK,
)
from evse.power.views import NO_LIMIT, SOLAR
from helpers_core import Bench

SMART = {"mains_met": "API", "mode": "Smart"}
MASTER = dict(SMART, pwr_share="Master", circuit=32)
NODE = {"pwr_share": "Node 2", "mode": "Smart"}
AGREED = {STATE_COMM_B: STATE_COMM_B_OK, STATE_COMM_C: STATE_COMM_C_OK}


def told(bench, da, seconds, reason=0):
    """A Master that agrees to whatever it is asked."""
    member = bench.core.member
    for _ in range(seconds):
        member.explained(reason)
        member.told(da, bench.now)
        if da:
            member.write_state(AGREED.get(member.state(), STATE_A), bench.now)
        bench.run(1000)


def test_a_session_starts_after_a_random_delay_with_a_name_and_goes_on_without():
    bench = Bench({"random_start_s": 30, "max": 16})
    asked = []
    bench.core.dice = lambda spread: asked.append(spread) or 20
    bench.car = "B"
    bench.run(15_000)
    assert asked == [31]
    assert not bench.core.charger.offered_da
    assert bench.status.limit == reasons.LIMIT_DELAY
    bench.run(8_000)
    assert bench.core.charger.offered_da == 160
    bench.car = "C"
    bench.until(lambda: bench.core.charger.c1)
    bench.run(2_000)
    bench.command("mode", "Pause")
    bench.run(8_000)
    bench.command("mode", "Normal")
    bench.run(8_000)
    assert asked == [31]  # the session goes on: it is not a new start


def test_a_node_takes_what_it_is_told_within_its_own_ceilings():
    bench = Bench(dict(NODE, max=13))
    bench.car = "B"
    bench.run(2000)
    assert not bench.core.charger.offered_da
    told(bench, 100, 3)
    assert bench.core.charger.offered_da == 100
    told(bench, 250, 8)  # an offer changes no faster than a car may follow
    assert bench.core.charger.offered_da == 130
    assert bench.core.most_da() == 130
    bench.command("override", 80)
    assert bench.core.most_da() == 80


def test_a_node_that_is_told_nothing_says_why_its_master_gave_nothing():
    bench = Bench(NODE)
    bench.car = "B"
    told(bench, 0, 3, reasons.TURN)
    assert bench.status.reason == reasons.TURN
    told(bench, 0, 3)
    assert bench.status.reason == reasons.WAITS_MASTER


def test_a_node_stops_eleven_seconds_after_its_masters_last_word():
    bench = Bench(NODE)
    bench.car = "C"
    bench.obedient = True
    told(bench, 100, 12)
    assert bench.core.charger.c1
    bench.run(9_500)
    assert bench.core.charger.offered_da == 100
    bench.run(1_600)
    assert not bench.core.charger.offered_da
    assert bench.status.faults & faults.CT_NOCOMM
    bench.run(3_000)
    assert not bench.core.charger.c1
    told(bench, 100, 70)  # it starts again by itself
    assert bench.core.charger.offered_da == 100


def test_a_master_shares_its_circuit_with_what_nodes_tell():
    bench = Bench(dict(MASTER, mode="Normal", mains_met="Disabled"))
    bench.run(1000)
    group, grants = bench.core.group, bench.core.regulator.grant_da
    for charging in (False, True):
        for n in (1, 2):
            group.heard(n, True, charging, 0, 320, 0, bench.now)
        bench.run(3_000)
    assert [grants[n] for n in range(4)] == [0, 160, 160, 0]


def served(bench):
    """Numbers of the chargers that have a grant once nodes 1 to 3 have asked for three seconds."""
    group, grants = bench.core.group, bench.core.regulator.grant_da
    for _ in range(3):
        for n in (1, 2, 3):
            group.heard(n, True, False, 0, 320, 0, bench.now)
        bench.run(1_000)
    return [n for n in range(8) if grants[n]]


def test_the_owner_s_order_says_who_comes_first():
    for order, expected in (((), [1, 2]), ((3,), [1, 3]), ([2, 3], [2, 3]),
                            ((0, 3, 2, 1), [2, 3])):
        bench = Bench(dict(MASTER, mode="Normal", mains_met="Disabled", circuit=16,
                           share_order="Node order"))
        bench.command("order", order, "LCD")
        assert served(bench) == expected, order


def test_a_new_order_is_in_force_at_once_and_only_where_it_is_asked_for():
    for share_order, expected in (("Node order", [3]), ("First come", [1])):
        bench = Bench(dict(MASTER, mode="Normal", mains_met="Disabled", circuit=10,
                           share_order=share_order))
        bench.command("order", (3,), "LCD")
        bench.command("order", (3, 2, 1), "LCD")
        assert served(bench) == expected, share_order


def test_the_share_of_a_lost_node_stays_reserved_until_it_is_off_for_certain():
    bench = Bench(dict(MASTER, mode="Normal", mains_met="Disabled", circuit=20))
    bench.run(1000)
    group, grants = bench.core.group, bench.core.regulator.grant_da
    for second in range(40):
        group.heard(1, True, second > 2, 0, 160, 0, bench.now)
        bench.run(1000)
    assert grants[1] == 160
    for _ in range(4):
        group.missed(1, bench.now)
        bench.run(2000)
    assert grants[1] == 160  # an answer may still come
    group.missed(1, bench.now)
    lost_at = bench.now
    group.heard(2, True, False, 0, 160, 0, bench.now)
    while not grants[2]:
        bench.run(500)
        assert grants[1] == 0
    assert 19_000 <= ticks.diff(bench.now, lost_at) <= 23_000
    assert (group.state[1], group.state[2]) == (2, 1)


def test_who_shares_changes_only_while_nothing_charges():
    bench = Bench({"max": 16})
    bench.charge()
    bench.command("set", ("pwr_share", "Master"), "LCD")
    assert bench.core.group is None and bench.core.charger.offered_da == 160
    bench.command("mode", "Off")
    bench.run(10_000)
    assert bench.core.group is not None and len(bench.core.regulator.evses) == 8
    assert len(bench.core.regulator.uses) == 8
    bench.command("set", ("pwr_share", "Disabled"), "LCD")
    assert bench.core.group is None and len(bench.core.regulator.evses) == 1
    assert len(bench.core.regulator.uses) == 1


def test_the_first_phase_of_a_rotated_installation_is_another_of_the_mains():
    bench = Bench(dict(SMART, contact_2="Always Off", phase_rotation="L2L3L1"))
    bench.run(1000)
    assert bench.core.regulator.evses[0].phases == 2
    assert bench.core.regulator.evses[0].rotation == (1, 2, 0)


def test_limits_that_are_not_in_use_are_none():
    params = Bench(SMART).core.regulator.params
    assert (params.circuit_da, params.relay_sum_da, params.capacity_sum_da) == (NO_LIMIT,) * 3
    params = Bench(dict(SMART, circt_met="API", circuit=20)).core.regulator.params
    assert params.circuit_da == 200 and params.circuit_meter
    params = Bench(MASTER).core.regulator.params
    assert params.circuit_da == 320 and not params.circuit_meter
    bench = Bench(dict(SMART, cap_mode="Fixed", capacity=40))
    bench.run(2500)
    assert bench.core.regulator.params.capacity_sum_da == 400
    bench.core.relay_open = True
    bench.run(1500)
    assert bench.core.regulator.params.relay_sum_da == 182


def test_the_month_s_peak_outlives_a_power_cut():
    bench = Bench(dict(SMART, cap_mode="Flanders"), clock_s=1_780_264_800)
    bench.run(2000)
    bench.core.capacity.peak = (24_318, 4100)
    bench.run(2000)
    assert bench.core.settings.states["peak"] == (24_318, 4100)


def test_in_solar_the_automatic_follows_the_wish_of_the_sun():
    bench = Bench({"mains_met": "API", "mode": "Solar", "contact_2": "Auto"})
    bench.house = -100  # on each phase: enough for three
    bench.car = "B"
    bench.run(4000)
    assert bench.core.regulator.evses[0].mode == SOLAR
    assert bench.core.charger.contactors.auto == 3
    bench.house = -40
    bench.run(4000)
    assert bench.core.charger.contactors.auto == 1


def test_a_node_that_was_something_else_meanwhile_waits_to_be_told_again():
    bench = Bench(NODE)
    bench.car = "B"
    told(bench, 100, 3)
    bench.command("set", ("pwr_share", "Disabled"), "LCD")
    bench.command("set", ("pwr_share", "Node 2"), "LCD")
    bench.run(3000)
    assert not bench.core.charger.offered_da


def test_a_node_is_made_of_a_charger_as_soon_as_it_charges_no_more():
    bench = Bench({"max": 16})
    bench.charge()
    bench.command("set", ("pwr_share", "Node 1"), "LCD")
    bench.run(5000)
    assert bench.core.node == 0 and bench.core.charger.offered_da == 160
    bench.command("mode", "Off")
    bench.run(10_000)
    assert bench.core.node == 1


def test_a_lost_node_that_only_held_a_grant_is_reserved_as_well():
    bench = Bench(dict(MASTER, mode="Normal", mains_met="Disabled", circuit=20))
    bench.run(1000)
    group, grants = bench.core.group, bench.core.regulator.grant_da
    for second in range(20):
        group.heard(1, True, False, 0, 160, 0, bench.now)
        group.heard(2, True, second > 2, 0, 200, 0, bench.now)
        bench.run(1000)
    assert (grants[1], grants[2]) == (60, 140)
    for _ in range(5):
        group.missed(1, bench.now)
    bench.run(15_000)
    assert (grants[1], grants[2]) == (0, 140)
    bench.run(8_000)
    assert grants[2] == 200


def test_a_charger_is_alone_master_and_node_by_turns_and_regulates_as_each():
    bench = Bench(dict(SMART, mode="Normal", circuit=32))
    for share, count in (("Master", 8), ("Node 2", 1), ("Master", 8), ("Disabled", 1)):
        bench.command("set", ("pwr_share", share), "LCD")
        regulator = bench.core.regulator
        assert len(regulator.evses) == len(regulator.limits) == len(regulator.uses) == count
        bench.car = "C"
        for _ in range(30):
            if bench.core.member:
                told(bench, 100, 1)
            else:
                if bench.core.group:
                    bench.core.group.heard(7, True, False, 0, 160, 0, bench.now)
                bench.run(1000)
        assert bench.core.regulator is regulator and regulator.grant_da[0], share
        assert (regulator.grant_da[7] > 0) == (count == 8), share
        bench.car = "A"
        bench.run(3000)
