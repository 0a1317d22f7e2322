"""What the panel says, in the languages of evse/panel/languages, read from the file text by text.

tools/texts.py packs one file a language: four bytes, the offsets of all texts (and the end of the
last) in two bytes each, low one first, and the texts in UTF-8. A text is a file's bytes for as
long as it is shown; in memory there is only the open file.
"""

from micropython import const

from evse.settings import ALLOWED, KEY, TABLE

# Texts of their own, numbered as they are declared; each is a key in texts/*.txt.
T_E_EV_METER = const(0)
T_E_CIRCUIT = const(1)
T_E_MAINS = const(2)
T_E_SERIAL = const(3)
T_E_MASTER = const(4)
T_E_TEMP = const(5)
T_E_RCM = const(6)
T_E_RESET = const(7)
T_E_RCM_MISSING = const(8)
T_E_WELDED = const(9)
T_E_PILOT = const(10)
T_E_DIODE = const(11)
T_E_STALL = const(12)
T_E_OVERCURRENT = const(13)
T_E_LOCK = const(14)
T_E_LOCK_STUCK = const(15)
T_E_NO_CURRENT = const(16)
T_E_STORAGE = const(17)
T_CHARGING = const(18)
T_LIMITED = const(19)
T_WAITING = const(20)
T_FOR_POWER = const(21)
T_FOR_SOLAR = const(22)
T_MODEM = const(23)
T_MODEM_DENIED = const(24)
T_READY_TO = const(25)
T_CHARGE = const(26)
T_PAUSE = const(27)
T_CARD_PRESENT = const(28)
T_CARD_INVALID = const(29)
T_STARTING = const(30)
T_LATER = const(31)
T_DENIED = const(32)
T_HOLD_STOP = const(33)
T_HOLD_MENU = const(34)
T_HOLD_START = const(35)
T_WELCOME = const(36)
T_UPDATE = const(37)
T_READY = const(38)
T_SMART = const(39)
T_SOLAR = const(40)
T_DAYS = const(41)
T_MONTHS = const(42)
T_EXIT = const(43)
T_MENU = const(44)
T_DISABLED = const(45)
T_ENABLED = const(46)
T_HOLDING = const(47)
T_INPUT = const(48)
T_FIRST = const(49)
T_NO_POWER_OFF = const(50)
T_PORTAL = const(51)
T_PASSWORD = const(52)
T_STOPS_IN = const(53)
T_STOPS_AT = const(54)
T_IMPORT = const(55)
T_CAPACITY = const(56)
T_SUN = const(57)
T_LIMIT = const(58)
T_MASTER = const(59)
T_NODE = const(60)
T_CARD_STATES = const(61)
T_NO_WIFI = const(62)
T_SB2 = const(63)
T_ONE_MOMENT = const(64)
T_PORTAL_PW = const(65)
T_PORTAL_ON_EXIT = const(66)
T_C2_3P = const(67)
T_C2_1P = const(68)
T_C2_SOLAR = const(69)
T_C2_AUTO = const(70)
T_MIN_ABOVE_MAX = const(71)
T_REFUSED = const(72)
T_NOT_CHARGING = const(73)
T_INSTALL = const(74)
T_ANSWER = const(75)
T_CAUSES = const(76)
T_HELP_EXIT = const(77)

# Where in the file the texts begin that belong to codes of evse.reasons, to settings (by
# their place in settings.TABLE) and to their values, and those above; tools/texts.py follows.
REASONS_AT = const(0)
HELP_AT = const(64)
VALUES_AT = const(160)
TEXTS_AT = const(256)

_HEAD = const(4)  # "T1", how many texts
_UNKNOWN = "?"
_FOLDER = __file__.rsplit("/", 1)[0] + "/texts."


class Texts:
    """All texts of ``language``; of "en" where that one has no sound file.

    Nothing here raises: what cannot be read is "?", what there is no text for is "". Lines or
    choices in one text are parted by "|"; the caller fills in %s and %d.
    """

    def __init__(self, language):
        self._file = None
        self._count = 0
        self._four = bytearray(4)
        self.use(language)

    def use(self, language):
        """Change to another language."""
        self.close()
        four = self._four
        for name in (language, "en"):
            try:
                self._file = file = open(_FOLDER + name, "rb")
                if file.readinto(four) == 4 and four[0] == 84 and four[1] == 49:
                    count = four[2] | four[3] << 8
                    file.seek(_HEAD + 2 * count - 2)
                    if file.readinto(four) == 4 and four[2] | four[3] << 8 == file.seek(0, 2):
                        self._count = count
                        return
            except OSError:
                pass
            self.close()

    def close(self):
        """Give the file back; all texts are "?" then."""
        self._count = 0
        if self._file:
            self._file.close()
            self._file = None

    def get(self, number, part=-1):
        """Return the text T_..., or one of its parts; "" for a part it has not."""
        text = self._read(TEXTS_AT + number)
        return text if part < 0 else _part(text, part)

    def reason(self, code):
        """Return the small words for a reason or limit of evse.reasons, "" for an event."""
        return self._read(REASONS_AT + code) if 0 < code < HELP_AT - REASONS_AT else ""

    def help(self, key):
        """Return what a person should know before changing the setting ``key``, or "exit"."""
        if key == "exit":
            return self.get(T_HELP_EXIT)
        place = _place(key)
        return self._read(HELP_AT + place) if place >= 0 else ""

    def value(self, key, name):
        """Return the large word for the value ``name`` of the enum ``key``."""
        place = _place(key)
        if place >= 0:
            word = _part(self._read(VALUES_AT + place), _choice(TABLE[place], name))
            if word and word != _UNKNOWN:
                return word
        if name == "Disabled":
            return self.get(T_DISABLED)
        return self.get(T_ENABLED) if name == "Enabled" else name

    def _read(self, entry):
        if entry < self._count:
            file = self._file
            four = self._four
            try:
                file.seek(_HEAD + 2 * entry)
                if file.readinto(four) == 4:
                    start = four[0] | four[1] << 8
                    size = (four[2] | four[3] << 8) - start
                    if not size:
                        return ""
                    if size > 0:
                        file.seek(start)
                        data = file.read(size)
                        if len(data) == size:
                            return str(data, "utf-8")
            except (OSError, ValueError):
                pass
        return _UNKNOWN


def _part(text, part):
    parts = text.split("|")
    return text if text == _UNKNOWN else parts[part] if part < len(parts) else ""


def _choice(setting, name):
    """Where ``name`` is among the values of an enum, behind them for none."""
    names = setting[ALLOWED]
    for choice in range(len(names)):
        if names[choice] == name:
            return choice
    return len(names)


def _place(key):
    """Where the setting ``key`` is in the table, -1 for none."""
    for place in range(len(TABLE)):
        if TABLE[place][KEY] == key:
            return place
    return -1
