"""What real clients of the older firmwares ask and expect, from the shared list of facts."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXPECTATIONS = Path(os.environ.get("TESTDATA", ROOT.parent / "shared" / "testdata"),
                    "client_expectations.json")
# Paths of features that do not exist yet; each goes when its feature comes.
NOT_YET = {"/reboot", "/update", "/autoupdate", "/mqtt_ca_cert"}
# What is not built; the display is asked for instead.
NEVER = {"/ws/lcd"}
# Values a write is answered with only once the feature exists.
NOT_YET_ANSWERED = {"mqtt_host", "mqtt_port"}
TYPES = {
    "string": lambda value: type(value) is str,
    "int": lambda value: type(value) is int,
    "bool": lambda value: type(value) is bool,
    "number": lambda value: type(value) in (int, float),
    "any": lambda value: True,
    "object": lambda value: type(value) is dict,
}


@pytest.fixture(scope="module")
def clients():
    if not EXPECTATIONS.exists():
        if os.environ.get("REQUIRE_TESTDATA"):
            pytest.fail("%s is missing" % EXPECTATIONS)
        pytest.skip("no test data at %s" % EXPECTATIONS.parent)
    return json.loads(EXPECTATIONS.read_text())["clients"]


def ask(twin, wanted):
    """Send one request of the list; returns (status, document)."""
    query = urllib.parse.urlencode(wanted["query"])
    url = twin.url.rstrip("/") + wanted["path"] + ("?" + query if query else "")
    headers = dict(wanted.get("headers") or {})
    headers.pop("Content-Length", None)
    body = wanted.get("body") or {}
    data = None
    if wanted["method"] == "POST":
        if "form" in body:
            data = urllib.parse.urlencode(body["form"]).encode()
        elif "json" in body:
            data = json.dumps(body["json"]).encode()
        else:
            data = (body.get("raw") or "").encode()
    request = urllib.request.Request(url, data, headers, method=wanted["method"])
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, json.loads(answer.read())


def find(document, path):
    """The value at a dotted path; KeyError when it is not there."""
    for key in path.split("."):
        document = document[key]
    return document


def missing(document, fields):
    absent = []
    for field in fields:
        try:
            find(document, field)
        except KeyError:
            absent.append(field)
    return absent


def requests_of(clients, method, path):
    for client in clients:
        for wanted in client["requests"]:
            if wanted["method"] == method and wanted["path"] == path:
                yield client["name"], wanted


def test_every_client_finds_its_fields(twin, clients):
    one = twin(settings={"mains_met": "API"})
    count = 0
    for name, wanted in requests_of(clients, "GET", "/settings"):
        status, document = ask(one, wanted)
        assert status == wanted["expect_status"]
        assert missing(document, wanted["required_response_fields"]) == [], name
        for field, kind in wanted["types"].items():
            if kind in TYPES and not missing(document, [field]):
                assert TYPES[kind](find(document, field)), (name, field, find(document, field))
        count += 1
    assert count >= 9


def test_every_legacy_write_is_answered_with_json(twin, clients):
    one = twin(settings={"mains_met": "API"})
    count = 0
    for path in ("/settings", "/currents", "/ev_meter"):
        for name, wanted in requests_of(clients, "POST", path):
            status, document = ask(one, wanted)
            assert status == 200, (name, wanted)
            assert isinstance(document, dict), (name, wanted)
            fields = set(wanted["required_response_fields"]) - NOT_YET_ANSWERED
            assert missing(document, fields) == [], (name, wanted, document)
            count += 1
    assert count >= 50


def test_the_display_is_a_picture_in_time(twin, clients):
    one = twin()
    names = []
    for name, wanted in requests_of(clients, "GET", "/lcd"):
        patience_s = wanted.get("timeout_s", 5)
        with urllib.request.urlopen(one.url.rstrip("/") + "/lcd", timeout=patience_s) as answer:
            assert answer.status == wanted["expect_status"]
            assert answer.headers["Content-Type"] == wanted["response_content_type"]
            body = answer.read()
        assert (body[:2], len(body)) == (b"BM", 1086), name
        names.append(name)
    assert len(names) >= 2


def test_the_pin_is_answered(twin, clients):
    for pin, opened in ((1234, True), (4321, False), (0, False)):
        one = twin(settings={"lcd_pin": pin})
        for _, wanted in requests_of(clients, "POST", "/lcd-verify-password"):
            status, document = ask(one, wanted)
            assert (status, document["success"]) == (200, opened)
        shown = one.post("lcd?button=middle&state=1")
        assert shown["button"]["left"] == ("up" if opened else "down")
        assert shown["button"]["middle"] == "down"


def test_only_what_is_named_here_is_missing(twin, clients):
    one = twin()
    for client in clients:
        for wanted in client["requests"]:
            if wanted["path"] in NOT_YET and wanted["method"] in ("GET", "POST"):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    ask(one, wanted)
                assert refused.value.code in (404, 413), wanted["path"]
                refused.value.close()
            else:
                assert wanted["path"] in NOT_YET | NEVER | {
                    "/settings", "/currents", "/ev_meter", "/lcd",
                    "/lcd-verify-password"}, wanted["path"]


def test_mode_numbers_reach_the_charger(twin):
    one = twin()
    for number, shown in (("0", "OFF"), ("1", "NORMAL"), ("2", "SOLAR"), ("4", "PAUSE"),
                          ("3", "SMART")):
        assert one.post("settings?mode=" + number) == {"mode": number}
        document = one.get("settings")
        assert document["mode"] == shown
        assert document["mode_id"] == int(number)
        assert document["evse"]["access"] == {"0": 0, "4": 2}.get(number, 1)


def test_refused_modes_change_nothing(twin):
    one = twin(settings={"mains_met": "Disabled", "mode": "Normal"})
    for number in ("2", "3", "5"):
        assert one.post("settings?mode=" + number) == {"mode": "Value not allowed!"}
        assert one.get("settings")["mode"] == "NORMAL"


def test_override_and_its_end(twin):
    one = twin()
    assert one.post("settings?override_current=100") == {"override_current": 100}
    assert one.get("settings")["settings"]["override_current"] == 100
    assert one.post("settings?override_current=9999") == {"override_current": "Value not allowed!"}
    assert one.get("settings")["settings"]["override_current"] == 100
    assert one.post("settings?disable_override_current=1") == {"disable_override_current": "OK"}
    assert one.get("settings")["settings"]["override_current"] == 0


def test_currents_feed_an_api_meter_only(twin):
    one = twin(settings={"mains_met": "API"})
    assert one.post("currents?L1=12&L2=-34&L3=56")["TOTAL"] == 34
    phases = one.get("settings")["phase_currents"]
    assert (phases["L1"], phases["L2"], phases["L3"]) == (12, -34, 56)
    assert phases["last_data_update"] > 1_700_000_000
    other = twin()
    assert other.post("currents?L1=12&L2=34&L3=56")["L1"] == "Value not allowed!"
