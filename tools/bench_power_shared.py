"""Several EVSEs under one set of limits, with the node protocol between them."""

from bench_power_judge import (
    LINK_S,
    STOP_S,
    Figure,
    Job,
    car,
    document,
    meter,
    reaction_s,
    site,
)

SMART = {"mode": "Smart", "mains": 25, "max": 16}


def fair_share(run, begin, end=None):
    """(lowest, highest) energy of the EVSEs, each as a share of the mean of all."""
    energies = [run.mean(run.draw(i), begin, end) for i in range(run.count)]
    mean = sum(energies) / len(energies) or 1
    return min(energies) / mean, max(energies) / mean


def two_cars(offsets):
    """Two cars charge; then for half an hour 11 A are left, less than twice MIN."""
    jobs = []
    for period in (2, 10):
        jobs += [_two_cars(period, offset) for offset in offsets]
    return jobs


TWO_AT, TWO_S = 120, 1800


def _two_cars(period, offset):
    load = [[0, 10, 10, 10], [TWO_AT, 140, 140, 140]]
    name = "two cars: meter %g s" % period

    def judge(run):
        over = max(run.peak(run.mains(phase), TWO_AT) for phase in (0, 1, 2)) - 250
        # Down to MIN for both; two samples that find them there show that one is too many.
        first = reaction_s(period, 2, over, 50, link=LINK_S) + 2 * period + STOP_S
        operations = sum(evse["contactor_ops"] for evse in run.evses)
        setup = "11 A for 30 min, MIN 6; reference "
        return [
            Figure(name + ": used", "A", run.mean(run.used, TWO_AT) / 10, 10.0,
                   setup + "1.8 A; mean of the whole half hour", least=True),
            Figure(name + ": contactor operations", "", operations, 8, setup + "96"),
            Figure(name + ": above 25 A after the first reaction", "s",
                   run.over_mains_s(250, TWO_AT + first), 0,
                   setup + "187 s; after T + two samples + 4 s to stop = %.1f s" % first),
            Figure(name + ": above 25 A", "s", run.over_mains_s(250), first, setup + "187 s"),
            Figure(name + ": aborted starts", "",
                   sum(evse["aborted_starts"] for evse in run.evses), 0, setup),
        ]
    return Job(document(TWO_AT + TWO_S, SMART, [car(), car()], site(load), meter(period, offset)),
               judge)


def four_cars(offsets):
    """Four cars, current for two, one hour."""
    jobs = []
    for kind in ("mains", "circuit"):
        for rotation in (None, 10):
            jobs += [_four_cars(kind, rotation, offset) for offset in offsets]
    return jobs


def _four_cars(kind, rotation, offset):
    settings = dict(SMART)
    load = [10, 10, 10]
    if kind == "mains":
        load = [100, 100, 100]
    else:
        settings.update(circuit=15, mains=40)
    if rotation:
        settings["rotation_min"] = rotation
    name = "four cars: %s, %s" % (kind, "rotation %d min" % rotation if rotation else "defaults")

    def judge(run):
        low, high = fair_share(run, 0)
        setup = "15 A by %s, one hour; reference: 7.5 A for two, nothing for two" % kind
        return [
            Figure(name + ": least of the fair energy", "%", 100 * low, 85, setup, least=True),
            Figure(name + ": most of the fair energy", "%", 100 * high, 115, setup),
            Figure(name + ": used", "A", run.mean(run.used) / 10, 13.5, setup, least=True),
            Figure(name + ": over the limit", "s",
                   run.over_mains_s(250) if kind == "mains" else run.over_circuit_s(150),
                   0, setup),
            Figure(name + ": operations per car and 10 min", "",
                   max(evse["contactor_ops"] for evse in run.evses) / 6, 1, setup),
            Figure(name + ": aborted starts", "",
                   sum(evse["aborted_starts"] for evse in run.evses), 0, setup),
        ]
    return Job(document(3600, settings, [car(plugged=[[5 + 3 * i, 4000]]) for i in range(4)],
                        site(load), meter(2, offset)), judge)


RELAY_AT, RELAY_KW = 300, 4.2


def relay(offsets):
    """The grid operator's relay opens: 4.2 kW for all EVSEs together."""
    jobs = []
    for count in (1, 2, 3, 4):
        for mode in ("Normal", "Smart"):
            jobs += [_relay(count, mode, (1, 2, 3), offset) for offset in offsets]
    jobs += [_relay(4, "Smart", (1,), offset) for offset in offsets]
    return jobs


def _relay(count, mode, phases, offset):
    name = "relay: %d EVSE, %s, %d-phase" % (count, mode, len(phases))
    settings = dict(SMART, mode=mode, mains=100, circuit=100)
    # One more joins while it is open; the moment in the bus cycle differs each time.
    opens = round(RELAY_AT + 2 * offset, 2)
    cars = [car(phases, 160, 2, plugged=[[5, 2000]]) for _ in range(count)]
    if count > 1:
        cars[-1]["plugged"] = [[500, 2000]]
    limit = LINK_S + 2 + 100 / 50 + 1 + STOP_S  # no meter: link, car, ramp, 1 s; and to stop some

    def judge(run):
        setup = "3-phase 16 A before, the last one joins later; reference 4.14, 8.28 .. 16.56 kW"
        return [
            Figure(name + ": power", "kW", run.peak(run.power_kw, opens + limit), RELAY_KW,
                   setup + "; from %.1f s after it opened" % limit),
            # How many phases the cars use is not always known: one at MIN is certain.
            Figure(name + ": used", "kW", run.mean(run.power_kw, opens + 120),
                   3.7 if len(phases) == 3 else 1.3, setup, least=True),
        ]
    return Job(document(900, settings, cars, site([10, 10, 10]), meter(2, offset),
                        events=[[opens, "relay", "open"]]), judge)


def capacity(offsets):
    """A sum limit of 60 A, 48 A of the house, and a car at a node that takes 18 A."""
    jobs = []
    for who in ("node", "both"):
        for stop_min in (0, 1, 5):
            jobs += [_capacity(who, stop_min, offset) for offset in offsets]
    return jobs


def _capacity(who, stop_min, offset):
    settings = dict(SMART, mains=63, circuit=63, cap_mode="Fixed", capacity=60, cap_stop=stop_min)
    load = [[0, 30, 30, 30], [300, 160, 160, 160]]
    cars = [car(plugged=[[5, 3000]]) if who == "both" else car(plugged=[[2900, 3000]]), car()]
    name = "capacity: %s, CAP STOP %d" % (who, stop_min)

    def judge(run):
        over = run.peak(run.mains_sum, 300) - 600
        first = reaction_s(2, 2, over / 3, 50, link=LINK_S) + 2 * 2 + STOP_S
        allowed = 60 * stop_min + first
        setup = "66 of 60 A; reference for 30 min with CAP STOP > 0, 158 s with 0"
        return [
            Figure(name + ": above 60 A", "s", run.over_s(run.mains_sum, 600), allowed,
                   setup + "; limit CAP STOP + T + two samples + 4 s"),
            Figure(name + ": above 60 A later", "s",
                   run.over_s(run.mains_sum, 600, 300 + allowed), 0, setup),
            Figure(name + ": before", "s", run.over_s(run.mains_sum, 600, 0, 300), 0,
                   "51 A are free"),
            Figure(name + ": used before", "A", run.mean(run.used, 120, 300) / 10,
                   15.0, "one car 16 A, two 17 A", least=True),
        ]
    return Job(document(1500, settings, cars, site(load), meter(2, offset)), judge)


def together(offsets):
    """All cars are plugged at the same moment."""
    jobs = []
    for count in (2, 4, 8):
        for period in (2, 10):
            jobs += [_together(count, period, offset) for offset in offsets]
    return jobs


def _together(count, period, offset):
    settings = dict(SMART, mains=100, circuit=100)
    name = "together: %d cars, meter %g s" % (count, period)

    def judge(run):
        closed = [[moment for moment, _, on in run.changes("c1", i) if on] for i in range(count)]
        setup = "plugged at 20 s, 100 A; reference 8 cars 70, 4 cars 30, 2 cars 10 with 10 s"
        aborted = sum(evse["aborted_starts"] for evse in run.evses) + run.stops()
        return [
            Figure(name + ": aborted starts", "", aborted, 0, setup),
            Figure(name + ": all charge", "s", max((times or [999])[0] for times in closed) - 20,
                   45, setup),
            Figure(name + ": over 100 A", "s",
                   run.over_mains_s(1000) + run.over_circuit_s(1000), 0, setup),
            Figure(name + ": used at the end", "A", run.mean(run.used, 270) / 10,
                   0.91 * min(160 * count, 990) / 10, setup, least=True),
        ]
    cars = [car((1, 2, 3), 160, 1 + i % 4, plugged=[[20, 400]]) for i in range(count)]
    return Job(document(300, settings, cars, site([10, 10, 10]), meter(period, offset)), judge)


LOST_AT = 200


def lost(offsets):
    """A node's bus is cut, or its power, while a second car waits for its share."""
    jobs = []
    for how in ("bus", "bus, car stays", "power", "all of the bus"):
        for mode in ("Smart", "Normal"):
            jobs += [_lost(how, mode, offset) for offset in offsets]
    return jobs


def _lost(how, mode, offset):
    """The cut comes at another moment of the bus cycle for each offset."""
    when = round(LOST_AT + 2 * offset, 2)
    settings = dict(SMART, mode=mode, mains=63, circuit=32, max=32)
    quick = car((1, 2, 3), 320, 0.5, 1000)
    node = dict(quick, ignores_stop=how.endswith("stays"))
    events = [[when, "kill", 1] if how == "power" else
              [when, "link", 0 if how.startswith("all") else 1, "off"],
              [600, "restore", 1] if how == "power" else
              [600, "link", 0 if how.startswith("all") else 1, "on"]]
    name = "node lost: %s, %s" % (how, mode)

    def judge(run):
        setup = "circuit 32 A, two quick cars; reference 45.6 A, 47.9 A if the lost car stays"
        return [
            Figure(name + ": circuit above 32 A", "s", run.over_circuit_s(320), 0, setup),
            Figure(name + ": highest", "A",
                   max(run.peak(run.circuit(phase)) for phase in (0, 1, 2)) / 10, 32.1, setup),
            Figure(name + ": master's share afterwards", "A",
                   run.mean(run.draw(0), 400, 590) / 10, 30.0, setup, least=True),
            Figure(name + ": both again", "A",
                   min(run.mean(run.draw(i), 800) for i in (0, 1)) / 10, 14.0,
                   setup + "; 200 s after the return", least=True),
        ]
    return Job(document(900, settings, [quick, node], site([10, 10, 10]), meter(2, offset),
                        events=events), judge)


def master_dead(offsets):
    """The master loses its power: nobody tells the nodes, and they stop by themselves."""
    jobs = []
    for mode in ("Smart", "Normal"):
        jobs += [_master_dead(mode, offset) for offset in offsets]
    return jobs


def _master_dead(mode, offset):
    when = round(LOST_AT + 2 * offset, 2)
    name = "master dead: %s" % mode
    # The house takes what was the master's: what the nodes hold was granted beside it.
    settings = dict(SMART, mode=mode, mains=63, circuit=32)

    def judge(run):
        setup = "two nodes charge; reference: pilot off after 11.0 s"
        open_at = [next((moment - when for moment, _, on in run.changes("c1", i)
                         if not on and moment > when), 999) for i in (1, 2)]
        return [
            Figure(name + ": last node open", "s", max(open_at), 11 + STOP_S + 3, setup),
            Figure(name + ": circuit above 32 A", "s", run.over_circuit_s(320), 0, setup),
        ]
    return Job(document(400, settings, [car(), car(), car()], site([10, 10, 10]),
                        meter(2, offset), events=[[when, "kill", 0]]), judge)


def unused(offsets):
    """One car takes 6 A of its 16 A: the rest is lent to the other, and recalled at once."""
    return [_unused(offset) for offset in offsets]


def _unused(offset):
    settings = dict(SMART, mains=63, circuit=32, max=32)
    small = car((1, 2, 3), 60, 1)
    late = car((1, 2, 3), 320, 1, plugged=[[600, 2000]])

    def judge(run):
        setup = "circuit 32 A, one car takes 6 A; reference: the other stays at 16 A"
        return [
            Figure("unused share: lent", "A", run.mean(run.draw(1), 300, 600) / 10, 24.0, setup,
                   least=True),
            Figure("unused share: circuit above 32 A", "s", run.over_circuit_s(320), 0,
                   "a third car comes at 600 s"),
            Figure("unused share: third car after 2 min", "A",
                   run.mean(run.draw(2), 720) / 10, 11.0, "an equal part of the 26 A", least=True),
        ]
    return Job(document(900, settings, [small, car((1, 2, 3), 320, 1), late], site([10, 10, 10]),
                        meter(2, offset)), judge)


def two_on_the_sun(offsets):
    """Two one-phase cars in Solar on the sun of one and a third: nobody imports for long."""
    return [_two_on_the_sun(offset) for offset in offsets]


def _two_on_the_sun(offset):
    settings = {"mode": "Solar", "mains": 63, "circuit": 63, "max": 16, "start": 4, "stop": 1}

    def judge(run):
        setup = "8 A of sun, two one-phase cars, STOP 1; reference imports 4 A for 30 min"
        return [
            Figure("two on the sun: bought", "A",
                   run.mean(lambda row: max(0, run.mains_sum(row)), 300) / 10, 0.3, setup),
            Figure("two on the sun: used", "A", run.mean(run.used, 300) / 10, 6.5, setup,
                   least=True),
            Figure("two on the sun: contactor operations", "",
                   sum(evse["contactor_ops"] for evse in run.evses), 8, setup),
        ]
    return Job(document(2100, settings, [car((1,), 160, 2), car((1,), 160, 2)],
                        site([10, 0, 0], [90, 0, 0]), meter(2, offset)), judge)


GROUPS = {"two-cars": two_cars, "four-cars": four_cars, "relay": relay, "capacity": capacity,
          "together": together, "node-lost": lost, "master-dead": master_dead, "unused": unused,
          "two-on-the-sun": two_on_the_sun}
