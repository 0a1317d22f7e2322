"""What a modem beside the charger (ISO 15118) tells about the car, and whether it may charge.

The charger asks with 5 % duty before it offers a current; whoever has the modem answers with
``tell``. Nothing here closes anything: an answer only ends the waiting.
"""

from micropython import const

from evse import reasons

_MAX_WH = const(1000000)
_MAX_ID = const(32)


def _number(values, key, top):
    """Return values[key], -1 where it is missing; ValueError outside 0..``top``."""
    value = values.get(key)
    if value is None or value == -1:
        return -1
    if type(value) is not int or not 0 <= value <= top:
        raise ValueError("%s must be a whole number from 0 to %d" % (key, top))
    return value


class Modem:
    """The car as the modem knows it, until it is unplugged.

    ``required`` is the only EVCCID that may charge, "" for any; ``evccid`` the car's, "" unknown.
    ``initial_soc``, ``remaining_soc``, ``full_soc``, ``computed_soc`` are percent,
    ``energy_capacity`` and ``energy_request`` Wh, ``time_until_full`` s; -1 is unknown. For the
    charger: ``told`` (an answer came), ``done`` (this car was asked and may charge), ``used``
    (there is something to forget).
    """

    def __init__(self, record):
        self.required = ""
        self._record = record
        self.forget()

    def forget(self):
        """The car is gone."""
        self.evccid = ""
        self.told = False
        self.done = False
        self.used = False
        self.initial_soc = -1
        self.remaining_soc = -1
        self.full_soc = -1
        self.computed_soc = -1
        self.energy_capacity = -1
        self.energy_request = -1
        self.time_until_full = -1

    def admits(self):
        """Return True when the car may charge."""
        return not self.required or self.required == self.evccid

    def tell(self, values):
        """Take what the modem says; ValueError with a sentence, and nothing taken, if it is wrong.

        ``values``: dict with any of current_soc, full_soc (percent), energy_request,
        energy_capacity (Wh), evccid (at most 32 characters). All but the first and last only ever
        grow, because cars report them in pieces. A current_soc ends the waiting.
        """
        soc = _number(values, "current_soc", 100)
        full = _number(values, "full_soc", 100)
        request = _number(values, "energy_request", _MAX_WH)
        capacity = _number(values, "energy_capacity", _MAX_WH)
        evccid = values.get("evccid")
        if evccid is not None:
            if type(evccid) is not str or len(evccid) > _MAX_ID:
                raise ValueError("evccid must be at most %d characters" % _MAX_ID)
            self.evccid = evccid
        self.used = True
        self.full_soc = max(self.full_soc, full)
        self.energy_request = max(self.energy_request, request)
        self.energy_capacity = max(self.energy_capacity, capacity)
        if soc >= 0:
            self.initial_soc = self.computed_soc = soc
            self.told = True
        self._record(reasons.EV_STATE, soc, full)

    def charged(self, wh, w):
        """Compute how full the car is after ``wh`` Wh of this session, at ``w`` W now."""
        if self.initial_soc < 0 or self.full_soc < self.initial_soc or self.energy_capacity <= 0:
            return
        if self.energy_request > 0:
            left = self.energy_request - wh
        else:
            left = self.energy_capacity * (self.full_soc - self.initial_soc) // 100 - wh
        left = max(left, 0)
        self.remaining_soc = min(left * 100 // self.energy_capacity, self.full_soc)
        self.computed_soc = self.full_soc - self.remaining_soc
        self.time_until_full = left * 3600 // w if w > 0 else -1
