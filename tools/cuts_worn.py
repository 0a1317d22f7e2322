"""Runs on MicroPython: flash that is full, and flash that is worn out in one place."""

import os

from cuts_faults import Wrong, copy, live, lost, stored
from cuts_flash import ROOT, start
from evse.charging import faults
from helpers_core import NOON_S
from helpers_flash import BLOCK, put

_STRANGERS = [ROOT + "/stranger%d" % number for number in range(3)]
_QUARTER_MS = 920_000


def full(code, image):
    """Somebody's files take all the room: nothing is lost, however often it starts meanwhile."""
    board = copy(image)
    bench = start(board, code, NOON_S)
    before = stored(bench)
    for path, size in zip(_STRANGERS, (BLOCK, 512, 512)):
        with open(path, "wb") as file:
            try:
                while True:
                    file.write(bytes(size))
                    file.flush()
            except OSError:
                pass  # no room
    for number in (1, 2):
        board = copy(board.image())
        bench = start(board, code, bench.clock_s)
        if not live(bench, 50 + number):
            raise Wrong("it does not say that the disk is full")
    board = copy(board.image())
    bench = start(board, code, bench.clock_s)
    for path in _STRANGERS:
        os.remove(path)
    bench.run(_QUARTER_MS)
    if bench.status.faults & faults.STORAGE:
        raise Wrong("it does not notice that there is room again")
    bench = start(board, code, bench.clock_s)
    if bench.settings.get("mains") != 52:
        raise Wrong("a change is lost")
    after = stored(bench)
    if after["sessions"] != before["sessions"] + 2:
        raise Wrong("a session is lost")
    return lost(before, after), True


# ---- worn out ----

def _raises(_board, _kind, _at, _data):
    raise OSError(5)


def _nothing(_board, _kind, _at, _data):
    return True


def _sticks(board, kind, at, data):
    """One bit cannot be set any more."""
    put(board, kind, at, data)
    target = board.files if kind == "file" else board.raw
    middle = at // BLOCK * BLOCK + BLOCK // 32 + 5
    if data is None or at <= middle < at + len(data):
        target[middle] &= 0xEF
    return True


WEARS = (("a write fails", False, _raises), ("a write does nothing", False, _nothing),
         ("a bit stays 0", None, _sticks), ("an erase fails", True, _raises),
         ("an erase does nothing", True, _nothing))


def worn(code, image, place, erases, wears):
    """``place`` (kind, block) is worn: writes or erases there, or both, do what ``wears`` does."""
    board = copy(image)
    bench = start(board, code, NOON_S)
    before = stored(bench)
    number = bench.core.session_number

    def fails(kind, at, data):
        hit = (kind, at // BLOCK) == place and erases in (None, data is None)
        return hit and wears(board, kind, at, data)

    board.fails = fails
    bench = start(board, code, bench.clock_s)
    said = live(bench, 51)
    if said and wears is not _raises:
        raise Wrong("it says that flash fails, which took everything")
    # Another object: files that could not be closed are, whenever memory is collected.
    board = copy(board.image())
    board.fails = fails
    bench = start(board, code, bench.clock_s)
    if bench.settings.get("mains") != 51:
        raise Wrong("a change is lost")
    after = stored(bench)
    if bench.core.session_number != number + 1:
        raise Wrong("a session is lost")
    return lost(before, after), said


def places(image):
    """All places (kind, block): each block of the files, and of the log what minutes fill."""
    return [("file", block) for block in range(len(image[0]) // BLOCK)] + [("log", 0)]
