"""Name and time servers of all moods, and what is thrown at the servers for Modbus and telnet."""

import asyncio
import random
import struct
import time

from hostile_http import connection

DNS_MOODS = ("good", "silent", "garbage", "refuses", "truncated", "echoes")
NTP_MOODS = ("good", "silent", "garbage", "kiss of death", "wild", "stale")
_EPOCH_S = 2_208_988_800
_TTL_S = 30
_HERE = bytes((127, 0, 0, 1))


class _Server(asyncio.DatagramProtocol):
    """Answers each packet with those of ``answers(packet)``; ``mood`` says how. Counts ``asked``.
    """

    def __init__(self, seed):
        self.mood = "good"
        self.asked = 0
        self._rng = random.Random(seed)
        self._transport = None

    async def start(self):
        """Listen; returns the port."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self._transport.get_extra_info("sockname")[1]

    def connection_made(self, transport):
        """asyncio: it listens."""
        self._transport = transport

    def datagram_received(self, data, addr):
        """Somebody asks."""
        self.asked += 1
        for packet in self.answers(data):
            self._transport.sendto(packet, addr)

    def close(self):
        """Stop."""
        if self._transport:
            self._transport.close()


class NameServer(_Server):
    """Knows every name as 127.0.0.1."""

    def answers(self, question):
        """The packets a question is answered with."""
        mood = self.mood
        if mood == "silent" or len(question) < 12:
            return ()
        if mood == "echoes":
            return (question,) * 3
        if mood == "garbage":
            return [question[:2] + self._rng.randbytes(self._rng.randrange(0, 1200))
                    for _ in range(4)]
        ident, asked = question[:2], question[12:]
        if mood == "refuses":
            return (ident + struct.pack(">5H", 0x8185, 1, 0, 0, 0) + asked,)
        answer = (ident + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + asked
                  + struct.pack(">HHHIH", 0xC00C, 1, 1, _TTL_S, 4) + _HERE)
        return (answer[:-3] if mood == "truncated" else answer,)


class TimeServer(_Server):
    """Goes by this machine's clock."""

    def answers(self, question):
        """The packets a question is answered with."""
        mood = self.mood
        if mood == "silent" or len(question) < 48:
            return ()
        if mood == "garbage":
            return [self._rng.randbytes(self._rng.randrange(0, 200)) for _ in range(4)]
        now = time.time() + (self._rng.uniform(-1, 1) * 1e9 if mood == "wild" else 0)
        moment = int((now + _EPOCH_S) * 2**32) % 2**64
        stratum, name = (0, b"DENY") if mood == "kiss of death" else (2, _HERE)
        cookie = self._rng.randbytes(8) if mood == "stale" else question[40:48]
        return (struct.pack(">BBBbII", 0x24, stratum, 6, -20, 100, 200) + name
                + struct.pack(">Q", moment) + cookie + struct.pack(">QQ", moment, moment),)


# ---- Modbus TCP ----

async def _modbus_garbage(address, rng):
    async with connection(address) as (reader, writer):
        for _ in range(5):
            writer.write(rng.randbytes(rng.randrange(1, 300)))
            await asyncio.wait_for(reader.read(300), 1)


async def _modbus_odd(address, rng):
    """Frames that are nearly right: lengths, functions, ranges, pieces."""
    async with connection(address) as (reader, writer):
        for number in range(20):
            body = struct.pack(">BHH", rng.choice((3, 4, 4, 6, 16, 99)), rng.getrandbits(16),
                               rng.choice((0, 1, 10, 125, 126, 65535)))
            length = rng.choice((1 + len(body),) * 3 + (0, 1, 255, 65535))
            frame = struct.pack(">HHHB", number, rng.choice((0, 0, 0, 7)), length, 1) + body
            writer.write(frame[:rng.choice((len(frame), len(frame), rng.randrange(len(frame))))])
            await asyncio.wait_for(reader.read(300), 1)


async def _modbus_crowd(address, rng):
    """More than it takes, who say nothing."""
    async def one():
        async with connection(address):
            await asyncio.sleep(rng.uniform(0.5, 3))

    await asyncio.gather(*[one() for _ in range(6)], return_exceptions=True)


MODBUS_KINDS = {"garbage": _modbus_garbage, "odd frames": _modbus_odd, "crowd": _modbus_crowd}


# ---- telnet ----

async def _telnet_garbage(address, rng):
    async with connection(address) as (reader, writer):
        await asyncio.wait_for(reader.read(200), 3)
        for _ in range(10):
            writer.write(rng.choice((rng.randbytes(200), b"\xff\xfa" + b"x" * 200,
                                     b"a" * 500, b"\xff\xf0\xff", b"\r\n" * 50)))
            await asyncio.wait_for(reader.read(200), 0.5)


async def _telnet_guesses(address, rng):
    async with connection(address) as (reader, writer):
        for _ in range(4):
            await asyncio.wait_for(reader.read(200), 3)
            writer.write(b"%08x\r\n" % rng.getrandbits(32))
        await asyncio.wait_for(reader.read(200), 3)


TELNET_KINDS = {"garbage": _telnet_garbage, "guesses": _telnet_guesses}
