"""A firmware update: a signed bundle that comes in pieces and goes into the slot not in use.

Nothing is written before somebody vouches for its head: a key by its signature, or a person at the
display. The head has the digest of the manifest, the manifest those of the files, and each is
judged by what flash gives back. As long as the manifest does not have its name, which it gets
last, boot.py does not take the slot for an app.
docs/update.md describes the bundle, tools/release.py makes it.
"""

import asyncio
import json
import os
from binascii import hexlify
from hashlib import sha256

from micropython import const

from evse.rare import rare

_FORMAT = const(1)
_LINE_MAX = const(48)
_HEAD_MAX = const(512)
_SIGNATURE_LEAST = const(256)
_SIGNATURE_MOST = const(384)
_ENTRY_MAX = const(200)
_NAME_MAX = const(64)
_DEPTH_MAX = const(5)
_FILES_MAX = const(400)
_MANIFEST_MAX = const(65536)
_PIECE = const(512)
_BLOCK = const(4096)
# What history, sessions, settings and cards take at their most, and what stays free beside them.
_KEPT_BLOCKS = const(75)
_FREE_BLOCKS = const(12)
_NO_ROOM = const(28)
_FOLDER = const(0x4000)
_LOADED_OF_5 = const(4)  # a module loaded from a slot takes 4/5 of its file in memory
_RELEASED = const(1000)  # after all of its candidates


class Broken(Exception):
    """The update is not taken; the text says why."""


def number_of(version):
    """A version such as v4.1.0 as numbers to compare; ValueError for what is none.

    v4.1.0-rc2 comes after v4.1.0-rc1 and before v4.1.0.
    """
    version, dash, candidate = version.partition("-rc")
    parts = version[1:].split(".")
    if dash:
        parts.append(candidate)
    if version[:1] != "v" or len(parts) != (4 if dash else 3) or not all(
            part.isdigit() and len(part) < 4 for part in parts):
        raise ValueError("%s is no version" % version)
    return tuple(int(part) for part in parts) + (() if dash else (_RELEASED,))


def _is_name(name):
    """Whether ``name`` is a path inside a slot that harms nothing outside."""
    parts = name.split("/")
    if len(name) > _NAME_MAX or len(parts) > _DEPTH_MAX or name.startswith("manifest."):
        return False
    for part in parts:
        if not part or part[0] == ".":
            return False
        for letter in part:
            if not (letter.isalpha() or letter.isdigit() or letter in "._-"):
                return False
    return True


def entries(path):
    """Yield (name, bytes, SHA-256 in hex) of the files a manifest names; Broken if it is none."""
    with open(path, "rb") as file:
        file.readline(_ENTRY_MAX)
        for _ in range(_FILES_MAX):
            line = file.readline(_ENTRY_MAX)
            if line == b"}}\n":
                return
            try:
                (name, (size, digest)), = json.loads(
                    b"{" + line.rstrip().rstrip(b",") + b"}").items()
                if type(size) is not int or size < 0 or len(digest) != 64 or not _is_name(name):
                    break
            except (ValueError, TypeError, AttributeError):
                break
            yield name, size, digest
    raise Broken("the list of its files is broken")


async def forget(folder):
    """Remove a folder with all that is in it, the manifest first; there may be none."""
    try:
        os.remove(folder + "/manifest.json")
    except OSError:
        pass  # it was not there
    try:
        found = list(os.ilistdir(folder))
    except OSError:
        return
    for entry in found:
        path = folder + "/" + entry[0]
        if entry[1] == _FOLDER:
            await forget(path)
        else:
            os.remove(path)
        await asyncio.sleep_ms(0)
    os.rmdir(folder)


class Update:
    """One bundle on its way. ``await read()`` gives its next bytes, b"" after the last.

    ``board``, ``version`` and ``print`` (16 digits that tell it from all others) are known once
    ``open`` is through, ``percent`` then tells how far it is. ``signed``: a key vouches for it;
    None until that is found out. All that goes wrong is raised as Broken, or as the OSError of
    what it is written to.
    """

    def __init__(self, read):
        self._read = read
        self._rest = b""
        self._total = self._come = 0
        self._size = 0
        self._digest = ""
        self._buffer = bytearray(_PIECE)
        self.board = self.version = self.print = ""
        self.signed = None

    @property
    def percent(self):
        """How much of it has come."""
        return self._come * 100 // self._total if self._total else 0

    # ---- from the wire ----

    async def _some(self, most):
        """The next bytes, ``most`` at most."""
        if not self._rest:
            self._rest = await self._read()
            if not self._rest:
                raise Broken("the file ended too soon")
        data = self._rest[:most]
        self._rest = self._rest[most:]
        return data

    async def _exactly(self, count):
        data = b""
        while len(data) < count:
            data += await self._some(count - len(data))
        return data

    async def open(self, keys, unsigned=False):
        """Read the head and have one of ``keys`` (moduli) vouch for it; nothing is written.

        ``unsigned`` lets pass what none of them vouches for: somebody else has to.
        """
        line = b""
        while line[-1:] != b"\n":
            if len(line) == _LINE_MAX:
                raise Broken("this is no update for a MicroEVSE")
            line += await self._exactly(1)
        name = ""
        form = head_size = size = 0
        try:
            name, *numbers = line.decode().split(" ")
            form, head_size, size = [int(number) for number in numbers]
        except ValueError:
            name = ""
        if name != "microevse-update":
            raise Broken("this is no update for a MicroEVSE")
        if form != _FORMAT:
            raise Broken("it is for a later firmware, which must come first")
        if not 0 < head_size <= _HEAD_MAX or not _SIGNATURE_LEAST <= size <= _SIGNATURE_MOST:
            raise Broken("its head is broken")
        head = await self._exactly(head_size)
        signature = await self._exactly(size)
        digest = sha256(head).digest()
        is_signed = rare("trust").is_signed
        self.signed = False
        for modulus in keys:
            self.signed = self.signed or await is_signed(digest, signature, modulus)
        if not self.signed and not unsigned:
            raise Broken("it is not signed with a key this charger trusts")
        digits = hexlify(digest).decode().upper()
        self.print = " ".join(digits[at:at + 4] for at in range(0, 16, 4))
        try:
            told = json.loads(head)
            self.board, self.version = told["board"], told["version"]
            self._total = told["bytes"]
            self._size, self._digest = told["manifest"]
            number_of(self.version)
            if type(self._total) is not int or type(self._size) is not int:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Broken("its head is broken")

    # ---- into the slot ----

    async def write(self, folder, carried, data, free):
        """Fill ``folder`` with what comes, save the modules in ``carried``, lines of the image.

        ``data`` is the folder where the charger keeps what will still grow, ``free`` how many
        bytes of memory modules may take that the image does not carry.
        """
        await forget(folder)
        os.mkdir(folder)
        listed = folder + "/manifest.new"
        if self._size > _MANIFEST_MAX:
            raise Broken("the list of its files is broken")
        await self._take(listed, self._size, self._digest)
        left = self._total - self._size
        for _, size, _ in entries(listed):
            left -= size
            await asyncio.sleep_ms(0)
        if left:
            raise Broken("its head is broken")
        needless = None
        for name, size, digest in entries(listed):
            await asyncio.sleep_ms(0)
            if needless is None and name != "modules":
                needless, loaded = await needless_of(folder + "/modules", carried)
                await self._check_room(listed, needless, data)
                if carried:
                    await self._check_memory(listed, loaded, free)
            if needless and needless(name, digest):
                await self._skip(size)
            else:
                _make_folders(folder, name)
                await self._take(folder + "/" + name, size, digest)
        if self._rest or await self._read():
            raise Broken("there is more in it than it says")
        os.rename(listed, folder + "/manifest.json")

    async def _take(self, path, size, wanted):
        """Write the next ``size`` bytes into the file ``path`` and judge what it holds then."""
        with open(path, "wb") as file:
            while size:
                data = await self._some(size)
                file.write(data)
                size -= len(data)
                self._come += len(data)
        digest = sha256()
        view = memoryview(self._buffer)
        with open(path, "rb") as file:
            while True:
                count = file.readinto(self._buffer)
                if not count:
                    break
                digest.update(view[:count])
                await asyncio.sleep_ms(0)
        if hexlify(digest.digest()).decode() != wanted:
            raise Broken("%s arrived broken" % path.rpartition("/")[2])

    async def _skip(self, size):
        while size:
            count = len(await self._some(size))
            size -= count
            self._come += count

    @staticmethod
    async def _check_room(listed, needless, data):
        """Judge before the first file whether all of them fit."""
        kept = _KEPT_BLOCKS
        for entry in os.ilistdir(data):
            kept -= _blocks(os.stat(data + "/" + entry[0])[6])
        blocks = max(kept, 0) + _FREE_BLOCKS
        folders = set()
        for name, size, digest in entries(listed):
            if not needless(name, digest):
                folders.add(name.rpartition("/")[0])
                blocks += _blocks(size)
            await asyncio.sleep_ms(0)
        blocks += 2 * len(folders)
        facts = os.statvfs(listed)
        if blocks * _BLOCK > facts[0] * facts[3]:
            raise OSError(_NO_ROOM)

    @staticmethod
    async def _check_memory(listed, loaded, free):
        """Judge before the first file whether what it changes will find memory."""
        left = free
        for name, size, _ in entries(listed):
            if name[-4:] == ".mpy" and module_of(name)[0] in loaded:
                left -= size * _LOADED_OF_5 // 5
            await asyncio.sleep_ms(0)
        if left < 0:
            raise Broken("it changes too much for the memory, by %d KB: use the cable"
                         % (-left // 1024 + 1))


def _blocks(size):
    return (size + _BLOCK - 1) // _BLOCK


def _make_folders(folder, name):
    for part in name.split("/")[:-1]:
        folder += "/" + part
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there; if not, the file in it says so


def module_of(name):
    """(dotted name, its folder) of the module in the file ``name``, a .mpy."""
    folder, _, last = name[:-4].rpartition("/")
    if last == "__init__":
        folder, _, last = folder.rpartition("/")
    package = (folder.partition("/")[2] if folder[:3] == "lib" else folder).replace("/", ".")
    return package + "." + last if package else last, folder


async def needless_of(listed, carried):
    """(what tells of a file whether the interpreter's image carries it, modules it does not).

    The first takes a name and a SHA-256. The others are names of those that are loaded at the
    start, and stay. ``listed`` is the slot's list of modules, ``carried`` the image's. A package
    is looked for in one place only: once a module that is loaded later differs, main.py looks for
    all of that package in the slot. tools/rom.py does the same for the slot of an image.
    """
    apart = set()
    loaded = set()
    with open(listed, "rb") as file:
        while True:
            try:
                line = file.readline(_ENTRY_MAX).decode()
                if not line:
                    break
                if line not in carried:
                    name = line.split()[0]
                    later = line.endswith(" later\n")
                    if not later:
                        loaded.add(name)
                    if later or line[:line.rfind(" ") + 1] in carried:
                        apart.add(name.rpartition(".")[0])
            except (ValueError, IndexError):
                raise Broken("the list of its modules is broken")
            await asyncio.sleep_ms(0)

    def needless(name, digest):
        if not name.endswith(".mpy"):
            return False
        module, folder = module_of(name)
        line = "%s %s %s " % (module, folder or ".", digest[:8])
        return module.rpartition(".")[0] not in apart and line in carried

    return needless, loaded
