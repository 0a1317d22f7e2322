"""The log partition of an ESP32 as raw flash, see ``flash_log`` of ``evse.boards.board``."""

from esp32 import Partition
from micropython import const

_ERASE = const(6)
_SECTOR = const(4096)


class _Log:
    """One partition. An offset makes the interpreter program without erasing first."""

    def __init__(self, partition):
        self._partition = partition
        self.size = partition.info()[3]

    def read(self, at, buf):
        self._partition.readblocks(0, buf, at)

    def program(self, at, data):
        self._partition.writeblocks(0, data, at)

    def erase(self, at):
        self._partition.ioctl(_ERASE, at // _SECTOR)


def open():  # noqa: A001
    """Return the partition labelled "log", or None where the table has none."""
    try:
        return _Log(Partition("log"))
    except OSError:
        return None
