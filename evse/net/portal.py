"""What the set-up page asks for: the networks there are, how it goes, and to join one.

For the portal, and for whoever may change settings from elsewhere.
"""

from micropython import const

from evse.net.reply import Reply, failure, quote, trusted
from evse.settings import Refused

_KEYS = const(("ssid", "password", "tz"))
_HEX = const("0123456789abcdefABCDEF")


def _barred(request, status):
    """What keeps the asker out, None if nothing does."""
    if not trusted(request, status):
        return failure(403, "WiFi is set up at the charger or by the installer")
    if not status.network:
        return failure(404, "this charger has no WiFi")
    return None


def show(request, status, _command):
    """GET /api/v1/wifi: how it is with the WiFi, and the networks that were found."""
    return _barred(request, status) or Reply(_shown(status))


def _shown(status):
    """Yield the document, a network a piece."""
    net = status.network
    setting = status.setting
    portal = status.portal
    yield '{"mode":%s,"state":%s,"ssid":%s,"ip":%s,"rssi":%d,"bssid":%s' % (
        quote(setting("wifi")), quote(net.state), quote(setting("wifi_ssid")), quote(status.ip),
        net.rssi, quote(net.bssid))
    yield ',"joins":%d,"losses":%d,"away_s":%d,"host":"SmartEVSE-%d","portal":%s' % (
        net.joins, net.losses, net.away_s, status.serial, quote(portal and portal[0]))
    yield ',"trying":%s,"failed":%s,"tz":%s,"scanning":%s,"networks":' % (
        quote(net.trying), quote(net.failed), quote(setting("tz")), quote(net.scanning))
    if net.networks is None:
        yield "null}"
        return
    comma = "["
    for ssid, rssi, secured in net.networks:
        try:
            name = ssid.decode()
        except UnicodeError:
            continue  # it could not be asked for by any text
        yield '%s{"ssid":%s,"rssi":%d,"secured":%s}' % (
            comma, quote(name), rssi, quote(bool(secured)))
        comma = ","
    yield "[]}" if comma == "[" else "]}"


def scan(request, status, _command):
    """POST /api/v1/wifi/scan: look for networks, which takes 3 s."""
    barred = _barred(request, status)
    if not barred and not status.network.scan(True):
        barred = failure(409, "not possible while the car charges or a network is being joined")
    return barred or Reply('{"ok":true}')


def join(request, status, command):
    """POST /api/v1/wifi: {"ssid", "password", "tz"}; the last two need not be there.

    It is tried at once. In the portal one that does not work can be given again; elsewhere it is
    tried for ever, like any other.
    """
    barred = _barred(request, status)
    if barred:
        return barred
    if (request.content_type or "").split(";")[0].strip() != "application/json":
        return failure(415, "Content-Type must be application/json")
    try:
        document = request.json
    except ValueError:
        return failure(400, "the body is not valid JSON")
    if type(document) is not dict:
        return failure(400, "the body must be an object")
    for key in document:
        if key not in _KEYS or type(document[key]) is not str:
            return failure(422, "%s is not known, or no text" % key, key, list(_KEYS))
    ssid = document.get("ssid", "")
    password = document.get("password", "")
    count = len(password.encode())
    if not 0 < len(ssid.encode()) <= 32:
        return failure(422, "the network's name has 1 to 32 bytes", "ssid", [1, 32])
    if count == 64 and not all(letter in _HEX for letter in password) or count > 64 or \
            0 < count < 8:
        return failure(422, "the network's password has 8 to 63 characters, or none", "password",
                       [0, 8, 63])
    try:
        if "tz" in document:  # it alone can still be refused
            command("set", ("tz", document["tz"]), request.source)
        command("set", ("wifi_ssid", ssid), request.source)
        command("set", ("wifi_password", password), request.source)
    except Refused as problem:
        return failure(422, problem.reason, problem.field, problem.allowed)
    status.network.attempt()
    return Reply('{"ok":true}')
