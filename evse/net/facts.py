"""What MQTT clients hear of the charger, and what they may tell it: topics, formats, ranges.

The topics, which of them are retained, and the words in them are those of the older firmwares;
what these never had comes after them. A fact is sent when it changes and once in a while, so that
whoever subscribed later knows it as well. This module makes and reads messages; ``evse.net.mqtt``
carries them.
"""

from array import array

from micropython import const

from evse.net.reply import rfid_text
from evse.rare import rare
from evse.settings import Refused

# Four groups by how often they are worth a message: words and states at once, what is measured
# every two seconds, settings when one has changed, and what moves all the time only in the slow
# full refresh. Each row is a topic, whether it is retained, and how its value becomes text.
_STATES = (
    ("Mode", True, ""), ("Access", True, ""), ("State", True, "state"), ("StateID", True, "id"),
    ("Error", True, ""), ("EVPlugState", True, ""), ("ChargeCurrent", True, ""),
    ("ChargeCurrentOverride", True, ""), ("NrOfPhases", True, ""), ("RFID", True, "rfid"),
    ("RFIDLastRead", True, ""), ("CustomButton", False, ""), ("LEDColorOff", True, "rgb"),
    ("LEDColorNormal", True, "rgb"), ("LEDColorSmart", True, "rgb"),
    ("LEDColorSolar", True, "rgb"), ("LEDColorCustom", True, "rgb"), ("WiFiSSID", True, ""),
    ("WiFiBSSID", True, ""), ("OCPP", True, ""), ("OCPPConnection", False, ""),
    ("PairingPin", True, ""), ("CPPWMOverride", True, ""), ("EVInitialSoC", True, ""),
    ("EVFullSoC", True, ""), ("EVComputedSoC", True, ""), ("EVRemainingSoC", True, ""),
    ("EVEnergyCapacity", True, ""), ("EVEnergyRequest", True, ""), ("EVCCID", True, ""),
    ("Reason", True, ""), ("Limit", True, ""), ("Fault", True, ""), ("StartTime", True, ""),
    ("StopTime", True, ""), ("Phases", True, ""), ("IPAddress", True, ""),
    ("ResetCause", True, ""), ("Starts", True, ""), ("TaskRestarts", True, ""))
_MEASURED = (
    ("SolarStopTimer", False, ""), ("MainsCurrentL1", False, ""), ("MainsCurrentL2", False, ""),
    ("MainsCurrentL3", False, ""), ("MainsImportActiveEnergy", False, ""),
    ("MainsExportActiveEnergy", False, ""), ("EVCurrentL1", False, ""), ("EVCurrentL2", False, ""),
    ("EVCurrentL3", False, ""), ("EVImportActiveEnergy", False, ""), ("EVChargePower", False, ""),
    ("EVEnergyCharged", True, ""), ("EVTotalEnergyCharged", False, ""),
    ("CircuitCurrentL1", False, ""), ("CircuitCurrentL2", False, ""),
    ("CircuitCurrentL3", False, ""), ("HomeBatteryCurrent", False, ""), ("CPPWM", False, ""),
    ("SessionSolarEnergy", True, ""), ("CapacityUsed", False, ""), ("CapacityBudget", False, ""),
    ("CapacityPeak", True, ""))
_SETTINGS = (
    ("MaxCurrent", True, ""), ("MaxSumMains", True, ""), ("MaxSumMainsTime", True, ""),
    ("EnableC2", True, ""), ("CableLock", True, ""), ("LoadBl", True, ""),
    ("RequiredEVCCID", True, ""), ("MinCurrent", True, ""), ("MainsLimit", True, ""),
    ("CircuitLimit", True, ""), ("CapacityLimit", True, ""), ("CapacityStopTime", True, ""),
    ("CapacityMode", True, ""), ("SolarStartCurrent", True, ""), ("SolarMaxImport", True, ""),
    ("SolarStopTime", True, ""), ("SolarStyle", True, ""), ("BatteryReserve", True, ""),
    ("BatteryProtect", True, ""), ("Version", True, ""))
_MOVING = (
    ("ESPUptime", False, ""), ("ESPTemp", False, ""), ("WiFiRSSI", False, ""),
    ("SessionTime", False, ""), ("EVTimeUntilFull", False, ""), ("LeastMemory", False, ""))

# What this charger has, as bits: topics and entities of Home Assistant depend on it.
MAINS = const(1)  # a mains meter
EV = const(2)  # a meter that sees the car alone
CIRCUIT = const(4)
BATTERY = const(8)  # the home battery's current was told once
MODEM = const(16)
RFID = const(32)
LOCK = const(64)
CAPACITY = const(128)
AUTO = const(256)  # contactor 2 is switched by the charger itself
TRUST = const(512)  # whoever is on the network may do what the installer may
LOCKED = const(1024)  # he may not
SOLAR = const(2048)  # Solar can be chosen, and is this charger's own business

_REFRESH_S = const(60)
_MEASURED_S = const(2)
_AT_ONCE = const(8)  # so many facts are looked at before others may run
_UNSENT = const(0xFFFF)
_NEVER = const(-1000)
_BIRTH = "homeassistant/status"


def present(status):
    """Return what this charger has, as the bits above."""
    setting = status.setting
    ev = setting("ev_meter") != "Disabled"
    own = setting("ev_meter_role") == "Car only"
    node = setting("pwr_share").startswith("Node")
    mains = setting("mains_met") != "Disabled"
    bits = TRUST if setting("trust_lan") == "Enabled" else LOCKED
    for bit, there in ((MAINS, mains), (EV, ev and own),
                       (CIRCUIT, setting("circt_met") != "Disabled" or (ev and not own)),
                       (BATTERY, status.battery_age_ms >= 0 or status.battery_expired),
                       (MODEM, setting("modem") != "Not present"),
                       (RFID, setting("rfid") != "Disabled"),
                       (LOCK, setting("lock") != "Disabled"),
                       (CAPACITY, setting("cap_mode") != "Disabled" and not node),
                       (AUTO, setting("contact_2") == "Auto"), (SOLAR, mains and not node)):
        if there:
            bits |= bit
    return bits


def _states(status, bits):
    """Yield the values of _STATES; here and below None is what there is nothing to say about."""
    yield status.mode
    yield ("Deny", "Allow", "Pause")[status.access]
    yield status.state_id
    yield status.state_id
    yield status.error_name
    yield "Connected" if status.car_connected else "Disconnected"
    yield status.grant_da
    yield status.override_da
    yield status.phase_count()
    yield status.rfid_status if bits & RFID else -1
    yield (status.rfid_last or "00000000000000") if bits & RFID else None
    yield "On" if status.custom else "Off"
    for number in range(5):
        yield status.palette[number]
    network = status.network
    yield status.setting("wifi_ssid") or None
    yield network.bssid or None if network else None
    yield "Disabled"
    yield "Disconnected"
    yield ""
    yield status.pwm_override if bits & MODEM else None
    car = status.ev_state()
    for key in ("initial_soc", "full_soc", "computed_soc", "remaining_soc", "energy_capacity",
                "energy_request", "evccid"):
        yield car[key] if car else None
    yield status.reason_text()
    yield status.limit_name
    yield status.fault_name
    yield status.timer_start
    yield status.timer_stop
    yield status.phases_wish if bits & AUTO else None
    yield status.ip or None
    yield status.reset_cause
    yield status.crumb.count if status.crumb else None
    yield sum(row[1] for row in status.tasks())


def _measured(status, bits):
    """Yield the values of _MEASURED; a meter that is lost has none."""
    yield status.solar_left_s
    there = bits & MAINS and status.mains_fresh
    for phase in range(3):
        yield status.solar_da(phase) if there else None
    yield status.mains_wh if there and status.mains_wh > 0 else None
    yield status.mains_out_wh if there and status.mains_out_wh > 0 else None
    ev = bits & EV
    there = ev and status.ev_age_ms >= 0
    for phase in range(3):
        yield status.ev_da(phase) if there else None
    yield status.ev_wh if ev and status.ev_wh > 0 else None
    yield max(status.ev_w, 0) if there else None
    yield status.session_wh if ev else None
    yield status.ev_wh if ev and status.ev_wh >= 0 else None
    there = bits & CIRCUIT and status.circuit_age_ms >= 0
    for phase in range(3):
        yield status.circuit_da(phase) if there else None
    yield status.battery_da if status.battery_age_ms >= 0 else None
    yield status.pwm1024 if bits & MODEM else None
    yield status.session_solar_wh
    if bits & CAPACITY:
        _, used, budget, _, peak = status.capacity()
        yield used
        yield budget
        yield peak
    else:
        yield from (None, None, None)


def _settings(status, bits):
    """Yield the values of _SETTINGS."""
    setting = status.setting
    yield setting("max") * 10
    for key in ("capacity", "cap_stop", "contact_2"):
        yield setting(key)
    yield (1 if setting("cable_lock") == "Enabled" else 0) if bits & LOCK else None
    share = setting("pwr_share")
    yield 0 if share == "Disabled" else 1 if share == "Master" else int(share[-1]) + 1
    yield setting("required_evccid") if bits & MODEM else None
    for key in ("min", "mains", "circuit", "capacity", "cap_stop", "cap_mode", "start", "import",
                "stop", "solar_style", "battery_reserve", "battery_protect"):
        yield setting(key)
    yield status.version


def _moving(status, _bits):
    """Yield the values of _MOVING."""
    yield status.uptime_s
    yield status.temp
    yield status.network.rssi or None if status.network else None
    yield status.session_s
    yield (status.ev_state() or {}).get("time_until_full")
    yield status.heap_low


def _text(status, how, value):
    """The payload of a fact."""
    if how == "state":
        return status.state_name.split(" - ")[0]
    if how == "id":
        return status.state_letter()
    if how == "rgb":
        return "%d,%d,%d" % (value >> 16, value >> 8 & 255, value & 255)
    if how == "rfid":
        return rfid_text(value) if value >= 0 else "Not Installed"
    return str(value)


class Facts:
    """Topics below ``prefix`` for what ``status`` shows, and commands for what is told.

    ``refused`` counts what was told and not carried out, ``refusal`` is the last reason, ""
    without one.
    """

    def __init__(self, status, command, prefix):
        self._status = status
        self._command = command
        self._prefix = prefix
        self._sent = array("H", bytes(2 * (
            len(_STATES) + len(_MEASURED) + len(_SETTINGS) + len(_MOVING))))
        self._bits = self._changes = self._shape = 0
        self.refused = 0
        self.refusal = ""
        self._unanswered = False
        self.connected()

    def connected(self):
        """Forget what was sent: the next round sends everything, the discovery included."""
        self._full_at = self._measured_at = _NEVER
        self._announce = True

    def pieces(self):
        """Yield (topic, payload, retained) of one round, and None where others may run."""
        status = self._status
        status.refresh()
        now = status.uptime_s
        full = now - self._full_at >= _REFRESH_S
        changed = full or status.changes != self._changes
        measured = full or now - self._measured_at >= _MEASURED_S
        if full:
            self._full_at = now
        if measured:
            self._measured_at = now
        if measured or changed:
            self._changes = status.changes
            self._bits = present(status)
            # What entities there are, and what stands in them.
            shape = hash((self._bits, status.setting("max"), status.setting("ha_discovery"),
                          status.ip))
            if shape != self._shape:
                self._shape = shape
                self._announce = True
        yield None
        if self._unanswered:
            self._unanswered = False
            yield self._prefix + "/Refused", self.refusal, False
        first = 0
        for rows, values, due in ((_STATES, _states, True), (_MEASURED, _measured, measured),
                                  (_SETTINGS, _settings, changed), (_MOVING, _moving, full)):
            if due:
                yield from self._group(first, rows, values(status, self._bits), full)
            first += len(rows)
        if self._announce:
            self._announce = False  # now, because it may be asked for again meanwhile
            discovery = rare("net.homeassistant")
            yield None
            yield from discovery.pieces(status, self._prefix, self._bits,
                                        status.setting("ha_discovery") == "Enabled")

    def _group(self, index, rows, values, full):
        """Yield what has changed among ``rows``, everything if ``full``."""
        sent = self._sent
        for name, retained, how in rows:
            value = next(values)
            if value is not None:
                mark = (value if type(value) is int else hash(value)) & 0x7FFF
                if full or mark != sent[index]:
                    sent[index] = mark
                    yield ("%s/%s" % (self._prefix, name), _text(self._status, how, value),
                           retained)
            index += 1
            if index % _AT_ONCE == 0:
                yield None

    def farewell(self):
        """Yield what takes every entity out of Home Assistant, shaped as ``pieces``."""
        yield from rare("net.homeassistant").pieces(self._status, self._prefix, 0, False)

    def take(self, topic, payload):
        """Carry out a message from the broker (bytes both); what cannot be is counted."""
        try:
            topic = str(topic, "utf-8")
            payload = str(payload, "utf-8")
        except ValueError:
            self._refuse("not UTF-8")
            return
        if topic == _BIRTH:
            if payload == "online":
                self.connected()  # Home Assistant has started and knows nothing
            return
        start = self._prefix + "/Set/"
        if not topic.startswith(start):
            return
        name = topic[len(start):]
        from evse.net import told
        try:
            told.obey(self._status, self._command, name, payload)
        except Refused as refusal:
            self._refuse("Set/%s: %s" % (name[:40], refusal.reason))
        # Answered even if nothing has changed, so that whoever asked sees what is in force.
        shown = told.shows(name)
        index = 0
        for rows in (_STATES, _MEASURED, _SETTINGS):
            for row in rows:
                if row[0] == shown and rows is not _MEASURED:
                    self._sent[index] = _UNSENT
                    if rows is _SETTINGS:
                        self._changes = -1
                index += 1

    def _refuse(self, reason):
        self._unanswered = True
        self.refused = self.refused + 1 & 0x3FFFFFFF
        self.refusal = reason
