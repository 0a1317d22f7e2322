"""Several chargers on the page of their Master, in a real browser."""

import pytest
from page_fixture import healthy, picture
from playwright.sync_api import expect

from twin_fixture import Twin

MASTER = {"mains_met": "Eastron3P", "mains_adr": 11, "mode": "Smart", "share_order": "Node order",
          "trust_lan": "Enabled"}


@pytest.fixture(scope="module")
def one(sim_build):
    running = Twin("--evses", "3", settings=[MASTER, {}, {}], heap="512K")
    running.wait(lambda: len(running.get("api/v1/status")["evses"]) == 3, 30, "two nodes")
    yield running
    running.close()


def lines(page):
    return page.locator(".share li strong")


def order(one):
    return one.get("api/v1/status")["order"]


def test_the_order_is_changed_by_keys(one, open_page, screen):
    one.post("api/v1/command", {"name": "order", "value": []})
    page = open_page(one.url, "settings/share", **screen)
    expect(lines(page)).to_have_text(["This charger", "Node 1", "Node 2"])
    expect(page.locator(".share")).to_contain_text("No car asks.")
    healthy(page)
    picture(page, "settings-share")
    up = page.get_by_role("button", name="Node 2 goes up")
    up.focus()
    up.press("Enter")
    expect(lines(page)).to_have_text(["This charger", "Node 2", "Node 1"])
    expect(page.get_by_text("Node 2 is now number 2")).to_have_attribute("role", "status")
    expect(up).to_be_focused()
    up.press("Enter")
    one.wait(lambda: order(one) == [2, 0, 1])
    expect(lines(page)).to_have_text(["Node 2", "This charger", "Node 1"])
    up.press("Enter")  # it is the first
    page.get_by_role("button", name="Node 2 goes down").click()
    one.wait(lambda: order(one) == [0, 2, 1])


def test_the_order_is_changed_by_dragging_and_others_see_it(one, open_page, screen):
    one.post("api/v1/command", {"name": "order", "value": []})
    page = open_page(one.url, "settings/share", **screen)
    other = open_page(one.url, "settings/share")
    expect(lines(page)).to_have_text(["This charger", "Node 1", "Node 2"])
    grips = page.locator(".share .grip")
    last = page.locator(".share li").last
    last.evaluate("one => one.scrollIntoView({block: 'end'})")  # all of them are in sight
    start, end = grips.first.bounding_box(), last.bounding_box()
    x = start["x"] + start["width"] / 2
    page.mouse.move(x, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(x, end["y"] + end["height"] - 1, steps=12)
    expect(lines(page)).to_have_text(["Node 1", "Node 2", "This charger"])
    assert order(one) == []  # not before it is let go
    page.mouse.up()
    one.wait(lambda: order(one) == [1, 2, 0])
    expect(lines(page)).to_have_text(["Node 1", "Node 2", "This charger"])
    expect(lines(other)).to_have_text(["Node 1", "Node 2", "This charger"])


def test_an_order_that_is_refused_is_not_shown(one, open_page):
    one.post("api/v1/command", {"name": "order", "value": []})
    page = open_page(one.url, "settings/share")
    page.route("**/api/v1/command", lambda route: route.fulfill(
        status=422, json={"error": "not now", "field": "order"}))
    page.get_by_role("button", name="Node 1 goes up").click()
    expect(page.get_by_role("alert").filter(has_text="Not now.")).to_be_visible()
    expect(lines(page)).to_have_text(["This charger", "Node 1", "Node 2"])


def test_a_node_says_who_decides(one, open_page):
    page = open_page(one.chargers[1]["url"], "settings/share")
    expect(page.get_by_text("The Master decides who gets how much.")).to_be_visible()
    expect(page.locator(".share")).to_be_hidden()
    expect(page.get_by_label("Who comes first", exact=True)).to_be_hidden()
