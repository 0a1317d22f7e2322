"""Which type of meter answers at an address? Its voltages say so.

Currents are zero half of the time; but 180 to 270 V in the right registers and the right format
is no accident. Types with the same registers cannot be told apart.
"""

import json

from micropython import const
from umodbus import functions

from evse.bus import meters
from evse.bus.master import BadSample

_LOW, _HIGH = const(1800), const(2700)  # 0.1 V
_PHASES = const(3)

SENSORBOX = const(10)
STATUS = functions.read_input_registers(0, 8)  # of a charger
BOX = functions.read_input_registers(0, 20)  # a Sensorbox answers to nothing shorter

GOOD, REFUSED, SILENCE, DAMAGED = range(4)  # what becomes of a question


def place(address):
    """An address in words."""
    return "address %d" % address


def live(block, data):
    """Return how many phases have a voltage by ``block``; 0 when L1 has none or nothing fits."""
    count = 0
    for phase in range(len(block.at)):
        try:
            volts = block.tenths(data, phase)
        except (BadSample, IndexError):
            return 0
        if _LOW <= volts <= _HIGH:
            count += 1
        elif volts or not phase:
            return 0
    return count


def entries():
    """Yield all entries of the table of meters, one at a time."""
    with open(meters.TABLE) as table:
        for line in table:
            if line[0] == "{":
                yield json.loads(line.rstrip().rstrip(","))


async def look(ask, address, kind=None, parity=None):
    """Return the names of the types that the meter at ``address`` looks like, best ones only.

    ``await ask(address, pdu)`` gives a reply's data or None. ``kind`` is the type that is set:
    if it fits on all three phases no other is tried. ``parity`` is the one it answers at.
    """
    heard = {}  # several types read the same registers
    best = 0
    names = []
    if kind:
        best = await _fit(ask, address, meters.load(kind), heard)
        names = [kind] if best else []
        if best == _PHASES:
            return names
    for entry in entries():
        if entry["name"] == kind or entry.get("parity") != parity:
            continue
        fit = await _fit(ask, address, entry, heard)
        if fit > best:
            best = fit
            names = []
        if fit and fit == best:
            names.append(entry["name"])
    return names


async def _fit(ask, address, entry, heard):
    block = meters.Block(entry, entry["volts"])
    if block.pdu not in heard:
        data = await ask(address, block.pdu)
        heard[block.pdu] = data and bytes(data)
    data = heard[block.pdu]
    return live(block, data) if data else 0


def is_box(data):
    """True for the first registers of a Sensorbox: its versions."""
    return data[0] <= 3 and (data[1] == 0x0F or 0x14 <= data[1] <= 0x17)


def is_evse(data):
    """True for the status registers of a charger: state, mode and greatest current fit."""
    return (data[1] < 16 and data[6] == 0 and data[7] <= 2 and data[14] == 0
            and 6 <= data[15] <= 80)
