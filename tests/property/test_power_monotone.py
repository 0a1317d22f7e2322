"""A group of EVSEs, whatever its meters, cars and limits do: what holds for each single pass."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from evse import reasons, ticks
from evse.power import allocate
from evse.power.readings import BATTERY, CIRCUIT, EV, MAINS, Readings
from evse.power.regulator import Regulator
from evse.power.views import NO_LIMIT, NORMAL, SMART, SOLAR

MIN = 60
VALID_MS = 11_000
MODES = (NORMAL, SMART, SOLAR)
NOW = st.one_of(st.integers(0, ticks.MASK), st.integers(ticks.MASK - 200_000, ticks.MASK))
AMPS = st.integers(-250, 500)
EVSE = st.integers(0, 7)
LIMIT = st.one_of(st.just(NO_LIMIT), st.integers(100, 1500))
LOAD = st.integers(-200, 150)
HOUSE = st.tuples(st.just("house"), LOAD, LOAD, LOAD, st.integers(1, 12))
STEP = st.one_of(
    HOUSE,
    HOUSE,
    HOUSE,
    st.tuples(st.just("mains"), AMPS, AMPS, AMPS),
    st.tuples(st.just("mains"), st.integers(200, 270), st.integers(0, 270), st.integers(0, 270)),
    st.tuples(st.just("circuit"), AMPS, AMPS, AMPS),
    st.tuples(st.just("ev"), st.integers(-20, 400), st.integers(0, 400), st.integers(0, 400)),
    st.tuples(st.just("battery"), st.integers(-300, 300)),
    st.tuples(st.just("time"), st.integers(0, 13_000)),
    st.tuples(st.just("wants"), EVSE, st.booleans()),
    st.tuples(st.just("wants"), EVSE, st.just(True)),
    st.tuples(st.just("charging"), EVSE, st.booleans()),
    st.tuples(st.just("obey"),),
    st.tuples(st.just("mode"), EVSE, st.sampled_from(MODES)),
    st.tuples(st.just("phases"), EVSE, st.sampled_from((0, 1, 2, 4))),
    st.tuples(st.just("max"), EVSE, st.integers(40, 320)),
    st.tuples(st.just("mains_da"), st.integers(150, 630)),
    st.tuples(st.just("circuit_da"), LIMIT),
    st.tuples(st.just("capacity_sum_da"), LIMIT),
    st.tuples(st.just("relay_sum_da"), LIMIT),
)
STEPS = st.lists(STEP, min_size=12, max_size=40)
# Which meters there are: only the mains, both, only the circuit's, none.
METERS = st.sampled_from(((True, False), (True, True), (False, True), (False, False)))


class Group:
    """A regulator of several EVSEs, driven by a list of steps."""

    def __init__(self, now, number, meters, modes, absent=None):
        self.absent = absent
        self.now = now
        self.number = number
        self.readings = Readings()
        self.regulator = Regulator(self.readings, allocate, lambda code, a=0, b=0: None, number)
        self.params = self.regulator.params
        self.params.mains_meter, self.params.circuit_meter = meters
        self.params.circuit_da = 320
        for i, view in enumerate(self.regulator.evses):
            view.mode = modes[i]
            view.max_da = 320
            view.wants = i != absent
        self.last = [0] * number  # what each may draw until its contactor is open

    @property
    def grants(self):
        return list(self.regulator.grant_da[:self.number])

    @property
    def shares(self):
        """What would be fair, which is not yet what is granted."""
        return list(self.regulator._raising._fair[:self.number])

    def take(self, step):
        what, *values = step
        evses = self.regulator.evses
        if what == "mains":
            self.now = ticks.add(self.now, 1000)
            self.readings.put(MAINS, *values, self.now, VALID_MS)
        elif what == "house":  # for some seconds, with cars that take all they are granted
            for _ in range(values[3]):
                self.now = ticks.add(self.now, 1000)
                self.obey()
                amps = [values[phase] + self.drawn(phase) for phase in range(3)]
                self.readings.put(MAINS, *amps, self.now, VALID_MS)
                if self.params.circuit_meter:
                    self.readings.put(CIRCUIT, *amps, self.now, VALID_MS)
                self.update()
            return
        elif what == "circuit":
            self.readings.put(CIRCUIT, *values, self.now, VALID_MS)
        elif what == "ev":
            self.readings.put(EV, *values, self.now, VALID_MS)
        elif what == "battery":
            self.readings.put(BATTERY, values[0], 0, 0, self.now, 60_000)
        elif what == "time":
            self.now = ticks.add(self.now, values[0])
        elif what == "obey":
            self.obey()
        elif what in ("wants", "charging", "mode", "phases", "max"):
            if values[0] % self.number != self.absent:
                setattr(evses[values[0] % self.number], "max_da" if what == "max" else what,
                        values[1])
        else:
            setattr(self.params, what, values[0])
        self.update()

    def obey(self):
        """The contactors follow the grants."""
        for i, view in enumerate(self.regulator.evses):
            view.charging = self.regulator.grant_da[i] > 0

    def drawn(self, phase):
        return sum(self.regulator.grant_da[i] for i, view in enumerate(self.regulator.evses)
                   if view.charging and (view.phases or 7) & (1 << phase))

    def update(self):
        """One pass; what is promised is looked at after each of its slices."""
        self.note()
        before = list(self.last)
        wait = 0
        for _ in range(100):
            wait = self.regulator.update(self.now)
            self.note()
            self.watch(before)
            if wait:
                break
        assert 1 <= wait <= 1000

    def note(self):
        """Note what each EVSE may draw: one that stops, its last grant until it is open."""
        for i, view in enumerate(self.regulator.evses):
            grant = self.regulator.grant_da[i]
            self.last[i] = grant if grant or not view.charging else self.last[i]

    def watch(self, before):
        """Nobody gets a promise that the circuit or the relay cannot keep."""
        limits = [NO_LIMIT if self.params.circuit_meter else self.params.circuit_da] * 3
        limits.append(self.params.relay_sum_da)
        for was, now, limit in zip(self.sums(before), self.sums(self.last), limits):
            assert now <= max(was, limit)

    def sums(self, held):
        """Sums on each phase and of all, as far as it is known which phases the cars use."""
        sums = [0, 0, 0, 0]
        for i in range(self.number):
            for phase in range(3):
                if (self.regulator._fleet.mask[i] or 7) & (1 << phase):
                    sums[phase] += held[i]
                    sums[3] += held[i]
        return sums


def play(now, number, meters, modes, steps, absent=None):
    group = Group(now, number, meters, modes, absent)
    for step in steps:
        group.take(step)
    return group


GROUP = (NOW, st.integers(2, 8), METERS,
         st.lists(st.sampled_from(MODES), min_size=8, max_size=8))


@given(*GROUP, STEPS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_grants_are_nothing_or_enough_and_have_a_reason_and_an_end(now, number, meters, modes,
                                                                   steps):
    """Invariants 1, 2 and 4; the sums are watched in each slice of each pass."""
    group = Group(now, number, meters, modes)
    regulator = group.regulator
    for step in steps:
        group.take(step)
        for i, view in enumerate(regulator.evses):
            grant = regulator.grant_da[i]
            assert grant == 0 or MIN <= grant <= view.max_da
            assert view.wants or not grant
            if grant:
                assert 0 < ticks.diff(regulator.grant_until[i], group.now) <= 5000
                assert regulator.grant_limit[i] != reasons.NONE
            elif view.wants:
                assert regulator.grant_reason[i] != reasons.NONE
            if view.mode != NORMAL and not group.readings.fresh(MAINS, group.now):
                assert not grant


@given(*GROUP, STEPS, st.lists(st.integers(0, 1500), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_is_known_already_changes_nothing(now, number, meters, modes, steps, times):
    """Invariant 6: passes without news, till the first sample expires."""
    group = play(now, number, meters, modes, steps)
    sources = [source for source, there in zip((MAINS, CIRCUIT), meters) if there]
    group.update()
    before = group.grants
    for time in times:
        group.now = ticks.add(group.now, time)
        if not sources or not all(group.readings.fresh(s, group.now) for s in sources):
            return
        group.update()
        assert group.grants == before


@given(*GROUP, STEPS, st.tuples(AMPS, AMPS, AMPS), st.tuples(*[st.integers(0, 150)] * 3),
       st.sampled_from(("load", "mains_da", "circuit_da", "capacity_sum_da", "relay_sum_da")),
       st.integers(0, 300))
# L2 leaves the third 0.1 A less of the circuit, and the second, on L3 alone, has it.
@example(0, 3, (True, False), (NORMAL, SMART, SMART),
         [("circuit_da", 190), ("mains", 0, 0, 251), ("phases", 1, 4), ("house", 0, 0, 0, 3)],
         (0, 241, 162), (0, 0, 0), "mains_da", 3)
# The same of a share that the other was not granted yet.
@example(0, 3, (True, False), (NORMAL, NORMAL, SMART),
         [("circuit_da", 190), ("house", 0, 0, 0, 1), ("mains", 0, 0, 0), ("house", 0, 0, 0, 1),
          ("house", 0, 0, 0, 1), ("house", 0, 0, 0, 1), ("phases", 0, 1), ("ev", 0, 0, 0)],
         (0, 0, 241), (0, 0, 0), "mains_da", 3)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_more_load_or_a_lower_limit_raises_nobody(now, number, meters, modes, steps, load, more,
                                                  what, less):
    """Invariant 13, for the last decision after any history."""
    results, shares = [], []
    for worse in (False, True):
        group = play(now, number, meters, modes, steps)
        moving = any(group.regulator._fleet.draws.moving)
        before = group.grants
        amps = load
        if worse and what == "load":
            amps = tuple(a + b for a, b in zip(load, more))
        elif worse:
            setattr(group.params, what, max(0, getattr(group.params, what) - less))
        if meters[1]:
            group.readings.put(CIRCUIT, *amps, ticks.add(group.now, 1000), VALID_MS)
        group.take(("mains", *amps))
        results.append(group.grants)
        shares.append(group.shares)
    usual, worse = results
    # A car that is being asked may be answering with just that load.
    if what == "load" and moving:
        return
    # What one can no longer have is for the others, and so is his turn to be asked.
    if any(now < was for was, now in zip(usual + shares[0], worse + shares[1])):
        return
    for i in range(number):  # who need not make way for one that fits no more keeps what he has
        assert worse[i] <= max(usual[i], before[i]), (before, results)


@given(*GROUP, STEPS, st.tuples(AMPS, AMPS, AMPS))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_one_more_who_wants_current_raises_nobody(now, number, meters, modes, steps, load):
    """Invariant 13: the newcomer has the highest number."""
    newcomer = number - 1
    results = []
    for comes in (False, True):
        group = play(now, number, meters, modes, steps, newcomer)
        before = group.grants
        group.regulator.evses[newcomer].wants = comes
        if meters[1]:
            group.readings.put(CIRCUIT, *load, ticks.add(group.now, 1000), VALID_MS)
        group.take(("mains", *load))
        results.append(group.grants)
    for i in range(number - 1):
        assert results[1][i] <= results[0][i], (before, results)
