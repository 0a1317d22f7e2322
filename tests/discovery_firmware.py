"""Runs on MicroPython: prints each message of a first round as a line of JSON.

Arguments: the slot's directory, the folder of the unit tests, the prefix, JSON of settings.
"""

import json
import sys


def run(slot, folder, prefix, settings):
    """Print (topic, payload) of all a new link hears."""
    sys.path.insert(0, folder + "/../../tools")
    __import__("constants")
    sys.path[:] = [slot, slot + "/lib", folder, ".frozen"]
    from helpers_facts import Client, Status
    status = Status(**json.loads(settings))
    if status.setting("modem") == "Experimental":
        status.car = dict.fromkeys((
            "initial_soc", "remaining_soc", "full_soc", "computed_soc", "energy_capacity",
            "energy_request", "evccid", "time_until_full"), 1)
    client = Client(prefix, status=status)
    for topic in client.kept:
        print(json.dumps((topic, client.kept[topic])))
    for name in client.heard:
        print(json.dumps((prefix + "/" + name, client.heard[name])))


run(*sys.argv[1:])
