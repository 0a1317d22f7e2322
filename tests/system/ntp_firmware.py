"""Runs on MicroPython: the firmware's questions for the time, beside a 10 ms task that counts.

Arguments: the host to ask, how often. Prints a JSON line for each question: what is kept of it
(``found``), the seconds to wait, the commands sent, the clock, the turns of the 10 ms task
(``loops``) meanwhile, and what is free of the heap once the module is forgotten.
"""

import asyncio
import gc
import json
import sys
import time

from evse import ticks
from evse.net.names import Names
from evse.rare import rare


class Board:
    """A clock that starts without the time."""

    def __init__(self):
        self._ahead = None

    def now(self):
        return ticks.add(time.ticks_ms(), 0)

    def clock_s(self):
        return 0 if self._ahead is None else int(time.time()) + self._ahead

    def set(self, seconds):
        self._ahead = seconds - int(time.time())


async def main(host, count):
    board = Board()
    names = Names(lambda: None, board.now)
    found = {"problem": "", "synced_s": 0, "offset_s": 0, "failures": 0}
    commands = []
    loops = 0

    async def beat():
        nonlocal loops
        while True:
            await asyncio.sleep_ms(10)
            loops += 1

    def command(name, value, source):
        commands.append((name, value, source))
        board.set(value)

    asyncio.create_task(beat())
    for _ in range(count):
        loops = 0
        wait_s = await rare("net.ntp").sync(found, host, names, board, command)
        gc.collect()
        print(json.dumps({"found": found, "wait_s": wait_s, "commands": commands,
                          "clock_s": board.clock_s(), "host_s": int(time.time()),
                          "loops": loops, "free": gc.mem_free()}))
        commands.clear()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
