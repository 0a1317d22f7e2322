"""A session's energy: the counter decides, power fills in, and no meter's whim spoils the sum."""

from evse import reasons
from evse.charging.session import Session

NOW = 1795255200


def begun(card="04aabbccddee01", now_s=NOW):
    session = Session()
    session.begin(7, now_s, card, reasons.CARD)
    return session


def counted(counter):
    """A session whose meter was heard before the car began."""
    return run(begun(), 1, 0, counter, charging=False)


def run(session, seconds, ev_w=-1, ev_wh=-1, mains_w=None, estimate_w=0, charging=True, da=0):
    for _ in range(seconds):
        session.second(charging, ev_w, ev_wh, mains_w, estimate_w, da)
    return session


def test_before_the_first_session_there_is_none():
    session = Session()
    assert not session.active
    assert session.number == 0 == session.wh


def test_a_new_session_owes_nothing_to_the_one_before():
    session = run(begun(), 7200, 3600, 1000, 100, 0, True, 160)
    run(session, 10, 3600, 1100)
    session.woke = 2
    session.phases = 3
    session.interrupted = True
    session.end(reasons.CAR_UNPLUGGED, NOW + 7200)
    session.begin(8, NOW + 9000, "", reasons.COMMANDED)
    assert session.active
    assert (session.number, session.start, session.card, session.by) == (
        8, NOW + 9000, "", reasons.COMMANDED)
    run(session, 1, 0, 5000)
    assert (session.wh, session.solar_wh, session.seconds, session.charging_s) == (0, 0, 1, 1)
    assert (session.woke, session.phases, session.peak_da, session.reason) == (-1, 0, 0, 0)
    assert not session.estimated and not session.interrupted


def test_power_is_summed_up_without_a_counter():
    session = run(begun(), 3600, 3600)
    assert session.wh == 3600
    assert not session.estimated
    run(session, 1800, 7200)
    assert session.wh == 7200


def test_several_seconds_at_once_count_as_many():
    session = begun()
    session.second(True, 3600, -1, 600, 0, 160, 90)
    assert (session.wh, session.solar_wh, session.seconds, session.charging_s) == (90, 75, 90, 90)


def test_an_estimate_stands_in_and_is_called_one():
    session = run(begun(), 3600, estimate_w=3680)
    assert session.wh == 3680
    assert session.estimated
    run(session, 3600, 3680)
    assert session.wh == 7360 and session.estimated


def test_nothing_is_estimated_while_the_contactor_is_open():
    session = run(begun(), 3600, estimate_w=3680, charging=False)
    assert (session.wh, session.charging_s, session.seconds) == (0, 0, 3600)
    assert not session.estimated and session.peak_da == 0
    # What a meter measures counts whatever we think.
    assert run(session, 3600, 100, charging=False).wh == 100


def test_an_estimate_is_from_the_sun_only_while_nothing_is_bought():
    # With 500 W bought, a car thought to take 3680 W may as well take nothing yet.
    assert run(begun(), 3600, -1, -1, 500, 3680).solar_wh == 0
    assert run(begun(), 3600, -1, -1, 0, 3680).solar_wh == 3680
    assert run(begun(), 3600, -1, -1, -2000, 3680).solar_wh == 3680
    assert run(begun(), 3600, 3680, -1, 500).solar_wh == 3180


def test_the_counter_decides():
    session = counted(50000)
    for minute in range(1, 61):
        run(session, 60, 4000, 50000 + minute * 60)  # the car takes 3.6 kW, whatever power says
    assert session.wh == 3600 + 65  # 59 s of power since the counter moved
    run(session, 1, 0, 50000 + 3660, charging=False)
    assert session.wh == 3660
    assert not session.estimated


def test_between_two_readings_of_the_counter_power_fills_in():
    session = counted(50000)
    run(session, 60, 3600, 50000)
    assert session.wh == 60
    run(session, 1, 3600, 50100)
    assert session.wh == 100
    run(session, 30, 3600, 50100)
    assert session.wh == 130


def test_a_counter_heard_late_keeps_what_was_summed_up():
    session = run(begun(), 3600, estimate_w=3000)
    run(session, 1, 3600, 700)
    assert session.wh == 3001
    run(session, 3600, 3600, 700)
    run(session, 1, 3600, 700 + 3700)
    assert session.wh == 3001 + 3700
    assert session.estimated


def test_a_counter_after_a_silence_replaces_the_estimate():
    session = counted(1000)
    run(session, 3600, estimate_w=11000)
    assert session.estimated and session.wh == 11000
    run(session, 1, 3600, 1000 + 3600)
    assert session.wh == 3600
    assert not session.estimated


def test_a_counter_that_jumps_is_not_believed():
    # 217 Wh in a second is what 60 kW and a coarse counter may do.
    for jump, wh in ((217, 217), (218, 1), (1000000, 1), (-1, 1), (-1000, 1)):
        session = counted(50000)
        run(session, 1, 3600, 50000 + jump)
        assert session.wh == wh, jump
        run(session, 60, 3600, 50000 + jump)
        run(session, 1, 0, 50000 + jump + 55)
        assert session.wh == wh + 55, jump


def test_noise_for_one_reading_costs_nothing():
    session = counted(50000)
    run(session, 60, 3600, 50000)
    run(session, 1, 3600, 2000000000)
    run(session, 1, 3600, 50061)
    assert session.wh == 62
    run(session, 1, 3600, 50063)
    assert session.wh == 64


def test_a_jump_keeps_the_estimate_an_estimate():
    session = counted(5000)
    run(session, 3600, -1, 5000, None, 3600)
    run(session, 1, -1, 10)
    assert session.estimated and session.wh == 3600
    run(session, 1, 3600, 20)
    assert session.estimated and session.wh == 3610


def test_a_counter_that_stands_still_does_not_hide_the_power():
    session = run(begun(), 7200, 3600, 0)
    assert session.wh == 7200


def test_a_long_silence_allows_what_a_car_can_take():
    for gained, wh in ((15000, 15000), (61400, 61400), (61401, 3600)):
        session = counted(100)
        run(session, 3599, 3600)
        run(session, 1, 3600, 100 + gained)
        assert session.wh == wh, gained


def test_the_suns_share_is_what_the_grid_did_not_give():
    for mains_w, solar in ((-2000, 3600), (0, 3600), (600, 3000), (3600, 0), (9000, 0)):
        session = run(begun(), 3600, 3600, -1, mains_w)
        assert (session.wh, session.solar_wh) == (3600, solar), mains_w
    assert run(begun(), 3600, 3600).solar_wh == 0


def test_what_is_fed_to_the_grid_is_no_share_of_the_car():
    session = run(begun(), 1800, 3600, -1, -9000)
    run(session, 1800, 3600, -1, 9000)
    assert (session.wh, session.solar_wh) == (3600, 1800)


def test_the_suns_share_never_exceeds_the_energy():
    session = counted(1000)
    run(session, 3600, 7200, 1000, -9000)
    assert (session.wh, session.solar_wh) == (7200, 7200)
    run(session, 1, 0, 2000, -9000)
    assert (session.wh, session.solar_wh) == (1000, 1000)


def test_the_highest_current_is_kept():
    session = begun()
    for da in (60, 162, 80):
        run(session, 1, da=da)
    assert session.peak_da == 162


def test_the_end_keeps_why():
    session = run(begun(), 100, 3600)
    session.end(reasons.CAR_UNPLUGGED, NOW + 101)
    assert not session.active
    assert session.reason == reasons.CAR_UNPLUGGED
    assert session.start == NOW


def test_a_clock_set_meanwhile_dates_the_start():
    session = run(begun(now_s=0), 100)
    session.end(reasons.CAR_UNPLUGGED, NOW)
    assert session.start == NOW - 100
    session = run(begun(now_s=1000), 100)  # it was wrong
    session.end(reasons.CAR_UNPLUGGED, NOW)
    assert session.start == NOW - 100
    session = run(begun(), 100)
    session.end(reasons.CAR_UNPLUGGED, 0)
    assert session.start == NOW
    session = run(begun(now_s=0), 100)
    session.end(reasons.CAR_UNPLUGGED, 0)
    assert session.start == 0
    session = run(begun(now_s=0), 100)
    session.end(reasons.CAR_UNPLUGGED, 50)
    assert session.start == 0


def test_drift_of_a_minute_moves_no_start():
    for drift, moved in ((60, 0), (-60, 0), (61, 61), (-61, -61)):
        session = run(begun(), 100)
        session.end(reasons.CAR_UNPLUGGED, NOW + 100 + drift)
        assert session.start == NOW + moved
