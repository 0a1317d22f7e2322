"""Names to IPv4 addresses, by our own questions: the system's would stop the loop for 12 s.

``name.local`` is asked of everybody on the network (multicast DNS, answered to us alone), any
other name of the network's name server. ``evse.net.resolve`` asks, and is loaded for that.
"""

import asyncio

from micropython import const

from evse import ticks
from evse.rare import rare

GROUP = ("224.0.0.251", 5353)

_NAMES_MAX = const(8)
_POLL_MS = const(20)
_AGAIN_S = const(10)  # until a question that was not answered is asked again

_ADDRESS, _SINCE, _KEEP_S = const(0), const(1), const(2)


def host_port(text, port):
    """Return (host, port) of ``host`` or ``host:port``; ValueError for a port that is none."""
    host, colon, digits = text.partition(":")
    if colon:
        port = int(digits)
        if not 0 < port < 65536:
            raise ValueError(text)
    return host, port


def is_address(name):
    """True for an IPv4 address in figures, without zeros in front, which some take for octal."""
    parts = name.split(".")
    return len(parts) == 4 and all(
        part.isdigit() and len(part) < 4 and int(part) < 256 and str(int(part)) == part
        for part in parts)


class Names:
    """What is known of names, and who asks for more.

    ``server()`` is the name server as ``a.b.c.d`` or ``a.b.c.d:port``, None without; ``group`` is
    who is asked for local names. An address is kept for as long as its owner says, within bounds,
    and for longer while nobody answers: who uses it finds out whether it is still right.
    """

    def __init__(self, server, now, group=GROUP):
        self._server = server
        self._now = now
        self._group = group
        self._known = {}
        self._busy = False

    async def lookup(self, name):
        """Return the address of ``name`` as text, None when it is not to be had. Takes up to 3 s,
        and as long again for each question that is under way."""
        if is_address(name):
            return name
        name = _plain(name)
        if not self._fresh(name):
            await self._begin()
            try:
                if not self._fresh(name):  # nobody has asked in the meantime
                    await self._renew(name)
            finally:
                self._busy = False
        return self._known[name][_ADDRESS]

    def doubt(self, name):
        """The address of ``name`` did not answer: ask soon again for it."""
        known = self._known.get(_plain(name))
        if known:
            known[_KEEP_S] = min(known[_KEEP_S], _AGAIN_S)

    async def browse(self, service):
        """Return the local names of all hosts that offer ``service``; takes 3 s.

        ``service`` is for instance "_http._tcp.local".
        """
        await self._begin()
        try:
            return await rare("net.resolve").hosts(self._group, service, self._now)
        finally:
            self._busy = False

    async def _begin(self):
        """Wait until no other question is under way."""
        while self._busy:
            await asyncio.sleep_ms(_POLL_MS)
        self._busy = True

    def _fresh(self, name):
        known = self._known.get(name)
        return known and 0 <= ticks.diff(self._now(), known[_SINCE]) < known[_KEEP_S] * 1000

    async def _renew(self, name):
        known = self._known.get(name)
        answer = await rare("net.resolve").address(self._server, self._group, name, self._now)
        if not known:
            if len(self._known) >= _NAMES_MAX:
                self._known.pop(next(iter(self._known)))
            known = self._known[name] = [None, 0, 0]
        known[_SINCE] = self._now()
        if not answer:
            known[_KEEP_S] = _AGAIN_S
        elif answer[1]:
            known[_ADDRESS], known[_KEEP_S] = answer
        else:
            known[_ADDRESS], known[_KEEP_S] = None, _AGAIN_S


def _plain(name):
    """The one way a name is written here."""
    name = name.lower()
    return name[:-1] if name.endswith(".") else name
