"""Stands for MicroPython's machine module of the ESP32 and notes in ``log`` what is done to it.

Entries are tuples: ("pin", number, level) for an output, ("in", number, pull), ("pwm", number,
freq, duty), ("adc", number, atten), ("uart", keywords), ("timer", id, keywords), ("send", bytes),
("freq", hz), ("wdt", ms), ("clock", moment), ("reset",). Of a display: ("mode", number, mode) of a
pin that changes its direction, ("spi", id, keywords), ("i2c", id, keywords), ("out", bytes).
"""

log = []
levels = {}  # inputs and outputs by number
timers = {}
mem32 = {}
reset_reason = [1]

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5


def clear():
    """Start a test with a fresh chip: PWM on channel 0 and timer 0, no calibration burnt."""
    del log[:]
    levels.clear()
    timers.clear()
    mem32.clear()
    mem32.update({
        0x3FF5A00C: 0, 0x3FF5A010: 0, 0x3FF5A080: 0, 0x3FF44530 + 4 * 19: 71,
        0x3FF59000: 4, 0x3FF59140: 16 | 313 << 5 | 1 << 25, 0x3FF48034: 1,
    })
    reset_reason[0] = PWRON_RESET


class Pin:
    """A pin; ``levels`` holds what inputs read and outputs drive."""

    IN, OUT, PULL_UP = 1, 3, 2

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number = number
        if mode == Pin.OUT:
            self.value(value)
        elif mode == Pin.IN:
            log.append(("in", number, pull))

    def init(self, mode):
        log.append(("mode", self.number, mode))

    def value(self, level=None):
        if level is None:
            return levels.get(self.number, 1)
        levels[self.number] = int(level)
        log.append(("pin", self.number, int(level)))
        return None


class PWM:
    """A PWM output."""

    def __init__(self, pin, freq, duty_u16):
        self._number, self._freq = pin.number, freq
        self.duty_u16(duty_u16)

    def duty_u16(self, duty):
        assert 0 <= duty <= 65535
        log.append(("pwm", self._number, self._freq, duty))


class RTC:
    """The clock; ``datetime`` takes (year, month, day, weekday, hour, minute, second, us).

    ``memory`` is what a reset leaves alone.
    """

    _memory = b""

    def memory(self, data=None):
        if data is None:
            return self._memory
        assert len(data) <= 2048
        RTC._memory = bytes(data)
        return None

    def datetime(self, moment):
        log.append(("clock", moment))


class ADC:
    """A converter input."""

    ATTN_6DB, ATTN_11DB = 2, 3

    def __init__(self, pin, atten):
        self._entry = ("adc", pin.number, atten)

    def read(self):
        log.append(self._entry)
        return 0


class Timer:
    """A hardware timer; a test fires it by calling ``timers[id].fire()``."""

    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, number, **keywords):
        self._number = number
        self._callback = None
        timers[number] = self
        if keywords:
            self.init(**keywords)

    def init(self, **keywords):
        self._callback = keywords.pop("callback")
        log.append(("timer", self._number, keywords))

    def fire(self):
        callback = self._callback
        assert callback
        callback(self)


class UART:
    """A serial port; ``sending`` tells whether bits are still going out."""

    def __init__(self, number, **keywords):
        self.number = number
        self.sending = False
        self.received = b""
        log.append(("uart", number, keywords))

    def init(self, **keywords):
        log.append(("uart", self.number, keywords))

    def write(self, buf):
        log.append(("send", bytes(buf)))
        self.sending = True
        return len(buf)

    def txdone(self):
        return not self.sending

    def any(self):
        return len(self.received)

    def readinto(self, buf):
        if not self.received:
            return None
        n = min(len(buf), len(self.received))
        buf[:n] = self.received[:n]
        self.received = self.received[n:]
        return n


class SPI:
    """A bus that is written to; ``number`` of the pins instead of the pins in the log."""

    def __init__(self, number, **keywords):
        for name in ("sck", "mosi"):
            keywords[name] = keywords[name].number
        log.append(("spi", number, keywords))

    def write(self, buf):
        log.append(("out", bytes(buf)))


class I2C:
    """A bus with one device at 0x3C, or none while ``absent``."""

    absent = False

    def __init__(self, number, scl, sda, freq, timeout):
        log.append(("i2c", number, {"scl": scl.number, "sda": sda.number, "freq": freq}))

    def writeto(self, address, buf):
        if self.absent:
            raise OSError(19)
        assert address == 0x3C
        log.append(("out", bytes(buf)))

    def writevto(self, address, parts):
        self.writeto(address, b"".join(bytes(part) for part in parts))


class WDT:
    """The watchdog."""

    def __init__(self, timeout):
        log.append(("wdt", timeout))

    def feed(self):
        log.append(("feed",))


def freq(hz):
    log.append(("freq", hz))


def unique_id():
    return b"\x24\x0a\xc4\x00\x12\x67"


def reset_cause():
    return reset_reason[0]


def reset():
    log.append(("reset",))


def disable_irq():
    log.append(("irq", 0))
    return 7


def enable_irq(state):
    assert state == 7
    log.append(("irq", 1))
