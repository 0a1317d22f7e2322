"""The Sensorbox: what it measures, its wiring and its WiFi, by recorded frames and own ones."""

import json
import struct

import testdata
from evse.bus.master import BadSample, Master
from evse.bus.rtu import ExceptionReply, Link, crc16
from evse.bus.sensorbox import Sensorbox
from evse.settings import Settings
from helpers_bus import Wire, frame, reply, run, run_for, turns

FRAMES = "modbus_frames.jsonl"
# All recorded frames whose names begin so are decoded here.
RECORDED = ("sensorbox.", "sensorbox15.", "sensorbox2.", "seed.sensorbox.")
READ_20 = b"\4\0\0\0\x14"
READ_32 = b"\4\0\0\0\x20"
GRID_3WIRE = b"\6\x08\0\0\2"
P1, OLD_P1, CT = 0x80, 0x40, 0x03


class Box:
    """A box as far as the master sees it, and the Sensorbox that reads it.

    That one has had time to find a smart meter, unless ``fresh``, and found none.
    """

    def __init__(self, fresh=False, **settings):
        self.settings = Settings(lambda *_: None)
        for key, value in settings.items():
            self.settings.set(key, value)
        self.calls = []
        self.device = Sensorbox(self.settings, lambda *call: self.calls.append(call))
        self.version, self.software, self.wifi, self.state = 0x14, 0, 1, 2
        self.volts, self.p1, self.ct = (230, 230, 230), (1, 2, 3), (4, 5, 6)
        self.password = b"12345678"
        self.obeys = True
        self.asked = []
        self.writes = []
        self.new = 0
        for _ in range(0 if fresh else 6):
            self.turn()
        self.new = CT
        self.asked = []

    def data(self, pdu):
        """What it answers to ``pdu``."""
        if pdu[0] == 6:
            self.writes.append(bytes(pdu[1:]))
            if self.obeys and pdu[2] == 0:
                self.version = self.version & ~3 | pdu[4]
            elif self.obeys:
                self.wifi = pdu[4]
            return pdu[1:]
        data = bytes((self.software, self.version, 50, self.new))
        data += struct.pack(">9f", *self.volts + self.p1 + self.ct)
        if pdu[4] == 32:
            data += bytes((self.state, self.wifi)) + bytes(6) + b"\xc0\xa8\1\x32" + bytes(4)
            data += bytes(reversed(self.password))
        return data

    def turn(self, clean=True):
        """Poll once; returns what was handed on: (dA, dA, dA, W), or None."""
        before = len(self.calls)
        pdu = self.device.begin()
        self.asked.append(pdu)
        while pdu:
            pdu = self.device.take(memoryview(self.data(pdu)), clean)
        if len(self.calls) == before:
            return None
        assert len(self.calls) == before + 1
        name, value, source = self.calls[-1]
        assert (name, value[0], value[5], source) == ("reading", "mains", None, "bus")
        return value[1:5]


def refused(function, *args):
    try:
        function(*args)
    except BadSample:
        return True
    return False


# ---- currents ----

def test_a_box_1_5_measures_by_its_transformers():
    box = Box(fresh=True)  # it can have no smart meter
    box.version, box.ct = 0x0F, (12.5, 3.25, 0.02)
    assert box.turn() == (125, 33, 0, None)
    device = box.device
    assert (device.version, device.software, device.wiring, device.p1) == (15, 0, 0, False)
    for _ in range(3):
        box.turn()
    assert box.asked == [READ_20] * 4 and not box.writes


def test_the_smart_meter_comes_before_the_transformers():
    box = Box()
    box.new, box.p1 = P1 | CT, (5.5, -2.25, 0.5)
    assert box.turn() == (55, -23, 5, 863)  # 3.75 A x 230 V, to the nearest W
    assert box.device.p1 and box.device.version == 20


def test_no_news_is_no_sample():
    box = Box()
    box.new = 0
    assert box.turn() is None and box.device.version == 20
    box.new = CT
    assert box.turn() == (40, 50, 60, None)


def test_transformers_do_not_stand_in_for_a_smart_meter_that_pauses():
    """Polled twice between two telegrams the box says that only the transformers have news."""
    box = Box()
    box.ct = (-1.1, 1.9, 2.8)  # where they have no voltage they know no direction
    for _ in range(3):
        box.new = P1 | CT
        assert box.turn() == (10, 20, 30, 1380)
        box.new = CT
        assert box.turn() is None
    # Its cable is pulled: after a while the transformers count again.
    found = [box.turn() for _ in range(5)]
    assert found == [None] * 3 + [(-11, 19, 28, None)] * 2
    assert not box.device.p1


def test_absent_transformers_never_replace_a_smart_meter():
    """What they measure is noise: the house would look empty."""
    for noise in ((0, 0, 0), (0.06, 0.07, 0.06), (0.06, 2, 0.06)):
        box = Box()
        box.ct = noise
        for new in (P1 | CT, P1, OLD_P1 | CT):
            box.new = new
            assert box.turn()[0] == 10
            box.new = CT
            assert [box.turn() for _ in range(20)] == [None] * 20
    # Without a smart meter 0 A is a measurement.
    box = Box()
    box.ct = (0, 0, 0)
    assert box.turn() == (0, 0, 0, None)


def test_transformers_are_believed_once_a_smart_meter_has_had_time_to_show_itself():
    box = Box(fresh=True)
    box.ct = (0.06, 0.06, 0.06)
    assert [box.turn() for _ in range(5)] == [None] * 5
    box.new = OLD_P1 | CT  # it tells each 10 s
    assert box.turn() == (10, 20, 30, 1380)
    box.new = CT
    assert [box.turn() for _ in range(20)] == [None] * 20


def test_another_box_is_another_house():
    box = Box()
    box.ct = (1, 2, 3)
    box.new = P1 | CT
    box.turn()
    for _ in range(5):
        box.device.missed()
    box.new = CT
    assert [box.turn() for _ in range(6)] == [None] * 5 + [(10, 20, 30, None)]


def test_an_old_smart_meter_tells_no_voltages():
    """Up to DSMR 4 the box's currents are the powers in W, divided by 1 V."""
    box = Box()
    box.new, box.volts, box.p1, box.ct = OLD_P1 | CT, (1, 1, 1), (2300, -460, 0), (0, 0, 0)
    assert box.turn() == (100, -20, 0, 1840) and box.device.p1
    box.new = CT
    assert box.turn() is None
    # Transformers that are there are faster.
    box.new, box.ct = OLD_P1 | CT, (9, 2, 0)
    assert box.turn() == (100, -20, 0, 1840)
    box.new = CT
    assert box.turn() == (90, 20, 0, None) and not box.device.p1


def test_phases_without_voltage_carry_no_current():
    box = Box()
    box.new, box.volts, box.p1 = P1, (236.5, 1, 1), (-10, 0, 0)
    assert box.turn() == (-100, 0, 0, -2365)


def test_big_transformers_above_100_a():
    for mains, factor in ((100, 1), (101, 2), (200, 2)):
        box = Box(mains=mains)
        box.ct = (-12.5, 3.25, 0.02)
        assert box.turn() == ((-125, 33, 0, None) if factor == 1 else (-250, 65, 0, None))
        box.new = P1
        assert box.turn() == (10, 20, 30, 1380)


def test_what_cannot_be_true_is_refused():
    for name in ("p1", "ct", "volts"):
        for bad in (float("nan"), float("inf"), 1e6):
            box = Box()
            box.new = CT if name == "ct" else P1
            setattr(box, name, (1, bad, 1))
            if name == "volts" and bad == 1e6:
                box.volts = (1, 1e6, 1)  # only the power shows it
            assert refused(box.turn) and not box.calls, (name, bad)


def test_another_device_at_its_address_is_refused():
    for version in (0, 4, 0x0E, 0x10, 0x18, 0x43, 0xFF):
        box = Box(fresh=True)
        box.version = version
        assert refused(box.turn) and box.device.version == 0


def test_replies_of_another_length_are_refused():
    box = Box()
    for wrong in (b"", box.data(READ_20)[:38], box.data(READ_32)):
        box.device.begin()
        assert refused(box.device.take, wrong, True)
    assert not box.calls


def test_a_reply_that_was_lost_is_made_up_for_soon():
    """What was new went with it: there will be more in a second, and not in the next turn."""
    box = Box()
    box.new = 0
    assert box.turn(clean=False) is None and box.device.soon_ms == 1000
    assert box.turn() is None and box.device.soon_ms == 0
    box.new = CT
    assert box.turn(clean=False) and box.device.soon_ms == 0
    for _ in range(4):
        box.device.begin()
        box.device.missed()
        assert box.device.soon_ms == 1000
    for _ in range(4):  # it is gone, and nobody is in a hurry
        box.device.begin()
        box.device.missed()
        assert box.device.soon_ms == 0


# ---- how much is asked for ----

def test_more_is_asked_of_a_box_that_has_more():
    box = Box()
    for software in (0, 1, 2, 3, 0):
        box.software = software
        box.turn()
        box.turn()
    assert box.asked == [READ_20, READ_20, READ_20, READ_32, READ_32, READ_32, READ_32, READ_32,
                         READ_32, READ_20]


def test_a_silent_box_is_asked_for_less():
    """It may be an older one now, which does not answer to more."""
    box = Box()
    box.software = 1
    box.turn()
    box.turn()
    assert box.asked[-1] == READ_32
    box.device.missed()
    box.turn()
    assert box.asked[-1] == READ_20
    box.turn()
    assert box.asked[-1] == READ_32


def test_a_lost_box_is_forgotten():
    box = Box()
    box.software, box.new = 1, P1
    box.turn()
    box.turn()
    device = box.device
    for _ in range(4):
        device.missed()
    box.turn()
    for _ in range(4):
        device.missed()
    assert (device.software, device.wifi_mode, device.p1, device.ip) == (
        1, 1, True, "192.168.1.50")
    device.missed()
    assert (device.version, device.software, device.wifi_mode, device.p1, device.ip,
            device.wifi_connected) == (0, 0, 0, False, "", False)


# ---- wiring ----

def test_the_wiring_follows_the_setting():
    box = Box(fresh=True, grid="3Wire")
    box.turn()
    assert box.writes == [b"\x08\0\0\2"] and box.version == 0x16
    box.turn()
    assert len(box.writes) == 1 and box.device.wiring == 2
    box.settings.set("grid", "4Wire")
    box.turn()
    assert box.writes[1:] == [b"\x08\0\0\0"] and box.version == 0x14


def test_the_rotation_stays_as_it_is():
    """Nothing of ours says how the phases turn: the box's own bit is kept."""
    box = Box(fresh=True, grid="3Wire")
    box.version = 0x15
    box.turn()
    assert box.writes == [b"\x08\0\0\3"] and box.version == 0x17
    box.turn()
    assert len(box.writes) == 1 and box.device.wiring == 3
    box = Box(fresh=True)
    box.version = 0x15
    box.turn()
    assert not box.writes


def test_a_box_that_does_not_follow_is_left_alone():
    box = Box(fresh=True, grid="3Wire")
    box.obeys = False
    for _ in range(50):
        box.turn()
    assert box.writes == [b"\x08\0\0\2"] * 3
    assert len(box.calls) == 45  # it is read all the same
    # Another value, and another box, are another matter.
    box.settings.set("grid", "4Wire")
    box.turn()
    box.settings.set("grid", "3Wire")
    for _ in range(50):
        box.turn()
    assert len(box.writes) == 6
    for _ in range(5):
        box.device.missed()
    for _ in range(50):
        box.turn()
    assert len(box.writes) == 9


def test_nothing_is_written_where_it_makes_no_difference():
    box = Box(fresh=True, grid="3Wire")
    box.new = P1
    box.turn()
    assert not box.writes  # the smart meter measures
    box = Box(fresh=True, grid="3Wire")
    box.version = 0x0F
    box.turn()
    assert not box.writes
    box = Box(fresh=True, grid="3Wire")
    box.turn(clean=False)
    assert not box.writes  # a late reply could be taken for the write's
    box.turn()
    assert len(box.writes) == 1


def test_another_echo_is_refused():
    box = Box(fresh=True, grid="3Wire")
    write = box.device.take(box.data(box.device.begin()), True)
    assert write == GRID_3WIRE
    assert refused(box.device.take, b"\x08\0\0\3", True)


def test_a_lost_write_is_not_repeated_in_its_turn():
    """The master repeats first requests that read, and nothing else."""
    box = Box(fresh=True, grid="3Wire")

    def answer(sent, n):
        return [] if sent[1] == 6 else [(20, reply(10, box.data(sent[1:-2])))]

    wire = Wire(answer, 20_000)
    master = Master(Link(wire, wire.now, wire.sleep_ms), wire.now, wire.sleep_ms)
    master.add(box.device, 2000, True)
    run_for(turns(master))
    kinds = [sent[1] for sent in wire.sent]
    assert kinds[:7] == [4, 6, 4, 6, 4, 6, 4] and kinds.count(6) == 3, kinds
    assert len(box.calls) == 5


# ---- WiFi ----

def wifi_box(**settings):
    box = Box(**settings)
    box.software, box.new = 1, P1
    return box


def test_what_the_box_says_about_its_wifi():
    box = wifi_box(sb2_wifi="Enabled")
    box.state = 6
    box.turn()
    device = box.device
    assert (device.ip, device.portal_password) == ("", "")  # the first request was the short one
    box.turn()
    assert (device.wifi_mode, device.wifi_connected, device.portal) == (1, True, True)
    assert (device.ip, device.portal_password) == ("192.168.1.50", "12345678")
    box.state = 0
    box.turn()
    assert (device.wifi_connected, device.portal, device.ip) == (False, False, "")


def test_the_box_is_asked_before_it_is_told():
    """Whoever set its WiFi before us meant it."""
    for mode, name in enumerate(("Disabled", "Enabled", "SetupWifi")):
        box = wifi_box(sb2_wifi="Enabled" if mode != 1 else "Disabled")
        box.wifi = mode
        box.state = 0
        for _ in range(5):
            box.turn()
        assert box.settings.get("sb2_wifi") == name and not box.writes
    # Only one that can be set.
    box = wifi_box()
    box.software = 2
    for _ in range(5):
        box.turn()
    assert box.settings.get("sb2_wifi") == "Disabled" and not box.writes
    assert (box.device.wifi_mode, box.device.ip) == (0, "")


def test_the_wifi_follows_the_setting():
    box = wifi_box()
    box.turn()
    box.turn()
    assert box.settings.get("sb2_wifi") == "Enabled"
    box.settings.set("sb2_wifi", "Disabled")
    box.turn()
    assert box.writes == [b"\x08\1\0\0"] and box.wifi == 0
    box.turn()
    box.obeys = False
    box.settings.set("sb2_wifi", "Enabled")
    for _ in range(20):
        box.turn()
    assert box.writes[1:] == [b"\x08\1\0\1"] * 3
    box.settings.set("sb2_wifi", "SetupWifi")
    for _ in range(20):
        box.turn()
    assert box.writes[4:] == [b"\x08\1\0\2"] * 3


def test_nothing_is_written_about_a_wifi_that_was_not_read():
    box = wifi_box()
    box.turn()
    box.turn()
    box.device.missed()
    box.settings.set("sb2_wifi", "Disabled")
    box.turn()
    assert box.asked[-1] == READ_20 and not box.writes
    box.turn()
    assert box.asked[-1] == READ_32 and len(box.writes) == 1


def test_the_portal_ends_when_the_box_has_a_network():
    box = wifi_box()
    box.state = 0
    box.turn()
    box.turn()
    box.settings.set("sb2_wifi", "SetupWifi")
    box.turn()
    assert box.writes == [b"\x08\1\0\2"] and box.wifi == 2
    box.state = 4
    for _ in range(5):
        box.turn()
    assert box.device.portal and box.settings.get("sb2_wifi") == "SetupWifi"
    box.state = 2
    box.turn()
    assert box.settings.get("sb2_wifi") == "Enabled" and box.writes[1:] == [b"\x08\1\0\1"]
    assert box.wifi == 1
    box.turn()
    assert len(box.writes) == 2


def test_the_portal_ends_when_the_box_ends_it():
    """It gives up after a while and goes back to on; nobody opens it again."""
    for connected in (0, 2):
        box = wifi_box()
        box.state = connected
        box.turn()
        box.turn()
        box.settings.set("sb2_wifi", "SetupWifi")
        box.turn()
        for _ in range(5):
            box.turn()  # a box that had a network opens its portal as well
        assert box.settings.get("sb2_wifi") == "SetupWifi" and len(box.writes) == 1
        box.wifi = 1
        for _ in range(3):
            box.turn()
        assert box.settings.get("sb2_wifi") == "Enabled" and len(box.writes) == 1


# ---- recorded frames ----

def recorded():
    """Yield (name, frame, decoded) of each frame of a Sensorbox."""
    with open(testdata.path(FRAMES)) as file:
        for line in file:
            item = json.loads(line)
            if item["name"].startswith(RECORDED):
                found = bytes.fromhex(item["hex"].replace(" ", ""))
                assert crc16(found, 0, len(found)) == 0
                yield item["name"], found, item["decoded"]


def set_for(name):
    """Settings that the frame ``name`` was recorded with."""
    settings = {}
    if "3wire" in name or "mismatch" in name:
        settings["grid"] = "3Wire"
    if "mains160" in name:
        settings["mains"] = 160
    return settings


def test_recorded_replies():
    """True values: those of P1 where told, else of the transformers, doubled above 100 A."""
    count = 0
    for name, found, decoded in recorded():
        if ".resp" not in name or name.endswith("exception.resp"):
            continue
        count += 1
        box = Box(**set_for(name))
        device = box.device
        data = found[3:-2]
        if len(data) == 64:  # it has told its software before
            device.begin()
            device.take(data[:40], True)
        if "wifi_change" in name:
            device.begin()
            device.take(data, True)
            box.settings.set("sb2_wifi", "SetupWifi")
        del box.calls[:]
        assert len(data) == 2 * device.begin()[4]
        write = device.take(memoryview(data), True)
        true = decoded["true"]
        amps = true.get("p1_A") or true.get("ct_A") or [5.5, -2.25, 0.5]
        if name == "sensorbox2.nodata.resp":
            assert not box.calls
        else:
            if name == "sensorbox2.dsmr4.resp":
                amps = [1, 2, 3]  # the reference takes what the transformers did not measure
            factor = 2 if "mains160" in name else 1
            (_, value, _), = box.calls
            for da, ampere in zip(value[1:4], amps):
                assert abs(da - 10 * factor * ampere) <= 0.5 + 1e-4, (name, value)
        writes = decoded["reference"].get("reply_writes")
        assert write == (bytes.fromhex(writes[0].replace(" ", ""))[1:-2] if writes else None), name
        assert device.version == (data[1] & 0xFC if data[1] > 15 else 15), name
        assert device.software == data[0]
        if "wifi" in true and data[0] == 1:
            wifi = true["wifi"]
            assert (device.wifi_connected, device.portal, device.wifi_mode) == (
                bool(wifi["connected"]), bool(wifi["portal"]), wifi["mode"])
            assert device.portal_password == "12345678"
            assert device.ip == ("192.168.1.50" if wifi["connected"] else "")
    assert count == 11, count


def test_recorded_requests():
    """Those we send, too; the one the seed sends by mistake is none of them."""
    found = {name: sent for name, sent, _ in recorded() if ".req" in name}
    box = wifi_box()
    sent = [frame(10, box.device.begin())]
    box.turn()
    sent.append(frame(10, box.device.begin()))
    box.wifi = 0
    box.turn()
    box.settings.set("sb2_wifi", "Enabled")
    box.turn()
    sent.append(frame(10, b"\6" + box.writes[-1]))
    box = Box(grid="3Wire")
    box.turn()
    sent.append(frame(10, b"\6" + box.writes[-1]))
    names = ("sensorbox.read20.req", "sensorbox.read32.req", "sensorbox2.set_wifi_on.req",
             "sensorbox2.set_grid_3wire.req")
    assert sent == [found.pop(name) for name in names]
    assert found.pop("seed.sensorbox.energy_bug.req")[1:6] == b"\4\xff\xff\0\2" and not found


def test_a_recorded_exception_is_one():
    (answer,) = [found for name, found, _ in recorded() if name == "sensorbox2.exception.resp"]
    wire = Wire(lambda sent, n: [(20, answer)])
    try:
        run(Link(wire, wire.now, wire.sleep_ms).transact(10, READ_32))
        raise AssertionError
    except ExceptionReply as problem:
        assert problem.code == 2


def test_no_recorded_frame_was_left_out():
    """11 replies, 5 requests and an exception."""
    assert len(list(recorded())) == 11 + 5 + 1
