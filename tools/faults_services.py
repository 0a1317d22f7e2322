"""The rows of the campaign (see ``faults``) about services: exceptions, memory, waits without end.

Slice by slice each service of the whole firmware is spoilt while a car charges, see
``faults_services_run``. The car must not notice, and the service has to work again.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import build
from twin import firmware

HEAP = "12M"
CONTROL_MS = 20
# The longest silence that the supervisor allows, its pause, and what the service does until it
# works again.
WELL_MS = 20_000
LONG = {"slices": 400, "steps": 40, "cuts": 16, "hangs": 2, "only": []}
SHORT = {"slices": 4, "steps": 1, "cuts": 3, "hangs": 1,
         "only": ["web connection", "bus", "MQTT", "display"]}
_WORDS = {
    "exception": ("An exception where it waits", "%(tries)d slices, waiting at %(places)d places"),
    "memory": ("Memory ends within a slice", "%(tries)d times, in %(places)d slices"),
    "hang": ("It waits for ever", "%(tries)d slices"),
}
_PORTS = ("http", "modbus", "telnet", "dns", "ntp", "mqtt", "meter")
_UNIT = build.ROOT / "tests" / "unit"


def run(slot, work):
    """What came of each kind of fault of each service; Problem when that broke off."""
    ports = {name: firmware.free_tcp_port("127.0.0.1") for name in _PORTS}
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        source, result = Path(place) / "work.json", Path(place) / "rows.json"
        source.write_text(json.dumps({**work, "ports": ports}), encoding="utf-8")
        start = firmware.beside(slot) + (
            "sys.path.append(%r); import faults_services_run; faults_services_run.main(%r, %r)"
            % (str(_UNIT), str(source), str(result)))
        done = subprocess.run([firmware.interpreter(), "-X", "heapsize=" + HEAP, "-c", start],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise build.Problem("the services broke off:\n" + done.stdout.strip())
        return [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]


def rows(slot, short=False):
    """Yield the rows for the table of faults, see ``faults``."""
    for row in run(slot, SHORT if short else LONG):
        yield judged(row)


def judged(row):
    """The row of the table for what came of one kind of fault of one service."""
    what, when = _WORDS.get(row["kind"], ("", ""))
    # Slices that make no memory cannot want any.
    passed = bool(row["tries"] or row["places"]) and not row["broken"] and row["ms"] <= WELL_MS \
        and row["control_ms"] <= CONTROL_MS
    return {
        "fault": "%s: %s" % (row["service"], what), "when": "charging; " + when % row,
        "expected": "goes on charging; works again", "limit": "%d s" % (WELL_MS // 1000),
        "measured": "; ".join(row["broken"]) or "%.1f s" % (row["ms"] / 1000),
        "kept": "control each %d ms" % row["control_ms"],
        "recovered": "no" if row["broken"] else "yes", "passed": passed}
