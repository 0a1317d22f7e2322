"""What must outlive a power cut: settings, states and sessions, and when flash may be written.

Flash stalls the chip, so files are written and sectors erased only while no contactor is closed.
What comes up meanwhile goes as short records into flash that is erased already, and is taken over
into the files afterwards, or at the next start.
"""

import json

from micropython import const

from evse import reasons
from evse.flashlog import LONGEST, SESSION, SETTING, STATE, FlashLog
from evse.rare import rare
from evse.sessions import Sessions, pack

_EVERY_S = const(60)
# A log that fills up is written less often: 13 hours take this much, a day the rest.
_SPARING_SLOTS = const(800)
_SPARING_S = const(600)


class Storage:
    """Settings, sessions and log of one charger.

    ``settings`` are those in force, ``directory`` holds the files, ``part`` is the board's raw log
    or None. ``failed`` is True since the flash did not take something. Nothing here raises for
    want of flash: a charger that cannot remember still charges, and says so.
    """

    def __init__(self, settings, record, directory, part):
        self._settings = settings
        self._record = record
        self._sessions = Sessions(directory + "/sessions.bin")
        self._log = None
        self.failed = False
        self._noted_s = self._saved_s = -_SPARING_S
        try:
            if part:
                self._log = FlashLog(part)
                self._fold()
        except OSError:
            self._fail(4)

    @property
    def number(self):
        """Number of the latest session, 0 for none."""
        return self._sessions.number

    def _fold(self):
        """Take over what the log kept when the power failed."""
        settings = self._settings
        values = {}
        document = {"settings": values}
        for kind, payload in self._log.records():
            if kind == SETTING or kind == STATE:
                try:
                    (values if kind == SETTING else document).update(json.loads(payload))
                    settings.changed = True
                except ValueError:
                    continue
        # All at once: MIN and MAX are judged together, in whatever order they were changed.
        settings.load(document)
        self._sessions.fold(self._log.records())
        settings.save()
        self._log.reset()

    def second(self, core):
        """Write what is due; call it about once a second."""
        now_s = core.journal.uptime_s
        settings = self._settings
        closed = core.charger.c1
        due = not closed and now_s - self._saved_s >= _EVERY_S
        try:
            if core.finished and not closed and (due or not self.failed):
                self._keep(core)
            sparing = self._log and self._log.used > _SPARING_SLOTS
            if settings.changed and due:
                self._saved_s = now_s
                self.save(core)
            elif (closed and core.session.active) or settings.fresh:
                if now_s - self._noted_s >= (_SPARING_S if sparing else _EVERY_S):
                    self._noted_s = now_s
                    self._note(core.session)
            elif self._log and not core.charger.plugged and not settings.changed:
                self._log.erase_step()
        except OSError:
            self._fail(3)

    def _keep(self, core):
        """Write a session that is over; one that cannot be written now is tried once a minute."""
        try:
            self._sessions.add(core.finished)
            core.finished = None
            self.failed = False
            if not self._settings.changed:
                self._forget(core)
        except OSError:
            self._saved_s = core.journal.uptime_s
            self._fail(3)

    def save(self, core):
        """Write the settings now. Blocks: never with a contactor closed, unless all is lost."""
        try:
            self._note(core.session)
            self._settings.save()
            self._forget(core)
            self.failed = core.finished is not None
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

    def _note(self, session):
        """Put into the log what no file has yet."""
        log = self._log
        if not log:
            return
        if session.active:
            log.append(SESSION, pack(session))
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
        if self._log:
            session = core.finished or core.session
            self._log.reset(pack(session) if session.active or core.finished else b"")

    def _fail(self, what):
        if not self.failed:
            self.failed = True
            self._record(reasons.STORAGE, what)
