"""What MQTT clients tell the charger: the topics below Set/, their formats and ranges.

What is not carried out is refused with a reason; a refused message changes nothing.
"""

from micropython import const

from evse.net.legacy import names
from evse.settings import Refused

# Topics that are a setting, and which.
_CHOICES = const((
    ("EnableC2", "contact_2"), ("CurrentMaxSumMains", "capacity"), ("CapacityLimit", "capacity"),
    ("CapacityStopTime", "cap_stop"), ("CapacityMode", "cap_mode"), ("MinCurrent", "min"),
    ("MainsLimit", "mains"), ("CircuitLimit", "circuit"), ("SolarStartCurrent", "start"),
    ("SolarMaxImport", "import"), ("SolarStopTime", "stop"), ("SolarStyle", "solar_style"),
    ("BatteryReserve", "battery_reserve"), ("BatteryProtect", "battery_protect"),
    ("RequiredEVCCID", "required_evccid")))
# Topics that are a number, and the command it goes to.
_NUMBERS = const((("HomeBatteryCurrent", "battery"), ("CPPWMOverride", "pwm"),
                  ("Phases", "phases")))
_METERS = const((("MainsMeter", "mains"), ("EVMeter", "ev"), ("CircuitMeter", "circuit")))

_MOST_DA = const(1999)
_EV_MOST_DA = const(999)


def _number(text):
    """The whole number in ``text``, a fraction cut off."""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        raise Refused("this is not a number")


def shows(name):
    """The topic that shows what Set/``name`` changes."""
    if name.startswith("Color"):
        return "LED" + name
    return ("ChargeCurrentOverride" if name == "CurrentOverride" else
            "MaxSumMains" if name == "CurrentMaxSumMains" else
            "StartTime" if name == "Timer" else name)


def obey(status, command, name, payload):
    """Carry out ``payload`` (text) told to Set/``name``, or raise Refused."""
    for topic, meter in _METERS:
        if topic == name:
            command("reading", _reading(meter, payload), "MQTT")
            return
    for topic, what in _NUMBERS:
        if topic == name:
            command(what, _number(payload), "MQTT")
            return
    if name == "Mode":
        command("mode", payload, "MQTT")
    elif name == "CurrentOverride":
        value = _number(payload)
        if value and status.setting("mode") == "Solar":
            raise Refused("in Solar the sun sets the current")
        command("override", value, "MQTT")
    elif name == "CustomButton":
        command("custom", payload == "On", "MQTT")
    elif name == "CableLock":
        command("set", ("cable_lock", "Enabled" if payload == "1" else "Disabled"), "MQTT")
    elif name.startswith("Color"):
        rgb = [_number(part) for part in payload.split(",", 3)]
        command("colour", [name[5:].lower()] + rgb, "MQTT")
    elif name == "RFID":
        command("swipe", payload.strip().upper(), "MQTT")
    elif name == "Timer":
        _timer(command, payload)
    elif name.startswith("settings/"):
        command("set", (name[9:], payload), "MQTT")
    else:
        _choose(status, command, name, payload)


def _choose(status, command, name, payload):
    """A setting with a topic of its own."""
    for topic, key in _CHOICES:
        if topic == name:
            if key == "contact_2" and payload.isdigit() and int(payload) < 5:
                payload = names(key)[int(payload)]
            elif type(status.setting(key)) is int:
                payload = _number(payload)
            command("set", (key, payload), "MQTT")
            if key == "capacity" and payload and status.setting("cap_mode") == "Disabled":
                # Before there were modes, the current by itself was the limit.
                command("set", ("cap_mode", "Fixed"), "MQTT")
            return
    raise Refused("there is no such topic")


def _timer(command, payload):
    """MODE,START,STOP,1 in local time, of which the last two may be missing; or nothing."""
    if payload in ("", "0"):
        command("timer", None, "MQTT")
        return
    parts = [part.strip() for part in payload.split(",")]
    if not 2 <= len(parts) <= 4:
        raise Refused("a timer is MODE,START,STOP,REPEAT")
    parts += ["", ""]
    command("timer", (parts[0], parts[1], parts[2], 1 if parts[3] == "1" else 0), "MQTT")


def _reading(meter, payload):
    """What a meter says: L1:L2:L3 in dA, for mains and EV W and Wh too, -1 for unknown."""
    try:
        parts = [int(part) for part in payload.split(":")]
    except ValueError:
        raise Refused("a reading is whole numbers with : between")
    if len(parts) != 5 and (len(parts) != 3 or meter == "ev") or (
            len(parts) == 5 and meter == "circuit"):
        raise Refused("a reading of %d numbers" % len(parts))
    amps = parts[:3]
    if meter == "ev":
        if min(amps) < 0 or max(amps) > _EV_MOST_DA:
            amps = [None, None, None]  # the rest counts all the same
    elif min(amps) < -_MOST_DA or max(amps) > _MOST_DA:
        raise Refused("currents are -%d to %d dA" % (_MOST_DA, _MOST_DA))
    reading = [meter] + amps
    if len(parts) == 5:
        watts, wh = parts[3:]
        unknown = watts == -1 or (watts < 0 and meter == "ev")
        reading.append(None if unknown else watts)
        reading.append(None if wh < 0 else wh)
    return reading
