"""The wall clock: rules of real zones against the turns the zone database gives for them."""

from evse.clock import Zone

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"

# A rule of the zone database, and its four turns from 2027 on: (Unix seconds, offset after).
ZONES = (
    # Berlin
    (BERLIN, (1806195600, 7200), (1824944400, 3600), (1837645200, 7200), (1856394000, 3600)),
    # New York
    ("EST5EDT,M3.2.0,M11.1.0",
     (1805007600, -14400), (1825567200, -18000), (1836457200, -14400), (1857016800, -18000)),
    # Lord Howe: half an hour
    ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
     (1806764400, 37800), (1822491000, 39600), (1838214000, 37800), (1853940600, 39600)),
    # Sydney
    ("AEST-10AEDT,M10.1.0,M4.1.0/3",
     (1806768000, 36000), (1822492800, 39600), (1838217600, 36000), (1853942400, 39600)),
    # Santiago: at the end of a day
    ("<-04>4<-03>,M9.1.6/24,M4.1.6/24",
     (1806807600, -14400), (1820116800, -10800), (1838257200, -14400), (1851566400, -10800)),
    # Nuuk: on the day before
    ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
     (1806195600, -3600), (1824944400, -7200), (1837645200, -3600), (1856394000, -7200)),
    # Dublin: winter is the exception
    ("IST-1GMT0,M10.5.0,M3.5.0/1",
     (1806195600, 3600), (1824944400, 0), (1837645200, 3600), (1856394000, 0)),
    # Gaza: two days after the date of the rule
    ("EET-2EEST,M3.4.4/50,M10.4.4/50",
     (1806105600, 10800), (1824850800, 7200), (1837555200, 10800), (1856300400, 7200)),
    # Cairo
    ("EET-2EEST,M4.5.5/0,M10.5.4/24",
     (1809036000, 10800), (1824757200, 7200), (1840485600, 10800), (1856206800, 7200)),
)

BAD = ("", "C", "CET", "CE-1", "CET-", "CET-1CEST", "CET-25", "CET-1:60", "CET-1CEST,M3.5.0",
       "CET-1,M3.5.0,M10.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M0.5.0,M10.5.0",
       "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
       "CET-1CEST,M3.5,M10.5.0", "CET-1CEST,J0,J300", "CET-1CEST,J366,J300",
       "CET-1CEST,366,300", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0/,M10.5.0",
       "CET-1CEST,M3.5.0,M10.5.0/3:00:00:00", "CET-1CEST,M3.5.0,M10.5.0,J3", "<CET-1", "<>-1",
       "CET-1CEST,3.5.0,M10.5.0", "CET-1CEST,,", "CET-1CEST-1x,M3.5.0,M10.5.0", "CET-+1",
       "CET1CET,M3.5.0", "Europe/Berlin", "CET- 1")


def _refused(call, *args):
    try:
        call(*args)
    except ValueError as problem:
        assert str(problem), args
        return
    raise AssertionError("not refused: %r" % (args,))


def test_each_zone_turns_when_the_database_says():
    for rule, *turns in ZONES:
        zone = Zone(rule)
        before = turns[1][1]
        for at, after in turns:
            assert zone.offset(at - 1) == before, (rule, at)
            assert zone.offset(at) == after, (rule, at)
            before = after


def test_asking_for_years_in_any_order_gives_the_same():
    zone = Zone(BERLIN)
    for at, offset in ((1806195600, 7200), (1780000000, 7200), (1837645199, 3600),
                       (1806195599, 3600), (1856394000, 3600), (1824944399, 7200)):
        assert zone.offset(at) == offset


def test_zones_without_summer_time():
    for rule, offset in (("IST-5:30", 19800), ("<+1245>-12:45", 45900), ("UTC0", 0),
                         ("<-03>3", -10800), ("XYZ+1:02:03", -3723), ("MST7", -25200)):
        zone = Zone(rule)
        for at in (0, 1767225600, 1783000000):
            assert zone.offset(at) == offset, rule


def test_dates_by_number_with_and_without_the_leap_day():
    # Day 60 of Jn is 1 March always; day 59 of n is 29 February in leap years.
    zone = Zone("AAA0BBB,J60/0,J300/0")
    assert zone.offset(1803859199) == 0 and zone.offset(1803859200) == 3600  # 2027-03-01
    assert zone.offset(1835481599) == 0 and zone.offset(1835481600) == 3600  # 2028-03-01
    zone = Zone("AAA0BBB,59/0,300/0")
    assert zone.offset(1803859199) == 0 and zone.offset(1803859200) == 3600  # 2027-03-01
    assert zone.offset(1835395199) == 0 and zone.offset(1835395200) == 3600  # 2028-02-29
    zone = Zone("AAA0BBB,J59/0,J300/0")
    assert zone.offset(1835308799) == 0 and zone.offset(1835308800) == 3600  # 2028-02-28


def test_summer_time_all_year():
    zone = Zone("EST5EDT,0/0,J365/25")
    for at in range(1798675200, 1798905600, 3600):  # over new year 2027
        assert zone.offset(at) == -14400


def test_summer_time_may_have_its_own_offset():
    assert Zone("AAA-1BBB-3,M3.5.0,M10.5.0").offset(1810000000) == 10800
    assert Zone("AAA-1BBB,M3.5.0,M10.5.0").offset(1810000000) == 7200


def test_bad_rules_are_refused_in_words():
    for rule in BAD:
        _refused(Zone, rule)


def test_local_time_and_back():
    zone = Zone(BERLIN)
    assert zone.local(0) == (1970, 1, 1, 1, 0, 0, 3)
    assert zone.local(1835438399) == (2028, 2, 29, 12, 59, 59, 1)
    assert zone.local(1798757999) == (2026, 12, 31, 23, 59, 59, 3)
    assert zone.local(1798758000) == (2027, 1, 1, 0, 0, 0, 4)
    assert zone.text(1782864300) == "2026-07-01T02:05"
    for at in range(1780000000 // 60 * 60, 1840000000, 86400 * 3 + 3600 + 60):
        local = zone.local(at)
        assert zone.utc(*local[:5]) == at


def test_days_of_all_years_follow_each_other():
    zone = Zone("UTC0")
    at = 1704067200  # 2024-01-01, a Monday
    days = 0
    for year in range(2024, 2106):
        leap = 1 if year % 4 == 0 and year != 2100 else 0
        for month, length in enumerate((31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)):
            for day in range(length):
                assert zone.local(at) == (year, month + 1, day + 1, 0, 0, 0, days % 7)
                at += 86400
                days += 1


def test_skipped_times_move_forward():
    berlin = Zone(BERLIN)
    assert berlin.text(berlin.utc(2027, 3, 28, 2, 30)) == "2027-03-28T03:30"
    assert berlin.text(berlin.utc(2027, 3, 28, 1, 59)) == "2027-03-28T01:59"
    assert berlin.utc(2027, 3, 28, 3, 0) == 1806195600
    assert berlin.utc(2027, 3, 28, 2, 0) == 1806195600
    howe = Zone(ZONES[2][0])
    assert howe.text(howe.utc(2027, 10, 3, 2, 10)) == "2027-10-03T02:40"
    assert howe.text(howe.utc(2027, 10, 3, 2, 30)) == "2027-10-03T02:30"


def test_of_times_that_come_twice_it_is_the_first():
    berlin = Zone(BERLIN)
    assert berlin.utc(2027, 10, 31, 2, 30) == 1824944400 - 1800
    assert berlin.utc(2027, 10, 31, 3, 0) == 1824944400 + 3600
    howe = Zone(ZONES[2][0])
    assert howe.utc(2027, 4, 4, 1, 45) == 1806764400 - 900
    dublin = Zone(ZONES[6][0])
    assert dublin.utc(2027, 10, 31, 1, 30) == 1824944400 - 1800
    assert dublin.text(dublin.utc(2027, 3, 28, 1, 30)) == "2027-03-28T02:30"


def test_days_and_minutes_may_overflow():
    zone = Zone(BERLIN)
    assert zone.utc(2027, 12, 32, 0, 90) == zone.utc(2028, 1, 1, 1, 30)


def test_times_are_read_as_local():
    zone = Zone(BERLIN)
    for text in ("2026-07-01T02:05", "2026-07-01 02:05", "2026-07-01T02:05:59",
                 "2026-07-01T02:05+1"):
        assert zone.parse(text) == 1782864300
    assert zone.parse("2028-02-29T00:00") == 1835391600


def test_what_is_no_time_is_refused():
    zone = Zone(BERLIN)
    for text in ("", "0", "now", "2026-07-01", "2026-07-01T2:05", "2026-7-01T02:05",
                 "2026-13-01T02:05", "2026-00-01T02:05", "2026-02-29T02:05", "2026-06-31T02:05",
                 "2026-06-00T02:05", "2026-06-01T24:00", "2026-06-01T23:60", "2026/06/01T23:00",
                 "2026-06-01X23:00", "2026-06-01T23-00", "+026-06-01T23:00", "2026-06-01T 3:00"):
        _refused(zone.parse, text)
