"""Start the twin: a simulated world, a real Modbus meter, and the firmware. ``make run``."""

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from twin import car, firmware
from twin.live import LiveWorld
from twin.lock import KINDS
from twin.meter import MeterServer
from twin.page import WorldPage
from twin.serial_bus import SerialBus

METER_ADDRESS = 10
EV_METER_ADDRESS = 12
CIRCUIT_METER_ADDRESS = 13
SETTINGS = {"mains_met": "Eastron3P", "mains_adr": METER_ADDRESS, "mode": "Smart", "mains": 25,
            "max": 16, "config": "Fixed", "power_return_s": 0}
PLUG_AFTER_S = 1.0


def say(text):
    """One line to whoever watches, at once."""
    print(text, flush=True)


def address(text):
    """argparse type: HOST:PORT, port 0 picks a free one."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError("%r is not HOST:PORT" % text)
    return host, int(port)


def heap(text):
    """argparse type: bytes, or kilobytes with K, or megabytes with M."""
    if not re.fullmatch(r"\d+[KM]?", text):
        raise argparse.ArgumentTypeError("%r is not a size like 160K" % text)
    return text


def speed(text):
    """argparse type: how fast the recorded day runs."""
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError("the speed goes from 0.1 to 3600")
    return value


def settings(text):
    """argparse type: settings as a JSON object, over the twin's own."""
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError("not JSON: %s" % problem) from None
    if not isinstance(document, dict):
        raise argparse.ArgumentTypeError("settings are a JSON object")
    return document


def clock(text):
    """argparse type: "none", or Unix seconds at the start."""
    if text != "none" and not text.isdigit():
        raise argparse.ArgumentTypeError("%r is neither none nor Unix seconds" % text)
    return text


def parse(arguments):
    """The options; what does not exist yet is refused by name."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--headless", action="store_true",
                        help="print the two URLs as one JSON line and nothing friendly")
    parser.add_argument("--auto", action=argparse.BooleanOptionalAction,
                        help="plug the car in after the start; the rule unless --headless")
    parser.add_argument("--http", type=address, default=("127.0.0.1", 8081), metavar="HOST:PORT",
                        help="where the charger's page is, port 0 for a free one")
    parser.add_argument("--world", type=address, default=("127.0.0.1", 8090), metavar="HOST:PORT",
                        help="where the world's page is, port 0 for a free one")
    parser.add_argument("--heap", type=heap, default="512K", help="heap of the firmware")
    parser.add_argument("--speed", type=speed, default=1.0, help="speed of the recorded day")
    parser.add_argument("--recorded", action="store_true", help="start with the recorded day")
    parser.add_argument("--car", choices=list(car.MODELS), default="three-phase 16 A")
    parser.add_argument("--settings", type=settings, default={}, metavar="JSON",
                        help="settings of the charger, e.g. '{\"mains\": 16}'")
    parser.add_argument("--clock", type=clock, metavar="none|UNIX",
                        help="the charger's time of day at the start: unknown, or Unix seconds; "
                        "without it that of this machine")
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    parser.add_argument("--evses", type=int, default=1, metavar="N")
    parser.add_argument("--mqtt", metavar="HOST:PORT")
    options = parser.parse_args(arguments)
    if options.evses != 1:
        parser.error("--evses %d: power sharing is not available yet, only 1" % options.evses)
    if options.mqtt:
        parser.error("--mqtt: MQTT is not available yet")
    if options.auto is None:
        options.auto = not options.headless
    return options


def listen_address(host, port):
    """HOST:PORT with a real port."""
    return "%s:%d" % (host, port or firmware.free_tcp_port(host))


async def until_up(http, board):
    """Wait until the firmware's page answers or the firmware has ended; True when it answers."""
    host, port = http.rsplit(":", 1)
    while board.alive:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            return True
        except OSError:
            await asyncio.sleep(0.05)
    return False


def wire_up(live, wanted):
    """Fit what the settings speak of: the second contactor, the lock, where the EV meter sits."""
    live.command("wiring", {"second": wanted.get("contact_2", "Not present") != "Not present"})
    kind = str(wanted.get("lock", "none")).lower()
    live.command("lock", {"kind": kind if kind in KINDS else "none"})
    live.sub_panel = wanted.get("ev_meter_role") == "Sub-panel"


async def twin(options, data):
    """Run until a signal, or until the firmware ends; returns the exit code."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    folder = firmware.slot() if options.no_build else firmware.build()
    bus = SerialBus()
    charger, meter_port = bus.join("charger"), bus.join("mains meter")
    ev_meter_port = bus.join("EV meter")
    circuit_meter_port = bus.join("circuit meter")
    sim_port = firmware.free_udp_port()
    live = LiveWorld(sim_port, lambda on: setattr(meter_port, "attached", on), options.speed,
                     options.car, lambda on: setattr(ev_meter_port, "attached", on),
                     lambda on: setattr(circuit_meter_port, "attached", on))
    live.recorded = options.recorded
    async with contextlib.AsyncExitStack() as stack:
        bus.start()
        stack.push_async_callback(bus.close)
        for port, slave, measure in ((meter_port, METER_ADDRESS, live.measure),
                                     (ev_meter_port, EV_METER_ADDRESS, live.measure_ev),
                                     (circuit_meter_port, CIRCUIT_METER_ADDRESS,
                                      live.measure_circuit)):
            meter = MeterServer(port.path, slave, measure)
            await meter.start()
            stack.push_async_callback(meter.close)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: live, local_addr=("127.0.0.1", 0))
        stack.callback(transport.close)
        wire_up(live, options.settings)
        clock = loop.create_task(live.run())
        stack.callback(clock.cancel)
        page = WorldPage(live)
        world_url = await page.start(*options.world)
        stack.push_async_callback(page.close)
        http = listen_address(*options.http)
        board = firmware.Firmware(folder, options.heap, {
            "MICROEVSE_SIM_PORT": str(sim_port),
            "MICROEVSE_WORLD_PORT": str(transport.get_extra_info("sockname")[1]),
            "MICROEVSE_RS485": charger.path,
            "MICROEVSE_HTTP": http,
            "MICROEVSE_DATA": data,
            "MICROEVSE_SETTINGS": json.dumps({**SETTINGS, **options.settings}),
            **({"MICROEVSE_CLOCK": options.clock} if options.clock else {}),
        }, say)
        await board.start()
        stack.push_async_callback(board.stop)
        live.firmware_alive = True
        ended = loop.create_task(board.wait())
        stopped = loop.create_task(stop.wait())
        stack.callback(stopped.cancel)
        story = loop.create_task(story_of(options, live, board, http, world_url))
        stack.callback(story.cancel)
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return 0
        live.firmware_gone()
        say("the firmware ended by itself with code %d; it is not started again" % ended.result())
        if not options.headless:
            say("the world page stays up; Ctrl-C ends it")
            await stopped
        return 1


async def story_of(options, live, board, http, world_url):
    """Tell where the pages are once they answer, then plug the car if asked to."""
    if not await until_up(http, board):
        return
    url = "http://%s/" % http
    if options.headless:
        say(json.dumps({"url": url, "world_url": world_url, "pid": board.pid}))
    else:
        say("\n  charger  %s\n  world    %s\n\nCtrl-C ends everything.\n" % (url, world_url))
    if options.auto:
        await asyncio.sleep(PLUG_AFTER_S)
        live.command("plug", {})


def main():
    """Entry point."""
    options = parse(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="microevse-") as data:
        try:
            code = asyncio.run(twin(options, os.environ.get("MICROEVSE_DATA", data)))
        except firmware.Missing as problem:
            say(str(problem))
            code = 2
        except OSError as problem:
            say("cannot start: %s" % problem)
            code = 2
    sys.exit(code)


main()
