"""What clients of the older firmwares POST: parameters, order, answers and manners.

Each POST is answered with 200 and JSON that repeats what was done and names what was refused.
"""

import json

from evse.net.legacy import COLOURS, names
from evse.net.reply import Reply, quote, rfid_text
from evse.settings import Refused

_REFUSED = "Value not allowed!"
_MODES = ("Off", "Normal", "Solar", "Smart", "Pause")
_SWITCHED = ("Disabled", "Enabled")
_CAR = ("current_soc", "full_soc", "energy_request", "energy_capacity")
_HEX = "0123456789abcdefABCDEF"


def post(request, status, command):
    """Carry out a POST and answer it."""
    name = request.path[1:]
    writer = _Writer(request, status, command)
    try:
        writer.read()
        if name.startswith("color_"):
            writer.colour(name[6:])
        else:
            getattr(writer, name)()
    except ValueError as exc:
        return Reply(quote({"error": str(exc)}))
    return Reply(quote(writer.reply))


def _whole(value):
    """The whole number in ``value`` (int, float or text, fraction cut off), or None."""
    if type(value) is int:
        return value
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        return None


class _Writer:
    """One legacy write: parameters from query, form or JSON body; the query wins."""

    def __init__(self, request, status, command):
        self._request = request
        self._status = status
        self._command = command
        self._body = {}
        self._why = ""
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

    def _get(self, name):
        value = self._request.args.get(name)
        if value is None:
            value = self._body.get(name)
        return value

    def _number(self, name):
        """A parameter's whole number; None without one, which is refused if it was given."""
        value = self._get(name)
        if value is not None:
            value = _whole(value)
            if value is None:
                self.reply[name] = _REFUSED
        return value

    def _try(self, name, value):
        """Give one command to the core; True when it was carried out."""
        try:
            self._command(name, value, "REST")
        except Refused as exc:
            self._why = exc.reason
            return False
        return True

    def _put(self, key, shown, name, value):
        """Give one command to the core and answer ``shown`` as ``key``, or that it was refused.

        True when it was carried out.
        """
        done = self._try(name, value)
        self.reply[key] = shown if done else _REFUSED
        return done

    # ---- POST /settings ----

    def settings(self):
        """Apply the parameters in the order the older firmwares do."""
        number = self._number
        put = self._put
        value = number("backlight")
        if value is not None:
            put("Backlight", value, "backlight", value)
        if self._get("disable_override_current") is not None:
            put("disable_override_current", "OK", "override", 0)
        value = number("current_min")
        if value is not None:
            put("current_min", value, "set", ("min", value))
        self._capacity()
        value = number("custombutton")
        if value is not None:
            put("custombutton", value > 0, "custom", value > 0)
        self._mode()
        self._choice("enable_C2", "contact_2")
        self._choice("modem", "modem")
        value = number("stop_timer")
        if value is not None:
            self.reply["stop_timer"] = self._try("set", ("stop", value))
        value = number("override_current")
        if value is not None:
            put("override_current", value, "override", value)
        for name, key in (("solar_start_current", "start"), ("solar_max_import", "import")):
            value = number(name)
            if value is not None:
                put(name, value, "set", (key, value))
        self._battery()
        value = number("override_pwm")
        if value is not None:
            # Any negative number ends it; the older firmwares then answer with the duty of +12 V.
            put("override_pwm", value if value >= 0 else 100, "pwm", max(value, -1))
        value = self._get("required_evccid")
        if value is not None:
            put("required_evccid", value, "set", ("required_evccid", value))
            if type(value) is str and len(value) > 32:
                self.reply["required_evccid"] = "EVCCID too long (max 32 char)"
        value = number("cablelock")
        if value is not None:
            self._switch("cablelock", "cable_lock", value)
        value = number("lcdlock")
        if value is not None:
            self._switch("lcdlock", "lcd_lock", value)

    def _capacity(self):
        """The capacity tariff: its mode, its intervals, its current."""
        number = self._number
        put = self._put
        value = number("capacity_mode")
        if value is not None:
            modes = names("cap_mode")
            if not 0 <= value < len(modes):
                self.reply["capacity_mode"] = _REFUSED
            elif put("capacity_mode", value, "set", ("cap_mode", modes[value])) and value == 0:
                # Without a mode the older firmwares keep no current either.
                self._try("set", ("capacity", 0))
        value = self._get("intervals")
        if value is not None:
            self._intervals(value)
        value = number("current_max_sum_mains")
        if value is not None:
            if put("current_max_sum_mains", value, "set", ("capacity", value)) and value:
                # Before there were modes, the current by itself was the limit.
                if self._status.setting("cap_mode") == "Disabled":
                    self._try("set", ("cap_mode", "Fixed"))
        value = number("max_sum_mains_timer")
        if value is not None:
            put("max_sum_mains_time", value, "set", ("cap_stop", value))

    def _intervals(self, value):
        """A list of {start, power}, or the text of one."""
        try:
            if type(value) is str:
                value = json.loads(value)
            pairs = sorted([_whole(row["start"]), _whole(row["power"])] for row in value)
        except (ValueError, TypeError, KeyError, IndexError):
            self.reply["intervals"] = _REFUSED
            return
        self._put("intervals", "OK", "intervals", pairs)

    def _battery(self):
        value = self._number("battery_current")
        if value is not None:
            self._put("battery_current", value, "battery", value)

    def _choice(self, name, key):
        """A setting by the number of its name; the answer stands under "settings" as ever."""
        value = self._get(name)
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
        value, start, stop = self._get("mode"), self._get("starttime"), self._get("stoptime")
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
            repeat = 1 if stop and _whole(self._get("repeat")) == 1 else 0
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

    def _switch(self, name, key, value):
        if 0 <= value <= 1:
            self._put(name, value, "set", (key, _SWITCHED[value]))
        else:
            self.reply[name] = _REFUSED

    # ---- other paths ----

    def _amps(self):
        """The three currents and their sum, None unless all three are given."""
        l1, l2, l3 = self._number("L1"), self._number("L2"), self._number("L3")
        if l1 is None or l2 is None or l3 is None:
            return None
        return {"L1": l1, "L2": l2, "L3": l3, "TOTAL": l1 + l2 + l3}

    def currents(self):
        """Feed a mains meter of type API, and what the home battery takes."""
        reply = self.reply
        self._battery()
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
        watts = self._number("import_active_power")
        bought = self._number("import_active_energy")
        sold = self._number("export_active_energy")
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
            self._put("ev_meter", shown, "reading", reading)
            if total is not None:
                self._status.refresh()
                shown["total_wh"] = total
                shown["charged_wh"] = self._status.session_wh

    def ev_state(self):
        """What somebody else learned from the car; what is missing was not said."""
        told = {}
        for name in _CAR:
            value = self._number(name)
            if value is not None:
                told[name] = value
        value = self._get("evccid")
        if type(value) is str:
            told["evccid"] = value
        if told:
            done = self._try("ev_state", told)
            for name in told:
                self.reply[name] = told[name] if done else _REFUSED

    def rfid(self):
        """A card held before the reader, by its number."""
        reply = self.reply
        card = self._get("rfid")
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

    def cablelock(self):
        """The parameter is called "1" and has no value; without it the lock lets go."""
        self._switch("cablelock", "cable_lock", 1 if self._get("1") is not None else 0)

    def colour(self, name):
        """A colour of the LED: ``name`` is one of COLOURS."""
        parts = [self._number(part) for part in ("R", "G", "B")]
        if None not in parts and name in COLOURS:
            shown = {"R": parts[0], "G": parts[1], "B": parts[2]}
            if not self._try("colour", (name, parts[0], parts[1], parts[2])):
                shown = _REFUSED
            self.reply["color"] = {name: shown}
