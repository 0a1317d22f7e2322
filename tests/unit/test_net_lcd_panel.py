"""A browser's requests to a real panel: what it shows, and the menu worked from afar."""

import asyncio
import json

from evse.net import routes
from evse.net.web import WebServer
from helpers_net import Answer, FakeStream
from helpers_panel import Desk

SAMPLE_MS = 10
HOLD_MS = 2400


class Afar:
    """A charger with a panel, and somebody at another place."""

    def __init__(self, **settings):
        self.desk = Desk(dict({"mains_met": "API", "mode": "Normal"}, **settings))
        self.server = WebServer(self.desk.status, self.desk.core.command, ".")
        self.desk.run(2500)

    def ask(self, line, form=""):
        real = routes.now_ms
        routes.now_ms = lambda: self.desk.now
        try:
            stream = FakeStream(("%s HTTP/1.0\r\nContent-Length: %d\r\nContent-Type: "
                                 "application/x-www-form-urlencoded\r\n\r\n%s"
                                 % (line, len(form), form)).encode(), address=("10.0.0.7", 1))
            asyncio.run(self.server.accept(stream, stream))
        finally:
            routes.now_ms = real
        return Answer(stream.written)

    def press(self, name, ms=150):
        down = self.ask("POST /lcd?button=%s&state=1" % name).json
        for _ in range(ms // SAMPLE_MS):
            self.desk.run(SAMPLE_MS)
        held = self.ask("POST /lcd").json
        up = self.ask("POST /lcd?button=%s&state=0" % name).json
        self.desk.run(400)
        return down["button"][name], held["button"][name], up["button"][name]

    def picture(self):
        """What a browser has of the display."""
        answer = self.ask("GET /api/v1/lcd")
        assert answer.status == 200
        return answer.body


def test_the_browser_sees_what_the_display_shows():
    afar = Afar()
    desk = afar.desk
    assert bytes(desk.display.data) == afar.picture()
    assert any(afar.picture())
    assert afar.ask("GET /lcd").body[:2] == b"BM"
    document = json.loads(afar.ask("GET /settings").body)
    assert document["backlight"]["status"] == "ON"
    assert 110 < document["backlight"]["timer"] <= 120
    assert json.loads(afar.ask("GET /api/v1/status").body)["display"] is True


def test_a_mode_is_chosen_in_the_menu_from_afar():
    for settings, form in (({"trust_lan": "Enabled"}, ""), ({"lcd_pin": 42}, "password=0042")):
        afar = Afar(**settings)
        if form:
            assert afar.ask("POST /lcd-verify-password", form).json == {"success": True}
        plain = afar.picture()
        assert afar.press("middle", HOLD_MS) == ("down", "down", "up")
        menu = afar.picture()
        assert menu != plain
        for name in ("middle", "right", "middle"):  # MODE: Normal becomes Smart
            afar.press(name)
            assert afar.picture() != menu
        assert afar.desk.settings.get("mode") == "Normal"  # nothing counts before EXIT
        afar.press("left")
        afar.press("middle")
        assert afar.desk.settings.get("mode") == "Smart"
        assert afar.desk.problems == []


def test_strangers_and_a_lock_press_nothing():
    for settings in ({}, {"lcd_pin": 42}, {"lcd_lock": "Enabled", "trust_lan": "Enabled"}):
        afar = Afar(**settings)
        afar.press("middle", HOLD_MS)
        afar.press("left", HOLD_MS)
        assert afar.desk.panel.pressed == 0
        assert afar.desk.status.access == 1
        assert "error" in afar.ask("POST /lcd?button=left&state=1").json


def test_who_falls_silent_has_let_go():
    afar = Afar(trust_lan="Enabled")
    afar.ask("POST /lcd?button=right&state=1")
    afar.desk.run(3900)
    assert afar.ask("POST /lcd").json["button"]["right"] == "down"
    afar.ask("POST /lcd?button=right&state=1")  # told again
    afar.desk.run(3900)
    assert afar.ask("POST /lcd").json["button"]["right"] == "down"
    afar.desk.run(200)
    assert afar.ask("POST /lcd").json["button"]["right"] == "up"


def test_the_pin_is_not_for_lookers_while_somebody_sets_it():
    afar = Afar(lcd_pin=1234)
    desk = afar.desk
    desk.press(2, HOLD_MS)
    for _ in range(40):  # from MODE on, until it is there
        if desk.panel.secret:
            break
        desk.press(4)
    assert desk.panel.secret
    for path in ("/lcd", "/api/v1/lcd"):
        assert afar.ask("GET " + path).status == 403
    desk.press(4)
    desk.run(300)
    assert afar.ask("GET /lcd").status == 200


def test_light_from_afar():
    afar = Afar(trust_lan="Enabled")
    assert afar.ask("POST /settings?backlight=0").json == {"Backlight": 0}
    afar.desk.run(1200)
    assert json.loads(afar.ask("GET /settings").body)["backlight"] == {"timer": 0, "status": "OFF"}
    assert afar.ask("POST /settings?backlight=2").json == {"Backlight": 2}
    afar.desk.run(1200)
    assert afar.desk.status.backlight_s in (239, 240)


def test_no_display_no_picture():
    desk = Desk(display=False)
    server = WebServer(desk.status, desk.core.command, ".")
    desk.run(100)
    stream = FakeStream(b"GET /lcd HTTP/1.0\r\n\r\n")
    asyncio.run(server.accept(stream, stream))
    assert Answer(stream.written).status == 404
    assert desk.status.backlight == -1
