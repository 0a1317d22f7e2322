"""Several EVSEs under one set of limits: what holds after each decision, whatever came before."""

from hypothesis import given, settings
from hypothesis import strategies as st

from evse import ticks
from evse.power import allocate
from evse.power.readings import MAINS, Readings
from evse.power.regulator import Regulator
from evse.power.views import NO_LIMIT, NORMAL, SMART, SOLAR

MIN = 60
VALID_MS = 11_000
NOW = st.one_of(st.integers(0, ticks.MASK), st.integers(ticks.MASK - 300_000, ticks.MASK))
COUNT = st.integers(1, 8)
WHICH = st.integers(0, 7)
AMPS = st.one_of(st.integers(-200, 600), st.integers(180, 260))
STEP = st.one_of(
    st.tuples(st.just("mains"), AMPS, AMPS, AMPS),
    st.tuples(st.just("house"), st.integers(-300, 300)),
    st.tuples(st.just("time"), st.integers(0, 9_000)),
    st.tuples(st.just("wants"), WHICH, st.booleans()),
    st.tuples(st.just("charging"), WHICH, st.booleans()),
    st.tuples(st.just("obey")),
    st.tuples(st.just("max"), WHICH, st.sampled_from((40, 100, 160, 320))),
    st.tuples(st.just("mode"), WHICH, st.sampled_from((NORMAL, SMART, SMART, SOLAR))),
)
# The last sample comes at rest: everybody has had time to follow.
STEPS = st.lists(STEP, min_size=3, max_size=50)
LIMITS = st.fixed_dictionaries({
    "mains_da": st.sampled_from((160, 250, 400)),
    "circuit_da": st.sampled_from((120, 160, 320, NO_LIMIT)),
    "relay_sum_da": st.sampled_from((182, 400, NO_LIMIT, NO_LIMIT)),
    "capacity_sum_da": st.sampled_from((300, 600, NO_LIMIT, NO_LIMIT)),
    "rotation_s": st.sampled_from((0, 60, 1800)),
})


class Site:
    """A regulator with ``count`` EVSEs, and cars that draw what they were granted."""

    def __init__(self, count, limits, now):
        self.now = now
        self.readings = Readings()
        self.regulator = Regulator(self.readings, allocate, lambda code, a=0, b=0: None, count)
        self.params = self.regulator.params
        self.params.mains_meter = True
        for name, value in limits.items():
            setattr(self.params, name, value)
        self.count = count
        self.house = [30, 20, 10]
        self.draws = [0] * count
        for view in self.regulator.evses:
            view.mode = SMART
            view.max_da = view.cable_da = 160
            view.wants = True
        self.decide()

    @property
    def grants(self):
        return list(self.regulator.grant_da[:self.count])

    def decide(self):
        while not self.regulator.update(self.now):
            pass

    def sample(self, house=None):
        """A second passes, the mains meter speaks."""
        self.now = ticks.add(self.now, 1000)
        flow = sum(self.draws)
        amps = [value + flow for value in house or self.house]
        self.readings.put(MAINS, *amps, self.now, VALID_MS)
        self.decide()

    def take(self, step):
        """Let ``step`` happen; then a sample comes."""
        what, *values = step
        view = self.regulator.evses[values[0] % self.count] if values else None
        if what == "mains":
            self.house = list(values)
        elif what == "house":
            self.house[0] += values[0]
        elif what == "time":
            self.now = ticks.add(self.now, values[0])
        elif what == "wants":
            view.wants = values[1]
            if not values[1]:
                view.charging = False
        elif what == "charging":
            view.charging = values[1] and view.wants and bool(self.grants[values[0] % self.count])
        elif what == "max":
            view.max_da = values[1]
        elif what == "mode":
            view.mode = values[1]
        if what == "obey":
            self.obey()
        else:
            self.draws = [draw if view.charging else 0
                          for draw, view in zip(self.draws, self.regulator.evses)]
        self.sample()

    def obey(self):
        """Who was granted current charges with it, who was not has stopped."""
        for i, view in enumerate(self.regulator.evses):
            view.charging = bool(self.grants[i])
            self.draws[i] = self.grants[i]


def after(count, limits, steps, now):
    """A site after ``steps``."""
    site = Site(count, limits, now)
    for step in steps:
        site.take(step)
    return site


@settings(max_examples=150, deadline=None)
@given(COUNT, LIMITS, STEPS, NOW)
def test_grants_are_whole_and_their_sums_hold(count, limits, steps, now):
    site = Site(count, limits, now)
    for step in steps:
        site.take(step)
        for grant, view in zip(site.grants, site.regulator.evses):
            assert grant == 0 or MIN <= grant <= min(view.max_da, view.cable_da), step
            assert view.wants or not grant, step
        # Phases are not known: each car counts on all of them.
        assert sum(site.grants) <= limits["circuit_da"], step
        if limits["relay_sum_da"] != NO_LIMIT and not any(site.regulator.uses[:count]):
            assert 3 * sum(site.grants) <= limits["relay_sum_da"], step


def compared(count, limits, steps, now, change):
    """Grants before the last sample, after it, and after it with ``change(site)`` before it.

    The last is of EVSEs whose cars are being asked whether they follow: for them a change of the
    load is what an answer looks like.
    """
    one, other = after(count, limits, steps, now), after(count, limits, steps, now)
    before = one.grants
    asked = list(one.regulator._fleet.draws.moving[:count])
    assert other.grants == before, "the same history gives the same grants"
    one.sample()
    change(other)
    other.sample()
    return before, one.grants, other.grants, asked


def assert_none_rose(before, usual, changed, asked, skip=None):
    for i, (was, without, grant) in enumerate(zip(before, usual, changed)):
        if i != skip and not asked[i]:
            assert grant <= max(was, without), (before, usual, changed)


@settings(max_examples=150, deadline=None)
@given(COUNT, LIMITS, STEPS, NOW, st.integers(1, 300), st.integers(0, 2))
def test_a_higher_load_raises_nobody(count, limits, steps, now, more, phase):
    def change(site):
        site.house[phase] += more
    assert_none_rose(*compared(count, limits, steps, now, change))


@settings(max_examples=150, deadline=None)
@given(COUNT, LIMITS, STEPS, NOW, st.integers(1, 300),
       st.sampled_from(("mains_da", "circuit_da", "relay_sum_da", "capacity_sum_da")))
def test_a_lower_limit_raises_nobody(count, limits, steps, now, less, name):
    def change(site):
        setattr(site.params, name, max(0, min(getattr(site.params, name), 600) - less))
    assert_none_rose(*compared(count, limits, steps, now, change))


@settings(max_examples=150, deadline=None)
@given(COUNT, LIMITS, STEPS, NOW, WHICH)
def test_one_more_who_wants_raises_nobody(count, limits, steps, now, which):
    which %= count
    steps = [*steps, ("wants", which, False)]

    def change(site):
        site.regulator.evses[which].wants = True
    assert_none_rose(*compared(count, limits, steps, now, change), skip=which)
