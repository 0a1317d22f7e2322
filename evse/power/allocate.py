"""Sharing of the current: the plain form, which is the oracle for ``allocate_native``.

Everything is an ``array('i')`` that the caller owns; nothing is allocated. Per-phase arrays of all
EVSEs are laid out ``[3 * evse + phase]``. Masks are bits 1, 2, 4 for L1, L2, L3; a mask of 0 is
all three. ``room`` has four elements: dA left on L1, L2, L3, and left for their sum. Native
integers wrap at 32 bits on the board, so values are held within +-EDGE on the way in.
"""

EDGE = 0x7FFFFFF  # 2**27 - 1: eight of them, a limit and a current still fit 32 bits

NOISE = 5
RISING = 1
FALLING = 2


def track(count, amps, last, drawn, grant, moving, mask):
    """Carry the estimated draw of EVSEs on the move along with the mains meter.

    While ``moving[i]`` is RISING or FALLING, a change in that direction of the mains current on a
    phase that EVSE ``i`` may use is its own, as far as it leads towards ``grant[i]``. What one
    EVSE took, the next cannot take. Less than NOISE is nobody's: taken again and again it would
    wear the estimate away.
    ``last`` (3), the mains currents of the sample before, is replaced by ``amps`` (3).
    """
    for phase in range(3):
        change = amps[phase] - last[phase]
        last[phase] = amps[phase]
        if -NOISE < change < NOISE:
            continue
        for i in range(count):
            used = mask[i] or 7
            if used & (1 << phase):
                at = 3 * i + phase
                missing = grant[i] - drawn[at]
                if moving[i] == RISING and missing > 0 and change > 0:
                    taken = min(missing, change)
                elif moving[i] == FALLING and missing < 0 and change < 0:
                    taken = max(missing, change)
                else:
                    taken = 0
                drawn[at] += taken
                change -= taken


def free(count, limit, amps, drawn, room):
    """Set ``room[0:3]`` to the dA per phase that all EVSEs together may take under ``limit``.

    That is the limit less what everybody else draws, which is ``amps`` less the EVSEs' ``drawn``.
    """
    limit = max(-EDGE, min(EDGE, limit))
    for phase in range(3):
        left = limit - max(-EDGE, min(EDGE, amps[phase]))
        for i in range(count):
            left += max(-EDGE, min(EDGE, drawn[3 * i + phase]))
        room[phase] = max(-EDGE, min(EDGE, left))


def overload(limit, amps, mask):
    """Return by how many dA the worst phase of ``mask`` is above ``limit``; negative is room."""
    mask = mask or 7
    limit = max(-EDGE, min(EDGE, limit))
    worst = -2 * EDGE
    for phase in range(3):
        if mask & (1 << phase):
            worst = max(worst, max(-EDGE, min(EDGE, amps[phase])) - limit)
    return worst


def least(room, mask):
    """Return the smallest room in dA among the phases of ``mask``."""
    mask = mask or 7
    smallest = EDGE
    for phase in range(3):
        if mask & (1 << phase):
            smallest = min(smallest, room[phase])
    return smallest


def share(count, order, low, high, mask, room, grant):
    """Share ``room`` (4) among EVSEs; returns how many got a grant.

    ``order`` lists ``count`` EVSEs, the most important first. Each in turn is given ``low`` when
    that fits on all its phases and into the sum, else 0, so in a shortage the least important are
    dropped, one by one. What is left raises all of them alike, each up to its ``high``, as long as
    its phases have room; the last odd dA go to the most important. Grants are 0 or in [low, high].
    ``room`` is left with what nobody could use.
    """
    for at in range(4):
        room[at] = max(-EDGE, min(EDGE, room[at]))
    served = 0
    for n in range(count):
        i = order[n]
        need = low[i]
        grant[i] = 0
        if 0 < need <= high[i] and _fits(room, mask[i] or 7, need):
            _take(room, mask[i] or 7, need)
            grant[i] = need
            served += 1
    while True:
        step = _step(count, order, high, mask, room, grant)
        if not step:
            return served
        for n in range(count):
            i = order[n]
            used = mask[i] or 7
            if 0 < grant[i] < high[i] and _fits(room, used, step):
                _take(room, used, step)
                grant[i] += step


def _step(count, order, high, mask, room, grant):
    """Return the rise that all who can take more can take alike: 1 for odd dA, 0 for nobody."""
    step = EDGE
    on_l1 = on_l2 = on_l3 = 0
    for n in range(count):
        i = order[n]
        used = mask[i] or 7
        if 0 < grant[i] < high[i] and _fits(room, used, 1):
            step = min(step, high[i] - grant[i])
            on_l1 += used & 1
            on_l2 += (used >> 1) & 1
            on_l3 += (used >> 2) & 1
    takers = on_l1 + on_l2 + on_l3
    if not takers:
        return 0
    if on_l1:
        step = min(step, room[0] // on_l1)
    if on_l2:
        step = min(step, room[1] // on_l2)
    if on_l3:
        step = min(step, room[2] // on_l3)
    return max(1, min(step, room[3] // takers))


def _fits(room, mask, amount):
    phases = 0
    for phase in range(3):
        if mask & (1 << phase):
            phases += 1
            if room[phase] < amount:
                return False
    return room[3] >= phases * amount


def _take(room, mask, amount):
    for phase in range(3):
        if mask & (1 << phase):
            room[phase] -= amount
            room[3] -= amount
