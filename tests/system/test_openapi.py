"""The HTTP interface does what its description says: schemathesis, and the recipes of the docs."""

import gzip
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from twin_fixture import ROOT, Twin

# Each case is one request, about 20 ms; with TEST_LONG it looks closer.
EXAMPLES = 60 if os.environ.get("TEST_LONG") else 3
# Not asked: what ends the twin, what does not end itself, and the radio, which is the portal's.
LEFT_OUT = ("/api/v1/restart", "/api/v1/events", "/api/v1/wifi", "/api/v1/wifi/scan", "/reboot",
            "/erasesettings")
SOME = ("mains", "min", "max", "solar_style", "tz", "mqtt_user", "mqtt_password", "em_i_divisor")
FINAL = ("restart", "erase")
# What is well formed may still be refused as things are (422), or be too long (413).
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "411", "413", "414", "422", "429",
    "431", "503"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "411", "413", "414", "415", "422",
    "429", "431"]
"""
HOOKS = '''
import schemathesis


@schemathesis.serializer("text/csv")
def csv(context, value):
    return value if isinstance(value, bytes) else str(value).encode()
'''
SETTINGS = {"trust_lan": "Enabled", "mains_met": "API", "ev_meter": "API", "circt_met": "API",
            "contact_2": "Auto", "rfid": "EnableAll", "modem": "Experimental"}


def twin_with(**settings):
    # Whether memory lasts is for the tests of the hostile clients; here it would hide the rest.
    return Twin("--auto", settings={**SETTINGS, **settings}, heap="2M")


@pytest.fixture(scope="module")
def charger(sim_build):
    """One twin for all of it."""
    one = twin_with()
    yield one
    one.close()


def test_every_answer_is_as_described(charger, tmp_path):
    for path in ("openapi.json", "api/v1/openapi.json"):
        with urllib.request.urlopen(charger.url + path, timeout=10) as answer:
            document = json.loads(gzip.decompress(answer.read()))
        assert document == json.loads((ROOT / "web" / "openapi.json").read_text()), path
    for path in LEFT_OUT:
        document["paths"].pop(path, None)
    body = document["paths"]["/api/v1/command"]["post"]["requestBody"]["content"]
    variants = body["application/json"]["schema"]["oneOf"]
    variants[:] = [one for one in variants if one["properties"]["name"]["const"] not in FINAL]
    # Of the many settings one of each kind.
    settings = document["components"]["schemas"]["Settings"]["properties"]
    for key in [key for key in settings if key not in SOME]:
        del settings[key]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "hooks.py").write_text(HOOKS)
    program = Path(sys.executable).parent / "schemathesis"
    done = subprocess.run(
        [program, "--config-file", "config.toml", "run", "openapi.json", "--url", charger.url,
         "--checks", "all", "--phases", "coverage,fuzzing", "--max-examples", str(EXAMPLES),
         "--seed", "1", "--no-shrink", "--no-color", "--generation-database", "none"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path),
                           "SCHEMATHESIS_HOOKS": "hooks"},
        text=True, capture_output=True, timeout=900)
    assert not done.returncode, done.stdout[-6000:] + charger.tail()
    assert "Tested: %d" % sum(map(len, document["paths"].values())) in done.stdout
    assert "Traceback" not in charger.tail(400)
    assert charger.get("api/v1/status")["uptime_s"] > 1


# ---- recipes ----

def recipes():
    """The lines with curl in the document's blocks of sh, in order."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
            for line in block.splitlines() if line.startswith("curl ")]


def password_of(twin):
    """What is on the display as long as nobody has chosen a password."""
    for entry in Path("/proc/%d/environ" % twin.pid).read_bytes().split(b"\0"):
        if entry.startswith(b"MICROEVSE_DATA="):
            stored = Path(entry[15:].decode()) / "settings.json"
            return json.loads(stored.read_text()).get("portal") if stored.exists() else None
    raise AssertionError("the twin says nothing of its data")


def test_the_recipes_of_the_documentation_work(sim_build, tmp_path):
    twin = twin_with(trust_lan="Disabled", rfid="Disabled")
    try:
        password = twin.wait(lambda: password_of(twin), 90, "the portal's password")
        address = twin.url.split("/")[2]
        found = recipes()
        assert len(found) > 15
        for line in found:
            done = subprocess.run(
                ["bash", "-c", line.replace("CHARGER", address).replace("PASSWORD", password)],
                cwd=tmp_path, text=True, capture_output=True, timeout=60)
            endless = " -sN " in line
            assert done.returncode == (28 if endless else 0), (line, done.stderr)
            if endless:
                assert "event: status\ndata: {" in done.stdout
            elif " -o " not in line:
                answer = json.loads(done.stdout)
                assert "error" not in answer or "state" in answer, (line, answer)
                assert "Value not allowed!" not in done.stdout, (line, answer)
        assert twin.get("api/v1/prices")["prices"] == [281, 274, 260, -12]
        assert (tmp_path / "sessions.csv").read_text().startswith("number,start,")
        assert twin.get("api/v1/status")["mode"] == "Solar"
    finally:
        twin.close()
