"""How a bundle becomes the other version: nothing charges, it is judged, then written.

Loaded for one bundle, whether it is sent or fetched.
"""

import asyncio
import gc
import sys

from micropython import const

from evse import ticks
from evse.net.reply import Reply, failure
from evse.net.routes import now_ms
from evse.rare import rare
from evse.settings import Refused

_SILENT_MS = const(20_000)
_WHOLE_MS = const(600_000)  # nothing charges so long at most
_DISCARD_MS = const(20_000)
_ASK_MS = const(120_000)
_ASK_STEP_MS = const(100)
_SETTLE_MS = const(50)  # until the control has seen that nothing may charge
_NO_ROOM = const(28)
# Of the memory that is free what an update's modules leave: for all that comes and goes.
_SPARE = const(16384)
_KEY = const("/update.key")


class Taking(Reply):
    """The answer that comes when the whole bundle is in the slot, or why it is not.

    ``source.piece()`` gives it bit by bit: the request, or an evse.net.fetch.Source. ``wanted``
    has "force" and "confirm" or not. ``refusal``: it is not taken, and this is the answer.
    """

    def __init__(self, request, status, command, source, wanted, refusal=None):
        super().__init__("")
        self._request = request
        self._status = status
        self._command = command
        self._source = source
        self._wanted = wanted
        self._refusal = refusal
        self._stream = self._update = None
        self._until = ticks.add(now_ms(), _WHOLE_MS)

    async def write(self, stream):
        """Take it, answer, and take what is still sent: closing would destroy the answer."""
        self._stream = stream
        answer = self._refusal or await self._held()
        await answer.write(stream)
        stream.allow_more(_DISCARD_MS)
        while await self._request.piece():
            pass

    async def _piece(self):
        """The next bytes; who sends none for long, or takes too long for all, is cut off."""
        self._stream.allow_more(min(_SILENT_MS, ticks.diff(self._until, now_ms())))
        self._status.update = self._update.percent
        return await self._source.piece()

    async def _held(self):
        """Receive it while nothing charges."""
        status = self._status
        try:
            self._command("update", "begin", self._request.source)
        except Refused as exc:
            return rare("net.api_write").refusal(exc)
        became = "failed"
        status.update = 0
        status.updated = "it was not sent to the end"
        try:
            await asyncio.sleep_ms(_SETTLE_MS)
            answer = await self._receive()
            if answer.status_code == 200:
                became = "written" if self._update.signed else "confirmed"
            return answer
        finally:
            status.update = None
            if self._source is not self._request:
                self._source.close()
            self._command("update", became, "update")

    async def _receive(self):
        status = self._status
        gc.collect()
        update = rare("update")
        key = rare("trust").key
        slots = rare("slots")
        asks = "confirm" in self._wanted and self._can_ask()
        field = "update"
        await asyncio.sleep_ms(0)
        self._update = one = update.Update(self._piece)
        try:
            if self._source is not self._request:
                self._stream.allow_more(_SILENT_MS)
                field = "url"
                problem = await self._source.open()
                if problem:
                    raise update.Broken(problem)
                field = "update"
            await one.open([key(sys.path[0] + _KEY), key(status.directory + _KEY)], asks)
            if one.board != status.board:
                raise update.Broken("it is for the board %s, this is %s"
                                    % (one.board, status.board))
            if (update.number_of(one.version) < update.number_of(status.version)
                    and "force" not in self._wanted):
                field = "force"
                raise update.Broken("%s is older than %s, which runs"
                                    % (one.version, status.version))
            if not one.signed:
                problem = await self._ask(one)
                if problem:
                    raise update.Broken(problem)
            slots.stay(status.root, status.slot)
            await one.write("%s/%s" % (status.root, slots.other(status.slot)), _carried(),
                            status.directory, gc.mem_free() - _SPARE)
        except update.Broken as exc:
            status.updated = exc.args[0]
            if one.signed is False and not asks and self._can_ask():
                field = "confirm"
        except OSError as exc:
            status.updated = (
                "it changes too much to fit beside the version that runs: use the cable"
                if exc.errno == _NO_ROOM else "flash does not take it (%s)" % exc)
        else:
            status.updated = "ready"
            return Reply('{"ok":true,"version":"%s"}' % one.version)
        return failure(422, status.updated, field)

    # ---- what no key vouches for ----

    def _can_ask(self):
        return self._status.screen() is not None

    async def _ask(self, one):
        """Ask at the display whether this is wanted; returns why not, "" if it is."""
        status = self._status
        until = ticks.add(now_ms(), _ASK_MS)
        status.confirm = (one.version, one.print, until)
        try:
            while type(status.confirm) is tuple:
                if ticks.due(now_ms(), until):
                    return "nobody has confirmed it at the display"
                self._stream.allow_more(_SILENT_MS)
                await asyncio.sleep_ms(_ASK_STEP_MS)
            return "" if status.confirm else "it was declined at the display"
        finally:
            status.confirm = None


def _carried():
    """The list of the modules that the interpreter's image carries."""
    try:
        return __import__("rom_list").MODULES
    except ImportError:
        return ""  # another interpreter, or the unix port
