"""Taking current away: on the first sample that shows too much, from what the cars draw."""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.power.draws import ASK_DA, USED_DA
from evse.power.views import NOT_NOW_S

# From here an overload counts as one to be patient after.
_EPISODE_DA = const(10)
# Fresh overload samples with the grant at MIN that stop a car.
_STRIKES = const(2)


class Lowering:
    """Lowers and stops, one EVSE after the other; ``fleet`` is where it decides."""

    def __init__(self, allocate, fleet, rooms, params):
        self._allocate = allocate
        self._fleet = fleet
        self._rooms = rooms
        self._params = params
        number = len(fleet.views)
        self._strikes = array("i", (0,) * number)
        self._since = array("i", (0,) * number)
        self._most = array("i", (0,) * (3 * number))
        self._sure = array("i", (0,) * number)
        self._who = array("i", (0,) * number)
        self._known = self._short = False
        self._over = False
        self._worst = 0

    def fit(self, now):
        """Hold what is promised to all within the limits that no meter is needed for."""
        fleet = self._fleet
        rooms = self._rooms
        holders = self._holders(fleet.order)
        rooms.promised()
        rooms.free(len(fleet.views), fleet.draws.likely, fleet.grant_da, fleet.grant_da,
                   fleet.mask)
        self._allocate.share(holders, fleet.order, fleet.low, fleet.grant_da, fleet.mask,
                             rooms.room, fleet.target)
        for n in range(holders):
            i = fleet.order[n]
            if fleet.target[i] == fleet.grant_da[i]:
                continue
            limit = rooms.limit(fleet.mask[i])
            if fleet.target[i]:
                fleet.grant(i, fleet.target[i], limit, limit, now)
            else:
                fleet.stop(i, reasons.LIMIT_SHORTAGE, limit, now)

    def left_s(self, i, now):
        """Seconds until EVSE ``i`` is stopped for the capacity if nothing changes, 0 if it is not.

        At least 1 where that is due: it is stopped by a sample only.
        """
        wait_s = self._params.capacity_stop_s
        if not (0 < wait_s < NOT_NOW_S and self._strikes[i]
                and self._rooms.only_capacity(self._fleet.mask[i])):
            return 0
        return max(1, wait_s - ticks.diff(now, self._since[i]) // 1000)

    def begin(self, mains, circuit):
        """Compare a fresh sample with the limits; returns how many ``each`` has to look at.

        ``mains``, ``circuit``: which meter it is of.
        """
        fleet = self._fleet
        rooms = self._rooms
        holders = self._holders(fleet.order)
        rooms.measured()
        rooms.judge(mains, circuit)
        rooms.free(len(fleet.views), fleet.draws.likely, fleet.grant_da, fleet.grant_da,
                   fleet.mask)
        # Who would be dropped still has MIN: so have all, until it is certain that it must go.
        self._short = holders > self._allocate.share(
            holders, fleet.order, fleet.low, fleet.grant_da, fleet.mask, rooms.room, fleet.target)
        self._known = False
        self._worst = 0
        return holders

    def end(self, now):
        """All have been looked at: was it an overload to be patient after?"""
        if self._worst >= _EPISODE_DA and not self._over:
            self._fleet.patience.overload(now)
        self._over = self._worst > 0

    def each(self, n, now):
        """Look at the ``n``-th of those who hold a grant."""
        fleet = self._fleet
        i = fleet.order[n]
        worst = self._rooms.worst(fleet.mask[i])
        if worst > 0:
            self._lower(i, now)
        else:
            self._keep(i, now)
        if fleet.grant_da[i]:
            self._worst = max(self._worst, worst)

    def _holders(self, order):
        """List those with a grant in ``order``, the most important first."""
        fleet = self._fleet
        ranked = fleet.turns.order
        grants = fleet.grant_da
        holders = 0
        for n in range(len(fleet.views)):
            i = ranked[n]
            if grants[i]:
                order[holders] = i
                holders += 1
        return holders

    def _lower(self, i, now):
        """EVSE ``i`` adds to what is above its limit: take off what is still missing."""
        fleet = self._fleet
        draws = fleet.draws
        low = fleet.low[i]
        grant = fleet.grant_da[i]
        target = fleet.target[i]
        fleet.patience.no_room(i)
        fleet.patience.asked_from[i] = 0
        if draws.deaf[i]:
            target = min(target, low)
        elif draws.vain[i]:
            target = min(target, max(low, grant - ASK_DA))
        elif (target < grant and not draws.metered(i)
              and draws.idle(i, grant, fleet.mask[i] or 7)):
            target -= USED_DA  # its draw was never seen exactly
        limit = self._rooms.limit(fleet.mask[i])
        if target >= low:
            if self._short:
                target = low
            self._strikes[i] = 0
            fleet.grant(i, target, limit, limit, now)
            return
        missing = self._missing(i)
        if missing <= 0:
            self._strikes[i] = 0
        elif grant == low:
            if not self._strikes[i]:
                self._since[i] = now
            self._strikes[i] = min(self._strikes[i] + 1, _STRIKES)
        if (self._strikes[i] >= _STRIKES or self._rooms.fifth(missing)) and self._long(i, now):
            self._strikes[i] = 0
            fleet.stop(i, reasons.LIMIT_SHORTAGE, limit, now)
        else:
            fleet.grant(i, low, limit, limit, now)

    def _long(self, i, now):
        """The capacity may be exceeded at MIN for a while, where the owner says so."""
        wait_s = self._params.capacity_stop_s
        return (not wait_s or not self._rooms.only_capacity(self._fleet.mask[i])
                or (self._strikes[i] > 0
                    and ticks.diff(now, self._since[i]) >= 1000 * wait_s))

    def _missing(self, i):
        """Return the dA by which MIN of EVSE ``i`` does not fit even in the best case.

        In the best case all that may still draw more than was seen does so, and will go down.
        """
        fleet = self._fleet
        rooms = self._rooms
        draws = fleet.draws
        if not self._known:
            self._known = True
            number = len(fleet.views)
            self._allocate.reach(number, draws.likely, fleet.charging, draws.top, fleet.mask,
                                 self._most)
            rooms.free(number, self._most, fleet.grant_da, fleet.grant_da, fleet.mask)
            self._allocate.share(self._holders(self._who), self._who, fleet.low, fleet.low,
                                 fleet.mask, rooms.room, self._sure)
        return 0 if self._sure[i] else rooms.missing(fleet.low[i], fleet.mask[i])

    def _keep(self, i, now):
        """No overload where EVSE ``i`` draws; its grant may still promise what is not there."""
        fleet = self._fleet
        target = fleet.target[i]
        if target or fleet.charging[i]:
            # Else another meter's last sample says that MIN does not fit, whatever the car draws.
            if target or self._missing(i) <= 0:
                self._strikes[i] = 0
            if target < fleet.grant_da[i] and not fleet.charging[i]:
                fleet.give(i, target, self._rooms.limit(fleet.mask[i]), now)
            return
        self._strikes[i] += 1
        limit = self._rooms.limit(fleet.mask[i])
        if self._strikes[i] >= _STRIKES:
            self._strikes[i] = 0
            fleet.stop(i, reasons.LIMIT_SHORTAGE, limit, now)
        else:
            fleet.grant(i, fleet.low[i], limit, limit, now)
