"""The read-only view of one charger that everybody outside the control path gets."""

import gc

from evse import reasons
from evse.charging import faults
from evse.charging.charger import STATE_A, STATE_NAMES
from evse.charging.pilot import FULL, LEVEL_A
from evse.core import MODE_IDS, OFF, PAUSE
from evse.power import readings as sources


class Status:
    """Snapshot by property: nothing is copied until somebody asks.

    Currents are dA, times ms or s as named. ``bus`` (an iterable of dicts, one a slave) and
    ``cycle`` are set by the app that has them.
    """

    def __init__(self, core, version, board, serial):
        self._core = core
        self.version = version
        self.board = board
        self.serial = serial
        self.bus = tuple
        self.cycle = None

    @property
    def state_id(self):
        """Legacy state id: 0 A, 1 B, 2 C, 9 B1, 10 C1."""
        return self._core.charger.state

    @property
    def state_name(self):
        """The state as clients know it; waiting for current is part of it, not an error."""
        name = STATE_NAMES[self._core.charger.state]
        if self._core.charger.faults & faults.LESS_6A:
            return "%s - %s" % (name, faults.legacy_text(faults.LESS_6A))
        return name

    @property
    def car_connected(self):
        """True unless the pilot stands at 12 V."""
        return self._core.charger.state != STATE_A or self._core.pilot.level != LEVEL_A

    @property
    def charging(self):
        """True while contactor 1 is commanded closed."""
        return self._core.charger.c1

    @property
    def access(self):
        """0 off, 1 on, 2 pause."""
        return self._core.settings.access

    @property
    def mode(self):
        """Off, Normal, Smart, Solar or Pause."""
        if self.access == OFF:
            return "Off"
        if self.access == PAUSE:
            return "Pause"
        return self._core.settings.get("mode")

    @property
    def mode_id(self):
        """REST's number of the mode: 0 Off, 1 Normal, 2 Solar, 3 Smart, 4 Pause."""
        return MODE_IDS[self.mode]

    @property
    def setting_mode_id(self):
        """Number of the mode setting: 0 Normal, 1 Smart, 2 Solar."""
        return self._core.regulator.params.mode

    @property
    def error_id(self):
        """Legacy error number, 0 for none."""
        return faults.legacy_id(self._core.charger.faults & ~faults.LESS_6A)

    @property
    def error_name(self):
        """Legacy error text, "None" for none."""
        return faults.legacy_text(self._core.charger.faults & ~faults.LESS_6A)

    @property
    def fault_name(self):
        """Name of the first fault that is set, ours without a legacy number included."""
        return faults.name(self._core.charger.faults & ~faults.LESS_6A)

    @property
    def reason(self):
        """Code of why the car charges as it does, or does not."""
        return self._core.charger.reason

    @property
    def reason_text(self):
        """The same in words."""
        return reasons.text(self._core.charger.reason)

    @property
    def grant_da(self):
        """Current allotted to the car."""
        return self._core.regulator.grant_da[0]

    @property
    def offered_da(self):
        """Current the pilot offers at this moment, 0 for none."""
        return self._core.charger.offered_da

    @property
    def override_da(self):
        """Current set by hand, 0 for none."""
        return self._core.override_da

    @property
    def limit(self):
        """Code of the limit that sets the current."""
        return self._core.regulator.grant_limit[0]

    @property
    def limit_name(self):
        """The same in words."""
        return reasons.text(self._core.regulator.grant_limit[0])

    @property
    def mains_fresh(self):
        """True while the mains meter's last sample is valid."""
        return self._core.readings.fresh(sources.MAINS, self._core.now)

    @property
    def mains_age_ms(self):
        """Age of the last mains sample, -1 when there never was one."""
        return self._core.readings.age(sources.MAINS, self._core.now)

    def mains_da(self, phase):
        """Mains current of phase 0, 1 or 2; negative feeds the grid."""
        return self._core.readings.amps[sources.MAINS][phase]

    @property
    def mains_wh(self):
        """Energy imported from the grid in Wh, -1 when unknown."""
        return self._core.mains_wh

    @property
    def temp(self):
        """Temperature of the board in whole degrees Celsius."""
        return self._core.temperature_dc // 10

    @property
    def pwm1024(self):
        """Duty of the pilot as clients know it: 0..1024."""
        return (self._core.charger.duty + 32) * 1024 // FULL

    @property
    def uptime_s(self):
        """Seconds since start."""
        return self._core.journal.uptime_s

    @property
    def heap_free(self):
        """Bytes the heap has left."""
        return gc.mem_free()

    @property
    def heap_used(self):
        """Bytes of the heap in use, garbage included."""
        return gc.mem_alloc()

    def bus_rows(self):
        """Yield one dict of names and counters for each slave on the bus."""
        return self.bus()

    def cycle_summary(self):
        """Figures of the control cycle as a dict, None where there is none."""
        return self.cycle and self.cycle.summary()

    def setting(self, key):
        """Value of one setting; secrets read as whether they are set."""
        value = self._core.settings.get(key)
        if self._core.settings.spec(key).kind == "secret":
            return bool(value)
        return value

    def events(self, since=0):
        """The journal's events, see ``Journal.events``."""
        return self._core.journal.events(since)
