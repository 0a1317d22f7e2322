"""How the bus keeps its cycle with few and many on it: ``make bench-bus``.

The real firmware is the Master; the nodes are peers that behave as the reference does, or with
--real our firmware as well. Bits take the time they take at 9600 baud. build/bench/bus.json gets
rows {name, unit, value, limit, pass, setup}; the exit code is 1 when a row misses its limit.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import build
from bus_rig import Gone, Rig
from twin import fitting, peer
from twin.meter import MeterReading, entry
from twin.reference_node import BROADCAST, CURRENTS, ReferenceNode
from twin.sensorbox_box import SensorboxServer

OUT = build.BUILD / "bench" / "bus.json"
MAINS, EV, CIRCUIT = fitting.MAINS_ADDRESS, fitting.EV_ADDRESS, fitting.CIRCUIT_ADDRESS
NODE_METERS = 20  # their EV meters have the addresses from here on
SECONDS, QUICK_SECONDS = 60, 12
FIND_S = 20  # a new node is found after seven probes of 2 s
TOGETHER = 5  # so many cases at a time leave the PC time to spare
CYCLE_MS, ALONE_MS = 2000, 1000
LATE_MS = 200
RETRY_MS = 400  # a request that was spoiled is sent once more
# So rarely is a character spoiled that one transaction in a hundred with an Eastron fails.
ONE_PERCENT = 1 - 0.99 ** (1 / 37)
METER_LATENCY_S = 0.02
# A few pauses of this PC as long as this look to the Master like a slave that does not answer.
PAUSE_S = 0.02
LOOK_S = 0.01
AFTER_S = 0.5  # for so long what follows may still be late


class Case:
    """One bus: so many EVSEs, which meters, what is wrong with it.

    ``mains`` is the type of the mains meter; ``more`` says whether there are a circuit meter and
    an ABB as EV meter, ``node_meters`` whether the nodes have one each as well. ``missing`` names
    who is asked and is not there: "meters" or "nodes". ``noise`` as of the bus.
    """

    def __init__(self, name, evses, mains="Eastron3P", more=False, node_meters=False,
                 missing="", noise=0.0, limited=True):
        self.name = name
        self.evses = evses
        self.mains = mains
        self.more = more
        self.node_meters = node_meters
        self.missing = missing
        self.noise = noise
        self.limited = limited
        self.nodes = range(1, evses if missing != "nodes" else 1)

    @property
    def period_ms(self):
        """How often the mains meter is to be read."""
        return CYCLE_MS if self.evses > 1 or self.mains == "Sensorbox" else ALONE_MS

    def settings(self):
        """Settings of the Master."""
        settings = {"mains": 100, "circuit": 160, "mains_met": self.mains, "mains_adr": MAINS,
                    "pwr_share": "Master" if self.evses > 1 else "Disabled"}
        if self.more:
            settings.update(circt_met="Eastron3P", circt_adr=CIRCUIT, ev_meter="ABB", ev_adr=EV)
        return settings


CASES = [
    *[Case("mains meter", evses) for evses in (1, 2, 4, 8)],
    *[Case("mains, circuit and EV meter", evses, more=True) for evses in (1, 2, 4, 8)],
    Case("Sensorbox, circuit meter, ABB", 8, "Sensorbox", more=True),
    Case("the same and an EV meter at each node", 8, "Sensorbox", more=True, node_meters=True),
    Case("circuit and EV meter silent", 8, more=True, missing="meters"),
    Case("seven nodes silent", 8, "Sensorbox", more=True, missing="nodes"),
    Case("1 % of transactions spoiled", 8, more=True, node_meters=True, noise=ONE_PERCENT),
    # What a Sensorbox has said once it does not say again, so here what is spoiled is lost.
    Case("the same with a Sensorbox", 8, "Sensorbox", more=True, node_meters=True,
         noise=ONE_PERCENT, limited=False),
    Case("1 % of characters spoiled", 8, more=True, noise=0.01, limited=False),
]
QUICK = [CASES[1], CASES[8]]


class Watch:
    """Listens to the bus: when the mains meter was heard, when the nodes were told."""

    def __init__(self, case):
        reply = peer.read_reply(0, [0] * (
            20 if case.mains == "Sensorbox" else entry(case.mains)["current"]["n"]))
        self._least = len(reply) + 3
        self._sensorbox = case.mains == "Sensorbox"
        self.on = False
        self.span = 0.0, 0.0  # of the measurement, in the loop's time
        self.mains = []
        self.told = []
        self.polls = {}

    def __call__(self, name, data, began, ended):
        if not self.on or len(data) < 4 or peer.sealed(data[:-2]) != data:
            return
        if data[0] == MAINS and len(data) >= self._least:
            if not self._sensorbox or data[6]:
                self.mains.append(ended)
        elif data[0] == BROADCAST and peer.values(data[2:4]) == [CURRENTS]:
            self.told.append(ended)
        elif data[1] == peer.READ_INPUT and len(data) == 8 and 2 <= data[0] < BROADCAST:
            self.polls.setdefault(data[0], []).append(ended)


class Pauses:
    """When this PC did something else: ``spans`` of (begin, end) in the loop's time."""

    def __init__(self):
        self.spans = []

    async def watch(self):
        """Look for pauses, for ever."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(LOOK_S)
            now = loop.time()
            if now - before - LOOK_S > PAUSE_S:
                self.spans.append((before, now + AFTER_S))
            before = now

    def hit(self, begin, end):
        """True when one fell between these moments."""
        return any(first < end and last > begin for first, last in self.spans)

    def gaps_ms(self, moments):
        """Times between moments in ms, sorted, without those in which the PC paused."""
        return sorted((late - early) * 1000 for early, late in zip(moments, moments[1:])
                      if not self.hit(early, late))


async def measure(case, folder, seconds, real):
    """Run one case; returns (Watch, load of the bus, collisions)."""
    watch = Watch(case)
    async with Rig(folder, noise=case.noise, monitor=watch) as rig:
        nodes = []

        def mains():
            rig.grid.site.circuit_load_ma = [sum(node.draw_ma for node in nodes)] * 3
            return rig.grid.meter.measure()

        if case.mains == "Sensorbox":
            rig.peer(SensorboxServer(rig.bus, mains)).port.latency_s = METER_LATENCY_S
        else:
            await rig.meter(case.mains, MAINS, mains, METER_LATENCY_S)
        if case.more and case.missing != "meters":
            await rig.meter("Eastron3P", CIRCUIT, rig.grid.circuit_meter.measure, METER_LATENCY_S)
        if case.node_meters:
            for number in case.nodes:
                await rig.meter("ABB", NODE_METERS + number, MeterReading, METER_LATENCY_S)
        kind = 6 if case.node_meters else 0
        for number in case.nodes:
            if real:
                await rig.charger(pwr_share="Node %d" % number,
                                  ev_meter="ABB" if kind else "Disabled",
                                  ev_adr=NODE_METERS + number)
            else:
                node = rig.peer(ReferenceNode(rig.bus, number, ev_meter=(kind,
                                                                        NODE_METERS + number)))
                node.plug()
                nodes.append(node)
        await rig.charger(**case.settings())
        if case.more and case.missing != "meters":
            await rig.meter("ABB", EV, rig.live.plugs[-1].ev_meter.measure, METER_LATENCY_S)
        for plug in rig.live.plugs:
            rig.live.command("plug", {"evse": plug.number})
        await asyncio.sleep(FIND_S if case.evses > 1 else 3)
        rig.bus.reset()
        began = asyncio.get_running_loop().time()
        watch.on = True
        await asyncio.sleep(seconds)
        watch.on = False
        watch.span = began, asyncio.get_running_loop().time()
        return watch, rig.bus.load(), rig.bus.collisions


def rows_of(case, pauses, watch, load, collisions):
    """The rows of one case."""
    setup = "%s, %d EVSE%s" % (case.name, case.evses, "" if case.evses == 1 else "s")
    limit = case.period_ms + LATE_MS + (RETRY_MS if case.noise else 0)
    rows = []

    def add(name, unit, value, limit=None):
        rows.append({"name": name, "unit": unit, "value": round(value, 1), "limit": limit,
                     "pass": limit is None or value <= limit, "setup": setup})

    gaps = pauses.gaps_ms(watch.mains)
    if len(gaps) < 3:
        raise build.Problem("%s: the mains meter was hardly heard" % setup)
    add("mains interval median", "ms", statistics.median(gaps))
    add("mains interval p99", "ms", gaps[len(gaps) * 99 // 100])
    add("mains interval worst", "ms", gaps[-1], limit if case.limited else None)
    if case.evses > 1:
        told = pauses.gaps_ms(watch.told)
        add("currents told, longest interval", "ms", told[-1] if told else 0)
        nodes = [pauses.gaps_ms(moments) for address, moments in watch.polls.items()
                 if address - 1 in case.nodes]
        add("nodes asked, longest interval", "ms", max((one[-1] for one in nodes if one),
                                                       default=0))
    add("bus load", "%", load * 100)
    add("mains intervals left out, the PC paused", "", max(0, len(watch.mains) - 1) - len(gaps))
    if not case.noise and not pauses.hit(*watch.span):
        add("collisions", "bytes", collisions, 0)
    return rows


async def run(cases, folder, seconds, real):
    """Run all cases, some at a time; returns their rows in order, and the pauses."""
    rows = []
    pauses = Pauses()
    watching = asyncio.get_running_loop().create_task(pauses.watch())
    together = 1 if real else TOGETHER
    for first in range(0, len(cases), together):
        some = cases[first:first + together]
        for case, result in zip(some, await asyncio.gather(*[
                measure(case, folder, seconds, real) for case in some])):
            rows += rows_of(case, pauses, *result)
    watching.cancel()
    return rows, pauses


SHOWN = ("mains interval median", "mains interval p99", "mains interval worst",
         "currents told, longest interval", "nodes asked, longest interval", "bus load")


def show(rows):
    """Print a line for each case, as docs/measurements.md carries them."""
    print("| bus | mains read: median | p99 | worst | limit | nodes told: worst | asked: worst "
          "| load | |\n|---|---:|---:|---:|---:|---:|---:|---:|---|")
    for setup in dict.fromkeys(row["setup"] for row in rows):
        case = {row["name"]: row for row in rows if row["setup"] == setup}
        cells = ["%.0f" % case[name]["value"] if name in case else "" for name in SHOWN]
        limit = case["mains interval worst"]["limit"]
        cells.insert(3, "" if limit is None else "%d" % limit)
        cells[-1] += " %"
        missed = [row["name"] for row in case.values() if not row["pass"]]
        print("| %s | %s | %s |" % (setup, " | ".join(cells),
                                    "**missed**: " + ", ".join(missed) if missed else ""))


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make bench-bus", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two cases, a few seconds each")
    parser.add_argument("--real", action="store_true", help="our firmware as nodes, too")
    parser.add_argument("--only", metavar="TEXT", default="",
                        help="only the cases with TEXT in their name")
    parser.add_argument("--seconds", type=int, help="how long each case is watched")
    options = parser.parse_args()
    cases = [case for case in (QUICK if options.quick else CASES) if options.only in case.name]
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    began = time.process_time(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        # A copy, so that a build meanwhile does not change what is measured.
        slot = shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot")
        try:
            rows, pauses = asyncio.run(run(cases, slot, seconds, options.real))
        except (build.Problem, Gone) as problem:
            sys.exit(str(problem))
    share = (time.process_time() - began[0]) / (time.monotonic() - began[1])
    show(rows)
    print("\nThe simulated bus took %.1f %% of a processor, %d cases at a time; this PC paused %d "
          "times." % (share * 100, 1 if options.real else min(TOGETHER, len(cases)),
                      len(pauses.spans)))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(row["pass"] for row in rows))


if __name__ == "__main__":
    main()
