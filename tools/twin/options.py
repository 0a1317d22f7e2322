"""The options of ``make run``."""

import argparse
import json
import re

from twin import car

MOST_EVSES = 8
_SHOWN_DAYS = 3


def _address(text):
    """argparse type: HOST:PORT, port 0 picks a free one."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError("%r is not HOST:PORT" % text)
    return host, int(port)


def _heap(text):
    """argparse type: bytes, or kilobytes with K, or megabytes with M."""
    if not re.fullmatch(r"\d+[KM]?", text):
        raise argparse.ArgumentTypeError("%r is not a size like 160K" % text)
    return text


def _speed(text):
    """argparse type: how fast the recorded day runs."""
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError("the speed goes from 0.1 to 3600")
    return value


def _settings(text):
    """argparse type: settings as one JSON object for all chargers, or a list of one for each."""
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError("not JSON: %s" % problem) from None
    rows = document if isinstance(document, list) else [document]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise argparse.ArgumentTypeError("settings are a JSON object, or a list of such")
    return document


def _clock(text):
    """argparse type: "none", or Unix seconds at the start."""
    if text != "none" and not text.isdigit():
        raise argparse.ArgumentTypeError("%r is neither none nor Unix seconds" % text)
    return text


def _evses(text):
    """argparse type: how many chargers."""
    if not text.isdigit() or not 1 <= int(text) <= MOST_EVSES:
        raise argparse.ArgumentTypeError("there are 1 to %d chargers" % MOST_EVSES)
    return int(text)


def _days(text):
    """argparse type: how many days of history."""
    if not text.isdigit() or int(text) > 60:
        raise argparse.ArgumentTypeError("there are 0 to 60 days")
    return int(text)


def parse(arguments):
    """The options; what does not exist yet is refused by name."""
    parser = argparse.ArgumentParser(
        prog="make run", description="Start the twin: a simulated world, real Modbus meters on "
        "one bus, and one to eight chargers with the firmware as it is shipped.")
    parser.add_argument("--evses", type=_evses, default=1, metavar="N",
                        help="how many chargers; the first is the Master, the others its Nodes")
    parser.add_argument("--headless", action="store_true",
                        help="print the addresses as one JSON line and nothing friendly")
    parser.add_argument("--auto", action=argparse.BooleanOptionalAction,
                        help="plug the cars in after the start; the rule unless --headless")
    parser.add_argument("--http", type=_address, default=("127.0.0.1", 8081), metavar="HOST:PORT",
                        help="where the page of the first charger is, that of each other one port "
                        "further; port 0 for free ones")
    parser.add_argument("--world", type=_address, default=("127.0.0.1", 8090),
                        metavar="HOST:PORT",
                        help="where the world's page is, port 0 for a free one")
    parser.add_argument("--heap", type=_heap, default="512K", help="heap of the firmware")
    parser.add_argument("--speed", type=_speed, default=1.0, help="speed of the recorded day")
    parser.add_argument("--recorded", action="store_true", help="start with the recorded day")
    parser.add_argument("--car", choices=list(car.MODELS), default="three-phase 16 A")
    parser.add_argument("--settings", type=_settings, default={}, metavar="JSON",
                        help="settings of the chargers, e.g. '{\"mains\": 16}', or a list with "
                        "an object for each of them")
    parser.add_argument("--clock", type=_clock, metavar="none|UNIX",
                        help="the chargers' time of day at the start: unknown, or Unix seconds; "
                        "without it that of this machine")
    parser.add_argument("--history", type=_days, metavar="DAYS",
                        help="so many days of history the chargers have at the start, if none is "
                        "there; %d unless --headless" % _SHOWN_DAYS)
    parser.add_argument("--serial-tcp", type=_address, metavar="HOST:PORT",
                        help="let other programs join the bus there")
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    parser.add_argument("--mqtt", type=_address, metavar="HOST:PORT",
                        help="the MQTT broker of all chargers")
    options = parser.parse_args(arguments)
    if isinstance(options.settings, list) and len(options.settings) > options.evses:
        parser.error("--settings: %d objects for %d chargers"
                     % (len(options.settings), options.evses))
    if options.auto is None:
        options.auto = not options.headless
    if options.history is None:
        options.history = 0 if options.headless else _SHOWN_DAYS
    return options
