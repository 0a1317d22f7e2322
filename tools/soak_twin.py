"""The running twin for the soak: a process, its firmware watched, its pages asked."""

import asyncio
import contextlib
import json
import os
import shlex
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import build
import hostile
from hostile_http import ask
from twin import firmware

_RUN = Path(__file__).resolve().parent / "twin" / "run.py"
_START_S = 40
_TAIL = 30
_AGAIN_S = 0.3
_WORLD_S = 5
_REPORT = "firmware: SOAK "  # as soak_firmware has it
_MARK = "0 " + _REPORT  # of the first of the two chargers
_PRIORITY = 10  # of real time, as a board has its processor to itself


class Twin:
    """A twin of the firmware in ``slot``, a Master and a Node; use it in ``async with``.

    ``settings`` are the Master's, whom all is about. ``reports`` are what its firmware says of its
    memory and tasks (see soak_firmware), ``log`` is all else both say, ``place`` where it can be
    reached. ``first`` True asks for, and then says, that they are served before all else this
    machine does.
    """

    def __init__(self, slot, heap, settings, environment, first):
        self.reports = []
        self.log = []
        self._slot = slot
        self._heap = heap
        self._settings = settings
        self._environment = environment
        self.first = first
        self._stack = contextlib.AsyncExitStack()
        self._process = self._pages = None
        self._ready = asyncio.Event()

    async def __aenter__(self):
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *problem):
        await self._stack.aclose()

    async def _start(self):
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="microevse-"))
        self._data = Path(folder, "data")
        self._data.mkdir()
        modbus, telnet = (firmware.free_tcp_port("127.0.0.1") for _ in range(2))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(_RUN), "--headless", "--auto", "--no-build", "--heap", self._heap,
            "--http", "127.0.0.1:0", "--world", "127.0.0.1:0", "--evses", "2",
            "--settings", json.dumps([self._settings]), cwd=build.ROOT,
            env={**os.environ, **self._environment,
                 "MICROPYTHON": _watched(Path(folder), self._slot),
                 "MICROEVSE_DATA": str(self._data),
                 "MICROEVSE_MODBUS": "127.0.0.1:%d" % modbus,
                 "MICROEVSE_TELNET": "127.0.0.1:%d" % telnet},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        self._stack.push_async_callback(self._end)
        self.first = self.first and _served_first(self._process.pid)
        reading = asyncio.ensure_future(self._read())
        self._stack.callback(reading.cancel)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ready.wait(), _START_S)
        if not self._pages:
            raise build.Problem("the twin did not start\n" + self.tail())
        self.place = hostile.Place(urllib.parse.urlsplit(self._pages["url"]).port, modbus, telnet)
        self._world = urllib.parse.urlsplit(self._pages["world_url"]).port

    async def _read(self):
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(_MARK):
                self.reports.append((time.monotonic(), json.loads(line[len(_MARK):])))
            if _REPORT in line:
                continue
            self.log.append(line)
            if line.startswith("{") and not self._pages:
                self._pages = json.loads(line)
                self._ready.set()
        self._ready.set()

    async def _end(self):
        if self.alive:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except asyncio.TimeoutError:
                self._process.kill()
                await self._process.wait()

    @property
    def alive(self):
        """True while the twin runs."""
        return self._process.returncode is None

    def tail(self):
        """The last lines it and its firmware said."""
        return "\n".join(self.log[-_TAIL:])

    def sockets(self):
        """What each socket of the firmware is; None where the system does not tell."""
        folder = Path("/proc/%d" % self._pages["pid"])
        if not folder.exists():
            return None
        inodes = []
        for entry in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                kind, _, inode = os.readlink(entry).partition(":")
                if kind == "socket":
                    inodes.append(inode.strip("[]"))
        known = {line.split()[9]: self._described(*line.split()[1:4])
                 for line in (folder / "net" / "tcp").read_text().splitlines()[1:]}
        return sorted(known.get(inode, "UDP") for inode in inodes)

    def files(self):
        """Bytes in the files of both."""
        return sum(path.stat().st_size for path in self._data.rglob("*") if path.is_file())

    def _described(self, here, there, state):
        """A line of the system's list of connections in words."""
        port, far = (int(address.partition(":")[2], 16) for address in (here, there))
        server = {self.place.http: "page", self.place.modbus: "Modbus",
                  self.place.telnet: "telnet"}.get(port)
        return "%s in state %s" % (server or "to port %d" % far, state)

    # ---- its pages ----

    async def get(self, path):
        """GET a JSON document of the charger; OSError when it is not to be had."""
        return await self._ask(self.place.http, "GET", path)

    async def post(self, path, document=None):
        """POST to the charger; OSError when it does not take it."""
        return await self._ask(self.place.http, "POST", path, document)

    async def world(self, name=None, **arguments):
        """A command of the world's page; returns its state. No name: only that."""
        order = ("GET", "/state") if name is None else (
            "POST", "/command", {"name": name, **arguments})
        return await self.insist(lambda: self._ask(self._world, *order), _WORLD_S)

    async def insist(self, work, seconds):
        """``await work()`` until it raises no OSError; Problem when that takes too long."""
        end = time.monotonic() + seconds
        while True:
            try:
                return await work()
            except OSError as problem:
                if not self.alive or time.monotonic() > end:
                    raise build.Problem("no answer in %d s: %s\n%s" % (seconds, problem,
                                                                        self.tail()))
            await asyncio.sleep(_AGAIN_S)

    async def set(self, key, value, seconds=20):
        """Change a setting."""
        await self.insist(lambda: self.post("/api/v1/command",
                                            {"name": "set", "value": [key, value]}), seconds)

    async def _ask(self, port, method, path, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        head = ("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Content-Length: %d\r\n\r\n" % (method, path, len(body)))
        try:
            heard = await ask((self.place.host, port), head.encode() + body)
        except asyncio.TimeoutError:
            raise OSError("no answer in time")
        head, _, text = heard.partition(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise OSError(heard[:200].decode(errors="replace") or "closed without an answer")
        try:
            return json.loads(text)
        except ValueError:
            raise OSError("the answer breaks off")


def _served_first(pid):
    """Have a process and all it starts served before all else; False where that is not allowed."""
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(_PRIORITY))
    except (AttributeError, PermissionError):
        return False
    return True


def _watched(folder, slot):
    """What the twin takes for its interpreter: the real one, whose firmware is watched.

    It runs a copy of the slot, so that a build meanwhile changes nothing.
    """
    start = ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; import soak_firmware; "
             "soak_firmware.main()" % (str(slot), str(slot / "lib"), str(build.ROOT / "tools")))
    script = folder / "micropython"
    script.write_text('#!/bin/sh\nexec %s "$1" "$2" -c %s\n' % (
        shlex.quote(firmware.interpreter()), shlex.quote(start)))
    script.chmod(0o700)
    return str(script)
