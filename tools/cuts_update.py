"""Runs on MicroPython: a whole update of a board whose power fails, at whichever write.

``main`` fills slot a of a board with the files in the folder ``old`` and has it take the file
``bundle``, signed by the key in the file ``key``, start it on trial and keep it. Then the same
again for each write and erase, up to there, once with that done and once with half of it. ``step``
takes only each so many of them; 0 only those that begin a block of 4 KB, and the last, where it is
decided what runs. Each time boot.py must find a whole app, twice in a row. Now and then, where the
starts have changed, and always with 0, the firmware must charge from there as well; now and then
the update is taken once more. Prints what was done as JSON.
"""

import asyncio
import json
import os
from hashlib import sha256

import vfs

import cuts_faults
from cuts_flash import ROOT, Board, boot, fresh, mount, start, torn
from cuts_judge import charges
from evse import slots, trust, update
from helpers_core import NOON_S
from helpers_flash import BLOCK, put

BLOCKS = 640  # more than a board has, so that an update fits of which the image carries nothing
PIECE = 512  # as it comes from the network
AGAIN = 12  # so often, of all cuts, it charges, and the update is taken once more
LAST = 60
READ = 1024  # at a time where only the content counts
OLD_B = {"manifest.json": b'{"board":"sim","version":"v3.9.0","files":{\n}}\n',
         "main.mpy": b"x" * 700, "evse/net/gone.mpy": b"y" * 9000}


def files_below(folder, inside=""):
    """Yield (path inside, bytes) of all files."""
    for entry in sorted(os.ilistdir(folder)):
        path = inside + "/" + entry[0]
        if entry[1] == 0x4000:
            yield from files_below(folder + "/" + entry[0], path)
        else:
            with open(folder + "/" + entry[0], "rb") as file:
                yield path, file.read()


def digest_of(folder):
    """SHA-256 of all that is in a folder, b"" when it is not there."""
    digest = sha256()
    buffer = bytearray(BLOCK)
    view = memoryview(buffer)

    def add(path):
        for entry in sorted(os.ilistdir(path)):
            inside = path + "/" + entry[0]
            digest.update(inside[len(folder):].encode())
            if entry[1] == 0x4000:
                add(inside)
                continue
            with open(inside, "rb") as file:
                while True:
                    count = file.readinto(buffer)
                    if not count:
                        break
                    digest.update(view[:count])

    try:
        add(folder)
    except OSError:
        return b""
    return digest.digest()


def whole(board, slot):
    """What lies in a slot of ``board``."""
    mount(board)
    vfs.umount(ROOT)
    vfs.mount(vfs.VfsLfs2(board, readsize=READ), ROOT)
    return digest_of(ROOT + "/" + slot)


def take(data, key):
    """Do what the charger does with an update, on the files that are mounted."""
    at = 0

    async def read():
        nonlocal at
        at += PIECE
        return data[at - PIECE:at]

    async def run():
        one = update.Update(read)
        await one.open([key])
        slots.stay(ROOT, "a")
        await one.write(ROOT + "/b", "", ROOT + "/data", 0)
        slots.try_next(ROOT, "b")

    asyncio.run(run())


class Run:
    """An update on ``board``, from slot a to slot b, and what a cut may leave.

    ``charged`` counts the cuts after which it charged, ``wrong`` has what must not be, ``pairs``
    which slots two starts found, one after the other, in the order of the cuts.
    """

    def __init__(self, board, code, data, key):
        self._code = code
        self._data = data
        self._key = key
        self._image = board.image()
        self._whole = {"a": whole(board, "a")}
        self._update(board)
        self._whole["b"] = whole(board, "b")
        self.ops = board.ops
        self.charged = 0
        self.wrong = []
        self.pairs = []

    def _update(self, board):
        mount(board)
        take(self._data, self._key)
        if boot(board, self._code) != "b":
            raise ValueError("the update was not tried")
        mount(board)
        slots.keep(ROOT, "b")

    def _wanted(self, index, step):
        """Whether the power is to fail at an op."""
        if step:
            return index % step == 0
        return len(self.ops) - index < LAST or self.ops[index][2] is None

    def cut(self, step):
        """Let the power fail wherever; returns at how many places it was tried."""
        state = Board((bytearray(self._image[0]), self._image[1]), BLOCKS)
        tried = 0
        apart = 1 + 2 * sum(self._wanted(index, step) for index in range(len(self.ops))) // AGAIN
        for index in range(len(self.ops) + 1):
            op = self.ops[index] if index < len(self.ops) else None
            if not op or self._wanted(index, step):
                for half in (False, True) if op else (False,):
                    copy = Board((bytearray(state.files), state.raw), BLOCKS)
                    if half:
                        torn(copy, op)
                    tried += 1
                    self._judge(copy, index, half, tried % apart == 0, not step)
            if op:
                put(state, *op[:3])
        return tried

    def _judge(self, board, index, half, again, charging):
        image = board.image()
        pair = ""
        for _ in range(2):  # the power fails again before the minute of a trial is over
            slot = boot(board, self._code) or "none"
            if whole(board, slot) != self._whole.get(slot):
                self.wrong.append((index, half, slot))
            pair += slot
        if not self.pairs or self.pairs[-1] != pair:
            self.pairs.append(pair)
            charging = True
        if again or charging:
            self._charge(cuts_faults.copy(image), index, half)
        if again:
            self._again(Board(image, BLOCKS), index, half)

    def _charge(self, board, index, half):
        """The firmware that is left charges, whichever it is."""
        try:
            charges(start(board, self._code, NOON_S))
            self.charged += 1
        except Exception as problem:
            self.wrong.append((index, half, "%s: %s" % (type(problem).__name__, problem)))

    def _again(self, board, index, half):
        """Whatever is left in the slot, another update goes into it."""
        if boot(board, self._code) == "a":
            self._update(board)
            if whole(board, "b") != self._whole["b"]:
                self.wrong.append((index, half, "again"))


def main(old, bundle, key, step, boot_py):
    """Do what is told above; ``boot_py`` is where boot.py lies."""
    with open(bundle, "rb") as file:
        data = file.read()
    with open(boot_py) as file:
        code = file.read()
    board = fresh([("/slot", b"a"), ("/data/settings.json", b"{}")], BLOCKS)
    mount(board)
    for folder, files in (("/a", files_below(old)), ("/b", OLD_B.items())):
        for path, content in files:
            parts = (folder + "/" + path.lstrip("/")).split("/")
            for depth in range(3, len(parts)):
                try:
                    os.mkdir(ROOT + "/".join(parts[:depth]))
                except OSError:
                    pass  # it is there
            with open(ROOT + "/".join(parts), "wb") as file:
                file.write(content)
    board.reset()
    run = Run(board, code, data, trust.key(key))
    tried = run.cut(step)
    erases = sum(op[2] is None for op in run.ops)
    print(json.dumps({"bytes": len(data), "writes": len(run.ops) - erases, "erases": erases,
                      "cuts": tried, "charged": run.charged, "pairs": run.pairs,
                      "wrong": run.wrong[:9]}))
