"""One runner for all tests.

Files in tests/unit run on the real MicroPython, from the built .mpy files; those of the pure
packages run on CPython as well, where their branches are counted. Everything else is plain pytest.
"""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import providers

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "tests" / "unit"
RUNNER = ROOT / "tests" / "micropython_runner.py"
MARK = "\x1eRESULT "
PURE = ("test_charging_", "test_power_", "test_ticks")
TESTDATA = ROOT / os.environ.get("TESTDATA", "../shared/testdata")
TIME_LIMIT_S = 300
TAIL = 2000
BROWSERS = ("chromium", "chromium-browser", "google-chrome",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

sys.path[:0] = [str(ROOT / "tests" / "system"), str(ROOT / "tests" / "browser")]
from page_fixture import browser, open_page, screen  # noqa: E402, F401

from twin_fixture import twin  # noqa: E402, F401

# Its examples would depend on which of our modules a process happens to have loaded: what is found
# in one run would not be found in the next.
providers.is_local_module_file = lambda path: False

pytest_plugins = ["whole_run"]
# What takes long or installs much: only `make test-long` runs it.
collect_ignore = [] if os.environ.get("TEST_LONG") else ["long"]

_built = {}


def _build():
    """Build the simulated board's tree once per run; returns the slot's directory."""
    if "slot" not in _built:
        import build

        slot = build.BUILD / "sim" / build.SLOT
        # One of several processes finds what the one that started them has built.
        _built["slot"] = slot if "PYTEST_XDIST_WORKER" in os.environ else \
            build.build("sim") / build.SLOT
    return _built["slot"]


def _interpreter():
    return str(Path(sys.executable).parent / "micropython")


@pytest.fixture(scope="session")
def micropython():
    """Path of MicroPython's unix port."""
    return _interpreter()


@pytest.fixture(scope="session")
def sim_build():
    """Directory of the simulated board's slot, freshly built."""
    return _build()


@pytest.fixture(scope="session")
def chromium():
    """Path of the browser; a test that needs one fails with what to install."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    pytest.fail("no browser found: apt-get install chromium (macOS: install Google Chrome)",
                pytrace=False)


def pytest_configure(config):
    """Shared test data may be missing at home, never where REQUIRE_TESTDATA is set."""
    os.environ["TESTDATA"] = str(TESTDATA)
    if not TESTDATA.is_dir() and os.environ.get("REQUIRE_TESTDATA"):
        raise pytest.UsageError("the shared test data is missing: %s" % TESTDATA)
    if config.option.numprocesses:
        _build()


def pytest_report_header(config):
    """One line when tests will be skipped for want of data."""
    if not TESTDATA.is_dir():
        return "no shared test data at %s: tests that need it are skipped" % TESTDATA
    return None


def pytest_pycollect_makemodule(module_path, parent):
    """Files in tests/unit are collected for MicroPython."""
    if module_path.parent == UNIT:
        return UnitFile.from_parent(parent, path=module_path)
    return None


class UnitFile(pytest.File):
    """One file of unit tests; it runs in one interpreter, when its first result is wanted."""

    def collect(self):
        """Yield an item for each test and interpreter."""
        tree = ast.parse(self.path.read_text())
        names = [node.name for node in tree.body
                 if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        self.names = names
        self.results = None
        self.module = None
        pure = self.path.name.startswith(PURE)
        for name in names:
            source = ast.unparse(next(node for node in tree.body
                                      if getattr(node, "name", "") == name))
            needs_data = "testdata." in source
            for kind in (MicroPythonItem, CPythonItem) if pure else (MicroPythonItem,):
                item = kind.from_parent(self, name="%s[%s]" % (name, kind.where), test=name)
                if needs_data and not TESTDATA.is_dir():
                    item.add_marker(pytest.mark.skip(reason="no shared test data"))
                yield item

    def result(self, name):
        """Return the result of one test on MicroPython."""
        if self.results is None:
            wanted = [item.test for item in self.session.items
                      if item.parent is self and isinstance(item, MicroPythonItem)]
            self.results = _run(self.path, wanted)
        return self.results[name]


def _run(path, names):
    command = [_interpreter(), "-X", "heapsize=8M", str(RUNNER), str(_build()), str(path), *names]
    try:
        done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace", timeout=TIME_LIMIT_S)
        output, end = done.stdout, "the interpreter ended with %d" % done.returncode
    except subprocess.TimeoutExpired as problem:
        output, end = (problem.stdout or b"").decode(errors="replace"), "it took too long"

    def lost(when):
        return {"state": "failed", "text": "%s %s\n%s" % (end, when, output[-TAIL:])}

    results = {name: lost("before this test ran") for name in names}
    for line in output.split("\n"):  # splitlines would take the mark for an end of line
        if line.startswith(MARK):
            result = json.loads(line[len(MARK):])
            name = result["test"]
            results[name] = lost("during this test") if result["state"] == "started" else result
    return results


class UnitItem(pytest.Item):
    """One unit test on one interpreter."""

    where = ""

    def __init__(self, *, test, **keywords):
        super().__init__(**keywords)
        self.test = test

    def reportinfo(self):
        """Where the test stands, for the report."""
        return self.path, 0, self.name


class Failure(Exception):
    """A test that failed on MicroPython; its text is the traceback from there."""


class MicroPythonItem(UnitItem):
    """Runs on MicroPython's unix port, from the .mpy files."""

    where = "micropython"

    def runtest(self):
        """Fetch the result, running the whole file at the first call."""
        result = self.parent.result(self.test)
        if result["state"] != "passed":
            raise Failure(result["text"])

    def repr_failure(self, excinfo):
        """The traceback as MicroPython printed it."""
        if isinstance(excinfo.value, Failure):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class CPythonItem(UnitItem):
    """Runs in this process, from the sources."""

    where = "cpython"

    def runtest(self):
        """Import the file once and call the test."""
        if self.parent.module is None:
            spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            self.parent.module = module
        getattr(self.parent.module, self.test)()
