"""Runs on MicroPython: the firmware's look-up of names, beside a 10 ms task that counts.

Arguments: name server or "", port on the loopback that stands for the network's group, JSON list
of steps: ["lookup", name, ...] (all at once), ["browse", service], ["doubt", name],
["later", ms], which puts the clock forward. Prints a JSON line for each look-up and browsing:
what came of it, and the turns of the 10 ms task (``loops``) meanwhile.
"""

import asyncio
import json
import sys
import time

from evse import ticks
from evse.net.names import Names

ahead_ms = [0]


def now():
    return ticks.add(time.ticks_ms(), ahead_ms[0])


async def main(server, port, steps):
    loops = 0
    names = Names(lambda: server or None, now, ("127.0.0.1", port))

    async def beat():
        nonlocal loops
        while True:
            await asyncio.sleep_ms(10)
            loops += 1

    asyncio.create_task(beat())
    for what, *values in steps:
        begin = loops
        if what == "later":
            ahead_ms[0] += values[0]
        elif what == "doubt":
            names.doubt(values[0])
        else:
            call = names.lookup if what == "lookup" else names.browse
            result = await asyncio.gather(*[call(value) for value in values])
            print(json.dumps({"result": result, "loops": loops - begin}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
