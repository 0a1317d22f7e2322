"""Codes for the journal and for "why": each declared once, with the words people read.

A code is an int so that recording one allocates nothing. ``text(code)`` reads the sentence.
Codes 1-19 and 25-39 say why the car is not charging or charges no more, 20-24 what the guard did,
40-59 which limit sets the current, 60-99 are events of the system.
"""

from micropython import const

NONE = const(0)
NO_CAR = const(1)
NO_ACCESS = const(2)
PAUSED = const(3)
FAULT = const(4)
NO_GRANT = const(5)
GRANT_EXPIRED = const(6)
CAR_NOT_READY = const(7)
NO_DIODE = const(8)
CAR_STOPPED = const(9)
CAR_UNPLUGGED = const(10)
STOP_DELAY = const(11)
POWER_RETURN = const(12)
PILOT_INVALID = const(13)
CAR_IGNORES_STOP = const(14)
COMMANDED = const(15)
CHARGING = const(16)
WAKING = const(17)
SWITCHING_PHASES = const(18)
LOCKING = const(19)

GUARD_LEVEL = const(20)
GUARD_PILOT = const(21)
GUARD_SHORT = const(22)
GUARD_RCM = const(23)
GUARD_STALL = const(24)

MODEM = const(25)
MODEM_DENIED = const(26)
TIMER_WAITS = const(27)
CLOCK_UNKNOWN = const(28)
CARD = const(29)
SWITCH = const(30)
TIMER = const(31)
OVERCURRENT = const(32)
CARD_MISSING = const(33)
NO_SUN = const(34)
TURN = const(35)
WAITS_MASTER = const(36)
UPDATING = const(37)
SUPERVISED = const(38)

LIMIT_MAX = const(40)
LIMIT_CABLE = const(41)
LIMIT_MAINS = const(42)
LIMIT_CIRCUIT = const(43)
LIMIT_METER_LOST = const(44)
LIMIT_OVERRIDE = const(45)
LIMIT_TEMPERATURE = const(46)
LIMIT_START = const(47)
LIMIT_SHORTAGE = const(48)
LIMIT_OVERCURRENT = const(49)
LIMIT_RELAY = const(50)
LIMIT_CAPACITY = const(51)
LIMIT_SUN = const(52)
LIMIT_BATTERY = const(53)
LIMIT_CIRCUIT_LOST = const(54)
LIMIT_UNUSED = const(55)
LIMIT_DELAY = const(56)
LIMIT_MASTER_LOST = const(57)
LIMIT_SHARE = const(58)

STARTED = const(60)
STATE = const(61)
METER_LOST = const(62)
METER_BACK = const(63)
SETTING = const(64)
MODE = const(65)
EXCEPTION = const(66)
FAULT_SET = const(67)
FAULT_CLEARED = const(68)
SETTING_DROPPED = const(69)
GRANT = const(70)
STORAGE = const(71)
TASK_RESTARTED = const(72)
WAKE_STEP = const(73)
WOKE = const(74)
WELD_EVIDENCE = const(75)
NO_CURRENT_EVIDENCE = const(76)
OVERCURRENT_EVIDENCE = const(77)
LOCK_MOVED = const(78)
CARD_READ = const(79)
CARDS_CHANGED = const(80)
SESSION_BEGAN = const(81)
SESSION_ENDED = const(82)
CLOCK_SET = const(83)
TIMER_SET = const(84)
TIMER_CLEARED = const(85)
PHASES = const(86)
EV_STATE = const(87)
QUARTER = const(88)
PEAK = const(89)
BATTERY_EXPIRED = const(90)
PHASES_SEEN = const(91)
NODE_LOST = const(93)
NODE_BACK = const(94)
SUN_START = const(95)
SUN_STOP = const(96)
WIFI_JOINED = const(97)
WIFI_LOST = const(98)
PORTAL = const(99)
PASSWORD = const(100)
UPDATE_WRITTEN = const(101)
UPDATE_FAILED = const(102)
UPDATE_KEPT = const(103)
UPDATE_LEFT = const(104)
RESTARTED = const(105)
CUT_OFF = const(106)
RADIO_RESTARTED = const(107)

# One text, not a dict: forty short strings and their table would take four times the memory.
_TEXTS = (
    "\n"
    "1 no car connected\n"
    "2 switched off\n"
    "3 paused\n"
    "4 stopped by a fault\n"
    "5 waits for current\n"
    "6 permission expired\n"
    "7 waits for the car\n"
    "8 no diode seen in the car\n"
    "9 the car stopped\n"
    "10 the car was unplugged\n"
    "11 pause after a stop\n"
    "12 waits after power returned\n"
    "13 pilot signal not valid\n"
    "14 the car did not stop in time\n"
    "15 stopped by command\n"
    "16 charging\n"
    "17 waking the car\n"
    "18 switching phases\n"
    "19 waits for the lock\n"
    "20 opened: the car left state C\n"
    "21 opened: pilot not valid\n"
    "22 opened: pilot shorted\n"
    "23 opened: residual current\n"
    "24 opened: control stalled\n"
    "25 asks the car who it is\n"
    "26 another car is required\n"
    "27 waits for the start time\n"
    "28 waits for the time of day\n"
    "29 by card\n"
    "30 at the switch\n"
    "31 by the timer\n"
    "32 the car takes too much\n"
    "33 waits for a card\n"
    "34 waits for more sun\n"
    "35 waits for its turn\n"
    "36 waits for the master\n"
    "37 the firmware is updated\n"
    "38 a part of the firmware failed\n"
    "40 MAX\n"
    "41 cable\n"
    "42 mains\n"
    "43 circuit\n"
    "44 mains meter lost\n"
    "45 override\n"
    "46 temperature\n"
    "47 start of session\n"
    "48 not enough current\n"
    "49 the car takes too much\n"
    "50 grid relay\n"
    "51 capacity\n"
    "52 sun\n"
    "53 home battery\n"
    "54 circuit meter lost\n"
    "55 what the car takes\n"
    "56 random start delay\n"
    "57 master lost\n"
    "58 share of the group\n"
    "60 started\n"
    "61 state changed\n"
    "62 meter lost\n"
    "63 meter back\n"
    "64 setting changed\n"
    "65 mode changed\n"
    "66 exception\n"
    "67 fault set\n"
    "68 fault cleared\n"
    "69 setting dropped\n"
    "70 current granted\n"
    "71 storage failed\n"
    "72 task restarted\n"
    "73 wakes the car\n"
    "74 the car woke\n"
    "75 current while open\n"
    "76 no current while closed\n"
    "77 more current than granted\n"
    "78 lock moved\n"
    "79 card read\n"
    "80 cards changed\n"
    "81 session began\n"
    "82 session ended\n"
    "83 clock set\n"
    "84 timer set\n"
    "85 timer cleared\n"
    "86 phases\n"
    "87 the car told its state\n"
    "88 quarter hour over\n"
    "89 month peak\n"
    "90 home battery value expired\n"
    "91 phases the car uses\n"
    "93 charger lost\n"
    "94 charger back\n"
    "95 enough sun\n"
    "96 too little sun\n"
    "97 WiFi joined\n"
    "98 WiFi lost\n"
    "99 set-up network\n"
    "100 password changed\n"
    "101 update written\n"
    "102 update failed\n"
    "103 update kept\n"
    "104 update left, the version before runs\n"
    "105 restarted\n"
    "106 a restart broke the charging off\n"
    "107 radio restarted\n"
)


def text(code):
    """Return the words for ``code``; an unknown code is named by its number."""
    if code == NONE:
        return ""
    key = "\n%d " % code
    start = _TEXTS.find(key)
    if start < 0:
        return "code %d" % code
    start += len(key)
    return _TEXTS[start : _TEXTS.find("\n", start)]
