"""The install password: checked in slices, guessed slowly; and the tokens of who has given it.

Loaded for the first who gives a password, and kept as long as there are tokens. What is stored of
the password is ``rounds$salt$hash``, the last two in base64; as long as none is, that of the
network for the set-up counts, which is on the LCD.
"""

import asyncio
import os
from binascii import a2b_base64, b2a_base64, hexlify
from hashlib import sha256

from micropython import const

from evse import ticks
from evse.net.inlet import COOKIE, Refusal
from evse.net.reply import Later, Reply, failure
from evse.settings import Refused

_ROUNDS = const(1000)
_ROUNDS_MOST = const(10_000)
# Rounds in one go. They leave half as much garbage as makes a collection due, which holds up the
# tick: so there is a pause, a longer one while a contactor is closed.
_SLICE = const(8)
_PAUSE_MS = const(20)
_BUSY_PAUSE_MS = const(60)
_WAITING_MAX = const(2)
_CHECK_S = const(5)
_ANSWER_MS = const(30_000)
_SHORTEST = const(8)
_LONGEST = const(63)
_TOKENS = const(4)
_LIFE_S = const(28_800)


def same(one, other):
    """Whether two byte strings of one length are equal; takes as long wherever they differ."""
    different = len(one) ^ len(other)
    for at in range(min(len(one), len(other))):
        different |= one[at] ^ other[at]
    return different == 0


async def derive(password, salt, rounds, busy):
    """PBKDF2-HMAC-SHA256 of bytes, one block: 32 bytes. Others run every few rounds.

    ``busy()`` tells whether there is something that must not be held up.
    """
    inner = bytearray(96)
    outer = bytearray(96)
    key = sha256(password).digest() if len(password) > 64 else password
    for at in range(64):
        byte = key[at] if at < len(key) else 0
        inner[at] = byte ^ 0x36
        outer[at] = byte ^ 0x5C
    outer[64:] = sha256(bytes(inner[:64]) + salt + b"\0\0\0\1").digest()
    last = sha256(outer).digest()
    total = int.from_bytes(last, "big")
    for number in range(1, rounds):
        if number % _SLICE == 0:
            await asyncio.sleep_ms(_BUSY_PAUSE_MS if busy() else _PAUSE_MS)
        inner[64:] = last
        outer[64:] = sha256(inner).digest()
        last = sha256(outer).digest()
        total ^= int.from_bytes(last, "big")
    return total.to_bytes(32, "big")


class Auth:
    """Knows whether a password is right and a token valid.

    ``status`` and ``command`` are the core's doors, ``guesses()`` gives the evse.net.guesses there
    is, ``now()`` tells the ticks.
    """

    def __init__(self, status, command, guesses, now):
        self._status = status
        self._command = command
        self._now = now
        self._guesses = guesses
        self._tokens = []  # each with the tick at which it ends, the newest last
        self._lock = asyncio.Lock()
        self._busy = 0

    def over(self, now):
        """True when there is nothing to remember."""
        for token in self._tokens[:]:
            if ticks.due(now, token[1]):
                self._tokens.remove(token)
        return not self._busy and not self._tokens

    def knows(self, token, now):
        """Whether ``token`` (text) is valid."""
        known = False
        if token:
            token = token.encode()
            for valid, ends in self._tokens:
                known |= same(token, valid) and not ticks.due(now, ends)
        return known

    async def check(self, password, peer):
        """Whether ``password`` is the one that counts; ``peer`` is the address of who gives it.

        Raises Refusal while ``peer`` has to wait, when too many are asking, or without a password.
        """
        return await self._one_by_one(self._judge, password, peer)

    async def _one_by_one(self, work, *arguments):
        """Do ``work``, which hashes: one at a time, two may wait."""
        if self._busy > _WAITING_MAX:
            raise Refusal(503, "other passwords are being checked",
                          {"Retry-After": str(_CHECK_S * _WAITING_MAX)})
        self._busy += 1
        try:
            await self._lock.acquire()
            try:
                return await work(*arguments)
            finally:
                self._lock.release()  # needs no memory, which the end of "async with" does
        finally:
            self._busy -= 1

    async def _judge(self, password, peer):
        wait_s = self._guesses().wait_s(peer, self._now())
        if wait_s:
            raise Refusal(429, "too many wrong passwords, wait", {
                "Retry-After": str(wait_s if wait_s > 0 else _LIFE_S)})
        record, first = self._status.auth()
        password = password.encode()
        try:
            rounds, salt, wanted = record.split("$")
            rounds, salt, wanted = int(rounds), a2b_base64(salt), a2b_base64(wanted)
        except ValueError:
            # None is set, or it cannot be read: whoever stands at the charger has this one.
            if not first:
                raise Refusal(403, "no password is set, which is done at the charger: SetupWifi")
            given, wanted = sha256(password).digest(), sha256(first.encode()).digest()
        else:
            given = await derive(password[:_LONGEST + 1], salt, min(rounds, _ROUNDS_MOST),
                                 self._status.busy)
        # Those of before may be gone: hashing takes its time.
        if same(given, wanted):
            self._guesses().right(peer, self._now())
            return True
        self._guesses().wrong(peer, self._now())
        return False

    # ---- the paths ----

    def login(self, request, _status, _command):
        """Answer POST /api/v1/login: a token for the password."""
        return self._answer(request, ("password",), self._login)

    async def _login(self, request, password):
        if not await self.check(password, request.client_addr):
            return _wrong()
        token = hexlify(os.urandom(16))
        self._tokens.append((token, ticks.add(self._now(), _LIFE_S * 1000)))
        if len(self._tokens) > _TOKENS:
            self._tokens.pop(0)
        token = token.decode()
        return Reply('{"token":"%s","expires_s":%d}' % (token, _LIFE_S),
                     headers={"Set-Cookie": _cookie(token, _LIFE_S)})

    def logout(self, request, _status, _command):
        """Answer POST /api/v1/logout: the token it came with is none any more."""
        given = request.token.encode()
        self._tokens = [token for token in self._tokens if not same(token[0], given)]
        return Reply('{"ok":true}', headers={"Set-Cookie": _cookie("", 0)})

    def password(self, request, _status, _command):
        """Answer POST /api/v1/password: another password from now on."""
        names = ("password",) if request.source == "portal" else ("password", "old")
        return self._answer(request, names, self._change)

    async def _change(self, request, password, old=None):
        size = len(password.encode())
        if not _SHORTEST <= size <= _LONGEST:
            return failure(422, "password must be %d to %d characters" % (_SHORTEST, _LONGEST),
                           "password", [_SHORTEST, _LONGEST])
        source = request.source
        if old is not None:
            if not await self.check(old, request.client_addr):
                return _wrong()
            source = "installer"
        salt = os.urandom(16)
        hashed = await self._one_by_one(derive, password.encode(), salt, _ROUNDS,
                                        self._status.busy)
        try:
            self._command("password", "%d$%s$%s" % (
                _ROUNDS, b2a_base64(salt)[:-1].decode(), b2a_base64(hashed)[:-1].decode()), source)
        except Refused as exc:
            return failure(422, exc.reason, exc.field)
        given = request.token.encode()
        self._tokens = [token for token in self._tokens if same(token[0], given)]
        return Reply('{"ok":true}')

    @staticmethod
    def _answer(request, names, work):
        """Hand the texts ``names`` of the JSON body to ``work``."""
        # Only JSON: a foreign page cannot send that without asking the server first.
        if (request.content_type or "").split(";")[0].strip() != "application/json":
            return failure(415, "Content-Type must be application/json")
        try:
            document = request.json
        except ValueError:
            return failure(400, "the body is not valid JSON")
        for name in names:
            if type(document) is not dict or type(document.get(name)) is not str:
                return failure(400, "the body must be an object with text as %s" % name, name)
        return Later(work(request, *[document[name] for name in names]), _ANSWER_MS)


def _wrong():
    return failure(401, "wrong password", headers={"WWW-Authenticate": "Bearer"})


def _cookie(token, life_s):
    return "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict" % (COOKIE, token, life_s)
