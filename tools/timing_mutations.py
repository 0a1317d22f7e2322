"""Break lines the safety of the plug rests on, one at a time, and see which tests notice.

Each break happens in a copy of the tree; the charging unit tests run there on CPython.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT_S = 240
SHOWN = 3
_TESTS = ("guard", "charger", "contactors", "pilot")
_COPIED = ("evse", "tests", "tools", "pyproject.toml")
_FAILED = re.compile(r"^FAILED tests/unit/(\S+?)\.py::(\w+)\[", re.MULTILINE)


MUTATED = """## Mutations

Each of these lines was broken alone, in a copy of the tree, and the unit tests of
%s run there on CPython until %d had failed.

| broken | line | tests that fail |
|---|---|---|
"""


class Lost(Exception):
    """A line to break is not there any more, or the tests did not run."""


class Mutation:
    """``what`` is broken by replacing the text ``old``, which ``path`` holds once, by ``new``."""

    def __init__(self, what, path, old, new):
        self.what = what
        self.path = "evse/charging/" + path
        self.old = old
        self.new = new


MUTATIONS = (
    Mutation("The guard takes 9 V for charging", "guard.py",
             "if pilot.level <= LEVEL_B:", "if pilot.level < LEVEL_B:"),
    Mutation("The guard does not know a short", "guard.py",
             "elif pilot.level == LEVEL_E:", "elif pilot.level == LEVEL_E + 9:"),
    Mutation("The guard bears an invalid pilot", "guard.py",
             "elif pilot.invalid_ms > INVALID_LIMIT_MS or pilot.blind:",
             "elif pilot.invalid_ms > 9 * INVALID_LIMIT_MS:"),
    Mutation("The guard waits for a control that hangs", "guard.py",
             "> STALL_MS:", "> 99 * STALL_MS:"),
    Mutation("The guard looks at the residual current only while charging", "guard.py",
             "        if rcm:\n", "        if rcm and charger.c1:\n"),
    Mutation("Closes without a proven diode", "charger.py",
             "if not pilot.diode:", "if not pilot:"),
    Mutation("Closes at the first 6 V", "charger.py",
             "_ASK_MS <= asked < _HALF", "asked < _HALF"),
    Mutation("Offers without having seen 9 V", "charger.py",
             "elif pilot.level == LEVEL_B:\n            if pilot.invalid_ms",
             "elif pilot.level <= LEVEL_C:\n            if pilot.invalid_ms"),
    Mutation("Closes although the plug is not locked", "charger.py",
             "            if self.locked:\n", "            if self:\n"),
    Mutation("Contactor 2 does not wait for contactor 1", "charger.py",
             "closed >= _SECOND_MS and self.c1", "closed >= 0"),
    Mutation("A car that ignores the stop is waited for", "charger.py",
             ">= _STOP_MS:", ">= 9 * _STOP_MS:"),
    Mutation("A fault while charging does not open at once", "charger.py",
             "elif self.faults & registry.AT_ONCE:", "elif self.faults & 0:"),
    Mutation("A grant never expires", "charger.py",
             "if self.grant_da and ((now - self.grant_until)",
             "if not self.grant_da and ((now - self.grant_until)"),
    Mutation("Pause is no refusal", "plug.py",
             "if self.access != ACCESS_ON:", "if self.access == ACCESS_OFF:"),
    Mutation("Faults forbid nothing", "plug.py",
             "        if blocking:\n", "        if blocking < 0:\n"),
    Mutation("No state F after a fault under load", "plug.py",
             "        if loaded:\n", "        if not loaded:\n"),
    Mutation("More than 32 A before the diode is proven", "offer.py",
             "if da > UNPROVEN_DA and not closed", "if da > 9 * UNPROVEN_DA and not closed"),
    Mutation("A level counts after 20 ms", "pilot.py",
             "_SETTLE_MS = const(31)", "_SETTLE_MS = const(20)"),
)


def run(mutation):
    """Return the first tests that fail with ``mutation`` (None: unbroken)."""
    with tempfile.TemporaryDirectory(prefix="microevse-") as name:
        place = Path(name)
        for part in _COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, place / part,
                                ignore=shutil.ignore_patterns("__pycache__", "*.bin"))
            else:
                shutil.copy(source, place / part)
        if mutation:
            file = place / mutation.path
            text = file.read_text(encoding="utf-8")
            if text.count(mutation.old) != 1:
                raise Lost("%s does not hold once: %s" % (mutation.path, mutation.old))
            file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
        done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "--tb=no",
                               "--maxfail=%d" % SHOWN, "-p", "no:hypothesispytest",
                               "-k", "cpython",
                               *["tests/unit/test_charging_%s.py" % name for name in _TESTS]],
                              cwd=place, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIME_LIMIT_S, check=False)
        if done.returncode not in (0, 1):
            raise Lost("the tests did not run: " + done.stdout[-2000:])
        return ["%s.%s" % found for found in _FAILED.findall(done.stdout)]


def start(pool):
    """Hand every mutation to ``pool``; returns futures for ``report``."""
    return [pool.submit(run, mutation) for mutation in (None, *MUTATIONS)]


def report(outcomes):
    """(text, whether every break was noticed) from what ``start`` gave; "" from nothing."""
    if not outcomes:
        return "", True
    if outcomes[0]:
        raise Lost("these tests fail without any mutation: " + ", ".join(outcomes[0]))
    lines = [MUTATED % (", ".join(_TESTS), SHOWN)]
    for mutation, failed in zip(MUTATIONS, outcomes[1:]):
        lines.append("| %s | %s: `%s` becomes `%s` | %s |\n" % (
            mutation.what, mutation.path.rsplit("/", 1)[1], " ".join(mutation.old.split()),
            " ".join(mutation.new.split()), ", ".join(failed) or "**none**"))
    return "".join(lines), all(outcomes[1:])
