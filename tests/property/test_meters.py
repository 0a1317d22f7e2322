"""Meters there and back: pymodbus makes the registers, the firmware on MicroPython reads them.

What each value should be is worked out here in fractions, from the number that the registers hold.
"""

import json
import os
import random
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from pymodbus.client.mixin import ModbusClientMixin

ROOT = Path(__file__).resolve().parents[2]
TABLE = json.loads((ROOT / "evse" / "bus" / "meters.json").read_text())
TYPES = ModbusClientMixin.DATATYPE
KINDS = {"i16": TYPES.INT16, "u16": TYPES.UINT16, "i32": TYPES.INT32, "u32": TYPES.UINT32,
         "i64": TYPES.INT64, "u64": TYPES.UINT64, "f32": TYPES.FLOAT32}
BYTES = {"i16": 2, "u16": 2, "i32": 4, "u32": 4, "i64": 8, "u64": 8, "f32": 4}
TIMES = 60
MOST = {"current": 999, "power": 99_900, "import": 10 ** 11, "export": 10 ** 11}  # A, W, Wh


def custom():
    """Entries of the shape that the settings of a Custom meter give, of each order and type."""
    for order in range(4):
        for kind, words in (("i32", 2), ("f32", 2), ("i16", 1)):
            yield {"name": "Custom %d %s" % (order, kind), "fc": 4, "order": order, "type": kind,
                   "current": {"reg": 0, "n": 3 * words, "at": [0, words, 2 * words], "exp": -2},
                   "power": {"reg": 60, "n": words, "exp": 0 if kind == "i16" else -1},
                   "import": {"reg": 72, "n": words, "exp": 3 - (kind != "f32")}}


ENTRIES = TABLE + list(custom())


class Reply:
    """The registers of one reply, written by pymodbus."""

    def __init__(self, entry, spec):
        self._order = entry["order"]
        self._kind = spec.get("type", entry["type"])
        self._exp = spec.get("exp", 0)
        self._words = [0] * spec["n"]
        self._scales = {}
        for key in ("scale", "watts_scale"):
            self._scales[key] = random.randint(-3, 3) if key in spec else 0
            if key in spec:
                self._words[spec[key]], = ModbusClientMixin.convert_to_registers(
                    self._scales[key], TYPES.INT16)

    def put(self, at, value, exp, scale="scale"):
        """Write ``value`` (in units of 10^exp A, W or Wh); return what the registers hold."""
        kind = self._kind
        exp += self._scales[scale]
        number = Fraction(value) / Fraction(10) ** exp
        if kind == "f32":
            number = struct.unpack(">f", struct.pack(">f", float(number)))[0]
        else:
            bits = 8 * BYTES[kind]
            low, high = (-(1 << bits - 1) + 1, (1 << bits - 1) - 2) if kind[0] == "i" else (
                0, (1 << bits) - 2)
            number = max(low, min(high, round(number)))
        words = ModbusClientMixin.convert_to_registers(
            number, KINDS[kind], word_order="big" if self._order & 1 else "little")
        if self._order < 2:
            words = [word >> 8 | (word & 0xFF) << 8 for word in words]
        self._words[at:at + len(words)] = words
        return Fraction(number) * Fraction(10) ** exp

    def hex(self):
        return struct.pack(">%dH" % len(self._words), *self._words).hex()


def nearest(value):
    """The nearest whole number, halves away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def size(most):
    """Something from 0 to ``most``, of all sizes, and often one that lies between two units."""
    value = Fraction(random.choice((0, 1, 5, 10, 25, random.randrange(10 ** 6))), 100)
    value *= random.choice((1, 1, 10, 100, 10 ** 4, 10 ** 6, 10 ** 9))
    return min(value, most)


def case(entry, key):
    """Return (a reply in hex, what it says, as the decoder tells it)."""
    spec = entry[key]
    reply = Reply(entry, spec)
    side = -1 if spec.get("negate") else 1
    exp = spec.get("exp", 0)
    if key != "current":
        signs = (1, -1) if key == "power" else (1,)
        values = [reply.put(at, random.choice(signs) * size(MOST[key]), exp)
                  for at in spec.get("at", [0])]
        return reply.hex(), sum(nearest(value) for value in values) * side
    amps, tenths = [0, 0, 0], 0
    for phase, at in enumerate(spec["at"]):
        found = reply.put(at, random.choice((1, -1)) * size(MOST[key]), exp)
        amps[phase] = nearest(found * 10)
        if "watts" in spec:
            watts = reply.put(spec["watts"][phase], random.choice((1, -1)) * size(300_000),
                              spec.get("watts_exp", 0), "watts_scale")
            watts = nearest(watts * 10) * side
            tenths += watts
            amps[phase] = abs(amps[phase]) * (-1 if watts < 0 else 1)
    return reply.hex(), [amps, nearest(Fraction(tenths, 10)) if "watts" in spec else None]


def plausible(key, expected):
    """Whether the decoder may hand this on."""
    if key == "current":
        return (all(abs(da) <= 9999 for da in expected[0])
                and (expected[1] is None or abs(expected[1]) <= 10 ** 6))
    return abs(expected) <= 10 ** 6 if key == "power" else 0 <= expected <= 10 ** 12


@pytest.fixture(scope="module")
def decode(micropython, sim_build):
    """Decode a list of (entry, key, hex), all in one process."""
    def decode(cases):
        path = os.pathsep.join((str(sim_build), str(sim_build / "lib"), ".frozen"))
        done = subprocess.run([micropython, str(ROOT / "tests" / "system" / "meter_decoder.py")],
                              input="".join(json.dumps(one) + "\n" for one in cases), text=True,
                              capture_output=True, env={**os.environ, "MICROPYPATH": path},
                              check=False)
        assert not done.returncode, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return decode


def test_each_type_says_what_was_written(decode):
    random.seed(630)
    cases, expected = [], []
    for entry in ENTRIES:
        for key in ("current", "power", "import", "export"):
            for _ in range(TIMES if key in entry else 0):
                data, values = case(entry, key)
                cases.append((entry, key, data))
                expected.append(values)
    taken = {}
    for (entry, key, data), want, got in zip(cases, expected, decode(cases), strict=True):
        assert got == (want if plausible(key, want) else None), (entry["name"], key, data)
        if got is not None:
            taken[entry["name"], key] = taken.get((entry["name"], key), 0) + 1
    assert len(taken) == sum(key in entry for entry in ENTRIES
                             for key in ("current", "power", "import", "export"))
    assert min(taken.values()) >= TIMES // 3, taken


def test_what_a_meter_does_not_have_is_refused(decode):
    """The marks of all types, in each place of a value, among values that are there."""
    random.seed(1)
    marks = {"i": ("7f" + "ff" * 7, "80" + "00" * 7), "u": ("ff" * 8,),
             "f": ("7fc00000", "ffc00000", "7f800000", "ff800000", "7fffffff", "ffffffff")}
    cases = []
    for entry in ENTRIES:
        for key in ("current", "power", "import", "export"):
            spec = entry.get(key, {})
            kind = spec.get("type", entry["type"])
            for at in spec.get("at", [0] if spec else []) + spec.get("watts", []):
                for mark in marks[kind[0]]:
                    data = bytearray.fromhex(case(entry, key)[0])
                    value = bytes.fromhex(mark[:2 * BYTES[kind]])
                    if entry["order"] in (0, 2):  # low word first
                        value = b"".join(value[i:i + 2] for i in range(len(value) - 2, -2, -2))
                    if entry["order"] < 2:  # low byte first
                        value = b"".join(value[i:i + 2][::-1] for i in range(0, len(value), 2))
                    data[2 * at:2 * at + BYTES[kind]] = value
                    cases.append((entry, key, data.hex()))
            for at in [spec[place] for place in ("scale", "watts_scale") if place in spec]:
                for scale in (0x8000, 13, 0xFFF3):
                    data = bytearray.fromhex(case(entry, key)[0])
                    data[2 * at:2 * at + 2] = scale.to_bytes(2, "big")
                    cases.append((entry, key, data.hex()))
    assert len(cases) > 300
    for one, got in zip(cases, decode(cases), strict=True):
        assert got is None, one
