"""The read-only view of one charger that everybody outside the control path gets."""

import gc

from evse import reasons
from evse.charging import faults
from evse.charging.charger import STATE_A, STATE_NAMES
from evse.charging.pilot import FULL, LEVEL_A
from evse.core import MODE_IDS, OFF, PAUSE
from evse.power import readings as sources
from evse.settings import KIND


class Status:
    """Facts as of the last ``refresh``. Plain attributes, because each property costs memory.

    Currents are dA, times ms or s as named.

    ``version``, ``board``, ``serial``: of this build and board. ``state_id``, ``state_name``: the
    state as clients know it, waiting for current included. ``car_connected``, ``charging`` (is
    contactor 1 commanded closed). ``access`` (0 off, 1 on, 2 pause), ``mode`` (Off, Normal, Smart,
    Solar or Pause), ``mode_id`` (REST's number of it), ``setting_mode_id`` (0 Normal, 1 Smart, 2
    Solar). ``error_id``, ``error_name``: as clients know them, 0 and "None" for none;
    ``fault_name``: the same with our own faults. ``reason``, ``reason_text``: why it charges or
    does not. ``grant_da`` (allotted), ``offered_da`` (by the pilot now, 0 for none),
    ``override_da`` (set by hand, 0 for none), ``limit``, ``limit_name`` (what sets the current).
    ``mains_fresh``, ``mains_age_ms`` (-1 without a sample), ``mains_wh`` (-1 when unknown).
    ``temp`` (degrees C), ``pwm1024`` (duty as clients know it), ``uptime_s``, ``heap_free``
    (bytes; asked for once, because the interpreter walks all of the heap for it).
    """

    def __init__(self, core, version, board, serial):
        self._core = core
        self.version = version
        self.board = board
        self.serial = serial
        # Set by the app that has them: a function giving one dict a slave, and a Cycle.
        self.bus_rows = tuple
        self.cycle = None
        self.refresh()

    def refresh(self):
        """Take all facts anew."""
        core = self._core
        charger = core.charger
        regulator = core.regulator
        readings = core.readings
        waiting = charger.faults & faults.LESS_6A
        errors = charger.faults & ~faults.LESS_6A
        self.state_id = charger.state
        name = STATE_NAMES[charger.state]
        # Clients know waiting for current as part of the state, not as an error.
        self.state_name = "%s - %s" % (name, faults.legacy_text(waiting)) if waiting else name
        self.car_connected = charger.state != STATE_A or core.pilot.level != LEVEL_A
        self.charging = charger.c1
        self.access = access = core.settings.states["access"]
        self.mode = ("Off" if access == OFF else "Pause" if access == PAUSE
                     else core.settings.get("mode"))
        self.mode_id = MODE_IDS[self.mode]
        self.setting_mode_id = regulator.params.mode
        self.error_id = faults.legacy_id(errors)
        self.error_name = faults.legacy_text(errors)
        self.fault_name = faults.name(errors)
        self.reason = charger.reason
        self.reason_text = reasons.text(charger.reason)
        self.grant_da = regulator.grant_da[0]
        self.offered_da = charger.offered_da
        self.override_da = core.override_da
        self.limit = regulator.grant_limit[0]
        self.limit_name = reasons.text(self.limit)
        self.mains_fresh = readings.fresh(sources.MAINS, core.now)
        self.mains_age_ms = readings.age(sources.MAINS, core.now)
        self.mains_wh = core.mains_wh
        self.temp = core.temperature_dc // 10
        self.pwm1024 = (charger.duty + 32) * 1024 // FULL
        self.uptime_s = core.journal.uptime_s
        self.heap_free = gc.mem_free()

    def mains_da(self, phase):
        """Mains current of phase 0, 1 or 2; negative feeds the grid."""
        return self._core.readings.amps[sources.MAINS][phase]

    def cycle_summary(self):
        """Figures of the control cycle as a dict, None where there is none."""
        return self.cycle and self.cycle.summary()

    def events(self):
        """Yield (number, uptime_s, text, a, b) of the journal's events, oldest first."""
        for number, at, code, a, b in self._core.journal.events():
            yield number, at, reasons.text(code), a, b

    def setting(self, key):
        """Value of one setting; secrets read as whether they are set."""
        settings = self._core.settings
        value = settings.get(key)
        return bool(value) if settings.spec(key)[KIND] == "secret" else value
