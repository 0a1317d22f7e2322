"""Break one thing after the other, and two together, and see what comes of it: ``make faults``.

The whole firmware runs on MicroPython against the twin's site, on simulated time. Writes two
tables of docs/reliability.md, the campaign's and that of ``faults_services``; the exit code is 1
when a row fails. ``ARGS="--only Residual"`` shows the rows with that in their words.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build
import faults_services
import tables
from twin import firmware

HEADS = ("fault", "when", "expected", "limit", "measured", "kept", "charges again after", "")
HEAP = "48M"
WORKERS = 2
TIME_LIMIT_S = 600
_CHUNK = 8


def _on_micropython(slot, call, *paths):
    firmware.run(slot, "import faults_run; faults_run.%s(%s)" % (
        call, ", ".join([repr(str(path)) for path in paths])), HEAP, TIME_LIMIT_S)
    return json.loads(paths[-1].read_text(encoding="utf-8"))


def listed(slot):
    """Return ([title, [fault as a dict, ...]] of each section, pairs of names)."""
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        return _on_micropython(slot, "listed", Path(name) / "faults.json")


def _run(slot, order):
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        source = Path(name) / "order.json"
        source.write_text(json.dumps(order), encoding="utf-8")
        return _on_micropython(slot, "main", source, Path(name) / "answer.json")


def run(slot, order):
    """Run lists of one or two faults' names; returns a result for each, see faults_case.run."""
    chunks = [order[at:at + _CHUNK] for at in range(0, len(order), _CHUNK)]
    with ThreadPoolExecutor(WORKERS) as pool:
        return [result for chunk in pool.map(lambda part: _run(slot, part), chunks)
                for result in chunk]


def _time(ms):
    return "%d ms" % ms if ms < 1000 else "%.1f s" % (ms / 1000)


def _measured(fault, ms):
    if ms is None:
        return "never"
    if fault["never_ms"]:
        return "not in %s" % _time(fault["never_ms"])
    return "went on" if fault["goes_on"] else _time(ms)


def row(faults, result):
    """Return the row of one fault, or of two together, as a dict of words and ``passed``."""
    limits = [_time(limit) for limit in result["limits"] if limit]
    # One that stops the charge leaves nothing that could go on.
    stopped = not all(fault["goes_on"] for fault in faults)
    measured = ["-" if fault["goes_on"] and stopped else _measured(fault, ms)
                for fault, ms in zip(faults, result["ms"], strict=True)]
    back = result["back_ms"]
    kept = [word for word, judged in (
        ("energy", all(fault["energy"] for fault in faults)),
        ("settings", all(fault["settings"] for fault in faults))) if judged]
    return {
        "fault": " + ".join([fault["what"] for fault in faults]),
        "when": faults[0]["when"],
        "expected": " + ".join([fault["expected"] for fault in faults]),
        "limit": " + ".join(limits) or "-",
        "measured": " + ".join(measured),
        "kept": result["lost"] or " and ".join(kept) or "-",
        "recovered": "never" if back is None else "at once" if not back else _time(back),
        "passed": (None not in result["ms"] and back is not None and not result["lost"]
                   and not result["broken"]),
        "broken": "; ".join(result["broken"]),
    }


def cells(one):
    """The cells of a row as the table shows them."""
    verdict = "pass" if one["passed"] else "**FAIL** " + one.get("broken", "")
    return (one["fault"], one["when"], one["expected"], one["limit"], one["measured"],
            one["kept"], one["recovered"], verdict.strip())


def campaign(slot, wanted=lambda _: True):
    """Run all faults and pairs whose words are ``wanted``; returns [title, rows] of each section.

    A pair is wanted by both its faults' words in one.
    """
    sections, pairs = listed(slot)
    by_name = {fault["what"]: fault for _, faults in sections for fault in faults}
    order = [(title, [fault["what"]]) for title, faults in sections for fault in faults]
    order += [("Two at once", names) for names in pairs]
    order = [(title, names) for title, names in order if wanted(" + ".join(names))]
    results = run(slot, [names for _, names in order])
    found = {}
    for (title, names), result in zip(order, results, strict=True):
        found.setdefault(title, []).append(row([by_name[name] for name in names], result))
    return list(found.items())


def document(sections):
    """The text of the table of ``sections``, [title, rows] each; one without a title has none."""
    parts = []
    for title, rows in sections:
        parts.append(("### %s\n\n" % title if title else "")
                     + tables.markdown(HEADS, map(cells, rows)))
    rows = [one for _, some in sections for one in some]
    parts.append("%d rows, %d of them of two faults at once; %d fail.\n" % (
        len(rows), len([one for one in rows if " + " in one["fault"]]),
        len([one for one in rows if not one["passed"]])))
    return "\n".join(parts)


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", help="only faults that have this in their words; writes nothing")
    parser.add_argument("--part", choices=("faults", "services"), help="only that table")
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    options = parser.parse_args()
    found = {}
    try:
        slot = firmware.slot() if options.no_build else build.build("sim") / build.SLOT
        if options.part != "services":
            found["faults"] = campaign(slot, lambda what: (options.only or "") in what)
        if options.part != "faults" and not options.only:
            found["services"] = [("", list(faults_services.rows(slot)))]
    except (build.Problem, firmware.Missing, firmware.Broken) as problem:
        sys.exit("faults: %s" % problem)
    rows = [one for sections in found.values() for _, some in sections for one in some]
    failed = [one for one in rows if not one["passed"]]
    for one in rows if options.only else failed:
        print(" | ".join(cells(one)))
    if not options.only:
        for name, sections in found.items():
            tables.put(name, document(sections))
    print("%d of %d rows hold" % (len(rows) - len(failed), len(rows)))
    if failed or not rows:
        sys.exit(1)


if __name__ == "__main__":
    main()
