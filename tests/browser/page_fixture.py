"""One browser for the tests of a file, and pages whose troubles fail the test that opened them.

Not for all files: playwright keeps an event loop running, which other tests could not have.
"""

import pytest
from playwright.sync_api import expect, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking"]
SOON_MS = 10_000


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield one
        one.close()


@pytest.fixture
def open_page(browser):
    """Opens a charger's page; any script error or blocked content in it fails the test.

    ``ready`` is the element that says when it has got what it shows.
    """
    pages = []
    troubles = []

    def note(message):
        # The browser itself reports a refused command and a lost charger; that is no script error.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            troubles.append(message.text)

    def start(url, ready="#now", **options):
        page = browser.new_page(**options)
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", note)
        pages.append(page)
        page.goto(url)
        expect(page.locator(ready)).to_have_attribute("aria-busy", "false", timeout=SOON_MS)
        return page

    yield start
    for page in pages:
        page.close()
    assert troubles == []
