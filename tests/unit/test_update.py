"""An update is taken whole and signed, or not at all."""

import asyncio
import json
import os
import random
from hashlib import sha256

from evse import trust, update
from helpers_update import (
    FILES,
    FOLDER,
    MODULUS,
    bundle,
    fresh,
    manifest_of,
    padded,
    receive,
    signed,
    tree,
)

OLD = {"manifest.json": b"old", "evse/old.mpy": b"old"}


def old_slot():
    """A slot with the app of before."""
    slot = fresh() + "/b"
    os.mkdir(slot)
    os.mkdir(slot + "/evse")
    for name, data in OLD.items():
        with open(slot + "/" + name, "wb") as file:
            file.write(data)
    return slot


def refused(data, slot, **options):
    """Why ``data`` is not taken."""
    try:
        receive(data, slot, **options)
    except update.Broken as problem:
        assert "manifest.json" not in tree(slot) or tree(slot) == OLD
        return problem.args[0]
    raise AssertionError("it was taken")


def untouched(data, **options):
    """Why ``data`` is not taken, before anything was written."""
    slot = old_slot()
    reason = refused(data, slot, **options)
    assert tree(slot) == OLD, reason
    return reason


# ---- what is right ----

def test_a_good_one_is_in_the_slot_and_nothing_else():
    data, _ = bundle()
    slot = old_slot()
    for step in (1, 7, 256):
        one = receive(data, slot, step=step)
        expected = dict(FILES)
        expected["manifest.json"] = manifest_of(FILES)
        assert tree(slot) == expected
        assert (one.board, one.version, one.percent) == ("sim", "v4.1.0", 100)


def test_a_slot_that_was_never_there():
    data, _ = bundle()
    slot = fresh() + "/b"
    receive(data, slot)
    assert tree(slot)["main.mpy"] == b"M"


def test_one_of_several_keys():
    data, _ = bundle()
    other = MODULUS - 2
    assert receive(data, fresh() + "/b", keys=(other, MODULUS))
    assert "not signed" in untouched(data, keys=(other, 0))
    assert "not signed" in untouched(data, keys=())
    assert "not signed" in untouched(data, keys=(MODULUS >> 8, MODULUS << 8))


def test_one_that_no_key_vouches_for_is_let_pass_for_others_to_judge():
    data, body = bundle()
    assert receive(data, fresh() + "/b").signed is True
    slot = old_slot()
    one = receive(data, slot, keys=(MODULUS - 2,), unsigned=True)
    assert one.signed is False and tree(slot)["main.mpy"] == b"M"
    head = data[data.find(b"\n") + 1:body - 256]
    digits = _digest(head)[:16].upper()
    assert one.print.replace(" ", "") == digits and len(one.print) == 19
    # What it is must not be in doubt all the same.
    for told in ({"version": "v4.1"}, {"version": "<script>"}, {"bytes": 0.5}, {"manifest": []}):
        data, _ = bundle(head=told)
        assert "head" in untouched(data, keys=(), unsigned=True), told


def test_others_run_meanwhile():
    data, _ = bundle()
    slot = fresh() + "/b"
    turns = [0]

    async def other():
        while True:
            turns[0] += 1
            await asyncio.sleep_ms(0)

    async def both():
        left = [data]

        async def read():
            piece = left[0][:256]
            left[0] = left[0][256:]
            return piece

        task = asyncio.create_task(other())
        one = update.Update(read)
        await one.open((MODULUS,))
        signature = turns[0]
        await one.write(slot, "", FOLDER + "/data", 0)
        task.cancel()
        return signature

    assert asyncio.run(both()) >= 17
    assert turns[0] >= 17 + len(data) // 512


# ---- what is wrong ----

def test_every_bit_counts():
    data, body = bundle()
    random.seed(9)
    places = list(range(24)) + [random.randrange(24, body) for _ in range(40)]
    for at in places:
        bad = bytearray(data)
        bad[at] ^= 1 << random.randrange(8)
        untouched(bytes(bad))
    slot = old_slot()
    for _ in range(60):
        bad = bytearray(data)
        bad[random.randrange(body, len(data))] ^= 1 << random.randrange(8)
        assert "broken" in refused(bytes(bad), slot)


def test_cut_anywhere():
    data, body = bundle()
    places = [0, 1, 20, body - 256, body - 1, body, body + 1, len(data) - 1]
    places += list(range(body, len(data), 997))
    for at in places:
        slot = old_slot()
        assert refused(data[:at], slot) == "the file ended too soon"
        if at <= body:
            assert at == body or tree(slot) == OLD


def test_more_than_it_says():
    data, _ = bundle()
    assert "more in it" in refused(data + b"x", old_slot())


def test_other_files():
    for data in (b"x" * 4000, b"\n" * 300, b"microevse-update 1 9\n", b"PK\x03\x04" + bytes(900),
                 b"microevse-update 1 -5 256\n" + bytes(600), b"\xff\xfe 1 2 3\n" + bytes(600)):
        assert "no update" in untouched(data) or "head" in untouched(data)
    assert "later firmware" in untouched(b"microevse-update 2 100 256\n" + bytes(600))
    for lengths in ("0 256", "513 256", "100 255", "100 385"):
        assert "head" in untouched(b"microevse-update 1 %s\n" % lengths.encode() + bytes(1000))


def test_signatures_that_are_none():
    data, body = bundle()
    start, rest = data[:body - 256], data[body:]
    head = start[start.find(b"\n") + 1:]
    good = padded(sha256(head).digest())
    assert start + signed(good) + rest == data
    digest = int.from_bytes(sha256(head).digest(), "big")
    short = (1 << 8 * 254) | (0xFF << 8 * 253) | digest  # padding that says nothing
    for number in (digest, short, good ^ 1 << 300, good - 1):
        assert "not signed" in untouched(start + signed(number) + rest)
    for signature in (bytes(256), b"\0" * 255 + b"\1", MODULUS.to_bytes(256, "big"),
                      b"\xff" * 256, (MODULUS - 1).to_bytes(256, "big")):
        assert "not signed" in untouched(start + signature + rest)


def test_a_head_that_says_nonsense():
    for told in ({"bytes": "many"}, {"manifest": 7}, {"manifest": [1]}, {"version": 4},
                 {"version": "4.1"}, {"version": "vx.y.z"}, {"version": None}):
        assert "head" in untouched(bundle(head=told)[0]), told


def test_sizes_that_lie():
    data, _ = bundle()
    assert "head" in refused(bundle(head={"bytes": len(data)})[0], old_slot())
    huge = {"manifest": [65537, "0" * 64]}
    assert "list" in refused(bundle(head=huge)[0], old_slot())
    digest = "0" * 64
    for entry in ([5, digest], [1 << 40, digest], ["1", digest], [-1, digest], [1, digest[1:]],
                  [1], 1, [1, 1], None):
        manifest = manifest_of(FILES, **{"main.mpy": entry})
        part = "head" if entry in ([5, digest], [1 << 40, digest]) else "list"
        assert part in refused(bundle(manifest=manifest)[0], old_slot()), entry


def test_a_file_that_is_not_what_the_manifest_says():
    other = dict(FILES)
    other["main.mpy"] = b"N"
    assert refused(bundle(other, manifest_of(FILES))[0], old_slot()) == "main.mpy arrived broken"


def test_names_that_lead_elsewhere():
    for name in ("../evil", "/tmp/evil", "evse/../../evil", "..", ".", "", "evse//x", "evse/",
                 ".hidden", "evse/.hidden", "a\\b", "a b", "n\u00e4me", "x" * 65, "a/b/c/d/e/f",
                 "manifest.json", "manifest.new", "a\nb", "a\0b"):
        slot = old_slot()
        files = {"modules": b"", name: b"evil"}
        assert "list" in refused(bundle(files)[0], slot), name
        assert list(tree(FOLDER)) == ["b/manifest.new"], name


def test_lists_that_are_none():
    many = {"modules": b""}
    for number in range(400):
        many["f%d" % number] = b""
    for manifest in (b"", b"{}", b"\xff" * 300, manifest_of(FILES)[:-3], manifest_of(many),
                     b"{\n" + b'"' + b"x" * 5000 + b'":[1,"' + b"0" * 64 + b'"]\n}}\n',
                     b"{\n[1]\n}}\n", b'{\n"a":[1,"' + b"0" * 64 + b'"],"b":[1,"2"]\n}}\n'):
        slot = old_slot()
        reason = refused(bundle(many if len(manifest) > 9000 else FILES, manifest)[0], slot)
        assert "list" in reason or "head" in reason, manifest[:40]


def test_a_slot_is_none_before_anything_else_of_it_goes():
    class Noted:
        """What is removed, in order."""

        gone = []

        def __getattr__(self, name):
            return getattr(os, name)

        @staticmethod
        def remove(path):
            os.remove(path)
            Noted.gone.append(path.rpartition("/")[2])

    slot = old_slot()
    update.os = Noted()
    try:
        asyncio.run(update.forget(slot))
    finally:
        update.os = os
    assert Noted.gone == ["manifest.json", "old.mpy"]
    assert not tree(slot)


def test_what_does_not_fit_is_not_begun():
    class Full:
        """The file system of a board, as full as ``free`` blocks say."""

        def __getattr__(self, name):
            return getattr(os, name)

        @staticmethod
        def statvfs(_path):
            return (4096, 4096, 384, Full.free, 0, 0, 0, 0, 0, 0)

    data, _ = bundle()
    slot = old_slot()
    with open(FOLDER + "/data/sessions.bin", "wb") as file:
        file.write(bytes(4097))
    # app.mpy has three, the list of modules and a file are empty, and there are four folders. What
    # the charger keeps takes two already.
    blocks = 3 + 1 + 1 + 1 + 2 * 4 + 75 - 2 + 12
    update.os = Full()
    try:
        Full.free = blocks
        receive(data, slot)
        Full.free = blocks - 1
        try:
            receive(data, slot)
        except OSError as problem:
            assert problem.errno == 28
        else:
            raise AssertionError("it was taken")
    finally:
        update.os = os
    assert "main.mpy" not in tree(slot)


def test_others_run_after_each_line_of_the_lists():
    """On the board a line of the manifest takes the most that one turn may."""
    files = {"modules": _lines(MODULES).encode() * 9}
    for number in range(50):
        files["f%d.mpy" % number] = b""
    slot = fresh() + "/b"
    data = bundle(files)[0]
    seen = [0, 0]

    class Counted:
        """What a line costs, and the most in one turn."""

        def __getattr__(self, name):
            return getattr(json, name)

        @staticmethod
        def loads(text):
            seen[0] += 1
            seen[1] = max(seen)
            return json.loads(text)

    async def other():
        while True:
            seen[0] = 0
            await asyncio.sleep_ms(0)

    async def both():
        task = asyncio.create_task(other())
        left = [data]

        async def read():
            piece = left[0][:256]
            left[0] = left[0][256:]
            return piece

        one = update.Update(read)
        await one.open((MODULUS,))
        await one.write(slot, _lines(MODULES), FOLDER + "/data", 0)
        task.cancel()

    update.json = Counted()
    try:
        asyncio.run(both())
    finally:
        update.json = json
    assert seen[1] <= 2


# ---- what the image carries ----

def _digest(data):
    return "".join("%02x" % byte for byte in sha256(data).digest())


def _lines(modules):
    """The list of ``modules``: (name, folder, when) -> bytes."""
    return "".join("%s %s %s %s\n" % (name, folder, _digest(data)[:8], when)
                   for (name, folder, when), data in modules.items())


MODULES = {("lib_one", "lib", "now"): b"1", ("evse.net", "evse", "now"): b"2",
           ("evse.net.web", "evse/net", "now"): b"3", ("evse.net.api", "evse/net", "later"): b"4",
           ("evse.core", "evse", "now"): b"5", ("evse.rare", "evse", "later"): b"6"}
PLACES = {"lib_one": "lib/lib_one.mpy", "evse.net": "evse/net/__init__.mpy",
          "evse.net.web": "evse/net/web.mpy", "evse.net.api": "evse/net/api.mpy",
          "evse.core": "evse/core.mpy", "evse.rare": "evse/rare.mpy"}


def written(changed=(), moved=()):
    """Which modules of an update get into the slot when those in ``changed`` differ."""
    new = {}
    for (name, folder, when), data in MODULES.items():
        if name in moved:
            when = "later" if when == "now" else "now"
        new[name, folder, when] = data + b"!" if name in changed else data
    files = {"modules": _lines(new).encode(), "main.mpy": b"M"}
    for (name, _, _), data in new.items():
        files[PLACES[name]] = data
    slot = fresh() + "/b"
    receive(bundle(files)[0], slot, carried=_lines(MODULES))
    found = tree(slot)
    for name in found:
        assert name == "manifest.json" or found[name] == files[name]
    assert {"modules", "main.mpy", "manifest.json"} <= set(found)
    return {name for name in PLACES if PLACES[name] in found}


def test_what_the_image_carries_is_not_written():
    assert written() == set()
    assert written(changed=("evse.core",)) == {"evse.core"}
    assert written(changed=("lib_one",)) == {"lib_one"}
    assert written(changed=("evse.net.web",)) == {"evse.net.web"}


def test_a_package_is_written_whole_once_a_part_is_loaded_from_there_later():
    assert written(changed=("evse.net.api",)) == {"evse.net.api", "evse.net.web"}
    assert written(changed=("evse.rare",)) == {"evse.rare", "evse.core", "evse.net"}
    for moved in ("evse.net.web", "evse.net.api"):
        assert written(moved=(moved,)) == {"evse.net.api", "evse.net.web"}


def test_what_would_take_too_much_memory_is_not_begun():
    core, web = bytes(5000), bytes(10_000)
    new = {("evse.core", "evse", "now"): core, ("evse.net.web", "evse/net", "later"): web}
    files = {"modules": _lines(new).encode(), "evse/core.mpy": core, "evse/net/web.mpy": web}
    old = _lines(MODULES)
    slot = old_slot()
    # What is loaded at the start and stays; four fifths of the file, a little more with the rest.
    assert receive(bundle(files)[0], slot, carried=old, free=4000)
    problem = refused(bundle(files)[0], old_slot(), carried=old, free=3999)
    assert problem == "it changes too much for the memory, by 1 KB: use the cable"
    assert "by 3 KB" in refused(bundle(files)[0], old_slot(), carried=old, free=1900)
    assert "evse/core.mpy" not in tree(slot[:-1] + "b")
    assert "it changes" in refused(bundle(files)[0], old_slot(), carried=old, free=-20_000)
    # What the image carries takes none, and where it carries none everything is in files anyway.
    assert receive(bundle(files)[0], slot, carried=_lines(new), free=0)
    assert receive(bundle(files)[0], slot, carried="", free=0)


def test_modules_and_their_files():
    for name, expected in (("main.mpy", ("main", "")), ("evse/core.mpy", ("evse.core", "evse")),
                           ("lib/one.mpy", ("one", "lib")),
                           ("evse/net/__init__.mpy", ("evse.net", "evse")),
                           ("lib/umqtt/simple.mpy", ("umqtt.simple", "lib/umqtt"))):
        assert update.module_of(name) == expected, name


# ---- keys and versions ----

def test_keys_in_files():
    path = fresh() + "/own.key"
    assert trust.key(path) == 0
    for text, number in (("%x" % MODULUS, MODULUS), ("%X\n" % MODULUS, MODULUS), ("", 0),
                         ("%x" % (MODULUS >> 8), 0), ("7" + "%x" % MODULUS, 0), ("0x80", 0),
                         ("%x" % MODULUS + "f" * 400, 0), ("g" * 512, 0)):
        with open(path, "w") as file:
            file.write(text)
        assert trust.key(path) == number, text[:20]


def test_versions_are_compared_as_numbers():
    order = ("v3.99.99", "v4.0.0", "v4.1.0-rc1", "v4.1.0-rc2", "v4.1.0-rc10", "v4.1.0",
             "v4.1.1-rc1", "v4.1.1", "v4.9.12", "v4.10.0-rc999", "v4.10.0")
    numbers = [update.number_of(version) for version in order]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    for text in ("", "v", "4.1.0", "v4.1", "v4.1.0.0", "v4.1.x", "v4.1.000000000000",
                 "v4.1.0-rc", "v4.1.0-rc1.2", "v4.1-rc1", "v4.1.0-beta1", "v4.1.0-rc1-rc2",
                 "v+4.1.0", "v4. 1.0", "v4.1.1_0", "v4.1.0-rc-1", "v4.1.0-rc1000"):
        try:
            update.number_of(text)
        except ValueError:
            continue
        raise AssertionError(text)
