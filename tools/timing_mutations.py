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
_COPIED = ("evse", "tests", "tools", "pyproject.toml")
_FAILED = re.compile(r"^FAILED tests/unit/(\S+?)\.py::(\w+)\[", re.MULTILINE)


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
)


def run(mutation):
    """Return the sorted names of the tests that fail with ``mutation`` (None: unbroken)."""
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
        tests = sorted(str(path.relative_to(place))
                       for path in (place / "tests" / "unit").glob("test_charging_*.py"))
        done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "--tb=no",
                               "-p", "no:hypothesispytest", "-k", "cpython", *tests],
                              cwd=place, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIME_LIMIT_S, check=False)
        if done.returncode not in (0, 1):
            raise Lost("the tests did not run: " + done.stdout[-2000:])
        return sorted("%s.%s" % found for found in _FAILED.findall(done.stdout))


def start(pool):
    """Hand every mutation to ``pool``; returns futures for ``report``."""
    return [pool.submit(run, mutation) for mutation in (None, *MUTATIONS)]


def report(outcomes):
    """(text, whether every break was noticed) from what ``start`` gave; "" from nothing."""
    if not outcomes:
        return "", True
    if outcomes[0]:
        raise Lost("these tests fail without any mutation: " + ", ".join(outcomes[0]))
    lines = ["## Mutations\n\nEach line below was broken alone, in a copy of the tree, and the "
             "charging unit tests run there.\n\n| broken | line | tests that fail |\n"
             "|---|---|---|\n"]
    for mutation, failed in zip(MUTATIONS, outcomes[1:]):
        seen = ", ".join(failed[:SHOWN]) if failed else "**none**"
        if len(failed) > SHOWN:
            seen += " and %d more" % (len(failed) - SHOWN)
        lines.append("| %s | %s: `%s` becomes `%s` | %s |\n" % (
            mutation.what, mutation.path.rsplit("/", 1)[1], " ".join(mutation.old.split()),
            " ".join(mutation.new.split()), seen))
    return "".join(lines), all(outcomes[1:])
