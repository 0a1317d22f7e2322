"""The bus doctor on a simulated line: each mistake is found by its code, a healthy bus is left."""

import sys

from evse.bus import doctor as codes
from evse.bus.doctor import Doctor
from evse.bus.rtu import Link
from helpers_bus import frame, run
from helpers_doctor import Line, Meter, Registers, Thing, core, node, sensorbox

MAINS = {"mains_met": "Eastron3P", "mains_adr": 11}
BOTH = {"mains_met": "Eastron3P", "mains_adr": 11, "ev_meter": "ABB", "ev_adr": 12}


class Sleepy(Meter):
    """Leaves each so many-th question without an answer."""

    def __init__(self, kind, address, latency_ms=20, rests=4):
        super().__init__(kind, address, latency_ms)
        self._rests = rests
        self._turn = 0

    def answer(self, pdu):
        self._turn += 1
        return None if self._turn % self._rests == 0 else super().answer(pdu)


def examine(line, it=None, kind="bus", **settings):
    """Examine a line; returns the Doctor."""
    it = it or core(**settings)
    doctor = Doctor(Link(line, line.now, line.sleep_ms), line, it, line.now, line.sleep_ms,
                    kind)
    begin = line.clock
    run(doctor.run())
    doctor.ms = line.clock - begin
    assert line.setting == (9600, None)
    assert len(doctor.findings) <= codes.FINDINGS_MAX
    return doctor


def found(doctor, notes=False):
    """The findings as {code: [where, ...]}."""
    result = {}
    for code, where, _ in doctor.findings:
        if notes or code < codes.FOUND:
            result.setdefault(code, []).append(where)
    return result


def test_a_healthy_bus():
    line = Line(Meter("Eastron3P", 11), Meter("ABB", 12), Meter("Chint 3P", 13))
    doctor = examine(line, circt_met="Chint 3P", **BOTH)
    assert doctor.state == "done" and doctor.percent == 100
    assert doctor.findings == []
    assert doctor.ms < 60_000
    assert line.settings == []  # nobody is lost, so no other line is tried


def test_every_type_is_known_by_itself():
    for kind in ("Phoenix C", "Finder 7E", "Eastron3P", "InvEastrn", "ABB", "SolarEdge", "WAGO",
                 "Eastron1P", "Finder 7M", "Sinotimer", "Schneider", "Chint 3P", "C.Gavazzi",
                 "Chint 1P"):
        doctor = examine(Line(Meter(kind, 50)))
        (code, where, detail), = doctor.findings
        assert (code, where) == (codes.FOUND, "address 50"), kind
        assert kind in detail.split(" or "), (kind, detail)
        assert len(detail.split(" or ")) <= 3, (kind, detail)
        doctor = examine(Line(Meter(kind, 50)), mains_met=kind, mains_adr=50)
        assert doctor.findings == [], (kind, doctor.findings)


def test_a_meter_with_another_parity_by_nature():
    doctor = examine(Line(Meter("Orno 516", 20, parity="E")), ev_meter="Orno 516", ev_adr=20)
    assert doctor.findings == []
    doctor = examine(Line(Meter("Orno 516", 20, parity="E")), ev_meter="Eastron3P", ev_adr=20)
    assert doctor.findings == [(codes.WRONG_TYPE, "ev", "Orno 516 or Orno 517")]


def test_a_sensorbox():
    doctor = examine(Line(sensorbox()), mains_met="Sensorbox")
    assert doctor.findings == []
    doctor = examine(Line(sensorbox()))
    assert doctor.findings == [(codes.FOUND, "address 10", "Sensorbox")]
    doctor = examine(Line(Meter("ABB", 10)), mains_met="Sensorbox")
    assert doctor.findings == [(codes.WRONG_TYPE, "mains", "ABB")]


def test_another_address():
    doctor = examine(Line(Meter("Eastron3P", 1), Meter("ABB", 12)), **BOTH)
    assert found(doctor) == {codes.OTHER_ADDRESS: ["mains"], codes.RESERVED: ["address 1"]}
    assert doctor.findings[-1][2] == 1
    doctor = examine(Line(Meter("Eastron3P", 200), Meter("ABB", 12)), **BOTH)
    assert doctor.findings == [(codes.OTHER_ADDRESS, "mains", 200)]
    doctor = examine(Line(Meter("WAGO", 200), Meter("ABB", 12)), **BOTH)
    assert doctor.findings == [(codes.OTHER_ADDRESS, "mains", "200 as WAGO")]


def test_another_speed_or_parity():
    for baud, parity, words in ((19200, None, "19200 baud, no parity"),
                                (9600, "E", "9600 baud, even parity"),
                                (9600, "O", "9600 baud, odd parity"),
                                (2400, None, "2400 baud, no parity"),
                                (115200, "E", "115200 baud, even parity")):
        doctor = examine(Line(Meter("Eastron3P", 11, baud=baud, parity=parity)), **MAINS)
        assert doctor.findings == [(codes.OTHER_LINE, "mains", words)], (words, doctor.findings)
        assert doctor.ms < 90_000, doctor.ms
    line = Line(Meter("Eastron3P", 1, baud=2400), Meter("ABB", 12))
    doctor = examine(line, **BOTH)
    assert doctor.findings == [(codes.OTHER_LINE, "mains",
                                "address 1, 2400 baud, no parity")]


def test_another_type():
    doctor = examine(Line(Meter("ABB", 11)), **MAINS)
    assert doctor.findings == [(codes.WRONG_TYPE, "mains", "ABB")]
    doctor = examine(Line(Meter("C.Gavazzi", 11)), **MAINS)
    assert doctor.findings == [(codes.WRONG_TYPE, "mains", "Phoenix C or C.Gavazzi")]
    doctor = examine(Line(Meter("Eastron3P", 11)), mains_met="Eastron1P", mains_adr=11)
    assert doctor.findings == [(codes.WRONG_TYPE, "mains", "Eastron3P or InvEastrn")]
    doctor = examine(Line(Registers(11, [7, 7])), mains_met="ABB", mains_adr=11)
    assert doctor.findings == [(codes.NO_TYPE, "mains", "")]


def test_a_meter_of_ones_own_definition_is_not_judged_by_its_type():
    doctor = examine(Line(Meter("Eastron3P", 11)), mains_met="Custom", mains_adr=11)
    assert doctor.findings == []


def test_two_with_one_address():
    line = Line(Meter("Eastron3P", 11), Meter("Eastron3P", 11, latency_ms=22), Meter("ABB", 12))
    assert examine(line, **BOTH).findings == [(codes.TWICE, "address 11", "")]
    # The second answers when the first has finished.
    line = Line(Meter("Eastron3P", 11, latency_ms=5), Meter("Eastron3P", 11, latency_ms=45),
                Meter("ABB", 12))
    assert examine(line, **BOTH).findings == [(codes.TWICE, "address 11", "")]
    # There is nobody else to compare with.
    line = Line(Meter("Eastron3P", 11), Meter("Eastron3P", 11, latency_ms=22))
    assert examine(line, **MAINS).findings == [(codes.TWICE, "address 11", "")]
    # They meet every other time.
    line = Line(Meter("Eastron3P", 11), Sleepy("Eastron3P", 11, 22, rests=2), Meter("ABB", 12))
    assert examine(line, **BOTH).findings == [(codes.TWICE, "address 11", "")]
    # Nobody expects them.
    line = Line(Meter("Eastron3P", 77), Meter("ABB", 77, latency_ms=21), Meter("ABB", 12))
    assert examine(line, ev_meter="ABB").findings == [(codes.TWICE, "address 77", "")]


def test_noise():
    line = Line(Meter("Eastron3P", 11), Meter("ABB", 12))
    line.spoil = lambda n: n % 97 == 0
    assert found(examine(line, **BOTH)) == {codes.NOISE: ["mains", "ev"]}
    # So much of it that no long answer comes through: still not two at one address.
    line = Line(Meter("Eastron3P", 11))
    line.spoil = lambda n: n % 14 == 0
    doctor = examine(line, **MAINS)
    assert found(doctor) == {codes.NOISE: ["mains"]}, doctor.findings


def test_one_damaged_answer_is_no_finding():
    line = Line(Meter("Eastron3P", 11))
    line.spoil = lambda n: n == 100
    assert examine(line, **MAINS).findings == []


def test_a_disturbance_that_is_over_is_no_finding():
    line = Line(Meter("Eastron3P", 11))
    line.spoil = lambda n: 100 < n < 300
    assert examine(line, **MAINS).findings == []


def test_answers_that_fail_to_come():
    doctor = examine(Line(Sleepy("Eastron3P", 11)), **MAINS)
    assert found(doctor) == {codes.UNSTEADY: ["mains"]}


def test_late_answers():
    doctor = examine(Line(Meter("Eastron3P", 11, latency_ms=120)), **MAINS)
    assert found(doctor) == {codes.SLOW: ["mains"]}
    assert 110 <= doctor.findings[0][2] <= 140

    # Late once is no finding.
    line = Line(Meter("Eastron3P", 11))
    write = line.write

    def late_once(buf):
        line.slaves[0].latency_ms = 120 if line.requests == 5 else 20
        write(buf)

    line.write = late_once
    assert examine(line, **MAINS).findings == []


def test_a_late_stranger_is_found_where_it_is():
    doctor = examine(Line(Meter("Eastron3P", 77, latency_ms=90), Meter("ABB", 12)),
                     ev_meter="ABB")
    assert doctor.findings == [(codes.FOUND, "address 77", "Eastron3P or InvEastrn")], \
        doctor.findings


def test_silence():
    # One of two: whatever is wrong with it, it is this one.
    doctor = examine(Line(Meter("ABB", 12)), **BOTH)
    assert doctor.findings == [(codes.SILENT, "mains", "")]
    assert doctor.ms < 90_000
    # A and B swapped at the charger.
    line = Line()
    assert examine(line, **BOTH).findings == [(codes.NOTHING, "bus", "")]
    assert line.asked[11, 9600, None] == 5  # it is given up soon, and scanned
    assert examine(Line()).findings == []  # nothing is expected


def test_another_master():
    line = Line(Meter("Eastron3P", 11))
    line.say(900, frame(60, b"\4\0\0\0\2"), 8)
    assert examine(line, **MAINS).findings == [(codes.OTHER_MASTER, "bus", 60)]
    assert line.requests == 0
    line = Line(Meter("Eastron3P", 11))
    line.say(2000, frame(9, b"\x10\0\x20\0\x0b\x16" + bytes(22)), 3)
    assert examine(line, **MAINS).findings == [(codes.OTHER_MASTER, "bus", 9)]


def test_rubbish():
    line = Line(Meter("Eastron3P", 11))
    line.say(900, b"\x11\x10\x99\x44\xff\x10\x22\x10", 5)
    assert found(examine(line, **MAINS)) == {codes.RUBBISH: ["bus"]}


def test_the_end_of_an_answer_is_nobody_else():
    line = Line(Meter("Eastron3P", 11))
    line.say(10, frame(11, b"\4\0\0\0\2"), 1)
    assert examine(line, **MAINS).findings == []


def test_one_address_for_two_of_ours():
    doctor = examine(Line(Meter("ABB", 12)), circt_met="ABB", circt_adr=12, ev_meter="ABB")
    assert doctor.findings == [(codes.SAME_ADDRESS, "circuit, ev", 12)]
    # That of a Sensorbox is its own.
    doctor = examine(Line(sensorbox()), mains_met="Sensorbox", mains_adr=77, ev_meter="ABB",
                     ev_adr=10)
    assert codes.SAME_ADDRESS in found(doctor)


def master(*states, **settings):
    it = core(**settings)
    it.group = Thing(state=bytes(states))
    it.joined = 1
    return it


def test_the_nodes_of_a_master():
    it = master(0, 1, 1, 0, 0, 0, 0, 0, **MAINS)
    assert examine(Line(Meter("Eastron3P", 11), node(1), node(2)), it).findings == []
    it = master(0, 1, 2, 0, 0, 0, 0, 0, **MAINS)
    line = Line(Meter("Eastron3P", 11), node(1), node(1))
    assert found(examine(line, it)) == {codes.NODE_TWICE: ["Node 1"],
                                        codes.NODE_SILENT: ["Node 2"]}


def test_a_stray_answer_is_no_node():
    line = Line(Meter("Eastron3P", 11), node(1))

    def write(buf):
        Line.write(line, buf)
        if buf[0] == 3 and line.asked[3, 9600, None] == 1:
            line.hear(frame(2, b"\4\2\0\0"), 30)

    line.write = write
    assert examine(line, master(0, 1, 0, 0, 0, 0, 0, 0, **MAINS)).findings == []


def test_a_nodes_meter_has_the_address_of_ours():
    it = master(0, 0, 0, 1, 0, 0, 0, 0, mains_met="ABB", mains_adr=23)
    doctor = examine(Line(Meter("ABB", 23), node(3)), it)
    assert doctor.findings == [(codes.SAME_ADDRESS, "mains, EV meter of Node 3", 23)]


def test_a_node_without_a_master():
    doctor = examine(Line(Meter("Eastron3P", 11), node(4)), **MAINS)
    assert doctor.findings == [(codes.NODE_ALONE, "Node 4", "")]


def test_a_node_only_listens():
    it = core(**MAINS)
    it.node, it.joined = 3, 4
    line = Line()
    assert examine(line, it).findings == [(codes.NO_MASTER, "bus", "")]
    line = Line()
    line.say(1000, frame(3, b"\4\0\0\0\x0c"), 3)
    assert examine(line, it).findings == [(codes.NOT_ASKED, "bus", "")]
    line = Line()
    line.say(1000, frame(4, b"\4\0\0\0\x0c"), 3)
    assert examine(line, it).findings == []
    assert line.requests == 0


def test_it_ends_when_a_car_begins_to_charge():
    line = Line(Meter("Eastron3P", 11))
    it = core(**MAINS)

    class Charger:
        @property
        def c1(self):
            return line.requests > 30

    it.charger = Charger()
    doctor = examine(line, it)
    assert doctor.state == "failed" and doctor.percent < 100
    assert line.requests <= 32
    it = core(**MAINS)
    it.regulator.evses.append(Thing(charging=True))
    assert examine(Line(), it).state == "failed"


def test_what_breaks_puts_the_line_back():
    class Broken(Line):
        def write(self, buf):
            if self.setting[0] == 2400:
                raise RuntimeError("the port is on fire")
            super().write(buf)

    doctor = examine(Broken(Meter("ABB", 12)), **BOTH)
    assert doctor.state == "failed"


def test_stopping_puts_the_line_back():
    import asyncio
    line = Line(Meter("ABB", 12))
    doctor = Doctor(Link(line, line.now, line.sleep_ms), line, core(**BOTH), line.now,
                    line.sleep_ms, "bus")
    steps = doctor.run()

    async def sleep_ms(ms):
        await Line.sleep_ms(line, ms)
        if line.setting[0] == 4800:
            raise asyncio.CancelledError

    doctor.sleep_ms = doctor.link._sleep_ms = sleep_ms
    try:
        run(steps)
        raise AssertionError("not cancelled")
    except asyncio.CancelledError:
        pass
    assert doctor.state == "stopped" and line.setting == (9600, None)


def test_its_modules_go_when_it_is_done():
    examine(Line())
    left = [name for name in sys.modules if name.startswith("evse.bus.doctor_")
            or name == "evse.bus.identify"]
    assert left == []


def test_findings_are_bounded_and_said_in_words():
    doctor = Doctor(None, None, None, None, None, "bus")
    for number in range(40):
        doctor.find(codes.FOUND, "address %d" % number, "ABB")
    for number in range(40):
        doctor.find(codes.SILENT, "meter %d" % number)
        doctor.find(codes.SILENT, "meter %d" % number)
    assert len(doctor.findings) == codes.FINDINGS_MAX
    assert doctor.findings[-1][0] == codes.FULL
    rows = list(doctor.rows())
    assert rows[0][:3] == (codes.FOUND, "ABB answers here, and no setting uses it", "address 0")
    assert rows[0][4] is False and rows[20][4] is True
    assert rows[20][3].startswith("Check its power supply")


def test_every_code_has_words():
    doctor = Doctor(None, None, None, None, None, "bus")
    known = [value for name, value in vars_of(codes) if name != "FINDINGS_MAX"]
    assert len(known) > 25
    for code in known:
        doctor.findings = [(code, "here", "DETAIL")]
        (_, what, where, hint, _), = doctor.rows()
        assert len(what) > 10 and where == "here" and "%" not in what + hint, (code, what)
        assert what[0] != " " and hint[-1:] == ".", (code, hint)


def vars_of(module):
    """(name, value) of the public numbers of a module."""
    return [(name, getattr(module, name)) for name in dir(module)
            if name.upper() == name and type(getattr(module, name)) is int]
