"""Fuzzing of RS485: frames to a node, replies to a master, what meters and nodes say."""

from evse.bus import rtu
from evse.bus.master import Master
from evse.bus.meters import Meter, entry_of
from evse.bus.node import Node
from evse.bus.sensorbox import Sensorbox
from evse.bus.share import Share
from evse.settings import METERS
from fuzz_world import World, must
from helpers_bus import Over, Wire, frame, run

_REQUESTS = (b"\4\0\6\0\x0c", b"\3\x5b\x0c\0\x10", b"\4\0\0\0\x14", b"\6\0\6\0\0", b"\4\1\x08\0\2",
             b"\x10\0\0\0\2\4\0\5\0\0", b"\4\0\0\0\x0c")
_NODE, _EVERYBODY, _SLAVE = 2, 9, 10
_TURNS = 12
_CIRCUIT_DA = 320
_SLACK_MS = 50


class Line(Wire):
    """A line that can also be told how fast it is."""

    def configure(self, _baud, _parity):
        """It makes no difference here."""


class Link:
    """A byte that chooses a request, then all that comes back, which may be anything."""

    def __init__(self, _folder):
        pass

    def one(self, data):
        """Ask once."""
        pdu = _REQUESTS[data[0] % len(_REQUESTS) if data else 0]
        wire = Line(lambda _frame, _number: _lumps(data[1:]))
        link = rtu.Link(wire, wire.now, wire.sleep_ms)
        try:
            reply = run(link.transact(_SLAVE, pdu))
        except rtu.BusError:
            reply = None
        else:
            wanted = 2 * (pdu[3] << 8 | pdu[4]) if pdu[0] < 5 else 4
            must(len(reply) == wanted, "a reply of another length")
        must(wire.elapsed <= rtu.worst_ms(pdu) + _SLACK_MS, "it takes longer than it can")


def _lumps(data):
    """Bytes as a receiver hands them on: a few at a time, with pauses."""
    step = (256, 3, 17)[len(data) % 3]
    return [(10 + at, data[at:at + step]) for at in range(0, len(data), step)]


def frames(data):
    """Frames out of ``data``: address, length, then the PDU, which is sealed; 0 seals nothing."""
    while len(data) > 2:
        address, length = data[0], data[1]
        pdu = data[2:2 + length]
        data = data[2 + length:]
        yield frame(address, pdu) if address else pdu


class Told:
    """Frames to a node, see ``frames``."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Have the node hear all of them."""
        world = World(self._folder, pwr_share="Node 1", mode="Smart", ev_meter="Eastron3P",
                      ev_adr=12)
        wire = Line(lambda _frame, _number: ())
        wire._pending = [(wire.clock + 40 * number, part)
                         for number, part in enumerate(frames(data))]
        node = Node(world.core, wire, wire.now, wire.sleep_ms)
        while wire._pending:
            run(node.turn())
        run(node.turn())
        for sent in wire.sent:
            must(sent[0] == _NODE and frame(_NODE, sent[1:-2]) == sent, "it said no sound frame")
        must(len(wire.sent) <= len(data), "it says more than it is asked")
        world.judge()


class Meters:
    """A kind of meter, then the content of its replies, of which each has the length asked for."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Read the meter, a Sensorbox and nodes that say this."""
        kind = METERS[data[0] % len(METERS) if data else 4]
        settings = {"pwr_share": "Master", "mode": "Smart", "mains_met": kind, "circuit": 32,
                    "circt_met": "API", "ev_meter": "API", "max": 16}
        world = World(self._folder, **settings)
        content = data[1:] or b"\0"

        def answer(sent, number):
            if sent[0] == _EVERYBODY:
                return ()
            pdu = sent[1:-2]
            if pdu[0] > 4:
                return [(10, frame(sent[0], pdu[:5]))]
            count = 2 * (pdu[3] << 8 | pdu[4])
            at = 40 * number % len(content)
            said = (content[at:] + content * (count // len(content) + 1))[:count]
            return [(10, frame(sent[0], bytes([pdu[0], count & 0xFF]) + said))]

        wire = Line(answer)
        core = world.core
        master = Master(rtu.Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
        entry = entry_of(kind, core.settings)
        if entry:
            master.add(Meter(entry, "mains", 20, core.command), 500)
        master.add(Sensorbox(core.settings, core.command), 500)
        Share(core, wire.now).add_to(master, 500)
        try:
            for _ in range(_TURNS):
                run(master.turn())
        except Over:
            pass
        world.judge()
        must(sum(core.regulator.grant_da) <= _CIRCUIT_DA, "more is granted than the circuit bears")
