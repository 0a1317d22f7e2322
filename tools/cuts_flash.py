"""Runs on MicroPython: a board's flash whose power fails at whichever write, and a start from it.

The files are littlefs and the log a raw partition, both in RAM; boot.py is the board's. The
folders are the board's as well, below ``ROOT``.
"""

import sys

import vfs

from evse import slots
from evse.cards import Cards
from evse.storage import Storage
from helpers_core import Bench, drawing
from helpers_flash import BLOCK, Flash, Log, put

ROOT = "/lfs"
DATA = ROOT + "/data"
LOG = "flash log"
SECTORS = 16
BLOCKS = 128
_NAMING = ("open", "rename", "remove", "mkdir", "rmdir")
_ENDINGS = (".new", ".older", ".old")
_MANIFEST = '{"board":"test","version":"v4.0.0","files":{\n}}\n'


class _Registers(dict):
    """Registers that are all 0."""

    def __getitem__(self, address):
        return 0


class _Machine:
    """Stands for ``machine``: pins that do nothing, and 0 for all else."""

    mem32 = _Registers()

    class Pin:
        """An output."""

        OUT = 3

        def __init__(self, number, mode, value):
            pass

    def __getattr__(self, name):
        return 0


class Board(Flash):
    """A Flash that notes beside each of its ``ops`` in ``names`` (which file it was for, when).

    ``clock`` returns the time. ``erased`` counts the erases of each block, those of the log behind
    those of the files. ``fails`` is asked before each op, by its kind, position and bytes: it may
    raise, or return True for one that does nothing.
    """

    def __init__(self, image=None, blocks=BLOCKS):
        self.names = []
        self.erased = [0] * (blocks + SECTORS)
        self.file = ""
        self.clock = lambda: 0
        self.fails = lambda *_: False
        super().__init__(image, SECTORS, blocks)
        self.reset()

    def reset(self):
        """Forget what was done so far."""
        self.ops = []
        self.names = []

    def _done(self, kind, at, data):
        nothing = self.fails(kind, at, data)
        self.names.append((LOG if kind == "log" else self.file, self.clock()))
        self.ops.append((kind, at, data, self.closed()))
        if data is None:
            self.erased[at // BLOCK + (len(self.erased) - SECTORS if kind == "log" else 0)] += 1
        if not nothing:
            put(self, kind, at, data)


def torn(board, op):
    """Let the power fail in the middle of ``op``: its first half is done."""
    kind, at, data, _ = op
    if data is None:
        target = board.files if kind == "file" else board.raw
        target[at : at + BLOCK // 2] = b"\xff" * (BLOCK // 2)
    else:
        put(board, kind, at, data[: len(data) // 2])


class _Named:
    """littlefs on a Board, which is told what is written."""

    def __init__(self, board):
        self._board = board
        self._files = vfs.VfsLfs2(board)

    def __getattr__(self, name):
        method = getattr(self._files, name)
        if name not in _NAMING:
            return method

        def named(path, *more):
            self._board.file = plain(more[0] if name == "rename" else path)
            return method(path, *more)

        return named


def plain(path):
    """The name of a file without its folder, and whichever generation of it this is."""
    name = path.rpartition("/")[2]
    for ending in _ENDINGS:
        if name.endswith(ending):
            name = name[: -len(ending)]
    return name


def mount(board):
    """Mount the files of ``board``; what was mounted before has lost its power."""
    try:
        vfs.umount(ROOT)
    except OSError:
        pass  # the first one
    vfs.mount(_Named(board), ROOT)


def fresh(files, blocks=BLOCKS):
    """A board with an app in both slots, and ``files``, pairs of a path and what is in it."""
    board = Board(blocks=blocks)
    files_of = vfs.VfsLfs2(board)
    for folder in ("/a", "/b", "/data"):
        files_of.mkdir(folder)
    apps = [("/%s/manifest.json" % slot, _MANIFEST) for slot in "ab"]
    for path, text in apps + list(files):
        with files_of.open(path, "wb") as file:
            file.write(text)
    board.reset()
    return board


def boot(board, code):
    """Run boot.py, whose text is ``code``; returns the slot it starts."""
    mount(board)
    vfs.umount(ROOT)
    path = sys.path[:]
    vfs.umount("/")
    vfs.mount(_Named(board), "/")
    sys.modules["machine"] = _Machine()
    try:
        exec(code, {})
        return sys.path[0][1:]
    finally:
        sys.path[:] = path
        vfs.umount("/")
        vfs.mount(vfs.VfsPosix(), "/")


def start(board, code, clock_s):
    """Start the firmware at a time of day, as the app does; a bench whose ``slot`` runs.

    ``trial``: this is the first start of an update.
    """
    slot = boot(board, code)
    mount(board)
    bench = Bench(path=DATA + "/settings.json", clock_s=clock_s,
                  storage=lambda own, record: Storage(own, record, DATA, Log(board)))
    bench.core.cards = Cards(DATA + "/cards.csv")
    bench.slot = slot
    bench.trial = slots.on_trial(ROOT, slot)
    if not bench.trial:
        slots.failed(ROOT, slot)
    bench.meter = drawing
    board.closed = lambda: bench.core.charger.c1
    board.clock = lambda: bench.clock_s
    return bench
