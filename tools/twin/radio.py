"""The air around one charger: the house's WiFi, the neighbours', and the charger's own network.

It does to the firmware what the ESP32's driver does: tries take time, a wrong password looks like
one, and after a few tries the driver gives up until it is asked anew. Only whether the firmware is
in a network is simulated, what goes over it is the host's loopback. ``evse/boards/sim_radio.py``
is the other end.
"""

import asyncio
import contextlib
import json

from twin.arguments import BadCommand, flag, number

NONE, JOINING, JOINED, WRONG_PASSWORD, NOT_THERE = 0, 1, 2, 3, 4
WORDS = ("none", "joining", "joined", "wrong password", "not found")
TRIES = 3
SEARCH_S = 2.5  # a try that fails, and a scan
NOTICED_S = 1.0  # until a lost network is noticed
CHANNEL = 6
BSSID = "02e511000a01"
NEIGHBOURS = (["next door", -82, True, "02e511000b01", 11], ["guests", -88, False,
              "02e511000b02", 1])
# Who is in the charger's own network, as the firmware sees it.
VISITOR = "127.0.4.2"
# Where they find it there.
CHARGER = "127.0.4.1"
_BUFFER = 4096
_KNOCKS, _KNOCK_S = 20, 0.05
_TELL_S = 1.0  # what was lost on the way is said again


class Radio(asyncio.DatagramProtocol):
    """The radio of a charger whose page is at ``page`` (host, port).

    ``access_point`` is the house's: a dict of on, ssid, password, dbm and join_s, how long joining
    it takes.
    """

    def __init__(self, page, settings):
        self._page = page
        self.access_point = {"on": True, "ssid": settings.get("wifi_ssid") or "home",
                             "password": settings.get("wifi_password", "correct horse"),
                             "dbm": -58, "join_s": 1.5}
        self.state = NONE
        self.fixed = None
        self.portal = None  # ssid and password of the charger's own network
        self._visits = None
        self._transport = None
        self._peer = None
        self._wanted = None
        self._tasks = set()
        self._trying = None

    # ---- the wire ----

    def connection_made(self, transport):
        """asyncio: the datagram socket is up."""
        self._transport = transport
        self._keep(self._repeat())

    def datagram_received(self, data, addr):
        """The firmware asks for something."""
        self._peer = addr
        document = json.loads(data)
        if "join" in document:
            self._wanted = document["join"]
            self.fixed = document.get("fixed")
            self._begin()
        elif "portal" in document:
            self.portal = document["portal"]
            self._keep(self._visit())
        elif "scan" in document:
            self._keep(self._scan())

    def _tell(self, document=None):
        if self._peer and self._transport:
            document = document or {"state": self.state, "channel": CHANNEL,
                                    "rssi": self.access_point["dbm"]}
            self._transport.sendto(json.dumps(document).encode(), self._peer)

    def _enter(self, state):
        self.state = state
        self._tell()

    async def _repeat(self):
        while True:
            await asyncio.sleep(_TELL_S)
            self._tell()

    def _keep(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self):
        """End everything that goes on."""
        self.portal = None
        await self._visit()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- the house's network ----

    def _begin(self):
        if self._trying:
            self._trying.cancel()
            self._trying = None
        if self._wanted is None:
            self._enter(NONE)
        else:
            self._enter(JOINING)
            self._trying = self._keep(self._try())

    async def _try(self):
        """Try as often as the driver does, and again when the network is lost."""
        left = TRIES
        while left:
            left -= 1
            reason = self._refusal()
            await asyncio.sleep(SEARCH_S if reason else self.access_point["join_s"])
            reason = self._refusal()
            if reason:
                self._enter(reason)
                continue
            self._enter(JOINED)
            while not self._refusal():
                await asyncio.sleep(NOTICED_S)
            self._enter(NOT_THERE)

    def _refusal(self):
        """Why the access point does not take us, 0 if it does."""
        ssid, password = self._wanted
        ap = self.access_point
        if not ap["on"] or ssid != ap["ssid"]:
            return NOT_THERE
        return 0 if password == ap["password"] else WRONG_PASSWORD

    async def _scan(self):
        await asyncio.sleep(SEARCH_S)
        ap = self.access_point
        rows = [list(row) for row in NEIGHBOURS]
        if ap["on"]:
            rows.append([ap["ssid"], ap["dbm"], bool(ap["password"]), BSSID, CHANNEL])
        self._tell({"found": rows})

    # ---- the charger's own network ----

    async def _visit(self):
        """Somebody joins the charger's network, or has to leave it: pass on what they send."""
        if self._visits:
            self._visits.close()
            self._visits = None
        if self.portal:
            self._visits = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)

    async def _pass_on(self, reader, writer):
        for _ in range(_KNOCKS):
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(
                    CHARGER, self._page[1], local_addr=(VISITOR, 0))
                break
            await asyncio.sleep(_KNOCK_S)  # it listens there a moment after the network is up
        else:
            writer.close()  # hosts with one loopback address have no visitors
            return
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        for one in (writer, far_writer):
            one.close()

    # ---- the world page ----

    def shown(self):
        """What the world page shows."""
        url = None
        if self._visits and self._visits.sockets:
            url = "http://127.0.0.1:%d/" % self._visits.sockets[0].getsockname()[1]
        return {"state": WORDS[self.state], "access_point": dict(self.access_point),
                "fixed": self.fixed, "asked_for": self._wanted and self._wanted[0],
                "portal": self.portal and {"ssid": self.portal[0], "password": self.portal[1],
                                           "url": url}}

    def change(self, on=None, ssid=None, password=None, dbm=None, join_s=None):
        """Change the house's access point; what is not given stays."""
        fresh = dict(self.access_point)
        for key, value in (("ssid", ssid), ("password", password)):
            if value is not None:
                if not isinstance(value, str) or len(value) > 63:
                    raise BadCommand("%s is text" % key)
                fresh[key] = value
        if on is not None:
            fresh["on"] = flag(on)
        if dbm is not None:
            fresh["dbm"] = int(number(dbm, -100, -20))
        if join_s is not None:
            fresh["join_s"] = number(join_s, 0, 60)
        self.access_point = fresh


async def _copy(reader, writer):
    while data := await reader.read(_BUFFER):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
