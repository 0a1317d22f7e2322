"""Runs on MicroPython: those a charger's services have to do with, in the same process.

Each counts in ``answers`` what worked, by the number of the service in evse.supervisor's table.
They listen on the loopback; asyncio's time is simulated, its sockets are real.
"""

import asyncio
import select
import socket
import struct
from asyncio import core

from evse import supervisor
from helpers_core import NOON_S
from mqtt_packets import read_packet

HOST = "127.0.0.1"
_EPOCH_S = 2_208_988_800
_POLL_MS = 10
_JSON = "application/json"
# What is asked of the page: method, path, kind and text of the body, status of the answer.
PAGES = {
    "status": ("GET", "status", "", "", 200),
    "login": ("POST", "login", _JSON, '{"password":"%s"}', 200),
    "settings": ("PATCH", "settings", _JSON, '{"backlight_max":%d}', 200),
    "events": ("GET", "events", "", "", 200),
    "upload": ("POST", "update", "application/octet-stream",
               "microevse-update 1 100 256\n" + 100 * "not a bundle", 422)}
_REQUEST = ("%s /api/v1/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
            "Content-Length: %d\r\n\r\n%s")
_METER = (b'{"active_power_w":460,"active_power_l1_w":460,"active_power_l2_w":0,'
          b'"active_power_l3_w":0,"active_current_l1_a":2,"active_current_l2_a":0,'
          b'"active_current_l3_a":0,"total_power_import_kwh":1,"total_power_export_kwh":0}')


class Sockets(core.IOQueue):
    """asyncio's waiting: what waits for a socket is looked after, and simulated time passes."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def wait_io_event(self, dt):
        """Let ``dt`` ms pass, or less while a socket may become ready."""
        super().wait_io_event(0)
        if dt > 0:
            self._clock.pass_ms(min(dt, _POLL_MS) if self.map else dt)


class Peers:
    """All of them, at the ports that ``ports`` has by name.

    ``page`` of PAGES is what is asked of the web server, ``password`` the install password.
    """

    def __init__(self, clock, ports):
        self.answers = {}
        self.page = "status"
        self.password = ""
        self._clock = clock
        self._ports = ports
        self._gone = ()
        self._server = None  # the broker's
        self._talks = []

    def _worked(self, number):
        self.answers[number] = self.answers.get(number, 0) + 1

    async def start(self, own):
        """Begin; ``own(coroutine)`` starts a task."""
        await asyncio.start_server(self._meter, HOST, self._ports["meter"])
        await self.find()
        own(self._datagrams("dns", self._name))
        own(self._datagrams("ntp", self._time))
        for name, work in (("http", self._page), ("modbus", self._registers),
                           ("telnet", self._reader)):
            own(self._again(name, work))

    def lose(self, *names):
        """These are gone, and those who talk to the broker are cut off if it is among them."""
        self._gone = names
        if "mqtt" in names:
            self._server.close()
            self._server = None
            for task in self._talks:
                task.cancel()

    async def find(self):
        """All are there again."""
        self._gone = ()
        if not self._server:
            self._server = await asyncio.start_server(self._broker, HOST, self._ports["mqtt"])

    async def _again(self, name, work):
        """Call on a server of the charger twice a second."""
        while True:
            await asyncio.sleep_ms(500)
            if name not in self._gone:
                try:
                    await asyncio.wait_for_ms(self._call(name, work), 3000)
                except (OSError, EOFError, asyncio.TimeoutError):
                    pass

    async def _call(self, name, work):
        reader, writer = await asyncio.open_connection(HOST, self._ports[name])
        try:
            await work(reader, writer)
        finally:
            await writer.wait_closed()

    # ---- who calls ----

    async def _page(self, reader, writer):
        page = self.page
        method, path, kind, body, status = PAGES[page]
        if page == "login":
            body = body % self.password
        elif page == "settings":
            body = body % (self._clock.ms // 1000 % 50 + 50)
        writer.write((_REQUEST % (method, path, kind, len(body), body)).encode())
        await writer.drain()
        if (await reader.readline()).split()[1:2] == [b"%d" % status]:
            while await reader.read(512):
                if page == "events":  # they never end
                    self._worked(supervisor.WEB)
            self._worked(supervisor.WEB)

    async def _registers(self, reader, writer):
        writer.write(b"\0\1\0\0\0\6\1\4\0\0\0\1")
        await writer.drain()
        if len(await reader.readexactly(8)) == 8:
            self._worked(supervisor.MODBUS)

    async def _reader(self, reader, writer):
        if await reader.read(16):
            self._worked(supervisor.LOG)
        writer.write(self.password.encode() + b"\r\n")
        await writer.drain()
        await asyncio.sleep_ms(300)

    # ---- who is called ----

    async def _broker(self, reader, writer):
        task = asyncio.current_task()
        self._talks.append(task)
        try:
            while True:
                kind, body = await read_packet(reader)
                self._worked(supervisor.MQTT)
                answer = {0x10: b"\x20\2\0\0", 0x82: b"\x90\3" + body[:2] + b"\0",
                          0xC0: b"\xd0\0"}.get(kind)
                if answer:
                    writer.write(answer)
                    await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            self._talks.remove(task)
            await writer.wait_closed()

    async def _meter(self, reader, writer):
        try:
            if "meter" in self._gone:
                return
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (
                len(_METER), _METER))
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            await writer.wait_closed()

    async def _datagrams(self, name, answer):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(socket.getaddrinfo(HOST, self._ports[name])[0][-1])
        sock.setblocking(False)
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        while True:
            for _ in poller.ipoll(0):
                data, peer = sock.recvfrom(512)
                if name not in self._gone:
                    sock.sendto(answer(data), peer)
            await asyncio.sleep_ms(_POLL_MS)

    @staticmethod
    def _name(data):
        return (data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + data[12:]
                + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1")

    def _time(self, data):
        self._worked(supervisor.TIME)
        answer = bytearray(48)
        answer[0], answer[1] = 0x24, 1
        answer[24:32] = data[40:48]
        struct.pack_into(">I", answer, 40, NOON_S + self._clock.ms // 1000 + _EPOCH_S)
        return answer
