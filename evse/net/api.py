"""The project's own API under /api/v1: the page's status, one command at a time, CSV files."""

from evse.net.reply import Reply, failure, quote, rfid_text
from evse.settings import Refused

_COMMANDS = ("mode", "override", "set", "fault", "access", "swipe", "timer", "clock", "custom",
             "colour", "phases", "cards", "pwm", "ev_state", "battery", "intervals", "reading",
             "doctor")
_TIMER = ("mode", "start", "stop", "repeat")


def _get_status(_request, status, _command):
    return Reply(_status(status))


def _get_journal(_request, status, _command):
    return Reply(_journal(status))


def _get_doctor(_request, status, _command):
    return Reply(_doctor(status))


def _get_csv(request, status, _command):
    name = request.path[8:]
    if name == "cards.csv" and status.setting("trust_lan") != "Enabled":
        return failure(403, "cards are read at the charger, or with trust_lan", "trust_lan",
                       ["Enabled"])
    rows = (_lined(status.cards_csv()) if name == "cards.csv" else
            status.months_csv() if name == "months.csv" else status.sessions_csv())
    return Reply(rows, 200, "text/csv; charset=utf-8",
                 {"Content-Disposition": 'attachment; filename="%s"' % name})


def _lined(rows):
    for row in rows:
        yield row + "\n"


def _journal(status):
    """Yield the journal as a JSON array, one event a piece."""
    comma = "["
    for number, at, text, a, b in status.events():
        yield '%s{"number":%d,"uptime_s":%d,"text":%s,"a":%d,"b":%d}' % (
            comma, number, at, quote(text), a, b)
        comma = ","
    yield "[]" if comma == "[" else "]"


def _examined(status):
    kind, state, percent = status.doctor()
    return quote(kind), quote(state), percent


def _doctor(status):
    """Yield what the bus doctor does and has found, one finding a piece."""
    yield '{"kind":%s,"state":%s,"percent":%d,"findings":[' % _examined(status)
    comma = ""
    for code, what, where, hint, mistake in status.doctor_rows():
        yield '%s{"code":%d,"what":%s,"where":%s,"mistake":%s' % (
            comma, code, quote(what), quote(where), quote(mistake))
        yield ',"hint":%s}' % quote(hint)
        comma = ","
    yield "]}"


def _status(status):
    """Yield the status document in short pieces."""
    status.refresh()
    setting = status.setting
    yield '{"version":%s,"board":%s,"serial":%d,"uptime_s":%d' % (
        quote(status.version), quote(status.board), status.serial, status.uptime_s)
    yield ',"clock":{"s":%d,"local":%s}' % (
        status.clock_s, quote(status.clock_s and status.local(status.clock_s) or ""))
    yield ',"state":{"id":%d,"name":%s},"mode":%s,"access":%d' % (
        status.state_id, quote(status.state_name), quote(status.mode), status.access)
    yield ',"modes":%s,"custom":%s,"trust_lan":%s' % (
        quote(_modes(status)), quote(bool(status.custom)),
        quote(setting("trust_lan") == "Enabled"))
    yield ',"car_connected":%s,"charging":%s' % (
        quote(bool(status.car_connected)), quote(bool(status.charging)))
    yield ',"error":{"id":%d,"text":%s},"fault":%s,"faults":[' % (
        status.error_id, quote(status.error_name), quote(status.fault_name))
    comma = ""
    for name, stops, clears in status.fault_rows():
        yield '%s{"name":%s,"stops":%s,"clears":%s}' % (
            comma, quote(name), quote(stops), quote(clears))
        comma = ","
    yield '],"reason":{"code":%d,"text":%s}' % (status.reason, quote(status.reason_text()))
    yield ',"limit":{"code":%d,"text":%s}' % (status.limit, quote(status.limit_name))
    yield ',"grant_da":%d,"offered_da":%d,"override_da":%d,"min_da":%d,"max_da":%d' % (
        status.grant_da, status.offered_da, status.override_da,
        setting("min") * 10, setting("max") * 10)
    yield ',"session":{"number":%d,"wh":%d,"solar_wh":%d,"charging_s":%d' % (
        status.session_number, status.session_wh, status.session_solar_wh, status.session_s)
    yield ',"estimated":%s,"card":%s,"woke":%d}' % (
        quote(bool(status.session_estimated)), quote(status.session_card), status.woke)
    yield ',"timer":{"mode":%s,"start":%d,"stop":%d,"repeat":%d,"text":%s}' % (
        quote(status.timer_mode), status.timer_start, status.timer_stop, status.timer_repeat,
        quote(status.timer_words()))
    yield ',"reader":{"mode":%s,"code":%d,"text":%s,"last":%s}' % (
        quote(setting("rfid")), status.rfid_status, quote(rfid_text(status.rfid_status)),
        quote(status.rfid_last))
    yield ',"lock":{"kind":%s,"state":%s}' % (quote(setting("lock")), quote(status.lock_state))
    yield ',"contactors":{"contact_2":%s,"phases":%d,"c1_count":%d,"c2_count":%d}' % (
        quote(setting("contact_2")), status.phases, status.c1_count, status.c2_count)
    yield ',"mains":{"meter":%s,"limit_da":%d,"da":[%d,%d,%d],"age_ms":%d,"fresh":%s}' % (
        quote(setting("mains_met")), setting("mains") * 10,
        status.mains_da(0), status.mains_da(1), status.mains_da(2),
        status.mains_age_ms, quote(bool(status.mains_fresh)))
    yield ',"ev_meter":{"meter":%s,"da":[%d,%d,%d],"w":%d,"wh":%d,"age_ms":%d}' % (
        quote(setting("ev_meter")), status.ev_da(0), status.ev_da(1), status.ev_da(2),
        status.ev_w, status.ev_wh, status.ev_age_ms)
    yield from _power(status, setting)
    yield ',"temp_c":%d,"pwm1024":%d,"heap":{"free":%d},"display":%s' % (
        status.temp, status.pwm1024, status.heap_free(), quote(bool(status.screen())))
    yield ',"doctor":{"kind":%s,"state":%s,"percent":%d}' % _examined(status)
    yield ',"cycle":%s,"bus":[' % quote(status.cycle_summary())
    comma = ""
    for row in status.bus_rows():
        yield comma + quote(row)
        comma = ","
    yield "]"
    box = status.box()
    if box:
        yield from _box(box, setting("trust_lan") == "Enabled")
    yield "}"


def _box(box, trusted):
    """The Sensorbox; the password of its portal is for those who may change settings."""
    yield ',"sensorbox":{"version":%d,"software":%d,"p1":%s,"wiring":%d,"wifi_mode":%d' % (
        box.version, box.software, quote(box.p1), box.wiring, box.wifi_mode)
    yield ',"wifi_connected":%s,"portal":%s,"ip":%s,"portal_password":%s}' % (
        quote(box.wifi_connected), quote(box.portal), quote(box.ip),
        quote(box.portal_password if trusted else ""))


def _power(status, setting):
    """What else the current follows: sun, battery, capacity, circuit, phases, the others."""
    yield ',"solar":{"style":%s,"start":%d,"stop":%d,"import":%d,"left_s":%d}' % (
        quote(setting("solar_style")), setting("start"), setting("stop"), setting("import"),
        status.solar_left_s)
    yield ',"battery":{"da":%d,"age_ms":%d,"expired":%s,"reserve":%d,"protect":%s}' % (
        status.battery_da, status.battery_age_ms, quote(status.battery_expired),
        setting("battery_reserve"), quote(setting("battery_protect") == "Enabled"))
    limit, used, budget, left, peak = status.capacity()
    yield ',"capacity":{"mode":%s,"amps":%d,"stop":%d,"limit_da":%s,"used_wh":%d' % (
        quote(setting("cap_mode")), setting("capacity"), setting("cap_stop"), quote(limit), used)
    yield ',"budget_wh":%d,"left_s":%d,"peak_w":%d,"intervals":[' % (budget, left, peak)
    comma = ""
    for minute, watts in status.intervals():
        yield "%s[%d,%d]" % (comma, minute, watts)
        comma = ","
    yield ']},"circuit":{"meter":%s,"limit_da":%s,"da":[%d,%d,%d],"age_ms":%d}' % (
        quote(setting("circt_met")), quote(status.circuit_limit_da), status.circuit_da(0),
        status.circuit_da(1), status.circuit_da(2), status.circuit_age_ms)
    used = status.phases_used
    yield ',"phases":{"wish":%d,"in_force":%d,"used":%s}' % (
        status.phases_wish, status.phases,
        quote([phase + 1 for phase in range(3) if used & 1 << phase]))
    yield ',"relay_open":%s,"share":%s,"evses":[' % (
        quote(bool(status.relay_open)), quote(setting("pwr_share")))
    comma = ""
    for number, mode, wants, charging, grant_da, why, limit, lost in status.evse_rows():
        yield '%s{"number":%d,"mode":%s,"wants":%s,"charging":%s,"grant_da":%d' % (
            comma, number, quote(mode), quote(bool(wants)), quote(bool(charging)), grant_da)
        yield ',"reason":%s,"limit":%s,"lost":%s}' % (quote(why), quote(limit), quote(lost))
        comma = ","
    yield "]"


def _modes(status):
    """Modes that can be chosen now: Smart and Solar need a mains meter, here or at the master."""
    if status.setting("mains_met") == "Disabled" and status.setting("pwr_share")[:4] != "Node":
        return ["Off", "Normal", "Pause"]
    return ["Off", "Normal", "Smart", "Solar", "Pause"]


def _is(request, kind):
    return (request.content_type or "").split(";")[0].strip() == kind


def _post_command(request, _facts, command):
    # Only JSON: a foreign page cannot send that without asking the server first.
    if not _is(request, "application/json"):
        return failure(415, "Content-Type must be application/json")
    try:
        document = request.json
    except ValueError:
        return failure(400, "the body is not valid JSON")
    if type(document) is not dict or "value" not in document:
        return failure(400, "the body must be {\"name\": ..., \"value\": ...}")
    name = document.get("name")
    if name not in _COMMANDS:
        return failure(400, "no such command", "name", _COMMANDS)
    try:
        value = _shaped(name, document["value"])
    except ValueError as exc:
        return failure(400, str(exc), "value")
    return _carry_out(command, name, value)


def _shaped(name, value):
    """Return a command's value as the core takes it; ValueError when it has another shape."""
    if name == "set":
        if type(value) is not list or len(value) != 2 or type(value[0]) is not str:
            raise ValueError("value must be [key, value]")
    elif name == "timer":
        if type(value) is dict:
            value = [value.get(key, "") for key in _TIMER]
        elif value is not None:
            raise ValueError("value must be {mode, start, stop, repeat} or null")
    elif name == "colour":
        if type(value) is not list or len(value) != 4:
            raise ValueError("value must be [name, red, green, blue]")
    elif name in ("intervals", "reading"):
        if type(value) is not list:
            raise ValueError("value must be a list")
    elif name == "cards":
        if type(value) is not list or (value[0] if value else 0, len(value)) not in (
                ("add", 2), ("add", 3), ("remove", 2), ("clear", 1)):
            raise ValueError('value must be ["add", card, name], ["remove", card] or ["clear"]')
        if len(value) == 2 and value[0] == "add":
            value.append("")
    return tuple(value) if type(value) is list else value


def _post_cards(request, status, command):
    """Replace the list of cards, or with ``?add`` add to it: all lines of the body or none."""
    if not _is(request, "text/csv"):
        return failure(415, "Content-Type must be text/csv")
    try:
        lines = request.body.decode().split("\n")
    except UnicodeError:
        return failure(400, "the body is not text")
    lines = [line.strip() for line in lines if line.strip()]
    if "add" in request.args:
        lines = _added(status.cards_csv(), lines)
    return _carry_out(command, "cards", ("load", lines))


def _added(rows, lines):
    """Yield the stored cards, then those of ``lines``, whose names count where a card is known."""
    cards = [line.split(",")[0].strip().upper() for line in lines]
    for row in rows:
        if row.split(",")[0] not in cards:
            yield row
    yield from lines


def _carry_out(command, name, value):
    try:
        command(name, value, "REST")
    except Refused as exc:
        return failure(422, exc.reason, exc.field, exc.allowed)
    return Reply('{"ok":true}')


ROUTES = {
    "GET /api/v1/status": _get_status,
    "GET /api/v1/journal": _get_journal,
    "GET /api/v1/doctor": _get_doctor,
    "GET /api/v1/sessions.csv": _get_csv,
    "GET /api/v1/months.csv": _get_csv,
    "GET /api/v1/cards.csv": _get_csv,
    "POST /api/v1/command": _post_command,
    "POST /api/v1/cards": _post_cards,
}
