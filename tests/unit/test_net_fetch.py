"""An update is fetched from the own network, and from nowhere else, within fixed bounds."""

import asyncio
import json
import socket

from evse import ticks
from evse.net import fetch
from evse.net.web import WebServer, now_ms
from helpers_net import Answer, FakeCommand, FakePanel, FakeStream, get, listening, post
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

HEAD = b"HTTP/1.1 200 OK\r\nServer: any\r\ncontent-length:  %d\r\n\r\n"
SILENT = b"silent"  # in what a server says: nothing more comes, and it does not hang up


class Known:
    """Names and addresses, and which were asked for."""

    def __init__(self, **known):
        self._known = known
        self.asked = []

    def __call__(self):
        return self

    async def lookup(self, name):
        self.asked.append(name)
        return self._known.get(name.replace(".", "_"), name if name[0].isdigit() else None)


class Server:
    """A web server on this host that says ``answer`` to the first who asks."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = b""
        self._listener, self.port = listening(
            18900, 1, ((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),))

    async def run(self):
        while True:
            try:
                peer = self._listener.accept()[0]
                break
            except OSError:
                await asyncio.sleep_ms(1)
        peer.setblocking(False)
        stream = asyncio.StreamReader(peer)
        try:
            while b"\r\n\r\n" not in self.asked:
                self.asked += await stream.read(512)
            said, silent, _ = self._answer.partition(SILENT)
            stream.write(said)
            await stream.drain()
            while silent:
                await asyncio.sleep_ms(1)
        except OSError:
            pass  # it was told enough
        finally:
            await stream.wait_closed()

    def close(self):
        self._listener.close()


def fetched(answer, status=None, command=None, host="127.0.0.1", path="/x.upd", **wanted):
    """Have a file fetched; returns (answer, what was commanded, status, what was asked)."""
    status = status or Status()
    command = command or Command(status)
    status.names = status.names or Known()
    site = Server(answer)
    wanted["url"] = "http://%s:%d%s" % (host, site.port, path)
    body = json.dumps(wanted).encode()
    stream = FakeStream(b"POST %s/fetch HTTP/1.1\r\nHost: 1.2.3.4\r\nContent-Type: application/"
                        b"json\r\nContent-Length: %d\r\n\r\n" % (PATH.encode(), len(body)) + body)
    server = WebServer(status, command, ".")

    async def both():
        task = asyncio.create_task(site.run())
        await server.accept(stream, stream)
        task.cancel()

    asyncio.run(both())
    site.close()
    assert status.update is None
    return Answer(stream.written), command.calls, status, site.asked.decode()


def served(data):
    """What a server says that has ``data``."""
    return HEAD % len(data) + data


def test_a_good_one():
    answer, calls, status, asked = fetched(served(bundle()[0]), path="/a/b.upd?c=d#e")
    assert (answer.status, answer.json) == (200, {"ok": True, "version": "v4.1.0"})
    assert calls == [BEGUN, WRITTEN] and status.updated == "ready"
    assert tree(status.root + "/b")["main.mpy"] == b"M"
    lines = asked.split("\r\n")
    assert lines[0] == "GET /a/b.upd?c=d HTTP/1.0"
    assert lines[1].startswith("Host: 127.0.0.1:") and lines[2:] == ["Connection: close", "", ""]
    assert get(PATH, status=status).json["state"] == "ready"


def test_by_name():
    status = Status()
    status.names = Known(nas_local="127.0.0.1")
    answer, _, _, asked = fetched(served(bundle()[0]), status, host="nas.local")
    assert answer.status == 200 and status.names.asked == ["nas.local"]
    assert "Host: nas.local:" in asked
    status.names = Known()
    answer, calls, _, asked = fetched(served(bundle()[0]), status, host="nas.local")
    assert answer.json == {"error": "nobody knows where nas.local is", "field": "url"}
    assert calls == [BEGUN, FAILED] and not asked


def test_only_from_the_own_network():
    for address, private in (
            ("10.0.0.1", True), ("10.255.255.255", True), ("172.16.0.1", True),
            ("172.31.9.9", True), ("192.168.0.1", True), ("169.254.3.4", True),
            ("127.0.0.1", True), ("11.0.0.1", False), ("9.255.255.255", False),
            ("172.15.0.1", False), ("172.32.0.1", False), ("192.167.1.1", False),
            ("192.169.1.1", False), ("169.253.1.1", False), ("8.8.8.8", False),
            ("224.0.0.251", False), ("255.255.255.255", False), ("0.0.0.0", False)):
        assert fetch.is_private(address) == private, address
    status = Status()
    status.names = Known(evil_example="8.8.8.8")
    for host in ("8.8.8.8", "evil.example"):
        answer, calls, _, asked = fetched(served(bundle()[0]), status, host=host)
        assert answer.json == {"error": "8.8.8.8 is not on this network", "field": "url"}
        assert calls == [BEGUN, FAILED] and not asked


def test_what_a_url_is():
    for url, parts in (("http://10.0.0.1", ("10.0.0.1", 80, "/")),
                       ("HTTP://nas.local/x", ("nas.local", 80, "/x")),
                       ("http://nas:8080/x?y=http://z/", ("nas", 8080, "/x?y=http://z/")),
                       ("http://nas/#there", ("nas", 80, "/"))):
        assert fetch.parts_of(url) == parts, url
    for url in ("", "nas/x", "https://nas/x", "ftp://nas/x", "http://", "http:///x", "http://:80/",
                "http://nas:/x", "http://nas:0/x", "http://nas:65536/", "http://nas:x/",
                "http://me@nas/x", "http://me:pw@nas/x", "http://nas?x", "http://[::1]/x",
                "http://nas/a b", "http://nas/\r\nX: y", "http://nas/\u00e9", "http://n\0s/",
                "http://nas/" + "x" * 190):
        try:
            fetch.parts_of(url)
        except ValueError as problem:
            assert "URL" in problem.args[0], url
            answer = post(PATH + "/fetch", {"url": url}, status=Status())
            assert (answer.status, answer.json["field"]) == (422, "url"), url
            continue
        raise AssertionError(url)
    for url in (None, 5, ["http://nas/"], {}):
        assert post(PATH + "/fetch", {"url": url}, status=Status()).status == 422
    assert post(PATH + "/fetch", {}, status=Status()).status == 422
    assert post(PATH + "/fetch", [], status=Status()).status == 400


def test_servers_that_do_not_have_it():
    for said, words in (
            (b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n", "answers 302, not 200"),
            (b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers 404, not 200"),
            (b"HTTP/1.1 \xff\x00\xfe Odd\r\n\r\n", "answers ???, not 200"),
            (b"HTTP/1.1 200 OK\r\n\r\n" + bundle()[0], "no web server that says how long"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: x\r\n\r\n", "how long"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "how long"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n", "the file is too long"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\n", "how long"),
            (b"SSH-2.0-OpenSSH_9\r\n", "no web server"), (b"", "no web server"),
            (b"x" * 3000, "no web server"), (b"\r\n", "no web server"),
            (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40, "how long"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3000, "how long")):
        answer, calls, status, _ = fetched(said)
        assert (answer.status, answer.json["field"]) == (422, "url"), said
        assert words in answer.json["error"], (said, answer.json)
        assert calls == [BEGUN, FAILED] and not tree(status.root + "/b")


def test_nobody_listens():
    status = Status()
    status.names = Known()
    answer = post(PATH + "/fetch", {"url": "http://127.0.0.1:9/x"}, status=status)
    assert answer.json["field"] == "url" and "no connection to 127.0.0.1:9" in answer.json["error"]


def test_servers_that_fall_silent_or_hang_up():
    data = bundle()[0]
    whole = served(data)
    real = fetch.now_ms
    for said, words in ((SILENT, "no answer in time"), (whole[:30] + SILENT, "no answer in time"),
                        (whole[:-500] + SILENT, "ended too soon"),
                        (whole[:-500], "ended too soon"), (whole[:70], "ended too soon")):
        clock = [now_ms()]

        def hasty():
            clock[0] = ticks.add(clock[0], 100)
            return clock[0]

        fetch.now_ms = hasty
        put_back(fetch)
        try:
            answer, calls, _, _ = fetched(said)
        finally:
            fetch.now_ms = real
        assert answer.status == 422 and words in answer.json["error"], (said[:40], answer.json)
        assert calls == [BEGUN, FAILED]


def test_more_than_was_announced_is_not_read():
    data = bundle()[0]
    assert fetched(served(data) + b"more")[0].status == 200
    assert fetched(HEAD % 10 + bytes(400))[0].json["error"] == "the file ended too soon"
    assert "more in it" in fetched(served(data + b"x"))[0].json["error"]


def test_it_is_judged_as_one_that_is_sent():
    old = bundle(head={"version": "v3.9.9"})[0]
    answer, calls, status, _ = fetched(served(old))
    assert (answer.status, answer.json["field"]) == (422, "force") and calls == [BEGUN, FAILED]
    assert fetched(served(old), force=1)[0].status == 422  # neither true nor asked for
    assert fetched(served(old), force=True)[0].status == 200
    status = Status()
    status.display = FakePanel()
    with open(status.root + "/update.key", "w") as file:
        file.write("%x" % (MODULUS - 2))
    answer, _, _, _ = fetched(served(bundle()[0]), status)
    assert (answer.status, answer.json["field"]) == (422, "confirm")
    answer, _, _, _ = fetched(served(bytes(900)))
    assert "no update" in answer.json["error"] and answer.json["field"] == "update"


def test_who_may_and_when():
    url = {"url": "http://127.0.0.1:9/x"}
    status = Status()
    status.values["trust_lan"] = "Disabled"
    assert post(PATH + "/fetch", url, status=status).status == 403
    status = Status()
    status.trial_s = 5
    assert "prove" in post(PATH + "/fetch", url, status=status).json["error"]
    status = Status()
    status.update = 7
    assert "being received" in post(PATH + "/fetch", url, status=status).json["error"]
    answer, _, _, asked = fetched(served(bundle()[0]), Status(), FakeCommand(("update",)))
    assert answer.json["error"] == "no update today" and not asked
