"""What the boards say of themselves: serial number, reset, memory."""

import helpers_boards
from evse.boards import smartevse_v3

EFUSE = 0x3FF5A080


def board(number=None, burnt=0):
    """A fresh board; ``number`` is what the import wrote, ``burnt`` what the chip carries."""
    machine = helpers_boards.machine
    machine.clear()
    machine.mem32[EFUSE] = burnt
    opened = []

    class File:
        def __enter__(self):
            return self

        def __exit__(self, *problem):
            return False

        def read(self, size):
            return number[:size]

    def open_file(path):
        opened.append(path)
        if number is None:
            raise OSError(2)
        return File()

    import evse.boards.esp32 as module

    module.open = open_file
    try:
        made = smartevse_v3.create()
    finally:
        del module.open
    assert opened == ["/data/serial"]
    return made


def test_the_serial_number_is_the_one_the_owner_knows():
    assert board().serial == 0x1267, "made of the hardware address"
    assert board(burnt=0x01E240AA).serial == 0x01E240, "burnt into the chip"
    assert board("5123\n", burnt=0x01E240AA).serial == 5123, "taken over from the original"
    for broken in ("", "x", "\n"):
        assert board(broken, burnt=0x01E240AA).serial == 0x01E240


def test_the_cause_of_a_reset_in_a_word():
    made = board()
    machine = helpers_boards.machine
    for reason, word in enumerate(("hard", "power", "hard", "watchdog", "deepsleep", "soft")):
        machine.reset_reason[0] = reason
        assert made.reset_cause() == word
    machine.reset_reason[0] = machine.PWRON_RESET
    for state in (15, 12, 0xF3F):  # by the detector itself, by the driver; the second core's
        machine.mem32[0x3FF48034] = state
        assert made.reset_cause() == "brownout"
    machine.mem32[0x3FF48034] = 0x381
    assert made.reset_cause() == "power"


def test_what_is_kept_over_a_reset():
    made = board()
    made.keep(bytearray(b"all of it"))
    assert board().kept() == b"all of it"


def test_memory_beside_pythons_is_the_sum_of_its_areas():
    assert list(board().heaps()) == [("system", 30100, 20000, 9040)]


def test_the_log_is_shown_at_the_usual_port():
    assert board().telnet_address() == ("0.0.0.0", 23)
