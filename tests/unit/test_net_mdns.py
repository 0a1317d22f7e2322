"""What is said of the web server by multicast DNS, when, and to whom."""

import struct

import helpers_dns as dns
from evse import ticks
from evse.net import mdns, resolve

ANY = 255
TXT = 16
SERVICE = "_http._tcp.local"
OWN = "SmartEVSE-4711._http._tcp.local"
ALL = "_services._dns-sd._udp.local"
EVERYBODY = ("", 0)


class Socket:
    """Something a poll can look at."""

    closed = False

    def close(self):
        self.closed = True


class Poll:
    """Stands for select.poll: there is something while the link has some."""

    link = None

    def register(self, sock, kind):
        pass

    def poll(self, timeout):
        return Poll.link.inbox


class Select:
    POLLIN = 1
    poll = Poll


class Link:
    """A board's end of multicast DNS."""

    def __init__(self):
        self.socket = Socket()
        self.inbox = []
        self.sent = []
        self.broken = False

    def receive(self):
        return self.inbox.pop(0)

    def send(self, data, address="", port=0):
        if self.broken:
            raise OSError
        self.sent.append((bytes(data), (address, port)))


def question(*rows, known=(), number=0, flags=0):
    """A packet that asks for (name, kind) each."""
    packet = struct.pack(">6H", number, flags, len(rows), len(known), 0, 0)
    for name, kind in rows:
        packet += dns.name(name) + struct.pack(">HH", kind, 1)
    return packet + b"".join(known)


def rows_of(data):
    """{kind: (owner, group, TTL, content)} of a packet, all names whole."""
    asked, count = struct.unpack_from(">HH", data, 4)
    at = 12
    for _ in range(asked):
        at = resolve.name_at(data, at)[1] + 4
    rows = {}
    for _ in range(count):
        owner, at = resolve.name_at(data, at)
        kind, group, ttl_s, size = struct.unpack_from(">HHIH", data, at)
        at += 10
        content = data[at:at + size]
        if kind == dns.PTR:
            content, end = resolve.name_at(data, at)
            assert end == at + size
        elif kind == dns.SRV:
            host, end = resolve.name_at(data, at + 6)
            assert end == at + size
            content = (content[:4], content[4] << 8 | content[5], host)
        rows[kind] = (owner, group, ttl_s, content)
        at += size
    assert at == len(data)
    return rows


class Bench:
    """A responder and its time."""

    def __init__(self, start=0x3FFFFFFF - 2000):
        mdns.select = Select
        self.link = Poll.link = Link()
        self.now = start
        self.it = mdns.Responder(self.link, 4711, "192.168.1.5", 80)

    def hear(self, data, address="192.168.1.9", port=5353, later=0):
        """What it says to a packet that comes ``later`` ms."""
        self.link.inbox.append((data, address, port))
        return self.wait(later)

    def wait(self, ms=0):
        self.now = ticks.add(self.now, ms)
        self.it.poll(self.now)
        sent, self.link.sent = self.link.sent, []
        return sent

    def settled(self):
        """Past its announcements."""
        for _ in range(3):
            self.wait(1000)
        return self


def test_it_announces_itself_twice():
    bench = Bench()
    for ms, count in ((0, 1), (500, 0), (500, 1), (1000, 0), (5000, 0)):
        sent = bench.wait(ms)
        assert len(sent) == count and all(where == EVERYBODY for _, where in sent)


def test_all_there_is_to_say_is_in_one_packet():
    bench = Bench()
    packet = bench.wait()[0][0]
    assert packet[:12] == b"\0\0\x84\0\0\0\0\4\0\0\0\0" and len(packet) < 200
    own = OWN.lower()
    assert rows_of(packet) == {
        dns.PTR: (SERVICE, 1, 4500, own),
        dns.SRV: (own, 0x8001, 120, (bytes(4), 80, "smartevse-4711.local")),
        TXT: (own, 0x8001, 4500, b"\0"),
        dns.A: ("smartevse-4711.local", 0x8001, 120, bytes((192, 168, 1, 5)))}
    assert b"\x0eSmartEVSE-4711" in packet  # clients look at the case


def test_who_asks_for_it_gets_an_answer():
    for name, kind in ((SERVICE, dns.PTR), (SERVICE, ANY), (OWN, dns.SRV), (OWN, TXT),
                       (OWN, ANY)):
        bench = Bench().settled()
        sent = bench.hear(question((name, kind)))
        assert len(sent) == 1 and len(rows_of(sent[0][0])) == 4
        sent = Bench().settled().hear(question(("x.local", 1), (name, kind)))
        assert len(sent) == 1


def test_who_asks_which_services_there_are():
    bench = Bench().settled()
    packet = bench.hear(question((ALL, dns.PTR)))[0][0]
    assert rows_of(packet) == {dns.PTR: (ALL, 1, 4500, SERVICE)}
    packet = bench.hear(question((ALL, dns.PTR), (SERVICE, dns.PTR)), later=1000)[0][0]
    assert len(rows_of(packet)) == 4  # which says that as well


def test_what_is_not_about_us_is_not_answered():
    bench = Bench().settled()
    for packet in (
        question(("smartevse-4711.local", dns.A)),  # the image does
        question((SERVICE, dns.A)), question((OWN, dns.A)), question((ALL, dns.SRV)),
        question(("other._http._tcp.local", dns.SRV)), question(("_hwenergy._tcp.local", dns.PTR)),
        question((SERVICE, dns.PTR), flags=0x8400), question((SERVICE, dns.PTR), flags=0x2800),
        question(*[(SERVICE, dns.PTR)] * 9), question(),
    ):
        assert bench.hear(packet) == []


def test_broken_packets_are_harmless():
    bench = Bench().settled()
    whole = question((SERVICE, dns.PTR), known=(dns.row(SERVICE, dns.PTR, dns.name("a.local")),))
    for cut in range(33):
        assert bench.hear(whole[:cut]) == [], cut
    for at in range(12, len(whole)):
        for value in (0, 0xC0, 0xFF):
            bench.hear(whole[:at] + bytes((value,)) + whole[at + 1:], later=1000)


def test_who_knows_us_already_is_left_in_peace():
    known = dns.row(SERVICE, dns.PTR, dns.name(OWN), 4000)
    old = dns.row(SERVICE, dns.PTR, dns.name(OWN), 2000)
    other = dns.row(SERVICE, dns.PTR, dns.name("x." + SERVICE), 4000)
    bench = Bench().settled()
    assert bench.hear(question((SERVICE, dns.PTR), known=(other, known))) == []
    assert len(bench.hear(question((SERVICE, dns.PTR), known=(old,)))) == 1
    assert len(bench.hear(question((SERVICE, dns.PTR), known=(other,)), later=1000)) == 1


def test_everybody_hears_it_once_a_second_at_most():
    bench = Bench().settled()
    packet = question((SERVICE, dns.PTR))
    assert [len(bench.hear(packet, later=100)) for _ in range(21)] == \
        [1] + [0] * 9 + [1] + [0] * 9 + [1]
    for _ in range(8):  # a week later it still speaks
        bench.wait(86_400_000)
    assert len(bench.hear(packet)) == 1


def test_plain_resolvers_get_a_plain_answer():
    bench = Bench().settled()
    asked = question((SERVICE, dns.PTR), number=0x1234)
    for _ in range(2):  # as often as they ask
        sent = bench.hear(asked, port=40000)
        assert sent[0][1] == ("192.168.1.9", 40000)
        packet = sent[0][0]
        assert packet[:12] == b"\x12\x34\x84\0\0\1\0\4\0\0\0\0"
        assert packet[12:len(asked)] == asked[12:]
        rows = rows_of(packet)
        assert [row[1:3] for row in rows.values()] == [(1, 10)] * 4
    packet = bench.hear(question((ALL, dns.PTR), number=7), port=40000)[0][0]
    assert rows_of(packet) == {dns.PTR: (ALL, 1, 10, SERVICE)}


def test_no_network_is_no_disaster():
    bench = Bench()
    bench.link.broken = True
    assert bench.wait() == []
    bench.link.broken = False
    assert len(bench.wait(1000)) == 1
    bench.it.close()
    assert bench.link.socket.closed
