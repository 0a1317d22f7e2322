"""The set-up page of a charger in its safe mode, until it runs again."""

from playwright.sync_api import expect

PASSWORD = "4711abcd"


def test_the_safe_mode_says_what_it_is_and_tries_again(twin, open_page, tmp_path, monkeypatch):
    monkeypatch.setenv("MICROEVSE_DATA", str(tmp_path))
    (tmp_path / "boots").write_text("5")
    (tmp_path / "settings.json").write_text(
        '{"version":1,"settings":{"wifi":"Enabled","wifi_ssid":"home"},"portal":"%s"}' % PASSWORD)
    one = twin()
    page = open_page(one.url, "", "#main")
    safe = page.locator("#safe")
    expect(safe).to_contain_text("nothing charges")
    expect(safe).to_contain_text("in 10 min")
    expect(safe).to_contain_text("number 4711")
    expect(safe).to_contain_text("There is no other version in it.")
    page.get_by_role("button", name="Try again now").click()
    expect(page.locator("#said")).to_have_text("give the install password")
    page.get_by_label("The password for the settings").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#said")).to_have_text("You are logged in.")
    page.get_by_label("Another version").set_input_files(
        {"name": "x.upd", "mimeType": "", "buffer": b"no update" * 20})
    page.get_by_role("button", name="Send to the charger").click()
    expect(page.locator("#said")).to_contain_text("no update for a MicroEVSE")
    page.get_by_role("button", name="Try again now").click()
    expect(page.locator("#said")).to_have_text("It restarts.")
    expect(page.locator("#amps")).to_be_visible(timeout=20_000)
    assert not one.get("api/v1/status").get("safe_mode")
