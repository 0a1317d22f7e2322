"""Brokers for tests: a real Mosquitto, a client of it, and one that behaves as it is told."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import hostile_mqtt

# More than the other twins': link, facts and discovery are not frozen on the host as on the board.
HEAP = "560K"
WAIT_S = 20
POLL_S = 0.05
KINDS = {"connect": 0x10, "connack": 0x20, "publish": 0x30, "subscribe": 0x82, "suback": 0x90,
         "pingreq": 0xC0, "pingresp": 0xD0, "disconnect": 0xE0}


def wait(predicate, what="the condition", seconds=WAIT_S):
    """Wait until ``predicate()`` is true and return its value; AssertionError otherwise."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        assert time.monotonic() < end, "%s did not come about in %g s" % (what, seconds)
        time.sleep(POLL_S)


def packet(first, body=b""):
    """A packet as it goes over the wire; ``first`` is its first byte or the name of its kind."""
    return hostile_mqtt.packet(KINDS.get(first, first), body)


def text(data):
    """A string of the protocol, its length in front."""
    data = data.encode() if isinstance(data, str) else data
    return len(data).to_bytes(2, "big") + data


def publish(topic, payload, retained=False):
    """A message of QoS 0."""
    payload = payload.encode() if isinstance(payload, str) else payload
    return packet(0x31 if retained else 0x30, text(topic) + payload)


CONNACK = packet("connack", b"\0\0")
SUBACK = packet("suback", b"\0\1\0\0")
PINGRESP = packet("pingresp")


def read_packet(connection):
    """Return (first byte, body) of the next packet; EOFError when there is none any more."""
    def exactly(count):
        data = b""
        while len(data) < count:
            part = connection.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    first = exactly(1)[0]
    size = shift = 0
    while True:
        byte = exactly(1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, exactly(size)


def split(first, body):
    """(topic, payload, retained) of a message."""
    size = int.from_bytes(body[:2], "big")
    return body[2:2 + size].decode(), body[2 + size:], bool(first & 1)


class Mosquitto:
    """A Mosquitto of one's own in ``folder``; ``users`` are names and passwords, none: anybody.

    ``rules`` are further lines of its configuration.
    """

    def __init__(self, folder, users=None, rules=()):
        places = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
        program = shutil.which("mosquitto", path=places)
        assert program, "no Mosquitto found: apt-get install mosquitto (macOS: brew)"
        self._program = program
        self._folder = Path(folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # Started by root it would be somebody else, who cannot read its files.
        self._lines = ["listener %d 127.0.0.1" % self.port, "user " + getpass.getuser(),
                       "allow_anonymous %s" % ("false" if users else "true"), *rules]
        if users:
            names = self._folder / "users"
            names.write_text("".join("%s:%s\n" % user for user in users.items()))
            names.chmod(0o600)
            subprocess.run([shutil.which("mosquitto_passwd", path=places), "-U", names],
                           check=True)
            self._lines.append("password_file %s" % names)
        self._process = None
        self.start()

    def start(self):
        """Start it; it knows nothing of what was before."""
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join(self._lines) + "\n")
        self._log = open(self._folder / "mosquitto.log", "w")
        self._process = subprocess.Popen([self._program, "-c", str(config)], stdout=self._log,
                                         stderr=subprocess.STDOUT)

        def answers():
            assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                return False
            return True

        wait(answers, "Mosquitto's start")

    def pause(self, on):
        """Stop it without a word, as a machine that hangs, or let it go on."""
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def stop(self):
        """End it."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
            self._process = None
            self._log.close()

    close = stop


class Client:
    """A client of a broker that hears everything.

    ``heard`` are (topic, payload, retained) in order, ``last`` the last payload of each topic.
    """

    def __init__(self, port, user="", password="", name="test"):
        self.heard = []
        self.last = {}
        self._connection = socket.create_connection(("127.0.0.1", port), 5)
        flags = 0xC2 if user else 2
        login = text(user) + text(password) if user else b""
        self._connection.sendall(packet("connect", text("MQTT") + bytes((4, flags, 0, 0))
                                        + text(name) + login))
        assert read_packet(self._connection) == (0x20, b"\0\0")
        self._connection.sendall(packet("subscribe", b"\0\1" + text("#") + b"\0"))
        self._connection.settimeout(None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while True:
                first, body = read_packet(self._connection)
                if first >> 4 == 3:
                    message = split(first, body)
                    self.heard.append(message)
                    self.last[message[0]] = message[1]
        except (OSError, EOFError):
            pass

    def say(self, topic, payload, retained=False):
        """Publish a message."""
        self._connection.sendall(publish(topic, payload, retained))

    def wait(self, topic, payload=None):
        """Wait until the last message on ``topic`` is ``payload``, or there is any; return it."""
        wanted = payload if payload is None else payload.encode()
        return wait(lambda: topic in self.last and wanted in (None, self.last[topic])
                    and self.last[topic].decode() + " ",
                    "%s %s (it is %s)" % (topic, payload, self.last.get(topic)))[:-1]

    def close(self):
        """Leave without a word."""
        self._connection.close()


class Broker:
    """A broker that is played: ``behave(broker, connection)`` deals with each connection.

    ``count`` connections have been there, ``said`` are the packets of the last one.
    """

    def __init__(self, behave=None, port=0):
        self.behave = behave or serve
        self.count = 0
        self.said = []
        self._open = True
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(POLL_S)
        self.port = self._listener.getsockname()[1]
        self._connections = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self):
        while self._open:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(None)
            self._connections.append(connection)
            self.said = []
            self.count += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self.behave(self, connection)
            except (OSError, EOFError):
                pass

    def read(self, connection):
        """The next packet of a connection."""
        found = read_packet(connection)
        self.said.append(found)
        return found

    def welcome(self, connection):
        """Answer CONNECT and SUBSCRIBE as a broker does, and take the first message."""
        assert self.read(connection)[0] == 0x10
        connection.sendall(CONNACK)
        assert self.read(connection)[0] == 0x82
        connection.sendall(SUBACK)

    def hang_up(self):
        """Close all connections."""
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._connections = []

    def close(self):
        """End all."""
        self._open = False
        self._thread.join()
        self._listener.close()
        self.hang_up()


def serve(broker, connection):
    """Be a broker without other clients."""
    broker.welcome(connection)
    while True:
        if broker.read(connection)[0] == 0xC0:
            connection.sendall(PINGRESP)
