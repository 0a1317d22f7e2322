"""evse.prices: what is told is kept small, added to, and bounded."""

from evse import prices
from evse.journal import Journal
from evse.settings import Refused, Settings

START = 1_790_078_400


def fresh():
    return Settings(Journal().record)


def refused(*value):
    settings = fresh()
    prices.store(settings, (START, 60, [5]))
    before = settings.states["prices"]
    try:
        prices.store(settings, value)
    except Refused as exc:
        assert settings.states["prices"] == before
        return exc.field
    return None


def test_prices_come_back_as_they_were_told():
    settings = fresh()
    told = [0, 1, -1, 32000, -32000]
    prices.store(settings, (START, 15, told))
    state = settings.states["prices"]
    assert state[:2] == (START, 15)
    assert list(prices.numbers(state)) == told
    for nothing in (None, (START, 15, ""), (START, 15, "%%%%")):
        assert list(prices.numbers(nothing)) == []
    prices.store(settings, None)
    assert settings.states["prices"] is None


def test_what_begins_where_they_end_is_added():
    settings = fresh()
    prices.store(settings, (START, 15, list(range(96))))
    prices.store(settings, (START + 96 * 900, 15, list(range(96, 192))))
    state = settings.states["prices"]
    assert state[0] == START
    assert list(prices.numbers(state)) == list(range(192))
    assert len(state[2]) <= 512
    prices.store(settings, (START + 192 * 900, 15, list(range(192, 288))))
    state = settings.states["prices"]
    assert state[0] == START + 96 * 900
    assert list(prices.numbers(state)) == list(range(96, 288))


def test_what_begins_elsewhere_replaces_them():
    for start, minutes in ((START, 60), (START + 3600, 60), (START + 2 * 3600, 30),
                           (START + 3 * 3600, 60), (START - 3600, 60)):
        settings = fresh()
        prices.store(settings, (START, 60, [1, 2]))
        prices.store(settings, (start, minutes, [3]))
        state = settings.states["prices"]
        assert (state[0], state[1], list(prices.numbers(state))) == (start, minutes, [3])


def test_prices_of_another_shape_are_refused():
    assert refused(START, 60) == "prices"
    for start in (0, START + 1, "now", 4_000_000_000, None, 1.5):
        assert refused(start, 60, [1]) == "start", start
    for minutes in (0, 20, "60", None):
        assert refused(START, minutes, [1]) == "minutes", minutes
    for told in ([], [1] * 193, None, "12", [1.5], ["1"], [32001], [True, None], {}):
        assert refused(START, 60, told) == "prices", told


def test_prices_outlive_a_power_cut():
    settings = fresh()
    prices.store(settings, (START, 60, [1, -2, 3]))
    again = fresh()
    again.load({"prices": list(settings.states["prices"])})
    assert again.states["prices"] == settings.states["prices"]
    for broken in ([START, 60], [START, 20, ""], ["x", 60, ""], [START, 60, "A" * 513], 7):
        again.load({"prices": broken})
        assert again.states["prices"] == settings.states["prices"], broken
    again.load({"prices": None})
    assert again.states["prices"] is None
