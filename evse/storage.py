"""What must outlive a power cut: settings, states, sessions, history; and when flash is written.

Flash stalls the chip, so files are written and sectors erased only while no contactor is closed.
What comes up meanwhile goes as short records into flash that is erased already, and is taken over
into the files afterwards, or at the next start.
"""

import json
import os

from micropython import const

from evse import reasons
from evse.flashlog import LONGEST, SESSION, SETTING, STATE, FlashLog
from evse.history import SPARE, History
from evse.rare import rare
from evse.sessions import Sessions, pack

_EVERY_S = const(60)
# A session is noted with each minute of history; without a time of day there is none.
_NOTE_S = const(62)
# The last slots of a log that fills up are used up less often.
_SPARING_S = const(600)
# Two hours of history. One that is erased more often wears out; a session may want the rest.
_WORTH_ERASING = const(128)
_FOLDER = const(0x4000)
_FILES = const(("settings", "cards", "sessions", "minutes", "quarters", "update", "crash"))


class Storage:
    """Settings, sessions, history and log of one charger.

    ``settings`` are those in force, ``directory`` holds the files, ``part`` is the board's raw log
    or None. ``failed`` is True since the flash did not take something. Nothing here raises for
    want of flash: a charger that cannot remember still charges, and says so. ``behind`` is True
    while the log keeps more of the history than one call may write into files.
    """

    def __init__(self, settings, record, directory, part):
        self._settings = settings
        self._record = record
        self._directory = directory
        self._sessions = Sessions(directory + "/sessions.bin")
        self._history = history = History(directory)
        self._log = None
        self._failed = self.behind = False
        self._noted_s = self._saved_s = -_SPARING_S
        self._filed = 0  # what the history had filed when the log last forgot
        self._owed = 0  # the last session that only the log has, 0 for none
        self._make_way()
        folded = not part or self._did(self._fold, part)
        if self._did(history.fold) and folded:  # all of it: no watchdog runs yet
            self._did(self._forget_all)

    @property
    def failed(self):
        """True since the flash did not take something."""
        return self._failed or self._history.failed

    def holds(self, name):
        """True when the file ``name`` is there; a folder that is damaged holds none."""
        try:
            os.stat(self._directory + "/" + name)
        except OSError:
            return False
        return True

    @property
    def number(self):
        """Number of the latest session, 0 for none."""
        return max(self._sessions.number, self._owed)

    def _did(self, step, *arguments):
        """Take a step of the start; False when flash does not let it."""
        try:
            step(*arguments)
            return True
        except OSError:
            self._fail(4)
            return False

    def _make_way(self):
        """Rename the folders that stand where a file belongs: nothing could be written there."""
        directory = self._directory
        try:
            for name, kind, *_ in list(os.ilistdir(directory)):
                what, dot, _ = name.partition(".")
                if kind == _FOLDER and dot and what in _FILES:
                    os.rename(directory + "/" + name, directory + "/" + name.replace(".", " "))
        except OSError:
            pass  # whoever wants to write there will say so

    def _fold(self, part):
        """Take over what the log kept when the power failed."""
        settings = self._settings
        self._log = self._history.log = log = FlashLog(part)
        self._owed = self._sessions.noted(log.records())
        values = {}
        document = {"settings": values}
        for kind, payload in log.records():
            if kind == SETTING or kind == STATE:
                try:
                    (values if kind == SETTING else document).update(json.loads(payload))
                    settings.changed = True
                except (ValueError, TypeError):
                    continue  # not of this firmware
        # All at once: MIN and MAX are judged together, in whatever order they were changed.
        settings.load(document)
        settings.save()
        self._settle()

    def _settle(self):
        """Write the sessions that only the log has."""
        if self._owed:
            self._sessions.fold(self._log.records(), self._owed)
            self._owed = 0
            self._failed = False

    def second(self, core):
        """Write what is due; call it about once a second."""
        now_s = core.journal.uptime_s
        settings = self._settings
        history = self._history
        log = self._log
        session = core.session
        closed = core.charger.c1
        due = not closed and now_s - self._saved_s >= _EVERY_S
        noting = closed and session.active
        sparing = log and log.room - log.used < SPARE
        over, more = self._take_history(core, noting and not sparing)
        self.behind = closed or more
        try:
            if core.finished and not closed:
                if due or not self._failed:
                    self._keep(core, more)
                else:
                    self._owe(core.finished)
            if settings.changed and due and not more:
                self._saved_s = now_s
                self.save(core)
            elif noting or settings.fresh:
                wait_s = _SPARING_S if sparing else _EVERY_S if settings.fresh else _NOTE_S
                if now_s - self._noted_s >= wait_s or (over and noting and not sparing):
                    self._noted_s = now_s
                    self._note(session)
            elif log and not core.charger.plugged and not settings.changed:
                if history.filed != self._filed and not session.active and not core.finished:
                    self._forget(core)
                elif log.used > _WORTH_ERASING and not self._failed:
                    log.erase_step()
        except OSError:
            self._fail(3)

    def _take_history(self, core, rides):
        """Move history on: (has a minute ended, does the log keep more than a little of it).

        It is to be in files before the log forgets it. ``rides``: with what is noted of a session.
        """
        history = self._history
        over = False
        try:
            over = history.second(core)
            if over and not rides:
                history.note(core.charger.c1)
            return over, not core.charger.c1 and history.step()
        except (OSError, MemoryError):  # it is worth neither a charge nor what is kept of it
            history.failed = True
            return over, False

    def _keep(self, core, more):
        """Write a session that is over; one that cannot be written now is tried once a minute."""
        try:
            self._settle()
            self._sessions.add(core.finished)
            core.finished = None
            self._failed = False
            if not self._settings.changed and not more:
                self._forget(core)
        except OSError:
            self._saved_s = core.journal.uptime_s
            self._fail(3)
            self._owe(core.finished)

    def _owe(self, session):
        """Put a session that is over into the log: another may end before a file takes it."""
        if self._log and session.number > self._owed and self._log.append(SESSION, pack(session)):
            self._owed = session.number

    def save(self, core):
        """Write the settings now. Blocks: never with a contactor closed, unless all is lost.

        While it is ``behind`` the log is left to the next start.
        """
        try:
            self._note(core.session)
            self._settings.save()
            if not self.behind:
                self._forget(core)
            self._failed = core.finished is not None
        except OSError:
            self._fail(3)

    def table(self, core, name, *arguments):
        """Yield the sessions as lines of text: ``name`` is a function of evse.sessions_csv."""
        cards = core.cards

        def name_of(card):
            found = cards.find(card) if cards and card else None
            return found[1] if found else ""

        return getattr(rare("sessions_csv"), name)(
            self._sessions, core.load_zone(), name_of, *arguments)

    def history(self, core, name, *arguments):
        """Yield the history as text: ``name`` is a function of evse.history_read."""
        return getattr(rare("history_read"), name)(self._history, core.load_zone(), *arguments)

    def _note(self, session):
        """Put into the log what no file has yet."""
        log = self._log
        if not log:
            return
        if session.active:
            minutes = self._history.beside()
            if log.append(SESSION, pack(session) + minutes):
                self._history.noted(minutes)
        settings = self._settings
        while settings.fresh:
            key = settings.fresh[0]
            state = key in settings.states
            value = settings.states[key] if state else settings.get(key)
            record = json.dumps({key: value}).encode()
            # What does not fit reaches the file when the contactor opens.
            if len(record) <= LONGEST and not log.append(STATE if state else SETTING, record):
                return
            settings.fresh.pop(0)

    def _forget(self, core):
        """All that the log holds is in files, save a session that goes on or was not taken."""
        session = core.finished or core.session
        self._forget_all(pack(session) if session.active or core.finished else b"")

    def _forget_all(self, kept=b""):
        """Write the minutes that no file has; then the log may forget all but ``kept``."""
        try:
            self._history.flush()
        except MemoryError:
            self._history.failed = True
            return
        self._settle()
        self._filed = self._history.filed
        if self._log:
            self._log.reset(kept)

    def _fail(self, what):
        if not self._failed:
            self._failed = True
            self._record(reasons.STORAGE, what)
