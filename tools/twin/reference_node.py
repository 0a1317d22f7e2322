"""A node as the reference firmware behaves on the wire, with a small car of its own.

Facts: reference/modbus.md section 5. Two eras differ: the seed, and the latest.
"""

import asyncio

from twin import peer

(STATE_A, STATE_B, STATE_C, STATE_D, COMM_B, COMM_B_OK, COMM_C, COMM_C_OK, ACTIVATING, STATE_B1,
 STATE_C1) = range(11)
LESS_6A, CT_NOCOMM, NO_SUN = 1, 2, 32
NORMAL, SMART, SOLAR = 0, 1, 2
BROADCAST = 9
SEED, LATEST = "seed", "latest"

STATUS, CURRENTS, CONFIG, SYSTEM = 0x0000, 0x0020, 0x0100, 0x0200
STATUS_COUNT, CONFIG_COUNT = 12, 10
SYSTEM_COUNT = {SEED: 26, LATEST: 22}
_STATE, _ERROR, _CURRENT, _MODE, _SUN, _ACCESS, _CHANGED = range(7)
_MAX_A, _TEMPERATURE, _SERIAL = 7, 10, 11

_CONFIG_RANGES = ((0, 1), (0, 2), (6, 16), (6, 80), (0, 8), (0, 7), (0, 1), (0, 6), (0, 19),
                  (11, 247))
_SYSTEM_RANGES = ((0, 2), (10, 160), (0, 1), (0, 2), (10, 200), (0, 48), (0, 60), (0, 48),
                  (0, 19), (10, 247), (0, 9), (0, 19), (10, 247), (0, 9), (0, 3), (0, 2), (3, 4),
                  (0, 65530), (0, 7), (0, 65530), (0, 7), (0, 65534))

MASTER_LOST_S = 11
CHARGE_DELAY_S = 60
_ASKS_S = 0.5  # the car must ask for so long
_CAR_STOPS_S = 1.0
_STEP_S = 0.1


class ReferenceNode(peer.Slave):
    """Node ``number`` (1 to 7). ``plug`` and ``unplug`` the car; it charges while it ``wants``.

    ``acknowledges`` False leaves single writes unanswered, as versions 3.8 to 3.10.0 do.
    ``charge_delay_s`` can be shortened. ``draw_ma`` is what the car takes from each phase.
    ``history`` lists (moment, state) of all changes, in the loop's time.
    """

    def __init__(self, bus, number, era=LATEST, max_a=16, ev_meter=(0, 12), acknowledges=True):
        super().__init__(bus, "reference node %d" % number, number + 1)
        self.number = number
        self.era = era
        self.acknowledges = acknowledges
        self.charge_delay_s = CHARGE_DELAY_S
        self.plugged = False
        self.wants = True
        self.car_a = 32
        self.state = STATE_A
        self.errors = 0
        self.current_da = 0
        self.mode = SMART
        self.sun_s = 0
        self.access = 1
        self.config_changed = 1
        self.max_a = max_a
        self.mains_da = None
        self.config = [1, 0, 6, max_a, self.address, 0, 0, 0, *ev_meter]
        self.system = [SMART, 16, 0, 0, 25, 4, 10, 0, 4, 11] + [0] * (SYSTEM_COUNT[era] - 10)
        self.history = []
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time()
        self._delayed_until = self._asks_since = self._stops_at = 0.0
        self._alone_at = self._now + MASTER_LOST_S
        self._stepper = self._loop.call_later(_STEP_S, self._tick)

    async def close(self):
        self._stepper.cancel()
        await super().close()

    def plug(self):
        """The car's cable goes in."""
        self.plugged = True

    def unplug(self):
        """The car's cable comes out."""
        self.plugged = False

    @property
    def draw_ma(self):
        """What the car takes from each phase: it follows the pilot at once."""
        if self.state != STATE_C:
            return 0
        return min(self.current_da * 100, self.max_a * 1000, self.car_a * 1000)

    # ---- its charging ----

    def _tick(self):
        self.step()
        self._stepper = self._loop.call_later(_STEP_S, self._tick)

    def step(self):
        """Let time pass."""
        now = self._now = self._loop.time()
        if now >= self._alone_at:
            if not self.errors & CT_NOCOMM:
                self.errors |= CT_NOCOMM
                self._no_power()
        elif self.errors & CT_NOCOMM:
            self.errors &= ~CT_NOCOMM
        if not self.plugged:
            self._go(STATE_A)
            return
        free = not self.errors and now >= self._delayed_until and self.access == 1
        state = self.state
        if state in (STATE_A, STATE_B1):
            if free:
                self._go(COMM_B)
        elif state == COMM_B_OK:
            self._go(STATE_B)
        elif state == STATE_B:
            if not self.wants:
                self._asks_since = now
            elif free and now - self._asks_since >= _ASKS_S:
                self._go(COMM_C)
        elif state == COMM_C_OK:
            self._go(STATE_C)
        elif state in (STATE_C, COMM_C):
            if not self.wants:
                self._go(STATE_B)
        elif state == STATE_C1 and now >= self._stops_at:
            self._go(STATE_B1)

    def _go(self, state):
        if state == self.state:
            return
        if state == STATE_B:
            self._asks_since = self._now
        elif state == STATE_C1:
            self._stops_at = self._now + _CAR_STOPS_S
        self.state = state
        self.history.append((self._now, state))

    def _no_power(self):
        if self.state == STATE_C:
            self._go(STATE_C1)
        elif self.state not in (STATE_A, STATE_C1):
            self._go(STATE_B1)

    # ---- the wire ----

    def take(self, address, pdu):
        self._now = self._loop.time()
        if address == BROADCAST:
            self.reply(pdu[0], pdu[1:])
        else:
            super().take(address, pdu)

    def reply(self, function, data):
        if function in (peer.READ_HOLDING, peer.READ_INPUT) and len(data) == 4:
            return self._read(function, *peer.values(data))
        if function == peer.WRITE_ONE and len(data) == 4:
            register, value = peer.values(data)
            if not self._block(register, 1):
                return peer.exception(function, peer.NO_SUCH_REGISTER)
            if not self._write(register, value):
                return peer.exception(function, peer.REFUSED)
            return bytes([function]) + data if self.acknowledges else None
        if function == peer.WRITE_MANY and len(data) >= 7 and len(data) == 5 + data[4]:
            return self._write_many(data)
        return None

    def _block(self, register, count):
        """True when all of these registers are in one block."""
        for first, length in ((STATUS, STATUS_COUNT), (CONFIG, CONFIG_COUNT),
                              (SYSTEM, len(self.system))):
            if first <= register and register + count <= first + length:
                return True
        return False

    def status(self):
        """Its status registers."""
        return [self.state, self.errors, self.current_da, self.mode, self.sun_s, self.access,
                self.config_changed, self.max_a, 0, 0, 25, 0x1A2B]

    def _read(self, function, register, count):
        if not count or not self._block(register, count):
            return peer.exception(function, peer.NO_SUCH_REGISTER)
        block = (self.status() if register < CONFIG else
                 self.config if register < SYSTEM else self.system)
        first = register & 0xFF
        return peer.read_reply(function, block[first:first + count])

    def _write_many(self, data):
        register, count = peer.values(data[:4])
        written = peer.values(data[5:])
        if count != len(written):
            return None
        if register == CURRENTS:
            self._told(written)
            return None
        if not self._block(register, count):
            return peer.exception(peer.WRITE_MANY, peer.NO_SUCH_REGISTER)
        accepted = sum(self._write(register + i, value) for i, value in enumerate(written))
        if not accepted:
            return peer.exception(peer.WRITE_MANY, peer.REFUSED)
        return bytes([peer.WRITE_MANY]) + peer.words([register, accepted])

    def _told(self, currents):
        """The Master has told everybody's current."""
        if self.number >= len(currents):
            return
        self.current_da = currents[self.number]
        if not self.current_da and self.state == STATE_C:
            self._go(STATE_C1)
        self._alone_at = self._now + MASTER_LOST_S
        if len(currents) >= 11:
            self.mains_da = [value - 0x10000 if value & 0x8000 else value
                             for value in currents[8:11]]

    def _write(self, register, value):
        """Take one register; True when it is accepted."""
        if register < CONFIG:
            return self._write_status(register, value)
        block, ranges = ((self.config, _CONFIG_RANGES) if register < SYSTEM else
                         (self.system, _SYSTEM_RANGES))
        place = register & 0xFF
        if self.era == LATEST or block is self.config:
            low, high = ranges[place]
            if not low <= value <= high:
                return False
        if block[place] != value:
            block[place] = value
            self.config_changed = 1
            if register == SYSTEM:
                self.mode = value
        return True

    def _write_status(self, register, value):
        if register == _STATE:
            self._go(value)
            self.step()
        elif register == _ERROR:
            self.errors = value
            if value:
                self._no_power()
                self._delayed_until = self._now + self.charge_delay_s
                if value & CT_NOCOMM:
                    self._alone_at = self._now
        elif register == _MODE:
            if value > SOLAR:
                return False
            if value != self.mode and not (self.era == SEED and self.mode == NORMAL):
                self.mode = value
                if self.era == LATEST:
                    self.access = 1
        elif register == _SUN:
            self.sun_s = value
        elif register == _ACCESS:
            if value > (1 if self.era == SEED else 2):
                return False
            self.access = value
            if value != 1:
                self._no_power()
        elif register == _CHANGED:
            self.config_changed = value
        elif register != _CURRENT:
            return False
        return True
