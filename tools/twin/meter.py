"""kWh meters on the bus: real pymodbus RTU servers over the simulated currents.

Which register holds what is read from the firmware's own table, evse/bus/meters.json; the values
get there through pymodbus's own converters and nothing of the firmware's.
"""

import asyncio
import json
import logging
from pathlib import Path

from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerRTU, FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

TABLE = Path(__file__).resolve().parents[2] / "evse" / "bus" / "meters.json"
_PAGE = 64  # a meter answers for whole pages around what it has; registers without a use read 0
_TYPES = ModbusClientMixin.DATATYPE
_KINDS = {"i16": _TYPES.INT16, "u16": _TYPES.UINT16, "i32": _TYPES.INT32, "u32": _TYPES.UINT32,
          "i64": _TYPES.INT64, "u64": _TYPES.UINT64, "f32": _TYPES.FLOAT32}
_BLOCKS = ("current", "power", "import", "export", "volts")
_SCALES = range(-2, 5)  # exponents a meter with scale factors chooses from


def table():
    """All entries of the firmware's table of meters."""
    return json.loads(TABLE.read_text())


def entry(name, settings=None):
    """The table's entry of the meter called ``name``; "Custom" is made of ``settings``."""
    if name == "Custom":
        return _custom(settings or {})
    for one in table():
        if one["name"] == name:
            return one
    raise ValueError("no meter is called %s" % name)


def line_of(name):
    """(baud, parity) a meter of that type talks with, to join the bus with."""
    return 9600, None if name == "Custom" else entry(name).get("parity")


def _custom(settings):
    """What the em_ settings describe, in the table's terms; energies count in kWh."""
    kind = {"INT32": "i32", "FLOAT32": "f32", "INT16": "i16"}[
        settings.get("em_data_type", "INT32")]
    words = 1 if kind == "i16" else 2
    orders = ("LBF & LWF", "LBF & HWF", "HBF & LWF", "HBF & HWF")
    made = {"name": "Custom", "fc": settings.get("em_function", 4), "type": kind,
            "order": orders.index(settings.get("em_byte_order", orders[0]))}
    for block, letter, values, basis in (("current", "i", 3, 0), ("power", "p", 1, 0),
                                         ("import", "e", 1, 3)):
        made[block] = {"reg": settings.get("em_%s_register" % letter, 0), "n": values * words,
                       "at": [words * value for value in range(values)],
                       "exp": basis - settings.get("em_%s_divisor" % letter, 0)}
    return made


class MeterReading:
    """What the meter measures: three phases' volts and mA, and the energies it counts."""

    def __init__(self):
        self.volts = 230
        self.amps_ma = [0, 0, 0]
        self.import_wh = 0.0
        self.export_wh = 0.0

    def count(self, seconds):
        """Add the energy of ``seconds`` at the present power, phases netted."""
        energy = sum(self.watts()) * seconds / 3600
        if energy > 0:
            self.import_wh += energy
        else:
            self.export_wh -= energy

    def watts(self):
        """Power of each phase in W."""
        return [self.volts * milliamps / 1000 for milliamps in self.amps_ma]

    def registers(self, meter, first=0, count=65536):
        """Registers of ``meter``, a table entry: {number: word}, of blocks that touch the range.

        A meter whose powers are needed to tell the direction gives its currents without a sign.
        """
        words = {}
        for name in reversed(_BLOCKS):  # where blocks overlap, the current has the last word
            spec = meter.get(name)
            if spec and spec["reg"] < first + count and first < spec["reg"] + spec["n"]:
                self._fill(words, _Block(meter, spec), name)
        return words

    def _fill(self, words, block, name):
        watts = [block.sign * one for one in self.watts()]
        all_watts = sum(abs(one) for one in watts)  # one scale factor serves phases and total
        if name == "current":
            amps = [milliamps / 1000 for milliamps in self.amps_ma]
            values = amps if block.signed else [abs(one) for one in amps]
            block.put(words, block.watts, watts, block.watts_exp
                      + block.scale(words, block.watts_scale, all_watts))
            scale = block.scale(words, block.own_scale, max(abs(one) for one in amps))
        elif name == "power":
            watts = watts[:block.phases]
            values = watts if len(block.at) > 1 else [sum(watts)]
            scale = block.scale(words, block.own_scale, all_watts)
        elif name == "volts":
            values = [self.volts] * len(block.at)
            scale = block.scale(words, block.own_scale, self.volts)
        else:
            values = [self.import_wh if name == "import" else self.export_wh]
            scale = block.scale(words, block.own_scale, 0)
        block.put(words, block.at, values, block.exp + scale)


class _Block:
    """Where one block of a meter has its values, and how they are written there."""

    def __init__(self, meter, spec):
        self._first = spec["reg"]
        self._kind = spec.get("type", meter["type"])
        self._order = meter["order"]
        self.own_scale = spec.get("scale")
        self.watts_scale = spec.get("watts_scale")
        self.at = spec.get("at", (0,))
        self.exp = spec.get("exp", 0)
        self.watts = spec.get("watts", ())
        self.watts_exp = spec.get("watts_exp", 0)
        self.signed = not self.watts or "least" in spec
        self.sign = -1 if spec.get("negate") else 1
        self.phases = len(meter["current"].get("at", (0,)))

    def scale(self, words, place, largest):
        """Choose and write the scale factor at ``place``, None for none; returns the exponent.

        Values go up to ``largest``; 32-bit counters count in units.
        """
        if place is None:
            return 0
        chosen = 0 if self._kind[1:] == "32" else next(
            scale for scale in _SCALES if largest < 32000 * 10 ** scale)
        words[self._first + place] = chosen & 0xFFFF
        return chosen

    def put(self, words, places, values, exponent):
        """Write ``values`` at ``places``, counted in 10^exponent."""
        for place, value in zip(places, values):
            counted = value / 10 ** exponent
            if self._kind != "f32":
                counted = self._within(round(counted))
            registers = ModbusClientMixin.convert_to_registers(
                counted, _KINDS[self._kind], "big" if self._order & 1 else "little")
            for word in registers:
                if not self._order & 2:
                    word = word >> 8 | (word & 0xFF) << 8
                words[self._first + place] = word
                place += 1

    def _within(self, counted):
        """A meter that runs out of range stays at its end; the very last means no value."""
        bits = int(self._kind[1:])
        low, high = (0, 2 ** bits) if self._kind[0] == "u" else (-2 ** (bits - 1), 2 ** (bits - 1))
        return min(max(counted, low + (low < 0)), high - 3)


_REQUEST_BYTES = 8
_FIXED_FUNCTIONS = range(1, 7)  # those whose requests are all of that length


def _only(address):
    """The framer of a slave that shares its bus: it hears all, and knows what is meant for it.

    pymodbus's own waits for the rest of a frame that will never come after half a one, and takes
    another slave's answers for requests.
    """

    class Framer(FramerRTU):
        """Finds whole requests to one address in whatever the bus carries."""

        def handleFrame(self, data, exp_devid, exp_tid):
            """pymodbus: return (bytes used up, request or None)."""
            for start in range(len(data) - _REQUEST_BYTES + 1):
                if data[start] != address or data[start + 1] not in _FIXED_FUNCTIONS:
                    continue
                frame = data[start:start + _REQUEST_BYTES]
                if self.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
                    return len(data), super().handleFrame(frame, exp_devid, exp_tid)[1]
            return max(0, len(data) - _REQUEST_BYTES + 1), None

    return Framer


class MeterServer:
    """A meter of type ``kind`` that serves ``measure()``, a MeterReading, on the pty ``path``.

    Its line setting is that of its port on the bus. ``settings`` describe a Custom meter.
    ``latency_s`` is the time it takes to answer. ``requests`` counts those to it.
    """

    def __init__(self, path, address, measure, kind="Eastron3P", latency_s=0.0, settings=None):
        self._measure = measure
        self._meter = meter = entry(kind, settings)
        self.latency_s = latency_s
        self.requests = 0
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)
        device = SimDevice(address, action=self._refresh, simdata=[
            SimData(page * _PAGE, count=_PAGE, values=0, datatype=DataType.REGISTERS)
            for page in _pages(meter)])
        self._server = ModbusSerialServer(device, framer=FramerType.RTU, port=path, baudrate=9600)
        self._server.framer = _only(address)

    async def _refresh(self, function, start, address, count, registers, written):
        self.requests += 1
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if function != self._meter["fc"] or written:
            return ExcCodes.ILLEGAL_FUNCTION
        for number, word in self._measure().registers(self._meter, address, count).items():
            registers[number - start] = word
        return None

    async def start(self):
        """Open the port and answer requests."""
        await self._server.serve_forever(background=True)

    async def close(self):
        """Leave the bus."""
        await self._server.shutdown()


def _pages(meter):
    """Numbers of the pages that hold a meter's blocks."""
    pages = set()
    for name in _BLOCKS:
        spec = meter.get(name)
        if spec:
            pages.update(range(spec["reg"] // _PAGE, (spec["reg"] + spec["n"] - 1) // _PAGE + 1))
    return sorted(pages)
