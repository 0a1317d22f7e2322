"""The Node on the bus: the frames of the reference, its Masters, and a line full of others."""

import random

import testdata
from evse import reasons
from evse.bus.node import BROADCAST
from evse.bus.rtu import crc16
from evse.charging import faults
from evse.charging.states import STATE_A, STATE_B, STATE_B1, STATE_C, STATE_C1
from evse.power import readings as sources
from helpers_bus import SDM630_CURRENT, frame, reply
from helpers_node import ADDRESS, SMART, Line, Master, frames, read, words, write

EASTRON = {"ev_meter": "Eastron3P"}


def charging(line, master=None, da=160):
    """Have the car of ``line`` charge by the grace of a Master."""
    master = master or Master(line)
    master.cycles(1)
    master.da = da
    line.bench.car = "B"
    master.cycles(3)
    line.bench.car = "C"
    master.cycles(4)
    assert line.bench.core.charger.c1, line.bench.status.reason_text()
    return master


def told(line, da, mains=()):
    """Have everybody hear the currents."""
    currents = [0] * 8
    currents[1] = da
    return line.ask(write(0x20, *(currents + list(mains))), BROADCAST)


# ---- the frames of the reference ----

def test_the_status_is_that_of_the_reference_byte_for_byte():
    known = frames(testdata.path("modbus_frames.jsonl"))

    def same(line, name):
        said = line.ask(known["node.status.A.req"][0], None)
        assert said == known[name][0], (name, said.hex())

    def line_of(settings=None):
        line = Line(settings)
        told(line, 0)
        line.ask(known["node.config.ack.req"][0], None)
        return line, Master(line)

    line = Line()
    told(line, 0)
    same(line, "node.status.A.resp")  # nobody has read its configuration yet
    line, master = line_of()
    line.bench.car = "B"
    line.turn(20)
    same(line, "node.status.COMM_B.resp")
    master.da = 60
    master.cycles(4)
    line.bench.car = "C"
    line.turn(10)
    same(line, "node.status.COMM_C.resp")
    master.cycles(2)
    master.da = 160
    master.cycles(1)
    same(line, "node.status.C.resp")
    line.bench.command("access", "Off")
    line.bench.command("set", ("mode", "Normal"), "bus")
    line.ask(known["node.config.ack.req"][0], None)
    line.bench.car = "B"
    told(line, 0)
    same(line, "node.status.modeN_off.resp")

    line, master = line_of({"max": 32})
    line.bench.car = "B"
    master.da = 60
    master.cycles(4)
    same(line, "node.status.B.resp")

    line, master = line_of({"mode": "Solar"})
    master.mode = 2
    charging(line, master, 60)
    line.ask(known["node.write.solar_timer.req"][0], None)
    same(line, "node.status.solar_timer.resp")

    line, master = line_of({"mode": "Solar"})
    line.bench.car = "B"
    line.turn(20)
    line.ask(known["node.write.deny_LESS6A.req"][0], None)
    told(line, 0)
    same(line, "node.status.B1_LESS6A.resp")

    line, master = line_of({"rcmon": "Enabled"})
    line.bench.car = "B"
    line.turn(30)
    line.bench.rcm = True
    line.turn(5)
    same(line, "node.status.rcm.resp")


def test_each_request_of_the_reference_is_answered_as_by_the_reference():
    known = frames(testdata.path("modbus_frames.jsonl"))
    line = Line({"lock": "Disabled", "rcmon": "Enabled", "ev_meter": "Eastron3P", "ev_adr": 12,
                 "trust_lan": "Enabled"})
    told(line, 0)
    answered = 0
    for name in sorted(known):
        if not name.startswith("node.") or not name.endswith(".req") or ".status." in name:
            continue
        reply_name = name[:-4] + ".resp"
        if name in ("node.exception.addr.req", "node.ev_sniff.energy.req"):
            continue  # that register is ours; and that one is for a meter
        said = line.ask(known[name][0], None)
        assert said == known[reply_name][0], (name, said.hex())
        answered += 1
    assert answered == 14, answered
    for name in ("node.write.single.solar_timer", "node.write.access_off"):
        assert line.ask(known[name][0], None) == known[name][0]
    assert line.bench.core.access.state == 0
    assert line.bench.core.member.sun_s in (599, 600)
    assert line.bench.settings.get("max") == 20


def test_what_lies_beyond_the_first_eight_registers():
    known = frames(testdata.path("modbus_frames.jsonl"))
    line = Line()
    line.bench.core.serial = 0x1A2B
    charging(line)
    line.ask(known["node.config.ack.req"][0], None)
    said = line.ask(known["node.status.read12.req"][0], None)
    wanted = bytearray(known["node.status.read12.resp"][0])
    assert wanted[19] == 0
    wanted[19] = 0x4D  # by this our Masters know us
    wanted[-2:] = frame(ADDRESS, wanted[1:-2])[-2:]
    assert said == bytes(wanted), said.hex()


def test_a_node_with_another_number_answers_for_that_one_alone():
    known = frames(testdata.path("modbus_frames.jsonl"))
    line = Line({"pwr_share": "Node 7"})
    line.ask(known["broadcast.currents11.node7"][0], None)
    assert line.bench.core.member.da == 320
    said = line.ask(known["node8.status.req"][0], None)
    assert said[:3] == b"\x08\x04\x10" and said[7:9] == words(320)
    assert line.ask(known["node.status.A.req"][0], None) == b""


def test_the_currents_of_the_reference_reach_charger_and_display():
    known = frames(testdata.path("modbus_frames.jsonl"))
    line = Line()
    master = charging(line)
    bench = line.bench
    for name in ("broadcast.currents11.req", "broadcast.currents11.node7"):
        assert line.ask(known[name][0], None) == b""
        line.turn(80)
        amps = known[name][1]["Irms_dA"]
        assert [bench.status.mains_da(phase) for phase in range(3)] == amps
        assert bench.core.charger.offered_da == known[name][1]["balanced_dA"][1]
    for name in ("broadcast.currents_zero.req", "broadcast.real_log"):
        charging(line, master)
        assert line.ask(known[name][0], None) == b""
        assert bench.core.charger.state == STATE_C1
        bench.car = "B"
        line.turn(40)


def test_errors_settings_mode_and_timer_told_to_all():
    known = frames(testdata.path("modbus_frames.jsonl"))
    line = Line()
    charging(line)
    assert line.ask(known["broadcast.error.req"][0], None) == b""
    assert line.bench.core.charger.state == STATE_C1
    line.bench.car = "A"
    line.turn(20)
    assert line.ask(known["seed.broadcast.mode"][0], None) == b""
    assert line.bench.settings.get("mode") == "Solar"
    assert line.ask(known["seed.broadcast.solar_timer"][0], None) == b""
    assert line.bench.core.member.sun_s in (540, 541)
    for name in ("broadcast.settings22.req", "seed.broadcast.settings26"):
        line = Line({"mode": "Solar", "start": 9, "stop": 9, "import": 9, "circuit": 20})
        assert line.ask(known[name][0], None) == b""
        settings = line.bench.settings
        assert [settings.get(key) for key in ("mode", "start", "stop", "import", "circuit",
                                              "mains_met")] == ["Smart", 4, 10, 0, 20, "Disabled"]


def test_the_values_of_its_ev_meter_are_taken_off_the_line():
    known = frames(testdata.path("modbus_frames.jsonl"))
    line = Line({"ev_meter": "Eastron3P", "ev_adr": 12})
    assert line.ask(known["node.ev_sniff.energy.req"][0], None) == b""
    assert line.ask(known["node.ev_sniff.energy.resp"][0], None) == b""
    line.ask(read(6, 12), 12)
    line.ask(reply(12, SDM630_CURRENT), None)
    assert line.bench.status.ev_wh == 1_234_500
    assert [line.bench.status.ev_da(phase) for phase in range(3)] == [165, -53, 9]


FAMILIES = {
    "phoenix": "Phoenix C", "finder7e": "Finder 7E", "eastron3p": "Eastron3P",
    "inveastron": "InvEastrn", "abb": "ABB", "solaredge": "SolarEdge", "wago": "WAGO",
    "eastron1p": "Eastron1P", "finder7m": "Finder 7M", "sinotimer": "Sinotimer",
    "schneider": "Schneider", "chint3p": "Chint 3P", "cgavazzi": "C.Gavazzi",
    "chint1p": "Chint 1P",
}


def test_each_type_of_meter_as_a_master_of_the_reference_asks_it():
    known = frames(testdata.path("modbus_frames.jsonl"))
    for family in FAMILIES:
        line = Line({"ev_meter": FAMILIES[family], "ev_adr": 11})
        # It asks for energy, power, and at last the currents.
        for what in ("energy_import", "power", "current"):
            for end in ("req", "resp"):
                assert line.ask(known["%s.%s.%s" % (family, what, end)][0], None) == b""
        said = known[family + ".current.resp"][1]["reference"]
        amps = [line.bench.status.ev_da(phase) for phase in range(3)]
        for da, reference in zip(amps, said["Irms_A"]):
            assert 0 <= abs(da) - abs(round(10 * reference)) <= 1, (family, amps)  # it truncates
            assert da * reference >= 0
        energy = known[family + ".energy_import.resp"][1]["reference"]["import_Wh"]
        if family == "schneider":
            energy = energy / 1000  # it counts in Wh, says its manual
        assert abs(line.bench.status.ev_wh - energy) <= 1, (family, line.bench.status.ev_wh)
        power = known[family + ".power.resp"][1]["reference"]
        if family != "solaredge":  # there the reference does not ask for the scale
            assert abs(line.bench.status.ev_w - said.get("P_sum_W", power["P_sum_W"])) <= 1, family


# ---- the handshake ----

def handshake(seed):
    line = Line()
    bench = line.bench
    charger = bench.core.charger
    master = Master(line, seed)
    assert master.cycles(2) == [STATE_A]
    bench.car = "B"
    line.turn(10)
    assert line.status()[0] == 4
    assert charger.state == STATE_B1 and not charger.offered_da
    master.da = 160
    assert master.cycles(4) == [4, 1]
    assert charger.state == STATE_B
    bench.car = "C"
    line.turn(10)
    assert line.status()[0] == 6
    assert not charger.c1
    assert master.cycles(3) == [6, 2]
    assert charger.c1 and charger.state == STATE_C
    line.turn(30)
    assert charger.offered_da == 160
    bench.car = "B"
    line.turn(3)
    assert master.cycles(2) == [1]
    assert not charger.c1
    bench.car = "C"  # anew: it asks once more, since the Master counts on nothing from one in B
    line.turn(10)
    assert not charger.c1
    assert master.cycles(3) == [6, 2]
    assert charger.c1
    bench.car = "A"
    line.turn(3)
    assert master.cycles(2) == [STATE_A]


def test_the_handshake_with_the_latest_master():
    handshake(False)


def test_the_handshake_with_a_master_of_the_seed():
    handshake(True)


def test_without_permission_a_car_that_asks_stays_without():
    line = Line()
    master = Master(line)
    master.cycles(1)
    master.da = 160
    line.bench.car = "B"
    master.cycles(3)
    line.bench.car = "C"
    for _ in range(30):
        told(line, 160)
        line.turn(8)
    assert line.status()[0] == 6
    assert not line.bench.core.charger.c1
    assert line.bench.status.reason == reasons.WAITS_MASTER


def test_no_write_of_the_state_closes_a_contactor_by_itself():
    for car in "ABC":
        for preparation in ((), (5,), (5, 7)):
            for state in range(16):
                line = Line()
                charger = line.bench.core.charger
                told(line, 160)
                if preparation == (5,) and car == "C":
                    continue  # then 7 is what it waits for: see the handshake
                line.bench.car = car
                line.turn(20)
                for one in preparation + (state,):
                    line.ask(write(0, one, 0))
                    assert not charger.c1, (car, preparation, state)
                told(line, 160)
                line.turn(10)
                assert not charger.c1, (car, preparation, state)


def test_a_permission_for_all_is_for_nobody():
    line = Line()
    told(line, 160)
    line.bench.car = "B"
    line.turn(20)
    line.ask(write(0, 5, 0), BROADCAST)
    told(line, 160)
    assert line.status()[0] == 4
    line.ask(b"\x06" + words(0, 5), BROADCAST)
    assert line.status()[0] == 4
    line.ask(b"\x06" + words(0, 5))
    assert line.status()[0] == 1


def test_eleven_seconds_after_its_masters_last_word_a_node_stops():
    line = Line()
    master = charging(line)
    charger = line.bench.core.charger
    told(line, 160)
    line.turn(105)
    assert charger.state == STATE_C
    line.turn(8)
    assert charger.state == STATE_C1
    assert line.status()[1] == 2
    line.bench.car = "B"
    line.turn(60)
    # Asked and even permitted, but not told anything, it offers nothing.
    line.ask(write(0, 5, 0))
    line.ask(write(0, 7, 0))
    line.turn(30)
    assert not charger.offered_da
    line.bench.car = "C"
    line.turn(40)
    assert not charger.c1
    line.bench.car = "B"
    assert master.cycles(5)[-1] == 1
    line.bench.car = "C"
    master.cycles(3)
    assert charger.c1


def test_polls_alone_do_not_count_as_the_masters_word():
    line = Line()
    charging(line)
    for _ in range(30):
        line.status()
        line.ask(write(0, 2, 0))
        line.turn()
    assert line.bench.core.charger.state == STATE_C1


def test_a_refusal_is_obeyed_for_a_minute_whichever_bit_says_it():
    for seed, mode, bit in ((False, 1, 1), (True, 1, 1), (True, 2, 33)):
        line = Line({"mode": ("Normal", "Smart", "Solar")[mode]})
        master = Master(line, seed)
        master.mode = mode
        master.cycles(1)
        line.bench.car = "B"
        line.turn(10)
        assert master.cycles(3) == [4, 9], seed
        assert line.status()[1] & bit
        assert line.bench.core.charger.state == STATE_B1
        master.da = 160
        assert master.cycles(25) == [9]
        assert not line.status()[1]
        assert master.cycles(6) == [9, 4, 1]


def test_a_master_without_its_meter_stops_all_and_lets_all_start_again():
    line = Line()
    master = charging(line)
    master.lost = True
    master.cycles(1)
    assert line.bench.core.charger.state == STATE_C1
    line.bench.car = "B"
    master.cycles(10)
    assert line.status()[1] == 2
    master.lost = False
    seen = master.cycles(40)
    assert seen[:3] == [9, 4, 1], seen
    assert line.status()[1] == 0
    line.bench.car = "C"
    master.cycles(3)
    assert line.bench.core.charger.c1


def test_own_warnings_sent_back_with_a_permission_are_no_refusal():
    line = Line({"ev_meter": "Eastron3P"})
    master = Master(line)
    for _ in range(33):
        master.cycle()  # an EV meter that nobody asks is lost after a minute
    assert line.status()[1] == faults.EV_NOCOMM
    line.bench.car = "B"
    master.da = 160
    master.cycles(3)
    line.bench.car = "C"
    assert master.cycles(4) == [1, 6, 2]


def test_a_master_that_knows_the_mode_at_once_does_not_refuse_by_it():
    line = Line({"mode": "Solar"})
    line.turn(20)
    assert line.status()[1] == faults.CT_NOCOMM  # nobody has spoken yet
    line.bench.car = "B"
    master = Master(line)
    master.da = 60
    assert 1 in master.cycles(6)


# ---- modes and settings ----

def test_a_mode_from_the_master_wakes_nobody():
    for many in (False, True):
        line = Line()
        line.bench.command("access", "Off")
        line.ask(write(0, 0, 0, 0, 2) if many else b"\x06" + words(3, 2))
        assert line.bench.settings.get("mode") == "Solar"
        assert line.bench.core.access.state == 0
        line.ask(b"\x06" + words(0x200, 1), BROADCAST)
        assert line.bench.settings.get("mode") == "Smart"
        assert line.bench.core.access.state == 0


def test_an_override_outlives_the_zero_a_master_writes_in_passing():
    line = Line()
    assert line.ask(b"\x06" + words(2, 100)) == frame(ADDRESS, b"\x06" + words(2, 100))
    assert line.bench.core.override_da == 100
    line.ask(write(0, 0, 0, 0, 1, 500))
    assert line.bench.core.override_da == 100
    for da in (59, 161, 65535):
        assert line.ask(b"\x06" + words(2, da)) == frame(ADDRESS, b"\x86\x03")
    assert line.bench.core.override_da == 100


def test_settings_of_the_installation_need_the_installers_trust():
    for trusted in (False, True):
        line = Line({"trust_lan": "Enabled" if trusted else "Disabled"})
        values = [1, 32, 1, 2, 40, 5, 20, 3, 4, 11, 1, 4, 14]
        line.ask(write(0x200, *values), BROADCAST)
        settings = line.bench.settings
        assert [settings.get(key) for key in ("start", "stop", "import")] == [5, 20, 3]
        assert [settings.get(key) for key in ("circuit", "grid", "mains", "mains_met",
                                              "mains_adr")] == (
            [32, "3Wire", 40, "Eastron3P", 11] if trusted else
            [16, "4Wire", 25, "Disabled", 10])
        # What other generations mean by these numbers is another thing.
        assert settings.get("sb2_wifi") == "Disabled"
        assert settings.get("circt_met") == "Disabled"
        said = line.ask(write(0x201, *values[1:]))
        assert said == frame(ADDRESS, b"\x10" + words(0x201, 11 if trusted else 3)), said.hex()


def test_part_of_the_settings_told_to_all_is_taken():
    line = Line({"start": 9, "stop": 9})
    line.ask(write(0x205, 7), BROADCAST)
    line.ask(b"\x06" + words(0x206, 8), BROADCAST)
    assert [line.bench.settings.get(key) for key in ("start", "stop")] == [7, 8]
    line.ask(write(0x204, 300, 5, 99, 2), BROADCAST)  # what is out of range is left out
    assert [line.bench.settings.get(key) for key in ("start", "stop", "import")] == [5, 8, 2]


def test_its_config_is_nothing_that_can_be_told_to_all():
    line = Line({"trust_lan": "Enabled"})
    line.ask(write(0x102, 8, 10), BROADCAST)
    assert line.bench.settings.get("min") == 6
    line.ask(write(0x102, 8, 10))
    assert line.bench.settings.get("min") == 8


# ---- functions, exceptions ----

def test_what_is_no_register_and_what_is_no_value():
    line = Line()
    for pdu, code in (
        (read(0x000C, 1), 2), (read(0x0000, 13), 2), (read(0x0000, 0), 2), (read(0x0020, 8), 2),
        (read(0x010A, 1), 2), (read(0x0216, 1), 2), (read(0x0310, 2), 2), (read(0x0306, 1), 2),
        (read(0x0000, 126), 2), (read(0xFFFF, 2), 2), (read(0x0008, 8, 3), 2),
        (b"\x06" + words(0x000C, 1), 2), (b"\x06" + words(0x0020, 100), 2),
        (b"\x06" + words(0x0007, 16), 3), (b"\x06" + words(0x000B, 1), 3),
        (b"\x06" + words(0x0005, 3), 3), (b"\x06" + words(0x0003, 3), 3),
        (b"\x06" + words(0x0300, 3), 3), (b"\x06" + words(0x0207, 49), 3),
        (write(0x0007, 1, 1), 3), (write(0x0216, 1), 2), (write(0x0214, 1, 1, 1), 2),
        (write(0x0306, 1), 2), (write(0x0021, 1), 2),
    ):
        said = line.ask(pdu)
        assert said == frame(ADDRESS, bytes([pdu[0] | 0x80, code])), (pdu.hex(), said.hex())


def test_a_write_across_the_end_of_a_block_changes_nothing():
    line = Line({"start": 9})
    assert line.ask(write(0x205, *[7] * 18)) == frame(ADDRESS, b"\x90\x02")
    assert line.bench.settings.get("start") == 9


def test_some_of_many_registers_are_acknowledged_as_some():
    line = Line()
    said = line.ask(write(5, 1, 0, 16, 0))
    assert said == frame(ADDRESS, b"\x10" + words(5, 2)), said.hex()


def test_nobody_answers_a_broadcast_other_functions_or_currents_sent_to_one():
    line = Line()
    for address, pdu in (
        (BROADCAST, read(0, 8)), (BROADCAST, write(0, 2, 0)), (BROADCAST, b"\x06" + words(7, 1)),
        (BROADCAST, write(0x700, 1)), (ADDRESS, b"\x05" + words(0, 0xFF00)),
        (ADDRESS, b"\x01" + words(0, 8)), (ADDRESS, b"\x11" + words(0, 0)),
        (ADDRESS, write(0x20, *range(60, 68))), (0, write(0, 2, 0)), (1, read(0, 8)),
        (3, read(0, 8)), (10, read(0, 20)),
    ):
        assert line.ask(pdu, address) == b"", pdu
    assert line.bench.core.member.da == 61
    told(line, 100)
    assert line.bench.core.member.da == 100
    line.ask(write(0x20, 160), BROADCAST)  # our word is not among them
    assert line.bench.core.member.da == 100
    line.ask(write(0x20, 0, 65535), BROADCAST)
    assert line.bench.core.member.da == 800


def test_absurd_mains_currents_change_nothing():
    line = Line()
    told(line, 100, (10, 20, 30))
    told(line, 120, (0x8000, 0, 0))
    assert line.bench.core.member.da == 120
    assert [line.bench.status.mains_da(phase) for phase in range(3)] == [10, 20, 30]


def test_who_is_no_node_any_more_is_silent():
    line = Line()
    line.bench.command("set", ("pwr_share", "Disabled"), "LCD")
    assert line.ask(read(0, 8)) == b""
    assert line.ask(write(0x20, *range(8)), BROADCAST) == b""


def test_a_reply_without_the_wire():
    line = Line()
    assert bytes(line.node.answer(ADDRESS, read(7, 1))) == b"\x04\x02\x00\x10"
    assert line.node.answer(3, read(7, 1)) is None
    for pdu in (b"", b"\x04", b"\x04\0\0\0", b"\x10\0\0\0\2\4\0\5\0", b"\x10\0\0\0\2\2\0\5",
                b"\x10\0\0\0\2"):
        assert line.node.answer(ADDRESS, pdu) is None, pdu


# ---- the line ----

def test_a_reply_comes_soon_enough_for_the_impatient_and_after_silence():
    for lumps in (False, True):
        for pdu in (read(0, 8), read(0x200, 22), write(0, 2, 0, 0, 1, 0), b"\x06" + words(6, 0)):
            for after in range(0, 20, 3):
                line = Line(lumps=lumps)
                line.turn()
                end = line.say(frame(ADDRESS, pdu), after)
                line.turn(2)
                at, _ = line.sent[0]
                assert 3.5 * 25 / 24 <= at - end <= 40, (lumps, after, at - end)


def test_the_mains_meters_request_and_reply_around_our_poll_do_not_matter():
    for lumps in (False, True):
        line = Line(lumps=lumps)
        request = frame(10, read(0, 20))
        answer = reply(10, bytes(range(40)))
        for _ in range(5):
            line.say(request)
            line.turn()
            line.say(answer)
            line.turn()
            assert line.status()[7] == 16
        assert len(line.sent) == 5


def test_frames_of_others_run_into_our_request_without_a_pause():
    # An old Master rests 3.6 ms between frames: less than one look at the port.
    line = Line()
    line.turn()
    others = (frame(3, read(0, 8)) + reply(3, bytes(16)) + frame(10, read(0, 20))
              + reply(10, bytes(range(40))) + frame(BROADCAST, write(0x20, *range(60, 71))))
    end = line.say(others + frame(ADDRESS, read(0, 8)))
    line.turn(4)
    assert len(line.sent) == 1
    assert line.sent[0][0] - end < 40
    assert line.bench.core.member.da == 61


def test_a_false_beginning_does_not_hide_the_request_behind_it():
    good = frame(ADDRESS, read(0, 8))
    long = bytes([ADDRESS, 16, 0, 0, 0, 100, 200])  # says that 202 bytes follow
    for junk in (b"\0", b"\xff\xff", bytes([ADDRESS]), bytes([ADDRESS, 4]), bytes([ADDRESS, 16]),
                 bytes([BROADCAST, 6, 0]), long, good[:5], good[:-1], frame(BROADCAST, long[1:])):
        for lumps in (False, True):
            line = Line(lumps=lumps)
            line.turn()
            end = line.say(junk + good)
            line.turn(2)
            assert len(line.sent) == 1, (junk, lumps)
            assert line.sent[0][0] - end < 60, (junk, line.sent[0][0] - end)


def test_stray_bytes_behind_a_request_do_not_keep_it_unanswered():
    line = Line()
    line.turn()
    end = line.say(frame(ADDRESS, read(0, 8)) + b"\0\xff")
    line.turn(2)
    assert len(line.sent) == 1
    assert line.sent[0][0] - end >= 3.5 * 25 / 24


def test_a_reply_that_could_not_be_given_in_time_is_not_given():
    line = Line()
    line.turn()
    line.say(frame(ADDRESS, read(0, 8)) + b"\x55" * 80)  # somebody else has begun to talk
    line.turn(3)
    assert line.sent == []
    assert line.status()


def test_after_a_stall_what_was_asked_meanwhile_is_obeyed_but_not_answered():
    line = Line({"start": 9})
    line.turn()
    line.say(frame(ADDRESS, b"\x06" + words(0x205, 7)))
    line.say(frame(BROADCAST, write(0x20, 0, 120)), 100)
    line.say(frame(ADDRESS, read(0, 8)), 150)
    line.bench.run(300)
    line.elapsed += 300
    line.turn(3)
    assert line.sent == []
    assert line.bench.settings.get("start") == 7
    assert line.bench.core.member.da == 120
    assert line.status()


def test_only_the_last_of_two_questions_is_answered():
    line = Line()
    line.turn()
    line.say(frame(ADDRESS, read(0, 8)) + frame(ADDRESS, read(7, 1)))
    line.turn(2)
    assert [sent for _, sent in line.sent] == [frame(ADDRESS, b"\x04\x02\x00\x10")]


def test_who_was_asked_and_then_talked_over_stays_silent():
    line = Line()
    line.turn()
    line.say(frame(ADDRESS, read(0, 8)) + frame(BROADCAST, write(0x20, 0, 70)))
    line.turn(2)
    assert line.sent == []
    assert line.bench.core.member.da == 70


def test_half_a_frame_is_forgotten_in_the_silence_after_it():
    line = Line()
    whole = frame(ADDRESS, b"\x06" + words(0x205, 7))
    for cut in range(1, len(whole)):
        line.say(whole[:cut])
        line.turn()
        line.say(whole[cut:])
        line.turn()
    assert line.sent == []
    assert line.bench.settings.get("start") == 4


def test_a_wrong_checksum_is_counted_and_nothing_else():
    line = Line()
    line.turn()
    good = frame(ADDRESS, b"\x06" + words(0x205, 7))
    for bit in range(16, 8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        line.say(bytes(bad))
        line.turn()
    assert line.sent == []
    assert line.bench.settings.get("start") == 4
    assert line.node.rows()[0]["crc"] == 8 * (len(good) - 2)


def test_what_looks_like_a_frame_within_those_of_others_is_no_error():
    for lumps in (False, True):
        line = Line(EASTRON, lumps=lumps)
        for address in range(3, 9):
            line.say(frame(address, write(0, 5, 0)) * 2)  # "02 04" is in it, as in a read from us
            line.turn()
            line.say(frame(address, b"\x10" + words(0, 2)))
            line.turn()
        line.say(bytes([1, ADDRESS, 6, 0, 1, 0, 0, 0, 0, 0]))
        line.turn()
        assert [row["crc"] for row in line.node.rows()] == [0, 0]


def test_a_babbler_and_noise_leave_the_node_as_it_was():
    random.seed(5)
    line = Line(EASTRON)
    before = line.bench.settings.changes
    for _ in range(40):
        kind = random.randrange(3)
        if kind == 0:
            data = bytes(random.getrandbits(8) for _ in range(300))
        elif kind == 1:
            data = bytes(random.choice((2, 4, 9, 16, 6, 12, 3, 0)) for _ in range(300))
        else:
            data = bytes((ADDRESS, 16, 0, 0, 0, 3, 6)) * 40
        line.say(data)
        line.turn(4)
    assert line.sent == []
    assert line.bench.settings.changes == before
    assert line.bench.core.told_until is None
    assert max(line.reads) <= 256
    assert line.status()


def test_a_backlog_larger_than_the_buffer_is_worked_off():
    line = Line()
    line.turn()
    line.say(b"\x02" * 700 + frame(BROADCAST, write(0x20, 0, 70)))
    line.bench.run(1000)
    line.elapsed += 1000
    line.turn(2)
    assert line.bench.core.member.da == 70
    assert line.sent == []
    # A look at the line costs no more than a part of it: the rest has to wait for the next ones.
    assert line.reads[20] == 256 and max(line.reads[21:]) == 64


def test_a_port_that_fails_is_as_silent_as_a_dead_line():
    line = Line()
    line.broken = True
    line.turn(3)
    line.broken = False
    line.turn()
    line.say(frame(ADDRESS, read(0, 8)))
    line.turn()
    assert len(line.sent) == 1
    line.say(frame(ADDRESS, read(0, 8)))
    line.mute = True
    line.turn()
    line.mute = False
    assert len(line.sent) == 1
    assert line.status()


def test_a_turn_lasts_about_a_tenth_of_a_second():
    line = Line()
    line.turn(7)
    assert line.elapsed == 700


# ---- the EV meter ----

def overhear(line, request, answer, address=12, between=b""):
    line.say(frame(address, request) + between)
    line.turn()
    line.say(reply(address, answer, request[0]))
    line.turn()


def test_a_reply_needs_its_request_and_no_other():
    line = Line(EASTRON)
    line.say(reply(12, SDM630_CURRENT))
    line.turn()
    assert line.bench.status.ev_age_ms == -1
    # Another's request in between: what comes then may be for that one.
    overhear(line, read(6, 12), SDM630_CURRENT, between=frame(3, read(0, 8)))
    assert line.bench.status.ev_age_ms == -1
    overhear(line, read(6, 12), SDM630_CURRENT, between=frame(ADDRESS, read(0, 1)))
    assert line.bench.status.ev_age_ms == -1
    overhear(line, read(6, 12), SDM630_CURRENT, 13)
    assert line.bench.status.ev_age_ms == -1
    overhear(line, read(6, 12), SDM630_CURRENT, between=b"\0")
    assert line.bench.status.ev_age_ms >= 0
    assert line.bench.core.readings.amps[sources.EV][0] == 165
    line.say(reply(12, SDM630_CURRENT))  # once more, unasked
    line.turn()
    assert line.bench.core.readings.count[sources.EV] == 1


def test_a_damaged_reply_is_counted_for_the_meter():
    line = Line(EASTRON)
    line.turn()
    line.say(frame(12, read(6, 12)))
    line.turn()
    line.say(reply(12, SDM630_CURRENT)[:-1] + b"\0")
    line.turn()
    assert [row["crc"] for row in line.node.rows()] == [0, 1]


def test_request_and_reply_in_one_lump_are_two_frames():
    line = Line(EASTRON, lumps=True)
    line.turn()
    line.say(frame(12, read(6, 12)) + reply(12, SDM630_CURRENT))
    line.turn(2)
    assert line.bench.core.readings.amps[sources.EV][0] == 165
    assert line.sent == []


def test_a_meter_that_shows_rubbish_is_refused_and_counted():
    line = Line(EASTRON)
    overhear(line, read(6, 12), b"\x7f\xc0\0\0" * 6)
    row = line.node.rows()[1]
    assert line.bench.status.ev_age_ms == -1
    assert (row["refused"], row["replies"], row["ok"]) == (1, 0, False)
    overhear(line, read(6, 12), SDM630_CURRENT)
    row = line.node.rows()[1]
    assert (row["replies"], row["ok"], row["requests"]) == (1, True, 2)


def test_without_an_ev_meter_on_the_bus_nothing_is_listened_for():
    for name in ("Disabled", "API", "HomeWizrd"):
        line = Line({"ev_meter": name})
        overhear(line, read(6, 12), SDM630_CURRENT)
        assert line.bench.status.ev_age_ms == -1
        assert [row["name"] for row in line.node.rows()] == ["master"]


# ---- what people see ----

def test_the_row_of_the_master():
    line = Line()
    row = line.node.rows()[0]
    assert (row["name"], row["address"], row["ok"], row["age_ms"]) == ("master", 2, False, -1)
    told(line, 100)
    line.status()
    row = line.node.rows()[0]
    assert row["ok"] and 0 <= row["age_ms"] <= 250
    assert (row["requests"], row["replies"]) == (2, 2)
    assert 0 < row["latency_ms"] <= 20
    line.turn(111)
    row = line.node.rows()[0]
    assert not row["ok"] and row["age_ms"] > 11000


def test_the_checksum_is_the_one_of_the_link():
    body = bytes([ADDRESS]) + read(0, 8)
    crc = crc16(body, 0, len(body))
    assert frame(ADDRESS, read(0, 8))[-2:] == bytes([crc & 0xFF, crc >> 8])


def test_the_master_says_why():
    line = Line(SMART)
    line.bench.car = "B"
    said = line.ask(write(0x310, reasons.NO_SUN, reasons.LIMIT_SHORTAGE))
    assert said == frame(ADDRESS, b"\x10" + words(0x310, 2))
    told(line, 0)
    line.turn(10)
    assert line.bench.status.reason == reasons.NO_SUN
