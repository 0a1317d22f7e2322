"""One RS485 line on simulated time: chargers with their bus service, and whoever else is on it."""

from evse import ticks
from evse.bus.rtu import crc16
from evse.bus.service import Bus
from helpers_core import Bench

BYTE_US = 1042


class Sleep:
    """What a task waits on: its scheduler is told how many ms."""

    def __init__(self, ms):
        self._ms = ms
        self._slept = False

    def __iter__(self):
        return self

    def __next__(self):
        if self._slept:
            raise StopIteration
        self._slept = True
        return self._ms


class Port:
    """One end of the line. ``cut`` and nobody hears it, nor it anybody."""

    def __init__(self, line):
        self._line = line
        self.heard = []  # (us at which it is there, byte)
        self.cut = False
        self.settings = []

    def write(self, buf):
        self._line.carry(self, bytes(buf))

    def readinto(self, buf):
        count = 0
        heard = self.heard
        while heard and count < len(buf) and heard[0][0] <= self._line.us:
            buf[count] = heard.pop(0)[1]
            count += 1
        return count or None

    def configure(self, baud, parity):
        self.settings.append((baud, parity))


class Line:
    """The line, the time and the tasks. ``traffic`` are (ms, frame) as sent; ``spoilt`` counts."""

    def __init__(self):
        self.us = 0
        self.traffic = []
        self.spoilt = 0
        self.noise = None  # function of a byte's number that returns True when it is to be spoilt
        self._ports = []
        self._tasks = []
        self._busy_until = 0
        self._bytes = 0

    def join(self):
        """Return a port of the line."""
        port = Port(self)
        self._ports.append(port)
        return port

    def carry(self, sender, data):
        """Have everybody else hear ``data`` at the line's pace."""
        self.traffic.append((self.us // 1000, data))
        collides = self.us < self._busy_until
        self.spoilt += collides
        at = self.us
        for byte in data:
            at += BYTE_US
            self._bytes += 1
            if collides or self.noise and self.noise(self._bytes):
                byte ^= 0x55
            for port in self._ports:
                if port is not sender and not port.cut and not sender.cut:
                    port.heard.append((at, byte))
        self._busy_until = max(self._busy_until, at)

    def start(self, coroutine):
        """Run a task from now on; returns it, for ``stop``."""
        task = [self.us, coroutine]
        self._tasks.append(task)
        return task

    def stop(self, task):
        """End a task where it is."""
        self._tasks.remove(task)
        task[1].close()

    async def sleep_ms(self, ms):
        """asyncio.sleep_ms on the line's time."""
        await Sleep(max(ms, 1))

    def run(self, ms):
        """Let time pass."""
        end = self.us + ms * 1000
        while True:
            task = min(self._tasks, key=lambda task: task[0])
            if task[0] >= end:
                self.us = end
                return
            self.us = max(self.us, task[0])
            task[0] = self.us + 1000 * task[1].send(None)

    def frames(self, address, function=None):
        """Return (ms, frame) of the sound frames to or from an address."""
        return [(at, data) for at, data in self.traffic
                if data[0] == address and (function is None or data[1] == function)
                and crc16(data, 0, len(data)) == 0]


class Charger(Bench):
    """A charger on a line, with the service the firmware runs. ``car`` as in Bench."""

    def __init__(self, line, settings):
        super().__init__(settings)
        self.line = line
        self.obedient = True
        self.port = line.join()
        self._base = self.now
        self._began = line.us
        self.bus = Bus(self.port, self.core, self.tick, line.sleep_ms)
        self.tasks = [line.start(self.bus.run()), line.start(self.cycle())]

    def tick(self):
        """The ticks of this charger."""
        return ticks.add(self._base, (self.line.us - self._began) // 1000)

    async def cycle(self):
        """Its control, every 10 ms."""
        while True:
            self.run(10)
            await self.line.sleep_ms(10)

    def kill(self):
        """Its power is gone."""
        for task in self.tasks:
            self.line.stop(task)
        self.port.cut = True

    @property
    def grant(self):
        """What it may take now, dA."""
        return self.core.regulator.grant_da[0]
