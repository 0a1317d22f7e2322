"""What a person meets at the enclosure: switch, card reader, lock and light, 50 times a second.

Nothing here closes a contactor: people's wishes go through the core's door, like everybody's.
"""

import asyncio

from micropython import const

from evse import reasons, ticks
from evse.cards import card_id
from evse.charging import faults, switch
from evse.charging.lock import Lock, wanted
from evse.charging.pilot import LEVEL_A
from evse.panel import led
from evse.settings import Refused

_CYCLE_MS = const(20)
_LOCK_CYCLES = const(5)
_CARD_CYCLES = const(50)
_STOP_PAUSE_MS = const(15_000)
_ENABLE_ONE = const(2)  # of the setting rfid
_INVALID = const(7)  # RFID status
_ACCEPTED, _REJECTED, _READ = const(1), const(2), const(3)  # flashes of the LED
_FLASH_MS = const((0, 1000, 2000, 200))


class Front:
    """Serves ``board`` for ``core``; ``lock`` tells where the plug's lock is."""

    def __init__(self, board, core):
        self.lock = Lock(core.record)
        self._board = board
        self._core = core
        self._switch = switch.Switch()
        self._card = None
        self._missed = 0  # readings in a row that found no card
        self._rgb = -1
        self._flash = 0
        self._flashed = 0
        self._empty_since = None
        self._cycle = 0
        self._configured = -1
        self._look = self._faults = 0
        self._scheme = self._cable_lock = 0

    async def run(self):
        """Run for ever."""
        while True:
            self.step(self._board.now())
            await asyncio.sleep_ms(_CYCLE_MS)

    def step(self, now):
        """One round at tick ``now``."""
        core = self._core
        self._cycle = (self._cycle + 1) % _CARD_CYCLES
        if self._configured != core.configured:
            self._configured = core.configured
            self._configure(core.settings)
        self._serve_switch(now)
        if self._cycle % _LOCK_CYCLES == 0:
            self._serve_lock(now)
        if not self._cycle and core.rfid:
            self._serve_card(now)
        self._light(now)
        if core.panel:
            self._tell(core.panel)

    def _tell(self, panel):
        """Let the panel know of what has changed, and of contactors, which disturb it."""
        core = self._core
        charger = core.charger
        look = charger.state << 5 | core.access.state << 3 | core.mode << 1 | charger.c1
        if look != self._look:
            panel.notice(True, self._look & 1 > look & 1)
        elif charger.faults != self._faults:
            panel.notice(False)
        self._look = look
        self._faults = charger.faults

    def _configure(self, settings):
        """Take over the settings in force; to look each up every time would take too long."""
        self._scheme = settings.index("led_mode")
        self._cable_lock = settings.index("cable_lock")
        self.lock.kind = settings.index("lock") if settings.get("config") == "Socket" else 0
        function = settings.index("switch")
        if function != self._switch.function:
            self._switch.choose(function)
            self._core.relay_open = False

    def _serve_switch(self, now):
        core = self._core
        event = self._switch.feed(self._board.switch_pressed(), now)
        if not event:
            return
        if event == switch.PRESSED and core.panel:
            core.panel.notice()
        if event == switch.PRESSED and core.charger.faults & faults.RCM_TRIPPED:
            core.reset_fault()
        action = switch.action(self._switch.function, event, core.access.state,
                               core.mode, core.charger.c1)
        try:
            self._act(action)
        except Refused as problem:
            print("switch:", problem.reason)

    def _act(self, action):
        core = self._core
        if action == switch.STOP:
            core.charger.stop(reasons.SWITCH, _STOP_PAUSE_MS)
        elif action == switch.ACCESS_OFF or action == switch.ACCESS_ON:
            core.command("access", "On" if action == switch.ACCESS_ON else "Off", "switch")
        elif action == switch.MODE_SMART or action == switch.MODE_SOLAR:
            core.command("mode", "Smart" if action == switch.MODE_SMART else "Solar", "switch")
        elif action == switch.RELAY_OFF or action == switch.RELAY_ON:
            core.relay_open = action == switch.RELAY_OFF
        elif action == switch.CUSTOM_TOGGLE:
            core.custom = not core.custom
        elif action:
            core.custom = action == switch.CUSTOM_ON

    def _serve_lock(self, now):
        core = self._core
        charger = core.charger
        lock = self.lock
        if core.pilot.level != LEVEL_A or charger.plugged:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        empty_ms = 0 if self._empty_since is None else ticks.diff(now, self._empty_since)
        released = core.rfid == _ENABLE_ONE and not core.access.state
        live = charger.c1 or charger.c2 or charger.faults & faults.WELDED
        want = wanted(charger.plugged, empty_ms, released, self._cable_lock, live)
        drive = lock.step(want, self._board.lock_sense(), now)
        self._board.set_lock(drive)
        charger.locked = lock.locked
        core.fault(faults.LOCK, lock.fault == faults.LOCK)
        core.fault(faults.LOCK_STUCK, lock.fault == faults.LOCK_STUCK)

    def _serve_card(self, now):
        core = self._core
        rom = self._board.read_card()
        if rom is None:
            # Neither one bad reading nor a switch pressed on the same line is a card taken away.
            if not self._board.switch_pressed():
                self._missed += 1
            if self._missed > 1:
                self._card = None
                core.rfid_status = 0
            return
        self._missed = 0
        card = card_id(rom)
        if card == self._card:
            return
        self._card = card  # one presentation acts once
        try:
            core.command("swipe", card, "card")
        except Refused as problem:
            core.rfid_status = _INVALID
            print("card:", problem.reason)
        # Cards that are learnt or deleted neither start nor stop anything.
        self._flash = (_REJECTED if core.rfid_status == _INVALID else
                       _READ if core.rfid > _ENABLE_ONE else _ACCEPTED)
        self._flashed = now
        if core.panel:
            core.panel.notice()

    def _light(self, now):
        core = self._core
        charger = core.charger
        if self._flash and ticks.diff(now, self._flashed) >= _FLASH_MS[self._flash]:
            self._flash = 0
        rgb = led.colour(self._scheme, charger.state, charger.faults, core.access.state,
                         core.mode, core.custom, self._flash, core.palette, now)
        if rgb != self._rgb:
            self._rgb = rgb
            self._board.set_led(rgb >> 16, rgb >> 8 & 255, rgb & 255)
