"""The bus master against scripted slaves on simulated time."""

from umodbus import functions

from evse import ticks
from evse.bus import meters
from evse.bus.master import BadSample, Master, Slave
from evse.bus.rtu import ExceptionReply, Link, WrongLength
from helpers_bus import SDM630_CURRENT, Wire, frame, reply, run_for

ENERGY = bytes.fromhex("46f0943d")  # 30794.12 kWh
PDU = functions.read_input_registers(0, 2)


class Probe:
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
    """Poll ``devices`` ((device, period), ...) for ``end_ms``; returns (master, wire)."""
    wire = Wire(answer, end_ms)
    master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
    for device, period in devices:
        master.add(device, period)
    run_for(master.run())
    return master, wire


def sdm630(sent, n):
    """Answer as an SDM630 at address 11 does."""
    assert sent[0] == 11 and sent[1] == 4
    if sent[2:4] == b"\0\x06":
        return [(20, reply(11, SDM630_CURRENT))]
    assert sent[2:6] == b"\0\x48\0\2"
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
    energies = [value[5] for _, value, _ in seen]
    # Energy is read after each tenth current, and goes with the sample after it.
    assert energies == [30794119 if i % 10 == 1 else None for i in range(len(seen))]
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
    run_for(master.run())
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
        bad, good = master.quality()
        assert bad["name"] == "bad" and bad["address"] == 11
        # Ten turns or eleven; the first is asked twice unless the slave refused clearly.
        expected = bad["requests"]
        assert 10 <= expected <= 12
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


def test_a_lost_slave_is_asked_once_a_turn():
    _, wire = poll(lambda sent, n: [], [(Probe(11), 1000)], 10_050)
    assert len(wire.sent) == 12  # eleven turns, and the one repetition at the start
    assert wire.sent_at[-1] - wire.sent_at[-2] >= 900


def test_an_exception_is_not_asked_again():
    _, wire = poll(REFUSING, [(Probe(11), 1000)], 5050)
    assert len(wire.sent) == 6


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
    asked = [n for n, sent in enumerate(wire.sent) if sent[2:4] == b"\0\x48"]
    assert len(asked) == 3 == master.slaves[0].timeouts
    assert all(wire.sent[n + 1][2:4] == b"\0\x06" for n in asked)
    assert wire.sent_at[asked[0] + 1] >= 1000


def test_power_and_energy_take_turns_where_both_are_apart():
    seen = []

    def answer(sent, n):
        data = {b"\x50\x0c": "41840000c0a800003f600000", b"\x50\x12": "40326666",
                b"\x60\x0c": "4640e6ae"}[sent[2:4]]
        return [(20, reply(11, bytes.fromhex(data), 3))]

    meter = meters.Meter(meters.load("WAGO"), "mains", 11, lambda *call: seen.append(call[1]))
    poll(answer, [(meter, 1000)], 40_000)
    told = [(n, value[4:]) for n, value in enumerate(seen) if value[4:] != (None, None)]
    assert told == [(1, (2787, None)), (11, (None, 12345670)), (21, (2787, None)),
                    (31, (None, 12345670))], told


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
    run_for(master.run())
    # Both keep their turns while one of them blocks the line for far longer than a period ...
    first = [t for t, sent in zip(wire.sent_at, wire.sent) if t < 10_000]
    ours = len([1 for sent in wire.sent[:len(first)] if sent[0] == 12])
    assert ours >= len(first) // 2 - 1
    # ... and what was missed is not made up for.
    later = [t for t in wire.sent_at if t > 10_300]
    assert len(later) <= 2 * (9700 // 60 + 2)
    assert len(later) >= 9700 // 60


def test_the_supervisor_sees_it_alive_whatever_slaves_do():
    for answer in (SILENT, BABBLING, SLOW):
        wire = Wire(answer, 10_000)
        oldest = [0]
        masters = []

        async def watched(ms, wire=wire, masters=masters, oldest=oldest):
            oldest[0] = max(oldest[0], ticks.diff(wire.now(), masters[0].alive_at))
            await wire.sleep_ms(ms)

        master = Master(Link(wire, wire.now, watched), wire.now, watched)
        masters.append(master)
        master.add(Probe(11), 100)
        run_for(master.run())
        assert 100 < oldest[0] <= 700, oldest


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
    run_for(master.run())
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
