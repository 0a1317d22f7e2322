"""Runs on MicroPython: decodes meters' replies with the firmware's own code.

Each line of the input is a JSON list [entry, key, reply in hex]; its answer is a line with the
result: [[dA, dA, dA], W or null] for the block "current", else a whole number; null for a reply
that was refused.
"""

import json
import sys

from evse.bus import meters
from evse.bus.master import BadSample


def decode(entry, key, data):
    block = meters.Block(entry, entry[key])
    if key == "current":
        amps = [0, 0, 0]
        return [amps, meters.read_current(block, data, amps)]
    return (meters.read_power if key == "power" else meters.read_energy)(block, data)


for line in sys.stdin:
    entry, key, data = json.loads(line)
    try:
        print(json.dumps(decode(entry, key, bytes.fromhex(data))))
    except BadSample:
        print("null")
