"""A real Home Assistant with its MQTT integration, driven by lines of JSON.

Runs in Home Assistant's own environment (tools/ha.py makes it): arguments are its directory and
the port of the broker on this machine. Each line read is an order, each line written its answer:

{"do": "entities"}: every entity with its state, attributes, name, category and unit, by entity id.
{"do": "devices"}: every device. {"do": "log"}: all warnings and errors since the start.
{"do": "call", "domain", "service", "data"}: call a service; null, or what went wrong.
{"do": "publish", "topic", "payload", "retain"}: send a message.
{"do": "state", "entity", "state"}: have another entity say something. {"do": "stop"}.

Files in its folder packages are part of its configuration.
"""

import asyncio
import json
import logging
import pathlib
import sys

from homeassistant import bootstrap, runner
from homeassistant.components import mqtt
from homeassistant.helpers import device_registry, entity_registry

TELL = sys.stdout
CONFIGURATION = """
homeassistant:
  packages: !include_dir_named packages
http:
  server_host: 127.0.0.1
  server_port: %s
logger:
  default: warning
"""


class Log(logging.Handler):
    """Keeps what is a warning or worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append("%s %s: %s" % (record.levelname, record.name, record.getMessage()))


def tell(answer):
    """Write one answer."""
    TELL.write(json.dumps(answer, default=str) + "\n")
    TELL.flush()


def entities(hass):
    """Every entity Home Assistant has registered, by its id."""
    found = {}
    for entry in entity_registry.async_get(hass).entities.values():
        state = hass.states.get(entry.entity_id)
        found[entry.entity_id] = {
            "unique_id": entry.unique_id, "name": entry.name or entry.original_name,
            "category": entry.entity_category, "disabled": entry.disabled_by,
            "state": state and state.state,
            "attributes": dict(state.attributes) if state else {}}
    return found


def devices(hass):
    """Every device."""
    return [{"name": one.name, "model": one.model, "manufacturer": one.manufacturer,
             "version": one.sw_version, "url": one.configuration_url,
             "serial": one.serial_number, "identifiers": sorted(map(list, one.identifiers))}
            for one in device_registry.async_get(hass).devices.values()]


async def connect(hass, port):
    """Set the MQTT integration up as a person does, by its form."""
    flow = await hass.config_entries.flow.async_init("mqtt", context={"source": "user"})
    if flow["type"] == "menu":
        flow = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {"next_step_id": "broker"})
    flow = await hass.config_entries.flow.async_configure(
        flow["flow_id"], {"broker": "127.0.0.1", "port": port})
    if flow["type"] != "create_entry":
        raise RuntimeError("MQTT was not set up: %s" % flow)
    await hass.async_block_till_done()


async def obey(hass, log, order):
    """Carry one order out; returns the answer."""
    what = order["do"]
    await hass.async_block_till_done()
    if what == "entities":
        return entities(hass)
    if what == "devices":
        return devices(hass)
    if what == "log":
        return log.lines
    if what == "publish":
        await mqtt.async_publish(hass, order["topic"], order["payload"], 0,
                                 order.get("retain", False))
        return None
    if what == "state":
        hass.states.async_set(order["entity"], order["state"])
        return None
    try:
        await hass.services.async_call(order["domain"], order["service"], order["data"],
                                       blocking=True)
    except Exception as problem:
        return "%s: %s" % (type(problem).__name__, problem)
    return None


async def run(directory, port):
    """Start Home Assistant and obey until told to stop."""
    log = Log()
    hass = await bootstrap.async_setup_hass(runner.RuntimeConfig(
        config_dir=directory, log_file=directory + "/home-assistant.log"))
    await connect(hass, port)
    logging.getLogger().addHandler(log)  # what the packages ask for is there now
    await hass.async_start()
    tell({"started": True})
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        order = json.loads(line or '{"do": "stop"}')
        if order["do"] == "stop":
            break
        tell(await obey(hass, log, order))
    await hass.async_stop()


if __name__ == "__main__":
    TELL = sys.stdout
    sys.stdout = sys.stderr  # only answers go out
    place = pathlib.Path(sys.argv[1])
    (place / "packages").mkdir(exist_ok=True)
    (place / "configuration.yaml").write_text(CONFIGURATION % sys.argv[3])
    asyncio.set_event_loop_policy(runner.HassEventLoopPolicy(False))
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
