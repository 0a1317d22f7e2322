"""The view of the display: a real browser's mouse and keys work a charger's panel."""

import urllib.request

import pytest
from page_fixture import healthy
from page_fixture import picture as kept
from playwright.sync_api import expect

API = {"mains_met": "API", "mode": "Normal"}
TRUSTED = {**API, "trust_lan": "Enabled"}
HOLD_MS = 2400  # longer than the 2 s that open the menu
PIXELS = """() => {
    const data = document.getElementById("lcd-canvas").getContext("2d")
        .getImageData(0, 0, 128, 64).data;
    let text = "";
    for (let at = 3; at < data.length; at += 4) text += data[at] ? "#" : ".";
    return text;
}"""
NAMES = ("left", "middle", "right")
OPEN = "Hold o for 2 s"


def picture(one):
    """The charger's own picture, as one text."""
    with urllib.request.urlopen(one.url + "lcd", timeout=5) as answer:
        rows = answer.read()[62:]
    lines = ["".join("{:08b}".format(byte) for byte in rows[at:at + 16])
             for at in range(1008, -1, -16)]
    return "".join(lines).replace("0", ".").replace("1", "#")


def shown(page):
    return page.evaluate(PIXELS)


def key(page, name):
    return page.locator('#lcd-panel [data-key="%s"]' % name)


def hold(page, name, ms):
    box = key(page, name).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(ms)
    page.mouse.up()


def lcd_page(open_page, one, **options):
    page = open_page(one.url, "lcd", **options)
    one.wait(lambda: "#" in shown(page), 10, "a picture")
    return page


def test_the_page_shows_what_the_display_shows(twin, open_page):
    one = twin(settings=API)
    page = lcd_page(open_page, one)
    one.wait(lambda: shown(page) == picture(one), 10, "the same picture")
    before = picture(one)
    one.post("settings?mode=0")
    one.wait(lambda: picture(one) != before, 10, "another picture")
    one.wait(lambda: shown(page) == picture(one), 10, "the same picture again")


def test_the_mouse_walks_the_menu_and_stores(twin, open_page):
    one = twin(settings=TRUSTED)
    page = lcd_page(open_page, one)
    expect(page.locator("#lcd-note")).to_contain_text(OPEN)
    plain = shown(page)
    # The press has to wait behind something else, and is held for as long all the same.
    page.evaluate("""() => import("./app.js").then(({ $core: { inLine, sleep } }) => {
        inLine(() => sleep(1500));
    })""")
    hold(page, "middle", HOLD_MS)
    one.wait(lambda: shown(page) != plain, 5, "the menu")
    one.wait(lambda: shown(page) == picture(one), 5, "the menu's picture")
    for name in ("middle", "right", "middle", "left", "middle"):  # as quick as they come
        key(page, name).click()
    one.wait(lambda: one.get("settings")["mode_id"] == 3, 10, "MODE becomes Smart, then EXIT")


def test_the_keyboard_does_it_too(twin, open_page):
    one = twin(settings=TRUSTED)
    page = lcd_page(open_page, one)
    expect(page.locator("#lcd-note")).to_contain_text(OPEN)
    page.locator("#lcd-canvas").focus()
    page.keyboard.down("Enter")
    expect(key(page, "middle")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(HOLD_MS)
    page.keyboard.up("Enter")
    expect(key(page, "middle")).to_have_attribute("aria-pressed", "false")
    for name in ("Enter", "ArrowRight", "Enter", "ArrowLeft"):
        page.keyboard.press(name)
    key(page, "middle").focus()
    page.keyboard.press("Enter")
    one.wait(lambda: one.get("settings")["mode_id"] == 3, 10, "EXIT")


def test_a_press_held_is_held_and_ends_with_the_mouse_anywhere(twin, open_page):
    one = twin(settings=TRUSTED)
    page = lcd_page(open_page, one)
    expect(page.locator("#lcd-note")).to_contain_text(OPEN)
    box = key(page, "left").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()

    def pressed():
        return one.post("lcd")["button"]["left"] == "down"

    one.wait(pressed, 3, "the press")
    one.stays(pressed, 6, "the press")  # longer than a browser that fell silent
    page.mouse.move(5, 5)
    page.mouse.up()
    one.wait(lambda: not pressed(), 2, "the release")
    # A page that goes lets go as well.
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    one.wait(pressed, 3, "the press")
    page.close()
    one.wait(lambda: not pressed(), 6, "the end of it")


def test_the_pin_opens_the_buttons_for_the_session(twin, open_page):
    one = twin(settings={**API, "lcd_pin": 1234})
    page = lcd_page(open_page, one)
    expect(page.locator("#lcd-form")).to_be_visible()
    for name in NAMES:
        expect(key(page, name)).to_be_disabled()
    page.locator("#lcd-pin").fill("4321")
    page.locator("#lcd-pin").press("Enter")
    expect(page.locator("#lcd-note")).to_have_text("This is not the LCD PIN.")
    page.locator("#lcd-pin").fill("1234")
    page.get_by_role("button", name="Unlock the buttons").click()
    for name in NAMES:
        expect(key(page, name)).to_be_enabled()
    expect(page.locator("#lcd-form")).to_be_hidden()
    expect(page.locator("#lcd-note")).to_contain_text(OPEN)
    plain = shown(page)
    hold(page, "middle", HOLD_MS)
    one.wait(lambda: shown(page) != plain, 5, "the menu")
    # Everything else stays with the installer.
    with pytest.raises(AssertionError, match="installer"):
        one.post("api/v1/command", {"name": "set", "value": ["max", 16]})
    assert page.evaluate("sessionStorage.getItem('lcd-pin')") == "1234"


def test_a_pin_given_before_is_given_again(twin, open_page):
    one = twin(settings={**API, "lcd_pin": 1234})
    page = lcd_page(open_page, one)
    page.evaluate("sessionStorage.setItem('lcd-pin', '1234')")
    page.reload()
    expect(key(page, "middle")).to_be_enabled()
    # One that is wrong by now is not given twice.
    one = twin(settings={**API, "lcd_pin": 4321})
    page = lcd_page(open_page, one)
    page.evaluate("sessionStorage.setItem('lcd-pin', '1234')")
    page.reload()
    expect(page.locator("#lcd-note")).to_have_text("This is not the LCD PIN.")
    assert page.evaluate("sessionStorage.getItem('lcd-pin')") is None


def test_locked_and_closed_buttons_say_so(twin, open_page):
    for settings, text in (({}, "pressed at the charger"),
                           ({"trust_lan": "Enabled", "lcd_lock": "Enabled"}, "are locked")):
        page = lcd_page(open_page, twin(settings={**API, **settings}))
        expect(page.locator("#lcd-note")).to_contain_text(text)
        expect(page.locator("#lcd-form")).to_be_hidden()
        for name in NAMES:
            expect(key(page, name)).to_be_disabled()


def test_who_does_not_look_does_not_ask(twin, open_page):
    page = lcd_page(open_page, twin(settings=API))
    page.evaluate("location.hash = 'more'")
    expect(page.locator("#lcd-canvas")).to_have_count(0)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)  # longer than it is between two frames
    assert not [url for url in asked if "lcd" in url]
    with page.expect_request(lambda request: "/api/v1/lcd" in request.url):
        page.go_back()


def test_the_display_fits_and_its_pixels_are_square(twin, open_page, screen):
    one = twin(settings={**API, "lcd_pin": 1})
    for scheme in ("light", "dark"):
        page = lcd_page(open_page, one, color_scheme=scheme, **screen)
        scale = page.evaluate("""() => {
            const canvas = document.getElementById("lcd-canvas");
            const style = getComputedStyle(canvas);
            return [parseFloat(style.width) / 128, parseFloat(style.height) / 64];
        }""")
        assert scale == ([2, 2] if page.viewport_size["width"] < 480 else [3, 3])
        for field in page.locator("#lcd-open button, #lcd-open input").all():
            assert field.bounding_box()["height"] >= 44
    healthy(page)
    kept(page, "lcd")
