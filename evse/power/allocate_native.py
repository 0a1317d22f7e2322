"""Sharing of the current, compiled to native code: the same functions as ``allocate``.

``allocate`` is the oracle and says what each does; both run the same vectors. No helper is shared
between functions here: a call from viper to viper would box its integers on the heap.

A 64-bit host loads an element of a ``ptr32`` without its sign. ``(x ^ sign) - sign`` restores it
there and changes nothing on the board, where ``sign`` itself wraps.
"""

import micropython
from micropython import const

_EDGE = const(0x3FFFFFF)
_SIGN_BIT = const(31)  # shifted when it runs: a folded 1 << 31 is no small integer on the board

_NOISE = const(5)
_RISING = const(1)
_FALLING = const(2)


@micropython.viper
def track(count: int, amps: ptr32, last: ptr32, drawn: ptr32, grant: ptr32, moving: ptr32,
          mask: ptr32):
    """See ``allocate.track``."""
    sign = 1
    sign <<= _SIGN_BIT
    phase = 0
    while phase < 3:
        change = ((amps[phase] ^ sign) - sign) - ((last[phase] ^ sign) - sign)
        last[phase] = amps[phase]
        going = 0
        if change >= _NOISE:
            going = _RISING
        elif change <= -_NOISE:
            going = _FALLING
        i = 0 if going else count
        bit = 1 << phase
        while i < count:
            if moving[i] == going:
                used = mask[i]
                if not used or used & bit:
                    at = 3 * i + phase
                    taken = grant[i] - ((drawn[at] ^ sign) - sign)
                    if going == _RISING:
                        if taken > change:
                            taken = change
                        if taken < 0:
                            taken = 0
                    else:
                        if taken < change:
                            taken = change
                        if taken > 0:
                            taken = 0
                    drawn[at] += taken
                    change -= taken
            i += 1
        phase += 1


@micropython.viper
def least(room: ptr32, mask: int) -> int:
    """See ``allocate.least``."""
    sign = 1
    sign <<= _SIGN_BIT
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
def rooms(count: int, claims: ptr32, mains: ptr32, others_da: ptr32, drawn: ptr32, grant: ptr32,
          top: ptr32, mask: ptr32, room: ptr32, code: ptr32):
    """See ``allocate.rooms``."""
    sign = 1
    sign <<= _SIGN_BIT
    all_others = 0
    all_late = 0
    phase = 0
    while phase < 4:
        others = all_others
        late = all_late
        whole = 1  # the turn of the sum of the phases
        if phase < 3:
            others = 0
            late = 0
            whole = 0
            bit = 1 << phase
            at = phase
            i = 0
            while i < count:
                value = (drawn[at] ^ sign) - sign
                if value > _EDGE:
                    value = _EDGE
                elif value < -_EDGE:
                    value = -_EDGE
                others -= value
                used = mask[i]
                if not used or used & bit:
                    value = top[i]
                    if value > _EDGE:
                        value = _EDGE
                    value -= grant[i]
                    if value > 0:
                        late += value
                at += 3
                i += 1
            all_late += late
            if claims[2]:
                late = (others_da[phase] ^ sign) - sign
                if late > _EDGE:
                    late = _EDGE
                elif late < -_EDGE:
                    late = -_EDGE
            value = (mains[phase] ^ sign) - sign
            if value > _EDGE:
                value = _EDGE
            elif value < -_EDGE:
                value = -_EDGE
            others += value
            all_others += others
        won = 0
        best = _EDGE
        n = 0
        while n < 2:
            value = (claims[3 * whole + n] ^ sign) - sign
            if value < _EDGE:
                if value < -_EDGE:
                    value = -_EDGE
                value -= late if n else others
                if value < best:
                    best = value
                    won = n
            n += 1
        room[phase] = best if best > -_EDGE else -_EDGE
        code[phase] = 2 * whole + won
        phase += 1


@micropython.viper
def over(claims: ptr32, mains: ptr32, circuit: ptr32, out: ptr32):
    """See ``allocate.over``."""
    sign = 1
    sign <<= _SIGN_BIT
    total = 0
    phase = 0
    while phase < 4:
        worst = 0
        n = 0 if phase < 3 else 3  # the claim: mains and the circuit, or at last capacity
        while n < 4:
            claim = (claims[n] ^ sign) - sign
            if claim > _EDGE:
                claim = _EDGE
            elif claim < -_EDGE:
                claim = -_EDGE
            value = total
            if not n:
                value = (mains[phase] ^ sign) - sign
            elif n < 3:
                value = (circuit[phase] ^ sign) - sign
            if value > _EDGE:
                value = _EDGE
            elif value < -_EDGE:
                value = -_EDGE
            if not n:
                total += value
            value -= claim
            if n != 1 or value > worst:
                worst = value
            n += 4 if n or not claims[2] else 1
        out[phase] = worst
        phase += 1


@micropython.viper
def reach(count: int, drawn: ptr32, charging: ptr32, top: ptr32, mask: ptr32, out: ptr32):
    """See ``allocate.reach``."""
    sign = 1
    sign <<= _SIGN_BIT
    at = 0
    i = 0
    while i < count:
        used = mask[i]
        if not used:
            used = 7
        if not charging[i]:
            used = 0
        end = at + 3
        while at < end:
            value = (drawn[at] ^ sign) - sign
            if used & 1 and value < top[i]:
                value = top[i]
            out[at] = value
            used >>= 1
            at += 1
        i += 1


@micropython.viper
def rank(count: int, key: ptr32, order: ptr32):
    """See ``allocate.rank``."""
    sign = 1
    sign <<= _SIGN_BIT
    n = 1
    while n < count:
        i = order[n]
        value = (key[i] ^ sign) - sign
        at = n
        while at:
            other = order[at - 1]
            if (key[other] ^ sign) - sign <= value:
                break
            order[at] = other
            at -= 1
        order[at] = i
        n += 1


@micropython.viper
def surplus(count: int, mains: ptr32, battery_da: int, drawn: ptr32, counted: ptr32) -> int:
    """See ``allocate.surplus``."""
    sign = 1
    sign <<= _SIGN_BIT
    total = 0
    i = 0
    while i <= count:  # the last turn is that of the mains
        at = 3 * i
        end = at + 3 if i == count or counted[i] else at
        while at < end:
            value = ((mains[end - at - 1] if i == count else drawn[at]) ^ sign) - sign
            if value > _EDGE:
                value = _EDGE
            elif value < -_EDGE:
                value = -_EDGE
            total += 0 - value if i == count else value
            at += 1
        i += 1
    if battery_da > _EDGE:
        total += _EDGE
    elif battery_da < -_EDGE:
        total -= _EDGE
    else:
        total += battery_da
    if total > _EDGE:
        total = _EDGE
    elif total < -_EDGE:
        total = -_EDGE
    return total


@micropython.viper
def share(count: int, order: ptr32, low: ptr32, high: ptr32, mask: ptr32, room: ptr32,
          grant: ptr32) -> int:
    """See ``allocate.share``."""
    sign = 1
    sign <<= _SIGN_BIT
    n = 0
    while n < 4:
        value = (room[n] ^ sign) - sign
        if value > _EDGE:
            room[n] = _EDGE
        elif value < -_EDGE:
            room[n] = -_EDGE
        n += 1
    left_1 = (room[0] ^ sign) - sign
    left_2 = (room[1] ^ sign) - sign
    left_3 = (room[2] ^ sign) - sign
    left = (room[3] ^ sign) - sign
    served = 0
    step = 0
    first = 1
    while first or step:
        # First everybody's MIN, then one common rise after the other.
        n = 0
        while n < count:
            i = order[n]
            n += 1
            used = mask[i]
            if not used:
                used = 7
            amount = step
            if first:
                grant[i] = 0
                amount = (low[i] ^ sign) - sign
                if amount <= 0 or amount > (high[i] ^ sign) - sign:
                    continue
            elif not grant[i] or grant[i] >= high[i]:
                continue
            on_1 = used & 1
            on_2 = (used >> 1) & 1
            on_3 = used >> 2
            if on_1 and left_1 < amount or on_2 and left_2 < amount or on_3 and left_3 < amount:
                continue
            phases = on_1 + on_2 + on_3
            if left < phases * amount:
                continue
            if on_1:
                left_1 -= amount
            if on_2:
                left_2 -= amount
            if on_3:
                left_3 -= amount
            left -= phases * amount
            grant[i] += amount
            served += first
        first = 0
        # How far can all who still have room rise together?
        full = 0
        if left_1 <= 0:
            full = 1
        if left_2 <= 0:
            full += 2
        if left_3 <= 0:
            full += 4
        step = _EDGE
        takers_1 = 0
        takers_2 = 0
        takers_3 = 0
        n = 0
        while n < count:
            i = order[n]
            n += 1
            used = mask[i]
            if not used:
                used = 7
            if not grant[i] or used & full:
                continue
            value = high[i] - grant[i]
            on_1 = used & 1
            on_2 = (used >> 1) & 1
            on_3 = used >> 2
            if value > 0 and left >= on_1 + on_2 + on_3:
                if value < step:
                    step = value
                takers_1 += on_1
                takers_2 += on_2
                takers_3 += on_3
        takers = takers_1 + takers_2 + takers_3
        if takers:
            if takers_1 and left_1 // takers_1 < step:
                step = left_1 // takers_1
            if takers_2 and left_2 // takers_2 < step:
                step = left_2 // takers_2
            if takers_3 and left_3 // takers_3 < step:
                step = left_3 // takers_3
            if left // takers < step:
                step = left // takers
            if not step:
                step = 1
        else:
            step = 0
    room[0] = left_1
    room[1] = left_2
    room[2] = left_3
    room[3] = left
    return served
