"""Draw the pictures of docs/regulation.md from real runs: ``make pictures``.

Each picture is a scenario, run through the closed loop, and what is drawn of its trace. Figures in
the captions are read off the run.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from drawing import LEFT, RIGHT, WIDTH, Panel, Sheet
from picture_runs import OVEN, SMART_STEPS, amps, run_all, sun, total
from scenario import BadScenario
from twin import firmware

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
VOLTS = 230


def car(panel, run, span=(0, None)):
    """The first car's draw and grant, and the mains of L1."""
    panel.area("e0", run.series(amps("ev_l1_ma"), *span))
    panel.line("e0", run.series(amps("grant_da"), *span))
    panel.line("mains", run.series(amps("mains_l1_ma"), *span))


def normal(run):
    """The house is served first, and a silent meter stops nobody."""
    sheet = Sheet(
        "Normal: as much as MAX, as long as MAINS allows",
        "The house adds 12 A: %.1f A too much, given up by the car within %.1f s. When the meter "
        "falls silent the car goes to MIN; Normal never stops for want of a meter."
        % (run.metrics["worst_over_mains_da"] / 10, run.metrics["over_mains_s"]),
        [("mains", "mains L1"), ("e0", "grant"), ("e0a", "the car draws"), ("limit", "limits")])
    panel = Panel(sheet, 190, (0, run.end), (0, 5, 10, 15, 20, 25, 30, 35))
    car(panel, run)
    panel.limit(25, "MAINS 25 A")
    panel.limit(16, "MAX 16 A")
    panel.mark(60, "house +12 A")
    panel.mark(290, "no meter")
    panel.mark(345, "meter back")
    panel.note(312, 6, "MIN 6 A")
    return sheet


def smart(run):
    """Down at once, asked and given back, and each time later."""
    asked = [run.when(lambda row: row["grant_da"] > 90, end) for _, end in SMART_STEPS]
    gone = run.when(lambda row: row["mains_l1_ma"] <= 25100, 61) - 60
    sheet = Sheet(
        "Smart: down on the first sample, up when it is certain",
        "The first sample that shows an overload lowers the grant by that: gone after %.1f s. To "
        "give back, it asks with a small step if the car follows. Trouble again doubles the wait."
        % gone,
        [("mains", "mains L1"), ("e0", "grant"), ("e0a", "the car draws"), ("limit", "limit"),
         ("m", "the house lets go; asked after")])
    levels, half = (0, 5, 10, 15, 20, 25, 30, 35), WIDTH // 2
    panel = Panel(sheet, 170, (0, run.end), levels)
    car(panel, run)
    panel.limit(25, "MAINS 25 A")
    for (_, end), moment in zip(SMART_STEPS, asked):
        panel.mark(end, "%.1f s" % (moment - end))
    panel = Panel(sheet, 150, (58, 67), levels, place=(LEFT, half - 8), stays=True)
    car(panel, run, panel.span)
    panel.limit(25)
    panel.note(60.2, 32, "house +14 A")
    panel.mark(60.2, "first sample", 3)
    panel.note(62.3, 14, "the car follows")
    panel = Panel(sheet, 150, (88, 99.5), levels, place=(half + 34, WIDTH - RIGHT))
    car(panel, run, panel.span)
    panel.limit(25)
    panel.note(90.2, 26, "house -14 A")
    panel.mark(asked[0], "asked", 3)
    panel.mark(run.when(lambda row: row["grant_da"] > 110, 90), "answered: the rest", 3)
    return sheet


def solar(run):
    """Starts, follows, bridges a cloud, stops."""
    sheet = Sheet(
        "Solar: what the sun leaves, and MIN through a cloud",
        "Style balanced, START 4 A, STOP 10 min, mean of the three phases. It starts when there "
        "has been enough for a minute, and stops when a cloud lasts. Of what the car took %.0f %% "
        "was sun; of the sun there was it took %.0f %%."
        % (100 * run.metrics["solar_share"], 100 * run.metrics["self_use"]),
        [("sun", "sun the house leaves"), ("suna", "unused"), ("e0", "grant"),
         ("e0a", "the car draws"), ("mains", "mains; below 0 fed in")])
    panel = Panel(sheet, 230, (0, run.end), (-10, -5, 0, 5, 10, 15), clock=11 * 3600)
    panel.area("sun", run.series(lambda row: max(0, sun(row) / 3)))
    panel.area("e0", run.series(amps("ev_l1_ma")))
    panel.line("e0", run.series(amps("grant_da")))
    panel.line("sun", run.series(lambda row: max(0, sun(row) / 3)))
    panel.line("mains", run.series(lambda row: total(row, "mains") / 3))
    for name, words in (("sun_start", "start"), ("sun_stop", "stop")):
        for moment in run.told(name):
            panel.mark(moment, words)
    panel.note(1740, -7, "kettle", "middle")
    panel.note(2085, -7, "cloud", "middle")
    return sheet


def capacity(run):
    """The quarter hour's energy."""
    sheet = Sheet(
        "Capacity tariff, Flanders: the mean of each quarter hour",
        "2.5 kW for a quarter are 625 Wh. The car takes what the house leaves of them, and waits "
        "while that is too little. What is kept back for loads that may come is spent at the end. "
        "Highest quarter: %.2f kW." % (run.metrics["worst_quarter_w"] / 1000),
        [("housea", "house"), ("e0a", "car, one phase"), ("mains", "used of the quarter"),
         ("limit", "its budget")])
    span, clock = (900, run.end), 17 * 3600
    panel = Panel(sheet, 150, span, (0, 2, 4, 6, 8), "kW", clock=clock)
    panel.area("e0", run.series(lambda row: total(row, "mains") * VOLTS / 1000, *span))
    panel.area("house", run.series(lambda row: -sun(row) * VOLTS / 1000, *span))
    for begin, _ in OVEN:
        panel.mark(begin, "oven")
    panel = Panel(sheet, 110, span, (0, 200, 400, 600, 800), "Wh", clock=clock)
    points, used = [(900, 0)], 0
    power = run.series(lambda row: max(0, total(row, "mains")) * VOLTS / 3600, *span)
    for (begin, watts), (end, _) in zip(power, power[1:]):
        while begin < end:
            until = min(end, begin - begin % 900 + 900)
            used += watts * (until - begin)
            begin = until
            if begin % 900 == 0:
                panel.note(begin, 640, "%.0f Wh" % used, "end")
                points += [(begin, used), (begin, 0)]
                used = 0
            elif begin - points[-1][0] > 5:
                points.append((begin, used))
    panel.slope("mains", points)
    panel.limit(625)
    return sheet


def share(run):
    """Four cars, current for two: turns."""
    sheet = Sheet(
        "Sharing: four cars on 15 A",
        "15 A are MIN for two, not for three: two charge for a turn of 30 min, then the others "
        "do. A car that comes while MIN is free has it at once.",
        [("e%da" % n, "EVSE %d" % n) for n in range(4)] + [("limit", "CIRCUIT"), ("e0", "grant")])
    draws = [amps("ev_%d_l1_ma" % n if n else "ev_l1_ma") for n in range(4)]
    panel = Panel(sheet, 90, (0, run.end), (0, 5, 10, 15, 20))
    for n in (3, 2, 1, 0):
        panel.area("e%d" % n, run.series(lambda row, n=n: sum(one(row) for one in draws[:n + 1])))
    panel.limit(15, "15 A")
    for n, draw in enumerate(draws):
        panel = Panel(sheet, 44, (0, run.end), (0, 8, 16), axis=n == 3)
        series = run.series(draw)
        panel.area("e%d" % n, series)
        panel.line("e%d" % n, run.series(amps("grant_%d_da" % n if n else "grant_da")))
        began, energy = 0, 0
        for (begin, current), (end, _) in zip(series, series[1:]):
            began = begin if not energy else began
            energy += 3 * VOLTS * current * (end - begin) / 3.6e6
            if energy and (not current or end == run.end):
                panel.note((began + end) / 2, 8.5, "%.1f kWh" % energy, "middle")
                energy = 0
    return sheet


def phases(run):
    """Too little for three phases is plenty for one."""
    less = run.when(lambda row: row["reason"] == "switching_phases")
    pause = run.when(lambda row: row["state"] == 2, less) - less
    sheet = Sheet(
        "Solar with CONTACT 2 on Auto: three phases, then one",
        "Sums of the phases. Three need 18 A of sun, one needs 6 A. When the sun is short for "
        "three, the car is paused once, for %.0f s, contactor 2 opens, and one phase follows it. "
        "Contactor operations in the hour: %d." % (pause, run.evses[0]["contactor_ops"]),
        [("sun", "sun the house leaves"), ("e0a", "car L1"), ("e1a", "L2"), ("e2a", "L3"),
         ("mains", "mains; below 0 fed in")])
    span = (120, run.end)
    panel = Panel(sheet, 230, span, (-15, 0, 15, 30), clock=15 * 3600)
    for n in (2, 1, 0):
        panel.area("e%d" % n, run.series(lambda row, n=n: total(row, "ev", 1, n + 1), *span))
    panel.limit(18, "3 x MIN", "m")
    panel.limit(6, "MIN", "m")
    panel.line("sun", run.series(sun, *span))
    panel.line("mains", run.series(lambda row: total(row, "mains"), *span))
    panel.mark(less, "3 to 1 phase")
    return sheet


DRAW = {"normal": normal, "smart": smart, "solar": solar, "capacity": capacity, "share": share,
        "phases": phases}


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    options = parser.parse_args()
    try:
        folder = firmware.slot() if options.no_build else firmware.build()
        found = run_all(folder)
    except (BadScenario, firmware.Missing) as problem:
        sys.exit("no picture: %s" % problem)
    PICTURES.mkdir(exist_ok=True)
    for name, run in found.items():
        text = DRAW[name](run).svg()
        (PICTURES / (name + ".svg")).write_text(text, encoding="utf-8")
        print("%s.svg: %d bytes" % (name, len(text.encode())))


if __name__ == "__main__":
    main()
