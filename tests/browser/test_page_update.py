"""The view of updates: from the file to the new version, by the page alone."""

import http.server
import os
import re
import shutil
import signal
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from owner_fixture import answer, owned
from page_fixture import healthy, picture
from playwright.sync_api import expect

import build
import release
from test_update import HEAP, NEW, as_version, newer  # noqa: F401

RESTART_MS = 20_000
SILENT_MS = 31_000  # longer than web/update.js waits


@pytest.fixture(scope="module")
def files(newer, tmp_path_factory):  # noqa: F811
    """Paths of updates by their version, and of what is none."""
    folder = tmp_path_factory.mktemp("updates")
    older = folder / "old" / "a"
    shutil.copytree(newer, older)
    found = {}
    for slot in (newer, as_version(older, "v3.9.0")):
        version = "older" if slot == older else NEW
        found[version] = folder / (version + ".upd")
        found[version].write_bytes(release.bundle(slot))
    good = found[NEW].read_bytes()
    for name, data in (("photo", b"\x89PNG" + bytes(4000)), ("cut", good[:-1000]),
                       ("damaged", good[:-1000] + bytes(1000))):
        found[name] = folder / (name + ".upd")
        found[name].write_bytes(data)
    return found


def test_somebody_updates_from_the_page_alone(twin, open_page, files, screen):
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    page = open_page(one.url, "update", **screen)
    view = page.locator("#view")
    expect(view).to_contain_text("%s runs on this charger." % build.VERSION)
    expect(view).to_contain_text("What %s brings" % build.VERSION)
    file = view.get_by_label("The file")
    send = view.get_by_role("button", name="Send to the charger")
    expect(send).to_be_hidden()
    for name in ("photo", "cut"):
        file.set_input_files(files[name])
        expect(view.get_by_role("alert")).to_have_text("This is no update for a MicroEVSE.")
        expect(send).to_be_hidden()
    file.set_input_files(files[NEW])
    expect(view.get_by_role("alert")).to_have_count(0)
    expect(view).to_contain_text("In the file: " + NEW)
    expect(view).to_contain_text("New in %s." % NEW)
    healthy(page)
    picture(page, "update")
    send.click()
    start = view.get_by_role("button", name="Start " + NEW)
    expect(start).to_be_focused()
    expect(view).to_contain_text("%s is in the charger" % NEW)
    start.click()
    expect(view).to_contain_text("The charger restarts.")
    # The page comes back by itself, as that of the new version.
    expect(page.locator("#version")).to_have_text("MicroEVSE " + NEW, timeout=RESTART_MS)
    expect(view).to_contain_text("%s is on trial for" % NEW)
    expect(file).to_be_disabled()
    healthy(page)
    # Power that fails during the trial: the page says that it went back.
    one.world("reboot")
    expect(page.locator("#version")).to_have_text("MicroEVSE " + build.VERSION,
                                                  timeout=RESTART_MS)
    expect(view).to_contain_text("%s failed its trial" % NEW)
    expect(view.get_by_role("button", name="Go back to " + NEW)).to_be_visible()


def test_refusals_are_told_at_the_file(twin, open_page, files):
    one = twin("--auto", settings={"trust_lan": "Enabled"}, heap=HEAP)
    one.wait(lambda: one.world()["contactors"]["c1"], what="charging")
    page = open_page(one.url, "update")
    view = page.locator("#view")
    alert = view.get_by_role("alert")
    file = view.get_by_label("The file")
    send = view.get_by_role("button", name="Send to the charger")
    file.set_input_files(files[NEW])
    expect(send).to_be_disabled()
    expect(view).to_contain_text("Updates are written when nothing charges.")
    one.post("api/v1/command", {"name": "access", "value": "Off"})
    one.wait(lambda: not one.world()["contactors"]["c1"], what="the end")
    file.set_input_files(files["damaged"])
    send.click()
    expect(alert).to_contain_text("arrived broken.")
    expect(view.get_by_role("status").first).to_contain_text("arrived broken.")
    file.set_input_files(files["older"])
    expect(alert).to_have_count(0)
    expect(view).to_contain_text("This is older than %s, which runs." % build.VERSION)
    expect(send).to_be_hidden()
    view.get_by_label("Install the older version all the same").check()
    send.click()
    expect(view.get_by_role("button", name="Start v3.9.0")).to_be_focused()
    assert one.get("api/v1/update")["other"]["version"] == "v3.9.0"


def test_a_charger_that_goes_away_in_the_middle_holds_nothing_up(twin, open_page, files):
    """No answer and no end of the connection, as when its power fails."""
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    page = open_page(one.url, "update")
    page.clock.install()
    view = page.locator("#view")
    send = view.get_by_role("button", name="Send to the charger")
    view.get_by_label("The file").set_input_files(files[NEW])
    os.kill(one.pid, signal.SIGSTOP)
    try:
        with page.expect_request(lambda asked: asked.method == "POST"):
            send.click()
        page.clock.fast_forward(SILENT_MS)
        expect(view.get_by_role("alert")).to_contain_text("did not answer")
    finally:
        os.kill(one.pid, signal.SIGCONT)
    expect(page.locator("#lost")).to_be_hidden()
    expect(send).to_be_enabled()
    one.wait(lambda: one.get("api/v1/update")["state"] != "receiving", what="the first one's end")
    send.click()
    expect(view.get_by_role("button", name="Start " + NEW)).to_be_focused()


class Shelf(http.server.BaseHTTPRequestHandler):
    """A web server in the house. It has ``data``, and sends the second half when ``go`` is set."""

    data = b""
    go = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        half = len(self.data) // 2
        self.wfile.write(self.data[:half])
        self.wfile.flush()
        self.go.wait(30)
        self.wfile.write(self.data[half:])

    def log_message(self, *_):
        pass


@pytest.fixture
def shelf():
    """A Shelf and its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Shelf.go.clear()
    yield Shelf, "http://127.0.0.1:%d/" % server.server_port
    Shelf.go.set()
    server.shutdown()
    server.server_close()


def test_the_charger_fetches_it_and_the_page_tells_how_far_it_is(twin, open_page, files, shelf):
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    page = open_page(one.url, "update")
    view = page.locator("#view")
    address = view.get_by_label("Or its address in your network")
    fetch = view.get_by_role("button", name="Have the charger fetch it")
    expect(fetch).to_be_hidden()
    for wrong, text in (("ftp://192.168.1.2/x", "The URL must begin with http://."),
                        ("http://93.184.215.14/x", "93.184.215.14 is not on this network.")):
        address.fill(wrong)
        fetch.click()
        expect(view.get_by_role("alert")).to_have_text(text)
    house, url = shelf
    house.data = files["older"].read_bytes()
    house.go.set()
    address.fill(url)
    expect(view.get_by_role("alert")).to_have_count(0)
    fetch.click()
    expect(view.get_by_role("alert")).to_contain_text("is older than")
    expect(fetch).to_be_hidden()
    house.data = files[NEW].read_bytes()
    house.go.clear()
    address.fill(url + "update")
    fetch.click()
    expect(view.get_by_role("status").first).to_have_text(
        re.compile("The update is on its way: [1-9]"))
    expect(page.locator("#lost")).to_be_hidden()
    house.go.set()
    expect(view.get_by_role("button", name="Start " + NEW)).to_be_focused(timeout=RESTART_MS)
    expect(address).to_have_value("")


@pytest.fixture(scope="module")
def stranger(newer, tmp_path_factory):  # noqa: F811
    """(update signed by nobody the charger knows, modulus of that key in hex)."""
    folder = tmp_path_factory.mktemp("stranger")
    key = rsa.generate_private_key(65537, 2048)
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    update = folder / "stranger.upd"
    update.write_bytes(release.bundle(newer, folder / "key.pem"))
    return update, "%X" % key.public_key().public_numbers().n


def test_what_no_key_vouches_for_is_asked_at_the_display(twin, open_page, stranger):
    one = twin(settings={"trust_lan": "Enabled"}, heap=HEAP)
    page = open_page(one.url, "update")
    view = page.locator("#view")
    alert = view.get_by_role("alert")
    state = view.get_by_role("status").first
    send = view.get_by_role("button", name="Send to the charger")
    view.get_by_label("The file").set_input_files(stranger[0])
    send.click()
    expect(alert).to_have_text("It is not signed with a key this charger trusts.")
    expect(send).to_be_hidden()
    view.get_by_label("whether it is to be installed").check()
    send.click()
    expect(state).to_contain_text("Go to the charger. If its display shows %s and" % NEW)
    expect(page.locator("#lost")).to_be_hidden()
    healthy(page)
    one.world("button", which="middle", pressed=True)
    expect(view.get_by_role("button", name="Start " + NEW)).to_be_focused(timeout=RESTART_MS)


def test_who_has_no_right_is_asked_for_the_password(open_page, files, stranger, tmp_path):
    one = owned(tmp_path)
    try:
        page = open_page(one.url, "update")
        view = page.locator("#view")
        view.get_by_label("The file").set_input_files(files[NEW])
        view.get_by_role("button", name="Send to the charger").click()
        answer(page)
        expect(view.get_by_role("button", name="Start " + NEW)).to_be_focused()
        # The same owner brings a key.
        view.get_by_text("Own key").click()
        key = view.get_by_label("Modulus of the public key, in hex")
        remove = view.get_by_role("button", name="Remove")
        key.fill("C0FFEE")
        view.get_by_role("button", name="Store").click()
        expect(view.get_by_role("alert")).to_have_text("A key has 2048 to 3072 bits.")
        expect(remove).to_be_hidden()
        key.fill("Modulus=%s\n" % stranger[1])
        view.get_by_role("button", name="Store").click()
        expect(remove).to_be_visible()
        expect(key).to_have_value("")
        healthy(page)
        remove.click()
        expect(remove).to_be_hidden()
        assert not one.get("api/v1/update")["own_key"]
    finally:
        one.close()
