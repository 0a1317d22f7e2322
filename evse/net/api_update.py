"""The firmware's update: what runs, what lies beside it, another one for that place, its start."""

import asyncio
import gc
import os
import sys

from micropython import const

from evse import ticks
from evse.net.reply import Reply, failure, quote, trusted
from evse.net.routes import now_ms
from evse.rare import rare
from evse.settings import Refused

_SILENT_MS = const(20_000)
_WHOLE_MS = const(600_000)  # nothing charges so long at most
_DISCARD_MS = const(20_000)
_SETTLE_MS = const(50)  # until the control has seen that nothing may charge
_NO_ROOM = const(28)
_KEY = const("/update.key")
_OWNERS = const(("installer", "portal"))


def get_update(_request, status, _command):
    """Answer with what runs, what lies beside it and how far another update is."""
    return Reply(_told(status))


def _told(status):
    slots = rare("slots")
    root, slot = status.root, status.slot
    beside = "%s/%s" % (root, slots.other(slot))
    there = slots.described(beside)
    state = ("receiving" if status.update is not None else "trial" if status.trial_s else
             status.updated if status.updated in ("ready", "returned") else
             "failed" if status.updated else "idle")
    yield '{"version":"%s","board":"%s","slot":"%s","state":"%s","percent":%s,"problem":%s' % (
        status.version, status.board, slot, state,
        "null" if status.update is None else status.update,
        quote(status.updated if state == "failed" else ""))
    yield ',"trial_s":%d,"own_key":%s,"notes":"' % (
        status.trial_s, "true" if _exists(status.directory + _KEY) else "false")
    yield from _notes(sys.path[0])
    yield '","other":'
    if there and status.update is None:
        yield '{"version":%s,"notes":"' % quote(there[1])
        yield from _notes(beside)
        yield '"}'
    else:
        yield "null"
    yield "}"


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _notes(folder):
    """Yield the inside of the JSON text of the notes in a slot."""
    try:
        with open(folder + "/notes.txt") as lines:
            for line in lines:
                yield quote(line)[1:-1]
    except OSError:
        pass  # there are none


def _denied(request, status):
    """Why nobody may do this now, as an answer, or None."""
    if not trusted(request, status):
        return failure(403, "updates are the installer's business: give the password", "update")
    if status.trial_s:
        return failure(422, "the version that runs has first to prove itself", "update")
    if status.update is not None:
        return failure(422, "an update is being received", "update")
    return None


# ---- another one ----

def post_update(request, status, command):
    """Take the bundle in the body into the slot not in use; ``?force`` takes an older one too."""
    return _Upload(request, status, command)


class _Upload(Reply):
    """The answer that comes when the whole bundle is in the slot, or why it is not."""

    def __init__(self, request, status, command):
        super().__init__("")
        self._request = request
        self._status = status
        self._command = command
        self._stream = self._update = None
        self._until = ticks.add(now_ms(), _WHOLE_MS)

    async def write(self, stream):
        """Receive, answer, and take what is still sent: closing would destroy the answer."""
        self._stream = stream
        answer = _denied(self._request, self._status) or await self._held()
        await answer.write(stream)
        stream.allow_more(_DISCARD_MS)
        while await self._request.piece():
            pass

    async def _piece(self):
        """The next bytes; who sends none for long, or takes too long for all, is cut off."""
        self._stream.allow_more(min(_SILENT_MS, ticks.diff(self._until, now_ms())))
        self._status.update = self._update.percent
        return await self._request.piece()

    async def _held(self):
        """Receive it while nothing charges."""
        status = self._status
        try:
            self._command("update", "begin", self._request.source)
        except Refused as exc:
            return _refused(exc)
        became = "failed"
        status.update = 0
        status.updated = "it was not sent to the end"
        try:
            await asyncio.sleep_ms(_SETTLE_MS)
            answer = await self._receive()
            if answer.status_code == 200:
                became = "written"
            return answer
        finally:
            status.update = None
            self._command("update", became, "update")

    async def _receive(self):
        status = self._status
        gc.collect()
        update = rare("update")
        key = rare("trust").key
        slots = rare("slots")
        await asyncio.sleep_ms(0)
        self._update = one = update.Update(self._piece)
        try:
            await one.open([key(sys.path[0] + _KEY), key(status.directory + _KEY)])
            if one.board != status.board:
                raise update.Broken("it is for the board %s, this is %s"
                                    % (one.board, status.board))
            if (update.number_of(one.version) < update.number_of(status.version)
                    and "force" not in self._request.args):
                status.updated = "%s is older than %s, which runs" % (one.version, status.version)
                return failure(422, status.updated, "force")
            slots.stay(status.root, status.slot)
            await one.write("%s/%s" % (status.root, slots.other(status.slot)), _carried(),
                            status.directory)
        except update.Broken as exc:
            status.updated = exc.args[0]
        except OSError as exc:
            status.updated = (
                "it changes too much to fit beside the version that runs: use the cable"
                if exc.errno == _NO_ROOM else "flash does not take it (%s)" % exc)
        else:
            status.updated = "ready"
            return Reply('{"ok":true,"version":"%s"}' % one.version)
        return failure(422, status.updated, "update")


def _carried():
    """The list of the modules that the interpreter's image carries."""
    try:
        return __import__("rom_list").MODULES
    except ImportError:
        return ""  # another interpreter, or the unix port


def _refused(exc):
    return rare("net.api_write").refusal(exc)


# ---- its start ----

def post_start(request, status, command):
    """Restart into the other slot, which is kept once it has run for a minute."""
    denied = _denied(request, status)
    if denied:
        return denied
    slots = rare("slots")
    other = slots.other(status.slot)
    there = slots.described("%s/%s" % (status.root, other))
    if not there or there[0] != status.board:
        return failure(422, "there is no other version", "update")
    try:
        command("update", "begin", request.source)
        slots.try_next(status.root, other)
        command("restart", True, request.source)
    except Refused as exc:
        return _refused(exc)
    except OSError as exc:
        command("update", "failed", "update")
        return failure(422, "flash does not take it (%s)" % exc, "update")
    return Reply('{"ok":true,"version":%s}' % quote(there[1]))


# ---- the owner's key ----

def put_key(request, status, _command):
    """Trust one more key: updates signed with it are taken as well."""
    document, wrong = rare("net.api_write").document_of(request)
    if wrong:
        return wrong
    text = document.get("key")
    try:
        if type(text) is not str:
            raise ValueError("a key is its modulus in hex digits")
        rare("trust").check_key(text)
    except ValueError as exc:
        return failure(422, str(exc), "key")
    return _change_key(request, status, text)


def delete_key(request, status, _command):
    """Trust the owner's key no more."""
    return _change_key(request, status, None)


def _change_key(request, status, text):
    # Not for those who are only trusted: with a key of theirs they could install anything.
    if request.source not in _OWNERS:
        return failure(403, "a key is changed with the password", "key")
    if status.busy():  # flash would hold up the charger
        return failure(422, "a key is changed when nothing charges", "key")
    path = status.directory + _KEY
    try:
        if text is None:
            os.remove(path)
        else:
            with open(path + ".new", "w") as file:
                file.write(text)
            os.rename(path + ".new", path)
    except OSError:
        return failure(404 if text is None else 422,
                       "there is none" if text is None else "flash does not take it", "key")
    return Reply('{"ok":true}')
