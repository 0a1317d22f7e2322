"""Meter samples and claims: what counts, until when, and which one wins."""

from evse import reasons, ticks
from evse.power.limits import Limits
from evse.power.readings import CIRCUIT, EV, MAINS, Readings

NEAR_WRAP = ticks.add(0, -5_000)


def test_a_sample_is_fresh_until_its_end_and_not_after():
    readings = Readings()
    assert not readings.fresh(MAINS, NEAR_WRAP) and readings.age(MAINS, NEAR_WRAP) == -1
    assert readings.put(MAINS, 10, -20, 30, NEAR_WRAP, 11_000)
    assert list(readings.amps[MAINS]) == [10, -20, 30]
    assert readings.count[MAINS] == 1 and readings.count[EV] == 0
    assert readings.fresh(MAINS, ticks.add(NEAR_WRAP, 10_999))
    assert readings.age(MAINS, ticks.add(NEAR_WRAP, 6_000)) == 6_000
    assert not readings.fresh(MAINS, ticks.add(NEAR_WRAP, 11_000))
    assert readings.age(MAINS, ticks.add(NEAR_WRAP, 11_000)) == -1
    assert not readings.fresh(EV, NEAR_WRAP)


def test_a_loss_is_told_once_and_stays_when_the_clock_comes_round():
    readings = Readings()
    readings.put(MAINS, 1, 2, 3, 1000, 11_000)
    readings.put(CIRCUIT, 1, 2, 3, 1000, 20_000)
    assert readings.expire(11_999) == 0
    assert readings.expire(12_000) == 1 << MAINS
    assert readings.expire(12_001) == 0
    assert not readings.fresh(MAINS, 2000)  # as the clock will read again after the wrap
    assert readings.fresh(CIRCUIT, 20_000)
    readings.put(MAINS, 1, 2, 3, 30_000, 11_000)
    assert readings.fresh(MAINS, 30_000)


def test_an_absurd_sample_is_refused_and_changes_nothing():
    readings = Readings()
    readings.put(MAINS, 100, 100, 100, 0, 11_000)
    for phase in range(3):
        for value in (100_001, -100_001, 2**31):
            amps = [5, 5, 5]
            amps[phase] = value
            assert not readings.put(MAINS, amps[0], amps[1], amps[2], 5_000, 11_000)
    assert list(readings.amps[MAINS]) == [100, 100, 100]
    assert readings.count[MAINS] == 1 and readings.at[MAINS] == 0
    assert readings.put(MAINS, 100_000, -100_000, 0, 6_000, 11_000)


def test_the_lowest_claim_wins_and_is_named():
    limits = Limits()
    assert limits.lowest(0, 800) == 800 and limits.winner == 0
    limits.claim(reasons.LIMIT_MAX, 160)
    limits.claim(reasons.LIMIT_CABLE, 130)
    assert limits.lowest(0, 800) == 130 and limits.winner == reasons.LIMIT_CABLE
    limits.claim(reasons.LIMIT_CABLE, 320)
    assert limits.lowest(0, 800) == 160 and limits.winner == reasons.LIMIT_MAX
    limits.claim(reasons.LIMIT_CABLE, 160)
    assert limits.lowest(0, 800) == 160 and limits.winner == reasons.LIMIT_MAX


def test_claims_end_by_time_or_by_hand_and_the_others_stay():
    limits = Limits()
    limits.claim(reasons.LIMIT_OVERRIDE, 60, ticks.add(NEAR_WRAP, 6_000))
    limits.claim(reasons.LIMIT_MAX, 160)
    limits.claim(reasons.LIMIT_CABLE, 200)
    assert limits.lowest(ticks.add(NEAR_WRAP, 5_999), 800) == 60
    assert limits.lowest(ticks.add(NEAR_WRAP, 6_000), 800) == 160
    assert limits.lowest(0, 800) == 160  # over is over, whatever the clock says later
    limits.withdraw(reasons.LIMIT_MAX)
    limits.withdraw(reasons.LIMIT_START)
    assert limits.lowest(0, 800) == 200 and limits.winner == reasons.LIMIT_CABLE


def test_there_is_room_for_ten_claims():
    limits = Limits()
    for code in range(10):
        assert limits.claim(40 + code, 100 + code)
    assert not limits.claim(99, 1)
    assert limits.claim(47, 50)
    assert limits.lowest(0, 800) == 50 and limits.winner == 47
