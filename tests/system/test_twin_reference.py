"""Our firmware on one bus with chargers that behave as the reference does."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from bus_rig import Rig  # noqa: E402
from twin.meter import MeterReading  # noqa: E402
from twin.reference_master import ReferenceMaster  # noqa: E402
from twin.reference_node import (  # noqa: E402
    CT_NOCOMM,
    LATEST,
    SEED,
    SOLAR,
    STATE_C,
    ReferenceNode,
)

FRAMES = Path(os.environ.get("TESTDATA", ROOT / "../shared/testdata")) / "modbus_frames.jsonl"
MAINS, EV = 11, 12


def were_sent(sent, *names):
    """Assert that these recorded frames went over the bus, byte for byte."""
    if not FRAMES.exists():
        return
    with open(FRAMES) as lines:
        recorded = {one["name"]: one["hex"] for one in map(json.loads, lines)}
    for name in names:
        assert bytes.fromhex(recorded[name]) in sent, name


def test_our_master_charges_and_stops_nodes_of_the_reference(sim_build):
    async def main():
        sent = []
        async with Rig(sim_build, monitor=lambda *what: sent.append(what[1])) as rig:
            nodes = [rig.peer(ReferenceNode(rig.bus, 1, LATEST, ev_meter=(4, EV))),
                     rig.peer(ReferenceNode(rig.bus, 2, SEED, acknowledges=False))]

            def measure():
                rig.grid.site.circuit_load_ma = [sum(node.draw_ma for node in nodes)] * 3
                return rig.grid.meter.measure()

            await rig.meter("Eastron3P", MAINS, measure)
            await rig.meter("Eastron3P", EV, MeterReading)
            charger = await rig.charger(pwr_share="Master", mains_met="Eastron3P",
                                        mains_adr=MAINS, mains=25)
            for node in nodes:
                node.charge_delay_s = 3
                node.plug()
            await charger.until(lambda: all(node.draw_ma >= 6_000 for node in nodes),
                                "current for both nodes", 90)
            await charger.until(lambda: sum(node.draw_ma for node in nodes) >= 20_000,
                                "more current for them", 60)
            assert [state for _, state in nodes[0].history] == [4, 5, 1, 6, 7, 2]
            assert nodes[0].mains_da is not None and nodes[0].mains_da[0] > 0
            were_sent(sent, "eastron3p.current.req", "eastron3p.energy_import.req",
                      "node.status.read12.req", "node.write.COMM_B_OK.req",
                      "node.write.COMM_C_OK.req", "node.write.COMM_C_OK.resp",
                      "node.config.read.req", "node.config.read.resp", "node.config.ack.req",
                      "node.config.ack.resp", "node.ev_sniff.energy.req")
            assert nodes[0].config_changed == 0

            rig.live.command("load", {"amps": 24})
            await charger.until(lambda: not any(node.draw_ma for node in nodes), "the stop", 40)
            rig.live.command("load", {"amps": 2})
            await charger.until(lambda: any(node.draw_ma for node in nodes), "the return", 90)

            await charger.tell("mode", "Solar")
            await charger.until(lambda: nodes[0].mode == nodes[1].mode == SOLAR, "the mode")
            status = await charger.status()
            rows = {row["name"]: row for row in status["bus"]}
            assert rows["mains"]["ok"] and rows["node 1"]["ok"] and rows["node 2"]["ok"]
            assert not rows["node 7"]["ok"] and rows["node 7"]["replies"] == 0
            # A machine that pauses has a reply meet the next request now and then.
            assert all(20 * row["crc"] <= row["requests"] for row in status["bus"]), status["bus"]

    asyncio.run(main())


def test_our_node_charges_under_masters_of_the_reference(sim_build):
    async def main(era):
        sent = []
        async with Rig(sim_build, monitor=lambda *what: sent.append(what[1])) as rig:
            charger = await rig.charger(pwr_share="Node 1", ev_meter="Eastron3P", ev_adr=EV)
            world = charger.plug.world
            await rig.meter("Eastron3P", EV, charger.plug.ev_meter.measure)
            master = rig.peer(ReferenceMaster(rig.bus, era))
            master.nodes[1].online = 5  # found already
            master.start()
            await charger.until(lambda: master.nodes[1].ev_meter == (4, EV), "the first questions")
            rig.live.command("plug", {})
            await charger.until(charger.charging, "the current")
            await charger.until(lambda: world.car.draw_ma == 16_000, "all of it")
            await charger.until(lambda: master.nodes[1].state == STATE_C, "the word of it")
            were_sent(sent, "node.status.COMM_B.resp", "node.status.COMM_C.resp",
                      "node.status.C.resp", "node.write.COMM_B_OK.resp",
                      "node.write.COMM_C_OK.resp", "node.config.read.resp",
                      "node.config.ack.resp")

            async def overheard():
                meter = (await charger.status())["ev_meter"]
                return meter["da"] == [160, 160, 160] and meter["wh"] > 0

            await charger.until(overheard, "what its EV meter says")

            master.set_mode(SOLAR)
            async def solar():
                return (await charger.status())["mode"] == "Solar"
            await charger.until(solar, "the mode")

            # A share that is no longer there ends it, and one that is back begins it again.
            master.available_da = 0
            await charger.until(lambda: not world.c1, "the end of it")
            assert world.contactors.under_load == 0
            master.available_da = 320
            master.nodes[1].granted_da = 0
            await charger.until(charger.charging, "the current again", 100)

            # Without its Master it stops: 11 s, and 6 s for the car.
            await master.close()
            heard = time.monotonic()
            await charger.until(lambda: not world.c1, "the stop", 30)
            assert time.monotonic() - heard <= 18.5
            assert world.contactors.under_load == 0
            status = await charger.status()
            assert status["error"]["id"] == CT_NOCOMM or "master" in status["reason"]["text"]

    async def both():
        await asyncio.gather(main(SEED), main(LATEST))

    asyncio.run(both())
