"""kWh meters, described by a table and read as exact integers.

``meters.json`` is a JSON array with one meter per line, so that one line at a time is parsed and
only the meter in use stays in RAM. A meter has ``id`` and ``name`` (those users know), ``fc`` (3
or 4), ``order`` of bytes and words and the ``type`` of its values, and blocks ``current``,
``power`` (all phases together), ``import`` and ``export``, each one read request:

``reg``, ``n``   first register and count
``at``           offsets of the values in registers, [0] unless given; power and energy are summed
``exp``          value = raw x 10^exp in A, W or Wh; 0 unless given
``type``         i16 u16 i32 u32 i64 u64 f32, where it differs from the meter's
``scale``        offset of a signed register that is added to ``exp`` (SunSpec)
``negate``       powers count from the other side of the meter
``watts``        in ``current``: offsets of the phase powers, which give the currents their sign
``watts_exp``    their exponent, in W

``order``: 0 low word and low byte first, 1 high word and low byte first, 2 low word and high byte
first, 3 high word and high byte first.
"""

import json

from umodbus import functions

from evse.bus.master import BadSample

TABLE = __file__.rsplit("/", 1)[0] + "/meters.json"
AMPS_MAX_DA = 9999
WATTS_MAX = 1_000_000
ENERGY_MAX_WH = 1_000_000_000_000

WORDS = {"i16": 1, "u16": 1, "i32": 2, "u32": 2, "f32": 2, "i64": 4, "u64": 4}
_SCALE_MAX = 12
_SLOW_TURNS = 10  # turns between two reads of something slow


def load(name):
    """Return the table's entry for the meter called ``name``; ValueError when there is none."""
    wanted = '"name":"%s"' % name
    with open(TABLE) as table:
        for line in table:
            if wanted in line:
                return json.loads(line.rstrip().rstrip(","))
    raise ValueError(name)


def _rounded(num, den):
    """num / den to the nearest integer, halves away from zero; den > 0."""
    if num < 0:
        return -((den - 2 * num) // (2 * den))
    return (den + 2 * num) // (2 * den)


def _scaled(num, exp):
    """num x 10^exp to the nearest integer."""
    return num * 10 ** exp if exp >= 0 else _rounded(num, 10 ** -exp)


def _float_scaled(bits, exp):
    """The float32 with these bits x 10^exp to the nearest integer, exact on every interpreter."""
    binary = (bits >> 23 & 0xFF) - 150
    if binary > 40:  # infinity, no number, or far beyond what any meter measures
        raise BadSample
    num = bits & 0x7FFFFF | 0x800000
    if bits >> 31:
        num = -num
    den = 1
    if exp >= 0:
        num *= 10 ** exp
    else:
        den = 10 ** -exp
    if binary >= 0:
        num <<= binary
    else:
        den <<= -binary
    return _rounded(num, den)


class Block:
    """One read request of a meter and how its registers are read."""

    def __init__(self, entry, spec):
        read = (functions.read_holding_registers if entry["fc"] == 3
                else functions.read_input_registers)
        self.pdu = read(spec["reg"], spec["n"])
        self._length = 2 * spec["n"]
        self._order = entry["order"]
        self._kind = spec.get("type", entry["type"])
        self.at = tuple(spec.get("at", (0,)))
        self.exp = spec.get("exp", 0)
        self.watts = tuple(spec.get("watts", ()))
        self.watts_exp = spec.get("watts_exp", 0)
        self.sign = -1 if spec.get("negate") else 1
        self._scale = spec.get("scale")

    def check(self, data):
        """Refuse a reply of another length than asked for."""
        if len(data) != self._length:
            raise BadSample

    def _raw(self, data, at, words):
        order = self._order
        value = 0
        for word in range(words):
            pos = 2 * (at + (word if order & 1 else words - 1 - word))
            high, low = (pos, pos + 1) if order & 2 else (pos + 1, pos)
            value = value << 16 | data[high] << 8 | data[low]
        return value

    def value(self, data, at, exp):
        """Return the value at register offset ``at`` x 10^exp as an int, or raise BadSample."""
        kind = self._kind
        words = WORDS[kind]
        raw = self._raw(data, at, words)
        if self._scale is not None:
            scale = self._raw(data, self._scale, 1)
            if scale & 0x8000:
                scale -= 0x10000
            if not -_SCALE_MAX <= scale <= _SCALE_MAX:
                raise BadSample
            exp += scale
        if kind == "f32":
            return _float_scaled(raw, exp)
        top = 1 << 16 * words - 1
        if kind[0] == "i":
            # Meters mark a value they do not have by the type's largest or smallest number.
            if raw == top or raw == top - 1:
                raise BadSample
            if raw & top:
                raw -= top << 1
        elif raw == (top << 1) - 1:
            raise BadSample
        return _scaled(raw, exp)

    def total(self, data):
        """Return the sum of the values in W or Wh."""
        self.check(data)
        total = 0
        for at in self.at:
            total += self.value(data, at, self.exp)
        return self.sign * total


class Meter:
    """A kWh meter as the master polls it.

    ``entry`` comes from ``load``, ``role`` is what the meter measures ("mains"). Each good sample
    is handed out as ``command("reading", (role, L1, L2, L3, power, energy), "bus")``: dA with the
    sign of the power, W or None, Wh imported or None when not read since the last sample.
    """

    def __init__(self, entry, role, address, command):
        self.name = role
        self.address = address
        self._command = command
        self._current = Block(entry, entry["current"])
        slow = []
        for key in ("power", "import"):
            if key in entry and not (key == "power" and self._current.watts):
                slow.append((key, Block(entry, entry[key])))
        self._slow = slow
        self._asked = None
        self._turn = 0
        self._amps = [0, 0, 0]
        self._watts = None
        self._energy = None

    def begin(self):
        """Start a turn: return the first request."""
        self._asked = None
        return self._current.pdu

    def take(self, data, clean):
        """Take a reply; return the next request of this turn, or None.

        ``clean`` says that the slave answered at once. A late slave is asked nothing else in this
        turn, so that no reply can be taken for that to another request.
        """
        if self._asked is not None:
            self._take_slow(data)
            return None
        self._take_current(data)
        self._turn += 1
        if not clean or not self._slow or self._turn % _SLOW_TURNS != 1:
            return None
        self._asked = self._slow[self._turn // _SLOW_TURNS % len(self._slow)]
        return self._asked[1].pdu

    def _take_current(self, data):
        amps = self._amps
        power = read_current(self._current, data, amps)
        if power is None:
            power = self._watts
        energy = self._energy
        self._watts = self._energy = None
        self._command("reading", (self.name, amps[0], amps[1], amps[2], power, energy), "bus")

    def _take_slow(self, data):
        key, block = self._asked
        if key == "power":
            self._watts = read_power(block, data)
        else:
            self._energy = read_energy(block, data)


def read_current(block, data, amps):
    """Fill ``amps`` with the phase currents in dA; return the power in W, or None if not there.

    Raises BadSample and leaves ``amps`` undefined when any value cannot be true.
    """
    block.check(data)
    amps[0] = amps[1] = amps[2] = 0
    tenths = 0
    for phase, at in enumerate(block.at):
        da = block.value(data, at, block.exp + 1)
        if block.watts:
            power = block.sign * block.value(data, block.watts[phase], block.watts_exp + 1)
            tenths += power
            da = -abs(da) if power < 0 else abs(da)
        if not -AMPS_MAX_DA <= da <= AMPS_MAX_DA:
            raise BadSample
        amps[phase] = da
    if not block.watts:
        return None
    return _power(_rounded(tenths, 10))


def read_power(block, data):
    """Return the total power in W."""
    return _power(block.total(data))


def read_energy(block, data):
    """Return the energy in Wh."""
    energy = block.total(data)
    if not 0 <= energy <= ENERGY_MAX_WH:
        raise BadSample
    return energy


def _power(watts):
    if not -WATTS_MAX <= watts <= WATTS_MAX:
        raise BadSample
    return watts
