"""Logging in and out on the page, in a real browser."""

import pytest
from owner_fixture import answer, log_in, owned
from page_fixture import healthy, picture
from playwright.sync_api import expect

WRONG = "This is not the password."


@pytest.fixture(scope="module")
def one(sim_build, tmp_path_factory):
    running = owned(tmp_path_factory.mktemp("data"))
    yield running
    running.close()


def outside(page):
    return page.get_by_role("banner").get_by_role("button", name="Log in")


def inside(page):
    return page.get_by_role("banner").get_by_role("button", name="Log out")


def test_in_and_out(one, open_page, screen):
    page = open_page(one.url, **screen)
    outside(page).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Password")).to_be_focused()
    expect(dialog).to_contain_text("SetupWifi")
    healthy(page)
    picture(page, "login")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    log_in(page, "guess")
    expect(dialog.get_by_role("alert")).to_have_text(WRONG)
    expect(dialog.get_by_label("Password")).to_be_focused()
    with page.expect_request("**/api/v1/events"):  # a new one: the old one speaks to a stranger
        answer(page)
    expect(dialog).to_have_count(0)
    expect(inside(page)).to_be_visible()
    expect(outside(page)).to_be_hidden()
    for mode in ("Pause", "Normal"):  # told by the stream, which says as well who listens
        one.post("/api/v1/command", {"name": "mode", "value": mode})
        button = page.get_by_role("main").get_by_role("button", name=mode.upper(), exact=True)
        expect(button).to_have_attribute("aria-pressed", "true")
    expect(inside(page)).to_be_visible()
    inside(page).click()
    expect(outside(page)).to_be_visible()


def test_all_who_ask_while_it_is_open_wait_for_the_same(one, open_page):
    page = open_page(one.url)
    page.evaluate("""() => { import('./views.js').then(({login: {login}}) =>
        Promise.all([login(), login()]).then((answers) => { window.answers = answers; })); }""")
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.get_by_role("button", name="Cancel").click()
    assert page.wait_for_function("window.answers").json_value() == [False, False]


@pytest.mark.parametrize(("status", "words"), (
    (403, "No password is set, which is done at the charger: SetupWifi."),
    (503, "The charger is busy with the passwords of others. Try again in a moment.")))
def test_why_it_cannot_be_given_now(one, open_page, status, words):
    page = open_page(one.url)
    page.route("**/api/v1/login", lambda route: route.fulfill(status=status, json={
        "error": "no password is set, which is done at the charger: SetupWifi"}))
    log_in(page)
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(words)


def test_a_dialog_that_does_not_come_leaves_nothing_waiting(one, open_page):
    page = open_page(one.url)
    page.route("**/views.js*", lambda route: route.abort())
    page.reload()
    button = page.locator("#override-none")
    expect(button).to_be_attached()
    done = page.evaluate("import('./app.js').then(({ $core: { byId, command } }) =>"
                         " command('set', ['mains', 20], byId('override-none')))")
    assert done is False
    expect(page.locator("#refused")).to_contain_text("This part of the page did not come.")
    expect(page.locator("#charge .refusal")).to_be_visible()
    assert button.get_attribute("aria-busy") is None


def test_who_guesses_has_to_wait(one, open_page):
    page = open_page(one.url)
    outside(page).click()
    for _ in range(5):
        answer(page, "guess")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(WRONG)
    answer(page)
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "Too many wrong passwords. Wait")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("then try again.")
