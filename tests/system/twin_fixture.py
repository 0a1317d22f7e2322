"""The running twin for tests: world, Modbus meter and firmware, each test with its own."""

import json
import shlex
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "tools" / "twin" / "run.py"
# What the 64-bit host needs, whose interpreter has no module frozen in; docs/measurements.md.
TIGHT_HEAP = "512K"
START_S = 30
POLL_S = 0.1


class Twin:
    """One running twin.

    ``url`` and ``world_url`` end in a slash, ``pid`` is the firmware's process; with several
    chargers these are the first's, and ``chargers`` has url, pid and number of each. ``options``
    go to tools/twin/run.py, ``settings`` over its own: one object for all, or a list. ``make``
    starts it as people do.
    """

    def __init__(self, *options, settings=None, heap=TIGHT_HEAP, make=False):
        words = ["--headless", "--no-build", "--heap", heap, "--http", "127.0.0.1:0",
                 "--world", "127.0.0.1:0", *options]
        if settings:
            words += ["--settings", json.dumps(settings)]
        command = (["make", "-s", "run", "ARGS=" + shlex.join(words)] if make
                   else [sys.executable, str(RUN), *words])
        self.log = []
        self._ready = threading.Event()
        self._pages = None
        self._process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(START_S)
        if self._pages is None:
            self.close()
            raise AssertionError("the twin did not start\n" + self.tail())
        self.url = self._pages["url"]
        self.world_url = self._pages["world_url"]
        self.pid = self._pages["pid"]
        self.chargers = self._pages["chargers"]

    def _read(self):
        for line in self._process.stdout:
            self.log.append(line.rstrip())
            if line.startswith("{") and self._pages is None:
                self._pages = json.loads(line)
                self._ready.set()
        self._ready.set()

    def tail(self, lines=40):
        """The last lines the twin and its firmware said."""
        return "\n".join(self.log[-lines:])

    def get(self, path, evse=0):
        """GET ``path`` of a charger; returns the JSON document."""
        return _ask(self.chargers[evse]["url"] + path.lstrip("/"))

    def post(self, path, body=None, evse=0):
        """POST to a charger, ``body`` as JSON if given; returns the JSON document."""
        return _ask(self.chargers[evse]["url"] + path.lstrip("/"), body, "POST")

    def world(self, name=None, **arguments):
        """Carry out a command of the world page; returns the world's state. No name: only that.

        ``evse`` is the charger it is about, the first one unless given.
        """
        if name is None:
            return _ask(self.world_url + "state?evse=%d" % arguments.get("evse", 0))
        return _ask(self.world_url + "command", {"name": name, **arguments}, "POST")

    def wait(self, predicate, timeout=20, what="the condition"):
        """Wait until ``predicate()`` is true and return its value; AssertionError otherwise."""
        deadline = time.monotonic() + timeout
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() > deadline or self._process.poll() is not None:
                world = json.dumps(self.world()) if self.alive else "the twin has ended"
                raise AssertionError("%s did not come about in %g s\nworld: %s\n%s" % (
                    what, timeout, world, self.tail()))
            time.sleep(POLL_S)

    def stays(self, predicate, seconds, what="the condition"):
        """Assert that ``predicate()`` is true throughout ``seconds``."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert predicate(), "%s ended\nworld: %s\n%s" % (
                what, json.dumps(self.world()), self.tail())
            time.sleep(POLL_S)

    @property
    def alive(self):
        """True while the twin runs."""
        return self._process.poll() is None

    def close(self):
        """End the twin and all its children."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(5)


def _ask(url, body=None, method="GET"):
    data = None if body is None else json.dumps(body).encode()
    if method == "POST" and data is None:
        data = b""
    request = urllib.request.Request(url, data=data, method=method)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        detail = problem.read().decode(errors="replace")
        raise AssertionError("%s %s: %d %s" % (method, url, problem.code, detail)) from None


@pytest.fixture
def twin(sim_build):
    """Factory of twins: ``twin("--auto", settings={"mains": 20})``; all end with the test."""
    running = []

    def start(*options, **keywords):
        running.append(Twin(*options, **keywords))
        return running[-1]

    yield start
    for one in running:
        one.close()
