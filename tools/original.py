"""What the settings stored by the original firmware become here; no I/O but the list of zones.

Two firmwares wrote them: the "seed" (serkri's fork and its forebears) stores every value, the
"latest" (dingo35's successor) only what was changed, so what is missing has the default of the
firmware that ran. Values outside our ranges are brought to the nearest that is allowed, and said.
"""

import importlib
import json
import sys
import types
from pathlib import Path

import zones
from original_table import LATEST_ONLY, METERS, PLAIN, SEED_ONLY

ROOT = Path(__file__).resolve().parents[1]
EPOCH_S = 1672531200  # its timers count from 2023
DAY_S = 86400
SUM_NONE = 600  # the seed's way to say that there is no limit
SEED_METERS = 11  # its ids beyond these are unused but for Custom
SEED_CUSTOM, CUSTOM = 16, 19
UNUSED_METER = 18
SENSORBOX, SENSORBOX_ADDRESS = 1, 10
C2 = ("Not present", "Always Off", "Solar Off", "Always On", "Auto")
RFID = ("Disabled", "EnableAll", "EnableOne", "Learn", "Delete", "DeleteAll", "Rmt/OCPP")
ACCESS_ON = 1


def firmware(name):
    """A module of the firmware's that needs no board, on this interpreter."""
    sys.modules.setdefault("micropython", types.SimpleNamespace(const=lambda value: value))
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    return importlib.import_module("evse." + name)


class Taken:
    """What was taken over.

    ``kind`` is "seed" or "latest"; ``settings`` our keys and values, ``states`` what goes beside
    them into the file; ``cards`` hex digits, ``serial`` None when it is not stored. ``differs``
    are dicts key, old, new, why; ``confirm`` our keys the owner should look at.
    """

    def __init__(self, kind):
        self.kind = kind
        self.settings = {}
        self.states = {}
        self.cards = []
        self.serial = None
        self.differs = []
        self.confirm = []

    def say(self, key, old, new, why, confirm=False):
        """Note that something is not as it was."""
        self.differs.append({"key": key, "old": str(old), "new": str(new), "why": why})
        if confirm and key not in self.confirm:
            self.confirm.append(key)

    def files(self):
        """Name -> content of the files for the directory ``data`` of our firmware."""
        document = {"version": firmware("settings").VERSION, "settings": self.settings,
                    **self.states}
        files = {"settings.json": json.dumps(document),
                 "imported.json": json.dumps({
                     "version": 1, "from": self.kind, "serial": self.serial,
                     "cards": len(self.cards), "confirm": self.confirm, "differs": self.differs})}
        if self.cards:
            files["cards.csv"] = "".join(card + "\n" for card in self.cards) + \
                "#%d\n" % len(self.cards)
        if self.serial is not None:
            files["serial"] = "%d\n" % self.serial
        return {name: text.encode() for name, text in files.items()}


class _Import:
    """One import; ``stored`` is the namespace "settings"."""

    def __init__(self, spaces, kind, now_s, chip):
        self.chip = chip
        self.spaces = spaces
        self.stored = spaces.get("settings", {})
        self.now_s = now_s
        self.taken = Taken(kind)
        self.seed = kind == "seed"
        self.rules = firmware("settings")
        self.specs = {row[self.rules.KEY]: row for row in self.rules.TABLE}

    def get(self, key, seed, latest):
        """What the firmware that ran went by: stored, or its default."""
        default = seed if self.seed else latest
        value = self.stored.get(key, default)
        return value if type(value) is type(default) or default is None else default

    def put(self, key, value, old=None):
        """Take ``value`` over as our setting ``key``: a number, an enum's place, or text."""
        spec = self.specs[key]
        kind, allowed = spec[self.rules.KIND], spec[self.rules.ALLOWED]
        old = value if old is None else old
        if kind == "enum" and type(value) is int:
            if value >= len(allowed):
                self.taken.say(key, old, spec[self.rules.DEFAULT], "there is no such choice here",
                               True)
                return
            value = allowed[value]
        elif kind == "int":
            near = min(max(value, allowed[0]), allowed[1])
            if near != value:
                self.taken.say(key, old, near, "the range is %d to %d here" % allowed, True)
            value = near
        try:
            value = self.rules.check(spec, value)
        except self.rules.Refused as refusal:
            self.taken.say(key, "(hidden)" if kind == "secret" else old, spec[self.rules.DEFAULT],
                           refusal.reason, True)
            return
        self.taken.settings[key] = value

    def run(self):
        """Take over everything."""
        for key, ours, seed, latest in PLAIN:
            value = self.get(key, seed, latest)
            if value is not None:
                self.put(ours, value)
        self.identity()
        self.meters()
        self.current()
        self.contactor_2()
        self.cards()
        self.network()
        self.timer()
        self.not_here()
        settings = self.taken.settings
        if settings["min"] > settings["max"]:
            self.taken.say("min", settings["min"], settings["max"], "MIN is never above MAX here",
                           True)
            settings["min"] = settings["max"]
        return self.taken

    def identity(self):
        """The serial number, and with it the names by which clients know this charger."""
        serial = self.spaces.get("KeyStorage", {}).get("serialnr", 0)
        if serial and type(serial) is int:
            self.taken.serial = serial
        serial = serial or self.chip
        if self.seed and serial > 0xFFFF:
            self.taken.say("", "SmartEVSE-%d" % (serial & 0xFFFF), "SmartEVSE-%d" % serial,
                           "the network name has the whole serial number now")

    def meters(self):
        """Kinds of meters, which the two firmwares number differently."""
        names = self.rules.METERS
        for key, ours, seed, latest in METERS:
            number = old = self.get(key, seed, latest)
            if number is None:
                continue
            if self.seed and number == SEED_CUSTOM:
                number = CUSTOM
            elif (self.seed and number >= SEED_METERS) or number == UNUSED_METER:
                number = len(names)
            if number == SENSORBOX and ours != "mains_met":
                number = len(names)
            self.put(ours, number, "number %d" % old)
            if ours == "mains_met" and number == SENSORBOX:
                self.taken.settings["mains_adr"] = SENSORBOX_ADDRESS
        self.put("em_function", 3 if self.get("EMFunction", 4, 4) == 3 else 4)
        custom = "Custom" in (self.taken.settings.get(ours) for _, ours, _, _ in METERS)
        for letter in "UIPE":
            places = self.get("EM%sDivisor" % letter, 8, 0)
            if places <= 7:
                self.put("em_%s_divisor" % letter.lower(), places)
            elif custom:
                self.taken.say("em_%s_divisor" % letter.lower(), places, 0,
                               "no divisor was set", True)
        if self.seed and self.taken.settings.get("ev_meter", "Disabled") != "Disabled" and \
                not self.taken.settings["pwr_share"].startswith("Node"):
            self.taken.settings["ev_meter_role"] = "Sub-panel"
            self.taken.say(
                "ev_meter_role", "Sub-panel", "Sub-panel", "CIRCUIT is held by the EV meter, as "
                "it was. If it sees nothing but the car, choose Car only: then it counts sessions "
                "and watches over the contactor as well", True)

    def current(self):
        """Capacity: the seed knew only a sum."""
        total = self.get("MaxSumMains", SUM_NONE, 0)
        if total >= SUM_NONE or total < 10:
            total = 0
        self.put("capacity", total)
        mode = self.get("CapacityMode", None, None)
        if mode is None:
            mode = 1 if total else 0
        self.put("cap_mode", mode)
        text = self.stored.get("intervals_json", "")
        if text:
            try:
                pairs = sorted((int(row["start"]), int(row["power"])) for row in json.loads(text))
                if len(pairs) > 24 or any(not (0 <= at < 1440 and 0 <= watts <= 32000)
                                          for at, watts in pairs) or \
                        len({at for at, _ in pairs}) < len(pairs):
                    raise ValueError
                self.taken.states["intervals"] = pairs
                if any(not watts for _, watts in pairs):
                    self.taken.say("cap_mode", "0 W: no limit", "0 W: nothing may be bought",
                                   "an interval of 0 W means what it says here", True)
            except (ValueError, TypeError, KeyError):
                self.taken.say("cap_mode", text[:60], "no intervals",
                               "the intervals could not be read", True)

    def contactor_2(self):
        """What contactor 2 does stays what it did, whatever it was called."""
        old = self.get("EnableC2", 0, 3)
        old = old if old < len(C2) else 0
        shared = self.taken.settings["pwr_share"] != "Disabled"
        node = self.taken.settings["pwr_share"].startswith("Node")
        new, why = C2[old], ""
        if self.seed and shared:
            new, why = "Always On", "with load balancing the output was always on"
        elif not self.seed and C2[old] == "Not present":
            new, why = "Always On", "the output was on, and the car was taken to use three phases"
        elif node and C2[old] == "Auto":
            new, why = "Always On", "a node does not switch phases by itself"
        self.taken.settings["contact_2"] = new
        if new != C2[old]:
            self.taken.say("contact_2", C2[old], new, why, True)
        elif new != "Not present":
            self.taken.say("contact_2", new, new, "please see whether a second contactor is "
                           "there, switching L2 and L3", True)
        if new == "Auto" and not self.seed:
            self.taken.settings["c2_return"] = "Budget"
            self.taken.say("c2_return", "after 60 s", "Budget", "back to three phases it goes at "
                           "most twice an hour", True)

    def cards(self):
        """RFID cards: 6 bytes each in the seed, 7 in the latest."""
        store = self.spaces.get("RFIDlist", {})
        version = store.get("RFIDinit", 0)
        blob = store.get("RFID", b"") if version else b""
        size = 7 if version >= 3 else 6
        check = firmware("cards").check
        for at in range(0, len(blob) - size + 1, size):
            card = blob[at:at + size]
            if size == 7 and card[6] == 0xFF:
                card = card[:6]
            try:
                card = check(card.hex())
            except self.rules.Refused:
                continue  # an empty place
            if card not in self.taken.cards:
                self.taken.cards.append(card)
        mode = RFID[min(self.get("RFIDReader", 0, 0), len(RFID) - 1)]
        new = mode
        if mode == "DeleteAll":
            new = "Disabled"
            self.taken.cards = []
        elif mode == "Rmt/OCPP":
            new = "EnableAll"
            self.taken.say("rfid", mode, new, "there is no OCPP here: stored cards charge", True)
        self.taken.settings["rfid"] = new
        if self.seed and self.taken.cards:
            self.taken.say("rfid", "%d cards" % len(self.taken.cards), "the same", "cards learnt "
                           "with a 7-byte reader have to be learnt again: the first byte of "
                           "their number was never stored", new != "Disabled")

    def network(self):
        """WiFi, time zone, MQTT."""
        taken = self.taken
        radio = self.spaces.get("nvs.net80211", {})
        name = radio.get("sta.ssid", b"")
        size = int.from_bytes(name[:4], "little")
        name = name[4:4 + size] if size <= 32 else b""
        password = radio.get("sta.pswd", b"").split(b"\0")[0].split(b"\xff")[0]
        mode = self.get("WIFImode", 0, 0)
        try:
            name, password = name.decode(), password.decode()
        except ValueError:
            taken.say("wifi_ssid", "a name that is no text", "none", "WiFi has to be set up anew",
                      True)
            name = password = ""
        if name:
            self.put("wifi_ssid", name)
            self.put("wifi_password", password)
        self.put("wifi", mode if mode != 2 or not name else 1)
        self.zone()
        serial = taken.serial or self.chip
        usual = "SmartEVSE-%d" % serial
        latest = "SmartEVSE/%d" % serial if serial else ""
        prefix = self.get("MQTTprefix", "", latest)
        if prefix and prefix != usual:
            self.put("mqtt_prefix", prefix)
        if not self.seed and not prefix and taken.settings.get("mqtt_host"):
            taken.say("mqtt_prefix", "SmartEVSE/<serial>", "SmartEVSE-<serial>", "the serial "
                      "number is not known: set the prefix if clients need the old one", True)
        if self.stored.get("MQTTtls") and taken.settings.get("mqtt_host"):
            taken.say("mqtt_host", taken.settings["mqtt_host"], "none", "MQTT over TLS is not "
                      "available: set the host again to connect without encryption", True)
            taken.settings["mqtt_host"] = ""
        if self.seed:
            taken.settings["api_units"] = "kW"
            taken.say("api_units", "kW", "kW", "clients of the old firmware read kW and kWh; "
                      "those made for the newest one want W", True)

    def zone(self):
        """The time zone: a rule, or a name the list knows."""
        name = self.stored.get("Timezone" if self.seed else "TZname", "")
        rule = self.stored.get("TimezoneInfo", "") if not self.seed else ""
        if not rule and name:
            rule = zones.unpacked(zones.FILE.read_text()).get(name, "")
        if not rule:
            if name:
                self.taken.say("tz", name, "Europe/Amsterdam", "no rule is known for it", True)
            return
        try:
            firmware("clock").Zone(rule)
            self.put("tz", rule)
        except ValueError as problem:
            self.taken.say("tz", rule, "Europe/Amsterdam", str(problem), True)

    def timer(self):
        """Access and the delayed start."""
        access = self.get("Access", 1, 1)
        self.taken.states["access"] = access if access in (0, 1, 2) else ACCESS_ON
        start, stop = (self.get(key, 0, 0) for key in ("DelayedStartTim", "DelayedStopTime"))
        start, stop = (value + EPOCH_S if value else 0 for value in (start, stop))
        repeat = 1 if self.get("DelayedRepeat", 0, 0) and start and stop else 0
        if not start and not stop:
            return
        if repeat and not 0 < stop - start <= DAY_S or start and stop and stop <= start or \
                not repeat and max(start, stop) < self.now_s:
            self.taken.say("", "a delayed start or stop", "none", "it lies in the past")
            return
        self.taken.states["timer"] = [self.taken.settings["mode"], start, stop, repeat]
        if start > self.now_s:
            self.taken.states["access"] = 0

    def not_here(self):
        """What was in use and does not exist here, and what everybody meets."""
        say = self.taken.say
        if self.get("PVMeter", 0, None):
            say("", "PV meter", "none", "Solar needs the mains meter only")
        if self.get("MainsMMeasure", 0, None):
            say("mains_met", "measures home and charger", "measures all", "the mains meter must "
                "see everything behind the fuse", True)
        if self.get("ICal", 1024, None) not in (1024, None):
            say("", "calibration of CT clamps", "none", "the Sensorbox has its own")
        if self.get("OcppMode", None, 0):
            say("", "OCPP", "none", "OCPP is not available here")
        if self.get("MQTTSmartServer", None, 0):
            say("", "app server", "none", "the app reaches the charger in the local network only")
        if self.get("AutoUpdate", None, 0):
            say("", "automatic updates", "none", "updates are started by you")
        say("normal_mains", "MAINS counts in Smart and Solar", "in Normal too", "with a mains "
            "meter, Normal keeps to MAINS as well; normal_mains switches that off")
        say("trust_lan", "anybody in the network", "with the password", "limits, meters, WiFi, "
            "MQTT and cards are changed with the password or at the charger; mode and current by "
            "everybody, as before")
        say("", "GET /reboot", "POST /reboot", "nothing is changed by a link that is only opened")


def kind_of(spaces):
    """Which of the two firmwares ran last, by what it stored."""
    stored = spaces.get("settings", {})
    if any(key in stored for key in LATEST_ONLY):
        return "latest"
    return "seed" if any(key in stored for key in SEED_ONLY) else "latest"


def take_over(spaces, kind=None, now_s=0, chip=0):
    """Return the ``Taken`` of what tools/nvs.py has read; ``now_s`` are Unix seconds.

    ``kind`` is "seed" or "latest", or None to find out. ``chip`` is the serial number the chip
    stands for, which counts where none is stored; 0 when it is not known.
    """
    return _Import(spaces, kind or kind_of(spaces), now_s, chip).run()


def tell(taken):
    """Print what was taken over and what differs; secrets are not shown."""
    specs = {row[0]: row for row in firmware("settings").TABLE}
    print("stored by the %s firmware; serial number %s, %d cards" % (
        taken.kind, taken.serial or "not stored", len(taken.cards)))
    for key, value in taken.settings.items():
        if value != specs[key][2]:
            print("  %s = %s" % (key, "(hidden)" if specs[key][1] == "secret" else value))
    for row in taken.differs:
        print("* %s%s -> %s: %s" % (row["key"] and row["key"] + ": ", row["old"], row["new"],
                                    row["why"]))
