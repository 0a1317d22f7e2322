"""The status page in a real browser, against the running firmware."""

import os
import signal
import urllib.parse

from playwright.sync_api import expect

CHARGE_MS = 45_000
SOON_MS = 10_000


def pressed(page):
    return page.locator("#modes button[aria-pressed=true]").all_inner_texts()


def test_a_charging_car_is_shown_with_the_reason_for_its_current(twin, open_page):
    one = twin("--auto")
    page = open_page(one.url)
    expect(page.locator("#state")).to_have_text("Charging", timeout=CHARGE_MS)
    assert float(page.locator("#amps-value").inner_text()) >= 6
    expect(page.locator("#why")).to_contain_text("Limited by")
    expect(page.locator("#grant")).to_contain_text(" A")
    expect(page.locator("#car")).to_have_text("connected")
    expect(page.locator("#mains-note")).to_contain_text("MAINS 25 A")
    expect(page.locator("#name")).to_have_text(
        "SmartEVSE-%d" % one.get("settings")["serialnr"])
    one.world("load", amps=[3, 0, -20])
    expect(page.locator(".phase output").nth(2)).to_contain_text("feeds")
    one.world("unplug")
    expect(page.locator("#state")).to_have_text("Ready to Charge")
    expect(page.locator("#amps-value")).to_have_text("0.0")
    expect(page.locator("#why")).to_contain_text("No car connected")


def test_mode_buttons(twin, open_page):
    one = twin()
    page = open_page(one.url)
    for name, number in (("OFF", 0), ("NORMAL", 1), ("SOLAR", 2), ("PAUSE", 4), ("SMART", 3)):
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
        assert pressed(page) == [name]
        assert one.get("settings")["mode_id"] == number


def test_smart_needs_a_meter(twin, open_page):
    one = twin(settings={"mains_met": "Disabled", "mode": "Normal"})
    page = open_page(one.url)
    expect(page.get_by_role("button", name="SMART")).to_be_disabled()
    expect(page.get_by_role("button", name="NORMAL")).to_be_enabled()
    expect(page.locator("#mains-note")).to_contain_text("No mains meter")
    expect(page.locator("#phases")).to_be_hidden()


def test_override(twin, open_page):
    one = twin()
    page = open_page(one.url)
    expect(page.locator("#override")).to_be_enabled()
    page.locator("#override").select_option("100")
    one.wait(lambda: one.get("settings")["settings"]["override_current"] == 100)
    page.reload()
    expect(page.locator("#override")).to_have_value("100")
    page.locator("#override").select_option("0")
    one.wait(lambda: one.get("settings")["settings"]["override_current"] == 0)


def test_a_refusal_is_shown(twin, open_page):
    one = twin()
    page = open_page(one.url)
    expect(page.locator("#override")).to_be_enabled()
    # An old page may still offer what the charger no longer allows.
    page.evaluate("document.getElementById('override').add(new Option('70 A', '700'))")
    page.locator("#override").select_option("700")
    expect(page.locator("#refused")).to_contain_text("Refused: ")
    assert one.get("settings")["settings"]["override_current"] == 0
    page.get_by_role("button", name="NORMAL").click()
    expect(page.locator("#refused")).to_be_hidden()


def test_a_lost_meter_is_shown(twin, open_page):
    one = twin()
    page = open_page(one.url)
    expect(page.locator("#mains-note")).to_contain_text("s ago")
    one.world("meter", on=False)
    expect(page.locator("#mains-note")).to_contain_text("no fresh reading", timeout=30_000)
    one.world("meter", on=True)
    expect(page.locator("#mains-note")).not_to_contain_text("no fresh reading", timeout=30_000)


def test_a_lost_charger_is_shown_and_comes_back_by_itself(twin, open_page):
    one = twin()
    page = open_page(one.url)
    expect(page.locator("#lost")).to_be_hidden()
    os.kill(one.pid, signal.SIGSTOP)
    try:
        expect(page.locator("#lost")).to_contain_text("No answer", timeout=SOON_MS)
    finally:
        os.kill(one.pid, signal.SIGCONT)
    expect(page.locator("#lost")).to_be_hidden()


def test_one_request_at_a_time_and_none_elsewhere(twin, open_page):
    one = twin()
    page = open_page(one.url)
    flying = set()
    most = []
    hosts = set()

    def begin(request):
        hosts.add(urllib.parse.urlsplit(request.url).netloc)
        flying.add(request)
        most.append(len(flying))

    page.on("request", begin)
    page.on("requestfinished", lambda request: flying.discard(request))
    page.on("requestfailed", lambda request: flying.discard(request))
    for name in ("OFF", "NORMAL", "SMART"):
        page.get_by_role("button", name=name).click()
    expect(page.get_by_role("button", name="SMART")).to_have_attribute("aria-pressed", "true")
    one.wait(lambda: page.wait_for_timeout(50) or len(most) > 8)
    assert max(most) == 1
    assert hosts == {urllib.parse.urlsplit(one.url).netloc}


def test_it_fits_small_and_large_screens_in_light_and_dark(twin, open_page):
    one = twin()
    grounds = set()
    for width, height, scheme in ((320, 640, "light"), (390, 844, "dark"), (1280, 800, "light")):
        page = open_page(one.url, viewport={"width": width, "height": height},
                         color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        grounds.add((scheme, page.evaluate("getComputedStyle(document.body).backgroundColor")))
        for button in page.locator("#modes button").all():
            assert button.bounding_box()["height"] >= 44
    assert len(grounds) == 2
