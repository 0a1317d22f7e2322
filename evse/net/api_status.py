"""The status document of /api/v1, member by member, and the limits on the current."""

from evse.net.reply import Reply, quote, rfid_text, trusted


def get_status(request, status, _command):
    """Answer with all there is to know now."""
    return Reply(_whole(status, request))


def get_limits(_request, status, _command):
    """Answer with what limits each charger and the group, and which limit wins."""
    return Reply(_limits(status))


def _whole(status, request):
    yield from status.refreshing()
    comma = "{"
    for piece in members(status, request):
        if not piece:
            comma = ","
            continue
        if comma:
            yield comma
            comma = ""
        yield piece
    yield "}"


def members(status, request):
    """Yield the members of the document in short pieces, an empty one after each group of them.

    A piece that begins with ``,"age_ms"`` or ``,"left_s"`` says how long something is ago or
    takes. ``status.refreshing()`` comes before.
    """
    setting = status.setting
    yield '"version":%s,"board":%s,"serial":%d' % (
        quote(status.version), quote(status.board), status.serial)
    yield ""
    yield '"uptime_s":%d' % status.uptime_s
    yield ',"clock":{"s":%d,"local":%s},"heap":{"free":%d,"low":%d}' % (
        status.clock_s, quote(status.clock_s and status.local(status.clock_s) or ""),
        status.heap_free, status.heap_low)
    yield ',"reset_cause":%s,"light_s":%d' % (quote(status.reset_cause), status.backlight_s)
    yield ',"cycle":%s' % quote(status.cycle_summary())
    yield ""
    yield from _starts(status)
    yield ""
    yield '"untouched":%s,"imported":%s' % (
        quote(bool(status.untouched)), quote(bool(status.imported)))
    yield ""
    yield '"state":{"id":%d,"name":%s},"mode":%s,"access":%d' % (
        status.state_id, quote(status.state_name), quote(status.mode), status.access)
    yield ',"modes":%s,"custom":%s' % (quote(_modes(status)), quote(bool(status.custom)))
    installs = trusted(request, status)
    yield ',"level":"%s","trust_lan":%s' % (
        "install" if installs else "look" if setting("drive_locked") == "Enabled" else "drive",
        quote(setting("trust_lan") == "Enabled"))
    yield ',"car_connected":%s,"charging":%s' % (
        quote(bool(status.car_connected)), quote(bool(status.charging)))
    yield ""
    yield '"error":{"id":%d,"text":%s},"fault":%s,"faults":[' % (
        status.error_id, quote(status.error_name), quote(status.fault_name))
    comma = ""
    for name, stops, clears in status.fault_rows():
        yield '%s{"name":%s,"stops":%s,"clears":%s}' % (
            comma, quote(name), quote(stops), quote(clears))
        comma = ","
    yield "]"
    yield ""
    yield '"reason":{"code":%d,"text":%s,"since_s":%d,"until_s":%d}' % (
        status.reason, quote(status.reason_text()), status.reason_since_s, status.reason_until_s)
    yield ',"limit":{"code":%d,"text":%s}' % (status.limit, quote(status.limit_name))
    yield ',"grant_da":%d,"offered_da":%d,"override_da":%d,"min_da":%d,"max_da":%d' % (
        status.grant_da, status.offered_da, status.override_da,
        setting("min") * 10, setting("max") * 10)
    yield ""
    yield '"session":{"number":%d,"wh":%d,"solar_wh":%d,"charging_s":%d' % (
        status.session_number, status.session_wh, status.session_solar_wh, status.session_s)
    yield ',"estimated":%s,"card":%s,"woke":%d,"w":%d,"solar_w":%d}' % (
        quote(bool(status.session_estimated)), quote(status.session_card), status.woke,
        status.session_w, status.session_solar_w)
    yield ""
    yield '"timer":{"mode":%s,"start":%d,"stop":%d,"repeat":%d,"text":%s}' % (
        quote(status.timer_mode), status.timer_start, status.timer_stop, status.timer_repeat,
        quote(status.timer_words()))
    yield ""
    yield '"reader":{"mode":%s,"code":%d,"text":%s,"last":%s}' % (
        quote(setting("rfid")), status.rfid_status, quote(rfid_text(status.rfid_status)),
        quote(status.rfid_last))
    yield ',"lock":{"kind":%s,"state":%s,"keep":%s}' % (
        quote(setting("lock")), quote(status.lock_state),
        quote(setting("cable_lock") == "Enabled"))
    yield ',"contactors":{"contact_2":%s,"phases":%d,"c1_count":%d,"c2_count":%d}' % (
        quote(setting("contact_2")), status.phases, status.c1_count, status.c2_count)
    yield ""
    yield '"mains":{"meter":%s,"limit_da":%d,"da":[%d,%d,%d],"fresh":%s' % (
        quote(setting("mains_met")), setting("mains") * 10,
        status.mains_da(0), status.mains_da(1), status.mains_da(2),
        quote(bool(status.mains_fresh)))
    yield ',"w":%s,"wh":%d,"out_wh":%d,"solar_da":[%d,%d,%d]' % (
        quote(status.mains_w), status.mains_wh, status.mains_out_wh,
        status.solar_da(0), status.solar_da(1), status.solar_da(2))
    yield ',"age_ms":%d' % status.mains_age_ms
    yield "}"
    yield ""
    yield '"ev_meter":{"meter":%s,"da":[%d,%d,%d],"w":%d,"wh":%d' % (
        quote(setting("ev_meter")), status.ev_da(0), status.ev_da(1), status.ev_da(2),
        status.ev_w, status.ev_wh)
    yield ',"age_ms":%d' % status.ev_age_ms
    yield "}"
    yield ""
    yield from _power(status, setting)
    yield from _around(status, setting)
    car = status.ev_state()
    if car:
        yield '"ev_state":%s' % quote(car)
        yield ""
    box = status.box()
    if box:
        yield from _box(box, installs)


def _starts(status):
    """What has started it lately, and how often parts of it had to be started again since."""
    crumb = status.crumb
    yield '"starts":{"count":%d,"restarts":%d,"last":[' % (
        crumb.count if crumb else 0, sum(row[1] for row in status.tasks()))
    comma = ""
    for cause, ran_s in crumb.history() if crumb else ():
        yield '%s{"cause":%s,"ran_s":%d}' % (comma, quote(cause), ran_s)
        comma = ","
    yield "]}"


def _power(status, setting):
    """What else the current follows: sun, battery, capacity, circuit, phases, the others."""
    yield '"solar":{"style":%s,"start":%d,"stop":%d,"import":%d,"left_s":%d' % (
        quote(setting("solar_style")), setting("start"), setting("stop"), setting("import"),
        status.solar_left_s)
    yield ',"free_da":%s,"needs_da":%s}' % (
        quote(status.solar_free_da), quote(status.solar_needs_da))
    yield ""
    yield '"battery":{"da":%d,"expired":%s,"reserve":%d,"protect":%s' % (
        status.battery_da, quote(status.battery_expired),
        setting("battery_reserve"), quote(setting("battery_protect") == "Enabled"))
    yield ',"age_ms":%d' % status.battery_age_ms
    yield "}"
    yield ""
    limit, used, budget, left, peak = status.capacity()
    yield '"capacity":{"mode":%s,"amps":%d,"stop":%d,"limit_da":%s,"used_wh":%d' % (
        quote(setting("cap_mode")), setting("capacity"), setting("cap_stop"), quote(limit), used)
    yield ',"left_s":%d' % left
    yield ',"budget_wh":%d,"peak_w":%d,"stops_s":%d,"intervals":[' % (
        budget, peak, status.capacity_left_s)
    comma = ""
    for minute, watts in status.intervals():
        yield "%s[%d,%d]" % (comma, minute, watts)
        comma = ","
    yield "]}"
    yield ""
    yield '"circuit":{"meter":%s,"limit_da":%s,"da":[%d,%d,%d]' % (
        quote(setting("circt_met")), quote(status.circuit_limit_da), status.circuit_da(0),
        status.circuit_da(1), status.circuit_da(2))
    yield ',"age_ms":%d' % status.circuit_age_ms
    yield "}"
    yield ""
    used = status.phases_used
    yield '"phases":{"wish":%d,"in_force":%d,"used":%s}' % (
        status.phases_wish, status.phases,
        quote([phase + 1 for phase in range(3) if used & 1 << phase]))
    yield ',"relay_open":%s,"share":%s,"order":%s,"evses":[' % (
        quote(bool(status.relay_open)), quote(setting("pwr_share")), quote(list(status.order())))
    comma = ""
    for number, mode, wants, charging, grant_da, why, limit, lost in status.evse_rows():
        yield '%s{"number":%d,"mode":%s,"wants":%s,"charging":%s,"grant_da":%d' % (
            comma, number, quote(mode), quote(bool(wants)), quote(bool(charging)), grant_da)
        yield ',"reason":%s,"limit":%s,"lost":%s}' % (quote(why), quote(limit), quote(lost))
        comma = ","
    yield "]"
    yield ""


def _around(status, setting):
    """The board, the bus and the network."""
    yield '"colours":%s' % quote(["#%06x" % rgb for rgb in status.palette])
    yield ""
    kind, state, percent = status.doctor()
    yield '"temp_c":%d,"pwm1024":%d,"display":%s' % (
        status.temp, status.pwm1024, quote(bool(status.screen())))
    yield ',"doctor":{"kind":%s,"state":%s,"percent":%d}' % (quote(kind), quote(state), percent)
    yield ',"prices":%s' % quote(bool(status.prices()))
    yield ""
    net = status.network
    yield '"network":{"wifi":%s,"ssid":%s,"state":%s,"ip":%s' % (
        quote(setting("wifi")), quote(setting("wifi_ssid")), quote(net.state if net else "off"),
        quote(status.ip))
    if net:
        yield ',"bssid":%s,"rssi":%d,"joins":%d,"losses":%d,"away_s":%d' % (
            quote(net.bssid), net.rssi, net.joins, net.losses, net.away_s)
    yield ',"portal":%s}' % quote(bool(status.portal))
    yield ""
    mqtt = status.mqtt
    yield '"mqtt":{"host":%s,"state":%s,"problem":%s}' % (
        quote(setting("mqtt_host")), quote(mqtt.state if mqtt else "off"),
        quote(mqtt.problem if mqtt else ""))
    yield ""
    yield '"ntp":%s' % quote(status.ntp)
    yield ""
    yield '"bus":['
    comma = ""
    for row in status.bus_rows():
        yield comma + quote(row)
        comma = ","
    yield "]"
    yield ""


def _box(box, installs):
    """The Sensorbox; the password of its portal is for those who may change settings."""
    yield '"sensorbox":{"version":%d,"software":%d,"p1":%s,"wiring":%d,"wifi_mode":%d' % (
        box.version, box.software, quote(box.p1), box.wiring, box.wifi_mode)
    yield ',"wifi_connected":%s,"portal":%s,"ip":%s,"portal_password":%s}' % (
        quote(box.wifi_connected), quote(box.portal), quote(box.ip),
        quote(box.portal_password if installs else ""))
    yield ""


def _modes(status):
    """Modes that can be chosen now: Smart and Solar need a mains meter, here or at the master."""
    if status.setting("mains_met") == "Disabled" and status.setting("pwr_share")[:4] != "Node":
        return ["Off", "Normal", "Pause"]
    return ["Off", "Normal", "Smart", "Solar", "Pause"]


def _limits(status):
    """Yield the limits: those of the group, then each charger with its own."""
    status.refresh()
    yield ""
    group = status.details("group_limits")  # loaded for it
    yield '{"group":[\n'
    comma = ""
    for code, words, of, limit_da in group:
        yield '%s{"code":%d,"text":%s,"of":"%s","da":%d}\n' % (
            comma, code, quote(words), of, limit_da)
        comma = ","
    yield '],"evses":['
    number = -1
    for i, grant_da, winner, code, words, limit_da, left_s, wins in status.details("limits"):
        if i != number:
            yield '%s{"number":%d,"grant_da":%d,"winner":%s,"limits":[' % (
                "" if number < 0 else "]},", i, grant_da, quote(winner))
            number = i
            comma = ""
        yield '%s{"code":%d,"text":%s,"da":%d,"left_s":%s,"wins":%s}\n' % (
            comma, code, quote(words), limit_da, quote(left_s), quote(wins))
        comma = ","
    yield "]}]}" if number >= 0 else "]}"
