"""Updates end to end: bundles of tools/release.py, the twin, and a board that loses its power."""

import concurrent.futures
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import build
import power_cuts_update
import release
import rom
import signing

PATH = "api/v1/update"
NEW = "v4.1.0"
TIME_LIMIT_S = 60
# More than the other twins': on the host no module is frozen.
HEAP = "640K"


@pytest.fixture(scope="module")
def newer(sim_build, tmp_path_factory):
    """The simulated board's slot as a later version."""
    slot = tmp_path_factory.mktemp("newer") / "a"
    shutil.copytree(sim_build, slot)
    return as_version(slot, NEW)


def as_version(slot, version):
    """Make the app in ``slot`` say that it is ``version``; returns the slot."""
    source = slot.parent / "build.py"
    source.write_text('BOARD = "sim"\nVERSION = "%s"\n' % version)
    (slot / "evse" / "build.mpy").unlink()
    build.compile_file(source, slot / "evse" / "build.mpy", "evse/build.py", 2, None)
    (slot / "notes.txt").write_text("New in %s.\n" % version)
    seal(slot, version)
    return slot


def seal(slot, version, board="sim"):
    """Write the manifest of what lies in ``slot``."""
    files = [path for path in slot.rglob("*")
             if path.is_file() and path.name != "manifest.json"]
    (slot / "manifest.json").write_bytes(build.manifest(slot, board, version, files))


def send(one, data, path=PATH, method="POST", **headers):
    """(status, document) of a request with a body of bytes."""
    request = urllib.request.Request(one.url + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIME_LIMIT_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        return problem.code, json.loads(problem.read())


def restarted(one):
    """Wait until another firmware runs than that of ``one.pid``; its process id."""
    def pid():
        return one.world()["chargers"][0]["pid"] not in (None, one.pid) and told(one)

    one.wait(pid, what="the restart")
    one.pid = one.world()["chargers"][0]["pid"]


def told(one):
    """What GET says, None while nobody answers, or not to the end."""
    try:
        return one.get(PATH)
    except (OSError, ValueError):
        return None


# ---- the running charger ----

def test_a_charger_is_updated_and_goes_back(twin, newer):
    one = twin("--auto", settings={"trust_lan": "Enabled"}, heap=HEAP)
    before = one.get(PATH)
    assert (before["version"], before["slot"], before["other"]) == (build.VERSION, "a", None)
    one.wait(lambda: one.world()["contactors"]["c1"], what="charging")
    status, answer = send(one, release.bundle(newer))
    assert (status, answer["field"]) == (422, "update") and "charges" in answer["error"]
    one.post("api/v1/command", {"name": "access", "value": "Off"})
    one.wait(lambda: not one.world()["contactors"]["c1"], what="the end")
    assert send(one, release.bundle(newer)) == (200, {"ok": True, "version": NEW})
    ready = one.get(PATH)
    assert (ready["state"], ready["version"]) == ("ready", build.VERSION)
    assert ready["other"] == {"version": NEW, "notes": "New in %s.\n" % NEW}
    assert one.post(PATH + "/start") == {"ok": True, "version": NEW}
    restarted(one)
    trial = one.get(PATH)
    assert (trial["version"], trial["slot"], trial["state"]) == (NEW, "b", "trial")
    assert 0 < trial["trial_s"] <= 60
    assert one.get("api/v1/status")["version"] == NEW
    # Nothing charges meanwhile, and nothing else is written.
    one.post("api/v1/command", {"name": "access", "value": "On"})
    one.wait(lambda: one.get("api/v1/status")["reason"]["text"] == "the firmware is updated",
             what="the reason")
    assert send(one, release.bundle(newer))[0] == 422
    # Whatever befalls it before it has proven itself: the next start is in the old one.
    one.world("reboot")
    restarted(one)
    back = one.get(PATH)
    assert (back["version"], back["slot"], back["state"]) == (build.VERSION, "a", "returned")
    assert back["other"]["version"] == NEW
    texts = [event["text"] for event in one.get("api/v1/journal")]
    assert "update left, the version before runs" in texts


@pytest.fixture
def hasty(newer, tmp_path):
    """Factory: a bundle that has proven itself after so many seconds, its web server as said."""
    def make(trial_s, serve="return self.web.run("):
        slot = tmp_path / "a"
        shutil.copytree(newer, slot)
        text = (build.BUILD / "generated" / "sim" / "evse" / "app.py").read_text()
        for old, new in (("60 - self", "%d - self" % trial_s), ("return self.web.run(", serve)):
            assert text.count(old) == 1
            text = text.replace(old, new)
        source = tmp_path / "app.py"
        source.write_text(text)
        (slot / "evse" / "app.mpy").unlink()
        build.compile_file(source, slot / "evse" / "app.mpy", "evse/app.py", 2, None)
        seal(slot, NEW)
        return release.bundle(slot)
    return make


def tried(twin, bundle):
    """A twin that was told to start the bundle."""
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    assert send(one, bundle)[0] == 200
    one.post(PATH + "/start")
    return one


def test_an_update_is_kept_after_a_minute(twin, hasty):
    """What it needs for that is shortened, as the only thing."""
    one = tried(twin, hasty(3))
    restarted(one)
    one.wait(lambda: one.get(PATH)["state"] == "idle", what="the end of the trial")
    assert "update kept" in [event["text"] for event in one.get("api/v1/journal")]
    one.world("reboot")
    restarted(one)
    after = one.get(PATH)
    assert (after["version"], after["slot"]) == (NEW, "b")
    # And the way back, by hand.
    assert after["other"]["version"] == build.VERSION
    one.post(PATH + "/start")
    restarted(one)
    assert one.get(PATH)["version"] == build.VERSION


def fails(times):
    """A web server that so often does not get its address, then runs."""
    return """self.tries = getattr(self, "tries", 0) + 1
        if self.tries <= %d:
            raise OSError(112)
        return self.web.run(""" % times


def test_one_failure_of_a_service_is_no_reason_to_go_back(twin, hasty):
    one = tried(twin, hasty(6, fails(1)))
    restarted(one)
    one.wait(lambda: one.get(PATH)["state"] == "idle", what="the end of the trial")
    texts = [event["text"] for event in one.get("api/v1/journal")]
    assert "update kept" in texts and "task restarted" in texts


@pytest.mark.parametrize("trial_s,serve,why", [
    (60, fails(2), "OSError: 112"),
    (3, "return (lambda *address: asyncio.Event().wait())(", "the web server does not listen"),
], ids=["fails twice", "no web server"])
def test_an_update_that_cannot_be_reached_is_left_and_says_why(twin, hasty, trial_s, serve, why):
    one = tried(twin, hasty(trial_s, serve))
    one.wait(lambda: (told(one) or {}).get("state") == "returned", what="the old one")
    assert one.get(PATH)["version"] == build.VERSION
    with urllib.request.urlopen(one.url + "api/v1/blackbox", timeout=TIME_LIMIT_S) as answer:
        assert why in answer.read().decode()
    # Said once: with the next start it is history.
    restarted(one)
    one.world("reboot")
    restarted(one)
    assert one.get(PATH)["state"] == "idle"


def test_a_version_that_crashes_is_left_at_once(twin, newer, tmp_path):
    bad = tmp_path / "a"
    shutil.copytree(newer, bad)
    source = tmp_path / "main.py"
    source.write_text("import sys\nprint('it breaks')\nsys.exit(3)\n")
    build.compile_file(source, bad / "main.mpy", "main.py", 2, None)
    (bad / "main.mpy").touch()
    seal(bad, NEW)
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    assert send(one, release.bundle(bad))[0] == 200
    one.post(PATH + "/start")
    one.wait(lambda: "it breaks" in one.tail(), what="the new one")
    one.wait(lambda: (told(one) or {}).get("state") == "returned", what="the old one")
    assert one.get(PATH)["version"] == build.VERSION


def test_damage_is_refused_and_the_charger_runs_on(twin, newer, tmp_path):
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    good = release.bundle(newer)
    head = good.index(b"\n") + 1

    def damaged(at):
        return good[:at] + bytes((good[at] ^ 4,)) + good[at + 1:]

    foreign = tmp_path / "a"
    shutil.copytree(newer, foreign)
    seal(foreign, NEW, "devkit")
    key = tmp_path / "key.pem"
    key.write_bytes(private(rsa.generate_private_key(65537, 2048)))
    for data, words in ((damaged(head + 20), "not signed"), (damaged(len(good) // 2), "broken"),
                        (good[:len(good) // 3], "too soon"), (good + b"x", "more in it"),
                        (release.bundle(foreign), "devkit"),
                        (release.bundle(newer, key), "not signed"),
                        (b"x" * 300_000, "no update"), (b"", "too soon")):
        status, answer = send(one, data)
        assert status == 422 and words in answer["error"], (words, answer)
        now = one.get(PATH)
        assert (now["state"], now["version"], now["other"]) == ("failed", build.VERSION, None)
    assert one.get("api/v1/status")["faults"] == []
    # An own key is a matter of the password: who is trusted only cannot bring one.
    modulus = "%x" % serialization.load_pem_private_key(
        key.read_bytes(), None).public_key().public_numbers().n
    body = json.dumps({"key": modulus}).encode()
    kind = {"Content-Type": "application/json"}
    assert send(one, body, PATH + "/key", "PUT", **kind)[0] == 403
    assert one.world()["chargers"][0]["pid"] == one.pid


def test_one_that_no_key_vouches_for_is_fetched_and_confirmed_at_the_display(
        twin, newer, tmp_path):
    key = tmp_path / "own.pem"
    key.write_bytes(private(rsa.generate_private_key(65537, 2048)))
    bundle = tmp_path / "own.upd"
    bundle.write_bytes(release.bundle(newer, key))
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(server.serve_forever)
        url = "http://127.0.0.1:%d/" % server.server_port

        def fetch(name, **wanted):
            return send(one, json.dumps({"url": url + name, **wanted}).encode(), PATH + "/fetch",
                        **{"Content-Type": "application/json"})

        try:
            status, answer = fetch("none.upd")
            assert (status, answer["field"]) == (422, "url") and "404" in answer["error"]
            status, answer = fetch("own.upd")
            assert (status, answer["field"]) == (422, "confirm")
            fetching = pool.submit(fetch, "own.upd", confirm=True)
            one.wait(lambda: one.get(PATH)["state"] == "confirm", what="the question")
            asked = one.get(PATH)["confirm"]
            assert (asked["version"], asked["print"]) == (NEW, release.digits(bundle.read_bytes()))
            assert one.get(PATH)["other"] is None
            one.world("button", which="middle", pressed=True)
            one.wait(lambda: one.get(PATH)["state"] != "confirm", what="the answer")
            one.world("button", which="middle", pressed=False)
            assert fetching.result(TIME_LIMIT_S) == (200, {"ok": True, "version": NEW})
        finally:
            server.shutdown()
    ready = one.get(PATH)
    assert (ready["state"], ready["other"]["version"]) == ("ready", NEW)
    assert "update written" in [event["text"] for event in one.get("api/v1/journal")]


def test_curl_updates_with_a_token_and_a_key_of_the_owner(twin, newer, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    (data / "settings.json").write_text(json.dumps(
        {"version": 1, "settings": {"trust_lan": "Disabled"}, "portal": "f1r5tpw0"}))
    monkeypatch.setenv("MICROEVSE_DATA", str(data))
    one = twin(settings={"trust_lan": "Disabled"}, heap=HEAP)
    key = tmp_path / "own.pem"
    key.write_bytes(private(rsa.generate_private_key(65537, 3072)))
    bundle = tmp_path / "new.upd"
    bundle.write_bytes(release.bundle(newer, key))

    def curl(*words):
        done = subprocess.run(["curl", "-s", *words], text=True, capture_output=True, check=True,
                              timeout=TIME_LIMIT_S)
        return json.loads(done.stdout)

    url = one.url + PATH
    upload = ("--data-binary", "@%s" % bundle, url)
    assert "password" in curl(*upload)["error"]
    token = curl("-H", "Content-Type: application/json", "-d", '{"password":"f1r5tpw0"}',
                 one.url + "api/v1/login")["token"]
    owner = ("-H", "Authorization: Bearer " + token)
    assert "not signed" in curl(*owner, *upload)["error"]
    monkeypatch.setenv("MICROEVSE_KEY", str(key))
    own = json.dumps({"key": signing.trusted().strip()})
    assert curl(*owner, "-X", "PUT", "-H", "Content-Type: application/json", "-d", own,
                url + "/key") == {"ok": True}
    assert curl(url)["own_key"] is True
    assert curl(*owner, *upload) == {"ok": True, "version": NEW}
    assert curl(*owner, "-X", "DELETE", url + "/key") == {"ok": True}
    assert "not signed" in curl(*owner, *upload)["error"]


# ---- power that fails ----

def test_power_may_fail_at_any_piece_of_flash(sim_build, tmp_path):
    """Before the update is there: the old app. Then the new one once, and the old one after it,
    until the new one is kept. Each write of a small one, some of a whole one.
    """
    slot = tmp_path / "slot"
    for name, data in {"modules": b"", "main.py": b"print('app b')", "evse/core.mpy": bytes(9000),
                       "web/index.html.gz": b"x" * 300}.items():
        (slot / name).parent.mkdir(parents=True, exist_ok=True)
        (slot / name).write_bytes(data)
    seal(slot, NEW)
    told = power_cuts_update.measured(sim_build, slot)
    assert power_cuts_update.sound(told), told
    assert told["cuts"] == 2 * (told["writes"] + told["erases"]) + 1 > 200
    assert told["charged"] > 12
    told = power_cuts_update.measured(sim_build, sim_build, 150)
    assert power_cuts_update.sound(told, False), told
    assert told["bytes"] > 400_000 and told["cuts"] > 50


# ---- what the tools make ----

def private(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def test_a_bundle_is_what_its_description_says(newer, monkeypatch):
    data = release.bundle(newer)
    line, _, rest = data.partition(b"\n")
    name, form, head_size, size = line.decode().split()
    assert (name, form) == ("microevse-update", "1")
    head = json.loads(rest[:int(head_size)])
    body = rest[int(head_size) + int(size):]
    length, digest = head["manifest"]
    assert (head["board"], head["version"], head["bytes"]) == ("sim", NEW, len(body))
    assert hashlib.sha256(body[:length]).hexdigest() == digest
    files = json.loads(body[:length])["files"]
    assert next(iter(files)) == "modules"
    at = length
    for name, (count, digest) in files.items():
        assert hashlib.sha256(body[at:at + count]).hexdigest() == digest, name
        assert (newer / name).read_bytes() == body[at:at + count]
        at += count
    assert at == len(body) and len(data) < 1_000_000


def test_a_key_for_others_goes_into_what_is_built(tmp_path, monkeypatch):
    key = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "key.pem"
    path.write_bytes(private(key))
    public = tmp_path / "public.pem"
    public.write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    wanted = "%x\n" % key.public_key().public_numbers().n
    for one in (path, public):
        monkeypatch.setenv("MICROEVSE_KEY", str(one))
        assert signing.trusted() == wanted
    with pytest.raises(signing.Problem, match="public key"):
        signing.sign(b"x")
    monkeypatch.delenv("MICROEVSE_KEY")
    assert signing.trusted() != wanted
    assert oct(signing.DEVELOPMENT.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("key", [
    None, b"nothing", private(rsa.generate_private_key(65537, 1024)),
    private(rsa.generate_private_key(3, 2048)), private(ec.generate_private_key(ec.SECP256R1()))])
def test_keys_that_are_none(tmp_path, monkeypatch, key):
    path = tmp_path / "key.pem"
    if key:
        path.write_bytes(key)
    monkeypatch.setenv("MICROEVSE_KEY", str(path))
    with pytest.raises(signing.Problem):
        signing.trusted()


def test_builds_side_by_side_make_one_development_key(tmp_path):
    """Each on a tree without one; and what is derived from it may be lost."""
    code = ("import signing, pathlib; folder = pathlib.Path(%r); signing.FOLDER = folder;"
            "signing.DEVELOPMENT = folder / 'development.pem'; print(signing.trusted())"
            % str(tmp_path / "keys"))
    environment = {**os.environ, "MICROEVSE_KEY": ""}
    builds = [subprocess.Popen([sys.executable, "-c", code], cwd=build.ROOT / "tools",
                               env=environment, text=True, stdout=subprocess.PIPE)
              for _ in range(4)]
    keys = {one.communicate(timeout=TIME_LIMIT_S)[0] for one in builds}
    assert len(keys) == 1 and len(keys.pop()) > 500
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["development.pem"]
    assert (tmp_path / "keys" / "development.pem").stat().st_mode & 0o777 == 0o600


def test_make_release_says_loudly_whose_key_it_was(tmp_path):
    done = subprocess.run(["make", "--no-print-directory", "release", "BOARD=sim"],
                          cwd=build.ROOT, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DEVELOPMENT KEY" in done.stdout
    assert signing.DEVELOPMENT.parent == build.ROOT / "keys"  # `make clean` leaves it
    key = tmp_path / "key.pem"
    key.write_bytes(private(rsa.generate_private_key(65537, 2048)))
    path = build.BUILD / ("microevse-sim-%s.upd" % build.VERSION)
    data = path.read_bytes()
    line, _, rest = data.partition(b"\n")
    assert line.startswith(b"microevse-update 1 ")
    head = hashlib.sha256(rest[:int(line.split()[2])]).hexdigest().upper()
    assert "display it is %s %s %s %s\n" % (head[:4], head[4:8], head[8:12], head[12:16]) \
        in done.stdout


def test_device_and_tools_leave_out_the_same(micropython, sim_build, tmp_path):
    """A slot of which modules changed: what the device writes is what the tools would."""
    carried = (sim_build / "modules").read_text()
    lines = carried.splitlines(keepends=True)
    for changed in ("evse.core ", "evse.net.api_write ", "umodbus.functions ", "evse.many "):
        at = next(i for i, line in enumerate(lines) if line.startswith(changed))
        name, folder, _, when = lines[at].split()
        listed = "".join([*lines[:at], "%s %s deadbeef %s\n" % (name, folder, when),
                          *lines[at + 1:]])
        (tmp_path / "modules").write_text(listed)
        digests = {line.split()[0]: line.split()[2] for line in listed.splitlines()}
        files = {path.relative_to(sim_build).as_posix() for path in sim_build.rglob("*.mpy")}
        asked = [(path, digests.get(path[:-4].removeprefix("lib/").removesuffix("/__init__")
                                    .replace("/", "."), "0")) for path in sorted(files)]
        script = ("import sys; sys.path.append(%r)\nfrom evse import update\n"
                  "import asyncio\n"
                  "needless, _ = asyncio.run(update.needless_of(%r, open(%r).read()))\n"
                  "for name, digest in %r:\n    if needless(name, digest): print(name)\n"
                  % (str(sim_build), str(tmp_path / "modules"), str(sim_build / "modules"), asked))
        path = tmp_path / "ask.py"
        path.write_text(script)
        done = subprocess.run([micropython, str(path)], text=True, capture_output=True,
                              timeout=TIME_LIMIT_S)
        assert done.returncode == 0, done.stderr
        assert set(done.stdout.split()) == rom.needless(listed, carried) & files, changed
