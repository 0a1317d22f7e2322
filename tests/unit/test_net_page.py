"""The page's files come from flash, gzipped, in small pieces."""

import os

from helpers_net import FakeStream, get, request, serve

DIRECTORY = "/tmp/microevse-test-web"
CONTENT = bytes(range(256)) * 9 + b"end"


def put(name):
    try:
        os.mkdir(DIRECTORY)
    except OSError:
        pass  # left by an earlier run
    with open(DIRECTORY + "/" + name, "wb") as file:
        file.write(CONTENT)


def test_files_are_sent_as_they_lie():
    for path, name, kind in (
        ("/", "index.html", "text/html;charset=utf-8"),
        ("/index.html", "index.html", "text/html;charset=utf-8"),
        ("/app.js", "app.js", "text/javascript;charset=utf-8"),
        ("/nl.json", "nl.json", "application/json"),
        ("/style.css", "style.css", "text/css;charset=utf-8"),
        ("/icon.svg", "icon.svg", "image/svg+xml"),
        ("/openapi.json", "openapi.json", "application/json"),
        ("/api/v1/openapi.json", "openapi.json", "application/json"),
    ):
        put(name + ".gz")
        answer = get(path, web_dir=DIRECTORY)
        assert answer.status == 200, path
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.body == CONTENT


def test_files_are_sent_in_pieces():
    put("app.js.gz")
    stream = FakeStream(b"GET /app.js HTTP/1.0\r\n\r\n")
    assert serve(stream, web_dir=DIRECTORY).body == CONTENT
    assert stream.largest <= 512


def test_a_missing_file_is_not_found():
    for name, path in (("app.js", "/app.js"), ("index.html", "/")):
        put(name + ".gz")
        os.remove(DIRECTORY + "/" + name + ".gz")
        assert get(path, web_dir=DIRECTORY).status == 404


def test_files_are_only_read():
    put("app.js.gz")
    answer = request("POST", "/app.js", web_dir=DIRECTORY)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_no_other_file_is_served():
    for name in ("secret.gz", "secret.py.gz", "app.js.gz"):
        put(name)
    for path in ("/secret", "/../secret", "/secret.gz", "/secret.py", "/web/app.js", "//app.js",
                 "/../web/app.js", "/..%2fapp.js", "/api/v1/app.js"):
        assert get(path, web_dir=DIRECTORY).status == 404, path
