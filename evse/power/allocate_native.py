"""Sharing of the current, compiled to native code: the same functions as ``allocate``.

``allocate`` is the oracle and says what each does; both run the same vectors. No helper is shared
between functions here: a call from viper to viper would box its integers on the heap.

A 64-bit host loads an element of a ``ptr32`` without its sign. ``(x ^ sign) - sign`` restores it
there and changes nothing on the board, where ``sign`` itself wraps.
"""

import micropython
from micropython import const

_EDGE = const(0x7FFFFFF)
_SIGN_BIT = 31  # no const: a folded 1 << 31 is no small integer on the board

_NOISE = const(5)
_RISING = const(1)
_FALLING = const(2)

EDGE = 0x7FFFFFF
NOISE = 5
RISING = 1
FALLING = 2


@micropython.viper
def track(count: int, amps: ptr32, last: ptr32, drawn: ptr32, grant: ptr32, moving: ptr32,
          mask: ptr32):
    """See ``allocate.track``."""
    sign = 1 << int(_SIGN_BIT)
    phase = 0
    while phase < 3:
        change = ((amps[phase] ^ sign) - sign) - ((last[phase] ^ sign) - sign)
        last[phase] = amps[phase]
        i = 0
        if change < _NOISE and change > 0 - _NOISE:
            i = count
        while i < count:
            used = mask[i]
            if used == 0 or used & (1 << phase) != 0:
                at = 3 * i + phase
                missing = grant[i] - ((drawn[at] ^ sign) - sign)
                taken = 0
                if moving[i] == _RISING and missing > 0 and change > 0:
                    taken = missing if missing < change else change
                elif moving[i] == _FALLING and missing < 0 and change < 0:
                    taken = missing if missing > change else change
                drawn[at] += taken
                change -= taken
            i += 1
        phase += 1


@micropython.viper
def free(count: int, limit: int, amps: ptr32, drawn: ptr32, room: ptr32):
    """See ``allocate.free``."""
    sign = 1 << int(_SIGN_BIT)
    if limit > _EDGE:
        limit = _EDGE
    elif limit < 0 - _EDGE:
        limit = 0 - _EDGE
    phase = 0
    while phase < 3:
        value = (amps[phase] ^ sign) - sign
        if value > _EDGE:
            value = _EDGE
        elif value < 0 - _EDGE:
            value = 0 - _EDGE
        left = limit - value
        i = 0
        while i < count:
            value = (drawn[3 * i + phase] ^ sign) - sign
            if value > _EDGE:
                value = _EDGE
            elif value < 0 - _EDGE:
                value = 0 - _EDGE
            left += value
            i += 1
        if left > _EDGE:
            left = _EDGE
        elif left < 0 - _EDGE:
            left = 0 - _EDGE
        room[phase] = left
        phase += 1


@micropython.viper
def overload(limit: int, amps: ptr32, mask: int) -> int:
    """See ``allocate.overload``."""
    sign = 1 << int(_SIGN_BIT)
    if mask == 0:
        mask = 7
    if limit > _EDGE:
        limit = _EDGE
    elif limit < 0 - _EDGE:
        limit = 0 - _EDGE
    worst = -2 * _EDGE
    phase = 0
    while phase < 3:
        if mask & (1 << phase) != 0:
            value = (amps[phase] ^ sign) - sign
            if value > _EDGE:
                value = _EDGE
            elif value < 0 - _EDGE:
                value = 0 - _EDGE
            if value - limit > worst:
                worst = value - limit
        phase += 1
    return worst


@micropython.viper
def least(room: ptr32, mask: int) -> int:
    """See ``allocate.least``."""
    sign = 1 << int(_SIGN_BIT)
    if mask == 0:
        mask = 7
    smallest = _EDGE
    phase = 0
    while phase < 3:
        value = (room[phase] ^ sign) - sign
        if mask & (1 << phase) != 0 and value < smallest:
            smallest = value
        phase += 1
    return smallest


@micropython.viper
def share(count: int, order: ptr32, low: ptr32, high: ptr32, mask: ptr32, room: ptr32,
          grant: ptr32) -> int:
    """See ``allocate.share``."""
    sign = 1 << int(_SIGN_BIT)
    n = 0
    while n < 4:
        value = (room[n] ^ sign) - sign
        if value > _EDGE:
            room[n] = _EDGE
        elif value < 0 - _EDGE:
            room[n] = 0 - _EDGE
        n += 1
    left_1 = (room[0] ^ sign) - sign
    left_2 = (room[1] ^ sign) - sign
    left_3 = (room[2] ^ sign) - sign
    left = (room[3] ^ sign) - sign
    served = 0
    step = 0
    first = 1
    while first != 0 or step != 0:
        # First everybody's MIN, then one common rise after the other.
        n = 0
        while n < count:
            i = order[n]
            amount = step
            if first != 0:
                grant[i] = 0
                amount = (low[i] ^ sign) - sign
                wanted = amount > 0 and amount <= (high[i] ^ sign) - sign
            else:
                wanted = grant[i] > 0 and grant[i] < (high[i] ^ sign) - sign
            used = mask[i]
            if used == 0:
                used = 7
            on_1 = used & 1
            on_2 = (used >> 1) & 1
            on_3 = (used >> 2) & 1
            if wanted and (on_1 == 0 or left_1 >= amount) and (on_2 == 0 or left_2 >= amount) \
                    and (on_3 == 0 or left_3 >= amount) \
                    and left // (on_1 + on_2 + on_3) >= amount:
                left_1 -= on_1 * amount
                left_2 -= on_2 * amount
                left_3 -= on_3 * amount
                left -= (on_1 + on_2 + on_3) * amount
                grant[i] += amount
                served += first
            n += 1
        first = 0
        # How far can all who still have room rise together?
        step = _EDGE
        takers_1 = 0
        takers_2 = 0
        takers_3 = 0
        n = 0
        while n < count:
            i = order[n]
            used = mask[i]
            if used == 0:
                used = 7
            on_1 = used & 1
            on_2 = (used >> 1) & 1
            on_3 = (used >> 2) & 1
            most = (high[i] ^ sign) - sign
            if grant[i] > 0 and grant[i] < most \
                    and (on_1 == 0 or left_1 > 0) and (on_2 == 0 or left_2 > 0) \
                    and (on_3 == 0 or left_3 > 0) and left >= on_1 + on_2 + on_3:
                if most - grant[i] < step:
                    step = most - grant[i]
                takers_1 += on_1
                takers_2 += on_2
                takers_3 += on_3
            n += 1
        takers = takers_1 + takers_2 + takers_3
        if takers == 0:
            step = 0
        else:
            if takers_1 != 0 and left_1 // takers_1 < step:
                step = left_1 // takers_1
            if takers_2 != 0 and left_2 // takers_2 < step:
                step = left_2 // takers_2
            if takers_3 != 0 and left_3 // takers_3 < step:
                step = left_3 // takers_3
            if left // takers < step:
                step = left // takers
            if step == 0:
                step = 1
    room[0] = left_1
    room[1] = left_2
    room[2] = left_3
    room[3] = left
    return served
