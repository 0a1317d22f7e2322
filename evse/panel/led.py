"""The colour of the LED, as a function of what the charger does and of the time.

Standard scheme: the colour tells the mode, the pattern what happens. Public scheme: the colour
tells what happens, for people who have never seen this charger. Faults look the same in both.
"""

from micropython import const

_PUBLIC = const(1)
_SOLAR = const(2)
_OFF = const(0)
_STATE_A = const(0)
_STATE_C = const(2)
_STATE_DENIED = const(14)

# The registry of faults is out of a panel's reach; a test compares these bits with it.
_ALARM = const(0x95B56)  # whatever stops charging, save the delay after power returned
_WAITS = const(0x140401)  # too little current, that delay, an unknown time of day, an update

_RED = const(0xFF0000)
_GREEN = const(0x00FF00)
_BLUE = const(0x0000FF)
_ORANGE = const(0xFF8000)
_GREY = const(0x808080)
_FULL = const(255)
_DIM = const(40)
_CUSTOM = const(4)  # in the palette


def colour(scheme, state, faults, access, mode, custom, flash, palette, now):
    """Return what to show at tick ``now`` as 0xRRGGBB; allocates nothing.

    ``scheme`` 0 Standard, 1 Public; ``state`` the charger's id; ``faults`` its bits; ``access`` 0
    off, 1 on, 2 pause; ``mode`` 0 Normal, 1 Smart, 2 Solar; ``custom`` the custom button's flag;
    ``palette`` array('i') of the colours off, normal, smart, solar, custom. ``flash`` is what
    became of a card, for as long as the caller shows it: 1 accepted (1 s), 2 rejected (2 s), 3
    read (0.2 s), 0 nothing. Call it every 20 ms or oftener: the alarm changes every 64 ms.
    """
    if faults & _ALARM:
        return 0 if now & 64 else _RED
    if access == _OFF and custom:
        return palette[_CUSTOM]
    rgb = palette[_CUSTOM] if custom else palette[1 + mode]
    slow = mode == _SOLAR
    if scheme == _PUBLIC:
        if flash:
            return _GREEN if flash == 1 else _RED if flash == 2 else _GREY
        if state == _STATE_DENIED:
            return _RED
        rgb = _ORANGE if faults & _WAITS else _GREEN if state == _STATE_A else _BLUE
        slow = False
    elif access == _OFF or state == _STATE_DENIED:
        return palette[0]
    level = _FULL
    if faults & _WAITS:
        if now // 5 & 255 <= 230:
            return 0
    elif state == _STATE_A:
        level = _DIM
    elif state == _STATE_C:
        level = ease(now // (10 if slow else 5) & 255)
    return ((rgb >> 16) * level // 255 << 16 | (rgb >> 8 & 255) * level // 255 << 8
            | (rgb & 255) * level // 255)


def ease(step):
    """Level of the fade at ``step`` of 256: up and down again, slow at both ends."""
    x = 2 * step if step < 128 else 2 * (255 - step)
    y = x if x < 128 else 255 - x
    z = y * (y + 1) // 256 * 2
    return z if x < 128 else 255 - z
