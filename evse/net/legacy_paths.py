"""Paths of the older firmwares that few ask for."""

from micropython import const

from evse.net.reply import Reply, failure, quote
from evse.settings import Refused

_AT_ONCE = const(4)  # points whose local time is found before others have a turn
_UPDATE = const(
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Update</title>"
    "<p>Images of older firmwares cannot be installed on this charger, nor can this path take any."
    "<p><a href=/>To the charger</a></html>"
)


def reboot(request, status, command):
    """Restart, once no contactor is closed."""
    try:
        command("restart", True, request.source)
    except Refused as exc:
        return Reply(quote({"reboot": False, "error": exc.reason}))
    waits = status.busy()
    return Reply(quote({"reboot": True, "waits": waits}), 202 if waits else 200)


def erase(request, _status, command):
    """Put back all defaults, forget the cards, and restart."""
    try:
        command("erase", "settings", request.source)
    except Refused as exc:
        return failure(422, exc.reason, exc.field, exc.allowed)
    return Reply("Erasing settings, rebooting", kind="text/plain")


def power_day(_request, status, _command):
    """Answer with the mean power of the last day's quarters."""
    return Reply(_quarters(status))


def _quarters(status):
    yield '{"power_day":['
    comma = ""
    count = 0
    for begin, watts in status.details("quarters"):
        yield '%s{"time":"%s","power":%d}' % (comma, status.local(begin)[-5:], watts)
        comma = ","
        count += 1
        if count % _AT_ONCE == 0:
            yield ""
    yield "]}"


def certificate(_request, _status, _command):
    """Answer with the certificate of the broker's authority: there is none without TLS."""
    return Reply("\r\n", kind="text/plain")


def show_update(_request, _status, _command):
    """Answer that nothing is installed from here."""
    return Reply(_UPDATE, kind="text/html; charset=utf-8")


def autoupdate(_request, _status, _command):
    """Answer as the original does when its download has failed: nothing is ever fetched."""
    return Reply(quote({"progress": -2, "size": 0,
                        "error": "there are no updates from the internet"}))
