"""Runs on MicroPython: the real app, with a count of its tasks and of what lives on its heap.

Twice a second memory is collected and a line of JSON printed behind MARK: ``live`` (bytes after
the collection), ``tasks`` (begun and not ended) and ``block`` (the largest one that can be had, to
the KB, looked for each fourth second). ``tools/soak.py`` starts it.
"""

import asyncio
import asyncio.core
import gc
import json

MARK = "SOAK "
_EACH_MS = 500
_BLOCK_EACH = 8

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


def _largest():
    """Bytes of the largest free block, to the KB below."""
    low, high = 0, gc.mem_free() // 1024 + 1
    while high - low > 1:
        middle = (low + high) // 2
        try:
            bytearray(middle * 1024)
            low = middle
        except MemoryError:
            high = middle
    return low * 1024


async def _report():
    block = looked = 0
    while True:
        await asyncio.sleep_ms(_EACH_MS)
        gc.collect()
        live = gc.mem_alloc()
        if not looked % _BLOCK_EACH:
            block = _largest()
        looked += 1
        print(MARK + json.dumps({"live": live, "tasks": Counted.running, "block": block}))


def main():
    """Run the app."""
    def counted(coroutine):
        return _create_task(Counted(coroutine))

    _create_task(_report())
    asyncio.core.create_task = asyncio.create_task = counted
    gc.threshold(4096)  # as main.py does before this import
    __import__("main")
