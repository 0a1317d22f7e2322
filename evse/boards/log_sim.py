"""The log partition of the simulated board: a file that behaves as NOR flash does.

Programming only clears bits, erasing sets all of a sector. MICROEVSE_FLASH_STALL=1 makes both take
as long as on the board, with every twentieth erase as slow as the data sheet allows.
"""

import builtins
import os
import time

_SIZE = 65536
_SECTOR = 4096
_PROGRAM_MS = 1
_ERASE_MS = 45
_SLOW_MS = 400
_SLOW_EVERY = 20


class _Log:
    """The file at ``path``, made blank when it is new."""

    def __init__(self, path):
        self.size = _SIZE
        try:
            self._file = builtins.open(path, "r+b")
        except OSError:
            self._file = builtins.open(path, "w+b")
        blank = b"\xff" * _SECTOR
        self._file.seek(0, 2)
        while self._file.tell() < _SIZE:
            self._file.write(blank[: _SIZE - self._file.tell()])
        self._file.flush()
        self._stalls = os.getenv("MICROEVSE_FLASH_STALL") == "1"
        self._erased = 0

    def read(self, at, buf):
        self._check(at, len(buf))
        self._file.seek(at)
        self._file.readinto(buf)

    def program(self, at, data):
        old = bytearray(len(data))
        self.read(at, old)
        for i in range(len(data)):
            old[i] &= data[i]
        self._write(at, old, _PROGRAM_MS)

    def erase(self, at):
        self._check(at, _SECTOR)
        self._erased += 1
        self._write(at // _SECTOR * _SECTOR, b"\xff" * _SECTOR,
                    _ERASE_MS if self._erased % _SLOW_EVERY else _SLOW_MS)

    def _check(self, at, length):
        if at < 0 or at + length > _SIZE:
            raise OSError(22)

    def _write(self, at, data, stall_ms):
        self._file.seek(at)
        self._file.write(data)
        self._file.flush()
        if self._stalls:
            time.sleep_ms(stall_ms)


def open(directory):  # noqa: A001
    """Return the log of the board whose data are in ``directory``, or None without that."""
    try:
        return _Log(directory + "/log.bin")
    except OSError:
        return None
