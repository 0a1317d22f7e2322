"""From the original firmware to this one, with its settings; and back. See docs/migration.md.

The whole flash is saved first, and only what can be written back is written over. The settings
are read from that copy, shown, and put into the file system of the new image.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from littlefs import LittleFS

import build
import flash
import image
import nvs
import original

EFUSE_SERIAL = 0x3FF5A080  # bits 8 to 31 are the serial number where one is burnt in
_MAGIC = 0xE9  # of an app, and of the bootloader


def chip_serial(port):
    """The serial number the chip stands for, where the original firmware has stored none."""
    done = subprocess.run(
        [flash.tool("esptool"), "--chip", "esp32", "--port", port, "read-mem", hex(EFUSE_SERIAL)],
        text=True, capture_output=True, check=False)
    if done.returncode:
        raise build.Problem("esptool failed:\n" + (done.stderr or done.stdout).strip())
    burnt = re.search(r"= (0x[0-9a-fA-F]+)", done.stdout)
    if burnt and int(burnt[1], 16) >> 8:
        return int(burnt[1], 16) >> 8
    mac = re.search(r"MAC:\s*(?:[0-9a-f]{2}:){4}([0-9a-f]{2}):([0-9a-f]{2})", done.stdout)
    return int(mac[1] + mac[2], 16) if mac else 0


def check(data):
    """Problem unless ``data`` is a whole flash that can be written back."""
    if len(data) < image.FLASH or len(data) % image.BLOCK:
        raise build.Problem("%d bytes are no whole flash of 4 MB" % len(data))
    if data[image.BASE_AT] != _MAGIC or data[image.TABLE_AT:image.TABLE_AT + 2] != b"\xaa\x50":
        raise build.Problem("there is no bootloader or no partition table: the chip would not "
                            "start with that")


def save(port, path):
    """Copy the board's whole flash to ``path``, for its owner's eyes alone; returns the bytes."""
    if path.exists():
        raise build.Problem("%s exists already; a backup is never written over" % path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    print("Saving the whole flash to %s (2 minutes)" % path, flush=True)
    # It holds passwords; esptool writes into the file that is there.
    os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    flash.esptool(port, "read-flash", "0x0", str(image.FLASH), str(part))
    data = part.read_bytes()
    check(data)
    part.rename(path)
    return data


def with_files(data, files):
    """The image ``data`` with ``files`` (name -> bytes) in /data."""
    at, size = image.partition("vfs")
    disk = LittleFS(block_size=image.BLOCK, block_count=size // image.BLOCK, read_size=32,
                    prog_size=32, cache_size=128, lookahead_size=32, block_cycles=100,
                    mount=False)
    disk.context.buffer = bytearray(data[at:at + size])
    disk.mount()
    for name in sorted(files):
        with disk.open("/data/" + name, "wb") as file:
            file.write(files[name])
    disk.unmount()
    return data[:at] + bytes(disk.context.buffer) + data[at + size:]


def _write(port, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flash.bin"
        path.write_bytes(data)
        flash.esptool(port, "write-flash", "0x0", str(path))


def _agreed(question):
    try:
        return input(question + " [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def migrate(arguments):
    """Save everything, take the settings over, write the new image."""
    path = Path(arguments.file or time.strftime("backups/smartevse-%Y%m%d-%H%M%S.bin"))
    if arguments.file and path.exists():
        print("Using %s, without reading the board" % path)
        data = path.read_bytes()
        check(data)
    else:
        data = save(arguments.port, path)
    try:
        spaces = nvs.read(nvs.partition(data))
        if not {"settings", "KeyStorage"} & set(spaces):
            raise nvs.Problem("there are no settings of the original firmware on this board")
        taken = original.take_over(spaces, arguments.firmware, int(time.time()),
                                   chip_serial(arguments.port))
    except nvs.Problem as problem:
        raise build.Problem("%s\nThe backup is %s. To begin without old settings: "
                            "make flash FULL=1" % (problem, path)) from problem
    original.tell(taken)
    if not (arguments.yes or _agreed("Write MicroEVSE to the board now?")):
        raise build.Problem("Nothing was written. The backup is %s; go on with it by "
                            "ARGS=\"--file %s\"" % (path, path))
    _write(arguments.port, with_files(image.image(arguments.board), taken.files()))
    print("Done. The way back: make restore FILE=%s" % path)


def restore(arguments):
    """Write a saved flash back, whatever it held."""
    if not arguments.file:
        raise build.Problem("which backup? FILE=backups/...")
    data = Path(arguments.file).read_bytes()
    check(data)
    _write(arguments.port, data)
    print("The board is as it was when %s was saved" % arguments.file)


if __name__ == "__main__":
    sys.exit("use make migrate, or tools/flash.py migrate")
