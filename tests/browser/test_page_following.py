"""How the page follows the charger: by its stream, by asking, through losses and updates."""

import json
import os
import re
import signal
import time
import urllib.parse

import pytest
from page_fixture import healthy
from playwright.sync_api import expect

from twin_fixture import Twin

SOON_MS = 10_000
LOST_S = 5
FREE_MS = 15_000  # who goes keeps the place for 4 s, who wants it tries every 5
STATUS, EVENTS = "**/api/v1/status", "**/api/v1/events"
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def charger(sim_build):
    one = Twin(settings={"mains_met": "API", "trust_lan": "Enabled"})
    yield one
    one.close()


class Requests:
    """What a page asks for: ``flying`` now, the ``most`` at a time, and ``paths`` of all."""

    def __init__(self, page):
        self.flying = set()
        self.streams = set()
        self.paths = []
        self.hosts = set()
        self.most = []
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def _begin(self, request):
        url = urllib.parse.urlsplit(request.url)
        self.hosts.add(url.netloc)
        if url.path.endswith("/icon.svg"):
            return  # the browser itself looks at it now and then
        self.paths.append(url.path)
        (self.streams if url.path.endswith("/events") else self.flying).add(request)
        if len(self.flying) > len(self.most):
            self.most = [one.url for one in self.flying]

    def _end(self, request):
        self.flying.discard(request)
        self.streams.discard(request)

    def count(self, path):
        return sum(one.endswith(path) for one in self.paths)


def mode(page, name):
    """Wait until the page shows a mode."""
    expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true",
                                                                   timeout=SOON_MS)


def choose(one, name):
    one.post("api/v1/command", {"name": "mode", "value": name})


def answered(document, **options):
    return {"status": 200, "content_type": "application/json", "body": json.dumps(document),
            **options}


def silent(page):
    """Let no stream come about: the page has to ask."""
    page.route(EVENTS, lambda route: route.fulfill(status=503, body="{}"))


def listening(one, page):
    """Requests of a page that has found a place to listen: those who went keep it for 4 s."""
    requests = Requests(page)

    def listens():
        if not requests.streams:
            page.reload()
            page.wait_for_timeout(1000)
        return requests.streams

    one.wait(listens)
    return requests


def test_several_tabs_at_once(charger, open_page):
    pages = [open_page(charger.url) for _ in range(3)]
    requests = [Requests(page) for page in pages]
    for name in ("Off", "Pause", "Normal", "Smart"):
        choose(charger, name)
        for page in pages:
            mode(page, name.upper())
    asking = [one.count("/status") for one in requests]
    assert sum(count > 2 for count in asking) == 1, asking  # two listen, the third asks
    assert max(len(one.most) for one in requests) <= 1
    # The place of one that goes is soon that of the one that asks.
    asks, listener = pages[asking.index(max(asking))], pages[asking.index(min(asking))]
    with asks.expect_response(lambda answer: answer.url.endswith("/events") and answer.ok,
                              timeout=FREE_MS):
        listener.close()
    pages.remove(listener)
    choose(charger, "Off")
    for page in pages:
        mode(page, "OFF")
    assert open_page(charger.url).locator("#lost").is_hidden()


def test_one_request_at_a_time_and_none_elsewhere(charger, open_page):
    page = open_page(charger.url)
    expect(page.locator("#timer-text")).to_be_visible()
    requests = Requests(page)
    for name in ("OFF", "NORMAL", "SMART"):
        page.get_by_role("button", name=name).click()
    page.evaluate("location.hash = 'details'")  # one that asks each second
    charger.wait(lambda: page.wait_for_timeout(50) or requests.count("/status") > 3)
    page.evaluate("location.hash = 'now'")
    mode(page, "SMART")
    assert len(requests.most) == 1, requests.most
    assert requests.hosts <= {urllib.parse.urlsplit(charger.url).netloc}


def test_the_stream_is_enough(charger, open_page):
    page = open_page(charger.url)
    requests = listening(charger, page)
    asked = requests.count("/status")
    for name in ("Off", "Normal", "Smart"):
        choose(charger, name)
        mode(page, name.upper())
    assert requests.count("/status") == asked


def test_a_lost_charger_is_shown_in_time_and_comes_back_by_itself(twin, open_page):
    one = twin()
    listens = open_page(one.url)
    asks = open_page(one.url)
    silent(asks)
    asks.reload()
    for page in (listens, asks):
        mode(page, "SMART")
    os.kill(one.pid, signal.SIGSTOP)
    try:
        stopped = time.monotonic()
        for page in (listens, asks):
            expect(page.locator("#lost")).to_be_visible(timeout=SOON_MS)
        assert time.monotonic() - stopped < LOST_S + 1  # the clicks of a test take their time, too
        expect(listens.locator("#lost")).to_contain_text(
            "No answer from the charger. What you see is old. Still trying.")
        expect(listens.locator("#silence")).to_have_text(re.compile(r"^\d+ s$"))
        # What is asked of a lost charger is refused in words.
        listens.get_by_role("button", name="PAUSE").click()
        expect(listens.locator("#charge .refusal")).to_contain_text("did not answer",
                                                                    timeout=SOON_MS)
    finally:
        os.kill(one.pid, signal.SIGCONT)
    for page in (listens, asks):
        expect(page.locator("#lost")).to_be_hidden(timeout=SOON_MS)
    choose(one, "Off")
    for page in (listens, asks):
        mode(page, "OFF")


def test_an_old_page_reloads_itself_after_an_update(charger, open_page):
    page = open_page(charger.url)
    mode(page, {"Off": "OFF", "Smart": "SMART"}[charger.get("api/v1/status")["mode"]])
    page.evaluate("window.old = true")
    newer = {**charger.get("api/v1/status"), "version": "v9.9.9"}
    silent(page)
    page.route(STATUS, lambda route: route.fulfill(**answered(newer)))
    page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")
    page.wait_for_function("!window.old")
    expect(page.locator("#version")).to_have_text("MicroEVSE v9.9.9")
    page.evaluate("window.old = true")  # and no more than once
    page.wait_for_function("(async () => {"
                           " const { $core: { charger } } = await import('./app.js');"
                           " const at = charger.at; while (charger.at === at)"
                           " await new Promise((done) => setTimeout(done, 50)); return true; })()")
    assert page.evaluate("window.old")


def test_who_wants_to_stay_after_an_update_is_asked_once(charger, open_page):
    page = open_page(charger.url, "settings/mains")
    page.locator("#set-mains").press_sequentially("3")  # a page that nobody touched asks nothing
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.dismiss())
    newer = {**charger.get("api/v1/status"), "version": "v9.9.9"}
    silent(page)
    page.route(STATUS, lambda route: route.fulfill(**answered(newer)))
    for _ in range(3):
        page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")
    seen = page.evaluate("[document.getElementById('version').innerText,"
                         " document.getElementById('set-mains').value]")
    assert (asked, seen) == (["beforeunload"], ["MicroEVSE v9.9.9", "253"])
    # It stays in sight that there is a new one, and how to get it.
    note = "document.getElementById('newer').checkVisibility()"
    assert page.evaluate(note)
    healthy(page)
    page.evaluate("document.getElementById('reload').click()")
    page.evaluate("null")
    assert asked == ["beforeunload"] * 2
    page.unroute(STATUS)  # the version before runs again
    page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")
    assert (asked, page.evaluate(note)) == (["beforeunload"] * 2, False)


def test_a_part_that_came_at_the_second_try_comes_once(charger, open_page):
    page = open_page(charger.url, "more")
    asked = []

    def late(route):
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route("**/views.js*", late)
    page.reload()
    expect(page.get_by_role("heading", name="More")).to_be_visible()
    page.evaluate("location.hash = 'settings/mains'")
    page.locator("#set-mains").fill("24")
    for view in ("more", "settings/mains"):
        page.evaluate("(view) => { location.hash = view; }", view)
    expect(page.locator("#set-mains")).to_have_value("24")  # what is kept is kept in one place
    expect(page.locator("#unsaved")).to_have_count(1)
    assert len(asked) == 2


def test_half_an_answer_and_a_busy_charger(charger, open_page):
    page = open_page(charger.url)
    silent(page)
    whole = json.dumps({**charger.get("api/v1/status"), "mode": "Pause", "access": 2})
    told = []

    def answer(route):
        told.append(route)
        if len(told) == 1:
            route.fulfill(**answered({}, body=whole[:len(whole) // 2]))
        elif len(told) == 2:
            route.fulfill(status=503, body='{"error": "busy"}')
        else:
            route.fulfill(**answered({}, body=whole))

    page.route(STATUS, answer)
    page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")
    mode(page, "PAUSE")
    assert len(told) >= 3
    expect(page.locator("#lost")).to_be_hidden()


def test_halves_alone_are_no_sign_of_life(charger, open_page):
    page = open_page(charger.url)
    silent(page)
    page.route(STATUS, lambda route: route.fulfill(**answered({}, body='{"mode":')))
    page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")
    expect(page.locator("#lost")).to_be_visible(timeout=SOON_MS)


def test_events_in_pieces(charger, open_page):
    """Lines of one event, two in one piece, comments, other events, one cut off at the end."""
    status = charger.get("api/v1/status")
    lines = json.dumps({**status, "mode": "Normal"}, indent=0).split("\n")
    body = (":\n\nevent: journal\ndata: {\"number\":1}\n\nevent: status\n"
            + "".join("data: %s\n" % line for line in lines)
            + '\nevent: status\ndata: {"serial":4712}\n\n:\n\nevent: status\ndata: {"serial":47')
    page = open_page(charger.url)
    page.route(STATUS, lambda route: None)  # never answered
    page.route(EVENTS, lambda route: route.fulfill(
        status=200, content_type="text/event-stream", body=body))
    page.evaluate("import('./app.js').then(({ $core }) => { $core.refresh(); })")
    expect(page.locator("#name")).to_have_text("SmartEVSE-4712")
    mode(page, "NORMAL")


def test_what_was_asked_before_is_not_newer_than_what_was_told_since(charger, open_page):
    page = open_page(charger.url)
    status = charger.get("api/v1/status")
    held = []
    page.route(STATUS, lambda route: held.append(route))
    page.route(EVENTS, lambda route: route.fulfill(
        status=200 if held else 503, content_type="text/event-stream",
        body="event: status\ndata: %s\n\n" % json.dumps({**status, "mode": "Pause"})))
    page.evaluate("import('./app.js').then(({ $core }) => { $core.refresh(); })")
    mode(page, "PAUSE")
    page.evaluate("import('./app.js').then(({ $core }) => { window.modes = [];"
                  " $core.listen((status) => window.modes.push(status.mode)); })")
    held[0].fulfill(**answered({**status, "mode": "Off"}))
    charger.wait(lambda: page.wait_for_timeout(50) or len(held) > 1)  # the first is done with
    assert set(page.evaluate("window.modes")) == {"Pause"}


def test_a_hidden_tab_lets_its_place_go(charger, open_page):
    page = open_page(charger.url)
    requests = listening(charger, page)
    page.evaluate(HIDE, True)
    charger.wait(lambda: page.wait_for_timeout(50) or not requests.streams)
    asked = len(requests.paths)
    page.wait_for_timeout(1500)  # in which one in sight would ask
    assert len(requests.paths) == asked
    choose(charger, "Pause")
    page.evaluate(HIDE, False)
    mode(page, "PAUSE")
    choose(charger, "Smart")
    mode(page, "SMART")


def test_the_trouble_of_one_view_is_not_that_of_the_page(charger, browser):
    page = browser.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(charger.url)
    mode(page, "SMART")
    page.evaluate("import('./app.js').then(({ $core }) => $core.listen((status) =>"
                  " { if (status.mode === 'Off') throw new Error('broken view'); }))")
    for name in ("Off", "Pause", "Smart"):
        choose(charger, name)
        mode(page, name.upper())
    assert "broken view" in troubles[0]
    page.close()


def test_a_part_that_does_not_come_holds_nothing_up(charger, open_page):
    page = open_page(charger.url)
    silent(page)
    page.route("**/views.js*", lambda route: None)  # never answered
    page.reload()
    choose(charger, "Off")
    expect(page.get_by_role("button", name="OFF")).to_have_attribute(
        "aria-pressed", "true", timeout=2 * SOON_MS)  # when the patience for the part is over
    choose(charger, "Smart")
