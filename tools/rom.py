"""The firmware frozen into the published interpreter, without a compiler; see docs/memory.md.

``frozen`` returns the interpreter's app image with our modules in its read-only data, beside those
it brings: bytecode, names and constants then stay in flash. All that changes in the interpreter
itself are three pointers: to the names of frozen modules, to their contents, and to the last table
of interned strings; and three ends of memory reserved for Bluetooth, which nothing here starts.
"""

import ast
import hashlib
import struct

import mpy

# Where things are in the published image; image.py checks by its hash that it is that one.
_POOL = 0x3F42C5F8  # mp_qstr_frozen_const_pool, the last table of interned strings
_NAMES = 0x3F426CAC  # mp_frozen_names
_CONTENTS = 0x3F426C3C  # mp_frozen_mpy_content
# soc_reserved_memory_region: pairs of start and end that the heap leaves alone. In an interpreter
# built without Bluetooth three of them are not there: data and bss of its ROM code, and what it
# exchanges with the radio.
_RESERVED = 0x3F43F460
_BLUETOOTH = ((0x3FFAE6E0, 0x3FFAFF10), None, (0x3FFB8000, 0x3FFB9A20), (0x3FFB0000, 0x3FFB6388))
_STR = 0x3F420AC8  # mp_type_str and so on
_BYTES = 0x3F420A98
_TUPLE = 0x3F420B38
_INT = 0x3F420490
_FLOAT = 0x3F420268

_NONE, _FALSE, _TRUE = 6, 14, 30  # objects that are no pointers
_BYTECODE = 2  # kind of a raw code object

PAGE = 0x10000
_HEADER = 24
_SEED = 0xEF  # the checksum of nothing


def _imported(body, known):
    """Modules out of ``known`` that statements import when they run, in order."""
    for node in body:
        if isinstance(node, (ast.Try, ast.If)):
            handlers = [one for handler in getattr(node, "handlers", ()) for one in handler.body]
            yield from _imported([*node.body, *handlers, *node.orelse], known)
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *("%s.%s" % (node.module, one.name) for one in node.names)]
        yield from (name for name in names if name in known)


def load_order(sources, roots):
    """Names out of ``sources`` (name -> text) that loading ``roots`` loads, the needed first."""
    order = []
    seen = set()

    def load(name):
        if name in seen:
            return
        seen.add(name)
        package = name.rpartition(".")[0]
        if package in sources:
            load(package)
        for one in _imported(ast.parse(sources[name]).body, sources):
            load(one)
        order.append(name)

    for root in roots:
        load(root)
    return order


def listing(slot, sources, first, safe, then):
    """What main.py reads: a line for each module with its folder, digest and when it is loaded.

    ``sources`` maps paths in ``slot``, such as lib/umqtt/simple, to the sources. At the start what
    ``first`` import is loaded "first" and what ``then`` import besides is loaded "now", or "safe"
    if it is what ``safe`` import too, which is all that is loaded in the safe mode; the rest is
    loaded "later".
    """
    paths = {path.removeprefix("lib/").removesuffix("/__init__").replace("/", "."): path
             for path in sources if path != "main"}
    texts = {name: sources[path].read_text() for name, path in paths.items()}
    at_once = load_order(texts, first)
    now = load_order(texts, [*first, *then])
    in_need = [name for name in load_order(texts, safe) if name in now]
    lines = ""
    for name in load_order(texts, [*first, *in_need, *then, *sorted(texts)]):
        path = paths[name]
        digest = hashlib.sha256((slot / (path + ".mpy")).read_bytes()).hexdigest()[:8]
        folder = path.removesuffix("/__init__").rpartition("/")[0] or "."
        when = ("first" if name in at_once else "later" if name not in now else
                "safe" if name in in_need else "now")
        lines += "%s %s %s %s\n" % (name, folder, digest, when)
    return lines


def needless(listed, carried):
    """Paths of the modules that a slot with the list ``listed`` need not hold.

    ``carried`` are the lines of its image. A package is looked for in one place only: once a
    module that is loaded later differs, main.py looks for all of that package in the slot.
    evse/update.py does the same for an update.
    """
    lines = carried.splitlines()
    apart = {line.split()[0].rpartition(".")[0] for line in listed.splitlines()
             if line not in lines and (line.endswith(" later") or any(
                 one.rpartition(" ")[0] == line.rpartition(" ")[0] for one in lines))}
    found = set()
    for line in listed.splitlines():
        name, folder, _, _ = line.split()
        package, _, last = name.rpartition(".")
        if line in lines and package not in apart:
            stem = last if folder == "." else folder + "/" + last
            found.update((stem + ".mpy", stem + "/__init__.mpy"))
    return found


class _App:
    """An ESP32 app image: its segments as [address, bytes]."""

    def __init__(self, data):
        self._head = data[:_HEADER]
        self.segments = []
        at = _HEADER
        for _ in range(data[1]):
            address, length = struct.unpack_from("<II", data, at)
            self.segments.append([address, bytearray(data[at + 8:at + 8 + length])])
            at += 8 + length

    def read(self, address, layout):
        """Unpack what lies at ``address``."""
        for start, data in self.segments:
            if start <= address < start + len(data):
                return struct.unpack_from(layout, data, address - start)
        raise ValueError("nothing at 0x%X in the app image" % address)

    def text(self, address):
        """The zero-terminated bytes at ``address``."""
        start, data = self.segments[0]
        return bytes(data[address - start:data.index(0, address - start)])

    def replace(self, old, new):
        """Change the one word ``old`` that the code holds."""
        where = [(data, at) for _, data in self.segments[1:] for at in range(0, len(data) - 3, 4)
                 if data[at:at + 4] == struct.pack("<I", old)]
        if len(where) != 1:
            raise ValueError("0x%X is %d times in the code of the interpreter" % (old, len(where)))
        data, at = where[0]
        struct.pack_into("<I", data, at, new)

    def free(self, regions):
        """Make ``regions`` (start, end; None: leave this one) of the reserved memory empty."""
        start, data = self.segments[0]
        for number, region in enumerate(regions):
            if region:
                at = _RESERVED - start + 8 * number
                if struct.unpack_from("<II", data, at) != region:
                    raise ValueError("0x%X is not reserved at 0x%X" % (region[0], _RESERVED))
                struct.pack_into("<I", data, at + 4, region[0])

    def image(self):
        """The bytes of the image, checksum and hash made anew."""
        out = bytearray(self._head)
        check = _SEED
        for address, data in self.segments:
            out += struct.pack("<II", address, len(data)) + data
            for byte in data:
                check ^= byte
        out += bytes(15 - len(out) % 16) + bytes([check])
        return bytes(out + hashlib.sha256(out).digest())


def _hash(text):
    """The interpreter's hash of a string, as it is stored."""
    value = 5381
    for byte in text:
        value = (value * 33 ^ byte) & 0xFFFFFFFF
    return value & 0xFFFF or 1


def _interned(app):
    """({string: number} of what the interpreter has interned, number of the next)."""
    known = {}
    pool = _POOL
    while pool:
        previous, before, _, count = app.read(pool, "<4I")
        before &= 0x7FFFFFFF
        for i, place in enumerate(app.read(pool + 24, "<%dI" % count)):
            known[app.text(place)] = before + i
        if pool == _POOL:
            following = before + count
        pool = previous
    return known, following


class _Block:
    """What is added to the read-only data, from ``start`` on."""

    def __init__(self, start, known):
        self._start = start
        self._known = known
        self.data = bytearray()
        self._kept = {}

    def put(self, data):
        """Keep ``data`` and return its address; what is there already is used again."""
        data = bytes(data)
        if data not in self._kept:
            self.data += bytes(-len(self.data) % 4)
            self._kept[data] = self._start + len(self.data)
            self.data += data
        return self._kept[data]

    def words(self, *words):
        """Keep 32-bit words."""
        return self.put(struct.pack("<%dI" % len(words), *words))

    def pool(self, strings, before):
        """Keep a sorted table of interned strings; they get the numbers from ``before`` on."""
        strings = sorted(strings)
        self._known.update((text, before + i) for i, text in enumerate(strings))
        hashes = self.put(struct.pack("<%dH" % len(strings), *map(_hash, strings)))
        lengths = self.put(bytes(map(len, strings)))
        return self.words(_POOL, before | 0x80000000, 10, len(strings), hashes, lengths,
                          *(self.put(text + b"\0") for text in strings))

    def constant(self, value):
        """The object for a constant: itself or a pointer to it."""
        if value is None or value is False or value is True:
            return {None: _NONE, False: _FALSE, True: _TRUE}[value]
        if isinstance(value, int):
            if -1 << 30 <= value < 1 << 30:
                return (value << 1 | 1) & 0xFFFFFFFF
            count = (abs(value).bit_length() + 15) // 16
            digits = self.put(abs(value).to_bytes(2 * count, "little"))
            return self.words(_INT, count << 2 | 2 | (value < 0), count, digits)
        if isinstance(value, float):
            return self.put(struct.pack("<If", _FLOAT, value))
        if isinstance(value, tuple) and value:
            return self.words(_TUPLE, len(value), *map(self.constant, value))
        if isinstance(value, str) and value.encode() in self._known:
            return self._known[value.encode()] << 3 | 2
        if isinstance(value, (str, bytes)):
            data = value.encode() if isinstance(value, str) else value
            return self.words(_STR if isinstance(value, str) else _BYTES, _hash(data), len(data),
                              self.put(data + b"\0"))
        raise ValueError("cannot freeze the constant %r" % (value,))

    def code(self, code):
        """Keep a function and those it defines."""
        children = [self.code(child) for child in code.children]
        return self.words(_BYTECODE << 16 | code.is_generator << 24, self.put(code.data),
                          self.words(*children) if children else 0)

    def module(self, module):
        """Keep a module."""
        names = [name if isinstance(name, int) else self._known[name.encode()]
                 for name in module.names]
        return self.words(self.put(struct.pack("<%dH" % len(names), *names)),
                          self.words(*map(self.constant, module.constants))
                          if module.constants else 0, self.code(module.code))


def frozen(app, modules, names):
    """The app image with ``modules`` (file name, such as evse/app.py -> .mpy file) frozen.

    ``names`` are further strings that the program will intern. The image grows by whole pages of
    the flash cache, so that what follows stays where the mapping wants it. The page after those
    of the interpreter stays unused: ESP-IDF maps the partition table there while it starts, and
    leaves a hole.
    """
    app = _App(app)
    address, data = app.segments[0]
    start = address + len(data)
    start += -start % PAGE + PAGE
    known, before = _interned(app)
    block = _Block(start, known)
    read = {name: mpy.Module(modules[name]) for name in sorted(modules)}
    strings = {name.encode() for module in read.values() for name in module.names
               if isinstance(name, str)}
    strings.update(name.encode() for name in (*read, *names))
    pool = block.pool(strings - set(known), before)
    theirs = []
    at = _NAMES
    while app.text(at):
        theirs.append(app.text(at))
        at += len(theirs[-1]) + 1
    # The first of a name is the one found, so ours go before what the interpreter brings.
    listed = block.put(b"\0".join([*(name.encode() for name in read), *theirs]) + b"\0\0")
    contents = block.words(*map(block.module, read.values()),
                           *app.read(_CONTENTS, "<%dI" % len(theirs)))
    app.free(_BLUETOOTH)
    app.replace(_POOL, pool)
    app.replace(_NAMES, listed)
    app.replace(_CONTENTS, contents)
    used = len(data)
    growth = start + len(block.data) - address - used
    growth += -growth % PAGE
    data += (b"\xff" * (start - address - used) + block.data).ljust(growth, b"\xff")
    return app.image()
