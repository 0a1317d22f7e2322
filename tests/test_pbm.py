"""Pictures of the display: PBM, PNG and text art of a canvas buffer."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import pbm

# In pages: one pixel at the top left, one at the bottom right, and a column of 8 at x 9, y 16.
BUFFER = bytearray(1024)
BUFFER[0] = 0x01
BUFFER[1023] = 0x80
BUFFER[2 * 128 + 9] = 0xFF
LIT = {(0, 0), (127, 63)} | {(9, y) for y in range(16, 24)}


def _chunks(data):
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        yield kind, body
        at += 12 + length


def _dots(data):
    """(width, height, lit dots) of a PNG of ours."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks = dict(_chunks(data))
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, colours, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colours, rest) == (1, 3, [0, 0, 0]) and len(chunks[b"PLTE"]) == 6
    stride = (width + 7) // 8 + 1
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == stride * height and not any(raw[::stride])
    return width, height, {(x, y) for y in range(height) for x in range(width)
                           if raw[y * stride + 1 + x // 8] >> 7 - x % 8 & 1}


def test_text_art_shows_the_pixels_where_the_display_has_them():
    lines = pbm.art(BUFFER).split("\n")
    assert [len(line) for line in lines] == [128] * 64
    assert {(x, y) for y, line in enumerate(lines) for x, one in enumerate(line)
            if one == "#"} == LIT


def test_a_bitmap_has_a_bit_a_pixel():
    made = pbm.pbm(BUFFER)
    assert made.startswith(b"P4\n128 64\n") and len(made) == 10 + 1024
    assert {(x, y) for y in range(64) for x in range(128)
            if made[10 + y * 16 + x // 8] >> 7 - x % 8 & 1} == LIT


@pytest.mark.parametrize(("scale", "border"), ((1, 0), (3, 2), (4, 4)))
def test_a_png_has_a_square_for_each_pixel(scale, border):
    width, height, lit = _dots(pbm.png(BUFFER, scale, border))
    assert (width, height) == ((128 + 2 * border) * scale, (64 + 2 * border) * scale)
    assert lit == {((x + border) * scale + i, (y + border) * scale + j) for x, y in LIT
                   for i in range(scale) for j in range(scale)}


def test_the_command_writes_either(tmp_path):
    source = tmp_path / "screen"
    source.write_bytes(BUFFER)
    for name, expected in (("a.pbm", pbm.pbm(BUFFER)), ("a.png", pbm.png(BUFFER, 2))):
        subprocess.run([sys.executable, pbm.__file__, source, tmp_path / name, "--scale", "2"],
                       check=True)
        assert (tmp_path / name).read_bytes() == expected
    subprocess.run([sys.executable, pbm.__file__, "-", tmp_path / "b.pbm"], check=True,
                   input=bytes(BUFFER))
    assert (tmp_path / "b.pbm").read_bytes() == pbm.pbm(BUFFER)


def test_what_is_no_display_is_refused(tmp_path):
    source = tmp_path / "screen"
    source.write_bytes(bytes(1000))
    done = subprocess.run([sys.executable, pbm.__file__, source, tmp_path / "a.png"],
                          capture_output=True, text=True)
    assert done.returncode and done.stderr == "a display has 1024 bytes, not 1000\n"
    assert not Path(tmp_path / "a.png").exists()
