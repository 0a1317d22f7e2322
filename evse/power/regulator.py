"""The regulator: what each EVSE may offer its car now, and why.

Every sample is judged once. An overload lowers grants at once, by what the cars draw and not by
what they were offered; more is granted only when it fits with every car taking all of it. Old
samples change nothing until they expire; then Smart and Solar stop and Normal goes down to MIN.
"""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.power.fleet import Fleet
from evse.power.lowering import Lowering
from evse.power.raising import Raising
from evse.power.readings import BATTERY, CIRCUIT, EV, MAINS
from evse.power.rooms import Rooms, count
from evse.power.sunshine import Sunshine
from evse.power.views import NORMAL, Params

# A grant is renewed at least each second; a regulator that fell silent may lead nobody for long.
GRANT_MS = const(5_000)
# A grant outlives its sample by this, so that the stop comes from here and with its reason.
_GRACE_MS = const(1_000)
_PERIOD_MS = const(1_000)
# A meter that was lost must be steady for this long before anybody starts on it again.
_STEADY_MS = const(10_000)
_METERS = (MAINS, CIRCUIT, EV)
_GRID = (MAINS, CIRCUIT)


class Regulator:
    """Grants for ``number`` EVSEs; EVSE 0 is this one and owns the EV meter of ``readings``.

    ``allocate`` is one of the two twins. ``evses`` (views) and ``params`` are its inputs beside
    the readings. Outputs, one element per EVSE: ``grant_da``, ``grant_reason``, ``grant_limit``,
    ``grant_until`` (see Fleet), ``uses`` (bits of the phases its car draws on, 0 unknown) and
    ``free_da`` (sum over the phases a Solar EVSE could take without buying; ``new_sun`` is set
    with each new look at the sun). ``paused_until`` is the fleet's.
    """

    def __init__(self, readings, allocate, record, number=1):
        self._readings = readings
        self._record = record
        self.params = params = Params()
        self._fleet = fleet = Fleet(allocate, record, number)
        self._rooms = Rooms(allocate, readings, params)
        self._sunshine = Sunshine(allocate, readings, fleet, params, record)
        self.lowering = Lowering(allocate, fleet, self._rooms, params)
        self._raising = Raising(allocate, fleet, self._rooms, self._sunshine)
        self.sun = self._sunshine.sun
        self.free_da = self._sunshine.free_da
        self.evses = fleet.views
        self.limits = fleet.limits
        self.grant_da = fleet.grant_da
        self.grant_reason = fleet.grant_reason
        self.grant_limit = fleet.grant_limit
        self.grant_until = fleet.grant_until
        self.paused_until = fleet.paused_until
        self.uses = fleet.draws.uses
        self.new_sun = False
        self._seen = array("i", (0,) * 4)
        self._counts = self._measured = False
        self._primary = MAINS
        self._lost = 0
        self._steady = True
        self._back_at = 0
        self._gap = True
        self._now = 0
        self._passes = self._run()

    def update(self, now):
        """Go on deciding; returns ms until the next call is due, 0 while the pass is not over.

        Call it on each new sample as well. ``now`` counts for a pass from its first call.
        """
        self._now = now
        return next(self._passes)

    def draw_da(self, i):
        """Return what the car of EVSE ``i`` is thought to draw, as a sum over the phases."""
        likely = self._fleet.draws.likely
        return likely[3 * i] + likely[3 * i + 1] + likely[3 * i + 2]

    def most_da(self, i):
        """Return the lowest of the ceilings of EVSE ``i``."""
        return self._fleet.high[i]

    def least_da(self, i):
        """Return MIN of EVSE ``i`` as a sum over the phases it uses."""
        return self._fleet.low[i] * count(self._fleet.mask[i])

    def _run(self):
        """Pass after pass, in slices: it yields 0 between two of them.

        One function, because a generator for each part would be allocated anew in each pass.
        """
        fleet = self._fleet
        draws = fleet.draws
        lowering = self.lowering
        raising = self._raising
        number = len(fleet.views)
        while True:
            now = self._now
            fresh = self._look(now)
            blind = self._blind(now)
            for i in range(number):
                fleet.prepare(i, self.params, blind, now)
                yield 0
            if fresh and self._measured:
                self._close_gap(number)
            self._rank(number, now)
            lowering.fit(now)
            yield 0
            if not self._measured:
                self._gap = True
                for i in range(number):
                    draws.rest(i, fleet.grant_da[i], fleet.mask[i], now)
                raising.begin(False)
                yield 0
                for n in range(raising.free(False)):
                    raising.give_all(n, now)
                    yield 0
            elif fresh:
                known = fresh & (1 << self._primary)
                amps = self._readings.amps[self._primary]
                if known:
                    draws.track(number, amps, fleet.grant_da, fleet.mask, now)
                    for i in range(number):
                        draws.learn(i, amps, fleet.grant_da[i], fleet.mask[i],
                                    self._readings.news[self._primary], now)
                        yield 0
                if fresh & (1 << CIRCUIT):
                    self._rooms.note(number, draws.likely, draws.early)
                if self._news(fresh):
                    fleet.gone = False
                if not fleet.gone:  # else an old sample, told again, still shows who has gone
                    for n in range(lowering.begin(fresh & (1 << MAINS), fresh & (1 << CIRCUIT))):
                        yield 0
                        lowering.each(n, now)
                    lowering.end(now)
                yield 0
                if known:
                    if self._primary == MAINS:
                        if self._sunshine.look(now):
                            yield 0
                            self._sunshine.follow(now)
                        self.new_sun = True
                        yield 0
                    raising.begin(True)
                    yield 0
                    for n in range(raising.free(True)):
                        raising.each(n, self._is_steady(now), now)
                        yield 0
                    draws.over(number)
            yield self._end(number, now)

    # ---- what is known ----

    def _look(self, now):
        """Which meters count, and which have something new? Returns bits of the latter."""
        readings = self._readings
        params = self.params
        rooms = self._rooms
        rooms.smart = smart = self._smart()
        self._counts = params.mains_meter and (params.normal_mains or smart)
        lost = readings.expire(now)
        rooms.bound = bound = self._counts and readings.fresh(MAINS, now)
        rooms.metered = params.circuit_meter and readings.fresh(CIRCUIT, now)
        self._measured = bound or rooms.metered
        primary = MAINS if bound else CIRCUIT
        if primary != self._primary:
            self._primary = primary
            self._gap = True  # what the other meter showed last is no step of a car
        for source in _METERS:
            if lost & (1 << source):
                self._record(reasons.METER_LOST, source)
        if lost & (1 << BATTERY):
            self._record(reasons.BATTERY_EXPIRED)
        if lost & (1 << EV):
            self._fleet.draws.unmeasured(0)
        here = (1 << MAINS if params.mains_meter else 0) | (
            1 << CIRCUIT if params.circuit_meter else 0)
        self._lost &= here
        lost &= here
        if lost:
            self._lost |= lost
            self._steady = False
            self._gap = True
        fresh = 0
        for source in _METERS:
            bit = 1 << source
            if readings.count[source] == self._seen[source]:
                continue
            self._seen[source] = readings.count[source]
            if not readings.fresh(source, now):
                continue
            fresh |= bit
            if self._lost & bit:
                self._record(reasons.METER_BACK, source)
                self._lost &= ~bit
                self._back_at = now
                self._steady = False
        if fresh & (1 << EV):
            self._fleet.draws.measured(0, readings.amps[EV], self.evses[0].rotation)
        fresh &= (1 << MAINS if bound else 0) | (1 << CIRCUIT if rooms.metered else 0)
        rooms.protect_da = self._sunshine.drained_da(now) if params.protect and bound else 0
        return fresh

    def _smart(self):
        """True when any EVSE is in Smart or Solar."""
        for view in self.evses:
            if view.mode != NORMAL:
                return True
        return False

    def _blind(self, now):
        """Return the reason code of a meter that counts and is silent, NONE when all speak."""
        params = self.params
        readings = self._readings
        if ((self._rooms.smart and not params.mains_meter)
                or (self._counts and not readings.fresh(MAINS, now))):
            return reasons.LIMIT_METER_LOST
        if params.circuit_meter and not readings.fresh(CIRCUIT, now):
            return reasons.LIMIT_CIRCUIT_LOST
        return reasons.NONE

    # ---- what follows ----

    def _rank(self, number, now):
        """Let the seconds pass, and put the EVSEs in order."""
        fleet = self._fleet
        fleet.turns.step(fleet.views, fleet.grant_da, fleet.waiting, now)
        fleet.turns.rank(fleet.views, fleet.grant_da, self.params)
        fleet.patience.step(number, now)
        self.sun.step(now)
        self._is_steady(now)  # at each pass, so that a wrapping clock cannot make it wait

    def _close_gap(self, number):
        """The first sample after a time without: what was granted meanwhile is taken as drawn."""
        if self._gap:
            self._gap = False
            fleet = self._fleet
            for i in range(number):
                if fleet.charging[i] and fleet.grant_da[i]:  # who is stopping keeps what it had
                    fleet.draws.assume(i, fleet.grant_da[i], fleet.mask[i])

    def _news(self, fresh):
        """True when a sample of ``fresh`` is not perhaps an old one, told again."""
        for source in _GRID:
            if fresh & (1 << source) and self._readings.news[source]:
                return True
        return False

    def _is_steady(self, now):
        self._steady = self._steady or ticks.diff(now, self._back_at) >= _STEADY_MS
        return self._steady

    def _end(self, number, now):
        """Renew the permissions; returns ms until the next pass."""
        readings = self._readings
        fleet = self._fleet
        wait = _PERIOD_MS
        until = ticks.add(now, GRANT_MS)
        if self._measured:
            for source in _GRID:
                if self._rooms.bound if source == MAINS else self._rooms.metered:
                    wait = max(1, min(wait, ticks.diff(readings.until[source], now)))
                    expiry = ticks.add(readings.until[source], _GRACE_MS)
                    if ticks.diff(expiry, until) < 0:
                        until = expiry
        ends = self.grant_until
        why = self.grant_reason
        for i in range(number):
            ends[i] = until
            if why[i] == reasons.NONE and self.evses[i].wants:
                limit = reasons.LIMIT_SHORTAGE if fleet.paused[i] else reasons.NONE
                fleet.grant(i, 0, limit or reasons.NO_GRANT, limit, now)
        return wait
