"""Composition root: settings, board, core, services, and the supervisor that looks after them.

One asyncio loop. The board's tick samples the pilot and lets the guard open; the control task
steps the state machine; everything else comes after.
"""

import asyncio
import gc
import json
import os
import sys
from array import array

from micropython import const

from evse import reasons, supervisor, ticks
from evse.build import BOARD, VERSION
from evse.bus.service import Bus
from evse.cards import Cards
from evse.charging import faults
from evse.core import Core
from evse.cycle import Cycle, Recent
from evse.front import Front
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
_POWER_RETURN_MIN_S = const(10)
_TRIAL_S = const(60)  # so long an update runs before it is kept, and nothing charges
_LASTED_S = const(60)  # what runs so long is a start that has succeeded
_FAILURES_FEW = const(2)  # in a row; with more the pause before charging doubles, up to 4 h
# What the portal sets: it is no set-up of the charger.
_FIRST = const(("wifi", "wifi_ssid", "wifi_password", "tz"))
_GC_BYTES = const(8192)  # collect after so much has been allocated: a pause of about 10 ms


def dice(spread):
    """Return a random number from 0 to ``spread`` - 1."""
    return int.from_bytes(os.urandom(2), "big") % spread


class App:
    """The firmware on one board."""

    def __init__(self, board, crumb, starts):
        self.board = board
        self.crumb = crumb
        self.journal = crumb.journal
        self._starts = starts  # in a row that did not last, this one included; 0 once it has
        directory = board.data_dir()
        self.settings = Settings(self.journal.record, directory + "/settings.json")
        self.storage = Storage(self.settings, self.journal.record, directory, board.flash_log())
        overrides = board.settings_overrides()
        if overrides:
            self.settings.load({"settings": json.loads(overrides)})
        delay_s = 0
        if crumb.unasked:
            spread = self.settings.get("power_return_s") + 1
            delay_s = _POWER_RETURN_MIN_S + dice(spread)
        failures = crumb.failures()
        if failures > _FAILURES_FEW:
            # What fails again and again may do so under load: no contactor shall break that often.
            delay_s = max(delay_s, _LASTED_S << failures)
        if starts > 3:
            # Nothing is written while a contactor is closed, so it has to last before.
            delay_s = max(delay_s, _LASTED_S + 1)
        now = board.now()
        self.core = core = Core(self.settings, self.journal, allocate, now, delay_s)
        if crumb.tripped:
            core.fault(faults.RCM_TRIPPED, True)
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
        self.status.reset_cause = crumb.cause
        self.status.crumb = crumb
        if board.radio():
            self.status.network = Wifi(board, self.status, core.command, self.settings,
                                       self.journal.record)
        self.panel = core.panel = Panel(board, self.status, core.command)
        self.cycle = self.status.cycle = Cycle(now)
        self._burst = array("i", (0,) * 6)
        self._rcm = False
        self.recent = self.status.recent = Recent()
        port = board.rs485()
        self.bus = port and Bus(port, core, board.now)
        self.names = self.homewizards = self.web = None
        self.status.bus_rows = self._meter_rows
        self.status.box = lambda: self.bus and self.bus.box
        self._changes = -1  # of the settings, when it was last looked which are untouched
        self._untouched = False
        self._ntp_host = ""
        self._ntp_due_s = 0
        self.supervisor = supervisor.Supervisor(board, core, self.status)
        self.status.tasks = self.supervisor.rows
        self.status.names = self._resolver
        self._register(self.supervisor.add)

    def _register(self, add):
        """Hand the tasks to the supervisor, in the order in which they start."""
        add(supervisor.CONTROL, self._control)
        add(supervisor.POWER, self._power)
        add(supervisor.FRONT, self.front.run)
        add(supervisor.WEB, self._web)
        add(supervisor.TIME, self._time)
        add(supervisor.BUTTONS, self.panel.run)
        if self.panel.display:
            add(supervisor.DISPLAY, self.panel.show)
        if self.status.network:
            add(supervisor.WIFI, self.status.network.run)
        if self.bus:
            add(supervisor.BUS, self.bus.run)
        add(supervisor.HOMEWIZARD, self._homewizard)
        add(supervisor.MQTT, self._mqtt)
        add(supervisor.MODBUS, self._modbus)
        add(supervisor.LOG, self._telnet)

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
        except BaseException:
            board.safe()  # at once: the supervisor hears of it only after whoever is due before it
            raise

    async def _power(self):
        core = self.core
        now = self.board.now
        while True:
            if ticks.due(now(), core.regulate_due):
                while not core.regulate(now()):
                    await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(50)

    def _turn(self):
        """What there is to do twice a second."""
        board = self.board
        core = self.core
        status = self.status
        settings = self.settings
        if settings.changes != self._changes:
            self._changes = settings.changes
            self._untouched = settings.untouched()
            status.untouched = settings.untouched(_FIRST)
        status.wizard = self._untouched and not status.car_connected
        core.second(board.now(), board.proximity_mv(), board.temperature_dc(), self._rcm,
                    board.clock_s())
        if core.new_clock_s:
            board.set_clock(core.new_clock_s)
            core.new_clock_s = 0
            self.journal.record(reasons.CLOCK_SET)
        self.recent.note(core)
        self.crumb.note(core, self.supervisor.seen)
        if status.trial_s:
            self._prove()
        if self._starts and not core.charger.c1 and self.journal.uptime_s >= _LASTED_S:
            self._starts = 0
            rare("slots").count(status.root, 0)
        if core.restart and not core.charger.c1 and not self.storage.behind:
            self.save()
            rare("slots").count(status.root, 0)
            self.crumb.ask()
            board.reset()
        self.storage.second(core)
        core.fault(faults.STORAGE, self.storage.failed)

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

    def _meter_rows(self):
        """Rows of all meters and nodes, whatever they are read over."""
        rows = list(self.bus.rows()) if self.bus else []
        if self.homewizards:
            rows.extend(self.homewizards.rows())
        return rows

    def _resolver(self):
        """What knows the addresses of names, one for all."""
        from evse.net.names import Names
        self.names = self.names or Names(self.board.dns_server, self.board.now)
        return self.names

    # ---- services that run while somebody wants them: each returns a coroutine, or None ----

    def _web(self):
        address = self.board.http_address()
        if not address:
            return None  # a radio that does not work
        self.web = self.status.web = WebServer(self.status, self.core.command,
                                               sys.path[0] + "/web")
        return self.web.run(*address)

    def _homewizard(self):
        self.homewizards = None
        setting = self.settings.get
        if "HomeWizrd" not in (setting("mains_met"), setting("circt_met"), setting("ev_meter")):
            return None
        from evse.net.homewizard import HomeWizards
        self.homewizards = HomeWizards(self.status, self.core.command, self._resolver(),
                                       self.board.now)
        return self.homewizards.run()

    def _mqtt(self):
        self.status.mqtt = None
        if not self.settings.get("mqtt_host"):
            return None
        from evse.net.mqtt import Mqtt
        self.status.mqtt = Mqtt(self.status, self.core.command, self._resolver(), self.board.now,
                                self.settings.get)
        return self.status.mqtt.run()

    def _modbus(self):
        address = self.board.modbus_address()
        if not address or self.settings.get("modbus_tcp") != "Enabled":
            return None
        from evse.net.modbus_tcp import ModbusTcp
        return ModbusTcp(self.status, self.board.now).run(*address)

    def _telnet(self):
        address = self.board.telnet_address()
        if not address or self.settings.get("telnet") != "Enabled" or not self.web:
            return None
        return rare("net.telnet").Telnet(self.status, self.web.check,
                                         self.board.now).run(*address)

    def _time(self):
        host = self.settings.get("ntp_host")
        if host != self._ntp_host:
            self._ntp_host = host
            self._ntp_due_s = 0
        if not host or not self.status.ip or self.journal.uptime_s < self._ntp_due_s:
            return None
        return self._ask_time(host)

    async def _ask_time(self, host):
        wait_s = await rare("net.ntp").sync(self.status.ntp, host, self._resolver(), self.board,
                                            self.core.command)
        self._ntp_due_s = self.journal.uptime_s + wait_s

    async def run(self):
        """Run for ever. What the board has to be restarted for comes out here."""
        feed = self.board.watchdog(WATCHDOG_MS)
        gc.collect()
        gc.threshold(_GC_BYTES)
        await self.supervisor.run(feed, self._turn)
