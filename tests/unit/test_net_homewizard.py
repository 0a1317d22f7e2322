"""What is read out of a HomeWizard meter's document, and what is not."""

import asyncio
import json
import random

from evse.bus import rtu
from evse.bus.master import BadSample
from evse.net import homewizard
from evse.settings import Refused

P1 = {"wifi_ssid": "home", "smr_version": 50, "total_power_import_kwh": 13779.338,
      "total_power_import_t1_kwh": 10830.511, "total_power_import_t2_kwh": 2948.827,
      "total_power_export_kwh": 0, "active_power_w": -543, "active_power_l1_w": -676,
      "active_power_l2_w": 133, "active_power_l3_w": 0, "active_current_l1_a": -4,
      "active_current_l2_a": 2, "active_current_l3_a": 0, "external": [{"type": "gas_meter"}]}
KWH3 = {"total_power_import_t1_kwh": 2940.101, "total_power_export_t1_kwh": 1.5,
        "active_power_w": 7100.278, "active_power_l1_w": 0, "active_power_l2_w": 3547.015,
        "active_power_l3_w": 3553.263, "active_current_a": 30.999, "active_current_l1_a": 0,
        "active_current_l2_a": 15.521, "active_current_l3_a": 15.477}
KWH1 = {"total_power_import_kwh": 30.511, "total_power_export_kwh": 85.951,
        "active_power_w": -1457.277, "active_power_l1_w": -1457.277, "active_current_a": 6.26}


def _with(document, **changes):
    return dict(document, **changes)


def _refused(document):
    try:
        homewizard.reading(document)
    except BadSample:
        return True
    return False


def test_a_p1_meter_with_currents_in_whole_amperes():
    assert homewizard.reading(P1) == ([-40, 20, 0], -543, 13779338, 0)


def test_a_three_phase_meter_has_three_phases_whatever_sum_it_shows_as_well():
    assert homewizard.reading(KWH3) == ([0, 155, 155], 7100, 2940101, 1500)


def test_a_one_phase_meter():
    assert homewizard.reading(KWH1) == ([-63], -1457, 30511, 85951)


def test_a_p1_meter_with_one_phase():
    one = {"active_current_l1_a": 3, "active_power_l1_w": 640, "active_current_l2_a": None,
           "active_power_l2_w": None, "active_power_w": 640}
    assert homewizard.reading(one) == ([30], 640, None, None)


def test_currents_are_rounded_half_away_from_zero_and_signed_by_the_power():
    for amps, watts, tenths in ((0.25, 50, 3), (0.25, -50, -3), (-0.25, 50, 3), (0.24, 50, 2),
                                (0, -50, 0), (15.75, -1, -158), (99.96, 1, 1000)):
        one = {"active_current_a": amps, "active_power_w": watts}
        assert homewizard.reading(one)[0] == [tenths], (amps, watts)


def test_the_power_is_the_meters_or_the_sum_of_its_phases():
    document = dict(KWH3)
    del document["active_power_w"]
    assert homewizard.reading(document)[1] == 7100


def test_energies_come_as_a_sum_or_by_tariff_or_not_at_all():
    document = {"active_current_a": 1, "active_power_w": 230}
    assert homewizard.reading(document)[2:] == (None, None)
    document.update({"total_power_import_t1_kwh": 10.5, "total_power_import_t2_kwh": 2.25,
                     "total_power_export_t2_kwh": 0.001})
    assert homewizard.reading(document)[2:] == (12750, 1)


def test_what_is_missing_or_absurd_refuses_the_sample():
    for key in ("active_current_l1_a", "active_current_l2_a", "active_current_l3_a",
                "active_power_l1_w", "active_power_l2_w", "active_power_l3_w"):
        document = dict(KWH3)
        del document[key]
        assert _refused(document), key
    for key in ("active_current_l2_a", "active_power_l1_w", "active_power_w",
                "total_power_import_t1_kwh", "total_power_export_t1_kwh"):
        for value in (True, "7", [7], {}, float("nan"), float("inf"), -1e30, 1e30, 10 ** 40):
            assert _refused(_with(KWH3, **{key: value})), (key, value)
    assert _refused(_with(KWH3, active_current_l2_a=1000))
    assert _refused(_with(KWH3, total_power_import_t1_kwh=-0.5))
    for document in (None, [], 5, "text", {}, {"active_current_a": 5}, {"active_power_w": 5}):
        assert _refused(document), document


def test_what_it_accepts_is_always_a_reading():
    random.seed(2026)
    keys = list(P1) + ["active_current_a", "total_power_export_t1_kwh"]
    values = (None, 0, -1, 3.25, 999, -999, 1000, 1e9, "1", True, [], {}, float("nan"))
    accepted = 0
    for _ in range(3000):
        document = dict(random.choice((P1, KWH3, KWH1)))
        for _ in range(random.randrange(4)):
            document[random.choice(keys)] = random.choice(values)
        try:
            amps, watts, imported, exported = homewizard.reading(document)
        except BadSample:
            continue
        accepted += 1
        assert len(amps) in (1, 3)
        assert all(type(amp) is int and -9990 <= amp <= 9990 for amp in amps)
        assert type(watts) is int and abs(watts) <= 3_000_000
        for energy in (imported, exported):
            assert energy is None or type(energy) is int and 0 <= energy <= 10 ** 12
    assert 500 < accepted < 2500, accepted


# ---- a meter and its turns ----


class Names:
    """Knows the address of every name; ``offers`` is what a search finds."""

    def __init__(self, offers=()):
        self.offers = offers
        self.known = "10.0.0.7"
        self.doubted = []

    async def lookup(self, name):
        return self.known

    async def browse(self, service):
        assert service == "_hwenergy._tcp.local"
        return list(self.offers)

    def doubt(self, name):
        self.doubted.append(name)


class Fetcher:
    """Gives out ``documents``, or raises them."""

    def __init__(self, *documents):
        self.documents = list(documents)
        self.asked = []

    async def fetch(self, host, address, port):
        self.asked.append((host, address, port))
        document = self.documents.pop(0)
        if isinstance(document, Exception):
            raise document
        return document


def _meter(host, names, fetcher, role="mains", refuse=False):
    told = []

    def command(name, value, source):
        if refuse:
            raise Refused("not of that type")
        told.append((name, value, source))

    meter = homewizard.HomeWizard(role, host, "p1meter-", command, names, fetcher, lambda: 5)
    return meter, told


def _turns(meter, count):
    async def run():
        for _ in range(count):
            await meter.turn()

    asyncio.run(run())
    return meter.slave.report(5)


def test_a_reading_is_handed_on_each_turn_the_same_one_too():
    fetcher = Fetcher(KWH3, KWH3, P1)
    meter, told = _meter("meter.lan:8080", Names(), fetcher)
    row = _turns(meter, 3)
    assert fetcher.asked == [("meter.lan", "10.0.0.7", 8080)] * 3
    value = ("mains", 0, 155, 155, 7100, 2940101, 1500)
    assert told[:2] == [("reading", value, "HomeWizard")] * 2
    assert told[2][1] == ("mains", -40, 20, 0, -543, 13779338, 0)
    assert (row["name"], row["address"], row["ok"]) == ("mains", "meter.lan:8080", True)
    assert (row["requests"], row["replies"], row["misses"]) == (3, 3, 0)


def test_one_phase_leaves_the_others_without_current():
    meter, told = _meter("1.2.3.4", Names(), Fetcher(KWH1), "ev")
    _turns(meter, 1)
    assert told[0][1] == ("ev", -63, 0, 0, -1457, 30511, 85951)


def test_phases_once_seen_are_not_given_up():
    sum_only = {"active_current_a": 31, "active_power_w": 7100}
    meter, told = _meter("1.2.3.4", Names(), Fetcher(sum_only, KWH3, sum_only, KWH3))
    row = _turns(meter, 4)
    assert [value[1][1:4] for value in told] == [(310, 0, 0), (0, 155, 155), (0, 155, 155)]
    assert (row["refused"], row["replies"]) == (1, 3)


def test_each_failure_is_counted_and_makes_the_address_doubtful():
    names = Names()
    fetcher = Fetcher(rtu.Timeout(), rtu.WrongLength(), BadSample(), OSError(104), {}, KWH3)
    meter, told = _meter("meter.local", names, fetcher)
    row = _turns(meter, 5)
    assert not told and not row["ok"]
    assert (row["timeouts"], row["wrong"], row["refused"], row["misses"]) == (1, 2, 2, 5)
    assert names.doubted == ["meter.local"] * 5
    row = _turns(meter, 1)
    assert row["ok"] and row["misses"] == 0 and len(told) == 1


def test_a_host_that_cannot_be_is_a_failure_like_others():
    for host in ("meter:0", "meter:x", "meter:70000"):
        meter, told = _meter(host, Names(), Fetcher())
        assert _turns(meter, 1)["wrong"] == 1


def test_a_name_without_address_is_not_fetched():
    names = Names()
    names.known = None
    meter, told = _meter("meter.local", names, Fetcher())
    assert _turns(meter, 2)["timeouts"] == 2


def test_a_command_that_is_refused_ends_nothing():
    meter, told = _meter("1.2.3.4", Names(), Fetcher(P1), refuse=True)
    assert _turns(meter, 1)["refused"] == 1


def test_the_single_meter_of_its_kind_is_found():
    names = Names(["kwhmeter-1.local", "p1meter-7.local", "watermeter-3.local"])
    fetcher = Fetcher(P1, P1)
    meter, told = _meter("", names, fetcher)
    assert meter.slave.report(5)["address"] == "searching"
    row = _turns(meter, 2)
    assert fetcher.asked == [("p1meter-7.local", "10.0.0.7", 80)] * 2
    assert row["address"] == "p1meter-7.local" and row["replies"] == 2


def test_of_several_meters_none_is_taken_and_none_found_says_so():
    names = Names(["p1meter-1.local", "p1meter-2.local"])
    meter, told = _meter("", names, Fetcher(P1))
    row = _turns(meter, 1)
    assert not told and row["timeouts"] == 1
    assert row["address"] == "several: p1meter-1.local, p1meter-2.local"
    names.offers = ["kwhmeter-1.local"]
    assert _turns(meter, 1)["address"] == "no p1meter- found"
    names.offers = ["p1meter-2.local"]
    assert _turns(meter, 1)["address"] == "p1meter-2.local" and told


def test_a_found_meter_that_stays_away_is_searched_anew():
    names = Names(["p1meter-1.local"])
    fetcher = Fetcher(P1, *[rtu.Timeout() for _ in range(24)] + [P1])
    meter, told = _meter("", names, fetcher)
    _turns(meter, 1)
    names.offers = ["p1meter-2.local"]
    _turns(meter, 25)
    assert [host for host, _, _ in fetcher.asked] == ["p1meter-1.local"] * 25 + ["p1meter-2.local"]


# ---- all of them ----


class Status:
    """Settings as the core's door shows them."""

    def __init__(self, **values):
        self.values = {"mains_met": "Disabled", "circt_met": "API", "ev_meter": "ABB",
                       "mains_host": "", "circt_host": "", "ev_host": ""}
        self.values.update(values)

    def setting(self, key):
        return self.values[key]


def test_meters_come_and_go_with_the_settings():
    status = Status(mains_met="HomeWizrd", mains_host="one")
    names = Names()
    names.known = None
    meters = homewizard.HomeWizards(status, None, names, lambda: 5)

    async def run():
        assert meters.follow() == 1
        first = meters.meters["mains"]
        status.values.update(ev_meter="HomeWizrd", ev_host="two")
        assert meters.follow() == 2 and meters.meters["mains"] is first
        assert sorted(row["name"] for row in meters.rows()) == ["ev", "mains"]
        status.values["mains_host"] = "three"
        assert meters.follow() == 2
        await asyncio.sleep_ms(0)
        assert first.task.done() and meters.meters["mains"].address == "three"
        ev = meters.meters["ev"]
        ev.task.cancel()  # as whatever nobody thought of would end it
        await asyncio.sleep_ms(0)
        assert meters.follow() == 2 and meters.meters["ev"] is not ev
        status.values.update(mains_met="API", ev_meter="Disabled")
        await meters.run()
        assert not list(meters.rows())

    asyncio.run(run())


def test_the_document_of_a_meter_with_all_there_can_be_fits():
    document = dict(P1, **KWH3)
    for phase in "123":
        for key in ("active_voltage_l%s_v", "voltage_sag_l%s_count", "voltage_swell_l%s_count",
                    "active_apparent_current_l%s_a", "active_reactive_current_l%s_a"):
            document[key % phase] = 230.751
    document["external"] = [{"unique_id": "4E4754414C414859" * 2, "type": "inlet_heat_meter",
                             "timestamp": 210606140010, "value": 555.555, "unit": "m3"}] * 5
    text = json.dumps(document)
    assert len(text) < 2048, len(text)
    assert text.count(",") + text.count("[") + text.count("{") < 128
