"""An ESP32 board on the host: sources instead of the built tree, fakes instead of its modules."""

import sys

_TESTS = __file__.rsplit("/", 1)[0]
sys.path.insert(0, _TESTS + "/../..")  # the built tree of the simulated board has no other board
sys.path.insert(0, _TESTS + "/fakes")

import machine  # noqa: E402
import network  # noqa: E402


def fresh(chip=0, **levels):
    """Forget what happened and return (machine, network) of a chip just reset."""
    machine.clear()
    network.clear()
    machine.mem32[0x3FF5A00C] = chip
    machine.mem32[0x3FF5A080] = 0  # no serial number burnt in
    return machine, network
