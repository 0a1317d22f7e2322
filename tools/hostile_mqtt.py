"""A broker of any mood at one port: a real Mosquitto behind it, or what no broker should do.

The port stays the same while the mood changes, so the charger sees one broker that is ill.
"""

import asyncio
import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from mqtt_packets import read_packet
from twin import firmware

GOOD = "Mosquitto"
MOODS = (GOOD, "gone", "black hole", "mute", "half open", "slow", "closes in a packet", "garbage",
         "too long", "closes at once", "a thousand a second", "hangs")
_LASTING = ("mute", "half open")  # who is connected stays so when the mood changes
_PER_S = 1000
_BURST = 20
_START_S = 10
_PIECE = 4096
_CONNACK, _SUBACK, _PONG = b"\x20\2\0\0", b"\x90\4\0\1\0\0", b"\xd0\0"
_PLACES = ":/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


def packet(first, body):
    """A packet as it goes over the wire."""
    head = bytearray((first,))
    size = len(body)
    while True:
        head.append(size & 127 | (128 if size > 127 else 0))
        size >>= 7
        if not size:
            return bytes(head) + body


def text(data):
    """A string of the protocol."""
    return len(data).to_bytes(2, "big") + data


def message(topic, payload):
    """A message of QoS 0."""
    return packet(0x30, text(topic.encode()) + payload)


class Mosquitto:
    """The real broker, in ``folder``; ``port`` is where it listens."""

    def __init__(self, folder):
        self.port = firmware.free_tcp_port("127.0.0.1")
        self._folder = Path(folder)
        self._process = None

    async def start(self):
        """Start it; OSError when there is none."""
        program = shutil.which("mosquitto", path=os.environ["PATH"] + _PLACES)
        if not program:
            raise OSError("no Mosquitto found: apt-get install mosquitto (macOS: brew)")
        config = self._folder / "mosquitto.conf"
        # Started by root it would be somebody else.
        config.write_text("listener %d 127.0.0.1\nuser %s\nallow_anonymous true\n"
                          % (self.port, getpass.getuser()))
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(config), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(_START_S * 20):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            await asyncio.sleep(0.05)
        raise OSError("Mosquitto does not start")

    def pause(self, on):
        """Stop it without a word, as a machine that hangs, or let it go on."""
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    async def close(self):
        """End it."""
        if self._process:
            self.pause(False)
            self._process.terminate()
            await self._process.wait()


class Broker:
    """What the charger takes for its broker, at ``port``.

    ``count`` connections there have been, ``sent`` messages of the thousand a second.
    """

    def __init__(self, folder, prefix, seed):
        self.port = firmware.free_tcp_port("127.0.0.1")
        self.mood = "gone"
        self.count = self.sent = 0
        self._real = Mosquitto(folder)
        self._prefix = prefix
        self._rng = random.Random(seed)
        self._server = self._hole = None
        self._serving = {}  # task: mood

    async def start(self):
        """Begin as a good one."""
        await self._real.start()
        await self.be(GOOD)

    async def be(self, mood):
        """Change the mood."""
        for task, before in list(self._serving.items()):
            if before not in _LASTING:
                task.cancel()
        if self.mood == "hangs":
            self._real.pause(False)
        self.mood = mood
        if mood == "hangs":
            self._real.pause(True)
        await self._listen(mood not in ("gone", "black hole"))
        if mood == "black hole":
            self._dig()

    async def _listen(self, on):
        for sock in self._hole or ():
            sock.close()
        self._hole = None
        if on and not self._server:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        elif self._server and not on:
            self._server.close()
            self._server = None

    def _dig(self):
        """A listener whose queue is full answers no SYN."""
        hole = socket.socket()
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", self.port))
        hole.listen(0)
        self._hole = [hole]
        for _ in range(8):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", self.port))
            self._hole.append(caller)

    async def close(self):
        """End all."""
        await self._listen(False)
        tasks = list(self._serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._real.close()

    # ---- one connection ----

    async def _accept(self, reader, writer):
        self.count += 1
        task = asyncio.current_task()
        self._serving[task] = self.mood
        try:
            if self.mood in (GOOD, "hangs"):
                await self._pass_on(reader, writer)
            else:
                await self._serve(reader, writer, self.mood)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the charger has enough of it, or the mood has changed
        finally:
            del self._serving[task]
            writer.transport.abort()

    async def _pass_on(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._real.port)
        try:
            done, others = await asyncio.wait(
                [asyncio.ensure_future(_copy(reader, far_writer)),
                 asyncio.ensure_future(_copy(far_reader, writer))],
                return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                task.cancel()
            await asyncio.gather(*done, *others, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    async def _serve(self, reader, writer, mood):
        if mood == "closes at once":
            return
        if mood == "mute":
            while await reader.read(_PIECE):
                pass
            return
        await read_packet(reader)
        if mood == "garbage" and self.count % 2:
            writer.write(self._rng.randbytes(self._rng.randrange(1, 3000)))
            await asyncio.sleep(0.2)
            return
        slow = mood == "slow"
        await _say(writer, _CONNACK, slow)
        await read_packet(reader)
        await _say(writer, _SUBACK, slow)
        if mood == "half open":
            while await reader.read(_PIECE):
                pass
        elif mood == "garbage":
            writer.write(self._rng.randbytes(self._rng.randrange(1, 3000)))
            await asyncio.sleep(0.2)
        elif mood == "closes in a packet":
            await asyncio.sleep(self._rng.uniform(0, 2))
            whole = message("t", b"x" * 90)
            writer.write(whole[:self._rng.randrange(1, len(whole))])
            await asyncio.sleep(0.2)
        else:
            await self._go_on(reader, writer, mood, slow)

    async def _go_on(self, reader, writer, mood, slow):
        """Be a broker otherwise."""
        flood = asyncio.ensure_future(self._flood(writer, mood))
        try:
            while True:
                first, _ = await read_packet(reader)
                if first == 0xC0:
                    await _say(writer, _PONG, slow)
                elif first == 0xE0:
                    return
        finally:
            flood.cancel()
            await asyncio.gather(flood, return_exceptions=True)

    async def _flood(self, writer, mood):
        """Say what goes with the mood."""
        while mood == "too long":
            size = self._rng.choice((513, 5000, 300_000))
            writer.write(message(self._prefix + "/Set/CurrentOverride", b"x" * size))
            await writer.drain()
            await asyncio.sleep(0.5)
        words = ((b"CurrentOverride", b"0"), (b"Mode", b"fast"), (b"MainsMeter", b"10:20:30"),
                 (b"HomeBatteryCurrent", b"-50"), (b"Nothing", b"x" * 300), (b"Mode", b"Smart"),
                 (b"EVMeter", b"1:2"), (b"RFID", b"112233445566"), (b"CustomButton", b"On"))
        begin = asyncio.get_running_loop().time()
        sent = 0
        while mood == "a thousand a second":
            for _ in range(_BURST):
                name, payload = words[sent % len(words)]
                writer.write(message("%s/Set/%s" % (self._prefix, name.decode()), payload))
                sent += 1
            await writer.drain()
            self.sent += _BURST
            await asyncio.sleep(begin + sent / _PER_S - asyncio.get_running_loop().time())


async def _say(writer, data, slow):
    """Write it, ``slow``: a byte every 20 ms."""
    for part in (data[at:at + 1] for at in range(len(data))) if slow else (data,):
        writer.write(part)
        await writer.drain()
        if slow:
            await asyncio.sleep(0.02)


async def _copy(reader, writer):
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
