"""Who answers which request of the web server, and what the asker may do."""

import time

from micropython import const

from evse import ticks
from evse.net import inlet, legacy, page
from evse.net.reply import failure
from evse.rare import rare

_KEPT_MS = const(60_000)
_KEPT_MAX = const(3)

# A path, and for each method the function of a module of evse.net that answers it. The modules are
# loaded for the first who asks, and go when nobody has for a minute, or three others were wanted
# since: some never POST, some feed a meter every second. HEAD is a GET whose body is left out.
ROUTES = const(
    "\n/settings GET=legacy.get POST=writes.post"
    "\n/currents POST=writes.post"
    "\n/ev_meter POST=writes.post"
    "\n/ev_state POST=writes.post"
    "\n/rfid POST=writes.post"
    "\n/cablelock POST=writes.post"
    "\n/modem POST=writes.post"
    "\n/color_off POST=writes.post"
    "\n/color_normal POST=writes.post"
    "\n/color_smart POST=writes.post"
    "\n/color_solar POST=writes.post"
    "\n/color_custom POST=writes.post"
    "\n/reboot POST=legacy_paths.reboot"
    "\n/erasesettings POST=legacy_paths.erase DELETE=legacy_paths.erase"
    "\n/power_day GET=legacy_paths.power_day"
    "\n/mqtt_ca_cert GET=legacy_paths.certificate"
    "\n/update GET=legacy_paths.show_update"
    "\n/autoupdate POST=legacy_paths.autoupdate"
    "\n/metrics GET=metrics.get"
    "\n/lcd GET=lcd.answer POST=lcd.answer"
    "\n/lcd-verify-password POST=lcd.answer"
    "\n/api/v1/status GET=api_status.get_status"
    "\n/api/v1/limits GET=api_status.get_limits"
    "\n/api/v1/events GET=api_events.get_events"
    "\n/api/v1/journal GET=api_read.get_journal"
    "\n/api/v1/blackbox GET=blackbox.get"
    "\n/api/v1/doctor GET=api_read.get_doctor"
    "\n/api/v1/sessions GET=api_read.get_sessions"
    "\n/api/v1/sessions.csv GET=api_read.get_sessions_csv"
    "\n/api/v1/months.csv GET=api_read.get_months_csv"
    "\n/api/v1/history GET=api_history.get_history"
    "\n/api/v1/history.csv GET=api_history.get_history_csv"
    "\n/api/v1/cards GET=api_read.get_cards POST=api_write.post_cards"
    "\n/api/v1/cards.csv GET=api_read.get_cards_csv"
    "\n/api/v1/schedule GET=api_read.get_schedule"
    " POST=api_write.post_schedule DELETE=api_write.delete_schedule"
    "\n/api/v1/prices GET=api_read.get_prices"
    " POST=api_write.post_prices DELETE=api_write.delete_prices"
    "\n/api/v1/imported GET=api_read.get_imported DELETE=api_write.delete_imported"
    "\n/api/v1/settings GET=api_settings.get_settings PATCH=api_settings.patch_settings"
    "\n/api/v1/backup GET=api_settings.get_backup"
    "\n/api/v1/restore POST=api_settings.post_restore"
    "\n/api/v1/command POST=api_write.post_command"
    "\n/api/v1/restart POST=api_write.post_restart"
    "\n/api/v1/mqtt POST=api_write.post_mqtt"
    "\n/api/v1/update GET=api_update.get_update POST=api_update.post_update"
    "\n/api/v1/update/fetch POST=api_update.post_fetch"
    "\n/api/v1/update/start POST=api_update.post_start"
    "\n/api/v1/update/key PUT=api_update.put_key DELETE=api_update.delete_key"
    "\n/api/v1/lcd GET=lcd.answer"
    "\n/api/v1/wifi GET=portal.show POST=portal.join"
    "\n/api/v1/wifi/scan POST=portal.scan"
    "\n/api/v1/login POST=auth.login"
    "\n/api/v1/logout POST=auth.logout"
    "\n/api/v1/password POST=auth.password"
    "\n")
_API = const("/api/v1/")


def now_ms():
    """Ticks in ms."""
    return time.ticks_ms() & ticks.MASK


class Routes:
    """Base of the web server: from a request to its answer. ``doors`` are status and command.

    ``lcd`` is what answers for the display, None while nobody asks.

    What answers finds in the request, beside what is Microdot's: ``source``, who asks ("portal" on
    the network for the set-up, "installer" with a token, else "REST"), ``token`` as it came, ""
    without one, ``now`` (ticks), ``chunks``, the pieces of a body that may be longer than
    others, None for all others, and ``piece``, which reads the next bytes of an update.
    """

    def __init__(self, status, command, web_dir):
        self.doors = (status, command)
        self._web_dir = web_dir
        self._kept = []
        self._auth = self._guesses = None
        self._auth_at = 0
        self.lcd = None

    def guesses(self):
        """Who has guessed a password or the PIN wrong; loaded for the first who gives one."""
        self._guesses = self._guesses or rare("net.guesses").Guesses()
        return self._guesses

    def auth(self):
        """What knows passwords and tokens; loaded for the first who gives one."""
        self._auth_at = now_ms()  # what it is wanted for is still to come
        self._auth = self._auth or rare("net.auth").Auth(*self.doors, self.guesses, now_ms)
        return self._auth

    async def check(self, password, peer):
        """Whether this is the install password, for doors beside the web; see evse.net.auth."""
        return await self.auth().check(password, peer)

    def on_portal(self, connection):
        """True for a peer on the network for the set-up: whoever is there can read the LCD."""
        status = self.doors[0]
        if not status.portal or not connection.inside:
            return False
        net = status.portal[2].rpartition(".")[0] + "."
        return connection.peer().startswith(net) and not status.ip.startswith(net)

    def to_portal(self):
        """Send whoever is on the network for the set-up to its page."""
        return inlet.Refusal(302, "the set-up is elsewhere",
                             {"Location": "http://%s/" % self.doors[0].portal[2]})

    def source(self, connection):
        """Who asks: "portal", "installer" or "REST"."""
        if self.on_portal(connection):
            return "portal"
        if self._auth and self._auth.knows(connection.token, now_ms()):
            return "installer"
        return "REST"

    def find(self, request):
        """The answer, or the function that gives one."""
        now = request.now = now_ms()
        portal = request.source == "portal"
        path = request.path
        wanted = "GET" if request.method == "HEAD" else request.method
        file = "portal.html" if portal and path == "/" else page.find(path, self._web_dir)
        if portal and (file or path.startswith(_API)):
            self.doors[0].network.touch()  # somebody is there
        at = ROUTES.find("\n%s " % path)
        if file:
            routes = "GET"
            if wanted == "GET":
                return page.serve(file, self._web_dir)
        elif at >= 0:
            routes = ROUTES[at + len(path) + 2:ROUTES.find("\n", at + 1)]
            for route in routes.split():
                method, _, target = route.partition("=")
                if method == wanted:
                    return self._handler(target, now)
        elif portal and not path.startswith(_API):
            refusal = self.to_portal()
            return failure(refusal.status, refusal.error, headers=refusal.headers)
        else:
            return failure(404, "not found")
        allowed = ", ".join(route.partition("=")[0] for route in routes.split())
        allowed = allowed.replace("GET", "GET, HEAD")
        return failure(405, "it is %s %s, not %s" % (allowed, path, request.method),
                       headers={"Allow": allowed})

    def _handler(self, target, now):
        """The function ``target`` names, its module loaded if need be."""
        module, _, name = target.partition(".")
        if module == "legacy":
            return getattr(legacy, name)
        if module == "auth":
            return getattr(self.auth(), name)
        if module == "lcd":
            self.lcd = self.lcd or rare("net.lcd").Lcd(*self.doors, self.guesses, now)
            return getattr(self.lcd, name)
        for kept in self._kept:
            if kept[0] == module:
                self._kept.remove(kept)  # and added again, as the latest
                break
        else:
            if len(self._kept) == _KEPT_MAX:
                self._kept.pop(0)
            kept = [module, rare("net." + module), now]
        kept[2] = now
        self._kept.append(kept)
        return getattr(kept[1], name)

    def forget(self, now):
        """Let go what nobody has wanted for a while."""
        for kept in self._kept:
            if ticks.diff(now, kept[2]) >= _KEPT_MS:
                self._kept.remove(kept)
                break  # the others have their turn soon
        if self.lcd and self.lcd.over(now):
            self.lcd = None
        if (self._auth and self._auth.over(now)
                and ticks.diff(now, self._auth_at) >= _KEPT_MS):
            self._auth = None
        if self._guesses and self._guesses.none(now):
            self._guesses = None
