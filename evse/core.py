"""One charger's decisions, wired together: no I/O, no clock of its own.

The firmware (``evse.app``) and the scenario runner drive the same object: bursts of the pilot,
meter readings, switch and card go in, outputs and permissions come out. Everybody else meets it at
two doors: the read-only ``status`` and ``command(name, value, source)``.
"""

from array import array

from micropython import const

from evse import reasons, ticks
from evse.charging import cable, faults
from evse.charging.access import Access
from evse.charging.charger import Charger
from evse.charging.guard import Guard
from evse.charging.pilot import Pilot
from evse.charging.session import Session
from evse.commands import OFF, ON, Commands
from evse.current import SETTING_MODES, W_PER_DA, Current
from evse.power import readings as sources
from evse.settings import DEFAULT
from evse.waiting import Waiting

# Beyond the time for which a sample is valid.
_EV_LOST_S = const(53)
_CIRCUIT_LOST_S = const(9)
_TIMER_START = const(1)
_ENABLE_ONE = const(2)  # of the setting rfid; 1 is EnableAll


class Core(Current):
    """Charger, guard, access and current of one EVSE.

    ``settings`` and ``journal`` are theirs, ``allocate`` one of the two twins of the sharing core,
    ``now`` the tick at start, ``start_delay_s`` how long nothing may charge after power returned.

    For whoever has storage: ``cards`` is to know the RFID cards, ``finished`` is a session that is
    over and wants to be kept, ``session_number`` that of the last one. ``restart``: somebody wants
    the board restarted once no contactor is closed. ``new_clock_s`` is a time of day that somebody
    told, 0 for none. ``palette`` are the LED's colours, 0xRRGGBB. ``configured`` counts how often
    settings were handed on. ``examine`` is what the bus doctor is to do next, ``doctor`` the one
    that runs or ran last. ``delay_s`` is left of the start delay. ``waiting`` knows since when and
    until when the charger's reason holds.
    ``panel`` is set by who has one. ``reader`` goes before the setting rfid, 0 does not.
    """

    def __init__(self, settings, journal, allocate, now, start_delay_s=0):
        record = journal.record
        super().__init__(settings, record, allocate)
        self.journal = journal
        self.pilot = Pilot()
        self.charger = Charger(self.pilot, record)
        self.guard = Guard(self.pilot, self.charger, record)
        self.access = Access(record)
        self.session = Session()
        self.waiting = Waiting()
        self.command = Commands(self)
        self.cards = None
        self.finished = None
        self.session_number = 0
        self.timer = None  # loaded once a start or stop is set
        self.zone = None
        self.reader = 0
        self.supervisor = None  # loaded with an EV meter that sees only the car
        self.mains_wh = self.mains_out_wh = self.ev_w = self.ev_wh = -1
        self.serial = 0
        self.clock_s = self.new_clock_s = 0
        self.restart = False
        self.panel = None  # for whoever has one
        self.custom = False
        self.rfid_status = 0
        self.rfid_last = ""
        self.palette = array("i", (0, 0x00FF00, 0x00FF00, 0xFFAA00, 0x0000FF))
        self.configured = 0
        self.examine = ""
        self.doctor = None
        self._rcm = False
        self._rcm_quiet = False  # the line has been seen without a fault: there is a sensor
        self._second = now
        self.delay_s = start_delay_s
        self._ev_silent_s = self._circuit_silent_s = 0
        if start_delay_s:
            self.charger.faults |= faults.BOOT_DELAY
        self.now = now
        self.regulate_due = now
        states = settings.states
        self.access.state = states["access"]
        self.access.card = states["card"]
        contactors = self.charger.contactors
        contactors.c1_count, contactors.c2_count = states["wear"]
        if states["timer"]:
            self.load_timer()
        self.configure()
        record(reasons.STARTED, start_delay_s)

    # ---- 10 ms path ----

    def sample(self, burst, rcm, now):
        """Take one pilot burst; True when the contactors must open at once. Allocates nothing."""
        self.now = now
        self._rcm = rcm
        if not rcm:
            self._rcm_quiet = self.rcm_enabled
        elif not self._rcm_quiet:
            # A line that has never been quiet is more likely one without a sensor.
            self.charger.faults |= faults.RCM_MISSING
        self.pilot.feed(burst, self.charger.duty, now)
        return self.guard.check(now, rcm and self._rcm_quiet) != 0

    def step(self, now):
        """Run the state machine; returns ms until it needs to run again, inputs unchanged."""
        return self.charger.step(now)

    # ---- once a second, and on each new reading ----

    def second(self, now, proximity_mv, temperature_dc, rcm, clock_s=0):
        """Slow inputs: cable, temperature, RCM line, time of day. Call it about once a second.

        ``clock_s`` are Unix seconds, 0 while the time of day is not known.
        """
        self.clock_s = clock_s
        elapsed = ticks.diff(now, self._second) // 1000
        if elapsed > 0:
            self._second = ticks.add(self._second, elapsed * 1000)
            self._pass(elapsed)
        if not self.charger.c1:
            # Not only before a car is seen: the pilot may make contact before the proximity does.
            self.cable_da = cable.rating(proximity_mv)
        self.temperature_dc = temperature_dc
        limit = self.settings.get("max_temp") * 10
        if temperature_dc >= limit:
            self.fault(faults.TEMP_HIGH, True)
        elif temperature_dc <= limit - 100:
            self.fault(faults.TEMP_HIGH, False)
        if self._rcm_quiet:
            self.fault(faults.RCM_MISSING, False)
            if rcm:
                self.fault(faults.RCM_TRIPPED, True)
        self.ceilings(self.charger)

    def _pass(self, seconds):
        """Let whole seconds pass for all that counts them."""
        journal = self.journal
        charger = self.charger
        journal.uptime_s += seconds
        if self.delay_s:
            self.delay_s = max(0, self.delay_s - seconds)
            if not self.delay_s:
                self.fault(faults.BOOT_DELAY, False)
        for _ in range(min(seconds, 60)):
            if self.access.second(self.rfid, charger.plugged):
                self.apply_access()
        if self.timer:
            self._run_timer()
        self._explain()
        self.waiting.second(self, self._second)
        contactors = charger.contactors
        self.settings.remember("wear", (contactors.c1_count, contactors.c2_count))
        self._watch_meters(seconds)
        self._count_session(seconds)
        if not charger.c1 and self.joined != self.settings.index("pwr_share"):
            self.configure()  # a change that had to wait for the contactors to open
        self.second_current(seconds, self.clock_s, self.load_zone, self.now)

    def _run_timer(self):
        timer = self.timer
        event = timer.check(self.clock_s)
        if event:
            self.access.set(ON if event == _TIMER_START else OFF, reasons.TIMER)
            if event == _TIMER_START:
                self.settings.set("mode", timer.mode)
            self.keep_timer()
            self.configure()
        else:
            self.fault(faults.CLOCK, timer.waiting_clock)

    def _explain(self):
        """Say what is waited for while access is off."""
        timer = self.timer
        denied = reasons.NO_ACCESS
        if self.access.state == OFF:
            if timer and timer.pending:
                denied = reasons.CLOCK_UNKNOWN if timer.waiting_clock else reasons.TIMER_WAITS
            elif 0 < self.rfid <= _ENABLE_ONE:
                denied = reasons.CARD_MISSING
        self.charger.denied = denied

    def _watch_meters(self, seconds):
        """A silent EV meter is shown, since some are fed by the car; a circuit's one stops."""
        settings = self.settings
        car_only = settings.get("ev_meter_role") == "Car only"
        if (not car_only or settings.get("ev_meter") == "Disabled"
                or self.readings.fresh(sources.EV, self.now)):
            self._ev_silent_s = 0
        else:
            self._ev_silent_s += seconds
            if self.supervisor:
                self._judge(self.supervisor.lost(self.now))
        self.fault(faults.EV_NOCOMM, self._ev_silent_s >= _EV_LOST_S)
        if (self.node or not self.circuit_meter
                or self.readings.fresh(sources.CIRCUIT, self.now)):
            self._circuit_silent_s = 0
        else:
            self._circuit_silent_s += seconds
        self.fault(faults.CIRCUIT_NOCOMM, self._circuit_silent_s >= _CIRCUIT_LOST_S
                   and settings.get("mode") != "Normal")

    def _count_session(self, seconds):
        session = self.session
        charger = self.charger
        access = self.access
        contactors = charger.contactors
        if not session.active:
            if not charger.c1:
                return
            if session is self.finished:
                self.session = session = Session()  # the one before has still to be kept
            self.session_number += 1
            session.begin(self.session_number, self.clock_s, access.card, access.by)
            self.record(reasons.SESSION_BEGAN, self.session_number)
        ev_w = ev_wh = -1
        if self.readings.fresh(sources.EV, self.now):
            ev_w, ev_wh = self.ev_w, self.ev_wh
        mains_w = self.mains_w if self.readings.fresh(sources.MAINS, self.now) else None
        guess_w = charger.offered_da * (1 if contactors.phases == 1 else 3) * W_PER_DA
        session.second(charger.c1, ev_w, ev_wh, mains_w, guess_w if charger.c1 else 0,
                       max(self.readings.amps[sources.EV]), seconds)
        session.woke = charger.woke
        session.phases = contactors.phases
        if charger.modem:
            charger.modem.charged(session.wh, ev_w if ev_w > 0 else guess_w)
        if not charger.c1 and (not charger.plugged or access.state == OFF):
            session.end(charger.stop_reason, self.clock_s)
            self.record(reasons.SESSION_ENDED, session.number, session.wh)
            self.finished = session

    def regulate(self, now):
        """Decide the current; returns ms until it is due again, 0 to go on at once."""
        charger = self.charger
        wait = self.decide(charger, self.session.active, now)
        self.regulate_due = ticks.add(now, wait)
        if not wait:
            return 0
        regulator = self.regulator
        charger.grant(regulator.grant_da[0], regulator.grant_until[0], regulator.grant_reason[0])
        lost = (self.told_until is None if self.node
                else self.settings.get("mode") != "Normal" and self.mains_meter
                and not self.readings.fresh(sources.MAINS, now))
        self.fault(faults.CT_NOCOMM, lost)
        self.fault(faults.LESS_6A, charger.wants and not regulator.grant_da[0] and not lost)
        return wait

    def read(self, source, amps, watts, wh, valid_ms, out_wh=None):
        """Take a checked sample of a meter: ``amps`` in dA (3), ``watts`` and ``wh``, or None.

        ``wh`` is imported, ``out_wh`` exported.
        """
        if source == sources.EV and self.settings.get("ev_meter_role") != "Car only":
            # A sub-panel's meter sees other loads too: it guards the circuit and nothing else.
            source = sources.CIRCUIT
        if amps:
            self.readings.put(source, amps[0], amps[1], amps[2], self.now, valid_ms)
            if watts is None:
                watts = (amps[0] + amps[1] + amps[2]) * W_PER_DA
            self.regulate_due = self.now
        if source == sources.MAINS:
            self.mains_w = self.mains_w if watts is None else watts
            self.mains_wh = self.mains_wh if wh is None else wh
            self.mains_out_wh = self.mains_out_wh if out_wh is None else out_wh
        elif source == sources.EV:
            self.ev_w = self.ev_w if watts is None else watts
            self.ev_wh = self.ev_wh if wh is None else wh
            if amps and self.supervisor:
                self._judge(self.supervisor.sample(amps, self.charger,
                                                   self.regulator.grant_da[0], self.now))

    def _judge(self, found):
        """Raise the faults the supervisor has found; a welded contactor stays one till reset."""
        for bit in (faults.WELDED, faults.NO_CURRENT, faults.OVERCURRENT):
            if found & bit or bit != faults.WELDED:
                self.fault(bit, found & bit)
        self.regulator.limits[0].optional(reasons.LIMIT_OVERCURRENT, self.supervisor.ceiling_da)

    # ---- settings in force ----

    def apply_access(self):
        """Hand on what access has become; it outlives a power cut."""
        access = self.access
        self.charger.access = access.state
        self.settings.remember("access", access.state)
        self.settings.remember("card", access.card)

    def load_timer(self):
        """Return the timer, loading it the first time."""
        if not self.timer:
            from evse.charging.timer import Timer
            self.timer = Timer(self.load_zone(), self.settings.states["timer"])
        return self.timer

    def change_zone(self):
        """The rule has changed: whoever uses it gets the new one."""
        self.zone = None
        if self.timer:
            self.timer.zone = self.load_zone()

    def keep_timer(self):
        """Have the timer outlive a power cut; one that is over makes room."""
        state = self.timer and self.timer.state()
        self.settings.remember("timer", state)
        if not state:
            self.timer = None
            self.fault(faults.CLOCK, False)

    def load_zone(self):
        """Return the time zone's rule, loading it the first time."""
        if not self.zone:
            from evse.clock import Zone
            settings = self.settings
            try:
                self.zone = Zone(settings.get("tz"))
            except ValueError:  # out of a file: commands are judged
                settings.set("tz", settings.spec("tz")[DEFAULT])
                self.zone = Zone(settings.get("tz"))
        return self.zone

    def configure(self):
        """Hand the settings in force to those who act on them."""
        settings = self.settings
        if not self.mains_meter and settings.index("pwr_share") <= 1:
            settings.set("mode", "Normal")  # a file may ask for what no command can
        charger = self.charger
        self.mode = SETTING_MODES.index(settings.get("mode"))
        self.configure_current(charger)
        self.rcm_enabled = settings.get("rcmon") == "Enabled"
        if not self.rcm_enabled:
            self.fault(faults.RCM_MISSING, False)
        self.rfid = self.reader or settings.index("rfid")
        charger.min_da = low = self.regulator.params.min_da
        charger.max_da = high = settings.get("max") * 10
        if self.override_da:  # what is below a new MIN would be no permission at all
            self.override_da = max(low, min(high, self.override_da))
        contactors = charger.contactors
        contactors.option = settings.index("contact_2")
        contactors.mode = self.mode
        contactors.pause_ms = settings.get("c2_pause_s") * 1000
        self._load_optional(settings)
        self.configured += 1
        self.regulate_due = self.now
        self.apply_access()
        self.ceilings(self.charger)

    def _load_optional(self, settings):
        """Load what some installations have, and only those."""
        charger = self.charger
        if settings.get("modem") == "Not present":
            charger.modem = None
            charger.pwm = -1
        else:
            if not charger.modem:
                from evse.charging.modem import Modem
                charger.modem = Modem(self.record)
            charger.modem.required = settings.get("required_evccid")
        if settings.get("ev_meter") == "Disabled" or settings.get("ev_meter_role") != "Car only":
            self.supervisor = None
            self.regulator.limits[0].withdraw(reasons.LIMIT_OVERCURRENT)
            self.fault(faults.NO_CURRENT | faults.OVERCURRENT, False)
        elif not self.supervisor:
            from evse.charging.supervise import Supervisor
            self.supervisor = Supervisor(self.record)

    def reset_fault(self):
        """Clear what a person must clear; returns why not all of it could be, or ""."""
        if self._rcm:
            return "the residual current is still there"
        self.fault(faults.RCM_TRIPPED, False)
        if self.supervisor:
            if (not self.charger.c1 and self.readings.fresh(sources.EV, self.now)
                    and self.supervisor.flows(self.readings.amps[sources.EV])):
                # Closed, it could not be told from a sound one: the alarm would be gone for good.
                return "current still flows through the open contactor"
            self.supervisor.reset()
        self.fault(faults.WELDED, False)
        return ""

    def fault(self, bits, on):
        """Raise or clear ``bits`` of the faults; what changes is journalled."""
        charger = self.charger
        changed = bits & ~charger.faults if on else bits & charger.faults
        if changed:
            charger.faults ^= changed
            self.record(reasons.FAULT_SET if on else reasons.FAULT_CLEARED, changed)
