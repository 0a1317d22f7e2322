"""What all boards with an ESP32 share: the pins of SmartEVSE v3.0 and how each is driven.

The order in the constructor is part of the safety: contactors open first, then the pilot's switch,
only then the PWM, which must be the first one created so that it gets the counter the sampler
reads. GPIO19 belongs to that PWM alone. docs/boards.md has the pin maps and the traps.
"""

import asyncio
import time
from array import array

import esp32
import machine
from machine import ADC, PWM, RTC, UART, Pin, Timer, mem32
from micropython import const

from evse import ticks
from evse.boards import card_reader, log_esp32, sampling
from evse.boards.radio_esp32 import Radio, make_room
from evse.boards.sampler_esp32 import Sampler

_CP_PIN, _CP_PAD = const(39), const(3)  # GPIO and its channel of ADC1
_PP_PIN, _PP_PAD = const(34), const(6)
_TEMP_PIN, _TEMP_PAD = const(36), const(0)
_TOP_CODE = const(4095)

_TICK_TIMER = const(1)  # timer 0 is taken by UART.IRQ_RXIDLE
_BUS_TIMER = const(2)
# Five bursts must agree before a level counts. At this period a dropped tick and a stall of 15 ms
# may fall together, and the contactor still opens within 70 ms.
_TICK_MS = const(8)

_PILOT_HZ = const(1000)
_LED_HZ = const(5000)
# A new duty is taken over at the end of a period; until two have passed no sample is trusted.
_LATCH_US = const(2100)

_BAUD = const(9600)
_PARITIES = {None: None, "E": 0, "O": 1}

_EFUSE_VREF = const(0x3FF5A010)
_EFUSE_SERIAL = const(0x3FF5A080)  # bits 72..95 of block 3; 0 on older units
_OUT_SELECT = const(0x3FF44530)  # GPIO_FUNCn_OUT_SEL_CFG, a word per pin; bits 0..8 the signal
_PWM_SIGNAL = const(71)  # LEDC high-speed channel 0
_PWM_CHANNEL = const(0x3FF59000)  # its CONF0: bits 0..1 the timer, bit 2 output enabled
_PWM_TIMER = const(0x3FF59140)  # timer 0's CONF: bits 0..4 the counter's bits, 23 paused, 24 reset

_RESET_STATE = const(0x3FF48034)  # RTC_CNTL_RESET_STATE: bits 0..5 why the first core started
_POWER_ON = const(1)

_EPOCH_S = const(946684800)  # the port counts from the year 2000
_CLOCK_SET_S = const(1750000000)  # earlier is what an unset clock shows

_OPEN_MV = const(3300)
_HOT_DC = const(1250)


def usual_pins():
    """Return the GPIO numbers of SmartEVSE v3.0, a dict of its own for each who asks."""
    # "low" are outputs without a user yet: the display is in reset until it gets its driver, and
    # off the lines of the buttons.
    return {
        "c1": 32, "c2": 27, "pilot_off": 15, "pilot": 19, "lock_a": 17, "lock_b": 18,
        "red": 2, "green": 4, "blue": 12, "backlight": 14, "low": (5,),
        "rcm": 13, "switch": 16, "lock_in": 35, "buttons": (0, 25, 33),
        "tx": 21, "rx": 23, "send": 22,
        "display": {"clock": 26, "data": 33, "a0": 25, "reset": 5},
    }  # fmt: skip


class _Tick:
    """A hardware timer at 125 Hz: the callback in its soft interrupt, then one waiter released."""

    def __init__(self, callback, safe):
        self._callback = callback
        self._safe = safe
        self._problem = None
        self._flag = asyncio.ThreadSafeFlag()
        self._timer = Timer(_TICK_TIMER, mode=Timer.PERIODIC, period=_TICK_MS,
                            callback=self._fire)

    def _fire(self, _):
        try:
            self._callback()
        except BaseException as problem:
            # The interpreter would print this and go on without a guard; the waiter must end.
            self._safe()
            self._problem = problem
        self._flag.set()

    async def wait(self):
        """Wait for the next tick; raises what the callback raised."""
        await self._flag.wait()
        if self._problem:
            raise self._problem


def _character_us(baud, bits):
    return (bits * 1_000_000 + baud - 1) // baud


class _Port:
    """UART1 and its half-duplex transceiver. A timer, not a wait, turns it back to receive."""

    def __init__(self, tx, rx, send):
        self._send = Pin(send, Pin.OUT, value=0)
        # Never without pins: UART1's own are those of the flash chip.
        self._uart = UART(1, baudrate=_BAUD, bits=8, parity=None, stop=1, tx=tx, rx=rx,
                          timeout=0, timeout_char=0)
        self._character_us = _character_us(_BAUD, 10)
        self._timer = Timer(_BUS_TIMER)
        self._on_sent = self._sent
        self._junk = bytearray(64)

    def configure(self, baud, parity):
        # Pins that are not named stay. Timeouts of 0 make every character readable at once.
        self._uart.init(baudrate=baud, bits=8, parity=_PARITIES[parity], stop=1, timeout=0,
                        timeout_char=0)
        self._character_us = _character_us(baud, 11 if parity else 10)

    def _arm(self, us):
        self._timer.init(mode=Timer.ONE_SHOT, period=us, tick_hz=1_000_000,
                         callback=self._on_sent)  # pyright: ignore[reportCallIssue]

    def _sent(self, _):
        if not self._uart.txdone():
            self._arm(self._character_us // 2)
            return
        self._send.value(0)
        self.flush_input()  # the receiver was off: whatever came in is noise of a floating pin

    def write(self, buf):
        self._send.value(1)
        self._arm(len(buf) * self._character_us)
        return self._uart.write(buf)

    def readinto(self, buf):
        return self._uart.readinto(buf)

    def flush_input(self):
        while self._uart.any():
            self._uart.readinto(self._junk)


class Esp32:
    """A board with the parts of SmartEVSE v3; ``evse.boards.board`` says what each call does.

    Subclasses give name and pins.
    """

    name = ""

    def __init__(self, pins):
        self._c1 = Pin(pins["c1"], Pin.OUT, value=0)
        self._c2 = Pin(pins["c2"], Pin.OUT, value=0)
        self._pilot_off = Pin(pins["pilot_off"], Pin.OUT, value=1)
        self._lock_a = Pin(pins["lock_a"], Pin.OUT, value=0)
        self._lock_b = Pin(pins["lock_b"], Pin.OUT, value=0)
        for number in pins["low"]:
            Pin(number, Pin.OUT, value=0)
        machine.freq(240_000_000)
        self._duty = sampling.FULL
        self._window = array("i", (0,) * 4)
        self._pwm = PWM(Pin(pins["pilot"]), freq=_PILOT_HZ, duty_u16=65535)
        self._check_pwm(pins["pilot"])
        self._put_duty(sampling.FULL)
        self._leds = [PWM(Pin(pins[colour]), freq=_LED_HZ, duty_u16=0)
                      for colour in ("red", "green", "blue")]
        self._backlight = PWM(Pin(pins["backlight"]), freq=_LED_HZ, duty_u16=0)
        self._rcm = self._input(pins["rcm"])
        self._switch = self._input(pins["switch"])
        self._wire = None
        self._lock_in = self._input(pins["lock_in"])
        self._buttons = [self._input(number) for number in pins["buttons"]]
        self._lines = pins["display"]
        self._lcd = None
        self._vref = sampling.vref_of(mem32[_EFUSE_VREF])
        for number, attenuation in ((_CP_PIN, ADC.ATTN_11DB), (_PP_PIN, ADC.ATTN_6DB),
                                    (_TEMP_PIN, ADC.ATTN_6DB)):
            # The driver writes its registers only when it reads.
            ADC(Pin(number), atten=attenuation).read()
        self._sampler = Sampler(_CP_PAD)
        self._bus = _Port(pins["tx"], pins["rx"], pins["send"])
        self.serial = self._serial()
        self._net = self._make_radio()
        self._room = make_room()  # with what the radio has left

    def _serial(self):
        """The number the owner knows, as the original firmware finds it: see ``board.py``."""
        try:
            with open(self.data_dir() + "/serial") as file:
                return int(file.read(10))
        except (OSError, ValueError):
            pass  # nothing was taken over
        mac = machine.unique_id()
        return mem32[_EFUSE_SERIAL] >> 8 & 0xFFFFFF or mac[4] << 8 | mac[5]

    @staticmethod
    def _input(number):
        # GPIO34 to 39 have no pull-up; what needs one there has a resistor on the board.
        return Pin(number, Pin.IN, Pin.PULL_UP if number < 34 else None)

    @staticmethod
    def _check_pwm(pin):
        """Sampling by another counter than the pilot's would misread it: refuse to run."""
        if (mem32[_OUT_SELECT + 4 * pin] & 0x1FF != _PWM_SIGNAL
                or mem32[_PWM_CHANNEL] & 7 != 4
                or mem32[_PWM_TIMER] & 0x180001F != 16):
            raise RuntimeError("the pilot's PWM is not on LEDC high-speed channel 0 and timer 0")

    def _make_radio(self):
        """Switch the radio on now: it takes up to 0.8 s, which nobody may lose later."""
        try:
            return Radio("SmartEVSE-%d" % self.serial)
        except (OSError, RuntimeError):
            return None  # it charges without a network

    def now(self):
        return time.ticks_ms() & ticks.MASK

    def start_tick(self, callback):
        return _Tick(callback, self.safe)

    def sample_pilot(self, burst):
        if self._latching and time.ticks_diff(time.ticks_us(), self._changed_us) >= _LATCH_US:
            self._latching = False
        if self._changing or self._latching:
            for i in range(6):
                burst[i] = 0
            return
        self._sampler.burst(self._window, burst)
        sampling.to_millivolts(burst, self._vref)

    def proximity_mv(self):
        code = self._sampler.read(_PP_PAD)
        if code < 0 or code >= _TOP_CODE:
            return _OPEN_MV
        return sampling.millivolts_6db(code, self._vref)

    def temperature_dc(self):
        """Board temperature in 0.1 degrees Celsius; 125 when the converter hangs."""
        code = self._sampler.read(_TEMP_PAD)
        if code < 0:
            return _HOT_DC
        return sampling.millivolts_6db(code, self._vref) - 500  # MCP9700A: 500 mV, 10 per degree

    def rcm_fault(self):
        return self._rcm.value() == 1

    def switch_pressed(self):
        return self._switch.value() == 0

    def lock_sense(self):
        return self._lock_in.value() == 1

    def read_card(self):
        if not self._wire:  # it makes the pin an open drain, so only for who has a reader
            import onewire
            self._wire = onewire.OneWire(self._switch)
        return card_reader.read(self._switch, self._wire)

    def buttons(self):
        if self._lcd:
            return self._lcd.pressed()
        pressed = 0
        for i in range(3):
            if not self._buttons[i].value():
                pressed |= 1 << i
        return pressed

    def set_pilot(self, duty):
        if duty != self._duty:
            self._put_duty(duty)

    def _put_duty(self, duty):
        self._changing = True  # the tick may come between any two lines
        self._duty = duty
        sampling.windows(duty, sampling.SETTLE_US, sampling.CONVERT_US, self._window)
        self._pwm.duty_u16(min(duty, 65535))  # the driver makes 65535 a steady level
        self._changed_us = time.ticks_us()
        self._latching = True
        self._changing = False

    def connect_pilot(self, on):
        self._pilot_off.value(not on)

    def set_contactors(self, c1, c2):
        if not c2:
            self._c2.value(0)
        self._c1.value(c1)
        if c2:
            self._c2.value(1)

    def set_lock(self, drive):
        self._lock_a.value(drive <= 0)
        self._lock_b.value(drive >= 0)

    def set_led(self, red, green, blue):
        self._leds[0].duty_u16(red * 257)
        self._leds[1].duty_u16(green * 257)
        self._leds[2].duty_u16(blue * 257)

    def set_backlight(self, level):
        self._backlight.duty_u16(level * 257)

    def safe(self):
        self._c2.value(0)
        self._c1.value(0)
        self._pilot_off.value(1)
        try:
            self.set_lock(0)
            self._put_duty(sampling.FULL)  # even if it is so already: this may interrupt set_pilot
        except Exception:
            pass  # the pilot's switch is open already; whoever called has the real problem

    def rs485(self):
        return self._bus

    def display(self):
        from evse.boards.st7565 import St7565
        self._lcd = self._lcd or St7565(self._lines, self._buttons)
        return self._lcd

    def http_address(self):
        return ("0.0.0.0", 80) if self._net else None

    def radio(self):
        return self._net

    def dns_server(self):
        return self._net and self._net.dns_server()

    def modbus_address(self):
        return ("0.0.0.0", 502) if self._net else None

    def telnet_address(self):
        return ("0.0.0.0", 23) if self._net else None

    def heaps(self):
        areas = esp32.idf_heap_info(esp32.HEAP_DATA)  # total, free, largest, least of each
        yield ("system", sum(area[1] for area in areas), max(area[2] for area in areas),
               sum(area[3] for area in areas))

    def reset_cause(self):
        word = ("hard", "power", "hard", "watchdog", "deepsleep", "soft")[machine.reset_cause()]
        # To the interpreter a brown-out is a loss of power; the chip knows better.
        if word == "power" and mem32[_RESET_STATE] & 0x3F != _POWER_ON:
            word = "brownout"
        return word

    def root(self):
        return ""

    def data_dir(self):
        return "/data"

    def flash_log(self):
        return log_esp32.open()

    def clock_s(self):
        seconds = int(time.time()) + _EPOCH_S
        return seconds if seconds > _CLOCK_SET_S else 0

    def set_clock(self, seconds):
        year, month, day, hour, minute, second, weekday = time.gmtime(seconds - _EPOCH_S)[:7]
        RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    def settings_overrides(self):
        return None

    def keep(self, data):
        RTC().memory(data)

    def kept(self):
        return RTC().memory()

    def watchdog(self, timeout_ms):
        return machine.WDT(timeout=timeout_ms).feed

    def reset(self):
        self.safe()
        self.set_led(0, 0, 0)  # a blue LED that is on would make the chip strap its flash wrongly
        time.sleep_ms(2)
        machine.reset()
