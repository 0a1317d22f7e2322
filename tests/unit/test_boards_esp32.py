"""The boards with an ESP32, on fakes that note what is done to the chip and in which order."""

import asyncio
import time
from array import array

import micropython

import helpers_boards  # knows where the fakes are

# isort: split
import onewire
from esp32 import partitions

from evse.boards import devkit, esp32, radio_esp32, sampling, smartevse_v3

V31 = 4 << 9
CARD = b"\x01\x04\xa1\xb2\xc3\xd4\xe5\x8b"


class Clock:
    """Stands for the module time of a board, which counts from the year 2000."""

    seconds = 0

    @staticmethod
    def gmtime(seconds):
        return time.gmtime(seconds + 946684800)

    @classmethod
    def time(cls):
        return cls.seconds


class Sampler:
    """Stands for the native sampler: codes to be read, and what it was asked."""

    code = 0
    burst_codes = (0,) * 6
    asked = []

    def __init__(self, pad):
        assert pad == 3

    def burst(self, window, burst):
        Sampler.asked.append(list(window))
        for i in range(6):
            burst[i] = self.burst_codes[i]

    def read(self, pad):
        Sampler.asked.append(pad)
        return self.code


def _board(chip=0, module=smartevse_v3):
    """Return (board, log of the machine) of a board just created."""
    machine, _ = helpers_boards.fresh(chip)
    esp32.Sampler = Sampler
    Sampler.code = 0
    Sampler.burst_codes = (0,) * 6
    del Sampler.asked[:]
    return module.create(), machine.log


def _outputs(log):
    return [entry for entry in log if entry[0] in ("pin", "pwm")]


def _settle():
    """Let the new duty be taken over: two periods of the PWM."""
    time.sleep_us(2200)


def _raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as problem:
        return problem
    raise AssertionError("nothing was raised")


def test_contactors_open_before_anything_else():
    for module, chip in ((smartevse_v3, 0), (smartevse_v3, V31), (devkit, 0)):
        _, log = _board(chip, module)
        assert log[:2] == [("pin", 32, 0), ("pin", 27, 0)]
        assert not [entry for entry in log if entry[:2] in (("pin", 32), ("pin", 27))
                    and entry[2]]


def test_the_pilot_is_off_before_its_pwm_which_is_the_first():
    _, log = _board()
    pwms = [entry for entry in log if entry[0] == "pwm"]
    assert pwms[0] == ("pwm", 19, 1000, 65535)
    assert log.index(("pin", 15, 1)) < log.index(pwms[0])
    assert [entry for entry in log if entry[:2] == ("pin", 15)] == [("pin", 15, 1)]


def test_only_the_pwm_touches_the_pilots_pin():
    it, log = _board()
    it.set_pilot(17476)
    it.connect_pilot(True)
    it.buttons()
    it.rs485().write(b"x")
    it.set_lock(1)
    it.reset()
    touching = [entry for entry in log if entry[0] in ("pin", "in", "pwm", "adc")
                and entry[1] == 19]
    assert touching and {entry[0] for entry in touching} == {"pwm"}
    assert {entry[2] for entry in touching} == {1000}


def test_no_pin_has_two_users():
    for chip in (0, V31):
        _, log = _board(chip)
        users = [entry[1] for entry in log if entry[0] in ("pin", "in", "adc")]
        users += list({entry[1] for entry in log if entry[0] == "pwm"})
        users += [entry[2][key] for entry in log if entry[0] == "uart" for key in ("tx", "rx")]
        assert sorted(set(users)) == sorted(users), users


def test_the_chips_own_pins_are_left_alone():
    for chip, reserved in ((0, {1, 3, 6, 7, 8, 9, 10, 11}), (V31, {1, 3, 6, 7, 8, 11, 16, 17})):
        _, log = _board(chip)
        used = {entry[1] for entry in log if entry[0] in ("pin", "in", "adc", "pwm")}
        assert not used & reserved


def test_a_pwm_on_another_counter_is_refused():
    for address, value in ((0x3FF44530 + 4 * 19, 72), (0x3FF59000, 5), (0x3FF59140, 13),
                           (0x3FF59140, 16 | 1 << 23), (0x3FF59000, 0)):
        machine, _ = helpers_boards.fresh()
        machine.mem32[address] = value
        _raises(RuntimeError, smartevse_v3.create)
        assert machine.levels[32] == machine.levels[27] == 0 and machine.levels[15] == 1


def test_pin_maps():
    v30, v31 = smartevse_v3.pins(0), smartevse_v3.pins(V31)
    same = ("c1", "c2", "pilot_off", "pilot", "lock_in", "tx", "send", "buttons")
    assert all(v30[key] == v31[key] for key in same)
    moved = ("rcm", "switch", "rx", "lock_a", "lock_b")
    assert [v30[key] for key in moved] == [13, 16, 23, 17, 18]
    assert [v31[key] for key in moved] == [38, 23, 37, 10, 9]
    assert 18 in v31["low"] and 5 in v30["low"]
    assert smartevse_v3.pins(3 << 9) == smartevse_v3.pins(5 << 9) == v30


def test_pins_without_pull_up_ask_for_none():
    _, log = _board(V31)
    pulls = {entry[1]: entry[2] for entry in log if entry[0] == "in"}
    assert pulls[38] is None and pulls[35] is None and pulls[23] == 2


def test_the_bus_names_its_pins():
    for chip, rx in ((0, 23), (V31, 37)):
        _, log = _board(chip)
        (uart,) = [entry for entry in log if entry[0] == "uart"]
        assert uart[1] == 1 and uart[2]["tx"] == 21 and uart[2]["rx"] == rx
        assert uart[2]["baudrate"] == 9600
        assert log.index(("pin", 22, 0)) < log.index(uart)


def test_the_bus_turns_to_receive_when_the_last_bit_is_out():
    it, log = _board()
    timers = helpers_boards.machine.timers
    port = it.rs485()
    del log[:]
    assert port.write(b"12345678") == 8
    assert log[0] == ("pin", 22, 1)
    assert log[1] == ("timer", 2, {"mode": 0, "period": 8 * 1042, "tick_hz": 1_000_000})
    assert log[2] == ("send", b"12345678")
    timers[2].fire()  # early: bits are still going out
    assert log[3] == ("timer", 2, {"mode": 0, "period": 521, "tick_hz": 1_000_000})
    port._uart.sending = False
    port._uart.received = b"noise" * 20
    timers[2].fire()
    assert log[4:] == [("pin", 22, 0)] and port._uart.received == b""


def test_another_line_setting_keeps_the_pins_and_times_the_turn_by_its_characters():
    it, log = _board()
    port = it.rs485()
    for baud, parity, number, character_us in (
            (19200, "E", 0, 573), (9600, "O", 1, 1146), (115200, None, None, 87),
            (9600, None, None, 1042)):
        del log[:]
        port.configure(baud, parity)
        (entry,) = log
        assert entry == ("uart", 1, {"baudrate": baud, "bits": 8, "parity": number, "stop": 1,
                                     "timeout": 0, "timeout_char": 0})
        port.write(b"12345678")
        assert ("timer", 2, {"mode": 0, "period": 8 * character_us, "tick_hz": 1_000_000}) in log
        helpers_boards.machine.timers[2].fire()
        assert log[-1][2]["period"] == character_us // 2


def test_the_bus_reads_without_waiting():
    port = _board()[0].rs485()
    buf = bytearray(4)
    assert port.readinto(buf) is None
    port._uart.received = b"abcdef"
    assert port.readinto(buf) == 4 and buf == b"abcd"
    port.flush_input()
    assert port.readinto(buf) is None


def test_safe_opens_contactors_first():
    it, log = _board()
    it.set_contactors(True, True)
    it.connect_pilot(True)
    it.set_pilot(17476)
    it.set_lock(1)
    del log[:]
    it.safe()
    assert log[:3] == [("pin", 27, 0), ("pin", 32, 0), ("pin", 15, 1)]
    assert ("pwm", 19, 1000, 65535) in log
    levels = helpers_boards.machine.levels
    assert levels[17] == levels[18]


def test_safe_does_not_raise():
    it, log = _board()
    it.set_pilot(17476)

    class Broken:
        def duty_u16(self, duty):
            raise RuntimeError("PWM is inactive")

    it._pwm = Broken()
    del log[:]
    it.safe()
    assert log[:3] == [("pin", 27, 0), ("pin", 32, 0), ("pin", 15, 1)]
    Sampler.burst_codes = (8, 3000, 3010, 8, 30, 40)
    burst = array("i", (9,) * 6)
    _settle()
    it.sample_pilot(burst)
    assert list(burst) == [0] * 6  # nobody knows what the pilot does now


def test_safe_wins_over_a_duty_it_interrupted():
    it, log = _board()
    pwm = it._pwm

    class Interrupting:
        def duty_u16(self, duty):
            it._pwm = pwm
            it.safe()
            pwm.duty_u16(duty)

    it._pwm = Interrupting()
    it.set_pilot(17476)
    it.safe()
    assert [entry for entry in log if entry[0] == "pwm" and entry[1] == 19][-1][3] == 65535
    assert helpers_boards.machine.levels[15] == 1


def test_reset_is_safe_first_and_the_flash_strap_low():
    it, log = _board()
    it.set_contactors(True, True)
    it.set_led(255, 255, 255)
    del log[:]
    it.reset()
    assert log[:3] == [("pin", 27, 0), ("pin", 32, 0), ("pin", 15, 1)]
    assert log[-1] == ("reset",)
    assert [entry for entry in log if entry[1:2] == (12,)][-1] == ("pwm", 12, 5000, 0)


def test_outputs():
    it, log = _board()
    del log[:]
    it.set_contactors(True, False)
    it.connect_pilot(True)
    it.connect_pilot(False)
    it.set_led(255, 0, 1)
    it.set_backlight(128)
    assert log == [("pin", 27, 0), ("pin", 32, 1), ("pin", 15, 0), ("pin", 15, 1),
                   ("pwm", 2, 5000, 65535), ("pwm", 4, 5000, 0), ("pwm", 12, 5000, 257),
                   ("pwm", 14, 5000, 128 * 257)]


def test_the_second_contactor_closes_last_and_opens_first():
    it, log = _board()
    del log[:]
    it.set_contactors(True, True)
    assert log == [("pin", 32, 1), ("pin", 27, 1)]
    del log[:]
    it.set_contactors(False, False)
    assert log == [("pin", 27, 0), ("pin", 32, 0)]


def test_lock():
    it, _ = _board(V31)
    levels = helpers_boards.machine.levels
    for drive, a, b in ((1, 0, 1), (-1, 1, 0), (0, 1, 1)):
        it.set_lock(drive)
        assert (levels[10], levels[9]) == (a, b)


def test_pilot_duty_is_written_on_change_only():
    it, log = _board()
    del log[:]
    for duty in (17476, 17476, 0, 0, 65536, 65536):
        it.set_pilot(duty)
    assert [entry[3] for entry in log] == [17476, 0, 65535]


def test_no_sample_counts_until_a_new_duty_is_out():
    it, _ = _board()
    Sampler.burst_codes = (8, 3000, 3010, 8, 30, 40)
    burst = array("i", (9,) * 6)
    it.sample_pilot(burst)
    assert list(burst) == [0] * 6 and not Sampler.asked
    _settle()
    it.sample_pilot(burst)
    assert burst[0] == 8 and Sampler.asked == [[0, 65536, 0, 0]]
    it.set_pilot(17476)
    it.sample_pilot(burst)
    assert list(burst) == [0] * 6
    _settle()
    it.sample_pilot(burst)
    assert Sampler.asked[-1][1] == 17476
    assert list(burst) == [8, sampling.millivolts(3000), sampling.millivolts(3010), 8,
                           sampling.millivolts(30), sampling.millivolts(40)]


def test_no_sample_counts_while_a_new_duty_is_written():
    it, _ = _board()
    Sampler.burst_codes = (8, 3000, 3010, 8, 30, 40)
    burst = array("i", (9,) * 6)
    _settle()
    it.sample_pilot(burst)
    assert burst[0] == 8

    class Interrupted:
        def duty_u16(self, duty):
            it.sample_pilot(burst)

    it._pwm = Interrupted()
    it.set_pilot(17476)
    assert list(burst) == [0] * 6


def test_the_chips_reference_is_used():
    helpers_boards.fresh()
    esp32.Sampler = Sampler
    helpers_boards.machine.mem32[0x3FF5A010] = 0x1F00
    it = smartevse_v3.create()
    Sampler.burst_codes = (8, 3000, 3000, 0, 0, 0)
    burst = array("i", (0,) * 6)
    _settle()
    it.sample_pilot(burst)
    assert burst[1] == sampling.millivolts(3000, 995) != sampling.millivolts(3000)


def test_the_driver_has_read_each_analog_pin_once():
    _, log = _board()
    assert [entry for entry in log if entry[0] == "adc"] == [
        ("adc", 39, 3), ("adc", 34, 2), ("adc", 36, 2)]


def test_proximity():
    it, _ = _board()
    for code, mv in ((2844, 1336), (447, 300), (4095, 3300), (-1, 3300)):
        Sampler.code = code
        assert abs(it.proximity_mv() - mv) <= 1
    assert Sampler.asked == [6] * 4


def test_temperature():
    it, _ = _board()
    for code, dc in ((1487, 250), (2237, 574), (-1, 1250)):
        Sampler.code = code
        assert abs(it.temperature_dc() - dc) <= 1, (code, it.temperature_dc())
    assert Sampler.asked == [0] * 3


def test_inputs():
    it, _ = _board()
    levels = helpers_boards.machine.levels
    assert (it.rcm_fault(), it.switch_pressed(), it.lock_sense(), it.buttons()) == (
        True, False, True, 0)
    levels.update({13: 0, 16: 0, 35: 0, 0: 0})
    assert (it.rcm_fault(), it.switch_pressed(), it.lock_sense(), it.buttons()) == (
        False, True, False, 1)
    levels.update({0: 1, 25: 0})
    assert it.buttons() == 2
    levels.update({33: 0})
    assert it.buttons() == 6


def test_the_tick_calls_back_then_releases_its_waiter():
    it, log = _board()
    order = []

    async def run():
        tick = it.start_tick(lambda: order.append("callback"))
        timer = helpers_boards.machine.timers[1]
        task = asyncio.create_task(wait(tick))
        await asyncio.sleep(0)
        assert not order
        timer.fire()
        await task

    async def wait(tick):
        await tick.wait()
        order.append("waiter")

    asyncio.run(run())
    assert order == ["callback", "waiter"]
    assert ("timer", 1, {"mode": 1, "period": 8}) in log


def test_a_tick_that_raises_is_safe_and_ends_its_waiter():
    it, _ = _board()
    it.set_contactors(True, True)

    def fail():
        raise ValueError("guard")

    async def run():
        tick = it.start_tick(fail)
        helpers_boards.machine.timers[1].fire()
        levels = helpers_boards.machine.levels
        assert levels[32] == levels[27] == 0 and levels[15] == 1
        await tick.wait()

    assert _raises(ValueError, asyncio.run, run()).args == ("guard",)


def _radio():
    """(radio, log of the network module) of a board just created."""
    it, _ = _board()
    log = helpers_boards.network.log
    assert log == [("hostname", "SmartEVSE-%d" % 0x1267), ("sta", "active", True)]
    del log[:]
    return it.radio(), log


def test_the_radio_is_on_before_the_loop_and_joining_does_not_wait():
    radio, log = _radio()
    radio.join("home", "secret", None)
    assert log == [("disconnect",), ("sta", "config", [("reconnects", 2)]),
                   ("connect", "home", "secret")]
    del log[:]
    radio.join("", "", None)
    assert log == [("disconnect",)]


def test_the_radio_is_switched_off_and_on():
    radio, log = _radio()
    radio.restart()
    assert log == [("sta", "active", False), ("sta", "active", True)]


def test_a_fixed_address_is_set_once_and_taken_back():
    radio, log = _radio()
    fixed = ("10.0.0.9", "255.255.255.0", "10.0.0.1", "10.0.0.1")
    for _ in range(2):
        radio.join("home", "secret", fixed)
    assert [row[2] for row in log if row[1:2] == ("ifconfig",)] == [fixed]
    radio.join("home", "secret", None)
    assert ("sta", "ifconfig", "dhcp") in log


def test_a_driver_that_is_not_ready_is_asked_again_later():
    radio, log = _radio()
    helpers_boards.network.air["busy"] = True
    radio.join("home", "secret", None)
    assert log == [("disconnect",), ("sta", "config", [("reconnects", 2)])]


def test_the_link_says_what_the_driver_knows():
    radio, _ = _radio()
    air = helpers_boards.network.air
    for status, state in ((1000, 0), (1001, 1), (201, 4), (212, 4), (202, 3), (15, 3), (204, 3),
                          (2, 5)):
        air["status"] = status
        assert radio.link() == (state, "", 0)
    air["connected"] = True
    assert radio.link() == (1, "", 0)  # without an address it is not joined yet
    air["ip"] = "192.168.1.5"
    assert radio.link() == (2, "192.168.1.5", -60) and radio.channel() == 6
    air["rssi"] = None  # lost in between
    assert radio.link() == (1, "", 0)


def test_networks_are_looked_for_in_a_thread():
    radio, _ = _radio()
    air = helpers_boards.network.air
    row = (b"home", b"\1\2\3\4\5\6", 11, -70, 3, False)
    air["found"] = [row, (b"open", b"\1\2\3\4\5\7", 1, -80, 0, False)]
    assert radio.found() is None
    for expected in ([(b"home", -70, True, b"\1\2\3\4\5\6", 11),
                      (b"open", -80, False, b"\1\2\3\4\5\7", 1)], []):
        radio.scan()
        found = None
        while found is None:
            found = radio.found()
        assert found == expected and radio.found() is None
        air["found"] = None  # the driver refuses


def test_a_scan_without_memory_finds_nothing():
    from evse.boards import radio_esp32

    class Threads:
        @staticmethod
        def stack_size(size):
            assert size == 8192

        @staticmethod
        def start_new_thread(work, arguments):
            raise OSError("can't create thread")

    radio, _ = _radio()
    threads, radio_esp32._thread = radio_esp32._thread, Threads
    radio.scan()
    assert radio.found() == []
    radio_esp32._thread = threads


def test_the_network_for_the_set_up():
    radio, log = _radio()
    assert radio.open_portal("SmartEVSE-7", "k3v9wq7m") == "192.168.4.1"
    assert log == [("ap", "active", True), ("ap", "config", [
        ("max_clients", 4), ("password", "k3v9wq7m"), ("security", 3), ("ssid", "SmartEVSE-7")]),
        ("ap", "ifconfig", ("192.168.4.1", "255.255.255.0", "192.168.4.1", "192.168.4.1"))]
    assert radio.portal_dns() == ("192.168.4.1", 53)
    radio.close_portal()
    assert log[-1] == ("ap", "active", False)
    helpers_boards.network.air["busy"] = True
    del log[:]
    _raises(OSError, radio.open_portal, "SmartEVSE-7", "k3v9wq7m")
    assert log == [("ap", "active", True), ("ap", "active", False)]


class RawSocket:
    """Stands for lwIP's raw socket."""

    inbound = b""

    def __init__(self, *what):
        self.what = what
        self.sent = []

    def setblocking(self, on):
        assert not on

    def bind(self, where):
        self.bound = where

    def recv(self, most):
        return self.inbound[:most]

    def sendto(self, data, where):
        self.sent.append((bytes(data), where))


def test_multicast_dns_beside_the_responder_of_the_image():
    from evse.boards import radio_esp32

    class Sockets:
        AF_INET, SOCK_RAW, socket = 2, 3, RawSocket

    radio, _ = _radio()
    radio_esp32.socket = Sockets
    link = radio.mdns()
    sock = link.socket
    assert sock.what == (2, 3, 17) and sock.bound == ("224.0.0.251", 0)
    ip = b"\x46" + bytes(11) + bytes((192, 168, 1, 9)) + bytes(4) + bytes(4)
    sock.inbound = ip + b"\x14\xe9\x14\xe9\0\x0b\0\0abc"
    packet, address, port = link.receive()
    assert (bytes(packet), address, port) == (b"abc", "192.168.1.9", 5353)
    sock.inbound = ip + b"\x14\xe9\x14\xea\0\x0b\0\0abc"
    assert link.receive() is None  # to another port
    sock.inbound = ip + b"\x14\xe9"
    assert link.receive() is None
    link.send(b"hello")
    link.send(b"hello", "192.168.1.9", 40000)
    assert sock.sent == [
        (b"\x14\xe9\x14\xe9\0\x0d\0\0hello", ("224.0.0.251", 0)),
        (b"\x14\xe9\x9c\x40\0\x0d\0\0hello", ("192.168.1.9", 0))]


def test_it_runs_without_a_radio():
    machine, network = helpers_boards.fresh()
    network.broken[0] = True
    it = smartevse_v3.create()
    assert it.radio() is None and it.http_address() is None
    assert it.modbus_address() is None and it.dns_server() is None
    it, _ = _board()
    assert it.http_address() == ("0.0.0.0", 80) and it.modbus_address() == ("0.0.0.0", 502)
    assert it.dns_server() is None
    helpers_boards.network.air["dns"] = "192.168.1.1"
    assert it.dns_server() == "192.168.1.1"


def test_identity_and_services():
    it, log = _board()
    assert it.serial == 0x1267 and it.name == "smartevse_v3" and it.data_dir() == "/data"
    assert _board(0, devkit)[0].name == "devkit"
    assert ("freq", 240_000_000) in log
    it, log = _board()
    it.watchdog(3000)()
    assert log[-2:] == [("wdt", 3000), ("feed",)]
    assert 0 <= it.now() < 1 << 30


def test_a_card_is_read_on_the_switchs_line():
    for chip, line in ((0, 16), (V31, 23)):
        it, _ = _board(chip)
        del onewire.line["log"][:]
        onewire.line["card"] = None
        assert it.read_card() is None
        onewire.line["card"] = CARD
        assert it.read_card() == CARD
        opened = [entry for entry in onewire.line["log"] if entry[0] == "open"]
        assert opened == [("open", line)]
        helpers_boards.machine.levels[line] = 0  # a button holds the line
        assert it.read_card() is None


def test_the_clock_is_unknown_until_it_is_set():
    it, log = _board()
    told = 1_800_000_000  # 2027-01-15 08:00:00, a Friday
    esp32.time = Clock
    try:
        it.set_clock(told)
        assert log[-1] == ("clock", (2027, 1, 15, 4, 8, 0, 0, 0))
        Clock.seconds = 12  # since 2000, as after power-up
        assert it.clock_s() == 0
        Clock.seconds = told - 946684800
        assert it.clock_s() == told
    finally:
        esp32.time = time


def test_the_log_is_the_partition_of_that_name():
    it, _ = _board()
    partitions.clear()
    assert it.flash_log() is None
    partitions["log"] = bytearray(b"\xff" * 65536)
    log = it.flash_log()
    assert log.size == 65536
    log.program(128, b"kept")
    assert partitions["log"][128:132] == b"kept"


def test_what_there_is_not_yet():
    for module in (smartevse_v3, devkit):
        it, _ = _board(0, module)
        assert it.settings_overrides() is None


def test_the_control_path_allocates_nothing():
    it, log = _board()
    burst = array("i", (0,) * 6)
    Sampler.burst_codes = (8, 3000, 3010, 8, 30, 40)
    _settle()
    it.sample_pilot(burst)

    class Quiet:
        def value(self, level=None):
            return 1

        def duty_u16(self, duty):
            pass

    class QuietSampler:
        def burst(self, window, burst):
            burst[0] = 8

    it._c1 = it._c2 = it._pilot_off = it._rcm = it._pwm = Quiet()
    it._sampler = QuietSampler()
    micropython.heap_lock()
    try:
        it.sample_pilot(burst)
        it.set_contactors(True, False)
        it.connect_pilot(True)
        it.rcm_fault()
        it.set_pilot(17476)
        it.sample_pilot(burst)
        it.now()
    finally:
        micropython.heap_unlock()
    assert burst[0] == 0


def test_what_the_radio_leaves_goes_to_python_but_for_what_the_system_needs():
    import esp32 as chip
    usual = chip.heaps
    try:
        for free, kept in ((137_000, True), (4_000_000, True), (58_000, True), (50_000, False)):
            chip.heaps = [(20_000, 7_000, 6_000, 0), (free, free - 7_000, free - 7_000, 0)]
            room = radio_esp32.make_room()
            assert 8 <= len(room) <= 16 if kept else not room, (free, len(room))
        hold = []
        try:
            while True:
                hold.append(bytearray(50_000))
        except MemoryError:
            pass
        chip.heaps = [(137_000, 137_000, 110_000, 0)]
        assert radio_esp32.make_room() is None  # no piece is so large
    finally:
        hold = None
        chip.heaps = usual
