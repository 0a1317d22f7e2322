"""When a Solar EVSE starts, goes on and stops: scripted sun in, verdicts out."""

import micropython

from evse import reasons, ticks
from evse.power.sun import Sun
from evse.power.views import BALANCED, GREEDY, THRIFTY, Params

LOW = 60
SAMPLE_S = 2
HOUR = 3600
STYLES = (THRIFTY, BALANCED, GREEDY)


class Day:
    """A Sun whose EVSEs run as soon as they shall; ``start`` is the tick it begins at."""

    def __init__(self, style=BALANCED, start=0x3FFFF000, low=LOW, record=None, count=1):
        self.params = Params()
        self.params.style = style
        self.events = []
        self.sun = Sun(self.params, record or self._record, count)
        self.now = start
        self.low = low
        self.runs = [False] * count

    def _record(self, code, i, da):
        self.events.append((code, i, da))

    def sample(self, free, i=0, ms=SAMPLE_S * 1000):
        self.now = ticks.add(self.now, ms)
        self.runs[i] = self.sun.judge(i, free, self.low, self.runs[i], self.now)
        return self.runs[i]

    def samples(self, free, seconds, i=0):
        """The same sun for so long; returns the seconds after which the verdict changed, or 0."""
        was = self.runs[i]
        changed = 0
        for at in range(0, seconds, SAMPLE_S):
            if self.sample(free, i) != was and not changed:
                changed = at + SAMPLE_S
        return changed

    def running(self, free=200):
        """Bring it to run in good sun, with whatever came before long over."""
        self.samples(free, 700)
        assert self.runs[0]
        return self

    def count(self, code):
        return sum(1 for event in self.events if event[0] == code)


# ---- starting ----

def test_start_needs_more_than_start():
    for style in STYLES:
        day = Day(style)
        day.params.start_sum_da = 80
        assert not day.samples(80, 2 * HOUR)
        assert day.samples(81, 2 * HOUR)
        assert day.events == [(reasons.SUN_START, 0, 81)]


def test_factory_settings_start_above_4_a_on_one_phase():
    for style in (BALANCED, GREEDY):
        day = Day(style)
        assert not day.samples(40, HOUR)
        assert day.samples(41, HOUR)


def test_start_needs_a_minute():
    for style in STYLES:
        assert 60 <= Day(style).samples(200, 300) <= 64


def test_glimpse_of_sun_starts_nobody():
    for style in STYLES:
        day = Day(style)
        for _ in range(30):
            day.samples(0, 600)
            day.samples(90, 40)
            day.samples(0, 600)
            day.samples(62, 80)
        assert not day.events


def test_long_gray_then_sun_starts_within_minutes():
    for style in STYLES:
        day = Day(style)
        day.samples(0, 3 * HOUR)
        assert 60 <= day.samples(120, HOUR) <= 420


def test_thrifty_waits_for_nearly_all_of_min():
    for style, starts in ((THRIFTY, False), (BALANCED, True), (GREEDY, True)):
        assert bool(Day(style).samples(50, HOUR)) == starts
    assert Day(THRIFTY).samples(55, HOUR)


def test_house_that_buys_is_no_sun():
    day = Day()
    assert not day.samples(-100, HOUR)
    assert not day.events


def test_allowed_import_helps_to_start_but_start_stays():
    day = Day(THRIFTY)
    day.params.import_sum_da = 30
    assert not day.samples(40, HOUR)
    assert day.samples(41, HOUR)


def test_start_0_starts_with_a_part_of_min():
    day = Day()
    day.params.start_sum_da = 0
    assert not day.samples(20, HOUR)
    assert day.samples(40, HOUR)


# ---- three phases ----

def test_three_phases_with_start_4_never_start_and_stop_in_turns():
    for style in STYLES:
        for free in range(41, 260, 7):
            day = Day(style, low=180)
            day.samples(free, 2 * HOUR)
            assert day.count(reasons.SUN_STOP) == 0, (style, free)
            assert day.runs[0] == (day.count(reasons.SUN_START) == 1)
            assert not day.runs[0] or free >= 90


def test_three_phases_on_a_feed_of_16_a_run():
    for style in (BALANCED, GREEDY):
        assert Day(style, low=180).samples(145, HOUR)


def test_at_most_one_stop_per_stop_period():
    for style in STYLES:
        for low in (LOW, 180):
            day = Day(style, low=low)
            seed = 7 + style + low
            at = 0
            last = None
            for _ in range(700):
                seed = (seed * 1103 + 12345) % 65536
                free = (0, low // 2, low, 3 * low)[seed >> 14]
                for _ in range(10 + seed % 180 // 2):
                    before = day.count(reasons.SUN_STOP)
                    day.sample(free)
                    at += SAMPLE_S
                    if day.count(reasons.SUN_STOP) != before:
                        assert last is None or at - last >= day.params.stop_s
                        last = at
            assert last


# ---- stopping ----

def test_without_sun_it_stops_within_stop():
    for style in STYLES:
        for stop_s in (60, 600, 1800):
            day = Day(style)
            day.params.stop_s = stop_s
            day.running()
            day.samples(200, stop_s)
            took = day.samples(0, 2 * HOUR)
            assert min(60, stop_s) <= took <= stop_s + SAMPLE_S, (style, stop_s, took)
            assert day.events[-1] == (reasons.SUN_STOP, 0, 0)


def test_thrifty_stops_before_greedy():
    took = [Day(style).running().samples(0, HOUR) for style in STYLES]
    assert took[0] < took[1] < took[2] <= 600 + SAMPLE_S


def test_shortage_that_is_small_lasts_all_of_stop():
    day = Day(GREEDY).running()
    took = day.samples(24, HOUR)
    assert 600 <= took <= 602


def test_on_the_edge_nothing_happens():
    """Sun between the bars keeps whatever is."""
    for style, free in ((THRIFTY, 49), (BALANCED, 36), (GREEDY, 30)):
        day = Day(style)
        assert not day.samples(free, 4 * HOUR)
        day.running()
        assert not day.samples(free, 4 * HOUR)
        for _ in range(300):
            day.samples(free - 1, 6)
            day.samples(free + 1, 6)
        assert day.runs[0]


def test_kettle_stops_nobody():
    for style in (BALANCED, GREEDY):
        day = Day(style).running()
        for _ in range(20):
            assert not day.samples(-60, 180)
            assert not day.samples(150, 720)


def test_not_less_than_a_minute_of_shortage_stops():
    for style in STYLES:
        day = Day(style).running()
        for _ in range(100):
            day.samples(0, 58)
            day.samples(LOW, 2)
        assert day.runs[0]


def test_stop_0_never_stops_and_starts_as_told():
    for style in STYLES:
        day = Day(style)
        day.params.stop_s = 0
        day.params.start_sum_da = 0
        assert not day.samples(0, HOUR)
        assert day.samples(1, HOUR)
        assert not day.samples(-100, 12 * HOUR)
        assert day.sun.left_s(0) == 0


def test_allowed_import_is_no_shortage():
    day = Day(THRIFTY).running()
    day.params.import_sum_da = LOW
    assert not day.samples(0, 12 * HOUR)


def test_longer_stop_is_more_patient():
    took = []
    for minutes in (5, 10, 30):
        day = Day()
        day.params.stop_s = 60 * minutes
        day.running()
        day.samples(200, HOUR)
        took.append(day.samples(10, 2 * HOUR))
    assert took[0] < took[1] < took[2]


def test_left_s_counts_down_to_the_stop():
    for style in STYLES:
        day = Day(style).running()
        assert day.sun.left_s(0) == 0
        day.samples(10, 10)
        last = day.sun.left_s(0)
        assert 0 < last <= 600
        while day.runs[0]:
            day.sample(10)
            left = day.sun.left_s(0)
            assert left <= last
            last = left
        assert left == 0


def test_left_s_is_about_right():
    for style in STYLES:
        day = Day(style).running()
        day.samples(10, 10)
        left = day.sun.left_s(0)
        took = day.samples(10, HOUR)
        assert took // 3 <= left <= took + SAMPLE_S, (style, left, took)


def test_left_s_is_the_rest_of_the_minute_when_the_mean_is_low():
    day = Day(THRIFTY).running()
    day.samples(50, HOUR)
    day.samples(10, 20)
    assert day.sun.left_s(0) == 40 + SAMPLE_S
    assert 40 <= day.samples(10, HOUR) <= 44


def test_sun_that_comes_back_ends_the_countdown():
    day = Day().running()
    day.samples(10, 30)
    assert day.sun.left_s(0)
    day.sample(100)
    assert day.sun.left_s(0) == 0


# ---- starts that add up ----

def starts_until_refused(day, free):
    """How often it starts when sun and dark take turns."""
    for number in range(20):
        if not day.samples(free, 1800):
            return number
        day.samples(0, 720)
    return 20


def test_each_start_after_the_second_needs_more_sun():
    for style, free in ((THRIFTY, 55), (BALANCED, 42), (GREEDY, 41)):
        few = starts_until_refused(Day(style), free)
        more = starts_until_refused(Day(style), free + 15)
        assert 3 <= few <= 5, (style, few)
        assert more > few
        assert starts_until_refused(Day(style), 150) == 20


def test_rest_takes_starts_back():
    day = Day(THRIFTY)
    day.params.stop_s = 600
    assert starts_until_refused(day, 55) == 3
    day.samples(0, HOUR + 1800)
    assert day.samples(55, 1800)


def test_after_a_stop_one_bright_sample_starts_nobody():
    """A meter that sees the car half way down shows sun that is not there."""
    for style in STYLES:
        day = Day(style).running()
        day.samples(200, 700)
        assert day.samples(15, HOUR)
        assert not day.sample(90)
        assert not day.samples(15, HOUR)
        assert day.count(reasons.SUN_START) == 1


def test_sun_of_a_start_must_last():
    for style in STYLES:
        day = Day(style)
        for _ in range(100):
            day.samples(150, 50)
            day.samples(30, 10)
        assert not day.events


def test_gone_car_leaves_nothing():
    day = Day(THRIFTY)
    for _ in range(4):
        day.running()
        day.samples(0, 1200)
    day.sun.forget(0)
    assert 60 <= day.samples(55, 1800) <= 64
    day.sun.forget(0)
    day.runs[0] = False
    assert day.sun.left_s(0) == 0


# ---- others ----

def test_one_start_at_a_time():
    """Both saw the same sun; the second looks anew at what the first leaves."""
    day = Day(count=2)
    at = []
    for step in range(120):
        for i in (0, 1):
            if day.sample(130 - 60 * i * day.runs[0], i, ms=1000) and len(at) <= i:
                at.append(2 * step)
    assert len(at) == 2
    assert at[1] - at[0] >= 60


def test_nth_car_starts_by_the_rule_of_the_first():
    for i in range(8):
        day = Day(count=8)
        assert not day.samples(40, HOUR, i)
        assert day.samples(41, HOUR, i)
        day.params.start_sum_da = 80
        assert not day.samples(80, HOUR, (i + 1) % 8)


def test_evses_have_their_own_shortage():
    day = Day(count=2)
    day.samples(200, 200, 0)
    day.samples(200, 200, 1)
    assert day.runs == [True, True]
    for _ in range(600):
        day.sample(200, 0, ms=1000)
        day.sample(0, 1, ms=1000)
    assert day.runs == [True, False]


# ---- time ----

def test_old_sample_counts_for_a_while_only():
    day = Day().running()
    day.sample(0)
    for _ in range(500):
        day.now = ticks.add(day.now, 1000)
        day.sun.step(day.now)
    assert day.sun.left_s(0) > 200
    assert day.sample(0)


def test_after_a_gap_sun_is_seen_anew():
    day = Day()
    day.samples(200, 58)
    day.now = ticks.add(day.now, 60_000)
    assert not day.sample(200)
    assert 56 <= day.samples(200, 200) <= 66


def test_sample_rates_do_not_matter():
    for ms in (1000, 2000, 5000, 10_000):
        day = Day().running()
        day.samples(200, 600)
        took = 0
        while day.sample(0, ms=ms):
            took += ms
        assert 290_000 <= took <= 420_000, (ms, took)


def test_clock_that_was_turned_back_does_no_harm():
    day = Day(start=100_000)
    day.samples(200, 30)
    day.now = 5_000
    assert 30 <= day.samples(200, 200) <= 64


def test_sun_gone_before_the_car_came_takes_the_verdict_back():
    day = Day()
    for _ in range(40):
        verdict = day.sun.judge(0, 100, LOW, False, day.now)
        day.now = ticks.add(day.now, 2000)
    assert verdict
    for _ in range(40):
        verdict = day.sun.judge(0, 0, LOW, False, day.now)
        day.now = ticks.add(day.now, 2000)
    assert not verdict


def test_one_stopped_by_something_else_needs_the_sun_of_a_start():
    day = Day(THRIFTY).running()
    day.sun.stopped(0)
    day.runs[0] = False
    assert not day.samples(48, HOUR)
    assert day.samples(100, 300)


def test_interrupted_one_goes_on_when_it_may():
    day = Day().running()
    for _ in range(30):
        day.now = ticks.add(day.now, 2000)
        assert day.sun.judge(0, 200, LOW, False, day.now)


def test_trim_is_small():
    for style in STYLES:
        assert 0 <= Day(style).sun.trim_da() <= 5


def test_nothing_is_allocated():
    def record(code, i, da):
        pass

    lock = getattr(micropython, "heap_lock", None)
    unlock = getattr(micropython, "heap_unlock", None)
    if not lock:
        return  # CPython
    for style in STYLES:
        day = Day(style, record=record, count=8)
        sun = day.sun
        running = False
        now = day.now
        for at in range(3000):
            free = 200 if at % 900 < 400 else 0
            now = ticks.add(now, 2000)
            lock()
            running = sun.judge(0, free, LOW, running, now)
            sun.judge(7, free, 480, False, now)
            sun.step(now)
            sun.left_s(0)
            unlock()
