"""The native sampler on registers in memory: the converter is always done, or never."""

import struct
from array import array

import micropython
import uctypes

import helpers_boards
from evse.boards import sampler_esp32, sampling

DONE = 0x10000
STARTED = 0x80000000 | 1 << (19 + 3) | 0x40000 | 0x20000


class Chip:
    """The converter's registers and the PWM's counter in memory."""

    def __init__(self, code=0, counter=0):
        helpers_boards.fresh()
        self.memory = bytearray(0x60)
        self.count = array("I", (counter,))
        self.set(0x54, DONE | code)
        self.sens = uctypes.addressof(self.memory)
        self.counter = uctypes.addressof(self.count)

    def set(self, offset, value):
        struct.pack_into("<I", self.memory, offset, value)

    def get(self, offset):
        return struct.unpack_from("<I", self.memory, offset)[0]

    def burst(self, window):
        burst = array("i", (99,) * 6)
        sampler_esp32.Sampler(3, self.sens, self.counter).burst(array("i", window), burst)
        return list(burst)


def test_a_conversion_starts_the_chosen_pad_and_returns_12_bits():
    chip = Chip(0xFABC)
    assert sampler_esp32.convert(chip.sens, 3) == 0xABC
    assert chip.get(0x54) == STARTED | DONE | 0xFABC
    sampler_esp32.convert(chip.sens, 6)
    assert chip.get(0x54) >> 19 & 0xFFF == 1 << 6


def test_a_converter_that_hangs_is_given_up():
    chip = Chip(0xABC)
    chip.set(0x54, 0)
    assert sampler_esp32.convert(chip.sens, 3) == -1
    chip = Chip(0xABC)
    chip.set(0x3C, 1 << 22)
    assert sampler_esp32.convert(chip.sens, 3) == -1
    assert sampler_esp32.Sampler(3, chip.sens, chip.counter).read(0) == -1
    assert chip.burst((0, 65536, 0, 0)) == [0] * 6


def test_a_steady_burst_ends_when_it_has_enough():
    assert Chip(1234).burst((0, 65536, 0, 0)) == [sampling.ENOUGH, 1234, 1234, 0, 0, 0]
    assert Chip(1234).burst((0, 0, 0, 65536)) == [0, 0, 0, sampling.ENOUGH, 1234, 1234]


def test_a_counter_at_rest_ends_the_burst_and_proves_nothing():
    assert Chip(1234, 5000).burst((1966, 17476, 19442, 65536)) == [0] * 6


def test_only_16_bits_of_the_counter_count():
    chip = Chip(1234, 0xF0000 | 40000)
    before, after, raw = (array("H", (0,) * 96) for _ in range(3))
    n = sampler_esp32.log_burst(chip.sens, chip.counter, 3, array("i", (0, 65536, 0, 0)), 8,
                                raw, before, after)
    assert n == 8 and before[7] == after[7] == 40000


def test_interrupts_are_held_off_per_conversion_only():
    chip = Chip(1)
    chip.burst((0, 65536, 0, 0))
    irqs = [entry[1] for entry in helpers_boards.machine.log if entry[0] == "irq"]
    assert irqs == [0, 1] * sampling.ENOUGH
    chip.set(0x54, 0)
    del helpers_boards.machine.log[:]
    chip.burst((0, 65536, 0, 0))
    assert [entry[1] for entry in helpers_boards.machine.log] == [0, 1]


def test_read_averages():
    chip = Chip(777)
    assert sampler_esp32.Sampler(3, chip.sens, chip.counter).read(6) == 777
    assert chip.get(0x54) >> 19 & 0xFFF == 1 << 6


def test_native_sorting_equals_its_plain_twin():
    x = 1
    window = array("i", (0,) * 4)
    raw, before, after = (array("H", (0,) * 40) for _ in range(3))
    native, plain = (array("i", (0,) * 6) for _ in range(2))
    sorted_in = 0
    for duty in (0, 3000, 6554, 17476, 34953, 55706, 58458, 62915, 65536):
        sampling.windows(duty, sampling.SETTLE_US, sampling.CONVERT_US, window)
        for _ in range(60):
            for i in range(40):
                x = (x * 25173 + 13849) & 0xFFFF
                raw[i] = x >> 4
                x = (x * 25173 + 13849) & 0xFFFF
                before[i] = x
                after[i] = x + (raw[i] & 1023) & 0xFFFF
            sampler_esp32.sort(raw, before, after, 40, window, native)
            sampling.collect(raw, before, after, 40, window, plain)
            assert list(native) == list(plain), (duty, list(native), list(plain))
            sorted_in += native[0] and native[3]
    assert sorted_in


def test_a_burst_allocates_nothing():
    chip = Chip(1234)
    sampler = sampler_esp32.Sampler(3, chip.sens, chip.counter)
    window = array("i", (0, 65536, 0, 0))
    burst = array("i", (0,) * 6)
    logging = sampler_esp32.disable_irq, sampler_esp32.enable_irq
    sampler_esp32.disable_irq = int
    sampler_esp32.enable_irq = abs
    micropython.heap_lock()
    try:
        sampler.burst(window, burst)
    finally:
        micropython.heap_unlock()
        sampler_esp32.disable_irq, sampler_esp32.enable_irq = logging
    assert burst[0] == sampling.ENOUGH
