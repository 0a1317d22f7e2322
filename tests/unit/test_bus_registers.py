"""The registers of one EVSE: what they read, what can be written to them, by whom."""

from evse.bus import registers
from evse.power import readings as sources
from evse.settings import ALLOWED, KEY, LEVEL, METERS, REGISTER, TABLE, Refused
from helpers_core import Bench

NODE = {"pwr_share": "Node 1", "mode": "Smart"}


def read(bench, *numbers):
    found = [registers.read(bench.core, number) for number in numbers]
    return found if len(found) > 1 else found[0]


def write(bench, number, value):
    """True when taken, False when there is nothing to write to, None when refused."""
    try:
        return registers.write(bench.core, number, value, "bus")
    except Refused:
        return None


def settings_with_registers():
    return [setting for setting in TABLE if setting[REGISTER]]


def test_there_are_registers_in_five_blocks_and_nowhere_else():
    bench = Bench(NODE)
    there = [number for number in range(0x400) if registers.read(bench.core, number) is not None]
    assert there == (list(range(12)) + list(range(0x100, 0x10A)) + list(range(0x200, 0x216))
                     + list(range(0x300, 0x306)))
    for number in (0x310, 0x311, 0xFFFF, -1):
        assert read(bench, number) is None


def test_a_span_lies_in_one_block():
    for start, count in ((0, 12), (0, 1), (11, 1), (0x100, 10), (0x200, 22), (0x300, 6),
                         (0x310, 2)):
        assert registers.within(start, count)
    for start, count in ((0, 13), (11, 2), (12, 1), (0, 0), (0xFF, 2), (0x20, 1), (0x109, 2),
                         (0x200, 23), (0x306, 1), (0x30F, 2), (0x310, 3), (0xFFFF, 1)):
        assert not registers.within(start, count), (start, count)


def test_each_setting_has_a_register_of_its_own_in_a_block():
    numbers = [setting[REGISTER] for setting in settings_with_registers()]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert 0x100 <= number < 0x300 and registers.within(number, 1)


def test_a_setting_reads_as_its_number_and_is_written_by_it():
    for setting in settings_with_registers():
        key = setting[KEY]
        number = setting[REGISTER]
        bench = Bench(dict(NODE, trust_lan="Enabled", max=16))
        if key in ("mode", "pwr_share"):
            continue  # see below
        allowed = setting[ALLOWED]
        names = type(allowed[0]) is str
        values = range(len(allowed)) if names else (allowed[0], allowed[1])
        if key == "max":
            values = (6, 80)
        for value in values:
            if names and allowed == METERS:
                if value == 18 or value == 20:
                    continue
                if value == 1 and key != "mains_met":
                    continue
            wanted = allowed[value] if names else value
            if wanted == "DeleteAll":
                continue  # a deed, not a state
            assert write(bench, number, value), (key, value)
            assert bench.settings.get(key) == wanted
            assert read(bench, number) == value


def test_what_a_setting_cannot_be_is_refused():
    for setting in settings_with_registers():
        bench = Bench(dict(NODE, trust_lan="Enabled"))
        allowed = setting[ALLOWED]
        changes = bench.settings.changes
        for value in ((len(allowed), 0xFFFF) if type(allowed[0]) is str else
                      (allowed[1] + 1, 0xFFFF)):
            assert write(bench, setting[REGISTER], value) is None, (setting[KEY], value)
        assert bench.settings.changes == changes


def test_installation_is_not_done_over_the_bus_unless_the_lan_is_trusted():
    for setting in settings_with_registers():
        if setting[LEVEL] != "install":
            continue
        bench = Bench(dict(NODE))
        before = read(bench, setting[REGISTER])
        changes = bench.settings.changes
        allowed = setting[ALLOWED]
        value = 0 if before else 2 if allowed == METERS else 1
        if type(allowed[0]) is not str:
            value = before + 1 if before < allowed[1] else before - 1
        assert write(bench, setting[REGISTER], value) is None, setting[KEY]
        assert read(bench, setting[REGISTER]) == before
        assert bench.settings.changes == changes
        assert write(bench, setting[REGISTER], before)  # what is so already is no change


def test_meters_that_an_old_master_would_take_for_others_are_not_shown_to_it():
    for name in METERS:
        if name == "Sensorbox":
            continue
        bench = Bench(dict(NODE, ev_meter=name, ev_adr=77, trust_lan="Enabled"))
        number = METERS.index(name)
        ours = name.startswith("Orno")
        assert read(bench, 0x108, 0x109) == [0 if ours else number, 77]
        assert read(bench, 0x302, 0x303) == [number, 77]
        assert write(bench, 0x108, read(bench, 0x108))
        assert bench.settings.get("ev_meter") == name
    for number in (18, 20, 21):
        assert write(bench, 0x108, number) is None


def test_what_the_reference_has_and_we_have_not_reads_as_0():
    bench = Bench(NODE)
    for number in (0x20A, 0x20D, 0x211, 0x215):
        assert read(bench, number) == 0
        assert write(bench, number, 0) is False


def test_a_mode_changes_nothing_but_the_mode():
    for number in (3, 0x200):
        bench = Bench(NODE)
        bench.command("access", "Pause")
        bench.command("override", 100)
        assert write(bench, number, 1)  # as it is
        assert bench.core.override_da == 100
        for value, name in ((2, "Solar"), (0, "Normal"), (1, "Smart")):
            assert write(bench, number, value)
            assert bench.settings.get("mode") == name
            assert read(bench, 3, 0x200) == [value, value]
            assert read(bench, 5) == 2
        assert write(bench, number, 3) is None


def test_access_is_switched_by_its_own_register():
    bench = Bench(NODE)
    for value in (0, 2, 1):
        assert write(bench, 5, value)
        assert read(bench, 5) == bench.core.access.state == value
    assert write(bench, 5, 3) is None


def test_an_override_only_lowers():
    bench = Bench(dict(NODE, max=16, config="Fixed"))
    assert read(bench, 7, 0x304) == [16, 160]
    assert write(bench, 2, 87)
    bench.run(1000)
    assert read(bench, 7, 0x304) == [8, 87]
    assert write(bench, 2, 0)
    assert bench.core.override_da == 87
    for value in (1, 59, 161, 0xFFFF):
        assert write(bench, 2, value) is None, value
    assert write(bench, 2, 160)
    bench.run(1000)
    assert read(bench, 7) == 16


def test_who_is_no_node_reads_the_same_and_has_no_master_to_write():
    for settings in ({}, {"pwr_share": "Master", "mains_met": "API"}):
        bench = Bench(dict(settings, max=16))
        bench.run(20_000)  # as Master it waits for nodes first
        bench.charge()
        bench.run(5000)
        assert read(bench, 0, 1, 2, 4, 5, 6) == [2, 0, bench.core.regulator.grant_da[0], 0, 1, 0]
        assert read(bench, 2) > 0
        for number in (0, 1, 4, 6, 7, 8, 11, 12, 0x310):
            assert write(bench, number, 1) is False, number
        assert bench.core.charger.c1


def test_errors_are_those_that_travel():
    bench = Bench(dict(NODE, mode="Normal"))
    bench.core.fault(0x40000 | 256, True)
    assert read(bench, 1) == 0
    bench.core.fault(4, True)
    assert read(bench, 1) == 4
    bench = Bench()
    bench.core.fault(0x40000 | 256 | 16, True)
    assert read(bench, 1) == 16


def test_the_flag_goes_up_with_any_change_and_down_when_it_is_read():
    bench = Bench(dict(NODE, trust_lan="Enabled"))
    assert read(bench, 6) == 1  # nobody knows yet what this node is like
    assert write(bench, 6, 0)
    assert read(bench, 6) == 0
    bench.command("set", ("ev_meter", "ABB"), "LCD")
    assert read(bench, 6) == 1
    assert write(bench, 6, 0)
    bench.command("set", ("ev_meter", "ABB"), "LCD")
    assert write(bench, 0x109, 12)
    assert read(bench, 6) == 0
    assert write(bench, 0x109, 13)
    assert read(bench, 6) == 1
    assert write(bench, 6, 0)
    assert write(bench, 6, 1)
    assert read(bench, 6) == 1


def test_phases_current_temperature_and_serial():
    bench = Bench(dict(NODE, ev_meter="API", phase_rotation="L2L3L1"))
    bench.core.serial = 0x12345
    bench.temperature = -45
    bench.run(1000)
    assert read(bench, 8, 9, 10) == [0x4D00, 0, 0xFFFB], read(bench, 8, 9, 10)
    assert read(bench, 11) == 0x2345
    bench.command("reading", ("ev", 100, 50, -20, None, None))
    bench.command("set", ("contact_2", "Always Off"))
    bench.run(1000)
    assert read(bench, 8, 9) == [0x4D02, 130]
    bench.command("reading", ("ev", -100, 50, -20, None, None))
    assert read(bench, 9) == 0
    bench.command("reading", ("ev", 100, 50, -20, None, None))
    bench.run(45_000)
    assert read(bench, 9) == 0


def test_meters_are_numbered_as_the_readings_number_them():
    bench = Bench(dict(NODE, ev_meter="API"))
    bench.run(20)
    bench.core.readings.put(sources.EV, 7, 0, 0, bench.core.now, 1000)
    assert read(bench, 9) == 7


def test_our_block():
    bench = Bench(dict(NODE, max=32, config="Fixed"))
    assert read(bench, *range(0x300, 0x306)) == [0x4D45, 1, 0, 12, 320, 1]
    bench.command("set", ("ev_meter_role", "Sub-panel"), "LCD")
    assert read(bench, 0x305) == 0
    for number in range(0x300, 0x306):
        assert write(bench, number, 1) is False


def test_the_masters_timer_and_its_reason():
    bench = Bench(NODE)
    assert write(bench, 4, 541)
    assert read(bench, 4) == 541
    assert write(bench, 0x310, 34) and write(bench, 0x311, 60)
    bench.core.member.told(0, bench.core.now)
    assert bench.core.told_reason == 34


def test_a_setting_that_may_be_negative_has_no_register():
    for setting in settings_with_registers():
        if type(setting[ALLOWED][0]) is int:
            assert setting[ALLOWED][0] >= 0, setting[KEY]
