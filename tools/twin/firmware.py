"""The firmware as a process of its own: the shipped .mpy files on MicroPython's unix port."""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "sim"
_UNIT = ROOT / "tests" / "unit"
_PORTS = (20000, 32000)
_TAIL = 3000  # of what a script said that is worth showing


class Missing(Exception):
    """Something the twin needs is not there; the message says what to do."""


class Broken(Exception):
    """A script on MicroPython failed, or did not end; the message has the end of what it said."""


def interpreter():
    """Path of MicroPython's unix port: MICROPYTHON, this venv's, the build's, or the PATH's."""
    beside = Path(sys.executable).parent / "micropython"
    for candidate in (os.environ.get("MICROPYTHON"), beside,
                      ROOT / "build" / "venv" / "bin" / "micropython",
                      shutil.which("micropython")):
        if candidate and Path(candidate).exists():
            return str(candidate)
    raise Missing("no micropython found: run `make run` or `make test` once, "
                  "or set MICROPYTHON to the unix port")


def build():
    """Build the .mpy tree; returns the directory of the app slot."""
    tool = ROOT / "tools" / "build.py"
    done = subprocess.run([sys.executable, str(tool), "sim"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Missing("building the firmware failed:\n" + done.stdout.strip())
    return slot()


def slot():
    """Directory of the active app slot in build/sim."""
    name = BUILD / "slot"
    active = name.read_text().strip() if name.exists() else "a"
    folder = BUILD / active
    if not (folder / "main.mpy").exists():
        raise Missing("%s holds no firmware: run tools/build.py sim" % folder)
    return folder


def chosen(data, usual):
    """The slot that boot.py would start on a board that keeps its files in ``data``.

    ``usual`` is that of the build, which the board has come with; updates lie in ``data``.
    """
    def named(name):
        path = Path(data, name)
        return path.read_text()[:1] if path.exists() else ""

    def place(name):
        own = Path(data, name)
        return usual if name == usual.name and not own.exists() else own

    first = named("slot")
    if named("trial"):
        os.rename(Path(data, "trial"), Path(data, "tried"))
        first = named("tried")
        if place(usual.name) == usual:  # it lies beside the update from now on
            shutil.copytree(usual, Path(data, usual.name))
    for name in "ba" if first == "b" else "ab":
        if (place(name) / "manifest.json").exists():
            return place(name)
    raise Missing("neither slot in %s holds an app" % data)


def count_start(data):
    """Count one more start that has not lasted yet, as boot.py does."""
    path = Path(data, "boots")
    text = path.read_text() if path.exists() else "0"
    path.write_text(str(8 if text == "9" else int(text) + 1))


def command(folder, heap):
    """The command that starts the firmware from ``folder`` with ``heap`` bytes of heap."""
    start = ("import sys; sys.path[:] = [%r, %r, '.frozen']; import main"
             % (str(folder), str(folder / "lib")))
    return [interpreter(), "-X", "heapsize=" + heap, "-c", start]


def beside(folder):
    """How a script begins that runs beside the firmware in ``folder``, with tools/ at hand."""
    return ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; import constants; "
            % (str(folder), str(folder / "lib"), str(ROOT / "tools")))


def run(folder, code, heap, seconds):
    """Run ``code`` beside the firmware in ``folder``, with tools/ and tests/unit at hand.

    Returns the text it printed; Broken when it fails, or has not ended after so many seconds.
    """
    start = beside(folder) + "sys.path.insert(3, %r); %s" % (str(_UNIT), code)
    try:
        done = subprocess.run([interpreter(), "-X", "heapsize=" + heap, "-c", start],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              check=False)
        said, problem = done.stdout, done.returncode and "ended with %d" % done.returncode
    except subprocess.TimeoutExpired as late:
        said, problem = late.stdout or b"", "did not end within %g s" % seconds
    text = said.decode(errors="replace")
    if problem:
        raise Broken("MicroPython %s:\n%s" % (problem, text.strip()[-_TAIL:]))
    return text


def give_past(folder, data, days, now):
    """Have the firmware in ``folder`` write ``days`` of history before ``now`` into ``data``."""
    if days and not Path(data, "minutes.bin").exists():
        start = beside(folder) + "from twin import past; past.write(%r, %d, %d)" % (
            str(data), days, now)
        subprocess.run([interpreter(), "-X", "heapsize=4M", "-c", start], check=True)


def free_udp_port():
    """A UDP port of the loopback nobody uses at this moment."""
    return _free_port("127.0.0.1", socket.SOCK_DGRAM)


def free_tcp_port(host):
    """A TCP port of ``host`` nobody uses at this moment."""
    return _free_port(host, socket.SOCK_STREAM)


def _free_port(host, kind):
    """A port that the system gives nobody by itself before the firmware has taken it."""
    while True:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = random.SystemRandom().randrange(*_PORTS)  # twins may have the same seed
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port


class Firmware:
    """One running firmware. ``started`` says whether it lives; its output goes to ``say``."""

    def __init__(self, folder, heap, environment, say):
        self._command = command(folder, heap)
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._say = say
        self._process = None

    @property
    def pid(self):
        """Process id, None before ``start``."""
        return self._process.pid if self._process else None

    @property
    def alive(self):
        """True while the process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self):
        """Start the process and pass its output on."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    async def wait(self):
        """Pass output on until the process ends; returns its exit code."""
        async for line in self._process.stdout:
            self._say("firmware: " + line.decode(errors="replace").rstrip())
        return await self._process.wait()

    def kill(self):
        """End the process as a loss of power does."""
        if self.alive:
            self._process.kill()

    async def stop(self):
        """End the process: politely, then for certain."""
        if not self.alive:
            return
        for sign, patience in ((signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            try:
                self._process.send_signal(sign)
                await asyncio.wait_for(self._process.wait(), patience)
                return
            except asyncio.TimeoutError:
                continue
            except ProcessLookupError:
                return
