"""One virtual RS485 bus: ptys joined at the speed of a real wire.

Every participant opens the slave side of its own pty like a serial port. What one sends, all
others receive, a byte at a time at the bus speed; two who talk at once spoil each other's bytes.
"""

import asyncio
import os
import pty
import termios
import time
import tty

BITS_PER_BYTE = 10  # 8N1


class Port:
    """One participant. ``path`` is what it opens; ``attached`` False means its wires are off."""

    def __init__(self, name):
        self.name = name
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        # A read returns what there is: MicroPython's readinto otherwise waits for a full buffer.
        attributes = termios.tcgetattr(self._slave)
        attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        self.attached = True
        self.waiting = bytearray()
        self.free_at = 0.0
        self.sending_until = 0.0

    def close(self):
        """Give both ends back."""
        os.close(self.master)
        os.close(self._slave)


class SerialBus:
    """The bus. ``join(name)`` gives a Port; ``start`` and ``close`` frame its life in a loop."""

    def __init__(self, baud=9600):
        self._byte_s = BITS_PER_BYTE / baud
        self._ports = []
        self._wake = asyncio.Event()
        self._task = None
        self.collisions = 0
        self.bytes = 0

    def join(self, name):
        """Add a participant before ``start``."""
        port = Port(name)
        self._ports.append(port)
        return port

    def start(self):
        """Carry bytes from now on; needs a running loop."""
        loop = asyncio.get_running_loop()
        for port in self._ports:
            loop.add_reader(port.master, self._received, port)
        self._task = loop.create_task(self._carry())

    async def close(self):
        """Stop carrying and close all ptys."""
        loop = asyncio.get_running_loop()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for port in self._ports:
            loop.remove_reader(port.master)
            port.close()

    def _received(self, port):
        try:
            data = os.read(port.master, 4096)
        except OSError:
            return  # nobody has the slave side open yet
        if not port.attached or not data:
            return
        if not port.waiting:
            port.free_at = time.monotonic() + self._byte_s
        port.waiting += data
        self._wake.set()

    async def _carry(self):
        while True:
            talking = [port for port in self._ports if port.waiting]
            if not talking:
                self._wake.clear()
                await self._wake.wait()
                continue
            now = time.monotonic()
            spoiled = len(talking) > 1
            for port in talking:
                due = 0
                while due < len(port.waiting) and port.free_at <= now:
                    due += 1
                    port.free_at += self._byte_s
                if due:
                    self._deliver(port, bytes(port.waiting[:due]), spoiled)
                    del port.waiting[:due]
            await asyncio.sleep(max(min(port.free_at for port in talking) - now, 0.0005))

    def _deliver(self, sender, data, spoiled):
        self.bytes += len(data)
        if spoiled:
            self.collisions += len(data)
            data = bytes(byte ^ 0x55 for byte in data)
        for port in self._ports:
            if port is not sender and port.attached and sender.attached:
                try:
                    os.write(port.master, data)
                except BlockingIOError:
                    pass  # a participant that does not read loses bytes, as on a wire
