"""The door in: every command, whoever sends it, checked in one place.

A command is carried out or refused with a reason; a refused one changes nothing.
"""

from micropython import const

from evse import reasons
from evse.people import People
from evse.power import readings as sources
from evse.rare import rare
from evse.settings import LEVEL, Denied, Refused, is_order

OFF = const(0)
ON = const(1)
PAUSE = const(2)

# By their numbers in REST and MQTT.
MODES = const(("Off", "Normal", "Solar", "Smart", "Pause"))
_ACCESS = ("Off", "On", "Pause")

_READING_VALID_MS = const(11_000)
_OVERHEARD_VALID_MS = const(40_000)  # a Master polls the meters of its nodes one in a cycle
_ABSURD_DA = const(10_000)
_ABSURD_W = const(1_000_000)
_ABSURD_WH = 1_000_000_000_000
_METERS = (("mains", "mains_met", sources.MAINS), ("ev", "ev_meter", sources.EV),
           ("circuit", "circt_met", sources.CIRCUIT))
_BATTERY_VALID_MS = const(60_000)
_MOST_INTERVALS = const(24)
_MOST_W = const(32_000)
_EXAMINATIONS = ("bus", "phases", "stop")


class Commands(People):
    """Call it with (name, value, source). ``source`` says who speaks: "LCD", "REST", "MQTT",
    "bus", "installer" (from afar, with the password), "portal" (on the network for the set-up,
    whose password stands on the LCD), "switch", "card", "HomeWizard", "NTP", or "PIN" (from afar
    by whoever has given the LCD's PIN, which opens the buttons and no other command).

    "mode" (name or number; switches access on, or off); "access" ("Off", "On", "Pause");
    "override" (dA, 0 ends it); "set" (key, value; a mode set so leaves access as it is); "fault"
    ("reset"); "reading" ("mains", "ev" or "circuit", L1, L2, L3 in dA, W, Wh in, Wh out; None for
    what is not known); "battery" (dA, charging positive); "intervals" (pairs of minute of the day
    and W); "order" (numbers of the chargers who come first, 0 for this one); "reader" ("Learn" or
    "Delete" until None); "swipe" (the card's 12 or 14 hex digits);
    "cards" (("add", hex, name), ("remove", hex), ("clear",), ("load", lines)); "timer" ((mode,
    start, stop, repeat) or None); "clock" (Unix seconds); "custom" (bool); "colour" ((name, R, G,
    B)); "phases" (1 or 3); "pwm" (-1..1024); "ev_state" (a dict); "doctor" ("bus", "phases",
    "stop"); "button" ((name, down) of "left", "middle", "right"); "backlight" (how often 120 s, 0
    for off); "restart" (any; once no contactor is closed); "update" ("begin", then "written",
    "confirmed" (the same of one that was confirmed at the display) or "failed": nothing charges
    while one is written, which stalls); "erase" ("settings"); "password" (what evse.net.auth keeps
    of one, "" for none); "prices" ((Unix seconds of the first, minutes each, thousandths of the
    currency per kWh), or None).
    """

    def __call__(self, name, value, source):
        handler = getattr(self, "do_" + name, None) if type(name) is str else None
        if handler is None:
            raise Refused("no command is called %s" % name, "name")
        setting = self._core.settings.get
        if (source == "REST" and setting("drive_locked") == "Enabled"
                and setting("trust_lan") != "Enabled"):
            raise Denied("locked: this needs the password", "drive_locked")
        handler(value, source)

    # ---- charging ----

    def do_mode(self, value, source):
        self._mode(value, source)
        if source != "bus":
            self._drop_timer()

    def _mode(self, value, source):
        core = self._core
        name = self._mode_name(value)
        self._check_mode(name)
        by = reasons.SWITCH if source == "switch" else reasons.COMMANDED
        if name == "Off" or name == "Pause":
            core.access.set(OFF if name == "Off" else PAUSE, by)
        else:
            if source != "bus":  # the Master's mode wakes nobody
                core.access.set(ON, by)
            core.settings.set("mode", name)
        core.override_da = 0
        core.record(reasons.MODE, MODES.index(name))
        core.configure()

    def _check_mode(self, name):
        core = self._core
        if name in ("Smart", "Solar") and not (core.mains_meter or core.node):
            raise Refused("%s needs a mains meter (setting mains_met)" % name, "mode",
                          ["Off", "Normal", "Pause"])

    @staticmethod
    def _mode_name(value):
        for number, name in enumerate(MODES):
            if value == number and type(value) is int:
                return name
            if type(value) is str and (value.lower() == name.lower()
                                       or value == str(number)):
                return name
        raise Refused("mode must be one of " + ", ".join(MODES), "mode", list(MODES))

    def do_access(self, value, source):
        if value not in _ACCESS:
            raise Refused("access is Off, On or Pause", "access", list(_ACCESS))
        core = self._core
        by = reasons.SWITCH if source == "switch" else reasons.COMMANDED
        core.access.set(_ACCESS.index(value), by)
        core.apply_access()

    def do_override(self, value, source):
        core = self._core
        low, high = core.settings.get("min") * 10, core.settings.get("max") * 10
        if type(value) is not int or (value and not low <= value <= high):
            raise Refused("override must be 0 or a current from %d to %d dA" % (low, high),
                          "override", [0, low, high])
        core.override_da = value
        core.configure()

    def do_phases(self, value, source):
        core = self._core
        auto = core.settings.get("contact_2") == "Auto"
        if type(value) is not int or value not in (1, 3) or not auto:
            raise Refused("phases is 1 or 3, with contact_2 Auto", "phases", [1, 3])
        core.phases.wish = core.charger.contactors.auto = value
        core.record(reasons.PHASES, value)

    def do_pwm(self, value, source):
        self._install("pwm", source)
        charger = self._core.charger
        if not charger.modem:
            raise Refused("needs the setting modem", "pwm")
        if type(value) is not int or not -1 <= value <= 1024:
            raise Refused("pwm is -1 (none) or a duty of 0 to 1024", "pwm", [-1, 1024])
        charger.pwm = value

    def do_ev_state(self, value, source):
        self._install("ev_state", source)
        modem = self._core.charger.modem
        if not modem or type(value) is not dict:
            raise Refused("needs the setting modem, and values by name", "ev_state")
        try:
            modem.tell(value)
        except ValueError as problem:
            raise Refused(str(problem), "ev_state")

    def do_fault(self, value, source):
        self._install("fault", source)  # who resets a trip should have looked at the charger
        if value != "reset":
            raise Refused("the only thing to do with a fault is to reset it", "fault", ["reset"])
        problem = self._core.reset_fault()
        if problem:
            raise Refused(problem, "fault")

    def do_reading(self, value, source):
        core = self._core
        name = (type(value) in (tuple, list) and 4 <= len(value) <= 7) and value[0]
        meter = [row for row in _METERS if row[0] == name]
        if not meter:
            raise Refused("a reading is the name of a meter and three currents", "reading",
                          sorted(row[0] for row in _METERS))
        _, key, place = meter[0]
        kind = core.settings.get(key)
        if source != "bus" and kind != ("HomeWizrd" if source == "HomeWizard" else "API"):
            raise Refused("the %s meter is not of type API" % name, key, ["API"])
        amps = value[1:4]
        watts, wh, out_wh = (tuple(value[4:]) + (None, None, None))[:3]
        if amps[0] is None and watts is not None:
            amps = None
        for number in (amps or ()):
            if type(number) is not int or not -_ABSURD_DA < number < _ABSURD_DA:
                raise Refused("currents are whole numbers of 0.1 A", name,
                              [-_ABSURD_DA, _ABSURD_DA])
        for number, most in zip(value[4:], (_ABSURD_W, _ABSURD_WH, _ABSURD_WH)):
            if number is not None and (type(number) is not int or abs(number) > most):
                raise Refused("power and energy are whole numbers of W and Wh", name,
                              [-most, most])
        valid_ms = _OVERHEARD_VALID_MS if core.node and name == "ev" else _READING_VALID_MS
        core.read(place, amps, watts, wh, valid_ms, out_wh)

    def do_battery(self, value, source):
        core = self._core
        if core.node:
            raise Refused("the home battery is the Master's business", "battery")
        if type(value) is not int or not -_ABSURD_DA < value < _ABSURD_DA:
            raise Refused("the battery's current is a whole number of 0.1 A", "battery",
                          [-_ABSURD_DA, _ABSURD_DA])
        core.readings.put(sources.BATTERY, value, 0, 0, core.now, _BATTERY_VALID_MS)

    def do_intervals(self, value, source):
        self._install("intervals", source)
        if type(value) not in (tuple, list) or len(value) > _MOST_INTERVALS:
            raise Refused("up to %d pairs of minute and W" % _MOST_INTERVALS, "intervals")
        last = -1
        for pair in value:
            if (type(pair) not in (tuple, list) or len(pair) != 2
                    or not all(type(part) is int for part in pair)
                    or not last < pair[0] < 1440 or not 0 <= pair[1] <= _MOST_W):
                raise Refused("an interval is a minute of the day, later than the one before, "
                              "and 0 to %d W" % _MOST_W, "intervals")
            last = pair[0]
        core = self._core
        core.settings.remember("intervals", tuple(tuple(pair) for pair in value))
        core.configure()

    def do_order(self, value, source):
        self._install("order", source)
        if not is_order(value):
            raise Refused("an order is numbers of chargers, 0 to 7, each once", "order", [0, 7])
        self._core.settings.remember("order", tuple(value))
        self._core.configure()

    def do_doctor(self, value, source):
        core = self._core
        if value not in _EXAMINATIONS:
            raise Refused("the doctor examines the bus or the phases, or stops", "doctor",
                          list(_EXAMINATIONS))
        if value != "stop":
            if core.examine or core.doctor and core.doctor.state == "running":
                raise Refused("an examination is under way", "doctor", ["stop"])
            charging = core.charger.c1
            if value == "phases" and not charging:
                raise Refused("the phases are examined while the car charges", "doctor")
            if value == "bus" and (charging or any(view.charging
                                                   for view in core.regulator.evses)):
                raise Refused("the bus is examined while nothing charges, since no meter is read "
                              "meanwhile", "doctor")
        core.examine = value

    # ---- settings, time ----

    def do_set(self, value, source):
        if type(value) not in (tuple, list) or len(value) != 2 or type(value[0]) is not str:
            raise Refused("set takes the name of a setting and its value", "set")
        key, wanted = value
        core = self._core
        if core.settings.spec(key)[LEVEL] == "install":
            self._install(key, source)
        wanted = core.settings.check(key, wanted)
        if key == "mode":
            # As a setting it starts and stops nobody; a delayed start was for the mode of then.
            self._check_mode(wanted)
            core.override_da = 0
            if source != "bus":
                self._drop_timer()
        if key in ("tz", "static_ip"):
            self._check_text(key, wanted)
        if key == "rfid" and wanted == "DeleteAll":
            self._change("clear", ())
            wanted = "Disabled"
        core.settings.set(key, wanted)
        if key == "tz":
            core.change_zone()
        core.configure()

    @staticmethod
    def _check_text(key, text):
        """Have those judge it who will have to understand it."""
        from evse.clock import Zone
        try:
            if key == "tz":
                Zone(text)
            elif text:
                rare("net.fixed").parse(text)
        except ValueError as problem:
            raise Refused("tz must be a POSIX rule, as CET-1CEST,M3.5.0,M10.5.0/3"
                          if key == "tz" else str(problem), key)

    def do_timer(self, value, source):
        if value is None:
            self._drop_timer()
            return
        if type(value) not in (tuple, list) or len(value) != 4:
            raise Refused("timer takes mode, start, stop and repeat, or nothing", "timer")
        core = self._core
        mode, start, stop, repeat = value
        name = self._mode_name(mode)
        self._check_mode(name)
        if name in ("Off", "Pause"):
            raise Refused("the timer starts Normal, Smart or Solar", "mode")
        timer = core.load_timer()
        try:
            begins = timer.set(name, start, stop, repeat, core.clock_s)
        except ValueError as problem:
            core.keep_timer()
            raise Refused(str(problem), "timer")
        if begins:
            self._mode(name, source)
        else:
            core.settings.set("mode", name)
            core.access.set(OFF, reasons.TIMER)
            core.record(reasons.TIMER_SET)
            core.configure()
        core.keep_timer()

    def _drop_timer(self):
        core = self._core
        if core.timer:
            core.timer.clear()
            core.keep_timer()
            core.record(reasons.TIMER_CLEARED)

    def do_clock(self, value, source):
        core = self._core
        if core.clock_s and source != "NTP":
            raise Refused("the time of day is known already", "clock")
        if type(value) is not int or not 1_750_000_000 <= value < 4_000_000_000:
            raise Refused("the clock takes Unix seconds", "clock")
        core.new_clock_s = value
