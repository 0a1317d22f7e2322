"""Read a partition of ESP-IDF's non-volatile storage (NVS), as the original firmware leaves it.

    python tools/nvs.py BACKUP            what is stored, passwords hidden
    python tools/nvs.py BACKUP --import   what would become of it here

BACKUP is a whole flash, or the partition alone. Pages have 4096 bytes: a header, two bits of state
for each of 126 entries of 32 bytes. What has a wrong checksum was cut off by a loss of power and
is passed over; of a key that occurs twice the later one counts.
"""

import argparse
import struct
import sys
import zlib
from pathlib import Path

PAGE = 4096
ENTRY = 32
FIRST = 64  # header and states of the entries
ENTRIES = 126
USED_PAGES = (0xFFFFFFFE, 0xFFFFFFFC, 0xFFFFFFF8)  # in use, full, being copied
WRITTEN = 0b10
INTEGERS = {0x01: "<B", 0x11: "<b", 0x02: "<H", 0x12: "<h", 0x04: "<I", 0x14: "<i",
            0x08: "<Q", 0x18: "<q"}
TEXT, BLOB, PART, INDEX = 0x21, 0x41, 0x42, 0x48

FLASH = 0x400000
TABLE_AT = 0x8000
USUAL = (0x9000, 0x5000)
SECRETS = ("password", "pswd", "pmk", "passwd", "key", "secret", "pin", "lcdpin")


class Problem(Exception):
    """The data are not what they should be; says why in a sentence."""


def checksum(data):
    """The checksum as ESP-IDF reckons it."""
    return zlib.crc32(data, 0xFFFFFFFF)


def partition(flash):
    """The NVS partition of a whole flash, as its partition table says."""
    at = TABLE_AT
    while flash[at:at + 2] == b"\xaa\x50":
        kind, subtype, offset, size = struct.unpack_from("<BBII", flash, at + 2)
        label = flash[at + 12:at + 28].rstrip(b"\0")
        if (kind, subtype, label) == (1, 2, b"nvs"):
            return flash[offset:offset + size]
        at += ENTRY
    if at == TABLE_AT:
        raise Problem("there is no partition table: this is no backup of an ESP32")
    raise Problem("the partition table has no nvs")


def _pages(data):
    """Pages in use, oldest first."""
    pages = []
    for at in range(0, len(data) - PAGE + 1, PAGE):
        page = data[at:at + PAGE]
        state, number = struct.unpack_from("<II", page)
        if state in USED_PAGES and checksum(page[4:28]) == struct.unpack_from("<I", page, 28)[0]:
            pages.append((number, page))
    return [page for _, page in sorted(pages, key=lambda row: row[0])]


def _entries(page):
    """Yield (namespace number, type, chunk, key, 8 bytes, what follows) of sound entries."""
    at = 0
    while at < ENTRIES:
        state = page[32 + at // 4] >> at % 4 * 2 & 3
        entry = page[FIRST + at * ENTRY:FIRST + (at + 1) * ENTRY]
        span = 1
        if state == WRITTEN:
            space, kind, length, chunk, crc = struct.unpack_from("<BBBBI", entry)
            if checksum(entry[:4] + entry[8:]) == crc and 0 < length <= ENTRIES - at:
                span = length
                start = FIRST + (at + 1) * ENTRY
                yield (space, kind, chunk, entry[8:24].split(b"\0")[0].decode("ascii", "replace"),
                       entry[24:], page[start:start + (span - 1) * ENTRY])
        at += span


def _long(head, rest):
    """The bytes of a text or blob, None when they were not all written."""
    size, _, crc = struct.unpack("<HHI", head)
    data = rest[:size]
    return data if len(data) == size and checksum(data) == crc else None


def read(data):
    """Return {namespace: {key: value}} of a partition; values are int, str or bytes.

    Problem when no page of it is sound.
    """
    pages = _pages(data)
    if not pages:
        raise Problem("no page of the settings is sound: are they encrypted, or erased?")
    names = {}
    values = {}
    parts = {}
    for page in pages:
        for space, kind, chunk, key, head, rest in _entries(page):
            if kind in INTEGERS:
                value = struct.unpack_from(INTEGERS[kind], head)[0]
                if space == 0:
                    names[value] = key
                else:
                    values[space, key] = value
            elif kind in (TEXT, BLOB, PART):
                found = _long(head, rest)
                if found is None:
                    continue
                if kind == PART:
                    parts[space, key, chunk] = found
                else:
                    values[space, key] = (found.rstrip(b"\0").decode("utf-8", "replace")
                                          if kind == TEXT else found)
            elif kind == INDEX:
                values[space, key] = struct.unpack_from("<IBB", head)
    spaces = {name: {} for name in names.values()}
    for (space, key), value in values.items():
        if isinstance(value, tuple):
            size, count, first = value
            chunks = [parts.get((space, key, first + i)) for i in range(count)]
            value = b"".join(chunks)[:size] if None not in chunks else None
        if space in names and value is not None:
            spaces[names[space]][key] = value
    return spaces


def load(path):
    """``read`` of a file with a whole flash or the partition alone."""
    data = Path(path).read_bytes()
    if not data or len(data) % PAGE:
        raise Problem("%s has %d bytes: that is no backup" % (path, len(data)))
    return read(partition(data) if len(data) >= FLASH else data)


def shown(key, value):
    """``value`` for people: secrets hidden, blobs by their size."""
    if any(part in key.lower() for part in SECRETS) and value:
        return "(hidden)"
    if isinstance(value, bytes):
        return "(%d bytes)" % len(value)
    return repr(value) if isinstance(value, str) else str(value)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("backup", metavar="BACKUP")
    parser.add_argument("--import", dest="take", action="store_true",
                        help="show what would become of it here")
    arguments = parser.parse_args()
    try:
        spaces = load(arguments.backup)
        if arguments.take:
            import original

            original.tell(original.take_over(spaces))
            return
    except (OSError, Problem) as problem:
        sys.exit(str(problem))
    for name in sorted(spaces):
        print("[%s]" % name)
        for key in sorted(spaces[name]):
            print("%s = %s" % (key, shown(key, spaces[name][key])))


if __name__ == "__main__":
    main()
