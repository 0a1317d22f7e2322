"""The RTU link against a scripted line on simulated time."""

import random

from umodbus import functions

from evse.bus import rtu
from helpers_bus import SDM630_CURRENT, Wire, frame, reply, run

READ = functions.read_input_registers(6, 12)
GOOD = reply(11, SDM630_CURRENT)
# Longest a transaction may take: request, reply time, reply, slack, and the settling before it.
LIMIT_MS = 9 + 150 + 31 + 40 + 60 + 15


def ask(answer, pdu=READ, address=11):
    """Return (what came of one request: data or error, the wire)."""
    wire = Wire(answer)
    link = rtu.Link(wire, wire.now, wire.sleep_ms)
    try:
        return bytes(run(link.transact(address, pdu))), wire
    except rtu.BusError as error:
        return error, wire


def outcome(answer, pdu=READ):
    result, wire = ask(answer, pdu)
    assert wire.elapsed <= LIMIT_MS, wire.elapsed
    return result


def test_request_and_reply_on_the_wire():
    data, wire = ask(lambda sent, n: [(20, GOOD)])
    assert data == SDM630_CURRENT
    assert wire.sent == [bytes.fromhex("0b040006000c10a4")]
    assert wire.elapsed < 40


def test_latency_is_told():
    wire = Wire(lambda sent, n: [(70, GOOD)])
    link = rtu.Link(wire, wire.now, wire.sleep_ms)
    run(link.transact(11, READ))
    assert 70 <= link.latency_ms <= 75


def test_holding_registers():
    sent = functions.read_holding_registers(0x5B14, 2)
    assert outcome(lambda s, n: [(9, reply(11, b"\0\4\x36\x52", 3))], sent) == b"\0\4\x36\x52"


def test_write_is_answered_by_its_echo():
    for pdu in (b"\6\0\6\0\0", b"\x10\0\0\0\2\4\0\5\0\0"):
        echo = bytes(pdu[:5])
        assert outcome(lambda s, n, e=echo: [(9, frame(11, e))], pdu) == echo[1:]


def test_bytes_may_dribble_in():
    dribble = [(20 + 5 * i, GOOD[i:i + 1]) for i in range(len(GOOD))]
    assert outcome(lambda s, n: dribble) == SDM630_CURRENT


def test_a_gap_inside_the_frame_is_bridged():
    assert outcome(lambda s, n: [(20, GOOD[:9]), (60, GOOD[9:])]) == SDM630_CURRENT


def test_stray_bytes_before_the_reply():
    for stray in (b"\0", b"\xff\xff", b"\x0b", b"\x0b\x04", b"\x0b\x04\x18", b"\x00\x04\xf0",
                  GOOD[:20]):
        assert outcome(lambda s, n, x=stray: [(15, x), (30, GOOD)]) == SDM630_CURRENT, stray


def test_late_frame_of_another_slave_is_skipped():
    other = reply(12, b"\1\2\3\4")
    assert outcome(lambda s, n: [(5, other), (40, GOOD)]) == SDM630_CURRENT


def test_bytes_after_the_reply_do_not_reach_the_next_one():
    other = reply(11, bytes(24))

    def answer(sent, n):
        return [(20, GOOD), (24, other)] if n == 0 else [(20, GOOD)]

    wire = Wire(answer)
    link = rtu.Link(wire, wire.now, wire.sleep_ms)
    for _ in range(3):
        assert bytes(run(link.transact(11, READ))) == SDM630_CURRENT


def test_reply_after_the_time_limit_is_thrown_away():
    def answer(sent, n):
        return [(162, reply(11, bytes(24)))] if n == 0 else [(30, GOOD)]

    wire = Wire(answer)
    link = rtu.Link(wire, wire.now, wire.sleep_ms)
    try:
        run(link.transact(11, READ))
        raise AssertionError("late, but taken")
    except rtu.Timeout:
        pass
    run(wire.sleep_ms(10))
    assert bytes(run(link.transact(11, READ))) == SDM630_CURRENT


def test_silence():
    result, wire = ask(lambda s, n: [])
    assert type(result) is rtu.Timeout
    assert 158 <= wire.elapsed <= 175, wire.elapsed


def test_last_moment_reply_is_taken():
    assert outcome(lambda s, n: [(155, GOOD)]) == SDM630_CURRENT


def test_wrong_checksum():
    bad = bytearray(GOOD)
    bad[7] ^= 1
    assert type(outcome(lambda s, n: [(20, bytes(bad))])) is rtu.Crc
    assert type(outcome(lambda s, n: [(20, b"\x55\xaa\x55")])) is rtu.Crc


def test_wrong_address():
    assert type(outcome(lambda s, n: [(20, reply(12, SDM630_CURRENT))])) is rtu.WrongAddress


def test_wrong_function():
    assert type(outcome(lambda s, n: [(20, reply(11, SDM630_CURRENT, 3))])) is rtu.WrongFunction
    assert type(outcome(lambda s, n: [(20, frame(11, b"\x83\2"))])) is rtu.WrongFunction


def test_wrong_length():
    for data in (SDM630_CURRENT[:22], SDM630_CURRENT + b"\0\0", b""):
        got = outcome(lambda s, n, d=data: [(20, reply(11, d))])
        assert type(got) is rtu.WrongLength, data
    assert type(outcome(lambda s, n: [(20, GOOD[:-1])])) is rtu.WrongLength


def test_exception_reply_ends_at_once():
    result, wire = ask(lambda s, n: [(20, frame(11, b"\x84\2"))])
    assert type(result) is rtu.ExceptionReply
    assert result.code == 2
    assert wire.elapsed < 40


def test_echo_of_the_request_is_no_reply():
    assert outcome(lambda sent, n: [(1, sent), (30, GOOD)]) == SDM630_CURRENT
    assert type(outcome(lambda sent, n: [(1, sent)])) is not bytes


def test_babble_is_cut_by_the_buffer():
    result, wire = ask(lambda s, n: [(ms, b"\x11" * 16) for ms in range(0, 400, 5)])
    assert type(result) is rtu.WrongLength
    assert wire.largest <= 256
    assert wire.elapsed <= LIMIT_MS


def test_slow_babble_is_cut_by_time():
    result, wire = ask(lambda s, n: [(ms, b"\x11") for ms in range(0, 2000, 5)])
    assert type(result) is rtu.Crc
    assert wire.elapsed <= LIMIT_MS, wire.elapsed


def test_babble_before_the_request_delays_it_only_so_long():
    def answer(sent, n):
        return [(ms, b"\x11" * 8) for ms in range(0, 4000, 5)]

    wire = Wire(answer)
    link = rtu.Link(wire, wire.now, wire.sleep_ms)
    for _ in range(5):
        begin = wire.elapsed
        try:
            run(link.transact(11, READ))
            raise AssertionError("babble, but taken")
        except rtu.BusError:
            pass
        assert wire.elapsed - begin <= LIMIT_MS
    assert len(wire.sent) == 5
    # One read per nap: what a babbler sends never holds the loop.
    assert wire.reads <= wire.elapsed // 5 + 10


def checksum_bytes(script):
    """How many bytes the checksum saw while a request failed on what ``script`` brings."""
    spent = [0]
    real = rtu.crc16

    def counting(buf, start, end):
        spent[0] += end - start
        return real(buf, start, end)

    rtu.crc16 = counting
    try:
        assert isinstance(outcome(lambda s, n: script), rtu.BusError)
    finally:
        rtu.crc16 = real
    return spent[0]


def test_headers_without_end_do_not_buy_checksums():
    for header in (b"\x0b\x04\x18", b"\x0b\x84", b"\x0b\x0b\x04\x18"):
        assert 0 < checksum_bytes([(20, header * 80)]) <= 512 + 256 + 8


def test_nothing_is_checked_twice():
    bad = GOOD[:-1] + b"\0"
    dribble = [(20, bad)] + [(30 + 5 * i, b"\1") for i in range(10)]
    # The request, the bad frame when it is whole, and once more to name the error.
    assert checksum_bytes(dribble) == 6 + 29 + 29


def test_replies_of_another_length_are_told_by_their_header():
    longer = reply(11, SDM630_CURRENT + b"\0\0")
    assert checksum_bytes([(20, longer)]) == 6 + len(longer)


class BrokenWire(Wire):
    """A port whose other end is gone."""

    def __init__(self, write_fails):
        super().__init__(lambda sent, n: [])
        self._write_fails = write_fails

    def write(self, buf):
        if self._write_fails:
            raise OSError(5)
        super().write(buf)

    def readinto(self, buf):
        raise OSError(5)


def test_port_that_fails():
    for write_fails, expected in ((True, rtu.PortFailed), (False, rtu.Timeout)):
        wire = BrokenWire(write_fails)
        link = rtu.Link(wire, wire.now, wire.sleep_ms)
        try:
            run(link.transact(11, READ))
            raise AssertionError("no error")
        except rtu.BusError as error:
            assert type(error) is expected
        assert wire.elapsed <= LIMIT_MS


def test_wire_time():
    assert rtu.wire_ms(0) == 0
    assert rtu.wire_ms(8) == 9
    assert rtu.wire_ms(24) == 25
    assert rtu.wire_ms(240) == 250


def test_checksum_of_known_frames():
    for text in ("0b040006000c10a4", "0b8402e2c3", "0b040445ae", "0210000000020400050000ecea"):
        buf = bytes.fromhex(text)
        assert (rtu.crc16(buf, 0, len(buf)) == 0) == (text != "0b040445ae")


def test_fuzzed_replies_are_right_or_refused():
    random.seed(20260630)
    wire = None
    for _ in range(300):
        noise = bytearray(GOOD)
        kind = random.getrandbits(3)
        if kind < 3:
            for _ in range(1 + random.getrandbits(2)):
                noise[random.getrandbits(8) % len(noise)] ^= 1 << random.getrandbits(3)
        elif kind < 5:
            noise = noise[:random.getrandbits(8) % len(noise)]
        elif kind < 7:
            noise = bytearray(random.getrandbits(8) for _ in range(random.getrandbits(8)))
        else:
            noise[2] = random.getrandbits(8)
            noise = bytearray(frame(noise[0], noise[1:-2]))
        cut = random.getrandbits(8) % (len(noise) + 1)
        script = [(20, bytes(noise[:cut])), (20 + random.getrandbits(6), bytes(noise[cut:]))]
        result, wire = ask(lambda s, n, x=script: x)
        assert isinstance(result, rtu.BusError) or result == SDM630_CURRENT
        assert wire.elapsed <= LIMIT_MS
