"""One EVSE in Smart: load steps, recovery, old data, cycling loads, phases, the sub-panel."""

from bench_power_judge import (
    LATENCY_S,
    STOP_S,
    Figure,
    Job,
    car,
    document,
    meter,
    most_within,
    reaction_s,
    site,
)

MAINS_DA = 250
PERIODS = (1, 2, 5, 10)
DEADS = (1, 2, 3, 4, 5)
SMART = {"mode": "Smart", "mains": 25, "max": 32}
STEP_AT, STEP_END, STEP_STOP = 150, 200, 250


def within(period, dead, rise_s):
    """Seconds a recovery may take."""
    if period == 2 and dead <= 2:
        return 12.0
    return 2 * period + dead + rise_s + 5.0


def step(offsets):
    """+10 A of the house at 25 A mains with the car at 22 A, and its end 50 s later."""
    jobs = []
    for period in PERIODS:
        for dead in DEADS:
            for phases in ((1, 2, 3), (1,)):
                # One phase behaves alike: a few of them will do.
                if len(phases) == 3 or (period == 2 and dead in (1, 2, 4)):
                    for offset in offsets:
                        jobs.append(_step(period, dead, phases, offset))
    return jobs


def _step(period, dead, phases, offset):
    load = [[0, 30, 20, 10], [STEP_AT, 130, 20, 10], [STEP_END, 30, 20, 10]]
    name = "step: meter %g s, car %g s, %d-phase" % (period, dead, len(phases))

    def judge(run):
        flow = run.mains(0)
        over = run.peak(flow, STEP_AT, STEP_END) - MAINS_DA
        limit = reaction_s(period, dead, over, 50)
        free = MAINS_DA - 130
        return [
            Figure(name + ": above 25 A", "s", run.over_mains_s(MAINS_DA, STEP_AT, STEP_END),
                   limit, "car 22 A, house +10 A, ramp 5 A/s; reference 3.9-16 s; limit T"),
            Figure(name + ": stops", "", run.stops(), 0,
                   "12 A are free; the reference stops a car that reacts after 4 s"),
            Figure(name + ": lowered too far", "A",
                   (free - run.least(run.draw(0), STEP_AT, STEP_END)) / 10, 1.5,
                   "lowest draw below the 12 A that are free; reference: 6 A and a stop at 4 s"),
            Figure(name + ": back within 0.5 A", "s",
                   run.settled_s(flow, MAINS_DA - 5, MAINS_DA + 5, STEP_END, STEP_STOP),
                   within(period, dead, 100 / 50), "house -10 A; reference 15-21 s at 2 s"),
            Figure(name + ": above 25 A while recovering", "s",
                   run.over_mains_s(MAINS_DA, STEP_END + reaction_s(period, dead, 0, 50),
                                    STEP_STOP) + run.over_mains_s(MAINS_DA, 0, STEP_AT), 0,
                   "nothing but our own increases can cause it"),
        ]
    return Job(document(STEP_STOP, SMART, [car(phases, 320, dead)], site(load),
                        meter(period, offset)), judge)


def limited(offsets):
    """The same with a car that takes 16 A and was offered more."""
    jobs = []
    for period in PERIODS:
        for dead in DEADS:
            jobs += [_limited(period, dead, None, offset) for offset in offsets]
        jobs += [_limited(period, 2, {"period_s": 2}, offset) for offset in offsets]
    return jobs


def _limited(period, dead, ev_meter, offset):
    load = [[0, 60, 20, 10], [STEP_AT, 160, 20, 10], [STEP_END, 60, 20, 10]]
    name = "limited: meter %g s, car %g s%s" % (period, dead, ", EV meter" if ev_meter else "")

    def judge(run):
        over = run.peak(run.mains(0), STEP_AT, STEP_END) - MAINS_DA
        return [
            Figure(name + ": above 25 A", "s", run.over_mains_s(MAINS_DA),
                   reaction_s(period, dead, over, 50),
                   "car takes 16 A of 32 A, house 6 +10 A; reference 10.8-29 s; limit T"),
            Figure(name + ": stops", "", run.stops(), 0, "9 A are free"),
            Figure(name + ": lowered too far", "A",
                   (90 - run.least(run.draw(0), STEP_AT, STEP_END)) / 10, 1.5,
                   "lowest draw below the 9 A that are free"),
        ]
    return Job(document(STEP_STOP, SMART, [car((1, 2, 3), 160, dead)], site(load),
                        meter(period, offset), ev_meter=ev_meter), judge)


PULSE_S, GAP_S, PULSES = 10, 290, 12
QUIET_S = 3900


def hold(offsets):
    """Overloads that come again within 5 minutes: the wait before recovering doubles, and decays.

    The last overload comes after more than an hour of quiet.
    """
    begins = [200 + n * GAP_S for n in range(PULSES)]
    begins.append(begins[-1] + QUIET_S)
    load = [[0, 30, 20, 10]]
    for begin in begins:
        load += [[begin, 130, 20, 10], [begin + PULSE_S, 30, 20, 10]]
    end = begins[-1] + GAP_S

    def judge(run):
        waits = []
        for begin in begins:
            gone = begin + PULSE_S
            rise = [moment - gone for moment, before, after in run.changes("grant_da")
                    if gone <= moment < begin + GAP_S and after > before]
            waits.append(rise[0] if rise else GAP_S - PULSE_S)
        counted = waits[:-1]
        # Between the second and the one where nothing came back until the next overload.
        growing = [later / max(wait, 2) for wait, later in zip(counted[1:], counted[3:])
                   if later < 120]
        setup = "house +10 A for 10 s each 290 s, meter 2 s; reference has no such wait: "
        setup += " ".join("%.0f" % wait for wait in waits) + " s"
        return [
            Figure("hold: growth over two overloads", "", min(growing, default=0), 2.8, setup,
                   least=True),
            Figure("hold: longest", "s", max(waits), 312, setup),
            Figure("hold: longest reached", "s", max(waits), 200, setup, least=True),
            Figure("hold: after an hour of quiet", "s", waits[-1], 12, setup),
            Figure("hold: first", "s", waits[0], 12, setup),
            Figure("hold: stops", "", run.stops(), 0, setup),
        ]
    return [Job(document(end, SMART, [car((1, 2, 3), 320, 2)], site(load), meter(2, offset)),
                judge) for offset in offsets]


def redelivered(offsets):
    """A P1 meter with new data each 10 s, delivered each 2 s."""
    jobs = []
    for more in (60, 40):
        for dead in (1, 2, 4):
            jobs += [_redelivered(more, dead, offset) for offset in offsets]
    return jobs


def _redelivered(more, dead, offset):
    load = [[0, 50, 20, 10], [120, 50 + more, 20, 10]]
    name = "redelivered: +%d A, car %g s" % (more // 10, dead)
    free = MAINS_DA - 50 - more

    def judge(run):
        over = run.peak(run.mains(0), 120) - MAINS_DA
        return [
            Figure(name + ": stops", "", run.stops(), 0, "15 min; reference 10 stops at +6 A"),
            Figure(name + ": above 25 A", "s", run.over_mains_s(MAINS_DA),
                   reaction_s(10, dead, over, 50), "reference 120 s; limit T with period 10 s"),
            Figure(name + ": mean of %.0f A" % (free / 10), "A",
                   run.mean(run.draw(0), 180, 1020) / 10, (free - 10) / 10,
                   "minutes 1 to 15 after the step; reference 8.5 A at +6 A", least=True),
            Figure(name + ": reversals", "", len([t for t in run.grants() if t >= 180]), 2,
                   "minutes 1 to 15 after the step"),
        ]
    return Job(document(1020, SMART, [car((1, 2, 3), 320, dead)], site(load),
                        meter(10, offset, redeliver_s=2)), judge)


CYCLE_AT, CYCLE_S = 200, 1800


def cycling(offsets):
    """An air fryer: 2 kW, 20 s on and 15 s off, for half an hour."""
    jobs = []
    for period in PERIODS:
        for dead in (1, 2, 5):
            if dead == 2 or period in (2, 5):
                jobs += [_cycling(period, dead, offset) for offset in offsets]
    return jobs


def _cycling(period, dead, offset):
    load = [[0, 60, 20, 10]]
    begin = CYCLE_AT
    while begin < CYCLE_AT + CYCLE_S:
        load += [[begin, 147, 20, 10], [begin + 20, 60, 20, 10]]
        begin += 35
    name = "cycling: meter %g s, car %g s" % (period, dead)

    def judge(run):
        over = run.peak(run.mains(0)) - MAINS_DA
        return [
            Figure(name + ": reversals in 10 min", "",
                   most_within(run.grants(), 600, CYCLE_AT + 300), 6,
                   "2 kW 20 s on 15 s off, the worst 10 min after the first 5"),
            Figure(name + ": stops", "", run.stops(), 0, "half an hour"),
            Figure(name + ": above 25 A after 5 min", "s",
                   run.over_mains_s(MAINS_DA, CYCLE_AT + 300),
                   8 * reaction_s(period, dead, over, 50),
                   "in 25 min; 15 reversals are 8 lowerings, each gone within T"),
            Figure(name + ": mean draw", "A", run.mean(run.draw(0), CYCLE_AT + 300) / 10, 9.5,
                   "10.3 A are free while it heats", least=True),
        ]
    return Job(document(CYCLE_AT + CYCLE_S, SMART, [car((1, 2, 3), 320, dead)], site(load),
                        meter(period, offset)), judge)


def other_phase(offsets):
    """A one-phase car on L1 and an overload of the house on L2."""
    jobs = []
    for period in PERIODS:
        for ev_meter in (None, {"period_s": 2}):
            jobs += [_other_phase(period, ev_meter, offset) for offset in offsets]
    return jobs


def _other_phase(period, ev_meter, offset):
    load = [[0, 20, 100, 10], [200, 20, 260, 10], [800, 20, 100, 10]]
    name = "other phase: meter %g s%s" % (period, ", EV meter" if ev_meter else "")

    def judge(run):
        setup = "car on L1, L2 of the house at 26 A for 10 min; reference stops"
        return [
            Figure(name + ": stops", "", run.stops(), 0, setup),
            Figure(name + ": mean of 16 A", "A", run.mean(run.draw(0), 200, 800) / 10, 15.0, setup,
                   least=True),
        ]
    return Job(document(900, dict(SMART, max=16), [car((1,), 160, 2)], site(load),
                        meter(period, offset), ev_meter=ev_meter), judge)


def sub_panel(offsets):
    """The wiring of the seed's drawing: MAINS 25, CIRCUIT 16, the washer on the sub-panel."""
    jobs = []
    for washer_from in (0, 300):
        for period in (2, 5):
            jobs += [_sub_panel(washer_from, period, offset) for offset in offsets]
    return jobs


def _sub_panel(washer_from, period, offset):
    settings = {"mode": "Smart", "mains": 25, "circuit": 16, "max": 16, "pwr_share": "Disabled",
                "ev_meter_role": "Sub-panel"}
    circuit = [[0, 100, 0, 0], [600, 0, 0, 0]]
    if washer_from:
        circuit = [[0, 0, 0, 0], [washer_from, 100, 0, 0], [600, 0, 0, 0]]
    name = "sub-panel: washer %s, meters %g s" % ("starts" if washer_from else "runs", period)

    def judge(run):
        over = max(run.peak(run.circuit(phase)) for phase in (0, 1, 2)) - 160
        # 6 A are left for MIN: no stop. The limit is T when the washer starts beside the car.
        limit = reaction_s(period, 2, over, 50) if washer_from else 0
        figures = [
            Figure(name + ": circuit above 16 A", "s", run.over_circuit_s(160), limit,
                   "washer 10 A beside the car; limit %s" % ("T" if washer_from else "never")),
            Figure(name + ": mains above 25 A", "s", run.over_mains_s(250), limit, "house 8 A"),
            # 1 is waiting for current, 2 a meter that has not spoken yet.
            Figure(name + ": faults", "", len([a for _, a, _ in run.told("fault_set") if a > 2]),
                   0, "the EV meter shows 10 A of the washer"),
            Figure(name + ": stops", "", run.stops(), 0, "MIN is free"),
            Figure(name + ": mean without the washer", "A",
                   run.mean(run.draw(0), 700, 900) / 10, 15.0, "16 A are left", least=True),
        ]
        if washer_from:  # to begin beside it would take 1 A more than MIN
            figures.append(Figure(name + ": mean beside the washer", "A",
                                  run.mean(run.draw(0), 400, 600) / 10, 5.5, "6 A are left",
                                  least=True))
        return figures
    return Job(document(900, settings, [car((1, 2, 3), 160, 2)],
                        site([80, 20, 10], circuit_load_da=circuit), meter(period, offset),
                        ev_meter={"period_s": period, "start_s": round(offset * period, 3)},
                        journal=True), judge)


def stop_only_when_needed(offsets):
    """Less than MIN is left: it stops after two samples, and not for one that was short."""
    jobs = []
    for period in PERIODS:
        jobs += [_needed(period, offset) for offset in offsets]
    return jobs


def _needed(period, offset):
    # 24 of 25 A, then the same for less than a period (a motor starts), then away.
    short = 0.8 * period
    load = [[0, 30, 20, 10], [150, 240, 20, 10], [250, 30, 20, 10], [500, 215, 20, 10],
            [500 + short, 30, 20, 10]]
    name = "no room: meter %g s" % period

    def judge(run):
        over = run.peak(run.mains(0), 150, 250) - MAINS_DA
        limit = reaction_s(period, 2, over, 50) + 2 * period + LATENCY_S + STOP_S
        return [
            Figure(name + ": above 25 A", "s", run.over_mains_s(MAINS_DA, 150, 250), limit,
                   "house 24 A; limit T + two samples + 4 s to stop; reference 5 s + the car"),
            Figure(name + ": stops for a short one", "", run.stops(0, 500), 0,
                   "house 21.5 A for 0.8 periods"),
            Figure(name + ": charges again", "s",
                   next((moment - 250 for moment, _, closed in run.changes("c1")
                         if closed and moment > 250), 999), 75,
                   "after the house is back at 3 A; reference 60 s and more"),
        ]
    return Job(document(600, SMART, [car((1, 2, 3), 320, 2)], site(load), meter(period, offset)),
               judge)


GROUPS = {"step": step, "limited": limited, "hold": hold, "redelivered": redelivered,
          "cycling": cycling, "other-phase": other_phase, "sub-panel": sub_panel,
          "no-room": stop_only_when_needed}
