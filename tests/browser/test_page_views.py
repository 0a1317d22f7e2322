"""All views of the page: in each language, by keyboard alone, within their bounds."""

import json
import re

import pytest
from page_fixture import SCREENS, healthy
from playwright.sync_api import expect

import texts
import webtexts
from twin_fixture import ROOT, Twin

HEAP = "640K"  # on the host, whose modules are in no flash: all of them are wanted here
SETTINGS = {"trust_lan": "Enabled", "mains_met": "API", "ev_meter": "API", "rfid": "EnableAll",
            "cap_mode": "Flanders", "pwr_share": "Master", "lock": "Motor", "mode": "Normal"}
VIEWS = re.findall(r"(\w+): \"[^\"]+\"", re.search(
    r"VIEWS = \{(.*?)\}", (ROOT / "web" / "app.js").read_text(), re.DOTALL)[1])
FRAME = {"nl": [["Nu", "Historie", "Instellingen", "Meer"], "Taal"],
         "de": [["Jetzt", "Verlauf", "Einstellungen", "Mehr"], "Sprache"]}
LIMIT = 40_000  # as much was asked for
NOT_THE_PAGE = ("openapi.json", "portal.html", "portal.js", "zones.txt")
NAMES = {"sim", ".upd", "Phoenix Contact", "Ratio"}
# All that is there to read or to hear, but for what a release says of itself.
SAID = """() => {
    const found = [];
    const texts = document.createTreeWalker(document.getElementById("view"), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        if (!texts.currentNode.parentNode.closest(".notes")) found.push(texts.currentNode.data);
    }
    for (const one of document.querySelectorAll("nav, #view *")) {
        for (const name of ["title", "aria-label", "placeholder", "aria-valuetext"]) {
            found.push(one.getAttribute(name));
        }
    }
    return found.filter(Boolean);
}"""
# What is in sight now is not what is waited for.
GO = """(view) => {
    if (location.hash === `#${view}`) return;
    document.getElementById("view").setAttribute("aria-busy", "true");
    location.hash = view;
}"""
LONELY = """() => {
    const asked = performance.getEntriesByType("resource")
        .filter((one) => one.initiatorType === "fetch" && !one.name.endsWith("/events"))
        .sort((a, b) => a.startTime - b.startTime);
    const both = asked.filter((one, at) => at && one.startTime < asked[at - 1].responseEnd - 1);
    return [asked.length, both.map((one) => one.name)];
}"""


@pytest.fixture(scope="module")
def charger(sim_build):
    one = Twin("--auto", heap=HEAP, settings=SETTINGS)
    one.wait(lambda: one.get("api/v1/status")["car_connected"], 20, "the car")
    yield one
    one.close()


def go(page, view):
    """Opens a view as a link does."""
    page.evaluate(GO, view)
    expect(page.locator("nav a[aria-current]")).to_have_count(1)
    expect(page.locator("#view")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#view h2").first).to_be_visible()


def said(page):
    """What texts and labels say, each once."""
    return {text.strip() for text in page.evaluate(SAID)}


def sayings(page):
    """{view: what it says} of all views."""
    found = {}
    for view in VIEWS:
        go(page, view)
        found[view] = said(page)
    return found


@pytest.fixture(scope="module")
def english(charger, browser):
    """{view: what it says in English}."""
    page = browser.new_page(**SCREENS["desktop"])
    page.goto(charger.url)
    found = sayings(page)
    page.close()
    return found


@pytest.mark.parametrize(("name", "language"), (("phone", "de"), ("desktop", "nl")))
def test_every_view_in_another_language(charger, open_page, english, name, language):
    page = open_page(charger.url, locale=language, **SCREENS[name])
    own = json.loads(webtexts.pack(language, webtexts.read_page()))
    names = {name for setting in texts.declared("settings.py")["TABLE"]
             if setting[1] == "enum" for name in setting[3]}
    translated = {*own["numbered"], *own["texts"], *webtexts.parse(language)["wiring"].values(),
                  *(name for name in names if "value " + name not in own["keys"])}
    frame = [page.locator("nav a").all_inner_texts(), page.get_by_role("combobox").first
             .get_attribute("aria-label")]
    assert frame == FRAME[language]
    left = {}
    for view in VIEWS:
        go(page, view)
        healthy(page)
        same = said(page) & english[view]
        # What has no small letters is a number; a path, a place and a topic have a slash.
        left[view] = {text for text in same - translated - NAMES
                      if re.search("[a-z]{2}", text.replace(" min ", "")) and "/" not in text}
    assert not any(left.values()), left


def test_a_session_asks_the_charger_only_and_one_thing_at_a_time(charger, open_page):
    page = open_page(charger.url)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    sayings(page)
    assert len(asked) > len(VIEWS) // 2
    assert [url for url in asked if not url.startswith(charger.url)] == []
    count, both = page.evaluate(LONELY)
    assert count > len(VIEWS) // 2
    assert both == []


def test_what_others_bring_in_does_not_run(charger, browser):
    page = browser.new_page()
    answer = page.goto(charger.url)
    policy = dict(part.split(" ", 1) for part in
                  answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    for kind in ("script-src", "style-src", "img-src", "connect-src"):
        assert policy[kind] == "'self'", kind
    blocked = page.evaluate("""() => new Promise((done) => {
        const found = [];
        document.addEventListener("securitypolicyviolation", (event) => {
            found.push(event.effectiveDirective);
            if (found.length === 4) done(found.sort());
        });
        const script = document.createElement("script");
        script.textContent = "window.brought = true";
        const foreign = document.createElement("script");
        foreign.src = "http://127.0.0.2/brought.js";
        const style = document.createElement("style");
        style.textContent = "body { color: red; }";
        document.head.append(script, foreign, style);
        fetch("http://127.0.0.2/").catch(() => null);
    })""")
    assert blocked == ["connect-src", "script-src-elem", "script-src-elem", "style-src-elem"]
    assert page.evaluate("window.brought") is None
    page.close()


@pytest.mark.parametrize("language", texts.languages())
def test_the_page_is_light(sim_build, language):
    own = "wiring-%s.txt" % language
    sizes = {path.stem: path.stat().st_size for path in (sim_build / "web").glob("*.gz")
             if path.stem not in NOT_THE_PAGE and path.suffixes[0] != ".json"
             and (path.stem == own or not path.stem.startswith("wiring-"))}
    assert set(sizes) == {"index.html", "app.js", "views.js", "style.css", "icon.svg", own}
    assert sum(sizes.values()) <= LIMIT, sizes


def tab_to(page, text, key="Tab"):
    """Presses Tab until what says ``text`` has the focus."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate("document.activeElement.innerText") == text:
            return
    raise AssertionError("Tab does not lead to " + text)


def test_the_keyboard_is_enough(charger, open_page):
    page = open_page(charger.url)
    assert page.locator("nav a").all_inner_texts() == ["Now", "History", "Settings", "More"]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "To the content"
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#view")).to_be_focused()
    assert page.evaluate("location.hash") == "#now"
    tab_to(page, "SMART")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="SMART")).to_have_attribute("aria-pressed", "true")
    charger.wait(lambda: charger.get("api/v1/status")["mode"] == "Smart", 5, "Smart")
    tab_to(page, "NORMAL", "Shift+Tab")
    page.keyboard.press(" ")
    charger.wait(lambda: charger.get("api/v1/status")["mode"] == "Normal", 5, "Normal")
    tab_to(page, "More", "Shift+Tab")
    page.keyboard.press("Enter")
    tab_to(page, "Details")
    page.keyboard.press("Enter")
    expect(page.locator("h2:focus")).to_have_text("For help")


@pytest.mark.parametrize("late", ("settings", "wizard"))
def test_who_goes_on_sees_nothing_of_the_view_that_comes_late(charger, open_page, late):
    page = open_page(charger.url, "wiring")
    held = []
    page.route("**/api/v1/settings", lambda route: held.append(route))
    page.evaluate("(view) => { location.hash = view; }", late)
    charger.wait(lambda: page.wait_for_timeout(50) or held)
    go(page, "more")
    held[0].continue_()
    page.evaluate("import('./app.js').then(({ $core }) => $core.refresh())")  # comes after it
    assert page.locator("#view h2").all_inner_texts() == ["More"]
    assert page.evaluate("location.hash") == "#more"


def test_a_view_that_does_not_exist_is_now(charger, open_page):
    page = open_page(charger.url, "nowhere")
    expect(page.locator("nav a[aria-current]")).to_have_text("Now")
