"""The bus master against scripted slaves on simulated time."""

from umodbus import functions

from evse import ticks
from evse.bus import meters
from evse.bus.master import BadSample, Device, Master, Slave
from evse.bus.rtu import ExceptionReply, Link, WrongLength
from helpers_bus import SDM630_CURRENT, Wire, frame, reply, run_for, turns

ENERGY = bytes.fromhex("46f0943d")  # 30794.12 kWh
PDU = functions.read_input_registers(0, 2)


class Probe(Device):
    """A device that reads two registers a turn and keeps what it got."""

    def __init__(self, address, name="probe"):
        self.name = name
        self.address = address
        self.got = []

    def begin(self):
        return PDU

    def take(self, data, clean):
        self.got.append((bytes(data), clean))


def poll(answer, devices, end_ms):
    """Poll ``devices`` ((device, period), ...) for ``end_ms``; returns (master, wire).

    A meter among them is the one whose turn is never late.
    """
    wire = Wire(answer, end_ms)
    master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
    for device, period in devices:
        master.add(device, period, isinstance(device, meters.Meter))
    run_for(turns(master))
    return master, wire


def sdm630(sent, n):
    """Answer as an SDM630 at address 11 does."""
    assert sent[0] == 11 and sent[1] == 4
    if sent[2:4] == b"\0\x06":
        return [(20, reply(11, SDM630_CURRENT))]
    assert sent[2:6] in (b"\0\x48\0\2", b"\0\x4a\0\2")
    return [(20, reply(11, ENERGY))]


def mains(command):
    return meters.Meter(meters.load("Eastron3P"), "mains", 11, command)


def test_mains_meter_is_read_each_second():
    seen = []
    master, wire = poll(sdm630, [(mains(lambda *call: seen.append(call)), 1000)], 30_000)
    assert 29 <= len(seen) <= 30
    for name, value, source in seen:
        assert (name, source) == ("reading", "bus")
        assert value[:5] == ("mains", 165, -53, 9, 2789)
    # Energy is read after each tenth current, imported and exported by turns, and goes with the
    # sample after it.
    energies = [value[5:] for _, value, _ in seen]
    assert energies == [((30794119,) if i % 20 == 1 else (None, 30794119) if i % 20 == 11
                         else (None,)) for i in range(len(seen))]
    slave = master.slaves[0]
    assert slave.requests == slave.replies == len(seen) + 3 == len(wire.sent)
    assert slave.timeouts == slave.crc == slave.wrong == slave.exceptions == slave.misses == 0


def added_later(busy):
    wire = Wire(lambda sent, n: [(10, reply(sent[0], b"\0\0\0\1"))], 3000)
    probe = Probe(20)
    probes = []

    async def adding(ms):
        if wire.elapsed > 1000 and not probes:
            probes.append(master.add(probe, 500))
        await wire.sleep_ms(ms)

    master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, adding)
    if busy:
        master.add(Probe(21), 60_000)
    run_for(turns(master))
    assert len(probe.got) == 4


def test_a_device_added_later_gets_its_turn():
    added_later(busy=True)


def test_the_first_device_may_come_late():
    added_later(busy=False)


def misbehave(how):
    """Slave 11 fails as ``how`` says, slave 12 answers well."""
    def answer(sent, n):
        if sent[0] == 12:
            return [(10, reply(12, b"\0\0\0\1"))]
        return how(sent)
    return answer


SILENT = misbehave(lambda sent: [])
SLOW = misbehave(lambda sent: [(300, reply(11, b"\0\0\0\1"))])
BABBLING = misbehave(lambda sent: [(ms, b"\x11") for ms in range(0, 180, 5)])
CORRUPT = misbehave(lambda sent: [(10, b"\x0b\x04\x04\0\0\0\1\0\0")])
REFUSING = misbehave(lambda sent: [(10, frame(11, b"\x84\2"))])
OTHER_ADDRESS = misbehave(lambda sent: [(10, reply(13, b"\0\0\0\1"))])
OTHER_FUNCTION = misbehave(lambda sent: [(10, reply(11, b"\0\0\0\1", 3))])
OTHER_LENGTH = misbehave(lambda sent: [(10, reply(11, b"\0\1"))])


def test_a_bad_slave_delays_nothing_else():
    for answer in (SILENT, BABBLING, CORRUPT, REFUSING, OTHER_ADDRESS, OTHER_FUNCTION,
                   OTHER_LENGTH, SLOW):
        good = Probe(12)
        poll(answer, [(Probe(11), 500), (good, 500)], 10_000)
        assert 19 <= len(good.got) <= 20


def test_counters_tell_what_is_wrong():
    for answer, key in ((SILENT, "timeouts"), (CORRUPT, "crc"), (BABBLING, "crc"),
                        (REFUSING, "exceptions"), (OTHER_ADDRESS, "wrong"),
                        (OTHER_FUNCTION, "wrong"), (OTHER_LENGTH, "wrong")):
        master, _ = poll(answer, [(Probe(11, "bad"), 500), (Probe(12, "good"), 500)], 5100)
        bad, good = master.rows()
        assert bad["name"] == "bad" and bad["address"] == 11
        # Tried each two seconds; the first time twice unless the slave refused clearly.
        expected = bad["requests"]
        assert 3 <= expected <= 4
        for counter in ("timeouts", "crc", "wrong", "exceptions"):
            assert bad[counter] in ((expected, expected - 1) if counter == key else (0,)), bad
            assert good[counter] == 0
        assert bad["misses"] >= expected - 1 and not bad["ok"] and bad["age_ms"] == -1
        assert good["ok"] and good["misses"] == 0 and 0 <= good["age_ms"] <= 600
        assert 10 <= good["latency_ms"] <= good["worst_ms"] <= 20


def test_a_healthy_slave_is_asked_once_more():
    probe = Probe(11)

    def answer(sent, n):
        return [] if n == 3 else [(10, reply(11, b"\0\0\0\1"))]

    master, wire = poll(answer, [(probe, 1000)], 6000)
    assert len(probe.got) == 6 and len(wire.sent) == 7
    assert [clean for _, clean in probe.got] == [True, True, True, False, True, True]
    assert wire.sent_at[4] - wire.sent_at[3] < 250
    assert master.slaves[0].timeouts == 1 and master.slaves[0].misses == 0


def test_one_lost_slave_is_tried_in_two_seconds_whatever_their_number():
    for number in (1, 7):
        probes = [Probe(11 + i) for i in range(number)]
        _, wire = poll(lambda sent, n: [], [(probe, 1000) for probe in probes], 40_000)
        tries = wire.sent_at[2 * number:]  # each is asked at the start, and once more
        assert 17 <= len(tries) <= 20
        assert min(b - a for a, b in zip(tries, tries[1:])) >= 1950
        assert {sent[0] for sent in wire.sent[-number:]} == {probe.address for probe in probes}


def test_the_first_slave_is_never_late():
    """Whatever the others do, even if each of their requests takes as long as it can."""
    for answer in (SILENT, BABBLING, SLOW):
        meter = Probe(12)
        others = [Probe(11, "other %d" % i) for i in range(5)]
        wire = Wire(answer, 60_000)
        master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
        for probe in others:
            master.add(probe, 100)
        master.add(meter, 1000, True)
        run_for(turns(master))
        asked = [at for sent, at in zip(wire.sent, wire.sent_at) if sent[0] == 12]
        assert len(asked) >= 59
        late = [at - asked[0] - 1000 * i for i, at in enumerate(asked)]
        assert max(late) <= 70, (answer, max(late))  # a babbler may have to be waited for


class Writer(Probe):
    """Reads, then writes one register."""

    missed_turns = 0

    def begin(self):
        self.asked = False
        return PDU

    def take(self, data, clean):
        super().take(data, clean)
        if self.asked:
            return None
        self.asked = True
        return functions.write_single_register(6, 0, False)

    def missed(self):
        self.missed_turns += 1


def test_nothing_is_written_twice():
    writer = Writer(11)
    _, wire = poll(lambda sent, n: [(10, reply(11, b"\0\0\0\1"))] if sent[1] == 4 else [],
                   [(writer, 1000)], 10_000)
    writes = [sent for sent in wire.sent if sent[1] == 6]
    assert len(writes) == len(writer.got) == 10
    assert not writer.missed_turns  # it did answer: old nodes do not acknowledge


def test_a_write_that_begins_a_turn_is_not_repeated_either():
    writer = Writer(11)
    writer.begin = lambda: functions.write_single_register(6, 0, False)
    _, wire = poll(lambda sent, n: [], [(writer, 1000)], 1900)
    assert len(wire.sent) == 1


def test_what_all_hear_is_sent_once_and_waited_for_by_nobody():
    shout = Probe(9)
    shout.silent = True
    probe = Probe(11)
    master, wire = poll(lambda sent, n: [(10, reply(11, b"\0\0\0\1"))] if sent[0] == 11 else [],
                        [(shout, 1000), (probe, 1000)], 5000)
    assert [sent[0] for sent in wire.sent] == [9, 11] * 5
    assert wire.sent_at[1] - wire.sent_at[0] < 60
    assert master.slaves[0].report(wire.now())["ok"] and not shout.got


def test_who_cannot_wait_does_not():
    hasty = Probe(12)
    want = []
    wanted = []
    hasty.urgent = lambda: bool(want)
    wire = Wire(lambda sent, n: [(10, reply(sent[0], b"\0\0\0\1"))], 9000)

    async def sleep_ms(ms):
        await wire.sleep_ms(ms)
        if wire.elapsed > 3300 and not wanted:
            wanted.append(wire.elapsed)
            want.append(1)

    hasty.begin = lambda: want.clear() or PDU
    master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, sleep_ms)
    master.add(Probe(11), 1000)
    master.add(hasty, 60_000)
    run_for(turns(master))
    asked = [at for sent, at in zip(wire.sent, wire.sent_at) if sent[0] == 12]
    assert len(asked) == 2 and 0 <= asked[1] - wanted[0] < 60


def test_a_device_may_ask_for_its_next_turn_soon():
    probe = Probe(11)
    probe.soon_ms = 300
    poll(lambda sent, n: [(10, reply(11, b"\0\0\0\1"))], [(probe, 2000)], 6000)
    assert len(probe.got) >= 15


def test_nothing_to_ask_is_no_request():
    probe = Probe(11)
    probe.begin = lambda: None
    master, wire = poll(lambda sent, n: [], [(probe, 100)], 3000)
    assert not wire.sent and master.slaves[0].misses == 0


def test_an_exception_is_not_asked_again():
    _, wire = poll(REFUSING, [(Probe(11), 1000)], 5050)
    assert len(wire.sent) == 3


def test_nothing_else_is_asked_of_a_slave_that_was_late():
    seen = []
    answered = []

    def answer(sent, n):
        answered.append(sent[2:4])
        # The first request of each turn gets lost, so that each sample comes of a repetition.
        return [] if n % 2 == 0 else sdm630(sent, n)

    poll(answer, [(mains(lambda *call: seen.append(call)), 1000)], 25_000)
    assert len(seen) == 25
    assert set(answered) == {b"\0\x06"}
    assert all(value[5] is None for _, value, _ in seen)


def test_an_energy_that_does_not_come_is_not_asked_for_again():
    seen = []

    def answer(sent, n):
        return sdm630(sent, n) if sent[2:4] == b"\0\x06" else []

    master, wire = poll(answer, [(mains(lambda *call: seen.append(call)), 1000)], 30_000)
    assert len(seen) == 30
    asked = [n for n, sent in enumerate(wire.sent) if sent[2:4] in (b"\0\x48", b"\0\x4a")]
    assert len(asked) == 3 == master.slaves[0].timeouts
    assert all(wire.sent[n + 1][2:4] == b"\0\x06" for n in asked)
    assert wire.sent_at[asked[0] + 1] >= 1000


def test_power_is_read_each_turn_where_it_is_apart():
    seen = []

    def answer(sent, n):
        data = {b"\x50\x0c": "41840000c0a800003f600000", b"\x50\x12": "40326666",
                b"\x60\x0c": "4640e6ae", b"\x60\x18": "42f6e979"}[sent[2:4]]
        return [(20, reply(11, bytes.fromhex(data), 3))]

    meter = meters.Meter(meters.load("WAGO"), "mains", 11, lambda *call: seen.append(call[1]))
    poll(answer, [(meter, 1000)], 40_000)
    told = [value[4:] for value in seen]
    assert told[0] == (None, None)
    for n, slow in enumerate(told[1:]):
        energy = {0: (None, 12345670), 10: (None, None, 123456)}.get(n % 20)
        assert slow == (energy or (2787, None)), (n, slow)


def test_late_replies_are_never_taken_for_energy():
    """Each reply comes 170 ms late: whatever is handed on is what the meter said."""
    seen = []

    def answer(sent, n):
        return [(delay + 150, data) for delay, data in sdm630(sent, n)]

    poll(answer, [(mains(lambda *call: seen.append(call)), 1000)], 30_000)
    assert seen
    for _, value, _ in seen:
        assert value[:4] == ("mains", 165, -53, 9) and value[5] is None


def test_turns_that_come_late_are_dropped_not_queued():
    stall = [True]

    def answer(sent, n):
        return [] if sent[0] == 11 and stall[0] else [(10, reply(sent[0], b"\0\0\0\1"))]

    fast = Probe(12)
    wire = Wire(answer, 20_000)

    async def timed(ms):
        if wire.elapsed > 10_000:
            stall[0] = False
        await wire.sleep_ms(ms)

    master = Master(Link(wire, wire.now, timed), wire.now, wire.sleep_ms)
    master.add(Probe(11), 60)
    master.add(fast, 60)
    run_for(turns(master))
    # Both keep their turns while one of them blocks the line for far longer than a period ...
    first = [t for t, sent in zip(wire.sent_at, wire.sent) if t < 10_000]
    ours = len([1 for sent in wire.sent[:len(first)] if sent[0] == 12])
    assert ours >= len(first) // 2 - 1
    # ... and what was missed is not made up for.
    later = [t for t in wire.sent_at if t > 10_300]
    assert len(later) <= 2 * (9700 // 60 + 2)
    assert len(later) >= 9700 // 60


def test_a_turn_is_over_soon_whatever_slaves_do():
    for answer in (SILENT, BABBLING, SLOW):
        wire = Wire(answer, 10_000)
        master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
        master.add(Probe(11), 100)
        took = []

        async def timed(wire=wire, master=master, took=took):
            while True:
                begun = wire.now()
                await master.turn()
                took.append(ticks.diff(wire.now(), begun))

        run_for(timed())
        assert 100 < max(took) <= 700, max(took)


def test_only_one_request_is_on_the_wire():
    open_until = [0]
    wire = None

    def answer(sent, n):
        assert wire.elapsed >= open_until[0]
        open_until[0] = wire.elapsed + 30
        return [(30, reply(sent[0], b"\0\0\0\1"))]

    wire = Wire(answer, 10_000)
    master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
    for address in range(11, 19):
        master.add(Probe(address), 100)
    run_for(turns(master))
    counts = [slave.replies for slave in master.slaves]
    assert min(counts) > 0 and max(counts) - min(counts) <= 1, counts


def test_absurd_values_are_counted_and_kept_back():
    seen = []
    nan = b"\x7f\xc0\0\0" + SDM630_CURRENT[4:]

    def answer(sent, n):
        return [(20, reply(11, nan))] if 3 <= n < 6 else sdm630(sent, n)

    master, wire = poll(answer, [(mains(lambda *call: seen.append(call)), 1000)], 10_000)
    assert master.slaves[0].refused == 3
    assert len(seen) == 7
    assert master.slaves[0].misses == 0


def test_the_meter_is_back_after_an_outage():
    seen = []

    def answer(sent, n):
        return [] if 4 <= n < 20 else sdm630(sent, n)

    master, wire = poll(answer, [(mains(lambda *call: seen.append(call)), 1000)], 30_000)
    slave = master.slaves[0]
    assert slave.timeouts == 16 and slave.misses == 0
    # Nothing was repeated while it was away; each second after it there is a sample again.
    assert 13 <= len(seen) <= 15


def test_age_outlives_the_wrap_of_ticks():
    slave = Slave(Probe(11), 1000, 0)
    assert slave.age_ms(5) == -1
    slave.good(ticks.MASK - 10, 20)
    assert slave.age_ms(ticks.add(ticks.MASK, 0)) == 10
    now = ticks.MASK - 10
    for _ in range(13):  # that many days lie just beyond one round of the ticks
        now = ticks.add(now, 86_400_000)
        slave.fail(WrongLength(), now)
    assert slave.age_ms(now) == 86_400_000
    assert slave.misses == 13


def test_kinds_of_failure_are_counted_apart():
    slave = Slave(Probe(11), 1000, 0)
    slave.fail(BadSample(), 0)
    slave.fail(ExceptionReply(2), 0)
    slave.fail(WrongLength(), 0)
    report = slave.report(0)
    assert (report["refused"], report["exceptions"], report["wrong"]) == (1, 1, 1)
    assert report["timeouts"] == report["crc"] == report["replies"] == 0 and not report["ok"]
    slave.good(7, 33)
    slave.good(8, 22)
    assert (slave.latency_ms, slave.worst_ms, slave.misses) == (22, 33, 0)
    assert slave.report(20)["ok"] and slave.report(20)["age_ms"] == 12
