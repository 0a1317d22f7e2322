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
from evse.bus.rtu import crc16

# The names the settings know. Those without registers (API, HomeWizrd) are not in the table.
NAMES = {2: "Phoenix C", 3: "Finder 7E", 4: "Eastron3P", 5: "InvEastrn", 6: "ABB",
         7: "SolarEdge", 8: "WAGO", 10: "Eastron1P", 11: "Finder 7M", 12: "Sinotimer",
         14: "Schneider", 15: "Chint 3P", 16: "C.Gavazzi", 17: "Chint 1P"}
FILES = {"phoenix": "Phoenix C", "finder7e": "Finder 7E", "eastron3p": "Eastron3P",
         "inveastron": "InvEastrn", "abb": "ABB", "solaredge": "SolarEdge", "wago": "WAGO",
         "eastron1p": "Eastron1P", "finder7m": "Finder 7M", "sinotimer": "Sinotimer",
         "schneider": "Schneider", "schneider_wh": "Schneider", "chint3p": "Chint 3P",
         "cgavazzi": "C.Gavazzi", "chint1p": "Chint 1P", "sdm72_v1": "Eastron3P",
         "eastron": "Eastron3P"}
# Meters a user defines, as the recorded frames have them.
CUSTOM = {
    "custom_sdm": {"fc": 4, "order": 3, "type": "f32",
                   "current": {"reg": 6, "n": 6, "at": [0, 2, 4]},
                   "power": {"reg": 52, "n": 2}, "import": {"reg": 72, "n": 2, "exp": 3}},
    "custom_lbf": {"fc": 3, "order": 0, "type": "i32",
                   "current": {"reg": 100, "n": 6, "at": [0, 2, 4], "exp": -2},
                   "power": {"reg": 120, "n": 2, "exp": -1},
                   "import": {"reg": 140, "n": 2, "exp": 2}},
    "custom_lbfhwf": {"fc": 3, "order": 1, "type": "i32",
                      "current": {"reg": 100, "n": 6, "at": [0, 2, 4], "exp": -2}},
    "custom_int16": {"fc": 4, "order": 2, "type": "i16",
                     "current": {"reg": 3, "n": 3, "at": [0, 1, 2], "exp": -2},
                     "power": {"reg": 8, "n": 1}, "import": {"reg": 39, "n": 1, "exp": 1}},
}
# SunSpec gives each value a scale register of its own, which the recorded requests leave out.
FRAMES = "modbus_frames.jsonl"
UNSCALED = ("solaredge.power", "solaredge.energy_import", "solaredge.energy_export")
KEYS = {"energy_import": "import", "energy_export": "export", "energy": "import"}


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
    return [meters.load(NAMES[number]) for number in NAMES]


# ---- the table ----

def test_each_meter_is_found_by_its_name():
    for number, name in NAMES.items():
        entry = meters.load(name)
        assert entry["id"] == number and entry["name"] == name


def test_unknown_meters_are_refused():
    for name in ("API", "HomeWizrd", "Disabled", "", "Eastron", "eastron3p"):
        try:
            meters.load(name)
            raise AssertionError(name)
        except ValueError:
            pass


def test_the_table_is_sound():
    with open(meters.TABLE) as file:
        text = file.read()
    table = json.loads(text)
    assert len(table) == len(NAMES) == len(text.strip().split("\n")) - 2  # one meter, one line
    for line in text.split("\n"):
        assert len(line) < 400  # what load() holds at a time
    for entry in table:
        assert set(entry) <= {"id", "name", "fc", "order", "type", "current", "power", "import",
                              "export"}
        assert entry["fc"] in (3, 4) and entry["order"] in (0, 1, 2, 3)
        for key in ("current", "power", "import", "export"):
            if key not in entry:
                assert key == "export"
                continue
            spec = entry[key]
            assert set(spec) <= {"reg", "n", "at", "exp", "type", "scale", "negate", "watts",
                                 "watts_exp"}
            words = meters.WORDS[spec.get("type", entry["type"])]
            assert 1 <= spec["n"] <= 125
            for at in spec.get("at", [0]) + spec.get("watts", []):
                assert 0 <= at <= spec["n"] - words
            assert spec.get("scale", 0) < spec["n"]
            assert len(spec.get("watts", spec.get("at", [0]))) == len(spec.get("at", [0]))


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


def test_sunspec_scales():
    entry = meters.load("SolarEdge")
    assert current(entry, struct.pack(">4h", 1634, -521, 87, -2)) == ([163, -52, 9], None)
    assert current(entry, struct.pack(">4h", 16, -5, 1, 0)) == ([160, -50, 10], None)
    assert power(entry, struct.pack(">5h", -276, 0, 0, 0, 1)) == -2760
    assert energy(entry, struct.pack(">I6hh", 1234567, *[0] * 6, 1)) == 12345670
    assert energy(entry, struct.pack(">I14hh", 12345, *[0] * 14, 1), "export") == 123450
    assert refused(current, entry, struct.pack(">4h", 1, 1, 1, -32768))
    assert refused(current, entry, struct.pack(">4h", 1, 1, 1, 13))


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


# ---- recorded frames ----

def recorded(path):
    """Yield of the file ``path`` (name, meter's entry, block's key, frame, decoded, direction)."""
    with open(path) as file:
        for line in file:
            item = json.loads(line)
            parts = item["name"].split(".")
            if parts[0] == "real":
                parts.pop(0)
            who = parts[0]
            if (who not in FILES and who not in CUSTOM) or len(parts) < 3:
                continue
            what = parts[0] + "." + parts[1]
            entry = CUSTOM[who] if who in CUSTOM else meters.load(FILES[who])
            frame = bytes.fromhex(item["hex"].replace(" ", ""))
            yield what, entry, KEYS.get(parts[1], parts[1]), frame, item["decoded"], parts[2]


def test_recorded_requests_are_ours():
    count = 0
    for what, entry, key, frame, _, kind in recorded(testdata.path(FRAMES)):
        assert crc16(frame, 0, len(frame)) == 0
        if kind == "req" and what not in UNSCALED:
            count += 1
            assert meters.Block(entry, entry[key]).pdu == frame[1:-2], what
    assert count == 59, count


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
        if kind == "req" or what in UNSCALED:
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
    assert counts == {"current": 21, "power": 17, "import": 19, "export": 7}, counts
