"""The log's ring, what telnet clients send, the journal's lines. Connections: tests/system."""

from evse.net.telnet import Keys, Ring, Telnet
from helpers_net import FakeStatus


def content(ring, place=0):
    """All that can be read from ``place`` on, and where it really begins."""
    text = b""
    first = None
    while True:
        data, begin = ring.read_from(place)
        if first is None:
            first = begin
        if not len(data):
            return text, first
        assert len(data) <= 256
        text += bytes(data)
        place = begin + len(data)


def test_the_ring_gives_back_what_was_written():
    ring = Ring()
    assert content(ring) == (b"", 0)
    assert ring.write(b"one ") == 4
    ring.write(memoryview(b"two"))
    assert content(ring) == (b"one two", 0)
    assert content(ring, 4) == (b"two", 4)
    assert content(ring, 7) == (b"", 7)


def test_the_ring_keeps_the_last_1024_bytes():
    for size in (1, 7, 100, 255, 256, 1000, 1023, 1024):
        ring = Ring()
        everything = b""
        for number in range(3000 // size + 1):
            piece = bytes((number * size + i) % 251 for i in range(size))
            ring.write(piece)
            everything += piece
        assert ring.count == len(everything)
        text, begin = content(ring)
        assert begin == len(everything) - 1024 and text == everything[-1024:], size
        assert content(ring, begin + 500)[0] == everything[-524:]


def test_more_than_the_ring_holds_leaves_its_end():
    ring = Ring()
    ring.write(b"before")
    data = bytes(i % 251 for i in range(2500))
    assert ring.write(data) == 2500
    assert content(ring) == (data[-1024:], 6 + 2500 - 1024)
    ring.write(b"after")
    assert content(ring)[0] == (data + b"after")[-1024:]


def test_nobody_types_into_the_log():
    assert Ring().readinto(bytearray(10)) is None


def typed(*pieces):
    keys = Keys()
    return [keys.feed(piece) for piece in pieces]


def test_lines_end_as_clients_end_them():
    for end in (b"\r\n", b"\n", b"\r", b"\r\0"):
        assert typed(b"secret" + end) == [b"secret"], end
    assert typed(b"sec", b"ret", b"\r", b"\n", b"q\r\n") == [None, None, b"secret", None, b"q"]
    assert typed(b"\r\n\r\n") == [None]


def test_what_was_typed_wrong_can_be_taken_back():
    assert typed(b"sexx\b\x7fcret\n") == [b"secret"]
    assert typed(b"\b\b\ba\n") == [b"a"]


def test_a_line_has_an_end():
    assert typed(b"x" * 1000, b"\n") == [None, b"x" * 64]


def test_keys_that_leave():
    assert typed(b"abc\x03") == [b"\x03\x04"]
    assert typed(b"\x04") == [b"\x03\x04"]


def test_words_of_the_protocol_are_no_part_of_a_password():
    # What usual clients answer to being asked not to echo, whole and in pieces.
    words = b"\xff\xfd\x01\xff\xfb\x1f\xff\xfa\x1f\x00\xf0\x00\x18\xff\xf0\xff\xf1"
    assert typed(words + b"secret\r\n") == [b"secret"]
    for cut in range(len(words)):
        assert typed(words[:cut], words[cut:] + b"se" + words + b"cret\n") == [None, b"secret"]
    # A word of one byte, and the byte 255 itself, leave nothing behind.
    assert typed(b"\xff\xf4secret\n", b"\xff\xffsecret\n") == [b"secret", b"secret"]


def test_the_journal_gets_a_line_for_each_event_once():
    class Status(FakeStatus):
        last = 8

        def events(self, since=0):
            for event in ((7, 3600, "mode changed", 3, 0), (8, 3661, "state changed", -1, 2),
                          (9, 360000, "car", 0, 0)):
                if since <= event[0] <= self.last:
                    yield event

    status = Status()
    server = Telnet(status, None, lambda: 0)
    server.note()
    server.note()
    text = b"1:00:00 mode changed 3 0\r\n1:01:01 state changed -1 2\r\n"
    assert content(server.ring)[0] == text
    status.last = 9
    server.note()
    assert content(server.ring)[0] == text + b"100:00:00 car 0 0\r\n"


def test_what_the_run_before_noted_has_a_time_before_the_start():
    status = FakeStatus()
    status.journal = [(1, -3605, "car", 0, 0), (2, -5, "car", 0, 0), (3, 0, "car", 0, 0)]
    server = Telnet(status, None, lambda: 0)
    server.note()
    assert content(server.ring)[0] == (
        b"-1:00:05 car 0 0\r\n-0:00:05 car 0 0\r\n0:00:00 car 0 0\r\n")
