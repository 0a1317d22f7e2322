"""Rude clients: each gets an answer or a closed connection, and the charger goes on charging."""

import concurrent.futures
import random
import socket

import pytest

from raw_http import PATIENCE_S, Peer, ask, document_of, status_of
from twin_fixture import Twin

CHARGE_S = 45


def calm(twin):
    """True when the charger answers again."""
    return status_of(ask(twin, b"GET /api/v1/status HTTP/1.0\r\n\r\n")) == 200


@pytest.fixture(scope="module")
def charging_twin(sim_build):
    """One twin for all these tests, so that what one of them leaves behind meets the next."""
    one = Twin("--auto")
    try:
        one.wait(lambda: one.get("api/v1/status")["charging"], CHARGE_S, "charging")
        yield one
    finally:
        one.close()


@pytest.fixture
def charger(charging_twin):
    """A charging twin; after the test it must still charge, its control never having paused."""
    one = charging_twin
    before = one.get("api/v1/status")
    closings = one.world()["contactors"]["closings"]
    yield one
    one.wait(lambda: calm(one), what="an answer after the abuse")
    one.wait(lambda: one.get("api/v1/status")["cycle"]["count"] > before["cycle"]["count"] + 50,
             what="control cycles")
    after = one.get("api/v1/status")
    assert after["charging"], (after["reason"], after["faults"], one.get("api/v1/journal")[-6:])
    assert one.world()["contactors"]["closings"] == closings
    assert one.get("api/v1/status")["uptime_s"] >= before["uptime_s"]


def test_one_rude_client_after_the_other(charger):
    for data, allowed in (
        (b"\r\n\r\n", {400}),
        (b"junk\r\n\r\n", {400}),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(150) + b"\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", {421}),
        (b"DELETE /settings HTTP/1.1\r\n\r\n", {405}),
        (b"A" * 300000, {414, None}),
        (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n", {414}),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 2000 + b"\r\n\r\n", {431}),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 100 + b"\r\n", {431}),
        (b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 50000, {431, None}),
        (b"POST /settings HTTP/1.1\r\nContent-Length: -1\r\n\r\n", {400}),
        (b"POST /settings HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", {413}),
        (b"POST /settings HTTP/1.1\r\nContent-Length: 4000\r\n\r\n" + b"x" * 4000, {413}),
        (b"POST /settings HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}{}{}{}", {200}),
        (b"POST /settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {411}),
        (b"POST /settings?mode=0 HTTP/1.1\r\nOrigin: http://evil.example\r\n\r\n", {403}),
        (b"GET /settings HTTP/1.1\r\n\r\n" * 2, {200}),  # the second one is not read
        (b"GET /settings/../../etc/passwd HTTP/1.1\r\n\r\n", {404}),
        (b"GET /%00%00 HTTP/1.1\r\n\r\n", {404}),
    ):
        heard = ask(charger, data)
        assert status_of(heard) in allowed, (data[:60], heard[:200])
        if heard and status_of(heard) != 200:
            assert document_of(heard)["error"], data[:60]
        charger.wait(lambda: calm(charger), what="an answer after %r" % data[:60])


def test_slow_clients_are_let_go_and_others_asked_to_come_back(charger):
    slow = [Peer(charger).say(b"GET /settings HTTP/1.1\r\n") for _ in range(3)]
    slow.append(Peer(charger).say(b"POST /settings HTTP/1.1\r\nContent-Length: 9\r\n\r\nmode="))
    charger.wait(lambda: status_of(ask(charger, b"GET /settings HTTP/1.0\r\n\r\n")) == 503,
                 what="a busy server")
    assert document_of(ask(charger, b"GET /settings HTTP/1.0\r\n\r\n"))["error"]
    for peer in slow:
        heard = peer.hear()
        assert status_of(heard) == 408, heard
        assert document_of(heard)["error"]


def test_a_client_that_sends_one_byte_at_a_time_is_let_go(charger):
    peer = Peer(charger)
    peer.socket.settimeout(0.25)
    heard = b""
    for _ in range(int(PATIENCE_S / 0.25)):
        peer.say(b"G")
        try:
            heard = peer.socket.recv(4096)
            break
        except TimeoutError:
            continue
        except OSError:
            break
    peer.socket.close()
    assert status_of(heard) in (408, None)


def test_a_client_that_never_reads_is_let_go(charger):
    peers = [Peer(charger) for _ in range(4)]
    for peer in peers:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        peer.say(b"GET /app.js HTTP/1.0\r\n\r\n")
    charger.wait(lambda: calm(charger), PATIENCE_S, "room for others")
    for peer in peers:
        peer.socket.close()


def test_fifty_clients_at_once_are_all_served_in_the_end(charger):
    def one_client(_):
        turned_away = 0
        while turned_away < 200:
            try:
                heard = ask(charger, b"GET /settings HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            except TimeoutError:
                heard = b""  # it never got further than the system's queue
            if status_of(heard) == 200:
                return document_of(heard)["serialnr"]
            assert status_of(heard) in (503, None), heard
            turned_away += 1
        return None

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        serials = set(pool.map(one_client, range(50)))
    assert serials == {charger.get("settings")["serialnr"]}


def test_broken_connections_free_their_place(charger):
    for number in range(40):
        data = b"POST /settings?mode=3 HTTP/1.1\r\nContent-Length: 20\r\n\r\nabc"
        Peer(charger).say(data[: 1 + number % len(data)]).break_off()
    charger.wait(lambda: calm(charger), what="an answer after the broken connections")


def test_random_bytes(charger):
    rng = random.Random(2026)
    request = b"POST /settings?mode=3 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
    for _ in range(150):
        data = bytearray(request)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        peer = Peer(charger).say(bytes(data))
        peer.socket.shutdown(socket.SHUT_WR)
        heard = peer.hear()
        if heard:
            assert document_of(heard) is not None, bytes(data)
        charger.wait(lambda: calm(charger), what="an answer after %r" % bytes(data))
