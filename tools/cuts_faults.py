"""Runs on MicroPython: files that are damaged or foreign, flash that is full or worn.

In each case the flash of a charger that has run for long is spoilt, it starts, and lives for some
minutes: it charges, says so when flash does not take something and only then, and the start after
that has all that was changed, and all that was not spoilt.
"""

import os

from cuts_flash import DATA, ROOT, Board, fresh, mount, start
from cuts_hour import ANNA, BERT, Request, Status, cards, past, values_of
from evse import cards_admin
from evse.charging import faults
from evse.history import History
from evse.minutes import MINUTE_FILED, QUARTER_FILED, whole
from evse.net import api_update
from evse.sessions import Sessions
from evse.trust import key
from helpers_core import NOON_S
from helpers_flash import BLOCK

_RUBBISH = bytes((number * 167 + number // 7) & 0xFF for number in range(3000))
_DEEP = b"[" * 3000
_FLIPS = 12  # of a file, spread over it
_BLOCKS = 64
_PART = 8  # of what weeks have left
# What ``live`` changes: settings that the next start need not have as they were.
_COUNTED = ("sessions", "minutes", "quarters")
_CHANGED = ("mains", "access", "wear", "timer")
# What is in a file and may be lost with it: the settings of before the last change have all that
# is compared.
FILES = (("data/settings.json", ()), ("data/settings.json.old", ()),
         ("data/cards.csv", ("cards",)), ("data/cards.csv.old", ()), ("data/update.key", ("key",)),
         ("data/sessions.bin", ("sessions",)), ("data/sessions.bin.old", ("sessions",)),
         ("data/minutes.bin", ("minutes",)), ("data/minutes.bin.older", ("minutes",)),
         ("data/quarters.bin", ("quarters",)), ("data/quarters.bin.old", ("quarters",)),
         ("data/imported.json", ()), ("data/crash.txt", ()), ("slot", ("slot",)),
         ("boots", ("slot",)))


class Wrong(Exception):
    """What a charger must not do, or lose."""


def long_run(code):
    """The flash of a charger with everything on it."""
    board = fresh(list(past(_PART)) + [("/data/imported.json", b"{}"),
                                       ("/data/crash.txt", b"OSError")], _BLOCKS)
    bench = start(board, code, NOON_S)
    bench.run(1000)
    for card in (ANNA, BERT):
        cards_admin.add(bench.core.cards, card)
    api_update.put_key(Request, Status, None)
    bench.command("set", ("ev_meter", "Eastron3P"), "LCD")
    bench.command("set", ("max", 16), "LCD")
    live(bench, 40)
    bench.storage.save(bench.core)
    return board.image()


def live(bench, mains):
    """Minutes of a charger with a session in them, at the end of which ``mains`` is set.

    Returns whether it said that flash fails.
    """
    core = bench.core
    bench.obedient = True
    bench.command("access", "On", "LCD")
    bench.command("set", ("mains", mains - 10), "LCD")
    bench.run(5000)
    bench.charge()
    bench.run(30_000)
    bench.command("set", ("mains", mains), "LCD")
    bench.run(65_000)
    if not core.charger.c1:
        raise Wrong("it does not charge: " + bench.status.reason_text())
    bench.unplug()
    bench.run(65_000)
    return bool(bench.status.faults & faults.STORAGE)


def stored(bench):
    """All that the files keep, by name."""
    history = History(DATA)
    values = values_of(bench.settings)
    for name in _CHANGED:
        del values[name]
    return {"settings": values, "cards": cards(bench), "key": key(DATA + "/update.key"),
            "slot": bench.slot, "sessions": len(list(Sessions(DATA + "/sessions.bin").records())),
            "minutes": _whole(history.minutes, MINUTE_FILED),
            "quarters": _whole(history.quarters, QUARTER_FILED)}


def _whole(files, size):
    return sum(whole(buf, at, size) for buf, at in files.records())


def copy(image):
    """A board with this flash."""
    return Board((bytearray(image[0]), bytearray(image[1])), len(image[0]) // BLOCK)


def lost(before, after):
    """Names of what there is less of, or which is not as it was."""
    return [name for name in before
            if (after[name] < before[name] if name in _COUNTED else after[name] != before[name])]


def damaged(code, image, path, holds, damage):
    """``damage(path)`` befalls a file, which ``holds`` what may be lost.

    Returns (names of what is lost, whether it is said that flash fails).
    """
    board = copy(image)
    before = stored(start(board, code, NOON_S))
    mount(board)
    damage(ROOT + "/" + path)
    bench = start(board, code, NOON_S)
    found = stored(bench)
    said = live(bench, 51)
    sessions = bench.core.session_number
    again = start(board, code, bench.clock_s)
    if again.settings.get("mains") != 51:
        raise Wrong("a change is lost")
    if again.core.session_number != sessions:
        raise Wrong("a session is lost")
    later = lost(found, stored(again))
    if later and path != "boots":  # many starts that did not last: the other slot has its turn
        raise Wrong("lost later: " + ", ".join(later))
    if said:
        raise Wrong("it says that flash fails")
    gone = lost(before, found)
    if [name for name in gone if name not in holds]:
        raise Wrong("lost besides: " + ", ".join(gone))
    return gone, said


# ---- what may be with a file ----

def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def flipped(path, share):
    """Flip a bit, ``share`` of _FLIPS into the file."""
    data = bytearray(_read(path))
    at = len(data) * share // _FLIPS
    data[at] ^= 1 << share % 8
    _write(path, data)


def halved(path):
    """Half of it is gone."""
    data = _read(path)
    _write(path, data[: len(data) // 2])


def folder(path):
    """A folder is in its place, with a file in it."""
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there
    os.mkdir(path)
    _write(path + "/what", b"is this")


DAMAGES = tuple([("a bit is flipped", lambda path, share=share: flipped(path, share))
                 for share in range(_FLIPS)] + [
    ("half of it is gone", halved),
    ("it is empty", lambda path: _write(path, b"")),
    ("rubbish", lambda path: _write(path, _RUBBISH)),
    ("text that nests 3000 deep", lambda path: _write(path, _DEEP)),
    ("it is gone", os.remove),
    ("a folder", folder),
    ("rubbish beside it as .new", lambda path: _write(path + ".new", _RUBBISH)),
    ("a folder beside it as .new", lambda path: folder(path + ".new")),
    ("a folder beside it as .old", lambda path: folder(path + ".old")),
])
