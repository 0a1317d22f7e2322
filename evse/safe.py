"""The safe mode: what runs when five starts in a row have not lasted. Nothing charges in it.

There are WiFi, a page of its own, updates and what is known of the starts before: enough to help a
charger from afar. Of the app it needs only what those rest on. After a while it tries the app once
more, as the power may only have come and gone a few times. Loaded when it is needed.
"""

import asyncio
import json
import sys

from micropython import const

from evse import reasons, ticks
from evse.build import BOARD, VERSION
from evse.charging import faults
from evse.net.reply import Reply, failure, trusted
from evse.net.routes import ROUTES
from evse.net.web import WebServer
from evse.net.wifi import Wifi
from evse.rare import rare
from evse.settings import Denied, Refused, Settings

_WATCHDOG_MS = const(3000)
_POLL_MS = const(500)
_RESTART_MS = const(2000)
_LASTS_S = const(600)
_ONCE_MORE = const(4)  # starts that have failed; one more, and it is the safe mode again
_PIECE = const(256)
_HEALTHY_S = const(60)
_ROUTED = const(("/api/v1/update", "/api/v1/login", "/api/v1/logout", "/api/v1/password",
                 "/api/v1/wifi"))


class _Resting:
    """The charger, as far as a Crumb asks: nothing is closed."""

    c1 = False
    state = 0
    reason = reasons.NONE

    def __init__(self, tripped):
        self.faults = faults.RCM_TRIPPED if tripped else 0


class _Facts:
    """What the modules of evse.net ask of an ``evse.status.Status``, without a core behind it."""

    board = BOARD
    version = VERSION
    portal = update = confirm = None
    ip = updated = ""
    trial_s = 0

    def __init__(self, board, settings):
        self._settings = settings
        self.serial = board.serial
        self.directory = board.data_dir()
        self.root = board.root()
        self.slot = sys.path[0][-1:]

    def setting(self, key):
        """Value of one setting; secrets read as whether they are set."""
        value = self._settings.get(key)
        return bool(value) if key.endswith("_password") else value

    def auth(self):
        """What is kept of the install password, and that of the set-up network."""
        return self._settings.states["auth"], self.portal_password

    def busy(self):
        """Nothing charges."""
        return False

    def screen(self):
        """No display on which something could be confirmed."""
        return None


class _Server(WebServer):
    """The web server with its own page, and only those paths that lead to no core."""

    def __init__(self, safe, *arguments):
        super().__init__(*arguments)
        self._safe = safe

    def find(self, request):
        """The answer, or the function that gives one."""
        path = request.path
        if path == "/":
            request.path = "/portal.html"
        elif path == "/api/v1/status":
            return Reply(self._safe.told())
        elif path == "/api/v1/blackbox":
            return Reply(self._safe.log(), 200, "text/plain;charset=utf-8")
        elif path == "/api/v1/restart" and request.method == "POST":
            return self._safe.post_restart
        elif "\n%s " % path in ROUTES and not path.startswith(_ROUTED):
            return failure(503, "safe mode: the page of this charger says more")
        return super().find(request)


class Safe:
    """Instead of an evse.app.App, on the same ``board``; ``starts`` in a row have not lasted.

    ``facts`` and ``command`` are its doors, ``restarting``: somebody wants the app back.
    """

    def __init__(self, board, crumb, starts):
        self._board = board
        self._crumb = crumb
        self._starts = starts
        self.restarting = False
        self.journal = crumb.journal
        self.charger = _Resting(crumb.tripped)
        try:
            self._settings = Settings(self.journal.record, board.data_dir() + "/settings.json")
        except Exception as problem:  # whatever is in it, the charger can be reached
            sys.print_exception(problem)
            self._settings = Settings(self.journal.record)
        self.facts = facts = _Facts(board, self._settings)
        facts.names = self._resolver
        facts.network = None
        self._off = False  # the WiFi is, and shall be again afterwards
        if board.radio():
            facts.network = Wifi(board, facts, self.command, self._settings, self.journal.record)
            self._off = self._settings.get("wifi") == "Disabled"
            if not self._settings.get("wifi_ssid") or self._settings.get("wifi") == "Disabled":
                self._settings.set("wifi", "SetupWifi")
        self._display = board.display()

    def _resolver(self):
        from evse.net.names import Names
        return Names(self._board.dns_server, self._board.now)

    def save(self):
        """Nothing waits to be written."""

    def command(self, name, value, source):
        """The door for those of evse.net that change something."""
        if name == "set":
            key, wanted = value
            self._settings.set(key, wanted)
            if key == "wifi_ssid":
                self._off = False
            if key != "wifi" or not self._off:
                self._settings.save()
        elif source == "REST" and self.facts.setting("trust_lan") != "Enabled":
            raise Denied("give the install password", name)
        elif name == "restart":
            self.restarting = True
        elif name == "password":
            self._settings.remember("auth", value)
            self._settings.save()
        elif name != "update":
            raise Refused("not in the safe mode", name)

    # ---- what it tells ----

    def told(self):
        """Yield GET /api/v1/status."""
        yield '{"version":"%s","serial":%d,"safe_mode":true,"starts":%d,"left_s":%d' % (
            VERSION, self.facts.serial, self._starts, self._left_s())
        yield ',"cause":"%s","crash":%s}' % (self._crumb.cause, json.dumps(self._crumb.text()))

    def log(self):
        """Yield what is known of the starts before, as lines of text."""
        yield "MicroEVSE %s on %s, safe mode after %d starts\n" % (VERSION, BOARD, self._starts)
        for cause, lasted_s in self._crumb.history():
            yield "started by: %s, the run before lasted %d s\n" % (cause, lasted_s)
        yield "\n== journal ==\n"
        for number, at, code, a, b in self.journal.events():
            yield "%d at %d s: %s (%d, %d)\n" % (number, at, reasons.text(code), a, b)
        yield "\n== last exception ==\n%s\n== last crash ==\n" % self._crumb.text()
        try:
            with open(self.facts.directory + "/crash.txt") as file:
                while True:
                    piece = file.read(_PIECE)
                    if not piece:
                        break
                    yield piece
        except (OSError, UnicodeError):
            yield "none\n"

    def post_restart(self, request, status, _command):
        """Answer POST /api/v1/restart: try the app once more."""
        if not trusted(request, status):
            return failure(403, "give the install password")
        self.restarting = True
        return Reply('{"ok":true}')

    # ---- what runs ----

    async def run(self):
        """Run until it is time for another try. Whatever raises is a start that failed again."""
        board = self._board
        crumb = self._crumb
        journal = self.journal
        feed = board.watchdog(_WATCHDOG_MS)
        address = board.http_address()
        if address:
            asyncio.create_task(self._keep(_Server(
                self, self.facts, self.command, sys.path[0] + "/web").run, *address))
        if self.facts.network:
            asyncio.create_task(self._keep(self.facts.network.run))
        if self._display:
            asyncio.create_task(self._keep(self._show))
        begun = board.now()
        lasted = False
        while not self.restarting and (self._left_s() or self.facts.update is not None):
            board.safe()
            feed()
            if ticks.diff(board.now(), begun) >= 1000:
                begun = ticks.add(begun, 1000)
                journal.uptime_s += 1
                crumb.note(self, 0)
                if not lasted and journal.uptime_s >= _HEALTHY_S:
                    # Whoever switches the power off and on from now on wants the app tried.
                    lasted = True
                    rare("slots").count(self.facts.root, _ONCE_MORE)
            await asyncio.sleep_ms(_POLL_MS)
        if self.restarting:
            rare("slots").count(self.facts.root, 0)
        crumb.ask()
        await asyncio.sleep_ms(_POLL_MS)  # for the answer to who has asked
        board.reset()

    def _left_s(self):
        return max(0, _LASTS_S - self.journal.uptime_s)

    async def _keep(self, service, *arguments):
        """Run a service for ever; one that raises is started again."""
        while True:
            try:
                await service(*arguments)
            except Exception as problem:
                sys.print_exception(problem)
                self._crumb.fail(problem)
            await asyncio.sleep_ms(_RESTART_MS)

    async def _show(self):
        """Say on the display what this is, and where the page is."""
        from evse.panel.canvas import CENTRE, Canvas
        board = self._board
        display = self._display
        canvas = Canvas()
        display.restart(board.now())
        board.set_backlight(255)
        while True:
            for page, text in enumerate(self._lines()):
                canvas.blank(page + 2, 1)
                canvas.small(text, 64, page + 2, CENTRE)
            canvas.large("SAFE MODE", 0)
            pages = canvas.changed()
            for page in range(8):
                while pages >> page & 1:
                    if display.step(board.now()):
                        while display.send(page, canvas.page(page)):
                            await asyncio.sleep_ms(0)
                        canvas.taken(page)
                        pages &= ~(1 << page)
                    await asyncio.sleep_ms(0)
            # Any button opens the network for the set-up: nothing is being sent now.
            if board.buttons() and self.facts.network and not self.facts.portal:
                self._settings.set("wifi", "SetupWifi")
            board.set_led(255 * (self.journal.uptime_s & 1), 0, 0)
            await asyncio.sleep_ms(_POLL_MS)

    def _lines(self):
        """The six lines under the title."""
        facts = self.facts
        portal = facts.portal
        return ("nothing charges", "%d starts have failed" % (self._starts - 1),
                "WiFi %s" % portal[0] if portal else "any button: own WiFi",
                portal[1] if portal else facts.network.state if facts.network else "no WiFi",
                portal[2] if portal else facts.ip, "next try in %d s" % self._left_s())
