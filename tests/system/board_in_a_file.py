"""Runs on MicroPython: a board whose flash is a file, to try its file system, boot and deploy on.

``board_in_a_file.py walk IMAGE OFFSET BLOCKS`` prints the SHA-256 of every file as JSON;
``boot IMAGE OFFSET BLOCKS PACKAGE`` runs /boot.py and /main.py as the interpreter on the board
does, against a ``machine`` that prints what it is told, on a chip of that package code;
``repl IMAGE OFFSET BLOCKS WRITES`` serves the raw REPL on standard input and output, as the board
does on its serial port; the power fails after WRITES programmed pieces of flash (0: never).
"""

import hashlib
import json
import os
import select
import sys

import vfs

BLOCK = 4096
POWER_FAILED = 9


class Flash:
    """Block device over a part of a file."""

    def __init__(self, path, offset, blocks, writes=0):
        self._file = open(path, "r+b")
        self._offset = offset
        self._blocks = blocks
        self._left = writes

    def _seek(self, block, offset):
        self._file.seek(self._offset + block * BLOCK + offset)

    def readblocks(self, block, buffer, offset=0):
        """Fill ``buffer`` from ``block`` on."""
        self._seek(block, offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        """Program ``buffer``; without an offset the block is erased first, and is here anyway."""
        self._seek(block, offset or 0)
        self._file.write(buffer)
        self._file.flush()
        if self._left:
            self._left -= 1
            if not self._left:
                sys.exit(POWER_FAILED)

    def ioctl(self, operation, argument):
        """Block count, block size and erase."""
        if operation == 4:
            return self._blocks
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._seek(argument, 0)
            self._file.write(b"\xff" * BLOCK)
        return 0


def mount(flash):
    """Make the file system on ``flash`` the only one, as on the board."""
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash), "/")


def walk(folder=""):
    """Yield (path, sha256) of all files; an empty directory is (path + "/", None)."""
    entries = sorted(os.ilistdir(folder or "/"))
    if not entries:
        yield folder + "/", None
    for entry in entries:
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            yield from walk(path)
        else:
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).digest()
            yield path, "".join("%02x" % byte for byte in digest)


class Machine:
    """Stands for ``machine``: pins say what they are told."""

    def __init__(self, package=0):
        # Only the eFuse word with the package code may be read, and all its other bits are set.
        self.mem32 = {0x3FF5A00C: 0xFFFFF1FF | package << 9}

    class Pin:
        """An output."""

        OUT = "out"

        def __init__(self, number, mode, value):
            print("pin", number, mode, value)

    def reset(self):
        """The chip starts again: this one ends."""
        sys.exit(0)


def run(path):
    """Run a file in the name space the REPL has afterwards."""
    with open(path) as file:
        exec(file.read(), globals())


def boot():
    """What the interpreter does after a reset."""
    sys.path[:] = ["", ".frozen", "/lib"]
    run("/boot.py")
    try:
        run("/main.py")
    except ImportError as problem:
        print("main failed:", problem)
    print("path", sys.path)


class Line:
    """Standard input and output byte by byte, as a serial port has them."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin.buffer, select.POLLIN)

    def read(self):
        """The next byte, waiting for it; b"" when the other end has gone."""
        self._poll.poll()
        try:
            return sys.stdin.buffer.read(1)
        except OSError:
            return b""

    def write(self, data):
        """Send ``data``."""
        sys.stdout.buffer.write(data)


def repl(line):
    """Serve the raw REPL: code until Ctrl-D, answered by OK, output, Ctrl-D, error, Ctrl-D, >."""
    names = {}
    code = b""
    while True:
        byte = line.read()
        if not byte:
            return
        if byte == b"\x01":
            line.write(b"raw REPL; CTRL-B to exit\r\n>")
        elif byte == b"\x02":
            line.write(b"\r\nMicroPython\r\n>>> ")
        elif byte == b"\x03":
            code = b""
        elif byte == b"\x05":  # asks for raw paste mode, with two more bytes: not supported
            line.read()
            line.read()
            line.write(b"R\x00")
        elif byte == b"\x04":
            line.write(b"OK")
            try:
                exec(code, names)
                line.write(b"\x04\x04>")
            except Exception as problem:
                line.write(b"\x04")
                sys.print_exception(problem)
                line.write(b"\x04>")
            code = b""
        else:
            code += byte


def main(what, path, offset, blocks, number=0):
    """Command line."""
    flash = Flash(path, offset, blocks, number if what == "repl" else 0)
    mount(flash)
    sys.modules["machine"] = Machine(number)
    if what == "walk":
        print(json.dumps(dict(walk())))
    elif what == "boot":
        boot()
    else:
        try:
            os.chdir("/a")  # the firmware makes its slot the current directory
        except OSError:
            pass
        repl(Line())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(text) for text in sys.argv[3:]))
