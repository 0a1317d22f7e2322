"""What is done by /api/v1: commands, cards, schedule, prices, restart."""

import os

from evse.net.reply import Reply, failure, trusted
from evse.settings import Denied, Refused

_COMMANDS = ("mode", "override", "set", "fault", "access", "swipe", "timer", "clock", "custom",
             "colour", "phases", "cards", "pwm", "ev_state", "battery", "intervals", "order",
             "reading", "doctor", "backlight", "restart", "erase")
_TIMER = ("mode", "start", "stop", "repeat")
_PRICES = ("start", "minutes", "prices")


def post_command(request, _status, command):
    """Carry out one command."""
    document, wrong = document_of(request)
    if wrong:
        return wrong
    if "value" not in document:
        return failure(400, 'the body must be {"name": ..., "value": ...}', "value")
    name = document.get("name")
    if name not in _COMMANDS:
        return failure(400, "no such command", "name", _COMMANDS)
    try:
        value = _shaped(name, document["value"])
    except ValueError as exc:
        return failure(400, str(exc), "value")
    return _carry_out(request, command, name, value)


def document_of(request):
    """Return (the JSON object in the body, None), or ({}, what to answer)."""
    # Only JSON: a foreign page cannot send that without asking the server first.
    if not is_kind(request, "application/json"):
        return {}, failure(415, "Content-Type must be application/json")
    try:
        document = request.json
    except ValueError:
        return {}, failure(400, "the body is not valid JSON")
    if type(document) is not dict:
        return {}, failure(400, "the body must be a JSON object")
    return document, None


def is_kind(request, kind):
    """True when the body is said to be ``kind``."""
    return (request.content_type or "").split(";")[0].strip().lower() == kind


def _shaped(name, value):
    """Return a command's value as the core takes it; ValueError when it has another shape."""
    if name == "set":
        if type(value) is not list or len(value) != 2 or type(value[0]) is not str:
            raise ValueError("value must be [key, value]")
    elif name == "timer":
        if value is not None:
            value = _timer(value)
    elif name == "colour":
        if type(value) is not list or len(value) != 4:
            raise ValueError("value must be [name, red, green, blue]")
    elif name in ("intervals", "order", "reading"):
        if type(value) is not list:
            raise ValueError("value must be a list")
    elif name == "cards":
        if type(value) is not list or (value[0] if value else 0, len(value)) not in (
                ("add", 2), ("add", 3), ("remove", 2), ("clear", 1)):
            raise ValueError('value must be ["add", card, name], ["remove", card] or ["clear"]')
        if len(value) == 2 and value[0] == "add":
            value.append("")
    return tuple(value) if type(value) is list else value


def _timer(value):
    """Return a schedule as the core takes it; ValueError when it has another shape."""
    if type(value) is not dict or "mode" not in value or "start" not in value:
        raise ValueError("mode and start are needed, stop and repeat may be given")
    for field in value:
        if field not in _TIMER:
            raise ValueError("there is no %s" % field)
    repeat = value.get("repeat", 0)
    if type(repeat) is not int or repeat not in (0, 1):
        raise ValueError("repeat is 0 or 1")
    for field in ("start", "stop"):
        if type(value.get(field, "")) not in (str, int):
            raise ValueError("%s is a local time, or Unix seconds" % field)
    return tuple(value.get(key, "") for key in _TIMER)


def _carry_out(request, command, name, value):
    try:
        command(name, value, request.source)
    except Refused as exc:
        return refusal(exc)
    return Reply('{"ok":true}')


def refusal(exc):
    """The answer to what the charger refuses, to everybody or to this asker."""
    return failure(403 if isinstance(exc, Denied) else 422, exc.reason, exc.field, exc.allowed)


# ---- cards ----

def post_cards(request, status, command):
    """Replace the list of cards, or with ``?add`` add to it: all lines of the body or none."""
    if not is_kind(request, "text/csv"):
        return failure(415, "Content-Type must be text/csv")
    if not request.chunks:  # who wants no cards says so, by the command
        return failure(400, "the body holds no cards")
    lines = _lines(request.chunks)
    if "add" in request.args:
        lines = _added(status.cards_csv(), request.chunks)
    return _carry_out(request, command, "cards", ("load", lines))


def _lines(chunks):
    """Yield the lines of a body that came in pieces, as bytes."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        while b"\n" in rest:
            line, _, rest = rest.partition(b"\n")
            yield line
    yield rest


def _added(rows, chunks):
    """Yield the stored cards, then those of the body, whose names count where a card is known."""
    cards = [line.split(b",")[0].strip().upper() for line in _lines(chunks)]
    for row in rows:
        if row.split(",")[0].encode() not in cards:
            yield row
    yield from _lines(chunks)


# ---- times ----

def post_schedule(request, _status, command):
    """Set when charging starts and stops."""
    document, wrong = document_of(request)
    if wrong:
        return wrong
    try:
        value = _timer(document)
    except ValueError as exc:
        return failure(400, str(exc))
    return _carry_out(request, command, "timer", value)


def delete_schedule(request, _status, command):
    """Forget start and stop."""
    return _carry_out(request, command, "timer", None)


def post_prices(request, _status, command):
    """Keep prices, or more of them."""
    document, wrong = document_of(request)
    if wrong:
        return wrong
    for field in document:
        if field not in _PRICES:
            return failure(400, "no such field", field, _PRICES)
    return _carry_out(request, command, "prices", tuple(document.get(key) for key in _PRICES))


def delete_prices(request, _status, command):
    """Forget the prices."""
    return _carry_out(request, command, "prices", None)


# ---- the rest ----

def post_restart(request, _status, command):
    """Restart once no contactor is closed."""
    return _carry_out(request, command, "restart", True)


def post_mqtt(request, status, _command):
    """Connect to the broker anew, whatever the link is doing or waits for."""
    if not trusted(request, status):
        return failure(403, "the broker is tried at the charger or by the installer", "mqtt_host")
    if not status.setting("mqtt_host"):
        return failure(422, "no broker is set", "mqtt_host")
    if status.mqtt:  # else it begins by itself in a moment
        status.mqtt.retry()
    return Reply('{"ok":true}')


def delete_imported(request, status, _command):
    """It was seen: the page need not show it any more."""
    if not trusted(request, status):
        return failure(403, "this is put away at the charger or by the installer", "imported")
    status.refresh()
    if status.charging:  # flash would hold up the charger
        return failure(422, "this can be put away when nothing charges", "imported")
    try:
        os.remove(status.directory + "/imported.json")
    except OSError:
        return failure(404, "nothing was imported, or it was seen")
    status.imported = False
    return Reply('{"ok":true}')
