"""The firmware reads HomeWizard meters of all kinds, well and ill, over real sockets."""

import json
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from test_resolve import Server, good, offers

HERE = Path(__file__).parent
WAIT_S = 30
PAUSE_MS = 20  # between two turns, where they do not matter
# Turns of the 10 ms task in the 1.5 s until an answer is given up: 150, on a busy host fewer.
GIVEN_UP = 50

DATA = {"wifi_ssid": "home", "smr_version": 50, "total_power_import_kwh": 13779.338,
        "total_power_export_kwh": 4.25, "active_power_w": 1500, "active_power_l1_w": -676,
        "active_power_l2_w": 133, "active_power_l3_w": 2043, "active_current_l1_a": -4,
        "active_current_l2_a": 2, "active_current_l3_a": 9.06,
        "external": [{"unique_id": "4E47", "type": "gas_meter", "value": 111.111, "unit": "m3"}]}
READING = [-40, 20, 91, 1500, 13779338, 4250]


def document(**changes):
    return json.dumps({**DATA, **changes}).encode()


def plain(body, status="200 OK", headers=""):
    """An answer with its length."""
    return ("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
            % (status, len(body), headers)).encode() + body


def chunked(body, size):
    """An answer in chunks of ``size``."""
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"%X;x=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n")


def say(data):
    """A meter that says ``data`` and no more."""
    return lambda connection: connection.sendall(data)


def reset(connection):
    """Break the connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Meter:
    """A meter's web server; ``behave(connection)`` answers a request that has been read.

    ``asked`` holds the first line and the Host of each request and when it came.
    """

    def __init__(self, behave=lambda connection: connection.sendall(plain(document())), port=0):
        self.behave = behave
        self.asked = []
        self._open = True
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self.host = "127.0.0.1:%d" % self.port
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while self._open:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            connection.settimeout(10)
            request = b""
            try:
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(1000)
                    if not piece:
                        return  # it has gone without asking
                    request += piece
                lines = request.decode().split("\r\n")
                self.asked.append((lines[0], lines[1], time.monotonic()))
                self.behave(connection)
            except OSError:
                pass  # the firmware had enough

    def close(self):
        self._open = False
        self._thread.join()
        self._listener.close()


class Firmware:
    """The firmware's HomeWizard meters as a process; ``last`` is what it reported last."""

    def __init__(self, micropython, tree, settings, group=None, pause_ms=0):
        start = ("import sys; sys.path[:] = [%r, %r, %r, '.frozen']; import homewizard_firmware"
                 % (str(tree), str(tree / "lib"), str(HERE)))
        self.last = {"rows": {}, "readings": {}, "loops": 0}
        self._lines = []
        self._process = subprocess.Popen(
            [micropython, "-X", "heapsize=160K", "-c", start, json.dumps(settings),
             str(group.port if group else 9), str(pause_ms)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        for line in self._process.stdout:
            self._lines.append(line)
            if line.startswith("{"):
                self.last = json.loads(line)

    def row(self, role="mains"):
        return self.last["rows"].get(role, {"requests": 0, "replies": 0})

    def wait(self, predicate):
        """Wait until ``predicate()`` is true."""
        deadline = time.monotonic() + WAIT_S
        while not predicate():
            assert time.monotonic() < deadline and self._process.poll() is None, self._lines[-20:]
            time.sleep(0.05)

    def wait_for(self, key, more=1, role="mains"):
        """Wait until the counter ``key`` has grown by ``more``."""
        begin = self.row(role).get(key, 0)
        self.wait(lambda: self.row(role).get(key, 0) >= begin + more)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._thread.join()


@pytest.fixture
def running():
    """What is added to it is closed with the test, the last first."""
    started = []
    yield started
    for one in reversed(started):
        one.close()


@pytest.fixture
def meter(running):
    running.append(Meter())
    return running[-1]


@pytest.fixture
def start(running, micropython, sim_build):
    """Start the firmware with settings."""
    def begin(group=None, pause_ms=0, **settings):
        running.append(Firmware(micropython, sim_build, settings, group, pause_ms))
        return running[-1]

    return begin


@pytest.fixture(scope="module")
def shared(micropython, sim_build):
    """A meter, and the firmware that reads it as fast as it can."""
    meter = Meter()
    firmware = Firmware(micropython, sim_build,
                        {"mains_met": "HomeWizrd", "mains_host": meter.host}, None, PAUSE_MS)
    yield firmware, meter
    firmware.close()
    meter.close()


@pytest.fixture
def contact(shared):
    """Firmware and meter in contact, whatever was between them before."""
    firmware, meter = shared
    meter.behave = say(plain(document()))
    firmware.wait(lambda: firmware.last["readings"].get("mains", [0, None])[1] == READING
                  and firmware.row()["ok"])
    return shared


def test_a_meter_is_read_every_two_seconds(start, meter):
    firmware = start(mains_met="HomeWizrd", mains_host=meter.host)
    firmware.wait_for("replies", 3)
    assert meter.asked[0][:2] == ("GET /api/v1/data HTTP/1.1", "Host: 127.0.0.1")
    moments = [asked[2] for asked in meter.asked]
    assert all(later - first > 1 for first, later in zip(moments, moments[1:]))
    row = firmware.row()
    assert row["ok"] and row["address"] == meter.host
    assert firmware.last["readings"]["mains"][1:] == [READING, "HomeWizard"]


@pytest.mark.parametrize("make", (
    lambda body: chunked(body, 100), lambda body: chunked(body, 1000),
    lambda body: chunked(body, 7),
    lambda body: b"HTTP/1.0 200 OK\n\n" + body,
    lambda body: b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body + b"more",
    lambda body: plain(body, headers="X: %s\r\n" % ("y" * 400) * 20),
    lambda body: plain(body.ljust(2048)),
), ids=("chunks", "one chunk", "crumbs", "until closed", "more than told", "long head", "2 KB"))
def test_answers_of_any_form_are_read(contact, make):
    firmware, meter = contact
    before = firmware.row()
    meter.behave = say(make(document(active_current_l2_a=17)))
    firmware.wait(lambda: firmware.last["readings"]["mains"][1][1] == 170)
    for counter in ("timeouts", "wrong", "refused"):
        assert firmware.row()[counter] == before[counter]


def test_an_answer_may_come_byte_by_byte(contact):
    firmware, meter = contact

    def drip(connection):
        for byte in plain(document(active_current_l2_a=17)):
            connection.sendall(bytes([byte]))
            time.sleep(0.001)

    meter.behave = drip
    firmware.wait(lambda: firmware.last["readings"]["mains"][1][1] == 170)


def silence(connection):
    connection.recv(1)


def trickle(connection):
    """An answer that comes too slowly, and never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def endless(data, first=b"HTTP/1.1 200 OK\r\n"):
    def behave(connection):
        connection.sendall(first)
        while True:
            connection.sendall(data * 100)
    return behave


def broken(data):
    def behave(connection):
        connection.sendall(data)
        reset(connection)
    return behave


ILL = {
    "silent": ("timeouts", silence),
    "trickling": ("timeouts", trickle),
    "half an answer": ("timeouts", lambda connection: (
        connection.sendall(plain(document())[:-5]), connection.recv(1))),
    "closed at once": ("wrong", lambda connection: None),
    "closed halfway": ("wrong", say(plain(document())[:-5])),
    "closed in a chunk": ("wrong", say(chunked(document(), 100)[:-30])),
    "reset": ("wrong", reset),
    "reset halfway": ("wrong", broken(plain(document())[:100])),
    "no HTTP": ("wrong", say(b"220 ready\r\n\r\n" * 30)),
    "noise": ("wrong", say(bytes(range(256)) * 20)),
    "not allowed": ("wrong", say(plain(b'{"error":{"code":202}}', "403 Forbidden"))),
    "endless line": ("wrong", endless(b"x")),
    "endless head": ("wrong", endless(b"X: y\r\n")),
    "too many headers": ("wrong", say(plain(document(), headers="X: y\r\n" * 40))),
    "endless body": ("wrong", endless(b"[", b"HTTP/1.1 200 OK\r\n\r\n")),
    "endless chunks": ("wrong", endless(
        b"1\r\n \r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "too long": ("wrong", say(plain(document().ljust(2049)))),
    "length that is none": ("wrong", say(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}")),
    "chunk that is none": ("wrong", say(chunked(b"{}", 2).replace(b"2;", b"-1;"))),
    "not JSON": ("refused", say(plain(b"<html>hello</html>"))),
    "half a document": ("refused", say(plain(document()[:-10]))),
    "no text": ("refused", say(plain(b'{"wifi_ssid":"\xff\xfe"}'))),
    "no document": ("refused", say(plain(b"17"))),
    "empty": ("refused", say(plain(b""))),
    "another's document": ("refused", say(plain(b'{"total_liter_m3":5}'))),
    "key that is none": ("refused", say(plain(b"{[1]:2}"))),
    "deep": ("wrong", say(plain(b"[" * 2000))),
    "a current is missing": ("refused", say(plain(document(active_current_l2_a=None)))),
    "a current is absurd": ("refused", say(plain(document(active_current_l2_a=1e9)))),
    "a current is text": ("refused", say(plain(document(active_current_l2_a="2")))),
    "one phase only": ("refused", say(plain(document(
        active_current_l2_a=None, active_current_l3_a=None)))),
}


@pytest.mark.parametrize("kind", ILL)
def test_an_ill_meter_is_counted_tells_nothing_and_holds_up_nobody(contact, kind):
    firmware, meter = contact
    counter, behave = ILL[kind]
    meter.behave = behave
    firmware.wait_for(counter)
    begin = firmware.last
    firmware.wait_for(counter)
    then = firmware.last
    assert counter != "timeouts" or then["loops"] - begin["loops"] > GIVEN_UP
    assert then["readings"] == begin["readings"] and not then["rows"]["mains"]["ok"]
    grown = [key for key in ("timeouts", "wrong", "refused")
             if then["rows"]["mains"][key] > begin["rows"]["mains"][key]]
    assert grown == [counter]
    meter.behave = say(plain(document(active_current_l2_a=17)))
    firmware.wait(lambda: firmware.last["readings"]["mains"][1][1] == 170)
    assert firmware.row()["ok"]


def test_a_meter_that_is_not_there_is_found_when_it_comes(start, running):
    gone = Meter()
    gone.close()
    firmware = start(mains_met="HomeWizrd", mains_host=gone.host, pause_ms=PAUSE_MS)
    firmware.wait_for("wrong", 3)
    running.append(Meter(port=gone.port))
    firmware.wait(lambda: firmware.row()["ok"])


def test_a_dead_meter_costs_the_other_little(start, meter, running):
    running.append(Meter(silence))
    firmware = start(mains_met="HomeWizrd", mains_host=meter.host, ev_meter="HomeWizrd",
                     ev_host=running[-1].host)
    firmware.wait_for("timeouts", 2, "ev")
    assert firmware.row()["replies"] >= 3 and firmware.row()["misses"] == 0


def test_memory_stays_what_it_is(contact):
    """Whatever meters do, nothing of it is kept."""
    firmware, meter = contact
    firmware.wait_for("replies")
    free = firmware.last["free"]
    for kind in ("reset halfway", "too long", "deep", "no text", "closed in a chunk"):
        counter, meter.behave = ILL[kind]
        firmware.wait_for(counter)
    meter.behave = say(plain(document()))
    firmware.wait_for("replies", 2)
    assert abs(firmware.last["free"] - free) < 2000


def test_a_meter_is_found_without_a_host(start, running):
    running.append(Meter())

    def behave(number, name, question):
        # The port is 80 where none is given: this can only be seen trying.
        return offers(number, name, question, ("p1meter-7.local", "kwhmeter-8.local"))

    running.append(Server(behave))
    firmware = start(running[-1], mains_met="HomeWizrd", circt_met="HomeWizrd")
    firmware.wait(lambda: firmware.row().get("address") == "p1meter-7.local"
                  and firmware.row("circuit").get("address") == "kwhmeter-8.local")
    firmware.wait(lambda: "p1meter-7.local" in running[1].heard)


def test_several_meters_without_a_host_are_named_and_none_is_taken(start, running):
    hosts = ("p1meter-7.local", "p1meter-9.local")
    running.append(Server(lambda *question: offers(*question, hosts)))
    firmware = start(running[-1], mains_met="HomeWizrd")
    firmware.wait(lambda: firmware.row().get("address") in (
        "several: p1meter-7.local, p1meter-9.local", "several: p1meter-9.local, p1meter-7.local"))
    assert not firmware.last["readings"]
    assert set(running[0].heard) == {"_hwenergy._tcp.local"}


# ---- the whole charger ----


def test_the_charger_follows_a_meter_it_knows_by_name(twin, meter, running, monkeypatch):
    running.append(Server(lambda *question: good(*question, "127.0.0.1")))
    monkeypatch.setenv("MICROEVSE_DNS", running[-1].address)
    charger = twin(settings={"mains_met": "HomeWizrd", "mode": "Smart", "trust_lan": "Enabled",
                             "mains_host": "meter.example:%d" % meter.port})
    charger.wait(lambda: charger.get("/api/v1/status")["mains"]["da"] == READING[:3])
    status = charger.get("/api/v1/status")
    assert status["mains"]["fresh"]
    (row,) = [row for row in status["bus"] if row["name"] == "mains"]
    assert row["ok"] and row["address"] == "meter.example:%d" % meter.port
    assert charger.get("/settings")["mains_meter"] == {
        "import_active_energy": 13779338, "export_active_energy": 4250,
        "host": "meter.example:%d" % meter.port}
    meter.behave = say(plain(document(active_current_l2_a=17)))
    charger.wait(lambda: charger.get("/api/v1/status")["mains"]["da"][1] == 170)
    # Of another type the meter is not listened to any more.
    charger.post("/api/v1/command", {"name": "set", "value": ["mains_met", "API"]})
    charger.wait(lambda: not charger.get("/api/v1/status")["bus"])
    asked = len(meter.asked)
    charger.post("/api/v1/command", {"name": "reading", "value": ["mains", 10, 20, 30]})
    charger.stays(lambda: charger.get("/api/v1/status")["mains"]["da"] == [10, 20, 30], 3)
    assert len(meter.asked) == asked
