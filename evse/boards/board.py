"""What the firmware needs from a board: the one documented interface, for people and tests.

The boards do not inherit from it and no image carries it, because methods that only say what
others must do would lie in the memory of every charger. A test compares each board with it.

A board speaks in physical units (millivolts, 0.1 degrees, duty of 65536) and knows every pin. It
decides nothing. Only the modules in this package import ``machine``, ``network`` and ``esp32``.
All calls return at once; those marked *10 ms* run in the control path and allocate nothing.
"""


class Board:
    """Base of all boards. ``name`` is the board's build name, ``serial`` its serial number.

    The number is the one the owner knows: taken over from the original firmware (the file
    ``serial`` in ``data_dir()``), burnt into the chip, or made of its hardware address.
    """

    name = ""
    serial = 0

    # ---- time ----
    def now(self):
        """*10 ms* Milliseconds in [0, 2**30), see ``evse.ticks``."""
        raise NotImplementedError

    def start_tick(self, callback):
        """Call ``callback()`` at least 100 times a second, between bytecodes of whatever runs.

        On the board this is a hardware timer's soft callback; the callback must not allocate.
        Returns an object with an awaitable ``wait()`` that is released after each call.
        """
        raise NotImplementedError

    # ---- sensing ----
    def sample_pilot(self, burst):
        """*10 ms* Sample the pilot and fill ``burst``, an array('i', 6).

        n_high, min_high, max_high, n_low, min_low, max_low: how many conversions fell safely in
        the high or low part of the PWM period, and their extremes in mV at the ADC pin (1723 mV +
        0.1299 of the pilot's voltage). At steady duty all samples belong to that one level.
        """
        raise NotImplementedError

    def proximity_mv(self):
        """Proximity pin in mV; 3300 when open."""
        raise NotImplementedError

    def temperature_dc(self):
        """Board temperature in 0.1 degrees Celsius."""
        raise NotImplementedError

    def rcm_fault(self):
        """*10 ms* True while the residual current monitor reports a fault."""
        raise NotImplementedError

    def switch_pressed(self):
        """True while the external switch is closed."""
        raise NotImplementedError

    def lock_sense(self):
        """Level of the lock's feedback line."""
        raise NotImplementedError

    def read_card(self):
        """The 8 bytes a card reader on the switch's line sends, checksum included, or None.

        None as well when no card is there or the line is held low. Takes up to 6 ms.
        """
        raise NotImplementedError

    def buttons(self):
        """Bits of the pressed buttons: 1 is <, 2 is o, 4 is >.

        They may share lines with the display: never call it while something is being sent there.
        """
        raise NotImplementedError

    # ---- acting ----
    def set_pilot(self, duty):
        """*10 ms* PWM duty in 0..65536; 65536 is steady +12 V, 0 steady -12 V."""
        raise NotImplementedError

    def connect_pilot(self, on):
        """*10 ms* Connect the pilot to the car, or open the line."""
        raise NotImplementedError

    def set_contactors(self, c1, c2):
        """*10 ms* Command both contactors; of two that open, the second opens first."""
        raise NotImplementedError

    def set_lock(self, drive):
        """Drive the lock: 1 lock, -1 unlock, 0 off."""
        raise NotImplementedError

    def set_led(self, red, green, blue):
        """LED colours, 0..255 each."""
        raise NotImplementedError

    def set_backlight(self, level):
        """Backlight of the display, 0..255."""
        raise NotImplementedError

    def safe(self):
        """Contactors open, pilot not offering current. Never raises, callable at any moment."""
        raise NotImplementedError

    # ---- services ----
    def rs485(self):
        """The bus as an object: ``write(buf)``, ``readinto(buf)``, ``configure(baud, parity)``.

        ``readinto`` never waits: it returns the count of bytes or None. ``write`` returns at once;
        the board turns the line to receive when the last bit is out. The line starts at 9600 baud
        without parity; ``parity`` is None, "E" or "O", always 8 data bits and 1 stop bit. Only
        who has the bus to himself may change it, while nothing is being sent.
        """
        raise NotImplementedError

    def display(self):
        """The display of 128 x 64 pixels, dark at first, or None where there is none.

        ``restart(now)`` sets it up anew, as after a disturbance. ``step(now)`` goes on with that
        and returns True once it is ready: call it before each ``send``. ``send(page, view)``
        shows the 128 bytes of one of 8 pages, a byte per column, bit 0 on top; while it returns
        True there is more to send and it is to be called again. Each takes 2 ms at most and may
        raise OSError.
        """
        return None

    def http_address(self):
        """(host, port) the web server listens on, or None without a network."""
        raise NotImplementedError

    def radio(self):
        """The WiFi, or None where there is none or it is broken; always the same object.

        ``join(ssid, password, fixed)`` joins a network without waiting for it, after leaving the
        one before; ``fixed`` is (address, mask, gateway, name server), or None to be given them;
        no ``ssid`` only leaves. It tries a few times. ``restart()`` switches the radio off and on,
        which leaves the network and may stall: never with a contactor closed. ``link()`` returns
        (state, own address, dBm), the last two "" and 0 unless joined; states are 0 none, 1 under
        way, 2 joined, 3 wrong password, 4 no such network, 5 another reason: what went wrong last,
        tries may go on.

        ``scan()`` begins to look for networks, which takes 3 s and must not be asked while one is
        being joined; ``found()`` returns None until that is over, then once a list of (name in
        bytes, dBm, has a password, BSSID in bytes, channel). ``channel()`` is the own one.

        ``open_portal(ssid, password)`` opens a network and returns the own address in it, whose
        first three numbers are those of all who join; OSError when it cannot be. It and
        ``close_portal()`` may stall: never with a contactor closed. ``portal_dns()`` is where a
        name server for that network has to listen, (host, port).

        ``mdns()`` returns the board's end of multicast DNS, or None: ``socket`` to poll,
        ``receive()`` (packet, address, port) or None for what is not for us, ``send(data, address,
        port)``, without the two to everybody.
        """
        return None

    def dns_server(self):
        """Address of the network's name server as ``a.b.c.d`` or ``a.b.c.d:port``, or None."""
        raise NotImplementedError

    def modbus_address(self):
        """(host, port) for Modbus TCP, or None where it cannot be served."""
        raise NotImplementedError

    def telnet_address(self):
        """(host, port) the log is shown at over telnet, or None where it cannot be."""
        raise NotImplementedError

    def heaps(self):
        """Yield (name, free, largest free piece, least ever free) of other memory, in bytes."""
        raise NotImplementedError

    def reset_cause(self):
        """What started the board: power, brownout, watchdog, hard, deepsleep or soft.

        ``hard`` is a restart by the program, asked for or not, ``soft`` one at the prompt.
        """
        raise NotImplementedError

    def root(self):
        """Directory of the slots a and b and of what ``boot.py`` chooses by."""
        raise NotImplementedError

    def data_dir(self):
        """Directory of the settings and records that updates never touch."""
        raise NotImplementedError

    def flash_log(self):
        """The raw log partition, or None where it cannot be had; see ``evse.flashlog``.

        ``size`` in bytes, ``read(at, buf)``, ``program(at, data)`` (clears bits, never erases),
        ``erase(at)`` of the 4096 bytes from there. Programming takes under 1 ms; erasing stalls
        the chip, so it is forbidden while a contactor is closed. OSError when the flash fails.
        """
        raise NotImplementedError

    def clock_s(self):
        """Unix seconds, 0 while the time of day is not known."""
        raise NotImplementedError

    def set_clock(self, seconds):
        """Set the time of day to ``seconds`` (Unix)."""
        raise NotImplementedError

    def settings_overrides(self):
        """JSON object of settings that go before the stored ones, or None. For the twin."""
        return None

    def keep(self, data):
        """Copy ``data``, at most 2 KB, to where only a loss of power clears it. Takes 1 ms."""
        raise NotImplementedError

    def kept(self):
        """What the run before kept, as bytes: b"" or rubbish after a loss of power."""
        raise NotImplementedError

    def watchdog(self, timeout_ms):
        """Start the hardware watchdog; returns its ``feed`` function."""
        raise NotImplementedError

    def reset(self):
        """Make the outputs safe, then restart the chip."""
        raise NotImplementedError
