"""The black box: all that helps, in slices, and nothing that opens anything or names somebody."""

import asyncio
import os
from array import array

from evse.net import blackbox
from evse.settings import KEY, KIND, TABLE
from helpers_net import FakeCrumb, FakeStatus, get

CARD = "04A1B2C3D4E5F6"
NAME = "Anna, the \"boss\""
HEADER = ("number,start,end,connected_s,charging_s,kwh,solar_kwh,card,name,started,stopped,"
          "phases,peak_a,woke,estimated,interrupted\n")
ROW = '%d,2026-09-21T15:33,,60,50,1.000,0.500,%s,"%s",charging,the car stopped,3,16.0,,0,0\n'


class Holder:
    def __init__(self, **values):
        for name in values:
            setattr(self, name, values[name])


class Crumb(FakeCrumb):
    """A start after a watchdog's bite."""

    count = 17
    before = 2, 16, 3600, 0x1F7

    def history(self):
        return (("watchdog", 3600), ("power", -1))

    def text(self):
        return "OSError: secret.duckdns.org"


class Lately:
    """Ten minutes in which little happened."""

    def rows(self):
        for at in range(3060, 3660):
            car = at > 3600
            yield [at, 5 if car else 0, "C" if car else "A", 16 if car else 1,
                   160 if car else 0, 50, -15, 250, 155 if car else 0]


class Whole(FakeStatus):
    """A charger that has secrets wherever one can be."""

    delay_s = 12
    reset_cause = "watchdog"
    rfid_last = CARD
    record = "secret-record"
    portal_password = "secret-portal"
    recent = Lately()

    def __init__(self):
        super().__init__()
        self.network = Holder(state="joined", rssi=-61, joins=2, losses=1, away_s=7,
                              bssid="aa:bb:cc:dd:ee:ff")
        self.mqtt = Holder(state="waiting", problem="no address for secret.duckdns.org")
        self.web = Holder(served=17, refused=1, expired=2)
        self.cycle = Holder(bins=array("i", (900, 50, 30, 10, 5, 2, 1, 1, 1)), worst_ms=240)
        for setting in TABLE:
            if setting[KIND] == "secret":
                self.values[setting[KEY]] = "secret-" + setting[KEY]
        self.values.update(lcd_pin=8642, wifi_ssid="secret-ssid", mqtt_user="secret-user",
                           required_evccid="secret-car",
                           mqtt_host="secret.duckdns.org", mqtt_prefix="secret/house",
                           ntp_host="time.secret.org")
        self.ntp = {"problem": "time.secret.org: no answer", "synced_s": 0}
        self.crumb = Crumb()

    def heaps(self):
        yield "system", 30000, 20000, 12000

    def details(self, name):
        if name != "evidence":
            return super().details(name)
        return ((3600, "opened: pilot shorted: pilot level 5, state C"),
                (3601, "fault set: Pilot Fault"))

    def box(self):
        return Holder(version=20, software=3, p1=True, wiring=0, portal_password="secret-box")

    def table(self, name, *wanted):
        self.wanted = (name,) + wanted
        yield HEADER
        yield ""
        for number in (39, 40):
            yield ROW % (number, CARD, NAME.replace('"', '""'))


def text(status):
    answer = get("/api/v1/blackbox", status=status)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain;charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="microevse-4711.txt"'
    return answer.body.decode()


def test_each_part_is_there_with_what_it_is_about():
    status = Whole()
    found = text(status)
    for line in (
            "MicroEVSE black box of 2026-09-21T15:33",
            "v4.0.0 on sim, serial 4711, up 3661 s, started by: watchdog",
            "reason: charging (16)", "state: Charging", "granted, 0.1 A: 137",
            "mains, 0.1 A: 55 -12 250", "RCM Tripped is up: stops at once, clears by reset",
            "at 3600 s: opened: pilot shorted: pilot level 5, state C",
            "at 3601 s: fault set: Pilot Fault", "mqtt: waits, started again 2 times",
            "display: runs, started again 1 times", "17 since power came",
            "watchdog, after a run of 3600 s", "power",
            "the run before ended after 3600 s, in state 2: charging; tasks seen, bits: 1f7",
            "last exception: ...OSError: mqtt_host",
            "start: 5", "mains, each phase: 250",
            "charger 0, granted 137 by mains: random start delay 0 for 17 s",
            "charger 3, granted 80 by MAX: MAX 80", "cycles up to 11 ms: 900",
            "longer: 1, worst 240 ms", "system: free 30000, largest 20000, least free 12000",
            "address 10, name mains, ok True, replies 99, requests 100",
            "Sensorbox 20, software 3, P1 True, wiring 0",
            "WiFi joined, -61 dBm, joined 2, lost 1, away 7 s",
            "MQTT waiting: no address for mqtt_host",
            "web: served 17, refused 1, expired 2", "bus, running, 37 %",
            '1 mains: does not answer Check its "power" supply.',
            "40,2026-09-21T15:33,,60,50,1.000,0.500,charging,the car stopped,3,16.0,,0,0",
            '8 at 3661 s: a "quoted" word (-1, 2)', "none"):
        assert "\n" + line + "\n" in "\n" + found, line
    assert "least free 41000\n" in found
    assert "\nmin: " not in found  # as it came
    assert status.wanted == ("sessions_csv", 33)


def test_no_secret_is_in_it_only_that_there_is_one():
    found = text(Whole())
    for secret in ("secret", "8642", CARD, "Anna", "boss", "aa:bb"):
        assert secret not in found, secret
    assert "ntp_host: no answer" in found
    for key in ("wifi_password", "mqtt_password", "lcd_pin", "wifi_ssid", "mqtt_user",
                "mqtt_host", "mqtt_prefix", "ntp_host",
                "required_evccid"):
        assert "\n%s is set\n" % key in found, key


def test_a_charger_that_has_little_to_tell():
    status = Whole()
    status.network = status.mqtt = status.web = status.cycle = status.crumb.before = None
    status.crumb.text = str
    status.box = lambda: None
    status.clock_s = 0
    found = text(status)
    assert found.startswith("MicroEVSE black box of no known time\n")
    for absent in ("WiFi", "MQTT ", "cycles", "Sensorbox", "web:", "the run before",
                   "last exception"):
        assert absent not in found, absent


def after_crash(data):
    """The black box of a charger whose crash.txt holds ``data``."""
    status = Whole()
    status.directory = "/tmp/blackbox-%d" % id(status)
    os.mkdir(status.directory)
    with open(status.directory + "/crash.txt", "wb") as file:
        file.write(data)
    try:
        return text(status)
    finally:
        os.remove(status.directory + "/crash.txt")
        os.rmdir(status.directory)


def test_the_last_crash_is_told():
    found = after_crash(b"Traceback\n" + b"x" * 700 + b"\nOSError: secret.duckdns.org\n")
    assert "== last crash ==\nTraceback\n" + "x" * 700 + "\nOSError: mqtt_host\n\n== " in found


def test_a_crash_that_is_no_text_leaves_the_rest():
    found = after_crash(b"Traceback\n\xff\xfe\xc3\nOSError: 5\n")
    assert "== last crash ==\nTraceback\n?\nOSError: 5\n\n== last ten minutes ==\n" in found
    # A letter of two bytes where a line is cut.
    found = after_crash(b"Traceback\n" + b"x" * 255 + b"\xc3\xa4\nOSError: 5\n")
    assert "== last crash ==\nTraceback\n?\n?\nOSError: 5\n\n== last ten minutes ==\n" in found


def test_of_the_last_ten_minutes_what_changed_is_told():
    assert text(Whole()).endswith(
        "; reason where it changes\n3060 A 0 0 - - - 0 no car connected\n"
        "3601 C 1 160 50 -15 250 155 charging\n3659 end\n")
    status = Whole()
    status.recent.rows = tuple
    assert text(status).endswith("; reason where it changes\n")


def test_it_comes_in_small_pieces():
    pieces = []

    class Stream:
        async def awrite(self, data):
            pieces.append(len(data))

    asyncio.run(blackbox.get(None, Whole(), None).write(Stream()))
    assert len(pieces) > 60
    assert max(pieces[1:]) <= 256
