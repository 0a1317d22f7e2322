"""Runs on MicroPython: what each service of the charger bears, and comes back from.

The whole firmware charges a car on simulated time, its services busy with ``faults_peers``. Then,
slice by slice of each service: an exception where it waits, memory that ends so and so many bytes
into the slice, and a wait that never ends. Then the network and the broker come and go. The rest
has to go on as if nothing were, and in the end all has to be in flash.
"""

import asyncio
import io
import json
import sys
from asyncio import core

import faults_case
import faults_site
import faults_time
from evse import supervisor
from evse.power.readings import CIRCUIT, MAINS
from evse.supervisor import TASKS
from faults_peers import PAGES, Peers, Sockets
from faults_spoil import HANG, PROBE, RAISE, Order, Spoilt, Task, order
from faults_wired import Wired, settings

# Tasks of their own that the web server and the HomeWizard meters begin.
CONNECTION, METER = len(TASKS), len(TASKS) + 1
ALL = len(TASKS) + 2  # services together
_NAMES = {CONNECTION: "web connection", METER: "HomeWizard meter", ALL: "all of them"}
_CHILDREN = {"'accept'": CONNECTION, "'run'": METER}
SERVICES = (supervisor.FRONT, supervisor.WEB, CONNECTION, supervisor.TIME, supervisor.BUTTONS,
            supervisor.DISPLAY, supervisor.WIFI, supervisor.BUS, supervisor.HOMEWIZARD, METER,
            supervisor.MQTT, supervisor.MODBUS, supervisor.LOG)
_ASKED = (supervisor.WEB, supervisor.MQTT, supervisor.MODBUS, supervisor.LOG)
_LEAST = 32  # bytes of memory that are given at once
_SOON_MS = 15_000  # within which a slice comes, or there are no more
# Until what a service does is seen again: it is asked twice a second, others ask each 2 s or 5 s.
_WELL_MS = 10_000
_LOOK_MS = 1000  # more than until the supervisor looks at it again
_PAUSES_MS = 40_000  # the broker's longest pause, and what comes then
_SETTLED_MS = 12_000
_SLICES = 3  # after which one that was started again is well
_NOTHING_NEW = 12  # slices in a row that wait where others did: from then on some are left out
_FLAPS = 30
_FLAP_MS = 2000
_GONE_MS = (1000, 20_000, 120_000)
_WH = 20  # what the energy may be wrong by when the bus was started again a hundred times


class Unwell(Exception):
    """It did not come back."""


class Campaign:
    """Spoils the services of a charger that charges. ``row`` is the one that is being made."""

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
        self.site = faults_site.Site(clock, settings(ports))
        self.charger = self.site.charger

    async def start(self):
        """Charge, with all services in use."""
        await self.peers.start(lambda one: self._clock.owned(one, None))
        await self.site.start()
        if not await self.site.charge():
            raise Unwell("it did not charge")
        self.peers.password = self.charger.app.status.portal_password
        await asyncio.sleep_ms(_SETTLED_MS)

    def _worked(self, number):
        """How often the service has done what it is for, as far as that is seen from outside."""
        source = {supervisor.BUS: MAINS, supervisor.HOMEWIZARD: CIRCUIT,
                  METER: CIRCUIT}.get(number)
        if source is not None:
            return self.charger.core.readings.count[source]
        number = supervisor.WEB if number == CONNECTION else number
        if number == supervisor.TIME or number in _ASKED:
            return self.peers.answers.get(number, 0)
        return None

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
                                 _limit_ms(number, how)) is None:
            raise Unwell("slice %d: not well after it" % step)
        took = self._clock.ms - began
        self._place()
        if task:
            task.fails = 0  # the next one finds it in good health
        del self.charger.changes[:]  # they would fill the memory
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
        """Keep where the service ended: the firmware's functions, which have no line numbers."""
        if Order.problem:
            text = io.StringIO()
            sys.print_exception(Order.problem, text)
            Order.place = "".join([line for line in text.getvalue().split("\n")
                                   if "evse/" in line]) or "?"

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
        row = self._row("exception", number)
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
        row = self._row("memory", number)
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
        row = self._row("hang", number, HANG)
        for step in steps:
            took = await self.spoil(number, step, HANG)
            if took is not None:
                row["tries"] += 1
                row["places"] += 1
                row["ms"] = max(row["ms"], took)
        return self._judged(row)

    async def flaps(self):
        """The network is lost and found again and again, with all who are on it."""
        row = self._row("flaps", supervisor.WIFI)
        restarts = self._restarts()
        air = self.charger.board.air
        for _ in range(_FLAPS):
            air.away = True
            self.peers.lose("http", "modbus", "telnet", "dns", "ntp", "mqtt", "meter")
            await asyncio.sleep_ms(_FLAP_MS)
            air.away = False
            await self.peers.find()
            await asyncio.sleep_ms(_FLAP_MS)
            row["tries"] += 1
        return await self._found(row, restarts)

    async def broker(self):
        """The broker dies, for longer each time."""
        row = self._row("broker", supervisor.MQTT)
        restarts = self._restarts()
        for gone_ms in _GONE_MS:
            self.peers.lose("mqtt")
            await asyncio.sleep_ms(gone_ms)
            await self.peers.find()
            row["tries"] += 1
            await self._found(row, restarts)
        return row

    def _restarts(self):
        return sum([row[1] for row in self.charger.app.supervisor.rows()])

    async def _found(self, row, restarts):
        """Wait until all who are on the network are answered again, and judge."""
        row["limit_ms"] = _PAUSES_MS
        before = dict(self.peers.answers)
        took = await self.site.until(
            lambda: self.charger.app.status.network.state == "joined" and all(
                self.peers.answers.get(number, 0) > before.get(number, 0) for number in _ASKED),
            _PAUSES_MS)
        if took is None:
            raise Unwell("not all were answered again")
        row["ms"] = max(row["ms"], took)
        self._judged(row)
        if self._restarts() > restarts:
            row["broken"].append("a task was restarted")
        return row

    async def kept(self):
        """The car leaves: all of it has to be in flash."""
        row = self._row("kept", ALL)
        row["tries"] = 1
        row["limit_ms"] = 0
        self._judged(row)
        lost = await faults_case.lost(self.site, _WH, {})
        row["broken"] += [lost] if lost else self.site.judge.broken
        return row

    def _row(self, kind, number, how=RAISE):
        name = _name(number)
        if number == CONNECTION:
            name += " (%s)" % self.peers.page
        self.row = {"kind": kind, "service": name, "tries": 0, "places": 0, "ms": 0,
                    "limit_ms": _limit_ms(number, how)}
        return self.row

    def _judged(self, row):
        row["broken"] = self.broken()
        return row

    async def all(self, number, work, say):
        """All that is done to one service; ``say`` gets the rows."""
        row, steps = await self.exceptions(number, work["slices"])
        say(row)
        steps = steps[: work["steps"]] or [1]
        if number in _NAMES:  # each wait of theirs has its own limit
            say(await self.memory(number, steps, work["cuts"]))
        else:
            say(await self.memory(number, [0] + steps, work["cuts"]))
            say(await self.hangs(number, (steps[0], steps[-1])[: work["hangs"]]))


def _name(number):
    return _NAMES.get(number) or TASKS[number][0]


def _limit_ms(number, how):
    """Until a service has to be well again after ``how``: its pauses are not waited for."""
    return _WELL_MS + (TASKS[number][1] + _LOOK_MS if how == HANG else 0)


async def _whole(clock, work, say):
    campaign = Campaign(clock, work["ports"])
    await campaign.start()
    try:
        for number in SERVICES:
            if work["only"] and _name(number) not in work["only"]:
                continue
            for page in sorted(PAGES) if number == CONNECTION else ("status",):
                campaign.peers.page = page
                await campaign.all(number, work, say)
        say(await campaign.flaps())
        say(await campaign.broker())
        say(await campaign.kept())
    except Unwell as problem:
        say(dict(campaign.row, broken=[str(problem)]))


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
