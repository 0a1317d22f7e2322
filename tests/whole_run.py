"""How the whole of the tests is run: four processes, each taking a file at a time.

Programs that run in real time want a quiet machine. Those that mostly wait are run three at a
time; beside them one process begins with what only wants processors, tests on simulated time, and
gives way to everything else at once. When that is done too, by all four, browsers are run two at a
time, and then the rest, which has the machine for itself. A few tests of real time may fail: at
the very end they are run once more, each alone, and those that pass then are told by name.

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
           "scenario_site", "bus_fuzz", "pictures", "storage_cuts", "twin_metrics", "migration",
           "faults", "faults_services", "fuzz", "soak_days")
# Files in tests/system that run in real time and leave most of it unused: 2 minutes of a processor
# for 24 of the clock.
WAITING = ("doctor", "soak", "update", "twin_reference", "twin", "http_current", "http_bounds",
           "session", "power_cut", "bus_pty", "openapi", "mqtt_hostile", "wifi", "homewizard",
           "security", "http_clients", "twin_bus", "modbus_tcp", "mqtt", "world", "resolve",
           "services", "telnet", "ntp", "http_plug", "events", "history", "safe")
MIN = 60
# In the order in which they are begun; the first two together.
BUDGETS = {"waiting": 10 * MIN, "side by side": 20 * MIN, "browser": 8 * MIN, "system": 4 * MIN}
# The parts that run in real time, and how many processes may work at each.
PROCESSES = {"waiting": 3, "browser": 2, "system": 1}
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
    """Files in the order of their parts; some processes begin with what all may work at."""

    def _split_scope(self, nodeid):
        return "building" if _name(nodeid) in BUILDING else super()._split_scope(nodeid)

    def _waits(self, node):
        """Whether a process begins with what mostly waits, as the first of them do."""
        return self.nodes.index(node) < PROCESSES["waiting"]

    def _next(self, node):
        """(files a process would be given, their part); ("", "") when there are none."""
        parts = [(name, part(next(iter(tests)))) for name, tests in self.workqueue.items()]
        for name, kind in parts:
            if kind not in PROCESSES or self._waits(node):
                return name, kind
        return parts[0] if parts else ("", "")

    def _assign_work_unit(self, node):
        self.workqueue.move_to_end(self._next(node)[0], last=False)
        super()._assign_work_unit(node)

    def remove_node(self, node):
        """A process has ended or crashed: what it had done is not to be done again."""
        work = self.assigned_work[node]
        for name in [name for name, tests in work.items() if all(tests.values())]:
            del work[name]
        return super().remove_node(node)

    def _reschedule(self, node):
        if node not in self.registered_collections:
            return  # it replaces one that crashed, and is not ready
        _, kind = self._next(node)
        if kind not in PROCESSES or (kind == "waiting" and self._waits(node)):
            super()._reschedule(node)
            return
        # A process keeps its last test until it is given more or told that there is none.
        if node.shutting_down or self._pending_of(self.assigned_work[node]) > 1:
            return
        ending = [other for other in self.nodes if other.shutting_down]
        if len(self.nodes) - len(ending) > PROCESSES[kind]:
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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """What only wants processors, and all that it starts, gets them when nobody else does."""
    # Only an administrator's process can come back from there.
    if "PYTEST_XDIST_WORKER" in os.environ and hasattr(os, "SCHED_IDLE") and not os.geteuid():
        wanted = os.SCHED_OTHER if part(item.nodeid) in PROCESSES else os.SCHED_IDLE
        os.sched_setscheduler(0, wanted, os.sched_param(0))


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
        if report.failed and not self._over and part(report.nodeid) in PROCESSES:
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
