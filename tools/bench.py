"""Measure speed, memory and latency of the firmware on this PC: ``make bench``.

Each table goes to build/bench/NAME.json as rows {name, unit, value, limit, pass, setup}; the exit
code is 1 when a row misses its limit. S is the time MicroPython takes here, in the same run, to
sum 2000 elements of an array by index: in S, figures of a PC and of the board are comparable.
"""

import argparse
import ast
import asyncio
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path

import bench_eight
import build
import image
import scenario as scenarios
import shorten
import size
from bench_site import CLIENTS, PAGE, STATUS, Site
from twin import car, firmware

TOOLS = Path(__file__).resolve().parent
OUT = build.BUILD / "bench"
NAMES = ("speed", "eight", "panel", "twin", "memory")

STEP_S, STEP_WORST_S = 0.15, 0.3
SLICE_S, PASS_SLICE_S, DRAW_S = 1.5, 0.5, 0.37  # the last is 2 ms at 240 MHz
LATE_MS = 20
OPEN_MS = 70
TESTS_HEAP, HEAP = 512, 576  # KB: what the system tests run with, and this
LEAST_HEAP, HEAP_STEP = 144, 8

REPETITIONS = 20
RUNS = 7

# The plug comes and goes, the house overloads the mains, the meter is lost, somebody plays.
DECISIONS = {
    "seed": 7, "duration_s": 1000,
    "settings": {"mode": "Smart", "mains": 20, "max": 16},
    "evses": [{"car": {"max_da": 160, "dead_s": 1.0,
                       "plugged": [[5, 300], [310, 600], [620, 980]]}}],
    "site": {"load_da": [[second, 30 + second * 7 % 140, 20 + second * 3 % 90, 25]
                         for second in range(0, 1000, 20)]},
    "mains_meter": {"period_s": 1, "latency_s": 0.2, "noise_da": 3},
    "events": [[150, "set", "max", 10], [200, "set", "max", 16], [250, "command", "override", 80],
               [280, "command", "override", 0], [400, "meter", "off"], [430, "meter", "on"],
               [700, "command", "mode", "Normal"], [800, "command", "mode", "Smart"]],
}


class Table:
    """The rows of one measurement."""

    def __init__(self):
        self.rows = []

    def add(self, name, unit, value, setup, limit=None):
        """Add a row; one without a limit is there to be known and always passes."""
        self.rows.append({"name": name, "unit": unit, "value": round(value, 3), "limit": limit,
                          "pass": limit is None or value <= limit, "setup": setup})


# ---- decisions on simulated time ----

def speed(slot):
    """What the 10 ms path costs."""
    table = Table()
    runs = []
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        place = Path(name)
        source = place / "scenario.json"
        source.write_text(json.dumps(scenarios.normalise(DECISIONS)), encoding="utf-8")
        start = firmware.beside(slot) + (
            "import bench_decisions; bench_decisions.main(%r, %r)" % (str(source), name))
        for _ in range(RUNS):
            subprocess.run([firmware.interpreter(), "-X", "heapsize=16M", "-c", start], check=True)
            run = json.loads((place / "run.json").read_text(encoding="utf-8"))
            run["took"] = {call: array("I", (place / call).read_bytes()) for call in run["names"]}
            runs.append(run)
    if not runs[0]["kwh"]:
        raise build.Problem("nothing was charged, so nothing was measured")
    setup = "closed loop in steps of 10 ms, %d s simulated; each call's median of %d runs" % (
        DECISIONS["duration_s"], RUNS)
    table.add("S", "us", statistics.median(run["unit_ns"] for run in runs) / 1000, setup)
    limits = {"charger.step": (STEP_S, STEP_WORST_S), "regulator.update": (PASS_SLICE_S, None)}
    for call in runs[0]["names"]:
        usual, rare = limits.get(call, (None, None))
        # The runs are the same call by call, and the PC interrupts each at other places.
        rows = zip(*([ns / run["unit_ns"] for ns in run["took"][call]] for run in runs))
        costs = [sorted(row)[RUNS // 2] for row in rows]
        each = "%s, %d calls" % (setup, len(costs))
        table.add(call + " mean", "S", statistics.fmean(costs), each)
        table.add(call + " median", "S", statistics.median(costs), each, usual)
        table.add(call + " p99.9", "S", percentile(costs, 999), each, rare)
        table.add(call + " worst", "S", max(costs), each)
        table.add(call + " worst of one run", "S",
                  max(max(run["took"][call]) / run["unit_ns"] for run in runs),
                  "this PC's pauses included")
    return table


def eight(slot):
    """What the regulator costs with all the EVSEs it can serve."""
    table = Table()
    bench_eight.fill(table, slot)
    return table


def panel(slot):
    """What the panel costs the others while somebody works at it."""
    table = Table()
    start = "%ssys.path.append(%r); import bench_panel; bench_panel.main(%%r)" % (
        firmware.beside(slot), str(build.ROOT / "tests" / "unit"))
    runs = []
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        for _ in range(RUNS):
            done = subprocess.run([firmware.interpreter(), "-X", "heapsize=16M", "-c",
                                   start % (name + "/")],
                                  check=True, capture_output=True, text=True)
            unit = json.loads(done.stdout.splitlines()[-1])["unit_ns"]
            runs.append([[ns / unit for ns in array("I", (Path(name) / what).read_bytes())]
                         for what in ("draws", "keys", "opening")])
    setup = "charging, a walk through the menu, EXIT; each's lower quartile of %d runs" % RUNS
    for number, what, limit in ((0, "a step of drawing", DRAW_S),
                                (1, "a sample of keys", SLICE_S),
                                (2, "loading the menu", None)):
        # The runs are the same step by step, and the PC interrupts each at other places.
        costs = [sorted(each)[RUNS // 4] for each in zip(*(run[number] for run in runs))]
        each = "%s; %d steps" % (setup, len(costs))
        table.add("panel, %s, median" % what, "S", statistics.median(costs), each)
        table.add("panel, %s, p99.9" % what, "S", percentile(costs, 999), each)
        table.add("panel, %s, worst" % what, "S", max(costs), each, limit)
    return table


# ---- the firmware in its world ----


def percentile(values, permille):
    """The value below which ``permille`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) * permille // 1000, len(ordered) - 1)]


def tasks_by_short_name():
    """What the tasks' functions are called in the sources, by their names in the build."""
    found = {}
    for path in sorted((build.ROOT / "evse").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        ours = [node.name for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.AsyncFunctionDef)]
        built = [node.name for node in ast.walk(ast.parse(shorten.shortened(source)))
                 if isinstance(node, ast.AsyncFunctionDef)]
        for name, short in zip(ours, built):
            if re.search(r"(create_task|start_server|run)\(.*\b%s\b" % name, source):
                module = path.relative_to(build.ROOT).with_suffix("").as_posix()
                found.setdefault(short, []).append("%s.%s" % (module.replace("/", "."), name))
    names = {short: " or ".join(names) for short, names in found.items()}
    return {**names, "_serve": "asyncio, accepting"}


def add_slices(table, reports, seconds, what, setup, limit):
    """Rows about the slices: what comes again and again, and what came once."""
    names = tasks_by_short_name()
    usual, worst = {}, {}
    for report in reports:
        unit = report["unit_ns"]
        for short, longest in report["longest"].items():
            name = names.get(short, short)
            usual[name] = max(usual.get(name, 0), longest[0] / unit)
            worst[name] = max(worst.get(name, 0), longest[-1] / unit)
    for name in sorted(usual, key=lambda name: -usual[name]):
        # Here the control task does what a timer and registers do on the board.
        table.add("slice of %s, %s" % (name, what), "S", usual[name],
                  setup + "; sixth longest in %d s" % seconds,
                  None if name == "control" else limit)
    name = max(worst, key=lambda name: worst[name])
    table.add("slice worst, " + what, "S", worst[name],
              "%s; %s, once, this PC's pauses included" % (setup, name))


def add_cycle(table, report, what):
    """Rows about the period of the control cycle."""
    setup = "twin in real time, %s; bins up to 11 13 16 20 30 50 100 200 ms, above: %s" % (
        what, " ".join(map(str, report["bins"])))
    periods = [number * report["bin_us"] / 1000 for number, count in enumerate(report["fine"])
               for _ in range(count)]
    for permille, label, limit in ((500, "median", None), (990, "p99", LATE_MS),
                                   (999, "p99.9", None)):
        table.add("cycle period %s, %s" % (label, what), "ms", percentile(periods, permille),
                  setup, limit)
    table.add("cycle period worst, " + what, "ms", report["worst_us"] / 1000, setup)
    table.add("cycle periods over 20 ms, " + what, "%",
              100 * sum(report["bins"][4:]) / max(sum(report["bins"]), 1), setup)


async def twin(slot, seconds):
    """Cycle, slices, latency and the way from the pilot to the contactor, in real time."""
    table = Table()
    status, clients, edges = [], [], []
    script = "import bench_firmware; bench_firmware.main(%r)"
    async with Site(slot, HEAP, script % "both") as site:
        site.plug.world.replace_car(car.Car(ready_s=0.1, dead_s=0.5))
        site.live.command("plug", {})
        await site.closed()
        calm = await site.phase(seconds)
        pages = await site.phase(seconds, site.poll(STATUS, status), site.unplug(edges))
        old = await site.phase(seconds, site.poll(CLIENTS, clients), site.unplug(edges))
        deadline = time.monotonic() + 100
        loads = [asyncio.ensure_future(site.poll(STATUS, [])),
                 asyncio.ensure_future(site.unplug(edges))]
        while len(edges) < REPETITIONS and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)
    async with Site(slot, HEAP, script % "slices") as site:
        site.plug.world.replace_car(car.Car(ready_s=0.1, dead_s=0.5))
        site.live.command("plug", {})
        await site.closed()
        pure = [await site.phase(seconds, site.poll(path, []), site.unplug([]))
                for path in (STATUS, CLIENTS)]
    load = "5 requests/s, plug pulled again and again"
    add_slices(table, pure, seconds, "code alone", load, SLICE_S)
    reports = (calm, pages, old)
    add_slices(table, reports[1:], seconds, "with collections",
               "heap %dK, %s" % (HEAP, load), None)
    table.add("collecting memory", "S",
              statistics.median(report["collect_ns"] / report["unit_ns"] for report in reports),
              "heap %dK, in full" % HEAP)
    add_cycle(table, calm, "charging, no requests")
    add_cycle(table, pages, "%s 5/s" % STATUS)
    add_cycle(table, old, "%s 5/s" % CLIENTS)
    for path, took in ((STATUS, status), (CLIENTS, clients)):
        setup = "%d requests, 5/s, a connection each, heap %dK" % (len(took), HEAP)
        table.add("GET %s p50" % path, "ms", percentile(took, 500), setup)
        table.add("GET %s p99" % path, "ms", percentile(took, 990), setup)
    setup = "%d times unplugged under load, UDP there and back included, 5 requests/s" % len(edges)
    table.add("pilot to open contactor, median", "ms", percentile(edges, 500), setup)
    table.add("pilot to open contactor, worst", "ms", max(edges), setup, OPEN_MS)
    if len(edges) < REPETITIONS:
        raise build.Problem("the car was unplugged only %d times" % len(edges))
    return table


# ---- memory ----

async def serves(slot, heap_kb):
    """True when a firmware with this heap starts, charges and answers 60 requests in full."""
    try:
        async with Site(slot, heap_kb) as site:
            site.live.command("plug", {})
            await site.closed()
            for number in range(60):
                answer = await site.get((STATUS, CLIENTS, PAGE)[number % 3])
                if answer[0] != 200:
                    return False
            return not any("MemoryError" in line for line in site.log)
    except (OSError, build.Problem, asyncio.TimeoutError):
        return False


async def smallest_heap(slot):
    """KB of the smallest heap that serves, by halving; 0 when none does."""
    low, high = LEAST_HEAP // HEAP_STEP, HEAP // HEAP_STEP + 1
    while low < high:
        middle = (low + high) // 2
        if await serves(slot, middle * HEAP_STEP):
            high = middle
        else:
            low = middle + 1
    return low * HEAP_STEP


def memory(slot):
    """Heap on this PC, and flash of the board."""
    table = Table()
    imports = sum(kept for _, kept in size.import_rows())
    table.add("imports", "KB", imports / 1024, "unix port, 64 bit")
    size.HEAP = "%dK" % TESTS_HEAP
    table.add("live after start", "KB", size.live_heap() / 1024,
              "unix port, 64 bit, heap %dK, meter and web server up" % TESTS_HEAP)
    table.add("smallest heap", "KB", asyncio.run(smallest_heap(slot)),
              "unix port, 64 bit: starts, charges, answers 60 requests; to %d KB" % HEAP_STEP,
              TESTS_HEAP)
    room = image.partition("vfs")[1] // 2
    board = build.BOARDS[0]
    for what, files, used in size.flash_rows(board):
        table.add("flash of " + what, "bytes", used, "%s, %d files" % (board, files),
                  room if what == "all" else None)
    return table


# ---- the command ----

def show(rows):
    """Print rows as the table that docs/measurements.md carries."""
    print("| what | value | limit | |\n|---|---:|---:|---|")
    for row in rows:
        limit = "" if row["limit"] is None else "%g" % row["limit"]
        print("| %s | %g %s | %s | %s |" % (row["name"], row["value"], row["unit"], limit,
                                           "" if row["pass"] else "**missed**"))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(NAMES) + "; none: all")
    parser.add_argument("--seconds", type=int, default=20, help="length of each phase of twin")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error("there is no bench called %s" % ", ".join(sorted(unknown)))
    passed = True
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        try:
            # A copy, so that a build meanwhile does not change what is measured.
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot"))
            for name in options.names or NAMES:
                if name == "speed":
                    table = speed(slot)
                elif name == "eight":
                    table = eight(slot)
                elif name == "panel":
                    table = panel(slot)
                elif name == "twin":
                    table = asyncio.run(twin(slot, options.seconds))
                else:
                    table = memory(slot)
                (OUT / (name + ".json")).write_text(json.dumps(table.rows, indent=1) + "\n",
                                                    encoding="utf-8")
                print("\n%s (build/bench/%s.json)\n" % (name, name))
                show(table.rows)
                passed = passed and all(row["pass"] for row in table.rows)
        except (build.Problem, firmware.Missing, subprocess.CalledProcessError) as problem:
            sys.exit(str(problem))
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
