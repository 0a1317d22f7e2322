"""Runs on MicroPython: the real app, with a count of its tasks and of what lives on its heap.

Twice a second memory is collected and a line of JSON printed behind MARK: ``live`` (bytes after
the collection) and ``tasks`` (begun and not ended). ``tools/soak.py`` starts it.
"""

import asyncio
import asyncio.core
import gc
import json

MARK = "SOAK "
_EACH_MS = 500

_create_task = asyncio.core.create_task


class Counted:
    """A coroutine that is counted while it runs."""

    running = 0

    def __init__(self, coroutine):
        self._coroutine = coroutine
        Counted.running += 1

    def send(self, value):
        """Run it to its next yield."""
        try:
            return self._coroutine.send(value)
        except BaseException:
            Counted.running -= 1
            raise

    def throw(self, problem):
        """Run it from an exception to its next yield."""
        try:
            return self._coroutine.throw(problem)
        except BaseException:
            Counted.running -= 1
            raise

    def close(self):
        """End it."""
        self._coroutine.close()


async def _report():
    while True:
        await asyncio.sleep_ms(_EACH_MS)
        gc.collect()
        print(MARK + json.dumps({"live": gc.mem_alloc(), "tasks": Counted.running}))


def main():
    """Run the app."""
    def counted(coroutine):
        return _create_task(Counted(coroutine))

    _create_task(_report())
    asyncio.core.create_task = asyncio.create_task = counted
    gc.threshold(4096)  # as main.py does before this import
    __import__("main")
