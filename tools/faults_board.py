"""Runs on MicroPython: a board whose world is the twin's, whose flash is in RAM.

What a fault does to the board itself is done here: its timer and its converter may stop, calls may
fail, the power may go.
"""

import asyncio
from array import array

from evse import ticks
from evse.boards.synth import Synth

FULL = 65536
TICK_MS = 8


class Tick:
    """The timer's flag: set by each event, taken by the control task."""

    def __init__(self):
        self.event = asyncio.Event()
        self.held = False  # the control task hangs and does not come any more

    async def wait(self):
        """Wait for the next event of the timer."""
        await self.event.wait()
        if self.held:
            await asyncio.Event().wait()
        self.event.clear()


class Board:
    """One start of a board; ``charger`` has what outlives it, see ``evse.boards.board``.

    ``fails`` has the names of calls that raise OSError.
    """

    name = "sim"

    def __init__(self, charger):
        self.serial = 4711 + charger.number
        self.fails = set()
        self.blind = False  # the converter gives nothing
        self.noise_mv = self.reject_pct = 0
        self.tick = None
        self.callback = None
        self.fed_ms = None  # when the hardware watchdog was fed, None before it is there
        self._charger = charger
        self._clock = charger.clock
        self._world = charger.world
        self._synth = Synth(charger.number + 1)
        self._burst = array("i", (0,) * 6)
        self._line = None  # what the burst was taken from
        self._connect = False
        self._duty = FULL
        self._c1 = self._c2 = False

    # ---- time ----

    def now(self):
        return ticks.add(self._charger.base, self._clock.ms)

    def start_tick(self, callback):
        self.callback = callback
        self.tick = Tick()
        return self.tick

    # ---- sensing ----

    def _advanced(self):
        self._world.advance(self._clock.ms)
        return self._world

    def sample_pilot(self, burst):
        levels = self._advanced().pilot_mv()
        line = levels, self._duty, self.blind, self.noise_mv, self.reject_pct
        if line != self._line or self.noise_mv or self.reject_pct:
            self._line = line
            self._synth.burst(levels[0], levels[1], self._duty,
                              100 if self.blind else self.reject_pct, self.noise_mv, self._burst)
        burst[:] = self._burst

    def proximity_mv(self):
        return self._world.proximity_mv()

    def temperature_dc(self):
        return self._world.temp_c * 10

    def rcm_fault(self):
        return self._world.rcm_line()

    def switch_pressed(self):
        return self._world.switch

    def lock_sense(self):
        return self._advanced().lock.sense()

    def read_card(self):
        return None

    def buttons(self):
        return 0

    # ---- acting ----

    def _put(self):
        charger = self._charger
        if charger.board is self:  # one that has lost its power drives nothing any more
            world = self._advanced()
            if (world.duty, world.connect, world.c1, world.c2) != (
                    self._duty, self._connect, self._c1, self._c2):
                world.outputs(self._duty, self._connect, self._c1, self._c2)
                charger.changed()

    def _check(self, name):
        if name in self.fails:
            raise OSError(5)

    def set_pilot(self, duty):
        self._check("set_pilot")
        if duty != self._duty:
            self._duty = duty
            self._put()

    def connect_pilot(self, on):
        if on != self._connect:
            self._connect = on
            self._put()

    def set_contactors(self, c1, c2):
        if c1 != self._c1 or c2 != self._c2:
            self._c1, self._c2 = c1, c2
            self._put()

    def set_lock(self, drive):
        if self._charger.board is self:
            self._advanced().drive_lock(drive)

    def set_led(self, red, green, blue):
        self._check("set_led")

    def set_backlight(self, level):
        pass

    def safe(self):
        self._duty = FULL
        self._connect = self._c1 = self._c2 = False
        self._put()

    # ---- services ----

    def rs485(self):
        return self._charger.port

    def display(self):
        return None

    def http_address(self):
        return None

    modbus_address = telnet_address = dns_server = radio = http_address

    def heaps(self):
        return ()

    def reset_cause(self):
        return self._charger.cause

    def root(self):
        return self._charger.folder

    data_dir = root

    def flash_log(self):
        return self._charger.log

    def clock_s(self):
        return self._charger.clock_s()

    def set_clock(self, seconds):
        self._charger.set_clock(seconds)

    def settings_overrides(self):
        return None

    def keep(self, view):
        self._charger.kept = bytes(view)

    def kept(self):
        return self._charger.kept

    def watchdog(self, timeout_ms):
        self.feed()
        return self.feed

    def feed(self):
        """The hardware watchdog is fed."""
        self.fed_ms = self._clock.ms

    def reset(self):
        self.safe()
        self._charger.down("hard")
        raise asyncio.CancelledError  # nothing after a reset is run
