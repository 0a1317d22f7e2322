"""Replies of the Modbus TCP server, frame by frame. Whole connections: tests/system."""

import random
import struct

from evse.net import modbus_tcp

BLOCKS = {number: number + 7 for number in range(12)}
BLOCKS.update({0x0100 + number: number for number in range(10)})
BLOCKS.update({0x0200 + number: 0xFFFF - number for number in range(22)})


def answer(pdu, unit=1, transaction=0x1234, read=BLOCKS.get):
    """The whole reply to the request ``pdu``; its header must be right."""
    request = struct.pack(">HHHB", transaction, 0, 1 + len(pdu), unit) + pdu
    reply = bytearray(259)
    size = modbus_tcp.answer(memoryview(request), read, memoryview(reply))
    head = struct.unpack_from(">HHHB", reply)
    assert head == (transaction, 0, size - 6, unit)
    return bytes(reply[7:size])


def ask(code, first, count):
    return answer(struct.pack(">BHH", code, first, count))


def test_both_reads_give_the_same_registers():
    for code in (3, 4):
        assert ask(code, 0, 3) == bytes([code, 6, 0, 7, 0, 8, 0, 9])
        assert ask(code, 0x0200, 1) == bytes([code, 2, 0xFF, 0xFF])
        assert len(ask(code, 0x0200, 22)) == 2 + 44


def test_any_unit_is_ours():
    for unit in (0, 1, 9, 247, 255):
        assert answer(b"\4\0\0\0\1", unit, unit) == b"\4\2\0\7"


def test_the_most_registers_fit():
    reply = bytearray(259)
    size = modbus_tcp.answer(memoryview(b"\0\1\0\0\0\6\1\4\0\0\0\x7d"), lambda number: number,
                             memoryview(reply))
    assert size == 259 and reply[4:9] == bytes([0, 253, 1, 4, 250])
    assert reply[257:] == bytes([0, 124])


def test_what_lies_outside_a_block_does_not_exist():
    for first, count in ((12, 1), (11, 2), (0, 13), (0x00FF, 2), (0x010A, 1), (0x0216, 1),
                         (0x0020, 1), (0xFFFF, 1), (0xFFFF, 125)):
        assert ask(4, first, count) == b"\x84\2", (first, count)


def test_counts_that_cannot_be_are_refused():
    for count in (0, 126, 0xFFFF):
        assert ask(3, 0, count) == b"\x83\3", count
    for pdu in (b"\4", b"\4\0\0\0", b"\4\0\0\0\1\0"):
        assert answer(pdu) == b"\x84\3", pdu


def test_nothing_can_be_written():
    for pdu in (b"\6\0\0\0\2", b"\x10\0\0\0\1\2\0\2", b"\5\0\0\xff\0", b"\x16\0\0\0\0\0\0",
                b"\x17\0\0\0\1\0\0\0\1\2\0\2", b"\1\0\0\0\1", b"\2\0\0\0\1", b"\x2b\x0e\1\0",
                b"\0", b"\x83\0\0\0\1", b"\x7f"):
        assert answer(pdu) == bytes([pdu[0] | 0x80, 1]), pdu


def test_each_request_has_a_reply_that_fits():
    random.seed(6)
    for _ in range(2000):
        pdu = bytes(random.getrandbits(8) for _ in range(random.randrange(1, 254)))
        if random.randrange(2):
            pdu = struct.pack(">BHH", random.choice((3, 4)), random.randrange(0x230),
                              random.randrange(30))
        reply = answer(pdu)
        assert len(reply) == 2 or len(reply) == 2 + reply[1]


# ---- one client ----


class Socket:
    """A connection whose peer has said ``data`` so far; b"" at its end once ``over``.

    ``room`` is how much it takes of what is said to it, ``heard`` what it has taken.
    """

    def __init__(self, data=b"", over=False, room=1 << 20):
        self.data = data
        self.over = over
        self.room = room
        self.heard = b""
        self.closed = False

    def write(self, buf):
        part = bytes(buf[:self.room])
        self.heard += part
        self.room -= len(part)
        return len(part) or None

    def setblocking(self, on):
        assert not on

    def readinto(self, buf):
        part = self.data[:len(buf)]
        if not part:
            return 0 if self.over else None
        self.data = self.data[len(part):]
        buf[:len(part)] = part
        return len(part)

    def close(self):
        self.closed = True


READ = b"\0\1\0\0\0\6\1\4\0\0\0\1"


def client(sock):
    one = modbus_tcp.Client()
    one.begin(sock, 0)
    return one


def gone(one, now=0):
    try:
        one.request(now)
    except ValueError:
        return True
    return False


def test_requests_come_one_at_a_time_in_any_pieces():
    one = client(Socket(READ + READ[:3]))
    assert bytes(one.request(0)) == READ and one.request(0) is None
    one.sock.data = READ[3:]
    assert bytes(one.request(0)) == READ and one.request(0) is None
    for at in range(len(READ)):
        assert one.request(0) is None
        one.sock.data = READ[at:at + 1]
    assert bytes(one.request(0)) == READ


def test_the_longest_request_is_taken_whole():
    longest = b"\0\1\0\0\0\xfe\1\x10" + bytes(252)
    one = client(Socket(longest + READ))
    assert bytes(one.request(0)) == longest and bytes(one.request(0)) == READ


def test_what_is_no_header_ends_the_connection():
    for data in (b"\0\1\0\1\0\6", b"\0\1\1\0\0\6", b"\0\1\0\0\0\0", b"\0\1\0\0\0\1",
                 b"\0\1\0\0\0\xff", b"\0\1\0\0\1\0", b"GET / HTTP/1.1\r\n\r\n"):
        assert gone(client(Socket(data + bytes(300)))), data


def test_who_closes_is_gone_even_in_the_middle():
    for data in (b"", READ[:1], READ[:6], READ[:11]):
        assert gone(client(Socket(data, over=True))), data


def test_who_says_nothing_for_a_minute_is_let_go():
    one = client(Socket(READ))
    assert one.request(59_000)
    assert one.request(118_999) is None
    assert gone(one, 119_000)


def test_who_does_not_end_a_request_is_let_go_after_five_seconds():
    one = client(Socket())
    assert one.request(50_000) is None
    one.sock.data = READ[:1]
    assert one.request(50_100) is None
    one.sock.data = READ[1:8]  # going on does not help
    assert one.request(54_900) is None
    assert one.request(55_099) is None
    assert gone(one, 55_100)


def test_a_place_is_free_again_after_its_end():
    one = client(Socket(READ[:5]))
    assert one.request(0) is None
    sock = one.sock
    one.end()
    one.end()
    assert sock.closed and one.sock is None
    one.begin(Socket(READ), 7)
    assert bytes(one.request(7)) == READ


# ---- the server ----


class Status:
    """Knows three registers."""

    def register(self, number):
        return number if number < 3 else None


def served(sock, turns=1):
    """Let a server answer what ``sock`` asks."""
    server = modbus_tcp.ModbusTcp(Status(), lambda: 0)
    one = server.clients[0]
    one.begin(sock, 0)
    for _ in range(turns):
        server.serve(one)
    return one


def test_one_request_is_answered_a_turn():
    sock = Socket(READ * 3)
    assert served(sock, 2).sock is sock
    assert sock.heard == b"\0\1\0\0\0\5\1\4\2\0\0" * 2
    assert served(Socket(), 3).sock


def test_who_does_not_take_the_answer_is_let_go():
    for room in (0, 5, 10):
        sock = Socket(READ * 2, room=room)
        assert served(sock).sock is None and sock.closed, room


def test_a_place_without_client_is_passed_over():
    assert served(Socket(over=True), 3).sock is None
