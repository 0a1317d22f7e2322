"""The simulated board: the firmware's side of the wire to ``tools/twin``.

Sensors arrive and outputs leave as small UDP packets on the loopback; the bus is a pty. The pilot
is sampled by the same sorting as on the board, so the twin rejects what the board would reject.
A world that falls silent for a second leaves the pilot unknown, which is the safe side.
"""

import asyncio
import os
import select
import socket
import struct
import sys
import time

from evse import ticks
from evse.boards import log_sim, sampling
from evse.boards.synth import Synth

_SENSORS = "<HhhHhBBBB8s"
_SENSORS_MAGIC = 0x5145
_OUTPUTS = "<HIBBBBBB"
_OUTPUTS_MAGIC = 0x4551
_PAGE_MAGIC = 0x4C51  # one page of the display: its number, 128 bytes
_TICK_MS = 8
_SILENT_MS = 1000
_REPEAT_MS = 100
_NO_CARD = bytes(8)
_KEPT = "%s/kept.bin"
# A line setting is one byte: the baud rate's place here, and 16 for even or 32 for odd parity.
_BAUDS = (9600, 1200, 2400, 4800, 19200, 38400, 57600, 115200)
_PARITIES = {None: 0, "E": 16, "O": 32}


def _loopback(port):
    return socket.getaddrinfo("127.0.0.1", port)[0][-1]


class _Tick:
    """125 Hz on a host without timer interrupts: the callback runs when the loop gets to it."""

    def __init__(self, callback):
        self._callback = callback
        self._next = time.ticks_add(time.ticks_ms(), _TICK_MS)

    async def wait(self):
        left = time.ticks_diff(self._next, time.ticks_ms())
        await asyncio.sleep_ms(max(left, 0))
        now = time.ticks_ms()
        self._next = time.ticks_add(self._next, _TICK_MS)
        if time.ticks_diff(now, self._next) > 0:
            # A missed event is dropped, as on the board.
            self._next = time.ticks_add(now, _TICK_MS)
        self._callback()


class _Port:
    """The pty that stands for the RS485 transceiver; ``tell`` takes its line setting's byte."""

    def __init__(self, path, tell):
        self._tell = tell
        self._file = open(path, "r+b", buffering=0)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)

    def configure(self, baud, parity):
        self._tell(_BAUDS.index(baud) + _PARITIES[parity])

    def write(self, buf):
        return self._file.write(buf)

    def readinto(self, buf):
        if not self._poll.poll(0):
            return None
        return self._file.readinto(buf)


class _Display:
    """The display, in the world. What is lost on the way is seen when it changes again."""

    def __init__(self, tell):
        self._tell = tell
        self._packet = bytearray(3 + 128)
        struct.pack_into("<H", self._packet, 0, _PAGE_MAGIC)

    def restart(self, now):
        pass

    def step(self, now):
        return True

    def send(self, page, view):
        self._packet[2] = page
        self._packet[3:] = view
        self._tell(self._packet)


class Sim:
    """The board whose world is ``tools/twin``, see ``evse.boards.board`` for what each call does.

    docs/twin.md lists the environment it reads.
    """

    name = "sim"

    def __init__(self):
        self.serial = int(os.getenv("MICROEVSE_SERIAL") or 4711)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(_loopback(int(os.getenv("MICROEVSE_SIM_PORT"))))
        self._sock.setblocking(False)
        self._world = _loopback(int(os.getenv("MICROEVSE_WORLD_PORT")))
        self._in = bytearray(struct.calcsize(_SENSORS))
        self._out = bytearray(struct.calcsize(_OUTPUTS))
        self._heard = None
        self._sent = 0
        self._high = self._low = 0
        self._pp = 3300
        self._temp = 250
        self._flags = 0
        self._reject = 0
        self._noise = 0
        self._duty = sampling.FULL
        self._outputs = 0
        self._led = (0, 0, 0)
        self._backlight = 0
        self._line = 0
        self._card = _NO_CARD
        self._log = self._radio = None
        self._synth = Synth()
        # What to add to the host's time; None while the time of day is not known.
        self._clock = 0
        clock = os.getenv("MICROEVSE_CLOCK")
        if clock == "none":
            self._clock = None
        elif clock:
            self.set_clock(int(clock))

    def now(self):
        return time.ticks_ms() & ticks.MASK

    def start_tick(self, callback):
        return _Tick(callback)

    def _exchange(self):
        now = self.now()
        while self._sock.readinto(self._in):
            (magic, high, low, pp, temp, flags, reject, noise, _,
             card) = struct.unpack(_SENSORS, self._in)
            if magic == _SENSORS_MAGIC:
                self._heard = now
                self._high, self._low, self._pp, self._temp = high, low, pp, temp
                self._flags, self._reject, self._noise = flags, reject, noise * 10
                self._card = card
        if ticks.diff(now, self._sent) >= _REPEAT_MS:
            self._send(now)
        return now

    def _send(self, now):
        self._sent = now
        struct.pack_into(_OUTPUTS, self._out, 0, _OUTPUTS_MAGIC, self._duty, self._outputs,
                         *self._led, self._backlight, self._line)
        self._tell(self._out)

    def _tell(self, packet):
        try:
            self._sock.sendto(packet, self._world)
        except OSError:
            pass  # the world is gone; its silence is noticed on the way in

    def _put(self, mask, bits):
        outputs = self._outputs & ~mask | bits
        if outputs != self._outputs:
            self._outputs = outputs
            self._send(self.now())

    def sample_pilot(self, burst):
        now = self._exchange()
        silent = self._heard is None or ticks.diff(now, self._heard) > _SILENT_MS
        self._synth.burst(self._high, self._low, self._duty, 100 if silent else self._reject,
                          self._noise, burst)

    def proximity_mv(self):
        return self._pp

    def temperature_dc(self):
        return self._temp

    def rcm_fault(self):
        return bool(self._flags & 1)

    def switch_pressed(self):
        return bool(self._flags & 2)

    def lock_sense(self):
        return bool(self._flags & 4)

    def read_card(self):
        # The reader shares the switch's line: pressed, it is low and nothing can be read.
        return None if self._card == _NO_CARD or self._flags & 2 else self._card

    def buttons(self):
        return self._flags >> 3 & 7

    def set_pilot(self, duty):
        if duty != self._duty:
            self._duty = duty
            self._send(self.now())

    def connect_pilot(self, on):
        self._put(1, int(on))

    def set_contactors(self, c1, c2):
        # One packet for both: two that change together have no order in between.
        self._put(6, 2 * c1 | 4 * c2)

    def set_lock(self, drive):
        self._put(24, 8 if drive > 0 else 16 if drive < 0 else 0)

    def set_led(self, red, green, blue):
        self._led = (red, green, blue)

    def set_backlight(self, level):
        self._backlight = level

    def safe(self):
        self._duty = sampling.FULL
        self._outputs = 0
        self._send(self.now())

    def rs485(self):
        path = os.getenv("MICROEVSE_RS485")
        return _Port(path, self._set_line) if path else None

    def _set_line(self, line):
        self._line = line
        self._send(self.now())

    def http_address(self):
        host, port = os.getenv("MICROEVSE_HTTP").rsplit(":", 1)
        return host, int(port)

    def root(self):
        return self.data_dir()

    def data_dir(self):
        return os.getenv("MICROEVSE_DATA")

    def flash_log(self):
        if self._log is None:
            self._log = log_sim.open(self.data_dir())
        return self._log

    def clock_s(self):
        return 0 if self._clock is None else int(time.time()) + self._clock

    def set_clock(self, seconds):
        self._clock = seconds - int(time.time())

    def display(self):
        return _Display(self._tell)

    def radio(self):
        port = os.getenv("MICROEVSE_RADIO")
        if port and not self._radio:
            from evse.boards.sim_radio import Radio
            self._radio = Radio(_loopback(int(port)), self.http_address()[0])
        return self._radio

    def dns_server(self):
        server = os.getenv("MICROEVSE_DNS")
        if server:
            return server
        try:
            with open("/etc/resolv.conf") as file:
                for line in file:
                    words = line.split()
                    if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
                        return words[1]
        except OSError:
            pass  # a host without a name server
        return None

    def modbus_address(self):
        address = os.getenv("MICROEVSE_MODBUS")
        if not address:
            return None
        host, port = address.rsplit(":", 1)
        return host, int(port)

    def telnet_address(self):
        address = os.getenv("MICROEVSE_TELNET")
        if not address:
            return None
        host, port = address.rsplit(":", 1)
        return host, int(port)

    def heaps(self):
        return ()  # the host's memory says nothing about the board's

    def reset_cause(self):
        if os.getenv("MICROEVSE_POWER_RETURN"):
            return "power"
        return "hard" if self.kept() else "soft"

    def settings_overrides(self):
        return os.getenv("MICROEVSE_SETTINGS")

    def keep(self, data):
        try:
            with open(_KEPT % self.data_dir(), "wb") as file:
                file.write(data)
        except OSError:
            pass  # the host has taken the folder away, and will take this process

    def kept(self):
        try:
            with open(_KEPT % self.data_dir(), "rb") as file:
                return file.read()
        except OSError:
            return b""  # power was lost, or it is new

    def watchdog(self, timeout_ms):
        return lambda: None

    def reset(self):
        self.safe()
        sys.exit(3)


def create():
    """Return the board of this build."""
    return Sim()
