"""What must hold in any run: the invariants of DESIGN 5, checked on a trace of the true currents.

``judge`` returns sentences, one for each rule a run broke. Currents are dA, times s. An overload
is excused for the time T after the last thing outside that can have caused it: the house takes
more, the sun goes, a limit is lowered, a meter or the bus falls silent.
"""

from bisect import bisect_right

from bench_power_judge import LINK_S, PHASES, STOP_S, Run, reaction_s
from twin.car import offer_ma

OVER_DA = 1
OURS_DA = 3  # less than this is no draw to speak of
METER_LIFE_S, CIRCUIT_LIFE_S, TOLD_LIFE_S = 11, 20, 11
TICK_S = 1.05  # the regulator looks at its ceilings once a second at least
POLL_S = 2.4  # until the master knows what a node's ceiling is now
ROUND_DA = 0.5  # a duty is a whole number
ABORT_S = 10
MOVES_S = 15  # a car on its way so long may hide what the house does
START_ROOM_DA = 18  # MIN + 1 A, the margin of raising, and what rounding and noise hide
SPARE_DA, SPARE_EACH_DA = 12, 4  # raising has its margin, and steps of 0.3 A for each
REST_S = 60
NEVER_S = 1e9


class Timeline:
    """A value that changes at times; rows are (time, value), the first at 0."""

    def __init__(self, rows):
        self._times = [row[0] for row in rows]
        self._values = [row[1] for row in rows]

    def at(self, moment):
        """The value in force at ``moment``."""
        return self._values[max(0, bisect_right(self._times, moment) - 1)]

    def rises(self):
        """Times at which it becomes more."""
        return [self._times[n] for n in range(1, len(self._times))
                if self._values[n] > self._values[n - 1]]

    def falls(self):
        """Times at which it becomes less."""
        return [self._times[n] for n in range(1, len(self._times))
                if self._values[n] < self._values[n - 1]]

    def most(self, begin, end):
        """The highest value in force from ``begin`` to ``end``."""
        return max([self.at(begin)] + [value for moment, value in zip(self._times, self._values)
                                       if begin < moment <= end])


class Facts:
    """A run and what is known about its site at each moment."""

    def __init__(self, scenario, result):
        self.scenario = scenario
        self.run = run = Run(scenario, result)
        self.count = run.count
        self.cars = [evse["car"] for evse in scenario["evses"]]
        self.own = [dict(scenario["settings"], **evse["settings"]) for evse in scenario["evses"]]
        self.settings = self.own[0]
        self.events = scenario["events"]
        self.end = scenario["duration_s"]
        self.mains_da = self._setting("mains", 25)
        self.circuit_da = self._setting("circuit", 160)
        self.max_da = [self._setting("max", 13, i) for i in range(self.count)]
        self.min_da = 10 * self.settings.get("min", 6)
        self.meter = scenario["mains_meter"]
        self.noise = self.meter["noise_da"]
        self.sub_panel = self.settings.get("ev_meter_role") == "Sub-panel"
        self.circuit_meter = scenario["circuit_meter"] or (
            scenario["ev_meter"] if self.sub_panel else None)
        self.shared = self.count > 1
        self.outside = [self._outside(phase) for phase in PHASES]
        self.beside = [Timeline([(row[0], row[phase + 1])
                                 for row in scenario["site"]["circuit_load_da"]])
                       for phase in PHASES]
        self.offers = [run.column("duty", i) for i in range(self.count)]
        self.grants = [run.column("grant_da", i) for i in range(self.count)]
        self.closed = [run.column("c1", i) for i in range(self.count)]

    def _setting(self, key, default, number=0):
        rows = [(0, 10 * self.own[number].get(key, default))]
        rows += [(event[0], 10 * event[3]) for event in self.events
                 if event[1] == "set" and event[2] == key
                 and (event[4] if len(event) > 4 else 0) == number]
        return Timeline(rows)

    def _outside(self, phase):
        """What the site takes on ``phase`` without the EVSEs."""
        site = self.scenario["site"]
        series = [(Timeline([(row[0], row[phase + 1]) for row in site[key]]), sign, site[key])
                  for key, sign in (("load_da", 1), ("circuit_load_da", 1), ("battery_da", 1),
                                    ("pv_da", -1))]
        times = sorted({row[0] for _, _, rows in series for row in rows} | {0})
        return Timeline([(moment, sum(sign * line.at(moment) for line, sign, _ in series))
                         for moment in times])

    def mode(self, i):
        """Normal, Smart or Solar."""
        return self.own[i].get("mode", "Normal")

    def switched(self, kind, word="off"):
        """Times of the events ``kind`` with this word."""
        return [event[0] for event in self.events if event[1] == kind and event[-1] == word]

    def bus_cuts(self):
        """Times at which nodes stop hearing for lack of power or wire."""
        return self.switched("link") + [event[0] for event in self.events if event[1] == "kill"]

    def offer(self, row, i):
        """The current EVSE ``i`` offers its car."""
        return offer_ma(row[self.offers[i]]) / 100

    def blind(self):
        """Times until which nobody could know, or be told."""
        moments = []
        for begin in self.switched("meter"):
            moments += [begin, begin + METER_LIFE_S]
        for kind in ("circuit_meter", "ev_meter"):
            for begin in self.switched(kind):
                moments += [begin, begin + CIRCUIT_LIFE_S]
        for begin in self.bus_cuts():
            moments += [begin, begin + TOLD_LIFE_S]
        moments += self.switched("link", "on") + self.switched("meter", "on")
        return moments

    def silent(self, meter):
        """Times without ``meter`` in which an EVSE in Normal charges with MIN all the same."""
        if all(self.mode(i) != "Normal" for i in range(self.count)):
            return []
        kinds = ("meter",) if meter is self.meter else ("circuit_meter", "ev_meter")
        offs = [moment for kind in kinds for moment in self.switched(kind)]
        ons = [moment for kind in kinds for moment in self.switched(kind, "on")]
        late = 2 * meter["period_s"] + meter["latency_s"]
        spans = [(0, meter["start_s"] + late)]
        for off in offs:
            spans.append((off, min([on for on in ons if on > off], default=NEVER_S) + late))
        return spans

    def reaction(self, over, meter, stops):
        """T for this site; ``stops``: somebody has to stop, which takes two more
        samples that find him at MIN."""
        dead = max(car["dead_s"] for car in self.cars)
        ramp = min(car["ramp_da_s"] for car in self.cars)
        seconds = reaction_s(meter["period_s"], dead, over, ramp, meter["latency_s"],
                             LINK_S if self.shared else 0)
        return seconds + (2 * meter["period_s"] + STOP_S if stops else 0)


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
        longest = facts.reaction(peak, meter, least > allowed) + patience
        late = meter["period_s"] + meter["latency_s"]
        if any(cause - MOVES_S <= moment <= cause + late for moment in rises):
            # What the house did while a car rose is found out when the next rise has come.
            cause = max(cause, begin)
        if until - cause > longest:
            return ["%.2f s: %s at %.1f A of %.0f A since %.2f s, %s, T is %.1f s" % (
                until, name, value / 10, allowed / 10, begin,
                "by our own action" if cause < 0 else "last cause at %.2f s" % cause, longest)]
    return []


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
    """In the last minute of a quiet site nobody's grant goes up and down."""
    found = []
    begin = facts.end - REST_S
    for i in range(facts.count):
        turns = [moment for moment in facts.run.grants(i) if moment >= begin]
        late = [moment for n in range(facts.count) for moment, _, _ in facts.run.changes("c1", n)
                if moment >= begin - 30]
        # Questions to a car are turns, too: with several EVSEs two of them a minute.
        if not late and len(turns) > 2 + 2 * bool(facts.noise) + 2 * facts.shared:
            found.append("EVSE %d turned round %d times in the last minute" % (i, len(turns)))
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
    rows = list(facts.run.spans(facts.end - 1))
    row = rows[-1][2]
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
