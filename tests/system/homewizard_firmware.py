"""Runs on MicroPython: the firmware's HomeWizard meters, beside a 10 ms task that counts.

Arguments: JSON of the settings, port on the loopback that stands for the network's group, ms
between two turns of a meter, 0 for those of the firmware. Prints a JSON line twenty times a
second: the meters' counters, count and last value of each role's readings, turns of the 10 ms
task (``loops``), free memory after a collection (``free``).
"""

import asyncio
import gc
import json
import sys
import time

from evse import ticks
from evse.net.homewizard import HomeWizards
from evse.net.names import Names


class Status:
    """The settings as the core's door shows them; what is not given is off."""

    def __init__(self, values):
        self._values = values

    def setting(self, key):
        return self._values.get(key, "" if key.endswith("_host") else "Disabled")


def now():
    return ticks.add(time.ticks_ms(), 0)


async def hurry(meters, pause_ms):
    """Give the meters their turns faster than they take them."""
    meters.follow()
    for meter in meters.meters.values():
        meter.task.cancel()
    while True:
        for meter in meters.meters.values():
            await meter.turn()
        await asyncio.sleep_ms(pause_ms)


async def main(settings, port, pause_ms):
    loops = 0
    readings = {}

    def command(name, value, source):
        count = readings.get(value[0], (0,))[0]
        readings[value[0]] = [count + 1, value[1:], source]

    async def beat():
        nonlocal loops
        while True:
            await asyncio.sleep_ms(10)
            loops += 1

    meters = HomeWizards(Status(settings), command,
                         Names(lambda: None, now, ("127.0.0.1", port)), now)

    async def report():
        while True:
            gc.collect()
            print(json.dumps({"rows": {row["name"]: row for row in meters.rows()}, "loops": loops,
                              "readings": readings, "free": gc.mem_free()}))
            await asyncio.sleep_ms(50)

    run = hurry(meters, pause_ms) if pause_ms else meters.run()
    await asyncio.gather(beat(), report(), run)


asyncio.run(main(json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
