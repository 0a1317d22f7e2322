"""Runs on MicroPython: random and spoilt frames into the firmware's bus, on simulated time.

Arguments: directory of the helpers of the unit tests, which part, seed, number of frames. Prints
one JSON line: what was done, and what should not have been. Parts:

``spoilt``  to a Node whose car waits only for the Master's last word: no frame is sound
``sound``   to a Node whose car does not ask: some frames are sound, with any content
``link``    to the Master's link: no reply is sound
``master``  to a Master with meters and nodes: replies spoilt, or sound with any content
"""

import gc
import json
import random
import sys

sys.path.insert(0, sys.argv[1])

from evse import ticks
from evse.bus import rtu
from evse.bus.master import Master
from evse.bus.meters import Meter, entry_of
from evse.bus.node import Node
from evse.bus.sensorbox import Sensorbox
from evse.bus.share import Share
from evse.settings import METERS
from helpers_core import Bench

OWN, EVERYBODY, EV_METER = 2, 9, 12
CHUNK = 250  # frames between two looks at the heap, and at what has come of them
SETTLED = 4  # chunks after which everything that is loaded once is there

# An oracle of its own: the checksum by halves of a byte.
_NIBBLES = (0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
            0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400)


def checksum_is_0_within(data, start):
    """True when some bytes of ``data`` from ``start`` on end with their own checksum."""
    crc = 0xFFFF
    for at in range(start, len(data)):
        byte = data[at]
        crc = crc >> 4 ^ _NIBBLES[(crc ^ byte) & 15]
        crc = crc >> 4 ^ _NIBBLES[(crc ^ byte >> 4) & 15]
        if not crc and at - start >= 4:
            return True
    return False


def sound(data, addresses):
    """True when a frame to or from one of ``addresses`` is somewhere in ``data``."""
    for start in range(len(data)):
        if data[start] in addresses and checksum_is_0_within(data, start):
            return True
    return False


def sealed(body):
    crc = rtu.crc16(body, 0, len(body))
    return bytes(body) + bytes([crc & 0xFF, crc >> 8])


def words(*values):
    return b"".join(bytes([value >> 8 & 0xFF, value & 0xFF]) for value in values)


def write(address, start, values):
    return bytes([address, 16]) + words(start, len(values)) + bytes([2 * len(values)]) + words(
        *values)


def noise(length):
    return bytes(random.getrandbits(8) for _ in range(length))


def one_of(*values):
    return values[random.randrange(len(values))]


def request():
    """The body of something that is said to a node, about one, or to its meter."""
    start = one_of(0, 0, 1, 3, 4, 5, 6, 0x20, 0x100, 0x104, 0x108, 0x200, 0x205, 0x300, 0x310,
                   random.getrandbits(16))
    value = one_of(0, 1, 2, 5, 7, 60, random.getrandbits(8), random.getrandbits(16))
    kind = random.randrange(8)
    address = one_of(OWN, OWN, EVERYBODY)
    if kind == 0:
        return bytes([address, one_of(3, 4)]) + words(start, random.randrange(1, 24))
    if kind == 1:
        return bytes([address, 6]) + words(start, value)
    if kind == 2:
        return write(OWN, 0, [one_of(4, 5, 6, 7, 2), random.randrange(2)])
    if kind == 3:
        return write(EVERYBODY, 0x20, [random.getrandbits(10) for _ in range(one_of(8, 11))])
    if kind == 4:
        return write(address, start, [random.getrandbits(one_of(1, 4, 16))
                                      for _ in range(one_of(1, 2, 5, 12, 22, 26))])
    if kind == 5:
        return bytes([EV_METER, 4]) + words(one_of(6, 52, 72), one_of(2, 12))
    if kind == 6:
        count = one_of(4, 24)
        return bytes([EV_METER, 4, count]) + noise(count)
    return bytes([random.randrange(3, 9), one_of(4, 0x84), 16]) + noise(16)


def spoil(data):
    """``data`` with what lines and slaves do to it."""
    data = bytearray(data)
    kind = random.randrange(9)
    if kind == 0:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif kind == 1:
        data[random.randrange(len(data))] = random.getrandbits(8)
        data[random.randrange(len(data))] ^= 0x10
    elif kind == 2:
        data = data[:random.randrange(len(data))]
    elif kind == 3:
        data = data[random.randrange(1, len(data)):]
    elif kind == 4:
        at = random.randrange(len(data))
        data = data[:at] + noise(random.randrange(1, 4)) + data[at:]
    elif kind == 5:
        data[-2], data[-1] = data[-1] ^ 1, data[-2]
    elif kind == 6:
        data = bytearray(noise(random.randrange(1, 60)))
    elif kind == 7:
        data = data[:-1] + data
        data[-1] ^= 0x80
    else:
        at = random.randrange(len(data))
        data = data[:at] + data[at + 1:]
    return bytes(data)


class Port:
    """Both ends of a line without a wire: ``say`` is what comes in, ``sent`` what went out."""

    def __init__(self):
        self.clock = ticks.MASK - 5000
        self.sent = 0
        self.largest = 0
        self.answer = None
        self._lumps = []

    def now(self):
        return self.clock & ticks.MASK

    async def sleep_ms(self, ms):
        self.clock += max(1, ms)

    def configure(self, baud, parity):
        pass

    def write(self, buf):
        self.sent += 1
        if self.answer:
            self.answer(bytes(buf))

    def say(self, data):
        """Have ``data`` come in within a few reads, with pauses."""
        while data:
            cut = one_of(3, 5, 8, len(data))
            self._lumps.append(data[:cut])
            data = data[cut:]
            for _ in range(one_of(0, 0, 0, 1, 2, 6)):
                self._lumps.append(None)

    def readinto(self, buf):
        self.largest = max(self.largest, len(buf))
        if not self._lumps:
            return None
        data = self._lumps.pop(0)
        if data is None:
            return None
        count = min(len(data), len(buf))
        buf[:count] = data[:count]
        if count < len(data):
            self._lumps.insert(0, data[count:])
        return count

    def empty(self):
        """True when all has been read."""
        return not self._lumps


def run(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        return done.value


class Fuzz:
    """A bench, a port and what was found."""

    def __init__(self, settings):
        self.bench = Bench(settings)
        self.core = self.bench.core
        self.port = Port()
        self.closed = 0
        self.wrong = []
        self.skipped = 0

    def facts(self):
        """All that a frame could change."""
        core = self.core
        member = core.member
        return (self.port.sent, core.settings.changes, core.access.state, core.override_da,
                core.told_until, core.told_reason, member.da, member.sun_s, member.acknowledged,
                member.errors(), member.state(), core.charger.admitted,
                tuple(core.readings.count))

    def let_time_pass(self, ms):
        self.bench.run(ms)
        if self.core.charger.c1:
            self.closed += 1

    def chunks(self, frames, chunk):
        """Do ``chunk()`` for each; returns how the heap has grown from the first ones on."""
        first = least = most = 0
        for number in range(frames // CHUNK):
            chunk()
            gc.collect()
            used = gc.mem_alloc()
            if number == SETTLED:
                first = least = used
            if number >= SETTLED:
                most = max(most, used)
                least = min(least, used)
        return {"heap": used - first, "swing": most - least}


NODE = {"pwr_share": "Node 1", "mode": "Smart", "config": "Fixed", "max": 16,
        "ev_meter": "Eastron3P", "ev_adr": EV_METER}


def told(node, da):
    node.answer(EVERYBODY, write(EVERYBODY, 0x20, [0, da] + [0] * 9)[1:])


def spoilt(frames):
    fuzz = Fuzz(NODE)
    core = fuzz.core
    node = Node(core, fuzz.port, fuzz.port.now, fuzz.port.sleep_ms)

    def ready():
        """The car asks and may be offered current: the next word would close the contactor."""
        told(node, 160)
        fuzz.bench.car = "B"
        fuzz.let_time_pass(6000)
        node.answer(OWN, write(OWN, 0, [5, 0])[1:])
        told(node, 160)
        fuzz.let_time_pass(3000)
        fuzz.bench.car = "C"
        fuzz.let_time_pass(1000)

    def chunk():
        told(node, 160)
        fuzz.let_time_pass(500)
        if core.member.state() != 6:
            ready()
            if core.member.state() != 6:
                fuzz.wrong.append("it does not wait for the master")
        for _ in range(CHUNK):
            data = spoil(sealed(request()))
            while sound(data, (OWN, EVERYBODY, EV_METER)):
                fuzz.skipped += 1
                data = spoil(data)
            before = fuzz.facts()
            fuzz.port.say(data)
            while not fuzz.port.empty():
                run(node.turn())
            run(node.turn())
            if fuzz.facts() != before:
                fuzz.wrong.append(data.hex())

    result = fuzz.chunks(frames, chunk)
    # All this time one word was missing, and it would have been understood.
    node.answer(OWN, write(OWN, 0, [7, 0])[1:])
    closed = fuzz.closed
    fuzz.bench.run(500)
    result["would_have_closed"] = core.charger.c1
    result["closed"] = closed
    result["crc"] = node.rows()[0]["crc"]
    return fuzz, result


def sound_ones(frames):
    fuzz = Fuzz(dict(NODE, start=9))
    core = fuzz.core
    install = [(key, core.settings.get(key)) for key in
               ("min", "max", "mains", "circuit", "config", "pwr_share", "ev_meter", "trust_lan")]
    node = Node(core, fuzz.port, fuzz.port.now, fuzz.port.sleep_ms)
    fuzz.bench.car = "B"

    def chunk():
        for _ in range(CHUNK):
            body = request()
            fuzz.port.say(sealed(body) if random.randrange(4) else spoil(sealed(body)))
            while not fuzz.port.empty():
                run(node.turn())
        fuzz.let_time_pass(3000)
        for key, value in install:
            if core.settings.get(key) != value:
                fuzz.wrong.append(key)

    result = fuzz.chunks(frames, chunk)
    result["closed"] = fuzz.closed
    result["replies"] = fuzz.port.sent
    result["changes"] = core.settings.changes
    result["requests"] = node.rows()[0]["requests"]
    return fuzz, result


def reply_to(pdu):
    """The body of a sound reply to ``pdu``, with any content."""
    if pdu[0] < 5:
        count = 2 * (pdu[3] << 8 | pdu[4])
        content = one_of(bytes(count), noise(count), bytes([0, one_of(0, 1, 200)]) * (count // 2))
        return bytes([pdu[0], count & 0xFF]) + content
    return pdu[:5]


def link(frames):
    fuzz = Fuzz({})
    port = fuzz.port
    wire = rtu.Link(port, port.now, port.sleep_ms)

    def answer(frame):
        data = spoil(sealed(bytes([frame[0]]) + reply_to(frame[1:-2])))
        while sound(data, (frame[0],)):
            fuzz.skipped += 1
            data = spoil(data)
        port.say(data)

    def chunk():
        for _ in range(CHUNK):
            pdu = one_of(b"\4\0\6\0\x0c", b"\3\x5b\x0c\0\x10", b"\4\0\0\0\x14", b"\6\0\6\0\0",
                         b"\4\1\x08\0\2", b"\x10\0\0\0\2\4\0\5\0\0", b"\4\0\0\0\x0c")
            try:
                data = run(wire.transact(one_of(2, 10, 12), pdu))
                fuzz.wrong.append(bytes(data).hex())
            except rtu.BusError:
                pass

    port.answer = answer
    result = fuzz.chunks(frames, chunk)
    result["closed"] = fuzz.closed
    result["requests"] = port.sent
    return fuzz, result


def master(frames):
    fuzz = Fuzz({"pwr_share": "Master", "mode": "Smart", "mains_met": "Eastron3P", "circuit": 32,
                 "circt_met": "ABB", "max": 16, "config": "Fixed"})
    port = fuzz.port
    core = fuzz.core
    poller = Master(rtu.Link(port, port.now, port.sleep_ms), port.now, port.sleep_ms)
    address = 20
    for name in METERS:
        entry = entry_of(name, core.settings)
        if entry:
            poller.add(Meter(entry, one_of("mains", "circuit", "ev"), address, core.command), 500)
            address += 1
    poller.add(Sensorbox(core.settings, core.command), 500)
    Share(core, port.now).add_to(poller, 500)
    fuzz.bench.car = "B"

    def answer(frame):
        if frame[0] == EVERYBODY:
            return
        body = reply_to(frame[1:-2])
        if frame[0] < 9 and len(body) == 26:  # a status: mostly of states there are
            body = body[:2] + words(random.randrange(16), one_of(0, 0, 1, 2, 33), 60,
                                    random.randrange(4), 0, 1, one_of(0, 0, 1),
                                    random.getrandbits(6), one_of(0, 0x4D00), 0, 25, 1)
        elif frame[0] == 10 and len(body) > 40:  # a Sensorbox, of either version
            body = body[:2] + bytes([one_of(0, 1), one_of(0x0F, 0x14, 0x17), 0,
                                     one_of(0, 3, 0x83)]) + body[6:]
        whole = sealed(bytes([frame[0]]) + body)
        port.say(whole if random.randrange(4) else spoil(whole))

    def chunk():
        until = port.sent + CHUNK
        while port.sent < until:
            run(poller.turn())
        fuzz.let_time_pass(2000)
        granted = core.regulator.grant_da
        if sum(granted) > 320:
            fuzz.wrong.append(str(list(granted)))

    port.answer = answer
    result = fuzz.chunks(frames, chunk)
    result["closed"] = fuzz.closed
    rows = poller.rows()
    result["requests"] = port.sent
    result["never_read"] = [row["name"] for row in rows if not row["replies"]]
    result["counted"] = sum(row["crc"] + row["timeouts"] + row["wrong"] for row in rows)
    return fuzz, result


def main(part, seed, frames):
    random.seed(seed)
    fuzz, result = {"spoilt": spoilt, "sound": sound_ones, "link": link, "master": master}[part](
        frames)
    result.update({"frames": frames, "wrong": fuzz.wrong[:5], "wrongs": len(fuzz.wrong),
                   "skipped": fuzz.skipped, "largest_read": fuzz.port.largest})
    print(json.dumps(result))


main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
