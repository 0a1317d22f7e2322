"""Stands for MicroPython's esp32 module: partitions of NOR flash in memory, figures of its heaps.

``partitions`` holds a bytearray by label. Programming only clears bits; what the real one refuses
raises, and every call is noted in ``log``.
"""

HEAP_DATA = 4

partitions = {}
log = []
heaps = [(1000, 100, 60, 40), (90000, 30000, 20000, 9000)]  # total, free, largest, least of each


def idf_heap_info(kind):
    assert kind == HEAP_DATA
    return heaps


class Partition:
    """One partition; OSError when the table has none of that label."""

    def __init__(self, label):
        if label not in partitions:
            raise OSError(2)
        self._data = partitions[label]
        self._label = label

    def info(self):
        return 1, 6, 0x3F0000, len(self._data), self._label, False

    def readblocks(self, block, buf, offset=0):
        at = self._at(block, len(buf), offset)
        buf[:] = self._data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=None):
        at = self._at(block, len(buf), offset or 0)
        if offset is None:
            self._erase(at, len(buf))
        log.append(("program", at, len(buf)))
        for i in range(len(buf)):
            self._data[at + i] &= buf[i]

    def ioctl(self, command, argument):
        if command == 6:
            self._erase(argument * 4096, 4096)
            return 0
        return {4: len(self._data) // 4096, 5: 4096}.get(command)

    def _erase(self, at, length):
        if at % 4096 or length % 4096:
            raise OSError(-260)
        log.append(("erase", at, length))
        self._data[self._at(0, length, at) : at + length] = b"\xff" * length

    def _at(self, block, length, offset):
        at = block * 4096 + offset
        if at < 0 or at + length > len(self._data):
            raise OSError(-258)
        return at
