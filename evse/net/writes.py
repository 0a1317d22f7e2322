"""What clients of the older firmwares POST: parameters, order, answers and manners.

Each POST is answered with 200 and JSON that repeats what was done and names what was refused.
"""

import asyncio
import json

from micropython import const

from evse.net.legacy import COLOURS, names
from evse.net.reply import Later, Reply, quote, rfid_text
from evse.rare import rare
from evse.settings import Refused

_LIMIT_MS = const(10_000)
_REFUSED = "Value not allowed!"
_MODES = ("Off", "Normal", "Solar", "Smart", "Pause")
_SWITCHED = ("Disabled", "Enabled")
_CAR = ("current_soc", "full_soc", "energy_request", "energy_capacity")
_HEX = "0123456789abcdefABCDEF"


def post(request, status, command):
    """Carry out a POST and answer it."""
    name = request.path[1:]
    writer = Writer(request, status, command)
    try:
        writer.read()
    except ValueError as exc:
        return Reply(quote({"error": str(exc)}))
    if name == "settings":
        return Later(_settings(writer), _LIMIT_MS)
    if name.startswith("color_"):
        writer.colour(name[6:])
    else:
        getattr(writer, name)()
    return Reply(quote(writer.reply))


async def _settings(writer):
    """Each command has its own turn: one takes its time, and there may be dozens."""
    commands = 0
    for _ in writer.settings():
        if commands != writer.commands:
            commands = writer.commands
            await asyncio.sleep_ms(0)
    return Reply(quote(writer.reply))


def _whole(value):
    """The whole number in ``value`` (int, float or text, fraction cut off), or None."""
    if type(value) is int:
        return value
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        return None


class Writer:
    """One legacy write: parameters from query, form or JSON body; the query wins.

    ``reply`` is what will be answered, by key. ``commands``: how many were given to the core.
    ``name`` is the charger's own.
    """

    def __init__(self, request, status, command):
        self._request = request
        self._status = status
        self._command = command
        self._body = {}
        self._why = ""
        self.commands = 0
        self.name = "SmartEVSE-%d" % status.serial
        self.reply = {}

    def read(self):
        """Take the body; ValueError when it cannot be read."""
        request = self._request
        if not request.body:
            return
        try:
            body = request.json
            if body is None:
                body = request.form or {}
        except ValueError:
            raise ValueError("the body cannot be read")
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        self._body = body

    def get(self, name):
        """A parameter as it came, None without it; of several by that name the first."""
        value = self._request.args.get(name)
        if value is None:
            value = self._body.get(name)
        return value

    def number(self, name):
        """A parameter's whole number; None without one, which is refused if it was given."""
        value = self.get(name)
        if value is not None:
            value = _whole(value)
            if value is None:
                self.refuse(name)
        return value

    def refuse(self, name):
        """Say that a parameter was not accepted."""
        self.reply[name] = _REFUSED

    def _try(self, name, value):
        """Give one command to the core; True when it was carried out."""
        self.commands += 1
        try:
            self._command(name, value, self._request.source)
        except Refused as exc:
            self._why = exc.reason
            return False
        return True

    def put(self, key, shown, name, value):
        """Give one command to the core and answer ``shown`` as ``key``, or that it was refused.

        True when it was carried out.
        """
        done = self._try(name, value)
        self.reply[key] = shown if done else _REFUSED
        return done

    # ---- POST /settings ----

    def settings(self):
        """Apply the parameters in the order the older firmwares do; yields between them."""
        number = self.number
        put = self.put
        value = number("backlight")
        if value is not None:
            put("Backlight", value, "backlight", value)
            yield
        self._pass("current_min", "set", "min")
        yield
        yield from self._capacity()
        if self.get("disable_override_current") is not None:
            put("disable_override_current", "OK", "override", 0)
            yield
        value = number("custombutton")
        if value is not None:
            put("custombutton", value > 0, "custom", value > 0)
            yield
        self._mode()
        yield
        self._choice("enable_C2", "contact_2")
        yield
        self._choice("modem", "modem")
        yield
        value = number("stop_timer")
        if value is not None:
            self.reply["stop_timer"] = self._try("set", ("stop", value))
            yield
        self._pass("override_current", "override")
        yield
        self._pass("solar_start_current", "set", "start")
        yield
        self._pass("solar_max_import", "set", "import")
        yield
        self._pass("battery_current", "battery")
        yield
        self._duty("override_pwm")
        yield
        value = self.get("required_evccid")
        if value is not None:
            put("required_evccid", value, "set", ("required_evccid", value))
            if type(value) is str and len(value) > 32:
                self.reply["required_evccid"] = "EVCCID too long (max 32 char)"
            yield
        self._switch("lcdlock", "lcd_lock", number("lcdlock"))
        yield
        self._switch("cablelock", "cable_lock", number("cablelock"))
        yield
        # Few pages say so, and only when somebody fills in their forms.
        for name in ("ocpp", "mqtt"):
            if number(name + "_update") == 1:
                yield from getattr(rare("net.legacy_links"), name)(self)

    def _capacity(self):
        """The capacity tariff: its mode, its intervals, its current."""
        number = self.number
        put = self.put
        value = number("capacity_mode")
        if value is not None:
            modes = names("cap_mode")
            if not 0 <= value < len(modes):
                self.refuse("capacity_mode")
            elif put("capacity_mode", value, "set", ("cap_mode", modes[value])) and value == 0:
                # Without a mode the older firmwares keep no current either.
                yield
                self._try("set", ("capacity", 0))
            yield
        value = self.get("intervals")
        if value is not None:
            self._intervals(value)
            yield
        value = number("current_max_sum_mains")
        if value is not None:
            if put("current_max_sum_mains", value, "set", ("capacity", value)) and value:
                # Before there were modes, the current by itself was the limit.
                if self._status.setting("cap_mode") == "Disabled":
                    yield
                    self._try("set", ("cap_mode", "Fixed"))
            yield
        value = number("max_sum_mains_timer")
        if value is not None:
            put("max_sum_mains_time", value, "set", ("cap_stop", value))
            yield

    def _intervals(self, value):
        """A list of {start, power}, or the text of one."""
        try:
            if type(value) is str:
                value = json.loads(value)
            pairs = sorted([_whole(row["start"]), _whole(row["power"])] for row in value)
        except (ValueError, TypeError, KeyError, IndexError):
            self.refuse("intervals")
            return
        self.put("intervals", "OK", "intervals", pairs)

    def _duty(self, name):
        value = self.number(name)
        if value is not None:
            # Any negative number ends it; the older firmwares then answer with the duty of +12 V.
            self.put(name, value if value >= 0 else 100, "pwm", max(value, -1))

    def _choice(self, name, key):
        """A setting by the number of its name; the answer stands under "settings" as ever."""
        value = self.get(name)
        if value is None:
            return
        number = _whole(value)
        allowed = names(key)
        shown = _REFUSED
        if number is not None and 0 <= number < len(allowed) and \
                self._try("set", (key, allowed[number])):
            shown = allowed[number]
            if shown == "Experimental":
                shown = "Experiment"
        both = self.reply.get("settings") or {}
        both[name] = shown
        self.reply["settings"] = both

    def _mode(self):
        """A mode, and with a start time the timer: the mode pressed is the one it will start."""
        value, start, stop = self.get("mode"), self.get("starttime"), self.get("stoptime")
        status = self._status
        reply = self.reply
        if value is None:
            if start is not None:
                reply["starttime"] = 0  # without a mode there is nothing to start
            return
        status.refresh()
        before = status.timer_start or status.timer_stop
        number = _whole(value)
        mode = _MODES[number] if number is not None and 0 <= number < len(_MODES) else ""
        if number in (1, 2, 3) and start and start != "0":
            repeat = 1 if stop and _whole(self.get("repeat")) == 1 else 0
            done = self._try("timer", (mode, start, stop or "", repeat))
        else:
            done = mode != "" and self._try("mode", mode)
        status.refresh()
        reply["mode"] = str(value) if done else _REFUSED
        if start is not None or (before and done):
            reply["starttime"] = status.timer_start if done else 0
        pending = status.timer_start or status.timer_stop
        if done and ((stop is not None and pending) or (before and not pending)):
            reply["stoptime"] = status.timer_stop
            reply["repeat"] = status.timer_repeat

    def _pass(self, name, command, key=None):
        """Give a number to ``command`` as it is, or beside the setting ``key``."""
        value = self.number(name)
        if value is not None:
            self.put(name, value, command, (key, value) if key else value)

    def _switch(self, name, key, value):
        if value == 0 or value == 1:
            self.put(name, value, "set", (key, _SWITCHED[value]))
        elif value is not None:
            self.refuse(name)

    # ---- other paths ----

    def _amps(self):
        """The three currents and their sum, None unless all three are given."""
        l1, l2, l3 = self.number("L1"), self.number("L2"), self.number("L3")
        if l1 is None or l2 is None or l3 is None:
            return None
        return {"L1": l1, "L2": l2, "L3": l3, "TOTAL": l1 + l2 + l3}

    def currents(self):
        """Feed a mains meter of type API, and what the home battery takes."""
        reply = self.reply
        self._pass("battery_current", "battery")
        amps = self._amps()
        if amps is None:
            return
        if self._try("reading", ("mains", amps["L1"], amps["L2"], amps["L3"])):
            del amps["TOTAL"]
            reply["original"] = amps
            # As Solar sees them, with the home battery taken out.
            status = self._status
            status.refresh()
            total = 0
            for phase in range(3):
                value = reply["L%d" % (phase + 1)] = status.solar_da(phase)
                total += value
            reply["TOTAL"] = total
        else:
            reply["L1"] = reply["L2"] = reply["L3"] = _REFUSED

    def ev_meter(self):
        """Feed an EV meter of type API: its currents, its power and energies, or both."""
        amps = self._amps()
        watts = self.number("import_active_power")
        bought = self.number("import_active_energy")
        sold = self.number("export_active_energy")
        shown = {}
        total = None
        reading = ("ev", None, None, None)
        if amps:
            reading = ("ev", amps["L1"], amps["L2"], amps["L3"])
            shown["currents"] = amps
        if watts is not None and bought is not None and sold is not None:
            total = bought - sold
            reading += (watts, total)
            shown["import_active_power"] = watts
            shown["import_active_energy"] = bought
            shown["export_active_energy"] = sold
        if shown:
            self.put("ev_meter", shown, "reading", reading)
            if total is not None:
                self._status.refresh()
                shown["total_wh"] = total
                shown["charged_wh"] = self._status.session_wh

    def ev_state(self):
        """What somebody else learned from the car; what is missing was not said."""
        told = {}
        for name in _CAR:
            value = self.number(name)
            if value is not None:
                told[name] = value
        value = self.get("evccid")
        if type(value) is str:
            told["evccid"] = value
        if told:
            done = self._try("ev_state", told)
            for name in told:
                self.reply[name] = told[name] if done else _REFUSED

    def rfid(self):
        """A card held before the reader, by its number."""
        reply = self.reply
        card = self.get("rfid")
        if type(card) is not str:
            reply["rfid_status"] = "Missing rfid parameter"
            return
        card = reply["rfid"] = card.strip()
        status = self._status
        if status.setting("rfid") == "Disabled":
            answer = "RFID reader not enabled"
        elif card.strip(_HEX):
            answer = "Invalid RFID hex string"
        elif len(card) not in (12, 14):
            answer = "Invalid RFID length"
        elif self._try("swipe", card.upper()):
            status.refresh()
            answer = rfid_text(status.rfid_status)
        else:
            answer = self._why
        reply["rfid_status"] = answer

    def modem(self):
        """The duty set by hand, as the original's own description has it."""
        self._duty("pwm")

    def cablelock(self):
        """The parameter is called "1" and has no value; without it the lock lets go."""
        self._switch("cablelock", "cable_lock", 1 if self.get("1") is not None else 0)

    def colour(self, name):
        """A colour of the LED: ``name`` is one of COLOURS."""
        parts = [self.number(part) for part in ("R", "G", "B")]
        if None not in parts and name in COLOURS:
            shown = {"R": parts[0], "G": parts[1], "B": parts[2]}
            if not self._try("colour", (name, parts[0], parts[1], parts[2])):
                shown = _REFUSED
            self.reply["color"] = {name: shown}
