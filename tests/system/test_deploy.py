"""`make deploy` and `make flash` against a board whose flash is a file, by the real mpremote."""

import hashlib
import json
import os
import pty
import subprocess
import sys
import threading
import tty
from pathlib import Path

import pytest
from littlefs import LittleFS

import build
import flash
import image

ROOT = Path(__file__).resolve().parents[2]
BOARD_IN_A_FILE = Path(__file__).parent / "board_in_a_file.py"
BOARD = build.BOARDS[0]
VFS_AT, VFS_SIZE = image.partition("vfs")
PATIENCE_S = 90


class Board:
    """A board at ``port``; its flash is the file ``path``."""

    def __init__(self, micropython, path, writes):
        self.path = path
        self._line, self._far_end = pty.openpty()
        tty.setraw(self._far_end)
        self.port = os.ttyname(self._far_end)
        self._process = subprocess.Popen(
            [micropython, "-X", "heapsize=4M", str(BOARD_IN_A_FILE), "repl", str(path),
             str(VFS_AT), str(VFS_SIZE // image.BLOCK), str(writes)],
            stdin=self._line, stdout=self._line)
        # A dead board's line goes dead: whoever waits for an answer must notice. One that was
        # reset keeps its port.
        self._watch = threading.Thread(target=self._hang_up, daemon=True)
        self._watch.start()

    def _hang_up(self):
        self.exit_code = self._process.wait()
        if self.exit_code:
            os.close(self._line)

    def wait(self):
        """Wait for the board's end; returns 0 after a reset, else the exit code."""
        self._watch.join(PATIENCE_S)
        return self.exit_code

    def close(self):
        """End the board."""
        self._process.kill()
        self._watch.join()
        if not self.exit_code:
            os.close(self._line)
        os.close(self._far_end)

    def files(self):
        """Path -> bytes of all files on the board."""
        disk = LittleFS(block_size=image.BLOCK, block_count=VFS_SIZE // image.BLOCK, mount=False)
        disk.context.buffer = bytearray(self.path.read_bytes()[VFS_AT:VFS_AT + VFS_SIZE])
        disk.mount()
        found = {}
        for folder, _, names in disk.walk("/"):
            for name in names:
                path = folder.rstrip("/") + "/" + name
                with disk.open(path, "rb") as file:
                    found[path] = file.read()
        return found


class Arguments:
    """A command line."""

    def __init__(self, port="/dev/null", full=False, settings=()):
        self.board = BOARD
        self.port = port
        self.full = full
        self.set = settings
        self.wifi_ssid = None


@pytest.fixture(scope="module")
def whole():
    """The image as `make firmware` writes it."""
    return image.image(BOARD)


@pytest.fixture
def board(micropython, tmp_path, whole):
    """Factory of boards, flashed with the image; power fails after ``writes`` pieces of flash."""
    running = []

    def start(writes=0, flashed=None):
        path = tmp_path / ("flash%d.bin" % len(running))
        path.write_bytes(flashed or whole)
        running.append(Board(micropython, path, writes))
        return running[-1]

    yield start
    for one in running:
        one.close()


def _make(what, board, *options):
    return subprocess.run([sys.executable, "tools/flash.py", what, "--port", board.port, *options],
                          cwd=ROOT, text=True, capture_output=True, timeout=PATIENCE_S,
                          stdin=subprocess.DEVNULL)


def _slot(files, slot):
    return {path[3:]: data for path, data in files.items() if path.startswith("/%s/" % slot)}


@pytest.fixture
def new_app(tmp_path, monkeypatch):
    """A small app in place of the built one, because the line is slow; returns its files."""
    files = {"modules": b"", "main.mpy": b"M new", "evse/deep/core.mpy": bytes(range(256)) * 9,
             "web/empty": b""}
    manifest = {"board": BOARD, "files": {name: [len(data), hashlib.sha256(data).hexdigest()]
                                          for name, data in files.items()}}
    files["manifest.json"] = json.dumps(manifest).encode()
    tree = tmp_path / "tree"
    for name, data in files.items():
        path = tree / build.SLOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tree / "boot.py").write_text("new boot")
    (tree / "main.py").write_text("new main")
    monkeypatch.setattr(build, "build", lambda board: tree)
    return files


def test_deploy_writes_the_spare_slot_and_puts_it_in_use(board, new_app):
    one = board()
    before = one.files()
    flash.deploy(Arguments(one.port, settings=["mode=Smart", "mains=20"]))
    assert one.wait() == 0, "the board was not reset"
    after = one.files()
    assert after["/slot"] == b"b"
    assert _slot(after, "b") == new_app
    assert _slot(after, "a") == _slot(before, "a")
    assert json.loads(after["/data/settings.json"]) == \
        {"version": 1, "settings": {"mode": "Smart", "mains": "20"}}
    others = {"/boot.py": before["/boot.py"], "/main.py": before["/main.py"]}
    assert {path: data for path, data in after.items() if path.endswith(".py")} == others


def test_deploy_the_second_time_goes_back_to_the_first_slot(board, new_app):
    first = board()
    flash.deploy(Arguments(first.port, settings=["mode=Smart", "mains=20"]))
    assert first.wait() == 0
    second = board(flashed=first.path.read_bytes())
    flash.deploy(Arguments(second.port, settings=["mains=25"]), start_files=True)
    assert second.wait() == 0
    after = second.files()
    assert after["/slot"] == b"a"
    assert _slot(after, "a") == new_app
    assert not _slot(after, "b"), "what the image before carried, the new one may not"
    assert json.loads(after["/data/settings.json"])["settings"] == {"mode": "Smart", "mains": "25"}
    assert (after["/boot.py"], after["/main.py"]) == (b"new boot", b"new main")
    assert {path for path in after if path.count("/") == 1} == {"/boot.py", "/main.py", "/slot"}


def test_power_that_fails_on_the_way_leaves_the_old_app_in_use(board):
    one = board(writes=40)
    before = one.files()
    done = _make("deploy", one)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr.split("failed:")[0]
    assert one.wait() == 9
    after = one.files()
    assert after["/slot"] == b"a"
    assert _slot(after, "a") == _slot(before, "a")
    assert 0 < len(_slot(after, "b")) < len(_slot(before, "a"))


def test_what_arrives_broken_is_not_put_in_use(board, new_app, tmp_path):
    (tmp_path / "tree" / build.SLOT / "main.mpy").write_bytes(b"M nex")
    one = board()
    with pytest.raises(build.Problem, match=r"main\.mpy arrived broken"):
        flash.deploy(Arguments(one.port))
    assert one.files()["/slot"] == b"a"


def test_an_app_for_another_board_is_refused(board):
    one = board()
    before = one.files()
    done = _make("deploy", one, "--board", "devkit")
    assert done.returncode == 1
    assert "this board runs smartevse_v3, not devkit" in done.stderr
    assert one.files() == before


def test_a_board_without_our_files_is_told_so(board):
    disk = LittleFS(block_size=image.BLOCK, block_count=VFS_SIZE // image.BLOCK)
    bare = bytes(VFS_AT) + bytes(disk.context.buffer) + bytes(image.FLASH - VFS_AT - VFS_SIZE)
    done = _make("deploy", board(flashed=bare))
    assert done.returncode == 1
    assert "no MicroEVSE on the board" in done.stderr


@pytest.mark.parametrize("what", ["flash", "deploy"])
def test_without_a_port_nothing_happens(what):
    done = subprocess.run(["make", "--no-print-directory", what], cwd=ROOT, text=True,
                          capture_output=True, timeout=PATIENCE_S)
    assert done.returncode
    assert done.stderr.startswith("which port?")


# ---- what flash keeps ----
@pytest.fixture
def esptool(monkeypatch):
    """Stands for the serial flasher: notes what is written, reads from ``content``."""
    class Flasher:
        content = b""
        written = None

        def run(self, port, command, *arguments):
            if command == "read-flash":
                start, size = int(arguments[0], 16), int(arguments[1])
                Path(arguments[2]).write_bytes(self.content[start:start + size])
                return
            self.written = {int(at, 16): Path(path).read_bytes()
                            for at, path in zip(arguments[::2], arguments[1::2])}

    one = Flasher()
    deployed = []
    monkeypatch.setattr(flash, "esptool", one.run)
    monkeypatch.setattr(flash, "deploy", lambda arguments, start_files: deployed.append(
        start_files))
    one.deployed = deployed
    return one


def _spans(written):
    return sorted((at, at + len(data)) for at, data in written.items())


def test_flash_keeps_nvs_and_files_of_a_board_that_has_ours(esptool, whole):
    esptool.content = whole
    flash.flash(Arguments())
    assert _spans(esptool.written) == [(0x1000, 0x9000), (0x10000, 0x270000)]
    assert esptool.deployed == [True]


@pytest.mark.parametrize("blocks", [None, 512], ids=["empty", "stock MicroPython"])
def test_flash_writes_files_where_there_are_none_of_ours(esptool, blocks):
    esptool.content = b"\xff" * image.FLASH
    if blocks:
        stock = LittleFS(block_size=image.BLOCK, block_count=blocks)
        esptool.content = bytes(VFS_AT) + bytes(stock.context.buffer)
    flash.flash(Arguments())
    assert _spans(esptool.written) == [(0x1000, 0x9000), (0x10000, 0x270000),
                                       (0x270000, 0x400000)]
    assert esptool.deployed == []


def test_flash_full_writes_everything(esptool, whole):
    flash.flash(Arguments(full=True))
    assert esptool.written == {0: whole}
    assert esptool.deployed == []


def test_the_wifi_password_is_asked_for_not_shown(monkeypatch, board, new_app):
    shown = []
    monkeypatch.setattr(flash.getpass, "getpass", lambda prompt: "s3cret'\"%\\")
    run = subprocess.run

    def look_on(command, **options):
        shown.append(command)
        return run(command, **options)

    monkeypatch.setattr(flash.subprocess, "run", look_on)
    one = board()
    arguments = Arguments(one.port)
    arguments.wifi_ssid = "House"
    flash.deploy(arguments)
    assert json.loads(one.files()["/data/settings.json"])["settings"] == \
        {"wifi": "Enabled", "wifi_ssid": "House", "wifi_password": "s3cret'\"%\\"}
    assert "s3cret" not in str(shown)


def test_what_is_merged_into_stored_settings_leaves_no_sum_that_is_wrong(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"version": 2, "settings": {"max": 16}, "access": 0, "sum": 5}')
    code = flash._SETTINGS.replace("/data", str(tmp_path)) % {"settings": '{"mains": "20"}'}
    subprocess.run([sys.executable, "-c", code], check=True)
    assert json.loads(path.read_text()) == {
        "version": 2, "settings": {"max": 16, "mains": "20"}, "access": 0}
