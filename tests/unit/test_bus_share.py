"""The Master's side of the node protocol: a real core, and the frames of the reference."""

import json

import testdata
from evse.bus import share as shares
from evse.bus.master import BadSample
from helpers_bus import frame
from helpers_core import Bench

MASTER = {"pwr_share": "Master", "mode": "Normal", "circuit": 32, "max": 32}
# Registers of a status, as the recorded replies have them, but in Normal.
A = [0, 0, 0, 0, 0, 1, 1, 16]
COMM_B = [4, 0, 0, 0, 0, 1, 0, 16]
B = [1, 0, 60, 0, 0, 1, 0, 16]
COMM_C = [6, 0, 60, 0, 0, 1, 0, 16]
C = [2, 0, 160, 0, 0, 1, 0, 16]
REFUSED = [9, 1, 0, 0, 0, 1, 0, 16]
OURS = [0x4D02, 0, 20, 4711]


def recorded():
    """The recorded frames by name: bytes with checksum."""
    frames = {}
    with open(testdata.path("modbus_frames.jsonl")) as file:
        for line in file:
            one = json.loads(line)
            frames[one["name"]] = bytes.fromhex(one["hex"].replace(" ", ""))
    return frames


def words(*values):
    """The data of a reply: registers of 16 bits, made up to the 12 that are asked for."""
    values = list(values[0]) if len(values) == 1 else list(values)
    values += [0] * (12 - len(values))
    return b"".join(value.to_bytes(2, "big") for value in values)


class Group:
    """A Master with its devices for nodes, and what they want to send."""

    def __init__(self, settings=None):
        self.bench = Bench(dict(MASTER, **(settings or {})))
        self.core = self.bench.core
        self.share = shares.Share(self.core, lambda: self.bench.now)
        self.devices = []
        self.share.add_to(self, 2000)
        self.currents = self.devices[0]
        self.nodes = [None] + self.devices[1:8]
        self.settings, self.meters = self.devices[8:]
        self.bench.run(1000)

    def add(self, device, period_ms):
        self.devices.append(device)

    def turn(self, n, status, *acknowledged):
        """One poll of node n that answers ``status``; returns what it is sent, as PDUs.

        ``acknowledged`` are its answers to that; without one it does not answer any more.
        """
        node = self.nodes[n]
        assert node.begin() == b"\x04\0\0\0\x0c"
        sent = []
        pdu = node.take(words(status), True)
        answers = list(acknowledged)
        while pdu:
            sent.append(bytes(pdu))
            if not answers:
                break
            pdu = node.take(answers.pop(0), True)
        return sent

    def grant(self, n):
        return self.core.regulator.grant_da[n]


def known(group, *numbers):
    """Take nodes for ones whose EV meter is known not to be there."""
    for n in numbers:
        group.share.known[n] = 1
    return group


def admitted(group, n, status=COMM_B):
    """Have node n ask until the regulator has something for it."""
    known(group, n)
    for _ in range(5):
        group.turn(n, status)
        if group.grant(n):
            return
        group.bench.run(1000)
    raise AssertionError("nothing granted")


def test_every_recorded_status_is_understood():
    frames = recorded()
    for name, wants, charging, mode, max_da in (
            ("A", False, False, 1, 160), ("B", True, False, 1, 320),
            ("COMM_B", True, False, 1, 160), ("COMM_C", True, False, 1, 160),
            ("C", True, True, 1, 160), ("B1_LESS6A", True, False, 2, 160),
            ("solar_timer", True, True, 2, 160), ("rcm", False, False, 1, 160),
            ("modeN_off", False, False, 0, 160), ("read12", True, True, 1, 160)):
        reply = frames["node.status.%s.resp" % name]
        group = known(Group(), 1)
        group.nodes[1].begin()
        group.nodes[1].take(reply[3:-2], True)
        view = group.core.regulator.evses[1]
        assert (view.wants, view.charging, view.mode, view.max_da, view.phases) == (
            wants, charging, mode, max_da, 0), name
        assert group.core.group.state[1] == 1 and not group.core.group.ours[1]


def test_a_status_that_is_too_short_is_refused():
    group = Group()
    group.nodes[1].begin()
    try:
        group.nodes[1].take(b"\0\4" * 7, True)
    except BadSample:
        assert group.core.group.state[1] == 0
        return
    raise AssertionError


def test_a_node_is_permitted_in_two_steps_in_the_words_of_the_reference():
    frames = recorded()
    group = known(Group(), 1)
    assert not group.turn(1, COMM_B)  # nothing is granted yet
    assert not group.core.group.waiting(1)
    group.bench.run(1000)
    assert group.grant(1) and group.nodes[1].urgent()
    sent = group.turn(1, COMM_B)
    assert [frame(2, pdu) for pdu in sent] == [frames["node.write.COMM_B_OK.req"]]
    sent = group.turn(1, COMM_B, b"\0\0\0\2")  # once more, and now acknowledged
    assert len(sent) == 1
    assert not group.nodes[1].urgent() and group.nodes[1].soon_ms
    assert not group.turn(1, B)
    view = group.core.regulator.evses[1]
    assert view.wants and not view.charging
    sent = group.turn(1, COMM_C, b"\0\0\0\2")
    assert [frame(2, pdu) for pdu in sent] == [frames["node.write.COMM_C_OK.req"]]
    assert view.charging  # it may be, from this moment on
    group.turn(1, C)
    assert view.charging
    group.turn(1, B)
    assert not view.charging


def test_a_permission_that_got_lost_is_given_again_and_counts_until_the_node_says_otherwise():
    group = Group()
    admitted(group, 1)
    view = group.core.regulator.evses[1]
    assert group.turn(1, COMM_C)  # not acknowledged: old nodes are like that
    assert view.charging
    assert group.turn(1, COMM_C)
    group.turn(1, A)
    assert not view.charging and not view.wants


def test_one_that_does_not_take_a_permission_does_not_hold_up_the_others():
    """Hasty is only who asked in vain: else a deaf node would be asked again and again."""
    group = known(Group(), 1)
    group.turn(1, COMM_B)
    group.bench.run(1000)
    assert group.nodes[1].urgent()
    assert group.turn(1, COMM_B)  # nobody acknowledges
    assert group.core.group.waiting(1) and not group.nodes[1].urgent()
    group.nodes[1].begin()
    group.nodes[1].missed()
    assert not group.nodes[1].urgent()
    assert group.turn(1, COMM_B, b"\0\0\0\2")


def test_nothing_is_permitted_without_a_grant():
    group = known(Group({"circuit": 10}), 1, 2)
    admitted(group, 1)
    group.turn(1, C)
    for _ in range(4):
        group.turn(1, C)
        assert not group.turn(2, COMM_C)
        group.bench.run(1000)
    assert not group.core.regulator.evses[2].charging


def test_who_waits_long_is_refused_and_asked_back():
    group = known(Group({"circuit": 10}), 1, 2)
    admitted(group, 1)
    waited = 0
    while True:
        group.turn(1, C)
        sent = group.turn(2, COMM_B)
        if sent:
            break
        waited += 1
        assert waited < 15
        group.bench.run(1000)
    assert waited >= 9
    assert sent == [b"\x06\0\1\0\1"]  # the flag alone: never a state it may have left meanwhile
    assert not group.turn(2, REFUSED)
    group.turn(1, A)
    group.bench.run(4000)
    assert group.grant(2)
    assert group.turn(2, REFUSED) == [b"\x06\0\1\0\0"]


def test_other_flags_of_a_node_stay_when_it_is_refused():
    group = known(Group({"circuit": 10}), 1, 2)
    admitted(group, 1)
    status = [4, 8] + COMM_B[2:]
    sent = []
    for _ in range(12):
        group.turn(1, C)
        sent = group.turn(2, status)
        group.bench.run(1000)
    assert sent == [b"\x06\0\1\0\x09"]


def test_our_own_nodes_are_told_the_reason_and_never_refused():
    group = known(Group({"circuit": 10}), 1, 2)
    admitted(group, 1)
    sent = []
    for _ in range(20):
        group.turn(1, C)
        sent += group.turn(2, COMM_B + OURS, b"\3\x10\0\2")
        group.bench.run(1000)
    assert sent and all(pdu[:5] == b"\x10\3\x10\0\2" for pdu in sent)
    assert group.core.regulator.evses[2].phases == 2
    reasons = [pdu[7] for pdu in sent]
    assert reasons[-1] == group.core.regulator.grant_reason[2]
    assert all(a != b for a, b in zip(sent, sent[1:]))  # told when it changes


def test_a_node_that_can_take_nothing_is_not_waited_for():
    group = known(Group(), 1)
    group.turn(1, COMM_B[:7] + [0])
    assert not group.core.regulator.evses[1].wants


def test_a_mode_set_here_reaches_every_node_once():
    group = known(Group({"mains_met": "API"}), 1, 2, 3)
    normal = [0, 0, 0, 0, 0, 1, 0, 16]
    off = [0, 0, 0, 0, 0, 0, 0, 16]
    for n in (1, 2, 3):
        assert not group.turn(n, normal)
    group.bench.command("mode", "Solar")
    group.bench.run(1000)
    assert group.turn(1, normal) == [b"\x06\0\3\0\2"]
    assert group.turn(1, normal) == [b"\x06\0\3\0\2"]  # it has not said so yet
    assert [group.turn(3, normal) for _ in range(9)].count([]) == 6  # some never will
    assert not group.turn(2, off)  # an old node would switch on
    assert not group.turn(1, [0, 0, 0, 2, 0, 1, 0, 16])
    assert not group.turn(1, normal)  # what it is set to afterwards is its own affair
    assert group.core.regulator.evses[1].mode == 0
    assert group.turn(2, normal) == [b"\x06\0\3\0\2"]  # switched on, it hears of it


def test_the_ev_meter_of_a_node_is_asked_for_and_polled():
    frames = recorded()
    group = Group()
    sent = group.turn(1, A, b"\0\4\0\x0c", b"\0\6\0\0")
    assert [frame(2, pdu) for pdu in sent] == [
        frames["node.config.read.req"], frames["node.config.ack.req"]]
    assert (group.share.meter[1], group.share.address[1]) == (4, 12)
    assert not group.turn(1, A[:6] + [0, 16])
    slow = set()
    for _ in range(4):
        assert group.meters.begin() == b"\4\0\6\0\x0c" and group.meters.address == 12
        pdu = group.meters.take(b"", True)
        slow.add(bytes(pdu))
        assert group.meters.take(b"", True) is None
    assert slow == {b"\4\0\x34\0\2", b"\4\0\x48\0\2"}  # power and energy in turn
    assert group.turn(1, A)  # it has changed again


def test_meters_of_several_nodes_take_turns_and_a_silent_one_does_not_hold_them_up():
    group = Group()
    for n, kind, address in ((1, 4, 12), (2, 6, 13), (5, 9, 14), (6, 200, 15), (7, 4, 5)):
        group.turn(n, A, bytes([0, kind, 0, address]))
    asked = []
    for _ in range(12):
        group.meters.begin()
        asked.append(group.meters.address)
        if group.meters.address == 13:
            group.meters.missed()
    assert asked[:2] == [12, 13] and asked.count(13) == 2  # an API meter is on nobody's bus
    assert set(asked) == {12, 13}


def test_no_ev_meter_no_request():
    group = Group()
    group.turn(1, A, b"\0\0\0\x0c")
    assert group.meters.begin() is None


def test_each_meter_tells_power_and_energy_whoever_else_has_one():
    group = Group()
    for n in (2, 3, 5):
        group.turn(n, A, bytes([0, 4, 0, 10 + n]))
    asked = {}
    for _ in range(12):
        group.meters.begin()
        asked.setdefault(group.meters.address, []).append(bytes(group.meters.take(b"", True)))
    assert sorted(asked) == [12, 13, 15]
    for requests in asked.values():
        assert requests.count(b"\4\0\x34\0\2") == requests.count(b"\4\0\x48\0\2") == 2


def test_our_own_nodes_tell_types_an_old_master_must_not_see():
    group = Group()
    sent = group.turn(1, A[:6] + [0, 16] + OURS, b"\3\x10\0\2", b"\0\x14\0\x0c")
    assert sent[1] == b"\4\3\2\0\2"
    assert (group.share.meter[1], group.share.address[1]) == (20, 12)


def test_currents_are_told_as_the_reference_tells_them():
    frames = recorded()
    group = Group()
    group.core.regulator.grant_da[0] = 160
    group.core.regulator.grant_da[1] = 100
    assert group.currents.begin() is None and not group.currents.urgent()
    for n in range(1, 8):
        group.nodes[n].missed()
    group.core.read(0, (-68, -102, 23), None, None, 5000)
    assert group.currents.urgent()
    assert frame(9, group.currents.begin()) == frames["broadcast.currents11.req"]
    assert not group.currents.urgent()
    group.core.regulator.grant_da[1] = 0
    assert group.currents.urgent()
    group.core.read(0, (-68, -102, -102), None, None, 5000)
    assert frame(9, group.currents.begin()) == frames["broadcast.currents_zero.req"]


def test_nothing_is_told_before_every_node_was_asked():
    group = Group()
    group.bench.car = "B"
    for n in range(1, 7):
        group.nodes[n].missed()
        group.bench.run(1000)
        assert group.currents.begin() is None
    assert not group.core.charger.offered_da  # neither others nor itself
    group.turn(7, A)
    assert group.currents.begin()
    group.bench.run(1000)
    assert group.core.charger.offered_da


def test_settings_are_told_when_they_change_and_to_who_comes():
    group = known(Group({"circuit": 200, "mains_met": "Orno 517"}), 1, 2)
    assert group.settings.begin() is None  # nobody is there
    group.turn(1, A)
    pdu = group.settings.begin()
    # Only what all versions agree on, and nothing an old node would refuse.
    assert pdu == b"\x10\2\1\0\x09\x12" + words(160, 0, 0, 25, 4, 10, 0, 9, 10)[:18]
    assert group.settings.begin() == pdu  # twice, in case somebody missed it
    assert group.settings.begin() is None
    group.bench.command("set", ("start", 7))
    for _ in range(2):
        assert group.settings.begin()[14:16] == b"\0\x07"
    assert group.settings.begin() is None
    group.turn(2, A)
    assert group.settings.begin() and group.settings.begin()
    assert group.settings.begin() is None


def test_a_node_that_misses_five_polls_is_lost_and_its_meter_left_alone():
    group = Group()
    admitted(group, 1)
    group.turn(1, C)
    group.share.meter[1], group.share.address[1] = 4, 12
    for _ in range(4):
        group.nodes[1].begin()
        group.nodes[1].missed()
    assert group.core.group.state[1] == 1 and group.grant(1)
    group.nodes[1].missed()
    group.bench.run(1000)
    assert group.core.group.state[1] == 2
    view = group.core.regulator.evses[1]
    assert view.charging and not view.wants  # its current stays reserved
    assert group.meters.begin() is None
    group.bench.run(21_000)
    assert not view.charging
    group.turn(1, A)
    assert group.core.group.state[1] == 1


def test_the_bus_ends_its_turns_when_this_is_no_master_any_more():
    """What nodes are told until it notices is that there is nothing for them."""
    group = Group()
    for n in range(1, 8):
        group.turn(n, A)
    admitted(group, 7)
    group.currents.begin()
    group.bench.command("set", ("pwr_share", "Disabled"), "LCD")
    assert len(group.core.regulator.evses) == 1
    for n in range(1, 8):
        for status in (A, COMM_B, OURS, C):
            group.turn(n, status)
        group.nodes[n].missed()
        assert not group.grant(n)
    assert group.currents.begin()[6:22] == bytes(16)
    assert not group.currents.urgent()
