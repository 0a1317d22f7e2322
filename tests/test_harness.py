"""What the runner of the MicroPython tests says about tests that fail, crash or never ran."""

import os
import random
import re
import subprocess
import sys
from types import SimpleNamespace

import conftest
import pytest
import whole_run

FILE = '''
def test_good():
    pass

def helper(value):
    assert value == 4, "not four"

def test_bad():
    helper(5)

def test_leaves():
    raise SystemExit(0)

def test_crashes():
    import uctypes
    uctypes.bytearray_at(8, 8)[0] = 1

def test_after():
    pass
'''


@pytest.fixture
def run(tmp_path):
    """Factory: run the named tests of a file with ``text``; returns name -> result."""
    def start(text, *names):
        path = tmp_path / "test_made_up.py"
        path.write_text(text)
        return conftest._run(path, names)
    return start


def test_a_good_one_passes_and_a_bad_one_shows_where(run):
    results = run(FILE, "test_bad", "test_good")
    assert results["test_good"]["state"] == "passed"
    assert results["test_bad"]["state"] == "failed"
    assert 'test_made_up.py", line 6, in helper' in results["test_bad"]["text"]
    assert "not four" in results["test_bad"]["text"]


def test_a_test_that_ends_the_interpreter_politely_fails_alone(run):
    results = run(FILE, "test_leaves", "test_good")
    assert results["test_leaves"]["state"] == "failed"
    assert results["test_good"]["state"] == "passed"


def test_a_crash_fails_its_test_and_all_after_it(run):
    results = run(FILE, "test_good", "test_crashes", "test_after")
    assert results["test_good"]["state"] == "passed"
    for name, when in (("test_crashes", "during"), ("test_after", "before")):
        assert results[name]["state"] == "failed"
        assert re.match(r"the interpreter ended with -\d+ %s" % when, results[name]["text"])


def test_a_file_that_cannot_be_loaded_fails_all_its_tests(run):
    results = run("import nothing_of_that_name\n" + FILE, "test_good", "test_after")
    for name in ("test_good", "test_after"):
        assert results[name]["state"] == "failed"
        assert "nothing_of_that_name" in results[name]["text"]


def test_a_test_that_hangs_is_ended(run, monkeypatch):
    monkeypatch.setattr(conftest, "TIME_LIMIT_S", 2)
    results = run("def test_hangs():\n    while True:\n        pass\n", "test_hangs")
    assert results["test_hangs"]["state"] == "failed"
    assert "it took too long during" in results["test_hangs"]["text"]


# ---- the whole run ----

FILES = ("tests/system/test_new_too.py", "tests/unit/test_a.py", "tests/test_b.py",
         "tests/browser/test_page.py", "tests/system/test_scenario.py", "tests/unit/test_d.py",
         "tests/browser/test_more.py", "tests/property/test_c.py", "tests/system/test_new.py",
         "tests/system/test_bus_pty.py", "tests/system/test_session.py",
         "tests/system/test_rom.py", "tests/system/test_image.py")


class Process:
    """A process as the scheduler knows it: it keeps its last test until it hears what follows."""

    def __init__(self, name):
        self.gateway = SimpleNamespace(id=name)
        self.given = []
        self.shutting_down = False

    def send_runtest_some(self, tests):
        assert not self.shutting_down
        self.given += tests

    def shutdown(self):
        self.shutting_down = True

    @property
    def running(self):
        return self.given[0] if len(self.given) > 1 - self.shutting_down else None


@pytest.mark.parametrize("number", (1, 2, 4))
@pytest.mark.parametrize("seed", range(9))
def test_what_runs_in_real_time_has_the_machine_for_itself(number, seed):
    chance = random.Random(seed)
    tests = ["%s::test_%d" % (name, n) for name in FILES for n in range(chance.randint(1, 5))]
    items = [SimpleNamespace(nodeid=test) for test in tests]
    whole_run.pytest_collection_modifyitems(items)
    tests = [item.nodeid for item in items]
    option = SimpleNamespace(tx=["popen"] * number, maxprocesses=None, loadscopereorder=True)
    config = SimpleNamespace(option=option, getvalue=lambda name: getattr(option, name))
    schedule = whole_run.pytest_xdist_make_scheduler(config, None)
    processes = [Process("gw%d" % n) for n in range(number)]
    for process in processes:
        schedule.add_node(process)
        schedule.add_node_collection(process, tests)
    schedule.schedule()
    done, shared, beside = [], 0, 0
    while len(done) < len(tests):
        running = {one: tests[one.running] for one in processes if one.running is not None}
        parts = [whole_run.part(test) for test in running.values()]
        assert parts.count("waiting") <= whole_run.PROCESSES["waiting"], running
        assert len(running) <= min(whole_run.PROCESSES[name] if name in ("browser", "system")
                                   else number for name in parts), running
        beside += "waiting" in parts and "side by side" in parts
        assert len([test for test in running.values() if "_image" in test or "_rom" in test]) < 2
        shared += len(running) > 1
        over = chance.choice(list(running))
        schedule.mark_test_complete(over, over.given.pop(0))
        done.append(running[over])
    assert sorted(done) == sorted(tests)
    assert [whole_run.part(test) for test in tests] == sorted(
        map(whole_run.part, tests), key=list(whole_run.BUDGETS).index)
    alone = [test for test in done if whole_run.part(test) == "system"]
    assert done[len(done) - len(alone):] == alone
    assert shared or number == 1
    assert beside or number < 4
    assert schedule.tests_finished


def test_a_part_that_takes_too_long_is_told_and_fails_the_run(monkeypatch):
    times = whole_run.Times()
    limit = whole_run.BUDGETS["browser"]
    session = SimpleNamespace(exitstatus=0)

    def took(seconds):
        times.pytest_runtest_logreport(SimpleNamespace(
            nodeid="tests/browser/test_page.py::test_a", start=50, stop=50 + seconds, when="call",
            outcome="passed"))
        times.pytest_sessionfinish(session)
        lines = []
        times.pytest_terminal_summary(SimpleNamespace(section=lines.append, line=lines.append))
        return lines[1]

    monkeypatch.setenv("REQUIRE_TESTDATA", "1")
    minutes = str(limit // whole_run.MIN)
    assert took(limit).split()[:6] == ["browser", "1", "tests", minutes + ":00", "of", minutes]
    assert session.exitstatus == 0
    monkeypatch.delenv("REQUIRE_TESTDATA")
    assert "TOO LONG" in took(limit + 1)
    assert session.exitstatus == 0
    monkeypatch.setenv("REQUIRE_TESTDATA", "1")
    took(1)
    assert session.exitstatus == 1


FLAKY = """
import pathlib
import pytest

def first(name):
    path = pathlib.Path(__file__).with_name(name)
    path.write_text(path.read_text() + "again" if path.exists() else "once")
    assert "again" in path.read_text(), "not the first time"

@pytest.fixture
def flaky_setup():
    first("setup")

@pytest.fixture
def flaky_end():
    yield
    first("end")

def test_good():
    pass
"""


def begun(folder, files):
    """Run pytest as the whole run does, in one process, over {folder in tests: its test file}."""
    for name, text in files.items():
        (folder / "tests" / name).mkdir(parents=True)
        (folder / "tests" / name / ("test_%s.py" % name)).write_text(text)
    (folder / "pytest.ini").touch()
    (folder / "conftest.py").write_text("pytest_plugins = ['whole_run']")
    environment = {**os.environ, "PYTHONPATH": str(conftest.ROOT / "tests"),
                   "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # which takes most of the time
                   "PYTEST_ADDOPTS": "-q -p xdist.plugin -p no:cacheprovider"}
    return subprocess.run([sys.executable, "-m", "pytest", "-n", "1"], cwd=folder,
                          env=environment, text=True, capture_output=True)


POLICY = """
import os

def test_policy():
    assert os.sched_getscheduler(0) == os.%s
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE") or os.geteuid(), reason="for Linux, as root")
def test_what_only_wants_processors_gives_way(tmp_path):
    done = begun(tmp_path, {"unit": POLICY % "SCHED_IDLE", "system": POLICY % "SCHED_OTHER"})
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("files, passed, failed, alone", (
    ({"system": "def test_a(): first('a')\ndef test_b(flaky_setup): pass",
      "browser": "def test_c(flaky_end): pass"}, 5, 0, ["test_a", "test_b", "test_c"]),
    ({"system": "def test_a(): first('a')\ndef test_bad(): assert 0",
      "unit": "def test_d(): first('d')"}, 3, 2, ["test_a"]),
    ({"system": "\n".join("def test_%d(): first('%d')" % (n, n)
                          for n in range(whole_run.ALONE_MOST + 1))},
     1, whole_run.ALONE_MOST + 1, []),
), ids=("flaky", "bad", "many"))
def test_what_fails_in_real_time_is_tried_alone(tmp_path, files, passed, failed, alone):
    done = begun(tmp_path, {folder: FLAKY + text for folder, text in files.items()})
    end = done.stdout.splitlines()[-1]
    assert re.findall("[0-9]+ [a-z]+", end) == \
        ["%d failed" % failed] * (failed > 0) + ["%d passed" % passed], done.stdout
    assert sorted(re.findall("= passed alone: .*::(.*) =", done.stdout)) == alone
    assert done.stdout.count("not the first time") >= len(alone)
    assert done.returncode == (failed > 0)
