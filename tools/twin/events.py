"""What may happen in a scenario: the events, and what is wrong with one. Runs on any Python."""

from twin import hands

_NOT_YET = {
    "kill": "taking the power from an EVSE",
    "restore": "giving the power back to an EVSE",
    "relay": "the grid relay",
}
KINDS = ("set", "command", "meter", "ev_meter", "car", "world")
COMMANDS = ("mode", "override", "access", "start", "stop", "swipe", "phases")
ACCESS = {"off": "Off", "on": "On", "pause": "Pause"}
_START_KEYS = ("at", "stop", "mode", "daily")


def check(event, scenario):
    """Raise ValueError with a sentence when ``event`` of ``scenario`` makes no sense."""
    kind, name = event[1], event[2]
    if kind in _NOT_YET:
        raise ValueError("%s (%s) is not available yet" % (_NOT_YET[kind], kind))
    if kind not in KINDS:
        raise ValueError("no event is called %s; there are %s" % (kind, ", ".join(KINDS)))
    if kind in ("meter", "ev_meter"):
        _check_meter(kind, event, scenario)
        return
    if len(event) != 4:
        raise ValueError("%s takes a name and a value" % kind)
    value = event[3]
    if kind == "car":
        hands.check(hands.CAR, name, value)
    elif kind == "world":
        hands.check(hands.WORLD, name, value)
    elif kind == "command":
        _check_command(name, value)


def _check_meter(kind, event, scenario):
    if len(event) != 3 or event[2] not in ("on", "off"):
        raise ValueError('%s is "on" or "off"' % kind)
    key = "mains_meter" if kind == "meter" else kind
    if not scenario[key]:
        raise ValueError("there is no %s" % key)


def _check_command(name, value):
    if name not in COMMANDS:
        raise ValueError("no command is called %s; there are %s" % (name, ", ".join(COMMANDS)))
    if name == "access" and value not in ACCESS:
        raise ValueError('access is "off", "on" or "pause"')
    if name == "mode" and str(value).lower() in ("solar", "2"):
        raise ValueError("Solar is not available yet")
    if name == "start" and isinstance(value, dict):
        for key in value:
            if key not in _START_KEYS:
                raise ValueError("start has no %s; it has %s" % (key, ", ".join(_START_KEYS)))
        _check_time(value.get("at"))
        _check_time(value.get("stop"))
    elif name in ("start", "stop"):
        _check_time(value)


def _check_time(value):
    if value is None or isinstance(value, str):
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError("a time is seconds of the scenario, YYYY-MM-DDTHH:MM, or null")


def moment(value, clock):
    """A time of an event for the charger: Unix seconds, its own text, or 0 for none."""
    if value is None:
        return 0
    return value if isinstance(value, str) else clock + int(value)
