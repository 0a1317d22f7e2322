"""Run recorded days through the closed loop. ``make replay FILE=x.csv ARGS="..." OUT=r.json``.

The CSV has the columns t_s,load_l1_w,load_l2_w,load_l3_w,pv_l1_w,pv_l2_w,pv_l3_w; t_s 0 is local
midnight. A row holds until the next one.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import scenario as scenarios
from twin import day, firmware


def pair(text):
    """argparse type: KEY=VALUE, a value that looks like a number is one."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError("%r is not KEY=VALUE" % text)
    return key, int(value) if re.fullmatch(r"-?\d+", value) else value


def car(text):
    """argparse type: a car as JSON, or @FILE with one."""
    try:
        document = json.loads(Path(text[1:]).read_text("utf-8") if text[:1] == "@" else text)
    except (OSError, ValueError) as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    if not isinstance(document, dict):
        raise argparse.ArgumentTypeError("a car is a JSON object")
    return document


def span(text):
    """argparse type: HH:MM-HH:MM in seconds of the day; an end before the begin is tomorrow."""
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    if not found:
        raise argparse.ArgumentTypeError("%r is not HH:MM-HH:MM" % text)
    hours, minutes, to_hours, to_minutes = map(int, found.groups())
    if hours > 23 or to_hours > 24 or minutes > 59 or to_minutes > 59:
        raise argparse.ArgumentTypeError("%r is no time of day" % text)
    begin, end = hours * 3600 + minutes * 60, to_hours * 3600 + to_minutes * 60
    return begin, end if end > begin else end + day.DAY_S


def document(rows, options):
    """The scenario of these rows: the site from the file, the rest from the options."""
    volts = options.voltage
    step = rows[-1][0] - rows[-2][0] if len(rows) > 1 else day.DAY_S
    end = rows[-1][0] + step
    days = -(-int(end) // day.DAY_S)
    described = dict(options.car)
    if "plugged" not in described:
        described["plugged"] = [[begin + number * day.DAY_S, finish + number * day.DAY_S]
                                for number in range(days) for begin, finish in options.plugged]
    return {
        "seed": options.seed,
        "duration_s": end,
        "trace": options.trace,
        "per_phase": options.per_phase,
        "settings": dict(options.set),
        "evses": [{"car": described}],
        "site": {"voltage": volts,
                 "load_da": [[row[0]] + [round(watts * 10 / volts) for watts in row[1:4]]
                             for row in rows],
                 "pv_da": [[row[0]] + [round(watts * 10 / volts) for watts in row[4:7]]
                           for row in rows]},
        "mains_meter": {"period_s": options.meter_period},
    }


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make replay", description=__doc__)
    parser.add_argument("file", help="the day or days, or 'recorded' for the one shipped here")
    parser.add_argument("out", nargs="?", help="where the result goes; none: standard output")
    parser.add_argument("--set", type=pair, action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--car", type=car, default={}, metavar="JSON|@FILE")
    parser.add_argument("--plugged", type=span, action="append", metavar="HH:MM-HH:MM",
                        help="when the car is there, every day; default all day")
    parser.add_argument("--voltage", type=int, default=230)
    parser.add_argument("--meter-period", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--per-phase", action="store_true",
                        help="judge import and export phase by phase")
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    options = parser.parse_args()
    options.plugged = options.plugged or [(0, day.DAY_S)]
    try:
        rows = day.read(day.RECORDED if options.file == "recorded" else options.file)
        scenario = scenarios.normalise(document(rows, options))
        folder = firmware.slot() if options.no_build else firmware.build()
        began = time.monotonic()
        result = scenarios.run(scenario, folder=folder)
        took = time.monotonic() - began
    except (OSError, ValueError, day.BadDay, scenarios.BadScenario,
            firmware.Missing) as problem:
        sys.exit("replay refused: %s" % problem)
    result["days"] = -(-int(scenario["duration_s"]) // day.DAY_S)
    scenarios.write(result, options.out)
    print("%g h of recorded time in %.1f s: %.0f times real time"
          % (scenario["duration_s"] / 3600, took, scenario["duration_s"] / max(took, 1e-6)),
          file=sys.stderr)


if __name__ == "__main__":
    main()
