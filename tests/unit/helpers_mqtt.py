"""Facts, a broker and a clock for the tests of evse.net.mqtt."""

import asyncio
import sys
import time

from evse import ticks
from evse.net import mqtt
from helpers_net import listening

SETTINGS = {"mqtt_host": "127.0.0.1", "mqtt_port": 0, "mqtt_user": "", "mqtt_password": "",
            "mqtt_prefix": ""}
TURN_MS = 5
# Little room for what is not read: a small window, and segments as on a real network.
_SCARCE = ((1, 8, 4096), (6, 2, 536)) if sys.platform == "linux" else ((0xFFFF, 0x1002, 4096),)
LIMIT_S = 10


class FakeFacts:
    """Facts of a charger: ``rounds`` are what each round has to say, the last one for ever."""

    made = []
    rounds = [()]
    last = [("gone/config", "", True)]

    def __init__(self, status, command, prefix):
        self.prefix = prefix
        self.came = []
        self.begun = self.pulled = self.connects = 0
        FakeFacts.made.append(self)

    def connected(self):
        self.connects += 1
        self.begun = 0

    def pieces(self):
        round_ = FakeFacts.rounds[min(self.begun, len(FakeFacts.rounds) - 1)]
        self.begun += 1
        for piece in round_:
            self.pulled += 1
            yield piece

    def farewell(self):
        yield from FakeFacts.last

    def take(self, topic, payload):
        self.came.append((topic, payload))


# The link is tested without what there is to say.
mqtt.Facts = FakeFacts


class Clock:
    """A clock that can be put forward."""

    def __init__(self):
        self.ahead = ticks.MASK - 5000  # it wraps soon

    def now(self):
        return time.ticks_ms() + self.ahead & ticks.MASK

    def skip(self, ms):
        self.ahead += ms


class Names:
    """Knows numbers, and the names in ``known``."""

    def __init__(self):
        self.known = {"127.0.0.1": "127.0.0.1"}
        self.doubted = []

    async def lookup(self, name):
        return self.known.get(name)

    def doubt(self, name):
        self.doubted.append(name)


class FakeStatus:
    """All the link itself wants to know."""

    serial = 4711


def packet(first, body=b""):
    """A packet as it goes over the wire."""
    head = bytearray((first,))
    size = len(body)
    while True:
        head.append(size & 127 | (128 if size > 127 else 0))
        size >>= 7
        if not size:
            return bytes(head) + body


def publish(topic, payload, first=0x30, number=b""):
    """A message from the broker."""
    return packet(first, len(topic).to_bytes(2, "big") + topic + number + payload)


CONNACK = packet(0x20, b"\0\0")
SUBACK = packet(0x90, b"\0\1\0\0")
PINGRESP = packet(0xD0)


class Broker:
    """Takes one connection after the other and does what the test says.

    ``packets`` are (first byte, body) of all that came on the last connection, ``count`` how many
    connections there were. ``greets`` answers CONNECT and SUBSCRIBE, ``reads`` takes bytes in.
    """

    def __init__(self):
        self.count = 0
        self.packets = []
        self.greets = self.reads = True
        self.open = False
        self.writer = None

    def start(self):
        self._listener, self.port = listening(18830, 4, _SCARCE)
        self._accepting = asyncio.create_task(self._accept())

    async def _accept(self):
        while True:
            try:
                peer = self._listener.accept()[0]
                peer.setblocking(False)
                stream = asyncio.StreamReader(peer)
                self._task = asyncio.create_task(self._serve(stream, stream))
            except OSError:
                await asyncio.sleep_ms(TURN_MS)

    async def _serve(self, reader, writer):
        self.count += 1
        self.writer = writer
        self.packets = []
        self.open = True
        try:
            while True:
                while not self.reads:
                    await asyncio.sleep_ms(TURN_MS)
                first = (await reader.readexactly(1))[0]
                size = shift = 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    size |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                self.packets.append((first, await reader.readexactly(size)))
                if self.greets and first in (0x10, 0x82):
                    await self.say(CONNACK if first == 0x10 else SUBACK)
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        self.open = False
        await writer.wait_closed()

    async def say(self, data):
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def hang_up(self):
        """Close the connection."""
        self._task.cancel()

    def messages(self):
        """(topic, payload, retained) of all messages that came, but for connected."""
        found = []
        for first, body in self.packets:
            if first >> 4 == 3:
                size = body[0] << 8 | body[1]
                topic = body[2:2 + size].decode()
                if not topic.endswith("/connected"):
                    found.append((topic, body[2 + size:].decode(), bool(first & 1)))
        return found

    def close(self):
        """Accept no more connections."""
        self._accepting.cancel()
        self._listener.close()


class Site:
    """A link, its settings, its broker and its clock."""

    def __init__(self, **settings):
        FakeFacts.made = []
        self.settings = dict(SETTINGS, **settings)
        self.broker = Broker()
        self.names = Names()
        self.clock = Clock()
        self.link = mqtt.Mqtt(FakeStatus(), None, self.names, self.clock.now, self.settings.get)
        self.task = None

    @property
    def facts(self):
        return FakeFacts.made[-1]

    async def begin(self):
        """Start the broker and the link."""
        self.broker.start()
        self.settings["mqtt_port"] = self.settings["mqtt_port"] or self.broker.port
        self.task = asyncio.create_task(self.link.run())

    async def until(self, condition, hurry_ms=0):
        """Wait for ``condition()``, putting the clock forward by ``hurry_ms`` at each look."""
        end = time.time() + LIMIT_S
        while not condition():
            assert time.time() < end, (self.link.state, self.link.problem, self.broker.packets)
            self.clock.skip(hurry_ms)
            await asyncio.sleep_ms(TURN_MS)

    async def linked(self):
        await self.begin()
        await self.until(lambda: self.link.connected and self.broker.packets[2:])

    async def problem(self, hurry_ms=0):
        """Wait until the link is given up; returns why."""
        await self.until(lambda: self.link.state == "waiting", hurry_ms)
        return self.link.problem

    async def end(self):
        self.broker.close()
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass


def with_site(test, **settings):
    """Run the coroutine function ``test`` with a Site; facts are as they were afterwards."""
    async def run():
        site = Site(**settings)
        try:
            await test(site)
        finally:
            FakeFacts.rounds = [()]
            if site.task:
                await site.end()

    asyncio.run(run())
