"""The firmware in real time beside its world, for benches that ask it or press its buttons."""

import asyncio
import contextlib
import json
import random
import re
import tempfile
import time

import build
from twin import firmware
from twin.grid import Grid
from twin.live import Clock, LiveWorld
from twin.meter import MeterServer
from twin.plug import Plug
from twin.serial_bus import SerialBus

STATUS, CLIENTS, PAGE = "/api/v1/status", "/settings", "/"
_ADDRESS = 10
_SETTINGS = {"mains_met": "Eastron3P", "mains_adr": _ADDRESS, "mode": "Smart", "mains": 25,
             "max": 16, "config": "Fixed", "power_return_s": 0}
_POLL_S = 0.2
_START_S = 20
_MARK = "firmware: BENCH "


class Board(firmware.Firmware):
    """A firmware whose standard input is ours; ``script`` replaces ``import main``."""

    def __init__(self, folder, heap, environment, say, script=None):
        super().__init__(folder, heap, environment, say)
        if script:
            self._command[-1] = ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; %s"
                                 % (str(folder), str(folder / "lib"),
                                    str(build.ROOT / "tools"), script))

    async def start(self):
        """Start the process."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=self._folder, env=self._environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT)

    def tell(self, word):
        """One line to the firmware's standard input."""
        self._process.stdin.write(word.encode() + b"\n")


class Watched(Plug):
    """The twin's plug that notes when the contactor opens."""

    opened_at = None

    def datagram_received(self, data, addr):
        """Outputs of the board arrive."""
        super().datagram_received(data, addr)
        if self.opened_at is None and not self.world.c1:
            self.opened_at = time.perf_counter()


class Site:
    """World, meter and firmware; use it in ``async with``.

    ``settings`` and ``environment`` of the firmware are beside those every site has.
    """

    def __init__(self, slot, heap_kb, script=None, settings=(), environment=()):
        self._slot = slot
        self._settings = {**_SETTINGS, **dict(settings)}
        self._environment = dict(environment)
        self._heap = "%dK" % heap_kb
        self._script = script
        self._stack = contextlib.AsyncExitStack()
        self._reports = asyncio.Queue()
        self.log = []

    def _say(self, line):
        if line.startswith(_MARK):
            self._reports.put_nowait(json.loads(line[len(_MARK):]))
        else:
            self.log.append(line)

    async def __aenter__(self):
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *problem):
        await self._stack.aclose()

    async def _start(self):
        stack = self._stack
        loop = asyncio.get_running_loop()
        bus = SerialBus()
        charger, meter_port = bus.join("charger"), bus.join("mains meter")
        sim_port = firmware.free_udp_port()
        grid = Grid()
        self.plug = plug = Watched(grid, Clock())
        plug.sim_port = sim_port
        plug.alive = True
        self.live = live = LiveWorld(grid, [plug])
        bus.start()
        stack.push_async_callback(bus.close)
        meter = MeterServer(meter_port.path, _ADDRESS, grid.meter.measure)
        await meter.start()
        stack.push_async_callback(meter.close)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: plug, local_addr=("127.0.0.1", 0))
        stack.callback(transport.close)
        clock = loop.create_task(live.run())
        stack.callback(clock.cancel)
        self.port = firmware.free_tcp_port("127.0.0.1")
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="microevse-"))
        self.board = Board(self._slot, self._heap, {
            "MICROEVSE_SIM_PORT": str(sim_port),
            "MICROEVSE_WORLD_PORT": str(transport.get_extra_info("sockname")[1]),
            "MICROEVSE_RS485": charger.path, "MICROEVSE_HTTP": "127.0.0.1:%d" % self.port,
            "MICROEVSE_DATA": data, "MICROEVSE_SETTINGS": json.dumps(self._settings),
            **self._environment,
        }, self._say, self._script)
        await self.board.start()
        stack.push_async_callback(self.board.stop)
        output = loop.create_task(self.board.wait())
        stack.callback(output.cancel)
        await self.until(self._answers, "its page")

    async def _answers(self):
        try:
            return (await self.get(STATUS))[0] == 200
        except OSError:
            return False

    async def until(self, reached, what, seconds=_START_S):
        """Wait until ``await reached()``; Problem when the firmware ends or it takes too long."""
        deadline = time.monotonic() + seconds
        while not await reached():
            if not self.board.alive or time.monotonic() > deadline:
                raise build.Problem("waited in vain for %s:\n%s"
                                    % (what, "\n".join(self.log[-9:])))
            await asyncio.sleep(0.02)

    async def closed(self):
        """Wait until the contactor is closed."""
        async def is_closed():
            return self.plug.world.c1
        await self.until(is_closed, "the contactor to close")

    async def get(self, path):
        """GET ``path``; returns status, body and ms from before connecting to the last byte."""
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            head, _, body = (await asyncio.wait_for(reader.read(-1), 10)).partition(b"\r\n\r\n")
        finally:
            writer.close()
        words = head.split(None, 2)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length and int(length.group(1)) != len(body):
            raise OSError("the answer breaks off")
        return (int(words[1]) if len(words) > 1 else 0), body, (time.perf_counter() - began) * 1000

    async def phase(self, seconds, *loads):
        """Let ``loads`` run for ``seconds``; returns the firmware's report of that time."""
        self.board.tell("begin")
        tasks = [asyncio.ensure_future(load) for load in loads]
        await asyncio.sleep(seconds)
        self.board.tell("end")
        report = await asyncio.wait_for(self._reports.get(), 10)
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return report

    async def poll(self, path, took):
        """Fetch ``path`` five times a second for ever, the ms into ``took``."""
        due = time.monotonic()
        while True:
            status, _, elapsed = await self.get(path)
            if status != 200:
                raise build.Problem("%s answered %d" % (path, status))
            took.append(elapsed)
            due += _POLL_S
            await asyncio.sleep(max(0, due + random.uniform(0, 0.02) - time.monotonic()))

    async def unplug(self, took):
        """Pull the plug under load again and again; ms until the contactor is open."""
        live, plug = self.live, self.plug
        while True:
            await self.closed()
            await asyncio.sleep(random.uniform(0.1, 0.3))
            plug.opened_at = None
            began = time.perf_counter()
            live.command("unplug", {})

            async def opened():
                return plug.opened_at
            await self.until(opened, "the contactor to open")
            took.append((plug.opened_at - began) * 1000)
            live.command("plug", {})
