"""The card reader on the switch's line: a clean read, and all that must not pass for one."""

import helpers_boards

# isort: split
import machine
import onewire

from evse.boards import card_reader

NEW = b"\x04\xa1\xb2\xc3\xd4\xe5\xf6"
OLD = b"\x01\xa1\xb2\xc3\xd4\xe5\xf6"
PIN = 16


def _rom(data):
    """Return ``data`` with the checksum a reader adds."""
    return data + bytes((onewire.OneWire.crc8(data),))


def _read(card, high=True):
    helpers_boards.fresh()
    machine.levels[PIN] = int(high)
    pin = machine.Pin(PIN)
    onewire.line["card"] = card
    wire = onewire.OneWire(pin)
    del onewire.line["log"][:]
    return card_reader.read(pin, wire)


def test_the_checksum_of_the_fake_is_that_of_the_standard():
    assert onewire.OneWire.crc8(b"\x02\x1c\xb8\x01\x00\x00\x00") == 0xA2
    assert onewire.OneWire.crc8(b"\x02\x1c\xb8\x01\x00\x00\x00\xa2") == 0


def test_a_card_is_read():
    for data in (NEW, OLD, b"\x08\x11\x22\x33\0\0\0", b"\xff\xff\xff\xff\xff\xff\0"):
        rom = _read(_rom(data))
        assert rom == _rom(data) and type(rom) is bytes
        assert onewire.line["log"] == [("reset",), ("write", 0x33)]


def test_no_card_no_answer():
    assert _read(None) is None
    assert onewire.line["log"] == [("reset",)]


def test_a_pressed_button_is_no_card():
    for card in (None, _rom(NEW), bytes(8)):
        assert _read(card, high=False) is None
        assert not onewire.line["log"]  # nor is the line touched


def test_a_button_pressed_meanwhile_is_no_card():
    rom = _rom(NEW)
    for when in range(9):
        helpers_boards.fresh()
        pin = machine.Pin(PIN)
        wire = onewire.OneWire(pin)
        onewire.line["card"] = rom
        plain = wire.readinto

        def pressed(buf):
            plain(buf)
            machine.levels[PIN] = 0
            for i in range(when, 8):
                buf[i] = 0

        wire.readinto = pressed
        assert card_reader.read(pin, wire) is None, when


def test_every_single_wrong_bit_is_noticed():
    rom = _rom(NEW)
    for bit in range(64):
        wrong = bytearray(rom)
        wrong[bit // 8] ^= 1 << bit % 8
        assert _read(bytes(wrong)) is None, bit


def test_a_line_at_rest_or_at_ground_is_no_card():
    for data in (bytes(7), b"\xff" * 7, b"\x01" + bytes(6), b"\x01" + b"\xff" * 6,
                 b"\x04" + bytes(6), b"\0" + b"\xff" * 6):
        assert _read(_rom(data)) is None, data
    assert _read(bytes(8)) is None and _read(b"\xff" * 8) is None
