"""Runs on MicroPython: times the decisions of the 10 ms path in the closed loop.

Simulated time in steps of 10 ms, so each call happens as often as on the board, and in its mix of
states. ``tools/bench.py`` starts it, several times, with the .mpy tree and ``tools`` on the path.
"""

import gc
import json
import sys
import time
from array import array

from bench_unit import unit_ns
from twin.closed_loop import Loop

_UNIT_EVERY = 20  # calls of Core.second between two measurements of S
_UNIT_TIMES = 5
_TOUCHED = 12_000_000


class Stopwatch:
    """Durations in ns of the calls of one method."""

    def __init__(self, room):
        self._took = array("I", (0 for _ in range(room)))
        self._count = 0

    def note(self, ns):
        """One call took ``ns``."""
        self._took[self._count] = ns
        self._count += 1

    def save(self, path):
        """Write all durations, 32 bits each."""
        with open(path, "wb") as file:
            file.write(self._took[:self._count])


# One for each number of arguments: *args would allocate, and time that.

def _one(method, watch):
    def timed(a):
        began = time.time_ns()
        result = method(a)
        watch.note(time.time_ns() - began)
        return result
    return timed


def _two(method, watch):
    def timed(a, b):
        began = time.time_ns()
        result = method(a, b)
        watch.note(time.time_ns() - began)
        return result
    return timed


def _three(method, watch):
    def timed(a, b, c):
        began = time.time_ns()
        result = method(a, b, c)
        watch.note(time.time_ns() - began)
        return result
    return timed


def main(source, place):
    """Run the normalised scenario in ``source``; write durations and "run.json" into ``place``."""
    bytearray(_TOUCHED)  # the first touch of memory costs the PC as much as a whole S
    gc.collect()
    with open(source) as file:
        scenario = json.load(file)
    loop = Loop(scenario, False)
    core = loop.master.core
    room = int(scenario["duration_s"] * 100) + 100
    watches = {}
    for owner, name, method, timed in (
            (core.charger, "charger.step", "step", _one),
            (core.pilot, "pilot.feed", "feed", _three),
            (core.guard, "guard.check", "check", _two),
            (core.regulator, "regulator.update", "update", _one)):
        watches[name] = Stopwatch(room)
        setattr(owner, method, timed(getattr(owner, method), watches[name]))
    units = [unit_ns(25)]
    second = core.second
    calls = 0

    def with_unit(*arguments):
        nonlocal calls
        calls += 1
        if calls % _UNIT_EVERY == 0:
            gc.collect()  # here, so that it never happens inside a call that is timed
            units.append(unit_ns(_UNIT_TIMES))
        second(*arguments)

    core.second = with_unit
    result = loop.run()
    for name, watch in watches.items():
        watch.save(place + "/" + name)
    with open(place + "/run.json", "w") as file:
        json.dump({"unit_ns": sorted(units)[len(units) // 2], "names": list(watches),
                   "kwh": result["metrics"]["kwh"], "byteorder": sys.byteorder}, file)
