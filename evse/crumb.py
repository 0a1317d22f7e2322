"""What is known after a restart of the run before: kept in memory that a reset leaves alone.

The board has a little of it (``keep`` and ``kept``), which only a loss of power clears. All that
goes there lies in one piece of memory with a check sum, the journal's ring too, and is copied once
a second: no flash, and nothing is lost but the last second.
"""

import io
import sys
from binascii import crc32
from struct import pack_into, unpack_from

from micropython import const

from evse import reasons
from evse.charging import faults
from evse.journal import RING_BYTES, Journal

# By number in what is kept. From "restart" on they tell apart what the board calls "hard".
CAUSES = const(("power", "hard", "watchdog", "deepsleep", "soft", "brownout", "restart", "crash",
                "panic"))

_FORMAT = const(1)
# Check sum of all that follows; format; flags, state, reason, tasks; uptime, events; starts.
_HEAD = const("<BBBBIIIH")
_HEAD_AT = const(4)
_NOTE = const("<BBBI")
_FLAGS_AT = const(5)
_NOW = const("<II")
_NOW_AT = const(12)
_START = const("<Bi")  # of one start: its cause, how long the run before it lasted
_START_BYTES = const(5)
_STARTS = const(8)
_STARTS_AT = const(22)
_TEXT_AT = const(62)
_TEXT_BYTES = const(240)
_RING_AT = const(302)
_BYTES = const(1134)
_COUNT_MOST = const(65535)

_CLOSED = const(1)
_ASKED = const(2)
_FAILED = const(4)
_TRIPPED = const(8)

_FAILURES = const(("watchdog", "brownout", "crash", "panic"))
_SOON_S = const(600)


class Crumb:
    """What the run before has left, and what this one leaves.

    ``journal`` goes on where it was. ``cause`` is what started the board, one of CAUSES.
    ``before`` is (state, reason, uptime in s, tasks seen) of the run before, None when nothing is
    known of it; ``closed``: a contactor was, ``tripped``: a residual current was to be cleared by
    hand, ``unasked``: nobody wanted this start. ``count`` are the starts since power was lost,
    with this one. ``trusting``: what was kept is looked at.
    """

    def __init__(self, board, trusting=True):
        self._keep = board.keep
        self._data = data = bytearray(_BYTES)
        self._checked = memoryview(data)[_HEAD_AT:]
        self.journal = Journal(memoryview(data)[_RING_AT:_RING_AT + RING_BYTES])
        self.cause = board.reset_cause()
        self.before = None
        self.count = 0
        self._noted_s = -1
        flags = state = reason = seen = 0
        lasted_s = -1
        if trusting and self._takes(board.kept()):
            _, flags, state, reason, seen, lasted_s, events, self.count = unpack_from(
                _HEAD, data, _HEAD_AT)
            self.before = (state, reason, lasted_s, seen)
            self.journal.resume(events, lasted_s)
            if self.cause == "hard":
                self.cause = ("restart" if flags & _ASKED else "crash" if flags & _FAILED else
                              "panic")
        self.closed = flags & _CLOSED != 0
        self.tripped = flags & _TRIPPED != 0
        self.unasked = self.closed or self.cause not in ("soft", "restart")
        self.count = min(self.count + 1, _COUNT_MOST)
        cause = CAUSES.index(self.cause)
        end = _STARTS_AT + _STARTS * _START_BYTES
        data[_STARTS_AT + _START_BYTES:end] = data[_STARTS_AT:end - _START_BYTES]
        pack_into(_START, data, _STARTS_AT, cause, lasted_s)
        if self.before:
            self.journal.record(reasons.RESTARTED, cause, seen)
            if self.closed:
                self.journal.record(reasons.CUT_OFF, state, reason)
        pack_into(_HEAD, data, _HEAD_AT, _FORMAT, flags & _TRIPPED, 0, 0, 0, 0, 0, self.count)
        self._seal()

    def _takes(self, kept):
        """Whether ``kept`` is what a run has left; it is in place then."""
        if len(kept) != _BYTES or kept[_HEAD_AT] != _FORMAT:
            return False
        self._data[:] = kept
        if unpack_from("<I", kept, 0)[0] == crc32(self._checked):
            return True
        self._data[:] = bytes(_BYTES)
        return False

    def _seal(self):
        """Write it, with the journal as it is now."""
        pack_into(_NOW, self._data, _NOW_AT, self.journal.uptime_s, self.journal.count)
        pack_into("<I", self._data, 0, crc32(self._checked))
        self._keep(self._data)

    def note(self, core, seen):
        """Once a second, however often it is called. ``seen``: bits of tasks that ran lately."""
        charger = core.charger
        if self.journal.uptime_s != self._noted_s:
            self._noted_s = self.journal.uptime_s
            flags = (_CLOSED if charger.c1 else 0) | (
                _TRIPPED if charger.faults & faults.RCM_TRIPPED else 0)
            pack_into(_NOTE, self._data, _FLAGS_AT, flags, charger.state, charger.reason, seen)
            self._seal()

    def ask(self):
        """The restart that comes now is wanted."""
        self._data[_FLAGS_AT] |= _ASKED
        self._seal()

    def fail(self, problem):
        """Keep the end of what an exception says; when nothing comes after it, it was a crash."""
        self._data[_FLAGS_AT] |= _FAILED
        try:
            text = io.StringIO()
            sys.print_exception(problem, text)
            tail = text.getvalue().encode()[-_TEXT_BYTES:]
            while tail[0] & 0xC0 == 0x80:  # no half of a letter
                tail = tail[1:]
            self._data[_TEXT_AT:_TEXT_AT + _TEXT_BYTES] = tail + bytes(_TEXT_BYTES - len(tail))
        except MemoryError:
            pass  # that it failed is kept
        self._seal()

    def text(self):
        """The end of what the last exception said, "" without one since power was lost."""
        try:
            return bytes(self._data[_TEXT_AT:_TEXT_AT + _TEXT_BYTES]).rstrip(b"\0").decode()
        except ValueError:
            return "?"  # it was about what is no text

    def history(self):
        """Yield (cause, how many s the run before that start had lasted, -1 for unknown).

        The newest first, which is this start; those since power was lost, 8 at most.
        """
        for number in range(min(self.count, _STARTS)):
            cause, lasted_s = unpack_from(_START, self._data, _STARTS_AT + number * _START_BYTES)
            yield CAUSES[cause] if cause < len(CAUSES) else "hard", lasted_s

    def failures(self):
        """Return how many starts in a row, up to this one, came soon of a failure, 8 at most."""
        number = 0
        for cause, lasted_s in self.history():
            if cause not in _FAILURES or not 0 <= lasted_s < _SOON_S:
                break
            number += 1
        return number
