"""Write a board over its serial port.

``flash`` writes interpreter and firmware; what the board keeps (NVS, /data) stays unless --full.
``deploy`` writes only the app, into the slot that is not in use, and then makes it the one in use:
power may fail at any moment before that and the old app starts.
"""

import argparse
import getpass
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import build
import image

_RENAME = "import os; os.rename('/slot.new', '/slot')"
_FORGET = """
import os
def forget(path):
    for name, kind, *_ in os.ilistdir(path):
        child = path + '/' + name
        if kind == 0x4000:
            forget(child)
        else:
            os.remove(child)
    os.rmdir(path)
try:
    forget('/%s')
except OSError:
    pass
"""
_SETTINGS = """
import json, os
try:
    stored = json.load(open('/data/settings.json'))
except (OSError, ValueError):
    stored = {'version': 1}
stored.setdefault('settings', {}).update(json.loads(%r))
with open('/data/settings.json.new', 'w') as file:
    json.dump(stored, file)
os.rename('/data/settings.json.new', '/data/settings.json')
"""


def run(tool, *arguments):
    """Run a tool of the venv on the terminal; Problem when it fails."""
    command = [str(Path(sys.executable).parent / tool), *arguments]
    if subprocess.run(command, check=False).returncode:
        raise build.Problem("%s failed; see above" % tool)


def esptool(port, *arguments):
    """Run esptool on the board at ``port``."""
    run("esptool", "--chip", "esp32", "--port", port, "--baud", "460800", *arguments)


def board_exec(port, code):
    """Run ``code`` on the board without restarting it; returns what it printed.

    The firmware makes its outputs safe when it is interrupted. A soft reset is avoided, because it
    would pull the pilot low.
    """
    tool = str(Path(sys.executable).parent / "mpremote")
    done = subprocess.run([tool, "connect", port, "resume", "exec", code], text=True,
                          capture_output=True, check=False)
    if done.returncode:
        raise build.Problem("the board at %s does not answer:\n%s" % (port, done.stderr.strip()))
    return done.stdout


def flash(arguments):
    """Write the whole image, or all of it but what the board keeps."""
    data = image.image(arguments.board)
    vfs_at, _ = image.partition("vfs")
    with tempfile.TemporaryDirectory() as folder:
        def part(name, start, end):
            path = Path(folder) / name
            path.write_bytes(data[start:end])
            return "0x%X" % start, str(path)

        if arguments.full:
            esptool(arguments.port, "write-flash", *part("all", 0, image.FLASH))
            return
        parts = [*part("boot", image.BASE_AT, image.partition("nvs")[0]),
                 *part("app", image.APP_AT, vfs_at)]
        kept = Path(folder) / "superblock"
        esptool(arguments.port, "read-flash", "0x%X" % vfs_at, str(image.BLOCK), str(kept))
        has_files = b"littlefs" in kept.read_bytes()
        if not has_files:
            parts += part("vfs", vfs_at, image.FLASH)
        esptool(arguments.port, "write-flash", *parts)
    if has_files:
        deploy(arguments)


def deploy(arguments):
    """Write the app into the slot that is not in use, then put it in use and restart."""
    tree = build.build(arguments.board) / build.SLOT
    active = board_exec(arguments.port, "print(open('/slot').read(1))").strip()
    spare = "b" if active == "a" else "a"
    print("slot %s is in use: writing slot %s" % (active, spare), flush=True)
    board_exec(arguments.port, _FORGET % spare)
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / spare
        staged.symlink_to(tree)
        run("mpremote", "connect", arguments.port, "resume", "fs", "cp", "-r", str(staged), ":/")
    wanted = settings(arguments)
    if wanted:
        board_exec(arguments.port, _SETTINGS % json.dumps(wanted))
    board_exec(arguments.port, "open('/slot.new', 'w').write('%s')" % spare)
    board_exec(arguments.port, _RENAME)
    run("mpremote", "connect", arguments.port, "resume", "exec", "--no-follow",
        "import machine; machine.reset()")
    print("slot %s is in use now" % spare)


def settings(arguments):
    """The settings the command line asks for; the password of the WiFi is asked for."""
    wanted = {}
    for pair in arguments.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise build.Problem("--set takes KEY=VALUE, not %r" % pair)
        wanted[key] = int(value) if value.isdigit() else value
    if arguments.wifi_ssid:
        wanted["wifi_ssid"] = arguments.wifi_ssid
        wanted["wifi_password"] = getpass.getpass("password of %s: " % arguments.wifi_ssid)
    return wanted


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("flash", "deploy"))
    parser.add_argument("--board", choices=build.BOARDS, default=build.BOARDS[0])
    parser.add_argument("--port", default="")
    parser.add_argument("--full", action="store_true", help="also wipe NVS, settings and records")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--wifi-ssid", metavar="NAME")
    arguments = parser.parse_args()
    try:
        if not arguments.port:
            raise build.Problem("which port? e.g. PORT=/dev/ttyUSB0 (Linux) or "
                                "PORT=/dev/cu.usbserial-0001 (macOS)")
        (flash if arguments.what == "flash" else deploy)(arguments)
    except build.Problem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
