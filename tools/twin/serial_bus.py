"""One virtual RS485 bus: ptys, TCP connections and Python objects joined by one pair of wires.

What one participant sends, all others receive, at the sender's baud rate; two who talk at once
spoil each other's bytes, and who talks hears nothing. Wires can be cut or crossed, bits flipped,
and every participant has its own line setting: what the others send with another arrives as it
would on a real port, see ``line``.

The bus wakes up every few characters, not for each, and not at all while the line rests.
"""

import asyncio
import os
import pty
import random
import termios
import tty

from twin.line import character_s, misheard

# Bytes are handed over in portions no longer than this, and at the end of what was sent: short
# enough that nobody takes the time between two portions for the 3.5 characters that end a frame.
_PORTION_S = 0.003
_EARLY_S = 1e-6  # a timer may fire this much before its time
_UNREAD_MAX = 4096  # a participant that does not read loses bytes, as on a wire
_COLLIDED = 0x55


class Port:
    """One participant.

    ``attached`` False: its wires are off. ``swapped``: its A and B are crossed. ``noise``: the
    probability that a character is spoiled on its way to or from it. ``latency_s``: how much later
    what it sends gets onto the wires, as an adapter does.
    """

    whole = False  # hears what was sent without a pause at once, instead of in portions

    def __init__(self, bus, name, baud=9600, parity=None):
        self._bus = bus
        self.name = name
        self.attached = True
        self.swapped = False
        self.noise = 0.0
        self.latency_s = 0.0
        self.configure(baud, parity)
        self.waiting = bytearray()  # accepted, not yet on the wires
        self.carried = bytearray()  # on the wires since ``began``
        self.began = self.ended = 0.0  # of what it sends, or sent last
        self.pace_s = self.byte_s

    def configure(self, baud, parity):
        """Set its end of the line: ``parity`` None, "E" or "O"; 8 data bits, 1 stop bit."""
        self.setting = (baud, parity)
        self.byte_s = character_s(baud, parity)

    def send(self, data):
        """Put ``data`` onto the wires, behind what it still has to send."""
        self._bus.carry(self, data)

    def open(self, loop):
        """Listen to what the participant says."""

    def hear(self, data, began, ended):
        """Take what arrives and was on the wires between these moments."""
        raise NotImplementedError

    def close(self):
        """Give back what it holds."""


class PtyPort(Port):
    """A participant that opens ``path`` like a serial port."""

    def __init__(self, bus, name, baud, parity):
        super().__init__(bus, name, baud, parity)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        # A read returns what there is: MicroPython's readinto otherwise waits for a full buffer.
        attributes = termios.tcgetattr(self._slave)
        attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def open(self, loop):
        loop.add_reader(self._master, self._written)

    def _written(self):
        try:
            data = os.read(self._master, _UNREAD_MAX)
        except OSError:
            return  # nobody has the slave side open yet
        if data:
            self.send(data)

    def hear(self, data, began, ended):
        try:
            os.write(self._master, data)
        except BlockingIOError:
            pass

    def flush(self):
        """Forget what arrived and was not read: the participant has been restarted."""
        termios.tcflush(self._slave, termios.TCIFLUSH)

    def close(self):
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)


class LocalPort(Port):
    """A participant in this process; ``heard(data, began, ended)`` gets what was sent, whole."""

    whole = True

    def __init__(self, bus, name, baud, parity, heard):
        super().__init__(bus, name, baud, parity)
        self._heard = heard

    def hear(self, data, began, ended):
        self._heard(bytes(data), began, ended)


class _TcpPort(Port):
    """A participant behind a TCP connection."""

    def __init__(self, bus, name, writer):
        super().__init__(bus, name)
        self._writer = writer

    def hear(self, data, began, ended):
        if self._writer.transport.get_write_buffer_size() < _UNREAD_MAX:
            self._writer.write(data)

    def close(self):
        self._writer.close()


class SerialBus:
    """The bus. Participants may come and go while it lives, between ``start`` and ``close``.

    ``noise`` is the probability that a character is spoiled for all, ``seed`` that of the
    spoiling. ``monitor(name, data, began, ended)`` is told of everything sent without a pause,
    with the moments of the loop's clock at which it began and ended, as it was on the wires.

    ``bytes``, ``collisions`` (bytes spoiled by another's) and ``busy_s`` count from ``reset``.
    """

    def __init__(self, noise=0.0, seed=1, monitor=None):
        self.noise = noise
        self.monitor = monitor
        self.ports = []
        self._random = random.Random(seed)
        self._talking = []
        self._loop = None
        self._timer = None
        self._servers = []
        self._guests = 0
        self._busy_until = 0.0
        self._since = 0.0
        self.bytes = self.collisions = 0
        self.busy_s = 0.0

    # ---- participants ----

    def join(self, name, baud=9600, parity=None):
        """Add a participant that uses a pty; returns its port."""
        return self._add(PtyPort(self, name, baud, parity))

    def connect(self, name, heard, baud=9600, parity=None):
        """Add a participant of this process; returns its port."""
        return self._add(LocalPort(self, name, baud, parity, heard))

    async def listen(self, host, port=0):
        """Let others join over TCP, raw bytes at 9600 baud 8N1; returns the port number."""
        server = await asyncio.start_server(self._guest, host, port)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def _guest(self, reader, writer):
        self._guests += 1
        port = self._add(_TcpPort(self, "guest %d" % self._guests, writer))
        try:
            while data := await reader.read(_UNREAD_MAX):
                port.send(data)
        except ConnectionError:
            pass
        finally:
            if port in self.ports:
                self.leave(port)

    def _add(self, port):
        self.ports.append(port)
        if self._loop:
            port.open(self._loop)
        return port

    def leave(self, port):
        """Take a participant off the bus for good."""
        self.ports.remove(port)
        if port in self._talking:
            self._talking.remove(port)
        port.close()

    def start(self):
        """Carry bytes from now on; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        for port in self.ports:
            port.open(self._loop)
        self.reset()

    async def close(self):
        """Stop carrying and close all ports."""
        if self._timer:
            self._timer.cancel()
        for server in self._servers:
            server.close()
        while self.ports:
            self.leave(self.ports[-1])

    # ---- figures ----

    def reset(self):
        """Count from now on."""
        self._since = self._loop.time()
        self.bytes = self.collisions = 0
        self.busy_s = 0.0

    def load(self):
        """Share of the time since ``reset`` in which anybody was sending."""
        return self.busy_s / max(self._loop.time() - self._since, _PORTION_S)

    def busy(self):
        """True while anybody is sending."""
        return bool(self._talking)

    # ---- the wires ----

    def carry(self, port, data):
        """Accept ``data`` from ``port``; what a participant sends with its wires off is lost."""
        if not (port.attached and data and self._loop):
            return
        now = self._loop.time()
        if port.waiting and port.ended <= now:
            self._due()
        if not port.waiting:
            port.began = port.ended = now + port.latency_s
            port.pace_s = port.byte_s
            self._talking.append(port)
        port.waiting += data
        port.ended += len(data) * port.pace_s
        self._arm(now)

    def _arm(self, now):
        """Wake up when somebody has finished, or when a portion is due."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._talking:
            first = min(max(port.began, now) + min(port.ended - max(port.began, now), _PORTION_S)
                        for port in self._talking)
            self._timer = self._loop.call_at(first, self._due)

    def _due(self):
        """Hand over what has been sent by now."""
        now = self._loop.time()
        for port in list(self._talking):
            done = int((now + _EARLY_S - port.began) / port.pace_s) - len(port.carried)
            if done > 0:
                self._hand_over(port, done)
            if not port.waiting:
                self._talking.remove(port)
                self._finish(port)
        self._arm(now)

    def _hand_over(self, sender, count):
        """``count`` more characters of ``sender`` have gone over the wires."""
        start = sender.began + len(sender.carried) * sender.pace_s
        data = sender.waiting[:count]
        del sender.waiting[:count]
        if not sender.attached:  # its wires came off while it was sending
            sender.carried += data
            return
        end = start + len(data) * sender.pace_s
        self.bytes += len(data)
        self.busy_s += max(0.0, end - max(start, self._busy_until))
        self._busy_until = max(self._busy_until, end)
        self._collide(sender, data, start, end)
        self._spoil(data, 1 - (1 - self.noise) * (1 - sender.noise))
        sender.carried += data
        for port in self.ports:
            if (not port.whole and self._plain(port, sender)
                    and self._hears(port, sender, start, end)):
                self._tell(port, data, start, end)

    def _finish(self, sender):
        """All of it has been sent: those who wait for the whole of it get it now."""
        data = bytes(sender.carried)
        sender.carried = bytearray()
        if not sender.attached:
            return
        if self.monitor:
            self.monitor(sender.name, data, sender.began, sender.ended)
        for port in list(self.ports):
            if not self._hears(port, sender, sender.began, sender.ended):
                continue
            if not self._plain(port, sender):
                self._tell(port, misheard(data, sender.setting, port.setting,
                                          port.swapped != sender.swapped),
                           sender.began, sender.ended)
            elif port.whole:
                self._tell(port, data, sender.began, sender.ended)

    @staticmethod
    def _plain(port, sender):
        """True when the two understand each other."""
        return port.setting == sender.setting and port.swapped == sender.swapped

    @staticmethod
    def _hears(port, sender, start, end):
        """A participant hears the others while it is wired and not sending itself."""
        return (port is not sender and port.attached
                and not (port.began < end and port.ended > start))

    def _tell(self, port, data, began, ended):
        if port.noise:
            data = bytearray(data)
            self._spoil(data, port.noise)
        port.hear(data, began, ended)

    def _collide(self, sender, data, start, end):
        for other in self.ports:
            if other is sender or not other.attached or not (
                    other.began < end and other.ended > start):
                continue
            for i in range(len(data)):
                begins = start + i * sender.pace_s
                if other.began < begins + sender.pace_s and other.ended > begins:
                    data[i] ^= _COLLIDED
                    self.collisions += 1

    def _spoil(self, data, probability):
        if probability:
            for i in range(len(data)):
                if self._random.random() < probability:
                    data[i] ^= 1 << self._random.randrange(8)
