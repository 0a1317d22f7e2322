"""The display over the network: its picture, what changed of it, and who may press its buttons."""

import asyncio
import gc
import json
import sys

from evse import ticks
from evse.net import routes
from evse.net.web import WebServer
from helpers_net import Answer, FakeCommand, FakePanel, FakeStatus, FakeStream

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
JSON = "Content-Type: application/json\r\n"
MINUTE = 60_000
ALL = list(range(8))


class Site:
    """A server with a display, on a clock of its own."""

    def __init__(self, **settings):
        self.status = FakeStatus()
        self.status.display = self.panel = FakePanel()
        self.status.values.update(settings)
        self.command = FakeCommand()
        self.server = WebServer(self.status, self.command, ".")
        self.now = 1_000_000
        self.stream = None

    def ask(self, line, body="", headers="", peer="192.168.1.7"):
        real = routes.now_ms
        routes.now_ms = lambda: self.now
        try:
            text = "%s HTTP/1.0\r\n%sContent-Length: %d\r\n\r\n%s" % (line, headers, len(body),
                                                                      body)
            self.stream = FakeStream(text.encode(), address=(peer, 5))
            asyncio.run(self.server.accept(self.stream, self.stream))
        finally:
            routes.now_ms = real
        return Answer(self.stream.written)

    def get(self, path, **options):
        return self.ask("GET " + path, **options)

    def press(self, query, **options):
        return self.ask("POST /lcd" + query, **options)

    def pin(self, text, **options):
        return self.ask("POST /lcd-verify-password", "password=" + text, FORM, **options).json

    def changes(self, since=None):
        """(frame, pages as {number: bytes}) since a frame."""
        answer = self.get("/api/v1/lcd" + ("" if since is None else "?since=%d" % since))
        bits = int(answer.headers["x-pages"])
        numbers = [page for page in range(8) if bits & 1 << page]
        assert answer.status == (200 if numbers else 204)
        assert len(answer.body) == 128 * len(numbers)
        return int(answer.headers["x-frame"]), {
            page: answer.body[at * 128:at * 128 + 128] for at, page in enumerate(numbers)}


def test_the_picture_is_a_bmp_of_1086_bytes():
    site = Site()
    answer = site.get("/lcd")
    body = answer.body
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/bmp"
    assert answer.headers["content-length"] == "1086"
    assert len(body) == 1086

    def number(at, size):
        return int.from_bytes(body[at:at + size], "little")

    assert body[:2] == b"BM"
    assert (number(2, 4), number(10, 4), number(14, 4)) == (1086, 62, 40)
    assert (number(18, 4), number(22, 4), number(26, 2), number(28, 2)) == (128, 64, 1, 1)
    assert (number(30, 4), number(34, 4), number(46, 4)) == (0, 1024, 2)
    assert body[54:62] == b"\xff\xff\xff\x00\x00\x00\xff\x00"
    for y in range(64):
        row = body[62 + (63 - y) * 16:62 + (64 - y) * 16]
        for x in range(128):
            assert (row[x // 8] >> (7 - x % 8) & 1) == ((x * y + x + 2 * y) % 7 == 0), (x, y)
    assert site.stream.largest <= 512


def test_only_what_changed_is_sent():
    site = Site()
    frame, pages = site.changes()
    assert sorted(pages) == ALL
    assert b"".join(pages[page] for page in ALL) == bytes(site.panel.data)
    assert site.changes(frame) == (frame, {})
    site.panel.data[3 * 128 + 5] ^= 1
    site.panel.data[7 * 128 + 127] ^= 128
    second, pages = site.changes(frame)
    assert second > frame
    assert pages == {3: bytes(site.panel.data[384:512]), 7: bytes(site.panel.data[896:])}
    site.panel.data[0] ^= 1
    third, pages = site.changes(second)
    assert sorted(pages) == [0]
    # Somebody else is a frame behind, another one has none at all.
    assert sorted(site.changes(frame)[1]) == [0, 3, 7]
    assert sorted(site.changes(-1)[1]) == ALL
    assert site.changes(third) == (third, {})
    assert site.stream.largest <= 1024


def test_frames_that_were_never_numbered_here_get_everything():
    site = Site()
    frame, _ = site.changes()
    for since in (0, frame + 1, frame - 100, frame + (1 << 30), 1 << 40, -5):
        assert sorted(site.changes(since)[1]) == ALL, since
    site.now = ticks.add(site.now, 10 * MINUTE)
    site.server.sweep(site.now)
    site.panel.data[0] ^= 1
    again, pages = site.changes(frame)  # loaded anew: it knows nothing of that frame
    assert again > frame
    assert sorted(pages) == ALL
    for text in ("x", "1.5", "%20"):
        assert site.get("/api/v1/lcd?since=" + text).status == 400, text


def test_an_empty_answer_has_no_body_and_says_who_may_press():
    site = Site()
    frame, _ = site.changes()
    answer = site.get("/api/v1/lcd?since=%d" % frame)
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers
    assert answer.headers["x-buttons"] == "closed"
    assert site.stream.written.startswith(b"HTTP/1.0 204 OK\r\n")


def test_head_has_no_body():
    site = Site()
    for path in ("/lcd", "/api/v1/lcd"):
        answer = site.ask("HEAD " + path)
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) in (1086, 1024)


def test_half_a_picture_is_waited_for():
    class Drawing(FakePanel):
        asked = 0

        @property
        def drawing(self):
            self.asked += 1
            if self.asked == 3:
                self.data[:] = bytes(1024)  # the last step of the drawing
            return self.asked < 4

        @drawing.setter
        def drawing(self, value):
            pass

    site = Site()
    site.status.display = site.panel = Drawing()
    answer = site.get("/lcd")
    assert site.panel.asked > 3
    assert answer.body[62:] == bytes(1024)


def test_a_drawing_that_does_not_end_is_not_shown():
    # It might be a password that is just coming.
    site = Site()
    site.panel.drawing = True
    for path in ("/lcd", "/api/v1/lcd"):
        answer = site.get(path)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert "busy" in answer.json["error"]


def test_without_a_display_there_is_a_reason():
    site = Site(trust_lan="Enabled")
    site.status.display = None
    for answer in (site.get("/lcd"), site.get("/api/v1/lcd"), site.press("?button=left&state=1")):
        assert answer.status == 404
        assert answer.json == {"error": "there is no display"}
    assert site.command.calls == []


def test_each_path_has_its_methods():
    site = Site()
    assert site.ask("POST /api/v1/lcd").status == 405
    assert site.get("/lcd-verify-password").status == 405
    assert site.get("/lcdx").status == 404


def test_a_trusted_network_presses_as_it_likes():
    site = Site(trust_lan="Enabled")
    assert site.get("/lcd").headers["x-buttons"] == "open"
    for name, shown in (("left", {"left": "down", "middle": "up", "right": "up"}),
                        ("middle", {"left": "up", "middle": "down", "right": "up"}),
                        ("right", {"left": "up", "middle": "up", "right": "down"})):
        assert site.press("?button=%s&state=1" % name).json == {"button": shown}
        assert site.press("?button=%s&state=0" % name).json == {
            "button": {"left": "up", "middle": "up", "right": "up"}}
    assert [call[1] for call in site.command.calls] == [
        ("left", True), ("left", False), ("middle", True), ("middle", False), ("right", True),
        ("right", False)]
    assert site.command.calls[0] == ("button", ("left", True), "REST")


def test_a_press_in_query_form_and_json():
    for query, body, headers in (
        ("?button=left&state=1", "", ""),
        ("", "button=left&state=1", FORM),
        ("", '{"button": "left", "state": 1}', JSON),
        ("", '{"button": "left", "state": true}', JSON),
        ("?button=left", "state=1", FORM),
    ):
        site = Site(trust_lan="Enabled")
        assert site.press(query, body=body, headers=headers).json["button"]["left"] == "down"
        assert site.command.calls == [("button", ("left", True), "REST")], (query, body)


def test_what_names_no_button_only_tells_the_state():
    site = Site(trust_lan="Enabled")
    site.panel.pressed = 4
    for query, body, headers in (
        ("?button=up&state=1", "", ""), ("?button=left", "", ""), ("?state=1", "", ""),
        ("", "", ""), ("?button=left&state=2", "", ""), ("?button=LEFT&state=1", "", ""),
        ("", "{", JSON), ("", "[1]", JSON), ("", '{"button": ["left"], "state": 1}', JSON),
        ("", '{"button": 1, "state": null}', JSON), ("", "button=left%zz&state=1", FORM),
    ):
        answer = site.press(query, body=body, headers=headers)
        assert answer.status == 200
        assert answer.json == {"button": {"left": "up", "middle": "up", "right": "down"}}, (
            query, body)
    assert site.command.calls == []


def test_strangers_press_nothing_and_hear_all_down():
    site = Site(lcd_pin=1234)
    answer = site.press("?button=left&state=1")
    assert answer.status == 200
    assert answer.json["button"] == {"left": "down", "middle": "down", "right": "down"}
    assert "PIN" in answer.json["error"]
    assert site.command.calls == []


def test_what_the_core_refuses_is_said():
    site = Site(trust_lan="Enabled")
    site.command.refuses = ("button",)
    assert site.press("?button=left&state=1").json == {
        "button": {"left": "up", "middle": "up", "right": "up"}, "error": "no button today"}


def test_the_pin_opens_the_buttons_for_whoever_gave_it():
    site = Site(lcd_pin=1234)
    assert site.get("/lcd").headers["x-buttons"] == "pin"
    assert site.pin("1234") == {"success": True}
    assert site.get("/lcd").headers["x-buttons"] == "open"
    assert site.press("?button=right&state=1").json["button"]["right"] == "down"
    assert site.command.calls == [("button", ("right", True), "PIN")]
    # Not for anybody else.
    assert site.get("/lcd", peer="192.168.1.8").headers["x-buttons"] == "pin"
    assert "error" in site.press("?button=right&state=0", peer="192.168.1.8").json
    assert len(site.command.calls) == 1


def test_an_open_door_closes_after_ten_minutes_without_a_press():
    site = Site(lcd_pin=1234)
    site.pin("1234")
    site.now = ticks.add(site.now, 9 * MINUTE)
    site.server.sweep(site.now)
    site.press("?button=left&state=1")
    site.now = ticks.add(site.now, 9 * MINUTE)
    site.server.sweep(site.now)
    assert site.get("/lcd").headers["x-buttons"] == "open"
    site.now = ticks.add(site.now, 1 * MINUTE)
    assert site.get("/lcd").headers["x-buttons"] == "pin"
    assert "error" in site.press("?button=left&state=0").json
    assert len(site.command.calls) == 1


def test_a_new_pin_closes_what_the_old_one_opened():
    site = Site(lcd_pin=1234)
    site.pin("1234")
    for pin, shown in ((4321, "pin"), (0, "closed"), (1234, "open")):
        site.status.values["lcd_pin"] = pin
        assert site.get("/lcd").headers["x-buttons"] == shown, pin


def test_no_pin_opens_nothing():
    site = Site(lcd_pin=0)
    for text in ("0", "0000", "", "1234"):
        assert not site.pin(text)["success"], text
    assert site.get("/lcd").headers["x-buttons"] == "closed"
    assert "error" in site.press("?button=left&state=1").json


def test_a_pin_is_a_number_in_the_body():
    for text, success in (("0042", True), ("42", True), ("00042", False), ("042 ", False),
                          ("", False), ("x", False), ("4.2e1", False), ("-42", False),
                          ("43", False)):
        site = Site(lcd_pin=42)
        assert site.pin(text)["success"] == success, text
    site = Site(lcd_pin=42)
    path = "POST /lcd-verify-password"
    assert not site.ask(path + "?password=42").json["success"]
    assert not site.ask(path + "?password=42", "x=1", FORM).json["success"]
    assert not site.ask(path, "{", JSON).json["success"]
    assert site.ask(path, '{"password": 42}', JSON).json["success"]


def test_guessing_takes_longer_and_longer():
    site = Site(lcd_pin=1234)
    waits = [site.pin("1111")["wait_s"] for _ in range(5)]
    assert waits == [0, 0, 0, 0, 60]
    for wait_s, following in ((60, 120), (120, 240), (240, 480), (480, 600), (600, 600)):
        # Meanwhile even the right one is not looked at.
        assert site.pin("1234") == {"success": False, "wait_s": wait_s}
        site.now = ticks.add(site.now, wait_s * 1000 - 1)
        site.server.sweep(site.now)
        assert site.pin("1234") == {"success": False, "wait_s": 1}
        site.now = ticks.add(site.now, 1)
        assert site.pin("1111") == {"success": False, "wait_s": following}
    # Others are not held up by it, and a right one in time ends it.
    assert site.pin("1234", peer="192.168.1.8") == {"success": True}
    site.now = ticks.add(site.now, 10 * MINUTE)
    assert site.pin("1234") == {"success": True}
    assert [site.pin("1")["wait_s"] for _ in range(5)] == [0, 0, 0, 0, 60]


def test_wrong_ones_are_remembered_for_an_hour():
    site = Site(lcd_pin=1234)
    for _ in range(4):
        site.pin("1111")
    site.now = ticks.add(site.now, 59 * MINUTE)
    site.server.sweep(site.now)
    assert site.pin("1111")["wait_s"] == 60
    site.now = ticks.add(site.now, 61 * MINUTE)
    site.server.sweep(site.now)
    assert site.pin("1111")["wait_s"] == 0


def test_many_guessers_get_no_more_tries_than_a_few():
    site = Site(lcd_pin=1234)
    for number in range(6):
        site.pin("1111", peer="192.168.1.%d" % number)
    assert site.pin("1234", peer="192.168.1.99")["error"] == "too many have tried"
    assert site.pin("1234", peer="192.168.1.0") == {"success": True}
    site.now = ticks.add(site.now, 11 * MINUTE)  # that one's time is over, there is room again
    assert site.pin("1234", peer="192.168.1.99") == {"success": True}
    assert [site.pin("1111", peer="192.168.1.5")["wait_s"] for _ in range(4)] == [0, 0, 0, 60]


def test_a_locked_display_says_so():
    site = Site(lcd_pin=1234, lcd_lock="Enabled", trust_lan="Enabled")
    assert site.get("/lcd").headers["x-buttons"] == "locked"


def test_a_password_on_the_display_is_for_those_who_may_press():
    site = Site(lcd_pin=1234)
    site.panel.secret = True
    for path in ("/lcd", "/api/v1/lcd"):
        answer = site.get(path)
        assert answer.status == 403
        assert "password" in answer.json["error"]
        assert answer.headers["x-buttons"] == "pin"
    site.pin("1234")
    assert site.get("/lcd").status == 200
    assert site.get("/api/v1/lcd").status == 200


def test_it_is_loaded_when_asked_for_and_goes_again():
    site = Site(lcd_pin=1234)
    assert site.server.lcd is None
    site.get("/lcd")
    assert "evse.net.lcd" not in sys.modules
    first = site.server.lcd
    assert first
    site.now = ticks.add(site.now, MINUTE - 1)
    site.server.sweep(site.now)
    assert site.server.lcd is first
    site.now = ticks.add(site.now, 1)
    site.server.sweep(site.now)
    assert site.server.lcd is None
    site.pin("1234")
    site.now = ticks.add(site.now, 10 * MINUTE - 1)
    site.server.sweep(site.now)
    assert site.server.lcd  # it has somebody to remember
    site.now = ticks.add(site.now, 1)
    site.server.sweep(site.now)
    assert site.server.lcd is None


def test_watching_takes_no_memory():
    site = Site(lcd_pin=1234, trust_lan="Enabled")

    def used_after(count):
        for number in range(count):
            site.panel.data[number] ^= 255
            frame, _ = site.changes()
            site.changes(frame)
            site.get("/lcd")
            site.press("?button=left&state=%d" % (number & 1))
            site.pin("1111")
            site.command.calls.clear()
        site.stream = None
        gc.collect()
        return gc.mem_alloc()

    before = used_after(5)
    assert used_after(30) - before < 1024


def test_a_hosts_own_structure_tells_the_peer():
    site = Site(lcd_pin=1234)
    for last, shown in ((7, "open"), (8, "pin")):
        for port in (1, 2):
            stream = FakeStream(b"GET /lcd HTTP/1.0\r\n\r\n",
                                address=bytearray((2, 0, 0, port, 192, 168, 1, last) + (0,) * 8))
            if last == 7 and port == 1:
                body = b"POST /lcd-verify-password HTTP/1.0\r\nContent-Length: 13\r\n" + \
                    FORM.encode() + b"\r\npassword=1234"
                stream = FakeStream(body, address=stream.get_extra_info("peername"))
                asyncio.run(site.server.accept(stream, stream))
                assert json.loads(Answer(stream.written).body) == {"success": True}
                continue
            asyncio.run(site.server.accept(stream, stream))
            assert Answer(stream.written).headers["x-buttons"] == shown
