"""The bus as a service: as Master it asks, as Node it answers; the settings say which.

What is polled follows the settings while the firmware runs. The doctor has the bus for itself
while it examines it.
"""

import asyncio
import gc

from micropython import const

from evse.bus import meters
from evse.bus.master import Master
from evse.bus.rtu import BAUD, Link

_ALONE_MS = const(1000)
_CYCLE_MS = const(2000)  # with nodes: what the reference does, and old nodes expect
_MASTER = const(1)
_REST_MS = const(100)


class Bus:
    """The RS485 bus of one EVSE.

    ``role`` is a Master or a Node, None where the settings ask for neither; ``box`` the Sensorbox,
    None without one.
    """

    def __init__(self, port, core, now, sleep_ms=asyncio.sleep_ms):
        self._port = port
        self._core = core
        self._now = now
        self._sleep_ms = sleep_ms
        self._link = Link(port, now, sleep_ms)
        self._configured = -1
        self._shape = None
        self.role = self.box = self._examination = None

    def rows(self):
        """One dict for each slave, see ``evse.bus.master.Slave.report``."""
        return self.role.rows() if self.role else ()

    async def run(self):
        """Serve for ever."""
        try:
            while True:
                self._follow()
                self._attend()
                if self.role and not (self._examination and self._core.doctor.kind == "bus"):
                    await self.role.turn()
                else:
                    await self._sleep_ms(_REST_MS)
        finally:
            if self._examination:
                self._examination.cancel()

    def _attend(self):
        """Begin or end an examination as somebody wishes."""
        core = self._core
        if self._examination:
            if core.examine:
                core.examine = ""
                self._examination.cancel()  # it puts the line back as it was
            if self._examination.done():
                self._examination = None
        elif core.examine:
            self._examination = self._examine(core.examine)
            core.examine = ""

    def _examine(self, kind):
        """Have the bus doctor at work; returns the task."""
        if kind == "stop":
            return None
        from evse.bus.doctor import Doctor
        core = self._core
        core.doctor = Doctor(self._link, self._port, core, self._now, self._sleep_ms, kind)
        return asyncio.create_task(core.doctor.run())

    def _follow(self):
        """Become what the settings in force say."""
        core = self._core
        configured = core.configured
        if configured == self._configured:
            return
        settings = core.settings
        shape = (core.joined, core.group) + tuple(
            settings.get(key) for key in settings.keys("em_")) + tuple(
            settings.get(key) for role in meters.ROLES for key in role[1:])
        if shape == self._shape:
            self._configured = configured
            return
        self._shape = None  # until the new role is there: what fails is tried again
        self.role = self.box = None  # the old one makes room first
        gc.collect()
        if self._examination:
            self._examination.cancel()
        self._link.configure(BAUD, None)
        if core.node:
            from evse.bus.node import Node
            self.role = Node(core, self._port, self._now, self._sleep_ms)
        else:
            self.role = self._master(core, settings)
        self._shape = shape
        self._configured = configured

    def _master(self, core, settings):
        master = Master(self._link, self._now, self._sleep_ms)
        sharing = core.joined == _MASTER
        period_ms = _CYCLE_MS if sharing else _ALONE_MS
        for role, kind, address in meters.ROLES:
            name = settings.get(kind)
            device = self._device(role, name, settings.get(address))
            if device:
                # A Sensorbox has something new each second, and some are silent until then.
                master.add(device, _CYCLE_MS if name == "Sensorbox" else period_ms,
                           role == "mains")
        if sharing:
            from evse.bus.share import Share
            Share(core, self._now).add_to(master, period_ms)
        return master if master.slaves else None

    def _device(self, role, name, address):
        """Return what reads a meter of type ``name``; None for one that is not on the bus."""
        core = self._core
        if name == "Sensorbox":
            from evse.bus.sensorbox import Sensorbox
            self.box = Sensorbox(core.settings, core.command)
            return self.box
        entry = meters.entry_of(name, core.settings)
        return entry and meters.Meter(entry, role, address, core.command)
