"""Local time against CPython's zone database, for every zone it knows, at any moment."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import zoneinfo
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.charging.timer import START, STOP, Timer
from evse.clock import Zone

# From here on the database has nothing but the rules.
FIRST = int(datetime(2038, 1, 1, tzinfo=timezone.utc).timestamp())
LAST = int(datetime(2105, 1, 1, tzinfo=timezone.utc).timestamp())
# They interrupt summer time for Ramadan, on dates that no rule can say.
BEYOND_RULES = ("Africa/Casablanca", "Africa/El_Aaiun", "Asia/Gaza", "Asia/Hebron")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _rules():
    """{name of a zone: its POSIX rule}, one name for each rule."""
    rules = {}
    for name in sorted(zoneinfo.available_timezones().difference(BEYOND_RULES)):
        for folder in zoneinfo.TZPATH:
            file = Path(folder, name)
            if file.is_file():
                rule = file.read_bytes().rsplit(b"\n", 2)[1].decode()
                if rule:
                    rules.setdefault(rule, name)
                break
    return {name: rule for rule, name in rules.items()}


RULES = _rules()
pytestmark = pytest.mark.skipif(not RULES, reason="no zone database on this host")
TURNING = sorted(name for name in RULES if "," in RULES[name])
INSTANT = st.integers(FIRST, LAST)


def _there(utc, zone):
    return (EPOCH + timedelta(seconds=utc)).astimezone(zone)


def _check(ours, theirs, utc):
    there = _there(utc, theirs)
    assert ours.offset(utc) == there.utcoffset().total_seconds(), utc
    assert ours.local(utc) == (*there.timetuple()[:6], there.weekday())
    # The database's answer for a time that is skipped or comes twice is ours, too.
    naive = there.replace(tzinfo=None, second=0, microsecond=0)
    for minutes in (-61, -30, 0, 29, 60):
        local = naive + timedelta(minutes=minutes)
        expected = local.replace(tzinfo=theirs).astimezone(timezone.utc)
        assert ours.utc(*local.timetuple()[:5]) == (expected - EPOCH).total_seconds(), local


def test_each_zone_over_two_years_by_the_quarter_hour_around_its_turns():
    assert len(RULES) > 50 and len(TURNING) > 20
    for name, rule in RULES.items():
        ours, theirs = Zone(rule), zoneinfo.ZoneInfo(name)
        turns = 0
        before = None
        for utc in range(FIRST, FIRST + 2 * 366 * 86400, 6 * 3600):
            offset = ours.offset(utc)
            if before not in (offset, None):
                turns += 1
                for near in range(utc - 7 * 3600, utc + 3600, 900):
                    _check(ours, theirs, near)
                    _check(ours, theirs, near - 1)
            elif utc % 86400 == 0:
                assert offset == _there(utc, theirs).utcoffset().total_seconds()
            before = offset
        assert turns == (4 if name in TURNING else 0), name


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(RULES)), utc=INSTANT)
def test_any_zone_at_any_moment(name, utc):
    _check(Zone(RULES[name]), zoneinfo.ZoneInfo(name), utc)


@settings(max_examples=200, deadline=None)
@given(rule=st.text(alphabet="CEST<>+-0123456789,MJ./: ", max_size=30))
def test_any_text_is_a_zone_or_refused(rule):
    try:
        zone = Zone(rule)
    except ValueError as problem:
        assert str(problem)
        return
    assert abs(zone.offset(FIRST)) <= 25 * 3600


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(TURNING), now=INSTANT, wait=st.integers(0, 1439),
       length=st.integers(1, 1440), data=st.data())
def test_a_daily_timer_keeps_to_the_time_of_day(name, now, wait, length, data):
    """On each day it starts and stops as a calendar says, with power cuts of any length."""
    zone = Zone(RULES[name])
    timer = Timer(zone)
    local = zone.local(now)
    begin = local[3] * 60 + local[4] + wait + 2
    start = zone.utc(*local[:3], 0, begin)
    stop = zone.utc(*local[:3], 0, begin + length)
    if stop <= start:
        return  # the clocks skip it all
    assert timer.set("Solar", start, stop, True, now) in (0, START)
    charging = not timer.pending
    for _ in range(12):
        state = timer.state()
        upcoming = min(state[1], state[2])
        now = upcoming + data.draw(st.sampled_from((0, 0, 0, 1, 59, 3000, 90000, 1000000)))
        if data.draw(st.booleans()):
            timer = Timer(zone, state)
        assert timer.check(upcoming - 1) == 0
        event = timer.check(now)
        assert event in (START, STOP)
        charging = event == START
        assert charging is not timer.pending
        for at, minute in ((timer.start, begin % 1440), (timer.stop, (begin + length) % 1440)):
            assert now < at <= now + 26 * 3600
            day = zone.local(at)
            expected = zone.utc(*day[:3], 0, minute)
            # Over midnight a skipped time may move to the next day.
            assert at == expected or zone.local(at - 7200)[2] != day[2]
        assert timer.check(now) == 0
