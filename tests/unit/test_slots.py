"""The little files by which boot.py chooses a slot."""

import os

from evse import slots
from helpers_update import fresh, manifest_of, tree


def put(root, **files):
    for name, text in files.items():
        with open(root + "/" + name, "w" if isinstance(text, str) else "wb") as file:
            file.write(text)


def test_a_trial_from_its_beginning_to_its_end():
    root = fresh()
    put(root, slot="a")
    assert not slots.on_trial(root, "a") and not slots.on_trial(root, "b")
    slots.try_next(root, "b")
    assert tree(root) == {"slot": b"a", "trial": b"b"}
    assert not slots.on_trial(root, "a") and not slots.failed(root, "a")
    os.rename(root + "/trial", root + "/tried")  # as boot.py does
    assert slots.on_trial(root, "b")
    slots.keep(root, "b")
    assert tree(root) == {"slot": b"b"}
    assert not slots.on_trial(root, "b") and not slots.failed(root, "b")


def test_a_trial_that_did_not_last():
    root = fresh()
    put(root, slot="b", tried="a")
    assert slots.failed(root, "b") and not slots.on_trial(root, "b")
    assert tree(root) == {"slot": b"b"}, "said once, not with each start"
    assert not slots.failed(root, "b")
    put(root, tried="a")
    slots.try_next(root, "a")
    assert not slots.failed(root, "b")
    slots.stay(root, "b")
    assert tree(root) == {"slot": b"b"}


def test_what_runs_stays_whatever_was_named():
    """boot.py takes the other slot where the one in /slot holds no app; that is to be the one."""
    root = fresh()
    put(root, slot="b", trial="b")
    slots.stay(root, "a")
    assert tree(root) == {"slot": b"a"}
    os.remove(root + "/slot")
    slots.stay(root, "a")
    assert tree(root) == {}  # without the file it is a as well
    slots.stay(root, "b")
    assert tree(root) == {"slot": b"b"}


def test_a_board_without_the_file_that_names_the_slot():
    root = fresh()
    put(root, tried="b")
    assert slots.on_trial(root, "b") and slots.failed(root, "a")
    put(root, tried="a")
    assert not slots.on_trial(root, "a")


def test_power_that_fails_while_it_is_kept():
    """Named in /slot already and still in /tried: it is no trial any more."""
    root = fresh()
    put(root, slot="a")
    assert not slots.on_trial(root, "b"), "only what was tried is on trial"
    put(root, slot="b", tried="b")
    assert not slots.on_trial(root, "b") and not slots.failed(root, "b")


def test_rubbish_names_no_slot():
    for rubbish in (b"\xff", b"\x00", b"x", b""):
        root = fresh()
        put(root, slot=rubbish, tried=rubbish)
        for slot in "ab":
            assert not slots.on_trial(root, slot) and not slots.failed(root, slot), rubbish
        put(root, tried=b"b")
        assert slots.on_trial(root, "b"), "boot.py takes a then"


def test_what_a_slot_says_of_itself():
    root = fresh()
    assert slots.described(root) is None
    put(root, **{"manifest.json": manifest_of({"modules": b""}).decode()})
    assert slots.described(root) == ("sim", "v4.1.0")
    for text in ("", "{}", "[1]", '{"board":"sim"', '{"board":"sim","files":{', "x" * 4000):
        put(root, **{"manifest.json": text})
        assert slots.described(root) is None, text[:20]
