"""A charger's flash for tests: littlefs and a raw log in RAM, and a power that fails."""

import vfs

from evse.flashlog import SESSION, FlashLog
from evse.storage import Storage
from helpers_core import NOON_S, Bench, drawing

BLOCK = 4096
BLOCKS = 16
ROOT = "/lfs"


class Flash:
    """File system and log of one charger.

    ``ops`` lists what was done: ("file" or "log", position, bytes or None for an erase, and
    whether a contactor was closed). ``failing`` says which of them raise; erases do nothing to the
    log unless it is ``erasing``.
    """

    def __init__(self, image=None, sectors=16, blocks=BLOCKS):
        self.files, self.raw = image or (bytearray(blocks * BLOCK), bytearray(sectors * BLOCK))
        self.ops = []
        self.failing = ()
        self.erasing = True
        self.closed = lambda: False
        if not image:
            self.raw[:] = b"\xff" * len(self.raw)
            vfs.VfsLfs2.mkfs(self)
            self.ops = []

    def image(self):
        return bytearray(self.files), bytearray(self.raw)

    def _done(self, kind, at, data):
        if kind in self.failing:
            raise OSError(5)
        self.ops.append((kind, at, data, self.closed()))
        if self.erasing or kind == "file" or data is not None:
            put(self, kind, at, data)

    # littlefs

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.files[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        self._done("file", block * BLOCK + offset, bytes(buf))

    def ioctl(self, op, block):
        if op == 4:
            return len(self.files) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            self._done("file", block * BLOCK, None)
        return 0


class Log:
    """The log partition of a Flash."""

    def __init__(self, flash):
        self._flash = flash
        self.size = len(flash.raw)

    def read(self, at, buf):
        buf[:] = self._flash.raw[at : at + len(buf)]

    def program(self, at, data):
        self._flash._done("log", at, bytes(data))

    def erase(self, at):
        self._flash._done("log", at, None)


def put(flash, kind, at, data):
    """Let ``data`` be written, None erase."""
    target = flash.files if kind == "file" else flash.raw
    if data is None:
        target[at : at + BLOCK] = b"\xff" * BLOCK
    elif kind == "file":
        target[at : at + len(data)] = data
    else:
        for i in range(len(data)):
            target[at + i] &= data[i]


def start(flash, settings=None, part=True, **keywords):
    """Mount and start; whatever was mounted before has lost its power."""
    try:
        vfs.umount(ROOT)
    except OSError:
        pass
    vfs.mount(vfs.VfsLfs2(flash), ROOT)
    log = Log(flash) if part else None
    bench = Bench(settings, path=ROOT + "/settings.json", clock_s=NOON_S,
                  storage=lambda own, record: Storage(own, record, ROOT, log), **keywords)
    bench.meter = drawing
    flash.closed = lambda: bench.core.charger.c1
    return bench


def cut(flash):
    """The power fails now; returns the flash as the next start finds it."""
    return Flash(flash.image())


def worn(flash, slots=129):
    """Fill so many slots of the log with what is forgotten: it is worth erasing."""
    log = FlashLog(Log(flash))
    for _ in range(slots):
        log.append(SESSION, b"old")
    log.reset()
    flash.ops = []


def written(flash, kind="file", closed=None):
    """What was done to ``kind``; with ``closed``, only while a contactor was or was not closed."""
    return [op for op in flash.ops if op[0] == kind and closed in (None, op[3])]


def forbidden(flash):
    """Writes of files and erases while a contactor was closed."""
    return [op for op in flash.ops if op[3] and (op[0] == "file" or op[2] is None)]
