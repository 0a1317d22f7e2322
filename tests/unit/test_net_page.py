"""The page's files come from flash, gzipped, in small pieces."""

import os

from helpers_net import FakeStream, get, serve

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
        ("/current.js", "current.js", "text/javascript;charset=utf-8"),
        ("/bus.js", "bus.js", "text/javascript;charset=utf-8"),
        ("/lcd.js", "lcd.js", "text/javascript;charset=utf-8"),
        ("/style.css", "style.css", "text/css;charset=utf-8"),
        ("/icon.svg", "icon.svg", "image/svg+xml"),
        ("/zones.txt", "zones.txt", "text/plain;charset=utf-8"),
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


def test_a_missing_file_is_named():
    put("app.js.gz")
    os.remove(DIRECTORY + "/app.js.gz")
    answer = get("/app.js", web_dir=DIRECTORY)
    assert answer.status == 404
    assert "app.js" in answer.json["error"]


def test_no_other_file_is_served():
    put("secret.gz")
    for path in ("/secret", "/../secret", "/secret.gz", "/web/app.js", "//app.js"):
        assert get(path, web_dir=DIRECTORY).status == 404, path
