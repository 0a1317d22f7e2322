"""Closed-loop scenarios of the regulation, judged by the true currents: ``make bench-power``.

Each group is one of the situations in which the reference firmware fails; docs/regulation.md says
what the limits mean. Every figure is the worst over the meter phase offsets: the scenario runs
with its meters beginning at 0, 1/20, 2/20 .. of a period. Rows go to build/bench/power.json; a
figure that misses its limit leaves the scenario that shows it in build/bench/power/, and the exit
code is 1.
"""

import argparse
import json
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import bench_power_shared
import bench_power_single
import bench_power_solar
import build
import scenario as scenarios
from bench_power_judge import Figure, Run
from twin import firmware

OUT = build.BUILD / "bench"
FAILED = OUT / "power"
OFFSETS, QUICK = 20, 3
GROUPS = {**bench_power_single.GROUPS, **bench_power_solar.GROUPS, **bench_power_shared.GROUPS}

_place = {}


def jobs(group, count):
    """The jobs of a group with ``count`` meter phase offsets."""
    return GROUPS[group]([number / count for number in range(count)])


def work(task):
    """Run one job, in a process of its own; returns (task, figures or what went wrong)."""
    group, count, number = task
    if _place.get("group") != (group, count):
        _place.update(group=(group, count), jobs=jobs(group, count))
    job = _place["jobs"][number]
    try:
        document = scenarios.normalise(job.scenario)
        result = scenarios.run(document, folder=_place["slot"])
        return task, job.judge(Run(document, result))
    except scenarios.BadScenario as problem:
        return task, [Figure("%s: scenario %d cannot run" % (group, number), "", 1, 0,
                             str(problem)[-200:])]


def _begin(slot):
    _place["slot"] = slot


def worst(results):
    """{name: (Figure, task)}: of each name the one furthest beyond its limit."""
    found = {}
    for task, figures in results:
        for figure in figures:
            kept = found.get(figure.name)
            if kept is None or figure.excess > kept[0].excess:
                found[figure.name] = (figure, task)
    return found


def row_of(figure, offsets):
    """The row of a figure."""
    setup = "%s; worst of %d meter phase offsets" % (figure.setup, offsets)
    if figure.least:
        setup = "at least the limit; " + setup
    limit = None if figure.limit is None else round(figure.limit, 3)
    return {"name": figure.name, "unit": figure.unit, "value": round(figure.value, 3),
            "limit": limit, "pass": figure.passed, "setup": setup}


def keep(name, task):
    """Write the scenario behind a failed row, ready for ``make scenario``."""
    group, count, number = task
    FAILED.mkdir(parents=True, exist_ok=True)
    path = FAILED / (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".json")
    path.write_text(json.dumps(jobs(group, count)[number].scenario, indent=1) + "\n",
                    encoding="utf-8")
    return path


def run_groups(groups, offsets, slot, processes, all_rows):
    """The rows of the groups; prints what missed, or all rows, when a group is done."""
    rows = []
    with multiprocessing.Pool(processes, _begin, (slot,)) as pool:
        for group in groups:
            began = time.monotonic()
            tasks = [(group, offsets, number) for number in range(len(jobs(group, offsets)))]
            found = worst(pool.imap_unordered(work, tasks, chunksize=4))
            # In the order of the scenarios, however they came in.
            for figure, task in sorted(found.values(), key=lambda pair: pair[1][2]):
                row = row_of(figure, offsets)
                rows.append(row)
                if all_rows or not row["pass"]:
                    show(row)
                if not row["pass"]:
                    print("      reproduce: make scenario FILE=%s" % keep(figure.name, task))
            print("%s: %d scenarios in %.0f s, %d figures, %d missed" % (
                group, len(tasks), time.monotonic() - began, len(found),
                sum(not figure.passed for figure, _ in found.values())), flush=True)
    return rows


def show(row):
    """Print one row."""
    sign = ">=" if row["setup"].startswith("at least") else "<="
    limit = "" if row["limit"] is None else "%s %g" % (sign, row["limit"])
    print("%s  %-62s %9g %-3s %s" % ("    " if row["pass"] else "MISS", row["name"], row["value"],
                                     row["unit"], limit))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(prog="make bench-power", description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", metavar="NAME", choices=sorted(GROUPS),
                        help="this group; may be given again: " + ", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true",
                        help="%d offsets, not %d" % (QUICK, OFFSETS))
    parser.add_argument("--rows", action="store_true", help="print all rows, not just misses")
    parser.add_argument("--out", type=Path, default=OUT / "power.json")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        try:
            # A copy, so that a build meanwhile does not change what is measured.
            slot = Path(shutil.copytree(build.build("sim") / build.SLOT, Path(place) / "slot"))
            rows = run_groups(options.only or list(GROUPS), QUICK if options.quick else OFFSETS,
                              slot, options.processes, options.rows)
        except (build.Problem, firmware.Missing) as problem:
            sys.exit(str(problem))
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    missed = sum(not row["pass"] for row in rows)
    print("%d rows in %s, %d missed" % (len(rows), options.out, missed))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
