"""Records of one size on flash: some generations of a file, each of up to so many records.

Records are only ever appended, which the file system does whole or not at all, and each has a CRC
of its own, which whoever reads it has to check. A power cut loses at most what is being written;
what it leaves of that is overwritten.
"""

import os

from micropython import const

_CHUNK = const(448)
_SUFFIXES = ("", ".old", ".older")


class Generations:
    """The records of ``size`` bytes at ``path``, ``path``.old and, of three, ``path``.older.

    A generation has ``most`` records or a few more; all but one of them are kept at least.
    OSError comes through where flash fails. Writing blocks: never with a contactor closed.
    """

    def __init__(self, path, size, most, generations=2):
        self._names = [path + suffix for suffix in _SUFFIXES[:generations]]
        self._size = size
        self._most = most

    def append(self, records):
        """Append the bytes of one record or several."""
        names = self._names
        path = names[0]
        count = self._count(path)
        if count >= self._most:
            for number in range(len(names) - 1, 0, -1):
                # None of the older ones need be there, the last time may have been cut off.
                if number == 1 or self._count(names[number - 1]):
                    os.rename(names[number - 1], names[number])
            count = 0
        try:
            file = open(path, "r+b")
        except OSError:
            file = open(path, "wb")
        with file:
            file.seek(count * self._size)
            file.write(records)

    def count(self):
        """How many records there are."""
        return sum(self._count(name) for name in self._names)

    def records(self, newest=False, skip=0):
        """Yield (buffer, where in it) of all records, oldest first unless ``newest``.

        The buffer is refilled. About the oldest ``skip`` are left out: none that comes later.
        """
        size = self._size
        each = _CHUNK // size
        buf = bytearray(each * size)
        for name in self._names if newest else reversed(self._names):
            count = self._count(name)
            chunks = range(min(skip, count) // each, (count + each - 1) // each)
            skip = max(0, skip - count)
            for chunk in reversed(chunks) if newest else chunks:
                # Opened anew for each chunk, because whoever reads may take a long time.
                try:
                    with open(name, "rb") as file:
                        file.seek(chunk * each * size)
                        got = file.readinto(buf) // size
                except OSError:
                    break
                places = range(0, got * size, size)
                for place in reversed(places) if newest else places:
                    yield buf, place

    def _count(self, name):
        try:
            return os.stat(name)[6] // self._size
        except OSError:
            return 0
