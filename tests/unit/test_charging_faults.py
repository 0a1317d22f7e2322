"""The registry of faults."""

from evse.charging import faults


def test_legacy_bits_are_those_clients_know():
    assert (faults.LESS_6A, faults.CT_NOCOMM, faults.TEMP_HIGH, faults.EV_NOCOMM) == (1, 2, 4, 8)
    assert (faults.RCM_TRIPPED, faults.CIRCUIT_NOCOMM) == (16, 64)


def test_each_bit_is_one_of_its_own():
    seen = 0
    for fault in faults.FAULTS:
        bit = fault[0]
        assert bit & (bit - 1) == 0
        assert not seen & bit
        seen |= bit


def test_legacy_id_is_the_highest_bit_plus_one():
    for fault in faults.FAULTS:
        if fault[0] <= 128:
            assert 1 << (faults.legacy_id(fault[0]) - 1) == fault[0]
        elif fault[0] == faults.RCM_MISSING:
            assert faults.legacy_id(fault[0]) == 5  # to clients it is the same as a trip
        else:
            assert faults.legacy_id(fault[0]) == 0
    assert faults.legacy_id(0) == 0
    assert faults.legacy_id(faults.LESS_6A | faults.RCM_TRIPPED | faults.PILOT) == 5


def test_texts():
    assert faults.legacy_text(0) == "None"
    assert faults.legacy_text(faults.STALL) == "None"
    assert faults.legacy_text(faults.LESS_6A) == "No Power Available"
    assert faults.legacy_text(faults.LESS_6A | faults.TEMP_HIGH) == "Temperature High"
    assert faults.name(0) == "None"
    assert faults.name(faults.PILOT) == "Pilot Fault"
    assert faults.name(faults.CT_NOCOMM | faults.PILOT) == "Communication Error"


def test_all_block_but_those_that_are_only_shown():
    shown = (faults.LESS_6A | faults.EV_NOCOMM | faults.NO_CURRENT | faults.LOCK_STUCK
             | faults.STORAGE | faults.CLOCK)
    for fault in faults.FAULTS:
        assert bool(faults.BLOCKING & fault[0]) != bool(shown & fault[0]), fault[2]


def test_only_dangers_open_under_load():
    assert faults.AT_ONCE == (faults.RCM_TRIPPED | faults.PILOT | faults.STALL | faults.DIODE
                              | faults.WELDED | faults.RCM_MISSING)
