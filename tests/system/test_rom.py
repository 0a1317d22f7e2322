"""Freezing the modules into the interpreter: judged by a second reader of its tables."""

import hashlib
import struct
import subprocess

import pytest

import build
import image
import mpy
import rom

BOARD = build.BOARDS[0]
PAGE = 0x10000
RAM = 0x3FF80000
# The table of reserved memory and the words that point to the tables, in the published image.
RESERVED = 0x3F43F460
POOL_AT, NAMES_AT, CONTENTS_AT = 0x400D17A4, 0x4010F898, 0x4010F89C
TYPES = {0x3F420AC8: "str", 0x3F420A98: "bytes", 0x3F420B38: "tuple", 0x3F420490: "int",
         0x3F420268: "float"}
MATERIAL = '''
"""Everything the tables must carry."""
import gc
WORDS = ("a string of some length", b"bytes\\0inside", (1, (2.5, "x"), None), True)
BIG = (1 << 30, -(1 << 30), -(1 << 30) - 1, 123456789012345678901234567890, (1 << 30) - 1)
FLOAT = 0.1
def plain(a, b=7):
    """Text."""
    def inner():
        yield from range(a)
    return [x for x in inner()], lambda: b
def generator():
    yield 1.5
async def routine(first, second, *, third=3, fourth=4):
    await first(second, third, fourth)
class Thing:
    name = "gc"
    @property
    def eigenschaft_grün(self):
        return "grün", ..., {}
'''


class Memory:
    """An app image as the running interpreter sees it."""

    def __init__(self, data):
        self.segments = []
        at = 24
        for _ in range(data[1]):
            address, length = struct.unpack_from("<II", data, at)
            self.segments.append((address, data[at + 8:at + 8 + length], at + 8))
            at += 8 + length

    def read(self, address, layout):
        for start, data, _ in self.segments:
            if start <= address < start + len(data):
                return struct.unpack_from("<" + layout, data, address - start)
        raise AssertionError("0x%X is not in the image" % address)

    def word(self, address):
        return self.read(address, "I")[0]

    def text(self, address):
        start, data, _ = self.segments[0]
        return bytes(data[address - start:data.index(0, address - start)])

    def pools(self):
        """The tables of interned strings, the newest first."""
        at = self.word(POOL_AT)
        while at:
            previous, before, room, count, hashes, lengths = self.read(at, "6I")
            texts = [self.text(place) for place in self.read(at + 24, "%dI" % count)]
            yield (before & 0x7FFFFFFF, bool(before >> 31), room, texts,
                   self.read(hashes, "%dH" % count), self.read(lengths, "%dB" % count))
            at = previous

    def string(self, number):
        """The interned string of that number."""
        for before, _, _, texts, _, _ in self.pools():
            if number >= before:
                return texts[number - before].decode()
        raise AssertionError(number)

    def names(self):
        """Frozen file names."""
        at = self.word(NAMES_AT)
        while self.text(at):
            yield self.text(at).decode()
            at += len(self.text(at)) + 1

    def module(self, name):
        """(table of names, table of constants, code) of a frozen module."""
        index = list(self.names()).index(name)
        return self.read(self.word(self.word(CONTENTS_AT) + 4 * index), "3I")

    def value(self, thing):
        """What an object of the interpreter means."""
        if thing & 1:
            return (thing >> 1) - (thing >> 31 << 31)
        if thing & 7 == 2:
            return self.string(thing >> 3)
        if thing & 7 == 6:
            return {0: None, 1: False, 3: True}[thing >> 3]
        kind = TYPES[self.word(thing)]
        if kind == "float":
            return self.read(thing + 4, "f")[0]
        if kind == "tuple":
            return tuple(self.value(one)
                         for one in self.read(thing + 8, "%dI" % self.word(thing + 4)))
        if kind == "int":
            head, count, place = self.read(thing + 4, "3I")
            assert head >> 2 == count and head & 2
            digits = self.read(place, "%dH" % count)
            value = sum(digit << 16 * i for i, digit in enumerate(digits))
            return -value if head & 1 else value
        hashed, length, place = self.read(thing + 4, "3I")
        data = bytes(self.read(place, "%dB" % (length + 1)))
        assert data[-1] == 0 and hashed == _hash(data[:-1])
        return data[:-1].decode() if kind == "str" else data[:-1]


def _hash(text):
    value = 5381
    for byte in text:
        value = value * 33 ^ byte
    return value % 65536 or 1


def _compiled(folder, source, name="material"):
    path = folder / (name + ".py")
    path.write_text(source)
    build.compile_file(path, folder / (name + ".mpy"), name + ".py", 0, None)
    return (folder / (name + ".mpy")).read_bytes()


@pytest.fixture(scope="module")
def stock():
    """The interpreter's app image as published."""
    return image.interpreter()[image.APP_AT - image.BASE_AT:]


@pytest.fixture(scope="module")
def slot():
    """The built slot of a board."""
    return build.build(BOARD) / build.SLOT


@pytest.fixture(scope="module")
def frozen(stock, slot):
    """The app image with our modules."""
    return image.with_modules(stock, slot, BOARD)[0]


# ---- .mpy files ----
def test_a_compiled_module_is_read_whole(tmp_path):
    module = mpy.Module(_compiled(tmp_path, MATERIAL))
    assert {"WORDS", "plain", "eigenschaft_grün", "material.py"} <= set(module.names)
    flat = repr(module.constants)
    for text in ("'a string of some length'", "b'bytes\\x00inside'", "(1, (2.5, 'x'), None)",
                 "0.1", "Ellipsis", "123456789012345678901234567890"):
        assert text in flat, text
    kinds = sorted(code.is_generator for code in module.functions())
    assert (len(kinds), sum(kinds)) == (9, 3)


def test_machine_code_is_told_from_bytecode(slot):
    native = mpy.Module((slot / "evse/power/allocate_native.mpy").read_bytes())
    kinds = {code.kind for code in native.functions()}
    assert kinds & {mpy.NATIVE, mpy.VIPER} and mpy.BYTECODE in kinds
    assert mpy.MachineCode in native.constants


@pytest.mark.parametrize("harm", [lambda data: data[:-1], lambda data: data + b"\0",
                                  lambda data: b"M\x05" + data[2:], lambda data: b"N" + data[1:]],
                         ids=["short", "long", "version", "magic"])
def test_a_file_that_is_not_whole_is_refused(tmp_path, harm):
    data = _compiled(tmp_path, MATERIAL)
    with pytest.raises(ValueError, match=r"\.mpy"):
        mpy.Module(harm(data))


# ---- the image ----
def test_only_six_words_of_the_interpreter_change(stock, frozen):
    before, after = Memory(stock).segments, Memory(frozen).segments
    changed = []
    for number, ((start, old, _), (same, new, _)) in enumerate(zip(before, after)):
        assert start == same and (len(old) == len(new) or not number)
        changed += [start + i for i in range(0, len(old), 4) if old[i:i + 4] != new[i:i + 4]]
    assert changed == [*(RESERVED + 8 * i + 4 for i in (0, 2, 3)), POOL_AT, NAMES_AT, CONTENTS_AT]


def test_what_is_reserved_for_bluetooth_is_the_heaps(stock, frozen):
    whole, given = (Memory(data).read(RESERVED, "10I") for data in (stock, frozen))
    assert given == tuple(whole[i - 1] if i in (1, 5, 7) else word for i, word in enumerate(whole))
    assert sum(whole[i] - whole[i - 1] for i in (1, 5, 7)) == 38_360


def test_nobody_starts_bluetooth(slot):
    for path in slot.rglob("*.mpy"):
        names = mpy.Module(path.read_bytes()).names
        assert not {"bluetooth", "aioble", "espnow"} & set(names), path


def test_flash_maps_where_the_code_expects_it(frozen):
    for address, _, offset in Memory(frozen).segments:
        if not RAM <= address < 0x400D0000 and address < 0x50000000:
            assert (address - offset) % PAGE == 0, hex(address)


def test_the_page_that_esp_idf_unmaps_is_not_used(stock, frozen):
    start, data, _ = Memory(stock).segments[0]
    end = start + len(data)
    free = -(-end // PAGE) * PAGE
    grown = Memory(frozen).segments[0][1]
    assert set(grown[len(data):free + PAGE - start]) == {0xFF}
    assert grown[free + PAGE - start:free + PAGE - start + 16] != b"\xff" * 16


def test_checksum_and_hash(frozen):
    check = 0xEF
    for _, data, offset in Memory(frozen).segments:
        end = offset + len(data)
        for byte in data:
            check ^= byte
    at = end | 15
    assert frozen[at] == check and len(frozen) == at + 33
    assert frozen[at + 1:] == hashlib.sha256(frozen[:at + 1]).digest()


def test_the_types_are_those_of_the_builtins(stock):
    """Each is in the interpreter's table of built-in names beside its own."""
    memory = Memory(stock)
    numbers = {text.decode(): before + i for before, _, _, texts, _, _ in memory.pools()
               for i, text in enumerate(texts)}
    for address, name in TYPES.items():
        assert struct.pack("<II", numbers[name] << 3 | 2, address) in memory.segments[0][1], name


def test_it_leaves_room_to_grow(frozen):
    assert len(frozen) + PAGE <= image.partition("factory")[1]


def test_another_interpreter_is_refused(stock, slot):
    data = bytearray(stock)
    at = data.index(struct.pack("<I", 0x3F426CAC))
    data[at:at + 4] = struct.pack("<I", 0x3F426CB0)
    with pytest.raises(ValueError, match="0x3F426CAC is 0 times"):
        image.with_modules(bytes(data), slot, BOARD)
    data = bytearray(stock)
    at = data.index(struct.pack("<II", 0x3FFB8000, 0x3FFB9A20))
    data[at + 4] += 4
    with pytest.raises(ValueError, match="0x3FFB8000 is not reserved"):
        image.with_modules(bytes(data), slot, BOARD)


# ---- what is frozen ----
def test_strings_are_interned_once_and_sorted(stock, frozen):
    pools = list(Memory(frozen).pools())
    old = list(Memory(stock).pools())
    assert pools[1:] == old
    before, is_sorted, room, texts, _, _ = pools[0]
    assert before == old[0][0] + len(old[0][3]) and is_sorted and room == 10
    assert texts == sorted(texts) and len(texts) > 500
    everything = [text for pool in pools for text in pool[3]]
    assert len(set(everything)) == len(everything) - 1  # number 0 is no string at all
    for _, _, _, texts, hashes, lengths in pools:
        for text, hashed, length in zip(texts, hashes, lengths):
            assert (hashed, length) == (_hash(text), len(text)) or not text


def test_every_module_is_there_as_compiled(frozen, slot):
    memory = Memory(frozen)
    lines = (slot / "modules").read_text().splitlines()
    assert len(lines) > 60
    native = set()
    for line in lines:
        name, folder, digest, _ = line.split()
        file = folder.removeprefix("./").removeprefix("lib/").removeprefix("lib")
        path = slot / folder / (name.rpartition(".")[2] + ".mpy")
        stem = name.rpartition(".")[2] + ("" if path.exists() else "/__init__")
        data = (slot / folder / (stem + ".mpy")).read_bytes()
        assert digest == hashlib.sha256(data).hexdigest()[:8]
        module = mpy.Module(data)
        if mpy.MachineCode in module.constants:
            native.add(name)
            continue
        names, constants, code = memory.module((file + "/" if file else "") + stem + ".py")
        assert [memory.string(one) for one in memory.read(names, "%dH" % len(module.names))] == \
            [memory.string(one) if isinstance(one, int) else one for one in module.names]
        _same_constants(memory, constants, module.constants)
        _same_code(memory, code, module.code)
    assert native == {"evse.power.allocate_native", "evse.boards.sampler_esp32"}


def _same_constants(memory, table, constants):
    found = memory.read(table, "%dI" % len(constants)) if constants else ()
    for thing, value in zip(found, constants):
        assert memory.value(thing) == (pytest.approx(value) if isinstance(value, float) else value)


def _same_code(memory, at, code):
    head, place, children = memory.read(at, "3I")
    assert head == 2 << 16 | code.is_generator << 24
    assert bytes(memory.read(place, "%dB" % len(code.data))) == code.data
    assert bool(children) == bool(code.children)
    table = memory.read(children, "%dI" % len(code.children)) if children else ()
    for child, expected in zip(table, code.children):
        _same_code(memory, child, expected)


def test_all_kinds_of_constants_survive(stock, tmp_path):
    source = MATERIAL.replace(", ...", "")
    data = _compiled(tmp_path, source)
    memory = Memory(rom.frozen(stock, {"material.py": data}, ("a.dotted.name",)))
    module = mpy.Module(data)
    names, constants, code = memory.module("material.py")
    assert "eigenschaft_grün" in [memory.string(one)
                                  for one in memory.read(names, "%dH" % len(module.names))]
    for thing, value in zip(memory.read(constants, "%dI" % len(module.constants)),
                            module.constants):
        assert memory.value(thing) == (pytest.approx(value) if isinstance(value, float) else value)
    _same_code(memory, code, module.code)
    assert b"a.dotted.name" in next(memory.pools())[3]


def test_what_cannot_be_frozen_is_told(stock, tmp_path):
    with pytest.raises(ValueError, match="Ellipsis"):
        rom.frozen(stock, {"material.py": _compiled(tmp_path, MATERIAL)}, ())


def test_ours_go_before_what_the_interpreter_brings(stock, frozen, slot):
    names = list(Memory(frozen).names())
    theirs = list(Memory(stock).names())
    assert names[-len(theirs):] == theirs
    assert names.index("umqtt/simple.py") < len(names) - len(theirs)
    assert Memory(frozen).module("umqtt/simple.py") != Memory(stock).module("umqtt/simple.py")
    assert Memory(frozen).module("asyncio/core.py") == Memory(stock).module("asyncio/core.py")
    carried = mpy.Module((build.BUILD / "generated" / BOARD / "rom_list.mpy").read_bytes())
    text, = (one for one in carried.constants if isinstance(one, str))
    missing = [line for line in (slot / "modules").read_text().splitlines(keepends=True)
               if line not in text]
    assert [line.split()[0] for line in missing] == ["evse.boards.sampler_esp32",
                                                     "evse.power.allocate_native"]


def test_the_names_of_the_first_files_are_there_as_well(frozen):
    """They are read as text or from the slot at each start; what is new then takes memory."""
    texts = {text for pool in Memory(frozen).pools() for text in pool[3]}
    assert {"outputs_safe", "choose_slot", "/trial", "_load_from", "_carried"} <= {
        text.decode() if isinstance(text, bytes) else text for text in texts}


# ---- the order of loading ----
def test_what_is_needed_comes_first(tmp_path):
    sources = {
        "app": "import sys\nfrom pack import low\ntry:\n    import fast\nexcept ImportError:\n"
               "    import slow\ndef late():\n    import rare\n",
        "pack": "", "pack.low": "import pack.base", "pack.base": "import app",
        "fast": "import other.deep", "other": "", "other.deep": "",
        "slow": "if True:\n    import deep", "deep": "", "rare": "",
    }
    assert rom.load_order(sources, ["app"]) == \
        ["pack", "pack.base", "pack.low", "other", "other.deep", "fast", "deep", "slow", "app"]


def test_the_list_says_what_is_loaded_at_the_start(slot):
    lines = [line.split() for line in (slot / "modules").read_text().splitlines()]
    order = [line[0] for line in lines]
    when = {line[0]: line[3] for line in lines}
    assert order.index("evse.ticks") < order.index("evse.core") < order.index("evse.app")
    assert {when[name] for name in ("evse.app", "evse.power.regulator", "evse.core")} == {"now"}
    assert {when[name] for name in ("evse.net.web", "evse.settings", "microdot")} == {"safe"}
    assert when["evse.safe"] == "later"
    assert when["evse.clock"] == when["umqtt.simple"] == "later"
    assert "later now" not in " ".join(when.values())
    assert "main" not in when


def test_the_board_comes_first_with_what_it_needs_itself(slot):
    """It makes the room for all others."""
    lines = [line.split() for line in (slot / "modules").read_text().splitlines()]
    first = [line[0] for line in lines if line[3] == "first"]
    assert first == [line[0] for line in lines[:len(first)]]
    assert {"evse.build", "evse.start", "evse.boards." + BOARD} <= set(first)
    assert not [name for name in first if not name.startswith("evse.boards") and name not in (
        "evse.build", "evse.start", "evse.ticks", "evse.crumb", "evse.journal", "evse.reasons",
        "evse.rare")]


# ---- main.py ----
START = '''
import sys
from evse import base
def main(load):
    assert base.VERSION and "evse.core" not in sys.modules
    load(%r)
    print("loaded", "evse.app" in sys.modules)
    from evse import app
    app.main()
'''
APP = '''
import sys, os, gc
from evse import core
import lib_module
def main():
    sys.modules.pop("evse.late", None)  # what is loaded later may be dropped and loaded again
    import evse.late, evse.late_too
    import lib_later
    for name in ("evse.base", "evse.core", "evse.late", "evse.late_too", "lib_module",
                 "lib_later"):
        module = sys.modules[name]
        print(name, "image" if "/image/" in module.__file__ else "slot", module.VERSION)
    print([one.rsplit("/", 1)[-1] for one in sys.path], os.getcwd().rsplit("/", 1)[-1])
    print(core.base.VERSION, sys.modules["evse.pack.inner"].VERSION)
'''
MODULES = {
    "evse.base": ("evse", "VERSION = 1", "first"),
    "evse.start": ("evse", START % "now", "first"),
    "evse.core": ("evse", "from evse import base\nVERSION = 1", "now"),
    "evse.pack": ("evse", "", "now"),
    "evse.pack.inner": ("evse/pack", "VERSION = 1", "now"),
    "lib_module": ("lib", "VERSION = 1", "safe"),
    "evse.app": ("evse", APP + "import evse.pack.inner\n", "now"),
    "lib_later": ("lib", "VERSION = 1", "later"),
    "evse.late": ("evse", "VERSION = 1", "later"),
    "evse.late_too": ("evse", "VERSION = 1", "later"),
}


@pytest.fixture
def start(tmp_path, micropython):
    """Run main.py with some of the slot's modules changed since the image was made."""
    def run(changed=(), carried=True, loaded=None):
        lines = {"image": "", "a": ""}
        for place in ("image", "a"):
            for name, (folder, text, when) in MODULES.items():
                if place == "a" and name in changed:
                    text = text.replace("VERSION = 1", "VERSION = 2")
                part = name.rpartition(".")[2]
                part += "/__init__.py" if name == "evse.pack" else ".py"
                inside = folder.removeprefix("lib") if place == "image" else folder
                path = tmp_path / place / inside / part
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                digest = hashlib.sha256(text.encode()).hexdigest()[:8]
                lines[place] += "%s %s %s %s\n" % (name, folder, digest, when)
        (tmp_path / "a" / "modules").write_text(lines["a"])
        if carried:
            (tmp_path / "image" / "rom_list.py").write_text("MODULES = %r\n" % lines["image"])
            for name in rom.needless(lines["a"], lines["image"]):
                (tmp_path / "a" / name).with_suffix(".py").unlink(missing_ok=True)
        image_path = str(tmp_path / "image")
        source = (build.ROOT / "main.py").read_text()
        assert source.count('".frozen"') == 3
        (tmp_path / "main.py").write_text(source.replace('".frozen"', repr(image_path)))
        slot = str(tmp_path / "a")
        script = ("import sys; sys.path[:] = %r; exec(open(%r).read())"
                  % ([slot, slot + "/lib", image_path], str(tmp_path / "main.py")))
        done = subprocess.run([micropython, "-c", script], text=True, capture_output=True,
                              timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        first, *lines = done.stdout.splitlines()
        assert first == "loaded %s" % (carried if loaded is None else loaded)
        return lines
    return run


def _where(lines):
    return {line.split()[0]: tuple(line.split()[1:]) for line in lines[:6]}


def test_what_is_unchanged_comes_from_the_image(start):
    lines = start()
    assert set(_where(lines).values()) == {("image", "1")}
    assert lines[6] == "['a', 'image', 'lib'] a"
    assert lines[7] == "1 1"


def test_what_changed_comes_from_the_slot_and_everybody_gets_it(start):
    lines = start(changed=("evse.base", "evse.pack.inner", "lib_module"))
    where = _where(lines)
    assert where["evse.base"] == ("slot", "2") and where["evse.core"] == ("image", "1")
    assert where["lib_module"] == ("slot", "2")
    assert lines[7] == "2 2"


def test_what_is_loaded_later_is_the_changed_one_as_well(start):
    where = _where(start(changed=("evse.late", "lib_later")))
    assert where["evse.late"] == ("slot", "2")
    assert where["evse.core"] == ("image", "1")
    assert where["evse.late_too"][1] == "1"
    assert where["lib_later"] == ("slot", "2")


@pytest.mark.parametrize("changed,left", [
    ((), 0), (("evse.core",), 1), (("lib_module", "lib_later"), 2), (("evse.pack.inner",), 1),
    (("evse.late",), 7)])
def test_the_slot_holds_only_what_the_image_lacks(start, tmp_path, changed, left):
    """All of a package once one of its modules that are loaded later has changed."""
    assert len(start(changed=changed)) == 8
    assert len(list((tmp_path / "a").rglob("*.py"))) == left


SAFE = """
def main():
    import sys
    print("evse.core" in sys.modules, sys.modules["lib_module"].VERSION)
    from evse import late
    print(late.VERSION, [one.rsplit("/", 1)[-1] for one in sys.path])
"""


@pytest.mark.parametrize(("changed", "versions"), [
    ((), "11"), (("lib_module",), "21"), (("evse.core", "evse.late"), "12")])
def test_the_safe_mode_loads_only_what_it_needs_but_of_the_slot(start, monkeypatch, changed,
                                                               versions):
    monkeypatch.setitem(MODULES, "evse.start", ("evse", START % "safe", "first"))
    monkeypatch.setitem(MODULES, "evse.app", ("evse", SAFE, "later"))
    lines = start(changed=changed, loaded=False)
    assert lines[0] == "False " + versions[0]
    assert lines[1].split(" ", 1) == [versions[1], "['a', 'image', 'lib']"]


def test_without_modules_in_the_image_all_come_from_the_slot(start):
    lines = start(carried=False)
    assert set(_where(lines).values()) == {("slot", "1")}
    assert lines[6] == "['a', 'lib', 'image'] %s" % build.ROOT.name
