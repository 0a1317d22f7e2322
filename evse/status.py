"""The read-only view of one charger that everybody outside the control path gets."""

import gc

from micropython import const

from evse import reasons
from evse.charging import faults, states
from evse.charging.pilot import FULL, LEVEL_A
from evse.commands import MODES, OFF, PAUSE
from evse.current import SETTING_MODES
from evse.power import readings as sources
from evse.power.views import NO_LIMIT, SOLAR
from evse.rare import rare

_EV_STATE = ("initial_soc", "remaining_soc", "full_soc", "computed_soc", "energy_capacity",
             "energy_request", "evccid", "time_until_full")
_LOST = const(2)  # as in evse.group, which only a Master has in memory


class Status:
    """Facts as of the last ``refresh``. Plain attributes, because each property costs memory.

    Currents are dA, powers W, energies Wh, times ms or s as named, moments Unix seconds.

    ``version``, ``board``, ``serial``: of this build and board. ``state_id``, ``state_name``: the
    state as clients know it, waiting for current included. ``car_connected``, ``charging`` (is
    contactor 1 commanded closed). ``access`` (0 off, 1 on, 2 pause), ``mode`` (Off, Normal, Smart,
    Solar or Pause), ``mode_id`` (REST's number of it), ``setting_mode_id`` (0 Normal, 1 Smart, 2
    Solar). ``error_id``, ``error_name``: as clients know them, 0 and "None" for none;
    ``fault_name``: the same with our own faults, ``faults`` their bits. ``reason``: why it charges
    or does not, ``reason_since_s`` and ``reason_until_s`` (uptime, 0 for an unknown end).
    ``grant_da`` (allotted), ``offered_da`` (by the pilot now, 0 for none), ``override_da`` (set by
    hand, 0 for none), ``limit``, ``limit_name`` (what sets the current). ``mains_fresh``,
    ``mains_age_ms``, ``ev_age_ms`` (-1 without a sample), ``mains_w`` (None when unknown),
    ``mains_wh``, ``mains_out_wh`` (fed in), ``ev_w``, ``ev_wh`` (-1 when unknown). ``temp``
    (degrees C), ``pwm1024`` (duty as clients know it), ``pwm_override`` (the same as told through
    a modem, -1 for none), ``uptime_s``, ``clock_s`` (0 while unknown), ``changes`` (moves with
    each setting that changes).

    ``timer_mode``, ``timer_start``, ``timer_stop`` (0 for none), ``timer_repeat``.
    ``session_number``, ``session_wh``, ``session_solar_wh``, ``session_s`` (charging),
    ``session_card``, ``session_estimated``: the last or running one; ``session_w``,
    ``session_solar_w`` (the part not bought): its power now. ``rfid_status`` (0 to 7),
    ``rfid_last`` (hex), ``custom``, ``palette`` (0xRRGGBB of off, normal, smart, solar, custom),
    ``c2_option`` (0 to 4), ``phases`` (0 as wired), ``c1_count``, ``c2_count`` (closings),
    ``lock_state`` ("" without a lock), ``woke`` (step that woke the car, -1).

    ``solar_left_s`` (until it stops for want of sun, 0 while it need not), ``solar_free_da`` (sum
    of the phases the car could take without buying), ``solar_needs_da`` (what of it starts one;
    both None while no car asks in Solar), ``battery_da`` (home battery, charging positive; 0
    without a valid value), ``battery_age_ms`` (-1 without), ``battery_expired`` (one was told, but
    too long ago), ``circuit_limit_da`` (None while none is in force), ``circuit_age_ms``,
    ``phases_wish`` (1 or 3, of the automatic), ``phases_used`` (bits of the mains phases the car
    is known to draw on, 0 unknown), ``relay_open`` (grid relay). ``delay_s`` (until charging may
    begin after power returned), ``capacity_left_s`` (until it stops for the capacity, 0 while it
    need not).

    ``backlight_s`` (s of light left), ``backlight`` (0 off to 255; -1 without a display). ``ip``
    (own address, "" without one). ``portal`` ((ssid, password, ip) while the set-up network is up,
    else None), ``portal_password`` (of that network, also while it is not up), ``network`` (an
    ``evse.net.wifi.Wifi``, None without a radio), ``update`` (percent of an update under way, else
    None), ``updated`` (what became of the last one: "" none, "ready", "returned" or a sentence),
    ``confirm`` ((version, 16 digits, tick of the end) of an update that waits for a button at the
    charger, then the answer as a bool, else None), ``names`` (gives an evse.net.names.Names),
    ``root`` and ``slot`` (where evse.slots finds what it needs, which runs), ``trial_s`` (until an
    update has proven itself, 0 without), ``wizard`` (nothing was ever set up; there is no car),
    ``untouched`` (nothing but the network was ever set up), ``imported`` (another firmware's
    settings wait to be read). ``storing``: somebody on the network is storing several settings.
    """

    def __init__(self, core, version, board, serial):
        self._core = core
        self.version = version
        self.board = board
        self.serial = serial
        # Set by the app that has them: functions giving one dict a slave, the Sensorbox if there
        # is one, (name, restarts, what it does) of each task; a Cycle, a Recent, storage, a Crumb.
        self.bus_rows = self.box = self.tasks = tuple
        self.cycle = self.recent = self.storage = self.lock = self.crumb = None
        self.ip = self.directory = ""  # the latter is where the board keeps its files
        self.ntp = {"problem": "", "synced_s": 0, "offset_s": 0, "failures": 0}  # of evse.net.ntp
        self.reset_cause = ""  # as the board says
        self.heaps = tuple  # the board's function, for memory beside Python's
        self.heap_free = self.heap_low = gc.mem_free()  # in bytes; the least it has been seen
        # Of evse.net: wifi's where a board has one; the web server, for its counters; mqtt's while
        # there is a link or somebody tries.
        self.network = self.web = self.mqtt = None
        self.portal = self.update = self.confirm = self.names = None
        self.portal_password = self.updated = self.root = self.slot = ""
        self.trial_s = 0
        self.wizard = self.untouched = self.imported = self.storing = False
        self.refresh()

    def refresh(self):
        """Take all facts anew."""
        self._refresh_charging()
        self._refresh_power()

    def refreshing(self):
        """Take all facts anew, free memory too; yields "" after each step: others may run."""
        self._refresh_charging()
        yield ""
        self._refresh_power()
        yield ""
        self.heap_free = gc.mem_free()  # the interpreter walks all of the memory to know
        self.heap_low = min(self.heap_free, self.heap_low)
        yield ""

    def _refresh_charging(self):
        """Take anew what concerns car, charger and people."""
        core = self._core
        charger = core.charger
        waiting = charger.faults & faults.LESS_6A
        errors = charger.faults & ~faults.LESS_6A
        self.faults = charger.faults
        self.state_id = charger.state
        name = states.name(charger.state)
        # Clients know waiting for current as part of the state, not as an error.
        if waiting:
            name = "%s - %s" % (name, "Waiting for Solar" if charger.reason == reasons.NO_SUN
                                else faults.legacy_text(waiting))
        self.state_name = name
        self.car_connected = charger.plugged or core.pilot.level != LEVEL_A
        self.charging = charger.c1
        self.access = access = core.access.state
        self.mode = ("Off" if access == OFF else "Pause" if access == PAUSE
                     else core.settings.get("mode"))
        self.mode_id = MODES.index(self.mode)
        self.setting_mode_id = core.mode
        self.changes = core.settings.changes
        self.error_id = faults.legacy_id(errors)
        self.error_name = faults.legacy_text(errors)
        self.fault_name = faults.name(errors)
        self.reason = charger.reason
        self.reason_since_s, self.reason_until_s = core.waiting.since_s, core.waiting.until_s
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
        self.session_w, self.session_solar_w = (
            (session.watts, session.solar_w) if charger.c1 else (0, 0))
        self.session_card = session.card
        self.session_estimated = session.estimated
        self.rfid_status = core.rfid_status
        self.rfid_last = core.rfid_last
        self.custom = core.custom
        self.palette = core.palette
        contactors = charger.contactors
        self.c2_option, self.phases = contactors.option, contactors.phases
        self.c1_count, self.c2_count = contactors.c1_count, contactors.c2_count
        self.woke = charger.woke
        self.pwm_override = charger.pwm
        self.delay_s = core.delay_s
        panel = core.panel
        self.backlight_s = panel.lit_s if panel else 0
        self.backlight = panel.level if panel and panel.screen() else -1
        lock = self.lock
        self.lock_state = ("" if not lock or not lock.kind else "moving" if lock.moving else
                           "locked" if lock.locked else "unlocked")

    def _refresh_power(self):
        """Take anew what concerns currents, their limits, the sun and the phases."""
        core = self._core
        now = core.now
        regulator = core.regulator
        readings = core.readings
        self.grant_da = regulator.grant_da[0]
        self.offered_da = core.charger.offered_da
        self.override_da = core.override_da
        self.limit = regulator.grant_limit[0]
        self.limit_name = reasons.text(self.limit)
        self.mains_fresh = readings.fresh(sources.MAINS, now)
        self.mains_age_ms = readings.age(sources.MAINS, now)
        self.mains_w = core.mains_w if self.mains_fresh else None
        self.mains_wh, self.mains_out_wh = core.mains_wh, core.mains_out_wh
        self.ev_age_ms = readings.age(sources.EV, now)
        self.ev_w, self.ev_wh = core.ev_w, core.ev_wh
        member = core.member
        self.solar_left_s = member.sun_s if member else regulator.sun.left_s(0)
        view = regulator.evses[0]
        asks = view.mode == SOLAR and view.wants
        self.solar_free_da = max(0, regulator.free_da[0]) if asks else None
        self.solar_needs_da = regulator.sun.needs_da(0) if asks else None
        self.capacity_left_s = 0 if member else regulator.lowering.left_s(0, now)
        age = readings.age(sources.BATTERY, now)
        self.battery_age_ms = age
        self.battery_da = readings.amps[sources.BATTERY][0] if age >= 0 else 0
        self.battery_expired = age < 0 and readings.count[sources.BATTERY] > 0
        limit = regulator.params.circuit_da
        self.circuit_limit_da = limit if limit < NO_LIMIT else None
        self.circuit_age_ms = readings.age(sources.CIRCUIT, now)
        self.phases_wish = core.phases.wish
        self.phases_used = regulator.uses[0]
        self.relay_open = core.relay_open

    def reason_text(self):
        """The reason in words, a fault by its name."""
        reason = self.reason
        text = reasons.text(reason)
        if reason == reasons.FAULT:
            return "%s: %s" % (text, faults.name(self.faults & faults.BLOCKING))
        return self.timer_words() if reason == reasons.TIMER_WAITS else text

    def timer_words(self):
        """The timer's next event in words, "" without one."""
        timer = self._core.timer
        return timer.words(self._core.clock_s) if timer else ""

    def ev_state(self):
        """What is known of the car, by the names clients know, or None without a modem."""
        modem = self._core.charger.modem
        return modem and {key: getattr(modem, key) for key in _EV_STATE}

    def fault_bits(self):
        """Bits of the faults that are up now, whenever the last refresh was."""
        return self._core.charger.faults

    def fault_rows(self):
        """Yield (name, what it stops, how it clears) of each fault that is up, in words."""
        for fault in faults.FAULTS:
            if self.faults & fault[0]:
                yield (fault[2], ("nothing", "in order", "at once")[fault[3]],
                       ("by itself", "after a pause", "by reset")[fault[4]])

    def state_letter(self):
        """The state's short name: A, B, C, B1 and so on."""
        return states.short(self.state_id)

    def phase_count(self):
        """1 or 3, the only numbers clients know; 0: as wired, and the car has not shown it yet."""
        used = self.phases_used
        return (1 if used in (1, 2, 4) else 3) if used else self.phases

    def mains_da(self, phase):
        """Mains current of phase 0, 1 or 2; negative feeds the grid."""
        return self._core.readings.amps[sources.MAINS][phase]

    def ev_da(self, phase):
        """Current of the car on phase 0, 1 or 2."""
        return self._core.readings.amps[sources.EV][phase]

    def circuit_da(self, phase):
        """Current of the circuit on phase 0, 1 or 2."""
        return self._core.readings.amps[sources.CIRCUIT][phase]

    def solar_da(self, phase):
        """Mains current of phase 0, 1 or 2 as Solar sees it: without the home battery's part.

        Clients know it by phase; only the sum counts. With one phase in use all of it is there.
        """
        amps = self.mains_da(phase)
        if self.setting_mode_id != SOLAR:
            return amps
        bits = self._core.regulator.evses[0].phases
        if bits in (1, 2, 4):
            return amps - self.battery_da if bits == 1 << phase else amps
        share = self.battery_da // 3
        return amps - share - (self.battery_da - 3 * share if phase == 0 else 0)

    def capacity(self):
        """(limit as sum in dA or None, Wh used, Wh allowed, s left of the quarter, W of the peak).

        The month's peak is known without the tariff being in force.
        """
        capacity = self._core.capacity
        if not capacity:
            return None, 0, 0, 0, self._core.settings.states["peak"][1]
        limit = capacity.limit_da
        return (limit if limit < NO_LIMIT else None, capacity.used_wh, capacity.budget_wh,
                capacity.left_s, capacity.peak_w)

    def intervals(self):
        """Pairs (minute of the day, W) of the capacity tariff."""
        return self._core.settings.states["intervals"]

    def order(self):
        """Numbers of the chargers who come first where ``share_order`` is Node order."""
        return self._core.settings.states["order"]

    def evse_rows(self):
        """Yield (number, mode, wants, charging, grant in dA, why, what limits it, lost) of each.

        Number 0 is this one; the others are the nodes this one has heard of as their Master.
        """
        core = self._core
        regulator = core.regulator
        group = core.group
        for number, view in enumerate(regulator.evses):
            known = group.state[number] if number and group else not number
            if known:
                granted = regulator.grant_da[number]
                yield (number, SETTING_MODES[view.mode] if number else self.mode, view.wants,
                       view.charging, granted,
                       self._why_node(view, regulator.grant_reason[number], granted) if number
                       else self.reason_text(),
                       reasons.text(regulator.grant_limit[number]) if granted else "",
                       known == _LOST)

    @staticmethod
    def _why_node(view, reason, granted):
        """A node says no more than whether its car wants current and its contactor is closed."""
        if view.charging:
            reason = reasons.CHARGING
        elif not view.wants:
            reason = reasons.NONE
        elif granted:
            reason = reasons.CAR_NOT_READY
        return reasons.text(reason)

    def auth(self):
        """What is kept of the install password, and that of the set-up network."""
        return self._core.settings.states["auth"], self.portal_password

    def busy(self):
        """True while a contactor is commanded closed: nothing may stall the loop then."""
        return self._core.charger.c1

    def panel(self):
        """Display and buttons, or None: ``pressed`` (bits), ``drawing``, ``secret``."""
        return self._core.panel

    def screen(self):
        """The display's 1024 bytes as a view, a page (8 rows, bit 0 on top) after the other.

        None without a display.
        """
        panel = self._core.panel
        data = panel and panel.screen()
        return data and memoryview(data)

    def cycle_summary(self):
        """Figures of the control cycle as a dict, None where there is none."""
        return self.cycle and self.cycle.summary()

    def local(self, utc):
        """Local time "YYYY-MM-DDTHH:MM" of Unix seconds."""
        return self._core.load_zone().text(utc)

    def table(self, name, *arguments):
        """Yield the sessions as lines; ``name`` and the rest are as in evse.sessions_csv."""
        return self.storage.table(self._core, name, *arguments)

    def history(self, name, *arguments):
        """Yield the history as text; ``name`` and the rest are as in evse.history_read."""
        return self.storage.history(self._core, name, *arguments)

    def cards_csv(self):
        """Return a generator of the RFID cards, HEX or HEX,name each."""
        return rare("cards_admin").export(self._core.cards)

    def doctor(self):
        """(kind, state, percent) of the bus doctor's last examination, "" and "idle" before."""
        core = self._core
        doctor = core.doctor
        if core.examine and core.examine != "stop":
            return core.examine, "running", 0
        return (doctor.kind, doctor.state, doctor.percent) if doctor else ("", "idle", 0)

    def doctor_rows(self):
        """Yield (code, what, where, hint, is it a mistake) of each of the doctor's findings."""
        core = self._core
        return core.doctor.rows() if core.doctor and not core.examine else ()

    def details(self, name):
        """Yield facts few ask for; ``name`` is a function of evse.details."""
        return getattr(rare("details"), name)(self._core)

    def prices(self):
        """What evse.prices keeps: (Unix seconds, minutes, numbers as base64), or None."""
        return self._core.settings.states["prices"]

    def register(self, number):
        """Modbus register ``number`` as 0 to 65535, or None where there is none."""
        from evse.bus import registers
        return registers.read(self._core, number)

    def events(self, since=0):
        """Yield (number, uptime_s, text, a, b) of the journal, from the event ``since`` on.

        All of them if there is no such event yet: it was one from before the start.
        """
        journal = self._core.journal
        for number, at, code, a, b in journal.events(since if since <= journal.count else 0):
            yield number, at, reasons.text(code), a, b

    def setting(self, key):
        """Value of one setting; secrets read as whether they are set."""
        value = self._core.settings.get(key)
        return bool(value) if key.endswith("_password") else value
