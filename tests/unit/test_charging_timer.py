"""Delayed start and stop: what is accepted, what happens when, and what power cuts leave of it."""

from evse.charging.timer import NOTHING, START, STOP, Timer
from evse.clock import Zone

BERLIN = Zone("CET-1CEST,M3.5.0,M10.5.0/3")
HOWE = Zone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")
NOON = BERLIN.parse("2026-11-21T12:00")


def at(text, zone=BERLIN):
    return zone.parse(text)


def refused(timer, *args):
    before = timer.state(), timer.pending
    try:
        timer.set(*args)
    except ValueError as problem:
        assert " " in str(problem)
        assert (timer.state(), timer.pending) == before
        return str(problem)
    raise AssertionError("not refused: %r" % (args,))


def evening(repeat=True):
    """A timer from 23:00 to 06:00, set at noon."""
    timer = Timer(BERLIN)
    assert timer.set("Solar", "2026-11-21T23:00", "2026-11-22T06:00", repeat, NOON) == NOTHING
    return timer


def events(timer, start, stop, step=60):
    """All events from ``start`` to ``stop``, as (local time, event)."""
    found = []
    for now in range(start, stop, step):
        event = timer.check(now)
        if event:
            found.append((timer.zone.text(now)[5:], event))
    return found


def test_nothing_is_set_at_first():
    timer = Timer(BERLIN)
    assert timer.state() is None
    assert not timer.pending and not timer.waiting_clock
    assert timer.words(NOON) == "" == timer.words(0)
    assert timer.check(NOON) == NOTHING
    assert not timer.clear()


def test_a_start_is_awaited_and_comes():
    timer = Timer(BERLIN)
    assert timer.set("Smart", "2026-11-21T23:00", "", False, NOON) == NOTHING
    assert timer.pending and timer.mode == "Smart"
    assert timer.words(NOON) == "starts today 23:00"
    assert timer.state() == ("Smart", at("2026-11-21T23:00"), 0, 0)
    assert timer.check(at("2026-11-21T23:00") - 1) == NOTHING
    assert timer.check(at("2026-11-21T23:00")) == START
    assert timer.mode == "Smart"
    assert timer.state() is None and not timer.pending
    assert timer.check(at("2026-11-21T23:01")) == NOTHING


def test_a_stop_follows():
    timer = evening(False)
    assert timer.check(at("2026-11-21T23:00")) == START
    assert not timer.pending
    assert timer.state() == ("Solar", 0, at("2026-11-22T06:00"), 0)
    assert timer.words(at("2026-11-21T23:00")) == "stops 06:00"
    assert timer.check(at("2026-11-22T06:00") - 1) == NOTHING
    assert timer.check(at("2026-11-22T06:00")) == STOP
    assert timer.state() is None and not timer.pending
    assert timer.words(at("2026-11-22T06:00")) == ""


def test_unix_seconds_do_as_well_as_text():
    timer = Timer(BERLIN)
    timer.set("Solar", at("2026-11-21T23:00") + 59, at("2026-11-22T06:00") + 1, 1, NOON)
    assert timer.state() == evening().state()


def test_daily_goes_on():
    timer = evening()
    assert events(timer, NOON, NOON + 3 * 86400) == [
        ("11-21T23:00", START), ("11-22T06:00", STOP), ("11-22T23:00", START),
        ("11-23T06:00", STOP), ("11-23T23:00", START), ("11-24T06:00", STOP)]
    assert timer.pending


def test_a_start_within_a_minute_is_now():
    for seconds, start in ((0, "12:00"), (59, "12:00"), (0, "12:01"), (30, "12:01"),
                           (59, "12:01")):
        for repeat in (False, True):
            timer = Timer(BERLIN)
            stop = "2026-11-21T18:00"
            assert timer.set("Solar", "2026-11-21T" + start, stop, repeat, NOON + seconds) == START
            assert not timer.pending
            assert timer.stop == at(stop)
            assert timer.check(NOON + seconds + 1) == NOTHING
            assert events(timer, NOON + 60, NOON + 43200) == [("11-21T18:00", STOP)]
            assert timer.pending is repeat
    timer = Timer(BERLIN)
    assert timer.set("Solar", "2026-11-21T12:02", "", False, NOON + 59) == NOTHING
    assert timer.set("Solar", "2026-11-21T12:01", "", False, NOON) == START
    assert timer.state() is None


def test_a_past_start_cancels_whatever_was_set():
    for start in ("2026-11-21T11:59", "2000-01-01T00:00", "", 0, NOON - 1):
        timer = evening()
        assert timer.set("Normal", start, "2026-11-01T00:00", True, NOON) == START
        assert timer.state() is None and not timer.pending


def test_an_impossible_wish_is_refused_and_changes_nothing():
    for timer in (Timer(BERLIN), evening()):
        start = "2026-11-21T22:00"
        refused(timer, "Off", start, "", False, NOON)
        refused(timer, "Turbo", start, "", False, NOON)
        refused(timer, "Solar", start, start, False, NOON)
        refused(timer, "Solar", start, "2026-11-21T21:59", False, NOON)
        assert "needs a stop" in refused(timer, "Solar", start, "", True, NOON)
        assert "24 hours" in refused(timer, "Solar", start, "2026-11-22T22:01", True, NOON)
        refused(timer, "Solar", "tonight", "", False, NOON)
        refused(timer, "Solar", start, "soon", False, NOON)
        refused(timer, "Solar", None, "", False, NOON)
        refused(timer, "Solar", True, "", False, NOON)
        refused(timer, "Solar", 2.5e9, "", False, NOON)
        refused(timer, "Solar", NOON * 1000, "", False, NOON)  # milliseconds
        refused(timer, "Solar", "9999-01-01T00:00", "", False, NOON)


def test_more_than_a_day_is_fine_once():
    timer = Timer(BERLIN)
    assert timer.set("Solar", "2026-11-21T22:00", "2026-11-25T22:00", False, NOON) == NOTHING
    assert timer.check(at("2026-11-21T22:00")) == START
    assert timer.words(NOON + 86400) == "stops 2026-11-25 22:00"
    assert timer.words(at("2026-11-24T12:00")) == "stops tomorrow 22:00"
    assert timer.words(at("2026-11-24T22:01")) == "stops 22:00"


def test_round_the_clock_never_stops_in_between():
    timer = Timer(BERLIN)
    timer.set("Solar", "2026-11-21T22:00", "2026-11-22T22:00", True, NOON)
    assert events(timer, NOON, NOON + 3 * 86400) == [
        ("11-21T22:00", START), ("11-22T22:00", START), ("11-23T22:00", START)]
    assert not timer.pending


def test_words_say_the_day():
    timer = Timer(BERLIN)
    timer.set("Solar", "2026-11-22T07:30", "2026-11-22T09:00", True, NOON)
    assert timer.words(NOON) == "starts tomorrow 07:30 daily"
    assert timer.words(NOON + 43200) == "starts today 07:30 daily"
    assert timer.words(NOON - 86400) == "starts 2026-11-22 07:30 daily"
    timer.check(at("2026-11-22T07:30"))
    assert timer.words(at("2026-11-22T07:30")) == "stops 09:00 daily"
    # The day of 25 hours: 24 hours on it is still today, shortly after midnight.
    timer.set("Solar", "2026-10-26T00:30", "", False, at("2026-10-24T12:00"))
    assert timer.words(at("2026-10-25T00:10")) == "starts tomorrow 00:30"


def test_the_clock_is_waited_for():
    timer = Timer(BERLIN)
    assert timer.set("Smart", "2026-11-21T23:00", "2026-11-22T06:00", True, 0) == NOTHING
    assert timer.pending and timer.waiting_clock
    assert timer.words(0) == "waits for the time of day"
    assert timer.check(0) == NOTHING and timer.pending
    assert timer.check(NOON) == NOTHING
    assert timer.pending and not timer.waiting_clock
    again = Timer(BERLIN, timer.state())
    assert again.waiting_clock and again.pending
    # It may be past the start when it is heard of.
    assert again.check(at("2026-11-21T23:30")) == START
    assert again.words(0) == "waits for the time of day"
    assert again.check(0) == NOTHING and again.waiting_clock and not again.pending
    again.clear()
    assert not again.waiting_clock and again.check(0) == NOTHING


def test_without_a_clock_a_start_of_long_ago_cancels_still():
    timer = evening()
    assert timer.set("Normal", "2020-01-01T00:00", "", False, 0) == START
    assert timer.state() is None and not timer.waiting_clock


def test_a_power_cut_while_waiting():
    for repeat in (False, True):
        state = evening(repeat).state()
        timer = Timer(BERLIN, state)
        assert timer.state() == state and timer.pending and timer.mode == "Solar"
        assert events(timer, NOON + 3600, NOON + 86400) == [
            ("11-21T23:00", START), ("11-22T06:00", STOP)]


def test_a_start_missed_is_made_up_for_until_its_stop():
    for repeat in (False, True):
        state = evening(repeat).state()
        timer = Timer(BERLIN, state)
        assert timer.check(at("2026-11-22T05:59")) == START
        assert timer.check(at("2026-11-22T06:00")) == STOP
        timer = Timer(BERLIN, state)
        assert timer.check(at("2026-11-22T06:00")) == STOP
        assert timer.pending is repeat
    timer = Timer(BERLIN)
    timer.set("Solar", "2026-11-21T23:00", "", False, NOON)
    assert Timer(BERLIN, timer.state()).check(NOON + 5 * 86400) == START


def test_a_power_cut_while_charging():
    for repeat in (False, True):
        timer = evening(repeat)
        timer.check(at("2026-11-21T23:00"))
        state = timer.state()
        timer = Timer(BERLIN, state)
        assert not timer.pending
        assert timer.check(at("2026-11-22T01:00")) == NOTHING
        assert timer.state() == state
        assert timer.check(at("2026-11-22T07:00")) == STOP
        assert timer.pending is repeat
    # Into the next night.
    timer = Timer(BERLIN, state)
    assert timer.check(at("2026-11-22T23:30")) == START
    assert not timer.pending
    assert timer.words(at("2026-11-22T23:30")) == "stops 06:00 daily"


def test_clock_changes_leave_the_time_of_day():
    for day, night in (("2027-03-27", "2027-03-30"), ("2027-10-30", "2027-11-02")):
        start = at(day + "T12:00")
        timer = Timer(BERLIN)
        timer.set("Solar", day + "T23:00", BERLIN.text(at(day + "T23:00") + 30000), True, start)
        stop = BERLIN.text(timer.stop)[11:]
        found = events(timer, start, at(night + "T12:00"))
        assert [text[6:] for text, _ in found] == ["23:00", stop] * 3, found


def test_what_the_clocks_skip_comes_later_once_and_then_at_its_time_again():
    start = at("2027-03-26T12:00")
    timer = Timer(BERLIN)
    timer.set("Solar", "2027-03-27T02:30", "2027-03-27T05:00", True, start)
    found = []
    for now in range(start, start + 4 * 86400, 60):
        event = timer.check(now)
        if event:
            found.append(BERLIN.text(now)[8:])
            timer = Timer(BERLIN, timer.state())  # a power cut must not make it forget
    assert found == ["27T02:30", "27T05:00", "28T03:30", "28T05:00", "29T02:30", "29T05:00",
                     "30T02:30", "30T05:00"]


def test_a_window_the_clocks_skip_starts_nothing():
    start = at("2027-03-27T12:00")
    timer = Timer(BERLIN)
    timer.set("Solar", "2027-03-27T13:30", "2027-03-27T14:15", True, start)
    timer.repeat = 1 + 1440 * 150 + 195  # 02:30 to 03:15
    timer.check(at("2027-03-27T13:30"))
    found = events(timer, start + 7200, start + 2 * 86400)
    assert [text for text, event in found if event == START] == ["03-29T02:30"]
    assert timer.pending


def test_what_comes_twice_happens_once():
    start = at("2027-10-30T12:00")
    timer = Timer(BERLIN)
    timer.set("Solar", "2027-10-30T23:00", "2027-10-31T02:30", True, start)
    found = events(timer, start, start + 2 * 86400)
    assert found == [("10-30T23:00", START), ("10-31T02:30", STOP), ("10-31T23:00", START),
                     ("11-01T02:30", STOP)]
    # The day has 25 hours, and a whole day may still be daily.
    timer.set("Solar", "2027-10-30T22:00", "2027-10-31T22:00", True, start)
    refused(timer, "Solar", "2027-10-30T22:00", "2027-10-31T22:01", True, start)
    refused(timer, "Solar", "2027-03-27T22:00", "2027-03-28T22:01", True, start - 230 * 86400)


def test_half_an_hour_of_summer_time():
    start = at("2027-10-02T12:00", HOWE)
    timer = Timer(HOWE)
    timer.set("Solar", "2027-10-02T23:00", "2027-10-03T02:10", True, start)
    assert events(timer, start, start + 2 * 86400) == [
        ("10-02T23:00", START), ("10-03T02:40", STOP), ("10-03T23:00", START),
        ("10-04T02:10", STOP)]


def test_a_clock_set_forward_over_an_event():
    timer = evening()
    timer.check(NOON + 1)
    assert timer.check(at("2026-11-22T03:00")) == START
    assert timer.check(at("2026-11-22T03:00") + 1) == NOTHING
    assert timer.check(at("2026-12-24T12:00")) == STOP
    assert timer.words(at("2026-12-24T12:00")) == "starts today 23:00 daily"


def test_a_clock_set_back_finds_its_place():
    timer = evening()
    assert timer.check(at("2026-11-24T12:00")) == STOP  # three days ahead: a wrong clock
    assert timer.words(at("2026-11-24T12:00")) == "starts today 23:00 daily"
    assert timer.check(NOON) == STOP
    assert timer.words(NOON) == "starts today 23:00 daily"
    assert events(timer, NOON, NOON + 86400) == [("11-21T23:00", START), ("11-22T06:00", STOP)]
    assert timer.check(at("2026-11-22T01:00")) == START
    assert timer.words(at("2026-11-22T01:00")) == "stops 06:00 daily"


def test_a_clock_corrected_by_seconds_repeats_nothing():
    timer = evening()
    assert timer.check(at("2026-11-21T23:00")) == START
    for back in (1, 5, 59, 60):
        assert timer.check(at("2026-11-21T23:00") - back) == NOTHING
        timer.check(at("2026-11-21T23:00"))


def test_a_clock_set_back_before_the_first_start_changes_nothing():
    timer = Timer(BERLIN)
    timer.set("Solar", "2026-11-25T23:00", "2026-11-26T06:00", True, NOON)
    state = timer.state()
    timer.check(NOON + 86400)
    assert timer.check(NOON - 86400) == NOTHING
    assert timer.state() == state


def test_a_backup_of_other_firmware_says_daily_by_one():
    timer = Timer(BERLIN, ("Solar", at("2026-11-21T23:00"), at("2026-11-22T06:00"), 1))
    assert timer.state() == evening().state()
    running = Timer(BERLIN, ("Solar", at("2026-11-22T23:00"), at("2026-11-22T06:00"), 1))
    assert not running.pending
    assert running.check(at("2026-11-22T06:00")) == STOP
    assert running.words(at("2026-11-22T06:00")) == "starts today 23:00 daily"


def test_midnight_to_midnight_survives_a_power_cut():
    timer = Timer(BERLIN)
    timer.set("Solar", "2026-11-22T00:00", "2026-11-23T00:00", True, NOON)
    assert timer.repeat == 1
    again = Timer(BERLIN, timer.state())
    assert again.state() == timer.state()
    assert again.check(at("2026-11-22T00:00")) == START


def test_clearing_says_whether_there_was_anything():
    timer = evening()
    assert timer.clear()
    assert timer.state() is None and not timer.pending and timer.words(NOON) == ""
    assert not timer.clear()
    timer = evening(False)
    timer.check(at("2026-11-21T23:00"))
    assert timer.clear()
