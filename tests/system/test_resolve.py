"""The firmware's questions for names against name servers of all kinds, on the loopback."""

import json
import random
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest

import helpers_dns as dns

HERE = Path(__file__).parent
NAME = "broker.example"
SERVICE = "_hwenergy._tcp.local"
LIMIT_S = 60
# Turns of the 10 ms task while a question stays without answer for 3 s: 300, on a busy host fewer.
THREE_SECONDS = 100


class Server:
    """A name server: ``behave(number, name, question)`` gives the packets that answer.

    ``heard`` lists the names asked for, ``askers`` the addresses they were asked from.
    """

    def __init__(self, behave):
        self.heard = []
        self.askers = []
        self._behave = behave
        self._open = True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while self._open:
            try:
                data, peer = self._socket.recvfrom(1000)
            except TimeoutError:
                continue
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1:at + 1 + data[at]].decode())
                at += 1 + data[at]
            name = ".".join(labels)
            self.heard.append(name)
            self.askers.append(peer)
            for packet in self._behave(struct.unpack_from(">H", data)[0], name, data):
                self._socket.sendto(packet, peer)

    def close(self):
        self._open = False
        self._thread.join()
        self._socket.close()


@pytest.fixture
def server():
    """Factory of name servers; all end with the test."""
    running = []

    def start(behave):
        running.append(Server(behave))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def ask(micropython, sim_build):
    """Run the steps in the firmware; returns one dict of ``result`` and ``loops`` for each."""
    def run(*steps, dns_server=None, group=None):
        start = ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; import names_firmware"
                 % (str(sim_build), str(sim_build / "lib"), str(HERE)))
        done = subprocess.run(
            [micropython, "-X", "heapsize=160K", "-c", start,
             dns_server.address if dns_server else "", str(group.port if group else 9),
             json.dumps(steps)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=LIMIT_S)
        assert done.returncode == 0, done.stdout
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def results(lines):
    return [line["result"] for line in lines]


def good(number, name, question, text="10.1.2.3", ttl_s=300):
    """What an honest server says of any name."""
    return [dns.packet(dns.address(name, text, ttl_s), number=number, asked=name)]


def silent(number, name, question):
    """A server that is away."""
    return []


# ---- the name server ----


def test_a_name_is_asked_for_once_and_kept_for_its_time(server, ask):
    one = server(good)
    lines = ask(["lookup", NAME], ["lookup", NAME], ["later", 299_000], ["lookup", NAME.upper()],
                ["later", 2_000], ["lookup", NAME + "."], dns_server=one)
    assert results(lines) == [["10.1.2.3"]] * 4
    assert one.heard == [NAME] * 2


def test_many_at_once_ask_once(server, ask):
    one = server(good)
    assert results(ask(["lookup", NAME, NAME, "10.9.9.9", NAME], dns_server=one)) == [
        ["10.1.2.3", "10.1.2.3", "10.9.9.9", "10.1.2.3"]]
    assert one.heard == [NAME]


def test_a_dead_server_holds_up_nobody(server, ask):
    one = server(silent)
    first, again = ask(["lookup", NAME], ["lookup", NAME], dns_server=one)
    assert first["result"] == [None] and first["loops"] > THREE_SECONDS
    assert again["result"] == [None] and again["loops"] < 10  # not asked again at once
    assert one.heard == [NAME] * 3


def test_a_server_that_refuses_to_listen_costs_no_time(server, ask):
    one = server(silent)
    one.close()
    (line,) = ask(["lookup", NAME], dns_server=one)
    assert line["result"] == [None] and line["loops"] < THREE_SECONDS


def test_the_last_good_address_is_used_while_the_server_is_away(server, ask):
    answers = iter([good])

    def behave(*question):
        return next(answers, silent)(*question)

    lines = ask(["lookup", NAME], ["later", 301_000], ["lookup", NAME], ["lookup", NAME],
                dns_server=server(behave))
    assert results(lines) == [["10.1.2.3"]] * 3
    assert lines[1]["loops"] > THREE_SECONDS > lines[2]["loops"]


def test_a_lost_answer_is_asked_for_again(server, ask):
    answers = iter([silent])
    one = server(lambda *question: next(answers, good)(*question))
    assert results(ask(["lookup", NAME], dns_server=one)) == [["10.1.2.3"]]
    assert len(one.heard) == 2


def test_a_name_that_is_no_more_is_forgotten(server, ask):
    def gone(number, name, question):
        return [dns.packet(number=number, asked=name, flags=0x8183)]

    answers = iter([good, gone])
    one = server(lambda *question: next(answers, good)(*question))
    lines = ask(["lookup", NAME], ["later", 301_000], ["lookup", NAME], ["lookup", NAME],
                ["later", 11_000], ["lookup", NAME], dns_server=one)
    assert results(lines) == [["10.1.2.3"], [None], [None], ["10.1.2.3"]]
    assert len(one.heard) == 3


def test_a_doubtful_address_is_asked_for_again_but_not_each_time(server, ask):
    addresses = iter(["10.1.2.3", "10.1.2.4"])
    one = server(lambda *question: good(*question, next(addresses)))
    lines = ask(["lookup", NAME], ["doubt", NAME], ["lookup", NAME], ["later", 11_000],
                ["lookup", NAME], ["doubt", NAME], ["lookup", NAME], dns_server=one)
    assert results(lines) == [["10.1.2.3"]] * 2 + [["10.1.2.4"]] * 2


def test_stamps_that_wrap_keep_no_address_for_days(server, ask):
    addresses = iter(["10.1.2.3", "10.1.2.4"])
    one = server(lambda *question: good(*question, next(addresses)))
    lines = ask(["lookup", NAME], ["later", 7 * 86_400_000], ["lookup", NAME], dns_server=one)
    assert results(lines) == [["10.1.2.3"], ["10.1.2.4"]]


def test_hostile_packets_before_the_answer_change_nothing(server, ask):
    rng = random.Random(2026)

    def behave(number, name, question):
        answer = good(number, name, question)[0]
        wrong = dns.address(name, "6.6.6.6")
        at = len(question)
        loop = struct.pack(">H", 0xC000 | at)
        yield dns.packet(wrong, number=number ^ 1, asked=name)
        yield dns.packet(wrong, number=number, asked="other.example")
        yield dns.packet(wrong, number=number, asked=None)
        yield dns.packet(wrong, number=number, asked=name, flags=0x8380)
        yield dns.packet(dns.row(loop, dns.A, b"\6\6\6\6"), number=number, asked=name)
        yield dns.packet(dns.address("other.example", "6.6.6.6"), wrong[:-2], number=number,
                         asked=name)
        yield dns.packet(wrong, number=number, asked=name) + bytes(600)
        yield b""
        for _ in range(20):
            yield rng.randbytes(rng.randrange(512))
        yield question
        yield answer[:-1]
        yield answer

    one = server(behave)
    assert results(ask(["lookup", NAME], dns_server=one)) == [["10.1.2.3"]]
    assert len(one.heard) == 1


def test_an_answer_from_another_address_is_not_heard(server, ask):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))

        def behave(number, name, question):
            stranger.sendto(good(number, name, question)[0], one.askers[-1])
            return ()

        one = server(behave)
        assert results(ask(["lookup", NAME], dns_server=one)) == [[None]]
        assert len(one.heard) == 3


def test_what_is_no_name_is_not_asked_for(server, ask):
    one = server(good)
    names = ["", "a..b", "x" * 64 + ".example", "1.2.3", "1.2.3.256"]
    assert results(ask(["lookup", *names], dns_server=one)) == [[None] * 3 + ["10.1.2.3"] * 2]
    assert one.heard == ["1.2.3", "1.2.3.256"]  # asked for, never handed to the system


# ---- the network ----


def local(number, name, question):
    """What a host says that has the name."""
    return [dns.packet(dns.address(name, "10.0.0.9", 120, 0x8001), number=number, asked=name,
                       flags=0x8400)]


def test_a_local_name_is_asked_of_the_network_and_not_of_the_name_server(server, ask):
    one, group = server(good), server(local)
    lines = ask(["lookup", "p1meter-7.local"], dns_server=one, group=group)
    assert results(lines) == [["10.0.0.9"]]
    assert (one.heard, group.heard) == ([], ["p1meter-7.local"])


def test_others_on_the_network_may_talk_before_the_host_itself(server, ask):
    def behave(number, name, question):
        other = dns.address("other.local", "10.6.6.6", 120, 0x8001)
        yield dns.packet(other, number=0, asked=None, flags=0x8400)
        yield dns.packet(number=number, asked=name, flags=0x8400)
        yield question
        yield dns.packet(dns.address(name, "10.0.0.9"), number=0, asked=None, flags=0x8400)

    group = server(behave)
    assert results(ask(["lookup", "p1meter-7.local"], group=group)) == [["10.0.0.9"]]
    assert len(group.heard) == 1


def test_a_silent_network_holds_up_nobody(server, ask):
    group = server(silent)
    (line,) = ask(["lookup", "p1meter-7.local"], group=group)
    assert line["result"] == [None] and line["loops"] > THREE_SECONDS
    assert len(group.heard) == 3


def offers(number, name, question, hosts=("p1meter-7.local", "kwhmeter-8.local")):
    """What hosts say that offer the service: a packet each, one of them without its host."""
    for place, host in enumerate(hosts):
        instance = host.replace("local", name)
        more = [dns.host(instance, host), dns.address(host, "10.0.0.%d" % place)]
        yield dns.packet(dns.row(name, dns.PTR, dns.name(instance)), number=number,
                         asked=name if place else None, kind=dns.PTR, flags=0x8400,
                         more=more if place else ())


def test_hosts_of_a_service_are_listed_once_each(server, ask):
    group = server(offers)
    (line,) = ask(["browse", SERVICE], group=group)
    assert sorted(line["result"][0]) == ["kwhmeter-8.local", "p1meter-7.local"]
    assert group.heard == [SERVICE] * 3 and line["loops"] > THREE_SECONDS


def test_a_crowd_of_hosts_is_cut_off(server, ask):
    hosts = ["host-%d.local" % number for number in range(40)]
    group = server(lambda *question: offers(*question, hosts))
    (line,) = ask(["browse", SERVICE], group=group)
    assert len(line["result"][0]) == 8


def test_a_flood_holds_up_nobody(server, ask):
    rng = random.Random(7)
    group = server(lambda *question: (rng.randbytes(500) for _ in range(2000)))
    lookup, browse = ask(["lookup", "p1meter-7.local"], ["browse", SERVICE], group=group)
    assert lookup["result"] == [None] and browse["result"] == [[]]
    assert min(lookup["loops"], browse["loops"]) > THREE_SECONDS
