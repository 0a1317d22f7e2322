"""Keeping all settings, putting them back, what was imported, and erasing, in a real browser."""

import json

import pytest
from owner_fixture import answer, log_in, owned, token
from page_fixture import healthy, picture
from playwright.sync_api import expect

import nvs
import original
from test_migration import stored

NOW_S = 1_790_000_000
DIFFERS = "What differs from your old firmware"
BACK_MS = 40_000


@pytest.fixture
def one(sim_build, tmp_path):
    running = owned(tmp_path, {"max": 16})
    yield running
    running.close()


@pytest.fixture(scope="module")
def imported(sim_build, tmp_path_factory):
    """A charger whose settings were those of another firmware."""
    folder = tmp_path_factory.mktemp("data")
    taken = original.take_over(nvs.read(bytes(stored())), now_s=NOW_S)
    (folder / "imported.json").write_bytes(taken.files()["imported.json"])
    running = owned(folder)
    running.taken = taken
    yield running
    running.close()


def test_a_copy_is_kept_and_put_back(one, open_page, screen, tmp_path):
    page = open_page(one.url, "backup", **screen)
    with page.expect_download() as download:
        page.get_by_role("button", name="Keep a copy").click()
    assert download.value.suggested_filename == "microevse-4711.json"
    kept = tmp_path / "kept.json"
    download.value.save_as(kept)
    log_in(page)
    given = one.get("api/v1/settings?values")
    page.get_by_label("The file").set_input_files(kept)
    expect(page.get_by_text("It says what is set already.")).to_be_visible()
    # Somebody changes something; it is seen before it is put back.
    headers = {"Authorization": "Bearer " + token(one), "Content-Type": "application/json"}
    assert page.request.patch(one.url + "api/v1/settings", headers=headers, data={
        "max": 10, "config": "Socket"}).ok
    page.get_by_label("The file").set_input_files([])
    page.get_by_label("The file").set_input_files(kept)
    lines = page.locator("main p.row", has_text="→")
    expect(lines).to_have_count(2)
    expect(lines.filter(has_text="10 → 16")).to_be_visible()
    healthy(page)
    picture(page, "backup")
    assert one.get("api/v1/settings?values")["max"] == 10
    page.get_by_role("button", name="Put it back").click()
    expect(page.get_by_text("All of it is put back.")).to_be_visible()
    assert one.get("api/v1/settings?values") == given


def test_what_cannot_be_put_back_is_said_where_it_stands(one, open_page, tmp_path):
    page = open_page(one.url, "backup")
    backup = one.get("api/v1/backup")
    backup["settings"]["max"] = 5000
    backup["settings"]["min"] = 7
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(backup))
    page.get_by_label("The file").set_input_files(wrong)
    page.get_by_role("button", name="Put it back").click()
    answer(page)
    bad = page.locator("main p.row", has_text="5000")
    expect(bad.locator("+ .refusal")).to_contain_text("from 6 to 80")
    assert one.get("api/v1/settings?values")["min"] == 6
    wrong.write_text("[1, 2]")
    page.get_by_label("The file").set_input_files([])
    page.get_by_label("The file").set_input_files(wrong)
    expect(page.get_by_text("This is no copy of a charger's settings.")).to_be_visible()


def test_what_is_other_than_in_the_old_firmware(imported, open_page, screen):
    page = open_page(imported.url, "now", **screen)
    page.get_by_role("main").locator("a[href='#backup']").click()
    expect(page.get_by_role("heading", name=DIFFERS)).to_be_visible()
    expect(page.get_by_text("Cards taken over: 1.")).to_be_visible()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(imported.taken.differs))
    for row in imported.taken.differs:
        expect(rows.filter(has_text=row["why"]).first).to_be_visible()
    healthy(page)
    picture(page, "imported")
    links = page.get_by_role("paragraph").filter(has_text="Look at these").get_by_role("link")
    expect(links).to_have_count(len(imported.taken.confirm))
    links.first.click()
    expect(page.locator(":focus")).to_have_attribute("id", "set-" + imported.taken.confirm[0])


def test_what_was_seen_is_put_away(imported, open_page):
    page = open_page(imported.url, "backup")
    page.get_by_role("button", name="I have seen it").click()
    answer(page)
    expect(page.get_by_role("heading", name=DIFFERS)).to_have_count(0)
    assert not imported.get("api/v1/status")["imported"]
    page = open_page(imported.url, "backup")
    expect(page.get_by_role("heading", name="Backup")).to_be_visible()
    expect(page.get_by_role("heading", name=DIFFERS)).to_have_count(0)


def test_restarted_and_erased_from_the_page(one, open_page):
    page = open_page(one.url, "backup")
    before = one.world()["chargers"][0]["pid"]
    page.get_by_role("button", name="Restart").click()
    answer(page)
    expect(page.get_by_text("It restarts once nothing charges.")).to_be_visible()
    one.wait(lambda: one.world()["chargers"][0]["pid"] not in (before, None) and values(one),
             what="the restart")
    assert values(one)["max"] == 16
    expect(page.locator("#lost")).to_be_hidden(timeout=BACK_MS)
    erase = page.get_by_role("button", name="Erase everything")
    expect(erase).to_be_disabled()
    page.get_by_label("The charger's number").fill("471")
    expect(erase).to_be_disabled()
    page.get_by_label("The charger's number").fill("4711")
    erase.click()
    answer(page)  # the restart has ended the session
    expect(page.get_by_text("Erased.")).to_be_visible()
    one.wait(lambda: (values(one) or {}).get("max") == 13, what="the charger as it was new")


def values(one):
    """All settings, None while it does not answer."""
    try:
        return one.get("api/v1/settings?values")
    except (AssertionError, OSError, ValueError):
        return None
