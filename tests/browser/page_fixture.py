"""One browser for the tests of a file, and pages whose troubles fail the test that opened them.

Not for all files: playwright keeps an event loop running, which other tests could not have.
"""

from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

PICTURES = Path(__file__).resolve().parents[2] / "build" / "pages"

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking"]
SOON_MS = 10_000
expect.set_options(timeout=SOON_MS)
# What a page is looked at with, as options of ``open_page``.
SCREENS = {
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    "desktop": {"viewport": {"width": 1280, "height": 800}},
}
LEAST_WIDTH = 320
FINDINGS = """(only) => axe.run(document, only ? {runOnly: only} : {}).then((found) =>
    found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" ")}`))"""
# What reaches out of the window to the right, as one text; what scrolls in a box of its own may.
OUTSIDE = """(width) => document.documentElement.scrollWidth <= width ? "" :
    [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > width && !one.closest(".wide"))
        .map((one) => one.outerHTML.slice(0, 120)).join(" ") || "something" """


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield one
        one.close()


@pytest.fixture(params=SCREENS)
def screen(request):
    """Options of ``open_page`` for a phone and a desktop, one after the other."""
    return SCREENS[request.param]


@pytest.fixture
def open_page(browser):
    """Opens a view of a charger's page, ``open_page(url, "settings/mains", **screen)``.

    Any script error or blocked content in it fails the test. ``ready`` is the element that says
    when it has got what it shows.
    """
    pages = []
    troubles = []

    def note(message):
        # The browser itself reports a refused command and a lost charger; that is no script error.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            troubles.append(message.text)

    def start(url, view="now", ready="#view", **options):
        page = browser.new_page(**options)
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", note)
        pages.append(page)
        page.goto(url + "#" + view if view else url)
        expect(page.locator(ready)).to_have_attribute("aria-busy", "false", timeout=SOON_MS)
        return page

    yield start
    for page in pages:
        page.close()
    assert troubles == []


def healthy(page):
    """Fails when axe finds something serious, in light or dark, or the page scrolls sideways."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js")
                      .read_text(encoding="utf-8"))
    for scheme, only in (("dark", ["color-contrast"]), ("light", None)):
        page.emulate_media(color_scheme=scheme)
        findings = page.evaluate(FINDINGS, only)
        assert not findings, "%s: %s" % (scheme, "\n".join(findings))
    size = page.viewport_size
    for width in (size["width"], LEAST_WIDTH):
        page.set_viewport_size({**size, "width": width})
        outside = page.evaluate(OUTSIDE, width)
        assert not outside, "wider than %d: %s" % (width, outside)
    page.set_viewport_size(size)


def picture(page, name):
    """Keeps what the whole page looks like now in build/pages/NAME-phone.png or -desktop.png."""
    screen = min(SCREENS, key=lambda one: abs(
        SCREENS[one]["viewport"]["width"] - page.viewport_size["width"]))
    page.evaluate("scrollTo(0, 0)")  # else what stays in sight is in the middle of it
    page.screenshot(path=PICTURES / ("%s-%s.png" % (name, screen)), full_page=True,
                    animations="disabled")
