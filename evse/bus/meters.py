"""kWh meters, described by a table and read as exact integers.

``meters.json`` is a JSON array with one meter per line, so that one line at a time is parsed and
only the meter in use stays in RAM. A meter has ``id`` and ``name`` (those users know), ``fc`` (3
or 4), ``order`` of bytes and words and the ``type`` of its values, ``parity`` "E" where it cannot
do without, and blocks ``current``, ``power`` (all phases together), ``import``, ``export`` and
``volts`` (phase to neutral, for the doctor), each one read request:

``reg``, ``n``   first register and count
``at``           offsets of the values in registers, [0] unless given; power and energy are summed
``exp``          value = raw x 10^exp in A, W, Wh or V; 0 unless given
``type``         i16 u16 i32 u32 i64 u64 f32, where it differs from the meter's
``scale``        offset of a signed register that is added to ``exp`` (SunSpec)
``negate``       powers count from the other side of the meter
``watts``        in ``current``: offsets of the phase powers, which give the currents their sign
``watts_exp``    their exponent, in W; ``watts_scale`` the offset of their scale
``least``        how many of the registers say something without the others, where others may ask
                 for no more: currents with the sign they have, energies whose scale is 0

``order``: 0 low word and byte first, 1 high word and low byte, 2 low word and high byte, 3 high
word and byte first.
"""

import json
from array import array

from micropython import const
from umodbus import functions

from evse.bus.master import BadSample, Device

# What a meter measures, and the settings that say which one and at which address.
ROLES = (("mains", "mains_met", "mains_adr"), ("circuit", "circt_met", "circt_adr"),
         ("ev", "ev_meter", "ev_adr"))
TABLE = __file__.rsplit("/", 1)[0] + "/meters.json"
AMPS_MAX_DA = 9999
WATTS_MAX = 1_000_000
ENERGY_MAX_WH = 1_000_000_000_000

WORDS = {"i16": 1, "u16": 1, "i32": 2, "u32": 2, "f32": 2, "i64": 4, "u64": 4}
_SCALE_MAX = const(12)
_CYCLE = const(10)  # turns in which one energy is read, and phases without current are doubted
_ENERGY_TURN = const(1)
_DOUBT_TURN = const(2)
_BLIND_W = const(100)  # a total that no phase without current can have
_CUSTOM_TYPES = ("i32", "f32", "i16")
_POWER, _IMPORT, _EXPORT = const(0), const(1), const(2)

# What stands where in the form of a block; its offsets follow, those of the phase powers last.
_ORDER = const(0)
_WORDS = const(1)  # of a value
_SORT = const(2)
_EXP = const(3)
_WATTS_EXP = const(4)
_SIGN = const(5)
_LEAST = const(6)
_SCALE = const(7)  # -1 for none
_WATTS_SCALE = const(8)
_COUNT = const(9)  # of values
_AT = const(10)
_SORTS = "uif"
_SIGNED, _FLOAT = const(1), const(2)


def load(name):
    """Return the table's entry for the meter called ``name``; ValueError when there is none."""
    wanted = '"name":"%s"' % name
    with open(TABLE) as table:
        for line in table:
            if wanted in line:
                return json.loads(line.rstrip().rstrip(","))
    raise ValueError(name)


def custom(settings):
    """Return the entry of the meter that the settings ``em_*`` describe.

    Power and energy are those of all phases, their divisors the powers of ten that make W and kWh
    of a value; negative ones multiply. A power or energy register of 0 stands for none.
    """
    kind = _CUSTOM_TYPES[settings.index("em_data_type")]
    words = WORDS[kind]
    entry = {"name": "Custom", "fc": settings.get("em_function"),
             "order": settings.index("em_byte_order"), "type": kind,
             "current": {"reg": settings.get("em_i_register"), "n": 3 * words,
                         "at": (0, words, 2 * words), "exp": -settings.get("em_i_divisor")}}
    for key, letter, exp in (("power", "p", 0), ("import", "e", 3)):
        register = settings.get("em_%s_register" % letter)
        if register:
            entry[key] = {"reg": register, "n": words,
                          "exp": exp - settings.get("em_%s_divisor" % letter)}
    return entry


def entry_of(name, settings):
    """Return the entry of the meter called ``name``, None for one that is not on the bus."""
    if name == "Custom":
        return custom(settings)
    try:
        return load(name)
    except ValueError:
        return None


def requests(entry):
    """Return the requests for currents, power and imported energy; None for what there is not.

    They are for meters that others listen to: no power that comes with a scale, because nodes of
    the reference read its scale where it is not.
    """
    return tuple(Block(entry, entry[key]).pdu
                 if key in entry and not (key == "power" and "scale" in entry[key]) else None
                 for key in ("current", "power", "import"))


def rounded(num, den):
    """num / den to the nearest integer, halves away from zero; den > 0."""
    if num < 0:
        return -((den - 2 * num) // (2 * den))
    return (den + 2 * num) // (2 * den)


def _scaled(num, exp):
    """num x 10^exp to the nearest integer."""
    return num * 10 ** exp if exp >= 0 else rounded(num, 10 ** -exp)


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
    return rounded(num, den)


class Block:
    """One read request of a meter, ``pdu``, and how its registers are read."""

    def __init__(self, entry, spec):
        read = (functions.read_holding_registers if entry["fc"] == 3
                else functions.read_input_registers)
        self.pdu = read(spec["reg"], spec["n"])
        kind = spec.get("type", entry["type"])
        at = spec.get("at", (0,))
        form = [entry["order"], WORDS[kind], _SORTS.index(kind[0]), spec.get("exp", 0),
                spec.get("watts_exp", 0), -1 if spec.get("negate") else 1,
                spec.get("least", spec["n"]), spec.get("scale", -1), spec.get("watts_scale", -1),
                len(at)]
        form.extend(at)
        form.extend(spec.get("watts", ()))
        self._form = array("b", form)  # in few bytes: up to a dozen blocks stay in RAM

    @property
    def at(self):
        """Offsets of the values in registers."""
        form = self._form
        return bytes(form[_AT:_AT + form[_COUNT]])

    @property
    def watts(self):
        """True when phase powers are read along."""
        return len(self._form) > _AT + self._form[_COUNT]

    def whole(self, data):
        """Return whether all registers are there; refuse replies of any other length."""
        if len(data) == 2 * self.pdu[4]:
            return True
        if len(data) != 2 * self._form[_LEAST]:
            raise BadSample
        return False

    def part(self, pdu, data):
        """Return what is ours in the reply to a ``pdu`` of somebody; None if not asked for."""
        mine = self.pdu
        start = 2 * ((mine[1] - pdu[1] << 8) + mine[2] - pdu[2])
        if pdu[0] != mine[0] or start < 0:
            return None
        for length in (2 * mine[4], 2 * self._form[_LEAST]):
            if start + length <= len(data):
                return data[start:start + length]
        return None

    def value(self, data, at, exp):
        """Return the value at register offset ``at`` x 10^exp as an int, or raise BadSample."""
        return self._value(data, at, exp, self._form[_SCALE])

    def tenths(self, data, i):
        """Return value ``i`` (from 0) in tenths of its unit."""
        form = self._form
        return self._value(data, form[_AT + i], form[_EXP] + 1, form[_SCALE])

    def tenth_watts(self, data, phase):
        """Return the power of a phase (from 0) in 0.1 W."""
        form = self._form
        return form[_SIGN] * self._value(data, form[_AT + form[_COUNT] + phase],
                                         form[_WATTS_EXP] + 1, form[_WATTS_SCALE])

    def total(self, data):
        """Return the sum of the values in W or Wh."""
        self.whole(data)
        form = self._form
        total = 0
        for i in range(form[_COUNT]):
            total += self._value(data, form[_AT + i], form[_EXP], form[_SCALE])
        return form[_SIGN] * total

    def _value(self, data, at, exp, scale):
        words = self._form[_WORDS]
        sort = self._form[_SORT]
        raw = self._raw(data, at, words)
        if scale >= 0 and 2 * scale < len(data):
            exp += self._exponent(data, scale)
        if sort == _FLOAT:
            return _float_scaled(raw, exp)
        top = 1 << 16 * words - 1
        if sort == _SIGNED:
            # Meters mark a value they do not have by the type's largest or smallest number.
            if raw == top or raw == top - 1:
                raise BadSample
            if raw & top:
                raw -= top << 1
        elif raw == (top << 1) - 1:
            raise BadSample
        return _scaled(raw, exp)

    def _raw(self, data, at, words):
        order = self._form[_ORDER]
        value = 0
        for word in range(words):
            pos = 2 * (at + (word if order & 1 else words - 1 - word))
            high, low = (pos, pos + 1) if order & 2 else (pos + 1, pos)
            value = value << 16 | data[high] << 8 | data[low]
        return value

    def _exponent(self, data, at):
        """Return the signed number in the scale's register."""
        scale = self._raw(data, at, 1)
        if scale & 0x8000:
            scale -= 0x10000
        if not -_SCALE_MAX <= scale <= _SCALE_MAX:
            raise BadSample
        return scale


class Meter(Device):
    """A kWh meter as the master polls it, or as a node hears it polled by others.

    ``entry`` comes from ``entry_of``, ``role`` is what the meter measures ("mains"). Each good
    sample is handed out as ``command("reading", (role, L1, L2, L3, power, import, export),
    "bus")``: dA with the sign of the power, W, Wh; None for what was not read since the last one.
    """

    def __init__(self, entry, role, address, command):
        self.name = role
        self.address = address
        self.parity = entry.get("parity")
        self._command = command
        self._current = Block(entry, entry["current"])
        self._power = Block(entry, entry["power"]) if "power" in entry else None
        # What else a meter counts is nobody's business.
        self._energies = [(slot, Block(entry, entry[key]))
                          for slot, key, who in ((_IMPORT, "import", ("mains", "ev")),
                                                 (_EXPORT, "export", ("mains",)))
                          if key in entry and role in who]
        self._often = not self._current.watts and role != "circuit"
        self._asked = None
        self._turn = 0
        self._blind = False  # the phases are said to be without current, but not all together
        self._amps = [0, 0, 0]
        self._slow = [None, None, None]  # what was read since the last sample

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
            slot, block = self._asked
            self._take_slow(slot, block, data)
            if slot == _POWER:
                self._doubt()
            return None
        self._take_current(data)
        self._turn += 1
        if clean:
            self._asked = self._next_slow()
        return self._asked and self._asked[1].pdu

    def overhear(self, pdu, data):
        """Take the reply to a request of somebody else; False when it tells nothing of ours."""
        if len(data) != 2 * pdu[4]:
            return False
        part = self._current.part(pdu, data)
        if part:
            self._take_current(part)
            return True
        told = False
        for slot, block in [(_POWER, self._power)] + self._energies:
            part = block and block.part(pdu, data)
            if part:
                if slot == _POWER and self._slow[_POWER] is not None:
                    self._tell((None, None, None), None)  # nobody asks for the currents
                self._take_slow(slot, block, part)
                told = True
        return told

    def _next_slow(self):
        """Return what to read after the currents as (slot, block), or None."""
        step = self._turn % _CYCLE
        energies = self._energies
        if step == _ENERGY_TURN and energies and not self._blind:
            return energies[self._turn // _CYCLE % len(energies)]
        if self._power and (self._often or self._blind
                            or step == _DOUBT_TURN and self._amps == [0, 0, 0]):
            return _POWER, self._power
        return None

    def _doubt(self):
        """There are meters that know the total only and answer 0 for each phase."""
        self._blind = self._amps == [0, 0, 0] and abs(self._slow[_POWER]) >= _BLIND_W
        if self._blind:
            self._slow[_POWER] = None
            raise BadSample

    def _take_current(self, data):
        amps = self._amps
        power = read_current(self._current, data, amps)
        if amps[0] or amps[1] or amps[2]:
            self._blind = False
        if not self._blind:
            self._tell(amps, power)

    def _take_slow(self, slot, block, data):
        self._slow[slot] = (read_power if slot == _POWER else read_energy)(block, data)

    def _tell(self, amps, power):
        slow = self._slow
        reading = (self.name, amps[0], amps[1], amps[2],
                   slow[_POWER] if power is None else power, slow[_IMPORT])
        if slow[_EXPORT] is not None:
            reading += (slow[_EXPORT],)
        self._slow = [None, None, None]
        self._command("reading", reading, "bus")


def read_current(block, data, amps):
    """Fill ``amps`` with the phase currents in dA; return the power in W, or None if not there.

    Raises BadSample and leaves ``amps`` undefined when any value cannot be true.
    """
    signed = block.whole(data) and block.watts
    amps[0] = amps[1] = amps[2] = 0
    tenths = 0
    for phase in range(len(block.at)):
        da = block.tenths(data, phase)
        if signed:
            power = block.tenth_watts(data, phase)
            tenths += power
            da = -abs(da) if power < 0 else abs(da)
        amps[phase] = _within(da, -AMPS_MAX_DA, AMPS_MAX_DA)
    if not signed:
        return None
    return _within(rounded(tenths, 10), -WATTS_MAX, WATTS_MAX)


def read_power(block, data):
    """Return the total power in W."""
    return _within(block.total(data), -WATTS_MAX, WATTS_MAX)


def read_energy(block, data):
    """Return the energy in Wh."""
    return _within(block.total(data), 0, ENERGY_MAX_WH)


def _within(value, low, high):
    if not low <= value <= high:
        raise BadSample
    return value
