"""The figures for Prometheus: complete, in its format, and what is not known left out."""

import asyncio
from array import array

from evse.net import metrics
from helpers_net import FakeStatus


class Figures(FakeStatus):
    """A charger of which everything is known."""

    delay_s = 12
    reset_cause = "watchdog"

    def __init__(self):
        super().__init__()
        self.ntp = {"problem": "", "synced_s": 1790000000, "offset_s": -3, "failures": 0}
        self.network = Holder(rssi=-61, joins=2, losses=1)
        self.mqtt = Holder(connected=True, links=3, sent=1234, taken=5)
        self.web = Holder(served=17, refused=1, expired=2)
        self.cycle = Holder(bins=array("i", (900, 50, 30, 10, 5, 2, 1, 1, 1)), worst_ms=240)

    def heaps(self):
        yield "system", 30000, 20000, 12000

    def bus_rows(self):
        yield {"name": "mains", "address": 10, "ok": True, "age_ms": 1500, "latency_ms": 25,
               "worst_ms": 90, "requests": 100, "replies": 99, "timeouts": 1, "crc": 0, "wrong": 0,
               "exceptions": 0, "refused": 0, "misses": 0}
        yield {"name": 'e"v\\', "address": "p1meter.local", "ok": False, "age_ms": -1,
               "requests": 7, "replies": 0}


class Holder:
    def __init__(self, **values):
        for name in values:
            setattr(self, name, values[name])


class Stream:
    """Keeps what is sent, piece by piece."""

    def __init__(self):
        self.pieces = []

    async def awrite(self, data):
        self.pieces.append(bytes(data))


def answer(status):
    """Pieces of the answer, its head and its text."""
    stream = Stream()
    asyncio.run(metrics.get(None, status, None).write(stream))
    head, _, text = b"".join(stream.pieces).partition(b"\r\n\r\n")
    return stream.pieces, head.decode(), text.decode()


def series(text):
    """Name with labels -> value. Checks the format on the way."""
    found = {}
    types = []
    told = typed = ""
    for line in text[:-1].split("\n"):
        assert line, "an empty line"
        if line.startswith("# HELP "):
            told = line.split(" ")[2]
            assert len(line.split(" ")) > 3, line
        elif line.startswith("# TYPE "):
            _, _, typed, kind = line.split(" ")
            assert typed == told and kind in ("gauge", "counter", "histogram"), line
            assert (kind == "counter") == typed.endswith("_total"), line
            assert typed not in types, "told twice: " + typed
            types.append(typed)
        else:
            name, _, value = line.rpartition(" ")
            base = name.split("{")[0]
            for ending in ("_bucket", "_sum", "_count"):
                if typed + ending == base:
                    base = typed
            assert base == typed and base.startswith("microevse_"), line
            if "{" in name:
                assert name.endswith("}") and name.count("{") == 1, line
            float(value)
            assert name not in found, "twice: " + name
            found[name] = value
    return found


def figures(**changes):
    status = Figures()
    for name in changes:
        setattr(status, name, changes[name])
    return series(answer(status)[2])


def test_the_answer_is_what_prometheus_asks_for():
    _, head, text = answer(Figures())
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
    assert text.endswith("\n") and not text.endswith("\n\n") and not text.startswith("\n")
    assert len(text) > 4000


def test_lines_go_out_many_at_a_time():
    pieces = answer(Figures())[0]
    assert len(pieces) > 5 and sum(len(piece) > 150 for piece in pieces) > 20


def test_the_figures_are_those_of_the_status():
    found = figures()
    for name, value in (
            ('microevse_info{version="v4.0.0",board="sim",serial="4711"}', "1"),
            ('microevse_reset_info{cause="watchdog"}', "1"),
            ("microevse_starts_total", "4"),
            ('microevse_recent_starts{cause="watchdog"}', "2"),
            ('microevse_recent_starts{cause="soft"}', "1"),
            ('microevse_task_restarts_total{task="mqtt"}', "2"),
            ("microevse_uptime_seconds", "3661"), ("microevse_clock_seconds", "1790000000"),
            ("microevse_granted_amperes", "13.7"), ("microevse_offered_amperes", "13.6"),
            ("microevse_charging", "1"), ("microevse_ev_watts", "9123"),
            ("microevse_ev_wh_total", "1234567"), ("microevse_session_wh", "7654"),
            ("microevse_session_solar_wh", "1234"), ("microevse_temperature_celsius", "31"),
            ('microevse_mains_amperes{phase="L1"}', "5.5"),
            ('microevse_mains_amperes{phase="L2"}', "-1.2"),
            ('microevse_mains_amperes{phase="L3"}', "25.0"),
            ("microevse_mains_age_seconds", "1.500"),
            ('microevse_circuit_amperes{phase="L3"}', "16.2"),
            ("microevse_battery_amperes", "10.1"),
            ('microevse_limit_amperes{of="mains"}', "25"),
            ("microevse_capacity_used_wh", "400"), ("microevse_capacity_amperes", "33.0"),
            ('microevse_contactor_closings_total{contactor="2"}', "17"),
            ('microevse_fault{name="RCM Tripped",stops="at once",clears="by reset"}', "1"),
            ('microevse_evse_granted_amperes{evse="0"}', "13.7"),
            ('microevse_evse_lost{evse="3"}', "1"),
            ('microevse_bus_requests_total{name="mains",address="10"}', "100"),
            ('microevse_bus_latency_seconds{name="mains",address="10"}', "0.025"),
            ('microevse_bus_ok{name="e\\"v\\\\",address="p1meter.local"}', "0"),
            ('microevse_heap_free_bytes{heap="python"}', "60000"),
            ('microevse_heap_least_free_bytes{heap="python"}', "41000"),
            ('microevse_heap_free_bytes{heap="system"}', "30000"),
            ('microevse_heap_largest_free_bytes{heap="system"}', "20000"),
            ('microevse_heap_least_free_bytes{heap="system"}', "12000"),
            ("microevse_wifi_rssi_dbm", "-61"), ("microevse_mqtt_sent_total", "1234"),
            ("microevse_http_refused_total", "1"), ("microevse_ntp_offset_seconds", "-3"),
            ("microevse_cycle_worst_seconds", "0.240")):
        assert found.get(name) == value, (name, found.get(name))
    assert int(found['microevse_heap_used_bytes{heap="python"}']) > 1000


def test_the_cycle_is_a_histogram():
    found = figures()
    counts = [int(found['microevse_cycle_seconds_bucket{le="%s"}' % edge]) for edge in (
        "0.011", "0.013", "0.016", "0.020", "0.030", "0.050", "0.100", "0.200", "+Inf")]
    assert counts == [900, 950, 980, 990, 995, 997, 998, 999, 1000]
    assert found["microevse_cycle_seconds_count"] == "1000"
    assert found["microevse_cycle_seconds_sum"] == "3661"


def test_what_is_not_known_is_left_out():
    found = figures(mains_age_ms=-1, ev_age_ms=-1, circuit_age_ms=-1, battery_age_ms=-1, ev_w=-1,
                    ev_wh=-1, mains_wh=-1, mains_out_wh=-1, network=None, mqtt=None, web=None,
                    cycle=None, heaps=tuple, crumb=None, tasks=tuple,
                    ntp={"problem": "x", "synced_s": 0, "offset_s": 0, "failures": 3})
    for part in ("mains_amperes", "mains_age", "circuit_amp", "ev_amp", "ev_watts", "ev_wh",
                 "import_wh", "export_wh", "battery", "wifi", "mqtt", "http", "cycle_s",
                 "largest", "offset_s", "starts", "recent", "task"):
        assert not [name for name in found if "microevse_" + part in name], part
    assert found["microevse_ntp_failures"] == "3"


def test_a_car_that_feeds_back_and_frost_are_known():
    found = figures(ev_w=-1200, temp=-7)
    assert found["microevse_ev_watts"] == "-1200"
    assert found["microevse_temperature_celsius"] == "-7"


def test_a_charger_alone_and_without_a_tariff_says_less():
    status = Figures()
    status.values["pwr_share"] = "Disabled"
    status.values["cap_mode"] = "Disabled"
    found = series(answer(status)[2])
    assert not [name for name in found if "_evse_" in name or "_capacity_" in name]
    assert found['microevse_limit_amperes{of="capacity"}'] == "40"
