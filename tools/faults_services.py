"""The rows of the campaign (see ``faults``) about services: exceptions, memory, waits without end.

Slice by slice each service of the whole firmware is spoilt while a car charges, then the network
and the broker come and go, see ``faults_services_run``. The car must not notice, and the service
has to work again.
"""

import json
import tempfile
from pathlib import Path

from twin import firmware

HEAP = "12M"
TIME_LIMIT_S = 3600
LONG = {"slices": 400, "steps": 40, "cuts": 16, "hangs": 2, "only": []}
SHORT = {"slices": 4, "steps": 1, "cuts": 3, "hangs": 1,
         "only": ["web connection", "bus", "MQTT", "display"]}
_WORDS = {
    "exception": ("An exception where it waits", "%(tries)d slices, waiting at %(places)d places"),
    "memory": ("Memory ends within a slice", "%(tries)d times, in %(places)d slices"),
    "hang": ("It waits for ever", "%(tries)d slices"),
    "flaps": ("The network is away 2 s of each 4 s", "%(tries)d times"),
    "broker": ("The broker dies", "%(tries)d times, for up to 2 minutes"),
    "kept": ("The car leaves in the end", "after all this"),
}
_PORTS = ("http", "modbus", "telnet", "dns", "ntp", "mqtt", "meter")


def run(slot, work):
    """What came of each kind of fault of each service; Broken when that broke off."""
    ports = {name: firmware.free_tcp_port("127.0.0.1") for name in _PORTS}
    with tempfile.TemporaryDirectory(prefix="microevse-") as place:
        source, result = Path(place) / "work.json", Path(place) / "rows.json"
        source.write_text(json.dumps({**work, "ports": ports}), encoding="utf-8")
        firmware.run(slot, "import faults_services_run; faults_services_run.main(%r, %r)"
                     % (str(source), str(result)), HEAP, TIME_LIMIT_S)
        return [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]


def rows(slot, short=False):
    """Yield the rows for the table of faults, see ``faults``."""
    for row in run(slot, SHORT if short else LONG):
        yield judged(row)


def judged(row):
    """The row of the table for what came of one kind of fault of one service."""
    what, when = _WORDS[row["kind"]]
    last = row["kind"] == "kept"
    limit_ms = row["limit_ms"]
    measured = "%.1f s" % (row["ms"] / 1000) if limit_ms else "-"
    return {
        "fault": "%s: %s" % (row["service"], what), "when": "charging; " + when % row,
        "expected": "all is in flash" if last else "goes on charging; works again",
        "limit": "%d s" % (limit_ms // 1000) if limit_ms else "-",
        "measured": "; ".join(row["broken"]) or measured,
        "kept": "energy and settings" if last else "-",
        "recovered": "no" if row["broken"] else "-" if last else "yes",
        # Slices that make no memory cannot want any.
        "passed": bool(row["tries"] or row["places"]) and not row["broken"]}
