"""A Master as the reference firmware behaves on the wire.

Facts: reference/modbus.md sections 1.4, 2 and 5. Two eras differ: the seed, and the latest. Its
sharing is plain: what is there goes in equal parts to those who charge.
"""

import asyncio

from twin import meter, peer
from twin.reference_node import (
    BROADCAST,
    COMM_B,
    COMM_B_OK,
    COMM_C,
    COMM_C_OK,
    CONFIG,
    CT_NOCOMM,
    CURRENTS,
    LATEST,
    LESS_6A,
    NO_SUN,
    SEED,
    SMART,
    SOLAR,
    STATE_A,
    STATE_B,
    STATE_B1,
    STATE_C,
    STATUS,
    SYSTEM,
)

CYCLE_S = 2.0
NODES = range(1, 8)
_ONLINE = 5  # polls without an answer until a node is lost
_MIN_DA = 60
# Longest wait for the first byte of a reply, and quiet time before a request.
_TIMEOUT_S = {SEED: 0.100, LATEST: 0.150}
_QUIET_S = {SEED: peer.SILENCE_S, LATEST: 0.050}
_LISTEN_S = 0.002
_REFUSED = {SEED: LESS_6A | NO_SUN, LATEST: LESS_6A}  # error bits that mean: no current now
_STATUS_READ = 8
_SUN_APART_S = 3


class NodeView:
    """What the Master knows of a node. ``online`` counts down to 0 when it does not answer."""

    def __init__(self):
        self.online = 0
        self.state = STATE_A
        self.errors = 0
        self.mode = SMART
        self.sun_s = 0
        self.config_changed = 1
        self.max_a = 0
        self.granted_da = 0
        self.ev_meter = (0, 0)


class ReferenceMaster(peer.Listener):
    """Polls, grants and tells. ``available_da`` is what there is for all nodes together.

    ``meter_lost`` True: it has lost its mains meter. ``mains_da`` is what it tells of the mains.
    ``nodes`` are views by number, ``log`` has (address, PDU, answer or None) of all it has sent.
    """

    def __init__(self, bus, era=LATEST, mode=SMART, available_da=320):
        super().__init__(bus, "reference master")
        self.era = era
        self.mode = mode
        self.available_da = available_da
        self.own_da = 0
        self.mains_da = [0, 0, 0]
        self.sun_s = 0
        self.meter_lost = False
        self.nodes = {number: NodeView() for number in NODES}
        self.log = []
        self._probe = 0
        self._turn = 0
        self._sent_to = None
        self._answer = None
        self._waiting_writes = []
        self._task = None

    def start(self):
        """Begin to poll."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self):
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await super().close()

    def tell_settings(self, values):
        """Send the system settings to all nodes in the coming cycle."""
        self._waiting_writes.append(_write_many(SYSTEM, values))

    def set_mode(self, mode):
        """Change the mode; the seed tells it at once, the latest with the node's next update."""
        self.mode = mode
        if self.era == SEED:
            self._waiting_writes.append(_write_one(3, mode))

    # ---- one request at a time ----

    def take(self, address, pdu):
        if self._answer and not self._answer.done() and address == self._sent_to:
            self._answer.set_result(pdu)

    async def _ask(self, address, pdu):
        """Send a request; returns the PDU of the answer, None without one."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(_QUIET_S[self.era])
        self._sent_to = address
        self._answer = loop.create_future()
        self.port.send(peer.sealed(bytes([address]) + pdu))
        deadline = self.port.ended + _TIMEOUT_S[self.era]
        while not self._answer.done():
            if loop.time() > deadline and not self._bus.busy() and not self._frame:
                break
            await asyncio.wait([self._answer], timeout=_LISTEN_S)
        answer = self._answer.result() if self._answer.done() else None
        if answer is not None and answer[0] != pdu[0]:
            answer = None  # an exception, or another function
        self.log.append((address, pdu, answer))
        return answer

    # ---- the cycle ----

    async def _run(self):
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await self.cycle()
            began += CYCLE_S
            await asyncio.sleep(max(0, began - loop.time()))

    async def cycle(self):
        """One cycle: one node's configuration and EV meter, all states, what all are told."""
        chosen = self._chosen()
        await self._configuration(chosen)
        await self._ev_meter(chosen, "import")
        for number in self._polled():
            await self._poll(number)
        if self.era == SEED:
            await self._tell_all()
        for number, node in self.nodes.items():
            if node.online:
                await self._update(number, node)
        await self._ev_meter(chosen, "current")
        if self.era == LATEST:
            await self._tell_all()
        if not self.meter_lost:
            await self._ask(BROADCAST, _write_many(CURRENTS, self._currents()))

    async def _tell_all(self):
        while self._waiting_writes:
            await self._ask(BROADCAST, self._waiting_writes.pop(0))

    def _chosen(self):
        """Number of the online node whose turn it is, None without any."""
        online = [number for number in NODES if self.nodes[number].online]
        self._turn += 1
        return online[self._turn % len(online)] if online else None

    async def _configuration(self, number):
        """Ask a node what its EV meter is, if it says that has changed."""
        if number is None or not self.nodes[number].config_changed:
            return
        node = self.nodes[number]
        answer = await self._ask(number + 1, _read(CONFIG + 8, 2))
        if answer:
            node.ev_meter = tuple(peer.values(answer[2:]))
            await self._ask(number + 1, _write_one(6, 0))
            node.config_changed = 0

    async def _ev_meter(self, number, block):
        """Ask a node's EV meter: the node listens. Nobody here wants to know."""
        if number is None:
            return
        kind, address = self.nodes[number].ev_meter
        for one in meter.table():
            if one["id"] == kind:
                pdu = bytes([one["fc"]]) + peer.words([one[block]["reg"], one[block]["n"]])
                await self._ask(address, pdu)

    def _polled(self):
        """Numbers of all online nodes and of one more; the seed asks all, always."""
        if self.era == SEED:
            return list(NODES)
        lost = [number for number in NODES if not self.nodes[number].online]
        polled = [number for number in NODES if self.nodes[number].online]
        if lost:
            self._probe += 1
            polled.append(lost[self._probe % len(lost)])
        return sorted(polled)

    async def _poll(self, number):
        node = self.nodes[number]
        answer = await self._ask(number + 1, _read(STATUS, _STATUS_READ))
        if answer is None or len(answer) != 2 + 2 * _STATUS_READ:
            node.online = max(0, node.online - 1)
            if not node.online:
                node.state, node.granted_da = STATE_A, 0
            return
        registers = peer.values(answer[2:])
        node.online = _ONLINE
        node.state, node.errors = registers[0] & 0xFF, registers[1] & 0xFF
        node.mode, node.sun_s = registers[3] & 0xFF, registers[4]
        node.config_changed = registers[6] & 0xFF
        node.max_a = registers[7] & 0xFF
        if node.state not in (STATE_B, STATE_C, COMM_C, COMM_B_OK, COMM_C_OK):
            node.granted_da = 0

    async def _update(self, number, node):
        state, errors = node.state, node.errors
        room = self._has_room(node)
        if self.meter_lost:
            errors |= CT_NOCOMM
        elif state in (COMM_B, COMM_C):
            if room:
                node.granted_da = max(node.granted_da, _MIN_DA)
                state = COMM_B_OK if state == COMM_B else COMM_C_OK
            else:
                errors |= NO_SUN if self.era == SEED and self.mode == SOLAR else LESS_6A
        elif errors & _REFUSED[self.era] and room:
            errors &= ~_REFUSED[self.era]
        elif self.mode == SOLAR and state == STATE_B1 and not room:
            errors |= LESS_6A
        words = [state, errors]
        latest = self.era == LATEST
        if latest and (node.mode != self.mode or abs(node.sun_s - self.sun_s) > _SUN_APART_S):
            words += [0, self.mode]
            if abs(node.sun_s - self.sun_s) > _SUN_APART_S:
                words.append(self.sun_s)
        elif words == [node.state, node.errors]:
            return
        await self._ask(number + 1, _write_many(STATUS, words))

    def _has_room(self, node):
        others = sum(1 for one in self.nodes.values() if one.granted_da and one is not node)
        return self.available_da >= _MIN_DA * (others + 1)

    def _currents(self):
        charging = [node for node in self.nodes.values() if node.granted_da and node.state in
                    (STATE_C, COMM_C, COMM_C_OK)]
        for node in charging:
            part = self.available_da // len(charging)
            node.granted_da = min(part, node.max_a * 10) if part >= _MIN_DA else 0
        told = [self.own_da] + [node.granted_da for node in self.nodes.values()]
        return told + self.mains_da if self.era == LATEST else told


def _read(register, count):
    return bytes([peer.READ_INPUT]) + peer.words([register, count])


def _write_one(register, value):
    return bytes([peer.WRITE_ONE]) + peer.words([register, value])


def _write_many(register, values):
    return (bytes([peer.WRITE_MANY]) + peer.words([register, len(values)])
            + bytes([2 * len(values)]) + peer.words(values))
