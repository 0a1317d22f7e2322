"""What must hold in any run: the invariants of DESIGN 5, checked on a trace of the true currents.

``judge`` returns sentences, one for each rule a run broke. Currents are dA, times s. An overload
is excused for the time T after the last thing outside that can have caused it: the house takes
more, the sun goes, a limit is lowered, a meter or the bus falls silent.
"""

from bisect import bisect_right

from bench_power_judge import LINK_S, PHASES, STOP_S
from power_facts import NEVER_S, TOLD_LIFE_S, Facts, Timeline

OVER_DA = 1
OURS_DA = 3  # less than this is no draw to speak of
TICK_S = 1.05  # the regulator looks at its ceilings once a second at least
POLL_S = 2.4  # until the master knows what a node's ceiling is now
ROUND_DA = 0.5  # a duty is a whole number
ABORT_S = 10
ASKED_DA = 16  # so much less a car may be offered while it is asked whether it follows
MOVES_S = 15  # a car on its way so long may hide what the house does
START_ROOM_DA = 18  # MIN + 1 A, the margin of raising, and what rounding and noise hide
SPARE_DA, SPARE_EACH_DA = 12, 4  # raising has its margin, and steps of 0.3 A for each
REST_S = 60
QUESTIONS, SWING_DA = 6, 5


def judge(scenario, result):
    """Sentences about the rules that the run broke."""
    facts = Facts(scenario, result)
    complaints = []
    for rule in RULES:
        complaints += rule(facts)
    return complaints


# ---- 1: what is granted, and what goes out on the wire ----

def grants_are_zero_or_from_min_to_max(facts):
    """Every grant is 0 or in [MIN, max]."""
    found = []
    late = 14 if facts.bus_cuts() else POLL_S
    for i in range(facts.count):
        least, most = facts.min_da, facts.max_da[i]
        at = facts.grants[i]
        for start, _, row in facts.run.spans():
            grant = row[at]
            if grant and not least <= grant <= most.most(start - (late if i else TICK_S), start):
                found.append("%.2f s: EVSE %d is granted %d dA, outside %d..%d"
                             % (start, i, grant, least, most.at(start)))
                break
    return found


def offers_follow_grants(facts):
    """No pilot offers more than was granted, and none while nothing was."""
    found = []
    for i in range(facts.count):
        # A node hears of a change at once; cut off, it may go on for 11 s.
        late = 0.05 if not i else LINK_S + 0.1 if not facts.bus_cuts() else TOLD_LIFE_S + 2.5
        at = facts.grants[i]
        granted = Timeline([(start, row[at]) for start, _, row in facts.run.spans()])
        for start, until, row in facts.run.spans():
            offer = facts.offer(row, i)
            if not offer:
                continue
            if offer > granted.most(start - late, start) + ROUND_DA or (
                    until - start > late and offer > row[at] + ROUND_DA):
                found.append("%.2f s: EVSE %d offers %.1f A with a grant of %d dA"
                             % (start, i, offer / 10, row[at]))
                break
    return found


# ---- 2 and 4: sums that hold by construction ----

def the_circuit_holds_by_construction(facts):
    """What is granted or still offered never exceeds CIRCUIT, joins and losses included."""
    if not facts.shared or facts.circuit_meter:
        return []
    own = [[facts.run.by_site(i)[phase] for phase in PHASES] for i in range(facts.count)]
    lowered = facts.circuit_da.falls()
    for start, until, row in facts.run.spans():
        for phase in PHASES:
            total = 0
            for i, car in enumerate(facts.cars):
                if own[i][phase] + 1 in car["phases"] and row[facts.closed[i]]:
                    total += max(row[facts.grants[i]], facts.offer(row, i))
            limit = facts.circuit_da.at(start)
            if total > limit + OVER_DA + ROUND_DA * facts.count:
                recent = [moment for moment in lowered if moment <= start]
                excused = recent and until - recent[-1] <= facts.reaction(0, facts.meter, True)
                # Told at once; a node that is cut off then goes on for its 11 s.
                if not excused and not (recent and facts.bus_cuts()):
                    return ["%.2f s: %.1f A are granted on L%d of a circuit of %d A"
                            % (start, total / 10, phase + 1, limit // 10)]
    return []


def the_relay_holds(facts):
    """With the grid relay open all EVSEs together take no more than its power."""
    opened = facts.switched("relay", "open")
    if not opened:
        return []
    closed = (facts.switched("relay", "closed") or [NEVER_S])[0]
    limit = facts.settings.get("relay_w", 4200) * 10 / facts.scenario["site"]["voltage"]
    slow = max(car["dead_s"] + car["max_da"] / car["ramp_da_s"] for car in facts.cars)
    begin = opened[0] + slow + 1 + (LINK_S + STOP_S if facts.shared else STOP_S)
    if any(abs(cut - opened[0]) < 30 for cut in facts.bus_cuts()):
        begin += TOLD_LIFE_S
    total = facts.run.power_kw
    for start, _, row in facts.run.spans(begin, min(closed, facts.end)):
        if total(row) * 1e4 / facts.scenario["site"]["voltage"] > limit + 3 * OVER_DA:
            return ["%.2f s: %.2f kW with the relay open since %.2f s"
                    % (start, total(row), opened[0])]
    return []


# ---- 3 and 5: measured limits ----

def overloads_are_gone_in_time(facts):
    """Mains, a measured circuit and the capacity tariff: above them for T at most, never by us."""
    found = []
    for phase in PHASES:
        found += _overloads(facts, "L%d of the mains" % (phase + 1), facts.run.mains(phase),
                            facts.run.draws(phase), facts.mains_da, facts.outside[phase],
                            facts.meter, [phase], 0)
        if facts.circuit_meter:
            found += _overloads(facts, "L%d of the circuit" % (phase + 1),
                                facts.run.circuit(phase), facts.run.draws(phase),
                                facts.circuit_da, facts.beside[phase], facts.circuit_meter,
                                [phase], 0)
    if facts.settings.get("cap_mode") == "Fixed" and all(
            facts.mode(i) != "Normal" for i in range(facts.count)):
        total = Timeline([(moment, sum(facts.outside[phase].at(moment) for phase in PHASES))
                          for moment in sorted({row[0] for rows in facts.scenario["site"].values()
                                                if isinstance(rows, list) for row in rows})])
        limit = Timeline([(0, 10 * facts.settings["capacity"])])
        found += _overloads(facts, "the sum", facts.run.mains_sum,
                            lambda row: sum(facts.run.draws(phase)(row) for phase in PHASES),
                            limit, total, facts.meter, PHASES, 60 * facts.settings["cap_stop"])
    return found


def _overloads(facts, name, flow, ours, limit, outside, meter, phases, patience):
    """Complaints about one limit; the excuse is the last cause, and T after it."""
    silent = facts.silent(meter)
    causes = sorted(outside.rises() + limit.falls() + facts.blind() + [-NEVER_S])
    tolerance = OVER_DA + meter["noise_da"]
    rises = sorted(moment for i in range(facts.count)
                   for moment, before, after in facts.run.changes("grant_da", i) if after > before)
    begin = None
    peak = 0
    for start, until, row in facts.run.spans():
        value = flow(row)
        allowed = limit.at(start)
        if (value <= allowed + tolerance or ours(row) < OURS_DA
                or any(off <= start < on for off, on in silent)):
            begin = None
            continue
        if begin is None:
            begin, peak = start, 0
        peak = max(peak, value - allowed)
        least = outside.at(start) + sum(
            facts.min_da for i in range(facts.count) for phase in phases
            if facts.run.draw(i, phase)(row) > OURS_DA)
        cause = causes[bisect_right(causes, start) - 1]
        # Noise and rounding hide a little of it.
        longest = facts.reaction(peak + 2 * meter["noise_da"] + 1, meter, least > allowed)
        longest += patience
        late = meter["period_s"] + meter["latency_s"]
        if any(cause - MOVES_S <= moment <= cause + late for moment in rises):
            # What the house did while a car rose is found out when the next rise has come.
            cause = max(cause, begin)
            longest += meter["period_s"]
        if until - cause > longest and not (
                until - cause <= longest + meter["period_s"]
                and _repeats(facts, meter, cause, until)):
            return ["%.2f s: %s at %.1f A of %.0f A since %.2f s, %s, T is %.1f s" % (
                until, name, value / 10, allowed / 10, begin,
                "by our own action" if cause < 0 else "last cause at %.2f s" % cause, longest)]
    return []


def _repeats(facts, meter, begin, end):
    """True when a sample between the two says what the one before said: that is no news."""
    flow = facts.run.mains if meter is facts.meter else facts.run.circuit
    number = int((begin - meter["start_s"]) // meter["period_s"]) + 1
    last = None
    while True:
        moment = meter["start_s"] + number * meter["period_s"]
        if moment >= end:
            return False
        for _, _, row in facts.run.spans(max(0, moment), moment + 0.001):
            sample = [round(flow(phase)(row)) for phase in PHASES]
            if sample == last:
                return True
            last = sample
        number += 1


# ---- 8, 12: stops and starts ----

def stops_are_needed(facts):
    """For want of current an EVSE is stopped only if the MINs and the rest exceed a limit."""
    found = []
    for i in range(facts.count):
        why = facts.run.column("limit", i)
        rows = list(facts.run.spans())
        for (_, _, before), (start, _, row) in zip(rows, rows[1:]):
            if row[facts.grants[i]] or not before[facts.grants[i]]:
                continue
            if row[why] not in ("limit_mains", "limit_circuit", "limit_capacity"):
                continue
            if not before[facts.closed[i]] or _short(facts, before, start):
                continue
            if any(0 <= start - cut < TOLD_LIFE_S + 20 for cut in facts.bus_cuts()):
                continue  # what a node that nobody hears does looks like the house
            found.append("%.2f s: EVSE %d is stopped (%s) although MIN was free"
                         % (start, i, row[why]))
    return found


def _short(facts, row, moment):
    """True when lately the MINs of all who charge and the rest exceeded a limit."""
    begin = moment - 2 * max(facts.meter["period_s"],
                             facts.circuit_meter["period_s"] if facts.circuit_meter else 0) - 14
    holders = [n for n in range(facts.count) if row[facts.grants[n]] or row[facts.closed[n]]]
    total = 0
    for phase in PHASES:
        # Which phases a car uses need not be known.
        mins = facts.min_da * len(holders)
        rest = facts.outside[phase].most(begin, moment)
        total += mins + rest
        lowest = min(facts.mains_da.at(begin), facts.mains_da.at(moment))
        if rest + mins + facts.noise + OVER_DA > lowest:
            return True
        if facts.circuit_meter or facts.shared:
            beside = facts.beside[phase].most(begin, moment) if facts.circuit_meter else 0
            lowest = min(facts.circuit_da.at(begin), facts.circuit_da.at(moment))
            if beside + mins + facts.noise + OVER_DA > lowest:
                return True
    return (facts.settings.get("cap_mode") == "Fixed"
            and total + 3 * facts.noise + OVER_DA > 10 * facts.settings["capacity"])


def starts_are_not_aborted(facts):
    """Who was let in stays in, unless something happened outside."""
    found = []
    outside = sorted([event[0] for event in facts.events]
                     + [moment for line in facts.outside for moment in line.rises()]
                     + [moment for car in facts.cars for span in car["plugged"]
                        for moment in span[1:]])
    for i in range(facts.count):
        changes = facts.run.changes("c1", i)
        for (begin, _, on), (end, _, _) in zip(changes, changes[1:]):
            if not on or end - begin >= ABORT_S or facts.cars[i]["energy_wh"] is not None:
                continue
            lately = [moment for moment in outside if begin - 15 <= moment <= end]
            if not lately:
                found.append("%.2f s: EVSE %d charged for %.1f s and was stopped"
                             % (begin, i, end - begin))
    return found


# ---- 7, 11: what it comes to when nothing happens any more ----

def it_comes_to_rest(facts):
    """In the last minute of a quiet site no car is driven up and down.

    A grant may be: to ask a car at its own limit whether it still is, at growing intervals.
    """
    found = []
    begin = facts.end - REST_S
    for i in range(facts.count):
        turns = [moment for moment in facts.run.grants(i) if moment >= begin]
        swings = facts.run.swings(facts.run.draw(i), SWING_DA, begin)
        late = [moment for n in range(facts.count) for moment, _, _ in facts.run.changes("c1", n)
                if moment >= begin - 30]
        if not late and len(turns) > QUESTIONS:
            found.append("EVSE %d turned round %d times in the last minute" % (i, len(turns)))
        if not late and swings > 2 + 2 * facts.shared:  # a question to each of two
            found.append("the car at EVSE %d swung %d times in the last minute" % (i, swings))
        if any(facts.mode(n) == "Solar" for n in range(facts.count)):
            continue  # its clocks run for minutes
        if facts.settings.get("rotation_min") == 1 or facts.cars[i]["energy_wh"] is not None:
            continue
        moves = [moment for moment, _, _ in facts.run.changes("c1", i) if moment >= begin]
        if moves:
            found.append("EVSE %d switched its contactor at %s of %d s" % (
                i, ", ".join("%.0f" % moment for moment in moves), facts.end))
    return found


def room_is_used(facts):
    """At the end nobody in Smart or Normal waits, or charges with less, while there is room."""
    if facts.bus_cuts() or any(event[2] == "access" for event in facts.events):
        return []
    if facts.sub_panel and facts.switched("ev_meter"):
        return []
    row = list(facts.run.spans(facts.end - 1))[-1][2]
    if any(facts.mode(i) == "Solar" for i in range(facts.count)):
        return []
    found = []
    for i, car in enumerate(facts.cars):
        if car["energy_wh"] is not None or car["plugged"][-1][1] < facts.end:
            continue
        if not row[facts.closed[i]]:
            room = _room(facts, row, i, True)
            if room > facts.min_da + START_ROOM_DA + facts.noise:
                found.append("EVSE %d waits with %.1f A free" % (i, room / 10))
            continue
        draw = facts.run.draw(i)(row)
        if draw >= car["max_da"] - ASKED_DA:
            continue
        grant = row[facts.grants[i]]
        if draw < max(OURS_DA, grant - 3) or grant >= facts.max_da[i].at(facts.end):
            continue
        room = _room(facts, row, i, False)
        if facts.count * facts.meter["period_s"] > 10:
            continue  # each in turn is asked, at a meter's pace: it takes longer
        if room > SPARE_DA + SPARE_EACH_DA * facts.count + facts.noise:
            found.append("EVSE %d takes %.1f A and leaves %.1f A" % (i, draw / 10, room / 10))
    return found


def _room(facts, row, i, at_min):
    """What is free for EVSE ``i``, with ``at_min`` if all others took MIN.

    Which phases a car uses need not be known: each counts on all three.
    """
    run = facts.run
    if facts.switched("relay", "open") and not facts.switched("relay", "closed"):
        return 0 if at_min else -NEVER_S  # 4.2 kW are shared by rules of their own
    held = 0
    for n in range(facts.count):
        if not row[facts.closed[n]]:
            # Who was let in and has not begun may begin at any moment.
            held += row[facts.grants[n]] if n != i else 0
        elif at_min and n != i:
            held += facts.min_da
        else:
            held += row[facts.grants[n]]
    room = NEVER_S
    rest = 0
    for phase in PHASES:
        outside = run.mains(phase)(row) - run.draws(phase)(row)
        rest += outside
        room = min(room, facts.mains_da.at(facts.end) - outside)
        if facts.circuit_meter:
            room = min(room, facts.circuit_da.at(facts.end) - facts.beside[phase].at(facts.end))
        elif facts.shared:
            room = min(room, facts.circuit_da.at(facts.end))
    if facts.settings.get("cap_mode") == "Fixed":
        room = min(room, (10 * facts.settings["capacity"] - rest) / 3)
    return room - held


def nothing_is_switched_wrongly(facts):
    """The plug's own rules: nothing opened under load, no phase without neutral."""
    return ["EVSE %d: %s" % (i, evse["violations"]) for i, evse in enumerate(facts.run.evses)
            if evse.get("violations")]


RULES = (grants_are_zero_or_from_min_to_max, offers_follow_grants,
         the_circuit_holds_by_construction, the_relay_holds, overloads_are_gone_in_time,
         stops_are_needed, starts_are_not_aborted, it_comes_to_rest, room_is_used,
         nothing_is_switched_wrongly)
