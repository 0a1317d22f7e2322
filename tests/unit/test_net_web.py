"""The server: who is served, for how long, and what every answer carries."""

import asyncio
import gc
import sys

from evse import ticks
from evse.net import web
from evse.net.web import WebServer
from helpers_net import (
    Answer,
    FakeCommand,
    FakeStatus,
    FakeStream,
    get,
    request,
    serve,
)

GET = b"GET /settings HTTP/1.0\r\n\r\n"


def new_server():
    return WebServer(FakeStatus(), FakeCommand(), ".")


async def settle():
    for _ in range(30):
        await asyncio.sleep_ms(0)


def later(ms):
    return ticks.add(web.now_ms(), ms)


def test_every_answer_carries_the_security_headers():
    for answer in (get("/settings"), get("/nothing"), get("/settings", headers={"Host": "evil"}),
                   request("PUT", "/")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["connection"] == "close"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_unknown_paths_and_methods_answer_as_json():
    answer = get("/nothing")
    assert answer.status == 404
    assert answer.json == {"error": "not found"}
    answer = get("/currents")
    assert answer.status == 405
    assert answer.json == {"error": "method not allowed"}
    assert answer.headers["allow"] == "POST"
    assert request("POST", "/").headers["allow"] == "GET, HEAD"
    for path in ("/", "/app.js", "/api/v1/status", "/api/v1/sessions.csv"):
        assert request("POST", path).status == 405, path
    for path in ("/nothing", "/settings/more", "/api/v1", "/api/v1/", "/api/v1/status/"):
        assert request("GET", path).status == request("POST", path).status == 404, path


def test_what_writes_is_kept_only_while_somebody_does():
    server = new_server()
    loaded = []
    load = web.rare

    def counting(name):
        loaded.append(name)
        return load(name)

    def post(ms):
        server.sweep(later(ms))
        stream = FakeStream(b"POST /cablelock?1= HTTP/1.0\r\n\r\n")
        asyncio.run(server.accept(stream, stream))
        assert Answer(stream.written).json == {"cablelock": 1}
        assert "evse.net.writes" not in sys.modules
        return len(loaded)

    web.rare = counting
    try:
        assert [post(ms) for ms in (0, 59_000, 61_000)] == [1, 1, 2]
    finally:
        web.rare = load


def test_head_has_no_body():
    answer = request("HEAD", "/settings")
    assert answer.status == 200
    assert answer.body == b""
    assert request("HEAD", "/api/v1/status").status == 200


def test_no_reading_request_writes():
    for method in ("GET", "HEAD"):
        for path in ("/settings", "/currents", "/rfid", "/cablelock", "/color_off",
                     "/api/v1/command", "/api/v1/cards"):
            core = FakeCommand()
            request(method, path + "?mode=1&L1=1&L2=1&L3=1&rfid=112233445566&R=1&G=1&B=1",
                    command=core)
            assert core.calls == [], path


def test_a_failing_handler_answers_500_without_its_text():
    class Broken(FakeCommand):
        def __call__(self, name, value, source):
            raise RuntimeError("secret detail")

    answer = request("POST", "/settings?mode=1", command=Broken())
    assert answer.status == 500
    assert answer.json == {"error": "internal error"}


def test_writes_are_small():
    for target in ("/settings", "/api/v1/status"):
        stream = FakeStream(("GET %s HTTP/1.0\r\n\r\n" % target).encode())
        assert serve(stream).status == 200
        assert 100 < stream.largest <= 512, target


def test_answers_side_by_side_do_not_mix():
    first, second = FakeStatus(), FakeStatus()
    first.state_name = "first" * 20
    second.state_name = "other" * 20
    streams = [FakeStream(GET) for _ in range(4)]
    servers = [WebServer(status, FakeCommand(), ".") for status in (first, second)]

    async def run():
        await asyncio.gather(*[servers[i % 2].accept(stream, stream)
                               for i, stream in enumerate(streams)])

    asyncio.run(run())
    for i, stream in enumerate(streams):
        assert Answer(stream.written).json["evse"]["state"] == (first, second)[i % 2].state_name


def test_the_fifth_connection_is_asked_to_come_back():
    server = new_server()
    waiting = [FakeStream(b"GET / HTTP/1.0\r\n", closes=False) for _ in range(4)]
    fifth = FakeStream(GET)

    async def run():
        tasks = [asyncio.create_task(server.accept(stream, stream)) for stream in waiting]
        await settle()
        await server.accept(fifth, fifth)
        answer = Answer(fifth.written)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert "busy" in answer.json["error"]
        assert fifth.closed == 1
        server.sweep(later(5100))
        await settle()
        sixth = FakeStream(GET)
        await server.accept(sixth, sixth)
        assert Answer(sixth.written).status == 200
        server.sweep(later(600))
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert (server.served, server.refused, server.expired) == (1, 1, 4)


def test_a_head_has_five_seconds():
    server = new_server()
    stream = FakeStream(b"GET / HTTP/1.0\r\n", closes=False)

    async def run():
        task = asyncio.create_task(server.accept(stream, stream))
        await settle()
        server.sweep(later(4800))
        await settle()
        assert stream.written == b""
        server.sweep(later(5100))
        await settle()
        assert Answer(stream.written).status == 408
        server.sweep(later(600))
        await task

    asyncio.run(run())
    assert stream.closed == 1
    assert server.expired == 1


def test_a_request_has_ten_seconds():
    server = new_server()
    stream = FakeStream(b"POST /settings HTTP/1.0\r\nContent-Length: 5\r\n\r\n12", closes=False)

    async def run():
        task = asyncio.create_task(server.accept(stream, stream))
        await settle()
        server.sweep(later(9800))
        await settle()
        assert stream.written == b""
        server.sweep(later(10100))
        await settle()
        assert Answer(stream.written).status == 408
        server.sweep(later(600))
        await task

    asyncio.run(run())


def test_a_peer_that_does_not_take_its_answer_is_let_go():
    class Stuck(FakeStream):
        async def drain(self):
            await asyncio.sleep(60)

    server = new_server()
    stream = Stuck(GET)

    async def run():
        task = asyncio.create_task(server.accept(stream, stream))
        await settle()
        server.sweep(later(10100))
        await task

    asyncio.run(run())
    assert stream.closed == 1
    assert b"408" not in stream.written
    assert server.expired == 1


def test_a_refused_peer_is_let_go_after_half_a_second():
    server = new_server()
    stream = FakeStream(b"junk\n", closes=False)

    async def run():
        task = asyncio.create_task(server.accept(stream, stream))
        await settle()
        assert Answer(stream.written).status == 400
        assert stream.closed == 0
        server.sweep(later(600))
        await task

    asyncio.run(run())
    assert stream.closed == 1


def test_only_two_refused_peers_may_linger():
    server = new_server()
    streams = [FakeStream(b"junk\n", closes=False) for _ in range(3)]

    async def run():
        tasks = [asyncio.create_task(server.accept(stream, stream)) for stream in streams]
        await settle()
        assert [stream.closed for stream in streams] == [0, 0, 1]
        server.sweep(later(600))
        await asyncio.gather(*tasks)

    asyncio.run(run())
    for stream in streams:
        assert Answer(stream.written).status == 400


def test_a_broken_connection_frees_its_place():
    class Broken(FakeStream):
        async def read(self, count):
            raise OSError(104)

    server = new_server()
    for _ in range(6):
        stream = Broken(b"")
        asyncio.run(server.accept(stream, stream))
        assert stream.closed == 1
    stream = FakeStream(GET)
    asyncio.run(server.accept(stream, stream))
    assert Answer(stream.written).status == 200


def test_requests_leave_no_memory_behind():
    server = new_server()

    def used_after(count):
        for _ in range(count):
            stream = FakeStream(GET)
            asyncio.run(server.accept(stream, stream))
        gc.collect()
        return gc.mem_alloc()

    before = used_after(5)
    assert used_after(50) - before < 1024


def test_no_memory_for_one_connection_leaves_the_server_standing():
    server = new_server()
    real = server.accept
    failures = []

    def failing(reader, writer):
        failures.append(1)
        raise MemoryError

    async def once():
        reader, writer = await asyncio.open_connection("127.0.0.1", 18089)
        heard = b""
        try:
            writer.write(b"GET /api/v1/journal HTTP/1.0\r\n\r\n")
            await writer.drain()
            heard = await reader.read(-1)
        except OSError:
            pass  # turned away
        writer.close()
        await writer.wait_closed()
        return heard

    async def run():
        task = asyncio.create_task(server.run("127.0.0.1", 18089))
        await asyncio.sleep_ms(0)  # its first turn, in which it listens
        server.accept = failing
        assert await once() == b""
        server.accept = real
        assert (await once()).startswith(b"HTTP/1.0 200")
        task.cancel()
        await asyncio.sleep_ms(0)  # its last turn
        # The address is free again at once.
        task = asyncio.create_task(server.run("127.0.0.1", 18089))
        await asyncio.sleep_ms(0)  # its first turn, in which it listens
        assert (await once()).startswith(b"HTTP/1.0 200")
        task.cancel()

    asyncio.run(run())
    assert failures
