"""Runs on MicroPython: chargers with the whole firmware, their site, bus and meters as one.

What a charger is and what belongs to it outlives its starts; ``faults_board`` is one of them.
"""

import asyncio
import gc
import struct

import vfs

from evse import start, ticks
from evse.app import App
from evse.bus.rtu import crc16
from evse.safe import Safe
from faults_board import TICK_MS, Board
from faults_judge import Judge
from helpers_core import NOON_S
from helpers_flash import Flash, Log
from helpers_line import Line
from twin.car import Car
from twin.site import Site as Ground
from twin.world import World

BOOT_MS = 800  # from the reset until the app runs
WATCHDOG_MS = 3000
CAR = {"phases": [1, 2, 3], "max_da": 160, "dead_s": 1.0, "ramp_da_s": 50}
MAINS, EV = 10, 12
USUAL = {"mains_met": "Eastron3P", "mains_adr": MAINS, "mains": 25, "ev_meter": "Eastron3P",
         "ev_adr": EV, "mode": "Smart", "max": 16, "circuit": 40, "config": "Fixed",
         "rcmon": "Enabled", "power_return_s": 0, "ntp_host": ""}
_POLL_MS = 2
_GC_BYTES = 4_000_000
_LOOK_MS = 10
_NODE = {"mode": "Normal", "max": 16, "config": "Fixed", "power_return_s": 0, "ntp_host": ""}


class Charger:
    """One charger of ``site``: its ``world``, flash, and the firmware while it has power.

    ``app`` and ``board`` are those of the present start, ``starts`` counts them, ``cause`` is what
    the last was for. ``safe_mode``: too many starts have failed. ``kept`` is the memory that
    outlives a reset. ``timer`` False: the hardware timer has stopped.
    """

    def __init__(self, site, number, settings):
        self.site = site
        self.number = number
        self.clock = site.clock
        self.base = ticks.MASK - 20_000  # the ticks wrap while it charges
        self.world = World(Car(**CAR), site.ground)
        self.port = site.line.join()
        self.folder = "/c%d" % number
        self.flash = Flash(blocks=48)
        self.flash.closed = lambda: self.world.c1
        self.log = Log(self.flash)
        self.kept = b""
        self.cause = "power"
        self.starts = 0
        self.timer = True
        self.safe_mode = False
        self.board = self.app = None
        self.changes = []  # (ms, c1, duty) of the outputs
        self._wanted = settings
        self._clock_s = 0  # what to add to the site's time; None: it does not know the time

    # ---- power ----

    def on(self, cause="power"):
        """Let it start; ``cause`` as the board tells it."""
        self.cause = cause
        self.starts += 1
        self.board = Board(self)
        self.app = None
        self.clock.owned(self._live(self.board), self)

    def down(self, cause):
        """It is reset; it starts by itself."""
        self._off()
        self.on(cause)

    def off(self):
        """Take its power."""
        self._off()
        self.kept = b""
        self._clock_s = None
        self.port.cut = True

    def back(self):
        """Give the power back."""
        self.port.cut = False
        self.on()

    def _off(self):
        self.board = self.app = None
        self.world.advance(self.clock.ms)
        self.world.power_off()
        self.changed()
        self.clock.end(self)

    async def _live(self, board):
        board.safe()
        await asyncio.sleep_ms(BOOT_MS)
        self._mount()
        self._count()
        starts, crumb, self.safe_mode = start.begun(board)
        if self.safe_mode:
            app = Safe(board, crumb, starts)
        else:
            self.app = app = App(board, crumb, starts)
            self._fit(app)
        self.clock.owned(self._ticking(board), self)
        try:
            await app.run()
        except Exception as problem:  # as evse.start does
            board.safe()
            crumb.fail(problem)
            app.save()
            self.down("hard")

    def _count(self):
        """As boot.py counts the starts that do not last."""
        path = self.folder + "/boots"
        try:
            with open(path) as file:
                count = int(file.read(2))
        except (OSError, ValueError):
            count = 0
        with open(path, "w") as file:
            file.write("%d" % (8 if count == 9 else count + 1))

    def _mount(self):
        try:
            vfs.umount(self.folder)
        except OSError:
            pass
        vfs.mount(vfs.VfsLfs2(self.flash), self.folder)

    def _fit(self, app):
        """Set what is wanted the first time; later starts know it from their files."""
        wanted, self._wanted = self._wanted, {}
        for key in sorted(wanted):
            if key != "mode":
                app.core.command("set", (key, wanted[key]), "installer")
        if wanted:
            app.core.command("mode", wanted["mode"], "installer")
            app.save()

    async def _ticking(self, board):
        gc.threshold(_GC_BYTES)  # a host's heap is large: what the app wants would take for ever
        while True:
            await asyncio.sleep_ms(TICK_MS)
            if self.timer and board.callback:
                board.callback()
                board.tick.event.set()

    # ---- for the board ----

    def clock_s(self):
        """Unix seconds, 0 while it does not know them."""
        if self._clock_s is None:
            return 0
        return NOON_S + self.clock.ms // 1000 + self._clock_s

    def set_clock(self, seconds):
        """Set its time of day."""
        self._clock_s = seconds - NOON_S - self.clock.ms // 1000

    def changed(self):
        """Its outputs have changed."""
        self.changes.append((self.clock.ms, self.world.c1, self.world.duty))

    # ---- what it is like ----

    @property
    def core(self):
        """The core of the present start."""
        return self.app.core

    @property
    def alive(self):
        """True while its firmware runs."""
        return self.app is not None

    def draws(self):
        """True while the car draws."""
        return self.world.c1 and self.world.car.draw_ma > 3000

    def open(self):
        """True while both contactors are commanded open."""
        return not (self.world.c1 or self.world.c2)

    def silent(self):
        """True while nothing is offered."""
        return self.world.duty in (0, 65536) or not self.world.connect

    def faults(self):
        """The bits of its faults."""
        return self.core.charger.faults if self.app else 0


class Meter:
    """An Eastron3P on the line that shows ``amps()`` in mA and ``wh()``; what it does wrong.

    ``on`` False: it is silent. ``frozen``: it shows what it showed then. ``twist(mA)`` is what it
    makes of each current, ``raw`` are bytes that it sends instead of an answer.
    """

    def __init__(self, site, address, amps, wh):
        self.on = True
        self.frozen = None
        self.twist = None
        self.raw = None
        self._port = site.line.join()
        self._address = address
        self._amps = amps
        self._wh = wh
        site.clock.owned(self._run(), None)

    def freeze(self):
        """Show from now on what it shows now."""
        self.frozen = self._shown()

    def _shown(self):
        amps = [self._amps(phase) for phase in range(3)]
        if self.twist:
            amps = [self.twist(milliamps) for milliamps in amps]
        return amps, self._wh()

    def _registers(self, first, count):
        """The bytes of registers: volts, currents without their sign, powers, total, energy."""
        amps, wh = self.frozen or self._shown()
        watts = [230 * milliamps / 1000 for milliamps in amps]
        values = {52: sum(watts), 72: wh / 1000}
        for phase in range(3):
            values[2 * phase] = 230.0
            values[6 + 2 * phase] = abs(amps[phase]) / 1000
            values[12 + 2 * phase] = watts[phase]
        return b"".join([struct.pack(">f", values.get(first + 2 * number, 0.0))
                         for number in range(count // 2)])

    async def _run(self):
        buffer = bytearray(64)
        heard = b""
        while True:
            await asyncio.sleep_ms(5)
            count = self._port.readinto(buffer)
            if count:
                heard = (heard + bytes(buffer[:count]))[-8:]
                continue
            if len(heard) == 8 and heard[0] == self._address and not crc16(heard, 0, 8):
                if self.on:
                    await asyncio.sleep_ms(15)
                    self._answer(heard)
            heard = b""

    def _answer(self, request):
        if self.raw is not None:
            self._port.write(self.raw)
            return
        data = self._registers(request[2] << 8 | request[3], request[4] << 8 | request[5])
        body = bytes((self._address, request[1], len(data))) + data
        crc = crc16(body, 0, len(body))
        self._port.write(body + bytes((crc & 0xFF, crc >> 8)))


class Site:
    """The house: its ground, the line, ``chargers`` of which the first is asked most, meters.

    ``settings`` go over the usual ones of the first; with ``nodes`` it is the Master of so many.
    ``moment_ms`` is what chance adds to the time before a fault, ``memo`` what a fault has to
    remember, ``disturbed``: it goes on by itself for as long.
    """

    def __init__(self, clock, settings=None, nodes=0):
        self.clock = clock
        self.moment_ms = 0
        self.disturbed = False
        self.memo = None
        self.ground = ground = Ground(230)
        ground.load_ma = [2000, 2000, 2000]
        self.line = Line()
        clock.passed = self._passed
        usual = dict(USUAL)
        if nodes:
            usual["pwr_share"] = "Master"
        usual.update(settings or {})
        self.chargers = [Charger(self, 0, usual)]
        for number in range(1, nodes + 1):
            self.chargers.append(Charger(self, number, dict(_NODE, pwr_share="Node %d" % number)))
        self.charger = self.chargers[0]
        world = self.charger.world
        self.mains = Meter(self, MAINS, ground.mains_ma, lambda: 1000)
        self.ev = Meter(self, EV, world.ev_ma, lambda: world.ev_meter()[1])
        world.lock.kind = usual.get("lock", "none").lower()
        self.judge = Judge(self, usual["mains"] * 1000)

    def _passed(self, ms):
        self.line.us = 1000 * ms

    async def start(self):
        """Give all of them power; returns when they run."""
        for charger in self.chargers:
            charger.on("soft")
        self.clock.owned(self._look(), None)
        await self.until(lambda: all(charger.alive for charger in self.chargers), 5000)

    async def _look(self):
        while True:
            await asyncio.sleep_ms(_LOOK_MS)
            self.look()

    def look(self):
        """Let the hardware watchdogs and the judge look."""
        for charger in self.chargers:
            charger.world.advance(self.clock.ms)
            board = charger.board
            if board and board.fed_ms is not None and self.clock.ms - board.fed_ms > WATCHDOG_MS:
                charger.down("watchdog")
        self.judge.look(self.clock.ms)

    def stall(self, ms, callbacks):
        """No task of the first charger runs for so long, its timer's callbacks only if so."""
        charger = self.charger
        board = charger.board
        end = self.clock.ms + ms
        while self.clock.ms < end and charger.board is board:
            self.clock.pass_ms(TICK_MS)
            if callbacks:
                board.callback()
            self.look()

    async def until(self, condition, limit_ms):
        """Wait for ``condition()``; returns the ms it took, None when that is too long."""
        began = self.clock.ms
        while not condition():
            if self.clock.ms - began > limit_ms:
                return None
            await asyncio.sleep_ms(_POLL_MS)
        return self.clock.ms - began

    async def charge(self, number=0):
        """Plug a car in and wait until it draws what it may; False when it does not."""
        charger = self.chargers[number]
        charger.world.advance(self.clock.ms)
        charger.world.plug()
        return await self.until(charger.draws, 60_000) is not None
