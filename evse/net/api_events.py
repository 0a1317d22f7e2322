"""GET /api/v1/events: what changes, as it changes, for as long as somebody listens."""

import asyncio
from array import array
from binascii import crc32

from micropython import const

from evse.net.reply import Reply, failure, quote
from evse.rare import rare

_PERIOD_MS = const(1000)
_ALIVE_MS = const(20_000)  # a peer that takes nothing for so long is let go
_ALL_S = const(60)
_BEAT_S = const(2)  # whoever closes is missed after two of them
_PIECE = const(400)
_SMALL_INT = const(0x3FFFFFFF)


def get_events(request, status, _command):
    """Answer with a stream of events that ends when the peer leaves."""
    since = None
    if "since" in request.args:
        since = rare("net.api_read").number_of(request, "since")
    if since == -1:
        return failure(400, "since is the number of an event", "since")
    return _Events(request, status, since)


class _Events(Reply):
    """The stream. ``since`` is the first of the journal's events, None for those to come.

    ``source`` says who listens, as in a request, of which nothing is kept meanwhile.
    """

    listening = 0
    members = ()  # that of evse.net.api_status alone: one for all who listen

    def __init__(self, request, status, since):
        super().__init__((), 200, "text/event-stream")
        self.source = request.source
        self._status = status
        self._since = since
        self._sums = array("i")  # of each group of members, as it was told last

    async def write(self, stream):
        """Send events until the peer leaves; raises OSError then."""
        if not self.is_head and not stream.endless():
            await failure(503, "others are listening already",
                          headers={"Retry-After": "30"}).write(stream)
            return
        await asyncio.sleep_ms(0)
        await stream.awrite(self._head())
        if self.is_head:
            return
        if not _Events.listening:
            _Events.members = (rare("net.api_status").members,)
        _Events.listening += 1
        try:
            await self._tell(stream)
        finally:
            _Events.listening -= 1
            if not _Events.listening:
                _Events.members = ()

    async def _tell(self, stream):
        """Send what happens, second after second."""
        since = self._since
        if since is None:
            since = 0
            for event in self._status.events():
                since = event[0] + 1
        second = 0
        while True:
            stream.allow_more(_ALIVE_MS)
            self.source = stream.source()  # a token may have ended
            since = await self._journal(stream, since)
            told = await self._changes(stream, not second % _ALL_S)
            if not told and not second % _BEAT_S:
                await stream.awrite(b":\n\n")
            second += 1
            await asyncio.sleep_ms(_PERIOD_MS)

    async def _journal(self, stream, since):
        """Send the journal's events from number ``since`` on; returns the one to come."""
        for number, at, text, a, b in self._status.events(since):
            since = number + 1
            await stream.awrite(
                ('event: journal\ndata: {"number":%d,"uptime_s":%d,"text":%s,"a":%d,"b":%d}\n\n'
                 % (number, at, quote(text), a, b)).encode())
        return since

    async def _changes(self, stream, everything):
        """Send the members of the status that have changed; True if there were any.

        How long something is ago, and what changes every second, is no change.
        """
        status = self._status
        for _ in status.refreshing():
            await asyncio.sleep_ms(0)
        group = total = 0
        pieces = []
        told = False
        for piece in _Events.members[0](status, self):
            if piece:
                pieces.append(piece)
                if piece[:9] != ',"age_ms"' and piece[:9] != ',"left_s"':
                    total = crc32(piece.encode(), total)
                continue
            total &= _SMALL_INT
            if group == len(self._sums):
                self._sums.append(-1)
            volatile = pieces[0][:10] == '"uptime_s"' or pieces[0][:6] == '"bus":'
            if everything or total != self._sums[group] and not volatile:
                pieces[0] = (',' if told else 'event: status\ndata: {') + pieces[0]
                told = True
                await self._send(stream, pieces)
            self._sums[group] = total
            group += 1
            total = 0
            pieces.clear()
            await asyncio.sleep_ms(0)
        if told:
            await stream.awrite(b"}\n\n")
        return told

    @staticmethod
    async def _send(stream, pieces):
        text = ""
        for piece in pieces:
            if text and len(text) + len(piece) > _PIECE:
                await stream.awrite(text.encode())
                text = ""
            text += piece
        await stream.awrite(text.encode())
