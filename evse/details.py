"""Facts few ask for, made while somebody asks. Each function takes the core."""

from evse import reasons, ticks
from evse.charging import faults, states
from evse.power import readings as sources
from evse.power.views import NO_LIMIT, NORMAL


def limits(core):
    """Yield (number, grant in dA, what limits it, code, words, dA, s left or None, does it win).

    One for each ceiling on each charger: number 0 is this one, the others are the nodes this one
    has heard of as their Master.
    """
    regulator = core.regulator
    for number in range(len(regulator.evses)):
        if number and not (core.group and core.group.state[number]):
            continue
        winner = regulator.grant_limit[number]
        for code, limit_da, until in regulator.limits[number].claims():
            left_s = None if until < 0 else max(0, ticks.diff(until, core.now)) // 1000
            yield (number, regulator.grant_da[number], reasons.text(winner), code,
                   reasons.text(code), limit_da, left_s, code == winner)


def group_limits(core):
    """Yield (code, words, "phase" or "sum", dA) of each limit all chargers share now."""
    params = core.regulator.params
    smart = False
    for view in core.regulator.evses:
        smart = smart or view.mode != NORMAL
    seen = core.readings.fresh
    mains = params.mains_meter and (smart or params.normal_mains) and seen(sources.MAINS, core.now)
    measured = not params.circuit_meter or seen(sources.CIRCUIT, core.now)
    for code, of, limit_da, counts in (
            (reasons.LIMIT_MAINS, "phase", params.mains_da, mains),
            (reasons.LIMIT_CIRCUIT, "phase", params.circuit_da, measured),
            (reasons.LIMIT_CAPACITY, "sum", params.capacity_sum_da, mains and smart),
            (reasons.LIMIT_RELAY, "sum", params.relay_sum_da, True)):
        if counts and limit_da < NO_LIMIT:
            yield code, reasons.text(code), of, limit_da


def quarters(core):
    """Yield (Unix seconds of its begin, mean W) of each quarter of the last 24 h that is known.

    They are counted while there is a capacity tariff.
    """
    return core.capacity.quarters() if core.capacity else ()


_OPENED = (reasons.GUARD_LEVEL, reasons.GUARD_PILOT, reasons.GUARD_SHORT, reasons.GUARD_RCM,
           reasons.GUARD_STALL)
_EVIDENCE = {
    reasons.WELD_EVIDENCE: "phases %d (bits), up to %d x 0.1 A",
    reasons.NO_CURRENT_EVIDENCE: "%d x 0.1 A %d s after closing",
    reasons.OVERCURRENT_EVIDENCE: "phases %d (bits), %d x 0.1 A more",
}


def evidence(core):
    """Yield (s of uptime, words) of each fault in the journal, and of what spoke for it."""
    for _, at, code, a, b in core.journal.events():
        if code == reasons.FAULT_SET or code == reasons.FAULT_CLEARED:
            for fault in faults.FAULTS:
                if a & fault[0]:
                    yield at, "%s: %s" % (reasons.text(code), fault[2])
        elif code in _OPENED:
            yield at, "%s: pilot level %d, state %s" % (reasons.text(code), a, states.short(b))
        elif code in _EVIDENCE:
            yield at, "%s: %s" % (reasons.text(code), _EVIDENCE[code] % (a, b))
