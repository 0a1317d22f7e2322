"""The WiFi's supervisor on a radio that does what it is told, second by second."""

from evse import reasons, ticks
from evse.net import wifi
from evse.settings import Settings

HOME = {"wifi": "Enabled", "wifi_ssid": "home", "wifi_password": "correct horse"}
JOIN = ("join", "home", "correct horse", None)
LEAVE = ("join", "", "", None)
ROW = (b"home", -60, True, b"\x01\x02\x03\xab\xcd\xef", 6)


class Radio:
    """Notes in ``log`` what it is asked; ``state`` and ``rows`` are what it answers."""

    ip = "10.0.0.7"
    heard = None  # multicast DNS

    def __init__(self):
        self.log = []
        self.state = 0
        self.rows = None
        self.broken = False

    def restart(self):
        self.log.append("restart")

    def join(self, *what):
        self.log.append(("join",) + what)

    def link(self):
        return (2, self.ip, -61) if self.state == 2 else (self.state, "", 0)

    def scan(self):
        self.log.append(("scan",))

    def found(self):
        rows, self.rows = self.rows, None
        return rows

    def channel(self):
        return 6

    def open_portal(self, *what):
        if self.broken:
            raise OSError("no memory")
        self.log.append(("open",) + what)
        return "192.168.4.1"

    def close_portal(self):
        self.log.append(("close",))

    def portal_dns(self):
        return "127.0.0.1", 0

    def mdns(self):
        return self.heard


class Status:
    serial = 4711
    portal = None
    ip = ""
    charging = False

    def busy(self):
        return self.charging


class Bench:
    """Board, status and settings around one supervisor; ``seconds`` lets time pass."""

    def __init__(self, start=0x3FFFFFFF - 30_000, **values):
        self.now_ms = start
        self.it = Radio()
        self.log = self.it.log
        self.status = Status()
        self.events = []
        self.settings = Settings(lambda *event: None)
        self.settings.load({"settings": values})
        self.settings.states["portal"] = values.get("portal", "")
        self.wifi = wifi.Wifi(self, self.status, self.command, self.settings, self.record)

    def radio(self):
        return self.it

    def now(self):
        return self.now_ms

    def http_address(self):
        return "0.0.0.0", 80

    def record(self, *event):
        self.events.append(event)

    def command(self, name, value, source):
        assert (name, source) == ("set", "portal")
        self.settings.set(*value)

    def seconds(self, count):
        for _ in range(count):
            self.now_ms = ticks.add(self.now_ms, 1000)
            self.wifi.step(self.now_ms)

    def take(self):
        """What the radio was asked since the last time."""
        log = list(self.log)
        del self.log[:]
        return log

    def joined(self):
        """Be in the network."""
        self.seconds(1)
        self.it.state = 2
        self.seconds(3)
        self.scanned()
        self.take()

    def scanned(self):
        """Let a scan that is under way find nothing."""
        if self.wifi.scanning:
            self.it.rows = []
            self.seconds(1)


def test_it_joins_only_what_is_switched_on():
    for values, asked in (({}, []), ({"wifi": "Enabled"}, []), ({"wifi_ssid": "home"}, []),
                          (HOME, [JOIN])):
        bench = Bench(**values)
        bench.seconds(3)
        assert bench.take() == asked, values
        assert bench.wifi.state == ("joining" if asked and bench.it.state else "off")


def test_what_changes_while_joined_counts_when_it_is_switched_on_again():
    bench = Bench(**HOME)
    bench.joined()
    bench.settings.set("wifi_ssid", "other")
    bench.seconds(60)
    assert bench.take() == [] and bench.status.ip == "10.0.0.7"
    bench.settings.set("wifi", "Disabled")
    bench.seconds(1)
    assert bench.take()[0][1] == "" and bench.wifi.state == "off"
    bench.it.state = 0
    bench.seconds(2)
    bench.settings.set("wifi", "Enabled")
    bench.seconds(1)
    assert bench.take() == [("join", "other", "correct horse", None)]
    assert bench.wifi.losses == 0  # it was left, not lost


def test_an_attempt_that_fails_is_made_again_after_20_s():
    bench = Bench(**HOME)
    for state, word in ((4, "not found"), (3, "wrong password"), (1, "joining"), (5, "failed")):
        bench.it.state = state
        bench.seconds(20)
        assert bench.take() == [JOIN] and bench.wifi.state == word


def test_a_network_that_is_lost_is_counted_and_its_absence_too():
    bench = Bench(**HOME)
    bench.joined()
    assert (bench.wifi.joins, bench.wifi.losses, bench.wifi.rssi) == (1, 0, -61)
    bench.it.state = 4
    bench.seconds(45)
    assert bench.status.ip == "" and bench.wifi.losses == 1 and bench.wifi.rssi == 0
    assert bench.take() == [JOIN] * 2  # the driver had its own tries first
    assert bench.wifi.away_s == 45
    bench.it.state = 2
    bench.seconds(3)
    assert (bench.wifi.joins, bench.wifi.state) == (2, "joined")
    assert bench.wifi.away_s in (45, 46)
    assert [event[0] for event in bench.events] == [
        reasons.WIFI_JOINED, reasons.WIFI_LOST, reasons.WIFI_JOINED]
    assert bench.events[2][1:] == (2, bench.wifi.away_s)
    bench.scanned()
    bench.wifi.attempt()
    bench.seconds(1)
    assert bench.wifi.away_s == 1  # what is joined now has not been away


def test_a_link_of_a_week_does_not_confuse_it():
    bench = Bench(**HOME)
    bench.joined()
    for _ in range(8):
        bench.now_ms = ticks.add(bench.now_ms, 86_400_000)
        bench.seconds(1)
    assert bench.take() == [] and bench.wifi.state == "joined"
    bench.it.state = 4
    bench.seconds(21)
    assert bench.take() == [JOIN] and bench.wifi.losses == 1


def test_what_is_heard_right_after_the_start_is_about_the_network_before():
    bench = Bench(**HOME)
    bench.joined()
    bench.settings.set("wifi_ssid", "other")
    bench.wifi.attempt()
    bench.seconds(1)
    assert bench.take() == [("join", "other", "correct horse", None)]
    assert bench.wifi.joins == 1 and bench.wifi.state == "joining"
    bench.seconds(2)
    assert bench.wifi.joins == 2


def test_a_fixed_address_is_handed_on_and_a_bad_one_is_not():
    bench = Bench(static_ip="10.0.0.9/24 10.0.0.1", **HOME)
    bench.seconds(1)
    assert bench.take() == [JOIN[:3] + (
        ("10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1"),)]
    bench = Bench(static_ip="ten", **HOME)
    bench.seconds(1)
    assert bench.take() == [JOIN]


def test_the_bssid_is_found_by_a_scan_when_nothing_charges():
    bench = Bench(**HOME)
    bench.status.charging = True
    bench.joined()
    bench.seconds(30)
    assert bench.take() == [] and bench.wifi.bssid == ""
    bench.status.charging = False
    bench.seconds(2)
    assert bench.take() == [("scan",)]
    far = (b"home", -50, True, b"\x09" * 6, 11)  # strongest, but not on our channel
    bench.it.rows = [(b"x", -40, True, b"\x08" * 6, 6), far, ROW]
    bench.seconds(1)
    assert bench.wifi.bssid == "01:02:03:AB:CD:EF" and bench.wifi.networks is None
    bench.seconds(30)
    assert bench.take() == []
    bench.it.state = 4
    bench.seconds(1)
    assert bench.wifi.bssid == ""


def test_networks_are_listed_once_each_the_strongest_first_and_not_for_ever():
    bench = Bench()
    assert bench.wifi.scan(True) and bench.wifi.scan(True) and bench.wifi.scanning
    assert bench.take() == [("scan",)]
    bench.it.rows = [(b"a", -80, True, b"", 1), (b"b", -50, False, b"", 2),
                     (b"", -40, True, b"", 2), (b"a", -60, True, b"", 3)]
    bench.it.rows += [(b"%d" % i, -90, True, b"", 1) for i in range(30)]
    bench.seconds(1)
    assert bench.wifi.networks[:2] == [(b"b", -50, False), (b"a", -60, True)]
    assert len({row[0] for row in bench.wifi.networks}) == 20
    assert len(bench.wifi.networks) == 20 and not bench.wifi.scanning
    bench.seconds(61)
    assert bench.wifi.networks is None


def test_a_scan_that_never_ends_does_not_keep_it_from_joining():
    bench = Bench(**HOME)
    bench.joined()
    assert bench.wifi.scan() and bench.take() == [("scan",)]
    bench.wifi.attempt()
    bench.seconds(5)
    assert bench.take() == []  # the driver cannot do both
    bench.seconds(6)
    assert bench.take() == [JOIN]


class Link:
    """A board's end of multicast DNS."""


class Responder:
    """Notes in ``made`` what becomes of it."""

    made = []

    def __init__(self, link, serial, ip, port):
        self.made.append((link, serial, ip, port))

    def close(self):
        self.made.append("closed")


def test_it_is_announced_with_the_address_it_has():
    from evse.net import mdns
    real, mdns.Responder = mdns.Responder, Responder
    bench = Bench(**HOME)
    bench.it.heard = Link
    bench.joined()
    made = Responder.made
    assert made == [(Link, 4711, "10.0.0.7", 80)]
    bench.it.ip = "10.0.0.8"  # the lease is over
    bench.seconds(3)
    assert made[1:] == ["closed", (Link, 4711, "10.0.0.8", 80)]
    bench.it.state = 4
    bench.seconds(5)
    assert made[3:] == ["closed"]
    mdns.Responder = real


def test_no_scan_while_charging_or_joining():
    bench = Bench(**HOME)
    bench.seconds(1)
    bench.it.state = 1
    assert not bench.wifi.scan(True)
    bench = Bench()
    bench.status.charging = True
    assert not bench.wifi.scan(True) and bench.take() == []


def test_the_password_of_the_portal_is_made_once_and_told():
    bench = Bench()
    password = bench.status.portal_password
    assert len(password) == 8 and not [letter for letter in password
                                       if letter not in "abcdefghjkmnpqrstuvwxyz23456789"]
    assert bench.settings.states["portal"] == password
    assert Bench().status.portal_password != password
    assert Bench(portal="k3v9wq7m").status.portal_password == "k3v9wq7m"


def _portal(**values):
    bench = Bench(portal="k3v9wq7m", **dict(HOME, wifi="SetupWifi", **values))
    bench.seconds(1)
    return bench


def test_the_portal_opens_scans_and_leaves_the_radio_alone():
    bench = _portal()
    assert bench.status.portal == ("SmartEVSE-4711", "k3v9wq7m", "192.168.4.1")
    assert bench.take() == [LEAVE, ("open", "SmartEVSE-4711", "k3v9wq7m"), ("scan",)]
    bench.it.rows = [ROW]
    bench.seconds(120)  # no attempts, which would take the radio off its channel
    assert bench.take() == [] and bench.wifi.networks == [(b"home", -60, True)]
    assert bench.events == [(reasons.PORTAL, 1)]


def test_the_portal_keeps_a_network_that_is_joined():
    bench = Bench(**HOME)
    bench.joined()
    bench.settings.set("wifi", "SetupWifi")
    bench.seconds(5)
    assert bench.take() == [("open", "SmartEVSE-4711", bench.status.portal_password), ("scan",)]
    assert bench.wifi.state == "joined"


def test_the_portal_opens_and_closes_only_while_nothing_charges():
    bench = Bench(wifi="SetupWifi")
    bench.status.charging = True
    bench.seconds(5)
    assert bench.status.portal is None and bench.take() == []
    bench.status.charging = False
    bench.seconds(1)
    assert bench.status.portal
    bench.status.charging = True
    bench.settings.set("wifi", "Disabled")
    bench.seconds(400)
    # Its rights end at once, the network itself when that holds up nobody.
    assert bench.status.portal is None and ("close",) not in bench.take()
    bench.status.charging = False
    bench.seconds(1)
    assert bench.status.portal is None and bench.take()[-1] == ("close",)


def test_the_portals_rights_end_in_time_though_it_charges():
    bench = Bench(wifi="SetupWifi")
    bench.seconds(2)
    assert bench.status.portal
    bench.status.charging = True
    bench.seconds(290)
    assert bench.status.portal
    bench.seconds(15)
    assert bench.status.portal is None and bench.settings.get("wifi") == "SetupWifi"
    bench.status.charging = False
    bench.seconds(1)
    assert bench.take()[-1] == ("close",) and bench.settings.get("wifi") == "Disabled"
    assert bench.status.portal is None


def test_a_portal_without_its_name_server_closes_all_the_same():
    for problem in (OSError(23), MemoryError()):
        bench = Bench(wifi="SetupWifi")
        loader = wifi.rare

        def full(name, problem=problem):
            raise problem

        wifi.rare = full
        try:
            bench.seconds(1)
            raise AssertionError("nothing was raised")
        except (OSError, MemoryError):
            pass  # whoever keeps the service starts it again
        finally:
            wifi.rare = loader
        assert bench.status.portal is None
        bench.seconds(302)
        assert bench.take()[-1] == ("close",) and bench.settings.get("wifi") == "Disabled"
        bench.settings.set("wifi", "SetupWifi")
        bench.seconds(2)
        assert bench.status.portal


def test_closed_by_hand_it_joins_at_once():
    bench = Bench(**HOME)
    bench.seconds(5)
    bench.settings.set("wifi", "SetupWifi")
    bench.seconds(2)
    bench.take()
    bench.settings.set("wifi", "Enabled")
    bench.seconds(1)
    assert bench.take() == [("close",), JOIN]


def test_it_closes_after_five_idle_minutes_and_goes_back_to_what_was():
    for values, after in ((HOME, "Enabled"), ({}, "Disabled")):
        bench = Bench(**dict(values, wifi="SetupWifi"))
        bench.seconds(299)
        bench.wifi.touch()
        bench.seconds(299)
        assert bench.status.portal
        bench.take()
        bench.seconds(3)
        assert bench.status.portal is None and bench.settings.get("wifi") == after
        assert bench.take() == [("close",)] + ([JOIN] if values else [])
        assert bench.events[-1] == (reasons.PORTAL, 0)


def test_a_network_given_to_the_portal_is_joined_and_the_portal_closes():
    bench = _portal()
    bench.scanned()
    bench.take()
    bench.wifi.attempt()
    assert bench.wifi.trying and bench.take() == []  # not before the answer is out
    bench.seconds(1)
    assert bench.take() == [JOIN]
    bench.it.state = 2
    bench.seconds(3)
    assert not bench.wifi.trying and bench.wifi.failed == "" and bench.status.portal
    bench.take()
    bench.seconds(31)
    assert bench.status.portal is None and bench.settings.get("wifi") == "Enabled"
    assert bench.take() == [("close",)] and bench.wifi.state == "joined"


def test_a_network_given_during_a_scan_gets_its_full_time():
    bench = _portal()
    bench.take()
    bench.wifi.attempt()
    bench.seconds(9)
    assert bench.wifi.trying and bench.take() == []
    bench.it.rows = [ROW]
    bench.seconds(2)
    assert bench.take() == [JOIN] and bench.wifi.trying
    bench.seconds(18)
    assert bench.wifi.trying and bench.wifi.failed == ""


def test_one_that_cannot_be_joined_may_be_given_again():
    for state, word in ((3, "wrong password"), (4, "not found"), (1, "failed"), (0, "failed")):
        bench = _portal()
        bench.scanned()
        bench.wifi.attempt()
        bench.it.state = state
        bench.seconds(10)
        assert bench.wifi.trying and bench.wifi.failed == ""
        bench.seconds(12)
        assert not bench.wifi.trying and bench.wifi.failed == word and bench.status.portal
        assert bench.take()[-2:] == [JOIN, LEAVE]
        bench.wifi.attempt()
        bench.seconds(1)
        assert bench.take() == [JOIN] and bench.wifi.trying and bench.wifi.failed == ""


def test_a_radio_that_cannot_open_one_goes_back_to_joining():
    bench = Bench(**dict(HOME, wifi="SetupWifi"))
    bench.it.broken = True
    bench.seconds(1)
    assert bench.settings.get("wifi") == "Enabled" and bench.status.portal is None
    bench.seconds(1)
    assert bench.take()[-1] == JOIN


def test_the_radio_is_renewed_once_nothing_charges():
    bench = Bench(**HOME)
    bench.joined()
    bench.status.charging = True
    bench.wifi.renew()
    bench.seconds(3)
    assert bench.take() == []
    bench.status.charging = False
    bench.seconds(3)
    assert bench.take()[:2] == ["restart", JOIN]
    assert bench.events.count((reasons.RADIO_RESTARTED,)) == 1


def test_a_network_that_stays_away_is_reason_enough_to_renew_the_radio():
    bench = Bench(**HOME)
    bench.joined()
    bench.it.state = 4
    bench.seconds(590)
    assert "restart" not in bench.take()
    bench.seconds(20)
    assert bench.take().count("restart") == 1
    bench.seconds(1200)
    assert bench.take().count("restart") == 2


def test_a_network_that_never_came_is_too():
    bench = Bench(**HOME)
    bench.it.state = 4
    bench.seconds(590)
    assert "restart" not in bench.take()
    bench.settings.set("wifi", "Disabled")
    bench.seconds(20)
    bench.settings.set("wifi", "Enabled")  # from here on it is away
    bench.seconds(590)
    assert "restart" not in bench.take()
    bench.seconds(20)
    assert bench.take().count("restart") == 1


def test_a_radio_that_works_again_is_not_renewed():
    bench = Bench(**HOME)
    bench.joined()
    bench.status.charging = True
    bench.it.state = 4
    bench.seconds(610)
    bench.it.state = 2
    bench.seconds(3)
    assert bench.wifi.joins == 2
    bench.status.charging = False
    bench.seconds(3)
    assert "restart" not in bench.take()


def test_the_portal_is_not_disturbed_by_that():
    bench = _portal()
    bench.seconds(2)
    bench.wifi.renew()
    bench.seconds(5)
    assert "restart" not in bench.take()
