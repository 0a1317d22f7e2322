"""Each recorded frame of the node protocol, both ways: our Master reads it, our Node answers it.

What follows from them is tested with the Master and the Node; here none is left out.
"""

import testdata
from evse.bus.rtu import ExceptionReply, Link, crc16
from helpers_bus import Wire, frame, run
from helpers_node import Line, frames

# All recorded frames whose names begin so are decoded here.
RECORDED = ("node.status.", "node.write.", "node.config.", "node.exception.", "node8.",
            "real.node.", "real.broadcast.", "broadcast.", "seed.broadcast.", "seed.node.")
STATUS = ("state", "error", "current_dA", "mode", "solar_timer_s", "access", "config_changed",
          "max_A", "phases", "real_current", "temp_C", "serial16")
CONFIG = ("config", "lock", "min", "max", "loadbl", "switch", "rcmon", "rfid", "ev_type",
          "ev_addr")
SETTINGS = {"lock": "Disabled", "rcmon": "Enabled", "ev_meter": "Eastron3P", "ev_adr": 12,
            "trust_lan": "Enabled"}
BROADCAST = 9
OURS = "node.exception.addr.req"  # the reference has no register 0x0300, we have


def recorded():
    """Yield (name, frame, decoded) of all frames of the node protocol; returns how many."""
    known = frames(testdata.path("modbus_frames.jsonl"))
    for name in sorted(known):
        if name.startswith(RECORDED):
            data, decoded = known[name]
            assert crc16(data, 0, len(data)) == 0
            yield name, data, decoded


def heard(answer, request):
    """What our Master makes of ``answer`` to ``request``: its data, or the exception's code."""
    wire = Wire(lambda sent, n: [(20, answer)])
    link = Link(wire, wire.now, wire.sleep_ms)
    try:
        return bytes(run(link.transact(request[0], request[1:-2])))
    except ExceptionReply as problem:
        return problem.code


def test_a_master_reads_each_reply():
    known = frames(testdata.path("modbus_frames.jsonl"))
    count = 0
    for name, answer, decoded in recorded():
        if not name.endswith(".resp"):
            continue
        count += 1
        if name[:-4] + "req" in known:
            request = known[name[:-4] + "req"][0]
        else:  # the status of eight registers
            request = frame(answer[0], b"\4\0\0\0\x08")
        found = heard(answer, request)
        if "exception" in decoded:
            assert found == decoded["exception"], name
        elif answer[1] in (6, 16):
            assert found == answer[2:6] and found[:2] == request[2:4], name
            value = decoded.get("value", decoded.get("count"))
            assert found[2] << 8 | found[3] == value, name
        else:
            names = STATUS if ".status." in name else CONFIG
            if ".read.resp" in name:
                names = ("ev_meter_type", "ev_meter_addr")
            words = [found[i] << 8 | found[i + 1] for i in range(0, len(found), 2)]
            assert dict(zip(names, words)) == decoded, name
    assert count == 27, count


def test_a_node_answers_each_request():
    """One for all it answers never, one for itself always, and each in the form of the request."""
    count = 0
    for name, request, decoded in recorded():
        if name.endswith(".resp"):
            continue
        count += 1
        address = request[0]
        number = 1 if address == BROADCAST else address - 1
        line = Line(dict(SETTINGS, pwr_share="Node %d" % number))
        said = line.ask(request, None)
        if address == BROADCAST:
            assert said == b"", name
            if "balanced_dA" in decoded:
                assert line.bench.core.member.da == decoded["balanced_dA"][number], name
            continue
        assert said[0] == address and crc16(said, 0, len(said)) == 0, name
        function = request[1]
        if "exception" in name and name != OURS:
            assert said[1] == function | 0x80, name
        elif function == 6:
            assert said == request, name
        elif function == 16:
            assert said[1:6] == request[1:6], name
        else:
            assert said[1] == function and said[2] == 2 * request[5] == len(said) - 5, name
        assert not line.bench.core.charger.c1, name  # whatever it was, no car is here
    assert count == 32, count
