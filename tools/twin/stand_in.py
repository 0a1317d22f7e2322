"""A node of the reference at a plug of the twin, instead of our firmware."""

import asyncio

from twin.arguments import BadCommand
from twin.reference_node import LATEST, SEED, STATE_B, STATE_C, STATE_C1, ReferenceNode
from twin.wire import FULL

_STEP_S = 0.05
_DUTY_PER_DA = FULL / 600


class StandIn:
    """Joins ``bus`` as Node ``plug.number`` of ``era`` and drives ``plug`` as that node would."""

    def __init__(self, bus, plug, era):
        if era not in (SEED, LATEST):
            raise BadCommand("there are nodes of the era %s and %s" % (SEED, LATEST))
        self._plug = plug
        self._node = ReferenceNode(bus, plug.number, era)
        self.port = self._node.port
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self):
        while True:
            self._step()
            await asyncio.sleep(_STEP_S)

    def _step(self):
        plug, node = self._plug, self._node
        plug.advance()
        car = plug.world.car
        node.plugged = car.plugged
        node.wants = car.drawing_state
        offers = node.state in (STATE_B, STATE_C) and node.current_da
        duty = int(min(node.current_da, node.max_a * 10) * _DUTY_PER_DA) if offers else FULL
        plug.world.outputs(duty, True, node.state in (STATE_C, STATE_C1), False)

    async def close(self):
        """Leave the bus and the plug."""
        self._task.cancel()
        await self._node.close()
