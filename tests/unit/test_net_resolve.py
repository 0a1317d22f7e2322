"""Questions for names, and what is believed of the answers."""

import asyncio
import random
import struct

import helpers_dns
from evse.net import names as asking
from evse.net import resolve
from helpers_dns import CNAME, PTR, SRV, A, host, name, row

NUMBER = 0x1234


def packet(*rows, asked="host.example", number=NUMBER, **others):
    return helpers_dns.packet(*rows, asked=asked, number=number, **others)


def read(data, asked="host.example", kind=A, local=False):
    return resolve.records(memoryview(data), NUMBER, asked, kind, local)


def found(data, asked="host.example", local=False):
    return resolve.address_in(memoryview(data), read(data, asked, A, local), asked)


def refused(function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except (ValueError, IndexError):
        return True
    return False


ADDRESS = bytes((192, 168, 1, 7))


def test_numbers_are_told_from_names():
    for text in ("1.2.3.4", "255.255.255.255", "0.0.0.0"):
        assert asking.is_address(text), text
    for text in ("", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.a", "1.2.3.", "1.2..4", "a.b.c.d",
                 "1.2.3.-4", "0001.2.3.4", "010.0.0.1", "1.2.3.4 ", "999999999999.1.1.1"):
        assert not asking.is_address(text), text


def test_host_and_port():
    assert asking.host_port("meter", 80) == ("meter", 80)
    assert asking.host_port("1.2.3.4:8080", 80) == ("1.2.3.4", 8080)
    for text in ("a:", "a:b", "a:0", "a:65536", "a:-1", "fe80::1"):
        assert refused(asking.host_port, text, 80), text


def test_questions_as_the_protocols_want_them():
    plain = bytes(resolve.question(NUMBER, "a.bc", A, False))
    assert plain == bytes.fromhex("12340100000100000000000001610262630000010001")
    local = bytes(resolve.question(NUMBER, "_x._tcp.local", PTR, True))
    assert local == (bytes.fromhex("123400000001000000000000") + name("_x._tcp.local")
                     + bytes.fromhex("000c8001"))


def test_what_cannot_be_a_name_is_not_asked_for():
    for text in ("", ".", "a..b", "a.", ".a", "x" * 64 + ".local", "ab." * 84 + "cd"):
        assert refused(resolve.question, NUMBER, text, A, False), text
    assert resolve.question(NUMBER, "x" * 63 + ".local", A, False)
    assert resolve.question(NUMBER, "ab." * 84 + "c", A, False)


def test_an_address_is_found_with_the_time_it_holds():
    assert found(packet(row("host.example", A, ADDRESS))) == ("192.168.1.7", 300)
    assert found(packet(row(b"\xc0\x0c", A, ADDRESS))) == ("192.168.1.7", 300)
    assert found(packet(row("HOST.Example", A, ADDRESS))) == ("192.168.1.7", 300)


def test_the_time_to_live_is_kept_in_bounds():
    for ttl_s, kept_s in ((0, 30), (29, 30), (31, 31), (3600, 3600), (3601, 3600),
                          (0xFFFFFFFF, 3600)):
        assert found(packet(row("host.example", A, ADDRESS, ttl_s)))[1] == kept_s


def test_aliases_are_followed_and_the_shortest_time_counts():
    data = packet(row("host.example", CNAME, name("one.example"), 100),
                  row("one.example", CNAME, name("two.example"), 60),
                  row("two.example", A, ADDRESS, 500))
    assert found(data) == ("192.168.1.7", 60)


def test_others_addresses_and_impossible_ones_are_passed_over():
    assert found(packet(row("other.example", A, ADDRESS))) is None
    assert found(packet()) is None
    assert found(packet(flags=0x8183)) is None  # there is no such name
    for first in (0, 224, 255):
        data = packet(row("host.example", A, bytes((first, 1, 1, 1))),
                      row("host.example", A, ADDRESS))
        assert found(data) == ("192.168.1.7", 300)
    assert found(packet(row("host.example", A, ADDRESS, group=3))) is None


def test_answers_to_something_else_are_refused():
    good = row("host.example", A, ADDRESS)
    for data in (packet(good, number=NUMBER + 1), packet(good, number=0),
                 packet(good, asked="other.example"), packet(good, asked=None),
                 packet(good, kind=PTR), packet(good, flags=0x0180), packet(good, flags=0x8380),
                 packet(good, flags=0x8182), packet(good, flags=0x8185),
                 packet(good, flags=0x9180)):
        assert refused(read, data), data


def test_on_the_network_number_and_question_may_be_left_out():
    good = row("host.local", A, ADDRESS, group=0x8001)
    for data in (packet(good, asked=None, number=0, flags=0x8400),
                 packet(good, asked="host.local", flags=0x8400),
                 packet(good, asked=None, flags=0x8400)):
        assert found(data, "host.local", True) == ("192.168.1.7", 300)
    assert refused(read, packet(good, asked=None, number=5), "host.local", A, True)
    assert refused(read, packet(good, asked="x.local", number=0), "host.local", A, True)


def test_every_cut_and_every_lie_about_a_length_is_refused():
    data = packet(row("host.example", A, ADDRESS))
    for size in range(len(data)):
        assert refused(read, data[:size]), size
    assert refused(read, packet(row("host.example", A, b"123")))
    assert refused(read, packet(row("host.example", A, b"12345")))


def test_no_name_leads_in_circles_or_on_for_ever():
    at = 12 + len(name("host.example")) + 4
    circle = struct.pack(">H", 0xC000 | at)
    assert refused(read, packet(row(circle, A, ADDRESS)))
    forward = struct.pack(">H", 0xC000 | at + 2)
    assert refused(read, packet(row(forward, A, ADDRESS)))
    chain = b"".join(struct.pack(">H", 0xC000 | at + 2 * i) for i in range(20))
    assert refused(resolve.name_at, memoryview(bytes(at) + chain), at + 38)
    assert refused(resolve.name_at, memoryview(name(".".join("x" * 12))), 0)
    assert refused(resolve.name_at, memoryview(b"\x40" + b"a" * 64 + b"\0"), 0)
    assert refused(resolve.name_at, memoryview(b"\x80a\0"), 0)
    assert refused(resolve.name_at, memoryview(b"\x02\xff\xfe\0"), 0)
    assert resolve.name_at(memoryview(b"\x01a\0\x01b\xc0\x00"), 3) == ("b.a", 7)


def test_no_more_records_are_read_than_there_can_be():
    rows = [row(b"\0", A, ADDRESS)] * 30
    assert len(read(packet(*rows))) == 12
    lie = bytearray(packet(row("host.example", A, ADDRESS)))
    lie[6:8] = b"\xff\xff"
    assert refused(read, bytes(lie))


SERVICE = "_hwenergy._tcp.local"


def hosts(data):
    return resolve.hosts_in(memoryview(data), read(data, SERVICE, PTR, True), SERVICE)


def browsed(*rows, more=()):
    return packet(*rows, asked=SERVICE, kind=PTR, flags=0x8400, more=more)


def test_hosts_of_a_service_by_what_their_instances_say():
    instance = name("My meter." + SERVICE)
    target = host("My meter." + SERVICE, "p1meter-7.local")
    assert hosts(browsed(row(SERVICE, PTR, instance), more=[target])) == ["p1meter-7.local"]
    assert hosts(browsed(row(SERVICE, PTR, name("P1meter-7." + SERVICE)))) == ["p1meter-7.local"]
    other = row("x._http._tcp.local", SRV, bytes(6) + name("printer.local"))
    assert hosts(browsed(row("_http._tcp.local", PTR, instance), more=[other])) == []


def test_whatever_comes_ends_in_records_or_a_refusal():
    random.seed(53)
    seeds = (packet(row("host.example", CNAME, name("a.example")), row("a.example", A, ADDRESS)),
             packet(row(b"\xc0\x0c", A, ADDRESS), row(b"\xc0\x0c", A, ADDRESS)),
             browsed(row(SERVICE, PTR, name("x." + SERVICE)), more=[
                 host("x." + SERVICE, "p1meter-7.local")]))
    sound = 0
    for turn in range(6000):
        data = bytearray(random.choice(seeds))
        for _ in range(random.randrange(1, 5)):
            at = random.randrange(len(data))
            if random.randrange(3):
                data[at] = random.choice((0, 1, 0xC0, 0xFF, random.randrange(256)))
            else:
                data = data[:at] + bytes(random.randrange(4)) + data[at + random.randrange(4):]
            data = data or bytearray(1)
        data = memoryview(data)
        for asked, kind, local in (("host.example", A, False), (SERVICE, PTR, True)):
            try:
                rows = resolve.records(data, NUMBER, asked, kind, local)
                assert len(rows) <= 12
                answer = resolve.address_in(data, rows, asked)
                assert answer is None or asking.is_address(answer[0]), turn
                resolve.hosts_in(data, rows, SERVICE)
                sound += 1
            except (ValueError, IndexError):
                pass
    assert 500 < sound < 6000, sound


def test_random_bytes_are_refused():
    random.seed(54)
    for _ in range(3000):
        data = bytes(random.getrandbits(8) for _ in range(random.randrange(80)))
        assert refused(read, data)


# ---- without a network ----


def test_numeric_addresses_need_nobody():
    def server():
        raise OSError

    names = asking.Names(server, lambda: 0)
    assert asyncio.run(names.lookup("10.1.2.3")) == "10.1.2.3"


def test_without_a_name_server_there_is_no_address_and_no_exception():
    asked = []

    def server():
        asked.append(1)

    names = asking.Names(server, lambda: 0)
    for text in ("host.example", "host.example.", "HOST.example", "", "a..b"):
        assert asyncio.run(names.lookup(text)) is None, text
    assert len(asked) == 1  # the same name, not asked again at once; the others are none


def test_a_name_server_that_is_none_is_not_asked():
    class Sockets:
        """Stands for the module: the system's own look-up would wait for its name server."""

        asked = []

        def getaddrinfo(self, host, port):
            self.asked.append(host)
            raise OSError

    real, resolve.socket = resolve.socket, Sockets()
    rare, asking.rare = asking.rare, lambda name: resolve
    try:
        for text in ("dns.example", "1.2.3.4:x", "::1", ""):
            names = asking.Names(lambda: text, lambda: 0)
            assert asyncio.run(names.lookup("host.example")) is None, text
        assert Sockets.asked == []
        names = asking.Names(lambda: "1.2.3.4:53", lambda: 0)
        assert asyncio.run(names.lookup("host.example")) is None
        assert Sockets.asked == ["1.2.3.4"]
    finally:
        resolve.socket = real
        asking.rare = rare
