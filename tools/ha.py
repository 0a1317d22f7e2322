"""A real Home Assistant for tests, in an environment of its own.

    python tools/ha.py             set it up
    python tools/ha.py schemas     and record what it accepts as discovery into tests/golden

Which version runs follows from the Pythons there are; HA_PYTHON names one. The first start
installs what Home Assistant asks for by itself, pinned by it, and needs PyPI.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "golden" / "homeassistant" / "discovery.json"
INSIDE = ROOT / "tools" / "ha_inside.py"
# The last version that runs on each Python, best first.
VERSIONS = (("3.13", "2026.2.3"), ("3.12", "2025.1.4"), ("3.11", "2024.3.3"))
START_S = 600
ANSWER_S = 60


def interpreter():
    """Return (path, version of Home Assistant) for the best Python there is."""
    named = os.environ.get("HA_PYTHON")
    for python, version in VERSIONS:
        for path in [named] if named else (
                shutil.which("python" + python), sys.executable,
                *map(str, Path.home().glob(".pyenv/versions/%s.*/bin/python" % python))):
            if path and subprocess.run(
                    [path, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
                    capture_output=True, text=True).stdout.strip() == python:
                return path, version
    raise SystemExit("Home Assistant needs Python %s" % " or ".join(
        python for python, _ in VERSIONS))


def environment():
    """Make the environment unless it is there; returns its Python."""
    path, version = interpreter()
    place = ROOT / "build" / ("homeassistant-" + version)
    python = place / "bin" / "python"
    if not (place / ".done").exists():
        print("Setting up Home Assistant %s (once, some minutes)" % version, file=sys.stderr)
        subprocess.run([path, "-m", "venv", "--clear", place], check=True)
        # Of Python 3.13 it asks for a later patch than some systems have; 3.13.0 does.
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--ignore-requires-python", "homeassistant==" + version], check=True)
        (place / ".done").touch()
    return python


class HomeAssistant:
    """A Home Assistant joined to the broker on ``port`` of this machine.

    ``packages`` are texts of YAML by name, parts of its configuration.
    """

    def __init__(self, port, packages=None):
        with socket.create_server(("127.0.0.1", 0)) as free:
            own = free.getsockname()[1]
        self._directory = tempfile.TemporaryDirectory()
        for name, text in (packages or {}).items():
            place = Path(self._directory.name, "packages", name + ".yaml")
            place.parent.mkdir(exist_ok=True)
            place.write_text(text)
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [environment(), INSIDE, self._directory.name, str(port), str(own)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)
        self._answer(START_S)

    def _answer(self, seconds):
        """The next line it answers."""
        late = threading.Timer(seconds, self._process.kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        if not line:
            self._said.seek(0)
            raise AssertionError("Home Assistant has ended\n" + self._said.read()[-4000:])
        return json.loads(line)

    def ask(self, what, **order):
        """Give it an order of tools/ha_inside.py; returns the answer."""
        self._process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        self._process.stdin.flush()
        return self._answer(ANSWER_S)

    def wait(self, predicate, what, seconds=30):
        """Wait until ``predicate`` of all entities is true; returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = predicate(self.ask("entities"))
            if value:
                return value
            assert time.monotonic() < deadline, "%s did not come about\n%s" % (
                what, "\n".join(self.ask("log")))
            time.sleep(0.2)

    def call(self, service, entity, **data):
        """Call a service ("select.select_option") on an entity."""
        domain, name = service.split(".")
        return self.ask("call", domain=domain, service=name, data={"entity_id": entity, **data})

    def close(self):
        """Stop it."""
        if self._process.poll() is None:
            self._process.stdin.write('{"do": "stop"}\n')
            self._process.stdin.flush()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._directory.cleanup()


def main():
    """Set Home Assistant up, and record what it accepts if told so."""
    python = environment()
    if sys.argv[1:] == ["schemas"]:
        text = subprocess.run([python, ROOT / "tools" / "ha_schemas.py"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        RECORDED.parent.mkdir(parents=True, exist_ok=True)
        RECORDED.write_text(text)
        print(RECORDED.relative_to(ROOT))


if __name__ == "__main__":
    main()
