"""Each sentence of the design's security baseline, attacked."""

import concurrent.futures
import json
import re
import urllib.parse
from pathlib import Path

import pytest

from raw_http import ask, send, status_of
from twin_fixture import ROOT, Twin

NETWORK = ROOT / "evse" / "net"
CHOSEN = "a chosen password"
SECRETS = {"wifi_password": "w1f1-s3cr3t", "mqtt_password": "mqtt-s3cr3t"}
PIN = 9173
ENDLESS = "/api/v1/events"
FINAL = ("/api/v1/restart", "/reboot", "/erasesettings")  # whatever the body is
# From other addresses, so that no test has to wait for what another one guessed wrong.
SOMEBODY, SOMEBODY_ELSE, ATTACKER = "127.0.0.2", "127.0.0.3", "127.0.0.66"
VISITOR, INSIDE = "127.0.4.2", "127.0.4.1"  # in the twin's network for the set-up


def routes():
    """{path: methods} of the firmware, the files of the page too."""
    found = {}
    text = (NETWORK / "routes.py").read_text()
    text = text.partition("ROUTES = const(")[2].partition(")\n")[0]
    table = "".join(re.findall('"(.*)"', text)).replace("\\n", "\n")
    for line in table.strip().splitlines():
        path, *methods = line.split()
        found[path] = [method.partition("=")[0] for method in methods]
    assert len(found) > 30
    for name in re.findall(r'"([\w.]+\.\w+)"', (NETWORK / "page.py").read_text()):
        found["/" + name] = ["GET"]
    found["/"] = ["GET"]
    return found


ROUTES = routes()
# All that older firmwares took for a command, and more.
QUERY = urllib.parse.urlencode({
    "mode": 0, "starttime": "2030-01-01T00:00", "stoptime": "2030-01-01T01:00", "repeat": 1,
    "override_current": 60, "current_min": 7, "enable_C2": 1, "stop_timer": 5, "custombutton": 1,
    "L1": 1, "L2": 1, "L3": 1, "battery_current": 10, "rfid": "112233445566", "cablelock": 1,
    "lcdlock": 1, "1": "", "R": 1, "G": 2, "B": 3, "button": "left", "state": 1, "password": PIN,
    "name": "mode", "value": "Off", "since": 0, "mqtt_update": 1, "mqtt_host": "evil"})


class House:
    """A twin and what its files tell. ``password`` is the install password, at first the portal's.

    Logging in takes no time as long as that counts, so what changes it comes last.
    """

    def __init__(self, twin):
        self.twin = twin
        self._token = None
        environment = Path("/proc/%d/environ" % twin.pid).read_bytes().split(b"\0")
        self.data = Path(next(entry[15:].decode() for entry in environment
                              if entry.startswith(b"MICROEVSE_DATA=")))
        self.portal_password = twin.wait(lambda: self.stored().get("portal"),
                                         what="the portal's password")
        self.password = self.portal_password

    def stored(self):
        try:
            return json.loads((self.data / "settings.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def send(self, *arguments, **options):
        return send(self.twin, *arguments, **options)

    def login(self, password=None, source=SOMEBODY):
        return self.send("POST", "/api/v1/login", {"password": password or self.password},
                         source=source)

    def choose(self, password, source=SOMEBODY, to=None, **more):
        """Status of an attempt to choose another password."""
        return self.send("POST", "/api/v1/password", {"password": password, **more},
                         source=source, to=to)[0]

    def token(self, fresh=False):
        """A token for the header Authorization."""
        if fresh or not self._token:
            status, _, document = self.login()
            assert status == 200, document
            self._token = "Bearer " + document["token"]
        return self._token

    def command(self, name, value, **headers):
        """Status of a command to /api/v1."""
        return self.send("POST", "/api/v1/command", {"name": name, "value": value},
                         **headers)[0]

    def facts(self):
        """What a write would change, and how many events the journal has."""
        status = self.twin.get("api/v1/status")
        settings = self.twin.get("settings")
        events = self.twin.get("api/v1/journal")
        return (status["mode"], status["access"], status["override_da"], status["timer"],
                status["battery"]["da"], status["custom"], status["reader"]["last"],
                settings["settings"],
                settings["mqtt"], settings["color"], settings["evse"]["access"],
                events[-1]["number"])


@pytest.fixture(scope="module")
def house(sim_build):
    one = Twin(settings={"lcd_pin": PIN, "mains_met": "API", "rfid": "EnableAll", **SECRETS})
    try:
        yield House(one)
    finally:
        one.close()


# "No state-changing GET."

def test_no_get_changes_anything(house):
    before = house.facts()
    for path, methods in ROUTES.items():
        for method in ("GET", "HEAD"):
            if method == "GET" and path == ENDLESS:
                continue
            request = "%s %s?%s HTTP/1.1\r\n\r\n" % (method, path, QUERY)
            status = status_of(ask(house.twin, request.encode(), SOMEBODY))
            assert (status == 405) == ("GET" not in methods), (method, path, status)
    assert house.facts() == before


# "Writes from a browser need same origin (Origin / Sec-Fetch-Site; a missing Origin is allowed
# only when no Sec-Fetch header is present)."

def test_a_foreign_page_writes_nothing(house):
    own = "http://" + urllib.parse.urlsplit(house.twin.url).netloc
    token = house.token()
    before = house.facts()
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": own + "0"},
        {"Origin": own.replace("http", "https", 1) + ".evil.example"},
        {"Origin": own, "Sec-Fetch-Site": "cross-site"},
        {"Origin": own, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    ):
        for path, methods in ROUTES.items():
            for method in methods:
                if method == "GET":
                    continue
                status = house.send(method, path + "?mode=0", {"name": "mode", "value": "Off"},
                                    source=SOMEBODY, Authorization=token, **headers)[0]
                assert status == 403, (headers, method, path)
    assert house.facts() == before
    assert house.command("mode", "Normal", Origin=own, Sec_Fetch_Site="same-origin") == 200
    assert house.command("mode", "Normal") == 200  # a program


def test_a_foreign_page_cannot_send_what_only_the_own_one_can(house):
    """Forms need no leave to be sent: JSON and CSV do, so nothing else is taken for them."""
    before = house.facts()
    for path in ("/api/v1/command", "/api/v1/login", "/api/v1/password", "/api/v1/cards",
                 "/api/v1/settings", "/api/v1/restore"):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                     None):
            method = "PATCH" if "PATCH" in ROUTES[path] else "POST"
            status = house.send(method, path, b'{"name": "mode", "value": "Off"}',
                                source=SOMEBODY, Content_Type=kind)[0]
            assert status in (403, 415), (path, kind, status)
    assert house.facts() == before


# "Host must be an IP literal, the host name, its .local form or a configured name."

def test_no_foreign_name_leads_here(house):
    serial = house.twin.get("settings")["serialnr"]
    for host in ("evil.example", "127.0.0.1.evil.example", "smartevse-%d.evil" % serial,
                 "smartevse-%d" % (serial + 1), "127.0.0.1@evil.example", "2130706433", "0x7f.1"):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            status, headers, _ = house.send(method, "/settings?mode=0", Host=host)
            assert status == 421, (method, host)
            assert "location" not in headers
    for host in ("SmartEVSE-%d" % serial, "smartevse-%d.local:80" % serial, "10.0.0.1",
                 "[::1]:80"):
        assert house.send("GET", "/settings", Host=host)[0] == 200, host


# "Levels: look (open), drive (mode, currents; open on the LAN by default for Home Assistant, can
# be locked), install (WiFi, MQTT, limits, update, RFID list; password ...)."

INSTALL = (("set", ["max", 20]), ("set", ["wifi_ssid", "evil"]), ("set", ["mqtt_host", "evil"]),
           ("set", ["trust_lan", "Enabled"]), ("set", ["lcd_pin", 1]), ("set", ["tz", "UTC0"]),
           ("set", ["drive_locked", "Disabled"]), ("cards", ["add", "112233445566", "Eve"]),
           ("cards", ["clear"]), ("swipe", "112233445566"), ("colour", ["off", 1, 2, 3]),
           ("custom", True), ("fault", "reset"), ("intervals", [[0, 1000]]))


def test_looking_needs_nothing_and_driving_nothing_by_default(house):
    for path in ("/", "/settings", "/api/v1/status", "/api/v1/journal", "/metrics"):
        assert house.send("GET", path)[0] == 200, path
    for name, value in (("mode", "Normal"), ("override", 60), ("override", 0),
                        ("reading", ["mains", 10, 10, 10]), ("set", ["import", 3])):
        assert house.command(name, value) == 200, name


def test_installing_needs_the_password(house):
    before = house.facts()
    for name, value in INSTALL:
        assert house.command(name, value) in (401, 403, 422), (name, value)
        assert house.command(name, value, Authorization="Bearer " + "0" * 32) != 200
        assert house.command(name, value, Cookie="evse=" + "0" * 32) != 200
    for path in ("/api/v1/cards.csv", "/api/v1/cards", "/api/v1/wifi"):
        status, _, document = house.send("GET", path)
        assert status in (401, 403), path
        assert set(document) <= {"error", "field", "allowed"}
    assert house.facts() == before
    status, _, document = house.login()
    assert status == 200
    given = "evse=" + document["token"]
    for name, value in (("set", ["max", 20]), ("set", ["max", 16]),
                        ("cards", ["add", "112233445566", "Ada"]),
                        ("cards", ["remove", "112233445566"]), ("custom", False)):
        assert house.command(name, value, Authorization="Bearer " + given[5:]) == 200, name
        assert house.command(name, value, Cookie="other=1; " + given) == 200, name
    assert house.send("GET", "/api/v1/cards.csv", Cookie=given)[0] == 200
    # In the address it is worth nothing: addresses stay in histories and logs.
    assert house.send("GET", "/api/v1/cards.csv?token=" + given[5:])[0] in (401, 403)
    assert house.send("POST", "/api/v1/logout", Cookie=given)[0] == 200
    assert house.command("custom", False, Cookie=given) != 200


def test_driving_can_be_locked(house):
    token = house.token()
    assert house.command("set", ["drive_locked", "Enabled"], Authorization=token) == 200
    before = house.facts()
    for name, value in (("mode", "Off"), ("override", 60), ("access", "Off"),
                        ("reading", ["mains", 1, 1, 1]), *INSTALL):
        assert house.command(name, value) in (401, 403, 422), name
    document = house.send("POST", "/settings?mode=0&override_current=60")[2]
    assert set(document.values()) == {"Value not allowed!"}
    assert house.facts() == before
    assert house.command("mode", "Normal", Authorization=token) == 200
    assert house.command("set", ["drive_locked", "Disabled"], Authorization=token) == 200
    assert house.command("mode", "Normal") == 200


def test_trusting_the_network_does_not_give_away_the_password(house):
    token = house.token()
    assert house.command("set", ["trust_lan", "Enabled"], Authorization=token) == 200
    assert house.command("set", ["max", 16]) == 200
    record = house.stored().get("auth")
    assert house.choose("taken over") == 400
    assert house.choose("taken over", old="guessed") == 401
    assert house.command("password", "1$AA==$AA==") == 400  # not for programs at all
    assert house.stored().get("auth") == record
    assert house.command("set", ["trust_lan", "Disabled"], Authorization=token) == 200


# "back-off per source address"

def test_who_guesses_waits_and_nobody_else(house):
    statuses = [house.login("guess %d" % number, ATTACKER)[0] for number in range(5)]
    assert statuses == [401] * 5
    status, headers, _ = house.login(source=ATTACKER)  # the right one is not even looked at
    assert status == 429
    assert 0 < int(headers["retry-after"]) <= 60
    assert house.login(source=SOMEBODY)[0] == 200


# "Secrets never leave in GETs, logs or bundles."

def test_no_secret_leaves(house):
    token = house.token()
    secrets = [*SECRETS.values(), house.portal_password, token[7:]]
    for path, methods in ROUTES.items():
        if "GET" not in methods or path == ENDLESS:
            continue
        for headers in ("", "Authorization: %s\r\n" % token):
            heard = ask(house.twin, ("GET %s HTTP/1.1\r\n%s\r\n" % (path, headers)).encode())
            assert heard, path
            for secret in secrets:
                assert secret.encode() not in heard, (path, headers)
            assert not re.search(rb'lcd_pin"[^}]{0,40}\b%d\b' % PIN, heard), path
    log = "\n".join(house.twin.log)
    for secret in secrets:
        assert secret not in log


# "Caps on every parser input."

GARBAGE = (b"[" * 1024, b'{"a":' * 200, b'{"name":"set","value":' + b"[" * 900, b"\xff" * 1024,
           b'"' + b"\\u0000" * 150 + b'"', b"1" * 1024, b"-", b"1e999", b'{"value": 1e999}',
           b'{"name": "set", "value": ["max", ' + b"9" * 900 + b"]}", b"a=b&" * 255,
           b"%zz=%zz", b"&" * 1024, b"=" * 1024, b"\n" * 1024, b",,,\n" * 200, b"\0" * 1024)


def test_no_parser_is_led_astray(house):
    before = house.facts()[:-1]
    kinds = ("application/json", "application/x-www-form-urlencoded", "text/csv")
    token = house.token()
    for path, methods in ROUTES.items():
        if path in FINAL:
            continue
        for method in methods:
            if method == "GET":
                targets = (path + "?" + "a=b&" * 200, path + "?since=" + "9" * 900,
                           path + "?from=%00&to=-1&limit=x", path + "?" + "&" * 900)
                for target in targets if path != ENDLESS else targets[1:2]:
                    status = house.send("GET", target, source=SOMEBODY)[0]
                    assert status in (200, 204, 400, 403, 404, 422), (target[:60], status)
                continue
            for number, body in enumerate(GARBAGE):
                status, _, document = house.send(
                    method, path, body, source=SOMEBODY_ELSE,
                    Content_Type=kinds[number % 3], Authorization=token)
                assert status in (200, 400, 401, 403, 404, 409, 415, 422, 429), (
                    method, path, body[:30], status, document)
    assert house.twin.alive
    assert house.facts()[:-1] == before


# "password from first setup, shown once on the LCD"; "the LCD can always reset it"

def test_whoever_stands_at_the_charger_gives_a_new_password(house):
    def led_to_the_page():
        try:
            return house.send("GET", "/nothing", source=VISITOR, to=INSIDE)[0] == 302
        except ConnectionRefusedError:
            return False

    token = house.token(fresh=True)
    assert not led_to_the_page()
    assert house.choose(CHOSEN, VISITOR) == 400  # there is no such network now
    assert house.command("set", ["wifi", "SetupWifi"], Authorization=token) == 200
    house.twin.wait(led_to_the_page, what="the portal")
    # Neither an address of that network nor the way to its page is enough.
    assert house.choose(CHOSEN, VISITOR) == 400
    assert house.choose(CHOSEN, SOMEBODY, to=INSIDE) == 400
    assert house.choose(CHOSEN) == 400
    assert house.send("POST", "/api/v1/password", {"password": CHOSEN}, source=VISITOR, to=INSIDE,
                      Origin="http://evil.example")[0] == 403
    assert house.choose(CHOSEN, VISITOR, INSIDE) == 200
    assert house.command("custom", False, Authorization=token) != 200  # tokens end with it
    assert house.login()[0] == 401
    house.password = CHOSEN
    assert house.command("set", ["wifi", "Disabled"],
                         Authorization=house.token(fresh=True)) == 200
    house.twin.wait(lambda: not led_to_the_page(), what="the end of the portal")


# "PBKDF2 in slices <= 1 S, one hash in flight, queue of 2, otherwise 503 with Retry-After"
# (the slices: tests/unit/test_net_auth.py)

def test_many_who_log_in_at_once_are_asked_to_come_back(house):
    if house.password != CHOSEN:
        assert house.choose(CHOSEN, old=house.password) == 200
        house.password = CHOSEN
    before = house.twin.get("api/v1/status")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(
            lambda number: house.login(source="127.0.0.%d" % (10 + number)), range(4)))
    statuses = sorted(status for status, _, _ in answers)
    assert statuses == [200, 200, 200, 503], statuses
    for status, headers, _ in answers:
        if status == 503:
            assert int(headers["retry-after"]) > 0
    after = house.twin.get("api/v1/status")
    assert after["cycle"]["count"] > before["cycle"]["count"] + 50  # control went on meanwhile
    assert after["uptime_s"] > before["uptime_s"]


# "Token in RAM"

def test_a_token_is_nowhere_but_in_memory(house):
    token = house.token(fresh=True)
    for file in house.data.iterdir():
        for secret in (token[7:], CHOSEN):
            assert secret.encode() not in file.read_bytes(), file.name
    assert house.command("custom", False, Authorization=token) == 200
    house.twin.world("reboot")
    house.twin.wait(lambda: started(house), what="the charger after a power cut")
    assert house.command("custom", False, Authorization=token) in (401, 403, 422)


def started(house):
    """True once the charger answers again."""
    try:
        return house.send("GET", "/settings")[0] == 200
    except OSError:
        return False
