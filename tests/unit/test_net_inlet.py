"""Requests are bounded and judged before Microdot sees them."""

import asyncio

from evse.net.inlet import Gone, Inlet, Refusal
from helpers_net import FakeCommand, FakeStream, get, post, request, serve


def test_a_request_may_arrive_byte_by_byte():
    data = b"GET /settings HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n"
    assert serve(FakeStream(data, step=1)).status == 200


def test_line_ends_without_carriage_return_are_read():
    assert serve(FakeStream(b"GET /settings HTTP/1.0\n\n")).status == 200


def test_one_empty_line_ahead_is_skipped_and_two_are_not():
    assert serve(FakeStream(b"\r\nGET /settings HTTP/1.0\r\n\r\n")).status == 200
    assert serve(FakeStream(b"\r\n\r\nGET /settings HTTP/1.0\r\n\r\n")).status == 400


def test_what_is_not_http_is_refused():
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\n", b"hello\n", b"GET /\n", b"GET / HTTP/2\n",
                 b"GET http://10.0.0.1/ HTTP/1.1\n", b"\xff\xfe\xfd / HTTP/1.1\n"):
        assert serve(FakeStream(junk)).status == 400, junk


def test_a_peer_that_leaves_early_gets_nothing():
    for part in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: a"):
        stream = FakeStream(part)
        assert serve(stream).status is None
        assert stream.closed == 1


def test_other_methods_are_refused_with_the_allowed_ones():
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "GE", "get"):
        answer = request(method, "/settings")
        assert answer.status == 405, method
        assert answer.headers["allow"] == "GET, HEAD, POST"
        assert "error" in answer.json
        assert request(method, "/").headers["allow"] == "GET, HEAD"
        assert request(method, "/nothing").status == 404
    assert request("ABCDEFGHIJ", "/settings").status == 405
    assert request("ABCDEFGHIJK", "/settings").status == 400


def test_request_line_of_1024_bytes_is_the_longest():
    fixed = len("GET /settings?a= HTTP/1.1\r\n")
    assert get("/settings?a=" + "x" * (1024 - fixed)).status == 200
    assert get("/settings?a=" + "x" * (1025 - fixed)).status == 414


def test_an_endless_line_is_refused_after_1024_bytes():
    stream = FakeStream(b"A" * 300000, closes=False)
    assert serve(stream).status == 414
    assert len(stream._data) > 290000


def test_header_line_of_1024_bytes_is_the_longest():
    fixed = len("X: \r\n")
    assert get("/settings", headers={"X": "v" * (1024 - fixed)}).status == 200
    assert get("/settings", headers={"X": "v" * (1025 - fixed)}).status == 431


def test_32_headers_are_the_most():
    def with_headers(count):
        headers = {}
        for number in range(count - 1):  # the Host header is one more
            headers["X-%d" % number] = "1"
        return get("/settings", headers=headers).status

    assert with_headers(32) == 200
    assert with_headers(33) == 431


def test_4096_bytes_of_head_are_the_most():
    headers = {"A": "v" * 1000, "B": "v" * 1000, "C": "v" * 1000, "D": "v" * 800}
    assert get("/settings", headers=headers).status == 200
    headers["E"] = "v" * 300
    assert get("/settings", headers=headers).status == 431


def test_malformed_headers_are_refused():
    for line in ("no colon", ": no name", "Name : space", " folded: line", "Content-Length: -1",
                 "Content-Length: 1x", "Content-Length:", "Host: 1.2.3.4\r\nHost: 1.2.3.5",
                 "Content-Length: 1\r\nContent-Length: 2"):
        data = ("POST /settings HTTP/1.1\r\n%s\r\n\r\nxx" % line).encode()
        assert serve(FakeStream(data)).status == 400, line


def test_the_same_length_twice_is_accepted():
    data = b"POST /settings HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"
    assert serve(FakeStream(data)).status == 200


def test_chunked_bodies_are_refused():
    assert request("POST", "/settings", headers={"Transfer-Encoding": "chunked"}).status == 411


def test_bodies_over_1024_bytes_are_refused_unread():
    assert request("POST", "/settings", b"x" * 1024).status == 200
    assert request("POST", "/settings", b"x" * 1025).status == 413
    assert request("POST", "/settings", headers={"Content-Length": "9" * 40}).status == 413


def test_a_body_that_never_comes_whole_is_not_acted_on():
    command = FakeCommand()
    data = b"POST /settings?mode=1 HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort"
    assert serve(FakeStream(data), command=command).status is None
    assert command.calls == []


def test_malformed_escapes_are_refused():
    for target in ("/%zz", "/settings?mode=%zz", "/settings?mode=%ff", "/settings?mode=%-1"):
        assert get(target).status == 400, target


def test_hosts_a_browser_may_use():
    for host in ("192.168.1.5", "192.168.1.5:8081", "[fe80::1]", "[fe80::1]:80", "localhost",
                 "localhost:8081", "SmartEVSE-4711", "smartevse-4711.local",
                 "MICROEVSE-4711.local"):
        assert get("/settings", headers={"Host": host}).status == 200, host


def test_foreign_host_names_are_refused():
    for host in ("evil.example", "evil.example:80", "smartevse-4712.local", "1.2.3.4.evil.example",
                 "1.2.3", "1.2.3.256", "1.2.3.4x", "smartevse-4711.evil", "x.local", "[evil",
                 "[::1].evil", "[evil]"):
        assert get("/settings", headers={"Host": host}).status == 421, host


def test_writes_from_foreign_pages_are_refused():
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://192.168.1.5:8080"},
        {"Origin": "ftp://192.168.1.5"},
        {"Origin": "http://192.168.1.5", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://192.168.1.5", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Mode": "no-cors"},
    ):
        command = FakeCommand()
        assert request("POST", "/settings?mode=1", headers=headers,
                       command=command).status == 403, headers
        assert command.calls == []


def test_writes_from_our_page_and_from_programs_pass():
    for headers in (
        {},
        {"Origin": "http://192.168.1.5"},
        {"Origin": "http://192.168.1.5", "Sec-Fetch-Site": "same-origin",
         "Sec-Fetch-Mode": "cors"},
    ):
        command = FakeCommand()
        assert post("/settings?mode=1", headers=headers, command=command).status == 200, headers
        assert len(command.calls) == 1


def test_get_changes_nothing():
    for target in ("/settings?mode=0", "/currents?L1=1&L2=1&L3=1", "/api/v1/command", "/?mode=0",
                   "/api/v1/status?mode=0"):
        command = FakeCommand()
        get(target, command=command)
        assert command.calls == [], target


def test_all_that_writes_is_judged_alike():
    for method in ("POST", "PATCH", "DELETE"):
        for headers, status in (({"Origin": "http://evil.example"}, 403),
                                ({"Sec-Fetch-Site": "same-origin"}, 403),
                                ({"Host": "evil.example"}, 421),
                                ({"Origin": "http://192.168.1.5"}, 404)):
            assert request(method, "/nothing", headers=headers).status == status, (
                method, headers)
    for method in ("GET", "HEAD"):
        assert request(method, "/nothing", headers={"Origin": "http://evil.example"}
                       ).status == 404, method


def taken(target, body, step=1 << 20, method="POST", length=None):
    """The Inlet after it has read one request with ``body``."""
    head = "%s %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (
        method, target, len(body) if length is None else length)
    one = Inlet(FakeStream(head.encode() + body, step), ())

    async def read():
        await one.read_head()
        await one.read_body()
        return one

    return asyncio.run(read())


def refusal(*arguments, **options):
    """Why a request is not read."""
    try:
        taken(*arguments, **options)
    except (Refusal, Gone) as exc:
        return exc
    raise AssertionError("it was read")


def test_long_bodies_are_kept_in_small_pieces():
    body = bytes(range(256)) * 16
    for step in (1 << 20, 100, 1):
        for target in ("/api/v1/cards", "/api/v1/cards?add", "/api/v1/restore"):
            one = taken(target, body, step)
            assert b"".join(one.chunks) == body
            assert max(len(chunk) for chunk in one.chunks) <= 256
    assert taken("/api/v1/cards", b"").chunks == []
    assert taken("/api/v1/cards", b"abc" * 2, length=3).chunks == [b"abc"]
    assert refusal("/api/v1/cards", body + b"x").status == 413
    assert type(refusal("/api/v1/cards", body[1:], length=4096)) is Gone


def test_all_other_bodies_are_short():
    assert taken("/settings", b"x" * 1024).chunks is None
    for target, method in (("/settings", "POST"), ("/api/v1/command", "POST"),
                           ("/api/v1/cards/", "POST"), ("/x?/api/v1/cards", "POST"),
                           ("/api/v1/restore", "GET")):
        assert refusal(target, b"x" * 1025, method=method).status == 413, (target, method)
        assert taken(target, b"x", method=method).chunks is None


def test_the_token_is_in_a_header_or_in_our_cookie():
    def token(headers):
        one = Inlet(FakeStream(("GET / HTTP/1.1\r\n%s\r\n" % headers).encode()), ())
        asyncio.run(one.read_head())
        return one.token

    for headers, wanted in (
        ("", ""),
        ("Authorization: Bearer abc\r\n", "abc"),
        ("authorization: bearer abc\r\n", "abc"),
        ("Authorization: Bearer   abc  \r\n", "abc"), ("Authorization: Bearer\r\n", ""),
        ("Authorization: Basic abc\r\n", ""), ("Authorization:\r\n", ""),
        ("Cookie: evse=abc\r\n", "abc"), ("Cookie: a=b;evse=abc; c\r\n", "abc"),
        ("Cookie: xevse=abc; evse2=abc\r\n", ""),
        ("Cookie: evse\r\n", ""),
        ("Cookie: ;;=;\r\n", ""),
        ("Cookie: evse=abc\r\nAuthorization: Bearer def\r\n", "def"),
    ):
        assert token(headers) == wanted, headers


def test_what_takes_much_memory_when_parsed_is_refused():
    for target in ("/settings?" + "&" * 63, "/settings?" + "a=b&" * 63):
        assert get(target).status == 200
        assert get(target + "&").status == 400
    for body, less in ((b"[" * 65, 1), (b"{" * 65, 1), (b"[{" * 32 + b"[", 1), (b"," * 301, 1),
                       (b"&" * 64, 1)):
        for target in ("/settings", "/api/v1/restore"):
            assert refusal(target, body).status == 400, (target, body)
            assert taken(target, body[less:])
