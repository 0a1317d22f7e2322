"""The install password and the tokens: who gets one, how slowly, and what they open."""

import asyncio
import json
from binascii import a2b_base64, b2a_base64, hexlify, unhexlify
from hashlib import sha256

from evse import ticks
from evse.net import routes
from evse.net.inlet import Refusal
from evse.net.web import WebServer
from evse.rare import rare
from evse.settings import Refused
from helpers_net import Answer, FakeCommand, FakeStatus, FakeStream

MINUTE = 60_000
HOUR = 60 * MINUTE
FIRST = "f1r5tpw0"  # FakeStatus: of the network for the set-up
JSON = "Content-Type: application/json\r\n"
switch = asyncio.sleep_ms
slept = []


def hurried(ms):
    """Sleep as long as it takes the others to have their turn."""
    slept.append(ms)
    return switch(0)


asyncio.sleep_ms = hurried


class Store(FakeCommand):
    """Keeps the record of the password as the core does."""

    def __call__(self, name, value, source):
        super().__call__(name, value, source)
        if name == "password":
            self.status.record = value


class Site:
    """A server on a clock of its own; ``switches`` is what the hashing slept."""

    def __init__(self, record="", first=FIRST):
        self.status = FakeStatus()
        self.status.record = record
        self.status.portal_password = first
        self.command = Store(status=self.status)
        self.now = 5_000_000
        routes.now_ms = lambda: self.now
        self.server = WebServer(self.status, self.command, ".")

    async def say(self, line, body=None, headers="", peer="192.168.1.7", inside=False):
        body = "" if body is None else json.dumps(body)
        text = "%s HTTP/1.0\r\n%s%sContent-Length: %d\r\n\r\n%s" % (
            line, JSON if body else "", headers, len(body.encode()), body)
        stream = FakeStream(text.encode(), address=(peer, 5))
        await self.server.accept(stream, stream, inside)
        return Answer(stream.written)

    def ask(self, *arguments, **options):
        """Let one client ask while the server sweeps all the time, as it does."""
        answers = []

        async def client():
            answers.append(await self.say(*arguments, **options))

        async def run():
            task = asyncio.create_task(client())
            while not task.done():
                self.server.sweep(self.now)
                await switch(0)
            await task

        asyncio.run(run())
        return answers[0]

    def login(self, password, **options):
        return self.ask("POST /api/v1/login", {"password": password}, **options)

    def token(self, password=FIRST):
        answer = self.login(password)
        assert answer.status == 200, answer.body
        return answer.json["token"]

    def source(self, headers="", **options):
        """Who a write is taken for."""
        self.command.calls.clear()
        assert self.ask("POST /settings?mode=1", headers=headers, **options).status == 200
        return self.command.calls[0][2]

    def bearer(self, token):
        return self.source("Authorization: Bearer %s\r\n" % token)

    def later(self, ms):
        self.now = ticks.add(self.now, ms)
        self.server.sweep(self.now)


def record(password, rounds=2):
    """A stored password whose hash is quickly made."""
    salt = b"0123456789abcdef"
    hashed = asyncio.run(rare("net.auth").derive(password.encode(), salt, rounds, bool))
    return "%d$%s$%s" % (rounds, b2a_base64(salt)[:-1].decode(), b2a_base64(hashed)[:-1].decode())


def test_hashes_are_those_of_the_standard():
    derive = rare("net.auth").derive
    for password, salt, rounds, wanted in (  # the first from RFC 7914, the others by OpenSSL
        (b"passwd", b"salt", 1,
         "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
        (b"Password", b"NaCl", 37,
         "e0dfa12ea1c85444a6cc3a43efb69b57c8ae0da1b9986b2ac656525bc80b0043"),
        (b"k" * 64, b"", 9, "eb54af906aff4dbc1223021b33b6dc7bf7764ce214ed1ba6102eb80a51d2094a"),
        (b"k" * 65, b"salt", 8,
         "2d7cfebc06dd45dd5c7cbca172db22612b84a58f4908326661fa00d2f8f345b0"),
    ):
        hashed = asyncio.run(derive(password, salt, rounds, bool))
        assert len(hashed) == 32
        assert hexlify(hashed).decode() == wanted, password


def test_others_run_while_it_hashes():
    """At least every eight rounds, and only one hash runs at a time."""
    auth = rare("net.auth")
    hashes = []
    turns = []

    def counting(*data):
        hashes.append(1)
        return sha256(*data)

    auth.sha256 = counting

    async def other(done):
        while not done:
            turns.append(len(hashes))
            await asyncio.sleep_ms(0)

    async def run():
        done = []
        task = asyncio.create_task(other(done))
        await auth.derive(b"password", b"salt", 100, bool)
        done.append(1)
        await task
        turns.append(len(hashes))

    asyncio.run(run())
    steps = [after - before for before, after in zip(turns, turns[1:])]
    assert sum(steps) + turns[0] == 200
    assert max(steps) <= 16


def test_it_takes_more_time_while_a_contactor_is_closed():
    pauses = []
    for charging in (False, True):
        site = Site(record("chosen one", 100))
        site.status.charging = charging
        slept.clear()
        assert site.login("chosen one").status == 200
        pauses.append(sum(slept))
    assert pauses[1] >= 2 * pauses[0] > 100


def test_a_token_makes_the_installer():
    site = Site()
    assert site.source() == "REST"
    token = site.token()
    assert len(unhexlify(token)) == 16
    assert site.bearer(token) == "installer"
    assert site.source("Cookie: evse=%s\r\n" % token) == "installer"
    assert site.source("Cookie: a=b; evse=%s; c=d\r\n" % token) == "installer"
    for headers in ("Cookie: evse=%s0\r\n", "Cookie: sevse=%s\r\n", "Authorization: Basic %s\r\n",
                    "Authorization: Bearer x%s\r\n", "Authorization: %s\r\n", "X-Token: %s\r\n"):
        assert site.source(headers % token) == "REST", headers
    for other in ("", token[:-1], token[:-1] + chr(ord(token[-1]) ^ 1), "0" * 32):
        assert site.bearer(other) == "REST", other
    assert site.source("Cookie: evse\r\n") == site.source("Cookie: evse=\r\n") == "REST"


def test_the_cookie_is_for_the_browser_alone():
    site = Site()
    answer = site.login(FIRST)
    assert answer.json["expires_s"] == 8 * 3600
    assert answer.headers["set-cookie"] == (
        "evse=%s; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict" % answer.json["token"])
    assert answer.headers["cache-control"] == "no-store"


def test_the_first_password_counts_until_one_is_set():
    site = Site()
    assert site.login("wrong").status == 401
    assert site.login("wrong").headers["www-authenticate"] == "Bearer"
    assert site.login(FIRST).status == 200
    site.status.record = record("chosen one")
    assert site.login(FIRST).status == 401
    assert site.login("chosen one").status == 200
    # A record that cannot be read must not lock anybody out.
    for broken in ("x", "1$2", "1$=$00", "x$00$00", "$$", "1$00$00$00"):
        site = Site(broken)
        assert site.login(FIRST).status == 200, broken
        assert site.login("").status == 401, broken


def test_without_any_password_nobody_logs_in():
    site = Site(first="")
    for text in ("", "x"):
        answer = site.login(text)
        assert answer.status == 403
        assert "charger" in answer.json["error"]


def test_the_password_must_match_to_the_last_byte():
    site = Site(record("p" * 63))
    assert site.login("p" * 63).status == 200
    for text in ("p" * 62, "p" * 64, "p" * 62 + "q", "q" + "p" * 62, ""):
        assert site.login(text).status == 401, text
    assert Site(record("pä€ 𝄞 p")).login("pä€ 𝄞 p").status == 200


def test_bodies_in_another_form_are_refused():
    site = Site()
    for body, status in (({}, 400), ([], 400), ("password", 400), ({"password": 1}, 400),
                         ({"password": None}, 400), ({"password": [FIRST]}, 400)):
        for path in ("login", "password"):
            answer = site.ask("POST /api/v1/" + path, body)
            assert answer.status == status, (path, body)
            assert answer.json["field"] == "password"
    stream = FakeStream(b"POST /api/v1/login HTTP/1.0\r\nContent-Length: 19\r\n\r\n"
                        b'{"password": "pass"}')
    asyncio.run(site.server.accept(stream, stream))
    assert Answer(stream.written).status == 415
    stream = FakeStream(b"POST /api/v1/login HTTP/1.0\r\nContent-Type: application/json\r\n"
                        b"Content-Length: 2\r\n\r\n{x")
    asyncio.run(site.server.accept(stream, stream))
    assert Answer(stream.written).status == 400
    assert site.ask("GET /api/v1/login").status == 405


def test_guessing_takes_longer_and_longer_but_not_for_others():
    site = Site()
    assert [site.login("no%d" % number).status for number in range(6)] == [401] * 5 + [429]
    for wait_s, following in ((60, 120), (120, 240), (240, 480), (480, 600), (600, 600)):
        # Meanwhile the right one is not even looked at.
        answer = site.login(FIRST)
        assert answer.status == 429
        assert answer.headers["retry-after"] == str(wait_s)
        site.later(wait_s * 1000 - 1)
        assert site.login(FIRST).headers["retry-after"] == "1"
        site.later(1)
        assert site.login("no").status == 401
        assert site.login("no").headers["retry-after"] == str(following)
    assert site.login(FIRST, peer="192.168.1.8").status == 200
    site.later(10 * MINUTE)
    assert site.login(FIRST).status == 200  # and that ends it
    assert [site.login("no").status for _ in range(6)] == [401] * 5 + [429]


def test_guesses_count_while_a_chosen_password_is_being_hashed():
    site = Site(record("chosen one", 40))
    assert [site.login("no").status for _ in range(6)] == [401] * 5 + [429]
    assert site.login("chosen one").status == 429
    assert site.login("chosen one", peer="192.168.1.8").status == 200


def test_many_addresses_get_no_more_tries_than_a_few():
    site = Site()
    for number in range(6):
        assert site.login("no", peer="192.168.1.%d" % number).status == 401
    answer = site.login(FIRST, peer="192.168.1.99")
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    assert site.login(FIRST, peer="192.168.1.0").status == 200
    site.later(HOUR)
    assert site.login(FIRST, peer="192.168.1.99").status == 200


def test_one_is_hashed_two_wait_and_the_fourth_comes_back():
    site = Site(record("chosen one", 100))

    async def run():
        asked = [asyncio.create_task(
            site.say("POST /api/v1/login", {"password": "chosen one"}, peer="10.0.0.%d" % number))
            for number in range(4)]
        return await asyncio.gather(*asked)

    answers = asyncio.run(run())
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 503]
    refused = next(answer for answer in answers if answer.status == 503)
    assert int(refused.headers["retry-after"]) > 0
    assert site.login("chosen one").status == 200


def test_waiting_in_line_does_not_save_a_guesser():
    site = Site(record("chosen one", 20))
    for _ in range(4):
        site.login("no")

    async def run():
        asked = [asyncio.create_task(site.say("POST /api/v1/login", {"password": text}))
                 for text in ("no", "chosen one", "chosen one")]
        return [answer.status for answer in await asyncio.gather(*asked)]

    assert asyncio.run(run()) == [401, 429, 429]


def test_whoever_leaves_makes_room():
    site = Site(record("chosen one", 100))

    async def run():
        asked = [asyncio.create_task(site.say("POST /api/v1/login", {"password": "no"},
                                              peer="10.0.0.%d" % number)) for number in range(3)]
        for _ in range(20):
            await asyncio.sleep_ms(0)
        site.later(30_001)  # the server lets them go: nothing may take as long
        await asyncio.gather(*asked)
        return (await site.say("POST /api/v1/login", {"password": "chosen one"})).status

    assert asyncio.run(run()) == 200


def test_a_token_ends_after_eight_hours():
    site = Site()
    token = site.token()
    site.later(8 * HOUR - 1)
    assert site.bearer(token) == "installer"
    auth = site.server.auth()
    assert auth.knows(token, site.now)
    assert not auth.knows(token, ticks.add(site.now, 1))  # even if nobody has swept since
    site.later(1)
    assert site.bearer(token) == "REST"


def test_four_tokens_are_the_most():
    site = Site()
    tokens = [site.token() for _ in range(5)]
    assert len(set(tokens)) == 5
    assert [site.bearer(token) for token in tokens] == ["REST"] + ["installer"] * 4


def test_logging_out_ends_one_token():
    site = Site()
    one, other = site.token(), site.token()
    answer = site.ask("POST /api/v1/logout", headers="Cookie: evse=%s\r\n" % one)
    assert answer.status == 200
    assert answer.headers["set-cookie"].startswith("evse=; Path=/; Max-Age=0;")
    assert (site.bearer(one), site.bearer(other)) == ("REST", "installer")
    assert site.ask("POST /api/v1/logout").status == 200
    assert site.bearer(other) == "installer"


def test_a_new_password_needs_the_old_one():
    site = Site()
    kept, ended = site.token(), site.token()
    path = "POST /api/v1/password"
    new = {"password": "a new one", "old": FIRST}
    assert site.ask(path, {"password": "a new one"}).status == 400
    assert site.ask(path, {"password": "a new one", "old": "no"}).status == 401
    assert site.ask(path, {"password": "a new one"},
                    headers="Authorization: Bearer %s\r\n" % kept).status == 400
    site.command.calls.clear()
    answer = site.ask(path, new, headers="Authorization: Bearer %s\r\n" % kept)
    assert answer.status == 200, answer.body
    assert [(name, source) for name, _, source in site.command.calls] == [
        ("password", "installer")]
    # Whoever changes it stays; all others have to give the new one.
    assert site.bearer(kept) == "installer"
    assert site.bearer(ended) == "REST"
    assert site.login(FIRST).status == 401
    assert site.login("a new one").status == 200


def test_what_is_stored_tells_nothing():
    site = Site()
    salts = []
    for _ in range(2):
        site.status.record = ""
        site.ask("POST /api/v1/password", {"password": "a new one", "old": FIRST})
        stored = site.status.record
        rounds, salt, hashed = stored.split("$")
        assert int(rounds) >= 1000
        assert (len(a2b_base64(salt)), len(a2b_base64(hashed))) == (16, 32)
        assert len('{"auth":"%s"}' % stored) <= 120  # what the log takes while it charges
        salts.append(salt)
    assert salts[0] != salts[1]


def test_a_password_is_8_to_63_bytes():
    site = Site()
    for text, status in (("1234567", 422), ("x" * 64, 422), ("ä" * 32, 422), ("12345678", 200),
                         ("ä" * 31, 200)):
        site.status.record = ""
        answer = site.ask("POST /api/v1/password", {"password": text, "old": FIRST})
        assert answer.status == status, text
        if status == 422:
            assert answer.json["field"] == "password"
            assert answer.json["allowed"] == [8, 63]
            assert not site.status.record


def test_guessing_the_old_one_counts_as_guessing():
    site = Site()
    for _ in range(5):
        assert site.ask("POST /api/v1/password", {"password": "a new one", "old": "no"}
                        ).status == 401
    assert site.ask("POST /api/v1/password", {"password": "a new one", "old": FIRST}
                    ).status == 429
    assert site.login(FIRST).status == 429


class Network:
    touched = 0

    def touch(self):
        self.touched += 1


def test_whoever_is_on_the_network_for_the_set_up_needs_no_password():
    site = Site(record("forgotten"))
    site.status.portal = ("SmartEVSE-4711", FIRST, "192.168.4.1")
    site.status.network = Network()
    visitor = {"peer": "192.168.4.2", "inside": True}
    assert site.source(**visitor) == "portal"
    # The address alone is nothing: another network of the house may have the same.
    assert site.source(peer="192.168.4.2") == "REST"
    assert site.source(peer="192.168.1.2", inside=True) == "REST"
    assert site.source(peer="192.168.40.2", inside=True) == "REST"
    answer = site.ask("POST /api/v1/password", {"password": "a new one"}, **visitor)
    assert answer.status == 200, answer.body
    name, _, source = site.command.calls[-1]
    assert (name, source) == ("password", "portal")
    assert site.login("a new one").status == 200
    assert site.ask("POST /api/v1/password", {"password": "another one"}).status == 400
    site.status.portal = None
    assert site.source(**visitor) == "REST"
    # Joined to a network of the same addresses nobody can be told apart.
    site.status.portal = ("SmartEVSE-4711", FIRST, "192.168.4.1")
    site.status.ip = "192.168.4.77"
    assert site.source(**visitor) == "REST"


def test_a_refusal_of_the_core_is_said():
    site = Site()

    def refusing(name, value, source):
        raise Refused("not now", "password")

    site.server = WebServer(site.status, refusing, ".")
    answer = site.ask("POST /api/v1/password", {"password": "a new one", "old": FIRST})
    assert answer.status == 422
    assert answer.json == {"error": "not now", "field": "password"}


def test_other_doors_ask_the_same_way():
    site = Site()
    check = site.server.check
    assert asyncio.run(check(FIRST, "192.168.1.7"))
    for _ in range(5):
        assert not asyncio.run(check("no", "192.168.1.7"))
    try:
        asyncio.run(check(FIRST, "192.168.1.7"))
    except Refusal as exc:
        assert exc.status == 429 and exc.error
    else:
        raise AssertionError("it was not refused")
    assert site.login(FIRST).status == 429
    assert asyncio.run(check(FIRST, "192.168.1.8"))


def test_the_next_one_is_answered_where_memory_has_ended():
    class Short(asyncio.Lock):
        async def __aexit__(self, *_):
            raise MemoryError  # what it takes to begin this is not there

    site = Site()
    auth = site.server.auth()
    auth._lock = Short()
    assert asyncio.run(auth.check(FIRST, "192.168.1.7"))
    assert not auth._lock.locked()
    assert site.login(FIRST).status == 200


def test_comparing_looks_at_every_byte():
    same = rare("net.auth").same

    class Watched:
        def __init__(self, data):
            self.data = data
            self.looks = []

        def __len__(self):
            return len(self.data)

        def __getitem__(self, at):
            self.looks.append(at)
            return self.data[at]

    for other, equal in ((b"abcd", True), (b"xbcd", False), (b"abcx", False), (b"xxxx", False)):
        one = Watched(b"abcd")
        assert same(one, other) == equal
        assert one.looks == [0, 1, 2, 3]
    assert not same(b"abcd", b"abc")
    assert not same(b"", b"a")
    assert same(b"", b"")


def test_nothing_of_it_stays_when_there_is_nothing_to_remember():
    site = Site()
    token = site.token()
    auth = site.server.auth()
    site.later(MINUTE)
    assert site.server.auth() is auth
    site.ask("POST /api/v1/logout", headers="Authorization: Bearer %s\r\n" % token)
    site.later(MINUTE - 1)
    assert site.server.auth() is auth  # somebody may be about to log in
    site.later(MINUTE)
    fresh = site.server.auth()
    assert fresh is not auth
    site.login("no")
    guesses = site.server.guesses()
    site.later(HOUR - 1)
    assert site.server.guesses() is guesses  # it has somebody to remember
    site.later(1)
    assert site.server.guesses() is not guesses


def test_a_wrong_pin_counts_like_a_wrong_password():
    site = Site()
    site.status.values["lcd_pin"] = 1234
    for number in range(5):
        assert site.ask("POST /lcd-verify-password", {"password": number}).json["wait_s"] == (
            60 if number == 4 else 0)
    assert site.login(FIRST).status == 429
    assert site.login(FIRST, peer="192.168.1.8").status == 200
