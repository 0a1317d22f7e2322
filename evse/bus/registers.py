"""The registers of one EVSE, by the numbers Masters and tools know them by.

Blocks: status 0x0000, config 0x0100 and system 0x0200 as the reference has them, ours at 0x0300,
and 0x0310, by which a Master of this firmware says why. What a register of the settings means is
said in their table; where a block has none for a number it reads as 0 and takes nothing.
"""

from micropython import const

from evse.settings import ALLOWED, KEY, METERS, REGISTER, TABLE, Refused

CURRENTS = const(0x0020)  # written to all at once: dA of eight EVSEs, then of three mains phases
SYSTEM = const(0x0200)
_CONFIG = const(0x0100)
_OURS = const(0x0300)
_WHY = const(0x0310)
_BLOCKS = ((0, 12), (_CONFIG, 10), (SYSTEM, 22), (_OURS, 6), (_WHY, 2))  # first, count

# The status block.
STATE = const(0)
_ERRORS = const(1)
OVERRIDE = const(2)
_MODE = const(3)
_SUN = const(4)
ACCESS = const(5)
_CHANGED = const(6)
_MOST = const(7)
_PHASES = const(8)
_REAL = const(9)
_TEMPERATURE = const(10)
_LEGACY_ERRORS = const(0x7F)
_ACCESSES = ("Off", "On", "Pause")
_MARK = const(0x4D00)  # beside the phases: this node is of our kind
_EV = const(2)  # as evse.power.readings numbers the sources

# Our block.
_MAGIC = const(0x4D45)
_VERSION = const(1)

_CUSTOM = METERS.index("Custom")
_UNUSED = METERS.index("Orno 516")


def within(start, count):
    """True when ``count`` registers from ``start`` on lie in one block."""
    for first, length in _BLOCKS:
        if first <= start < first + length:
            return 0 < count <= first + length - start
    return False


def read(core, number):
    """Return what register ``number`` of the EVSE ``core`` reads as, 0 to 65535; None for none."""
    if number >= _WHY or not within(number, 1):
        return None
    if number < _CONFIG:
        value = _status(core, number)
    elif number < _OURS:
        setting = _setting(number)
        value = _number(core, setting) if setting else 0
    else:
        value = _ours(core, number - _OURS)
    return value & 0xFFFF


def write(core, number, value, source):
    """Write ``value`` to register ``number``; False where nothing can be written.

    Raises Refused for a value that is not taken. ``source`` is as for commands. No write closes a
    contactor: what it may do is done by ``core.member`` and ``core.command``.
    """
    member = core.member
    if number >= _CONFIG:
        setting = _setting(number)
        if setting:
            _set(core, setting, value, source)
        elif member and number == _WHY:
            member.explained(value)
        elif number != _WHY + 1:  # the limit that won, which the reason includes
            return False
    elif number == _MODE:
        _set(core, _setting(SYSTEM), value, source)
    elif number == ACCESS:
        if value >= len(_ACCESSES):
            raise Refused("access is 0 (off), 1 (on) or 2 (pause)", "access", [0, 2])
        core.command("access", _ACCESSES[value], source)
    elif number == OVERRIDE:
        if value:  # a 0 fills the gap where a Master writes the mode behind it
            core.command("override", value, source)
    elif not member or number > _CHANGED:
        return False
    elif number == STATE:
        member.write_state(value, core.now)
    elif number == _ERRORS:
        member.write_errors(value, core.now)
    elif number == _SUN:
        member.sun_s = value
    else:
        member.acknowledged = -1 if value else core.settings.changes
    return True


def _status(core, number):
    member = core.member
    charger = core.charger
    regulator = core.regulator
    if number == STATE:
        return member.state() if member else charger.state
    if number == _ERRORS:
        return member.errors() if member else charger.faults & _LEGACY_ERRORS
    if number == OVERRIDE:
        return member.da if member else regulator.grant_da[0]
    if number == _MODE:
        return core.mode
    if number == _SUN:
        return member.sun_s if member else regulator.sun.left_s(0)
    if number == ACCESS:
        return core.access.state
    if number == _CHANGED:
        return 1 if member and member.acknowledged != core.settings.changes else 0
    if number == _MOST:
        return core.most_da() // 10
    if number == _PHASES:
        return _MARK | regulator.evses[0].phases
    if number == _REAL:
        fresh = core.readings.fresh(_EV, core.now)
        return max(0, sum(core.readings.amps[_EV])) if fresh else 0
    if number == _TEMPERATURE:
        return core.temperature_dc // 10
    return core.serial


def _ours(core, number):
    settings = core.settings
    if number == 0:
        return _MAGIC
    if number == 1:
        return _VERSION
    if number == 2:
        return settings.index("ev_meter")
    if number == 3:
        return settings.get("ev_adr")
    if number == 4:
        return core.most_da()
    return 1 if settings.get("ev_meter_role") == "Car only" else 0


def _setting(number):
    """Return the table entry of the setting with the register ``number``, None without one."""
    for setting in TABLE:
        if setting[REGISTER] == number:
            return setting
    return None


def _number(core, setting):
    """Return the number of a setting's value as it travels on the bus."""
    value = core.settings.get(setting[KEY])
    if type(value) is int:
        return value
    value = setting[ALLOWED].index(value)
    # A Master that does not know the type would take the meter for another.
    return 0 if setting[ALLOWED] == METERS and _is_ours(value) else value


def _is_ours(kind):
    """True for a meter type that nobody else knows by this number."""
    return kind == _UNUSED or kind > _CUSTOM


def _set(core, setting, value, source):
    if value == _number(core, setting):
        return
    key = setting[KEY]
    allowed = setting[ALLOWED]
    if type(allowed[0]) is str:
        if value >= len(allowed) or allowed == METERS and _is_ours(value):
            raise Refused("%s has no value %d" % (key, value), key, list(allowed))
        value = allowed[value]
    core.command("set", (key, value), source)
