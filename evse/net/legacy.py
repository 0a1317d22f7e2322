"""GET /settings as clients of the older firmwares read it: keys, types, places.

What does not exist in this firmware reports itself as off, empty or zero, so that clients which
need the key find it. Power and energy stand under the same keys in W and Wh or in kW and kWh, as
the setting api_units says: the older firmwares have changed from the one to the other.
"""

from micropython import const

from evse.net.reply import Reply, quote, rfid_text
from evse.settings import ALLOWED, KEY, TABLE

# In kW and kWh clients are to take it for a firmware of before v3.10.0, when those were the units:
# one that reads both kinds goes by the version.
_KILO_VERSION = const("v3.9.0+")
COLOURS = ("off", "normal", "smart", "solar", "custom")  # in the order of the palette


def names(key):
    """Names the setting ``key`` may have, in the order of their numbers in the older firmwares."""
    for setting in TABLE:
        allowed = setting[ALLOWED]
        if setting[KEY] == key and isinstance(allowed, tuple):
            return allowed
    return ()


def get(_request, status, _command):
    """Answer GET /settings."""
    # Dashboards served from elsewhere read this document, as they could from the original.
    return Reply(_settings(status), headers={"Access-Control-Allow-Origin": "*"})


def _settings(status):
    """Yield the document in short pieces."""
    yield from status.refreshing()
    connected = quote(bool(status.car_connected))
    setting = status.setting
    kilo = setting("api_units") == "kW"
    version = _KILO_VERSION + status.version if kilo else status.version
    yield '{"version":%s,"serialnr":%d,"mode":%s,"mode_id":%d,"car_connected":%s' % (
        quote(version), status.serial, quote(status.mode.upper()), status.mode_id, connected)
    network = status.network
    if network and network.state == "joined":
        yield ',"wifi":{"status":"WL_CONNECTED","ssid":%s,"rssi":%d,"bssid":"%s"}' % (
            quote(setting("wifi_ssid")), network.rssi, network.bssid)
    yield ',"eth":{"present":false,"connected":false,"has_ip":false}'
    yield ',"evse":{"temp":%d,"temp_max":%d,"connected":%s,"access":%d,"mode":%d,"loadbl":%d' % (
        status.temp, setting("max_temp"), connected, status.access, status.setting_mode_id,
        _number(setting, "pwr_share"))
    yield ',"pwm":%d,"custombutton":%s,"solar_stop_timer":%d,"state":%s,"state_id":%d' % (
        status.pwm1024, quote(bool(status.custom)), status.solar_left_s,
        quote(status.state_name), status.state_id)
    yield ',"error":%s,"error_id":%d,"nrofphases":%d' % (
        quote(status.error_name), status.error_id, status.phase_count())
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
    yield from _modem(status, kilo)
    yield ',"mqtt":{"host":%s,"port":%d,"topic_prefix":%s' % (
        quote(setting("mqtt_host")), setting("mqtt_port"),
        quote(setting("mqtt_prefix") or "SmartEVSE-%d" % status.serial))
    link = status.mqtt
    yield ',"username":%s,"password_set":%s,"tls":false,"smartevse_server":false' % (
        quote(setting("mqtt_user")), quote(setting("mqtt_password")))
    yield ',"status":"%s"}' % ("Connected" if link and link.connected else "Disconnected")
    yield ',"ocpp":{"mode":"Disabled","backend_url":"","cb_id":"","auth_key":""'
    yield ',"auto_auth":"Disabled","auto_auth_idtag":"","status":"Disconnected"}'
    yield ',"home_battery":{"current":%d,"last_update":%d}' % (
        status.battery_da, _sampled_at(status, status.battery_age_ms))
    yield from _ev_meter(status, kilo)
    yield from _circuit_meter(status)
    mains = _host(setting, "mains_met", "mains_host")
    if status.mains_wh > 0:
        mains += ',"import_active_energy":' + _amount(status.mains_wh, kilo)
        if status.mains_out_wh > 0:
            mains += ',"export_active_energy":' + _amount(status.mains_out_wh, kilo)
    if mains:
        yield ',"mains_meter":{%s}' % mains[1:]
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


def _modem(status, kilo):
    """The end of "settings", and the car's own words where there is a modem to hear them."""
    if status.setting("modem") != "Experimental":
        yield ',"modem":"Not present"}'
        return
    yield ',"modem":"Experiment","required_evccid":%s}' % quote(status.setting("required_evccid"))
    car = status.ev_state()
    if car:
        if kilo:
            for key in ("energy_capacity", "energy_request"):
                if car[key] >= 0:
                    car[key] = car[key] // 100 / 10
        yield ',"ev_state":' + quote(car)


def _ev_meter(status, kilo):
    setting = status.setting
    meter = setting("ev_meter")
    watts, total, charged = status.ev_w, status.ev_wh, status.session_wh
    if meter == "Disabled" or setting("ev_meter_role") != "Car only":
        watts = total = charged = 0  # the session's energy is an estimate then, no meter's
    total = max(total, 0)
    yield ',"ev_meter":{"description":%s,"address":%d,"import_active_power":%s%s' % (
        quote(meter), setting("ev_adr"), _amount(max(watts, 0), kilo),
        _host(setting, "ev_meter", "ev_host"))
    # These four have always had the units of their names.
    yield ',"total_wh":%d,"charged_wh":%d,"total_kwh":%s,"charged_kwh":%s' % (
        total, charged, _amount(total, True), _amount(charged, True))
    yield ',"currents":{%s}' % _phases(status.ev_da)
    yield ',"import_active_energy":%s,"export_active_energy":%s}' % (
        _amount(total, kilo), _amount(0, kilo))


def _circuit_meter(status):
    """The circuit's own meter, or the EV meter that measures the circuit."""
    setting = status.setting
    kind, address, host = "circt_met", "circt_adr", "circt_host"
    if setting(kind) == "Disabled" and setting("ev_meter_role") != "Car only":
        kind, address, host = "ev_meter", "ev_adr", "ev_host"
    if setting(kind) != "Disabled":
        yield ',"circuit_meter":{"description":%s,"address":%d,"currents":{%s}%s}' % (
            quote(setting(kind)), setting(address), _phases(status.circuit_da),
            _host(setting, kind, host))


def _host(setting, meter, key):
    """Where a meter that is read over the network is, "" for those that are not."""
    if setting(meter) != "HomeWizrd":
        return ""
    return ',"host":' + quote(setting(key) or "Not Set")


def _amount(number, kilo):
    """W or Wh as text; with ``kilo`` thousands of them, cut off after one digit as ever."""
    return "%d.%d" % (number // 1000, number % 1000 // 100) if kilo else "%d" % number


def _phases(da):
    l1, l2, l3 = da(0), da(1), da(2)
    return '"TOTAL":%d,"L1":%d,"L2":%d,"L3":%d' % (l1 + l2 + l3, l1, l2, l3)


def _sampled_at(status, age_ms):
    """Unix time of a sample, 0 when there is none or the time of day is not known."""
    now = status.clock_s
    return now - age_ms // 1000 if now and age_ms >= 0 else 0
