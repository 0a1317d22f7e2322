"""A charging twin in hostile traffic, and whether it minds: ``make soak ARGS="--minutes 30"``.

Rounds of scenes (see ``hostile``) meet the charger while a car charges and ordinary clients ask
for this and that. After each round everything is good again, and it has to be as before: link,
WiFi and page within their times, memory, sockets and tasks flat, the car charging without a
pause. A table is printed and left in build/bench/soak.json; the exit code is 1 when a row misses
its limit.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import build
import hostile
import hostile_http
import hostile_mqtt
import hostile_others
from bench import OUT, Table, show
from soak_twin import Twin
from twin import firmware

HEAP = "560K"  # docs/soak.md
ROUND = 10  # scenes
SCENE_S = 12
# The server forgets after a minute what nobody has asked for again.
CALM_S, CALM_SHORT_S = 70, 8
# What loads all that stays, or stays for a while, once it has been used.
WARM_UP = hostile.Scene(0, ("guesses", "deep bodies"), "a thousand a second", "good", "good",
                        "both", False)
PREFIX = "soak"
BROKER, CLOCKS = "broker.test", ("ntp.test:%d", "time.test:%d")
_NICE = 5
_START_S = 60
_LOOK_S = 0.25
_PATIENCE_S = 120
_ASIDE = ("setting changed", "clock set", "WiFi joined", "WiFi lost", "mode changed")

LATE_PERCENT = 5
WORST_MS = 500  # a control task that is not seen for so long does not get the watchdog fed
PAGE_S, WIFI_S, MQTT_S = 12, 30, 60
# Bytes on a 64-bit host: what is kept for a while, caches and lists that grow by halves.
GROWTH, GROWTH_SHORT = 2048, 16384
WAIT_S = 30


class Soak:
    """One soak. ``say`` is told what goes on, a line at a time."""

    def __init__(self, seed, scene_s, calm_s, say):
        self._seed = seed
        self._scene_s = scene_s
        self._calm_s = calm_s
        self._say = say
        self._stack = contextlib.AsyncExitStack()
        self._scenes = hostile.scenes(seed)
        self._clocks = itertools.cycle(CLOCKS)
        self.clients = hostile_http.ordinary()
        self.clients[0].take = self._look
        self.met = []  # scenes
        self.calms = []  # what each calm window showed
        self.recovered = []  # {what: seconds}, one for each round
        self.rounds = []  # (control periods, late ones) under attack
        self.pauses = []  # why it did not charge, as often as that was seen
        self.events = {}  # of the journal: {text: how often}
        self.closings = 0
        self.log = []  # what the firmware printed
        self.reports = []  # what it said of itself
        self._number = self._looks = 0

    async def run(self, slot, seconds, heap=HEAP):
        """Do it all."""
        async with self._stack as stack:
            await self._start(stack, slot, heap)
            self._say("the twin is up")
            await self._until_good(_START_S)
            self._say("charging, linked")
            self.closings = (await self.twin.world())["contactors"]["closings"]
            end = time.monotonic() + seconds
            await self._round([WARM_UP])
            self.events.clear()  # those of the start
            while time.monotonic() < end:
                await self._round(self._until(end))
            self.state = await self.twin.world()
            self.cycle = (await self._status())["cycle"]
            self.log = self.twin.log
            self.reports = [report for _, report in self.twin.reports]

    async def _start(self, stack, slot, heap):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="microevse-"))
        self.names = hostile_others.NameServer(self._seed)
        self.times = hostile_others.TimeServer(self._seed)
        self.broker = hostile_mqtt.Broker(folder, PREFIX, self._seed)
        ports = []
        for server in (self.names, self.times):
            ports.append(await server.start())
            stack.callback(server.close)
        self._time_port = ports[1]
        stack.push_async_callback(self.broker.close)
        await self.broker.start()
        settings = {"trust_lan": "Enabled", "wifi": "Enabled", "wifi_ssid": "home",
                    "wifi_password": "correct horse", "mqtt_host": BROKER,
                    "mqtt_port": self.broker.port, "mqtt_prefix": PREFIX,
                    "ntp_host": next(self._clocks) % ports[1]}
        self.twin = await stack.enter_async_context(
            Twin(slot, heap, settings, {"MICROEVSE_DNS": "127.0.0.1:%d" % ports[0]}))

    # ---- the traffic ----

    def _until(self, end):
        """The scenes of a round, fewer when the time is up."""
        for scene in itertools.islice(self._scenes, ROUND):
            if time.monotonic() >= end:
                return
            yield scene

    async def _round(self, scenes):
        before = (await self._status())["cycle"]
        tasks = [asyncio.ensure_future(client.run((self.twin.place.host, self.twin.place.http)))
                 for client in self.clients]
        tasks.append(asyncio.ensure_future(
            hostile_http.listen((self.twin.place.host, self.twin.place.http))))
        try:
            for scene in scenes:
                await self._play(scene)
            recovering = time.monotonic()
            links = self.broker.count
            await self._be_good()
            await self._recover(recovering, links)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await hostile_http.end(tasks)
        after = (await self._status())["cycle"]
        self.rounds.append((after["count"] - before["count"], after["late"] - before["late"]))
        await self._calm()

    async def _play(self, scene):
        self.met.append(scene)
        self._say("scene %3d: %s" % (len(self.met), scene))
        self.names.mood, self.times.mood = scene.dns, scene.ntp
        await self._settings(scene.servers)
        await self.twin.set("ntp_host", next(self._clocks) % self._time_port)
        await self.broker.be(scene.mqtt)
        if scene.wifi:
            await self.twin.world("access_point", on=False)
        await hostile.attack(self.twin.place, scene, self._scene_s)
        if scene.wifi:
            await self.twin.world("access_point", on=True)
        await self._read_journal()

    async def _settings(self, servers):
        for key, kind in (("modbus_tcp", "modbus"), ("telnet", "telnet")):
            await self.twin.set(key, "Enabled" if servers in (kind, "both") else "Disabled")

    async def _be_good(self):
        self.names.mood = self.times.mood = "good"
        await self.broker.be(hostile_mqtt.GOOD)
        await self.twin.world("access_point", on=True)

    async def _recover(self, begun, links):
        """Wait for all that has a time to be good again, ``links`` having been made before."""
        missing = {"page": lambda status: "version" in status,
                   "WiFi": lambda status: status["network"]["state"] == "joined",
                   "MQTT": lambda status: (status["mqtt"]["state"] == "connected"
                                           and self.broker.count > links)}
        took = {}
        while missing and time.monotonic() - begun < _PATIENCE_S:
            with contextlib.suppress(OSError):
                status = await self.twin.get("/api/v1/status")
                for what in [what for what, good in missing.items() if good(status)]:
                    del missing[what]
                    took[what] = time.monotonic() - begun
            await asyncio.sleep(_LOOK_S)
        took.update(dict.fromkeys(missing, _PATIENCE_S))
        self.recovered.append(took)
        self._say("good again after " + ", ".join("%s %.1f s" % item for item in took.items()))
        await self._settings("")

    async def _until_good(self, seconds):
        async def good():
            status = await self.twin.get("/api/v1/status")
            if not (status["charging"] and status["mqtt"]["state"] == "connected"
                    and status["network"]["state"] == "joined"):
                raise OSError("not charging, or not connected: %s" % status["mqtt"])

        await self.twin.insist(good, seconds)

    # ---- the looks ----

    async def _status(self):
        return await self.twin.insist(lambda: self.twin.get("/api/v1/status"), _PATIENCE_S)

    def _look(self, body):
        """The page's client has an answer."""
        self._looks += 1
        status = json.loads(body)
        if not status["charging"]:
            self.pauses.append("%s %s" % (status["reason"]["text"], status["fault"]))

    async def _read_journal(self):
        rows = await self.twin.insist(
            lambda: self.twin.get("/api/v1/journal?since=%d" % self._number), _PATIENCE_S)
        for row in rows:
            self._number = row["number"] + 1
            self.events[row["text"]] = self.events.get(row["text"], 0) + 1

    async def _calm(self):
        """Nobody asks for anything: what is held now should be what was held before."""
        await self._read_journal()
        before = (await self._status())["cycle"]
        # The server keeps the last three modules that answered: always the same ones.
        for work in (lambda: self.twin.post("/currents?battery_current=0"),
                     lambda: self.twin.get("/api/v1/limits"),
                     lambda: self.twin.get("/api/v1/journal"),
                     lambda: self.twin.get("/api/v1/status")):
            await self.twin.insist(work, _PATIENCE_S)
        begun = time.monotonic()
        sockets = []  # for each moment a list of them
        while time.monotonic() - begun < self._calm_s:
            await asyncio.sleep(1)
            sockets.append(self.twin.sockets())
        seen = [report for at, report in self.twin.reports if at > begun]
        if not seen:
            raise build.Problem("the firmware says nothing\n" + self.twin.tail())
        after = (await self._status())["cycle"]
        self.calms.append({"live": min(report["live"] for report in seen),
                           "tasks": min(report["tasks"] for report in seen),
                           "sockets": None if None in sockets else min(map(len, sockets)),
                           "count": after["count"] - before["count"],
                           "late": after["late"] - before["late"]})
        self._say("calm: %(live)d bytes live, %(tasks)d tasks, %(sockets)s sockets"
                  % self.calms[-1])
        if sockets[-1] and len(sockets[-1]) > self.calms[0]["sockets"]:
            self._say("sockets: " + ", ".join(sockets[-1]))

    # ---- the verdict ----

    def table(self):
        """The rows."""
        table = Table()
        whole = len(self.rounds) > 2 and self._calm_s >= CALM_S
        first, last = self.calms[whole], self.calms[-1]
        setup = "seed %d, %d scenes of %d s in %d rounds" % (
            self._seed, len(self.met), self._scene_s, len(self.rounds))
        count, late = (sum(numbers) for numbers in zip(*self.rounds))
        attacked = 100 * late / max(count, 1)
        calm = (100 * sum(one["late"] for one in self.calms)
                / max(sum(one["count"] for one in self.calms), 1))
        table.add("late control periods, calm", "%", calm,
                  "over 20 ms, between the rounds: what this PC does", LATE_PERCENT)
        table.add("late control periods, attacked", "%", attacked,
                  "%s; %d periods" % (setup, count))
        table.add("late control periods, by the attacks", "%", max(0, attacked - calm),
                  "attacked less calm", LATE_PERCENT)
        table.add("longest control period", "ms", self.cycle["worst_ms"],
                  "since the start, this PC's pauses included", WORST_MS)
        table.add("times seen not charging", "", len(self.pauses),
                  "of %d looks; %s" % (self._looks, "; ".join(self.pauses[:3])), 0)
        contactor = self.state["contactors"]
        table.add("closings of the contactor", "", contactor["closings"] - self.closings,
                  "those of the start aside", 0)
        table.add("contactor open at the end", "", not contactor["c1"], "", 0)
        table.add("faults", "", self.events.get("fault set", 0), "in the journal", 0)
        table.add("tasks restarted", "", self.events.get("task restarted", 0), "in the journal",
                  0)
        wrong = [line for line in self.log if "Traceback" in line or "MemoryError" in line]
        table.add("exceptions printed", "", len(wrong), "; ".join(wrong[:2]), 0)
        table.add("growth of live memory", "bytes", last["live"] - first["live"],
                  "from %d, after the %s, to %d; 64 bit" % (
                      first["live"], "first round" if whole else "warm-up", last["live"]),
                  GROWTH if whole else GROWTH_SHORT)
        table.add("live memory, most", "KB",
                  max(report["live"] for report in self.reports) / 1024,
                  "after a collection, under attack; 64 bit, heap %s" % HEAP)
        table.add("tasks more than before", "", last["tasks"] - first["tasks"],
                  "of %d" % first["tasks"], 0)
        if last["sockets"] is not None:
            table.add("sockets more than before", "", last["sockets"] - first["sockets"],
                      "of %d" % first["sockets"], 0)
        for what, limit in (("page", PAGE_S), ("WiFi", WIFI_S), ("MQTT", MQTT_S)):
            table.add("%s good again after" % what, "s",
                      max(took[what] for took in self.recovered), "the worst round", limit)
        for client in self.clients:
            table.add("longest wait of the %s" % client.name, "s", client.gap_s,
                      "%d answers, %d times turned away, %d broken%s" % (
                          client.answers, client.turned_away, client.broken,
                          "; " + client.wrong if client.wrong else ""))
            table.add("wrong answers to the %s" % client.name, "", bool(client.wrong),
                      client.wrong, 0)
        return table


async def soak(slot, seconds, seed, scene_s, calm_s, say):
    """Soak the firmware in ``slot``; returns the table."""
    one = Soak(seed, scene_s, calm_s, say)
    await one.run(slot, seconds)
    others = {text: count for text, count in one.events.items() if text not in _ASIDE}
    say("journal besides: %s" % (others or "nothing"))
    return one.table()


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=7, help="the same scenes for the same seed")
    parser.add_argument("--scene", type=float, default=SCENE_S, metavar="SECONDS",
                        help="how long each scene takes")
    parser.add_argument("--calm", type=float, default=CALM_S, metavar="SECONDS",
                        help="how long nobody asks for anything between the rounds")
    options = parser.parse_args()
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the twin ends, too

    def say(line):
        print("%5d s  %s" % (time.monotonic() - begun, line), flush=True)

    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        try:
            # A copy, so that a build meanwhile does not change what is soaked.
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot"))
            table = asyncio.run(soak(slot, options.minutes * 60, options.seed, options.scene,
                                     options.calm, say))
        except (build.Problem, firmware.Missing, OSError) as problem:
            sys.exit(str(problem))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "soak.json").write_text(json.dumps(table.rows, indent=1) + "\n", encoding="utf-8")
    print()
    show(table.rows)
    sys.exit(0 if all(row["pass"] for row in table.rows) else 1)


if __name__ == "__main__":
    with contextlib.suppress(PermissionError):
        os.nice(_NICE)
    main()
