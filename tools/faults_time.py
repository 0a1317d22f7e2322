"""Runs on MicroPython: asyncio on simulated time, and whose task is whose.

Time passes only while every task waits, so an hour takes as long as what is done in it.
"""

import asyncio
import time
from asyncio import core

_MASK = 0x3FFFFFFF
# What the interpreter puts into its queue by itself carries the host's time, and has to lie before
# the simulated one.
_AHEAD_MS = 3_600_000
_create = core.create_task


class _Queue:
    """asyncio's waiting for files, where time passes instead."""

    def __init__(self, clock):
        self.map = {}
        self._clock = clock

    def wait_io_event(self, dt):
        if dt > 0:
            self._clock.pass_ms(dt)


class Clock:
    """``ms`` since the start of the run. ``passed`` is called with it whenever it has changed.

    A task belongs to whom the task belongs that made it; ``owned`` begins such a family.
    """

    def __init__(self):
        self.ms = 0
        self.passed = lambda _: None
        self._owners = {}
        base = time.ticks_ms() + _AHEAD_MS
        core._io_queue = _Queue(self)
        core.ticks = lambda: base + self.ms & _MASK
        asyncio.create_task = self._inherit

    def pass_ms(self, ms):
        """Let ``ms`` pass in which no task runs."""
        self.ms += ms
        self.passed(self.ms)

    def _inherit(self, coroutine):
        return self.owned(coroutine, self._owners.get(id(core.cur_task), (None, None))[1])

    def owned(self, coroutine, owner):
        """Start a task of ``owner``, None for nobody's."""
        task = _create(coroutine)
        if owner:
            self._owners[id(task)] = task, owner
        return task

    def end(self, owner):
        """End all tasks of ``owner`` but the one that asks."""
        for key, (task, whose) in list(self._owners.items()):
            if whose is owner:
                del self._owners[key]
                if task is not core.cur_task and not task.done():
                    task.cancel()


def run(body):
    """Run the coroutine ``body(clock)`` on a time of its own; returns what it returns."""
    core.new_event_loop()
    try:
        return core.run_until_complete(_create(body(Clock())))
    finally:
        asyncio.create_task = _create
        core.new_event_loop()
