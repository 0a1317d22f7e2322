"""Brokers that mean no good, while a car charges: control notices nothing, the link comes back."""

import random
import socket
import struct
import threading
import time

import pytest

from mqtt_fixture import (
    CONNACK,
    HEAP,
    PINGRESP,
    SUBACK,
    Broker,
    packet,
    publish,
    serve,
    text,
    wait,
)
from test_resolve import Server, silent
from twin_fixture import Twin

PREFIX = "SmartEVSE-4711"
NOT_MQTT = "what the broker says is not MQTT"
CLOSED = "the broker has closed the connection"
BROKE = "the connection to the broker broke"
MUTE = "the broker does not answer"
SLACK = 6000  # bytes: garbage that is not collected yet, on the host


class Charger:
    """A charging twin whose broker is played."""

    def __init__(self, environment):
        self.broker = Broker()
        self.names = Server(silent)
        environment.setenv("MICROEVSE_DNS", self.names.address)
        self.user = 0
        self.twin = Twin("--auto", "--mqtt", "127.0.0.1:%d" % self.broker.port, heap=HEAP,
                         settings={"trust_lan": "Enabled"})
        self.twin.wait(lambda: self.status()["charging"])
        self.linked()
        # All that is loaded when it is needed, and a link that came back, before memory is judged.
        self.broker.behave = welcome(publish(PREFIX + "/Set/Mode", "Normal"))
        self.anew()
        self.twin.wait(lambda: self.status()["mode"] == "Normal")
        self.problem(CLOSED, BROKE)
        self.broker.behave = serve
        self.anew()
        self.linked()
        self.smart()
        self.least = self.free() - SLACK

    def status(self):
        """All there is to know."""
        return self.twin.get("/api/v1/status")

    def link(self):
        """What it says of its link."""
        return self.status()["mqtt"]

    def anew(self, **settings):
        """Let it try at once, whatever it waits for."""
        self.user += 1
        for key, value in {"mqtt_user": "user%d" % self.user, **settings}.items():
            self.twin.post("/api/v1/command", {"name": "set", "value": [key, value]})

    def linked(self):
        """Wait for a link that works both ways."""
        self.twin.wait(lambda: self.link()["state"] == "connected", 30, "a link")
        wait(lambda: [body for first, body in self.broker.said
                      if first >> 4 == 3 and body.startswith(text(PREFIX + "/State"))], "facts")

    def smart(self):
        """Back to the mode of before."""
        self.twin.post("/api/v1/command", {"name": "mode", "value": "Smart"})

    def problem(self, *expected, seconds=30):
        """Wait until one of these is what is in the way."""
        self.twin.wait(lambda: self.link()["state"] == "waiting"
                       and self.link()["problem"] in expected, seconds, " or ".join(expected))

    def free(self):
        """Bytes free after garbage has been collected, as far as can be told from outside."""
        return max(self.status()["heap"]["free"] for _ in range(12))

    def close(self):
        self.twin.close()
        self.broker.close()
        self.names.close()


@pytest.fixture(scope="module")
def shared(sim_build):
    """One charger for all brokers."""
    with pytest.MonkeyPatch.context() as environment:
        one = Charger(environment)
    yield one
    one.close()


@pytest.fixture
def charger(shared):
    """The charger, with a good broker before and after; whatever came, it has gone on charging."""
    before = shared.status()
    yield shared
    shared.broker.behave = serve
    shared.anew(mqtt_host="127.0.0.1", mqtt_port=shared.broker.port)
    shared.linked()
    after = shared.status()
    assert after["charging"] and after["contactors"] == before["contactors"], (
        after["reason"], after["fault"], after["cycle"])
    assert after["uptime_s"] >= before["uptime_s"]
    cycles = after["cycle"]["count"] - before["cycle"]["count"]
    late = after["cycle"]["late"] - before["cycle"]["late"]
    assert late * 20 <= cycles, (late, cycles, after["cycle"]["worst_ms"])
    shared.twin.wait(lambda: shared.free() >= shared.least, what="the memory of before")


def welcome(then):
    """A broker that is one until somebody is connected, and says ``then``."""
    def behave(broker, connection):
        broker.welcome(connection)
        connection.sendall(then)
    return behave


def random_bytes(broker, connection):
    broker.read(connection)
    connection.sendall(random.Random(broker.count).randbytes(3000))
    time.sleep(0.2)


def a_web_server(broker, connection):
    broker.read(connection)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n"
                       + b"<html>no</html>" * 20)


def never_a_word(broker, connection):
    while connection.recv(100):
        pass


ILL = {
    "closes at once": (lambda broker, connection: None, CLOSED, "no connection to 127.0.0.1:%d"),
    "closes in the middle of a packet": (welcome(publish("t", "x" * 90)[:40]), CLOSED),
    "random bytes": (random_bytes, NOT_MQTT, CLOSED),
    "a web server": (a_web_server, NOT_MQTT, CLOSED),
    "a length that never ends": (welcome(b"\x30\xff\xff\xff\xff\xff"), NOT_MQTT),
    "a topic longer than its message": (welcome(packet(0x30, b"\xff\xffab")), NOT_MQTT),
    "a receipt that is too long": (welcome(packet(0xD0, b"\0")), NOT_MQTT),
    "a message that must not be": (welcome(packet(0x34, text("t") + b"\0\1x")), NOT_MQTT),
    "somebody else's words": (welcome(packet("connect", b"\0" * 10)), NOT_MQTT),
    "ends within 200 MB": (welcome(b"\x30\xff\xff\xff\x5f" + b"x" * 100_000), CLOSED),
}


@pytest.mark.parametrize("kind", ILL)
def test_ill_brokers(charger, kind):
    behave, *problems = ILL[kind]
    charger.broker.behave = behave
    charger.broker.hang_up()
    charger.anew()
    charger.problem(*[problem.replace("%d", str(charger.broker.port)) for problem in
                      (*problems, BROKE)])


def test_nobody_at_home(charger):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    charger.anew(mqtt_port=port)
    charger.problem("no connection to 127.0.0.1:%d" % port)


def test_a_name_server_that_hangs(charger):
    charger.anew(mqtt_host="broker.example")
    charger.problem("no address is known for broker.example")
    assert "broker.example" in charger.names.heard


def test_a_black_hole(charger):
    """Who never answers a SYN: a listener whose queue is full."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        port = hole.getsockname()[1]
        callers = []
        for _ in range(8):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
            callers.append(caller)
        charger.anew(mqtt_port=port)
        charger.twin.wait(lambda: charger.link()["state"] == "connecting")
        charger.problem("no connection to 127.0.0.1:%d" % port)
        for caller in callers:
            caller.close()


def test_half_open(charger):
    """Connected, and then nothing any more, not even an answer to a ping."""
    def behave(broker, connection):
        broker.welcome(connection)
        never_a_word(broker, connection)

    charger.broker.behave = behave
    charger.anew()
    charger.twin.wait(lambda: charger.link()["state"] == "connected")
    charger.problem(MUTE, seconds=40)


def test_slow(charger):
    """A byte every 20 ms is still a broker."""
    def behave(broker, connection):
        def say(data):
            for byte in data:
                connection.sendall(bytes((byte,)))
                time.sleep(0.02)

        broker.read(connection)
        say(CONNACK)
        broker.read(connection)
        say(SUBACK + publish(PREFIX + "/Set/Mode", "Normal"))
        while True:
            if broker.read(connection)[0] == 0xC0:
                say(PINGRESP)

    charger.broker.behave = behave
    charger.anew()
    charger.twin.wait(lambda: charger.status()["mode"] == "Normal")
    charger.linked()
    charger.smart()


def test_messages_that_are_too_long(charger):
    def behave(broker, connection):
        broker.welcome(connection)
        for size in (513, 5000, 300_000):
            connection.sendall(publish(PREFIX + "/Set/Mode", "x" * size))
        connection.sendall(publish(PREFIX + "/Set/Mode", "Normal"))
        while True:
            if broker.read(connection)[0] == 0xC0:
                connection.sendall(PINGRESP)

    charger.broker.behave = behave
    count = charger.broker.count
    charger.anew()
    charger.twin.wait(lambda: charger.status()["mode"] == "Normal")
    assert charger.broker.count == count + 1
    charger.smart()


def test_a_thousand_messages_a_second(charger):
    """Commands, readings, what is none: none is lost, and control notices nothing."""
    ended = threading.Event()
    words = [("CurrentOverride", "0"), ("Mode", "fast"), ("MainsMeter", "10:20:30"),
             ("HomeBatteryCurrent", "-50"), ("Nothing", "x" * 150), ("Mode", "Smart"),
             ("EVMeter", "1:2"), ("RFID", "112233445566"), ("CustomButton", "On")]

    def flood(connection, count):
        begin = time.monotonic()
        for number in range(count):
            name, payload = words[number % len(words)]
            connection.sendall(publish("%s/Set/%s" % (PREFIX, name), payload))
            time.sleep(max(0, begin + number / 1000 - time.monotonic()))

    def behave(broker, connection):
        broker.welcome(connection)
        threading.Thread(target=serve_pings, args=(broker, connection), daemon=True).start()
        flood(connection, 200)
        connection.sendall(publish(PREFIX + "/Set/Mode", "Normal"))
        assert ended.wait(60)
        flood(connection, 5000)
        # What has not been read is gone with the connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        broker.behave = serve

    charger.broker.behave = behave
    count = charger.broker.count
    charger.anew()
    charger.twin.wait(lambda: charger.status()["mode"] == "Normal", 60)
    assert charger.broker.count == count + 1
    ended.set()
    charger.twin.wait(lambda: charger.broker.count > count + 1, 60, "another connection")
    charger.smart()


def serve_pings(broker, connection):
    """Answer pings until the connection ends."""
    try:
        while True:
            if broker.read(connection)[0] == 0xC0:
                connection.sendall(PINGRESP)
    except (OSError, EOFError):
        pass
