"""Hostile traffic, mixed and repeatable: what each moment brings follows from a seed.

A ``Scene`` names what goes on for some seconds: rude web clients, the broker's, the name server's
and the time server's mood, what is thrown at the other servers, and whether the WiFi goes away.
``scenes(seed)`` yields them for ever; each kind comes once before any comes again, so that short
runs have met most of it. The kinds themselves are in ``hostile_http``, ``hostile_mqtt`` and
``hostile_others``.
"""

import asyncio
import contextlib
import dataclasses
import random

import hostile_http
import hostile_mqtt
import hostile_others

SERVERS = ("", "modbus", "telnet", "both")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the charger is: a host and the ports of its servers."""

    http: int
    modbus: int
    telnet: int
    host: str = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Scene:
    """What goes on at once. ``seed`` is of all that is random in it."""

    seed: int
    http: tuple
    mqtt: str
    dns: str
    ntp: str
    servers: str
    wifi: bool

    def __str__(self):
        return "%s; broker %s; names %s; time %s%s%s" % (
            ", ".join(self.http), self.mqtt, self.dns, self.ntp,
            "; " + self.servers if self.servers else "", "; no WiFi" if self.wifi else "")


class Bag:
    """Kinds in random order, each once before any comes again."""

    def __init__(self, rng, kinds):
        self._rng = rng
        self._kinds = tuple(kinds)
        self._left = []

    def draw(self):
        """The next one."""
        if not self._left:
            self._left = list(self._kinds)
            self._rng.shuffle(self._left)
        return self._left.pop()


def scenes(seed):
    """Yield scenes for ever, the same ones for the same seed."""
    rng = random.Random(seed)
    http, mqtt, dns, ntp, servers, wifi = (Bag(rng, kinds) for kinds in (
        hostile_http.KINDS, hostile_mqtt.MOODS, hostile_others.DNS_MOODS,
        hostile_others.NTP_MOODS, SERVERS, (True, False, False)))
    while True:
        yield Scene(rng.getrandbits(32), (http.draw(), http.draw()), mqtt.draw(), dns.draw(),
                    ntp.draw(), servers.draw(), wifi.draw())


async def attack(place, scene, seconds):
    """Let a scene's clients loose on the charger for so long; moods are not set here."""
    works = [(hostile_http.KINDS[kind], place.http) for kind in scene.http]
    if scene.servers in ("modbus", "both"):
        works += [(work, place.modbus) for work in hostile_others.MODBUS_KINDS.values()]
    if scene.servers in ("telnet", "both"):
        works += [(work, place.telnet) for work in hostile_others.TELNET_KINDS.values()]
    tasks = [asyncio.ensure_future(_again(work, (place.host, port),
                                          random.Random(scene.seed + number)))
             for number, (work, port) in enumerate(works)]
    try:
        await asyncio.sleep(seconds)
        for task in tasks:
            if task.done():
                task.result()  # a mistake of ours: it must not pass for quiet
    finally:
        await hostile_http.end(tasks)


async def _again(work, address, rng):
    """Do it again and again; that the charger lets nobody in, or throws them out, is its right."""
    while True:
        with contextlib.suppress(OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            await work(address, rng)
        await asyncio.sleep(rng.uniform(0.01, 0.2))
