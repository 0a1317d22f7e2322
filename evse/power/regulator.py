"""The regulator: what each EVSE may offer its car now, and why.

Every mains sample is judged once. An overload lowers grants at once, by what the cars draw and not
by what they were offered; more is granted only when it fits with every car taking all of it. Old
samples change nothing until they expire; then Smart stops and Normal goes down to MIN.
"""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.power.draws import ASK_DA, EVSES, USED_DA, Draws
from evse.power.limits import Limits
from evse.power.patience import Patience
from evse.power.readings import EV, MAINS
from evse.power.views import NORMAL, EvseView, Params

# A grant is renewed at least each second; a regulator that fell silent may lead nobody for long.
GRANT_MS = const(5_000)
# A grant outlives its sample by this, so that the stop comes from here and with its reason.
_GRACE_MS = const(1_000)
_PERIOD_MS = const(1_000)

# Raising stays this far below the limit, and needs so much room to happen at all.
_MARGIN_DA = const(2)
_RISE_DA = const(3)
# A car is admitted when this much more than MIN is free.
_ADMIT_DA = const(10)
# From here an overload counts as one to be patient after.
_EPISODE_DA = const(10)
# A meter that was lost must be steady for this long before anybody starts on it again.
_STEADY_MS = const(10_000)
# A stop for want of current lasts at least this long.
_PAUSE_MS = const(60_000)
# Fresh overload samples with the grant at MIN that stop a car.
_STRIKES = const(2)
_NO_SUM_LIMIT = const(0x7FFFFFF)


class Regulator:
    """Grants for up to eight EVSEs; EVSE 0 is this one and owns the EV meter of ``readings``.

    ``allocate`` is one of the two twins. Outputs, one element per EVSE: ``grant_da`` (0 or from
    MIN to its ceiling), ``grant_reason`` (why it has this size), ``grant_limit`` (the limit that
    won), ``grant_until`` (tick at which the permission ends unless renewed).
    """

    def __init__(self, readings, allocate, record, count=1):
        self._readings = readings
        self._allocate = allocate
        self._record = record
        self.params = Params()
        self.evses = [EvseView() for _ in range(count)]
        self.limits = [Limits() for _ in range(count)]
        self.grant_da = array("i", (0,) * EVSES)
        self.grant_reason = array("i", (reasons.NONE,) * EVSES)
        self.grant_limit = array("i", (reasons.NONE,) * EVSES)
        self.grant_until = array("i", (0,) * EVSES)
        self._draws = Draws(allocate)
        self._patience = Patience()
        self._low = array("i", (0,) * EVSES)
        self._high = array("i", (0,) * EVSES)
        self._need = array("i", (0,) * EVSES)
        self._most = array("i", (0,) * EVSES)
        self._mask = array("i", (0,) * EVSES)
        self._order = array("i", range(EVSES))
        self._target = array("i", (0,) * EVSES)
        self._room = array("i", (0, 0, 0, 0))
        self._charging = array("i", (0,) * EVSES)
        self._strikes = array("i", (0,) * EVSES)
        self._paused = array("i", (0,) * EVSES)
        self._pause_until = array("i", (0,) * EVSES)
        self._asked_from = array("i", (0,) * EVSES)
        self._seen_mains = 0
        self._seen_ev = 0
        self._lost = False
        self._steady = True
        self._back_at = 0
        self._gap = True
        self._over = False

    def update(self, now):
        """Decide; returns ms until the next call is due. Call it on each new sample as well."""
        readings = self._readings
        params = self.params
        lost = readings.expire(now)
        if lost & (1 << MAINS):
            self._record(reasons.METER_LOST, MAINS)
            self._lost = True
            self._steady = False
            self._gap = True
        if lost & (1 << EV):
            self._record(reasons.METER_LOST, EV)
            self._draws.unmeasured(0)
        valid = readings.fresh(MAINS, now)
        fresh = valid and readings.count[MAINS] != self._seen_mains
        if fresh and self._lost:
            self._record(reasons.METER_BACK, MAINS)
            self._lost = False
            self._back_at = now
        if readings.count[EV] != self._seen_ev and readings.fresh(EV, now):
            self._draws.measured(0, readings.amps[EV])
        self._seen_ev = readings.count[EV]
        smart = params.mode != NORMAL
        measured = smart or (params.mains_meter and params.normal_mains)
        for i in range(len(self.evses)):
            self._prepare(i, now, smart, measured and not valid)
        self._patience.step(len(self.evses), now)
        if not measured:
            self._gap = True
            self._follow_ceilings(now)
        elif not valid:
            self._without_meter(now, smart)
        elif fresh:
            self._sample(now)
        self._seen_mains = readings.count[MAINS]
        wait = _PERIOD_MS
        until = ticks.add(now, GRANT_MS)
        if measured and valid:
            wait = max(1, min(wait, ticks.diff(readings.until[MAINS], now)))
            expiry = ticks.add(readings.until[MAINS], _GRACE_MS)
            if ticks.diff(expiry, until) < 0:
                until = expiry
        for i in range(len(self.evses)):
            self.grant_until[i] = until
            if self.evses[i].wants and self.grant_reason[i] == reasons.NONE:
                reason = reasons.LIMIT_SHORTAGE if self._paused[i] else reasons.NO_GRANT
                self._grant(i, 0, reason, reason, now)
        return wait

    # ---- without a sample ----

    def _prepare(self, i, now, smart, blind):
        """Take over what is told about EVSE ``i``; ceilings that fell act at once."""
        view = self.evses[i]
        params = self.params
        low = max(params.min_da, view.min_da)
        limits = self.limits[i]
        limits.claim(reasons.LIMIT_MAX, min(params.max_da, view.max_da))
        limits.claim(reasons.LIMIT_CABLE, view.cable_da)
        limits.optional(reasons.LIMIT_OVERRIDE, view.override_da)
        limits.optional(reasons.LIMIT_TEMPERATURE, view.temperature_da)
        limits.optional(reasons.LIMIT_CIRCUIT, params.circuit_da)
        limits.optional(reasons.LIMIT_METER_LOST, low if blind and not smart else 0)
        limits.optional(reasons.LIMIT_START, low if smart and not view.charging else 0)
        high = limits.lowest(now, 0x7FFFFFF)
        self._low[i] = low
        self._high[i] = high
        self._mask[i] = view.phases
        grant = self.grant_da[i]
        if view.charging and not self._charging[i]:
            self._draws.started(i, grant, now)
        elif self._charging[i] and not view.charging:
            self._draws.assume(i, 0)
        self._charging[i] = 1 if view.charging else 0
        if self._paused[i] and ticks.due(now, self._pause_until[i]):
            self._paused[i] = 0
        if not view.wants:
            self._grant(i, 0, reasons.NONE, reasons.NONE, now)
        elif high < low:
            self._grant(i, 0, limits.winner, limits.winner, now)
        elif grant > high:
            self._grant(i, high, limits.winner, limits.winner, now)

    def _follow_ceilings(self, now):
        """No measurement counts: everyone who wants gets the lowest of the ceilings."""
        for i in range(len(self.evses)):
            if self._may_have(i):
                winner = self.limits[i].winner
                self._grant(i, self._high[i], winner, winner, now)

    def _without_meter(self, now, smart):
        """The mains meter that should count is silent: Smart stops, Normal falls to MIN."""
        if not smart:
            self._follow_ceilings(now)
            return
        for i in range(len(self.evses)):
            if self.evses[i].wants:
                self._grant(i, 0, reasons.LIMIT_METER_LOST, reasons.LIMIT_METER_LOST, now)

    def _may_have(self, i):
        """True when EVSE ``i`` holds a grant or may be given one."""
        if not self.evses[i].wants or self._high[i] < self._low[i]:
            return False
        return self.grant_da[i] > 0 or not (self._paused[i] or self._charging[i])

    # ---- with a sample ----

    def _sample(self, now):
        amps = self._readings.amps[MAINS]
        count = len(self.evses)
        draws = self._draws
        if self._gap:
            self._gap = False
            for i in range(count):
                if self._charging[i]:
                    draws.assume(i, self.grant_da[i])
        draws.sample(count, amps, self.grant_da, self._mask, now)
        self._steady = self._steady or ticks.diff(now, self._back_at) >= _STEADY_MS
        self._lower_all(amps, now)
        self._raise_all(amps, now)

    def _lower_all(self, amps, now):
        count = len(self.evses)
        limit = self.params.mains_da
        self._allocate.free(count, limit, amps, self._draws.likely, self._room)
        self._room[3] = _NO_SUM_LIMIT
        holders = 0
        for i in range(count):
            if self.grant_da[i]:
                self._order[holders] = i
                holders += 1
        if not holders:
            return
        self._allocate.share(holders, self._order, self._low, self.grant_da, self._mask,
                             self._room, self._target)
        worst = 0
        for n in range(holders):
            i = self._order[n]
            over = self._allocate.overload(limit, amps, self._mask[i])
            worst = max(worst, over)
            if over > 0:
                self._lower(i, amps, now)
            else:
                self._keep(i, now)
        if worst >= _EPISODE_DA and not self._over:
            self._patience.overload(now)
        self._over = worst > 0

    def _lower(self, i, amps, now):
        """EVSE ``i`` uses a phase above the limit: take off what is still missing."""
        draws = self._draws
        low = self._low[i]
        grant = self.grant_da[i]
        target = self._target[i]
        self._patience.no_room(i)
        self._asked_from[i] = 0
        if draws.deaf[i]:
            target = min(target, low)
        elif draws.vain[i]:
            target = min(target, max(low, grant - ASK_DA))
        elif target < grant and not draws.metered(i) and draws.idle(i, grant, self._mask[i] or 7):
            target -= USED_DA  # its draw was never seen exactly
        if target >= low:
            self._strikes[i] = 0
            self._grant(i, target, reasons.LIMIT_MAINS, reasons.LIMIT_MAINS, now)
            return
        missing = low - self._certain_room(i, amps)
        if missing <= 0:
            self._strikes[i] = 0
        elif grant == low:
            self._strikes[i] += 1
        if self._strikes[i] >= _STRIKES or 5 * missing > self.params.mains_da:
            self._stop(i, now)
        else:
            self._grant(i, low, reasons.LIMIT_MAINS, reasons.LIMIT_MAINS, now)

    def _certain_room(self, i, amps):
        """Return the dA that are free for EVSE ``i`` even if it still draws all it ever may."""
        draws = self._draws
        self._allocate.free(len(self.evses), self.params.mains_da, amps, draws.likely, self._room)
        if self._charging[i]:
            for phase in range(3):
                self._room[phase] += max(0, draws.top[i] - draws.likely[3 * i + phase])
        return self._allocate.least(self._room, self._mask[i])

    def _keep(self, i, now):
        """No overload where EVSE ``i`` draws; its grant may still promise what is not there."""
        target = self._target[i]
        if target or self._charging[i]:
            self._strikes[i] = 0
            if target < self.grant_da[i] and not self._charging[i]:
                self._give(i, target, now)
            return
        self._strikes[i] += 1
        if self._strikes[i] >= _STRIKES:
            self._stop(i, now)
        else:
            self._grant(i, self._low[i], reasons.LIMIT_MAINS, reasons.LIMIT_MAINS, now)

    def _stop(self, i, now):
        self._strikes[i] = 0
        self._paused[i] = 1
        self._pause_until[i] = ticks.add(now, _PAUSE_MS)
        self._grant(i, 0, reasons.LIMIT_SHORTAGE, reasons.LIMIT_MAINS, now)

    def _raise_all(self, amps, now):
        count = len(self.evses)
        wanting = 0
        for i in range(count):
            self._need[i] = self._low[i]
            self._most[i] = self._high[i]
            if self._may_have(i):
                self._order[wanting] = i
                wanting += 1
                if not self.grant_da[i]:
                    self._need[i] += _ADMIT_DA
                    self._most[i] = max(self._most[i], self._need[i])
        if not wanting:
            return
        self._allocate.free(count, self.params.mains_da - _MARGIN_DA, amps, self._draws.least,
                            self._room)
        self._room[3] = _NO_SUM_LIMIT
        self._allocate.share(wanting, self._order, self._need, self._most, self._mask, self._room,
                             self._target)
        for n in range(wanting):
            i = self._order[n]
            if self.grant_da[i]:
                self._raise(i, amps, now)
            else:
                self._admit(i, now)

    def _admit(self, i, now):
        if not self._steady:
            self._grant(i, 0, reasons.LIMIT_METER_LOST, reasons.LIMIT_METER_LOST, now)
            return
        if not self._target[i]:
            self._grant(i, 0, reasons.LIMIT_SHORTAGE, reasons.LIMIT_MAINS, now)
            return
        self._patience.no_room(i)
        self._strikes[i] = 0
        self._give(i, min(self._high[i], self._target[i]), now)

    def _raise(self, i, amps, now):
        """Give EVSE ``i`` more when there is room for it and its car follows.

        A step that matters is made in two: a small one asks whether the car follows its pilot at
        all, the rest is given in the moment it did. So a car at its own limit does not collect
        current that it would take all at once, some day.
        """
        draws = self._draws
        if draws.moving[i]:
            return
        self._hear(i, now)
        grant = self.grant_da[i]
        target = self._target[i]
        ask = eager = False
        if self._charging[i] and not draws.metered(i):
            if draws.proven[i]:
                eager = True
            elif draws.idle(i, grant, self._mask[i] or 7):
                self._nudge(i, amps, now)
                return
            elif target > grant + ASK_DA:
                target = grant + ASK_DA
                ask = eager = True
        if target <= grant or (target < grant + _RISE_DA and target < self._high[i]):
            self._patience.no_room(i)
            self._give(i, grant, now)
            return
        if self._patience.room(i, eager, now) and not (ask and self._patience.waiting[i]):
            if not ask:  # a question does not end the time for which there has been room
                self._patience.no_room(i)
            self._give(i, target, now)

    def _hear(self, i, now):
        """Take the car's answer when it was asked whether it follows its pilot."""
        draws = self._draws
        asked_from = self._asked_from[i]
        self._asked_from[i] = 0
        if draws.proven[i]:
            self._patience.followed(i)
        elif draws.refused[i] or asked_from:
            self._patience.ignored(i, now)
            back = min(asked_from, self._target[i], self._high[i])
            if back > self.grant_da[i]:
                self._give(i, back, now)

    def _nudge(self, i, amps, now):
        """Ask a car that seems to leave current unused whether it follows a lower pilot.

        Asking downwards is always safe, and the estimate may be wrong: what the house switched off
        in the moment the car rose hides the rise.
        """
        grant = self.grant_da[i]
        room = -self._allocate.overload(self.params.mains_da - _MARGIN_DA, amps, self._mask[i])
        if self._patience.waiting[i] or room < _RISE_DA or grant == self._high[i]:
            return
        if grant - ASK_DA >= self._low[i]:
            self._give(i, grant - ASK_DA, now)
            self._asked_from[i] = grant
        elif self._target[i] >= grant + ASK_DA:
            self._give(i, grant + ASK_DA, now)

    def _give(self, i, da, now):
        code = self.limits[i].winner if da == self._high[i] else reasons.LIMIT_MAINS
        self._grant(i, da, code, code, now)

    def _grant(self, i, da, reason, limit, now):
        old = self.grant_da[i]
        self.grant_reason[i] = reason
        self.grant_limit[i] = limit
        if da == old:
            return
        self.grant_da[i] = da
        if self._charging[i]:
            self._draws.commanded(i, old, da, self._mask[i] or 7, now)
        if not (old and da):
            self._record(reasons.GRANT, da, reason)
