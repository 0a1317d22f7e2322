"""The journal keeps the newest events and allocates nothing."""

import micropython

from evse import reasons
from evse.journal import RING_BYTES, SIZE, Journal


def test_oldest_events_are_overwritten():
    journal = Journal()
    for number in range(SIZE + 5):
        journal.record(reasons.STATE, number)
    kept = [a for _, _, _, a, _ in journal.events()]
    assert kept == list(range(5, SIZE + 5))


def test_events_since_a_number():
    journal = Journal()
    for number in range(3):
        journal.record(reasons.STATE, number)
    assert [number for number, _, _, _, _ in journal.events(2)] == [2]


def test_recording_allocates_nothing():
    journal = Journal()
    micropython.heap_lock()
    try:
        journal.record(reasons.STATE, 1, 2)
    finally:
        micropython.heap_unlock()
    assert journal.count == 1


def test_every_code_has_words():
    for name in dir(reasons):
        code = getattr(reasons, name)
        if type(code) is int and code:
            assert not reasons.text(code).startswith("code "), name


def test_events_of_before_lie_before_the_start():
    ring = bytearray(RING_BYTES)
    journal = Journal(ring)
    for number in range(SIZE + 3):
        journal.uptime_s = number
        journal.record(reasons.STATE, number, -number)
    again = Journal(ring)
    again.resume(SIZE + 3, SIZE + 2)
    assert next(iter(again.events())) == (3, 1 - SIZE, reasons.STATE, 3, -3)
    assert list(again.events())[-1] == (SIZE + 2, -1, reasons.STATE, SIZE + 2, -SIZE - 2)
    again.record(reasons.MODE)
    assert list(again.events(SIZE + 3)) == [(SIZE + 3, 0, reasons.MODE, 0, 0)]
