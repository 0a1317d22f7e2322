"""The EV meters of Nodes on one line: their Master polls them, and the Nodes listen."""

import struct

from evse.bus.rtu import crc16
from helpers_bus import reply
from helpers_line import BYTE_US, Charger, Line

CYCLE_MS = 2000
MASTER = {"pwr_share": "Master", "circuit": 32, "max": 16, "config": "Fixed"}


def drawn(charger):
    """DA that a car takes on each phase."""
    return charger.core.charger.offered_da if charger.core.charger.c1 else 0


class Meter:
    """An SDM630 or Orno 516 behind ``charger``: currents of what it draws, 1234.5 kWh."""

    def __init__(self, line, charger, address, orno=False):
        self.port = line.join()
        self.address = address
        self.requests = 0
        self._line = line
        self._charger = charger
        self._orno = orno
        line.start(self._serve())

    async def _serve(self):
        heard = bytearray()
        buf = bytearray(64)
        while True:
            count = self.port.readinto(buf)
            if count:
                heard += buf[:count]
            elif heard:
                self._answer(bytes(heard))
                heard = bytearray()
            await self._line.sleep_ms(5)

    def _answer(self, request):
        if (request[0] != self.address or request[1] not in (3, 4) or len(request) != 8
                or crc16(request, 0, 8)):
            return
        self.requests += 1
        da = drawn(self._charger)
        count = request[5]
        values = ([da / 10] * 3 + [da * 23] * 3 if count == 12 else
                  [da / 10] * (count // 2) if count > 2 else [1234.5])
        self.port.write(reply(self.address, struct.pack(">%df" % len(values), *values),
                              request[1]))


def group(number, kind="Eastron3P"):
    """A Master and ``number`` nodes with their meters at 21 and up, that know each other."""
    line = Line()
    master = Charger(line, MASTER)
    nodes = []
    meters = []
    for n in range(1, number + 1):
        nodes.append(Charger(line, {"pwr_share": "Node %d" % n, "max": 16, "config": "Fixed",
                                    "ev_meter": kind, "ev_adr": 20 + n}))
        meters.append(Meter(line, nodes[-1], 20 + n))
    line.run(25_000)
    return line, master, nodes, meters


def test_a_node_knows_its_ev_meter_from_what_its_master_asks():
    line, master, nodes, _ = group(2)
    nodes[1].car = "C"
    line.run(30_000)
    assert drawn(nodes[1]) > 60
    for node in nodes:
        assert node.status.ev_wh == 1_234_500
        assert 0 <= node.status.ev_age_ms < 2 * CYCLE_MS + 1000
        assert node.status.ev_da(0) == node.status.ev_da(2) == drawn(node)
    assert master.status.ev_age_ms == -1  # it is nobody's business but theirs
    row = nodes[1].bus.rows()[1]
    assert row["ok"] and row["name"] == "ev" and row["crc"] == row["refused"] == 0


def test_a_meter_type_of_our_own_is_told_and_heard():
    line, _, nodes, meters = group(1, "Orno 516")
    assert meters[0].requests
    nodes[0].car = "C"
    line.run(30_000)
    assert drawn(nodes[0]) > 60
    assert nodes[0].status.ev_da(1) == drawn(nodes[0])


def test_a_change_of_the_meter_is_noticed_within_a_few_cycles():
    line, _, nodes, _ = group(1)
    nodes[0].command("set", ("ev_adr", 99), "LCD")
    other = Meter(line, nodes[0], 99)
    line.run(3 * CYCLE_MS)
    assert other.requests
    assert nodes[0].core.member.acknowledged == nodes[0].settings.changes
    nodes[0].command("set", ("ev_meter", "Disabled"), "LCD")
    line.run(3 * CYCLE_MS)
    asked = other.requests
    line.run(5 * CYCLE_MS)
    assert other.requests == asked


def test_seven_nodes_with_meters_leave_the_cycle_as_it_is():
    line, _, nodes, _ = group(7)
    del line.traffic[:]
    begin = line.us
    line.run(60_000)
    for number in range(2, 9):
        polls = [at for at, sent in line.frames(number, 4) if len(sent) == 8]
        gaps = [later - at for at, later in zip(polls, polls[1:])]
        assert len(polls) >= 28 and max(gaps) <= CYCLE_MS + 500, (number, max(gaps))
    told = [at for at, sent in line.frames(9) if sent[2:4] == b"\0\x20"]
    assert max(later - at for at, later in zip(told, told[1:])) <= CYCLE_MS + 500
    busy_us = sum(len(sent) for _, sent in line.traffic) * BYTE_US
    assert busy_us < (line.us - begin) // 2
    assert line.spoilt == 0
    for node in nodes:
        assert 0 <= node.status.ev_age_ms < 7 * CYCLE_MS + 1000
