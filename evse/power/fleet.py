"""What is known and decided about each EVSE: one place, used by all parts of the regulator."""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.power.draws import EVSES, Draws
from evse.power.limits import Limits
from evse.power.patience import Patience
from evse.power.turns import Turns
from evse.power.views import NO_LIMIT, NORMAL, EvseView

# A stop for want of current lasts at least this long.
_PAUSE_MS = const(60_000)
# Of a car with an EV meter: what it leaves unused for so long is lent to the others, but for a
# headroom in which it shows that it wants more.
_UNUSED_MS = const(30_000)
_UNUSED_DA = const(10)
_HEADROOM_DA = const(10)


class Fleet:
    """``number`` EVSEs. Arrays have one element for each, currents in dA.

    ``low``, ``high``: the least and the most it may be granted now. ``mask``: bits 1, 2, 4 of the
    mains phases its car uses or may use, 0 for all three. ``charging``: 1 while its contactor may
    be closed. ``paused``: 1 while it may not start again. ``grant_da`` (0 or from low to high),
    ``grant_reason`` (why it has this size), ``grant_limit`` (the limit that won): always of eight,
    as the bus may still tell nodes of them when this is no Master any more. ``grant_until``: tick
    at which the permission ends unless renewed.
    ``gone``: one has stopped to draw since the last sample that was news.
    ``target`` and ``order`` are where sharing puts its results and takes its candidates.
    """

    def __init__(self, allocate, record, number):
        self._record = record
        self.views = [EvseView() for _ in range(number)]
        self.limits = [Limits() for _ in range(number)]
        self.draws = Draws(allocate, record, number)
        self.patience = Patience(number)
        self.turns = Turns(allocate, number)
        self.low = array("i", (0,) * number)
        self.high = array("i", (0,) * number)
        self.mask = array("i", (0,) * number)
        self.charging = array("i", (0,) * number)
        self.paused = array("i", (0,) * number)
        self.grant_da = array("i", (0,) * EVSES)
        self.grant_reason = array("i", (reasons.NONE,) * EVSES)
        self.grant_limit = array("i", (reasons.NONE,) * EVSES)
        self.grant_until = array("i", (0,) * number)
        self.target = array("i", (0,) * number)
        self.order = array("i", (0,) * number)
        self.waiting = array("i", (0,) * number)
        self.gone = False
        self._wants = array("i", (0,) * number)
        self._wired = array("i", (0,) * number)
        self._pause_until = array("i", (0,) * number)
        self._unused = array("i", (0,) * number)
        self._unused_since = array("i", (0,) * number)

    def prepare(self, i, params, blind, now):
        """Take over what is told about EVSE ``i``; ceilings that fell act at once.

        ``blind`` is the reason code of a meter that should be there and is silent, or NONE.
        """
        view = self.views[i]
        normal = view.mode == NORMAL
        low = max(params.min_da, view.min_da)
        limits = self.limits[i]
        limits.claim(reasons.LIMIT_MAX, min(params.max_da, view.max_da))
        limits.claim(reasons.LIMIT_CABLE, view.cable_da)
        limits.optional(reasons.LIMIT_OVERRIDE, view.override_da)
        limits.optional(reasons.LIMIT_TEMPERATURE, view.temperature_da)
        limits.optional(reasons.LIMIT_METER_LOST, low if blind and normal else 0)
        starts = not view.charging and not (normal and len(self.views) == 1)
        limits.optional(reasons.LIMIT_START, low if starts else 0)
        limits.optional(reasons.LIMIT_UNUSED, self._lend(i, low, now))
        high = limits.lowest(now, NO_LIMIT)
        if blind and not normal:
            high = 0
        self.low[i] = low
        self.high[i] = high
        self._follow(i, view, now)
        if self.paused[i] and ticks.due(now, self._pause_until[i]):
            self.paused[i] = 0
        if not view.wants:
            self.grant(i, 0, reasons.NONE, reasons.NONE, now)
        elif blind and not normal:
            self.grant(i, 0, blind, blind, now)
        elif high < low:
            self.grant(i, 0, limits.winner, limits.winner, now)
        elif self.grant_da[i] > high:
            self.grant(i, high, limits.winner, limits.winner, now)
        self.waiting[i] = 1 if view.wants and not self.grant_da[i] and high >= low else 0

    def _follow(self, i, view, now):
        """What began or ended at EVSE ``i`` since the last time?"""
        draws = self.draws
        if view.wants and not self._wants[i]:
            self.turns.arrived(i)
        self._wants[i] = 1 if view.wants else 0
        if view.phases != self._wired[i] or not (view.wants or view.charging):
            self._wired[i] = view.phases
            draws.forget(i)
        self.mask[i] = (view.phases or 7) & draws.uses[i] or view.phases
        if view.charging and not self.charging[i]:
            draws.started(i, self.grant_da[i], now)
            if not self.grant_da[i]:  # one that charges unasked may take all it has
                most = min(view.max_da, view.cable_da)
                draws.assume(i, most, view.phases)
                draws.commanded(i, most, 0, view.phases or 7, now)
        elif self.charging[i] and not view.charging:
            draws.assume(i, 0)
            self.gone = True
        self.charging[i] = 1 if view.charging else 0

    def _lend(self, i, low, now):
        """Return the ceiling of EVSE ``i`` while its car leaves current to others, 0 for none."""
        draws = self.draws
        lent = self._unused[i]
        if not (self.charging[i] and draws.metered(i)) or len(self.views) == 1:
            self._unused[i] = 0
            self._unused_since[i] = now
            return 0
        most = draws.most(i)
        if lent:
            if most > lent - _HEADROOM_DA // 2:
                self._unused[i] = 0  # it wants more: it has its share again at once
                self._unused_since[i] = now
        elif most > self.grant_da[i] - _UNUSED_DA or draws.moving[i]:
            self._unused_since[i] = now
        elif ticks.diff(now, self._unused_since[i]) >= _UNUSED_MS:
            self._unused[i] = max(low, most + _HEADROOM_DA)
        return self._unused[i]

    def paused_until(self, i):
        """Return the tick until which EVSE ``i`` may not start again, None when it may."""
        return self._pause_until[i] if self.paused[i] else None

    def may_have(self, i):
        """True when EVSE ``i`` holds a grant or may be given one."""
        if not self.views[i].wants or self.high[i] < self.low[i]:
            return False
        return self.grant_da[i] > 0 or not (self.paused[i] or self.charging[i])

    def others_charge(self, i):
        """True when any EVSE but ``i`` has a grant."""
        for other in range(len(self.views)):
            if other != i and self.grant_da[other]:
                return True
        return False

    def starts(self, i):
        """True while the car of EVSE ``i`` was given current and is about to take it."""
        return self.grant_da[i] > 0 and not self.charging[i] and self.turns.young(i)

    def give(self, i, da, code, now):
        """Grant ``da``; the reason is the ceiling that was reached, or else ``code``."""
        if da == self.high[i]:
            code = self.limits[i].winner
        self.grant(i, da, code, code, now)

    def stop(self, i, reason, limit, now):
        """Take the grant away, for a while."""
        self.paused[i] = 1
        self._pause_until[i] = ticks.add(now, _PAUSE_MS)
        self.grant(i, 0, reason, limit, now)

    def grant(self, i, da, reason, limit, now):
        """Decide: EVSE ``i`` has ``da`` dA from now on, for ``reason``, under ``limit``."""
        old = self.grant_da[i]
        self.grant_reason[i] = reason
        self.grant_limit[i] = limit
        if da == old:
            return
        self.grant_da[i] = da
        if self.charging[i]:
            self.draws.commanded(i, old, da, self.mask[i] or 7, now)
        if not (old and da):
            self.turns.granted(i)
            self._record(reasons.GRANT, da, reason)
