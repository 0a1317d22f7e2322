"""The log over telnet: who may see it, what they see, and peers of all kinds."""

import socket
import subprocess
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIMIT_S = 10
NO_ECHO, ECHO = b"\xff\xfb\x01", b"\xff\xfc\x01"
JOURNAL = b"0:00:01 started 0 0\r\n0:01:15 mode changed 3 0\r\n"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Log:
    """The firmware's server on its own; ``say`` prints a line into its log."""

    def __init__(self, micropython, slot, seconds):
        self.port = free_port()
        start = ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; import telnet_firmware"
                 % (str(slot), str(slot / "lib"), str(HERE)))
        self.process = subprocess.Popen(
            [micropython, "-X", "heapsize=160K", "-c", start, str(self.port), str(seconds)],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._clients = []

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def client(self):
        """A connection, as soon as somebody listens."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                client = Client(self.port)
                break
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None
                time.sleep(0.05)
        self._clients.append(client)
        return client

    def enter(self):
        """A client that is logged in, as soon as the one before has been let go."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                return self.client().login()
            except ConnectionError:
                assert time.monotonic() < deadline, "it does not serve any more"

    def close(self):
        for client in self._clients:
            client.close()
        self.process.kill()
        self.process.communicate()


class Client:
    """A telnet client that keeps all it hears."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        self._socket.settimeout(LIMIT_S)
        self.heard = b""

    def send(self, data):
        self._socket.sendall(data)

    def until(self, text):
        """Read until ``text`` came; returns what was heard since the last call, it included."""
        while text not in self.heard:
            data = self._socket.recv(1000)
            if not data:
                raise ConnectionError("closed after %r" % self.heard)
            self.heard += data
        end = self.heard.index(text) + len(text)
        part, self.heard = self.heard[:end], self.heard[end:]
        return part

    def rest(self):
        """Read until the connection is closed."""
        try:
            while True:
                data = self._socket.recv(1000)
                if not data:
                    break
                self.heard += data
        except ConnectionError:
            pass
        return self.heard

    def login(self, password=b"right"):
        self.until(b"Password: ")
        self.send(password + b"\r\n")
        self.until(b"to leave.\r\n")
        return self

    def close(self):
        self._socket.close()


@pytest.fixture
def log(micropython, sim_build):
    """Factory of logs; all end with the test."""
    running = []

    def start(seconds=60):
        running.append(Log(micropython, sim_build, seconds))
        return running[-1]

    yield start
    for one in running:
        one.close()


def test_the_log_is_shown_to_who_knows_the_password(log):
    one = log()
    client = one.client()
    greeting = client.until(b"Password: ")
    assert greeting == NO_ECHO + b"SmartEVSE-4711, log. Password: "
    client.send(b"\xff\xfd\x01right\r\n")
    assert client.until(b"to leave.\r\n").startswith(ECHO), "the peer shows what it types again"
    client.until(JOURNAL)
    one.say("something happened;")
    client.until(b"something happened;")
    client.send(b"q\r\n")
    assert client.rest() == b""
    # And once more: all that is still in the ring comes first.
    client = one.client().login()
    client.until(JOURNAL + b"something happened;")


def test_without_the_password_nothing_is_shown(log):
    one = log()
    client = one.client()
    client.until(b"Password: ")
    for _ in range(2):
        client.send(b"wrong\r\n")
        client.until(b"wrong. Password: ")
    client.send(b"\xc3\r\n")  # not even text
    assert client.rest() == b"\r\nwrong\r\n"
    client = one.client()
    client.until(b"Password: ")
    client.send(b"busy\r\n")
    assert client.rest() == b"\r\ntoo many are waiting at 127.0.0.1\r\n"
    for key in (b"\x03", b"\x04"):
        client = one.client()
        client.until(b"Password: ")
        client.send(key)
        assert client.rest() == b""


def test_one_looks_at_a_time(log):
    one = log()
    first = one.client().login()
    with pytest.raises(ConnectionRefusedError):
        Client(one.port)
    one.say("still here;")
    first.until(b"still here;")
    first.close()
    one.enter()


def test_more_than_the_ring_holds_is_said(log):
    one = log()
    client = one.client().login()
    client.until(JOURNAL)
    one.say("flood")
    client.until(b"[1976 bytes are lost]\r\n")
    assert client.until(b"0123456789" * 102) == b"6789" + b"0123456789" * 102


def test_garbage_and_aborts_leave_it_serving(log):
    one = log()
    for data in (b"\xff" * 5000, bytes(range(256)) * 20, b"x" * 20000, b"\xff\xfa" * 3000, b"\r"):
        client = one.client()
        client.send(data)
        client.close()
    one.enter()
    assert one.process.poll() is None


def test_with_the_setting_off_it_is_gone(log):
    one = log(2)
    client = one.client().login()
    client.until(JOURNAL)
    client.rest()
    assert one.process.wait(LIMIT_S) == 0
    assert one.process.stdout.read() == "over\n"
    with pytest.raises(OSError):
        Client(one.port)
