"""The read-only view of one charger that everybody outside the control path gets."""

import gc

from evse import reasons
from evse.charging import faults, states
from evse.charging.pilot import FULL, LEVEL_A
from evse.commands import MODE_IDS, OFF, PAUSE, rare
from evse.power import readings as sources
from evse.settings import KIND

_EV_STATE = ("initial_soc", "remaining_soc", "full_soc", "computed_soc", "energy_capacity",
             "energy_request", "evccid", "time_until_full")


class Status:
    """Facts as of the last ``refresh``. Plain attributes, because each property costs memory.

    Currents are dA, powers W, energies Wh, times ms or s as named, moments Unix seconds.

    ``version``, ``board``, ``serial``: of this build and board. ``state_id``, ``state_name``: the
    state as clients know it, waiting for current included. ``car_connected``, ``charging`` (is
    contactor 1 commanded closed). ``access`` (0 off, 1 on, 2 pause), ``mode`` (Off, Normal, Smart,
    Solar or Pause), ``mode_id`` (REST's number of it), ``setting_mode_id`` (0 Normal, 1 Smart, 2
    Solar). ``error_id``, ``error_name``: as clients know them, 0 and "None" for none;
    ``fault_name``: the same with our own faults, ``faults`` their bits. ``reason``,
    ``reason_text``: why it charges or does not. ``grant_da`` (allotted), ``offered_da`` (by the
    pilot now, 0 for none), ``override_da`` (set by hand, 0 for none), ``limit``, ``limit_name``
    (what sets the current). ``mains_fresh``, ``mains_age_ms``, ``ev_age_ms`` (-1 without a
    sample), ``mains_wh``, ``ev_w``, ``ev_wh`` (-1 when unknown). ``temp`` (degrees C),
    ``pwm1024`` (duty as clients know it), ``uptime_s``, ``clock_s`` (0 while unknown).

    ``timer_mode``, ``timer_start``, ``timer_stop`` (0 for none), ``timer_repeat``,
    ``timer_words`` (the next event). ``session_number``, ``session_wh``, ``session_solar_wh``,
    ``session_s`` (charging), ``session_card``, ``session_estimated``: the last or running one.
    ``rfid_status`` (0 to 7), ``rfid_last`` (hex), ``custom``, ``palette`` (0xRRGGBB of off,
    normal, smart, solar, custom), ``c2_option`` (0 to 4), ``phases`` (0 as wired), ``c1_count``,
    ``c2_count`` (closings), ``lock_state`` ("" without a lock), ``woke`` (step that woke the car,
    -1), ``ev_state`` (what is known of the car, by the names clients know; None without a modem).
    """

    def __init__(self, core, version, board, serial):
        self._core = core
        self.version = version
        self.board = board
        self.serial = serial
        # Set by the app that has them: a function giving one dict a slave, a Cycle, storage.
        self.bus_rows = tuple
        self.cycle = None
        self.storage = self.lock = None
        self.refresh()

    def refresh(self):
        """Take all facts anew."""
        core = self._core
        charger = core.charger
        regulator = core.regulator
        readings = core.readings
        waiting = charger.faults & faults.LESS_6A
        errors = charger.faults & ~faults.LESS_6A
        self.faults = charger.faults
        self.state_id = charger.state
        name = states.name(charger.state)
        # Clients know waiting for current as part of the state, not as an error.
        self.state_name = "%s - %s" % (name, faults.legacy_text(waiting)) if waiting else name
        self.car_connected = charger.plugged or core.pilot.level != LEVEL_A
        self.charging = charger.c1
        self.access = access = core.access.state
        self.mode = ("Off" if access == OFF else "Pause" if access == PAUSE
                     else core.settings.get("mode"))
        self.mode_id = MODE_IDS[self.mode]
        self.setting_mode_id = regulator.params.mode
        self.error_id = faults.legacy_id(errors)
        self.error_name = faults.legacy_text(errors)
        self.fault_name = faults.name(errors)
        timer = core.timer
        self.timer_words = timer.words(core.clock_s) if timer else ""
        self.reason = charger.reason
        self.reason_text = self._why(charger.reason)
        self.grant_da = regulator.grant_da[0]
        self.offered_da = charger.offered_da
        self.override_da = core.override_da
        self.limit = regulator.grant_limit[0]
        self.limit_name = reasons.text(self.limit)
        self.mains_fresh = readings.fresh(sources.MAINS, core.now)
        self.mains_age_ms = readings.age(sources.MAINS, core.now)
        self.mains_wh = core.mains_wh
        self.ev_age_ms = readings.age(sources.EV, core.now)
        self.ev_w = core.ev_w
        self.ev_wh = core.ev_wh
        self.temp = core.temperature_dc // 10
        self.pwm1024 = (charger.duty + 32) * 1024 // FULL
        self.uptime_s = core.journal.uptime_s
        self.clock_s = core.clock_s
        self.timer_mode, self.timer_start, self.timer_stop, self.timer_repeat = (
            core.settings.states["timer"] or ("", 0, 0, 0))
        self.timer_repeat = 1 if self.timer_repeat else 0
        session = core.session
        self.session_number = session.number
        self.session_wh = session.wh
        self.session_solar_wh = session.solar_wh
        self.session_s = session.charging_s
        self.session_card = session.card
        self.session_estimated = session.estimated
        self.rfid_status = core.rfid_status
        self.rfid_last = core.rfid_last
        self.custom = core.custom
        self.palette = core.palette
        contactors = charger.contactors
        self.c2_option = contactors.option
        self.phases = contactors.phases
        self.c1_count = contactors.c1_count
        self.c2_count = contactors.c2_count
        self.woke = charger.woke
        modem = charger.modem
        self.ev_state = modem and {key: getattr(modem, key) for key in _EV_STATE}
        lock = self.lock
        self.lock_state = ("" if not lock or not lock.kind else "moving" if lock.moving else
                           "locked" if lock.locked else "unlocked")

    def _why(self, reason):
        """The reason in words, a fault by its name."""
        text = reasons.text(reason)
        if reason == reasons.FAULT:
            return "%s: %s" % (text, faults.name(self.faults & faults.BLOCKING))
        return self.timer_words if reason == reasons.TIMER_WAITS else text

    @staticmethod
    def heap_free():
        """Free bytes of memory; the interpreter walks all of it to know."""
        return gc.mem_free()

    def fault_rows(self):
        """Yield (name, what it stops, how it clears) of each fault that is up, in words."""
        for fault in faults.FAULTS:
            if self.faults & fault[0]:
                yield (fault[2], ("nothing", "in order", "at once")[fault[3]],
                       ("by itself", "after a pause", "by reset")[fault[4]])

    def mains_da(self, phase):
        """Mains current of phase 0, 1 or 2; negative feeds the grid."""
        return self._core.readings.amps[sources.MAINS][phase]

    def ev_da(self, phase):
        """Current of the car on phase 0, 1 or 2."""
        return self._core.readings.amps[sources.EV][phase]

    def cycle_summary(self):
        """Figures of the control cycle as a dict, None where there is none."""
        return self.cycle and self.cycle.summary()

    def local(self, utc):
        """Local time "YYYY-MM-DDTHH:MM" of Unix seconds."""
        return self._core.load_zone().text(utc)

    def sessions_csv(self):
        """Yield all sessions as CSV, newest last."""
        return self.storage.sessions_csv(self._core)

    def months_csv(self):
        """Yield what each card took in each month as CSV."""
        return self.storage.months_csv(self._core)

    def cards_csv(self):
        """Return a generator of the RFID cards, HEX or HEX,name each."""
        return rare("cards_admin").export(self._core.cards)

    def events(self):
        """Yield (number, uptime_s, text, a, b) of the journal's events, oldest first."""
        for number, at, code, a, b in self._core.journal.events():
            yield number, at, reasons.text(code), a, b

    def setting(self, key):
        """Value of one setting; secrets read as whether they are set."""
        settings = self._core.settings
        value = settings.get(key)
        return bool(value) if settings.spec(key)[KIND] == "secret" else value
