"""The WiFi: joined as the settings say, joined again when it is lost, set up by a network of ours.

The radio tries by itself, but only so often: then it says what was wrong, and is started again
here. A board's radio is what ``evse.boards.board`` says of it. What it does for long runs in the
driver or waits until nothing charges.
"""

import asyncio
import os

from micropython import const

from evse import reasons, ticks
from evse.rare import rare

# What a radio answers for the network it has joined or tries to.
_IDLE = const(0)
_JOINING = const(1)
_JOINED = const(2)
_FAILED = const(5)
_WORDS = const(("off", "joining", "joined", "wrong password", "not found", "failed"))

_POLL_MS = const(100)
_STEP_MS = const(1000)
# Within this an attempt has succeeded or is hopeless. A network that has come back is joined
# within this and the 5 s an attempt takes.
_AGAIN_MS = const(20_000)
_SETTLE_MS = const(1500)  # what is heard earlier is about the network before
_IDLE_MS = const(300_000)
_RENEW_S = const(600)  # of a network that is away: perhaps it is the radio
_DONE_MS = const(30_000)  # that the page may tell the new address
_SCAN_MS = const(10_000)  # more than any scan takes
_KEEP_MS = const(60_000)
_MOST_NETWORKS = const(20)
_LETTERS = const("abcdefghjkmnpqrstuvwxyz23456789")  # none that looks like another
_PASSWORD = const(8)


class Wifi:
    """The one WiFi. ``board`` has the radio, ``settings`` and ``record`` are the core's.

    ``state``: "off", "joining", "joined", "wrong password", "not found" or "failed", the last
    three while it goes on trying. ``rssi`` (dBm, 0 without), ``bssid`` ("AA:BB:CC:DD:EE:FF" once
    known), ``joins`` and ``losses`` count; ``away_s`` is how long the network has been away, or
    was the last time. ``networks``: (name, dBm, has a password) of those that were found, the
    strongest first; None unless somebody has asked. ``scanning``: being looked for. ``trying``:
    the portal has been given a network, and it is not yet clear whether it can be joined.
    ``failed``: the state that came of it if it cannot, else "".
    """

    def __init__(self, board, status, command, settings, record):
        self._radio = board.radio()
        self._board = board
        self._status = status
        self._command = command
        self._settings = settings
        self._record = record
        self._on = self.trying = self.scanning = self._look = False
        self._asked = self._again = self._own = self._renew = False
        self._state = self.rssi = self.joins = self.losses = self.away_s = 0
        self.bssid = self.failed = ""
        self.networks = self._captive = self._mdns = self._limit = None
        self._since = self._next = self._touched = self._found_at = board.now()
        password = settings.states["portal"]
        if not password:
            password = "".join([_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(_PASSWORD)])
            settings.remember("portal", password)
        status.portal_password = password

    @property
    def state(self):
        """How it is with the network, in a word."""
        return _WORDS[self._state if self._on else 0]

    async def run(self):
        """Look after it for ever."""
        while True:
            now = self._board.now()
            if ticks.due(now, self._next):
                self._next = ticks.add(now, _STEP_MS)
                self.step(now)
            if self._captive:
                self._captive.poll()
            if self._mdns:
                self._mdns.poll(now)
            await asyncio.sleep_ms(_POLL_MS)

    def step(self, now):
        """A second is over."""
        status = self._status
        get = self._settings.get
        mode = get("wifi")
        if self._renew and not (self._own or status.busy()):
            self._renew = self.scanning = False
            self._radio.restart()
            self._record(reasons.RADIO_RESTARTED)
            self._start(now)
        if self._again and not self.scanning:
            self._again = False
            self._on = get("wifi_ssid") != ""
            self.away_s = 0
            self._start(now)
        self._take_link(now)
        self._take_networks(now)
        if self._own:
            self._watch_portal(mode, now)
        elif mode == "SetupWifi" and not status.busy():
            self._open(now)
        on = mode != "Disabled" and get("wifi_ssid") != ""
        if on != self._on:
            self._on = on
            self.away_s = 0
            if not on or not self._own:
                self._start(now)
        elif on and self._state != _JOINED:
            self.away_s += 1
            self._renew |= self.away_s % _RENEW_S == 0
            # Trying all the time would keep the radio off the portal's channel.
            if ticks.diff(now, self._since) >= _AGAIN_MS and not self._own:
                self._start(now)

    def renew(self):
        """Have the radio switched off and on as soon as nothing charges."""
        self._renew = True

    # ---- the network of the house ----

    def _start(self, now):
        """Join the network of the settings, or leave it."""
        get = self._settings.get
        self._since = now
        self._state = _JOINING if self._on else _IDLE
        self._leave()
        fixed = None
        if self._on and get("static_ip"):
            try:
                fixed = rare("net.fixed").parse(get("static_ip"))
            except ValueError:
                pass  # out of a damaged file: better an address of the network's than none
        self._radio.join(get("wifi_ssid") if self._on else "", get("wifi_password"), fixed)

    def _take_link(self, now):
        status = self._status
        before = self._state
        address = status.ip
        state, status.ip, self.rssi = self._radio.link()
        if state == _JOINED and ticks.diff(now, self._since) < _SETTLE_MS:
            return
        self._state = state
        if state == _JOINED:
            if before != _JOINED:
                self.joins += 1
                self._renew = False  # the radio works
                self._look = True
                self._record(reasons.WIFI_JOINED, self.joins, self.away_s)
            if before != _JOINED or status.ip != address:
                self._announce()
            if self._look and self.scan():
                self._look = False
        elif before == _JOINED:
            self._since = now
            self._leave()
            self.losses += 1
            self.away_s = 0
            self._record(reasons.WIFI_LOST, self.losses)

    def _announce(self):
        """Be found as a web server, where the board can."""
        self._be_silent()
        link = self._radio.mdns()
        if link:
            from evse.net.mdns import Responder
            self._mdns = Responder(link, self._status.serial, self._status.ip,
                                   self._board.http_address()[1])

    def _leave(self):
        """What was true in the network is no more."""
        self.bssid = ""
        self._be_silent()

    def _be_silent(self):
        if self._mdns:
            self._mdns.close()
            self._mdns = None

    # ---- which networks there are ----

    def scan(self, asked=False):
        """Look for networks; False when that is not possible now. ``asked``: by somebody."""
        if not self.scanning:
            # A radio that is about to join has no ear for others.
            if self._status.busy() or self._state not in (_IDLE, _JOINED):
                return False
            self._radio.scan()
            self.scanning = True
            self._asked = False
            self._found_at = self._board.now()
        self._asked = self._asked or asked
        return True

    def _take_networks(self, now):
        """Take what has been found, if anything has."""
        if self.networks and not self._own and \
                ticks.diff(now, self._found_at) >= _KEEP_MS:
            self.networks = None
        rows = self._radio.found() if self.scanning else None
        if rows is None:
            if self.scanning and ticks.diff(now, self._found_at) >= _SCAN_MS:
                self.scanning = False  # it will never end
            return
        self.scanning = False
        rows.sort(key=lambda row: -row[1])
        if self._state == _JOINED:
            # The driver does not tell which of several of the same name it has joined.
            own = (self._settings.get("wifi_ssid").encode(), self._radio.channel())
            for ssid, _, _, bssid, channel in rows:
                if (ssid, channel) == own:
                    self.bssid = ":".join(["%02X" % byte for byte in bssid])
                    break
        if self._asked:
            self._found_at = now
            self.networks = []
            for ssid, rssi, secured, _, _ in rows:
                if ssid and len(self.networks) < _MOST_NETWORKS and \
                        ssid not in [row[0] for row in self.networks]:
                    self.networks.append((ssid, rssi, secured))

    # ---- the network of our own ----

    def touch(self):
        """Somebody uses the portal's page."""
        self._touched = self._board.now()

    def attempt(self):
        """Join what the settings say now, in a second: who has changed them gets an answer."""
        self._next = ticks.add(self._board.now(), _STEP_MS)
        self._again = True
        self.trying = self._own
        self.failed = ""
        self._limit = None

    def _open(self, now):
        status = self._status
        name = "SmartEVSE-%d" % status.serial
        if self._state != _JOINED:
            self._radio.join("", "", None)
            self._state = _IDLE
        try:
            address = self._radio.open_portal(name, status.portal_password)
        except OSError as problem:
            print("portal:", problem)
            self._leave_setup()
            return
        self._own = True
        self._touched = now
        self._limit = None
        self.failed = ""
        self._captive = rare("net.captive").Captive(address, *self._radio.portal_dns())
        status.portal = (name, status.portal_password, address)
        self._record(reasons.PORTAL, 1)
        self.scan(True)

    def _watch_portal(self, mode, now):
        """See how the attempt goes, and whether it is time to close."""
        if self.trying and not self._again:
            if self._state == _JOINED:
                self.trying = False
                self._limit = ticks.add(now, _DONE_MS)
            elif ticks.diff(now, self._since) >= _AGAIN_MS:
                self.trying = False
                self.failed = _WORDS[self._state if self._state > _JOINED else _FAILED]
                self._radio.join("", "", None)
                self._state = _IDLE
        if mode == "SetupWifi":
            over = (self._limit is not None and ticks.due(now, self._limit)
                    or ticks.diff(now, self._touched) >= _IDLE_MS)
            if not over or self.trying:
                return
        self._status.portal = None  # from now on nobody there may do anything
        if self._captive:
            self._captive.close()
        self._captive = None
        if self._status.busy():
            return  # it stalls the loop for a moment
        if mode == "SetupWifi":
            self._leave_setup()
        self.networks = self._limit = None
        self.trying = self._own = False
        self._radio.close_portal()
        self._record(reasons.PORTAL, 0)
        self._since = ticks.add(now, -_AGAIN_MS)  # at once

    def _leave_setup(self):
        self._command("set", ("wifi", "Enabled" if self._settings.get("wifi_ssid") else
                              "Disabled"), "portal")
