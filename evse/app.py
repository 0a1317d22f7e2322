"""Composition root: settings, board, core, services; their supervision and the watchdog.

One asyncio loop. The board's tick samples the pilot and lets the guard open; the control task
steps the state machine; everything else comes after. A service that dies is restarted; control
that dies leaves the outputs safe and restarts the board.
"""

import asyncio
import gc
import json
import os
import sys
from array import array

from micropython import const

from evse import reasons, ticks
from evse.build import BOARD, VERSION
from evse.bus.service import Bus
from evse.cards import Cards
from evse.charging import faults
from evse.core import Core
from evse.cycle import Cycle
from evse.front import Front
from evse.journal import Journal
from evse.net.web import WebServer
from evse.net.wifi import Wifi
from evse.panel.panel import Panel
from evse.rare import rare
from evse.settings import Settings
from evse.status import Status
from evse.storage import Storage

try:
    from evse.power import allocate_native as allocate
except (ImportError, ValueError):  # a host whose processor has no native emitter
    from evse.power import allocate

    print("native core not available here: running the plain one")

WATCHDOG_MS = const(3000)
_ALIVE_MS = const(500)  # a vital task not seen for this long does not get the watchdog fed
_BUS_ALIVE_MS = const(5000)  # longer than its restart takes
_RESTART_MS = const(2000)
_POWER_RETURN_MIN_S = const(10)
_TRIAL_S = const(60)  # so long an update runs before it is kept, and nothing charges
_ENDED_MS = const(50)  # until it is noticed that a vital task has ended
# Numbers in the journal of the services that the settings ask for; the others count from 0.
_HOMEWIZARD, _MQTT, _MODBUS, _LOG = const(87), const(88), const(89), const(90)
# What the portal sets: it is no set-up of the charger.
_FIRST = const(("wifi", "wifi_ssid", "wifi_password", "tz"))
_GC_BYTES = const(8192)  # collect after so much has been allocated: a pause of about 10 ms


def dice(spread):
    """Return a random number from 0 to ``spread`` - 1."""
    return int.from_bytes(os.urandom(2), "big") % spread


class App:
    """The firmware on one board."""

    def __init__(self, board):
        self.board = board
        self.journal = Journal()
        directory = board.data_dir()
        self.settings = Settings(self.journal.record, directory + "/settings.json")
        self.storage = Storage(self.settings, self.journal.record, directory, board.flash_log())
        overrides = board.settings_overrides()
        if overrides:
            self.settings.load({"settings": json.loads(overrides)})
        delay_s = 0
        if board.power_returned():
            spread = self.settings.get("power_return_s") + 1
            delay_s = _POWER_RETURN_MIN_S + dice(spread)
        now = board.now()
        self.core = core = Core(self.settings, self.journal, allocate, now, delay_s)
        core.dice = dice
        core.serial = board.serial
        core.cards = Cards(directory + "/cards.csv")
        core.session_number = self.storage.number
        self.front = Front(board, core)
        self.status = Status(core, VERSION, BOARD, board.serial)
        self.status.storage = self.storage
        self.status.directory = directory
        self.status.root = board.root()
        self.status.slot = sys.path[0][-1:]
        self._begin_trial(rare("slots"))
        self.status.imported = self.storage.holds("imported.json")
        self.status.lock = self.front.lock
        self.status.heaps = board.heaps
        self.status.reset_cause = board.reset_cause()
        if board.radio():
            self.status.network = Wifi(board, self.status, core.command, self.settings,
                                       self.journal.record)
        self.panel = core.panel = Panel(board, self.status, core.command)
        self.cycle = self.status.cycle = Cycle(now)
        self._burst = array("i", (0,) * 6)
        self._rcm = False
        self._vital = []  # tasks whose end ends all
        self._tasks = {}  # of what the settings ask for, by its number
        port = board.rs485()
        self.bus = port and Bus(port, core, board.now)
        self.names = self.homewizards = self.web = None
        self.status.bus_rows = self._meter_rows
        self.status.box = lambda: self.bus and self.bus.box
        self._seen = {"control": now, "power": now}

    def _begin_trial(self, slots):
        """See whether an update runs for the first time, or the last one did not prove itself."""
        status = self.status
        if slots.on_trial(status.root, status.slot):
            status.trial_s = _TRIAL_S
            self.core.fault(faults.UPDATE, True)
        elif slots.failed(status.root, status.slot):
            status.updated = "returned"
            self.journal.record(reasons.UPDATE_LEFT)

    def _on_tick(self):
        """100 Hz, between bytecodes of whatever runs: sample, and open if the guard says so."""
        board = self.board
        core = self.core
        board.sample_pilot(self._burst)
        now = board.now()
        self._rcm = core.rcm_enabled and board.rcm_fault()
        if core.sample(self._burst, self._rcm, now):
            board.set_contactors(False, False)

    async def _control(self):
        board = self.board
        core = self.core
        charger = core.charger
        cycle = self.cycle
        seen = self._seen
        tick = board.start_tick(self._on_tick)
        try:
            while True:
                await tick.wait()
                now = board.now()
                core.step(now)
                board.set_contactors(charger.c1, charger.c2)
                board.set_pilot(charger.duty)
                board.connect_pilot(charger.connect)
                cycle.note(now)
                seen["control"] = now
        except BaseException:
            board.safe()  # at once: the main task hears of it only after whoever is due before it
            raise

    async def _power(self):
        core = self.core
        now = self.board.now
        while True:
            if ticks.due(now(), core.regulate_due):
                while not core.regulate(now()):
                    await asyncio.sleep_ms(0)
            self._seen["power"] = now()
            await asyncio.sleep_ms(50)

    async def _supervise(self, feed):
        board = self.board
        core = self.core
        status = self.status
        settings = self.settings
        changes = -1
        untouched = False
        while True:
            now = board.now()
            if settings.changes != changes:
                changes = settings.changes
                untouched = settings.untouched()
                status.untouched = settings.untouched(_FIRST)
            status.wizard = untouched and not status.car_connected
            core.second(now, board.proximity_mv(), board.temperature_dc(), self._rcm,
                        board.clock_s())
            if core.new_clock_s:
                board.set_clock(core.new_clock_s)
                core.new_clock_s = 0
                self.journal.record(reasons.CLOCK_SET)
            if status.trial_s:
                self._prove()
            if core.restart and not core.charger.c1 and not self.storage.behind:
                self.save()
                board.reset()
            if self._all_alive(now):
                feed()
            self.storage.second(core)
            core.fault(faults.STORAGE, self.storage.failed)
            await asyncio.sleep_ms(500)

    def _prove(self):
        """Keep an update that has run for a minute; the next start would be in the old one.

        Without its web server it could not be replaced by another but by the cable.
        """
        status = self.status
        status.trial_s = max(0, _TRIAL_S - self.journal.uptime_s)
        if not status.trial_s:
            if self.web and not self.web.listening:
                raise RuntimeError("the web server does not listen")
            rare("slots").keep(status.root, status.slot)
            self.journal.record(reasons.UPDATE_KEPT)
            self.core.fault(faults.UPDATE, False)

    def save(self):
        """Write the settings before the board is restarted."""
        self.storage.save(self.core)

    def _all_alive(self, now):
        """True when control, regulator and, where there is one, the bus have run lately."""
        for seen in self._seen.values():
            if ticks.diff(now, seen) >= _ALIVE_MS:
                return False
        return not self.bus or ticks.diff(now, self.bus.alive_at) < _BUS_ALIVE_MS

    async def _web(self):
        address = self.board.http_address()
        if address:  # none without a radio that works
            self.web = self.status.web = WebServer(self.status, self.core.command,
                                                   sys.path[0] + "/web")
            await self.web.run(*address)

    def _meter_rows(self):
        """Rows of all meters and nodes, whatever they are read over."""
        rows = list(self.bus.rows()) if self.bus else []
        if self.homewizards:
            rows.extend(self.homewizards.rows())
        return rows

    async def _homewizard(self):
        from evse.net.homewizard import HomeWizards
        self.homewizards = HomeWizards(self.status, self.core.command, self._resolver(),
                                       self.board.now)
        await self.homewizards.run()
        self.homewizards = None

    async def _mqtt(self):
        from evse.net.mqtt import Mqtt
        self.status.mqtt = Mqtt(self.status, self.core.command, self._resolver(), self.board.now,
                                self.settings.get)
        await self.status.mqtt.run()
        self.status.mqtt = None

    async def _modbus(self):
        address = self.board.modbus_address()
        if address:
            from evse.net.modbus_tcp import ModbusTcp
            await ModbusTcp(self.status, self.board.now).run(*address)

    async def _telnet(self):
        address = self.board.telnet_address()
        if address:
            await rare("net.telnet").Telnet(self.status, self.web.check,
                                            self.board.now).run(*address)

    def _resolver(self):
        """What knows the addresses of names, one for all."""
        from evse.net.names import Names
        self.names = self.names or Names(self.board.dns_server, self.board.now)
        return self.names

    async def _seldom(self):
        """Run what the settings ask for, which ends by itself; ask for the time when it is due."""
        setting = self.settings.get
        host = ""
        due_s = 0
        tasks = self._tasks
        while True:
            meters = (setting("mains_met"), setting("circt_met"), setting("ev_meter"))
            for number, wanted, service in (
                    (_HOMEWIZARD, "HomeWizrd" in meters, self._homewizard),
                    (_MQTT, setting("mqtt_host"), self._mqtt),
                    (_MODBUS, setting("modbus_tcp") == "Enabled", self._modbus),
                    (_LOG, setting("telnet") == "Enabled" and self.web, self._telnet)):
                if wanted and (number not in tasks or tasks[number].done()):
                    tasks[number] = asyncio.create_task(self._keep(number, service))
            if setting("ntp_host") != host:
                host = setting("ntp_host")
                due_s = 0
            if host and self.status.ip and self.journal.uptime_s >= due_s:
                wait_s = await rare("net.ntp").sync(self.status.ntp, host, self._resolver(),
                                                    self.board, self.core.command)
                due_s = self.journal.uptime_s + wait_s
            await asyncio.sleep_ms(_RESTART_MS)

    async def _keep(self, name, service):
        """Run a service; one that raises is journalled and started again.

        An update in which one does so twice has not proven itself: that ends as a crash.
        """
        failed = False
        while True:
            try:
                return await service()
            except Exception as problem:
                self.journal.record(reasons.TASK_RESTARTED, name)
                sys.print_exception(problem)
                if failed and self.status.trial_s:
                    self._vital.append(asyncio.current_task())
                    raise
                failed = True
            await asyncio.sleep_ms(_RESTART_MS)

    async def run(self):
        """Run for ever. Whatever control raises comes out here."""
        feed = self.board.watchdog(WATCHDOG_MS)
        self._vital = vital = [asyncio.create_task(work) for work in (
            self._control(), self._power(), self._supervise(feed))]
        services = [self.front.run, self._web, self._seldom, self.panel.run]
        if self.status.network:
            services.append(self.status.network.run)
        if self.panel.display:
            services.append(self.panel.show)
        if self.bus:
            services.append(self.bus.run)
        for number, service in enumerate(services):
            asyncio.create_task(self._keep(number, service))
        gc.collect()
        gc.threshold(_GC_BYTES)
        while True:  # asyncio's own gather would take 1 KB
            for task in vital:
                if task.done():
                    await task  # it raises what ended it
            await asyncio.sleep_ms(_ENDED_MS)
