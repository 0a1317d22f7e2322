"""A picture of the display as PNG, or as PBM: ``pbm.py BUFFER OUT.png|OUT.pbm [--scale N]``.

BUFFER holds the 1024 bytes of the panel's canvas, as a file or, with "-", on the standard input.
"""

import argparse
import struct
import sys
import zlib
from pathlib import Path

WIDTH, HEIGHT = 128, 64
SIZE = WIDTH * HEIGHT // 8
SCALE = 4
BORDER = 4  # pixels of the display
# Colours of the display: lit and dark.
PALETTE = ((0xD9, 0xE6, 0xC8), (0x1B, 0x26, 0x30))


def rows(buffer):
    """Return the pixels as 64 rows of 128 times 0 or 1, from the layout of the display."""
    if len(buffer) != SIZE:
        raise ValueError("a display has %d bytes, not %d" % (SIZE, len(buffer)))
    return [[buffer[y // 8 * WIDTH + x] >> y % 8 & 1 for x in range(WIDTH)]
            for y in range(HEIGHT)]


def art(buffer):
    """Return the pixels as text art."""
    return "\n".join("".join(".#"[pixel] for pixel in row) for row in rows(buffer))


def _packed(row):
    """A row of pixels as bytes, the leftmost in the highest bit."""
    row = row + [0] * (-len(row) % 8)
    return bytes(sum(row[at + bit] << 7 - bit for bit in range(8))
                 for at in range(0, len(row), 8))


def pbm(buffer):
    """Return the display as a portable bitmap, a pixel for a pixel."""
    return b"P4\n%d %d\n" % (WIDTH, HEIGHT) + b"".join(_packed(row) for row in rows(buffer))


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(buffer, scale=SCALE, border=BORDER, palette=PALETTE):
    """Return the display as PNG of two colours, ``scale`` dots for a pixel, with a border."""
    empty = [[0] * (WIDTH + 2 * border)] * border
    pixels = empty + [[0] * border + row + [0] * border for row in rows(buffer)] + empty
    data = b"".join((b"\0" + _packed([pixel for pixel in row for _ in range(scale)])) * scale
                    for row in pixels)
    head = struct.pack(">IIBBBBB", len(pixels[0]) * scale, len(pixels) * scale, 1, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", head), _chunk(b"PLTE", bytes(part for one in palette for part in one)),
        _chunk(b"IDAT", zlib.compress(data, 9)), _chunk(b"IEND", b"")))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("buffer")
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=int, default=SCALE)
    arguments = parser.parse_args()
    source = sys.stdin.buffer if arguments.buffer == "-" else open(arguments.buffer, "rb")
    with source:
        buffer = source.read()
    try:
        made = pbm(buffer) if arguments.out.suffix == ".pbm" else png(buffer, arguments.scale)
    except ValueError as problem:
        sys.exit(str(problem))
    arguments.out.write_bytes(made)


if __name__ == "__main__":
    main()
