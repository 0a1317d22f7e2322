"""Runs on MicroPython: the real app, with a watch on how long its tasks run between two yields.

What a busy PC adds to a slice must not count. Of a task that does not end the longest slice of
every second is kept, and who reads it takes a low quartile of those. Connections that ask for the
same have the same slices one after the other, so of each of these the lower quartile is taken
here. Memory is collected so often between the slices that it never happens
inside one, and the processor never rests. Modules that are loaded for those who ask are loaded
once: out of a file that takes 1 to 6 S, out of the board's image 0.05 to 0.25 S.

"begin" and "end" on standard input as in ``bench_firmware``; the report has ``longest``: {task:
[ns, ...]} of those that do not end, by the supervisor's names and "supervisor" for its own;
``lives``, how many there were of the others, ``slices``, the ns of each slice of those with as
many slices as most of them had, and ``unit_ns``.
"""

import asyncio
import asyncio.core
import gc
import json
import sys
import time
from array import array

from bench_firmware import MARK, _collect, _keep_awake
from evse.boards.sim import Sim

_WINDOW_NS = 1_000_000_000
_KEPT = 100
_LIVES = 24
_SLICES = 200
_create_task = asyncio.core.create_task


class Slices:
    """The longest slices of a phase."""

    def __init__(self, units):
        self._units = units
        self._began = False
        self.begin()

    def begin(self):
        """A phase begins."""
        gc.threshold(-1)  # the app has set its own
        self._longest = {}
        self._lives = []
        self._count = 0

    def keep(self, name, took):
        """A second of a task is over."""
        kept = self._longest.setdefault(name, [])
        if len(kept) < _KEPT:
            kept.append(took)

    def bury(self, life):
        """A task is over."""
        self._count += 1
        if len(self._lives) < _LIVES:
            self._lives.append(life)

    def watched(self, coroutine):
        """What to run instead of a coroutine."""
        name = getattr(coroutine, "name", None)  # of what the supervisor looks after
        if not self._began:
            name = "supervisor"  # it is what everything begins with
            self._began = True
        return Measured(coroutine, self, name)

    def report(self):
        """The figures of the phase."""
        sizes = sorted(len(life) for life in self._lives)
        usual = max(sizes, key=sizes.count) if sizes else 0
        same = [life for life in self._lives if len(life) == usual]
        return {"longest": self._longest, "lives": self._count,
                "slices": [sorted(life[at] for life in same)[len(same) // 4]
                           for at in range(usual)],
                "unit_ns": sorted(self._units)[len(self._units) // 2]}


class Measured:
    """A coroutine whose slices are timed; ``name`` is None for one that ends."""

    def __init__(self, coroutine, slices, name):
        self._coroutine = coroutine
        self._slices = slices
        self._name = name
        self._longest = 0
        self._life = array("I") if name is None else None
        self._since = time.time_ns()

    def _note(self, began, over):
        now = time.time_ns()
        life = self._life
        if life is not None:
            if len(life) < _SLICES:
                life.append(now - began)
            if over:
                self._slices.bury(life)
            return
        self._longest = max(self._longest, now - began)
        if now - self._since > _WINDOW_NS:
            self._slices.keep(self._name, self._longest)
            self._longest = 0
            self._since = now

    def send(self, value):
        """Run one slice."""
        return self._run(self._coroutine.send, value)

    def throw(self, problem):
        """Run one slice, beginning with an exception."""
        return self._run(self._coroutine.throw, problem)

    def _run(self, step, argument):
        over = True
        began = time.time_ns()
        try:
            result = step(argument)
            over = False
            return result
        finally:
            self._note(began, over)

    def close(self):
        """End the coroutine."""
        self._coroutine.close()


def _keep_rare():
    """Load no module a second time."""
    from evse import rare

    load = rare.rare
    kept = {}

    def once(name):
        if name not in kept:
            kept[name] = load(name)
        return kept[name]

    rare.rare = once


async def _listen(slices):
    lines = asyncio.StreamReader(sys.stdin.buffer)
    while True:
        word = (await lines.readline()).strip()
        if not word:
            return
        if word == b"begin":
            slices.begin()
        else:
            print(MARK + json.dumps(slices.report()))


def main():
    """Run the app."""
    units = []
    slices = Slices(units)
    _create_task(_listen(slices))
    _create_task(_collect())
    _create_task(_keep_awake(units))

    def measured(coroutine):
        return _create_task(slices.watched(coroutine))

    asyncio.core.create_task = asyncio.create_task = measured
    gc.threshold(4096)  # as main.py does before this import
    _keep_rare()
    Sim.keep = lambda _board, _data: None  # a copy on the board, a file in the twin
    __import__("main")
