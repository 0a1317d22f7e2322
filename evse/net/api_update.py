"""The firmware's update: what runs, what lies beside it, another one for that place, its start."""

import os
import sys

from micropython import const

from evse import ticks
from evse.net.reply import Reply, failure, quote, trusted
from evse.rare import rare
from evse.settings import Refused

_NOTES_MAX = const(4096)
_NOTES_PIECE = const(128)
_KEY = const("/update.key")
_OWNERS = const(("installer", "portal"))


def get_update(request, status, _command):
    """Answer with what runs, what lies beside it and how far another update is."""
    return Reply(_told(status, request.now))


def _told(status, now):
    slots = rare("slots")
    root, slot = status.root, status.slot
    beside = "%s/%s" % (root, slots.other(slot))
    there = slots.described(beside)
    asked = status.confirm if type(status.confirm) is tuple else None
    state = ("confirm" if asked else "receiving" if status.update is not None else
             "trial" if status.trial_s else
             status.updated if status.updated in ("ready", "returned") else
             "failed" if status.updated else "idle")
    yield '{"version":"%s","board":"%s","slot":"%s","state":"%s","percent":%s,"problem":%s' % (
        status.version, status.board, slot, state,
        "null" if status.update is None else status.update,
        quote(status.updated if state == "failed" else ""))
    if asked:
        yield ',"confirm":{"version":"%s","print":"%s","left_s":%d}' % (
            asked[0], asked[1], max(0, ticks.diff(asked[2], now)) // 1000)
    else:
        yield ',"confirm":null'
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
    """Yield the inside of the JSON text of the notes in a slot, piece by piece."""
    try:
        with open(folder + "/notes.txt") as file:
            for _ in range(_NOTES_MAX // _NOTES_PIECE):
                text = file.read(_NOTES_PIECE)
                if not text:
                    break  # an empty piece would be sent as one
                yield quote(text)[1:-1]
    except (OSError, ValueError):
        pass  # there are none, or they are no text


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
    """Take the bundle in the body into the slot not in use.

    ``?force`` takes an older one too, ``?confirm`` asks at the display for one that is not signed.
    """
    return rare("net.install").Taking(request, status, command, request, request.args,
                                      _denied(request, status))


def post_fetch(request, status, command):
    """Take the bundle at a URL of the own network; ``force`` and ``confirm`` as above, if true."""
    document, wrong = rare("net.api_write").document_of(request)
    wrong = wrong or _denied(request, status)
    if wrong:
        return wrong
    url = document.get("url")
    try:
        if type(url) is not str:
            raise ValueError("a URL is text")
        source = rare("net.fetch").Source(url, status.names)
    except ValueError as exc:
        return failure(422, str(exc), "url")
    return rare("net.install").Taking(request, status, command, source,
                                      [key for key in document if document[key] is True])


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
        return rare("net.api_write").refusal(exc)
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
