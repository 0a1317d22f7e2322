"""Modbus TCP of the running firmware, with pymodbus' client and with others that mean no good."""

import random
import socket
import struct

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.pdu import ExceptionResponse

READ = bytes.fromhex("000100000006010400000001")
LIMIT_S = 10


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Charger:
    """A running charger that serves Modbus TCP at ``port``."""

    def __init__(self, twin, port, **settings):
        self.port = port
        self._sockets = []
        self.twin = twin("--auto", settings={"trust_lan": "Enabled", **settings})

    def client(self):
        """A connected pymodbus client."""
        client = ModbusTcpClient("127.0.0.1", port=self.port, timeout=LIMIT_S, retries=0)
        self._sockets.append(client)
        assert client.connect()
        return client

    def socket(self, data=b""):
        """A plain connection that has sent ``data``."""
        peer = socket.create_connection(("127.0.0.1", self.port), LIMIT_S)
        self._sockets.append(peer)
        peer.sendall(data)
        return peer

    def serves(self):
        """True when a new client is answered."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as peer:
                peer.sendall(READ)
                return len(hear(peer, 11)) == 11
        except OSError:
            return False

    def close(self):
        for one in self._sockets:
            one.close()


def hear(peer, count):
    """``count`` bytes, fewer when the charger closes the connection."""
    data = b""
    try:
        while len(data) < count:
            part = peer.recv(count - len(data))
            if not part:
                break
            data += part
    except ConnectionError:
        pass
    return data


@pytest.fixture
def start(twin, monkeypatch):
    """Start a charger with settings, and wait until it serves."""
    started = []

    def begin(wait=True, **settings):
        port = free_port()
        monkeypatch.setenv("MICROEVSE_MODBUS", "127.0.0.1:%d" % port)
        charger = Charger(twin, port, **settings)
        started.append(charger)
        if wait:
            charger.twin.wait(charger.serves, what="Modbus TCP")
        return charger

    yield begin
    for one in started:
        one.close()


@pytest.fixture
def charger(start):
    return start(modbus_tcp="Enabled")


def test_the_registers_say_what_the_charger_says(charger):
    charger.twin.wait(lambda: charger.twin.get("/api/v1/status")["state"]["id"] == 2)
    status = charger.twin.get("/api/v1/status")
    client = charger.client()
    # What node-smartevse asks for: input registers of unit 1.
    state = client.read_input_registers(0, count=10, device_id=1).registers
    assert state[0] == 2 and state[3] == 1 and state[5] == 1
    assert state[2] == pytest.approx(status["grant_da"], abs=160)
    config = client.read_input_registers(0x0100, count=10, device_id=1).registers
    assert config[2:5] == [6, status["max_da"] // 10, 0]
    system = client.read_input_registers(0x0200, count=13, device_id=1).registers
    assert system[0] == 1 and system[4] == status["mains"]["limit_da"] // 10


def test_holding_registers_are_the_same_for_any_unit(charger):
    client = charger.client()
    for first, count in ((0x0100, 10), (0x0200, 22)):
        wanted = client.read_input_registers(first, count=count, device_id=1).registers
        assert len(wanted) == count
        for unit in (0, 1, 2, 9, 255):
            assert client.read_holding_registers(
                first, count=count, device_id=unit).registers == wanted


def code(answer):
    assert isinstance(answer, ExceptionResponse), answer
    return answer.exception_code


def test_what_is_not_there_is_an_illegal_address(charger):
    client = charger.client()
    for first, count in ((0x000C, 1), (0x0000, 13), (0x00FF, 2), (0x0216, 1), (0xFFFF, 1)):
        assert code(client.read_input_registers(first, count=count)) == 2, first
    assert client.read_input_registers(0, count=12).registers


def test_nothing_can_be_written(charger):
    client = charger.client()
    before = charger.twin.get("/api/v1/status")
    assert code(client.write_register(0x0103, 10)) == 1
    assert code(client.write_registers(0x0000, [7, 0])) == 1
    assert code(client.write_coil(0, True)) == 1
    assert code(client.mask_write_register(address=0x0103)) == 1
    assert code(client.read_coils(0)) == 1
    assert client.read_input_registers(0x0103).registers == [before["max_da"] // 10]


def test_a_third_client_is_refused_at_once_and_gets_the_place_of_one_that_leaves(charger):
    first, second = charger.client(), charger.client()
    assert first.read_input_registers(0).registers and second.read_input_registers(0).registers
    third = charger.socket()
    assert hear(third, 1) == b""
    assert first.read_input_registers(0).registers and second.read_input_registers(0).registers
    second.close()
    charger.twin.wait(charger.serves, what="the place that is free again")


def test_requests_sent_at_once_are_answered_in_order(charger):
    peer = charger.socket()
    requests = [struct.pack(">HHHBBHH", number, 0, 6, number, 4, 0x0100, 2)
                for number in range(20)]
    peer.sendall(b"".join(requests))
    answers = hear(peer, 20 * 13)
    assert [answers[at:at + 7] for at in range(0, 260, 13)] == [
        struct.pack(">HHHB", number, 0, 7, number) for number in range(20)]


def test_malformed_headers_close_the_connection(charger):
    for data in (b"\0\1\0\1\0\6\1\4\0\0\0\1", b"\0\1\0\0\0\1\1", b"\0\1\0\0\0\xff" + bytes(300),
                 b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"):
        assert hear(charger.socket(data), 1) == b"", data
        charger.twin.wait(charger.serves, what="service after %r" % data)


def test_who_never_reads_costs_the_other_nothing(charger):
    greedy = charger.socket()
    greedy.setblocking(False)
    client = charger.client()
    request = struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0x0200, 22)
    sent = 0
    for _ in range(50):
        try:
            sent += greedy.send(request * 1000)
        except BlockingIOError:
            pass  # its own answers are in its way
        assert client.read_input_registers(0).registers
    assert sent >= 50_000


def test_noise_leaves_nothing_behind(charger):
    rng = random.Random(502)
    for _ in range(60):
        data = bytearray(READ * rng.randrange(1, 3))
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 255, rng.randrange(256)))
        with socket.create_connection(("127.0.0.1", charger.port), LIMIT_S) as peer:
            peer.sendall(data[:rng.randrange(len(data) + 1)])
            peer.shutdown(socket.SHUT_WR)
            hear(peer, 1000)
    charger.twin.wait(charger.serves, what="service after noise")
    assert charger.twin.get("/api/v1/status")["cycle"]["count"] > 0


def test_it_is_off_until_the_setting_says_otherwise_and_again_after_it(start):
    charger = start(wait=False)
    status = charger.twin.get("/api/v1/status")
    assert status["trust_lan"] and not charger.serves()
    for value, serves in (("Enabled", True), ("Disabled", False), ("Enabled", True)):
        charger.twin.post("/api/v1/command", {"name": "set", "value": ["modbus_tcp", value]})
        charger.twin.wait(lambda: charger.serves() == serves, what="Modbus TCP " + value)
