"""Runs on MicroPython: what each service of the charger bears, and comes back from.

The whole firmware charges a car on simulated time, its services busy with ``faults_peers``. Then,
slice by slice of each service: an exception where it waits, memory that ends so and so many bytes
into the slice, and a wait that never ends. The rest has to go on as if nothing were.
"""

import asyncio
import io
import json
import sys
from asyncio import core

import faults_site
import faults_time
from evse import supervisor
from evse.power.readings import CIRCUIT, MAINS
from evse.supervisor import TASKS
from faults_board import Board
from faults_peers import HOST, Peers, Sockets
from faults_spoil import HANG, PROBE, RAISE, Order, Spoilt, Task, order

# Tasks of their own that the web server and the HomeWizard meters begin.
CONNECTION, METER = len(TASKS), len(TASKS) + 1
_NAMES = {CONNECTION: "web connection", METER: "HomeWizard meter"}
_CHILDREN = {"'accept'": CONNECTION, "'run'": METER}
SERVICES = (supervisor.FRONT, supervisor.WEB, CONNECTION, supervisor.TIME, supervisor.BUTTONS,
            supervisor.DISPLAY, supervisor.WIFI, supervisor.BUS, supervisor.HOMEWIZARD, METER,
            supervisor.MQTT, supervisor.MODBUS, supervisor.LOG)
_LEAST = 32  # bytes of memory that are given at once
_SOON_MS = 15_000  # within which a slice comes, or there are no more
_WELL_MS = 30_000
_SETTLED_MS = 12_000
_SLICES = 3  # after which one that was started again is well
_NOTHING_NEW = 12  # slices in a row that wait where others did: from then on some are left out
_JOINED = 2  # of a radio

# ---- the board ----

class _Screen:
    def restart(self, now):
        pass

    def step(self, now):
        return True

    def send(self, page, view):
        return None


class _Air:
    """A radio that joins whatever it is told to."""

    def __init__(self):
        self._joined = False

    def join(self, ssid, password, fixed):
        self._joined = bool(ssid)

    def restart(self):
        self._joined = False

    def link(self):
        return (_JOINED, HOST, -50) if self._joined else (0, "", 0)

    def scan(self):
        pass

    def found(self):
        return []

    def channel(self):
        return 1

    def portal_dns(self):
        return None

    mdns = portal_dns


class Wired(Board):
    """A board with all that services need; ``ports`` are where its peers and servers are."""

    ports = {}

    def __init__(self, charger):
        super().__init__(charger)
        self._air = _Air()

    def display(self):
        return _Screen()

    def radio(self):
        return self._air

    def buttons(self):
        return 4 if self._clock.ms // 200 % 5 == 0 else 0  # leafs through the screens

    def http_address(self):
        return HOST, self.ports["http"]

    def modbus_address(self):
        return HOST, self.ports["modbus"]

    def telnet_address(self):
        return HOST, self.ports["telnet"]

    def dns_server(self):
        return "%s:%d" % (HOST, self.ports["dns"])


def _settings(ports):
    return {"wifi": "Enabled", "wifi_ssid": "home", "wifi_password": "correct horse",
            "mqtt_host": "broker.test", "mqtt_port": ports["mqtt"], "trust_lan": "Enabled",
            "ntp_host": "ntp.test:%d" % ports["ntp"], "modbus_tcp": "Enabled",
            "telnet": "Enabled", "circt_met": "HomeWizrd",
            "circt_host": "%s:%d" % (HOST, ports["meter"])}


# ---- the campaign ----

class Unwell(Exception):
    """It did not come back."""


class Campaign:
    """Spoils the services of a charger that charges."""

    def __init__(self, clock, ports):
        core._io_queue = Sockets(clock)
        Wired.ports = ports
        faults_site.Board = Wired
        self._clock = clock
        self._clocks = 0
        inherit = asyncio.create_task

        def create(coroutine):
            text = str(coroutine)
            for name, number in _CHILDREN.items():
                if name in text:
                    coroutine = Spoilt(number, coroutine)
            return inherit(coroutine)

        asyncio.create_task = create
        self.peers = Peers(clock, ports)
        self.site = faults_site.Site(clock, _settings(ports))
        self.charger = self.site.charger

    async def start(self):
        """Charge, with all services in use."""
        await self.peers.start(lambda one: self._clock.owned(one, None))
        await self.site.start()
        if not await self.site.charge():
            raise Unwell("it did not charge")
        await asyncio.sleep_ms(_SETTLED_MS)
        self.charger.app.cycle.worst_ms = 0

    def _worked(self, number):
        """How often the service has done what it is for, as far as that is seen from outside."""
        source = {supervisor.BUS: MAINS, supervisor.HOMEWIZARD: CIRCUIT,
                  METER: CIRCUIT}.get(number)
        if source is not None:
            return self.charger.core.readings.count[source]
        return self.peers.answers.get(number)

    def _asked(self, number):
        """The time is asked for seldom, but at once of another server."""
        if number == supervisor.TIME:
            self._clocks += 1
            self.charger.core.command("set", ("ntp_host", "ntp%d.test:%d" % (
                self._clocks, Wired.ports["ntp"])), "LCD")

    async def spoil(self, number, step, how):
        """Do that to a slice; returns the ms until all was well again, None: no such slice.

        Raises Unwell when it was not.
        """
        task = Task.all.get(number)
        order(number, step, how)
        self._asked(number)
        if how == HANG or task and step <= Order.slices.get(number, 0):
            await self._anew(task)
        restarts = task.restarts if task else 0
        if await self.site.until(lambda: Order.fired, _SOON_MS) is None:
            order(None, None, RAISE)
            return None
        began = self._clock.ms
        self._asked(number)
        worked = self._worked(number)
        starts = restarts + 1 if task and (Order.problem or how == HANG) else 0
        if await self.site.until(lambda: self._well(number, task, starts, worked),
                                 _WELL_MS) is None:
            raise Unwell("%s, slice %d: not well after it" % (_name(number), step))
        took = self._clock.ms - began
        self._place()
        if task:
            task.fails = 0  # the next one finds it in good health
        del self.charger.flash.ops[:], self.charger.changes[:]  # they would fill the memory
        return took

    async def _anew(self, task):
        """Have the service begin anew, so that its slices come again."""
        if task and task.task:
            task.end(RuntimeError("anew"))
            await self.site.until(lambda: not task.task, _SOON_MS)
            task.fails = task.at_s = 0

    def _well(self, number, task, starts, worked):
        if task and not task.task and number != supervisor.TIME:
            task.at_s = 0  # not to wait for the supervisor's pause, which grows
            return False
        if starts and (task.restarts < starts or Order.slices[number] < _SLICES):
            return False
        return self._worked(number) is None or self._worked(number) != worked

    def _place(self):
        """Keep where in the code the service ended."""
        if Order.problem:
            text = io.StringIO()
            sys.print_exception(Order.problem, text)
            lines = [line for line in text.getvalue().split("\n") if "File" in line]
            Order.place = lines[-1].strip() if lines else "?"

    def broken(self):
        """What did not hold meanwhile."""
        broken = list(self.site.judge.broken)
        if self.charger.starts > 1:
            broken.append("the board was restarted")
        elif not self.charger.draws():
            broken.append("the car did not charge any more: %s"
                          % self.charger.app.status.reason_text())
        return broken

    async def exceptions(self, number, most):
        """An exception in each slice up to ``most``; (row, slices that waited elsewhere)."""
        row = _row("exception", number)
        places = {}
        step = 0 if number in Task.all else 1
        old = 0
        while step <= most and not self.broken():
            took = await self.spoil(number, step, RAISE)
            if took is None:
                break
            row["tries"] += 1
            row["ms"] = max(row["ms"], took)
            old += 1
            if Order.place and Order.place not in places:
                places[Order.place] = step
                old = 0
            step += 1 + (step // 4 if old > _NOTHING_NEW else 0)
        row["places"] = len(places)
        return self._judged(row), sorted([step for step in places.values() if step])

    async def memory(self, number, steps, most):
        """Memory that ends anywhere in these slices, at up to ``most`` places in each."""
        row = _row("memory", number)
        for step in steps:
            if self.broken() or await self.spoil(number, step, PROBE) is None:
                continue
            need = Order.need
            row["places"] += 1
            for left in range(0, need, max(_LEAST, need // most // _LEAST * _LEAST)):
                took = await self.spoil(number, step, left)
                if took is not None:
                    row["tries"] += 1
                    row["ms"] = max(row["ms"], took)
        return self._judged(row)

    async def hangs(self, number, steps):
        """It waits for ever, in each of these slices."""
        row = _row("hang", number)
        for step in steps:
            took = await self.spoil(number, step, HANG)
            if took is not None:
                row["tries"] += 1
                row["places"] += 1
                row["ms"] = max(row["ms"], took)
        return self._judged(row)

    def _judged(self, row):
        row["broken"] = self.broken()
        row["control_ms"] = self.charger.app.cycle.worst_ms if self.charger.app else -1
        return row


def _name(number):
    return _NAMES.get(number) or TASKS[number][0]


def _row(kind, number):
    return {"kind": kind, "service": _name(number), "tries": 0, "places": 0, "ms": 0}


async def _whole(clock, work, say):
    campaign = Campaign(clock, work["ports"])
    await campaign.start()
    for number in SERVICES:
        if work["only"] and _name(number) not in work["only"]:
            continue
        try:
            row, steps = await campaign.exceptions(number, work["slices"])
            say(row)
            steps = steps[: work["steps"]] or [1]
            if number in _NAMES:  # each wait of theirs has its own limit
                say(await campaign.memory(number, steps, work["cuts"]))
            else:
                say(await campaign.memory(number, [0] + steps, work["cuts"]))
                say(await campaign.hangs(number, (steps[0], steps[-1])[: work["hangs"]]))
        except Unwell as problem:
            say(dict(_row("", number), broken=[str(problem)], control_ms=-1))
            return


def main(source, destination):
    """Do what the file ``source`` says; a line of JSON for each row goes to ``destination``."""
    supervisor.Watched = Task
    with open(source) as file:
        work = json.load(file)
    with open(destination, "w") as out:
        def say(row):
            out.write(json.dumps(row) + "\n")
            out.flush()

        faults_time.run(lambda clock: _whole(clock, work, say))
