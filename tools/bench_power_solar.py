"""One EVSE in Solar: steady sun, the home battery, one or three phases."""

from bench_power_judge import (
    Figure,
    Job,
    car,
    document,
    meter,
    reaction_s,
    site,
)

PERIODS = (1, 2, 5, 10)
STYLES = ("thrifty", "balanced", "greedy")
SOLAR = {"mode": "Solar", "mains": 25, "max": 16, "start": 4, "stop": 10, "import": 0}
SETTLED_S, STEADY_S = 600, 1200


def steady(offsets):
    """A three-phase car under a constant sun of 12 A a phase, cars that react after 2 to 5 s."""
    jobs = []
    for period in PERIODS:
        for dead in (2, 3, 4, 5) if period in (2, 5) else (2, 5):
            # Slow ramps too: the reference's limit cycles grow with them.
            jobs += [_steady(period, dead, (50, 10)[number % 2], "balanced", offset)
                     for number, offset in enumerate(offsets)]
    for style in STYLES:
        jobs += [_steady(2, 3, 50, style, offset) for offset in offsets]
    return jobs


def _steady(period, dead, ramp, style, offset):
    name = "steady sun: meter %g s, car %g s, %s" % (period, dead, style)
    # 39 A feed the sum of the phases, 3 A the house; 36 A are for the car.
    place = site([15, 10, 5], [130, 130, 130])

    def judge(run):
        draw = run.draw(0)
        high, low = run.peak(draw, SETTLED_S), run.least(draw, SETTLED_S)
        setup = "3 x 12 A of sun, ramp 5 and 1 A/s, minutes 10 to 20; reference "
        turns = [moment for moment in run.grants(0, 1) if moment >= SETTLED_S]
        return [
            Figure(name + ": ripple", "A", (high - low) / 10, 0.2,
                   setup + "1-4 A; highest less lowest draw per phase"),
            Figure(name + ": reversals", "", len(turns), 2,
                   setup + "up to 99; steps of 0.1 A count"),
            Figure(name + ": export left", "A", -run.mean(run.mains_sum, SETTLED_S) / 10, 2.0,
                   setup + "up to 3.3 A; sum of the phases, mean"),
            Figure(name + ": import", "A",
                   run.mean(lambda row: max(0, run.mains_sum(row)), SETTLED_S) / 10, 0.1,
                   setup + "0.4-0.6 A; sum of the phases, mean"),
            Figure(name + ": starts", "", run.evses[0]["starts"], 1, setup),
        ]
    return Job(document(STEADY_S, dict(SOLAR, solar_style=style),
                        [car((1, 2, 3), 160, dead, ramp)], place, meter(period, offset)), judge)


def moving(offsets):
    """A one-phase car on a sun that rises and falls by 10 A in steps: what it buys and misses."""
    jobs = []
    for period in (2, 5):
        for style in STYLES:
            jobs += [_moving(period, style, offset) for offset in offsets]
    return jobs


def _moving(period, style, offset):
    sun = [[0, 120, 0, 0], [900, 220, 0, 0], [1500, 120, 0, 0]]
    name = "sun moves: meter %g s, %s" % (period, style)

    def judge(run):
        fall = run.mean(lambda row: max(0, run.mains_sum(row)), 1500, 1620) / 10 * 120
        up = run.settled_s(run.draw(0), 185, 212, 900, 1500)
        return [
            Figure(name + ": bought after -10 A", "As", fall, 66 if period == 2 else 140,
                   "one phase, 21 to 11 A of sun, two minutes; reference 66 at 2 s, 140 at 5 s"),
            Figure(name + ": up 10 A", "s", up, 35 if period == 2 else 91,
                   "within 2.5 A of the sun; reference 35 s at 2 s, 91 s at 5 s for 10 to 19 A"),
        ]
    return Job(document(2100, dict(SOLAR, max=32, solar_style=style), [car((1,), 320, 2)],
                        site([10, 0, 0], sun), meter(period, offset)), judge)


def battery_raw(offsets):
    """A home battery charges with 15 A on L1 while the sun feeds L2 and L3."""
    jobs = []
    for begins in (0, 600):
        for period in (2, 10):
            jobs += [_battery_raw(begins, period, offset) for offset in offsets]
    return jobs


def _battery_raw(begins, period, offset):
    battery = [[0, 150, 0, 0]] if not begins else [[0, 0, 0, 0], [begins, 150, 0, 0]]
    name = "battery on L1: %s, meter %g s" % ("begins" if begins else "charges", period)

    def judge(run):
        over = run.peak(run.mains(0)) - 250
        limit = reaction_s(period, 2, over, 50) if begins else 0
        return [
            Figure(name + ": L1 above 25 A", "s", run.over_mains_s(250), limit,
                   "L1: house 2, battery 15 A; sun 20 A on L2 and L3; reference 35.2 A for ever"),
            Figure(name + ": L1 at the end", "A", run.peak(run.mains(0), 900) / 10, 25.1,
                   "highest of the last 5 min"),
            Figure(name + ": mean of 8 A", "A", run.mean(run.draw(0), 900) / 10, 7.0,
                   "the last 5 min; the sun would give more", least=True),
            Figure(name + ": stops", "", run.stops(), 0, "8 A are free"),
        ]
    return Job(document(1200, dict(SOLAR, max=32), [car((1,), 320, 2)],
                        site([20, 20, 20], [0, 200, 200], battery_da=battery,
                             battery_report={"period_s": 5}), meter(period, offset)), judge)


LIFE_S, REPORT_S = 60, 5
SILENT = ((400, 700), (850, 1200))


def battery_target(offsets):
    """Battery +10 A, P1 -1 A: 11 A for the car. The value lives 60 s, then it expires visibly."""
    jobs = []
    for period in (2, 5):
        for silent in ((), SILENT):
            jobs += [_battery_target(period, silent, offset) for offset in offsets]
    return jobs


def _battery_target(period, silent, offset):
    name = "battery target: meter %g s, %s" % (period, "falls silent" if silent else "lasts")
    setup = "battery +10 A, P1 -1 A without the car"
    events = []
    for begin, end in silent:
        events += [[begin, "battery_report", "off"], [end, "battery_report", "on"]]

    def judge(run):
        told = [row[0] for row in run.told("battery_expired")]
        until = silent[0][0] if silent else run.end
        figures = [
            Figure(name + ": highest draw", "A", run.peak(run.draw(0), 300, until) / 10, 11.05,
                   setup),
            Figure(name + ": lowest draw", "A", run.least(run.draw(0), 300, until) / 10, 10.0,
                   setup, least=True),
            Figure(name + ": expired", "", len(told), len(silent), setup),
        ]
        for begin, end in silent:
            late = min([abs(moment - begin - LIFE_S) for moment in told], default=999)
            figures.append(Figure(name + ": told at 60 s, off by", "s", late, REPORT_S + 2.0,
                                  "the last of a value each 5 s; entry in the journal"))
            # Then P1 says 10 A too much: the car goes down to MIN and stays there for STOP.
            figures.append(Figure(name + ": draw on a dead value", "A", run.peak(
                run.draw(0), begin + LIFE_S + 30, end) / 10, 6.05, "from 90 s after the last"))
        return figures
    return Job(document(1200, dict(SOLAR, max=32), [car((1,), 320, 2)],
                        site([10, 0, 0], [120, 0, 0], battery_da=[100, 0, 0],
                             battery_report={"period_s": REPORT_S}), meter(period, offset),
                        journal=True, events=events), judge)


HOURS_S = 7200
# A feed-in of one phase that never exceeds 16 A and always carries one phase at MIN.
FEED_IN = [[0, 160, 0, 0], [900, 140, 0, 0], [1500, 100, 0, 0], [2400, 160, 0, 0],
           [3300, 120, 0, 0], [4500, 150, 0, 0], [5400, 110, 0, 0], [6300, 160, 0, 0]]


def feed_in(offsets):
    """The seed's headline bug: three-phase car, 16 A of sun on one phase, CONTACT 2."""
    jobs = []
    for contact in ("Auto", "Auto from Smart", "Not present", "Always On"):
        for period in (2, 10) if contact == "Auto" else (2,):
            jobs += [_feed_in(contact, period, offset) for offset in offsets]
    return jobs


def _feed_in(contact, period, offset):
    auto = contact.startswith("Auto")
    from_smart = contact == "Auto from Smart"
    settings = dict(SOLAR, contact_2="Auto" if auto else contact)
    events = []
    if from_smart:  # it charges on three phases when it becomes Solar
        settings["mode"] = "Smart"
        events = [[120, "command", "mode", "Solar"]]
    name = "feed-in: %s, meter %g s" % (contact, period)
    # After a start and a switch; each change of the sun takes the car a while to follow.
    begin = 900

    def judge(run):
        stops = run.changes("c1")
        stops = [moment for moment, _, closed in stops if not closed]
        setup = "16 A of sun on L1 that moves, three-phase car, 2 hours; reference: 3->1 for ever"
        if auto:
            less = [moment for moment, _, closed in run.changes("c2") if not closed]
            three = sum(until - start for start, until, row in run.spans(begin)
                        if row[run.column("ev_l2_ma")])
            spare = run.mean(lambda row: max(0, -run.mains_sum(row)), begin) / 10
            bought = run.mean(lambda row: max(0, run.mains_sum(row)), begin) / 10
            return [
                Figure(name + ": 3 -> 1 switches", "", len(less), 1, setup),
                Figure(name + ": starts", "", run.evses[0]["starts"],
                       2 if from_smart else 1, setup),
                Figure(name + ": on three phases", "s", three, 0, setup + "; after 15 min"),
                Figure(name + ": sun left", "A", spare, 1.0, setup + "; mean after 15 min"),
                Figure(name + ": bought", "A", bought, 0.2, setup + "; mean after 15 min"),
            ]
        between = [later - one for one, later in zip(stops, stops[1:])]
        return [
            Figure(name + ": stops", "", len(stops), HOURS_S // 600, setup + "; STOP is 10 min"),
            Figure(name + ": least between two stops", "s", min(between, default=HOURS_S), 600,
                   setup + "; STOP is 10 min", least=True),
            Figure(name + ": starts", "", run.evses[0]["starts"], 1,
                   "START is 4 A, 14 A are there", least=True),
        ]
    return Job(document(HOURS_S, settings, [car((1, 2, 3), 160, 2)],
                        site([10, 5, 5], FEED_IN), meter(period, offset), events=events), judge)


def stop_time(offsets):
    """The sun ends: a car at MIN is stopped STOP minutes later, and with STOP 0 never."""
    jobs = []
    for minutes in (0, 1, 10):
        jobs += [_stop_time(minutes, offset) for offset in offsets]
    return jobs


def _stop_time(minutes, offset):
    sun = [[0, 130, 0, 0], [900, 0, 0, 0]]
    name = "sun ends: STOP %d" % minutes

    def judge(run):
        stops = [moment - 900 for moment, _, closed in run.changes("c1") if not closed]
        figures = [
            Figure(name + ": starts", "", run.evses[0]["starts"], 1, "12 A, then none"),
            Figure(name + ": mean of 12 A", "A", run.mean(run.draw(0), 300, 900) / 10, 11.5,
                   "minutes 5 to 15", least=True),
        ]
        if minutes:
            figures.append(Figure(name + ": latest stop", "s", (stops or [9999])[0],
                                  60 * minutes + 90, "after the sun ended at noon"))
        else:
            figures.append(Figure(name + ": stops", "", len(stops), 0, "0 is never"))
            figures.append(Figure(name + ": draw", "A", run.peak(run.draw(0), 960) / 10, 6.05,
                                  "one minute after the sun ended"))
        return figures
    return Job(document(2100, dict(SOLAR, stop=minutes), [car((1,), 160, 2)],
                        site([10, 0, 0], sun), meter(2, offset)), judge)


GROUPS = {"steady-sun": steady, "sun-moves": moving, "battery-raw": battery_raw,
          "battery-target": battery_target, "feed-in": feed_in, "sun-ends": stop_time}
