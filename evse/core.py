"""One charger's decisions, wired together: no I/O, no clock of its own.

The firmware (``evse.app``) and the scenario runner drive the same object: bursts of the pilot and
meter readings go in, outputs and permissions come out. Everybody else meets it at two doors: the
read-only ``status`` and ``command(name, value, source)``.
"""

from evse import reasons, ticks
from evse.charging import cable, faults
from evse.charging.charger import Charger
from evse.charging.guard import Guard
from evse.charging.pilot import Pilot
from evse.power import readings as sources
from evse.power.readings import Readings
from evse.power.regulator import Regulator
from evse.settings import LEVEL, Refused

OFF, ON, PAUSE = 0, 1, 2

# REST and MQTT mode numbers: 0 Off, 1 Normal, 2 Solar, 3 Smart, 4 Pause.
MODE_IDS = {"Off": 0, "Normal": 1, "Solar": 2, "Smart": 3, "Pause": 4}
_MODES = ["Off", "Normal", "Smart", "Pause"]  # those that exist so far
# The order of the setting and of ``evse.mode`` in the legacy document.
_SETTING_MODES = ("Normal", "Smart", "Solar")

READING_VALID_MS = 11_000
_ABSURD_DA = 10_000
_SOURCES = {"mains": sources.MAINS, "ev": sources.EV}


class Core:
    """Charger, guard and regulator of one EVSE.

    ``settings`` and ``journal`` are theirs, ``allocate`` one of the two twins of the sharing core,
    ``now`` the tick at start, ``start_delay_s`` how long nothing may charge after power returned.
    """

    def __init__(self, settings, journal, allocate, now, start_delay_s=0):
        record = journal.record
        self.settings = settings
        self.journal = journal
        self.pilot = Pilot()
        self.charger = Charger(self.pilot, record)
        self.guard = Guard(self.pilot, self.charger, record)
        self.readings = Readings()
        self.regulator = Regulator(self.readings, allocate, record)
        self.override_da = 0
        self.temperature_dc = 250
        self.mains_wh = -1
        self._record = record
        self._rcm = False
        self._cable_da = cable.UNKNOWN_DA
        self._second = now
        self._delay_s = start_delay_s
        if start_delay_s:
            self.charger.faults |= faults.BOOT_DELAY
        self.now = now
        self.regulate_due = now
        self.configure()
        record(reasons.STARTED, start_delay_s)

    # ---- 10 ms path ----

    def sample(self, burst, rcm, now):
        """Take one pilot burst; True when the contactors must open at once. Allocates nothing."""
        self.now = now
        self._rcm = rcm
        self.pilot.feed(burst, self.charger.duty, now)
        return self.guard.check(now, rcm) != 0

    def step(self, now):
        """Run the state machine; returns ms until it needs to run again, inputs unchanged."""
        return self.charger.step(now)

    # ---- once a second, and on each new reading ----

    def second(self, now, proximity_mv, temperature_dc, rcm):
        """Slow inputs: cable, temperature, RCM line, start delay. Call it about once a second."""
        elapsed = ticks.diff(now, self._second) // 1000
        if elapsed > 0:
            self._second = ticks.add(self._second, elapsed * 1000)
            self.journal.uptime_s += elapsed
            if self._delay_s:
                self._delay_s = max(0, self._delay_s - elapsed)
                if not self._delay_s:
                    self._clear(faults.BOOT_DELAY)
        if not self.charger.c1:
            # Not only before a car is seen: the pilot may make contact before the proximity does.
            self._cable_da = cable.rating(proximity_mv)
        self.temperature_dc = temperature_dc
        limit = self.settings.get("max_temp") * 10
        if temperature_dc >= limit:
            self._set(faults.TEMP_HIGH)
        elif temperature_dc <= limit - 100:
            self._clear(faults.TEMP_HIGH)
        if rcm:
            self._set(faults.RCM_TRIPPED)
        self._ceilings()

    def regulate(self, now):
        """Decide the current; returns ms until it is due again."""
        charger = self.charger
        view = self.regulator.evses[0]
        view.wants = charger.wants
        view.charging = charger.charging
        wait = self.regulator.update(now)
        charger.grant(self.regulator.grant_da[0], self.regulator.grant_until[0],
                      self.regulator.grant_reason[0])
        lost = (self.mains_meter and not self.readings.fresh(sources.MAINS, now)
                and self.settings.get("mode") != "Normal")
        self._assign(faults.CT_NOCOMM, lost)
        self._assign(faults.LESS_6A, charger.wants and not self.regulator.grant_da[0]
                     and not lost)
        self.regulate_due = ticks.add(now, wait)
        return wait

    # ---- the door in ----

    def command(self, name, value, source):
        """Carry out a command, or raise Refused and change nothing.

        ``name`` is "mode", "override" (dA, 0 ends it), "set" (key, value), "fault" (RCM reset) or
        "reading" (("mains" or "ev"), L1, L2, L3 in dA, optional W, optional Wh). ``source`` says
        who speaks: "LCD", "REST", "MQTT", "bus", "installer".
        """
        handler = self._COMMANDS.get(name)
        if handler is None:
            raise Refused("no command is called %s" % name, "name", sorted(self._COMMANDS))
        handler(self, value, source)

    def _command_mode(self, value, source):
        name = self._mode_name(value)
        if name == "Solar":
            raise Refused("Solar is not available yet", "mode", _MODES)
        if name == "Smart" and not self.mains_meter:
            raise Refused("Smart needs a mains meter (setting mains_met)", "mode",
                          ["Off", "Normal", "Pause"])
        if name == "Off" or name == "Pause":
            self.settings.remember("access", OFF if name == "Off" else PAUSE)
        else:
            self.settings.remember("access", ON)
            self.settings.set("mode", name)
        self.override_da = 0
        self._record(reasons.MODE, MODE_IDS[name])
        self.configure()

    @staticmethod
    def _mode_name(value):
        for name in MODE_IDS:
            if value == MODE_IDS[name] and type(value) is int:
                return name
            if type(value) is str and (value.lower() == name.lower()
                                       or value == str(MODE_IDS[name])):
                return name
        raise Refused("mode must be one of " + ", ".join(_MODES), "mode", _MODES)

    def _command_override(self, value, source):
        low, high = self.settings.get("min") * 10, self.settings.get("max") * 10
        if type(value) is not int or (value and not low <= value <= high):
            raise Refused("override must be 0 or a current from %d to %d dA" % (low, high),
                          "override", [0, low, high])
        self.override_da = value
        self.configure()

    def _command_set(self, value, source):
        key, wanted = value
        spec = self.settings.spec(key)
        if spec[LEVEL] == "install" and source not in ("LCD", "installer"):
            raise Refused("%s can only be set at the charger or by the installer" % key, key)
        if key == "mode":
            self._command_mode(wanted, source)
            return
        self.settings.set(key, wanted)
        self.configure()

    def _command_fault(self, value, source):
        if value != "reset":
            raise Refused("the only thing to do with a fault is to reset it", "fault", ["reset"])
        if self._rcm:
            raise Refused("the residual current is still there", "fault")
        self._clear(faults.RCM_TRIPPED)

    def _command_reading(self, value, source):
        name = value[0] if type(value) in (tuple, list) and len(value) >= 4 else None
        which = _SOURCES.get(name)
        if which is None:
            raise Refused("a reading is the name of a meter and three currents", "reading",
                          sorted(_SOURCES))
        if which == sources.MAINS and source != "bus" and self.settings.get("mains_met") != "API":
            raise Refused("the mains meter is not of type API", "mains_met", ["API"])
        for amps in value[1:4]:
            if type(amps) is not int or not -_ABSURD_DA < amps < _ABSURD_DA:
                raise Refused("currents are whole numbers of 0.1 A", name,
                              [-_ABSURD_DA, _ABSURD_DA])
        self.readings.put(which, value[1], value[2], value[3], self.now, READING_VALID_MS)
        if which == sources.MAINS and len(value) > 5 and value[5] is not None:
            self.mains_wh = value[5]
        self.regulate_due = self.now

    _COMMANDS = {
        "mode": _command_mode,
        "override": _command_override,
        "set": _command_set,
        "fault": _command_fault,
        "reading": _command_reading,
    }

    # ---- inside ----

    @property
    def mains_meter(self):
        """True when a mains meter is configured."""
        return self.settings.get("mains_met") != "Disabled"

    def configure(self):
        """Hand the settings in force to those who act on them."""
        settings = self.settings
        if not self.mains_meter:
            settings.set("mode", "Normal")  # a file may ask for what no command can
        params = self.regulator.params
        params.mode = _SETTING_MODES.index(settings.get("mode"))
        params.min_da = settings.get("min") * 10
        params.max_da = settings.get("max") * 10
        params.mains_da = settings.get("mains") * 10
        params.mains_meter = self.mains_meter
        self.rcm_enabled = settings.get("rcmon") == "Enabled"
        params.normal_mains = settings.get("normal_mains") == "Enabled"
        self.charger.access = settings.states["access"]
        self.charger.min_da = params.min_da
        self.charger.max_da = params.max_da
        self._ceilings()

    def _ceilings(self):
        """Ceilings that follow the settings, the cable, the hand and the temperature."""
        settings = self.settings
        top = settings.get("max") * 10
        view = self.regulator.evses[0]
        view.max_da = top
        view.min_da = settings.get("min") * 10
        view.override_da = self.override_da
        room = settings.get("max_temp") * 10 - self.temperature_dc
        # 1 A less for each degree nearer than 10 to the limit; at the limit the fault stops.
        view.temperature_da = max(view.min_da, top - 100 + room) if room < 100 else 0
        view.cable_da = top if settings.get("config") == "Fixed" else self._cable_da
        self.charger.cable_da = view.cable_da

    def _set(self, bit):
        if not self.charger.faults & bit:
            self.charger.faults |= bit
            self._record(reasons.FAULT_SET, bit)

    def _clear(self, bit):
        if self.charger.faults & bit:
            self.charger.faults &= ~bit
            self._record(reasons.FAULT_CLEARED, bit)

    def _assign(self, bit, on):
        if on:
            self._set(bit)
        else:
            self._clear(bit)
