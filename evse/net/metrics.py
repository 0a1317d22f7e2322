"""GET /metrics: the charger's figures as Prometheus reads them. Loaded for each request.

Every name begins with microevse_, units are those of Prometheus (amperes, seconds, bytes) but for
energy, which is in Wh. A figure that is not known is left out.
"""

import gc

from evse.cycle import EDGES_MS
from evse.net.reply import Reply

_KIND = "text/plain; version=0.0.4; charset=utf-8"
_PHASES = ("L1", "L2", "L3")
# A line each: name, type, attribute of the status, what it is divided by, words.
_PLAIN = (
    "uptime_seconds gauge uptime_s 1 time since the start\n"
    "clock_seconds gauge clock_s 1 time of day, Unix; 0 while unknown\n"
    "state gauge state_id 1 state as clients know it\n"
    "access gauge access 1 0 off, 1 on, 2 pause\n"
    "mode gauge mode_id 1 0 Off, 1 Normal, 2 Solar, 3 Smart, 4 Pause\n"
    "error gauge error_id 1 fault as clients know it, 0 for none\n"
    "reason gauge reason 1 code of why it charges or not, see microevse_why\n"
    "car_connected gauge car_connected 1 is a car connected\n"
    "charging gauge charging 1 is contactor 1 closed\n"
    "granted_amperes gauge grant_da 10 allotted per phase\n"
    "offered_amperes gauge offered_da 10 offered to the car by the pilot, 0 for none\n"
    "override_amperes gauge override_da 10 set by hand, 0 for none\n"
    "ev_watts gauge ev_w 1 power of the car\n"
    "ev_wh_total counter ev_wh 1 count of the EV meter\n"
    "mains_import_wh_total counter mains_wh 1 count of the mains meter\n"
    "mains_export_wh_total counter mains_out_wh 1 count of the mains meter, fed in\n"
    "session_wh gauge session_wh 1 energy of the last or running session\n"
    "session_solar_wh gauge session_solar_wh 1 part of it from the sun\n"
    "session_charging_seconds gauge session_s 1 time charged in it\n"
    "session_number gauge session_number 1 its number\n"
    "temperature_celsius gauge temp 1 of the board\n"
    "start_delay_seconds gauge delay_s 1 until charging may begin after power returned\n"
    "solar_stop_seconds gauge solar_left_s 1 until it stops for want of sun, 0 while it need not\n"
)


def get(_request, status, _command):
    """Answer with all figures; each piece of the answer takes a slice of its own."""
    return Reply(_packed(_lines(status)), 200, _KIND)


def _packed(lines):
    """Yield lines as pieces that end in no newline, so that they go out many at a time.

    An empty line is none, but lets go what there is.
    """
    newline = ""
    for line in lines:
        if line:
            yield newline + line
            newline = "\n"
        else:
            yield ""
    yield newline


def _head(name, kind, words):
    return "# HELP microevse_%s %s\n# TYPE microevse_%s %s" % (name, words, name, kind)


def _value(number, divisor):
    """``number`` / ``divisor`` (1, 10 or 1000) as text. Without floats: those here are short."""
    number = int(number)
    if divisor == 1:
        return str(number)
    sign = "-" if number < 0 else ""
    whole, part = divmod(abs(number), divisor)
    return "%s%d.%s" % (sign, whole, ("%d" % (divisor + part))[1:])


def _label(text):
    """``text`` as the value of a label."""
    for this, that in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        text = text.replace(this, that)
    return '"%s"' % text


def _lines(status):
    """Yield all lines of the answer."""
    yield from status.refreshing()
    yield _head("info", "gauge", "what this is")
    yield "microevse_info{version=%s,board=%s,serial=\"%d\"} 1" % (
        _label(status.version), _label(status.board), status.serial)
    yield _head("reset_info", "gauge", "what started the board")
    yield "microevse_reset_info{cause=%s} 1" % _label(status.reset_cause)
    yield from _starts(status)
    yield _head("why", "gauge", "the reason in words")
    yield "microevse_why{mode=%s,state=%s,reason=%s,limit=%s} 1" % tuple(
        _label(text) for text in (status.mode, status.state_name, status.reason_text(),
                                  status.limit_name))
    start = 0
    while start < len(_PLAIN):
        end = _PLAIN.find("\n", start)
        name, kind, attribute, divisor, words = _PLAIN[start:end].split(" ", 4)
        value = getattr(status, attribute)
        if value is not None and (value >= 0 or name == "temperature_celsius"
                                  or attribute == "ev_w" and status.ev_age_ms >= 0):
            yield _head(name, kind, words)
            yield "microevse_%s %s" % (name, _value(value, int(divisor)))
        start = end + 1
    yield _head("fault", "gauge", "faults that are up")
    for name, stops, clears in status.fault_rows():
        yield "microevse_fault{name=%s,stops=%s,clears=%s} 1" % (
            _label(name), _label(stops), _label(clears))
    yield from _currents(status)
    yield from _group(status)
    yield from _bus(status)
    yield from _board(status)
    yield from _network(status)


def _starts(status):
    """Of the whole since power came, and of its parts since the last of those."""
    crumb = status.crumb
    if crumb:
        yield _head("starts_total", "counter", "starts of the board since power came")
        yield "microevse_starts_total %d" % crumb.count
        causes = [cause for cause, _ in crumb.history()]
        yield _head("recent_starts", "gauge", "the last eight starts by what caused them")
        for cause in set(causes):
            yield "microevse_recent_starts{cause=%s} %d" % (_label(cause), causes.count(cause))
    rows = list(status.tasks())
    if rows:
        yield _head("task_restarts_total", "counter", "how often each task was started again")
        for name, restarts, _ in rows:
            yield "microevse_task_restarts_total{task=%s} %d" % (_label(name), restarts)


def _currents(status):
    """What the meters say, where a reading is known, and the limits."""
    setting = status.setting
    for name, age_ms, current, words in (
            ("mains", status.mains_age_ms, status.mains_da, "of the mains, negative feeds in"),
            ("circuit", status.circuit_age_ms, status.circuit_da, "of the circuit"),
            ("ev", status.ev_age_ms, status.ev_da, "of the car")):
        if age_ms < 0:
            continue
        yield _head(name + "_amperes", "gauge", "current " + words)
        for phase in range(3):
            yield 'microevse_%s_amperes{phase="%s"} %s' % (
                name, _PHASES[phase], _value(current(phase), 10))
        yield _head(name + "_age_seconds", "gauge", "age of that reading")
        yield "microevse_%s_age_seconds %s" % (name, _value(age_ms, 1000))
    if status.battery_age_ms >= 0:
        yield _head("battery_amperes", "gauge", "home battery, charging is positive")
        yield "microevse_battery_amperes %s" % _value(status.battery_da, 10)
    yield _head("limit_amperes", "gauge", "limits as they are set")
    for key in ("min", "max", "mains", "circuit", "capacity"):
        yield 'microevse_limit_amperes{of="%s"} %d' % (key, setting(key))
    limit, used, budget, left, peak = status.capacity()
    if setting("cap_mode") != "Disabled":
        for name, value, words in (
                ("used_wh", used, "bought in this quarter of an hour"),
                ("budget_wh", budget, "allowed in it"), ("left_seconds", left, "left of it"),
                ("peak_watts", peak, "peak of the month")):
            yield _head("capacity_" + name, "gauge", words)
            yield "microevse_capacity_%s %d" % (name, value)
        if limit is not None:
            yield _head("capacity_amperes", "gauge", "limit in force, as a sum")
            yield "microevse_capacity_amperes %s" % _value(limit, 10)
    yield _head("contactor_closings_total", "counter", "how often each contactor has closed")
    yield 'microevse_contactor_closings_total{contactor="1"} %d' % status.c1_count
    yield 'microevse_contactor_closings_total{contactor="2"} %d' % status.c2_count


def _group(status):
    """Every charger of the group; 0 is this one."""
    if status.setting("pwr_share") != "Master":
        return
    rows = [row[:5] + (row[7],) for row in status.evse_rows()]
    for at, name, words in ((2, "wants", "does its car want current"),
                            (3, "charging", "does it charge"), (5, "lost", "does it not answer")):
        yield _head("evse_" + name, "gauge", words)
        for row in rows:
            yield 'microevse_evse_%s{evse="%d"} %d' % (name, row[0], row[at])
    yield _head("evse_granted_amperes", "gauge", "allotted to it per phase")
    for row in rows:
        yield 'microevse_evse_granted_amperes{evse="%d"} %s' % (row[0], _value(row[4], 10))


def _bus(status):
    """How well meters and chargers answer."""
    rows = list(status.bus_rows())
    for key, kind, divisor in (
            ("ok", "gauge", 1), ("age_ms", "gauge", 1000), ("latency_ms", "gauge", 1000),
            ("worst_ms", "gauge", 1000), ("requests", "counter", 1), ("replies", "counter", 1),
            ("timeouts", "counter", 1), ("crc", "counter", 1), ("wrong", "counter", 1),
            ("exceptions", "counter", 1), ("refused", "counter", 1)):
        name = "bus_" + key.replace("_ms", "_seconds") + ("_total" if kind == "counter" else "")
        head = _head(name, kind, "of each meter and charger that is asked")
        for row in rows:
            if row.get(key, -1) >= 0:
                if head:
                    yield head
                    head = ""
                yield "microevse_%s{name=%s,address=%s} %s" % (
                    name, _label(row["name"]), _label(str(row["address"])),
                    _value(row[key], divisor))


def _board(status):
    """Control cycle and memory."""
    cycle = status.cycle
    if cycle:
        # One histogram: each period lies behind the one before, so their sum is the time gone by.
        yield _head("cycle_seconds", "histogram", "periods of the control cycle")
        total = 0
        for at in range(len(EDGES_MS)):
            total += cycle.bins[at]
            yield 'microevse_cycle_seconds_bucket{le="%s"} %d' % (
                _value(EDGES_MS[at], 1000), total)
        total += cycle.bins[len(EDGES_MS)]
        yield 'microevse_cycle_seconds_bucket{le="+Inf"} %d' % total
        yield "microevse_cycle_seconds_sum %d" % status.uptime_s
        yield "microevse_cycle_seconds_count %d" % total
        yield _head("cycle_worst_seconds", "gauge", "longest period since the start")
        yield "microevse_cycle_worst_seconds %s" % _value(cycle.worst_ms, 1000)
    heaps = [("python", status.heap_free, None, status.heap_low)] + list(status.heaps())
    yield ""  # the interpreter walks all of the memory next
    yield _head("heap_used_bytes", "gauge", "memory of Python's objects, garbage included")
    yield 'microevse_heap_used_bytes{heap="python"} %d' % gc.mem_alloc()
    for at, name, words in ((1, "free", "free memory"), (2, "largest_free", "largest piece of it"),
                            (3, "least_free", "least that was ever seen free")):
        yield _head("heap_%s_bytes" % name, "gauge", words)
        for row in heaps:
            if row[at] is not None:
                yield 'microevse_heap_%s_bytes{heap="%s"} %d' % (name, row[0], row[at])


def _network(status):
    """Radio, broker, time server and web server, as far as there are any."""
    for name, kind, holder, attribute, words in (
            ("wifi_rssi_dbm", "gauge", "network", "rssi", "strength of the WiFi signal"),
            ("wifi_joins_total", "counter", "network", "joins", "how often WiFi was joined"),
            ("wifi_losses_total", "counter", "network", "losses", "how often WiFi was lost"),
            ("mqtt_connected", "gauge", "mqtt", "connected", "is there a link to the broker"),
            ("mqtt_links_total", "counter", "mqtt", "links", "how often a link was made"),
            ("mqtt_sent_total", "counter", "mqtt", "sent", "messages sent"),
            ("mqtt_taken_total", "counter", "mqtt", "taken", "messages taken"),
            ("http_served_total", "counter", "web", "served", "requests answered"),
            ("http_refused_total", "counter", "web", "refused", "connections without room"),
            ("http_expired_total", "counter", "web", "expired", "requests that took too long")):
        value = getattr(getattr(status, holder), attribute, None)
        if value is not None and (value or attribute != "rssi"):
            yield _head(name, kind, words)
            yield "microevse_%s %d" % (name, value)
    ntp = status.ntp
    yield _head("ntp_failures", "gauge", "questions to the time server without answer, in a row")
    yield "microevse_ntp_failures %d" % ntp["failures"]
    if ntp["synced_s"]:
        yield _head("ntp_offset_seconds", "gauge", "by which the clock was behind when last asked")
        yield "microevse_ntp_offset_seconds %d" % ntp["offset_s"]
