"""A Node with its core on a line of simulated time, and Masters of both generations to ask it."""

import json

from evse import ticks
from evse.bus.node import BROADCAST, Node
from helpers_bus import frame, run
from helpers_core import Bench

SMART = {"pwr_share": "Node 1", "mode": "Smart", "config": "Fixed", "max": 16}
ADDRESS = 2


def frames(path):
    """The shared test frames by name: (bytes, decoded)."""
    found = {}
    with open(path) as file:
        for line in file:
            entry = json.loads(line)
            found[entry["name"]] = (bytes.fromhex(entry["hex"].replace(" ", "")),
                                    entry["decoded"])
    return found


def words(*values):
    """Big-endian registers."""
    return b"".join(bytes([value >> 8 & 0xFF, value & 0xFF]) for value in values)


def write(start, *values):
    """The PDU of a write of several registers."""
    return b"\x10" + words(start, len(values)) + bytes([2 * len(values)]) + words(*values)


def read(start, count, function=4):
    """The PDU of a read."""
    return bytes([function]) + words(start, count)


class Line:
    """Port, clock and the rest of the bus. ``lumps``: bytes come as the board's receiver has them.

    That one hands on what came when the line has been quiet for 10 characters.
    """

    def __init__(self, settings=None, lumps=False, bench=None):
        self.bench = bench or Bench(dict(SMART, **(settings or {})))
        self._rest = 0
        self._pending = []
        self._lumps = lumps
        self.elapsed = 0
        self.sent = []  # (ms, frame) of what the node has said
        self.reads = []  # how many bytes each read took
        self.broken = self.mute = False
        self.node = Node(self.bench.core, self, self.now, self.sleep_ms)

    def now(self):
        return ticks.add(self.bench.now, self._rest)

    async def sleep_ms(self, ms):
        self.elapsed += ms
        self._rest += ms
        while self._rest >= 10:
            self._rest -= 10
            self.bench.run(10)

    def write(self, buf):
        if self.broken or self.mute:
            raise OSError(5)
        self.sent.append((self.elapsed, bytes(buf)))

    def readinto(self, buf):
        if self.broken:
            raise OSError(5)
        count = 0
        while self._pending and count < len(buf) and self._pending[0][0] <= self.elapsed:
            buf[count] = self._pending.pop(0)[1]
            count += 1
        self.reads.append(count)
        return count or None

    def say(self, data, after_ms=0):
        """Have ``data`` come in at 9600 baud; returns the ms at which its last bit is there."""
        at = self.elapsed + after_ms
        end = at + len(data) * 25 / 24
        for i, byte in enumerate(data):
            self._pending.append((end + 10 if self._lumps else at + (i + 1) * 25 / 24, byte))
        return end

    def turn(self, times=1):
        """Let the node listen for 100 ms, and more."""
        for _ in range(times):
            run(self.node.turn())

    def ask(self, data, address=ADDRESS):
        """What the node says to a frame, b"" for nothing; ``data`` may be just a PDU."""
        before = len(self.sent)
        self.say(data if address is None else frame(address, data))
        self.turn(2)
        said = [sent for _, sent in self.sent[before:]]
        assert len(said) < 2, said
        return said[0] if said else b""

    def status(self):
        """The first 8 registers, as the Master gets them."""
        reply = self.ask(read(0, 8))
        assert len(reply) == 21, reply
        return [reply[i] << 8 | reply[i + 1] for i in range(3, 19, 2)]


class Master:
    """A Master of the reference, "latest" or "seed", with one node: a cycle of 2 s.

    ``da`` is what it has for the node, 0 for nothing; ``errors`` its own flags.
    """

    def __init__(self, line, seed=False):
        self.line = line
        self.seed = seed
        self.da = 0
        self.mode = 1
        self.lost = False  # its mains meter
        self.states = []

    def cycle(self):
        """Poll, write what is called for, tell the currents."""
        line = self.line
        begin = line.elapsed
        status = line.status()
        state, errors = status[0], status[1]
        self.states.append(state)
        write_it = False
        current = self.da if state == 2 else 60
        if self.da and errors & (1 if not self.seed else 33):
            errors &= ~33
            write_it = True
        if self.lost and not errors & 2:
            errors |= 2
            write_it = True
        if state in (4, 6):
            if self.da:
                state += 1
                write_it = True
            else:
                refusal = 32 if self.seed and self.mode == 2 else 1
                if not errors & refusal:
                    errors |= refusal
                    write_it = True
                current = 0
        values = [state, errors]
        if not self.seed and status[3] != self.mode:
            values += [0, self.mode]
            write_it = True
        if write_it:
            count = len(values)
            assert line.ask(write(0, *values)) == frame(ADDRESS, b"\x10" + words(0, count))
        if not self.lost:
            currents = [160, current if self.da else 0] + [0] * 6
            if not self.seed:
                currents += [-68, -102, 23]
            assert line.ask(write(0x20, *currents), BROADCAST) == b""
        while line.elapsed < begin + 2000:
            line.turn()

    def cycles(self, number):
        """Several cycles; returns the states it has seen, without repetitions."""
        del self.states[:]
        for _ in range(number):
            self.cycle()
        seen = []
        for state in self.states:
            if not seen or seen[-1] != state:
                seen.append(state)
        return seen
