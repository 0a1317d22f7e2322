"""Stands for MicroPython's esp module; what is led to pins is noted in the log of machine."""

import machine


def gpio_matrix_out(pin, signal, inverted, enable_inverted):
    assert inverted == enable_inverted == 0
    machine.log.append(("matrix", pin, signal))
