"""Runs on MicroPython: the log over telnet, with a journal and a password that are made up.

Arguments: the port, seconds after which the setting is switched off. The password is "right", and
takes a moment to be checked; "busy" is refused. A line on standard input is printed into the log;
"flood" prints 3000 bytes. Ends with "over" once the server is.
"""

import asyncio
import select
import sys
from time import ticks_ms

from evse import ticks
from evse.net.inlet import Refusal
from evse.net.telnet import Telnet


class Status:
    """Two events of a journal, and the setting."""

    serial = 4711
    enabled = "Enabled"

    def setting(self, key):
        return self.enabled

    def events(self, since=0):
        for event in ((0, 1, "started", 0, 0), (1, 75, "mode changed", 3, 0)):
            if event[0] >= since:
                yield event


async def check(password, peer):
    await asyncio.sleep_ms(300)
    if password == "busy":
        raise Refusal(503, "too many are waiting at " + peer)
    return password == "right"


async def main(port, seconds):
    status = Status()
    server = Telnet(status, check, lambda: ticks.add(ticks_ms(), 0))
    task = asyncio.create_task(server.run("127.0.0.1", port))
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)
    for _ in range(seconds * 100):
        await asyncio.sleep_ms(10)
        if poller.poll(0):
            line = sys.stdin.readline().strip()
            server.ring.write(b"0123456789" * 300 if line == "flood" else line.encode())
    status.enabled = "Disabled"
    await task
    print("over")


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
