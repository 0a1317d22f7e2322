"""Runs on MicroPython: what a charger would have kept of the last days, by its own hand.

A house with panels whose car comes home in the evening, charges at night as the capacity tariff
allows, and follows the sun at the weekend. The same days each time.
"""

import math
import random

from evse import reasons
from evse.history import History
from evse.minutes import CAR, CLOSED, pack_minute

_SEED = 8
_DAY_S = 86400
_THURSDAY = 3  # 1 January 1970, Monday being 0
_VOLTS = 230
_MIN_DA, _MAX_DA = 60, 160
_BUDGET_W = 7000
_PANELS_W = 6500
_NEEDS_WH, _OUTING_WH = 38000, 14000
_LEAVES, _BACK, _RETURNS, _NIGHT = 470, 615, 1060, 1380  # minutes of the day


class House:
    """Load and panels, minute by minute."""

    def __init__(self):
        self._cloud = 0.5
        self._boils = 0

    def load_w(self, minute):
        """What the house draws without the car."""
        if not self._boils and random.random() < (0.02 if 420 < minute < 1380 else 0.002):
            self._boils = random.randrange(2, 7)
        self._boils = max(0, self._boils - 1)
        evening = 900 * math.exp(-((minute - 1150) / 110) ** 2)
        morning = 700 * math.exp(-((minute - 450) / 45) ** 2)
        return int(260 + evening + morning + random.randrange(60) + (2100 if self._boils else 0))

    def sun_w(self, minute):
        """What the panels give."""
        self._cloud = min(1.0, max(0.15, self._cloud + random.uniform(-0.06, 0.06)))
        height = math.sin(math.pi * (minute - 430) / 620) if 430 < minute < 1050 else 0
        return int(_PANELS_W * height * self._cloud)


class Car:
    """What is charged, and why."""

    def __init__(self):
        self._needs_wh = _NEEDS_WH
        self._follows = False

    def minute(self, minute, weekend, spare_w):
        """Return (W, phases, dA granted, reason, limit, is the car there)."""
        if _LEAVES <= minute < (_BACK if weekend else _RETURNS):
            self._needs_wh = _OUTING_WH if weekend else _NEEDS_WH
            return 0, 1, 0, reasons.NO_CAR, reasons.LIMIT_MAX, False
        if self._needs_wh <= 0:
            return 0, 1, 0, reasons.CAR_STOPPED, reasons.LIMIT_MAX, True
        if minute >= _NIGHT or minute < _LEAVES:
            da = (_BUDGET_W - 700 + min(0, spare_w + 700)) * 10 // (3 * _VOLTS)
            limit = reasons.LIMIT_CAPACITY if da < _MAX_DA else reasons.LIMIT_MAX
            return self._charge(3, max(_MIN_DA, min(_MAX_DA, da)), limit)
        da = spare_w * 10 // _VOLTS
        self._follows = weekend and (da >= 75 or (self._follows and da >= 30))
        if not self._follows:
            reason = reasons.NO_SUN if weekend else reasons.TIMER_WAITS
            return 0, 1, 0, reason, reasons.LIMIT_SUN if weekend else reasons.LIMIT_MAX, True
        return self._charge(1, max(_MIN_DA, min(_MAX_DA, da)), reasons.LIMIT_SUN)

    def _charge(self, phases, da, limit):
        watts = da * _VOLTS * phases // 10
        self._needs_wh -= watts // 60
        return watts, phases, da, reasons.CHARGING, limit, True


def write(directory, days, now):
    """Write the history of the ``days`` before Unix seconds ``now`` into ``directory``."""
    random.seed(_SEED)
    history = History(directory)
    history.fold()
    house = House()
    car = Car()
    last = now // 60 * 60
    for at in range(last - days * _DAY_S, last, 60):
        minute = at % _DAY_S // 60
        weekend = (at // _DAY_S + _THURSDAY) % 7 >= 5
        load, sun = house.load_w(minute), house.sun_w(minute)
        watts, phases, da, reason, limit, there = car.minute(minute, weekend, sun - load)
        mains = load - sun + watts
        fullest = ((load - sun) // 2 + watts // phases) * 10 // _VOLTS
        history.take(pack_minute(
            at, mains, watts, max(0, watts - max(0, mains)), fullest, da, _BUDGET_W, reason, limit,
            (CLOSED if watts else 0) | (CAR if there else 0)))
    history.flush()
