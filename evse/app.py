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
from evse.panel.panel import Panel
from evse.settings import Settings
from evse.status import Status
from evse.storage import Storage

try:
    from evse.power import allocate_native as allocate
except (ImportError, ValueError):  # a host whose processor has no native emitter
    from evse.power import allocate

    print("native core not available here: running the plain one")

WATCHDOG_MS = const(3000)
_REPL_WATCHDOG_MS = const(600_000)
_ALIVE_MS = const(500)  # a vital task not seen for this long does not get the watchdog fed
_BUS_ALIVE_MS = const(5000)  # longer than its restart takes
_RESTART_MS = const(2000)
_POWER_RETURN_MIN_S = const(10)
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
        self.status.lock = self.front.lock
        self.panel = core.panel = Panel(board, self.status, core.command)
        self.cycle = self.status.cycle = Cycle(now)
        self._burst = array("i", (0,) * 6)
        self._rcm = False
        port = board.rs485()
        self.bus = port and Bus(port, core, board.now)
        self.names = self.homewizards = None
        self.status.bus_rows = self._meter_rows
        self.status.box = lambda: self.bus and self.bus.box
        self._seen = {"control": now, "power": now}

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
        while True:
            now = board.now()
            core.second(now, board.proximity_mv(), board.temperature_dc(), self._rcm,
                        board.clock_s())
            if core.new_clock_s:
                board.set_clock(core.new_clock_s)
                core.new_clock_s = 0
                self.journal.record(reasons.CLOCK_SET)
            if self._all_alive(now):
                feed()
            self.storage.second(core)
            core.fault(faults.STORAGE, self.storage.failed)
            await asyncio.sleep_ms(500)

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
            await WebServer(self.status, self.core.command, sys.path[0] + "/web").run(*address)

    async def wifi(self):
        """Join the WiFi network and leave it, as the setting wifi says."""
        get = self.settings.get
        on = False
        while True:
            # A name or password that is changed meanwhile counts when it is switched on again:
            # whoever changes one of them over the network has still to change the other.
            if on != (get("wifi") != "Disabled" and get("wifi_ssid") != ""):
                on = not on
                self.board.start_network(get("wifi_ssid") if on else "", get("wifi_password"))
            self.status.ip = self.board.ip()
            await asyncio.sleep_ms(_RESTART_MS)

    def _meter_rows(self):
        """Rows of all meters and nodes, whatever they are read over."""
        rows = list(self.bus.rows()) if self.bus else []
        if self.homewizards:
            rows.extend(self.homewizards.rows())
        return rows

    async def _homewizard(self):
        """Read the HomeWizard meters while the settings name any."""
        get = self.settings.get
        while True:
            if "HomeWizrd" in (get("mains_met"), get("circt_met"), get("ev_meter")):
                from evse.net.homewizard import HomeWizards
                from evse.net.resolve import Names
                self.names = self.names or Names(self.board.dns_server, self.board.now)
                self.homewizards = HomeWizards(self.status, self.core.command, self.names,
                                               self.board.now)
                await self.homewizards.run()
                self.homewizards = None
            await asyncio.sleep_ms(_RESTART_MS)

    async def _modbus(self):
        """Serve Modbus TCP while the settings say so."""
        address = self.board.modbus_address()
        while address:
            if self.settings.get("modbus_tcp") == "Enabled":
                from evse.net.modbus_tcp import ModbusTcp
                await ModbusTcp(self.status, self.board.now).run(*address)
            await asyncio.sleep_ms(_RESTART_MS)

    async def _keep(self, name, service):
        """Run a service; one that raises is journalled and started again."""
        while True:
            try:
                return await service()
            except Exception as problem:
                self.journal.record(reasons.TASK_RESTARTED, name)
                sys.print_exception(problem)
            await asyncio.sleep_ms(_RESTART_MS)

    async def run(self):
        """Run for ever. Whatever control raises comes out here."""
        feed = self.board.watchdog(WATCHDOG_MS)
        vital = [asyncio.create_task(self._control()), asyncio.create_task(self._power()),
                 asyncio.create_task(self._supervise(feed))]
        services = [self.front.run, self._web, self._homewizard, self._modbus, self.wifi,
                    self.panel.run]
        if self.panel.display:
            services.append(self.panel.show)
        if self.bus:
            services.append(self.bus.run)
        for number, service in enumerate(services):
            asyncio.create_task(self._keep(number, service))
        gc.collect()
        gc.threshold(_GC_BYTES)
        await asyncio.gather(*vital)


def main():
    """Run the app on this build's board; leave the outputs safe whatever happens."""
    board = __import__("evse.boards." + BOARD, None, None, ("create",)).create()
    app = None
    try:
        board.safe()
        app = App(board)
        asyncio.run(app.run())
    except KeyboardInterrupt:
        # Somebody wants the REPL: nothing is live, and they get the time to work in it.
        board.safe()
        board.watchdog(_REPL_WATCHDOG_MS)
        if app:
            app.save()
    except Exception as problem:
        board.safe()
        try:
            sys.print_exception(problem)
            with open(board.data_dir() + "/crash.txt", "w") as file:
                sys.print_exception(problem, file)
            if app:
                app.save()
        finally:
            board.reset()  # whatever is broken or full, it must not keep the board from restarting
