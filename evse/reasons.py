"""Codes for the journal and for "why": each declared once, with the words people read.

A code is an int so that recording one allocates nothing. ``text(code)`` reads the sentence.
Codes 1-19 say why the car is not charging or charges no more, 20-39 what the guard did, 40-59
which limit sets the current, 60-99 are events of the system.
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

GUARD_LEVEL = const(20)
GUARD_PILOT = const(21)
GUARD_SHORT = const(22)
GUARD_RCM = const(23)
GUARD_STALL = const(24)

LIMIT_MAX = const(40)
LIMIT_CABLE = const(41)
LIMIT_MAINS = const(42)
LIMIT_CIRCUIT = const(43)
LIMIT_METER_LOST = const(44)
LIMIT_OVERRIDE = const(45)
LIMIT_TEMPERATURE = const(46)
LIMIT_START = const(47)
LIMIT_SHORTAGE = const(48)

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

_TEXTS = {
    NONE: "",
    NO_CAR: "no car connected",
    NO_ACCESS: "switched off",
    PAUSED: "paused",
    FAULT: "stopped by a fault",
    NO_GRANT: "waits for current",
    GRANT_EXPIRED: "permission expired",
    CAR_NOT_READY: "waits for the car",
    NO_DIODE: "no diode seen in the car",
    CAR_STOPPED: "the car stopped",
    CAR_UNPLUGGED: "the car was unplugged",
    STOP_DELAY: "pause after a stop",
    POWER_RETURN: "waits after power returned",
    PILOT_INVALID: "pilot signal not valid",
    CAR_IGNORES_STOP: "the car did not stop in time",
    COMMANDED: "stopped by command",
    CHARGING: "charging",
    GUARD_LEVEL: "opened: the car left state C",
    GUARD_PILOT: "opened: pilot not valid",
    GUARD_SHORT: "opened: pilot shorted",
    GUARD_RCM: "opened: residual current",
    GUARD_STALL: "opened: control stalled",
    LIMIT_MAX: "MAX",
    LIMIT_CABLE: "cable",
    LIMIT_MAINS: "mains",
    LIMIT_CIRCUIT: "circuit",
    LIMIT_METER_LOST: "mains meter lost",
    LIMIT_OVERRIDE: "override",
    LIMIT_TEMPERATURE: "temperature",
    LIMIT_START: "start of session",
    LIMIT_SHORTAGE: "not enough current",
    STARTED: "started",
    STATE: "state changed",
    METER_LOST: "meter lost",
    METER_BACK: "meter back",
    SETTING: "setting changed",
    MODE: "mode changed",
    EXCEPTION: "exception",
    FAULT_SET: "fault set",
    FAULT_CLEARED: "fault cleared",
    SETTING_DROPPED: "setting dropped",
    GRANT: "current granted",
    STORAGE: "storage failed",
    TASK_RESTARTED: "task restarted",
}


def text(code):
    """Return the words for ``code``; an unknown code is named by its number."""
    return _TEXTS.get(code) or ("" if code == NONE else "code %d" % code)
