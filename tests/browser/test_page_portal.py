"""The set-up page, as a telephone in the charger's own network sees it."""

from playwright.sync_api import expect

PORTAL = {"wifi": "SetupWifi", "tz": "UTC0", "mains_met": "API"}
JOINS_MS = 20_000


def test_from_the_list_of_networks_to_the_new_address(twin, open_page):
    one = twin(settings=PORTAL)
    air = lambda: one.world()["chargers"][0]["wifi"]  # noqa: E731
    url = one.wait(lambda: air()["portal"], what="the portal")["url"]
    page = open_page(url, "", "#main", timezone_id="Europe/Amsterdam")
    expect(page.locator("#networks button")).to_have_text(
        ["home (strong)", "next door (weak)", "guests (very weak, no password)"])
    assert page.locator("#zone option:checked").inner_text() == "Europe/Amsterdam"
    page.get_by_role("button", name="guests").click()
    expect(page.get_by_label("Its password")).to_be_disabled()
    page.get_by_role("button", name="home").click()
    expect(page.get_by_label("Its password")).to_be_focused()
    page.get_by_label("Its password").fill("correct horse")
    page.get_by_label("New password").fill("battery staple")
    page.get_by_role("button", name="Save and join").click()
    expect(page.locator("#result-head")).to_have_text("Joining home")
    expect(page.locator("#result-head")).to_have_text("It is in home now", timeout=JOINS_MS)
    expect(page.locator("#by-address")).to_have_text("http://127.0.0.1/")
    expect(page.locator("#by-name")).to_have_text("http://smartevse-4711.local/")
    assert air()["state"] == "joined" and air()["portal"]
    assert page.locator("#refused").is_hidden()
    assert one.post("/api/v1/login", {"password": "battery staple"})["token"]
