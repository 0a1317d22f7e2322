"""Fuzzing of what comes over sockets beside the web: brokers, meters, name and time servers."""

from evse.net import (
    captive,
    fetch,
    homewizard,
    mdns,
    modbus_tcp,
    mqtt,
    ntp,
    resolve,
    telnet,
    told,
)
from evse.net.facts import Facts
from evse.settings import Refused
from fuzz_socket import Clock, Names, Wire, give
from fuzz_world import START, World, finish, must

_GREETING = b"\x20\2\0\0\x90\4\0\1\0\0"
_NAME = "broker.local"
_PASSWORD = "geheim-123"
_DAY_S = 86400
_FILE_MAX = 1_000_000
_PACKET_MAX = 512


# ---- MQTT ----

class Mqtt:
    """What a broker says once it has taken us in."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Link to a broker that says ``data`` and hangs up."""
        world = World(self._folder, mqtt_host=_NAME, mqtt_prefix="E", mains_met="API",
                      ev_meter="API", rfid="EnableAll", contact_2="Auto")
        wire = Wire(_GREETING + data)
        give(mqtt, wire)
        clock = Clock()
        link = mqtt.Mqtt(world.status, world.core.command, Names(), clock.now,
                         lambda key: "" if wire.closed and key == "mqtt_host" else
                         world.settings.get(key))
        finish(link.run(), wire.close)
        must(wire.closed >= 1, "the link is still up")
        _packets(wire.sent)
        world.judge()


def _packets(sent):
    """Broken unless ``sent`` are packets of a client, the last one perhaps cut off."""
    at = 0
    while at < len(sent):
        must(sent[at] >> 4 in (1, 3, 4, 8, 12, 14), "it sent no packet of a client")
        size = shift = 0
        while True:
            at += 1
            if at >= len(sent):
                return
            size |= (sent[at] & 127) << shift
            shift += 7
            if sent[at] < 128:
                break
        at += 1 + size


class Told:
    """A topic below E/, a line end and a payload."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Have the charger take the message."""
        world = World(self._folder, True, mains_met="API", ev_meter="API", circt_met="API",
                      rfid="EnableAll", contact_2="Auto", modem="Experimental")
        before = world.facts()
        facts = Facts(world.status, world.core.command, "E")
        topic, _, payload = data.partition(b"\n")
        try:
            told.obey(world.status, world.core.command, topic.decode()[len("E/Set/"):],
                      payload.decode())
        except UnicodeError:
            pass
        except Refused:
            must(world.facts() == before, "refused, yet changed")
        facts.take(topic, payload)
        world.judge()


# ---- servers of ours ----

class ModbusTcp:
    """What a client of Modbus TCP says."""

    def __init__(self, folder):
        self._world = World(folder, modbus_tcp="Enabled")

    def one(self, data):
        """Serve a client until it hangs up."""
        world = self._world
        before = world.facts()
        wire = Wire(data)
        clock = Clock()
        server = modbus_tcp.ModbusTcp(world.status, clock.now)
        client = server.clients[0]
        client.begin(wire, clock.now())
        for _ in range(2 * len(data) + 2):
            server.serve(client)
            if wire.closed:
                break
        must(wire.closed == 1, "a client that has gone is still served")
        sent = wire.sent
        while sent:
            must(len(sent) >= 9 and sent[2:4] == b"\0\0", "a reply has no head")
            size = 6 + (sent[4] << 8 | sent[5])
            must(len(sent) >= size and (sent[7] & 0x80 and size == 9 or size == 9 + sent[8]),
                 "a reply has another length")
            sent = sent[size:]
        must(world.facts() == before, "what reads has changed something")


class Telnet:
    """What is typed into the log."""

    def __init__(self, folder):
        self._world = World(folder, telnet="Enabled")

    def one(self, data):
        """Take a caller who types ``data`` and leaves."""
        wire = Wire(data)
        world = self._world
        before = world.facts()
        status = world.status
        clock = Clock()
        opened = []

        class Status:
            """Telnet is wanted until the caller has gone."""

            serial = 1
            events = status.events

            @staticmethod
            def setting(_key):
                return "Disabled" if wire.closed > 1 else "Enabled"

        async def check(password, _peer):
            must(len(password) <= 64, "a password of more than a line")
            opened.append(password == _PASSWORD)
            return opened[-1]

        telnet.listen = lambda *_: wire
        give(telnet, wire)
        finish(telnet.Telnet(Status, check, clock.now).run("", 23), wire.close)
        must(b"to leave" not in wire.sent or opened[-1], "it was opened without the password")
        must(world.facts() == before, "who looks has changed something")


# ---- names and times ----

class Dns:
    """A packet of a name server, or of anybody on the network. The first byte says which."""

    def __init__(self, _folder):
        pass

    def one(self, data):
        """Ask, and get ``data`` for an answer, with the right number."""
        local = bool(data) and data[0] & 1
        wire = Wire(data[1:], lambda answer, sent: sent[:2] + answer[2:])
        give(resolve, wire)
        name = "meter.local" if local else "pool.ntp.org"
        found = finish(resolve.address(lambda: "192.168.1.1", "224.0.0.251:5353", name,
                                       Clock().now), wire.close)
        must(found in (None, (None, 0)) or _is_address(found), "%r is no address" % (found,))
        hosts = finish(resolve.hosts("224.0.0.251:5353", "_http._tcp.local", Clock().now),
                       wire.close)
        must(len(hosts) <= 8 and all(len(host) <= 260 for host in hosts), "too many hosts")


def _is_address(found):
    parts = found[0].split(".")
    return (len(parts) == 4 and all(0 <= int(part) < 256 for part in parts)
            and 30 <= found[1] <= 3600)


class Mdns:
    """A packet to the group of multicast DNS."""

    def __init__(self, _folder):
        pass

    def one(self, data):
        """Have the responder hear ``data`` from both kinds of askers."""
        for port in (5353, 40000):
            link = _Group(data, port)
            mdns.select = link
            mdns.Responder(link, 1, "192.168.1.5", 80).poll(START)
            must(all(len(packet) <= _PACKET_MAX for packet in link.said), "a packet is too long")
            must(len(link.said) <= 2, "one question, several answers")
        reply = captive.answer(data, "192.168.4.1")
        must(reply is None or reply[:2] == data[:2] and len(reply) <= len(data) + 16,
             "the answer is not one")


class _Group:
    """A board's end of multicast DNS on which one packet waits."""

    POLLIN = 1

    def __init__(self, data, port):
        self.socket = None
        self._heard = [(memoryview(data), ("192.168.1.9", port), port)]
        self.said = []

    def poll(self, timeout=None):
        """A poller, or what it has found."""
        return self if timeout is None else self._heard

    def register(self, *_):
        """Nothing to remember."""

    def receive(self):
        """The packet."""
        return self._heard.pop()

    def send(self, data, *_):
        """Note what is said."""
        self.said.append(bytes(data))


class Ntp:
    """A packet of a time server, which repeats our number."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Set the clock by it."""
        world = World(self._folder)
        wire = Wire(data, lambda answer, sent: answer[:24] + sent[40:48] + answer[32:])
        give(ntp, wire)
        found = {"problem": "", "synced_s": 0, "offset_s": 0, "failures": 0}

        class Board:
            """A board that knows no time yet."""

            now = Clock().now

            @staticmethod
            def clock_s():
                return 0

        wait_s = finish(ntp.sync(found, "1.2.3.4", Names(), Board, world.core.command), wire.close)
        must(10 <= wait_s < _DAY_S, "asks again after %d s" % wait_s)
        world.judge()


# ---- updates and meters ----

class Fetch:
    """A URL, a line end, and what the web server there answers."""

    def __init__(self, _folder):
        pass

    def one(self, data):
        """Fetch it."""
        url, _, answer = data.partition(b"\n")
        wire = Wire(answer)
        give(fetch, wire)
        try:
            source = fetch.Source(url.decode(), Names)
        except ValueError:
            return

        async def take():
            if await source.open():
                return 0
            size = 0
            while True:
                piece = await source.piece()
                if not piece:
                    return size
                size += len(piece)

        must(finish(take(), wire.close) <= min(len(answer), _FILE_MAX), "more than was sent")
        source.close()
        must(wire.closed == 1, "the connection is not closed once")
        must(wire.sent.count(b"\n") == 4 and wire.sent.endswith(b"\r\n\r\n"), "another question")


class HomeWizard:
    """What a meter on the network answers."""

    def __init__(self, folder):
        self._folder = folder

    def one(self, data):
        """Read the meter, twice: it must not stumble over itself."""
        world = World(self._folder, mains_met="HomeWizrd")
        clock = Clock()
        fetcher = homewizard.Fetcher(clock.now)
        meter = homewizard.HomeWizard("mains", "1.2.3.4", "p1meter-", world.core.command, Names(),
                                      fetcher, clock.now)
        for _ in range(2):
            wire = Wire(data)
            give(homewizard, wire)
            finish(meter.turn(), wire.close)
            must(wire.closed == 1, "the connection is not closed once")
        world.judge()
