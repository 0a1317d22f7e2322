"""The proximity resistor names what a cable carries; what names nothing gets the least."""

from evse.charging.cable import UNKNOWN_DA, rating


def test_nominal_resistors():
    for mv, da in ((1336, 160), (595, 320), (300, 630)):
        assert rating(mv) == da


def test_whatever_is_no_resistor_of_the_standard_gets_the_least():
    for mv in (0, 200, 400, 450, 500, 700, 900, 1200, 1400, 2000, 3300, -5):
        assert rating(mv) == UNKNOWN_DA, mv


def test_no_cable_gets_more_than_its_own_window():
    for mv in range(3301):
        da = rating(mv)
        assert da <= 160 or mv < 700
        assert da <= 320 or mv < 400
