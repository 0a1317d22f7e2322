"""What the display shows outside the menu: which screen, and all of them but the energy flow."""

from array import array

from micropython import const

from evse.panel.canvas import CENTRE, RIGHT, WIDTH
from evse.panel.flow import flow
from evse.panel.texts import (
    T_ANSWER,
    T_CARD_INVALID,
    T_CARD_PRESENT,
    T_CARD_STATES,
    T_CHARGE,
    T_CHARGING,
    T_DENIED,
    T_E_CIRCUIT,
    T_E_DIODE,
    T_E_EV_METER,
    T_E_LOCK,
    T_E_LOCK_STUCK,
    T_E_MAINS,
    T_E_MASTER,
    T_E_NO_CURRENT,
    T_E_OVERCURRENT,
    T_E_PILOT,
    T_E_RCM,
    T_E_RCM_MISSING,
    T_E_RESET,
    T_E_SERIAL,
    T_E_STALL,
    T_E_STORAGE,
    T_E_TEMP,
    T_E_WELDED,
    T_FIRST,
    T_FOR_POWER,
    T_FOR_SOLAR,
    T_HOLD_MENU,
    T_HOLD_START,
    T_HOLD_STOP,
    T_INSTALL,
    T_LIMITED,
    T_MODEM,
    T_MODEM_DENIED,
    T_NO_POWER_OFF,
    T_PASSWORD,
    T_PAUSE,
    T_PORTAL,
    T_READY_TO,
    T_STARTING,
    T_UPDATE,
    T_WAITING,
    T_WELCOME,
)
from evse.panel.words import moment, rounded, why
from evse.reasons import NO_SUN

_STATE_C = const(2)
_MODEM_FIRST = const(11)
_MODEM_LAST = const(13)
_DENIED = const(14)
_OFF = const(0)
_ON = const(1)
_PAUSE = const(2)
_LESS_6A = const(1)
_CT_NOCOMM = const(2)
_RCM_TRIPPED = const(16)
_INVALID_CARD = const(7)

# The registry of faults is out of a panel's reach; a test compares these bits with it. In the
# order in which they take turns, each with its text: those that stop charging, then those that do
# not, between which the ordinary screen is shown.
_ERRORS = const((
    (4096, T_E_WELDED), (_RCM_TRIPPED, T_E_RCM), (524288, T_E_RCM_MISSING), (64, T_E_CIRCUIT),
    (_CT_NOCOMM, T_E_SERIAL), (4, T_E_TEMP), (256, T_E_PILOT), (2048, T_E_DIODE),
    (512, T_E_STALL), (65536, T_E_OVERCURRENT), (16384, T_E_LOCK),
))
_WARNINGS = const((
    (8, T_E_EV_METER), (32768, T_E_LOCK_STUCK), (8192, T_E_NO_CURRENT), (131072, T_E_STORAGE),
))
_NO_ERROR = const(1 | 1024 | 262144 | 1048576)  # waits for current, time of day, an update
_NONE = const(-1)

_TURN_S = const(4)
_STEP = const(3)  # px a blob moves
_GRID_FIRST, _GRID_LAST = const(20), const(44)
_CAR_FIRST, _CAR_LAST = const(74), const(89)
_BAR_FIRST, _BAR_LAST = const(14), const(114)


class Screens:
    """Draws what ``status`` says, as of its last refresh, on ``canvas`` in the words of ``texts``.

    ``held`` is the button held down, 1 left, 2 middle, 4 right, 0 for none. ``seconds`` counts how
    long it has been shown; set it to 0 to begin with the first of the texts that take turns.
    ``texts`` may be replaced.
    """

    def __init__(self, canvas, status, texts):
        self._canvas = canvas
        self._status = status
        self.texts = texts
        self.held = 0
        self.seconds = 0
        self._blobs = array("h", (_GRID_FIRST, _CAR_FIRST))
        self._state = self._faults = 0
        self._last = -1

    def draw(self, now_s):
        """Draw the screen of the moment; a generator that yields between its elements.

        ``now_s`` is any number that is another one each second.
        """
        status = self._status
        get = self.texts.get
        if status.state_id != self._state:
            self._state = status.state_id
            if self._state == _STATE_C:
                self.seconds = 0
        faults = status.faults & ~_NO_ERROR
        if faults != self._faults:
            self._faults = faults
            self.seconds = 0
        if now_s != self._last:
            self._last = now_s
            self.seconds += 1
            self._move(status)
        phase = self.seconds // _TURN_S
        if self.held:
            text = get(T_HOLD_STOP if self.held == 1 else T_HOLD_MENU if self.held == 2
                       else T_HOLD_START)
            yield from self._frame(text, "")
            return
        if type(status.confirm) is tuple:
            version, fingerprint = status.confirm[:2]
            yield from self._frame("%s|%s" % (get(T_INSTALL), version), get(T_ANSWER))
            self._canvas.small(fingerprint, WIDTH // 2, 0, CENTRE)
            return
        error = self._error(phase)
        yield
        if error != _NONE:
            page = 0
            for line in get(error).split("|"):
                self._canvas.large(line, page)
                page += 2
                yield
        elif status.update is not None:
            yield from self._frame("%s|%d %%" % (get(T_UPDATE), status.update),
                                   get(T_NO_POWER_OFF))
            canvas = self._canvas
            canvas.small("[", _BAR_FIRST - 2, 0)
            canvas.small("]", _BAR_LAST, 0)
            for row in (0, 2, 3, 4, 6):
                canvas.line(row, _BAR_FIRST, _BAR_LAST if row in (0, 6) else
                            _BAR_FIRST + status.update * (_BAR_LAST - _BAR_FIRST) // 100)
        elif status.portal and not (status.wizard and phase & 1):
            yield from self._portal(status.portal)
        elif status.wizard:
            yield from self._frame(get(T_WELCOME), get(T_FIRST))
        elif status.setting_mode_id and status.access:
            yield from flow(self._canvas, status, self.texts, self._blobs, phase)
        else:
            yield from self._plain(status, phase)

    def _move(self, status):
        """Let the energy go on by a second."""
        blobs = self._blobs
        if status.mains_da(0) + status.mains_da(1) + status.mains_da(2) >= 0:
            blobs[0] += _STEP
            if blobs[0] > _GRID_LAST:
                blobs[0] = _GRID_FIRST
        else:
            blobs[0] -= _STEP
            if blobs[0] < _GRID_FIRST:
                blobs[0] = _GRID_LAST
        blobs[1] += _STEP
        if blobs[1] > _CAR_LAST:
            blobs[1] = _CAR_FIRST

    def _error(self, phase):
        """Return the number of the text for the error whose turn it is, -1 for none."""
        status = self._status
        faults = status.faults
        found = []
        for bit, text in _ERRORS:
            if faults & bit:
                if bit == _CT_NOCOMM:
                    if status.setting("pwr_share")[:4] == "Node":
                        text = T_E_MASTER
                    elif status.setting("mains_met") in ("API", "HomeWizrd"):
                        text = T_E_MAINS
                found.append(text)
                if bit == _RCM_TRIPPED:
                    found.append(T_E_RESET)
        stopped = len(found)
        for bit, text in _WARNINGS:
            if faults & bit:
                found.append(text)
        if not stopped:
            found.append(_NONE)
        return found[phase % len(found)]

    def _frame(self, text, below):
        """Two large lines between two thin ones, a small one at the bottom."""
        canvas = self._canvas
        canvas.blank(0, 2)
        canvas.line(10)
        canvas.blank(6, 2)
        canvas.line(52)
        first, _, second = text.partition("|")
        yield
        canvas.large(first, 2)
        yield
        canvas.large(second, 4)
        yield
        canvas.small(below, WIDTH // 2, 7, CENTRE)
        yield

    def _portal(self, portal):
        """How to join the network for the set-up, and where its page is."""
        canvas = self._canvas
        status = self._status
        network, password, address = portal
        get = self.texts.get
        canvas.blank()
        canvas.line(10)
        canvas.small(get(T_PORTAL), 0, 0)
        if status.clock_s:
            canvas.small(status.local(status.clock_s)[11:], WIDTH, 0, RIGHT)
        yield
        canvas.small(network, WIDTH // 2, 2, CENTRE)
        yield
        canvas.small(get(T_PASSWORD), WIDTH // 2, 3, CENTRE)
        yield
        canvas.large(password, 4)
        yield
        canvas.small("http://%s/" % address, WIDTH // 2, 7, CENTRE)
        yield

    def _plain(self, status, phase):
        """Normal mode, or switched off."""
        get = self.texts.get
        access = status.access
        state = status.state_id
        below = None
        if access == _ON and status.faults & _LESS_6A:
            text = "%s|%s" % (get(T_WAITING), get(T_FOR_SOLAR if status.reason == NO_SUN
                                                  else T_FOR_POWER))
        elif _MODEM_FIRST <= state <= _DENIED:
            text = get(T_MODEM if state <= _MODEM_LAST else T_MODEM_DENIED)
        elif state == _STATE_C:
            text = rounded(status.offered_da, 10, 1) + " A"
            if status.ev_age_ms >= 0 and phase % 3:
                text = (rounded(max(0, status.ev_w), 1000, 1) + " kW" if phase % 3 == 1
                        else rounded(status.session_wh, 1000, 1) + " kWh")
            text = get(T_LIMITED if status.relay_open else T_CHARGING) + "|" + text
        elif access == _ON:
            text = "%s|%s" % (get(T_READY_TO), get(T_CHARGE))
            if status.delay_s:
                text = "%s %d" % (text, status.delay_s)
        elif access == _PAUSE:
            text = get(T_PAUSE)
        else:
            start, stop = status.timer_start, status.timer_stop
            card = status.setting("rfid")
            below = ""
            if card != "Disabled" and status.rfid_status == _INVALID_CARD:
                text = get(T_CARD_INVALID)
            elif start and (not stop or start < stop):
                text = yield from moment(status, self.texts, start, status.clock_s or 1)
                text = "%s|%s" % (get(T_STARTING), text)
                yield
                below = None
                if status.clock_s:
                    below = yield from moment(status, self.texts, status.clock_s)
            elif card != "Disabled":
                text = get(T_CARD_PRESENT)
                yield
                if status.rfid_status and card not in ("EnableAll", "EnableOne"):
                    below = get(T_CARD_STATES, status.rfid_status)
            else:
                text = get(T_DENIED)
        yield
        if below is None:
            below = yield from why(status, self.texts, phase)
        yield from self._frame(text, below)
