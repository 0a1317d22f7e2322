"""Runs on MicroPython: times the slices of the regulator's passes for eight EVSEs.

Eight cars behind one mains meter, one circuit meter and one EV meter, in a house that leaves them
plenty at times and too little at others; one sample a second. ``tools/bench_eight.py``
starts it, several times, with the .mpy tree and ``tools`` on the path.
"""

import gc
import json
import sys
import time
from array import array

from bench_core import Lottery
from bench_unit import unit_ns
from evse import ticks
from evse.power import allocate_native
from evse.power.readings import BATTERY, CIRCUIT, EV, MAINS, Readings
from evse.power.regulator import Regulator
from evse.power.views import NORMAL, SMART, SOLAR

_EVSES = 8
_SECONDS = 1200
_MOST_SLICES = 100
_VALID_MS = 11_000
_BATTERY_MS = 60_000
_RAMP_DA = 40
_UNIT_EVERY = 60
# Of each EVSE: its mode, its phases, and the dA at which its car stops to follow.
_MODES = (SMART, SMART, SOLAR, SOLAR, SMART, NORMAL, SOLAR, SMART)
_PHASES = (0, 0, 0, 1, 2, 4, 1, 0)
_LIMITS = (160, 320, 130, 160, 320, 100, 320, 90)


class Site:
    """The house and the cars."""

    def __init__(self, mode):
        self._lottery = Lottery(5)
        self.readings = Readings()
        self.regulator = regulator = Regulator(self.readings, allocate_native, _forget, _EVSES)
        params = regulator.params
        params.mains_meter = params.circuit_meter = True
        params.mains_da = 630
        params.circuit_da = 500
        params.capacity_sum_da = 1500
        params.relay_sum_da = 1800
        params.rotation_s = 300
        for i, view in enumerate(regulator.evses):
            view.mode = _MODES[i] if mode < 0 else mode
            view.max_da = 320
            view.phases = _PHASES[i]
        self._draw = array("i", (0,) * _EVSES)
        self._house = array("i", (0,) * 3)
        self._sun = 0

    def second(self, second, now):
        """Cars come and follow their grants, the house and the sun change, the meters speak."""
        views = self.regulator.evses
        draw = self._lottery.draw
        if second % 20 == 0:
            self._sun = draw(0, 300)
            for phase in range(3):
                self._house[phase] = draw(0, 500 if second % 60 else 700)
        mains, circuit = array("i", (0,) * 3), array("i", (0,) * 3)
        for i, view in enumerate(views):
            view.wants = second >= 2 * i and (second + 100 * i) % 900 > 20
            grant = self.regulator.grant_da[i]
            view.charging = view.wants and (grant > 0 or self._draw[i] > 0)
            wanted = min(grant, _LIMITS[i]) if view.wants else 0
            self._draw[i] += max(-_RAMP_DA, min(_RAMP_DA, wanted - self._draw[i]))
            for phase in range(3):
                if (_PHASES[i] or 7) & (1 << phase):
                    circuit[phase] += self._draw[i]
        for phase in range(3):
            mains[phase] = circuit[phase] + self._house[phase] - self._sun + draw(-3, 3)
        put = self.readings.put
        put(MAINS, mains[0], mains[1], mains[2], now, _VALID_MS)
        put(CIRCUIT, circuit[0] + 5, circuit[1], circuit[2], now, _VALID_MS)
        put(EV, self._draw[0], self._draw[0], self._draw[0], now, _VALID_MS)
        if second % 30 == 0:
            put(BATTERY, 20, 0, 0, now, _BATTERY_MS)


def _forget(_code, _a=0, _b=0):
    pass


def _slices(update, now, took, used):
    """Make one pass; ns of its slices and a 0 go into ``took`` from ``used``, which it returns."""
    wait = 0
    while not wait:
        began = time.time_ns()
        wait = update(now)
        took[used] = max(1, time.time_ns() - began)
        used += 1
    return used + 1


def _whole(update, now, took, used):
    """Make one pass, timed as a whole: the clock of a PC costs as much as a small slice."""
    began = time.time_ns()
    while not update(now):
        pass
    took[used] = time.time_ns() - began
    return used + 2


def main(mode, path, whole):
    """Let every EVSE be in ``mode``, -1 for a mixture; writes ns of all slices into ``path``.

    A 0 ends each pass; ``whole``: of which there is but one figure. Prints a line of JSON with S
    in ns.
    """
    site = Site(mode)
    time_pass = _whole if whole else _slices
    took = array("I", (0 for _ in range(_SECONDS * _MOST_SLICES)))
    units = []
    used = 0
    now = ticks.MASK - 300_000
    update = site.regulator.update
    for second in range(_SECONDS):
        site.second(second, now)
        gc.collect()  # here, so that it never happens inside a slice
        if second % _UNIT_EVERY == 0:
            units.append(unit_ns(5))
        used = time_pass(update, now, took, used)
        now = ticks.add(now, 1000)
    with open(path, "wb") as file:
        file.write(took[:used])
    print(json.dumps({"unit_ns": sorted(units)[len(units) // 2], "byteorder": sys.byteorder}))
