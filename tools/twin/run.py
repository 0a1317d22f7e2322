"""Start the twin: simulated world, real Modbus meters, firmware. ``make run``."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from twin import firmware, fitting
from twin.charger import SETTINGS, Charger
from twin.grid import Grid
from twin.live import Clock, LiveWorld
from twin.meter import MeterServer, line_of
from twin.mistakes import Mistakes
from twin.monitor import Monitor
from twin.options import parse
from twin.page import WorldPage
from twin.plug import Plug
from twin.radio import Radio
from twin.sensorbox_box import SensorboxServer
from twin.serial_bus import SerialBus

PLUG_AFTER_S = 1.0
PRIORITY = -10  # a board has its processor to itself
SERIAL = 4711


def say(text):
    """One line to whoever watches, at once."""
    print(text, flush=True)


def distinct(pick, count):
    """``count`` different values of ``pick()``."""
    found = []
    while len(found) < count:
        value = pick()
        if value not in found:
            found.append(value)
    return found


class Twin:
    """Everything that runs: use it in ``async with``, and ``await run()``."""

    def __init__(self, options, data):
        self._options = options
        self._data = data
        self._stack = contextlib.AsyncExitStack()
        self._settings = fitting.settings_of(options.settings, options.evses, options.mqtt)
        self._bus = SerialBus()
        self._guests = None  # where others may join the bus
        self._stop = asyncio.Event()
        self._ended = []  # chargers whose firmware ended by itself

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
        options = self._options
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, self._stop.set)
        folder = firmware.slot() if options.no_build else firmware.build()
        grid = Grid(options.speed, options.recorded)
        clock = Clock()
        plugs = [Plug(grid, clock, options.car) for _ in range(options.evses)]
        for plug, settings in zip(plugs, self._settings):
            fitting.fit(plug, settings)
        for plug in plugs:
            plug.port = self._bus.join("charger %d" % plug.number)
        self._bus.start()
        self._stack.push_async_callback(self._bus.close)
        await self._start_meters(grid, plugs)
        self.live = live = LiveWorld(grid, plugs, Monitor(self._bus, grid.meter.port.name))
        mistakes = Mistakes(self._bus, {"mains": grid.meter, "circuit": grid.circuit_meter,
                                        "ev": plugs[0].ev_meter})
        live.places.append(mistakes)
        self._stack.push_async_callback(mistakes.close)
        live.record.begin(*fitting.limits_ma(self._settings))
        if options.serial_tcp:
            port = await self._bus.listen(*options.serial_tcp)
            self._guests = "%s:%d" % (options.serial_tcp[0], port)
        await self._start_chargers(folder, plugs)
        ticking = loop.create_task(live.run())
        self._stack.callback(ticking.cancel)
        page = WorldPage(live)
        self.world_url = await page.start(*options.world)
        self._stack.push_async_callback(page.close)

    async def _start_meters(self, grid, plugs):
        for instrument, kind, address, settings in fitting.meters(grid, plugs, self._settings):
            instrument.kind, instrument.address = kind, address
            if kind == "Sensorbox":
                instrument.server = server = SensorboxServer(self._bus, instrument.measure)
                instrument.port = server.port
            else:
                instrument.port = port = self._bus.join(instrument.name, *line_of(kind))
                instrument.server = server = MeterServer(port.path, address, instrument.measure,
                                                         kind, settings=settings)
                await server.start()
            self._stack.push_async_callback(instrument.close)

    async def _start_chargers(self, folder, plugs):
        loop = asyncio.get_running_loop()
        host, first = self._options.http
        http = ([first + plug.number for plug in plugs] if first
                else distinct(lambda: firmware.free_tcp_port(host), len(plugs)))
        sim = distinct(firmware.free_udp_port, len(plugs))
        for plug in plugs:
            plug.sim_port = sim[plug.number]
            transport, _ = await loop.create_datagram_endpoint(
                lambda plug=plug: plug, local_addr=("127.0.0.1", 0))
            self._stack.callback(transport.close)
            page = (host, http[plug.number])
            radio = Radio(page, self._settings[plug.number])
            air, _ = await loop.create_datagram_endpoint(
                lambda radio=radio: radio, local_addr=("127.0.0.1", 0))
            self._stack.callback(air.close)
            self._stack.push_async_callback(radio.close)
            environment = self._environment(plug, transport.get_extra_info("sockname")[1],
                                            "%s:%d" % page)
            environment["MICROEVSE_RADIO"] = str(air.get_extra_info("sockname")[1])
            firmware.give_past(folder, environment["MICROEVSE_DATA"], self._options.history,
                               self._now())
            charger = Charger(plug, self._bus, self._maker(folder, plug.number), environment,
                              self._end_of, radio)
            self.live.chargers.append(charger)
            self._stack.push_async_callback(charger.close)
        await asyncio.gather(*[charger.start() for charger in self.live.chargers])

    def _environment(self, plug, world_port, http):
        """What the board of ``plug`` is told."""
        number = plug.number
        data = Path(self._data, "evse%d" % number) if number else Path(self._data)
        data.mkdir(exist_ok=True)
        told = {
            "MICROEVSE_SIM_PORT": str(plug.sim_port),
            "MICROEVSE_WORLD_PORT": str(world_port),
            "MICROEVSE_RS485": plug.port.path,
            "MICROEVSE_HTTP": http,
            "MICROEVSE_DATA": str(data),
            "MICROEVSE_SERIAL": str(SERIAL + number),
            SETTINGS: json.dumps(self._settings[number]),
        }
        if self._options.clock:
            told["MICROEVSE_CLOCK"] = self._options.clock
        return told

    def _now(self):
        """The chargers' time of day at the start, as far as there is one."""
        told = self._options.clock
        return int(told) if told and told.isdigit() else int(time.time())

    def _maker(self, folder, number):
        """What makes the firmware of charger ``number`` out of an environment."""
        def tell(line):
            say("%d %s" % (number, line) if self._options.evses > 1 else line)

        def make(environment):
            data = environment["MICROEVSE_DATA"]
            firmware.count_start(data)
            return firmware.Firmware(firmware.chosen(data, folder), self._options.heap,
                                     environment, tell)

        return make

    def _end_of(self, charger, code):
        self._ended.append(charger)
        whose = " of charger %d" % charger.number if len(self.live.chargers) > 1 else ""
        say("the firmware%s ended by itself with code %d; it is not started again" % (whose, code))
        if self._options.headless:
            self._stop.set()
        else:
            say("the world page stays up; Ctrl-C ends it")

    async def run(self):
        """Until a signal, or headless until a firmware ends by itself; returns the exit code."""
        story = asyncio.get_running_loop().create_task(self._tell())
        self._stack.callback(story.cancel)
        await self._stop.wait()
        return 1 if self._ended else 0

    async def _tell(self):
        """Say where the pages are once they answer, then plug the cars if asked to."""
        chargers = self.live.chargers
        await asyncio.gather(*[_until_up(charger) for charger in chargers])
        if self._ended:
            return
        rows = [{"url": charger.url, "pid": charger.pid, "number": charger.number}
                for charger in chargers]
        if self._options.headless:
            say(json.dumps({"url": rows[0]["url"], "world_url": self.world_url,
                            "pid": rows[0]["pid"], "chargers": rows,
                            **({"serial_tcp": self._guests} if self._guests else {})}))
        else:
            say("")
            for row in rows:
                say("  charger  %s" % row["url"])
            say("  world    %s" % self.world_url)
            if self._guests:
                say("  bus      %s" % self._guests)
            say("\nCtrl-C ends everything.\n")
        if self._options.auto:
            await asyncio.sleep(PLUG_AFTER_S)
            for plug in self.live.plugs:
                self.live.command("plug", {"evse": plug.number})


async def _until_up(charger):
    """Wait until the page of ``charger`` answers, or its firmware has ended."""
    host, port = charger.url[len("http://"):-1].rsplit(":", 1)
    while charger.alive:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)


async def run(options, data):
    """The twin from beginning to end; returns the exit code."""
    async with Twin(options, data) as twin:
        return await twin.run()


def hurry():
    """Go first, and the firmware with us, where the host lets us: its guards watch real time."""
    with contextlib.suppress(PermissionError):
        os.nice(PRIORITY)


def main():
    """Entry point."""
    options = parse(sys.argv[1:])
    hurry()
    with tempfile.TemporaryDirectory(prefix="microevse-") as data:
        try:
            code = asyncio.run(run(options, os.environ.get("MICROEVSE_DATA", data)))
        except firmware.Missing as problem:
            say(str(problem))
            code = 2
        except OSError as problem:
            say("cannot start: %s" % problem)
            code = 2
    sys.exit(code)


main()
