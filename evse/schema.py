"""The document that settings are stored as: whether it is whole, and one of an earlier firmware
brought up to date. Loaded when it is read or written.

``STEPS[n]`` makes a document of version n + 1 one of the next version, in place. It has to take
any document, sound or not. A meaning that changes takes a new key with it: a firmware of before,
come back to, reads the same file, takes what it knows and drops the rest.
"""

import json
from binascii import crc32


def total(document):
    """Return a number of 30 bits for all that ``document`` says, in whatever order."""
    number = 0
    for key in document:
        value = document[key]
        if type(value) is dict:
            value = total(value)
        number ^= crc32(json.dumps((key, value)).encode()) & 0x3FFFFFFF
    return number


def _switch_for_wifi(document):
    """Whoever named a network was on it: there was no setting for that."""
    values = document.get("settings")
    if type(values) is dict and values.get("wifi_ssid"):
        values.setdefault("wifi", "Enabled")


STEPS = (_switch_for_wifi,)


def migrate(document):
    """Bring a stored document up to date; one of a later firmware stays as it is."""
    version = document.get("version")
    if type(version) is not int or version < 1:
        version = 1
    for number, step in enumerate(STEPS):
        if number + 1 >= version:
            step(document)
