"""The REST interface clients of the older firmwares speak: paths, keys, types and manners.

What does not exist in this firmware yet reports itself as off, empty or zero, so that clients
which need the key find it. Every POST is answered with 200 and JSON that names what was refused.
"""

import time

from evse.net.reply import Reply, quote
from evse.settings import Refused

_REFUSED = "Value not allowed!"
_MODES = ("Off", "Normal", "Solar", "Smart", "Pause")
# Parameters of the older firmwares for things this one cannot do yet.
_LATER = ("stop_timer", "enable_C2", "solar_start_current", "solar_max_import",
          "current_max_sum_mains", "max_sum_mains_timer", "capacity_mode", "lcdlock", "cablelock",
          "override_pwm")
# Seconds from 1970 to the start of this port's clock.
_EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0
_CLOCK_SET_S = 1700000000


def install(app, status, command):
    """Route the older firmwares' paths to the core's two doors."""

    @app.get("/settings")
    def get_settings(_request):
        # Dashboards served from elsewhere read this document, as they could from the original.
        return Reply(_settings(status), headers={"Access-Control-Allow-Origin": "*"})

    @app.post("/settings")
    def post_settings(request):
        return _answer(_Writer(request, command).settings)

    @app.post("/currents")
    def post_currents(request):
        return _answer(_Writer(request, command).currents)


def _answer(handler):
    try:
        return Reply(quote(handler()))
    except ValueError as exc:
        return Reply(quote({"error": str(exc)}))


# ---- GET /settings ----


def _clock_s():
    """Unix seconds, 0 while the clock has not been set."""
    now = int(time.time()) + _EPOCH_S
    return now if now > _CLOCK_SET_S else 0


def _settings(status):
    """Yield the document in short pieces."""
    status.refresh()
    connected = quote(bool(status.car_connected))
    setting = status.setting
    yield '{"version":%s,"serialnr":%d,"mode":%s,"mode_id":%d,"car_connected":%s' % (
        quote(status.version), status.serial, quote(status.mode.upper()),
        status.mode_id, connected)
    yield ',"eth":{"present":false,"connected":false,"has_ip":false}'
    yield ',"evse":{"temp":%d,"temp_max":%d,"connected":%s,"access":%d,"mode":%d,"loadbl":0' % (
        status.temp, setting("max_temp"), connected, status.access, status.setting_mode_id)
    yield ',"pwm":%d,"custombutton":false,"solar_stop_timer":0,"state":%s,"state_id":%d' % (
        status.pwm1024, quote(status.state_name), status.state_id)
    yield ',"error":%s,"error_id":%d,"rfidreader":"Disabled","nrofphases":0' % (
        quote(status.error_name), status.error_id)
    yield ',"rfid":"Not Installed"}'
    yield ',"settings":{"charge_current":%d,"override_current":%d,"current_min":%d' % (
        status.grant_da, status.override_da, setting("min"))
    yield ',"current_max":%d,"current_main":%d,"current_max_circuit":0' % (
        setting("max"), setting("mains"))
    yield ',"current_max_sum_mains":0,"max_sum_mains_time":0,"solar_max_import":0'
    yield ',"solar_start_current":0,"solar_stop_time":0,"enable_C2":"Not present"'
    yield ',"modem":"Not present","mains_meter":%s,"starttime":0,"stoptime":0,"repeat":0' % (
        quote(setting("mains_met")))
    yield ',"lcdlock":0,"lock":0,"cablelock":0,"ledmode":0,"capacity_mode":0,"intervals":[]}'
    yield ',"mqtt":{"host":"","port":1883,"topic_prefix":"SmartEVSE-%d","username":""' % (
        status.serial)
    yield ',"password_set":false,"tls":false,"status":"Disconnected"}'
    yield ',"ocpp":{"mode":"Disabled","backend_url":"","cb_id":"","auth_key":""'
    yield ',"auto_auth":"Disabled","auto_auth_idtag":"","status":"Disconnected"}'
    yield ',"home_battery":{"current":0,"last_update":0}'
    yield ',"ev_meter":{"description":"Disabled","address":0,"import_active_power":0'
    yield ',"total_wh":0,"charged_wh":0,"total_kwh":0,"charged_kwh":0'
    yield ',"currents":{"TOTAL":0,"L1":0,"L2":0,"L3":0}'
    yield ',"import_active_energy":0,"export_active_energy":0}'
    if status.mains_wh > 0:
        yield ',"mains_meter":{"import_active_energy":%d}' % status.mains_wh
    phases = _phases(status.mains_da(0), status.mains_da(1), status.mains_da(2))
    # Nothing corrects the currents for a battery yet, so both sets are the same.
    yield ',"phase_currents":{%s,"last_data_update":%d,"original_data":{%s}}' % (
        phases, _sampled_at(status.mains_age_ms), phases)
    yield ',"backlight":{"timer":0,"status":"N/A"}}'


def _phases(l1, l2, l3):
    return '"TOTAL":%d,"L1":%d,"L2":%d,"L3":%d' % (l1 + l2 + l3, l1, l2, l3)


def _sampled_at(age_ms):
    """Unix time of a sample, 0 when there is none or the clock has not been set."""
    now = _clock_s()
    return now - age_ms // 1000 if now and age_ms >= 0 else 0


# ---- writes ----


def _whole(value):
    """The whole number in ``value`` (int, float or text, fraction cut off), or None."""
    if type(value) is int:
        return value
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        return None


class _Writer:
    """One legacy write: parameters from query, form or JSON body; the query wins.

    Raises ValueError when the body cannot be read.
    """

    def __init__(self, request, command):
        self._command = command
        self._query = request.args
        self._body = {}
        self._request = request
        self.reply = {}

    def _read_body(self):
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
        value = self._query.get(name)
        if value is None:
            value = self._body.get(name)
        return value

    def _try(self, name, value):
        """Give one command to the core; True when it was carried out."""
        try:
            self._command(name, value, "REST")
        except Refused:
            return False
        return True

    # ---- POST /settings ----

    def settings(self):
        """Apply the parameters in the order the older firmwares do; returns the reply document."""
        self._read_body()
        reply = self.reply
        if self._get("disable_override_current") is not None:
            done = self._try("override", 0)
            reply["disable_override_current"] = "OK" if done else _REFUSED
        self._current_min()
        self._mode()
        self._override()
        for name in _LATER:
            if self._get(name) is not None:
                reply[name] = _REFUSED
        return reply

    def _current_min(self):
        value = self._get("current_min")
        if value is not None:
            amps = _whole(value)
            done = amps is not None and self._try("set", ("min", amps))
            self.reply["current_min"] = amps if done else _REFUSED

    def _mode(self):
        value = self._get("mode")
        start = self._get("starttime")
        if value is None:
            return
        number = _whole(value)
        # Later starts are not kept yet. Charging now instead would be the opposite of the wish.
        waits = start and number in (1, 2, 3) and not _is_past(str(start))
        done = (not waits and number is not None and 0 <= number < len(_MODES)
                and self._try("mode", _MODES[number]))
        self.reply["mode"] = str(value) if done else _REFUSED
        if start is not None:
            self.reply["starttime"] = 0

    def _override(self):
        value = self._get("override_current")
        if value is not None:
            da = _whole(value)
            done = da is not None and self._try("override", da)
            self.reply["override_current"] = da if done else _REFUSED

    # ---- POST /currents ----

    def currents(self):
        """Feed a mains meter of type API; returns the reply document."""
        self._read_body()
        reply = self.reply
        if self._get("battery_current") is not None:
            reply["battery_current"] = _REFUSED
        l1, l2, l3 = _whole(self._get("L1")), _whole(self._get("L2")), _whole(self._get("L3"))
        if l1 is None or l2 is None or l3 is None:
            for name, value in (("L1", l1), ("L2", l2), ("L3", l3)):
                if value is None and self._get(name) is not None:
                    reply[name] = _REFUSED
        elif self._try("reading", ("mains", l1, l2, l3)):
            reply["original"] = {"L1": l1, "L2": l2, "L3": l3}
            reply["L1"], reply["L2"], reply["L3"] = l1, l2, l3
            reply["TOTAL"] = l1 + l2 + l3
        else:
            reply["L1"] = reply["L2"] = reply["L3"] = _REFUSED
        return reply


def _is_past(start):
    """True when a start "YYYY-MM-DDTHH:MM" lies before today, whatever the time zone."""
    now = _clock_s()
    if not now:
        return False
    # A day's grace on the far side of the date line; text of this form sorts by time.
    return len(start) >= 10 and start[:10] < "%04d-%02d-%02d" % time.gmtime(
        now - _EPOCH_S - 43200)[:3]
