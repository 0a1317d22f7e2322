"""What drives a plug of the running twin: our firmware as a process, a stand-in, or nothing."""

import asyncio
from pathlib import Path

from twin.arguments import BadCommand, flag
from twin.reference_node import LATEST
from twin.stand_in import StandIn

SETTINGS = "MICROEVSE_SETTINGS"
KEPT = "kept.bin"  # what only a loss of power clears
RESET = 3  # exit code of a firmware that wants its board restarted
FIRMWARE, REFERENCE = "firmware", "reference node"


class Charger:
    """The board behind ``plug``, on ``bus`` at ``plug.port``.

    ``make(environment)`` gives a Firmware to start; ``environment`` is the first one's, and every
    later one goes on with the settings stored by the one before. A firmware that resets its board
    is started again, in the slot it has chosen; ``ended(charger, code)`` is told when one ends
    otherwise. ``radio`` is the air around it.
    """

    def __init__(self, plug, bus, make, environment, ended, radio=None):
        self.number = plug.number
        self.radio = radio
        self.url = "http://%s/" % environment["MICROEVSE_HTTP"]
        self._plug = plug
        self._bus = bus
        self._make = make
        self._environment = environment
        self._ended = ended
        self._board = None
        self._crashed = None  # when that had last been before the board was started
        self._stand_in = None
        self._linked = True
        self._tasks = set()

    @property
    def pid(self):
        """Process id of the firmware, None while none runs."""
        return self._board.pid if self._board else None

    @property
    def alive(self):
        """True while the firmware runs."""
        return self._board is not None and self._board.alive

    async def start(self, again=False, reset=False):
        """Give it power. ``again``: after a loss of power, with the settings it has stored.

        ``reset``: it had power all the time.
        """
        environment = dict(self._environment)
        data = Path(environment["MICROEVSE_DATA"])
        if not reset:
            (data / KEPT).unlink(missing_ok=True)
        if again:
            if not reset:
                environment["MICROEVSE_POWER_RETURN"] = "1"
            if (data / "settings.json").exists():
                del environment[SETTINGS]
        self._plug.port.flush()
        board = self._make(environment)
        self._crashed = self._last_crash()
        await board.start()
        self._board = board
        self._plug.alive = True
        self._connect()
        self._keep(self._until_end(board))

    async def _until_end(self, board):
        code = await board.wait()
        if board is self._board:  # nobody took its power
            self._power_off()
            tried = Path(self._environment["MICROEVSE_DATA"], "tried")
            # Whoever crashes says so in a file; it is not hidden by a new start. The crash of
            # an update on trial is answered by one of the version before.
            if code == RESET and (tried.exists() or self._last_crash() == self._crashed):
                await self.start(again=True, reset=True)
            else:
                self._ended(self, code)

    def _last_crash(self):
        """When the firmware last wrote of a crash, None for never."""
        path = Path(self._environment["MICROEVSE_DATA"], "crash.txt")
        return path.stat().st_mtime_ns if path.exists() else None

    def _power_off(self):
        """Whatever drove the plug does no more."""
        board, self._board = self._board, None
        stand_in, self._stand_in = self._stand_in, None
        self._plug.power_off()
        self._connect()
        if board:
            board.kill()
        if stand_in:
            self._keep(stand_in.close())

    def _connect(self):
        self._plug.port.attached = self._linked and self._board is not None
        if self._stand_in:
            self._stand_in.port.attached = self._linked

    def _keep(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self):
        """End what drives the plug; the firmware politely, so that it saves what it has."""
        board, self._board = self._board, None
        if board:
            await board.stop()
        self._power_off()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def state(self):
        """What the world page shows of it."""
        by = FIRMWARE if self._board else REFERENCE if self._stand_in else None
        return {"url": self.url, "pid": self.pid, "linked": self._linked, "driven_by": by,
                "wifi": self.radio and self.radio.shown()}

    # ---- commands ----

    def _kill(self):
        """Take its power away."""
        self._power_off()

    def _reboot(self):
        """Take its power away, if it has any, and give it back."""
        self._power_off()
        self._keep(self._restart(list(self._tasks)))

    async def _restart(self, before):
        await asyncio.gather(*before)
        await self.start(again=True)

    def _link(self, on):
        """Cut its wires of the bus, or mend them."""
        self._linked = flag(on)
        self._connect()

    def _replace(self, era=LATEST):
        """Put a node of the reference in its place; ``reboot`` takes it away again."""
        if not self.number:
            raise BadCommand("the Master cannot be replaced")
        self._power_off()
        self._stand_in = StandIn(self._bus, self._plug, era)
        self._connect()

    def _access_point(self, **changes):
        """Change the house's WiFi: on, ssid, password, dbm, join_s."""
        self.radio.change(**changes)

    COMMANDS = {"access_point": _access_point, "kill": _kill, "reboot": _reboot, "link": _link,
                "replace": _replace}
