"""The log partitions of the boards: the chip's, on a fake of its module, and the twin's file."""

import os

import helpers_boards  # noqa: F401  puts the fakes on the path
from evse.boards import log_esp32, log_sim
from evse.flashlog import SESSION, FlashLog

esp32 = __import__("esp32")  # the fake, findable only now
FOLDER = "/tmp/microevse_log_test"
SIZE = 65536


def chip():
    esp32.partitions["log"] = bytearray(b"\xff" * SIZE)
    del esp32.log[:]
    return log_esp32.open()


def file():
    try:
        os.mkdir(FOLDER)
    except OSError:
        pass
    try:
        os.remove(FOLDER + "/log.bin")
    except OSError:
        pass
    return log_sim.open(FOLDER)


def read(part, at, length):
    buf = bytearray(length)
    part.read(at, buf)
    return bytes(buf)


def test_both_are_blank_flash():
    for part in (chip(), file()):
        assert part.size == SIZE
        assert read(part, 0, 100) == b"\xff" * 100
        assert read(part, SIZE - 100, 100) == b"\xff" * 100


def test_programming_clears_bits_only_and_crosses_sectors():
    for part in (chip(), file()):
        part.program(4096 - 3, b"\x0f\xf0\x55\xaa")
        part.program(4096 - 3, b"\xff\xf0\xf5\x00")
        assert read(part, 4096 - 5, 8) == b"\xff\xff\x0f\xf0\x55\x00\xff\xff"


def test_erasing_sets_one_sector():
    for part in (chip(), file()):
        part.program(4095, bytes(4098))
        part.erase(4096)
        assert read(part, 4094, 3) == b"\xff\x00\xff"
        assert read(part, 8191, 3) == b"\xff\x00\xff"


def test_what_lies_outside_is_an_error():
    for part in (chip(), file()):
        for call, argument in ((part.read, bytearray(2)), (part.program, b"xx")):
            for at in (SIZE - 1, SIZE, -1):
                try:
                    call(at, argument)
                except OSError:
                    continue
                raise AssertionError("not refused")


def test_the_chip_is_programmed_without_an_erase():
    part = chip()
    part.program(70000 - 8192, b"four")
    part.erase(8192)
    assert esp32.log == [("program", 70000 - 8192, 4), ("erase", 8192, 4096)]


def test_a_table_without_the_partition_gives_none():
    esp32.partitions.clear()
    assert log_esp32.open() is None


def test_the_file_outlives_a_restart():
    part = file()
    part.program(100, b"kept")
    assert read(log_sim.open(FOLDER), 100, 4) == b"kept"


def test_a_file_cut_short_is_blank_where_it_ends():
    file().program(100, b"kept")
    with open(FOLDER + "/log.bin", "rb") as whole:
        start = whole.read(5000)
    with open(FOLDER + "/log.bin", "wb") as short:
        short.write(start)
    part = log_sim.open(FOLDER)
    assert read(part, 100, 4) == b"kept"
    assert read(part, 4990, 20) == b"\xff" * 20
    assert read(part, SIZE - 1, 1) == b"\xff"


def test_no_folder_gives_none():
    assert log_sim.open("/tmp/no such folder") is None


def test_the_twin_stalls_when_asked_to():
    class Clock:
        slept = []

        @staticmethod
        def sleep_ms(ms):
            Clock.slept.append(ms)

    real = log_sim.time
    log_sim.time = Clock
    try:
        for asked, stalls in ((None, []), ("0", []), ("1", [1] + [45] * 19 + [400, 45])):
            del Clock.slept[:]
            if asked:
                os.putenv("MICROEVSE_FLASH_STALL", asked)
            part = file()
            part.program(0, b"x")
            for _ in range(21):
                part.erase(0)
            assert Clock.slept == stalls, asked
    finally:
        log_sim.time = real
        os.unsetenv("MICROEVSE_FLASH_STALL")


def test_the_log_works_on_both():
    for part in (chip(), file()):
        log = FlashLog(part)
        assert log.append(SESSION, b"first")
        log.reset()
        assert log.append(SESSION, b"second")
        assert list(FlashLog(part).records()) == [(SESSION, b"second")]
        log.reset()
        while log.erase_step():
            pass
        assert read(part, 0, SIZE) == b"\xff" * SIZE
