"""The menu's items: which there are and when, their values in words, and the value after a key.

All of it follows settings.TABLE: a setting with a label is an item, shown always unless ``_NEEDS``
says otherwise. Loaded together with the menu only.
"""

from array import array

from micropython import const

from evse.panel.texts import T_DISABLED, T_EXIT, T_HOLDING, T_INPUT, T_MENU
from evse.rare import rare
from evse.settings import ALLOWED, KEY, KIND, LCD, TABLE, UNIT, Refused

# What an item needs in order to be shown, a bit each.
_SOCKET = const(1)
_ALONE = const(2)  # it is not a node
_SHARES = const(4)  # a mains meter of its own, or it is a node
_MAINS = const(8)  # a mains meter of its own
_SENSORBOX = const(16)
_MAINS_WIRE = const(32)  # the meter has an address on the wire that can be chosen
_CIRCUIT_WIRE = const(64)
_EV_WIRE = const(128)
_CIRCUIT = const(256)  # there is a circuit whose current is watched or shared
_CUSTOM = const(512)  # a meter is of the kind that settings describe
_SOLAR = const(1024)
_FIXED = const(2048)  # the capacity tariff's kind with a limit of its own
_CAPACITY = const(4096)  # that limit is not off

_NEEDS = (
    ("lock", _SOCKET),
    ("pwr_share", _SHARES),
    ("mains_met", _ALONE),
    ("mains_adr", _MAINS_WIRE),
    ("grid", _SENSORBOX),
    ("sb2_wifi", _SENSORBOX),
    ("circt_met", _ALONE),
    ("circt_adr", _CIRCUIT_WIRE),
    ("circuit", _CIRCUIT),
    ("ev_adr", _EV_WIRE),
    ("mains", _MAINS),
    ("min", _MAINS),
    ("start", _SOLAR),
    ("stop", _SOLAR),
    ("import", _SOLAR),
    ("contact_2", _ALONE),
    ("cap_mode", _MAINS),
    ("capacity", _FIXED),
    ("cap_stop", _CAPACITY),
)
_WIRELESS = ("Disabled", "Sensorbox", "API", "HomeWizrd")  # no address to choose

# In ranges as long as this, holding a key takes ever longer steps: after so many repeats, steps
# of 10, after twice as many of 100, and so on up to 1000.
_LONG = const(1000)
_FASTER = const(25)
_MOST = const(1000)


class Items:
    """The settings as they would be if what is on the display were stored.

    ``draft`` holds the values that differ from the stored ones; ``acting`` is a value of rfid that
    is in force while it is shown, or None.
    """

    def __init__(self, status, texts):
        self._setting = status.setting
        self._texts = texts
        self.draft = {}
        self.acting = None
        numbers = [number for number, setting in enumerate(TABLE) if setting[LCD]]
        for at, number in enumerate(numbers):
            if TABLE[number][KEY] == "mains_adr":
                numbers.insert(at + 2, numbers.pop(at))  # people look for it after the box's own
                break
        self._numbers = bytes(numbers)
        self._needs = array("H", numbers)
        for at, number in enumerate(numbers):
            key = TABLE[number][KEY]
            need = _CUSTOM if key.startswith("em_") else 0
            for one, bits in _NEEDS:
                if one == key:
                    need = bits
            self._needs[at] = need
        self._facts = 0
        self.count = len(numbers)  # the number of EXIT
        self.look()

    def key(self, at):
        """Return the setting behind item ``at``, "exit" for the last."""
        return "exit" if at == self.count else TABLE[self._numbers[at]][KEY]

    def label(self, at):
        """Return what item ``at`` is called."""
        return TABLE[self._numbers[at]][LCD] if at < self.count else self._texts.get(T_EXIT)

    def spec(self, at):
        """Return the entry of settings.TABLE behind item ``at``."""
        return TABLE[self._numbers[at]]

    def find(self, key):
        """Return the number of the item for a setting, -1 without one."""
        for at in range(self.count):
            if TABLE[self._numbers[at]][KEY] == key:
                return at
        return -1

    def get(self, key):
        """Return the value as it would be."""
        if key == "rfid" and self.acting:
            return self.acting
        value = self.draft.get(key)
        if value is None:
            value = self._setting(key)
        return "Normal" if key == "mode" and not self.regulates() else value

    def put(self, key, value):
        """Note a value; one that is stored already is no change."""
        if value == self._setting(key):
            self.draft.pop(key, None)
        else:
            self.draft[key] = value

    def _node(self):
        return self.get("pwr_share").startswith("Node")

    def regulates(self):
        """True where modes other than Normal can be had: a mains meter, or a Master's."""
        return self.get("mains_met") != "Disabled" or self._node()

    def look(self):
        """Find out what can be shown now."""
        get = self.get
        facts = _SOCKET if get("config") == "Socket" else 0
        mains = get("mains_met")
        circuit = get("circt_met")
        ev = get("ev_meter")
        if ev not in _WIRELESS:
            facts |= _EV_WIRE
        if self._node():
            self._facts = facts | _SHARES
            return
        facts |= _ALONE
        if circuit not in _WIRELESS:
            facts |= _CIRCUIT_WIRE
        if "Custom" in (mains, circuit, ev):
            facts |= _CUSTOM
        if (circuit != "Disabled" or get("pwr_share") == "Master"
                or ev != "Disabled" and get("ev_meter_role") != "Car only"):
            facts |= _CIRCUIT
        if get("mode") == "Solar":
            facts |= _SOLAR
        if mains != "Disabled":
            facts |= _MAINS | _SHARES
            if mains not in _WIRELESS:
                facts |= _MAINS_WIRE
            if mains == "Sensorbox":
                facts |= _SENSORBOX
            if get("cap_mode") == "Fixed":
                facts |= _FIXED
                if get("capacity"):
                    facts |= _CAPACITY
        self._facts = facts

    def visible(self, at):
        """True when item ``at`` is shown; EXIT always is."""
        if at >= self.count:
            return True
        need = self._needs[at]
        return self._facts & need == need

    def words(self, at):
        """Return the value of item ``at`` as people read it."""
        if at == self.count:
            return self._texts.get(T_MENU)
        setting = TABLE[self._numbers[at]]
        key = setting[KEY]
        if setting[KIND] == "enum":
            return self._texts.value(key, self.get(key))
        value = int(self.get(key))
        unit = setting[UNIT]
        if not value and key in ("stop", "cap_stop", "capacity"):
            return self._texts.get(T_DISABLED)
        if key == "lcd_pin":
            return "%04d" % value
        if key == "em_function":
            return self._texts.get(T_HOLDING if value == 3 else T_INPUT)
        if key == "start" and value:
            value = -value  # what flows out to the grid
        if unit == "10^x":
            return "10^%d" % value
        if unit:
            return "%d %s" % (value, unit)
        return ("%d %04X" if value > 4095 else "%d (%02X)") % (value, value)

    def step(self, at, way, repeats=0):
        """Change item ``at`` to the value after (``way`` 1) or before (-1); return it.

        ``repeats`` is how often the key has repeated itself: the longer, the longer the steps.
        """
        setting = TABLE[self._numbers[at]]
        key = setting[KEY]
        value = self.get(key)
        allowed = setting[ALLOWED]
        if setting[KIND] == "enum":
            index = allowed.index(value)
            for _ in allowed:
                index = (index + way) % len(allowed)
                if self._possible(key, allowed[index]):
                    break
            return allowed[index]
        low, high = allowed
        size = 1
        if high - low >= _LONG:
            size = min(10 ** (repeats // _FASTER), _MOST)
        after = value + way * size
        if size > 1:
            after -= after % size * way if way > 0 else -(-after % size)
        if not low <= after <= high:
            end, other = (high, low) if way > 0 else (low, high)
            after = end if value != end else other
        if key == "capacity" and 0 < after < 10:
            after = 10 if way > 0 else 0
        return after

    def _possible(self, key, name):
        """True when ``name`` makes sense for a setting as things are."""
        if key == "mode":
            return name == "Normal" or self.regulates()
        if key in ("circt_met", "ev_meter"):
            # A node listens to its Master's questions, in which no meter with parity takes part.
            if name == "Sensorbox" or key == "ev_meter" and name[:4] == "Orno" and self._node():
                return False
        return name != "Unused" and not (name in ("Auto", "Grid Relay") and self._node())

    def store(self, status, command):
        """Store the draft, a setting a step, or raise Refused with all as it was."""
        draft = self.draft
        if self.get("min") > self.get("max"):
            if self.visible(self.find("min")):
                raise Refused("min must not be above max", "min")
            draft["min"] = self.get("max")  # nobody could see why not
        if draft.get("rfid") == "DeleteAll":
            status.refresh()
            if status.charging:
                raise Refused("cards can be changed when nothing charges", "cards")
        if "mode" in draft:
            draft["mode"] = self.get("mode")
        yield from rare("many").store(draft, self._setting, command, "LCD")
