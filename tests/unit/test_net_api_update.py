"""The door of updates: who may, when, and what is said."""

import asyncio
import json
import os
import sys
from binascii import hexlify
from hashlib import sha256

from evse import ticks
from evse.net import api_update, install, routes, web
from evse.net.web import WebServer, now_ms
from helpers_net import Answer, FakeCommand, FakePanel, FakeStream, get, post
from helpers_update import (
    BEGUN,
    FAILED,
    MODULUS,
    PATH,
    WRITTEN,
    Command,
    Status,
    bundle,
    put_back,
    tree,
)


class Body(FakeStream):
    """A connection; ``left`` is what its peer has not got rid of."""

    @property
    def left(self):
        return len(self._data)


def upload(data, status=None, command=None, target=PATH, **options):
    """POST ``data``; returns (answer, what was commanded, status)."""
    status = status or Status()
    command = command or Command(status)
    stream = Body(b"POST %s HTTP/1.1\r\nHost: 192.168.1.5\r\nContent-Length: %d\r\n\r\n"
                  % (target.encode(), len(data)) + data, **options)
    server = WebServer(status, command, ".")
    asyncio.run(server.accept(stream, stream))
    assert not stream.left, "a connection closed on what was still sent would lose the answer"
    assert status.update is None
    return Answer(stream.written), command.calls, status


def test_a_good_one():
    answer, calls, status = upload(bundle()[0])
    assert (answer.status, answer.json) == (200, {"ok": True, "version": "v4.1.0"})
    assert calls == [BEGUN, WRITTEN]
    assert tree(status.root + "/b")["main.mpy"] == b"M"
    told = get(PATH, status=status).json
    assert told["state"] == "ready" and told["problem"] == ""
    assert told["other"] == {"version": "v4.1.0", "notes": "New.\n"}


def test_what_is_told_at_rest():
    status = Status()
    sys.path.insert(0, status.root)
    try:
        with open(status.root + "/notes.txt", "w") as file:
            file.write('What\n"is" new\n')
        told = get(PATH, status=status).json
    finally:
        sys.path.pop(0)
    assert told == {"version": "v4.0.0", "board": "sim", "slot": "a", "state": "idle",
                    "percent": None, "problem": "", "trial_s": 0, "own_key": True, "confirm": None,
                    "notes": 'What\n"is" new\n', "other": None}


def test_notes_are_told_in_pieces_up_to_a_bound():
    """A line of them may be as long as the file, which is whatever the update brought."""
    _, _, status = upload(bundle({"modules": b"", "notes.txt": "\u00e9\"\n".encode() * 3000})[0])
    notes = get(PATH, status=status).json["other"]["notes"]
    assert notes == "\u00e9\"\n" * (4096 // 3) + "\u00e9"
    whole = b"one line of " + bytes(range(32, 127)) * 30
    _, _, status = upload(bundle({"modules": b"", "notes.txt": whole})[0])
    with open(status.root + "/b/notes.txt", "rb") as file:
        assert file.read() == whole
    before = api_update.quote
    longest = [0]

    def quote(text):
        longest[0] = max(longest[0], len(text))
        return before(text)

    api_update.quote = quote
    put_back(api_update)
    try:
        assert get(PATH, status=status).json["other"]["notes"] == whole.decode()
    finally:
        api_update.quote = before
    assert 0 < longest[0] <= 128
    _, _, status = upload(bundle({"modules": b"", "notes.txt": b"x" * 200 + b"\xff\xfe"})[0])
    assert get(PATH, status=status).json["other"]["notes"] == "x" * 128


def test_what_is_told_of_a_trial_and_after_one():
    status = Status()
    status.trial_s = 17
    told = get(PATH, status=status).json
    assert (told["state"], told["trial_s"]) == ("trial", 17)
    status.trial_s = 0
    status.updated = "returned"
    assert get(PATH, status=status).json["state"] == "returned"


def test_it_tells_how_far_it_is():
    status = Status()
    seen = []
    asked = []

    class Slow(Body):
        async def read(self, count):
            seen.append(status.update)
            if len(seen) == 30:
                other = Body(b"GET %s HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n" % PATH.encode())
                await server.accept(other, other)
                asked.append(Answer(other.written).json)
            return await super().read(count)

    data = bundle({"modules": b"", "a": bytes(20000)})[0]
    stream = Slow(b"POST %s HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Length: %d\r\n\r\n"
                  % (PATH.encode(), len(data)) + data)
    server = WebServer(status, Command(status), ".")
    asyncio.run(server.accept(stream, stream))
    shown = [percent for percent in seen if percent is not None]
    assert shown == sorted(shown) and shown[0] == 0 and 95 <= shown[-1] <= 100
    assert asked[0]["state"] == "receiving" and 0 < asked[0]["percent"] < 100
    assert asked[0]["other"] is None


def test_who_has_no_right():
    status = Status()
    status.values["trust_lan"] = "Disabled"
    answer, calls, _ = upload(bundle()[0], status)
    assert (answer.status, answer.json["field"]) == (403, "update")
    assert calls == [] and not tree(status.root + "/b")
    assert post(PATH + "/start", status=status).status == 403


def test_not_while_it_charges():
    status = Status()
    answer, calls, _ = upload(bundle()[0], status, FakeCommand(("update",)))
    assert (answer.status, answer.json["error"]) == (422, "no update today")
    assert not tree(status.root + "/b")


def test_not_during_a_trial():
    status = Status()
    status.trial_s = 5
    answer, calls, _ = upload(bundle()[0], status)
    assert answer.status == 422 and "prove" in answer.json["error"] and calls == []


def test_one_at_a_time():
    status = Status()
    command = Command(status)
    server = WebServer(status, command, ".")
    data = bundle()[0]
    head = b"POST %s HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Length: %d\r\n\r\n" % (
        PATH.encode(), len(data))
    first, second = Body(head + data), Body(head + data)

    async def both():
        await asyncio.gather(server.accept(first, first), server.accept(second, second))

    asyncio.run(both())
    assert (Answer(first.written).status, Answer(second.written).status) == (200, 422)
    assert "being received" in Answer(second.written).json["error"]
    assert command.calls == [BEGUN, WRITTEN]


def test_what_is_wrong_is_told_and_nothing_is_held_up_any_more():
    data = bytearray(bundle()[0])
    data[-2] ^= 1
    answer, calls, status = upload(bytes(data))
    assert answer.status == 422 and answer.json["field"] == "update"
    assert "arrived broken" in answer.json["error"]
    assert calls == [BEGUN, FAILED]
    told = get(PATH, status=status).json
    assert (told["state"], told["problem"]) == ("failed", answer.json["error"])
    assert told["other"] is None


def test_for_another_board():
    status = Status()
    answer, calls, _ = upload(bundle(head={"board": "devkit"})[0], status)
    assert answer.status == 422 and "devkit" in answer.json["error"]
    assert calls == [BEGUN, FAILED] and not tree(status.root + "/b")


def test_an_older_one_must_be_meant():
    status = Status()
    old = bundle(head={"version": "v3.9.9"})[0]
    answer, calls, _ = upload(old, status)
    assert (answer.status, answer.json["field"]) == (422, "force")
    assert "v3.9.9 is older than v4.0.0" in answer.json["error"]
    assert not tree(status.root + "/b")
    assert upload(old, status, target=PATH + "?force")[0].status == 200
    assert upload(bundle(head={"version": "v4.0.0"})[0])[0].status == 200  # the same again


def test_a_key_that_nobody_trusts():
    status = Status()
    os.remove(status.root + "/update.key")
    answer, _, _ = upload(bundle()[0], status)
    assert answer.status == 422 and "not signed" in answer.json["error"]


class Asked(Status):
    """One that trusts no key, with a display."""

    def __init__(self):
        super().__init__()
        os.remove(self.root + "/update.key")
        self.display = FakePanel()


def ask(data, said, status=None, target=PATH + "?confirm"):
    """As upload, with somebody who says ``said`` to each question; and the questions, as told.

    ``said`` None: nobody is there.
    """
    status = status or Asked()
    command = Command(status)
    server = WebServer(status, command, ".")
    stream = Body(b"POST %s HTTP/1.1\r\nHost: 192.168.1.5\r\nContent-Length: %d\r\n\r\n"
                  % (target.encode(), len(data)) + data)
    asked = []

    async def person():
        while True:
            if type(status.confirm) is tuple and said is not None:
                assert not tree(status.root + "/b"), "nothing is written before"
                other = Body(b"GET %s HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n" % PATH.encode())
                await server.accept(other, other)
                asked.append((status.confirm, Answer(other.written).json))
                status.confirm = said
            await asyncio.sleep_ms(1)

    async def both():
        task = asyncio.create_task(person())
        await server.accept(stream, stream)
        task.cancel()

    asyncio.run(both())
    assert not stream.left and status.update is None and status.confirm is None
    return Answer(stream.written), command.calls, status, asked


def test_the_owner_vouches_for_it_at_the_display():
    data, body = bundle()
    answer, calls, status, asked = ask(data, True)
    assert (answer.status, answer.json) == (200, {"ok": True, "version": "v4.1.0"})
    assert calls == [BEGUN, ("update", "confirmed", "update", None)]
    (question, told), = asked
    assert question[:2] == ("v4.1.0", update_print(data, body))
    assert told["state"] == "confirm" and 118 <= told["confirm"].pop("left_s") <= 120
    assert told["confirm"] == {"version": "v4.1.0", "print": update_print(data, body)}
    assert tree(status.root + "/b")["main.mpy"] == b"M"
    assert get(PATH, status=status).json["state"] == "ready"


def update_print(data, body):
    """The digits of a bundle, as the display shows them."""
    digits = hexlify(sha256(data[data.find(b"\n") + 1:body - 256]).digest()).decode().upper()
    return "%s %s %s %s" % (digits[:4], digits[4:8], digits[8:12], digits[12:16])


def test_the_display_asks_only_when_that_is_wanted_and_needed():
    data = bundle()[0]
    answer, calls, status, asked = ask(data, True, target=PATH)
    assert (answer.status, answer.json["field"]) == (422, "confirm") and not asked
    assert calls == [BEGUN, FAILED] and not tree(status.root + "/b")
    answer, calls, _, asked = ask(data, True, Status())
    assert answer.status == 200 and calls[1] == WRITTEN and not asked
    # What would not be taken anyway is not asked for.
    for head, field in (({"board": "devkit"}, "update"), ({"version": "v3.9.9"}, "force")):
        answer, _, _, asked = ask(bundle(head=head)[0], True)
        assert (answer.status, answer.json["field"]) == (422, field) and not asked
    # What is wrong with it afterwards is not healed by confirming.
    answer, calls, _, asked = ask(data[:-2] + b"xx", True)
    assert "broken" in answer.json["error"] and answer.json["field"] == "update"
    assert calls == [BEGUN, FAILED] and len(asked) == 1


def test_no_is_no():
    answer, calls, status, _ = ask(bundle()[0], False)
    assert answer.json == {"error": "it was declined at the display", "field": "update"}
    assert calls == [BEGUN, FAILED] and not tree(status.root + "/b")


def test_nobody_is_there_or_there_is_no_display():
    clock = [now_ms()]

    class Hasty:
        """Each wait of the question is 19 s."""

        def __getattr__(self, name):
            return getattr(asyncio, name)

        @staticmethod
        async def sleep_ms(count):
            clock[0] = ticks.add(clock[0], 19_000 if count == 100 else 0)
            await asyncio.sleep_ms(0)

    real = install.now_ms
    install.asyncio, install.now_ms = Hasty(), lambda: clock[0]
    put_back(install)
    start = clock[0]
    try:
        answer, calls, status, _ = ask(bundle()[0], None)
    finally:
        install.asyncio, install.now_ms = asyncio, real
    assert answer.json["error"] == "nobody has confirmed it at the display"
    assert 120_000 <= ticks.diff(clock[0], start) <= 140_000
    assert calls == [BEGUN, FAILED] and not tree(status.root + "/b")
    blind = Asked()
    blind.display = None
    answer, _, _, asked = ask(bundle()[0], True, blind)
    assert "not signed" in answer.json["error"] and answer.json["field"] == "update"
    assert not asked


def test_the_key_of_the_build():
    status = Status()
    os.mkdir(status.root + "/slot")
    os.rename(status.root + "/update.key", status.root + "/slot/update.key")
    sys.path.insert(0, status.root + "/slot")
    try:
        assert upload(bundle()[0], status)[0].status == 200
    finally:
        sys.path.pop(0)


def test_a_peer_that_leaves_or_falls_silent():
    data = bundle()[0]
    for closes in (True, False):
        status = Status()
        command = Command(status)
        stream = FakeStream(b"POST %s HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Length: %d\r\n\r\n"
                            % (PATH.encode(), len(data)) + data[:-100], closes=closes)
        server = WebServer(status, command, ".")

        async def serve():
            task = asyncio.create_task(server.accept(stream, stream))
            while not closes and stream._data:
                await asyncio.sleep_ms(0)
            server.sweep(ticks.add(now_ms(), 0 if closes else 19_000))
            await asyncio.sleep_ms(5)
            assert closes or status.update is not None
            server.sweep(ticks.add(now_ms(), 0 if closes else 21_000))
            while not task.done():
                if stream.written:  # it is read on for a moment
                    server.sweep(ticks.add(now_ms(), 1000))
                await asyncio.sleep_ms(0)

        asyncio.run(serve())
        assert command.calls == [BEGUN, FAILED], closes
        assert status.update is None
        assert status.updated in ("the file ended too soon", "it was not sent to the end")
        assert Answer(stream.written).status == (422 if closes else 408)


def test_a_peer_that_dribbles_is_cut_off_some_time():
    """A byte every 19 s would keep the charger from charging for a week."""
    data = bundle()[0]
    status = Status()
    command = Command(status)
    clock = [now_ms()]

    class Dribble(FakeStream):
        async def read(self, count):
            if self.begun:
                clock[0] = ticks.add(clock[0], 19_000)
                await asyncio.sleep_ms(0)
                await asyncio.sleep_ms(0)
                count = 1
            return await super().read(count)

        begun = False

    stream = Dribble(b"POST %s HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Length: %d\r\n\r\n"
                     % (PATH.encode(), len(data)) + data)
    server = WebServer(status, command, ".")
    start = clock[0]
    real = web.now_ms
    web.now_ms = routes.now_ms = lambda: clock[0]
    try:
        async def serve():
            task = asyncio.create_task(server.accept(stream, stream))
            while not command.calls:
                await asyncio.sleep_ms(0)
            stream.begun = True
            while not task.done():
                server.sweep(clock[0])
                await asyncio.sleep_ms(0)

        asyncio.run(serve())
    finally:
        web.now_ms = routes.now_ms = real
    assert command.calls == [BEGUN, FAILED]
    assert 600_000 <= ticks.diff(clock[0], start) <= 640_000, ticks.diff(clock[0], start)
    assert status.updated == "it was not sent to the end"


def test_what_comes_after_the_body_is_not_part_of_it():
    data = bundle()[0]
    status = Status()
    stream = FakeStream(b"POST %s HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Length: %d\r\n\r\n"
                        % (PATH.encode(), len(data)) + data + b"more")
    asyncio.run(WebServer(status, Command(status), ".").accept(stream, stream))
    assert Answer(stream.written).status == 200


def test_an_update_beside_an_app_that_was_fallen_back_to_is_on_trial():
    """/slot names the other one, which holds no app: it must not be started without a trial."""
    status = Status()
    with open(status.root + "/slot", "w") as file:
        file.write("b")
    assert upload(bundle()[0], status)[0].status == 200
    assert tree(status.root)["slot"] == b"a"


def test_too_long():
    stream = FakeStream(b"POST %s HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Length: 1000001\r\n\r\n"
                        % PATH.encode())
    status = Status()
    asyncio.run(WebServer(status, Command(status), ".").accept(stream, stream))
    assert Answer(stream.written).status == 413


def test_flash_that_does_not_take_it():
    status = Status()
    with open(status.root + "/b", "w") as file:  # a file where the slot should be
        file.write("x")
    answer, calls, _ = upload(bundle()[0], status)
    assert answer.status == 422 and "flash" in answer.json["error"]
    assert calls == [BEGUN, FAILED]


# ---- its start ----

def test_the_other_one_is_tried():
    _, _, status = upload(bundle()[0])
    command = Command(status)
    answer = post(PATH + "/start", status=status, command=command)
    assert (answer.status, answer.json) == (200, {"ok": True, "version": "v4.1.0"})
    assert command.calls == [BEGUN, ("restart", True, "REST", None)]
    assert tree(status.root)["trial"] == b"b"


def test_there_is_no_other_one():
    status = Status()
    answer = post(PATH + "/start", status=status)
    assert (answer.status, answer.json["error"]) == (422, "there is no other version")
    _, _, status = upload(bundle(head={"board": "sim"})[0], status)
    status.board = "devkit"
    assert post(PATH + "/start", status=status).status == 422
    assert "trial" not in tree(status.root)


def test_not_started_while_it_charges():
    _, _, status = upload(bundle()[0])
    answer = post(PATH + "/start", status=status, command=FakeCommand(("update",)))
    assert answer.status == 422 and "trial" not in tree(status.root)


# ---- keys ----

class Owner(Status):
    """Somebody on the network for the set-up asks."""

    portal = ("SmartEVSE-4711", "secret", "192.168.4.1")

    def __init__(self):
        super().__init__()
        self.network = self

    def touch(self):
        """Somebody is there."""


def change(method, status, body=None):
    """A request about the key, from the network for the set-up where there is one."""
    data = json.dumps(body).encode() if body is not None else b""
    stream = FakeStream(b"%s %s/key HTTP/1.1\r\nHost: 192.168.4.1\r\nContent-Type: application/"
                        b"json\r\nContent-Length: %d\r\n\r\n" % (
                            method, PATH.encode(), len(data)) + data,
                        address=("192.168.4.2", 1))
    asyncio.run(WebServer(status, Command(status), ".").accept(stream, stream, True))
    return Answer(stream.written)


def test_the_owner_brings_a_key():
    status = Owner()
    os.remove(status.root + "/update.key")
    for key in (None, 7, "", "%x" % (MODULUS >> 9), "g" * 512):
        answer = change(b"PUT", status, {"key": key})
        assert (answer.status, answer.json["field"]) == (422, "key"), key
    assert "update.key" not in tree(status.root)
    assert change(b"PUT", status, {"key": "%x" % MODULUS}).status == 200
    assert tree(status.root) == {"update.key": b"%x" % MODULUS}
    assert upload(bundle()[0], status)[0].status == 200
    assert change(b"DELETE", status).status == 200
    assert change(b"DELETE", status).status == 404
    assert get(PATH, status=status).json["own_key"] is False


def test_a_key_is_not_changed_by_who_is_only_trusted_nor_while_it_charges():
    status = Status()
    for method, body in ((b"PUT", {"key": "%x" % MODULUS}), (b"DELETE", None)):
        assert change(method, status, body).status == 403
    status = Owner()
    status.charging = True
    for method, body in ((b"PUT", {"key": "%x" % MODULUS}), (b"DELETE", None)):
        assert change(method, status, body).status == 422
    assert "update.key" in tree(status.root)
