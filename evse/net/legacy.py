"""GET /settings as clients of the older firmwares read it: keys, types, places.

What does not exist in this firmware yet reports itself as off, empty or zero, so that clients
which need the key find it.
"""

from evse.net.reply import Reply, quote, rfid_text
from evse.settings import ALLOWED, KEY, TABLE

COLOURS = ("off", "normal", "smart", "solar", "custom")  # in the order of the palette


def names(key):
    """Names the setting ``key`` may have, in the order of their numbers in the older firmwares."""
    for setting in TABLE:
        allowed = setting[ALLOWED]
        if setting[KEY] == key and isinstance(allowed, tuple):
            return allowed
    return ()


def _get_settings(_request, status, _command):
    # Dashboards served from elsewhere read this document, as they could from the original.
    return Reply(_settings(status), headers={"Access-Control-Allow-Origin": "*"})


ROUTES = {"GET /settings": _get_settings}


def _settings(status):
    """Yield the document in short pieces."""
    status.refresh()
    connected = quote(bool(status.car_connected))
    setting = status.setting
    yield '{"version":%s,"serialnr":%d,"mode":%s,"mode_id":%d,"car_connected":%s' % (
        quote(status.version), status.serial, quote(status.mode.upper()),
        status.mode_id, connected)
    yield ',"eth":{"present":false,"connected":false,"has_ip":false}'
    yield ',"evse":{"temp":%d,"temp_max":%d,"connected":%s,"access":%d,"mode":%d,"loadbl":%d' % (
        status.temp, setting("max_temp"), connected, status.access, status.setting_mode_id,
        _number(setting, "pwr_share"))
    yield ',"pwm":%d,"custombutton":%s,"solar_stop_timer":%d,"state":%s,"state_id":%d' % (
        status.pwm1024, quote(bool(status.custom)), status.solar_left_s,
        quote(status.state_name), status.state_id)
    yield ',"error":%s,"error_id":%d,"nrofphases":%d' % (
        quote(status.error_name), status.error_id, _phase_count(status))
    yield from _reader(status)
    yield '},"settings":{"charge_current":%d,"override_current":%d,"current_min":%d' % (
        status.grant_da, status.override_da, setting("min"))
    yield ',"current_max":%d,"current_main":%d,"current_max_circuit":%d' % (
        setting("max"), setting("mains"), setting("circuit"))
    yield ',"current_max_sum_mains":%d,"max_sum_mains_time":%d,"solar_max_import":%d' % (
        setting("capacity"), setting("cap_stop"), setting("import"))
    yield ',"solar_start_current":%d,"solar_stop_time":%d,"enable_C2":%s,"mains_meter":%s' % (
        setting("start"), setting("stop"), quote(setting("contact_2")),
        quote(setting("mains_met")))
    yield ',"starttime":%d,"stoptime":%d,"repeat":%d' % (
        status.timer_start, status.timer_stop, status.timer_repeat)
    yield ',"lcdlock":%d,"lock":%d,"cablelock":%d,"ledmode":%d' % (
        _number(setting, "lcd_lock"), _number(setting, "lock"), _number(setting, "cable_lock"),
        _number(setting, "led_mode"))
    yield ',"capacity_mode":%d,"intervals":[' % _number(setting, "cap_mode")
    comma = ""
    for minute, watts in status.intervals():
        yield '%s{"start":%d,"power":%d}' % (comma, minute, watts)
        comma = ","
    yield "]"
    yield from _modem(status)
    yield ',"mqtt":{"host":"","port":1883,"topic_prefix":"SmartEVSE-%d","username":""' % (
        status.serial)
    yield ',"password_set":false,"tls":false,"status":"Disconnected"}'
    yield ',"ocpp":{"mode":"Disabled","backend_url":"","cb_id":"","auth_key":""'
    yield ',"auto_auth":"Disabled","auto_auth_idtag":"","status":"Disconnected"}'
    yield ',"home_battery":{"current":%d,"last_update":%d}' % (
        status.battery_da, _sampled_at(status, status.battery_age_ms))
    yield from _ev_meter(status)
    yield from _circuit_meter(status)
    if status.mains_wh > 0:
        fed = ',"export_active_energy":%d' % status.mains_out_wh if status.mains_out_wh > 0 else ""
        yield ',"mains_meter":{"import_active_energy":%d%s}' % (status.mains_wh, fed)
    yield ',"phase_currents":{%s,"last_data_update":%d' % (
        _phases(status.solar_da), _sampled_at(status, status.mains_age_ms))
    bits = status.charging and (status.phases_used or (1 if status.phases == 1 else 7))
    yield ',"charging_L1":%s,"charging_L2":%s,"charging_L3":%s,"original_data":{%s}}' % (
        quote(bits & 1 > 0), quote(bits & 2 > 0), quote(bits & 4 > 0), _phases(status.mains_da))
    light = status.backlight
    yield ',"backlight":{"timer":%d,"status":"%s"},"color":' % (
        status.backlight_s, "N/A" if light < 0 else "OFF" if not light else
        "ON" if light >= setting("backlight_max") else "DIMMED")
    comma = "{"
    for number, name in enumerate(COLOURS):
        rgb = status.palette[number]
        yield '%s"%s":{"R":%d,"G":%d,"B":%d}' % (
            comma, name, rgb >> 16, rgb >> 8 & 255, rgb & 255)
        comma = ","
    yield "}}"


def _phase_count(status):
    """1 or 3, the only numbers clients know; 0 as wired and the car has not shown it yet."""
    used = status.phases_used
    return (1 if used in (1, 2, 4) else 3) if used else status.phases


def _number(setting, key):
    return names(key).index(setting(key))


def _reader(status):
    reader = status.setting("rfid")
    if reader == "Disabled":
        yield ',"rfidreader":"Disabled","rfid":"Not Installed"'
    else:
        yield ',"rfidreader":%s,"rfid":%s,"rfid_lastread":%s' % (
            quote(reader), quote(rfid_text(status.rfid_status)),
            quote(status.rfid_last or "0" * 14))


def _modem(status):
    """The end of "settings", and the car's own words where there is a modem to hear them."""
    if status.setting("modem") != "Experimental":
        yield ',"modem":"Not present"}'
        return
    yield ',"modem":"Experiment","required_evccid":%s}' % quote(status.setting("required_evccid"))
    car = status.ev_state()
    if car:
        yield ',"ev_state":' + quote(car)


def _ev_meter(status):
    meter = status.setting("ev_meter")
    watts, total, charged = status.ev_w, status.ev_wh, status.session_wh
    if meter == "Disabled" or status.setting("ev_meter_role") != "Car only":
        watts = total = charged = 0  # the session's energy is an estimate then, no meter's
    total = max(total, 0)
    yield ',"ev_meter":{"description":%s,"address":%d,"import_active_power":%d' % (
        quote(meter), status.setting("ev_adr"), max(watts, 0))
    yield ',"total_wh":%d,"charged_wh":%d,"total_kwh":%s,"charged_kwh":%s' % (
        total, charged, _kwh(total), _kwh(charged))
    yield ',"currents":{%s}' % _phases(status.ev_da)
    yield ',"import_active_energy":%d,"export_active_energy":0}' % total


def _circuit_meter(status):
    """The circuit's own meter, or the EV meter that measures the circuit."""
    setting = status.setting
    kind, address = "circt_met", "circt_adr"
    if setting(kind) == "Disabled" and setting("ev_meter_role") != "Car only":
        kind, address = "ev_meter", "ev_adr"
    if setting(kind) != "Disabled":
        yield ',"circuit_meter":{"description":%s,"address":%d,"currents":{%s}}' % (
            quote(setting(kind)), setting(address), _phases(status.circuit_da))


def _kwh(wh):
    return "%d.%d" % (wh // 1000, wh % 1000 // 100)


def _phases(da):
    l1, l2, l3 = da(0), da(1), da(2)
    return '"TOTAL":%d,"L1":%d,"L2":%d,"L3":%d' % (l1 + l2 + l3, l1, l2, l3)


def _sampled_at(status, age_ms):
    """Unix time of a sample, 0 when there is none or the time of day is not known."""
    now = status.clock_s
    return now - age_ms // 1000 if now and age_ms >= 0 else 0
