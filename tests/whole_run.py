"""How the whole of the tests is run: three processes, first side by side, then a file at a time.

Tests on simulated time only want processors, so their files share them. Programs that run in real
time want a quiet machine: those that mostly wait are run three at a time, and each of the others
has the machine for itself, afterwards. All is one run with one summary; the time each part took is
shown beside its budget. A part that takes longer makes the run fail where REQUIRE_TESTDATA is set;
at home the machine may be a slow one.
"""

import os

import pytest
from xdist.scheduler import LoadFileScheduling

# Files in tests/system that run nothing in real time and leave nothing in build/; those in
# tests/unit, tests/property and tests/ never do. What takes long comes first, so that all
# processes end at about the same time.
SHARING = ("power_cases", "timing", "screens", "scenario", "bench", "scenario_plug",
           "scenario_site", "bus_fuzz", "pictures", "twin_metrics", "migration")
# Files in tests/system that run in real time and leave most of it unused.
WAITING = ("soak", "http_bounds", "doctor", "security", "openapi", "wifi", "http_clients",
           "mqtt_hostile", "twin_reference", "twin", "bus_pty", "power_cut", "http_current",
           "homewizard", "mqtt", "session", "twin_bus", "world", "modbus_tcp", "resolve",
           "services", "telnet", "ntp", "http_plug", "events")
MIN = 60
BUDGETS = {"side by side": 8 * MIN, "three at a time": 8 * MIN, "browser": 4 * MIN,
           "system": 7 * MIN}
TOGETHER = ("side by side", "three at a time")


def part(nodeid):
    """Which part of the run a test belongs to."""
    folder = nodeid.split("/")[1]
    name = _name(nodeid)
    if name in WAITING:
        return "three at a time"
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
    """Files side by side as long as they may be; the rest is for the process that is left."""

    def _reschedule(self, node):
        if not self.workqueue or part(next(iter(self.workqueue))) in TOGETHER:
            super()._reschedule(node)
            return
        # A process keeps its last test until it is given more or told that there is none.
        if node.shutting_down or self._pending_of(self.assigned_work[node]) > 1:
            return
        others = [other for other in self.nodes if other is not node]
        if not all(other.shutting_down for other in others):
            node.shutdown()
        elif not any(self._pending_of(self.assigned_work[other]) for other in others):
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


def pytest_configure(config):
    """Tell the times of a run in several processes, which is the whole run."""
    if getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(Times())
