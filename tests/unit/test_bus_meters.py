"""Meters: the table, and decoding of real and recorded replies.

The reference truncates at every step; we round to the nearest unit, halves away from zero. So
16.3 A as a float32 is 163 dA here and 162 there, and -5.25 A is -53 dA here and -52 there.
"""

import json
import math
import random
import struct

import testdata
from evse.bus import meters
from evse.bus.master import BadSample
from evse.bus.rtu import ExceptionReply, Link, crc16
from evse.settings import METERS, Settings
from helpers_bus import Wire, run

# Those without registers of a kWh meter's are not in the table.
ABSENT = ("Disabled", "Sensorbox", "API", "HomeWizrd", "Custom")
FILES = {"phoenix": "Phoenix C", "finder7e": "Finder 7E", "eastron3p": "Eastron3P",
         "inveastron": "InvEastrn", "abb": "ABB", "solaredge": "SolarEdge", "wago": "WAGO",
         "eastron1p": "Eastron1P", "finder7m": "Finder 7M", "sinotimer": "Sinotimer",
         "schneider": "Schneider", "schneider_wh": "Schneider", "chint3p": "Chint 3P",
         "cgavazzi": "C.Gavazzi", "chint1p": "Chint 1P", "sdm72_v1": "Eastron3P",
         "eastron": "Eastron3P"}
# Meters a user defines, as the recorded frames have them: byte order, type, function, and register
# and divisor of current, power and energy.
CUSTOM = {
    "custom_sdm": ("HBF & HWF", "FLOAT32", 4, (6, 0), (52, 0), (72, 0)),
    "custom_lbf": ("LBF & LWF", "INT32", 3, (100, 2), (120, 1), (140, 1)),
    "custom_lbfhwf": ("LBF & HWF", "INT32", 3, (100, 2), (0, 0), (0, 0)),
    "custom_int16": ("HBF & LWF", "INT16", 4, (3, 2), (8, 0), (39, 2)),
}
FRAMES = "modbus_frames.jsonl"
# All recorded frames whose names begin so are decoded here.
RECORDED = ("phoenix.", "finder7e.", "eastron3p.", "inveastron.", "abb.", "solaredge.", "wago.",
            "eastron1p.", "finder7m.", "sinotimer.", "schneider.", "schneider_wh.", "chint3p.",
            "cgavazzi.", "chint1p.", "custom_sdm.", "custom_lbf.", "custom_lbfhwf.",
            "custom_int16.", "real.eastron3p.", "real.sdm72_v1.", "real.eastron.", "meter.",
            "node.ev_sniff.")
# What the reference asks for is less than we do: the scale of a value, or the powers that give the
# currents their sign, are missing. Without its scale a power tells nothing.
SHORT = ("solaredge.current", "solaredge.power", "solaredge.energy_import",
         "solaredge.energy_export", "cgavazzi.current")
MEANINGLESS = "solaredge.power"
KEYS = {"energy_import": "import", "energy_export": "export", "energy": "import"}


def settings_of(order, kind, function, amps, watts, energy):
    """Return settings with this Custom meter; each value is (register, divisor)."""
    settings = Settings(lambda *_: None)
    settings.set("em_byte_order", order)
    settings.set("em_data_type", kind)
    settings.set("em_function", function)
    for letter, (register, divisor) in (("i", amps), ("p", watts), ("e", energy)):
        settings.set("em_%s_register" % letter, register)
        settings.set("em_%s_divisor" % letter, divisor)
    return settings


def custom(*definition):
    return meters.custom(settings_of(*definition))


def current(entry, data):
    """Return ([dA, dA, dA], W or None)."""
    amps = [0, 0, 0]
    power = meters.read_current(meters.Block(entry, entry["current"]), data, amps)
    return amps, power


def power(entry, data):
    return meters.read_power(meters.Block(entry, entry["power"]), data)


def energy(entry, data, key="import"):
    return meters.read_energy(meters.Block(entry, entry[key]), data)


def refused(function, *args):
    try:
        function(*args)
    except BadSample:
        return True
    return False


def floats(*values):
    return struct.pack(">%df" % len(values), *values)


def entries():
    return [meters.load(name) for name in METERS if name not in ABSENT]


def told(meter_calls):
    """Return the readings out of a list of commands."""
    for name, _, source in meter_calls:
        assert (name, source) == ("reading", "bus")
    return [value for _, value, _ in meter_calls]


# ---- the table ----

def test_each_meter_is_found_by_its_name():
    """The names the settings offer and the table are the same; so are the numbers."""
    settings = Settings(lambda *_: None)
    for number, name in enumerate(METERS):
        if name in ABSENT:
            continue
        entry = meters.load(name)
        assert entry["id"] == number and entry["name"] == name
        assert meters.entry_of(name, settings) == entry
    with open(meters.TABLE) as file:
        assert sorted(one["name"] for one in json.load(file)) == sorted(
            name for name in METERS if name not in ABSENT)


def test_what_is_no_meter_on_the_bus_is_none():
    settings = Settings(lambda *_: None)
    for name in ("API", "HomeWizrd", "Disabled", "Sensorbox", "", "Eastron", "eastron3p"):
        assert meters.entry_of(name, settings) is None
        try:
            meters.load(name)
            raise AssertionError(name)
        except ValueError:
            pass


def test_the_table_is_sound():
    with open(meters.TABLE) as file:
        text = file.read()
    table = json.loads(text)
    assert len(table) == len(text.strip().split("\n")) - 2  # one meter, one line
    for line in text.split("\n"):
        assert len(line) < 420  # what load() holds at a time
    for entry in table:
        assert set(entry) <= {"id", "name", "fc", "order", "type", "parity", "current", "power",
                              "import", "export", "volts"}
        assert entry["fc"] in (3, 4) and entry["order"] in (0, 1, 2, 3)
        assert entry.get("parity", "E") in ("E", "O")
        for key in ("current", "power", "import", "export", "volts"):
            if key not in entry:
                assert key == "export"
                continue
            spec = entry[key]
            assert set(spec) <= {"reg", "n", "at", "exp", "type", "scale", "negate", "watts",
                                 "watts_exp", "watts_scale", "least"}
            words = meters.WORDS[spec.get("type", entry["type"])]
            assert 1 <= spec["n"] <= 125
            for at in spec.get("at", [0]) + spec.get("watts", []):
                assert 0 <= at <= spec["n"] - words
            assert spec.get("scale", 0) < spec["n"] > spec.get("watts_scale", 0)
            assert max(spec.get("at", [0])) + words <= spec.get("least", spec["n"]) <= spec["n"]
            assert len(spec.get("watts", spec.get("at", [0]))) == len(spec.get("at", [0]))
        assert len(entry["volts"].get("at", [0])) == len(entry["current"].get("at", [0]))


def test_who_reads_what():
    """Registers, spelt out: what a typing mistake in the table would change."""
    eastron = (b"\4\0\x06\0\x0c", b"\4\0\x34\0\2", b"\4\0\x48\0\2")
    assert meters.requests(meters.load("Eastron3P")) == eastron
    # No node of the reference survives a power with its scale.
    assert meters.requests(meters.load("SolarEdge")) == (
        b"\3\x9c\xff\0\x14", None, b"\3\x9d\x2a\0\x09")
    assert meters.requests(custom(*CUSTOM["custom_lbfhwf"])) == (b"\3\0\x64\0\6", None, None)


# ---- own vectors ----

def test_sdm630_currents_take_their_sign_from_power():
    entry = meters.load("Eastron3P")
    data = floats(16.3, 5.25, 0.875, 3749.0, -1207.5, 201.25)
    assert current(entry, data) == ([163, -53, 9], 2743)
    assert current(entry, floats(0, 0, 0, 0, 0, 0)) == ([0, 0, 0], 0)
    # A meter that signs its currents by itself loses nothing by it.
    assert current(entry, floats(-16.5, -1, 2, -3795, 230, 460)) == ([-165, 10, 20], -3105)
    assert current(entry, floats(0.04, 0.05, 80, -1, 1, -18400)) == ([0, 1, -800], -18400)


def test_sdm630_fed_from_below():
    entry = meters.load("InvEastrn")
    assert current(entry, floats(16.5, 5.25, 1, -3795, 1207.5, -230)) == ([165, -53, 10], 2818)
    assert power(entry, floats(-2788.75)) == 2789


def test_sdm120_has_one_phase():
    entry = meters.load("Eastron1P")
    assert current(entry, floats(16.5, 9, 9, -3795, 9, 9)) == ([-165, 0, 0], -3795)


def test_delivered_signs_are_kept():
    assert current(meters.load("WAGO"), floats(16.5, -5.25, 0.875)) == ([165, -53, 9], None)


def test_kilowatts():
    entry = meters.load("WAGO")
    assert power(entry, floats(2.7875)) in (2787, 2788)  # the float itself is just below
    assert power(entry, floats(-11.0)) == -11000


def test_energy_in_kwh_and_wh():
    assert energy(meters.load("Eastron3P"), floats(123.456)) == 123456
    assert energy(meters.load("Finder 7E"), floats(12345600)) == 12345600
    assert energy(meters.load("Schneider"), floats(1234567)) == 1234567


def test_byte_and_word_orders():
    spec = {"reg": 0, "n": 2}
    for order, data in ((0, b"\x04\x03\x02\x01"), (1, b"\x02\x01\x04\x03"),
                        (2, b"\x03\x04\x01\x02"), (3, b"\x01\x02\x03\x04")):
        entry = {"fc": 4, "order": order, "type": "i32"}
        assert meters.Block(entry, spec).value(data, 0, 0) == 0x01020304
        entry["type"] = "i16"
        words = [meters.Block(entry, spec).value(data, at, 0) for at in (0, 1)]
        assert words == ([0x0102, 0x0304] if order & 1 else [0x0304, 0x0102])


def test_sixty_four_bits():
    entry = meters.load("ABB")
    assert energy(entry, b"\0\0\0\0\0\x12\xd6\x87") == 12345670
    # More than 32 bits hold: the reference would show a negative energy here.
    assert energy(entry, b"\0\0\0\x0a\0\0\0\0") == 429496729600
    assert refused(energy, entry, b"\xff" * 8)


def solaredge(amps, amps_exp, watts, watts_exp):
    return struct.pack(">4h12h4h", *amps + (amps_exp,) + (0,) * 12 + watts + (watts_exp,))


def test_sunspec_scales():
    entry = meters.load("SolarEdge")
    for amps, exp in (((1634, -521, 87), -2), ((163, -52, 9), -1)):
        data = solaredge(amps, exp, (-3758, 1198, -200), 0)
        assert current(entry, data) == ([163, -52, 9], 2760)
    assert current(entry, solaredge((16, 5, 1), 0, (-376, 120, -20), 1)) == ([160, -50, 10], 2760)
    assert power(entry, struct.pack(">5h", -276, 0, 0, 0, 1)) == 2760
    assert energy(entry, struct.pack(">I6hh", 1234567, *[0] * 6, 1)) == 12345670
    assert energy(entry, struct.pack(">I14hh", 12345, *[0] * 14, 1), "export") == 123450
    for bad in (-32768, 13, -13):
        assert refused(current, entry, solaredge((1, 1, 1), bad, (1, 1, 1), 0))
        assert refused(current, entry, solaredge((1, 1, 1), 0, (1, 1, 1), bad))
        assert refused(power, entry, struct.pack(">5h", 1, 0, 0, 0, bad))


def test_solaredge_counts_export():
    """Its powers are positive when the house exports; the currents' own sign is not relied on."""
    entry = meters.load("SolarEdge")
    for sign in (1, -1):
        data = solaredge((sign * 100, sign * 50, 0), -1, (2300, -1150, 0), 0)
        assert current(entry, data) == ([-100, 50, 0], -1150)


def test_gavazzi_currents_take_their_sign_from_power():
    entry = meters.load("C.Gavazzi")
    values = (16340, 5210, 870, 37582, -11983, 2006)
    data = b"".join(struct.pack(">HH", value & 0xFFFF, value >> 16 & 0xFFFF) for value in values)
    assert current(entry, data) == ([163, -52, 9], 2761)


def test_orno_counts_in_kilowatts():
    """Map: mbmd (orno3p.go) and Tasmota (xnrg_17), which agree."""
    for name in ("Orno 516", "Orno 517"):
        entry = meters.load(name)
        assert entry["parity"] == "E"
        assert meters.requests(entry) == (b"\3\0\x16\0\x0e", b"\3\0\x1c\0\2", b"\3\1\x08\0\2")
        data = floats(16.5, 5.25, 0.875, 2.78875, 3.795, -1.2075, 0.20125)
        assert current(entry, data) == ([165, -53, 9], 2789)
        assert power(entry, floats(-2.5)) == -2500
        assert energy(entry, floats(1234.5)) == energy(entry, floats(1234.5), "export") == 1234500
        volts = meters.Block(entry, entry["volts"])
        assert volts.pdu == b"\3\0\x0e\0\6"
        assert [volts.value(floats(230.1, 231, 229), at, 1) for at in volts.at] == [
            2301, 2310, 2290]


def test_phase_powers_are_summed():
    assert power(meters.load("Sinotimer"), struct.pack(">3h", 3758, -1198, 200)) == 2760


# ---- what cannot be true ----

def test_no_numbers_are_refused():
    entry = meters.load("Eastron3P")
    good = [16.0, 5.0, 1.0, 3680.0, 1150.0, 230.0]
    for bits in ("7fc00000", "ffc00000", "7f800000", "ff800000", "7f800001", "7f7fffff"):
        for place in range(6):
            data = bytearray(floats(*good))
            data[4 * place:4 * place + 4] = bytes.fromhex(bits)
            assert refused(current, entry, bytes(data)), (bits, place)
        assert refused(power, entry, bytes.fromhex(bits))
        assert refused(energy, entry, bytes.fromhex(bits))


def test_no_number_is_never_a_number_however_scaled():
    block = meters.Block({"fc": 4, "order": 3, "type": "f32"}, {"reg": 0, "n": 2})
    for bits in ("7fc00000", "ff800000", "7f800001"):
        for exp in (-30, 0, 3):
            assert refused(block.value, bytes.fromhex(bits), 0, exp)


def test_absurd_values_are_refused():
    entry = meters.load("Eastron3P")
    assert not refused(current, entry, floats(999, 1, 1, 1, 1, 1))
    assert refused(current, entry, floats(1000, 1, 1, 1, 1, 1))
    assert refused(current, entry, floats(1, 1, 1000, 1, 1, -1))
    assert refused(current, entry, floats(1, 1, 1, 2e6, 1, 1))
    assert refused(power, entry, floats(1.1e6)) and refused(power, entry, floats(-1.1e6))
    assert refused(energy, entry, floats(-1)) and refused(energy, entry, floats(2e9))


def test_values_a_meter_does_not_have_are_refused():
    entry = meters.load("ABB")
    good = struct.pack(">8i", 1634, -521, 87, 0, 0, 1, 1, 1)
    assert not refused(current, entry, good)
    for missing in (b"\x7f\xff\xff\xff", b"\x80\0\0\0"):
        assert refused(current, entry, missing + good[4:])
    entry = meters.load("Sinotimer")
    for missing in (0x7FFF, -0x8000):
        assert refused(current, entry, struct.pack(">3h", missing, 1, 1))
    assert refused(energy, entry, b"\xff\xff\xff\xff")


def test_replies_of_another_length_are_refused():
    for entry in entries():
        size = 2 * entry["current"]["n"]
        assert not refused(current, entry, bytes(size))
        for wrong in (size - 2, size + 2, 0):
            assert refused(current, entry, bytes(wrong))
        assert refused(power, entry, bytes(2 * entry["power"]["n"] + 2))
        assert refused(energy, entry, bytes(2 * entry["import"]["n"] + 2))


def test_tiny_values_are_zero():
    entry = meters.load("Eastron3P")
    for bits in ("00000000", "80000000", "00000001", "807fffff", "00800000", "2f800000"):
        assert power(entry, bytes.fromhex(bits)) == 0


def test_floats_are_decoded_exactly():
    random.seed(630)
    entry = {"fc": 4, "order": 3, "type": "f32"}
    checked = 0
    for _ in range(2000):
        data = bytes(random.getrandbits(8) for _ in range(4))
        value = struct.unpack(">f", data)[0]
        if math.isnan(value) or not abs(value) < 1e12:
            continue
        checked += 1
        for exp in (-3, 0, 1, 3):
            got = meters.Block(entry, {"reg": 0, "n": 2}).value(data, 0, exp)
            exact = value * 10.0 ** exp
            assert abs(got - exact) <= 0.5 + abs(exact) * 1e-15, (value, exp, got)
    assert checked > 1000


def test_fuzzed_registers_are_plausible_or_refused():
    random.seed(11)
    taken = 0
    for entry in entries():
        for _ in range(200):
            data = bytearray(random.getrandbits(8) for _ in range(2 * entry["current"]["n"]))
            if random.getrandbits(1):
                # Small exponents and small numbers, so that many pass.
                for at in range(0, len(data), 4):
                    data[at] = 0x40 | data[at] & 0x80 if entry["type"] == "f32" else 0
            try:
                amps, watts = current(entry, bytes(data))
            except BadSample:
                continue
            taken += 1
            assert all(type(da) is int and abs(da) <= 9999 for da in amps)
            assert watts is None or (type(watts) is int and abs(watts) <= 1_000_000)
        for key in ("import", "export"):
            if key not in entry:
                continue
            for _ in range(50):
                size = 2 * entry[key]["n"]
                data = bytes(random.getrandbits(8) for _ in range(size))
                if not refused(energy, entry, data, key):
                    assert 0 <= energy(entry, data, key) <= 10 ** 12
    assert taken > 200


# ---- a meter the user describes ----

def test_custom_divisors():
    """Value = raw / 10^divisor; a negative one multiplies, so kW and Wh can be told, too."""
    for divisor in range(-3, 8):
        entry = custom("HBF & HWF", "INT32", 3, (0, divisor), (4, divisor), (6, divisor))
        exp = -divisor
        data = struct.pack(">3i", 500, -260, 4)
        exact = [meters.rounded(value * 10 ** (exp + 12), 10 ** 11) for value in (500, -260, 4)]
        if max(exact) > meters.AMPS_MAX_DA:
            assert refused(current, entry, data)
        else:
            assert current(entry, data) == (exact, None)
        assert power(entry, struct.pack(">i", 5)) == meters.rounded(5 * 10 ** (exp + 9), 10 ** 9)
        assert energy(entry, struct.pack(">i", 5)) == meters.rounded(5 * 10 ** (exp + 9), 10 ** 6)


def test_custom_registers():
    """Three values in a row from the current's register on; 0 stands for no power, no energy."""
    for kind, words in (("INT32", 2), ("FLOAT32", 2), ("INT16", 1)):
        for function in (3, 4):
            entry = custom("HBF & HWF", kind, function, (65530, 0), (65534, 0), (100, 0))
            assert meters.requests(entry) == (
                bytes((function, 0xFF, 0xFA, 0, 3 * words)),
                bytes((function, 0xFF, 0xFE, 0, words)), bytes((function, 0, 100, 0, words)))
    entry = custom("HBF & HWF", "INT32", 4, (0, 0), (0, 0), (0, 0))
    assert meters.requests(entry) == (b"\4\0\0\0\6", None, None)


def test_custom_is_found_by_its_name():
    settings = settings_of(*CUSTOM["custom_sdm"])
    assert meters.entry_of("Custom", settings) == meters.custom(settings)


def test_an_orno_as_custom():
    """The example in docs/meters.md."""
    entry = custom("HBF & HWF", "FLOAT32", 3, (0x16, 0), (0x1C, -3), (0x108, 0))
    assert current(entry, floats(16.5, 5.25, 0.875)) == ([165, 53, 9], None)
    assert power(entry, floats(-2.78875)) == -2789
    assert energy(entry, floats(1234.5)) == 1234500


def test_an_abb_ev3_as_custom():
    """The example in docs/meters.md: the lower half of a counter in 0.1 Wh."""
    entry = custom("HBF & HWF", "INT32", 3, (23308, 2), (23316, 2), (20482, 4))
    abb = meters.load("ABB")
    assert entry["current"]["reg"] == abb["current"]["reg"]
    assert entry["power"] == {"reg": 23316, "n": 2, "exp": -2}
    assert entry["import"]["reg"] == abb["import"]["reg"] + 2
    assert energy(entry, struct.pack(">I", 238370)) == 23837


# ---- turns ----

class Bench:
    """A meter, answered by ``values`` (block's PDU -> reply's data); ``told`` are its readings."""

    def __init__(self, entry, role, values):
        self.calls = []
        self.values = values
        self.asked = []
        self.meter = meters.Meter(entry, role, 11, lambda *call: self.calls.append(call))

    def turn(self, clean=True):
        """Poll once."""
        pdu = self.meter.begin()
        self.asked.append([])
        while pdu:
            self.asked[-1].append(pdu)
            pdu = self.meter.take(memoryview(self.values[pdu]), clean)

    @property
    def told(self):
        return told(self.calls)


def eastron(amps=(16.5, 5.25, 0.875), watts=(3795.0, -1207.5, 201.25), total=2788.75):
    entry = meters.load("Eastron3P")
    want, power_pdu, import_pdu = meters.requests(entry)
    return entry, {want: floats(*amps + watts), power_pdu: floats(total),
                   import_pdu: floats(30794.12), b"\4\0\x4a\0\2": floats(123.456)}


def test_energies_go_with_the_next_sample():
    bench = Bench(*eastron()[:1], "mains", eastron()[1])
    for _ in range(22):
        bench.turn()
    want = ("mains", 165, -53, 9, 2789)
    assert bench.told[0] == want + (None,)
    assert bench.told[1] == want + (30794119,)
    assert bench.told[11] == want + (None, 123456)
    assert bench.told[21] == want + (30794119,)
    assert all(value == want + (None,) for n, value in enumerate(bench.told) if n % 10 != 1)
    assert all(len(asked) <= 2 for asked in bench.asked)


def test_only_what_is_used_is_read():
    """Export is of interest at the mains only, and of a circuit the currents."""
    for role, expected in (("mains", 4), ("ev", 2), ("circuit", 1)):
        entry = meters.load("WAGO")
        values = {pdu: bytes(2 * pdu[4]) for pdu in meters.requests(entry)}
        values[meters.requests(entry)[0]] = floats(16.5, -5.25, 0.875)
        values[b"\3\x60\x18\0\2"] = floats(1)
        bench = Bench(entry, role, values)
        for _ in range(40):
            bench.turn()
        asked = {pdu for one in bench.asked for pdu in one}
        assert len(asked) == (expected if role != "ev" else 3), (role, asked)
        energies = [one for one in bench.asked if len(one) > 1 and one[1][1] == 0x60]
        assert len(energies) == (0 if role == "circuit" else 4)


def test_power_apart_from_the_currents_is_of_the_turn_before():
    entry = meters.load("WAGO")
    want, power_pdu, import_pdu = meters.requests(entry)
    bench = Bench(entry, "ev", {want: floats(16.5, -5.25, 0.875), power_pdu: floats(2.5),
                                import_pdu: floats(12.5)})
    for _ in range(4):
        bench.turn()
    amps = ("ev", 165, -53, 9)
    assert bench.told == [amps + (None, None), amps + (None, 12500), amps + (2500, None),
                          amps + (2500, None)]
    bench.turn(clean=False)
    bench.turn()
    assert bench.told[-2:] == [amps + (2500, None), amps + (None, None)]


def test_a_late_meter_is_asked_one_thing_a_turn():
    bench = Bench(*eastron()[:1], "mains", eastron()[1])
    for _ in range(12):
        bench.turn(clean=False)
    assert all(len(asked) == 1 for asked in bench.asked) and len(bench.told) == 12


def test_phases_without_current_are_doubted():
    """The first SDM72D-M knows the total only and answers 0 for each phase."""
    zero = (0.0, 0.0, 0.0)
    entry, values = eastron(zero, zero, 100.0)
    bench = Bench(entry, "mains", values)
    bench.turn()
    assert bench.told == [("mains", 0, 0, 0, 0, None)]
    assert refused(bench.turn)
    for _ in range(30):
        assert refused(bench.turn)
    assert len(bench.told) == 2  # nothing more was handed on
    # An idle meter is one, and so is that one once it shows currents.
    bench.values = eastron(zero, zero, 99.0)[1]
    bench.turn()
    bench.turn()
    assert len(bench.told) == 3
    bench.values = values
    for _ in range(12):
        try:
            bench.turn()
        except BadSample:
            break
    bench.values = eastron()[1]
    bench.turn()
    assert bench.told[-1][:4] == ("mains", 165, -53, 9)


def test_a_power_that_was_doubted_is_not_told():
    entry = meters.load("WAGO")
    want, power_pdu, import_pdu = meters.requests(entry)
    bench = Bench(entry, "ev", {want: floats(0, 0, 0), power_pdu: floats(-3),
                                import_pdu: floats(1)})
    bench.turn()
    assert refused(bench.turn)
    bench.values[want] = floats(13, 0, 0)
    bench.turn()
    assert bench.told[-1][:5] == ("ev", 130, 0, 0, None)


# ---- what others ask ----

def overheard(entry, role, *heard):
    """Let a meter hear (PDU, data) after (PDU, data); returns (what was told, the answers)."""
    calls = []
    meter = meters.Meter(entry, role, 12, lambda *call: calls.append(call))
    answers = [meter.overhear(pdu, memoryview(data)) for pdu, data in heard]
    return told(calls), answers


def test_what_the_master_asks_is_overheard():
    entry, values = eastron()
    want, power_pdu, import_pdu = meters.requests(entry)
    found, answers = overheard(entry, "ev", *((pdu, values[pdu])
                                              for pdu in (import_pdu, power_pdu, want, want)))
    assert answers == [True] * 4
    assert found == [("ev", 165, -53, 9, 2789, 30794119), ("ev", 165, -53, 9, 2789, None)]


def test_a_longer_request_is_overheard_as_well():
    entry, values = eastron()
    amps = values[meters.requests(entry)[0]]
    found, _ = overheard(entry, "ev", (b"\4\0\0\0\x1e", floats(230, 231, 232) + amps + bytes(24)),
                         (b"\4\0\x46\0\6", floats(50, 1, 2)), (b"\4\0\0\0\x12", bytes(12) + amps))
    assert found == [("ev", 165, -53, 9, 2789, None), ("ev", 165, -53, 9, 2789, 1000)]


def test_our_own_masters_longer_requests_are_overheard_in_full():
    entry = meters.load("SolarEdge")
    data = solaredge((163, 52, 9), -1, (-3758, 1198, -200), 0)
    assert overheard(entry, "ev", (meters.requests(entry)[0], data)) == (
        [("ev", 163, -52, 9, 2760, None)], [True])


def test_what_is_not_ours_tells_nothing():
    entry, values = eastron()
    want = meters.requests(entry)[0]
    amps = values[want]
    for pdu, data in ((b"\3" + want[1:], amps), (b"\4\0\7\0\x0c", amps),
                      (b"\4\0\6\0\x0b", amps[:22]), (b"\4\1\6\0\x0c", amps),
                      (want, amps[:22]), (want, amps + b"\0\0"), (b"\4\0\0\0\4", bytes(8)),
                      (b"\4\0\x50\0\x50", bytes(12) + amps + bytes(124)),
                      (b"\x10\0\6\0\x0c", amps), (b"\4\0\x4a\0\2", bytes(4))):
        assert overheard(entry, "ev", (pdu, data)) == ([], [False]), pdu
    assert refused(overheard, entry, "ev", (want, b"\x7f\xc0" + amps[2:]))


def test_power_alone_is_told_without_currents():
    """The seed's Master polls its own meter's currents only, of the others power and energy."""
    entry, values = eastron()
    _, power_pdu, import_pdu = meters.requests(entry)
    found, _ = overheard(entry, "ev", *[(pdu, values[pdu])
                                        for _ in range(3) for pdu in (import_pdu, power_pdu)])
    assert found == [("ev", None, None, None, 2789, 30794119)] * 2


# ---- recorded frames ----

def recorded(path):
    """Yield of the file ``path`` (name, meter's entry, block's key, frame, decoded, direction)."""
    with open(path) as file:
        for line in file:
            item = json.loads(line)
            name = item["name"]
            if not name.startswith(RECORDED) or name.startswith(("meter.", "node.")):
                continue
            parts = name.split(".")
            if parts[0] == "real":
                parts.pop(0)
            who = parts[0]
            entry = custom(*CUSTOM[who]) if who in CUSTOM else meters.load(FILES[who])
            frame = bytes.fromhex(item["hex"].replace(" ", ""))
            assert crc16(frame, 0, len(frame)) == 0
            yield (who + "." + parts[1], entry, KEYS.get(parts[1], parts[1]), frame,
                   item["decoded"], parts[2])


def frames(*names):
    """Return the recorded frames of these names."""
    with open(testdata.path(FRAMES)) as file:
        found = {item["name"]: bytes.fromhex(item["hex"].replace(" ", ""))
                 for item in (json.loads(line) for line in file) if item["name"] in names}
    return [found[name] for name in names]


def test_recorded_requests_are_ours():
    count = 0
    for what, entry, key, frame, _, kind in recorded(testdata.path(FRAMES)):
        if kind == "req" and what not in SHORT:
            count += 1
            assert meters.Block(entry, entry[key]).pdu == frame[1:-2], what
    assert count == 57, count


def true_values(true):
    """Return (amps or None, watts or None, Wh or None) of a recorded frame's true values."""
    if type(true) is not dict:
        return [0, 0, 0], 0, None
    side = -1 if "meter_side" in true or "meter_P_W" in true else 1
    true = true.get("meter_side", true)
    watts = true.get("P_W", true.get("meter_P_W"))
    if "P_kW" in true:
        watts = true["P_kW"]
        watts = [1000 * w for w in watts] if type(watts) is list else 1000 * watts
    amps = true.get("I_A")
    if amps is not None and type(watts) is list:
        amps = [abs(a) if side * w >= 0 else -abs(a) for a, w in zip(amps, watts)]
    elif amps is not None and watts is not None:
        amps = [abs(amps[0]) if watts >= 0 else -abs(amps[0])]
    if type(watts) is list:
        watts = sum(watts)
    wh = true.get("E_Wh", true.get("E_Wh_per_manual", true.get("raw_float")))
    if "E_kWh" in true:
        wh = 1000 * true["E_kWh"]
    return amps, watts if watts is None else side * watts, wh


def close(got, true, unit):
    """Nearest unit to the true value; a float32 carries 24 bits of it, hence the small rest."""
    return abs(got - true / unit) <= 0.5 + 1e-7 * abs(true / unit) + 1e-6


def test_recorded_replies():
    counts = {"current": 0, "power": 0, "import": 0, "export": 0}
    for what, entry, key, frame, decoded, kind in recorded(testdata.path(FRAMES)):
        if kind == "req" or what == MEANINGLESS:
            continue
        counts[key] += 1
        amps, watts, wh = true_values(decoded["true"])
        data = frame[3:-2]
        if key == "current":
            got, got_watts = current(entry, data)
            for phase in range(3):
                true = amps[phase] if phase < len(amps) else 0
                assert close(got[phase], true, 0.1), (what, got)
            if got_watts is not None and watts is not None:
                assert close(got_watts, watts, 1), (what, got_watts)
        elif key == "power":
            assert close(power(entry, data), watts, 1), what
        else:
            assert close(energy(entry, data, key), wh, 1), what
    assert counts == {"current": 21, "power": 17, "import": 20, "export": 8}, counts


def test_recorded_short_requests_are_overheard():
    """SolarEdge's currents come without powers, its energies without scale; its power is void."""
    for who, name, expected in (
            ("solaredge", "SolarEdge", ("mains", 163, -52, 9, None, 12345670, 123450)),
            ("cgavazzi", "C.Gavazzi", ("mains", 163, -52, 9, 2761, 12345600))):
        asked = ["%s.%s.req" % (who, what) for what in ("energy_import", "power", "current")]
        if who == "solaredge":
            asked.insert(0, "solaredge.energy_export.req")
        pairs = list(zip(frames(*asked), frames(*[one[:-3] + "resp" for one in asked])))
        heard = [(request[1:-2], reply[3:-2]) for request, reply in pairs]
        found, answers = overheard(meters.load(name), "mains", *heard)
        assert found == [expected], found
        assert answers == [one != MEANINGLESS + ".req" for one in asked]


def test_a_recorded_poll_of_a_node_s_meter_is_overheard():
    request, reply = frames("node.ev_sniff.energy.req", "node.ev_sniff.energy.resp")
    entry, values = eastron()
    want = meters.requests(entry)[0]
    found, _ = overheard(entry, "ev", (request[1:-2], reply[3:-2]), (want, values[want]))
    assert found == [("ev", 165, -53, 9, 2789, 1234500)]


def test_a_recorded_exception_is_one():
    (answer,) = frames("meter.exception.resp")
    wire = Wire(lambda sent, n: [(20, answer)])
    try:
        run(Link(wire, wire.now, wire.sleep_ms).transact(11, meters.requests(eastron()[0])[0]))
        raise AssertionError
    except ExceptionReply as found:
        assert found.code == 2


def test_no_recorded_frame_was_left_out():
    """57 requests and 5 short ones, 66 replies and a void one, a node's meter, an exception."""
    with open(testdata.path(FRAMES)) as file:
        names = [json.loads(line)["name"] for line in file]
    assert sum(name.startswith(RECORDED) for name in names) == 57 + 5 + 66 + 1 + 2 + 1
