"""The rules of time zones that the pages derive: the charger has the browser's time by them."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "shims"), str(ROOT / "tools")]

import zones  # noqa: E402
from evse.clock import Zone  # noqa: E402

RULE_MAX = 63  # of the setting tz
# Zones whose changes of the clock follow the moon.
RULELESS = {"Africa/Casablanca", "Africa/El_Aaiun", "Asia/Gaza", "Asia/Hebron"}
# One of each kind of rule there is.
KINDS = ("Europe/Amsterdam", "Europe/London", "America/New_York", "America/Santiago",
         "Pacific/Easter", "America/Nuuk", "Antarctica/Troll", "Asia/Jerusalem", "Africa/Cairo",
         "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kathmandu", "Pacific/Marquesas")
OFFSETS = """([names, first, step, count]) => Object.fromEntries(names.map((zone) => {
    const clock = new Intl.DateTimeFormat("sv",
        { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
    return [zone, Array.from({ length: count }, (_, at) => {
        const s = first + at * step;
        return Date.parse(clock.format(s * 1000).replace(" ", "T") + "Z") / 1000 - s;
    })];
}))"""
HOUR_S = 3600


def rules(page, names):
    """{zone: rule} as the page makes them."""
    source = (ROOT / "web" / "zone.js").read_text().replace("export ", "")
    return page.evaluate("(names) => { %s; return Object.fromEntries(names.map("
                         "(name) => [name, ruleOf(name)])); }" % source, names)


def differ(page, names, step, count):
    """Those of ``names`` in which the charger's clock would show another time than the page's."""
    first = page.evaluate("Math.floor(Date.now() / 3600000)") * HOUR_S
    told = page.evaluate(OFFSETS, [names, first, step, count])
    found = set()
    for name, rule in rules(page, names).items():
        assert len(rule) <= RULE_MAX
        zone = Zone(rule)
        if [zone.offset(first + at * step) for at in range(count)] != told[name]:
            found.add(name)
    return found


def test_every_zone_of_the_browser_has_its_time(browser):
    page = browser.new_page()
    names = page.evaluate('Intl.supportedValuesOf("timeZone")')
    assert len(names) > 400
    assert differ(page, names, 61 * HOUR_S, 500) <= RULELESS
    page.close()


def test_to_the_hour(browser):
    page = browser.new_page()
    assert not differ(page, list(KINDS), HOUR_S, 2 * 365 * 24)
    page.close()


def test_they_are_those_of_the_list(browser):
    """But for countries that have changed their law since the list, or the browser, was made."""
    page = browser.new_page()
    listed = zones.unpacked(zones.FILE.read_text())
    moments = range(1_798_761_600, 1_798_761_600 + 2 * 365 * 86400, 61 * HOUR_S)
    other = [name for name, rule in rules(page, list(listed)).items()
             if any(Zone(rule).offset(at) != Zone(listed[name]).offset(at) for at in moments)]
    page.close()
    assert len(other) < len(listed) // 20, other
