"""The firmware's bus master against a real pymodbus meter and slaves that misbehave.

The wire is the twin's RS485 bus: ptys joined a byte at a time at 9600 baud. The meter is a
pymodbus RTU server; the bad slave speaks raw bytes.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pymodbus.framer.rtu import FramerRTU

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from twin import firmware  # noqa: E402
from twin.meter import MeterReading, MeterServer  # noqa: E402
from twin.serial_bus import SerialBus  # noqa: E402

METER, BAD = 11, 12
WAIT_S = 20
# A reply an SDM630 could give: 24 bytes of currents and powers, all zero.
SDM630_ZERO = bytes([BAD, 4, 24]) + bytes(24)


def sealed(body):
    """``body`` with its checksum, made by pymodbus."""
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


class BadSlave:
    """Hears the requests to its address and answers each as ``behave(send, request)`` does."""

    def __init__(self, path, behave):
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._behave = behave
        self._heard = bytearray()
        self._tasks = set()
        asyncio.get_running_loop().add_reader(self._fd, self._hear)

    def _send(self, data):
        try:
            os.write(self._fd, data)
        except BlockingIOError:
            pass  # more than the line takes: a babbler does not care

    def _hear(self):
        self._heard += os.read(self._fd, 256)
        for start in range(len(self._heard) - 7):
            request = bytes(self._heard[start:start + 8])
            if request[:2] == bytes([BAD, 4]) and sealed(request[:6]) == request:
                self._heard.clear()
                task = asyncio.ensure_future(self._behave(self._send, request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
        del self._heard[:-64]

    def close(self):
        asyncio.get_running_loop().remove_reader(self._fd)
        for task in self._tasks:
            task.cancel()
        os.close(self._fd)


class Bus:
    """The wire with all who sit on it, in a loop of its own, and the firmware as a process."""

    def __init__(self, micropython, tree, polls, behave=None):
        self.reading = MeterReading()
        self.reading.amps_ma = [16_300, -5_250, 870]
        self.reading.import_wh = 12_345_000
        self.lines = []
        self._behave = behave
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._do(self._open())
        start = firmware.beside(tree) + (
            "sys.path.append(%r); import bus_firmware" % str(Path(__file__).parent))
        self.process = subprocess.Popen(
            [str(micropython), "-X", "heapsize=160K", "-c", start, self.firmware.path,
             json.dumps(polls)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WAIT_S)

    async def _open(self):
        self._wire = SerialBus()
        self.firmware = self._wire.join("firmware")
        self.meter = self._wire.join("meter")
        bad = self._wire.join("bad")
        self._wire.start()
        self._server = MeterServer(self.meter.path, METER, lambda: self.reading)
        await self._server.start()
        self._bad = BadSlave(bad.path, self._behave) if self._behave else None

    async def _shut(self):
        if self._bad:
            self._bad.close()
        await self._server.close()
        await self._wire.close()

    def attach_meter(self, attached):
        """Connect or disconnect the meter."""
        self.meter.attached = attached

    def _listen(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def state(self):
        """The firmware's last report, {} before the first; fails when the firmware is gone."""
        assert self.process.poll() is None, "firmware ended:\n" + "".join(self.lines[-20:])
        for line in reversed(self.lines[-3:]):
            if line.startswith("{") and line.endswith("}\n"):
                return json.loads(line)
        return {}

    def wait(self, predicate):
        """Wait until ``predicate(report)`` holds; return that report."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            report = self.state()
            if report and predicate(report):
                return report
            time.sleep(0.02)
        raise AssertionError("waited in vain, last report: %r" % self.state())

    def close(self):
        self.process.kill()
        self.process.wait()
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)


@pytest.fixture
def bus(micropython, sim_build):
    """Factory of a Bus; all are closed after the test."""
    opened = []

    def make(polls, behave=None):
        opened.append(Bus(micropython, sim_build, polls, behave))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def counted(report, role):
    return report["samples"].get(role, [0])[0]


def slave(report, role):
    return next(one for one in report["slaves"] if one["name"] == role)


def test_a_pymodbus_meter_is_read(bus):
    line = bus([["mains", METER, 300]])
    report = line.wait(lambda r: counted(r, "mains") >= 5)
    _, (l1, l2, l3, watts), energy = report["samples"]["mains"]
    assert [l1, l2, l3] == [163, -53, 9]
    assert abs(watts - (16.3 - 5.25 + 0.87) * 230) <= 2
    assert energy == 12_345_000
    meter = slave(report, "mains")
    assert meter["ok"] and meter["replies"] >= 6
    for counter in ("timeouts", "crc", "wrong", "exceptions", "refused"):
        assert meter[counter] == 0, meter
    line.reading.amps_ma = [-1_000, 32_000, 0]
    line.wait(lambda r: r["samples"]["mains"][1][:3] == [-10, 320, 0])


def test_the_meter_is_lost_and_found(bus):
    line = bus([["mains", METER, 200]])
    line.wait(lambda r: counted(r, "mains") >= 3)
    line.attach_meter(False)
    lost = line.wait(lambda r: slave(r, "mains")["misses"] >= 5)
    assert slave(lost, "mains")["timeouts"] >= 5 and not slave(lost, "mains")["ok"]
    later = line.wait(lambda r: slave(r, "mains")["misses"] >= 6)
    assert counted(later, "mains") == counted(lost, "mains")
    assert later["inside"] - lost["inside"] >= 3  # the 10 ms task ran during each time-out
    line.attach_meter(True)
    back = line.wait(lambda r: counted(r, "mains") >= counted(lost, "mains") + 3)
    assert slave(back, "mains")["ok"]


async def silent(send, request):
    pass


async def slow(send, request):
    await asyncio.sleep(0.19)
    send(sealed(SDM630_ZERO))


async def babbling(send, request):
    for _ in range(18):
        send(b"\x55" * 10)
        await asyncio.sleep(0.01)


async def flooding(send, request):
    send(os.urandom(180))


async def other_address(send, request):
    send(sealed(bytes([13]) + SDM630_ZERO[1:]))


async def other_function(send, request):
    send(sealed(bytes([BAD, 3]) + SDM630_ZERO[2:]))


async def other_length(send, request):
    send(sealed(bytes([BAD, 4, 22]) + bytes(22)))


async def other_checksum(send, request):
    frame = bytearray(sealed(SDM630_ZERO))
    frame[9] ^= 0x10
    send(bytes(frame))


async def exception(send, request):
    send(sealed(bytes([BAD, 0x84, 2])))


async def no_number(send, request):
    send(sealed(bytes([BAD, 4, 24]) + b"\x7f\xc0\0\0" * 6))


@pytest.mark.parametrize(("behave", "counter"), [
    (silent, "timeouts"), (babbling, None), (flooding, None), (other_address, "wrong"),
    (other_function, "wrong"), (other_length, "wrong"), (other_checksum, "crc"),
    (exception, "exceptions"), (no_number, "refused"),
], ids=lambda value: getattr(value, "__name__", value))
def test_a_bad_slave_delays_nothing(bus, behave, counter):
    line = bus([["mains", METER, 400], ["ev", BAD, 400]], behave)
    begin = line.wait(lambda r: counted(r, "mains") >= 2 and slave(r, "ev")["requests"] >= 2)
    end = line.wait(lambda r: slave(r, "ev")["misses"] >= slave(begin, "ev")["misses"] + 3)
    bad, meter = slave(end, "ev"), slave(end, "mains")
    asked = bad["requests"] - slave(begin, "ev")["requests"]
    # Every turn of the bad slave left the meter its own, and the 10 ms task its.
    assert counted(end, "mains") - counted(begin, "mains") >= asked - 2
    assert end["loops"] - begin["loops"] >= 10 * asked
    assert counted(end, "ev") == 0 and not bad["ok"]
    assert meter["ok"] and meter["misses"] == 0, meter
    assert end["samples"]["mains"][1][:3] == [163, -53, 9]
    if counter:
        assert bad[counter] >= 3  # what came before the begin may have been half of the first
        assert sum(bad[one] for one in ("timeouts", "crc", "wrong", "exceptions", "refused")) \
            == bad[counter]
        assert 0 <= bad["requests"] - bad[counter] <= 1  # one may be on its way
    else:
        assert bad["crc"] + bad["wrong"] >= 4


def test_a_slow_slave_is_not_mistaken(bus):
    line = bus([["mains", METER, 500], ["ev", BAD, 500]], slow)
    end = line.wait(lambda r: counted(r, "mains") >= 12)
    # Its late frames are nobody's: the meter's samples are its own, all of them.
    assert end["samples"]["mains"][1][:3] == [163, -53, 9]
    assert slave(end, "mains")["replies"] >= counted(end, "mains")
    assert slave(end, "ev")["timeouts"] >= 3


def test_a_meter_nobody_has_wired(bus):
    line = bus([["mains", METER + 20, 200]])
    end = line.wait(lambda r: slave(r, "mains")["timeouts"] >= 3)
    assert counted(end, "mains") == 0 and slave(end, "mains")["age_ms"] == -1
    assert end["inside"] >= 3 * slave(end, "mains")["timeouts"]
