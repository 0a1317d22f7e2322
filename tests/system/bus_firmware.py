"""Runs on MicroPython: the firmware's bus master on a pty, beside a 10 ms task that counts.

Arguments: path of the pty, JSON list of [role, address, period in ms]. Prints a JSON line ten
times a second: quality of each slave, count and last value of each role's samples, turns of the
10 ms task (``loops``) and how many of them fell inside requests (``inside``).
"""

import asyncio
import json
import select
import sys
import time

from evse import ticks
from evse.bus import meters
from evse.bus.master import Master
from evse.bus.rtu import Link


class Port:
    """A pty that never blocks: what cannot be read or written at once is not."""

    def __init__(self, path):
        self._file = open(path, "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN | select.POLLOUT)

    def _ready(self, event):
        return any(ready[1] & event for ready in self._poll.poll(0))

    def write(self, buf):
        if self._ready(select.POLLOUT):
            self._file.write(buf)

    def readinto(self, buf):
        # One byte at a time: the unix port's readinto would wait until the buffer is full.
        count = 0
        while count < len(buf) and self._ready(select.POLLIN):
            byte = self._file.read(1)
            if not byte:
                break
            buf[count] = byte[0]
            count += 1
        return count or None


def now():
    return time.ticks_ms() & ticks.MASK


async def main(path, polls):
    loops = 0
    inside = 0
    samples = {}

    def command(name, value, source):
        count = samples[value[0]][0] if value[0] in samples else 0
        energy = value[5] if value[5] is not None or not count else samples[value[0]][2]
        samples[value[0]] = [count + 1, value[1:5], energy]

    async def beat():
        nonlocal loops
        while True:
            await asyncio.sleep_ms(10)
            loops += 1

    class Watched(Link):
        async def transact(self, *request):
            nonlocal inside
            begin = loops
            try:
                return await super().transact(*request)
            finally:
                inside += loops - begin

    master = Master(Watched(Port(path), now), now)
    for role, address, period in polls:
        master.add(meters.Meter(meters.load("Eastron3P"), role, address, command), period)

    async def report():
        while True:
            print(json.dumps({"slaves": master.rows(), "samples": samples, "loops": loops,
                              "inside": inside}))
            await asyncio.sleep_ms(100)

    async def polling():
        while True:
            await master.turn()

    await asyncio.gather(beat(), report(), polling())


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
