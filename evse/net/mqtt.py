"""The link to an MQTT broker: version 3.1.1, QoS 0, and nothing in it can wait or grow.

umqtt's MQTTClient makes packets and takes them apart. What it takes for its socket is a buffer
(``evse.net.packets``): writing adds to what is to be sent, reading gives out a packet that is here
as a whole. Connecting and subscribing, for which umqtt would stop the loop, are done here. What
there is to say, and what becomes of a message, is a matter of ``evse.net.facts``.
"""

import asyncio
import os
import select
import socket
from errno import EINPROGRESS

from micropython import const
from umqtt.simple import MQTTClient

from evse import ticks
from evse.net.facts import Facts
from evse.net.packets import NOT_MQTT, OUT_MAX, PacketSocket

_HEADER_MAX = const(7)  # of a message besides topic and payload

_KEEP_ALIVE_S = const(15)
_PING_MS = const(7000)
_SILENT_MS = const(20_000)  # for the next whole packet to come, or for bytes to go
_CONNECT_MS = const(8000)
_POLL_MS = const(40)
_BUSY_MS = const(10)
_TAKEN_MS = const(30)  # a flood of commands must leave time for all else
_ROUND_MS = const(1000)
_EARLY_MS = const(200)  # until what came of a message is told
_PAUSE_MIN_MS = const(2000)
_PAUSE_MAX_MS = const(32_000)
_STABLE_MS = const(60_000)  # a link that held for so long was no failure
_PART_MS = const(5000)

_CONNACK, _PUBLISH, _SUBACK, _PINGRESP = const(2), const(3), const(9), const(13)
_HELLO, _ASKED, _LINKED = const(0), const(1), const(2)


class Mqtt:
    """The link to the broker that the settings name.

    ``status`` and ``command`` are the core's doors, ``names`` an ``evse.net.names.Names``,
    ``get`` the settings' (secrets do not come through the doors).

    ``state``: "off", "connecting", "connected" or "waiting" (until it is tried again); and
    ``connected``, a bool. ``problem``: what is or was last in the way, "" for nothing. ``links``:
    how often it was connected. Messages: ``sent``, ``taken``, ``ignored`` (retained or too long).
    """

    def __init__(self, status, command, names, now, get):
        self._doors = (status, command)
        self._name = "SmartEVSE-%d" % status.serial
        self._names = names
        self._now = now
        self._get = get
        self._packets = PacketSocket()
        self._sock = self._settings = None
        self.links = self.sent = self.taken = self.ignored = 0
        self._again = False
        self._enter("off", "")

    def _enter(self, state, problem):
        self.state = state
        self.connected = state == "connected"
        self.problem = problem

    def retry(self):
        """Connect anew and at once, so that somebody sees what comes of it."""
        self._again = True
        self._enter("connecting", "")

    def _wanted(self):
        """(host, port, user, password, prefix) as the settings are now."""
        get = self._get
        return (get("mqtt_host"), get("mqtt_port"), get("mqtt_user"), get("mqtt_password"),
                get("mqtt_prefix") or self._name)

    async def run(self):
        """Keep the link up; returns when the settings name no broker any more."""
        pause_ms = _PAUSE_MIN_MS
        try:
            while True:
                wanted = self._wanted()
                if not wanted[0]:
                    return
                if wanted != self._settings:
                    self._settings = wanted
                    self._facts = Facts(*self._doors, wanted[4])
                    self._client = client = MQTTClient("", "")
                    client.sock = self._packets
                    client.set_callback(self._take)
                    pause_ms = _PAUSE_MIN_MS
                begun = self._now()
                self._again = False
                try:
                    await self._link()
                    continue
                except OSError:
                    problem = ("the connection to the broker broke" if self.connected else
                               "no connection to %s:%d" % wanted[:2])
                except (ValueError, AssertionError) as error:  # the latter umqtt's, and mute
                    problem = str(error) or NOT_MQTT
                finally:
                    if self._sock:
                        self._sock.close()
                        self._sock = None
                self._names.doubt(wanted[0])
                if self._again:
                    continue
                self._enter("waiting", problem)
                now = self._now()
                if ticks.diff(now, begun) > _STABLE_MS:
                    pause_ms = _PAUSE_MIN_MS
                end = ticks.add(now, pause_ms // 2 + pause_ms * os.urandom(1)[0] // 512)
                pause_ms = min(2 * pause_ms, _PAUSE_MAX_MS)
                while not (ticks.due(self._now(), end) or self._again) \
                        and self._wanted() == wanted:
                    await asyncio.sleep_ms(_POLL_MS)
        finally:
            self._enter("off", "")

    async def _link(self):
        """Connect and be connected; returns when settings change, raises when the link ends."""
        self._enter("connecting", self.problem)
        await self._connect()
        self._packets.reset()
        self._hello()
        self._phase = _HELLO
        self._piece = self._round = None
        now = self._now()
        self._whole = self._moved = self._pinged = self._looked = self._due = now
        while True:
            linked = self._phase == _LINKED
            if self._again:
                return await self._part() if linked else None
            now = self._now()
            taken = self.taken
            busy = self._listen(now)
            await asyncio.sleep_ms(0)  # to take a message, to send and to tell are a slice each
            self._watch(now)
            await asyncio.sleep_ms(0)
            if ticks.diff(now, self._looked) >= _ROUND_MS:
                self._looked = now
                self._again |= self._wanted() != self._settings
            busy |= linked and self._tell(now)
            await asyncio.sleep_ms(_TAKEN_MS if self.taken > taken else
                                   _BUSY_MS if busy else _POLL_MS)

    async def _connect(self):
        host, port = self._settings[:2]
        address = await self._names.lookup(host)
        if not address:
            raise ValueError("no address is known for " + host)
        self._sock = sock = socket.socket()
        sock.setblocking(False)
        poller = select.poll()
        poller.register(sock, select.POLLOUT)
        end = ticks.add(self._now(), _CONNECT_MS)
        try:
            sock.connect(socket.getaddrinfo(address, port)[0][-1])
        except OSError as problem:
            if problem.errno != EINPROGRESS:
                raise
        while True:
            await asyncio.sleep_ms(_POLL_MS)
            if poller.poll(0):
                return
            if self._again or ticks.due(self._now(), end):
                raise OSError

    async def _part(self):
        """Say goodbye: the broker would not tell anybody otherwise."""
        packets = self._packets
        end = self._due = ticks.add(self._now(), _PART_MS)
        self._piece = None
        self._round = self._wanted()[4] != self._settings[4] and self._facts.farewell()
        gone = sent = False
        while not (gone and sent) and not ticks.due(self._now(), end):
            self._tell(self._now())
            if not gone and not self._round and packets.room() == OUT_MAX:
                gone = True
                self._say(b"offline")
                self._client.disconnect()
            sent = packets.send(self._sock)
            await asyncio.sleep_ms(_BUSY_MS)

    def _packet(self, kind, *parts):
        """Write a packet of bytes as they are and of texts, each with its length in front."""
        body = b""
        for part in parts:
            if type(part) is str:
                part = part.encode()
                body += len(part).to_bytes(2, "big")
            body += part
        size = len(body)
        head = bytes((kind, size)) if size < 128 else bytes((kind, size & 127 | 128, size >> 7))
        self._packets.write(head + body)

    def _hello(self):
        _, _, user, password, prefix = self._settings
        login = (user, password) if password else (user,) if user else ()
        flags = 0x26 | (0xC0 if password else 0x80 if user else 0)  # clean session, retained will
        self._packet(0x10, "MQTT", bytes((4, flags, 0, _KEEP_ALIVE_S)), self._name,
                     prefix + "/connected", "offline", *login)

    def _listen(self, now):
        """Deal with one packet, if one has come; returns whether there may be more."""
        packets = self._packets
        first = packets.receive(self._sock)
        if first is None:
            return False
        self._whole = now
        kind = first >> 4
        if self._phase == _HELLO:
            code = packets.read(4)
            if kind != _CONNACK or code[1] != 2:
                raise ValueError(NOT_MQTT)
            if code[3]:
                raise ValueError("the broker does not " + (
                    "speak MQTT 3.1.1", "like our name", "work now", "know this user and password",
                    "let this user in with this password")[min(code[3], 5) - 1])
            self._phase = _ASKED
            self._packet(0x82, b"\0\1", self._settings[4] + "/Set/#", b"\0",
                         "homeassistant/status", b"\0")
        elif first == 0 or kind == _PUBLISH and first & 1:
            # A retained message is an old one: whoever publishes now reaches us without the mark.
            # An old swipe of a card, or mode, must not be carried out at every new connection.
            self.ignored += 1
        elif kind == _PUBLISH or kind == _PINGRESP:
            self._client.wait_msg()
        elif kind == _SUBACK and self._phase == _ASKED:
            self._phase = _LINKED
            self.links += 1
            self._enter("connected", "" if 0x80 not in packets.read(6)[4:] else
                        "the broker does not let us listen to commands")
            self._say(b"online")
            self._facts.connected()
        else:
            raise ValueError(NOT_MQTT)
        return True

    def _take(self, topic, payload):
        self.taken += 1
        self._facts.take(topic, payload)
        early = ticks.add(self._now(), _EARLY_MS)
        if ticks.diff(self._due, early) > 0:
            self._due = early

    def _watch(self, now):
        """Send, ask for a sign of life, and give up what shows none."""
        packets = self._packets
        if packets.send(self._sock) is not None:
            self._moved = now
        if max(ticks.diff(now, self._whole), ticks.diff(now, self._moved)) > _SILENT_MS:
            raise ValueError("the broker does not answer")
        if (ticks.diff(now, self._pinged) >= _PING_MS and self._phase == _LINKED
                and packets.room() > 2):
            self._pinged = now
            self._client.ping()

    def _say(self, word):
        self._client.publish((self._settings[4] + "/connected").encode(), word, True)

    def _tell(self, now):
        """Write one fact that has changed, if there is room; returns whether there may be more."""
        if not self._piece:
            if not self._round and ticks.due(now, self._due):
                self._due = ticks.add(now, _ROUND_MS)
                self._round = self._facts.pieces()
            if not self._round:
                return False
            try:
                piece = next(self._round)
            except StopIteration:
                self._round = None
                return False
            if not piece:
                return True
            topic, payload, retained = piece
            self._piece = (topic.encode() if type(topic) is str else topic,
                           payload.encode() if type(payload) is str else payload, retained)
        topic, payload, retained = self._piece
        room = self._packets.room()
        if room < OUT_MAX and room < len(topic) + len(payload) + _HEADER_MAX:
            return False
        self._client.publish(topic, payload, retained)
        self.sent += 1
        self._piece = None
        return True
