"""A charging twin in hostile traffic, and whether it minds: ``make soak ARGS="--minutes 60"``.

Rounds of scenes (see ``hostile``) meet the charger while a car charges and ordinary clients ask
for this and that, and things break around it (see ``soak_faults``). After each round everything
is good again, and it has to be as before: link, WiFi and page within their times, memory, sockets
and tasks flat, the car charging without a pause that no fault explains. At the end its power is
cut. The table is printed and left in build/bench/soak.json, that of a whole hour or month is put
into docs/reliability.md; the exit code is 1 when a row misses its limit.
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
import soak_days
import soak_faults
import soak_table
import tables
from bench import OUT, show
from soak_twin import Twin
from twin import firmware

HEAP = "640K"  # docs/soak.md
MINUTES, SEED = 60, 7  # of a soak whose table is published
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
_LINES = 200
_ASIDE = ("setting changed", "clock set", "WiFi joined", "WiFi lost", "mode changed")


class Soak:
    """One soak. ``say`` is told what goes on, a line at a time.

    ``first`` True has the twin served before all else this machine does, where that is allowed.
    """

    def __init__(self, seed, scene_s, calm_s, say, first=False):
        self.seed = seed
        self.scene_s = scene_s
        self.calm_s = calm_s
        self._say = say
        self.first = first
        self._stack = contextlib.AsyncExitStack()
        self._scenes = hostile.scenes(seed)
        self._clocks = itertools.cycle(CLOCKS)
        self.clients = hostile_http.ordinary()
        self.clients[0].take = self._look
        self.met = []  # scenes
        self.calms = []  # what each calm window showed
        self.recovered = []  # {what: seconds}, one for each round
        self.rounds = []  # (control periods, late ones) under attack
        self.watch = soak_faults.Watch()
        self._faults = soak_faults.drawn(seed)
        self.events = {}  # of the journal: {text: how often}
        self.closings = 0
        self.log = []  # what the firmware printed
        self.reports = []  # what it said of itself
        self.looks = self._number = 0

    async def run(self, slot, seconds, heap=HEAP):
        """Do it all."""
        async with self._stack as stack:
            await self._start(stack, slot, heap)
            self._say("the twin is up")
            await self._until_good(_START_S)
            self._say("charging, linked")
            self.closings = (await self.twin.world())["contactors"]["closings"]
            end = time.monotonic() + seconds
            await self._round([WARM_UP], False)
            self.events.clear()  # those of the start
            self.watch = soak_faults.Watch()
            while time.monotonic() < end:
                await self._round(self._until(end))
            self.state = await self.twin.world()
            self.cycle = (await self._status())["cycle"]
            self.first = self.twin.first
            self.log = self.twin.log
            self.reports = [report for _, report in self.twin.reports]
            await self._cut_power()

    async def _start(self, stack, slot, heap):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="microevse-"))
        self.names = hostile_others.NameServer(self.seed)
        self.times = hostile_others.TimeServer(self.seed)
        self.broker = hostile_mqtt.Broker(folder, PREFIX, self.seed)
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
            Twin(slot, heap, settings, {"MICROEVSE_DNS": "127.0.0.1:%d" % ports[0]}, self.first))

    # ---- the traffic ----

    def _until(self, end):
        """The scenes of a round, fewer when the time is up."""
        for scene in itertools.islice(self._scenes, ROUND):
            if time.monotonic() >= end:
                return
            yield scene

    async def _round(self, scenes, breaking=True):
        before = (await self._status())["cycle"]
        tasks = [asyncio.ensure_future(client.run((self.twin.place.host, self.twin.place.http)))
                 for client in self.clients]
        tasks.append(asyncio.ensure_future(
            hostile_http.listen((self.twin.place.host, self.twin.place.http))))
        try:
            for scene in scenes:
                # Of two faults at once nobody could say which of them keeps the car waiting.
                await self._play(scene, next(self._faults)
                                 if breaking and not self.watch.excused else "")
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

    async def _play(self, scene, fault):
        self.met.append(scene)
        self._say("scene %3d: %s%s" % (len(self.met), scene, fault and "; " + fault))
        self.names.mood, self.times.mood = scene.dns, scene.ntp
        await self._settings(scene.servers)
        await self.twin.set("ntp_host", next(self._clocks) % self._time_port)
        await self.broker.be(scene.mqtt)
        if scene.wifi:
            await self.twin.world("access_point", on=False)
        if fault:
            self.watch.break_(fault)
            await self._order(soak_faults.FAULTS[fault].begin)
        await hostile.attack(self.twin.place, scene, self.scene_s)
        if fault:
            await self._order(soak_faults.FAULTS[fault].end)
            self.watch.mend()
        if scene.wifi:
            await self.twin.world("access_point", on=True)
        await self._read_journal()

    async def _order(self, command):
        name, arguments = command
        await self.twin.world(name, **arguments)

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
                                           and self.broker.count > links),
                   "charging": lambda _: not self.watch.excused}
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

    async def _cut_power(self):
        """The power fails and comes back: nothing may be lost, and it charges by itself."""
        settings = await self._settings_now()
        session = (await self._status())["session"]
        self._say("the power fails")
        begun = time.monotonic()
        await self.twin.world("reboot")
        await self._until_good(_PATIENCE_S)
        self.back_s = time.monotonic() - begun
        after = await self._settings_now()
        self.forgotten = [key for key in settings if settings[key] != after[key]]
        rows = (await self.twin.get("/api/v1/sessions?last=2"))["sessions"]
        kept = [row["wh"] for row in rows if row["number"] == session["number"]]
        self.lost_wh = session["wh"] - max(kept, default=0)
        self._say("charging again after %.1f s, %d Wh lost" % (self.back_s, self.lost_wh))

    # ---- the looks ----

    async def _status(self):
        return await self.twin.insist(lambda: self.twin.get("/api/v1/status"), _PATIENCE_S)

    def _look(self, body):
        """The page's client has an answer."""
        self.looks += 1
        status = json.loads(body)
        self.watch.looked(status["charging"],
                          "%s %s" % (status["reason"]["text"], status["fault"]))

    async def _settings_now(self):
        return await self.twin.insist(lambda: self.twin.get("/api/v1/settings?values"),
                                      _PATIENCE_S)

    async def _read_journal(self):
        rows = await self.twin.insist(
            lambda: self.twin.get("/api/v1/journal?since=%d" % self._number), _PATIENCE_S)
        for row in rows:
            self._number = row["number"] + 1
            self.events[row["text"]] = self.events.get(row["text"], 0) + 1
            if row["text"] == "fault set":
                self.watch.fault(row["a"])

    async def _calm(self):
        """Nobody asks for anything: what is held now should be what was held before."""
        await self._read_journal()
        self.watch.forgive()
        before = (await self._status())["cycle"]
        # The server keeps the last three modules that answered: always the same ones.
        for work in (lambda: self.twin.post("/currents?battery_current=0"),
                     lambda: self.twin.get("/api/v1/limits"),
                     lambda: self.twin.get("/api/v1/journal"),
                     lambda: self.twin.get("/api/v1/status")):
            await self.twin.insist(work, _PATIENCE_S)
        begun = time.monotonic()
        sockets = []  # for each moment a list of them
        while time.monotonic() - begun < self.calm_s:
            await asyncio.sleep(1)
            sockets.append(self.twin.sockets())
        seen = [report for at, report in self.twin.reports if at > begun]
        if not seen:
            raise build.Problem("the firmware says nothing\n" + self.twin.tail())
        after = (await self._status())["cycle"]
        self.calms.append({"live": min(report["live"] for report in seen),
                           "tasks": min(report["tasks"] for report in seen),
                           "block": max(report["block"] for report in seen),
                           "files": self.twin.files(),
                           "sockets": None if None in sockets else min(map(len, sockets)),
                           "count": after["count"] - before["count"],
                           "late": after["late"] - before["late"]})
        self._say("calm: %(live)d bytes live, %(tasks)d tasks, %(sockets)s sockets"
                  % self.calms[-1])
        if sockets[-1] and len(sockets[-1]) > self.calms[0]["sockets"]:
            self._say("sockets: " + ", ".join(sockets[-1]))


async def soak(slot, seconds, seed, scene_s, calm_s, say, first=False):
    """Soak the firmware in ``slot``, as ``Soak`` says; returns the table."""
    one = Soak(seed, scene_s, calm_s, say, first)
    await one.run(slot, seconds)
    others = {text: count for text, count in one.events.items() if text not in _ASIDE}
    say("journal besides: %s" % (others or "nothing"))
    table = soak_table.table(one)
    if not all(row["pass"] for row in table.rows):
        say("the firmware said:\n" + "\n".join(one.log[-_LINES:]))
    return table


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, help="the same scenes for the same seed")
    parser.add_argument("--scene", type=float, default=SCENE_S, metavar="SECONDS",
                        help="how long each scene takes")
    parser.add_argument("--calm", type=float, default=CALM_S, metavar="SECONDS",
                        help="how long nobody asks for anything between the rounds")
    parser.add_argument("--days", nargs="?", type=int, const=soak_days.DAYS, metavar="DAYS",
                        help="so many days of simulated time instead, %d unless told otherwise"
                        % soak_days.DAYS)
    options = parser.parse_args()
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the twin ends, too

    def say(line):
        print("%5d s  %s" % (time.monotonic() - begun, line), flush=True)

    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        try:
            # A copy, so that a build meanwhile does not change what is soaked.
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot"))
            if options.days:
                name, table = "days", soak_days.table(slot, options.days,
                                                      options.seed or soak_days.SEED)
            else:
                name, table = "soak", asyncio.run(soak(
                    slot, options.minutes * 60, options.seed or SEED, options.scene, options.calm,
                    say, True))
        except (build.Problem, firmware.Missing, firmware.Broken, OSError) as problem:
            sys.exit(str(problem))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / (name + ".json")).write_text(json.dumps(table.rows, indent=1) + "\n",
                                        encoding="utf-8")
    if options.days == soak_days.DAYS or not options.days and options.minutes >= MINUTES:
        tables.put(name, soak_table.text(table.rows))
    print()
    show(table.rows)
    sys.exit(0 if all(row["pass"] for row in table.rows) else 1)


if __name__ == "__main__":
    if os.geteuid():  # nobody else may have the firmware served first: then we come last
        os.nice(_NICE)
    main()
