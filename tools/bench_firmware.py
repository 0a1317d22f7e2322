"""Runs on MicroPython: the real app, with a watch on its tasks or on its control cycle.

Lines on standard input say when a phase begins ("begin") and ends ("end"); each end is answered by
one line of JSON behind MARK. ``tools/bench.py`` starts it.

Watching "both", memory is collected as in the product. Watching "slices", it is collected so
often between the slices that it never happens inside one, and the processor never rests, because
one that has just woken up takes many times as long.
"""

import asyncio
import asyncio.core
import gc
import json
import sys
import time
from array import array

from bench_unit import unit_ns
from evse.boards.sim import Sim

MARK = "BENCH "
_BINS = 400
_BIN_US = 250
_KEPT = 6  # what comes once a second comes oftener in each phase
_COLLECT_MS = 250
_UNITS = 101

_create_task = asyncio.core.create_task


class Slices:
    """How long each task ran between two yields, in ns; begins anew with each phase."""

    def __init__(self, alone):
        self._alone = alone
        self.begin()

    def begin(self):
        """A phase begins."""
        if self._alone:
            gc.threshold(-1)  # the app has set its own
        self._longest = {}
        self._counts = {}

    def note(self, name, took):
        """The task ``name`` ran for ``took``."""
        longest = self._longest.get(name)
        if longest is None:
            longest = self._longest[name] = array("I", (0 for _ in range(_KEPT)))
            self._counts[name] = 0
        self._counts[name] += 1
        place = -1
        while place + 1 < _KEPT and took > longest[place + 1]:
            place += 1
            if place:
                longest[place - 1] = longest[place]
        if place >= 0:
            longest[place] = took

    def report(self):
        """Each task's number of slices and its longest ones, ascending."""
        return {"longest": {name: list(longest) for name, longest in self._longest.items()},
                "counts": self._counts}


class Measured:
    """A coroutine whose slices are timed."""

    def __init__(self, coroutine, slices):
        self._coroutine = coroutine
        self._slices = slices
        text = str(coroutine)
        # The supervisor's name, of what it looks after.
        self._name = getattr(coroutine, "name", text.split("'")[1] if "'" in text else text)

    def send(self, value):
        """Run one slice."""
        began = time.time_ns()
        try:
            return self._coroutine.send(value)
        finally:
            self._slices.note(self._name, time.time_ns() - began)

    def throw(self, problem):
        """Run one slice, beginning with an exception."""
        began = time.time_ns()
        try:
            return self._coroutine.throw(problem)
        finally:
            self._slices.note(self._name, time.time_ns() - began)

    def close(self):
        """End the coroutine."""
        self._coroutine.close()


class Periods:
    """The control cycle's periods in bins of 250 us, and its own bins."""

    def __init__(self, cycle):
        self._fine = array("H", (0 for _ in range(_BINS)))
        self._cycle = cycle
        self._note = cycle.note
        self._last = time.ticks_us()
        cycle.note = self._noted
        self.begin()

    def _noted(self, now):
        self._note(now)
        at = time.ticks_us()
        took = time.ticks_diff(at, self._last)
        self._last = at
        self._fine[min(took // _BIN_US, _BINS - 1)] += 1
        self._worst = max(self._worst, took)

    def begin(self):
        """A phase begins."""
        self._worst = 0
        self._cycle.worst_ms = 0
        for bins in (self._fine, self._cycle.bins):
            for i in range(len(bins)):
                bins[i] = 0

    def report(self):
        """Figures of the phase."""
        return {"fine": list(self._fine), "bin_us": _BIN_US, "worst_us": self._worst,
                "bins": list(self._cycle.bins)}


async def _listen(watches, units):
    lines = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        word = (await lines.readline()).strip()
        if not word:
            return
        if word == b"begin":
            for watch in watches:
                watch.begin()
            continue
        report = {}
        for watch in watches:
            report.update(watch.report())
        began = time.time_ns()
        gc.collect()
        report["collect_ns"] = time.time_ns() - began
        report["unit_ns"] = sorted(units)[len(units) // 2] if units else unit_ns(15)
        print(MARK + json.dumps(report))


async def _collect():
    while True:
        gc.collect()
        await asyncio.sleep_ms(_COLLECT_MS)


async def _keep_awake(units):
    """Keep the processor as awake as the one of the board, and measure S meanwhile."""
    while True:
        units.append(unit_ns(1))
        if len(units) > _UNITS:
            units.pop(0)
        await asyncio.sleep_ms(0)


def main(what):
    """Run the app, watching "both" or "slices"."""
    slices = Slices(what == "slices")
    watches = [slices]
    units = []
    _create_task(_listen(watches, units))
    if what == "slices":
        _create_task(_collect())
        _create_task(_keep_awake(units))
        Sim.keep = lambda _board, _data: None  # a copy on the board, a file in the twin

    def measured(coroutine):
        return _create_task(Measured(coroutine, slices))

    asyncio.core.create_task = asyncio.create_task = measured
    gc.threshold(4096)  # as main.py does before this import
    from evse import app

    plain = app.App

    def watched(*parts):
        one = plain(*parts)
        watches.append(Periods(one.cycle))
        return one

    app.App = watched
    __import__("main")
