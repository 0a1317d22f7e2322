"""The flashable image, judged by other tools than those that made it."""

import ast
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from littlefs import LittleFS

import build
import image

ROOT = Path(__file__).resolve().parents[2]
BOARD_IN_A_FILE = Path(__file__).parent / "board_in_a_file.py"
BLOCKS = 384
VFS_AT = 0x270000
LOG_AT = 0x3F0000
XTENSAWIN = 10
# What MicroPython 1.27 for the ESP32 brings that the firmware may import.
BUILT_IN = {
    "_thread", "array", "asyncio", "binascii", "deflate", "errno", "esp", "esp32", "framebuf",
    "gc", "hashlib", "io", "json", "machine", "math", "micropython", "network", "os", "random",
    "onewire", "re", "select", "socket", "struct", "sys", "time", "usocket", "ustruct",
    "ubinascii", "ucollections", "collections", "uerrno", "uctypes", "vfs",
}


@pytest.fixture(scope="module", params=build.BOARDS)
def board(request):
    """Name of each board there is an image for."""
    return request.param


@pytest.fixture(scope="module")
def flash(board):
    """The image of one board, as `make firmware` writes it."""
    return image.image(board)


def _mount(flash):
    """The file system of an image, mounted by littlefs-python."""
    disk = LittleFS(block_size=4096, block_count=BLOCKS, mount=False)
    disk.context.buffer = bytearray(flash[VFS_AT:VFS_AT + BLOCKS * 4096])
    disk.mount()
    return disk


def _files(disk):
    found = {}
    for folder, _, names in disk.walk("/"):
        for name in names:
            path = folder.rstrip("/") + "/" + name
            with disk.open(path, "rb") as file:
                found[path] = file.read()
    return found


def _entries(table):
    """(label, type, subtype, offset, size) of each entry; the MD5 after them is checked."""
    entries = []
    for at in range(0, len(table), 32):
        entry = table[at:at + 32]
        if entry[:2] == b"\xeb\xeb":
            assert entry[16:] == hashlib.md5(table[:at]).digest()
            return entries
        magic, kind, subtype, offset, size, label, flags = struct.unpack("<2sBBII16sI", entry)
        assert magic == b"\xaa\x50" and flags == 0
        entries.append((label.rstrip(b"\0").decode(), kind, subtype, offset, size))
    raise AssertionError("the partition table has no MD5")


def _on_micropython(micropython, what, path, *numbers):
    """Run board_in_a_file.py on the unix port; returns what it printed."""
    command = [micropython, "-X", "heapsize=4M", str(BOARD_IN_A_FILE), what, str(path),
               str(VFS_AT), str(BLOCKS), *map(str, numbers)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- the flash ----
def test_partitions(flash):
    base = image.interpreter()
    at = image.TABLE_AT - image.BASE_AT
    entries = _entries(flash[0x8000:0x8C00])
    was = _entries(base[at:at + 0xC00])
    assert entries[:2] == was[:2], "NVS stays where it was"
    assert entries[2][:4] == was[2][:4] and entries[2][4] == VFS_AT - 0x10000
    assert entries[3:] == [("vfs", 1, 0x81, VFS_AT, BLOCKS * 4096),
                           ("log", 1, 0x06, LOG_AT, 0x10000)]
    for (_, _, _, offset, size), following in zip(entries, [*entries[1:], (0, 0, 0, len(flash))]):
        assert offset + size <= following[3]
    assert len(flash) == 4 * 1024 * 1024


def test_records_and_settings_start_empty(flash):
    assert set(flash[LOG_AT:]) == {0xFF}
    assert set(flash[0x9000:0x10000]) == {0xFF}


@pytest.mark.parametrize("start,end", [(0x1000, 0x8000), (0x10000, VFS_AT)],
                         ids=["bootloader", "micropython"])
def test_esptool_finds_valid_code(flash, start, end, tmp_path):
    part = tmp_path / "part.bin"
    part.write_bytes(flash[start:end])
    done = subprocess.run([str(Path(sys.executable).parent / "esptool"), "--chip", "esp32",
                           "image-info", str(part)], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Checksum: 0x[0-9a-f]{2} \(valid\)", done.stdout)
    assert re.search(r"Validation hash: [0-9a-f]{64} \(valid\)", done.stdout)
    assert re.search(r"Flash size: +4MB", done.stdout)


def test_the_interpreter_is_the_published_one():
    base = image.interpreter()
    assert hashlib.sha256(base).hexdigest() == \
        "aa4be80ec695911ba0f13f7558e559ce540f90efbf40c23b853ca49162136b9f"


def test_made_elsewhere_it_is_the_same(flash, board, tmp_path):
    """Another checkout, other times of files, another folder and hash seed: the same bits."""
    for name in ("evse", "web", "lib", "tools", "main.py", "boot.py", "docs", "keys"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, copy_function=shutil.copyfile,
                            ignore=shutil.ignore_patterns("__pycache__", ".ruff_cache"))
        else:
            shutil.copyfile(source, tmp_path / name)
    image.interpreter()
    shutil.copytree(image.build.BUILD / "download", tmp_path / "build" / "download")
    done = subprocess.run([sys.executable, "tools/image.py", "--board", board], cwd=tmp_path,
                          env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
                          text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    again, = (tmp_path / "build").glob("microevse-%s-*.bin" % board)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(flash).digest()


# ---- the file system ----
def test_files_are_where_boot_looks(flash):
    disk = _mount(flash)
    files = _files(disk)
    assert sorted(disk.listdir("/")) == ["a", "boot.py", "data", "main.py", "slot"]
    assert disk.listdir("/data") == []
    assert files["/slot"] == b"a"
    assert files["/boot.py"] == (ROOT / "boot.py").read_bytes()
    assert {"/a/main.mpy", "/a/modules", "/a/manifest.json", "/a/update.key", "/a/notes.txt",
            "/a/evse/power/allocate_native.mpy", "/a/evse/bus/meters.json",
            "/a/web/index.html.gz"} <= set(files)


def test_no_sources_but_those_of_the_start(flash):
    sources = [path for path in _files(_mount(flash)) if path.endswith(".py")]
    assert sorted(sources) == ["/boot.py", "/main.py"]


def test_the_manifest_names_every_file(flash, board):
    files = _files(_mount(flash))
    manifest = json.loads(files["/a/manifest.json"])
    assert (manifest["board"], manifest["version"]) == (board, build.VERSION)
    found = {path[3:]: [len(data), hashlib.sha256(data).hexdigest()]
             for path, data in files.items()
             if path.startswith("/a/") and path != "/a/manifest.json"}
    assert found.items() <= manifest["files"].items()
    left_out = set(manifest["files"]) - set(found)
    assert "evse/core.mpy" in left_out and "evse/app.mpy" in left_out
    assert {path: manifest["files"][path] for path in left_out} == {
        path: [len(data), hashlib.sha256(data).hexdigest()]
        for path, data in _compiled(board).items() if path in left_out}


def test_two_slots_fit_beside_what_is_kept(flash, board):
    """The slot of the image, an update that changes every module, and 256 KB of records."""
    disk = _mount(flash)
    slot = build.BUILD / board / build.SLOT
    for path in sorted(slot.rglob("*")):
        if path.is_file():
            name = "/b/" + path.relative_to(slot).as_posix()
            disk.makedirs(name.rpartition("/")[0], exist_ok=True)
            with disk.open(name, "wb") as file:
                file.write(path.read_bytes())
    assert disk.used_block_count + 64 <= BLOCKS


def test_the_page_is_packed(flash):
    packed = {path: data for path, data in _files(_mount(flash)).items()
              if path.startswith("/a/web/")}
    sources = {"/a/web/%s.gz" % name: data for name, data in build.page()}
    assert {path: zlib.decompress(data, 31) for path, data in packed.items()} == sources
    for path, data in packed.items():
        assert data[4:8] == bytes(4), "%s carries a time" % path


def test_micropython_reads_the_same_files(flash, tmp_path, micropython):
    path = tmp_path / "flash.bin"
    path.write_bytes(flash)
    expected = {path: hashlib.sha256(data).hexdigest()
                for path, data in _files(_mount(flash)).items()}
    found = json.loads(_on_micropython(micropython, "walk", path))
    assert found == {**expected, "/data/": None}


def test_umodbus_comes_without_what_annotations_want(flash, board):
    found = {path for path in _compiled(board) if path.startswith("lib/umodbus/")}
    assert found == {"lib/umodbus/%s.mpy" % name for name in ("__init__", "const", "functions")}
    assert b"typing" not in _compiled(board)["lib/umodbus/functions.mpy"]


# ---- the modules ----
def _compiled(board):
    """Path -> bytes of each module that the image of ``board`` was made of."""
    slot = build.BUILD / board / build.SLOT
    return {path.relative_to(slot).as_posix(): path.read_bytes() for path in slot.rglob("*.mpy")}


def _modules(board):
    """Dotted name -> bytes of each module."""
    return {path[:-4].removeprefix("lib/").replace("/", ".").removesuffix(".__init__"): data
            for path, data in _compiled(board).items()}


def test_only_the_native_core_and_the_board_sampler_are_machine_code(flash, board):
    native = set()
    for name, data in _modules(board).items():
        assert data[:2] == b"M\x06", name
        sub_version, arch = data[2] & 3, data[2] >> 2 & 15
        if arch:
            assert (arch, sub_version) == (XTENSAWIN, 3), name
            native.add(name)
    assert "evse.power.allocate_native" in native
    assert native <= {"evse.power.allocate_native", "evse.boards.sampler_esp32"}


def test_one_allocation_and_one_board(flash, board):
    modules = _modules(board)
    assert "evse.power.allocate" not in modules
    assert "evse.boards." + board in modules
    others = {"sim", *build.BOARDS} - {board}
    assert not [name for name in modules if name.removeprefix("evse.boards.") in others]


def test_every_import_is_there(flash, board):
    """What any module of the image imports is in the image or in MicroPython."""
    modules = set(_modules(board))
    missing = []
    for name in modules:
        if not name.startswith("evse") or name == "evse.build":
            continue
        stem = ROOT / name.replace(".", "/")
        source = stem.with_suffix(".py") if not stem.is_dir() else stem / "__init__.py"
        for node in ast.walk(ast.parse(source.read_text())):
            for wanted in _wanted(node, modules):
                # The package "evse" itself is a directory without a module of its own.
                if (wanted not in modules and wanted != "evse"
                        and wanted.split(".")[0] not in BUILT_IN):
                    missing.append("%s wants %s" % (name, wanted))
    # Which of two is there is the build's choice, or the board's.
    other = ("evse.app wants evse.power.allocate", "evse.boards.esp32 wants evse.boards.st7565")
    assert [line for line in missing if line not in other] == []


def _wanted(node, modules):
    """Modules that an import statement loads; a name out of a package may be a module of it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    if node.module == "evse" or (ROOT / node.module.replace(".", "/")).is_dir():
        return [node.module + "." + alias.name for alias in node.names]
    return [node.module]


# ---- the start ----
@pytest.fixture(scope="module")
def one_flash():
    """An image of any board: all start alike."""
    return image.image(build.BOARDS[0])


@pytest.fixture
def start(one_flash, tmp_path, micropython):
    """Factory: write files to the board (None removes), start it, return the lines it printed."""
    def run(files, package=0, starts=1):
        disk = _mount(one_flash)
        for path, content in files.items():
            if content is None:
                disk.remove(path)
                continue
            folder = path.rsplit("/", 1)[0]
            if folder and folder.lstrip("/") not in disk.listdir("/"):
                disk.mkdir(folder)
            with disk.open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        path = tmp_path / "flash.bin"
        path.write_bytes(one_flash[:VFS_AT] + bytes(disk.context.buffer) + one_flash[LOG_AT:])
        return [line for _ in range(starts)
                for line in _on_micropython(micropython, "boot", path, package).splitlines()]
    return run


APP = {"/a/main.mpy": None, "/a/main.py": "print('app a')", "/b/main.py": "print('app b')"}


@pytest.mark.parametrize("package,actuators", [(0, {17, 18}), (4, {9, 10})],
                         ids=["v3.0", "v3.1"])
def test_outputs_are_safe_before_anything_else(start, package, actuators):
    lines = start(APP, package)
    told = [line.split() for line in lines if line.startswith("pin ")]
    assert {int(number): (mode, value) for _, number, mode, value in told} == \
        dict.fromkeys({32, 27, 12} | actuators, ("out", "0")) | {15: ("out", "1")}
    assert lines[len(told):] == ["app a", "path ['/a', '/a/lib', '.frozen']"]


@pytest.mark.parametrize("slot,manifests,starts", [
    ("a", "a", "a"),
    ("b", "ab", "b"),
    ("a", "ab", "a"),
    ("b", "a", "a"),
    ("a", "b", "b"),
    ("", "a", "a"),
    ("", "b", "b"),
    ("x", "ab", "a"),
    (None, "a", "a"),
])
def test_slots(start, slot, manifests, starts):
    """The named slot starts; the other one when the named one holds no complete app."""
    files = {**APP, "/slot": slot}
    if "a" not in manifests:
        files["/a/manifest.json"] = None
    if "b" in manifests:
        files["/b/manifest.json"] = "{}"
    lines = start(files)
    assert "app " + starts in lines
    assert lines[-1] == "path ['/%s', '/%s/lib', '.frozen']" % (starts, starts)


@pytest.mark.parametrize("slot,trial,manifests,starts", [
    ("a", "b", "ab", "ba"),
    (None, "b", "ab", "ba"),
    ("b", "a", "ab", "ab"),
    ("a", "b", "a", "aa"),
    ("b", "", "ab", "bb"),
    # Rubbish is as good as nothing; b"\xff" is not even text.
    (b"\xff", b"\xff", "ab", "aa"),
    (b"\xff", "b", "ab", "ba"),
    ("b", b"\xff", "ab", "bb"),
    ("b", "x", "ab", "bb"),
])
def test_a_trial_is_started_once(start, slot, trial, manifests, starts):
    files = {**APP, "/slot": slot, "/trial": trial, "/b/manifest.json": "{}"}
    if "b" not in manifests:
        del files["/b/manifest.json"]
    lines = start(files, starts=2)
    assert [line[-1] for line in lines if line.startswith("app ")] == list(starts)


COUNTS = """
try:
    with open("/boots", "rb") as file:
        print("boots", file.read())
except OSError:
    print("boots is none")
"""


@pytest.mark.parametrize("boots,counted", [
    (None, "123"), ("0", "123"), ("4", "567"), ("8", "989"), ("9", "898"),
    # Rubbish is as good as none.
    ("", "123"), ("12", "123"), ("x", "123"), (b"\xb2", "123"), (" 3", "123"), ("-1", "123"),
])
def test_starts_are_counted(start, boots, counted):
    files = {**APP, "/a/main.py": COUNTS}
    if boots is not None:
        files["/boots"] = boots
    lines = [line for line in start(files, starts=3) if line.startswith("boots")]
    assert lines == ["boots b'%s'" % digit for digit in counted]


def test_a_count_that_cannot_be_written_keeps_nothing_from_starting(start):
    assert "boots is none" in start({**APP, "/a/main.py": COUNTS, "/boots/x": "a folder"})


def test_when_the_safe_mode_does_not_last_it_is_tried_in_the_other_slot(start):
    files = {**APP, "/boots": "4", "/b/manifest.json": "{}"}
    lines = start(files, starts=6)
    assert [line[-1] for line in lines if line.startswith("app ")] == list("aaabab")
    # A slot that is tried goes before.
    assert "app b" in start({**files, "/slot": "b", "/trial": "b", "/boots": "7"})


def test_no_app_at_all(start):
    lines = start({**APP, "/a/manifest.json": None})
    assert "pin 32 out 0" in lines
    assert any("no firmware" in line for line in lines)
    assert not [line for line in lines if line.startswith("app ")]


def test_what_only_boot_needs_is_gone_when_the_app_runs(start):
    lines = start({**APP, "/a/main.py": "import __main__\nprint('app', [name for name in (\n"
                                        "    'choose_slot', 'count_start', 'named',\n"
                                        "    'outputs_safe', '_slot')\n"
                                        "    if hasattr(__main__, name)])\n"})
    assert "app ['_slot']" in lines


def test_boot_imports_nothing_of_ours():
    tree = ast.parse((ROOT / "boot.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for alias in node.names}
    assert imported <= {"machine", "os", "sys"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
