"""What the network costs: requests/s, latency, and the control cycle under load and faults.

``make bench-net`` writes build/bench/net.json (rows as tools/bench.py has them) and exits with 1
when a row misses its limit. A car charges all the while. Latencies and rates are those of this
PC; what counts for the board are the slices in S and how evenly control runs.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import build
import hostile_http
import hostile_mqtt
import hostile_others
from bench import LATE_MS, OUT, SLICE_S, Table, add_cycle, percentile, show
from bench_site import STATUS, Site
from twin import car, firmware

HEAP = 640  # KB: what the measuring holds, and the broker's link with discovery
PREFIX = "bench"
ENDPOINTS = ("/", "/settings", STATUS, "/api/v1/settings", "/api/v1/limits", "/api/v1/journal",
             "/metrics", "/openapi.json")
FAULTS = [mood for mood in hostile_mqtt.MOODS if mood != hostile_mqtt.GOOD]
BOTH = "import bench_firmware; bench_firmware.main('both')"
SLICES = "import bench_net_firmware; bench_net_firmware.main()"
_CALLERS = 3
_LINK_S = 40
_PRIORITY = -15
_TIMES_PER_S = 2  # how often each endpoint is asked at leisure
_LATE_PERCENT = 5
SEED = 7


class Net:
    """A charging site with a broker that can be in any mood."""

    def __init__(self, slot, script):
        self._stack = contextlib.AsyncExitStack()
        self._slot = slot
        self._script = script
        self._users = 0

    async def __aenter__(self):
        try:
            return await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def __aexit__(self, *problem):
        await self._stack.aclose()

    async def _start(self):
        stack = self._stack
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="microevse-"))
        self.broker = hostile_mqtt.Broker(folder, PREFIX, SEED)
        stack.push_async_callback(self.broker.close)
        await self.broker.start()
        names = hostile_others.NameServer(SEED)
        port = await names.start()
        stack.callback(names.close)
        settings = {"trust_lan": "Enabled", "ntp_host": "", "mqtt_prefix": PREFIX,
                    "mqtt_host": "broker.test", "mqtt_port": self.broker.port}
        self.site = site = await stack.enter_async_context(
            Site(self._slot, HEAP, self._script, settings,
                 {"MICROEVSE_DNS": "127.0.0.1:%d" % port}))
        self.address = ("127.0.0.1", site.port)
        site.plug.world.replace_car(car.Car(ready_s=0.1, dead_s=0.5))
        site.live.command("plug", {})
        await site.closed()
        with contextlib.suppress(PermissionError):  # a board has its processor to itself
            os.setpriority(os.PRIO_PROCESS, site.board.pid, _PRIORITY)
        await self.link()
        return self

    async def be(self, mood):
        """The broker's mood changes, and the charger tries anew at once."""
        await self.broker.be(mood)
        self._users += 1
        value = json.dumps({"name": "set", "value": ["mqtt_user", "user%d" % self._users]})

        async def is_told():
            try:
                heard = await hostile_http.ask(self.address, (
                    "POST /api/v1/command HTTP/1.1\r\nContent-Type: application/json\r\n"
                    "Content-Length: %d\r\n\r\n%s" % (len(value), value)).encode())
            except (OSError, asyncio.TimeoutError):
                return False
            return b" 200 " in heard[:20]

        await self.site.until(is_told, "a setting to be taken")

    async def link(self):
        """Wait until the broker's link is up."""
        async def is_up():
            try:
                status, body, _ = await self.site.get(STATUS)
            except OSError:
                return False
            return status == 200 and json.loads(body)["mqtt"]["state"] == "connected"

        await self.be(hostile_mqtt.GOOD)
        await self.site.until(is_up, "the link to the broker", _LINK_S)

    async def phase(self, seconds, *loads):
        """Let ``loads`` run for ``seconds``; returns the firmware's report of that time."""
        return await self.site.phase(seconds, *[_ended(load) for load in loads])

    async def poll(self, took):
        """Ask for the status at leisure for ever; who is turned away comes again."""
        while True:
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                status, _, elapsed = await self.site.get(STATUS)
                if status == 200:
                    took.append(elapsed)
            await asyncio.sleep(0.2)

    def crowd(self):
        """Rude clients of all kinds, one after the other, for ever."""
        async def one(seed):
            rng = random.Random(seed)
            while True:
                for kind in hostile_http.KINDS.values():
                    with contextlib.suppress(OSError, asyncio.TimeoutError,
                                             asyncio.IncompleteReadError):
                        with hostile_http.limit(2):
                            await kind(self.address, rng)

        return one(SEED)


async def _ended(work):
    """``await work``, which is over when this is: wait_for in it may swallow a cancellation."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
        task.result()
    finally:
        await hostile_http.end([task])


async def endpoints(table, slot, seconds):
    """Rows of latency at leisure and of rate under pressure."""
    async with Net(slot, BOTH) as net:
        calm = await net.phase(seconds)
        add_late(table, calm, "linked to a broker, no requests")
        took = {path: [] for path in ENDPOINTS}
        for path in ENDPOINTS:
            for _ in range(seconds * _TIMES_PER_S):
                status, _, elapsed = await net.site.get(path)
                if status != 200:
                    raise build.Problem("%s answered %d" % (path, status))
                took[path].append(elapsed)
                await asyncio.sleep(random.uniform(0.02, 0.06))
            setup = "%d requests one by one, a connection each, linked to a broker" % len(
                took[path])
            table.add("GET %s p50" % path, "ms", percentile(took[path], 500), setup)
            table.add("GET %s p99" % path, "ms", percentile(took[path], 990), setup)
        for path in ENDPOINTS:
            counts = [0]
            report = await net.phase(seconds // 2, *[_press(net, path, counts)
                                                          for _ in range(_CALLERS)])
            table.add("GET %s, most" % path, "1/s", counts[0] / (seconds // 2),
                      "%d clients ask again at once, a connection each" % _CALLERS)
            add_late(table, report, "%s as often as possible" % path)


async def _press(net, path, counts):
    while True:
        try:
            status, _, _ = await net.site.get(path)
        except OSError:
            continue
        if status == 200:
            counts[0] += 1
        await asyncio.sleep(0)


def add_late(table, report, what):
    """Rows about the control cycle where there is much to compare."""
    periods = report["bins"]
    setup = "%d periods, up to 11 13 16 20 30 50 100 200 ms, above: %s" % (
        sum(periods), " ".join(map(str, periods)))
    table.add("late control periods, " + what, "%",
              100 * sum(periods[4:]) / max(sum(periods), 1), setup, _LATE_PERCENT)


async def faults(table, slot, seconds):
    """Rows of the control cycle in each mood of the broker, without and with rude clients."""
    async with Net(slot, BOTH) as net:
        took = []
        report = await net.phase(seconds, net.poll(took))
        add_cycle(table, report, "linked, %s 5/s" % STATUS)
        for mood in FAULTS:
            await net.be(mood)
            took = []
            report = await net.phase(seconds, net.poll(took))
            add_late(table, report, "broker: %s" % mood)
            table.add("GET %s p50, broker: %s" % (STATUS, mood), "ms", percentile(took, 500),
                      "%d requests" % len(took))
        await net.link()
        report = await net.phase(seconds, net.crowd(), net.crowd(), net.poll([]))
        add_cycle(table, report, "linked, rude clients")
        await net.be("a thousand a second")
        report = await net.phase(seconds, net.crowd(), net.crowd(), net.poll([]))
        add_cycle(table, report, "1000 messages/s, rude clients")


async def slices(table, slot, seconds):
    """Rows of the longest slices, of code alone, in all of that."""
    async with Net(slot, SLICES) as net:
        for path in ENDPOINTS:
            report = await net.phase(seconds, net.site.poll(path, []))
            costs = [took / report["unit_ns"] for took in report["slices"]]
            if not costs:
                raise build.Problem("nobody asked for %s" % path)
            table.add("longest slice of GET %s" % path, "S", max(costs),
                      "code alone; number %d of %d, lower quartile of that of %d requests" % (
                          costs.index(max(costs)) + 1, len(costs), report["lives"]), SLICE_S)
        report = await net.phase(seconds, net.crowd())
        add_longest(table, report, "rude clients", ("web", "control", "bus"))
        for mood in FAULTS:
            await net.be(mood)
            report = await net.phase(seconds)
            add_longest(table, report, "broker: " + mood, ("MQTT",))
        await net.link()
        report = await net.phase(2 * seconds, net.poll([]))
        add_longest(table, report, "linked", report["longest"])


def add_longest(table, report, what, wanted):
    """Rows of the longest slice of some tasks: the lower quartile of those of each second."""
    for name in wanted:
        costs = sorted(took / report["unit_ns"]
                       for took in report["longest"].get(name, ()))
        if not costs:
            raise build.Problem("the task %s was never seen" % name)
        # Here the control task does what a timer and registers do on the board.
        table.add("longest slice of %s, %s" % (name, what), "S", costs[len(costs) // 4],
                  "code alone; lower quartile of the longest of each of %d s" % len(costs),
                  None if name == "control" else SLICE_S)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="endpoints, faults, slices; none: all")
    parser.add_argument("--seconds", type=int, default=10, help="length of each phase")
    options = parser.parse_args()
    works = {"endpoints": endpoints, "faults": faults, "slices": slices}
    unknown = set(options.names) - set(works)
    if unknown:
        parser.error("there is no part called %s" % ", ".join(sorted(unknown)))
    table = Table()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        try:
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot"))
            for name in options.names or works:
                asyncio.run(works[name](table, slot, options.seconds))
        except (build.Problem, firmware.Missing, OSError) as problem:
            sys.exit(str(problem))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "net.json").write_text(json.dumps(table.rows, indent=1) + "\n", encoding="utf-8")
    print("net (build/bench/net.json), %d s; periods over %d ms are late\n" % (
        time.monotonic() - begun, LATE_MS))
    show(table.rows)
    sys.exit(0 if all(row["pass"] for row in table.rows) else 1)


if __name__ == "__main__":
    main()
