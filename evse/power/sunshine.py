"""Solar: what the sun has for each EVSE, on every fresh sample of the mains."""

from array import array

from micropython import const

from evse import reasons
from evse.power.draws import EVIDENCE_DA, FALLING
from evse.power.readings import BATTERY, MAINS
from evse.power.rooms import count
from evse.power.sun import Sun
from evse.power.views import NO_LIMIT, SOLAR

# A grant this far above what the sun gives is lowered.
_FALL_DA = const(2)


class Sunshine:
    """The sun's share of each Solar EVSE.

    ``high[i]``: the most a Solar EVSE ``i`` may have, 0 when it shall not run.
    ``free_da[i]``: sum over the phases it could take without buying. ``sun`` decides who runs.
    """

    def __init__(self, allocate, readings, fleet, params, record):
        self._allocate = allocate
        self._readings = readings
        self._fleet = fleet
        self._params = params
        number = len(fleet.views)
        self.sun = Sun(params, record, number)
        self.high = array("i", (0,) * number)
        self.free_da = array("i", (0,) * number)
        self._room = array("i", (0,) * 4)
        self._runs = 0
        self._mask = array("i", (0,) * number)
        self._share = array("i", (0,) * number)

    def battery_da(self, now):
        """Return what the home battery takes (sum of phases) and the sun could give to cars."""
        if not self._readings.fresh(BATTERY, now):
            return 0
        da = self._readings.amps[BATTERY][0]
        return max(0, da - self._params.reserve_da) if da > 0 else da

    def drained_da(self, now):
        """Return how much of what the home battery gives (sum of phases) goes into the cars."""
        if not self._readings.fresh(BATTERY, now):
            return 0
        gives = -self._readings.amps[BATTERY][0]
        amps = self._readings.amps[MAINS]
        house = amps[0] + amps[1] + amps[2] + gives
        for i in range(3 * len(self._fleet.views)):
            house -= self._fleet.draws.likely[i]
        return max(0, gives - max(0, house))

    def top(self, i):
        """Return the most that EVSE ``i`` may have: its ceilings, and in Solar the sun."""
        fleet = self._fleet
        high = fleet.high[i]
        return min(high, self.high[i]) if fleet.views[i].mode == SOLAR else high

    def look(self, now):
        """Who of the Solar EVSEs runs, by a fresh sample? False: there are none.

        Then ``follow``.
        """
        fleet = self._fleet
        views = fleet.views
        number = len(views)
        runs = needed = 0
        solar = False
        for i in range(number):
            self._share[i] = 0
            if views[i].mode == SOLAR:
                solar = True
                # Not of one that is stopping: what it is thought to draw may have stopped already.
                self._share[i] = 1 if fleet.charging[i] and fleet.grant_da[i] else 0
        if not solar:
            return False
        left = self._allocate.surplus(number, self._readings.amps[MAINS], self.battery_da(now),
                                      fleet.draws.likely, self._share)
        all_da = left
        for n in range(number):
            i = fleet.turns.order[n]
            if views[i].mode != SOLAR:
                continue
            self.high[i] = self.free_da[i] = 0
            # One look at the phases is enough where a wrong one costs no more than some sun.
            self._mask[i] = fleet.mask[i] or fleet.draws.seen[i]
            low = fleet.low[i] * count(self._mask[i])
            if not views[i].wants or fleet.high[i] < fleet.low[i]:
                self.sun.stopped(i)
                continue
            running = fleet.grant_da[i] > 0 and not fleet.turns.over(i, self._params.rotation_s)
            self.free_da[i] = left
            if self.sun.judge(i, left, self._least(i), running, now):
                fleet.order[runs] = i
                runs += 1
                left -= low
                needed += low
        self._runs = runs
        self._room[3] = max(needed, all_da + self._params.import_sum_da - self.sun.trim_da())
        return True

    def follow(self, now):
        """Share the sun among those who run; lower who has too much."""
        fleet = self._fleet
        runs = self._runs
        for phase in range(3):
            self._room[phase] = NO_LIMIT
        self._allocate.share(runs, fleet.order, fleet.low, fleet.high, self._mask, self._room,
                             self._share)
        for n in range(runs):
            i = fleet.order[n]
            self.high[i] = self._share[i]
        for i in range(len(fleet.views)):
            self._follow(i, now)

    def _least(self, i):
        """Return the sum over the phases with which EVSE ``i`` could run.

        Of an unknown car it is MIN on one phase: a start shows what it uses, and is remembered.
        """
        fleet = self._fleet
        known = self._mask[i] or fleet.draws.habit[i]
        if fleet.views[i].auto or not known:
            return fleet.low[i]
        return fleet.low[i] * count(known)

    def _may_follow(self, i, less):
        """A car on its way is left alone, but for a fall that goes far beyond its own."""
        moving = self._fleet.draws.moving[i]
        return not moving or (moving == FALLING and less >= EVIDENCE_DA)

    def _follow(self, i, now):
        """Lower EVSE ``i`` to what the sun gives, or stop it."""
        fleet = self._fleet
        grant = fleet.grant_da[i]
        high = self.high[i]
        if not fleet.views[i].wants or high > max(grant, 1) or fleet.views[i].mode != SOLAR:
            return
        if not high:
            fleet.grant(i, 0, reasons.NO_SUN, reasons.LIMIT_SUN, now)
        elif grant - high >= _FALL_DA and self._may_follow(i, grant - high):
            fleet.grant(i, high, reasons.LIMIT_SUN, reasons.LIMIT_SUN, now)
