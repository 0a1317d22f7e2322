"""The line between a master and its nodes, as far as time goes: who hears what, and when.

One exchange at a time. In each cycle the master asks every node once and tells all of them their
currents; a current that has changed is told as soon as the line is free.
"""

CYCLE_MS = 2000
POLL_MS = 100  # question and answer, or the wait for one
BROADCAST_MS = 30  # eight currents at 9600 baud


class Link:
    """Joins ``stations``, the first of which is the master; cycles begin ``phase_ms`` late.

    ``due`` is the moment the exchange under way ends or the next cycle begins. ``cut`` has the
    numbers of the nodes nobody hears and that hear nobody; 0 in it stands for all.
    """

    def __init__(self, stations, phase_ms):
        self._master = stations[0]
        self._nodes = stations[1:]
        self.cut = set()
        self._cycle = phase_ms
        self._left = []  # nodes still to be asked in this cycle
        self._owed = False  # the broadcast of this cycle
        self._told = None  # the currents of the last broadcast, and their reasons
        self._why = ()
        self._asked = None  # node under question, and its answer
        self._busy = False
        self.due = phase_ms

    def end(self, now):
        """The exchange that ends at ``now``, if one does, has its effect."""
        if not self._busy or now < self.due:
            return
        self._busy = False
        if self._asked:
            self._answer(now)
        else:
            self._hear(now)
        self._asked = None

    def _answer(self, now):
        node, status = self._asked
        master = self._master
        if not master.wake(now) or not master.core.group:
            return
        if node.core and status and not self._dead(node):
            master.core.group.heard(node.number, *(status + (master.core.now,)))
        else:
            master.core.group.missed(node.number, master.core.now)

    def _dead(self, node):
        return 0 in self.cut or node.number in self.cut

    def _hear(self, now):
        if not self._master.core:
            return
        for node in self._nodes:
            if not self._dead(node) and node.wake(now):
                n = node.number
                node.core.charger.admitted = True
                node.core.told(self._told[n], node.core.now, self._why[n])

    def begin(self, now):
        """Begin the next exchange at ``now`` if the line is free and there is one."""
        if self._busy:
            return
        if now >= self._cycle:
            self._cycle += CYCLE_MS
            self._left = list(self._nodes)
            self._owed = True
        master = self._master.core
        if not master or not master.group:
            self._left = []
            self._told = None
            self.due = self._cycle
            return
        count = len(self._nodes) + 1
        grants = list(master.regulator.grant_da[:count])
        if grants != self._told or (self._owed and not self._left):
            self._told = grants
            self._why = list(master.regulator.grant_reason[:count])
            self._owed = self._owed and bool(self._left)
            self.due = now + BROADCAST_MS
            self._busy = True
        elif self._left:
            node = self._left.pop(0)
            self._asked = (node, node.status() if node.core else None)
            self.due = now + POLL_MS
            self._busy = True
        else:
            self.due = self._cycle
