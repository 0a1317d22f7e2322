"""GET /api/v1/blackbox: all that lets somebody else help, as one text. Loaded for each request.

It is made to be passed on. Nothing in it opens anything or says who somebody is: no password, no
PIN, no card and no name of one, no host that somebody chose, not where the access point is.
"""

import gc

from micropython import const

from evse import reasons
from evse.cycle import EDGES_MS
from evse.net.reply import Reply
from evse.settings import DEFAULT, KEY, TABLE, is_secret

_SESSIONS = const(8)
_BEFORE_CARD, _AFTER_NAME = const(7), const(7)  # columns of the table of sessions
_HOSTS = ("mqtt_host", "ntp_host")
_PERSONAL = _HOSTS + ("wifi_ssid", "mqtt_user", "mqtt_prefix", "required_evccid")
_AT_ONCE = const(16)
_LINE_MAX = const(256)
# A line each: attribute of the status, what it is.
_FACTS = (
    "mode mode\nstate_name state\ncar_connected car connected\ncharging charging\n"
    "fault_name fault\nlimit_name limited by\nreason_since_s reason since s of uptime\n"
    "grant_da granted, 0.1 A\noffered_da offered, 0.1 A\noverride_da set by hand, 0.1 A\n"
    "phases phases, 0 as wired\nphases_used mains phases seen, bits\n"
    "mains_age_ms mains age ms\nev_w car W\nev_age_ms car age ms\n"
    "circuit_age_ms circuit age ms\nbattery_da battery, 0.1 A\nbattery_age_ms battery age ms\n"
    "session_number session\nsession_wh its Wh\nwoke car woken by step\n"
    "c1_count contactor 1 closed\nc2_count contactor 2 closed\nlock_state lock\n"
    "temp temperature\npwm1024 pilot, 1/1024\ndelay_s start delay s\nrelay_open relay open\n")


def get(_request, status, _command):
    """Answer with the text, a line of it a slice."""
    return Reply(_lines(status), 200, "text/plain;charset=utf-8", {
        "Content-Disposition": 'attachment; filename="microevse-%d.txt"' % status.serial})


def _lines(status):
    """Yield it line by line; an empty piece lets others run."""
    yield from status.refreshing()
    clock_s = status.clock_s
    yield "MicroEVSE black box of %s\n" % (clock_s and status.local(clock_s) or "no known time")
    yield "%s on %s, serial %d, up %d s, started by: %s\n" % (
        status.version, status.board, status.serial, status.uptime_s, status.reset_cause)
    for title, part in (("now", _now), ("faults", _faults), ("settings that differ", _settings),
                        ("limits", _limits), ("memory and cycle", _memory), ("tasks", _tasks),
                        ("starts", _starts), ("bus", _bus), ("network", _network),
                        ("doctor", _doctor), ("sessions", _sessions), ("journal", _journal),
                        ("last crash", _crash), ("last ten minutes", _recent)):
        yield "\n== %s ==\n" % title
        yield from part(status)


def _now(status):
    yield "reason: %s (%d)\n" % (status.reason_text(), status.reason)
    for line in _FACTS.strip().split("\n"):
        name, _, words = line.partition(" ")
        yield "%s: %s\n" % (words, getattr(status, name))
    for words, da in (("mains", status.mains_da), ("car", status.ev_da),
                      ("circuit", status.circuit_da)):
        yield "%s, 0.1 A: %d %d %d\n" % (words, da(0), da(1), da(2))


def _faults(status):
    """Those that are up, then what the journal knows of these and earlier ones."""
    for name, stops, clears in status.fault_rows():
        yield "%s is up: stops %s, clears %s\n" % (name, stops, clears)
    for at, words in status.details("evidence"):
        yield "at %d s: %s\n" % (at, words)


def _settings(status):
    """What differs from how it came."""
    for at, setting in enumerate(TABLE):
        if not at % _AT_ONCE:
            yield ""
        value = status.setting(setting[KEY])
        if value == setting[DEFAULT]:
            continue
        if is_secret(setting) or setting[KEY] in _PERSONAL:
            yield "%s is set\n" % setting[KEY]
        else:
            yield "%s: %s\n" % (setting[KEY], value)
    yield "intervals: %s\n" % (status.intervals(),)


def _limits(status):
    for _, words, of, limit_da in status.details("group_limits"):
        yield "%s, each %s: %d\n" % (words, of, limit_da)
    for number, grant_da, winner, _, words, limit_da, left_s, _ in status.details("limits"):
        yield "charger %d, granted %d by %s: %s %d%s\n" % (
            number, grant_da, winner, words, limit_da,
            "" if left_s is None else " for %d s" % left_s)


def _memory(status):
    """Memory, and how evenly the control cycle runs."""
    yield ""  # the interpreter walks all of the memory next
    yield "python: free %d, used %d, least free %d\n" % (
        status.heap_free, gc.mem_alloc(), status.heap_low)
    for name, free, largest, least in status.heaps():
        yield "%s: free %s, largest %s, least free %s\n" % (name, free, largest, least)
    cycle = status.cycle
    if cycle:
        for at, edge in enumerate(EDGES_MS):
            yield "cycles up to %d ms: %d\n" % (edge, cycle.bins[at])
        yield "longer: %d, worst %d ms\n" % (cycle.bins[len(EDGES_MS)], cycle.worst_ms)


def _tasks(status):
    for name, restarts, how in status.tasks():
        yield "%s: %s, started again %d times\n" % (name, how, restarts)


def _starts(status):
    """What is kept over a reset: the last starts, the newest first."""
    crumb = status.crumb
    yield "%d since power came\n" % crumb.count
    for cause, lasted_s in crumb.history():
        yield "%s%s\n" % (cause, "" if lasted_s < 0 else ", after a run of %d s" % lasted_s)
    if crumb.before:
        state, reason, after_s, seen = crumb.before
        yield "the run before ended after %d s, in state %d: %s; tasks seen, bits: %x\n" % (
            after_s, state, reasons.text(reason), seen)
    text = crumb.text()
    if text:
        yield "last exception: ...%s\n" % _veiled(status, text)


def _bus(status):
    for row in status.bus_rows():
        yield "%s\n" % ", ".join("%s %s" % (key, row[key]) for key in sorted(row))
    box = status.box()
    if box:
        yield "Sensorbox %s, software %s, P1 %s, wiring %s\n" % (
            box.version, box.software, box.p1, box.wiring)


def _veiled(status, text):
    """The text without the names of hosts."""
    for key in _HOSTS:
        host = status.setting(key)
        if host:
            text = text.replace(host, key)
    return text


def _network(status):
    net, mqtt, web = status.network, status.mqtt, status.web
    if net:
        yield "WiFi %s, %d dBm, joined %d, lost %d, away %d s\n" % (
            net.state, net.rssi, net.joins, net.losses, net.away_s)
    if mqtt:
        yield "MQTT %s: %s\n" % (mqtt.state, _veiled(status, mqtt.problem) or "no problem")
    if web:
        yield "web: served %d, refused %d, expired %d\n" % (web.served, web.refused, web.expired)
    yield "time: %s\n" % _veiled(status, str(status.ntp))


def _doctor(status):
    yield "%s, %s, %d %%\n" % status.doctor()
    for code, what, where, hint, _ in status.doctor_rows():
        yield "%d %s: %s %s\n" % (code, where, what, hint)


def _sessions(status):
    """The last ones, without card and name."""
    for line in status.table("sessions_csv", max(1, status.storage.number - _SESSIONS + 1)):
        if line:
            before = line.split(",", _BEFORE_CARD)
            line = ",".join(before[:-1] + before[-1].rsplit(",", _AFTER_NAME)[1:])
        yield line


def _journal(status):
    for number, at, text, a, b in status.events():
        yield "%d at %d s: %s (%d, %d)\n" % (number, at, text, a, b)


def _crash(status):
    """What the last one that was caught has left."""
    try:
        with open(status.directory + "/crash.txt", "rb") as file:
            while True:
                line = file.readline(_LINE_MAX)
                if not line:
                    break
                try:
                    line = _veiled(status, line.decode())
                except UnicodeError:
                    line = "?\n"  # damaged, or cut within a letter
                yield line
                yield ""
    except OSError:
        yield "none\n"


def _recent(status):
    """A line holds until the next. So one that changes nothing is left out."""
    yield ("s of uptime, state, contactors, 0.1 A granted, of mains L1 L2 L3, of the car; "
           "reason where it changes\n")
    before = reason = None
    at = 0
    for row in status.recent.rows():
        at = row[0]
        if row[1:] != before:
            before = row[1:]
            bits, state, code, grant_da = row[1:5]
            mains = "%d %d %d" % tuple(row[5:8]) if bits & 4 else "- - -"
            words = "" if code == reason else " " + reasons.text(code)
            reason = code
            yield "%d %s %d %d %s %d%s\n" % (at, state, bits & 3, grant_da, mains, row[8], words)
        else:
            yield ""
    if before:
        yield "%d end\n" % at
