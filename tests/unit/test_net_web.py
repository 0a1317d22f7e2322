"""The server: who is served, for how long, and what every answer carries."""

import asyncio
import gc
import socket
import sys

from evse import ticks
from evse.net import routes
from evse.net.reply import Reply, failure
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
    return ticks.add(routes.now_ms(), ms)


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
    assert answer.json == {"error": "it is POST /currents, not GET"}
    assert answer.headers["allow"] == "POST"
    assert request("POST", "/").headers["allow"] == "GET, HEAD"
    for path in ("/", "/api/v1/status", "/api/v1/sessions.csv"):
        assert request("POST", path).status == 405, path
    for path in ("/nothing", "/settings/more", "/api/v1", "/api/v1/", "/api/v1/status/"):
        assert request("GET", path).status == request("POST", path).status == 404, path


def test_what_writes_is_kept_only_while_somebody_does():
    server = new_server()
    loaded = []
    load = routes.rare

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

    routes.rare = counting
    try:
        assert [post(ms) for ms in (0, 59_000, 61_000)] == [1, 1, 2]
    finally:
        routes.rare = load


def test_three_modules_are_kept_at_most():
    server = new_server()
    loaded = []
    load = routes.rare

    def counting(name):
        loaded.append(name)
        return load(name)

    def ask(*paths):
        loaded.clear()
        for path in paths:
            stream = FakeStream(("GET %s HTTP/1.0\r\n\r\n" % path).encode())
            asyncio.run(server.accept(stream, stream))
        return len(loaded)

    routes.rare = counting
    try:
        three = "/api/v1/status", "/api/v1/journal", "/update"
        assert ask(*three) == 3
        assert ask(*three) == 0
        assert ask("/api/v1/wifi") == 1
        assert ask(*three[1:]) == 0  # what was wanted longest ago has gone
        assert ask(three[0]) == 1
    finally:
        routes.rare = load


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


def test_whoever_asks_for_more_memory_than_there_is_may_come_back():
    class Greedy(FakeCommand):
        def __call__(self, name, value, source):
            raise MemoryError

    answer = request("POST", "/settings?mode=1", command=Greedy())
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert "memory" in answer.json["error"]

    def pieces():
        yield "x" * 600
        raise MemoryError

    server = new_server()
    server.find = lambda request: Reply(pieces())
    stream = FakeStream(GET)
    asyncio.run(server.accept(stream, stream))
    assert stream.written.count(b"HTTP/1.0") == 1  # half an answer has nothing added to it
    assert stream.closed == 1


def test_no_memory_for_one_connection_leaves_the_server_standing():
    server = new_server()
    real = server.accept
    failures = []

    def failing(reader, writer, inside):
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


def test_a_server_that_ends_leaves_nobody_connected():
    """Nobody would sweep them any more."""
    server = new_server()
    silent = FakeStream(b"GET / HTTP/1.0\r\n", closes=False)
    refused = FakeStream(b"junk\n", closes=False)

    async def run():
        task = asyncio.create_task(server.run("127.0.0.1", 18089))
        tasks = [asyncio.create_task(server.accept(stream, stream))
                 for stream in (silent, refused)]
        await settle()
        assert Answer(refused.written).status == 400
        assert (silent.closed, refused.closed) == (0, 0)
        task.cancel()
        await settle()
        assert (silent.closed, refused.closed) == (1, 1)
        assert all(task.done() for task in tasks)

    asyncio.run(run())


class Stay(Reply):
    """An answer that does not end, if it may; ``open`` are those that are being written."""

    open = []

    def __init__(self):
        super().__init__("")

    async def write(self, stream):
        if not stream.endless():
            await failure(503, "enough of them").write(stream)
            return
        self.open.append(stream)
        try:
            await stream.awrite(b"HTTP/1.0 200 OK\r\n\r\n")
            while True:
                await asyncio.sleep_ms(0)
        finally:
            self.open.remove(stream)


def test_half_of_the_places_may_be_taken_for_ever():
    server = new_server()
    real = server.find
    server.find = lambda request: Stay() if request.path == "/stay" else real(request)

    async def run():
        streams = [FakeStream(b"GET /stay HTTP/1.0\r\n\r\n") for _ in range(3)]
        tasks = [asyncio.create_task(server.accept(stream, stream)) for stream in streams]
        await settle()
        assert [Answer(stream.written).status for stream in streams] == [200, 200, 503]
        for _ in range(3):  # they leave room for others
            other = FakeStream(GET)
            await server.accept(other, other)
            assert Answer(other.written).status == 200
        # They stay as long as they say so, the others are let go in time.
        Stay.open[0].allow_more(20_000)
        server.sweep(later(10_100))
        await settle()
        assert len(Stay.open) == 1
        again = FakeStream(b"GET /stay HTTP/1.0\r\n\r\n")
        tasks.append(asyncio.create_task(server.accept(again, again)))
        await settle()
        assert Answer(again.written).status == 200
        server.sweep(later(30_000))
        await asyncio.gather(*tasks)
        assert Stay.open == []

    asyncio.run(run())


def test_who_stays_loses_the_rights_of_a_token_that_ends():
    server = new_server()
    server.find = lambda request: Stay()

    async def run():
        auth = server.auth()
        token = ["abc"]
        auth.knows = lambda given, now: given in token
        stream = FakeStream(b"GET /stay HTTP/1.0\r\nAuthorization: Bearer abc\r\n\r\n")
        task = asyncio.create_task(server.accept(stream, stream))
        await settle()
        assert Stay.open[0].source() == "installer"
        token.clear()
        assert Stay.open[0].source() == "REST"
        server.sweep(later(10_100))
        await task

    asyncio.run(run())


def test_being_refused_again_and_again_takes_no_memory():
    server = new_server()
    start = b"POST /api/v1/cards HTTP/1.0\r\nContent-Length: 3000\r\n\r\n"

    async def run():
        held = FakeStream(start, closes=False)
        task = asyncio.create_task(server.accept(held, held))
        await settle()

        async def used_after(count):
            for _ in range(count):
                other = FakeStream(start)
                await server.accept(other, other)
                assert Answer(other.written).status == 503
            gc.collect()
            return gc.mem_alloc()

        before = await used_after(5)
        assert await used_after(60) - before < 256
        server.sweep(later(10_100))
        await settle()
        server.sweep(later(700))
        await task

    asyncio.run(run())


def test_other_services_take_of_the_sockets():
    """The board has ten; what listens, names and the answer for the host name take three."""
    for changes, most in (
        ({}, 6),
        ({"mqtt_host": "broker"}, 6),
        ({"mqtt_host": "broker", "mains_met": "HomeWizrd"}, 5),
        ({"telnet": "Enabled"}, 5),
        ({"modbus_tcp": "Enabled"}, 4),
        ({"portal": True}, 5),
        ({"mqtt_host": "broker", "update": 7}, 5),
        ({"modbus_tcp": "Enabled", "mqtt_host": "broker"}, 3),
        ({"modbus_tcp": "Enabled", "mqtt_host": "broker", "telnet": "Enabled"}, 2),
        ({"modbus_tcp": "Enabled", "mqtt_host": "broker", "telnet": "Enabled",
          "mains_met": "HomeWizrd", "ev_meter": "HomeWizrd"}, 2),
    ):
        server = new_server()
        server.doors[0].values.update(changes)
        server.doors[0].portal = changes.get("portal")
        server.doors[0].update = changes.get("update")
        server.count_sockets()
        async def run():
            tasks = []
            streams = []
            while server.has_room():
                streams.append(FakeStream(b"GET / HTTP/1.0\r\n", closes=False))
                tasks.append(asyncio.create_task(server.accept(streams[-1], streams[-1])))
                await settle()
            assert len(streams) == most, changes
            # The first four wait for the rest of their request; the others for a place, in vain.
            while server.refused < most - 4:
                await asyncio.sleep_ms(20)
            await settle()
            statuses = [Answer(stream.written).status for stream in streams]
            assert statuses == [None] * min(most, 4) + [503] * (most - min(most, 4)), changes
            server.sweep(later(5100))
            await settle()
            server.sweep(later(700))
            await asyncio.gather(*tasks)

        asyncio.run(run())


def test_only_one_long_body_is_taken_at_a_time():
    server = new_server()
    start = b"POST /api/v1/cards HTTP/1.0\r\nContent-Length: 3000\r\n\r\n"
    first, second = FakeStream(start, closes=False), FakeStream(start, closes=False)

    async def run():
        tasks = [asyncio.create_task(server.accept(stream, stream)) for stream in (first, second)]
        await settle()
        assert first.written == b""
        assert Answer(second.written).status == 503
        server.sweep(later(10_100))
        await settle()
        server.sweep(later(700))
        await asyncio.gather(*tasks)
        third = FakeStream(b"POST /api/v1/cards HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        await server.accept(third, third)
        assert Answer(third.written).status == 415  # it is read

    asyncio.run(run())


class Network:
    """The radio; ``touched`` counts what its portal was used for."""

    touched = 0

    def touch(self):
        self.touched += 1


class Counting(WebServer):
    """Notes the connections that are taken: by which door they came."""

    def __init__(self):
        super().__init__(FakeStatus(), FakeCommand(), ".")
        self.doors_used = []

    async def accept(self, reader, writer, inside=False):
        self.doors_used.append(inside)
        await super().accept(reader, writer, inside)


def test_the_set_up_network_has_a_door_of_its_own():
    server = Counting()
    status = server.doors[0]

    def listens(host):
        sock = socket.socket()
        try:
            sock.connect(socket.getaddrinfo(host, 18091)[0][-1])
            return True
        except OSError:
            return False
        finally:
            sock.close()

    async def becomes(wanted):
        for _ in range(200):
            if listens("127.0.4.1") == wanted:
                return True
            await asyncio.sleep_ms(5)
        return False

    async def taken(host):
        """By which door a connection to ``host`` came."""
        await asyncio.sleep_ms(50)  # those before have been taken
        server.doors_used.clear()
        assert listens(host)
        while not server.doors_used:
            await asyncio.sleep_ms(5)
        return server.doors_used[0]

    async def run():
        task = asyncio.create_task(server.run("127.0.0.1", 18091))
        await asyncio.sleep_ms(0)  # its first turn, in which it listens
        assert not listens("127.0.4.1")
        for _ in range(2):  # it opens and closes more than once
            status.portal = ("SmartEVSE-4711", "password", "127.0.4.1")
            assert await becomes(True)
            assert await taken("127.0.4.1")
            assert not await taken("127.0.0.1")
            status.portal = None
            assert await becomes(False)
            assert not await taken("127.0.0.1")
        # An address that is not to be had holds up nobody.
        status.portal = ("SmartEVSE-4711", "password", "203.0.113.1")
        for _ in range(6):
            assert not await taken("127.0.0.1")
        task.cancel()
        await asyncio.sleep_ms(0)

    asyncio.run(run())


def test_whoever_joins_the_set_up_network_is_led_to_its_page():
    server = new_server()
    status = server.doors[0]
    status.portal = ("SmartEVSE-4711", "password", "192.168.4.1")
    status.network = network = Network()

    def ask(path, host="192.168.4.1", peer="192.168.4.2", inside=True):
        stream = FakeStream(("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path, host)
                             ).encode(), address=(peer, 1))
        asyncio.run(server.accept(stream, stream, inside))
        return Answer(stream.written)

    for path, host in (("/generate_204", "connectivitycheck.gstatic.com"), ("/", "example.com"),
                       ("/hotspot-detect.html", "captive.apple.com"),
                       ("/ncsi.txt", "192.168.4.1")):
        answer = ask(path, host)
        assert answer.status == 302, path
        assert answer.headers["location"] == "http://192.168.4.1/"
    assert network.touched == 0  # a telephone asks for them all the time
    assert "portal.html" in ask("/").json["error"]  # there are no files here
    assert ask("/api/v1/nothing").status == 404
    assert network.touched == 2
    # For all others nothing is different.
    assert ask("/generate_204", "192.168.1.5", "192.168.1.9").status == 404
    assert ask("/", "example.com", "192.168.1.9").status == 421
    assert ask("/", "example.com", inside=False).status == 421
    assert "index.html" in ask("/", "192.168.1.5", "192.168.1.9").json["error"]
    assert network.touched == 2
    status.portal = None
    assert ask("/", "example.com").status == 421
