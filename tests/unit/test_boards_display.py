"""The drivers of the displays: what goes over their wires, in which order, how much at a time."""

import gc

import helpers_boards  # knows where the fakes are

# isort: split
import machine
import ssd1306

from evse.boards import devkit, smartevse_v3
from evse.boards.oled import Oled
from evse.boards.st7565 import St7565

PINS = {"clock": 26, "data": 33, "a0": 25, "reset": 5}
IN, OUT = 1, 3
SET_UP = bytes((0xA2, 0xA0, 0xC8, 0x24, 0xF8, 0x01, 0x81, 0x24, 0xA6, 0xA4, 0x2F))
WRAP_SOON = 2**30 - 100


def lcd():
    """(display, log) of one just switched on."""
    helpers_boards.fresh()
    it = St7565(PINS, [machine.Pin(number) for number in (0, 25, 33)])
    return it, machine.log


def ready(it, now=1000):
    """Let a display set itself up; returns how many steps that took."""
    for step in range(200):
        if it.step(now + 10 * step):
            return step
    raise AssertionError("never ready")


def wire(log):
    """What the controller sees: (level of A0, byte) for each byte, and its reset."""
    seen = []
    a0 = None
    for entry in log:
        if entry[:2] == ("pin", 25):
            a0 = entry[2]
        elif entry[:2] == ("pin", 5):
            seen.append(("reset", entry[2]))
        elif entry[0] == "out":
            seen.extend((a0, byte) for byte in entry[1])
    return seen


def test_the_bus_is_the_one_that_leaves_the_pilot_alone():
    _, log = lcd()
    (spi,) = [entry for entry in log if entry[0] == "spi"]
    assert spi[1:] == (2, {"baudrate": 10_000_000, "polarity": 1, "phase": 1, "sck": 26,
                           "mosi": 33, "miso": None})
    assert log[0] == ("pin", 5, 0)  # in reset until its time has come


def test_it_is_set_up_as_its_maker_says():
    it, log = lcd()
    del log[:]
    ready(it)
    expected = [("reset", 0), ("reset", 1)] + [(0, byte) for byte in SET_UP]
    for page in range(8):
        expected += [(0, 0x10), (0, 0), (0, 0xB0 | page)] + [(1, 0)] * 128
    expected += [(0, 0xB0), (0, 0x10), (0, 0x00), (0, 0xAF)]
    assert wire(log) == expected
    assert log[0] == ("pin", 25, 0)  # a command line before the reset ends


def test_it_waits_without_waiting():
    for start in (1000, WRAP_SOON):
        it, log = lcd()
        it.restart(start)
        del log[:]
        for ms in range(0, 200, 10):
            assert not it.step((start + ms) & 2**30 - 1) and not log, ms
        assert not it.step((start + 200) & 2**30 - 1) and log
        most = 0
        while True:
            del log[:]
            if it.step(start):
                break
            most = max(most, sum(len(entry[1]) for entry in log if entry[0] == "out"))
        assert 0 < most <= 131  # bytes in a step: 0.11 ms


def test_a_restart_begins_again_wherever_it_was():
    it, log = lcd()
    steps = ready(it)
    for broken_off in range(steps):
        it.restart(0)
        for step in range(broken_off):
            it.step(10 * step)
        it.restart(5000)
        del log[:]
        assert not it.step(5190) and not log
        assert ready(it, 5200) == 10
        assert wire(log)[0] == ("reset", 0)


def test_a_page_goes_out_after_its_address():
    it, log = lcd()
    ready(it)
    for page in range(8):
        del log[:]
        view = memoryview(bytes(page + column & 255 for column in range(128)))
        assert not it.send(page, view)
        assert wire(log) == [(0, 0x10), (0, 0), (0, 0xB0 | page)] + [(1, byte) for byte in view]


def test_buttons_are_read_between_and_the_lines_given_back():
    it, log = lcd()
    ready(it)
    for levels, bits in (({}, 0), ({0: 0}, 1), ({25: 0}, 2), ({33: 0}, 4), ({0: 0, 33: 0}, 5)):
        machine.levels.update({0: 1, 25: 1, 33: 1})
        machine.levels.update(levels)
        del log[:]
        assert it.pressed() == bits
        assert log == [("mode", 33, IN), ("mode", 25, IN), ("mode", 33, OUT), ("matrix", 33, 65),
                       ("mode", 25, OUT)]


def test_all_is_read_while_the_lines_are_inputs():
    it, log = lcd()

    class Watching(machine.Pin):
        def value(self, level=None):
            if level is None:
                log.append(("read", self.number))
            return super().value(level)

    it._buttons = [Watching(number) for number in (0, 25, 33)]
    del log[:]
    it.pressed()
    assert [entry[:2] for entry in log] == [
        ("mode", 33), ("mode", 25), ("read", 33), ("read", 25), ("read", 0), ("mode", 33),
        ("matrix", 33), ("mode", 25)]


def test_the_charger_has_it_and_reads_its_buttons_by_it():
    helpers_boards.fresh()
    it = smartevse_v3.create()
    machine.levels.update({0: 1, 25: 0, 33: 1})
    log = machine.log
    del log[:]
    assert it.buttons() == 2 and not log  # without a driver they are plain inputs
    display = it.display()
    assert type(display) is St7565 and it.display() is display
    del log[:]
    machine.levels.update({0: 1, 25: 0, 33: 1})
    assert it.buttons() == 2 and ("matrix", 33, 65) in log
    del log[:]
    it.set_backlight(255)
    assert log == [("pwm", 14, 5000, 65535)]
    touched = [entry[1] for entry in log if entry[0] in ("pin", "in", "pwm")]
    assert 19 not in touched


# ---- the bench's OLED ----


def oled():
    """(display, log) of one just switched on."""
    helpers_boards.fresh()
    return Oled({"clock": 26, "data": 5}), machine.log


def packages_own():
    """Commands that the package's driver sends, one by one."""

    class Display:
        width, height, external_vcc = 128, 64, False
        commands = []

        def write_cmd(self, command):
            self.commands.append(command)

        def fill(self, colour):
            pass

        show = lambda self: None  # noqa: E731

    one = Display()
    one.commands.clear()
    ssd1306.SSD1306.init_display(one)
    return bytes(one.commands)


def test_the_oled_gets_the_packages_commands():
    it, log = oled()
    assert ("i2c", 0, {"scl": 26, "sda": 5, "freq": 400_000}) in log
    del log[:]
    ready(it)
    sent = [entry[1] for entry in log]
    table = packages_own()
    assert len(table) == 25 and table[-1] == 0xAF
    assert sent[0] == b"\0" + table[:-1] and sent[-1] == b"\0\x81\x00\xae"  # nobody lit it yet
    pixels = [one for one in sent if one[0] == 0x40]
    assert b"".join(one[1:] for one in pixels) == bytes(1024)


def places(sent):
    """Pixels by (page, column) out of what the SSD1306 was sent."""
    shown = {}
    for part in sent:
        if part[0] == 0:
            assert part[1] == 0x21 and part[4] == 0x22 and part[5] == part[6], part
            column, last, page = part[2], part[3], part[5]
            assert last == 127
        else:
            for byte in part[1:]:
                shown[page, column] = byte
                column += 1
    return shown


def test_the_oled_gets_pages_in_pieces():
    it, log = oled()
    ready(it)
    view = memoryview(bytes(column for column in range(128)))
    del log[:]
    calls = 1
    while it.send(3, view):
        calls += 1
    sent = [entry[1] for entry in log]
    assert calls == 4 and max(len(part) for part in sent) <= 33  # 0.8 ms each
    assert places(sent) == {(3, column): column for column in range(128)}
    it.send(5, view)  # broken off
    del log[:]
    it.restart(0)
    ready(it)
    assert log[0] == ("out", b"\0" + packages_own()[:-1])
    del log[:]
    while it.send(2, view):
        pass
    assert sorted(places([entry[1] for entry in log])) == [(2, column) for column in range(128)]


def test_the_oled_has_brightness_instead_of_a_backlight():
    helpers_boards.fresh()
    it = devkit.create()
    it.set_backlight(0)
    display = it.display()
    assert type(display) is Oled and it.display() is display
    log = machine.log
    del log[:]
    it.set_backlight(100)
    assert [entry[0] for entry in log] == ["pwm"]  # it is not up yet
    ready(display)
    for level, sent in ((100, [b"\0\x81\x64\xaf"]), (0, [b"\0\x81\x00\xae"])):
        del log[:]
        it.set_backlight(level)
        assert [entry[1] for entry in log if entry[0] == "out"] == sent
        display.restart(0)
        ready(display)
        assert log[-1] == ("out", sent[0])  # a dark display stays dark
    machine.levels.update({0: 1, 25: 1, 33: 0})
    assert it.buttons() == 4  # its buttons have their lines for themselves


def test_a_bench_without_a_display_has_none():
    helpers_boards.fresh()
    machine.I2C.absent = True
    try:
        it = devkit.create()
        assert it.display() is None
        it.set_backlight(255)
        machine.levels.update({0: 0})
        assert it.buttons() == 1
    finally:
        machine.I2C.absent = False


def test_an_oled_that_is_pulled_out_raises_and_its_light_does_not():
    helpers_boards.fresh()
    it = devkit.create()
    display = it.display()
    ready(display)
    machine.I2C.absent = True
    try:
        it.set_backlight(0)
        for call in (lambda: display.send(0, memoryview(bytes(128))),):
            try:
                call()
            except OSError:
                continue
            raise AssertionError("nothing was raised")
    finally:
        machine.I2C.absent = False


def test_sending_and_reading_allocate_little():
    it, _ = lcd()
    ready(it)

    class Quiet:
        def write(self, buf):
            pass

    class Pin:
        def init(self, mode):
            pass

        def value(self, level=None):
            return 1

    it._spi = Quiet()
    it._a0 = Pin()
    view = memoryview(bytes(128))
    gc.collect()
    gc.disable()
    try:
        before = gc.mem_alloc()
        for page in range(8):
            it.send(page, view)
        assert gc.mem_alloc() - before < 64
    finally:
        gc.enable()
