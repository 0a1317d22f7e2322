"""Random closed-loop cases of the regulation, judged by ``power_rules``: ``make test-long``.

A case is a scenario out of a seed: 1 to 8 EVSEs, random cars, limits and meters, joins and losses,
a home battery, the grid relay, the capacity tariff. Many run in one MicroPython process. A case
that breaks a rule prints its seed and leaves its scenario for ``make scenario``.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import build
import power_rules
import scenario as scenarios
from twin import firmware

TOOLS = Path(__file__).resolve().parent
KEPT = build.BUILD / "cases"
BATCH = 10
HEAP = "96M"
MINUTES_S = 600  # a batch that takes longer hangs

COUNTS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8)
# Everything happens before the last CALM_S; then the site must come to rest.
CALM_S = 120
ROTATIONS = ("L2L3L1", "L3L1L2", "L1L3L2")


def case(seed):
    """The scenario of ``seed``."""
    chance = random.Random(seed)
    count = chance.choice(COUNTS)
    busy_s = chance.choice((60, 90, 120)) if count < 4 else chance.choice((50, 70))
    duration = busy_s + CALM_S
    solar = chance.random() < 0.3
    settings = _limits(chance, count, solar)
    mains_meter = _meter(chance, (1, 2, 2, 5, 10))
    circuit_meter = ev_meter = None
    drawn = chance.random()
    if drawn < 0.12:
        circuit_meter = _meter(chance, (1, 2, 5))
    elif drawn < 0.3:
        ev_meter = _meter(chance, (1, 2, 5))
        if count == 1 and chance.random() < 0.3:
            settings["ev_meter_role"] = "Sub-panel"
    evses = [_evse(chance, number, count, busy_s, duration, solar)
             for number in range(count)]
    beside = circuit_meter or settings.get("ev_meter_role")
    place = _site(chance, settings, count, busy_s, solar, beside)
    events = _events(chance, count, busy_s, settings, circuit_meter, ev_meter, place)
    return {"seed": seed, "duration_s": duration, "trace": True, "settings": settings,
            "evses": evses, "site": place, "mains_meter": mains_meter,
            "circuit_meter": circuit_meter, "ev_meter": ev_meter, "events": events}


def _limits(chance, count, solar):
    settings = {"mode": chance.choice(("Smart", "Smart", "Smart", "Normal")),
                "mains": chance.choice((16, 20, 25, 25, 35)) + 6 * (count - 1) * chance.choice(
                    (0, 1, 2)),
                "max": chance.choice((10, 13, 16, 16, 32)),
                "min": chance.choice((6, 6, 6, 7, 8)),
                "power_return_s": 5, "rotation_min": chance.choice((0, 1, 30))}
    if solar:
        settings.update(mode="Solar", start=chance.choice((0, 4)), stop=chance.choice((0, 1)),
                        solar_style=chance.choice(("thrifty", "balanced", "greedy")))
        settings["import"] = chance.choice((0, 0, 3))
    if count > 1 or chance.random() < 0.5:
        settings["circuit"] = min(160, chance.choice((16, 20, 32)) + 6 * (count - 1)
                                  * chance.choice((0, 1, 2)))
    if chance.random() < 0.2:
        settings.update(cap_mode="Fixed", capacity=chance.choice((20, 30, 45, 60)),
                        cap_stop=chance.choice((0, 0, 1)))
    if count > 1:
        settings["share_order"] = chance.choice(("Fair", "Node order", "First come",
                                                 "Solar first"))
    return settings


def _meter(chance, periods):
    period = chance.choice(periods)
    return {"period_s": period, "latency_s": chance.choice((0, 0.2, 1.0)),
            "start_s": round(chance.random() * period, 2),
            "redeliver_s": chance.choice((None, None, None, None, 2)) if period > 2 else None,
            "noise_da": chance.choice((0, 0, 1, 2))}


def _evse(chance, number, count, busy_s, duration, solar):
    own = {}
    if count > 1 and chance.random() < 0.3:
        own["max"] = chance.choice((8, 10, 16, 25))
    if count > 1 and chance.random() < 0.3:
        own["mode"] = chance.choice(("Smart", "Normal", "Solar" if solar else "Smart"))
    if chance.random() < 0.15:
        own["phase_rotation"] = chance.choice(ROTATIONS)
    if not number and chance.random() < 0.2:
        own["contact_2"] = chance.choice(("Always On", "Solar Off", "Auto", "Always Off"))
        own["c2_return"] = chance.choice(("Never", "Once per session", "Budget"))
    begin = chance.choice((1, 5, 5, 5, chance.randrange(1, busy_s)))
    plugged = [[begin, duration]]
    if chance.random() < 0.15:
        away = chance.randrange(begin + 10, begin + busy_s)
        plugged = [[begin, away]]
        if away + 10 < busy_s:
            plugged.append([away + 5, duration])
    car = {"phases": chance.choice(([1], [1], [1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3])),
           "max_da": chance.choice((60, 100, 160, 160, 320)),
           "dead_s": chance.choice((0.5, 1, 2, 2, 3, 5)),
           "ramp_da_s": chance.choice((15, 50, 50, 100, 1000)),
           "ready_s": chance.choice((0.5, 1.5, 4)), "plugged": plugged}
    if chance.random() < 0.1:
        car["energy_wh"] = chance.choice((20, 60, 150))
    return {"settings": own, "car": car}


def _rows(chance, busy_s, number, base, steps):
    """Rows of three currents: ``base`` for each phase, and ``number`` changes by ``steps``."""
    now = [base + chance.randrange(0, 30) for _ in range(3)]
    rows = [[0, *now]]
    for moment in sorted(chance.sample(range(10, busy_s), number)):
        phases = chance.choice(((0,), (1,), (2,), (0, 1, 2)))
        now = [max(0, value + chance.choice(steps)) if phase in phases else value
               for phase, value in enumerate(now)]
        rows.append([moment + chance.choice((0, 0, 0.37)), *now])
    return rows


def _site(chance, settings, count, busy_s, solar, beside):
    room = settings["mains"] * 10
    steps = [room * share // 10 for share in (-6, -3, -1, 1, 3, 5)]
    place = {"load_da": _rows(chance, busy_s, chance.randrange(0, 5),
                              chance.choice((0, 20, room // 4)), steps)}
    if solar or chance.random() < 0.2:
        sun = chance.choice((60, 100, 160)) * (1 if count < 3 else 2)
        place["pv_da"] = _rows(chance, busy_s, chance.randrange(0, 4), sun, (-80, -30, 30, 80))
        if chance.random() < 0.3:
            place["pv_da"] = [[row[0], row[1], 0, 0] for row in place["pv_da"]]
    if solar and chance.random() < 0.4:
        place["battery_da"] = _rows(chance, busy_s, 2, 0, (-60, 50, 100))
        place["battery_report"] = {"period_s": chance.choice((5, 20))}
    if beside:
        place["circuit_load_da"] = _rows(chance, busy_s, chance.randrange(0, 3), 0,
                                         (-50, 30, 60, 100))
    return place


def _events(chance, count, busy_s, settings, circuit_meter, ev_meter, place):
    events = []

    def at(low=15, high=None):
        return chance.randrange(low, high or busy_s) + chance.choice((0, 0, 0.41))

    if chance.random() < 0.15:
        off = at()
        events += [[off, "meter", "off"], [off + chance.choice((4, 20, 45)), "meter", "on"]]
    if circuit_meter and chance.random() < 0.3:
        off = at()
        events += [[off, "circuit_meter", "off"], [off + 30, "circuit_meter", "on"]]
    if ev_meter and chance.random() < 0.3:
        events.append([at(), "ev_meter", "off"])
    if place.get("battery_report") and chance.random() < 0.3:
        events.append([at(), "battery_report", "off"])
    if chance.random() < 0.15:
        opens = at()
        events.append([opens, "relay", "open"])
        if chance.random() < 0.5:
            events.append([opens + chance.choice((15, 40)), "relay", "closed"])
    if count > 1:
        if chance.random() < 0.2:
            number, dies = chance.randrange(0, count), at()
            events.append([dies, "kill", number])
            if chance.random() < 0.7:
                events.append([dies + chance.choice((3, 30)), "restore", number])
        if chance.random() < 0.2:
            number, cut = chance.randrange(0, count), at()
            events += [[cut, "link", number, "off"],
                       [cut + chance.choice((3, 8, 14, 40)), "link", number, "on"]]
    for key, choices in (("mains", (-8, -4, 6)), ("circuit", (-6, 5)), ("max", (-4, 3))):
        if key in settings and chance.random() < 0.15:
            low = {"mains": 12, "circuit": 12, "max": 9}[key]
            events.append([at(), "set", key, max(low, settings[key] + chance.choice(choices))])
    if chance.random() < 0.1:
        number, moment = chance.randrange(0, count), at()
        events.append([moment, "command", "access", "pause", number])
        events.append([moment + 15, "command", "access", "on", number])
    # The last CALM_S are for coming to rest; who has no power can be told nothing.
    late = busy_s + 45
    dead = [(event[2], event[0]) for event in events if event[1] == "kill"]
    return sorted([event for event in events if event[0] < late and not (
        event[1] in ("set", "command") and any(
            number == (event[4] if len(event) > 4 else 0) and event[0] >= since
            for number, since in dead))], key=lambda event: event[0])


# ---- running them ----

def run_batch(seeds, slot):
    """Run the cases of ``seeds`` in one process; yields (seed, scenario, result or None, text)."""
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        place = Path(name)
        documents = {seed: scenarios.normalise(case(seed)) for seed in seeds}
        for seed, document in documents.items():
            (place / ("%d.json" % seed)).write_text(json.dumps(document), encoding="utf-8")
        code = ("import gc; from twin import closed_loop\n"
                "for seed in %r:\n"
                "    closed_loop.main('%s/%%d.json' %% seed, '%s/%%d.result' %% seed)\n"
                "    gc.collect()\n" % (list(seeds), place, place))
        text = ""
        try:
            done = subprocess.run([firmware.interpreter(), "-X", "heapsize=" + HEAP, "-c",
                                   firmware.beside(slot) + code],
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=MINUTES_S, check=False)
            text = done.stdout
        except subprocess.TimeoutExpired:
            text = "it took more than %d s" % MINUTES_S
        for seed, document in documents.items():
            try:
                result = json.loads((place / ("%d.result" % seed)).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                result = None
            yield seed, document, result, text


def judge_batch(task):
    """[(seed, complaints)] of a batch: a list of seeds, and the firmware's directory."""
    seeds, slot = task
    found = []
    lost = []
    for seed, document, result, text in run_batch(seeds, slot):
        if result is None:
            lost.append((seed, text))
        elif "error" in result:
            found.append((seed, ["refused: " + result["error"]]))
        else:
            found.append((seed, power_rules.judge(document, result)))
    if lost and len(seeds) > 1:  # one case that breaks off takes the rest of its batch with it
        for seed, _ in lost:
            found += judge_batch(([seed], slot))
    else:
        found += [(seed, ["the run broke off: " + text.strip()[-300:]]) for seed, text in lost]
    return found


def run(seeds, slot, processes):
    """{seed: complaints} of the cases that broke a rule; their scenarios are kept."""
    tasks = [(seeds[at:at + BATCH], slot) for at in range(0, len(seeds), BATCH)]
    broken = {}
    with multiprocessing.Pool(processes) as pool:
        for found in pool.imap_unordered(judge_batch, tasks):
            for seed, complaints in found:
                if complaints:
                    broken[seed] = complaints
                    KEPT.mkdir(parents=True, exist_ok=True)
                    path(seed).write_text(json.dumps(case(seed), indent=1) + "\n",
                                          encoding="utf-8")
    return broken


def path(seed):
    """Where the scenario of a case that broke a rule is kept."""
    return KEPT / ("%d.json" % seed)


def report(broken):
    """What is to be known about the cases that broke a rule, as text."""
    lines = []
    for seed in sorted(broken):
        lines.append("case %d (make scenario FILE=%s):" % (seed, path(seed)))
        lines += ["    " + complaint for complaint in broken[seed]]
    return "\n".join(lines)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(prog="make test-long", description=__doc__.split("\n")[0])
    parser.add_argument("first", type=int, nargs="?", default=0, help="first seed")
    parser.add_argument("count", type=int, nargs="?", default=5000, help="how many")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("--show", action="store_true", help="print the scenario of FIRST and stop")
    options = parser.parse_args()
    if options.show:
        json.dump(case(options.first), sys.stdout, indent=1)
        return
    seeds = list(range(options.first, options.first + options.count))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        try:
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot"))
        except build.Problem as problem:
            sys.exit(str(problem))
        broken = run(seeds, slot, options.processes)
    print(report(broken))
    print("%d cases in %.0f s, %d broke a rule" % (len(seeds), time.monotonic() - began,
                                                  len(broken)))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
