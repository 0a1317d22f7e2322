"""How the whole of the tests is run: five processes, first side by side, then a file at a time.

Tests on simulated time only want processors, so their files share them. Programs that run in real
time want a quiet machine: those that mostly wait are run three at a time, browsers two at a time,
and each of the others has the machine for itself, afterwards. A few tests of real time may fail:
at the very end they are run once more, each alone, and those that pass then are told by name.

All is one run with one summary; the time each part took is shown beside its budget. A part that
takes longer makes the run fail where REQUIRE_TESTDATA is set; at home the machine may be slow.
"""

import os
import subprocess
import sys

import pytest
from xdist.scheduler import LoadFileScheduling

# Files in tests/system that build the boards' trees in build/: one process does them all.
BUILDING = ("image", "rom", "deploy", "build")
# Files in tests/system that run nothing in real time; those in tests/unit, tests/property and
# tests/ never do. What takes long comes first, so that all processes end at about the same time.
SHARING = (*BUILDING, "power_cases", "timing", "screens", "scenario", "bench", "scenario_plug",
           "scenario_site", "bus_fuzz", "pictures", "twin_metrics", "migration")
# Files in tests/system that run in real time and leave most of it unused: 2 minutes of a processor
# for 24 of the clock.
WAITING = ("doctor", "soak", "update", "twin_reference", "twin", "http_current", "http_bounds",
           "session", "power_cut", "bus_pty", "openapi", "mqtt_hostile", "wifi", "homewizard",
           "security", "http_clients", "twin_bus", "modbus_tcp", "mqtt", "world", "resolve",
           "services", "telnet", "ntp", "http_plug", "events", "history")
MIN = 60
BUDGETS = {"side by side": 12 * MIN, "waiting": 9 * MIN, "browser": 8 * MIN,
           "system": 4 * MIN}
# Of the parts that not all processes may work at, how many may.
PROCESSES = {"waiting": 3, "browser": 2, "system": 1}
REAL_TIME = ("waiting", "browser", "system")
ALONE_MOST = 8
ALONE_S = 300
AGAIN = "again"  # outcome of a test that failed, until all else is over


def part(nodeid):
    """Which part of the run a test belongs to."""
    folder = nodeid.split("/")[1]
    name = _name(nodeid)
    if name in WAITING:
        return "waiting"
    return folder if folder in BUDGETS and name not in SHARING else "side by side"


def _name(nodeid):
    return nodeid.split("::")[0].removeprefix("tests/system/test_").removesuffix(".py")


def _order(item):
    """What takes long comes first in its part."""
    name = _name(item.nodeid)
    places = WAITING if name in WAITING else SHARING
    return (list(BUDGETS).index(part(item.nodeid)),
            places.index(name) if name in places else len(places))


class Schedule(LoadFileScheduling):
    """Files side by side as long as they may be; the rest is for the processes that are left."""

    def _split_scope(self, nodeid):
        return "building" if _name(nodeid) in BUILDING else super()._split_scope(nodeid)

    def _reschedule(self, node):
        files = iter(self.workqueue.values())
        most = PROCESSES.get(part(next(iter(next(files)))) if self.workqueue else "")
        if not most:
            super()._reschedule(node)
            return
        # A process keeps its last test until it is given more or told that there is none.
        if node.shutting_down or self._pending_of(self.assigned_work[node]) > 1:
            return
        ending = [other for other in self.nodes if other.shutting_down]
        if len(self.nodes) - len(ending) > most:
            node.shutdown()
        elif not any(self._pending_of(self.assigned_work[other]) for other in ending):
            self._assign_work_unit(node)

    def mark_test_complete(self, node, item_index, duration=0):
        """Note that a test is over, and see whether another process waits for that."""
        super().mark_test_complete(node, item_index, duration)
        if self.workqueue and node.shutting_down:
            for other in self.nodes:
                self._reschedule(other)


def pytest_xdist_make_scheduler(config, log):
    """Files are given out in the order of the items."""
    config.option.loadscopereorder = False
    return Schedule(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Sort by parts; the order within a file stays."""
    items.sort(key=_order)


class Times:
    """Notes when each part ran and tells at the end; ``failed`` when one took too long."""

    def __init__(self):
        self._spans = {}

    def pytest_runtest_logreport(self, report):
        """One step of one test is over."""
        if report.outcome == AGAIN:
            return
        first, last, count = self._spans.get(part(report.nodeid), (report.start, report.stop, 0))
        self._spans[part(report.nodeid)] = (min(first, report.start), max(last, report.stop),
                                            count + (report.when == "call"))

    def late(self):
        """Names of the parts that took longer than their budget."""
        return [name for name, (first, last, _) in self._spans.items()
                if last - first > BUDGETS[name]]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Fail where the time is up."""
        if self.late() and os.environ.get("REQUIRE_TESTDATA") and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        """The times, before the last line."""
        terminalreporter.section("times")
        for name, (first, last, count) in self._spans.items():
            seconds, budget = round(last - first), BUDGETS[name]
            terminalreporter.line("%-15s %5d tests %3d:%02d of %2d min%s" % (
                name, count, seconds // MIN, seconds % MIN, budget // MIN,
                "  TOO LONG" if name in self.late() else ""))


class Alone:
    """Runs tests of real time that failed once more, when all else is over."""

    def __init__(self):
        self._over = False
        self._failed = {}  # reports that are kept back, by the test's name
        self._passed = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        """Keep a failure back: nobody counts it yet."""
        if report.failed and not self._over and part(report.nodeid) in REAL_TIME:
            self._failed.setdefault(report.nodeid, []).append(report)
            report.outcome = AGAIN

    def pytest_report_teststatus(self, report):
        """Nothing is shown of it yet."""
        return ("", "", "") if report.outcome == AGAIN else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session):
        """After the run try again what failed, unless that is much or somebody wants the end."""
        again = False
        try:
            result = yield
            again = len(self._failed) <= ALONE_MOST
            return result
        finally:
            self._over = True
            for name, reports in self._failed.items():
                problem = try_alone(name, session.config.rootpath) if again else "not tried"
                for report in self._judged(name, reports, problem):
                    session.config.hook.pytest_runtest_logreport(report=report)

    def _judged(self, name, reports, problem):
        """The reports that everybody is to know now."""
        first = reports[0]
        if problem:
            first.sections.append(("alone", problem))
            for report in reports:
                report.outcome = "failed"
            return reports
        self._passed.append((name, first.longreprtext))
        first.outcome = "passed"
        first.longrepr = None
        if first.when == "setup":
            first.when = "call"  # which is what counts
        return [first]

    def pytest_terminal_summary(self, terminalreporter):
        """What went wrong with those that want the machine for themselves."""
        for name, text in self._passed:
            terminalreporter.section("passed alone: " + name)
            terminalreporter.line(text)


def try_alone(name, folder):
    """Run one test by itself; returns "" when it passes, else what pytest says."""
    command = [sys.executable, "-m", "pytest", name]
    try:
        done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace", timeout=ALONE_S)
    except subprocess.TimeoutExpired:
        return "it took too long"
    return done.stdout if done.returncode else ""


def pytest_configure(config):
    """Tell the times of a run in several processes, which is the whole run."""
    if getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(Times())
        config.pluginmanager.register(Alone())
