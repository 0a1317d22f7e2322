"""The project's own API under /api/v1: status for the page, one command at a time."""

from evse.net.reply import Reply, failure, quote
from evse.settings import Refused

_COMMANDS = ("mode", "override", "set", "fault")


def install(app, status, command):
    """Route /api/v1 to the core's two doors."""

    @app.get("/api/v1/status")
    def get_status(_request):
        return Reply(_status(status))

    @app.get("/api/v1/journal")
    def get_journal(_request):
        return Reply(_journal(status))

    @app.post("/api/v1/command")
    def post_command(request):
        return _command(request, command)


def _journal(status):
    """Yield the journal as a JSON array, one event a piece."""
    comma = "["
    for number, at, text, a, b in status.events():
        yield '%s{"number":%d,"uptime_s":%d,"text":%s,"a":%d,"b":%d}' % (
            comma, number, at, quote(text), a, b)
        comma = ","
    yield "[]" if comma == "[" else "]"


def _status(status):
    """Yield the status document in short pieces."""
    status.refresh()
    yield '{"version":%s,"board":%s,"serial":%d,"uptime_s":%d' % (
        quote(status.version), quote(status.board), status.serial, status.uptime_s)
    yield ',"state":{"id":%d,"name":%s},"mode":%s,"access":%d' % (
        status.state_id, quote(status.state_name), quote(status.mode), status.access)
    yield ',"modes":%s' % quote(_modes(status))
    yield ',"car_connected":%s,"charging":%s' % (
        quote(bool(status.car_connected)), quote(bool(status.charging)))
    yield ',"error":{"id":%d,"text":%s},"fault":%s' % (
        status.error_id, quote(status.error_name), quote(status.fault_name))
    yield ',"reason":{"code":%d,"text":%s}' % (status.reason, quote(status.reason_text))
    yield ',"limit":{"code":%d,"text":%s}' % (status.limit, quote(status.limit_name))
    yield ',"grant_da":%d,"offered_da":%d,"override_da":%d,"min_da":%d,"max_da":%d' % (
        status.grant_da, status.offered_da, status.override_da,
        status.setting("min") * 10, status.setting("max") * 10)
    yield ',"mains":{"meter":%s,"limit_da":%d,"da":[%d,%d,%d],"age_ms":%d,"fresh":%s}' % (
        quote(status.setting("mains_met")), status.setting("mains") * 10,
        status.mains_da(0), status.mains_da(1), status.mains_da(2),
        status.mains_age_ms, quote(bool(status.mains_fresh)))
    yield ',"temp_c":%d,"pwm1024":%d,"heap":{"free":%d}' % (
        status.temp, status.pwm1024, status.heap_free)
    yield ',"cycle":%s,"bus":[' % quote(status.cycle_summary())
    comma = ""
    for row in status.bus_rows():
        yield comma + quote(row)
        comma = ","
    yield "]}"


def _modes(status):
    """Modes that can be chosen now: Smart needs a mains meter."""
    if status.setting("mains_met") == "Disabled":
        return ["Off", "Normal", "Pause"]
    return ["Off", "Normal", "Smart", "Pause"]


def _command(request, command):
    # Only JSON: a foreign page cannot send that without asking the server first.
    if (request.content_type or "").split(";")[0].strip() != "application/json":
        return failure(415, "Content-Type must be application/json")
    try:
        document = request.json
    except ValueError:
        return failure(400, "the body is not valid JSON")
    if type(document) is not dict or "value" not in document:
        return failure(400, "the body must be {\"name\": ..., \"value\": ...}")
    name = document.get("name")
    value = document["value"]
    if name not in _COMMANDS:
        return failure(400, "no such command", "name", _COMMANDS)
    if name == "set" and not _is_pair(value):
        return failure(400, "value must be [key, value]", "value")
    try:
        command(name, tuple(value) if name == "set" else value, "REST")
    except Refused as exc:
        return failure(422, exc.reason, exc.field, exc.allowed)
    return Reply('{"ok":true}')


def _is_pair(value):
    return type(value) is list and len(value) == 2 and type(value[0]) is str
