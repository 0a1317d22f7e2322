"""What may happen in a scenario: the events, and what is wrong with one. Runs on any Python."""

from twin import hands

METERS = ("meter", "ev_meter", "circuit_meter", "battery_report")
KINDS = ("set", "command", "car", "world", "kill", "restore", "relay", "link") + METERS
COMMANDS = ("mode", "override", "access", "start", "stop", "swipe", "phases", "intervals")
ACCESS = {"off": "Off", "on": "On", "pause": "Pause"}
_START_KEYS = ("at", "stop", "mode", "daily")


def whose(event):
    """Index of the EVSE that ``event`` is about, None for one about the site."""
    if event[1] in ("kill", "restore"):
        return event[2]
    if event[1] in ("set", "command", "car", "world"):
        return event[4] if len(event) > 4 else 0
    return None


def check(event, scenario):
    """Raise ValueError with a sentence when ``event`` of ``scenario`` makes no sense."""
    kind, name = event[1], event[2]
    if kind not in KINDS:
        raise ValueError("no event is called %s; there are %s" % (kind, ", ".join(KINDS)))
    number = whose(event)
    if number is not None:
        _check_evse(number, scenario)
    if kind in METERS:
        _check_meter(kind, event, scenario)
        return
    if kind == "relay":
        _check_word(event, ("open", "closed"))
        return
    if kind in ("kill", "restore"):
        if len(event) != 3:
            raise ValueError("%s takes the number of an EVSE" % kind)
        return
    if kind == "link":
        _check_link(event, scenario)
        return
    if len(event) < 4:
        raise ValueError("%s takes a name and a value" % kind)
    value = event[3]
    if kind == "car":
        hands.check(hands.CAR, name, value)
    elif kind == "world":
        hands.check(hands.WORLD, name, value)
    elif kind == "command":
        _check_command(name, value)


def _check_evse(number, scenario):
    count = len(scenario["evses"])
    if type(number) is not int or not 0 <= number < count:
        raise ValueError("there is no EVSE %s, but 0 to %d" % (number, count - 1))


def _check_link(event, scenario):
    if len(scenario["evses"]) < 2:
        raise ValueError("there is no line to other EVSEs")
    if len(event) != 4 or event[3] not in ("on", "off"):
        raise ValueError('link takes the number of a node, or 0 for all, and "on" or "off"')
    _check_evse(event[2], scenario)


def _check_word(event, words):
    if len(event) != 3 or event[2] not in words:
        raise ValueError('%s is "%s" or "%s"' % (event[1], words[0], words[1]))


def _check_meter(kind, event, scenario):
    _check_word(event, ("on", "off"))
    key = "mains_meter" if kind == "meter" else kind
    if not (scenario["site"] if kind == "battery_report" else scenario)[key]:
        raise ValueError("there is no %s" % key)


def _check_command(name, value):
    if name not in COMMANDS:
        raise ValueError("no command is called %s; there are %s" % (name, ", ".join(COMMANDS)))
    if name == "access" and value not in ACCESS:
        raise ValueError('access is "off", "on" or "pause"')
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
