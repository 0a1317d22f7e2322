"""What Home Assistant is told of the entities there are, by MQTT discovery.

Loaded only while it is told. Names, ids and topics are those of the older firmwares, so that
Home Assistant goes on with the entities it knows. What this charger does not have, or has no more,
gets an empty message, which takes the entity away.
"""

import json

from micropython import const

_LONG = const(24)  # a prefix longer than this is not written more often than needed
_PIECE = const(256)
_TABLE = __file__.rsplit("/", 1)[0] + "/homeassistant.txt"
# What the table calls the bits of evse.net.facts, in their order.
_NEEDS = "MAINS EV CIRCUIT BATTERY MODEM RFID LOCK CAPACITY AUTO TRUST LOCKED SOLAR"


def _spelled(text, allowed, instead):
    """``text`` with what is neither a letter, a digit nor in ``allowed`` replaced."""
    return "".join([char if "a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9"
                    or char in allowed else instead for char in text])


def _lines():
    """Yield the lines of the table. The file's own would ask it for each byte by itself."""
    rest = b""
    with open(_TABLE, "rb") as table:
        while True:
            piece = table.read(_PIECE)
            if not piece:
                return
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                yield str(line, "utf-8")


def pieces(status, prefix, bits, enabled):
    """Yield (topic, payload, True) for each entity, and None where others may run.

    ``bits`` are what the charger has (``evse.net.facts.present``). Unless ``enabled`` all
    entities are taken away.
    """
    # A topic of discovery has room for one level more, which the older firmwares make use of.
    node, _, rest = prefix.partition("/")
    node = _spelled(node, "_-", "_")
    if rest:
        node += "/" + _spelled(rest, "_-", "_")
    identity = _spelled(prefix.lower(), "_", "_")
    most = str(status.setting("max"))
    device = {"identifiers": [prefix], "name": prefix, "sw_version": status.version,
              "model": "SmartEVSE v3" if status.board.startswith("smartevse") else status.board}
    if status.ip:
        device["configuration_url"] = "http://%s/" % status.ip
    base, head, brief = prefix, "{", len(prefix) > _LONG
    if brief:  # a message has to fit into a buffer
        base, head = "~", '{"~":%s,' % json.dumps(prefix)
    else:
        device["manufacturer"] = "Stegen"
        device["serial_number"] = str(status.serial)
    common = ',"availability_topic":%s,"origin":{"name":"MicroEVSE"},"device":%s}' % (
        json.dumps(base + "/connected"), json.dumps(device))
    bits = [word for at, word in enumerate(_NEEDS.split(" ")) if bits >> at & 1]
    kind = ""
    yield None
    for line in _lines():
        if line[0] == "=":
            kind = line[1:]
        elif line[0] != "#":
            name, domain, needs, command, more = (line + "||||").split("|", 4)
            suffix = name.replace(" ", "")
            payload = ""
            if enabled and all(need in bits for need in needs.split()):
                own = json.dumps(prefix + "-" + suffix)
                payload = "".join((
                    head, '"name":"%s","unique_id":%s,' % (name, own),
                    # Older versions of Home Assistant know this one only, newer ones the next.
                    "" if brief else '"object_id":%s,' % own,
                    '"default_entity_id":"%s.%s_%s","state_topic":%s' % (
                        domain, identity, suffix.lower(), json.dumps(base + "/" + suffix)),
                    ',"command_topic":%s' % json.dumps("%s/Set/%s" % (base, command))
                    if command else "", kind, more.rstrip("|").replace("$", most), common))
            yield "homeassistant/%s/%s-%s/config" % (domain, node, suffix), payload, True
            yield None
