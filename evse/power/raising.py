"""Giving more: when it fits with every car taking all of its grant, and the car follows."""

from array import array

from micropython import const

from evse import reasons
from evse.power.draws import ASK_DA
from evse.power.views import NO_LIMIT, SOLAR

# Raising stays this far below the limit, and needs so much room to happen at all.
_MARGIN_DA = const(2)
_RISE_DA = const(3)
# A car is admitted when this much more than MIN is free.
_ADMIT_DA = const(10)


class Raising:
    """Admits, raises, and evens out, one EVSE after the other; ``fleet`` is where it decides.

    A step that matters is made in two: a small one asks whether the car follows its pilot at all,
    the rest is given in the moment it did. So a car at its own limit does not collect current that
    it would take all at once, some day. Only one car at a time is asked, or nobody could tell
    whose answer the mains meter shows.

    What would be fair and what is free are two things: current another holds is taken back first,
    and given on only when it no longer flows.
    """

    def __init__(self, allocate, fleet, rooms, sunshine):
        self._allocate = allocate
        self._fleet = fleet
        self._rooms = rooms
        self._sun = sunshine
        number = len(fleet.views)
        self._need = array("i", (0,) * number)
        self._most = array("i", (0,) * number)
        self._fair = array("i", (0,) * number)
        self._before = array("i", (0,) * number)
        self._step = 0
        self._wanting = 0

    def begin(self, measured):
        """Find who wants current, and what is fair; then ``free``.

        ``measured`` False: no meter counts, only what is promised.
        """
        fleet = self._fleet
        rooms = self._rooms
        number = len(fleet.views)
        wanting = 0
        for n in range(number):
            i = fleet.turns.order[n]
            self._before[i] = fleet.draws.moving[i]
            grant = fleet.grant_da[i]
            most = self._sun.top(i)
            if not fleet.may_have(i) or not most:
                continue
            fleet.order[wanting] = i
            wanting += 1
            self._need[i] = fleet.low[i]
            if grant and measured and number > 1:
                most = min(most, self._claim(i))
            self._most[i] = max(most, self._need[i])
        if number > 1:
            self._find(fleet.draws.likely, fleet.grant_da, wanting, measured)
            self._allocate.share(wanting, fleet.order, self._need, self._most, fleet.mask,
                                 rooms.room, self._fair)
        self._wanting = wanting

    def free(self, measured):
        """Find what of it is free; returns how many want current."""
        draws = self._fleet.draws
        wanting = self._wanting
        number = len(self._fleet.views)
        self._find(draws.least, draws.top, wanting, measured, True)
        self._find_free(wanting, number > 1)
        self._step = self._wanted(wanting, measured) if number > 1 else 0
        return wanting

    def _find(self, drawn, top, wanting, measured, careful=False):
        """Find the room of all together."""
        fleet = self._fleet
        rooms = self._rooms
        if measured:
            rooms.measured(_MARGIN_DA)
        rooms.promised(not measured)
        rooms.free(len(fleet.views), drawn, fleet.grant_da, top, fleet.mask, careful)
        self._spare(wanting)

    def _find_free(self, wanting, several):
        """Share what nobody holds: MIN of a newcomer, or what a holder gets beside its grant."""
        fleet = self._fleet
        room = self._rooms.room
        for i in range(len(fleet.views)):
            grant = fleet.grant_da[i]
            if grant:
                mask = fleet.mask[i] or 7
                for phase in range(3):
                    if mask & (1 << phase):
                        room[phase] -= grant
                        room[3] -= grant
        for n in range(wanting):
            i = fleet.order[n]
            if several:
                self._most[i] = max(self._fair[i], fleet.grant_da[i])
            if fleet.grant_da[i]:
                self._most[i] -= fleet.grant_da[i]
                self._need[i] = min(self._most[i], _RISE_DA)
            elif self._most[i]:
                self._most[i] = max(self._most[i], self._need[i])
        self._allocate.share(wanting, fleet.order, self._need, self._most, fleet.mask, room,
                             fleet.target)
        for n in range(wanting):
            i = fleet.order[n]
            fleet.target[i] += fleet.grant_da[i]

    def each(self, n, steady, now):
        """Look at the ``n``-th of those who want more."""
        fleet = self._fleet
        i = fleet.order[n]
        if not fleet.grant_da[i]:
            self._admit(i, steady, now)
        elif not self._share(n, now):
            self._raise(i, now)

    def give_all(self, n, now):
        """Without a meter the ``n``-th has what it is promised, at once."""
        fleet = self._fleet
        i = fleet.order[n]
        if not fleet.grant_da[i]:
            self._admit(i, True, now)
        elif not self._share(n, now):
            fleet.give(i, max(fleet.grant_da[i], fleet.target[i]), self._why(i, 0), now)

    def _spare(self, wanting):
        """Ask more than MIN for a start where other loads may take what is free now."""
        fleet = self._fleet
        for n in range(wanting):
            i = fleet.order[n]
            if not fleet.grant_da[i]:
                exact = self._rooms.exact(fleet.mask[i])
                self._need[i] = fleet.low[i] + (0 if exact else _ADMIT_DA)
                if self._most[i]:
                    self._most[i] = max(self._most[i], self._need[i])

    def _claim(self, i):
        """Return what EVSE ``i`` may claim of the others: no more when its car wanted no more."""
        fleet = self._fleet
        draws = fleet.draws
        grant = fleet.grant_da[i]
        if not fleet.charging[i] or draws.metered(i):
            return NO_LIMIT
        if draws.moving[i] or fleet.patience.waiting[i]:
            return max(grant, fleet.patience.asked_from[i])
        if draws.idle(i, grant, fleet.mask[i] or 7):
            # It is asked downwards if there is a way down, and needs nothing for that.
            return grant if grant - ASK_DA >= fleet.low[i] else grant + ASK_DA
        return NO_LIMIT

    def _wanted(self, wanting, measured):
        """Return by how much those who have more than is fair are lowered, 0 for not at all.

        A car without a meter is asked with a small step before the others give up more.
        """
        fleet = self._fleet
        step = 0
        for n in range(wanting):
            i = fleet.order[n]
            grant = fleet.grant_da[i]
            if (fleet.patience.asked_from[i]
                    or fleet.target[i] >= min(self._fair[i], grant + ASK_DA)):
                continue
            if not (grant and measured) or fleet.draws.metered(i) or fleet.draws.proven[i]:
                return NO_LIMIT
            if self._fair[i] >= grant + _RISE_DA:
                step = ASK_DA
        return step

    def _share(self, n, now):
        """Let the ``n``-th give up what others should have; True when it did."""
        fleet = self._fleet
        i = fleet.order[n]
        grant = fleet.grant_da[i]
        fair = self._fair[i]
        least = 1 if self._step == NO_LIMIT else _RISE_DA
        if not self._step or fair > grant - least:
            return False
        limit = self._rooms.limit(fleet.mask[i])
        if fair:
            if not fleet.draws.moving[i]:
                fleet.give(i, max(fair, grant - self._step), limit, now)
            return True
        for before in range(n):
            other = fleet.order[before]
            if not fleet.grant_da[other] and self._fair[other]:
                fleet.grant(i, 0, reasons.TURN, limit, now)
                return True
        return False

    def _admit(self, i, steady, now):
        fleet = self._fleet
        limit = self._rooms.limit(fleet.mask[i])
        if not steady:
            fleet.grant(i, 0, reasons.LIMIT_METER_LOST, reasons.LIMIT_METER_LOST, now)
        elif not fleet.target[i]:
            why = reasons.TURN if fleet.others_charge(i) else reasons.LIMIT_SHORTAGE
            fleet.grant(i, 0, why, limit, now)
        else:
            fleet.patience.no_room(i)
            fleet.patience.asked_from[i] = 0
            fleet.give(i, min(self._sun.top(i), fleet.target[i]), limit, now)

    def _busy(self, i, moving):
        """True while another car moves, or may soon, from whose steps its own cannot be told.

        Those who answered the same sample may go on together.
        """
        fleet = self._fleet
        for other in range(len(fleet.views)):
            if other != i and not fleet.draws.metered(other) and (
                    moving[other] or fleet.starts(other)):
                return True
        return False

    def _raise(self, i, now):
        """Give EVSE ``i`` more when there is room for it and its car follows."""
        fleet = self._fleet
        draws = fleet.draws
        if draws.moving[i] or self._rooms.worst(fleet.mask[i]) > 0:
            return
        self._hear(i, now)
        grant = fleet.grant_da[i]
        target = fleet.target[i]
        high = self._sun.top(i)
        limit = self._why(i, target)
        ask = eager = False
        if fleet.charging[i] and not draws.metered(i):
            if len(fleet.views) > 1:  # what it might not use is for the others
                target = min(target, grant + max(ASK_DA, grant - fleet.low[i]))
            if self._busy(i, self._before if draws.proven[i] else draws.moving):
                return
            if draws.proven[i]:
                eager = True
            elif draws.idle(i, grant, fleet.mask[i] or 7):
                self._nudge(i, high, now)
                return
            elif target > grant + ASK_DA:
                target = grant + ASK_DA
                ask = eager = True
        if target <= grant or (target < grant + _RISE_DA and target < fleet.high[i]):
            fleet.patience.no_room(i)
            fleet.give(i, grant, limit, now)
            return
        if fleet.patience.room(i, eager, now) and not (ask and fleet.patience.waiting[i]):
            if not ask:  # a question does not end the time for which there has been room
                fleet.patience.no_room(i)
            fleet.give(i, target, limit, now)

    def _why(self, i, target):
        fleet = self._fleet
        if fleet.views[i].mode == SOLAR and target >= self._sun.high[i]:
            return reasons.LIMIT_SUN
        return self._rooms.limit(fleet.mask[i])

    def _hear(self, i, now):
        """Take the car's answer when it was asked whether it follows its pilot."""
        fleet = self._fleet
        draws = fleet.draws
        asked_from = fleet.patience.asked_from[i]
        fleet.patience.asked_from[i] = 0
        if draws.proven[i]:
            fleet.patience.followed(i)
        elif draws.refused[i] or asked_from:
            fleet.patience.ignored(i, now)
            back = min(asked_from, fleet.target[i], fleet.high[i])
            if back > fleet.grant_da[i]:
                fleet.give(i, back, self._why(i, back), now)

    def _nudge(self, i, high, now):
        """Ask a car that seems to leave current unused whether it follows a lower pilot.

        Asking downwards is always safe, and the estimate may be wrong: what the house switched off
        in the moment the car rose hides the rise.
        """
        fleet = self._fleet
        grant = fleet.grant_da[i]
        target = fleet.target[i]
        if (fleet.patience.waiting[i] or grant >= high
                or self._rooms.worst(fleet.mask[i]) > -(_RISE_DA + _MARGIN_DA)):
            return
        if grant - ASK_DA >= fleet.low[i]:
            fleet.give(i, grant - ASK_DA, self._why(i, target), now)
            fleet.patience.asked_from[i] = grant
        elif target >= min(grant + ASK_DA, high):
            fleet.give(i, min(grant + ASK_DA, high), self._why(i, target), now)
