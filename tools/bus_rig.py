"""Real chargers among simulated ones on one RS485 bus, for the bench and for tests."""

import asyncio
import contextlib
import json
import tempfile
import time

from twin import firmware
from twin.charger import SETTINGS, Charger
from twin.grid import Grid
from twin.live import Clock, LiveWorld
from twin.meter import MeterServer, line_of
from twin.plug import Plug
from twin.serial_bus import SerialBus

HEAP = "512K"
START_S = 30
POLL_S = 0.1
HOST = "127.0.0.1"
SERIAL = 4711
USUAL = {"mode": "Smart", "mains": 25, "circuit": 80, "max": 16, "config": "Fixed",
         "power_return_s": 0}


class Gone(Exception):
    """A charger's firmware has ended, or something did not come about."""


class Ours(Charger):
    """A charger with our firmware: ``plug`` is its end of the world, ``log`` what it said."""

    def __init__(self, plug, bus, folder, environment):
        self.log = []
        self.plug = plug
        self._address = environment["MICROEVSE_HTTP"].rsplit(":", 1)
        super().__init__(plug, bus, lambda told: firmware.Firmware(folder, HEAP, told,
                                                                   self.log.append),
                         environment, self._end)

    @staticmethod
    def _end(charger, code):
        """One that ends is missed by who waits for something of it."""

    async def status(self):
        """The status document, None while the page does not answer."""
        try:
            return await self._ask("GET /api/v1/status")
        except OSError:
            return None

    async def tell(self, name, value):
        """Have it carry out a command, as somebody in the local network."""
        return await self._ask("POST /api/v1/command", {"name": name, "value": value})

    async def _ask(self, what, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(("%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                          "Content-Length: %d\r\n\r\n" % (what, len(body))).encode() + body)
            head, _, answer = (await asyncio.wait_for(reader.read(-1), 10)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise Gone("%s: %s %s" % (what, head[:40], answer[:200]))
        return json.loads(answer)

    async def until(self, reached, what, seconds=60):
        """Wait for ``reached()``, plain or awaitable, to be true; returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = reached()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if not self.alive or time.monotonic() > deadline:
                raise Gone("waited in vain for %s:\n%s" % (what, "\n".join(self.log[-12:])))
            await asyncio.sleep(POLL_S)

    def charging(self):
        """True while the contactor is closed and the car draws."""
        return self.plug.world.c1 and self.plug.world.car.draw_ma > 0


class Rig:
    """A bus, a site, and all that is put there; use it in ``async with``.

    ``grid`` is the site, ``live`` moves it. ``options`` go to the bus.
    """

    def __init__(self, folder, **options):
        self._folder = folder
        self._stack = contextlib.AsyncExitStack()
        self._clock = Clock()
        self.bus = SerialBus(**options)
        self.grid = Grid()
        self.live = LiveWorld(self.grid, [])

    async def __aenter__(self):
        self.bus.start()
        self._stack.push_async_callback(self.bus.close)
        ticking = asyncio.get_running_loop().create_task(self.live.run())
        self._stack.callback(ticking.cancel)
        return self

    async def __aexit__(self, *problem):
        await self._stack.aclose()

    async def charger(self, **settings):
        """Put our firmware there; returns when its page answers."""
        plug = Plug(self.grid, self._clock)
        plug.sim_port = firmware.free_udp_port()
        plug.port = self.bus.join("charger %d" % plug.number)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: plug, local_addr=(HOST, 0))
        self._stack.callback(transport.close)
        self.live.plugs.append(plug)
        data = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="microevse-"))
        charger = Ours(plug, self.bus, self._folder, {
            "MICROEVSE_SIM_PORT": str(plug.sim_port),
            "MICROEVSE_WORLD_PORT": str(transport.get_extra_info("sockname")[1]),
            "MICROEVSE_RS485": plug.port.path, "MICROEVSE_SERIAL": str(SERIAL + plug.number),
            "MICROEVSE_HTTP": "%s:%d" % (HOST, firmware.free_tcp_port(HOST)),
            "MICROEVSE_DATA": data, SETTINGS: json.dumps({**USUAL, **settings}),
        })
        self._stack.push_async_callback(charger.close)
        await charger.start()
        await charger.until(charger.status, "its page", START_S)
        return charger

    async def meter(self, kind, address, measure, latency_s=0.0):
        """Put a meter of type ``kind`` there; returns its port."""
        port = self.bus.join("%s at %d" % (kind, address), *line_of(kind))
        server = MeterServer(port.path, address, measure, kind, latency_s)
        await server.start()
        self._stack.push_async_callback(server.close)
        return port

    def peer(self, made):
        """Have a peer of the bus closed with the rest; returns it."""
        self._stack.push_async_callback(made.close)
        return made
