"""The view of the network: WiFi, time zone, MQTT and passwords, in a real browser."""

import pytest
from owner_fixture import PASSWORD, answer, log_in, owned, send, token
from page_fixture import healthy, picture
from playwright.sync_api import expect

from mqtt_fixture import Mosquitto

JOINED = {"wifi": "Enabled", "wifi_ssid": "home", "wifi_password": "correct horse"}
JOINS_MS = 20_000
USER, SECRET = "eve", "Jörg's secret"
NO_BROKER = {"mqtt_host": "", "mqtt_port": 1883, "mqtt_user": "", "mqtt_password": "",
             "mqtt_prefix": ""}


@pytest.fixture(scope="module")
def one(sim_build, tmp_path_factory):
    running = owned(tmp_path_factory.mktemp("data"), JOINED)
    yield running
    running.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    running = Mosquitto(tmp_path_factory.mktemp("broker"), users={USER: SECRET})
    yield running
    running.close()


@pytest.fixture(scope="module")
def owner(one):
    """Sends a request as the owner does: ``owner(method, path, body)``."""
    given = token(one)
    return lambda *arguments: send(one, arguments[0], arguments[1], given, *arguments[2:])


def setting(one, key):
    return one.get("api/v1/settings?values")[key]


def test_a_broker_is_set_and_tried_until_it_works(one, owner, broker, open_page, screen):
    owner("PATCH", "/api/v1/settings", NO_BROKER)
    page = open_page(one.url, "network", **screen)
    state = page.locator("#mqtt-state")
    expect(state).to_have_text("No broker is set: MQTT is off.")
    page.locator("#set-mqtt_host").fill("127.0.0.1")
    page.locator("#set-mqtt_port").fill(str(broker.port))
    page.locator("#set-mqtt_user").fill(USER)
    page.locator("#set-mqtt_password").fill("guess")
    test = page.get_by_role("button", name="Store and test")
    test.click()
    answer(page)
    expect(state).to_have_text("Not connected: the broker does not let this user in with this "
                               "password. The charger goes on trying.", timeout=15_000)
    # By now it waits ever longer between its tries; who tests does not.
    page.locator("#set-mqtt_password").fill(SECRET)
    test.click()
    expect(state).to_have_text("Connected with 127.0.0.1.")
    expect(page.locator("#set-mqtt_password")).to_have_value("")
    assert SECRET not in page.content() and "is set" in page.locator("main").inner_text()
    healthy(page)
    picture(page, "network")
    broker.stop()
    test.click()
    expect(state).to_have_text("Not connected: no connection to 127.0.0.1:%d. The charger goes on "
                               "trying." % broker.port)
    broker.start()
    test.click()
    expect(state).to_have_text("Connected with 127.0.0.1.")


def test_what_is_typed_outlives_the_session(one, owner, open_page):
    owner("PATCH", "/api/v1/settings", {"mqtt_host": "broker.example", "mqtt_prefix": ""})
    page = open_page(one.url, "network")
    log_in(page)
    prefix = page.locator("#set-mqtt_prefix")
    expect(page.get_by_role("banner").get_by_role("button", name="Log out")).to_be_visible()
    prefix.fill("garage")
    cookie = page.context.cookies()[0]["value"]
    send(one, "POST", "/api/v1/logout", cookie, {})
    page.get_by_role("button", name="Store and test").click()
    answer(page)
    expect(page.locator("#mqtt-state")).to_contain_text("broker.example")
    one.wait(lambda: setting(one, "mqtt_prefix") == "garage")
    expect(prefix).to_have_value("garage")


def test_the_time_zone_is_chosen_by_its_name(one, owner, open_page):
    owner("PATCH", "/api/v1/settings", {"tz": "UTC0"})
    page = open_page(one.url, "network/tz", timezone_id="America/New_York")
    zone = page.get_by_label("Time zone")
    expect(zone).to_be_focused()
    expect(zone.locator("option:checked")).to_have_text("as it is: UTC0")
    zone.select_option("America/New York")
    page.locator("section", has=zone).get_by_role("button", name="Store").first.click()
    answer(page)
    one.wait(lambda: setting(one, "tz") == "<-05>5<DST>,M3.2.0,M11.1.0")
    expect(zone.locator("option:checked")).to_have_text("America/New York")


def test_another_network_is_found_and_joined(one, open_page, screen):
    page = open_page(one.url, "network", **screen)
    before = one.get("api/v1/status")["network"]["ssid"]
    expect(page.get_by_text("with the password shown on its display")).to_be_visible()
    expect(page.get_by_text("Joined with %s." % before)).to_be_visible(timeout=JOINS_MS)
    page.get_by_role("button", name="Look for networks").click()
    answer(page)
    page.get_by_role("button", name="guests -88 dBm, no password").click()
    expect(page.get_by_label("Name of the network")).to_have_value("guests")
    expect(page.get_by_role("button", name="Join", exact=True)).to_be_focused()
    page.get_by_role("button", name=before).click()
    expect(page.get_by_label("Its password")).to_be_focused()
    fresh = "attic %d" % screen["viewport"]["width"]
    one.world("access_point", ssid=fresh, password="open sesame")
    page.get_by_label("Name of the network").fill(fresh)
    page.get_by_label("Its password").fill("open sesame")
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_text("Joined with %s." % fresh)).to_be_visible(timeout=JOINS_MS)
    expect(page.get_by_label("Its password")).to_have_value("")


def test_a_fixed_address_that_cannot_be_is_refused_at_its_field(one, open_page):
    page = open_page(one.url, "network/static_ip")
    field = page.locator("#set-static_ip")
    expect(field).to_be_focused()
    field.fill("192.168.1.5/24 10.0.0.1")
    field.press("Enter")
    answer(page)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert").filter(has_text="gateway")).to_be_visible()


def test_the_password_is_changed_with_the_old_one(one, open_page):
    page = open_page(one.url, "network")
    old, fresh = page.get_by_label("The one of now"), page.get_by_label("The new one")
    change = page.get_by_role("button", name="Change the password")
    old.fill("guess")
    fresh.fill("battery staple")
    change.click()
    expect(page.get_by_role("alert").filter(has_text="This is not")).to_be_visible()
    old.fill(PASSWORD)
    change.click()
    expect(page.get_by_text("Changed. All others are logged out.")).to_be_visible()
    expect(fresh).to_have_value("")
    assert token(one, "battery staple")
