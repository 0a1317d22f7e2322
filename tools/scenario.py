"""Run a scenario in the closed loop: ``make scenario FILE=x.json OUT=r.json``."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from twin import events, firmware, schema

TOOLS = Path(__file__).resolve().parent
SCHEMA = TOOLS / "twin" / "scenario.schema.json"
HEAP = "96M"


class BadScenario(Exception):
    """The scenario is refused; the message says what and why."""


def load_schema():
    """The scenario's JSON Schema."""
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def normalise(document):
    """Return ``document`` with all defaults, or raise BadScenario."""
    try:
        scenario = schema.fill(document, load_schema())
    except schema.Invalid as problem:
        raise BadScenario(str(problem)) from None
    for place, evse in enumerate(scenario["evses"]):
        car = evse["car"]
        if len(set(car["phases"])) != len(car["phases"]):
            raise BadScenario("evses[%d].car.phases: each phase once" % place)
        for number, (begin, end) in enumerate(car["plugged"]):
            if end <= begin:
                raise BadScenario("evses[%d].car.plugged[%d]: ends before it begins"
                                  % (place, number))
    for key in ("load_da", "pv_da", "battery_da", "circuit_load_da"):
        rows = scenario["site"][key]
        if any(later[0] <= row[0] for row, later in zip(rows, rows[1:])):
            raise BadScenario("site.%s: the times must rise" % key)
    for number, event in enumerate(scenario["events"]):
        try:
            events.check(event, scenario)
        except ValueError as problem:
            raise BadScenario("events[%d]: %s" % (number, problem)) from None
    return scenario


def run(scenario, stepping="jump", folder=None):
    """Run a normalised scenario on MicroPython; returns the result, or raises BadScenario."""
    folder = folder or firmware.slot()
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        source, result = Path(place) / "scenario.json", Path(place) / "result.json"
        source.write_text(json.dumps(scenario), encoding="utf-8")
        start = firmware.beside(folder) + (
            "from twin import closed_loop; closed_loop.main(%r, %r, %r)"
            % (str(source), str(result), stepping))
        done = subprocess.run([firmware.interpreter(), "-X", "heapsize=" + HEAP, "-c", start],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        if done.returncode or not result.exists():
            raise BadScenario("the run broke off:\n" + done.stdout.strip())
        outcome = json.loads(result.read_text(encoding="utf-8"))
    if "error" in outcome:
        raise BadScenario(outcome["error"])
    return outcome


def write(document, destination):
    """Write JSON to a file, or to standard output without one."""
    text = json.dumps(document, indent=1) + "\n"
    if destination:
        Path(destination).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make scenario", description=__doc__)
    parser.add_argument("file", nargs="?", help="the scenario, - for standard input")
    parser.add_argument("out", nargs="?", help="where the result goes; none: standard output")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema and stop")
    parser.add_argument("--per-phase", action="store_true",
                        help="judge import and export phase by phase")
    parser.add_argument("--step", action="store_true",
                        help="step 10 ms at a time instead of jumping: slow, same result")
    parser.add_argument("--golden", action="store_true",
                        help="FILE is a golden scenario: run it and renew the result in it")
    parser.add_argument("--no-build", action="store_true", help="take build/sim as it is")
    options = parser.parse_args()
    if options.schema:
        write(load_schema(), options.out or options.file)
        return
    if not options.file:
        parser.error("which scenario? make scenario FILE=x.json OUT=r.json")
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
        document = json.loads(text)
        scenario = normalise(document["scenario"] if options.golden else document)
        scenario["per_phase"] = scenario["per_phase"] or options.per_phase
        folder = firmware.slot() if options.no_build else firmware.build()
        began = time.monotonic()
        result = run(scenario, "step" if options.step else "jump", folder)
        took = time.monotonic() - began
    except (OSError, ValueError, BadScenario, firmware.Missing) as problem:
        sys.exit("scenario refused: %s" % problem)
    if options.golden:
        write({**document, "result": result}, options.file)
    else:
        write(result, options.out)
    print("%g s of simulated time in %.2f s: %.0f times real time"
          % (scenario["duration_s"], took, scenario["duration_s"] / max(took, 1e-6)),
          file=sys.stderr)


if __name__ == "__main__":
    main()
