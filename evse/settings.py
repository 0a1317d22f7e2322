"""The settings: each declared once, validated in one place, stored safely.

A setting's entry says all there is to know: menu, REST, storage and documentation follow it.
Values are ints, enum names (str) or text. The file is versioned JSON, written whole to a temporary
file and renamed, with the generation before it kept; what cannot be read is dropped key by key.
"""

import json
import os

from evse import reasons

VERSION = 1


class Refused(Exception):
    """A command or value that was not accepted; nothing changed.

    ``reason`` is a sentence for the caller, ``field`` what it is about, ``allowed`` what is.
    """

    def __init__(self, reason, field="", allowed=None):
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.allowed = allowed


class Setting:
    """One entry of the table.

    ``kind`` is "int", "enum", "str" or "secret". For an int ``allowed`` is (min, max), for an enum
    the tuple of names, for text the greatest length. ``level`` is who may write: "drive" or
    "install". ``lcd`` is the label of the menu, empty when the menu does not show it.
    """

    def __init__(self, key, kind, default, allowed, level, unit="", lcd=""):
        self.key = key
        self.kind = kind
        self.default = default
        self.allowed = allowed
        self.level = level
        self.unit = unit
        self.lcd = lcd

    def check(self, value):
        """Return ``value`` in stored form, or raise Refused."""
        if self.kind == "int":
            low, high = self.allowed
            if type(value) is str:
                try:
                    value = int(value)
                except ValueError:
                    value = None
            if type(value) is not int or not low <= value <= high:
                raise Refused("%s must be a number from %d to %d" % (self.key, low, high),
                              self.key, [low, high])
            return value
        if type(value) is not str:
            raise Refused("%s must be text" % self.key, self.key)
        if self.kind == "enum":
            for name in self.allowed:
                if name.lower() == value.lower():
                    return name
            raise Refused("%s must be one of %s" % (self.key, ", ".join(self.allowed)),
                          self.key, list(self.allowed))
        if len(value) > self.allowed:
            raise Refused("%s must be at most %d characters" % (self.key, self.allowed),
                          self.key, self.allowed)
        return value


# In the order of their numbers in the successor firmware; "API" is fed over the network.
METERS = ("Disabled", "Phoenix C", "Finder 7E", "Eastron3P", "InvEastrn", "ABB", "SolarEdge",
          "WAGO", "API", "Eastron1P", "Finder 7M", "Sinotimer", "Schneider", "Chint 3P",
          "C.Gavazzi", "Chint 1P")

TABLE = (
    Setting("mode", "enum", "Normal", ("Normal", "Smart"), "drive", "", "MODE"),
    Setting("config", "enum", "Socket", ("Socket", "Fixed"), "install", "", "CONFIG"),
    Setting("mains_met", "enum", "Disabled", METERS, "install", "", "MAINS MET"),
    Setting("mains_adr", "int", 10, (10, 247), "install", "", "MAINS ADR"),
    Setting("mains", "int", 25, (10, 200), "install", "A", "MAINS"),
    Setting("min", "int", 6, (6, 16), "install", "A", "MIN"),
    Setting("max", "int", 13, (6, 80), "install", "A", "MAX"),
    Setting("max_temp", "int", 65, (40, 75), "install", "C", "MAX TEMP"),
    Setting("rcmon", "enum", "Disabled", ("Disabled", "Enabled"), "install", "", "RCMON"),
    Setting("normal_mains", "enum", "Enabled", ("Disabled", "Enabled"), "install"),
    Setting("power_return_s", "int", 60, (0, 600), "install", "s"),
    Setting("wifi_ssid", "str", "", 32, "install"),
    Setting("wifi_password", "secret", "", 64, "install"),
)


class Settings:
    """The values in force. ``record`` is the journal's; ``path`` the file, or None for none."""

    def __init__(self, record, path=None):
        self._record = record
        self._path = path
        self._values = {}
        self.access = 1  # 0 off, 1 on, 2 pause: a state, but one that outlives a power cut
        self.changed = False
        for setting in TABLE:
            self._values[setting.key] = setting.default
        if path and not self._load(path):
            self._load(path + ".old")

    def get(self, key):
        """Return the value of ``key``."""
        return self._values[key]

    def check(self, key, value):
        """Return ``value`` in the form it would be stored, or raise Refused."""
        value = self.spec(key).check(value)
        if key == "min" and value > self._values["max"]:
            raise Refused("min must not be above max", key, [6, self._values["max"]])
        if key == "max" and value < self._values["min"]:
            raise Refused("max must not be below min", key, [self._values["min"], 80])
        return value

    def spec(self, key):
        """Return the Setting declared as ``key``, or raise Refused."""
        for setting in TABLE:
            if setting.key == key:
                return setting
        raise Refused("no setting is called %s" % key, key)

    def set(self, key, value):
        """Validate and store one value; it reaches the file by ``save``."""
        value = self.check(key, value)
        if self._values[key] != value:
            self._values[key] = value
            self.changed = True
            self._record(reasons.SETTING, self._index(key), value if type(value) is int else 0)

    def set_access(self, access):
        """Remember that charging is switched off (0), on (1) or paused (2)."""
        if self.access != access:
            self.access = access
            self.changed = True

    def save(self):
        """Write the file if anything changed. Blocks: never call it while a contactor is closed."""
        if not self.changed or not self._path:
            return
        self.changed = False
        stored = {}
        for setting in TABLE:
            if self._values[setting.key] != setting.default:
                stored[setting.key] = self._values[setting.key]
        fresh = self._path + ".new"
        with open(fresh, "w") as file:
            json.dump({"version": VERSION, "access": self.access, "settings": stored}, file)
        try:
            os.rename(self._path, self._path + ".old")
        except OSError:
            pass  # the first time there is none
        os.rename(fresh, self._path)

    def load(self, document):
        """Take over a stored document; what does not fit is dropped one by one and journalled."""
        values = document.get("settings")
        if type(values) is dict:
            # max comes first, because min is checked against it.
            for key in sorted(values, reverse=True, key=lambda key: (key == "max", key)):
                try:
                    self._values[key] = self.check(key, values[key])
                except Refused:
                    self._record(reasons.SETTING_DROPPED, self._index(key))
        if document.get("access") in (0, 1, 2):
            self.access = document["access"]

    def _load(self, path):
        try:
            with open(path) as file:
                document = json.load(file)
        except OSError:
            return False
        except ValueError:
            self._record(reasons.STORAGE, 1)
            return False
        if type(document) is not dict:
            self._record(reasons.STORAGE, 2)
            return False
        self.load(document)
        return True

    def _index(self, key):
        for index, setting in enumerate(TABLE):
            if setting.key == key:
                return index
        return -1
