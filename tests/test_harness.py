"""What the runner of the MicroPython tests says about tests that fail, crash or never ran."""

import re

import conftest
import pytest

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
