"""Print what Home Assistant accepts as MQTT discovery, as JSON Schema by platform.

Runs in Home Assistant's own environment (tools/ha.py). The keys are those of its validators; which
JSON types a key takes is found by trying.
"""

import json
from importlib import import_module

import voluptuous as vol
from homeassistant.components.mqtt.schemas import MQTT_ENTITY_DEVICE_INFO_SCHEMA
from homeassistant.components.number.const import DEVICE_CLASS_UNITS as NUMBER_UNITS
from homeassistant.components.sensor.const import (
    DEVICE_CLASS_STATE_CLASSES,
    DEVICE_CLASS_UNITS,
    SensorDeviceClass,
    SensorStateClass,
)
from homeassistant.const import __version__

# One configuration that is accepted, by platform; each key is tried in its place.
BASE = {
    "sensor": {"state_topic": "a/b"},
    "number": {"command_topic": "a/b"},
    "select": {"command_topic": "a/b", "options": ["a"]},
    "switch": {"command_topic": "a/b"},
    "text": {"command_topic": "a/b"},
}
ADDED = {"unique_id": "x"}  # without it no entity category
TRIES = {
    "string": ("a/b", "a", "{{ value }}", "sensor", "slider", "current", "text", "latest",
               "diagnostic", "config", "http://a/", "mdi:car", "measurement", "json", "utf-8",
               "sensor.a"),
    "integer": (1, 0, 100), "number": (0.5,), "boolean": (True,), "null": (None,),
    "array": (["a"], [{"topic": "a/b"}]),
    "object": ({"identifiers": ["a"]}, {"name": "a"}, {"a": "b"}),
}


def keys(validator):
    """Yield the markers of all keys of a validator, however it is wrapped."""
    if isinstance(validator, vol.Schema):
        yield from keys(validator.schema)
    elif isinstance(validator, dict):
        for marker in validator:
            if isinstance(marker, vol.Marker):
                yield marker
    elif isinstance(validator, (vol.All, vol.Any)):
        for one in validator.validators:
            yield from keys(one)


def accepted(validator, base, key):
    """The JSON type ``key`` takes; where many would be turned into one, that one."""
    def takes(value):
        try:
            validator({**base, **ADDED, key: value})
        except Exception:
            return False
        return True

    if "template" in key:
        return "string"  # checked by compiling it, which needs a running Home Assistant
    types = [name for name, values in TRIES.items() if any(map(takes, values))]
    if "string" in types and "integer" in types:
        return "array" if key == "options" else "string"
    if "integer" in types:
        return "boolean" if takes("true") else "number" if "number" in types else "integer"
    return types[0] if len(types) == 1 else types


def platform(name):
    """The JSON Schema of one platform."""
    validator = import_module("homeassistant.components.mqtt." + name).DISCOVERY_SCHEMA
    properties = {}
    required = set()
    for marker in keys(validator):
        key = str(marker.schema)
        kind = accepted(validator, BASE[name], key)
        if kind:
            properties[key] = {"type": kind}
        if isinstance(marker, vol.Required):
            required.add(key)
    properties["object_id"] = properties["~"] = {"type": "string"}  # ignored, and an abbreviation
    properties["device"] = {
        "type": "object", "additionalProperties": False,
        "properties": {str(marker.schema): {} for marker in keys(MQTT_ENTITY_DEVICE_INFO_SCHEMA)}}
    properties["entity_category"] = {
        "enum": ["diagnostic"] if name == "sensor" else ["config", "diagnostic"]}
    rules = []
    if name == "sensor":
        rules = list(sensor_rules())
        properties["device_class"] = {"enum": [one.value for one in SensorDeviceClass]}
        properties["state_class"] = {"enum": [one.value for one in SensorStateClass]}
    elif name == "number":
        rules = [rule(device_class, units, None) for device_class, units in NUMBER_UNITS.items()]
        properties["device_class"] = {"enum": [one.value for one in NUMBER_UNITS]}
    return {"type": "object", "properties": dict(sorted(properties.items())),
            "required": sorted(required), "additionalProperties": False,
            **({"allOf": rules} if rules else {})}


def rule(device_class, units, states):
    """What a device class asks of the unit and the state class."""
    units = set(units)
    named = sorted(units - {None})
    then = {"properties": {"unit_of_measurement": {"enum": named} if named else False}}
    if None not in units:
        then["required"] = ["unit_of_measurement"]
    if states is not None:
        then["properties"]["state_class"] = {"enum": sorted(states)} if states else False
    return {"if": {"properties": {"device_class": {"const": device_class.value}},
                   "required": ["device_class"]}, "then": then}


def sensor_rules():
    """Yield the rules of the device classes of sensors."""
    for device_class, units in DEVICE_CLASS_UNITS.items():
        yield rule(device_class, units, DEVICE_CLASS_STATE_CLASSES.get(device_class, ()))


def lines(value, depth):
    """``value`` as JSON, a line for each of its parts down to ``depth``."""
    if not depth or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    if isinstance(value, list):
        return "[\n%s]" % ",\n".join(lines(one, depth - 1) for one in value)
    return "{\n%s}" % ",\n".join("%s: %s" % (json.dumps(key), lines(one, depth - 1))
                                 for key, one in value.items())


print(lines({"home_assistant": __version__,
             "platforms": {name: platform(name) for name in BASE}}, 4))
