"""Fuzzing of what is read back: files, the log, memory that outlives a reset, update bundles."""

import os
import struct
from binascii import crc32, hexlify
from hashlib import sha256

from evse import cards_admin, flashlog, update
from evse.cards import Cards
from evse.crumb import Crumb
from evse.settings import Refused
from evse.storage import Storage
from fuzz_web import Body
from fuzz_world import Reset, World, empty, finish, must

_SECTOR = 4096
_SECTORS = 4
_SLOT = 64
_CARD = "04A1B2C3D4E5F6"
_PATHS = (b"GET /api/v1/sessions\n", b"GET /api/v1/sessions.csv?days=31\n",
          b"GET /api/v1/months.csv\n", b"GET /api/v1/history?day=2026-09-22\n",
          b"GET /api/v1/history.csv?from=2026-09-21&to=2026-09-23\n", b"GET /api/v1/cards\n",
          b"GET /api/v1/imported\n", b"GET /api/v1/backup\n", b"GET /api/v1/update\n")
_NAMES = ("settings.json", "settings.json.new", "settings.json.old", "cards.csv", "cards.csv.old",
          "sessions.bin", "sessions.bin.old", "minutes.bin", "minutes.bin.old", "quarters.bin",
          "imported.json", "update.key", "b/manifest.json", "b/notes.txt")


def _put(folder, name, data):
    if "/" in name:
        os.mkdir(folder + "/" + name.split("/")[0])
    with open(folder + "/" + name, "wb") as file:
        file.write(data)


class Settings:
    """The content of the file of settings."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Start with it."""
        World(self._folder, before=lambda: _put(self._folder, "settings.json", data)).judge()


class Files(Body):
    """A byte that chooses a file, then its content; the length chooses who asks for it."""

    def one(self, data):
        """Start with it, and ask."""
        self._name = _NAMES[data[0] % len(_NAMES) if data else 0]
        self._data = data[1:]
        super().one(_PATHS[len(data) % len(_PATHS)])

    def begin(self):
        """Put the file in its place."""
        _put(self._folder, self._name, self._data)


class Listed:
    """The file of cards."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Look for cards in it, add one, remove it."""
        empty(self._folder)
        _put(self._folder, "cards.csv", data)
        cards = Cards(self._folder + "/cards.csv")
        must(cards.count >= 0, "fewer than none")
        before = list(cards_admin.export(cards))
        if cards.find(_CARD) or cards.count >= cards_admin.LIMIT:
            return
        try:
            must(cards_admin.add(cards, _CARD, "Anna") == 2, "a card is not taken")
        except Refused:
            return
        must(cards.find(_CARD), "a card that was stored is not found")
        must(list(cards_admin.export(cards)) == before + [_CARD + ",Anna"],
             "other cards have changed")
        must(cards_admin.remove(cards, _CARD) == 3 and not cards.find(_CARD), "it is still there")


class Part:
    """A raw log partition in memory."""

    def __init__(self, data):
        self.size = _SECTORS * _SECTOR
        self._raw = bytearray(b"\xff" * self.size)
        self._raw[:len(data)] = data

    def read(self, at, buf):
        """As the board's."""
        buf[:] = self._raw[at:at + len(buf)]

    def program(self, at, data):
        """Bits go from 1 to 0."""
        for i in range(len(data)):
            self._raw[at + i] &= data[i]

    def erase(self, at):
        """Bits go to 1."""
        self._raw[at:at + _SECTOR] = b"\xff" * _SECTOR


class Log:
    """What lies in the log: a byte for the kind, one for the length, the payload; all sealed.

    Kind 255 is followed by 64 bytes as they are.
    """

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Start with it, and let a minute pass."""
        part = Part(_records(data))

        def storage(own, record):
            return Storage(own, record, self._folder, part)

        world = World(self._folder, storage=storage)
        world.run(2000)
        world.judge()
        log = flashlog.FlashLog(part)
        must(0 <= log.used <= _SECTORS * _SECTOR // _SLOT, "used is out of all bounds")
        while log.erase_step():
            pass
        must(log.append(flashlog.STATE, b"{}") or log.used, "nothing can be written any more")


def _records(data):
    found = b""
    while len(data) > 2 and len(found) < (_SECTORS - 1) * _SECTOR - 2 * _SLOT:
        kind, length = data[0], data[1]
        if kind == 255:
            found += data[1:1 + _SLOT] + b"\xff" * max(0, _SLOT - len(data) + 1)
            data = data[1 + _SLOT:]
            continue
        payload = data[2:2 + min(length, flashlog.LONGEST)]
        data = data[2 + length:]
        head = struct.pack("<BBHI", kind, len(payload), 0x45E5,
                           crc32(payload, kind << 8 | len(payload)))
        record = head + payload
        found += record + b"\xff" * (-len(record) % _SLOT)
    return found


class Kept:
    """Memory that a reset leaves alone: its first byte says whether the check sum is right."""

    def __init__(self, _folder):
        pass

    def one(self, data):
        """Start with it, twice."""
        left = bytes(data[1:])
        if data and data[0] & 1:
            left = struct.pack("<I", crc32(left[4:])) + left[4:]
        board = Reset("watchdog", left)
        for _ in range(2):
            crumb = Crumb(board)
            must(0 < len(list(crumb.history())) <= 8, "no history, or too much")
            must(type(crumb.text()) is str, "no text")
            must(len(list(crumb.journal.events())) <= 64, "too many events")
            crumb.fail(ValueError("x\u20ac" * 200))
            crumb.ask()


class Bundle:
    """The head of a bundle, a line end, its manifest, a line end, its files one after the other.

    Sizes, digests and signature are made to fit as well as they can.
    """

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Receive it, and judge what has become of the folder."""
        folder = self._folder
        empty(folder)
        for name in ("data", "a"):
            os.mkdir(folder + "/" + name)
        bundle = sealed(data)
        step = (512, 1, 77)[len(bundle) % 3]
        left = [bundle]

        async def read():
            piece = left[0][:step]
            left[0] = left[0][step:]
            return piece

        async def take():
            one = update.Update(read)
            await one.open((), True)
            await one.write(folder + "/b", "", folder + "/data", 1 << 20)

        try:
            finish(take(), lambda: None)
            taken = True
        except (update.Broken, OSError):
            taken = False
        for name in os.listdir(folder):
            must(name in ("a", "b", "data"), "a file beside the slot: " + name)
        must(not os.listdir(folder + "/a") and not os.listdir(folder + "/data"),
             "a file in another folder")
        whole = _exists(folder + "/b/manifest.json")
        must(whole == taken, "a slot that was not taken is whole, or one that was is not")
        listed = update.entries(folder + "/b/manifest.json") if taken else ()
        # Of one that is listed twice the last counts.
        for name, digest in {name: digest for name, _, digest in listed}.items():
            with open(folder + "/b/" + name, "rb") as file:
                must(_digest(file.read()) == digest, "a file is not what it is to be")


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _digest(data):
    return hexlify(sha256(data).digest()).decode()


def sealed(data):
    """The bundle that ``data`` describes, with the digests it ought to have."""
    head, _, rest = data.partition(b"\n--\n")
    manifest, _, body = rest.partition(b"\n--\n")
    manifest += b"\n"
    for number in range(4):  # the files are pieces of 100 bytes
        mark = b"@%d" % number
        manifest = manifest.replace(
            mark, _digest(body[100 * number:100 * number + 100]).encode())
    head = head.replace(b"@bytes", b"%d" % (len(manifest) + len(body)))
    head = head.replace(b"@manifest", b'[%d,"%s"]' % (len(manifest), _digest(manifest).encode()))
    return (b"microevse-update 1 %d 256\n" % len(head)) + head + bytes(256) + manifest + body
