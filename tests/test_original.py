"""What the original firmware has stored: read, and what becomes of it here."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import nvs
import nvs_writer
import original

ROOT = Path(__file__).resolve().parents[1]
NOW_S = 1_790_000_000


# ---- the partition ----

def test_all_kinds_of_values_are_read():
    part = nvs_writer.Partition()
    values = {"u8": 250, "i8": -5, "u16": 65000, "i16": -300, "u32": 4_000_000_000, "i32": -70000,
              "u64": 2**63, "i64": -2**40}
    for kind, value in values.items():
        part.put("one", kind, value, kind)
    part.put("two", "text", "a word with é")
    part.put("two", "empty", "")
    part.put("two", "long", "x" * 1000)
    part.put("two", "blob", bytes(range(256)))
    part.put("two", "none", b"")
    part.put_old_blob("two", "old", b"\1\2\3")
    assert nvs.read(bytes(part)) == {"one": values, "two": {
        "text": "a word with é", "empty": "", "long": "x" * 1000, "blob": bytes(range(256)),
        "none": b"", "old": b"\1\2\3"}}


def test_a_blob_may_lie_in_several_pages():
    data = bytes(random.Random(1).randrange(256) for _ in range(9000))
    part = nvs_writer.Partition()
    part.put("one", "blob", data)
    assert len(part.pages) == 3
    assert nvs.read(bytes(part)) == {"one": {"blob": data}}


def test_of_a_value_written_anew_the_later_counts():
    part = nvs_writer.Partition()
    for number in range(300):
        part.put("one", "key", number % 250)
        part.put("one", "text", "t%d" % number)
        part.put("one", "blob", bytes([number % 250]) * 40)
    assert len(part.pages) > 3
    assert nvs.read(bytes(part)) == {"one": {"key": 49, "text": "t299", "blob": b"\x31" * 40}}


def test_what_was_erased_is_gone():
    part = nvs_writer.Partition()
    part.put("one", "number", 1)
    part.put("one", "text", "x" * 100)
    part.put("one", "blob", b"x" * 100)
    part.put("one", "left", 2)
    for key in ("number", "text", "blob"):
        part.erase("one", key)
    assert nvs.read(bytes(part)) == {"one": {"left": 2}}


def test_of_two_that_a_loss_of_power_has_left_the_later_counts():
    part = nvs_writer.Partition()
    part.put("one", "a", 1)
    part.put("one", "a", 2, keep=True)
    part.put("one", "b", 3)
    part.new_page()
    part.put("one", "b", 4, keep=True)
    assert nvs.read(bytes(part)) == {"one": {"a": 2, "b": 4}}
    # Pages need not lie in the order they were begun in.
    first, second = (bytes(page.data) for page in part.pages)
    assert nvs.read(second + first) == {"one": {"a": 2, "b": 4}}


def test_what_was_cut_is_passed_over():
    part = nvs_writer.Partition()
    for key in ("whole", "number", "text", "head", "blob"):
        part.put("one", key, {"number": 7, "whole": 8}.get(key, key * 20 if key != "blob"
                                                           else b"blob" * 30))
    part.put("one", "last", 9)
    part.spoil("one", "number")
    part.spoil("one", "head", at=9)
    part.spoil("one", "text", at=40)
    part.spoil("one", "blob", at=70, chunk=0)
    assert nvs.read(bytes(part)) == {"one": {"whole": 8, "last": 9}}


def test_without_a_sound_page_it_says_so():
    for data in (b"", b"\xff" * 0x5000, bytes(0x5000), bytes(range(256)) * 80):
        with pytest.raises(nvs.Problem, match="no page"):
            nvs.read(data)


def test_noise_in_a_partition_is_survived():
    random_ = random.Random(5)
    part = nvs_writer.Partition()
    for number in range(200):
        part.put("one", "k%d" % (number % 40), number)
        part.put("one", "t%d" % (number % 7), "x" * number)
    whole = bytes(part)
    right = nvs.read(whole)["one"]
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(random_.randrange(1, 30)):
            data[random_.randrange(len(data))] = random_.randrange(256)
        try:
            found = nvs.read(bytes(data)).get("one", {})
        except nvs.Problem:
            continue
        # An older value may come up again where the newer was hit; nothing is made up.
        for key, value in found.items():
            if key[:1] == "t":
                assert set(value) <= {"x"}
            elif key in right:
                assert value % 40 == right[key] % 40


def test_the_partition_is_found_by_the_table():
    part = nvs_writer.Partition()
    part.put("one", "key", 5)
    assert nvs.read(nvs.partition(nvs_writer.flash(bytes(part)))) == {"one": {"key": 5}}
    with pytest.raises(nvs.Problem, match="no partition table"):
        nvs.partition(b"\xff" * 0x400000)
    flash = bytearray(0x400000)
    rows = nvs_writer.table((0, 0, 0x10000, 0x100000, b"factory"))
    flash[0x8000:0x8000 + len(rows)] = rows
    with pytest.raises(nvs.Problem, match="has no nvs"):
        nvs.partition(bytes(flash))


# ---- what becomes of it ----

def seed(**values):
    """A partition as the seed leaves it: everything is stored."""
    stored = {"Config": 0, "Lock": 0, "Mode": 0, "Access": 1, "LoadBl": 0, "MaxMains": 25,
              "MaxSumMains": 600, "MaxCurrent": 13, "MinCurrent": 6, "MaxCircuit": 16,
              "ICal": 1024, "Switch": 0, "RCmon": 0, "StartCurrent": 4, "StopTime": 10,
              "ImportCurrent": 0, "Grid": 0, "RFIDReader": 0, "MainsMeter": 0,
              "MainsMAddress": 10, "MainsMMeasure": 0, "PVMeter": 0, "PVAddress": 11,
              "EVMeter": 0, "EVMeterAddress": 12, "EMEndianness": 0, "EMIRegister": 0,
              "EMUDivisor": 8, "EMIDivisor": 8, "EMPDivisor": 8, "EMEDivisor": 8,
              "EMFunction": 4, "WIFImode": 0, "EnableC2": 0, "Modem": 0, "maxTemp": 65,
              "MQTTHost": "", "MQTTPort": 1883, "MQTTprefix": "SmartEVSE-4660",
              "Timezone": "Europe/Berlin"}
    return written({**stored, **values})


WORDS = ("MaxMains", "MaxSumMains", "MaxCurrent", "MinCurrent", "MaxCircuit", "ICal", "StopTime",
         "StartCurrent", "ImportCurrent", "EMIRegister", "EnableC2", "Modem", "maxTemp",
         "MQTTPort", "CapacityMode", "MaxSumMainsTime", "LCDPin", "DelayedRepeat")


def written(values, serial=4660, **spaces):
    """Through a partition and back, so that the kinds are those of the real one."""
    part = nvs_writer.Partition()
    for key, value in values.items():
        part.put("settings", key, value,
                 "u32" if key in ("DelayedStartTim", "DelayedStopTime") else
                 "u16" if key in WORDS else "u8")
    if serial:
        part.put("KeyStorage", "serialnr", serial, "u32")
        part.put("KeyStorage", "hwversion", 0x0301, "u16")
    for name, rows in spaces.items():
        for key, value in rows.items():
            part.put(name.replace("wifi", "nvs.net80211"), key, value)
    return nvs.read(bytes(part))


def take(spaces, **options):
    return original.take_over(spaces, now_s=NOW_S, **options)


def changed(taken):
    """Our settings that are not at their default."""
    specs = {row[0]: row for row in original.firmware("settings").TABLE}
    for key, value in taken.settings.items():
        assert original.firmware("settings").check(specs[key], value) == value
    return {key: value for key, value in taken.settings.items() if value != specs[key][2]}


def said(taken, key):
    return [row for row in taken.differs if row["key"] == key]


BERLIN = {"tz": "CET-1CEST,M3.5.0,M10.5.0/3"}


def test_the_two_firmwares_are_told_apart():
    assert original.kind_of(seed()) == "seed"
    assert original.kind_of(seed(CapacityMode=0)) == "latest", "updated from the one to the other"
    assert original.kind_of(written({"MaxMains": 32})) == "latest"
    assert original.kind_of({}) == "latest"


def test_a_seed_as_it_comes():
    taken = take(seed())
    assert taken.kind == "seed" and taken.serial == 4660
    assert changed(taken) == {"api_units": "kW"}
    assert taken.settings["contact_2"] == "Not present" and taken.settings["capacity"] == 0
    assert taken.settings["tz"] == BERLIN["tz"] and taken.settings["wifi"] == "Disabled"
    assert taken.states == {"access": 1}
    assert taken.confirm == ["api_units"]


def test_a_latest_as_it_comes_keeps_its_contactor_and_meter():
    taken = take(written({}))
    assert taken.kind == "latest"
    assert changed(taken) == {"contact_2": "Always On", "mains_met": "Sensorbox",
                              "mqtt_prefix": "SmartEVSE/4660"}
    assert taken.confirm == ["contact_2"]


def test_plain_settings_keep_their_value():
    values = {"Config": 1, "Lock": 2, "Mode": 2, "LoadBl": 1, "MaxMains": 63, "MaxCurrent": 32,
              "MinCurrent": 8, "MaxCircuit": 40, "Switch": 4, "RCmon": 1, "StartCurrent": 9,
              "StopTime": 0, "ImportCurrent": 3, "Grid": 1, "RFIDReader": 2, "MainsMeter": 9,
              "maxTemp": 70, "MQTTHost": "broker.local", "MQTTPort": 8883, "MQTTuser": "evse",
              "MQTTpassword": "s3cret", "MQTTprefix": "garage/charger", "EnableC2": 2,
              "MainsMAddress": 77, "EVMeterAddress": 33}
    wanted = {"config": "Fixed", "lock": "Motor", "mode": "Solar", "pwr_share": "Master",
              "mains": 63, "max": 32, "min": 8, "circuit": 40, "switch": "Sma-Sol S",
              "rcmon": "Enabled", "start": 9, "stop": 0, "import": 3, "grid": "3Wire",
              "rfid": "EnableOne", "mains_met": "API", "max_temp": 70,
              "mqtt_host": "broker.local", "mqtt_port": 8883, "mqtt_user": "evse",
              "mqtt_password": "s3cret", "mqtt_prefix": "garage/charger", "mains_adr": 77,
              "ev_adr": 33}
    latest = take(written({**values, "CableLock": 1, "SB2WIFImode": 1, "LedMode": 1,
                           "LCDlock": 1, "LCDPin": 1234, "CircuitMeter": 15,
                           "CircuitMAddress": 14, "MaxSumMainsTime": 5, "RequiredEVCCID": "00:11",
                           "CircuitHostName": "p1meter.local"}))
    assert changed(latest) == {**wanted, "contact_2": "Solar Off", "cable_lock": "Enabled",
                               "sb2_wifi": "Enabled", "led_mode": "Public",
                               "lcd_lock": "Enabled", "lcd_pin": 1234, "circt_met": "Chint 3P",
                               "circt_adr": 14, "cap_stop": 5, "required_evccid": "00:11",
                               "circt_host": "p1meter.local"}
    assert changed(take(seed(**values, Modem=1))) == {
        **wanted, "modem": "Experimental", "contact_2": "Always On", "api_units": "kW"}


@pytest.mark.parametrize("kind, key, number, ours", [
    ("seed", "MainsMeter", 16, "Custom"), ("seed", "MainsMeter", 13, None),
    ("seed", "MainsMeter", 3, "Finder 7E"), ("seed", "EVMeter", 16, "Custom"),
    ("latest", "MainsMeter", 16, "C.Gavazzi"), ("latest", "MainsMeter", 19, "Custom"),
    ("latest", "MainsMeter", 13, "HomeWizrd"), ("latest", "MainsMeter", 17, "Chint 1P"),
    ("latest", "MainsMeter", 18, None), ("latest", "CircuitMeter", 4, "Eastron3P"),
    ("latest", "CircuitMeter", 1, None), ("latest", "EVMeter", 99, None),
])
def test_meters_by_the_numbers_of_their_firmware(kind, key, number, ours):
    make = seed if kind == "seed" else lambda **values: written({"CapacityMode": 0, **values})
    taken = take(make(**{key: number}))
    name = {"MainsMeter": "mains_met", "EVMeter": "ev_meter", "CircuitMeter": "circt_met"}[key]
    assert taken.settings.get(name) == ours
    assert bool(said(taken, name)) == (ours is None)


def test_a_sensorbox_has_one_address():
    assert take(seed(MainsMeter=1, MainsMAddress=55)).settings["mains_adr"] == 10


def test_a_custom_meter_keeps_its_description():
    taken = take(seed(MainsMeter=16, EMEndianness=3, EMDataType=1, EMFunction=3, EMIRegister=22,
                      EMIDivisor=3, EMUDivisor=1, EMPDivisor=8, EMEDivisor=0))
    settings = taken.settings
    assert (settings["em_byte_order"], settings["em_data_type"], settings["em_function"]) == (
        "HBF & HWF", "FLOAT32", 3)
    assert settings["em_i_register"] == 22 and settings["em_i_divisor"] == 3
    assert "em_p_divisor" not in settings and said(taken, "em_p_divisor")


@pytest.mark.parametrize("kind, number, shared, ours", [
    ("seed", 0, 0, "Not present"), ("seed", 1, 0, "Always Off"), ("seed", 2, 0, "Solar Off"),
    ("seed", 3, 0, "Always On"), ("seed", 4, 0, "Auto"), ("seed", 0, 1, "Always On"),
    ("seed", 2, 3, "Always On"), ("latest", 0, 0, "Always On"), ("latest", 1, 0, "Always Off"),
    ("latest", 2, 0, "Solar Off"), ("latest", 4, 1, "Auto"), ("latest", 4, 2, "Always On"),
    ("latest", 77, 0, "Always On"),
])
def test_contactor_2_does_what_it_did(kind, number, shared, ours):
    make = seed if kind == "seed" else lambda **values: written({"CapacityMode": 0, **values})
    taken = take(make(EnableC2=number, LoadBl=shared))
    assert taken.settings["contact_2"] == ours
    assert ("contact_2" in taken.confirm) == (ours != "Not present")


@pytest.mark.parametrize("values, capacity, mode", [
    ({"MaxSumMains": 600}, 0, "Disabled"), ({"MaxSumMains": 60}, 60, "Fixed"),
    ({"MaxSumMains": 0, "CapacityMode": 3}, 0, "Flanders"),
    ({"MaxSumMains": 25, "CapacityMode": 0}, 25, "Disabled"),
    ({"MaxSumMains": 600, "CapacityMode": 1}, 0, "Fixed"), ({"MaxSumMains": 5}, 0, "Disabled"),
])
def test_capacity(values, capacity, mode):
    taken = take(seed(**values))
    assert (taken.settings["capacity"], taken.settings["cap_mode"]) == (capacity, mode)


def test_intervals():
    text = json.dumps([{"start": 1320, "power": 9000}, {"start": 420, "power": 4000}])
    taken = take(written({"CapacityMode": 2, "intervals_json": text}))
    assert taken.states["intervals"] == [(420, 4000), (1320, 9000)]
    assert taken.settings["cap_mode"] == "Interval" and not said(taken, "cap_mode")
    taken = take(written({"CapacityMode": 2, "intervals_json": text.replace("9000", "0")}))
    assert taken.states["intervals"][1] == (1320, 0) and "cap_mode" in taken.confirm
    for broken in ("x", "[1]", "[{}]", '[{"start": 1440, "power": 1}]', "{}", "[[1, 2]]",
                   '[{"start": 1, "power": 1}, {"start": 1, "power": 2}]', "7"):
        taken = take(written({"CapacityMode": 2, "intervals_json": broken}))
        if broken != "{}":
            assert "intervals" not in taken.states and said(taken, "cap_mode"), broken


def test_the_ev_meter_of_the_seed_goes_on_holding_the_circuit():
    taken = take(seed(EVMeter=4))
    assert taken.settings["ev_meter_role"] == "Sub-panel" and "ev_meter_role" in taken.confirm
    assert "ev_meter_role" not in take(seed(EVMeter=4, LoadBl=3)).settings
    assert "ev_meter_role" not in take(written({"EVMeter": 4})).settings


def test_cards_of_both_sizes():
    one, two, seven = bytes.fromhex("04A1B2C3D4E5"), bytes.fromhex("112233445566"), \
        bytes.fromhex("04A1B2C3D4E5F6")
    taken = take(written({"RFIDReader": 1}, RFIDlist={
        "RFIDinit": 1, "RFID": (one + b"\xff" * 6 + two).ljust(120, b"\xff")}))
    assert taken.cards == ["04A1B2C3D4E5", "112233445566"]
    taken = take(written({"RFIDreader": 1}, RFIDlist={
        "RFIDinit": 3, "RFID": (two + b"\xff" + seven + seven).ljust(700, b"\xff")}))
    assert taken.cards == ["112233445566", "04A1B2C3D4E5F6"]
    full = b"".join(bytes([4, number, 1, 2, 3, 4, 5]) for number in range(100))
    assert len(take(written({}, RFIDlist={"RFIDinit": 3, "RFID": full})).cards) == 100
    old = b"".join(bytes([4, number, 1, 2, 3, 4]) for number in range(100))
    assert len(take(written({}, RFIDlist={"RFIDinit": 2, "RFID": old})).cards) == 100
    for init, blob in ((0, one * 20), (3, b"\xff" * 700), (1, bytes(120)), (3, b"")):
        assert take(written({}, RFIDlist={"RFIDinit": init, "RFID": blob})).cards == []


@pytest.mark.parametrize("number, ours", [(0, "Disabled"), (1, "EnableAll"), (2, "EnableOne"),
                                          (3, "Learn"), (4, "Delete"), (5, "Disabled"),
                                          (6, "EnableAll")])
def test_what_cards_may_do(number, ours):
    taken = take(written({"RFIDReader": number}, RFIDlist={
        "RFIDinit": 1, "RFID": bytes.fromhex("04A1B2C3D4E5").ljust(120, b"\xff")}))
    assert taken.settings["rfid"] == ours
    assert len(taken.cards) == (0 if number == 5 else 1)
    assert bool(said(taken, "rfid")) == (number == 6)


def test_wifi():
    def stored(name, password):
        return {"sta.ssid": len(name).to_bytes(4, "little") + name.ljust(32, b"\0"),
                "sta.pswd": password.ljust(65, b"\0"), "sta.authmode": 3}

    def wifi(mode, rows):
        taken = take(written({"WIFImode": mode}, wifi=rows))
        return tuple(taken.settings.get(key, "") for key in ("wifi", "wifi_ssid", "wifi_password"))

    assert wifi(1, stored(b"House of Cars", b"p\xc3\xa4ssword1")) == (
        "Enabled", "House of Cars", "pässword1")
    assert wifi(2, stored(b"House", b"password1")) == ("Enabled", "House", "password1")
    assert wifi(0, stored(b"House", b"")) == ("Disabled", "House", "")
    assert wifi(2, {}) == ("SetupWifi", "", "")
    assert wifi(1, {"sta.ssid": b"\xff" * 36, "sta.pswd": b"\xff" * 65}) == ("Enabled", "", "")
    assert wifi(1, stored(b"\xfe\xfe", b"password1")) == ("Enabled", "", "")
    assert wifi(1, stored(b"x" * 32, b"y" * 64)) == ("Enabled", "x" * 32, "y" * 64)


def test_names_follow_the_serial_number():
    assert "mqtt_prefix" not in changed(take(seed()))
    assert changed(take(seed(MQTTprefix="SmartEVSE-1")))["mqtt_prefix"] == "SmartEVSE-1"
    assert changed(take(written({}, serial=0), chip=77))["mqtt_prefix"] == "SmartEVSE/77"
    assert take(written({}, serial=0), chip=77).serial is None
    taken = take(written({"MQTTHost": "b"}, serial=0))
    assert "mqtt_prefix" in taken.confirm
    long = take(nvs.read(bytes(_long_serial())))
    assert [row for row in long.differs if row["new"] == "SmartEVSE-70000"]


def _long_serial():
    part = nvs_writer.Partition()
    part.put("settings", "PVMeter", 0)
    part.put("KeyStorage", "serialnr", 70000, "u32")
    return part


def test_mqtt_over_tls_is_not_sent_in_the_clear():
    taken = take(written({"MQTTHost": "broker", "MQTTtls": 1, "MQTTpassword": "s3cret"}))
    assert taken.settings["mqtt_host"] == "" and "mqtt_host" in taken.confirm
    assert take(written({"MQTTHost": "broker", "MQTTtls": 0})).settings["mqtt_host"] == "broker"


def test_time_zones_by_name_and_by_rule():
    assert take(seed(Timezone="Australia/Sydney")).settings["tz"] == \
        "AEST-10AEDT,M10.1.0,M4.1.0/3"
    assert take(written({"TimezoneInfo": "GMT0BST,M3.5.0/1,M10.5.0"})).settings["tz"] == \
        "GMT0BST,M3.5.0/1,M10.5.0"
    for values in ({"Timezone": "Moon/Tycho", "PVMeter": 0}, {"TimezoneInfo": "nonsense"}):
        taken = take(written(values))
        assert "tz" not in taken.settings and "tz" in taken.confirm


def timer(**values):
    values = {key: value - original.EPOCH_S if "Time" in key or "Tim" in key else value
              for key, value in values.items()}
    return take(written({"Mode": 1, "MainsMeter": 4, **values})).states


def test_a_delayed_start_is_kept():
    start, stop = NOW_S + 3600, NOW_S + 7200
    assert timer(DelayedStartTim=start) == {"access": 0, "timer": ["Smart", start, 0, 0]}
    assert timer(DelayedStartTim=start, DelayedStopTime=stop, DelayedRepeat=1) == {
        "access": 0, "timer": ["Smart", start, stop, 1]}
    assert timer(DelayedStopTime=stop) == {"access": 1, "timer": ["Smart", 0, stop, 0]}
    past = NOW_S - 86400
    assert timer(DelayedStartTim=past + 60, DelayedStopTime=past + 600, DelayedRepeat=1) == {
        "access": 1, "timer": ["Smart", past + 60, past + 600, 1]}
    for values in ({"DelayedStartTim": past}, {"DelayedStartTim": stop, "DelayedStopTime": start},
                   {"DelayedStartTim": start, "DelayedStopTime": start + 90000,
                    "DelayedRepeat": 1}):
        assert timer(**values) == {"access": 1}, values


def test_access_is_kept():
    for number, ours in ((0, 0), (1, 1), (2, 2), (9, 1)):
        assert take(written({"Access": number})).states["access"] == ours


def test_values_beyond_our_ranges_come_to_the_nearest():
    taken = take(written({"MaxCurrent": 100, "maxTemp": 20, "MaxMains": 9, "Switch": 200,
                          "MQTTHost": "h" * 70}))
    assert (taken.settings["max"], taken.settings["max_temp"], taken.settings["mains"]) == (
        80, 40, 10)
    assert "switch" not in taken.settings and "mqtt_host" not in taken.settings
    assert {"max", "max_temp", "mains", "switch", "mqtt_host"} <= set(taken.confirm)
    taken = take(written({"MQTTpassword": "s3cret" + "x" * 70}))
    assert "mqtt_password" in taken.confirm and "s3cret" not in str(taken.differs)
    taken = take(written({"MinCurrent": 16, "MaxCurrent": 10}))
    assert taken.settings["min"] == taken.settings["max"] == 10


def test_values_of_another_kind_count_as_missing():
    part = nvs_writer.Partition()
    part.put("settings", "MaxMains", "twenty")
    part.put("settings", "MQTTHost", 7)
    part.put("RFIDlist", "RFIDinit", 3)
    assert take(nvs.read(bytes(part))).settings["mains"] == 25


def test_what_does_not_exist_here_is_said():
    words = " ".join(row["old"] for row in take(seed(
        PVMeter=4, ICal=1100, MainsMMeasure=1)).differs)
    assert "PV meter" in words and "CT clamps" in words and "home and charger" in words
    words = " ".join(row["old"] for row in take(written({
        "OcppMode": 1, "AutoUpdate": 1, "MQTTSmartServer": 1})).differs)
    assert "OCPP" in words and "updates" in words and "app server" in words


def test_no_secret_is_told(capsys):
    spaces = written({"MQTTHost": "b", "MQTTpassword": "s3cretA"}, wifi={
        "sta.ssid": b"\5\0\0\0House".ljust(36, b"\0"), "sta.pswd": b"s3cretB".ljust(65, b"\0")})
    taken = take(spaces)
    original.tell(taken)
    files = taken.files()
    shown = capsys.readouterr().out + files["imported.json"].decode()
    assert "House" in shown and "s3cret" not in shown
    assert b"s3cretA" in files["settings.json"]
    assert len(files["imported.json"]) < 6000


def test_the_tool_shows_what_is_stored(tmp_path):
    part = nvs_writer.Partition()
    part.put("settings", "MaxMains", 32, "u16")
    part.put("settings", "MQTTpassword", "s3cret")
    part.put("RFIDlist", "RFID", bytes(120))
    path = tmp_path / "backup.bin"

    def run(data, *options):
        path.write_bytes(data)
        return subprocess.run([sys.executable, "tools/nvs.py", str(path), *options], cwd=ROOT,
                              text=True, capture_output=True)

    for data in (bytes(part), nvs_writer.flash(bytes(part))):
        shown = run(data).stdout
        assert "[settings]\nMQTTpassword = (hidden)\nMaxMains = 32\n" in shown
        assert "RFID = (120 bytes)" in shown
        assert "mains = 32" in run(data, "--import").stdout
    for data, words in ((b"", "no backup"), (b"x" * 100, "no backup"),
                        (b"\xff" * 4096, "no page")):
        done = run(data)
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
