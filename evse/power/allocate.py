"""Sharing of the current: the plain form, which is the oracle for ``allocate_native``.

Everything is an ``array('i')`` that the caller owns; nothing is allocated. Per-phase arrays of all
EVSEs are laid out ``[3 * evse + phase]``. Masks are bits 1, 2, 4 for L1, L2, L3; a mask of 0 is
all three. ``room`` has four elements: dA left on L1, L2, L3, and left for their sum. Native
integers wrap at 32 bits on the board, so values are held within +-EDGE on the way in. Grants,
tops (the most an EVSE may draw at this moment), masks and orders are never negative.

``claims`` has five elements: dA of mains per phase, of the circuit per phase, 1 when a meter
measures the circuit, dA over the phases of capacity (all that is bought), and of all EVSEs
together. EDGE or more is no claim.
"""

EDGE = 0x3FFFFFF  # 2**26 - 1: 24 draws, three currents and a limit still fit 32 bits

NOISE = 5
RISING = 1
FALLING = 2


def track(count, amps, last, drawn, grant, moving, mask):
    """Carry the estimated draw of EVSEs on the move along with the mains meter.

    While ``moving[i]`` is RISING or FALLING, a change in that direction of the mains current on a
    phase that EVSE ``i`` may use is its own, as far as it leads towards ``grant[i]``. What one
    EVSE took, the next cannot take. Less than NOISE is nobody's: taken again and again it would
    wear the estimate away.
    ``last`` (3), the mains currents of the sample before, is replaced by ``amps`` (3); they and
    ``drawn`` are within half of 32 bits.
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


def least(room, mask):
    """Return the smallest room in dA among the phases of ``mask``."""
    mask = mask or 7
    smallest = EDGE
    for phase in range(3):
        if mask & (1 << phase):
            smallest = min(smallest, room[phase])
    return smallest


def rooms(count, claims, mains, others_da, drawn, grant, top, mask, room, code):
    """Set ``room`` to what all EVSEs together may take, and ``code`` to the claim that says so.

    ``mains`` (3) less what the EVSEs draw is what others use of it; ``others_da`` (3) is what they
    use of a measured circuit.
    Where no meter sees others, on an unmeasured circuit and for the sum of the EVSEs, only that is
    gone which was taken back from an EVSE and may still flow: its ``top`` beyond its ``grant``.
    ``code``: 0 mains, 1 circuit, 2 capacity, 3 sum of the EVSEs; the first when two say the same.
    """
    all_others = all_late = 0
    for phase in range(3):
        ours = late = 0
        for i in range(count):
            ours += max(-EDGE, min(EDGE, drawn[3 * i + phase]))
            if (mask[i] or 7) & (1 << phase):
                late += max(0, min(EDGE, top[i]) - grant[i])
        others = max(-EDGE, min(EDGE, mains[phase])) - ours
        all_others += others
        all_late += late
        if claims[2]:
            late = max(-EDGE, min(EDGE, others_da[phase]))
        _room(phase, claims[0], others, claims[1], late, room, code)
    _room(3, claims[3], all_others, claims[4], all_late, room, code)
    code[3] += 2


def _room(at, claim, used, other, late, room, code):
    """Set ``room[at]`` to what is left of two claims, and ``code[at]`` to 1 if of the second."""
    left = EDGE if claim >= EDGE else max(-EDGE, claim) - used
    right = EDGE if other >= EDGE else max(-EDGE, other) - late
    code[at] = 1 if right < min(left, EDGE) else 0
    room[at] = max(-EDGE, min(EDGE, left, right))


def over(claims, mains, circuit, out):
    """Set ``out`` (4) to the dA by which each phase, and at last the sum, is above its claims.

    Only what is measured counts; negative is room.
    """
    total = 0
    for phase in range(3):
        amps = max(-EDGE, min(EDGE, mains[phase]))
        total += amps
        out[phase] = amps - max(-EDGE, min(EDGE, claims[0]))
        if claims[2]:
            amps = max(-EDGE, min(EDGE, circuit[phase]))
            out[phase] = max(out[phase], amps - max(-EDGE, min(EDGE, claims[1])))
    out[3] = max(-EDGE, min(EDGE, total)) - max(-EDGE, min(EDGE, claims[3]))


def reach(count, drawn, charging, top, mask, out):
    """Put into ``out``, laid out as ``drawn``, the most that the EVSEs may draw at this moment.

    That is ``top`` on the phases of those where ``charging`` is 1, and never less than ``drawn``.
    """
    for i in range(count):
        for phase in range(3):
            at = 3 * i + phase
            out[at] = drawn[at]
            if charging[i] and (mask[i] or 7) & (1 << phase):
                out[at] = max(drawn[at], top[i])


def rank(count, key, order):
    """Sort ``order[0:count]`` by ``key`` of each, the least first; equals keep their order."""
    for n in range(1, count):
        i = order[n]
        at = n
        while at and key[order[at - 1]] > key[i]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = i


def surplus(count, mains, battery_da, drawn, counted):
    """Return the dA over all phases that the ``counted`` EVSEs could take without buying.

    That is what is sold, plus their own ``drawn``, plus what the battery is charged with
    (``battery_da``, negative while it feeds).
    """
    total = max(-EDGE, min(EDGE, battery_da))
    for i in range(count):
        if counted[i]:
            for at in range(3 * i, 3 * i + 3):
                total += max(-EDGE, min(EDGE, drawn[at]))
    for phase in range(3):
        total -= max(-EDGE, min(EDGE, mains[phase]))
    return max(-EDGE, min(EDGE, total))


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
