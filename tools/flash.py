"""Write a board over its serial port.

``flash`` writes interpreter and firmware; what the board keeps (NVS, /data) stays unless --full.
``deploy`` writes only the app, into the slot that is not in use, checks what arrived and then puts
it in use: power may fail at any moment before that, and the old app starts.
``migrate`` takes over a board that runs the original firmware, ``restore`` writes a backup back.

Talking to the board interrupts its firmware, which opens the contactors first.
"""

import argparse
import ast
import getpass
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import build
import image
import rom

# What runs on the board. It goes there as a file: other users of the host see command lines.
_LOOK = """
import json
def look():
    try:
        with open("/slot") as file:
            slot = "b" if file.read(1) == "b" else "a"
    except OSError:
        return None
    for name in (slot, "b" if slot == "a" else "a"):
        try:
            with open("/" + name + "/manifest.json") as file:
                return [name, json.load(file)["board"]]
        except (OSError, ValueError, KeyError):
            pass
    return [slot, None]
try:
    import rom_list
    carried = rom_list.MODULES
except ImportError:
    carried = ""
print(json.dumps([look(), carried]))
"""
_FORGET = """
import os
os.chdir("/")
def forget(path):
    for entry in list(os.ilistdir(path)):
        child = path + "/" + entry[0]
        if entry[1] == 0x4000:
            forget(child)
        else:
            os.remove(child)
    os.rmdir(path)
try:
    os.stat("/%(slot)s")
except OSError:
    pass
else:
    forget("/%(slot)s")
"""
_CHECK = """
import binascii, hashlib, json
def check(files):
    buffer = bytearray(1024)
    for name in files:
        digest = hashlib.sha256()
        with open("/%(slot)s/" + name, "rb") as file:
            while True:
                count = file.readinto(buffer)
                if not count:
                    break
                digest.update(memoryview(buffer)[:count])
        if binascii.hexlify(digest.digest()).decode() != files[name]:
            raise OSError(name + " arrived broken")
check(json.loads(%(files)r))
"""
_USE = """
import os
with open("/slot.new", "w") as file:
    file.write("%(slot)s")
os.rename("/slot.new", "/slot")
for name in ("/trial", "/tried"):  # of an update over the air before
    try:
        os.remove(name)
    except OSError:
        pass
"""
_SETTINGS = """
import json, os
stored = {"version": 1}
for name in ("", ".new", ".old"):
    try:
        with open("/data/settings.json" + name) as file:
            stored = json.load(file)
        break
    except (OSError, ValueError):
        pass
stored.pop("sum", None)
stored.setdefault("settings", {}).update(json.loads(%(settings)r))
with open("/data/settings.json.new", "w") as file:
    json.dump(stored, file)
os.rename("/data/settings.json.new", "/data/settings.json")
"""
_START_FILES = """
import os
for name in ("boot.py", "main.py"):
    os.rename("/new." + name, "/" + name)
"""


def tool(name):
    """Path of a tool of the venv."""
    return str(Path(sys.executable).parent / name)


def esptool(port, *arguments):
    """Run esptool on the board at ``port``, on the terminal."""
    command = [tool("esptool"), "--chip", "esp32", "--port", port, "--baud", "460800", *arguments]
    if subprocess.run(command, check=False).returncode:
        raise build.Problem("esptool failed; see above")


def mpremote(port, *arguments):
    """Run mpremote on the board at ``port``; returns what it printed.

    Always without a soft reset, which would pull the pilot low on a board under power.
    """
    done = subprocess.run([tool("mpremote"), "connect", port, "resume", *arguments], text=True,
                          capture_output=True, check=False)
    if done.returncode:
        detail = (done.stderr or done.stdout).strip()
        raise build.Problem("the board at %s failed:\n%s" % (port, detail))
    return done.stdout


def on_board(port, code, **values):
    """Run ``code`` on the board, ``values`` put in; returns what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(code % values if values else code)
        return mpremote(port, "run", str(script))


def has_our_files(start):
    """True when ``start``, the first two blocks of the partition, begin our file system.

    Stock MicroPython's file system has another size and cannot be kept.
    """
    blocks = image.partition("vfs")[1] // image.BLOCK
    at = start.find(b"littlefs")
    # After the magic: a tag, then version, block size and block count.
    return at >= 0 and int.from_bytes(start[at + 20:at + 24], "little") == blocks


def flash(arguments):
    """Write the whole image, or all of it but what the board keeps."""
    port = arguments.port
    data = image.image(arguments.board)
    vfs_at, _ = image.partition("vfs")
    with tempfile.TemporaryDirectory() as folder:
        def part(start, end):
            path = Path(folder) / ("%x" % start)
            path.write_bytes(data[start:end])
            return "0x%X" % start, str(path)

        if arguments.full:
            if arguments.set or arguments.wifi_ssid:
                raise build.Problem("FULL=1 wipes the settings: flash first, then set them with "
                                    "make deploy")
            esptool(port, "write-flash", *part(0, image.FLASH))
            return
        parts = [*part(image.BASE_AT, image.partition("nvs")[0]), *part(image.APP_AT, vfs_at)]
        kept = Path(folder) / "kept"
        esptool(port, "read-flash", "0x%X" % vfs_at, str(2 * image.BLOCK), str(kept))
        keep = has_our_files(kept.read_bytes())
        if not keep and (arguments.set or arguments.wifi_ssid):
            raise build.Problem("this board has no MicroEVSE yet: flash first, then set the "
                                "settings with make deploy")
        if not keep:
            parts += part(vfs_at, image.FLASH)
        esptool(port, "write-flash", *parts)
    if keep:
        deploy(arguments, start_files=True)


def deploy(arguments, start_files=False):
    """Write the app into the slot that is not in use, put it in use and restart.

    ``start_files`` also renews /boot.py and /main.py, which no update over the air touches.
    """
    port = arguments.port
    wanted = settings(arguments)
    found, carried = json.loads(on_board(port, _LOOK))
    if not found:
        raise build.Problem("no MicroEVSE on the board at %s: run make flash PORT=%s"
                            % (port, port))
    active, board = found
    if board not in (None, arguments.board):
        raise build.Problem("this board runs %s, not %s: give BOARD=%s, or make flash FULL=1"
                            % (board, arguments.board, board))
    spare = "b" if active == "a" else "a"
    tree = build.build(arguments.board)
    print("slot %s is in use: writing slot %s (half a minute)" % (active, spare), flush=True)
    on_board(port, _FORGET, slot=spare)
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / spare
        files = _stage(tree / build.SLOT, carried, staged)
        mpremote(port, "fs", "cp", "-r", str(staged), ":/")
    on_board(port, _CHECK, slot=spare, files=json.dumps(files))
    if start_files:
        for name in ("boot.py", "main.py"):
            mpremote(port, "fs", "cp", str(tree / name), ":/new." + name)
        on_board(port, _START_FILES)
    if wanted:
        on_board(port, _SETTINGS, settings=json.dumps(wanted))
    on_board(port, _USE, slot=spare)
    if start_files:
        on_board(port, _FORGET, slot=active)  # it was for what the image before carried
    mpremote(port, "exec", "--no-follow", "import machine; machine.reset()")
    print("slot %s is in use now" % spare)


def _stage(slot, carried, target):
    """Put what a board needs of ``slot`` into ``target``; returns the SHA-256 of each file.

    ``carried`` are the lines of the modules its image carries: two slots would not fit with these.
    """
    needless = rom.needless((slot / "modules").read_text(), carried)
    manifest = (slot / "manifest.json").read_bytes()
    files = {name: digest for name, (_, digest) in json.loads(manifest)["files"].items()
             if name not in needless}
    files["manifest.json"] = hashlib.sha256(manifest).hexdigest()
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(slot / name, target / name)
    return files


def _settings_table():
    """The rows of the firmware's settings table, as syntax."""
    source = (build.ROOT / "evse" / "settings.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "TABLE":
            return node.value.elts
    raise build.Problem("evse/settings.py has no TABLE")


def settings(arguments):
    """The settings the command line asks for; the password of the WiFi is asked for."""
    known = [row.elts[0].value for row in _settings_table()]
    wanted = {}
    for pair in arguments.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise build.Problem("--set takes KEY=VALUE, not %r" % pair)
        if key not in known:
            raise build.Problem("no setting is called %s; there are %s" % (key, ", ".join(known)))
        wanted[key] = value  # as text: the firmware converts and checks it
    if arguments.wifi_ssid:
        wanted["wifi"] = "Enabled"
        wanted["wifi_ssid"] = arguments.wifi_ssid
        wanted["wifi_password"] = getpass.getpass("password of %s: " % arguments.wifi_ssid)
    return wanted


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("flash", "deploy", "migrate", "restore"))
    parser.add_argument("--board", choices=build.BOARDS, default=build.BOARDS[0])
    parser.add_argument("--port", default="")
    parser.add_argument("--full", action="store_true", help="also wipe NVS, settings and records")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--wifi-ssid", metavar="NAME")
    parser.add_argument("--file", default="", help="backup to restore, to use or to write")
    parser.add_argument("--firmware", choices=("seed", "latest"),
                        help="which original firmware ran, where that is found out wrongly")
    parser.add_argument("--yes", action="store_true", help="migrate without asking")
    arguments = parser.parse_args()
    try:
        if not arguments.port:
            raise build.Problem("which port? e.g. PORT=/dev/ttyUSB0 (Linux) or "
                                "PORT=/dev/cu.usbserial-0001 (macOS)")
        if arguments.what in ("migrate", "restore"):
            import migrate

            getattr(migrate, arguments.what)(arguments)
        else:
            (flash if arguments.what == "flash" else deploy)(arguments)
    except (build.Problem, OSError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
