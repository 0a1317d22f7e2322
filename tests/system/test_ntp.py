"""The time of day from time servers on the loopback: good ones, and all other kinds."""

import json
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EPOCH_S = 2208988800
AHEAD_S = 100_000
LIMIT_S = 60
# Turns of the 10 ms task while a question stays without answer for 2 s: 200, on a busy host fewer.
TWO_SECONDS = 60


class Server:
    """A time server: ``behave(question, seconds)`` gives the packets that answer.

    ``seconds`` is the time it goes by, ``AHEAD_S`` before the host's; ``asked`` counts.
    """

    def __init__(self, behave):
        self.asked = 0
        self.questions = []
        self._behave = behave
        self._open = True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.host = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while self._open:
            try:
                data, peer = self._socket.recvfrom(1000)
            except TimeoutError:
                continue
            self.asked += 1
            self.questions.append(data)
            for packet in self._behave(data, time.time() + AHEAD_S):
                self._socket.sendto(packet, peer)

    def close(self):
        self._open = False
        self._thread.join()
        self._socket.close()


def good(question, seconds, **changes):
    """What an honest server says."""
    moment = int((seconds + EPOCH_S) * 2**32) % 2**64
    parts = {"first": 0x24, "stratum": 2, "ident": b"\x0a\0\0\1", "cookie": question[40:48],
             **changes}
    return (struct.pack(">BBBbII", parts["first"], parts["stratum"], 6, -20, 100, 200)
            + parts["ident"] + struct.pack(">Q", moment) + parts["cookie"]
            + struct.pack(">QQ", moment, moment))


@pytest.fixture
def server():
    """Factory of time servers; all end with the test."""
    running = []

    def start(behave):
        running.append(Server(behave))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def ask(micropython, sim_build):
    """Have the firmware ask ``host`` ``count`` times; returns a dict for each."""
    def run(host, count=1):
        start = ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; import ntp_firmware"
                 % (str(sim_build), str(sim_build / "lib"), str(HERE)))
        done = subprocess.run([micropython, "-X", "heapsize=160K", "-c", start, host, str(count)],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT_S)
        assert done.returncode == 0, done.stdout
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_the_clock_is_set_once_and_then_left_alone(server, ask):
    one = server(lambda question, seconds: [good(question, seconds)])
    first, second = ask(one.host, 2)
    name, value, source = first["commands"][0]
    assert (name, source) == ("clock", "NTP")
    assert abs(first["clock_s"] - first["host_s"] - AHEAD_S) <= 1
    assert first["found"]["synced_s"] == value
    assert second["commands"] == [] and abs(second["found"]["offset_s"]) <= 1
    assert second["wait_s"] >= 4 * 3600
    assert all(len(question) == 48 and question[0] == 0x23 for question in one.questions)
    assert one.questions[0][40:] != one.questions[1][40:], "the random number must be a new one"
    assert not any(one.questions[0][1:40]), "nothing of ours is told"


def test_others_than_the_server_are_not_believed(server, ask):
    # First what somebody who cannot see the question might send, then the truth.
    one = server(lambda question, seconds: [
        b"", b"\xff" * 48, good(question, 5e8, cookie=bytes(8)), good(question, 5e8)[:47],
        good(question, 5e8, first=0x23), good(question, seconds) + bytes(300),
        good(question, seconds)])
    [found] = ask(one.host)
    assert abs(found["clock_s"] - found["host_s"] - AHEAD_S) <= 1, found


@pytest.mark.parametrize("behave, words", [
    (lambda question, seconds: [], "no answer"),
    (lambda question, seconds: [good(question, seconds, stratum=16)], "does not know the time"),
    (lambda question, seconds: [good(question, seconds, first=0xE4)], "does not know the time"),
    (lambda question, seconds: [good(question, seconds, stratum=0, ident=b"RATE")], "left alone"),
    (lambda question, seconds: [good(question, 1_000_000_000)], None),
], ids=["silent", "stratum 16", "unsynchronised", "kiss of death", "year 2001"])
def test_without_the_time_the_clock_stays_unknown(server, ask, behave, words):
    [found] = ask(server(behave).host)
    if words:
        assert found["commands"] == [] and found["clock_s"] == 0
        assert words in found["found"]["problem"]
        assert found["found"]["failures"] == 1 and found["found"]["synced_s"] == 0
        assert "left alone" in words or found["loops"] > TWO_SECONDS, "the loop stood still"
    else:
        # The core's door refuses it: tests/unit/test_commands.py.
        assert found["commands"][0][1] < 1_750_000_000


def test_nobody_there_and_no_network_stop_nothing(ask):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for host in ("127.0.0.1:%d" % port, "no.such.host.example"):
        found = ask(host, 2)[-1]
        assert found["found"]["failures"] == 2 and found["found"]["problem"].startswith(host)
        assert found["wait_s"] >= 30


def test_nothing_of_it_stays_in_memory(server, ask):
    one = server(lambda question, seconds: [good(question, seconds)])
    found = ask(one.host, 3)
    assert found[2]["free"] >= found[1]["free"] - 32
