"""What MQTT clients tell: formats and ranges of the topics below Set/, and what they come to."""

from evse.net.facts import Facts
from helpers_core import Bench
from helpers_facts import Client
from helpers_net import FakeCommand


def commands(name, payload, **values):
    """The commands that Set/``name`` comes to, without their source, which is always MQTT."""
    calls = Client(**values).tell(name, payload)
    assert all(call[2] == "MQTT" for call in calls)
    return [call[:2] for call in calls]


def one(name, payload, **values):
    """The one command that Set/``name`` comes to."""
    calls = commands(name, payload, **values)
    assert len(calls) == 1, calls
    return calls[0]


def nothing(name, payload, **values):
    """Assert that Set/``name`` comes to no command and is counted as refused."""
    client = Client(**values)
    assert client.tell(name, payload) == []
    assert client.facts.refused == 1
    assert client.facts.refusal.startswith("Set/"), client.facts.refusal


def test_modes():
    for mode in ("Off", "Normal", "Solar", "Smart", "Pause"):
        assert one("Mode", mode) == ("mode", mode)


def test_the_current_set_by_hand():
    assert one("CurrentOverride", "0") == ("override", 0)
    assert one("CurrentOverride", "125") == ("override", 125)
    # As Home Assistant's templates write numbers.
    assert one("CurrentOverride", "80.0") == ("override", 80)
    nothing("CurrentOverride", "60", mode="Solar")
    assert one("CurrentOverride", "0", mode="Solar") == ("override", 0)
    for wrong in ("", "x", "6A", "nan", "inf", "1e999"):
        nothing("CurrentOverride", wrong)


def test_meters():
    assert one("MainsMeter", "100:-20:1999") == ("reading", ["mains", 100, -20, 1999])
    assert one("MainsMeter", "-1999:0:5:-420:12345") == (
        "reading", ["mains", -1999, 0, 5, -420, 12345])
    assert one("MainsMeter", "1:2:3:-1:-1") == ("reading", ["mains", 1, 2, 3, None, None])
    assert one("CircuitMeter", "1:2:3") == ("reading", ["circuit", 1, 2, 3])
    assert one("EVMeter", "60:0:0:1380:99") == ("reading", ["ev", 60, 0, 0, 1380, 99])
    assert one("EVMeter", "60:0:0:-1:-1") == ("reading", ["ev", 60, 0, 0, None, None])
    # Currents that cannot be are left out, the rest counts.
    assert one("EVMeter", "1000:0:0:1380:99") == ("reading", ["ev", None, None, None, 1380, 99])
    assert one("EVMeter", "-1:0:0:1380:99") == ("reading", ["ev", None, None, None, 1380, 99])


def test_meters_that_cannot_be_are_refused():
    for wrong in ("", "1:2", "1:2:3:4", "1:2:3:4:5:6", "12.5:1:1", "2000:0:0", "0:-2000:0",
                  "1:2:x", ":::", "1;2;3", "1:2:"):
        nothing("MainsMeter", wrong)
    for wrong in ("1:2:3", "1:2:3:4", "1:2:3:4:x"):
        nothing("EVMeter", wrong)
    for wrong in ("1:2:3:4:5", "1:2", "2000:0:0"):
        nothing("CircuitMeter", wrong)


def test_the_home_battery():
    assert one("HomeBatteryCurrent", "-230") == ("battery", -230)
    nothing("HomeBatteryCurrent", "much")


def test_what_a_modem_needs():
    assert one("CPPWMOverride", "-1") == ("pwm", -1)
    assert one("CPPWMOverride", "1024") == ("pwm", 1024)
    assert one("RequiredEVCCID", "0A:0B") == ("set", ("required_evccid", "0A:0B"))


def test_buttons_colours_and_the_lock():
    assert one("CustomButton", "On") == ("custom", True)
    assert one("CustomButton", "whatever") == ("custom", False)
    assert one("ColorOff", "1,2,255") == ("colour", ["off", 1, 2, 255])
    assert one("ColorSolar", " 1, 2 ,3") == ("colour", ["solar", 1, 2, 3])
    for wrong in ("", "1,2,x", "1,2,3,x"):
        nothing("ColorCustom", wrong)
    assert one("ColorCustom", "1,2") == ("colour", ["custom", 1, 2])  # refused there
    assert one("CableLock", "1") == ("set", ("cable_lock", "Enabled"))
    assert one("CableLock", "0") == ("set", ("cable_lock", "Disabled"))
    assert one("CableLock", "on") == ("set", ("cable_lock", "Disabled"))


def test_contactor_2_by_name_and_number():
    assert one("EnableC2", "3") == ("set", ("contact_2", "Always On"))
    assert one("EnableC2", "Auto") == ("set", ("contact_2", "Auto"))
    assert one("EnableC2", "7") == ("set", ("contact_2", "7"))  # refused there
    assert one("Phases", "3") == ("phases", 3)


def test_cards():
    assert one("RFID", " 04a1b2c3d4e5f6\n") == ("swipe", "04A1B2C3D4E5F6")


def test_settings_with_a_topic():
    for name, key in (("SolarStartCurrent", "start"), ("SolarMaxImport", "import"),
                      ("SolarStopTime", "stop"), ("BatteryReserve", "battery_reserve"),
                      ("MinCurrent", "min"), ("MainsLimit", "mains"), ("CircuitLimit", "circuit"),
                      ("CapacityLimit", "capacity"), ("CapacityStopTime", "cap_stop")):
        assert one(name, "17") == ("set", (key, 17)), name
        nothing(name, "seven")
    assert one("SolarStyle", "greedy") == ("set", ("solar_style", "greedy"))
    assert one("BatteryProtect", "Disabled") == ("set", ("battery_protect", "Disabled"))
    assert one("CapacityMode", "Flanders") == ("set", ("cap_mode", "Flanders"))
    assert one("settings/share_order", "Fair") == ("set", ("share_order", "Fair"))


def test_a_capacity_without_a_mode_is_a_fixed_one():
    assert commands("CurrentMaxSumMains", "40", cap_mode="Disabled") == [
        ("set", ("capacity", 40)), ("set", ("cap_mode", "Fixed"))]
    assert commands("CurrentMaxSumMains", "0", cap_mode="Disabled") == [("set", ("capacity", 0))]
    assert commands("CurrentMaxSumMains", "40") == [("set", ("capacity", 40))]


def test_the_timer():
    assert one("Timer", "") == ("timer", None)
    assert one("Timer", "0") == ("timer", None)
    assert one("Timer", "Smart,2026-11-22T23:00") == (
        "timer", ("Smart", "2026-11-22T23:00", "", 0))
    assert one("Timer", "Solar, 2026-11-22T23:00, 2026-11-23T07:00, 1") == (
        "timer", ("Solar", "2026-11-22T23:00", "2026-11-23T07:00", 1))
    nothing("Timer", "Smart")
    nothing("Timer", "a,b,c,d,e")


def test_what_is_no_topic():
    nothing("Nonsense", "1")
    nothing("", "1")
    nothing("x" * 300, "1")
    client = Client()
    client.facts.take(b"elsewhere/Set/Mode", b"Off")
    client.facts.take(b"EVSE/Mode", b"Off")
    client.facts.take(b"EVSE", b"Off")
    assert client.command.calls == []
    assert client.facts.refused == 0


def test_bytes_that_are_no_text():
    client = Client()
    for topic, payload in ((b"EVSE/Set/Mode", b"\xff\xfe"), (b"\xff/Set/Mode", b"Off")):
        client.facts.take(topic, payload)
    assert client.facts.refused == 2
    assert client.command.calls == []


def test_refusals_are_told_and_counted():
    client = Client(command=FakeCommand(refuses=("mode",)))
    client.tell("Mode", "Smart")
    assert (client.facts.refused, client.facts.refusal) == (1, "Set/Mode: no mode today")
    client.tell("CurrentOverride", "x")
    assert client.facts.refused == 2
    assert client.round()["Refused"] == "Set/CurrentOverride: this is not a number"
    assert "Refused" not in client.retained
    assert client.round() == {}


def test_whoever_asks_hears_what_is_in_force():
    client = Client(command=FakeCommand(refuses=("mode",)))
    client.round()
    for name, payload, shown, value in (
            ("Mode", "Solar", "Mode", "Smart"),
            ("CurrentOverride", "7000", "ChargeCurrentOverride", "0"),
            ("ColorOff", "9,9,9", "LEDColorOff", "1,2,3"),
            ("SolarStartCurrent", "x", "SolarStartCurrent", "5"),
            ("CurrentMaxSumMains", "x", "MaxSumMains", "40")):
        client.tell(name, payload)
        heard = client.round()
        heard.pop("Refused", None)
        assert heard == {shown: value}, (name, heard)
    client.tell("MainsMeter", "1:2:3")
    assert client.round(2) == {}


def test_a_real_charger_carries_it_out():
    bench = Bench({"max": 16, "mains_met": "API", "mode": "Normal"})
    facts = Facts(bench.status, bench.command, "E")
    settings = bench.settings.get

    def tell(name, payload):
        before = facts.refused
        facts.take(b"E/Set/" + name, payload)
        return facts.refused == before

    assert tell(b"Mode", b"Solar")
    assert settings("mode") == "Solar"
    assert not tell(b"CurrentOverride", b"100")
    assert tell(b"Mode", b"Smart")
    assert tell(b"CurrentOverride", b"100")
    assert bench.core.override_da == 100
    assert not tell(b"CurrentOverride", b"161")
    assert not tell(b"CurrentOverride", b"50")
    assert bench.core.override_da == 100
    assert tell(b"EnableC2", b"4")
    assert settings("contact_2") == "Auto"
    assert tell(b"SolarStopTime", b"60")
    assert not tell(b"SolarStopTime", b"61")
    assert settings("stop") == 60
    assert tell(b"HomeBatteryCurrent", b"100")
    assert not tell(b"HomeBatteryCurrent", b"10000")
    assert tell(b"MainsMeter", b"10:20:30")
    assert not tell(b"EVMeter", b"1:2:3:4:5")  # its type is not API
    # What is the installer's is not for MQTT, unless the owner trusts his network.
    guarded = ((b"CableLock", b"1"), (b"CurrentMaxSumMains", b"40"), (b"ColorOff", b"1,2,3"),
               (b"CustomButton", b"On"), (b"settings/mains", b"20"), (b"MinCurrent", b"7"))
    for name, payload in guarded:
        assert not tell(name, payload), name
    assert not tell(b"RFID", b"1" * 12)
    bench.settings.set("trust_lan", "Enabled")
    for name, payload in guarded:
        assert tell(name, payload), (name, facts.refusal)
    assert settings("cap_mode") == "Fixed"
    assert not tell(b"CurrentMaxSumMains", b"5")
    assert not tell(b"ColorOff", b"1,2,256")


def test_no_message_whatsoever_makes_it_fail():
    bench = Bench({"max": 16, "mains_met": "API", "ev_meter": "API", "circt_met": "API",
                   "trust_lan": "Enabled", "rfid": "EnableAll", "modem": "Experimental"})
    facts = Facts(bench.status, bench.command, "E")
    names = ("Mode", "CurrentOverride", "MainsMeter", "EVMeter", "CircuitMeter", "ColorOff",
             "Color", "HomeBatteryCurrent", "CPPWMOverride", "RFID", "Phases", "Timer", "EnableC2",
             "CableLock", "CustomButton", "settings/", "settings/mode", "settings/tz",
             "settings/mqtt_host", "settings/max", "SolarStyle", "RequiredEVCCID", "", "/", "#")
    payloads = ("", "0", "-1", "1:2:3", "1:2:3:4:5", ":", ",,,", "9" * 400, "1e400", "nan", "null",
                "{}", "[]", "\0", "é", "4294967296", "Smart,x,y,z", "Smart,2026-13-40T99:99", " ",
                "True", "1,2,3", "2147483648:1:1:99999999999999:99999999999999999999")
    for name in names:
        for payload in payloads:
            facts.take(("E/Set/" + name).encode(), payload.encode())
    assert facts.refused > 200
    for piece in facts.pieces():
        assert piece is None or len(piece) == 3
