"""A line full of meters and mistakes on simulated time, and a core to examine, for the doctor."""

import struct

from evse import ticks
from evse.bus import meters
from helpers_bus import frame

_FORMATS = {"i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q", "f32": "f"}


class Meter:
    """A kWh meter with 230 V on its phases; ``latency_ms`` from the request to its answer."""

    def __init__(self, kind, address, latency_ms=20, baud=9600, parity=None, amps=5):
        entry = meters.load(kind)
        self.address = address
        self.latency_ms = latency_ms
        self.line = (baud, parity)
        self._function = entry["fc"]
        self._words = {}
        for key, value in (("volts", 230), ("current", amps)):
            spec = entry[key]
            for at in spec.get("at", (0,)):
                self._put(entry, spec, at, value, spec.get("exp", 0))
            for at in spec.get("watts", ()):
                self._put(entry, spec, at, 230 * amps, spec.get("watts_exp", 0))
            for at in range(spec["n"]):
                self._words.setdefault(spec["reg"] + at, 0)

    def _put(self, entry, spec, at, value, exp):
        kind = spec.get("type", entry["type"])
        raw = value / 10 ** exp
        data = struct.pack(">" + _FORMATS[kind], raw if kind == "f32" else int(raw + 0.5))
        words = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        if not entry["order"] & 1:
            words.reverse()
        for offset, word in enumerate(words):
            if not entry["order"] & 2:
                word = (word & 0xFF) << 8 | word >> 8
            self._words[spec["reg"] + at + offset] = word

    def set(self, register, value):
        """Have a word in a register."""
        self._words[register] = value

    def answer(self, pdu):
        """Return the PDU that answers ``pdu``, or None."""
        function, register, count = pdu[0], pdu[1] << 8 | pdu[2], pdu[3] << 8 | pdu[4]
        if function != self._function:
            return bytes([function | 0x80, 1])
        if register not in self._words:
            return bytes([function | 0x80, 2])
        words = [self._words.get(register + i, 0) for i in range(count)]
        return bytes([function, 2 * count]) + struct.pack(">%dH" % count, *words)


class Registers(Meter):
    """Something that answers function 4 from a list of words at register 0."""

    def __init__(self, address, words, latency_ms=20):
        self.address = address
        self.latency_ms = latency_ms
        self.line = (9600, None)
        self._function = 4
        self._words = dict(enumerate(words))


def node(number):
    """A charger that is Node ``number``; its EV meter is an ABB at address 20 + number."""
    one = Registers(number + 1, [0, 0, 0, 1, 0, 1, 0, 16] + [0] * 4)
    one.set(0x0108, 6)
    one.set(0x0109, 20 + number)
    return one


def sensorbox():
    return Registers(10, [0x0214, 0x3280] + [0] * 30)


class Line:
    """Port, clock and all who sit on the wire. ``spoil(byte number)`` says which are damaged."""

    def __init__(self, *slaves):
        self.slaves = list(slaves)
        self.clock = ticks.MASK - 40
        self.setting = (9600, None)
        self.settings = []
        self.spoil = None
        self.said = []  # (ms, bytes) that somebody says unasked; ms from now on
        self.requests = 0
        self.asked = {}  # (address, baud, parity) -> how often
        self._pending = []
        self._bytes = 0

    def now(self):
        return self.clock & ticks.MASK

    async def sleep_ms(self, ms):
        self.clock += max(ms, 1)
        for item in list(self.said):
            if self.clock >= item[0]:
                self.said.remove(item)
                self._pending.append((self.clock, item[1]))

    def say(self, every_ms, data, count):
        """Have somebody say ``data`` every so often, from now on."""
        for number in range(count):
            self.said.append((self.clock + (number + 1) * every_ms, data))

    def hear(self, data, delay_ms):
        """Have ``data`` arrive as a whole after a delay."""
        self._pending.append((self.clock + delay_ms, data))
        self._pending.sort(key=lambda item: item[0])

    def configure(self, baud, parity):
        self.setting = (baud, parity)
        self.settings.append(self.setting)

    def write(self, buf):
        self.requests += 1
        key = (buf[0],) + self.setting
        self.asked[key] = self.asked.get(key, 0) + 1
        end = self.clock + (len(buf) * 10_000) // self.setting[0]
        answers = []
        for slave in self.slaves:
            if slave.line == self.setting and slave.address == buf[0]:
                pdu = slave.answer(bytes(buf[1:-2]))
                if pdu:
                    answers.append((end + slave.latency_ms, frame(slave.address, pdu)))
        byte_ms = 10_000 / self.setting[0]
        for number, (begin, data) in enumerate(answers):
            for i, byte in enumerate(data):
                moment = begin + i * byte_ms
                for other, (start, said) in enumerate(answers):
                    if other != number and start - 1 <= moment < start + len(said) * byte_ms:
                        byte ^= 0x55
                self._bytes += 1
                if self.spoil and self.spoil(self._bytes):
                    byte ^= 0x10
                self._pending.append((moment + byte_ms, bytes([byte])))
        self._pending.sort(key=lambda item: item[0])

    def readinto(self, buf):
        count = 0
        while self._pending and count < len(buf):
            due, data = self._pending[0]
            if due > self.clock:
                break
            part = data[:len(buf) - count]
            buf[count:count + len(part)] = part
            count += len(part)
            if len(part) < len(data):
                self._pending[0] = (due, data[len(part):])
            else:
                self._pending.pop(0)
        return count or None


class _Settings:
    def __init__(self, values):
        self.values = {"mains_met": "Disabled", "mains_adr": 10, "circt_met": "Disabled",
                       "circt_adr": 13, "ev_meter": "Disabled", "ev_adr": 12, "min": 6, "max": 16,
                       "phase_rotation": "L1L2L3", "em_data_type": "FLOAT32", "em_function": 4,
                       "em_byte_order": "HBF & HWF", "em_i_register": 6, "em_i_divisor": 0,
                       "em_p_register": 0, "em_e_register": 0}
        self.values.update(values)

    def get(self, key):
        return self.values[key]

    def index(self, key):
        return {"FLOAT32": 1, "HBF & HWF": 3}[self.values[key]]


class Thing:
    """Whatever has attributes."""

    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)


def core(**settings):
    """The core of a charger at rest, with these settings."""
    return Thing(settings=_Settings(settings), node=0, joined=0, group=None,
                 charger=Thing(c1=False, offered_da=0),
                 regulator=Thing(evses=[Thing(charging=False)], params=Thing(min_da=60)))
