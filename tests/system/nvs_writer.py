"""Writes partitions as ESP-IDF's NVS does, for the tests of what reads them.

Checked against Espressif's own generator (esp-idf-nvs-partition-gen 0.3.0): what it makes, the
reader reads; here are the things it cannot make as well, cut writes and values changed later.
"""

import struct
import zlib

PAGE, ENTRY, ENTRIES, FIRST = 4096, 32, 126, 64
ACTIVE, FULL = 0xFFFFFFFE, 0xFFFFFFFC
KINDS = {"u8": (0x01, "<B"), "i8": (0x11, "<b"), "u16": (0x02, "<H"), "i16": (0x12, "<h"),
         "u32": (0x04, "<I"), "i32": (0x14, "<i"), "u64": (0x08, "<Q"), "i64": (0x18, "<q")}
TEXT, OLD_BLOB, PART, INDEX = 0x21, 0x41, 0x42, 0x48


def _crc(data):
    return zlib.crc32(data, 0xFFFFFFFF)


class Page:
    """One page; ``at`` is the next free entry."""

    def __init__(self, number):
        self.data = bytearray(b"\xff" * PAGE)
        self.at = 0
        struct.pack_into("<IIB", self.data, 0, ACTIVE, number, 0xFE)
        struct.pack_into("<I", self.data, 28, _crc(bytes(self.data[4:28])))

    def state(self, entry, bits):
        place, shift = 32 + entry // 4, entry % 4 * 2
        self.data[place] = self.data[place] & ~(3 << shift) | bits << shift

    def add(self, entry, rest=b""):
        """Write an entry and what follows it; returns its place."""
        at = self.at
        rest += b"\xff" * (-len(rest) % ENTRY)
        start = FIRST + at * ENTRY
        self.data[start:start + ENTRY + len(rest)] = entry + rest
        for number in range(1 + len(rest) // ENTRY):
            self.state(at + number, 0b10)
        self.at += 1 + len(rest) // ENTRY
        return at


class Partition:
    """A partition of ``size`` bytes; ``bytes(it)`` is its content.

    ``put(namespace, key, value, kind)``: an int of ``kind`` ("u8" ...), a str, or bytes; a key
    that is there is written anew, and its older entry erased, unless ``keep``.
    """

    def __init__(self, size=0x5000):
        self._size = size
        self.pages = [Page(0)]
        self._spaces = {}
        self._places = {}  # (namespace, key, chunk) -> (page, entry, length)

    def __bytes__(self):
        return b"".join(bytes(page.data) for page in self.pages).ljust(self._size, b"\xff")

    def new_page(self):
        """Go on in a new page."""
        struct.pack_into("<I", self.pages[-1].data, 0, FULL)
        self.pages.append(Page(len(self.pages)))

    def _page(self, entries):
        if self.pages[-1].at + entries > ENTRIES:
            self.new_page()
        return self.pages[-1]

    def _entry(self, space, kind, key, head, rest=b"", chunk=0xFF, keep=False):
        span = 1 + -(-len(rest) // ENTRY)
        page = self._page(span)
        entry = struct.pack("<BBBB", space, kind, span, chunk)
        tail = key.encode().ljust(16, b"\0") + head.ljust(8, b"\xff")
        old = self._places.get((space, key, chunk))
        at = page.add(entry + struct.pack("<I", _crc(entry + tail)) + tail, rest)
        if old and not keep:
            for number in range(old[2]):
                old[0].state(old[1] + number, 0)
        self._places[space, key, chunk] = page, at, span

    def space(self, name):
        """Number of a namespace, written when it is new."""
        if name not in self._spaces:
            self._spaces[name] = len(self._spaces) + 1
            self._entry(0, 0x01, name, bytes([self._spaces[name]]))
        return self._spaces[name]

    def put(self, name, key, value, kind="u8", keep=False):
        """Store one value."""
        space = self.space(name)
        if isinstance(value, int):
            number, form = KINDS[kind]
            self._entry(space, number, key, struct.pack(form, value), keep=keep)
        elif isinstance(value, str):
            data = value.encode() + b"\0"
            self._entry(space, TEXT, key, struct.pack("<HHI", len(data), 0xFFFF, _crc(data)), data,
                        keep=keep)
        else:
            self._blob(space, key, value, keep)

    def _blob(self, space, key, data, keep):
        """In parts that fit into a page, numbered from 0, or from 128 when it is written anew."""
        first = 0x80 if (space, key, 0) in self._places else 0
        chunk = first
        left = data
        while left or chunk == first:
            room = (ENTRIES - self.pages[-1].at - 1) * ENTRY
            if room < ENTRY:
                self.new_page()
                continue
            part, left = left[:room], left[room:]
            self._entry(space, PART, key, struct.pack("<HHI", len(part), 0xFFFF, _crc(part)), part,
                        chunk)
            chunk += 1
        self._entry(space, INDEX, key, struct.pack("<IBB", len(data), chunk - first, first),
                    keep=keep)

    def put_old_blob(self, name, key, data):
        """A blob as versions before 2018 wrote it."""
        self._entry(self.space(name), OLD_BLOB, key,
                    struct.pack("<HHI", len(data), 0xFFFF, _crc(data)), data)

    def erase(self, name, key, chunk=0xFF):
        """Take a value out again."""
        page, entry, span = self._places.pop((self._spaces[name], key, chunk))
        for number in range(span):
            page.state(entry + number, 0)

    def spoil(self, name, key, at=24, chunk=0xFF):
        """Change a byte of an entry, as a write that was cut leaves it."""
        page, entry, _ = self._places[self._spaces[name], key, chunk]
        page.data[FIRST + entry * ENTRY + at] ^= 0x5A


def table(*rows):
    """A partition table of (kind, subtype, offset, size, label)."""
    return b"".join(b"\xaa\x50" + struct.pack("<BBII", kind, subtype, offset, size)
                    + label.ljust(16, b"\0") + bytes(4)
                    for kind, subtype, offset, size, label in rows) + b"\xff" * 32


def flash(nvs, size=0x400000):
    """A whole flash as the original firmware has it, with ``nvs`` as its settings."""
    data = bytearray(b"\xff" * size)
    data[0x1000] = data[0x10000] = 0xE9
    rows = table((1, 2, 0x9000, 0x5000, b"nvs"), (1, 0, 0xE000, 0x2000, b"otadata"),
                 (0, 0x10, 0x10000, 0x1B0000, b"app0"), (0, 0x11, 0x1C0000, 0x1B0000, b"app1"),
                 (1, 0x82, 0x370000, 0x90000, b"spiffs"))
    data[0x8000:0x8000 + len(rows)] = rows
    data[0x9000:0x9000 + len(nvs)] = nvs
    return bytes(data)
