"""The view of the wiring: pictures and words, in the reader's language."""

from page_fixture import healthy, picture
from playwright.sync_api import expect


def test_how_contactor_2_is_wired(twin, open_page, screen):
    page = open_page(twin().url, "wiring", **screen)
    expect(page.get_by_text("Wiring on the mains is work for an electrician.")).to_be_visible()
    expect(page.get_by_text("Never switch L1 by C2")).to_be_visible()
    expect(page.get_by_text("Never interrupt N while a phase is live.")).to_be_visible()
    drawing = page.get_by_role("img", name="Contactors")
    box = drawing.bounding_box()
    assert box["width"] > 250 and box["height"] > 200
    assert drawing.locator("polyline").count() == 7
    expect(page.get_by_role("img")).to_have_count(3)
    expect(page.locator("tr", has_text="Phoenix Contact")).to_contain_text("blue/green and")
    healthy(page)
    picture(page, "wiring")
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("img", name="Schütze")).to_be_visible()
    expect(page.locator("tr", has_text="Phoenix Contact")).to_contain_text("blau/grün und")
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("img", name="Contactors")).to_be_visible()
