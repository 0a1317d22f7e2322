"""The settings: each declared once, validated in one place, stored safely.

A setting's entry says all there is to know: menu, REST, storage and documentation follow it.
Values are ints, enum names (str) or text. The file is versioned JSON, written whole to a temporary
file and renamed, with the generation before it kept; what cannot be read is dropped key by key.
"""

import json
import os

from micropython import const

from evse import reasons
from evse.rare import rare

VERSION = 2  # of the file; evse.schema has what leads here from each before


class Refused(Exception):
    """A command or value that was not accepted; nothing changed.

    ``reason`` is a sentence for the caller, ``field`` what it is about, ``allowed`` what is.
    """

    def __init__(self, reason, field="", allowed=None):
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.allowed = allowed


class Denied(Refused):
    """Refused to this asker: it can be done at the charger, or by who has given the password."""


# Fields of a setting. ``KIND`` is "int", "enum", "str" or "secret". For an int ``ALLOWED`` is
# (min, max), for an enum the tuple of names, for text the greatest length. ``LEVEL`` is who may
# write, "drive" or "install". ``LCD`` is the label in the menu, empty where it is not shown.
# ``REGISTER`` is its Modbus register, 0 for none.
KEY = const(0)
KIND = const(1)
DEFAULT = const(2)
ALLOWED = const(3)
LEVEL = const(4)
UNIT = const(5)
LCD = const(6)
REGISTER = const(7)

# By their numbers, which travel on the bus and in files. "API" is fed over the network.
# ``const``, here and below, has the compiler put the whole table into flash.
METERS = const(("Disabled", "Sensorbox", "Phoenix C", "Finder 7E", "Eastron3P", "InvEastrn", "ABB",
                "SolarEdge", "WAGO", "API", "Eastron1P", "Finder 7M", "Sinotimer", "HomeWizrd",
                "Schneider", "Chint 3P", "C.Gavazzi", "Chint 1P", "Orno 516", "Custom",
                "Orno 517"))

_OFF_ON = const(("Disabled", "Enabled"))

TABLE = (
    ("mode", "enum", "Normal", ("Normal", "Smart", "Solar"), "drive", "", "MODE", 0x0200),
    ("config", "enum", "Socket", ("Socket", "Fixed"), "install", "", "CONFIG", 0x0100),
    ("lock", "enum", "Disabled", ("Disabled", "Solenoid", "Motor"), "install", "", "LOCK", 0x0101),
    ("cable_lock", "enum", "Disabled", _OFF_ON, "install", "", "", 0),
    ("pwr_share", "enum", "Disabled", ("Disabled", "Master", "Node 1", "Node 2", "Node 3",
     "Node 4", "Node 5", "Node 6", "Node 7"), "install", "", "PWR SHARE", 0x0104),
    ("mains_met", "enum", "Disabled", METERS, "install", "", "MAINS MET", 0x0208),
    ("mains_adr", "int", 10, (10, 247), "install", "", "MAINS ADR", 0x0209),
    ("mains_host", "str", "", 63, "install", "", "", 0),
    ("grid", "enum", "4Wire", ("4Wire", "3Wire"), "install", "", "GRID", 0x0202),
    ("sb2_wifi", "enum", "Disabled", ("Disabled", "Enabled", "SetupWifi"), "install", "",
     "SB2 WIFI", 0x0203),
    ("circt_met", "enum", "Disabled", METERS, "install", "", "CIRCT MET", 0x020B),
    ("circt_adr", "int", 13, (10, 247), "install", "", "CIRCT ADR", 0x020C),
    ("circt_host", "str", "", 63, "install", "", "", 0),
    ("circuit", "int", 16, (10, 200), "install", "A", "CIRCUIT", 0x0201),
    ("ev_meter", "enum", "Disabled", METERS, "install", "", "EV METER", 0x0108),
    ("ev_adr", "int", 12, (10, 247), "install", "", "EV ADDR", 0x0109),
    ("ev_host", "str", "", 63, "install", "", "", 0),
    ("ev_meter_role", "enum", "Car only", ("Car only", "Sub-panel"), "install", "", "", 0),
    ("em_byte_order", "enum", "LBF & LWF", ("LBF & LWF", "LBF & HWF", "HBF & LWF", "HBF & HWF"),
     "install", "", "BYTE ORD", 0x020E),
    ("em_data_type", "enum", "INT32", ("INT32", "FLOAT32", "INT16"), "install", "", "DATA TYPE",
     0x020F),
    ("em_function", "int", 4, (3, 4), "install", "", "FUNCTION", 0x0210),
    ("em_u_register", "int", 0, (0, 65530), "install", "", "VOL REGI", 0),
    ("em_u_divisor", "int", 0, (-3, 7), "install", "10^x", "VOL DIVI", 0),
    ("em_i_register", "int", 0, (0, 65530), "install", "", "CUR REGI", 0),
    ("em_i_divisor", "int", 0, (-3, 7), "install", "10^x", "CUR DIVI", 0),
    ("em_p_register", "int", 0, (0, 65534), "install", "", "POW REGI", 0),
    ("em_p_divisor", "int", 0, (-3, 7), "install", "10^x", "POW DIVI", 0),
    ("em_e_register", "int", 0, (0, 65534), "install", "", "ENE REGI", 0),
    ("em_e_divisor", "int", 0, (-3, 7), "install", "10^x", "ENE DIVI", 0),
    ("mains", "int", 25, (10, 200), "install", "A", "MAINS", 0x0204),
    ("min", "int", 6, (6, 16), "install", "A", "MIN", 0x0102),
    ("max", "int", 13, (6, 80), "install", "A", "MAX", 0x0103),
    ("start", "int", 4, (0, 48), "drive", "A", "START", 0x0205),
    ("stop", "int", 10, (0, 60), "drive", "min", "STOP", 0x0206),
    ("import", "int", 0, (0, 48), "drive", "A", "IMPORT", 0x0207),
    ("solar_style", "enum", "balanced", ("thrifty", "balanced", "greedy"), "drive", "", "", 0),
    ("contact_2", "enum", "Not present", ("Not present", "Always Off", "Solar Off", "Always On",
     "Auto"), "drive", "", "CONTACT 2", 0),
    ("c2_return", "enum", "Never", ("Never", "Once per session", "Budget"), "install", "", "", 0),
    ("c2_pause_s", "int", 10, (5, 60), "install", "s", "", 0),
    ("switch", "enum", "Disabled", ("Disabled", "Access B", "Access S", "Sma-Sol B", "Sma-Sol S",
     "Grid Relay", "Custom B", "Custom S"), "install", "", "SWITCH", 0x0105),
    ("led_mode", "enum", "Standard", ("Standard", "Public"), "install", "", "LED MODE", 0),
    ("rcmon", "enum", "Disabled", _OFF_ON, "install", "", "RCMON", 0x0106),
    ("rfid", "enum", "Disabled", ("Disabled", "EnableAll", "EnableOne", "Learn", "Delete",
     "DeleteAll"), "install", "", "RFID", 0x0107),
    ("wifi", "enum", "Disabled", ("Disabled", "Enabled", "SetupWifi"), "install", "", "WIFI", 0),
    ("max_temp", "int", 65, (40, 75), "install", "C", "MAX TEMP", 0),
    ("modem", "enum", "Not present", ("Not present", "Experimental"), "install", "", "MODEM", 0),
    ("required_evccid", "str", "", 32, "install", "", "", 0),
    ("cap_mode", "enum", "Disabled", ("Disabled", "Fixed", "Interval", "Flanders"), "install", "",
     "CAP MODE", 0),
    ("capacity", "int", 0, (0, 600), "install", "A", "CAPACITY", 0),
    ("cap_stop", "int", 0, (0, 60), "install", "min", "CAP STOP", 0),
    ("lcd_pin", "int", 0, (0, 9999), "install", "", "LCD PIN", 0),
    ("lcd_lock", "enum", "Disabled", _OFF_ON, "install", "", "", 0),
    ("backlight_max", "int", 180, (10, 255), "install", "", "", 0),
    ("language", "enum", "en", ("en", "nl", "de"), "drive", "", "", 0),
    ("normal_mains", "enum", "Enabled", _OFF_ON, "install", "", "", 0),
    ("relay_w", "int", 4200, (1400, 22000), "install", "W", "", 0),
    ("random_start_s", "int", 0, (0, 600), "install", "s", "", 0),
    ("power_return_s", "int", 60, (0, 600), "install", "s", "", 0),
    ("battery_reserve", "int", 0, (0, 50), "drive", "A", "", 0),
    ("battery_protect", "enum", "Disabled", _OFF_ON, "drive", "", "", 0),
    ("phase_rotation", "enum", "L1L2L3", ("L1L2L3", "L2L3L1", "L3L1L2", "L1L3L2", "L2L1L3",
     "L3L2L1"), "install", "", "", 0),
    ("share_order", "enum", "Fair", ("Fair", "Node order", "First come", "Solar first"), "install",
     "", "", 0),
    ("rotation_min", "int", 30, (0, 1440), "install", "min", "", 0),
    ("tz", "str", "CET-1CEST,M3.5.0,M10.5.0/3", 63, "install", "", "", 0),
    ("trust_lan", "enum", "Disabled", _OFF_ON, "install", "", "", 0),
    ("modbus_tcp", "enum", "Disabled", _OFF_ON, "install", "", "", 0),
    ("wifi_ssid", "str", "", 32, "install", "", "", 0),
    ("wifi_password", "secret", "", 64, "install", "", "", 0),
    ("static_ip", "str", "", 63, "install", "", "", 0),
    ("ntp_host", "str", "pool.ntp.org", 63, "install", "", "", 0),
    ("mqtt_host", "str", "", 63, "install", "", "", 0),
    ("mqtt_port", "int", 1883, (1, 65535), "install", "", "", 0),
    ("mqtt_user", "str", "", 64, "install", "", "", 0),
    ("mqtt_password", "secret", "", 64, "install", "", "", 0),
    ("mqtt_prefix", "str", "", 63, "install", "", "", 0),
    ("ha_discovery", "enum", "Enabled", _OFF_ON, "install", "", "", 0),
    ("api_units", "enum", "W", ("W", "kW"), "install", "", "", 0),
    ("drive_locked", "enum", "Disabled", _OFF_ON, "install", "", "", 0),
    ("telnet", "enum", "Disabled", _OFF_ON, "install", "", "", 0),
)

# No settings, but what must outlive a power cut as well: access 0 off, 1 on, 2 pause; the card
# that switched on (hex, "" for none); the timer as (mode, start, stop, repeat) or None, times in
# Unix seconds, 0 for none; how often each contactor has closed; intervals of the capacity tariff
# as pairs of minute of the day and W; the month (year * 12 + month) of the peak and its W.
# "portal" is the password of the network for the set-up, made once; "auth" what evse.net.auth
# keeps of the install password, "" as long as none was chosen; "prices" what evse.prices keeps;
# "order" the numbers of the chargers who come first, in this order, the others following.
STATES = {"access": 1, "card": "", "timer": None, "wear": (0, 0), "intervals": (), "peak": (0, 0),
          "portal": "", "auth": "", "prices": None, "order": ()}


def is_secret(setting):
    """True for what is never told: passwords, and the PIN that opens the buttons."""
    return setting[KIND] == "secret" or setting[KEY] == "lcd_pin"


def names(setting):
    """Return the names a setting of kind "enum" may have."""
    if setting[ALLOWED] == METERS and setting[KEY] != "mains_met":
        return [name for name in METERS if name != "Sensorbox"]  # it sees the mains only
    return setting[ALLOWED]


def check(setting, value):
    """Return ``value`` as the table entry ``setting`` stores it, or raise Refused."""
    key = setting[KEY]
    allowed = setting[ALLOWED]
    if setting[KIND] == "int":
        low, high = allowed
        if type(value) is str:
            try:
                value = int(value)
            except ValueError:
                value = None
        if type(value) is not int or not low <= value <= high:
            raise Refused("%s must be a number from %d to %d" % (key, low, high), key, [low, high])
        return value
    if type(value) is not str:
        raise Refused("%s must be text" % key, key)
    if setting[KIND] == "enum":
        allowed = names(setting)
        for name in allowed:
            if name.lower() == value.lower():
                return name
        raise Refused("%s must be one of %s" % (key, ", ".join(allowed)), key, list(allowed))
    if len(value) > allowed:
        raise Refused("%s must be at most %d characters" % (key, allowed), key, allowed)
    if key == "wifi_password" and 0 < len(value) < 8:
        raise Refused("wifi_password must have 8 to 64 characters, or none", key, [0, 8, 64])
    # A broker hangs up on whoever has a wildcard in the topic of his will.
    if key == "mqtt_prefix" and (value.strip("/") != value or not all(
            " " <= char <= "~" and char not in "#+" for char in value)):
        raise Refused("mqtt_prefix is plain text without # and +, or / at an end", key)
    return value


def is_order(value):
    """True for different numbers of chargers, 0 to 7, in a list or tuple."""
    return type(value) in (list, tuple) and all(
        type(one) is int and one in range(8) and value.count(one) == 1 for one in value)


def _is_timer(value):
    """True for a stored timer: a mode, two times and whether it repeats."""
    if type(value) is not list or len(value) != 4 or value[0] not in ("Normal", "Smart", "Solar"):
        return False
    return all(type(part) is int and part >= 0 for part in value[1:])


def _is_prices(value):
    """True for what evse.prices keeps: Unix seconds, minutes, numbers as base64."""
    return (type(value) is list and len(value) == 3 and type(value[0]) is int
            and value[1] in (15, 30, 60) and type(value[2]) is str and len(value[2]) <= 512)


def _is_pair(value):
    """True for two whole numbers of 0 or more in a list."""
    return (type(value) is list and len(value) == 2
            and all(type(part) is int and part >= 0 for part in value))


class Settings:
    """The values in force. ``record`` is the journal's; ``path`` the file, or None for none."""

    def __init__(self, record, path=None):
        self._record = record
        self._path = path
        self._values = {}
        self.states = STATES.copy()
        self.changed = False
        self.changes = 0  # counts what ``set`` has changed
        self.fresh = []  # keys of settings and states that changed since the last ``save``
        for setting in TABLE:
            self._values[setting[KEY]] = setting[DEFAULT]
        if path:
            # A cut between the two renames of ``save`` leaves .new whole and no file.
            for name in (path, path + ".new", path + ".old"):
                if self._load(name):
                    break

    def get(self, key):
        """Return the value of ``key``."""
        return self._values[key]

    @staticmethod
    def keys(prefix):
        """Return the keys that begin with ``prefix``."""
        return [setting[KEY] for setting in TABLE if setting[KEY].startswith(prefix)]

    def check(self, key, value):
        """Return ``value`` in the form it would be stored, or raise Refused."""
        value = check(self.spec(key), value)
        if key == "capacity" and value in range(1, 10):
            raise Refused("capacity is 0 (off) or 10 to 600 A", key, [0, 10, 600])
        if key == "min" and value > self._values["max"]:
            raise Refused("min must not be above max", key, [6, self._values["max"]])
        if key == "max" and value < self._values["min"]:
            raise Refused("max must not be below min", key, [self._values["min"], 80])
        return value

    def index(self, key):
        """Return the place of an enum's value among its names."""
        return self.spec(key)[ALLOWED].index(self._values[key])

    def spec(self, key):
        """Return the table entry of ``key``, or raise Refused."""
        for setting in TABLE:
            if setting[KEY] == key:
                return setting
        raise Refused("no setting is called %s" % key, key)

    def set(self, key, value):
        """Validate and store one value; it reaches the file by ``save``."""
        value = self.check(key, value)
        if self._values[key] != value:
            self._values[key] = value
            self._touch(key)
            self.changes = self.changes + 1 & 0x3FFFFFFF
            shown = value if type(value) is int and key != "lcd_pin" else 0  # anybody may read it
            self._record(reasons.SETTING, self._index(key), shown)

    def untouched(self, besides=()):
        """True when every setting is as the factory left it, but for the keys ``besides``."""
        return all(self._values[one[KEY]] == one[DEFAULT] or one[KEY] in besides for one in TABLE)

    def erase(self):
        """Put back every setting's default and forget the states, but not the contactors' wear."""
        for setting in TABLE:
            self._values[setting[KEY]] = setting[DEFAULT]
            self._touch(setting[KEY])
        for key in STATES:
            if key != "wear":
                self.remember(key, STATES[key])

    def remember(self, key, value):
        """Keep one of ``states``; it reaches the file by ``save``."""
        if self.states[key] != value:
            self.states[key] = value
            self._touch(key)

    def _touch(self, key):
        self.changed = True
        if key not in self.fresh:
            self.fresh.append(key)

    def save(self):
        """Write the file if anything changed. Blocks: never call it with a contactor closed."""
        if not self.changed or not self._path:
            return
        stored = {}
        for setting in TABLE:
            value = self._values[setting[KEY]]
            if value != setting[DEFAULT] or setting[KEY] == "wifi":  # without it, it once was on
                stored[setting[KEY]] = value
        document = {"version": VERSION, "settings": stored}
        document.update(self.states)
        document["sum"] = rare("schema").total(document)
        fresh = self._path + ".new"
        with open(fresh, "w") as file:
            json.dump(document, file)
        try:
            os.rename(self._path, self._path + ".old")
        except OSError:
            pass  # the first time there is none
        os.rename(fresh, self._path)
        self.changed = False
        self.fresh = []

    def load(self, document):
        """Take over a stored document; what does not fit is dropped one by one and journalled."""
        values = document.get("settings")
        if type(values) is dict:
            for key in values:
                try:
                    self._values[key] = check(self.spec(key), values[key])
                except Refused:
                    self._record(reasons.SETTING_DROPPED, self._index(key))
            # Only now, because both may be new.
            if self._values["min"] > self._values["max"]:
                self._values["min"] = self.spec("min")[DEFAULT]
                self._record(reasons.SETTING_DROPPED, self._index("min"))
        if document.get("access") in (0, 1, 2):
            self.states["access"] = document["access"]
        card = document.get("card")
        if type(card) is str and len(card) <= 14:
            self.states["card"] = card
        portal = document.get("portal")
        if type(portal) is str and len(portal) == 8:
            self.states["portal"] = portal
        auth = document.get("auth")
        if type(auth) is str and len(auth) <= 100:
            self.states["auth"] = auth
        timer = document.get("timer", 0)
        if timer is None or _is_timer(timer):
            self.states["timer"] = timer and tuple(timer)
        prices = document.get("prices", 0)
        if prices is None or _is_prices(prices):
            self.states["prices"] = prices and tuple(prices)
        for key in ("wear", "peak"):
            pair = document.get(key)
            if _is_pair(pair):
                self.states[key] = tuple(pair)
        order = document.get("order")
        if is_order(order):
            self.states["order"] = tuple(order)
        intervals = document.get("intervals")
        if type(intervals) is list and all(_is_pair(pair) for pair in intervals):
            self.states["intervals"] = tuple(tuple(pair) for pair in intervals)

    def _load(self, path):
        try:
            with open(path) as file:
                document = json.load(file)
            if document.pop("sum", None) not in (None, rare("schema").total(document)):
                raise ValueError  # what people and tools write has no sum
        except OSError:
            return False
        except (ValueError, TypeError, AttributeError, MemoryError, RuntimeError):
            # No object; the last two for one that is too large or nests too deep.
            self._record(reasons.STORAGE, 1)
            return False
        if document.get("version") != VERSION:
            rare("schema").migrate(document)
        self.load(document)
        return True

    def _index(self, key):
        for index, setting in enumerate(TABLE):
            if setting[KEY] == key:
                return index
        return -1
