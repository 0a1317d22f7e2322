"""Days of sun through the closed loop in all three styles: ``make bench-solar``.

Every day in tools/twin/data runs through the firmware, the car plugged in all day on one phase at
240 V with 6 to 32 A, the other settings as they come from the factory. Beside each result stands
the bound: what a charger that knew the day in advance could use of the sun at the same share of
sun in what it charges. Rows go to build/bench/solar.json; the exit code is 1 when one misses its
limit.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import build
import replay
import scenario as scenarios
from twin import day, firmware

OUT = build.BUILD / "bench" / "solar.json"
STYLES = ("thrifty", "balanced", "greedy")
# What is asked of a style on days nobody tuned for: solar share, self-use (both in %).
ASKED = {"thrifty": (96, 62), "balanced": (92, 72), "greedy": (85, 80)}
MOST_STARTS = 4
OF_BOUND = 92  # % of the bound's self-use at equal share, over the styles

VOLTS, LOW_A, HIGH_A = 240, 6, 32
START_WH = 100  # what a start costs, in the bound's reckoning
SETTINGS = {"mode": "Solar", "max": HIGH_A, "mains": 63, "contact_2": "Always Off"}
CAR = {"phases": [1], "max_da": 10 * HIGH_A}
# Prices of bought energy, in sun, from which the bound's trade between share and self-use comes.
PRICES = [0] + [0.01 * 1.15 ** step for step in range(80)]


def surplus(rows):
    """What the sun gives beyond the house, in W for each minute."""
    sun = []
    for number, row in enumerate(rows):
        nearby = rows[number:number + 2] if number + 1 < len(rows) else rows[-2:]
        minutes = round((nearby[-1][0] - nearby[0][0]) / 60)
        sun += [max(0.0, sum(row[4:7]) - sum(row[1:4]))] * minutes
    return sun


def best(sun, price):
    """Charge ``sun`` (W for each minute), known in advance, where bought energy costs ``price``.

    Dynamic programming over two states: for each, the value of the best way there and what it
    charged. Returns (kWh of sun, kWh charged, starts).
    """
    least, most, start = VOLTS * LOW_A, VOLTS * HIGH_A, 60.0 * START_WH
    off, on = (0.0, 0.0, 0.0, 0), (float("-inf"), 0.0, 0.0, 0)
    for watts in sun:
        drawn = min(most, max(least, watts))
        solar = min(watts, drawn)
        gain = solar - price * (drawn - solar)
        was = on
        begun = off[0] - start > on[0]
        value, used, charged, starts = off if begun else on
        on = (value - begun * start + gain, used + solar, charged + drawn, starts + begun)
        off = max(was, off)
    _, used, charged, starts = max(on, off)
    return used / 60000, charged / 60000, starts


def frontier(suns):
    """The bound over all days in ``suns``: [(share, self-use)], share rising; parts of 1."""
    there = sum(map(sum, suns)) / 60000
    points = []
    for price in PRICES:
        days = [best(sun, price) for sun in suns]
        used, charged = (sum(column) for column in list(zip(*days))[:2])
        points.append((used / charged if charged else 1.0, used / there))
    return sorted(points)


def bound(points, share):
    """The bound's self-use at this share of sun."""
    below = points[0]
    for point in points:
        if point[0] >= share:
            width = point[0] - below[0]
            part = (share - below[0]) / width if width else 0
            return below[1] + (point[1] - below[1]) * max(0, part)
        below = point
    return points[-1][1]


def run(task):
    """One day in one style; returns (name, style, metrics), in a process of its own."""
    path, style, slot = task
    options = argparse.Namespace(
        voltage=VOLTS, car=dict(CAR), plugged=[(0, day.DAY_S)], seed=1, trace=False,
        per_phase=False, meter_period=2, set=[*SETTINGS.items(), ("solar_style", style)])
    document = scenarios.normalise(replay.document(day.read(path), options))
    return path.stem, style, scenarios.run(document, folder=slot)["metrics"]


class Table:
    """Rows of the result."""

    def __init__(self):
        self.rows = []

    def add(self, name, unit, value, setup, limit=None, least=False):
        """A figure; it passes up to ``limit``, or from it when ``least``."""
        value = round(value, 2)
        passed = limit is None or (value >= limit if least else value <= limit)
        if least:
            setup = "at least the limit; " + setup
        self.rows.append({"name": name, "unit": unit, "value": value, "limit": limit,
                          "pass": passed, "setup": setup})


def report(table, title, metrics, points, there, setup, asked=None):
    """Add what ``metrics`` (a list, one a day) say together of ``there`` kWh of surplus.

    Returns the % of the bound's self-use that was reached.
    """
    total = {key: sum(one[key] for one in metrics) for key in ("kwh", "solar_kwh", "starts")}
    share = total["solar_kwh"] / total["kwh"] if total["kwh"] else 1.0
    used = total["solar_kwh"] / there
    at_share = bound(points, share)
    shares, uses = asked or (None, None)
    table.add(title + ": solar share", "%", 100 * share, setup, shares, True)
    table.add(title + ": self-use", "%", 100 * used, setup, uses, True)
    table.add(title + ": bought for the car", "kWh", total["kwh"] - total["solar_kwh"], setup)
    table.add(title + ": starts a day", "", total["starts"] / len(metrics), setup,
              MOST_STARTS if asked else None)
    table.add(title + ": bound's self-use at this share", "%", 100 * at_share, setup)
    if not at_share:
        return 100.0
    table.add(title + ": of the bound", "%", 100 * used / at_share, setup)
    return 100 * used / at_share


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make bench-solar", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="other days than those shipped")
    parser.add_argument("--style", choices=STYLES, action="append", help="only this one")
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    options = parser.parse_args()
    styles = options.style or STYLES
    paths = options.files or sorted(day.RECORDED.parent.glob("*.csv"))
    began = time.monotonic()
    try:
        slot = firmware.slot() if options.no_build else firmware.build()
        suns = {path.stem: surplus(day.read(path)) for path in paths}
        results = {}
        with multiprocessing.Pool(options.processes) as pool:
            tasks = [(path, style, slot) for path in paths for style in styles]
            for name, style, metrics in pool.imap_unordered(run, tasks):
                results[name, style] = metrics
                print("%-16s %-9s share %5.1f %%  self-use %5.1f %%  starts %d"
                      % (name, style, 100 * metrics["solar_share"], 100 * metrics["self_use"],
                         metrics["starts"]), flush=True)
    except (OSError, day.BadDay, scenarios.BadScenario, firmware.Missing) as problem:
        sys.exit("bench-solar: %s" % problem)
    table = Table()
    setup = "%d days, plugged all day, 1 phase, %d V, %d-%d A" % (
        len(suns), VOLTS, LOW_A, HIGH_A)
    points, there = frontier(suns.values()), sum(map(sum, suns.values())) / 60000
    reached = [report(table, style, [results[name, style] for name in suns], points, there, setup,
                      ASKED[style]) for style in styles]
    table.add("of the bound, mean of the styles", "%", sum(reached) / len(reached),
              "the bound may start as often as it likes; " + setup, OF_BOUND, True)
    for name, sun in suns.items():
        points, there = frontier([sun]), sum(sun) / 60000
        for style in styles:
            report(table, "%s, %s" % (name, style), [results[name, style]], points, there,
                   name + ".csv")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(table.rows, indent=1) + "\n", encoding="utf-8")
    for row in table.rows:
        if row["limit"] is not None:
            print("%-45s %7.2f %-3s limit %-4g %s"
                  % (row["name"], row["value"], row["unit"], row["limit"],
                     "" if row["pass"] else "missed"))
    print("%d runs in %.0f s" % (len(results), time.monotonic() - began))
    sys.exit(0 if all(row["pass"] for row in table.rows) else 1)


if __name__ == "__main__":
    main()
