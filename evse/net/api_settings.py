"""All settings at once: told with what they may be, changed together, saved and put back.

What it has in common with other parts of the API is got by ``rare``: an import would keep them.
"""

import asyncio
import json
import sys

from micropython import const

from evse.net.reply import Reply, failure, quote, trusted
from evse.rare import rare
from evse.settings import (
    ALLOWED,
    DEFAULT,
    KEY,
    KIND,
    LCD,
    LEVEL,
    TABLE,
    UNIT,
    Refused,
    check,
    is_secret,
    names,
)

_BACKUP = const(1)
_PART_MAX = const(512)
_AT_ONCE = const(256)
_BLANK = const(32)
_QUOTE, _COMMA, _ESCAPE = const(34), const(44), const(92)
_LIST_END, _OPEN = const(93), const(123)
_HEADER = ("microevse", "version", "board", "serial")
_LISTS = ("intervals", "order")  # they have commands of their own


# ---- reading ----

def get_settings(request, status, _command):
    """Answer with all settings, or with their values alone."""
    return Reply(_values(status) if "values" in request.args else _all(request, status))


def _all(request, status):
    opened = trusted(request, status)
    drives = opened or status.setting("drive_locked") != "Enabled"
    comma = "{"
    for setting in TABLE:
        kind, allowed = setting[KIND], setting[ALLOWED]
        value = status.setting(setting[KEY])
        yield '%s"%s":{"kind":"%s","level":"%s","unit":"%s","label":"%s"' % (
            comma, setting[KEY], kind, setting[LEVEL], setting[UNIT], setting[LCD])
        if is_secret(setting):
            yield ',"set":%s' % quote(bool(value))
        else:
            yield ',"value":%s,"default":%s' % (quote(value), quote(setting[DEFAULT]))
        if kind == "int":
            yield ',"min":%d,"max":%d' % allowed
        elif kind == "enum":
            yield ',"names":%s' % quote(list(names(setting)))
        else:
            yield ',"longest":%d' % allowed
        yield ',"writable":%s}\n' % quote(opened if setting[LEVEL] == "install" else drives)
        comma = ","
    yield "}"


def _values(status, comma="{", end="}"):
    for setting in TABLE:
        if not is_secret(setting):
            yield '%s"%s":%s' % (comma, setting[KEY], quote(status.setting(setting[KEY])))
            comma = ","
    yield end


def get_backup(_request, status, _command):
    """Answer with a file that restore takes: all settings but the secret ones."""
    return Reply(_backup(status), headers={
        "Content-Disposition": 'attachment; filename="microevse-%d.json"' % status.serial})


def _backup(status):
    yield '{"microevse":%d,"version":%s,"board":%s,"serial":%d,"intervals":%s,"order":%s' % (
        _BACKUP, quote(status.version), quote(status.board), status.serial,
        quote(status.intervals()), quote(status.order()))
    yield from _values(status, ',"settings":{\n', "}}\n")


# ---- changing ----

def patch_settings(request, status, command):
    """Change several settings, all or none."""
    values, wrong = rare("net.api_write").document_of(request)
    if not wrong and not values:
        wrong = failure(400, "there are no settings in it")
    return wrong or _Storing(request, status, command, values=values)


def post_restore(request, status, command):
    """Put a backup's settings back, all or none; what it does not name stays."""
    if not rare("net.api_write").is_kind(request, "application/json"):
        return failure(415, "Content-Type must be application/json")
    return _Storing(request, status, command, chunks=request.chunks)


class _Storing(Reply):
    """An answer that is known once the settings are stored, or have been found to be wrong."""

    def __init__(self, request, status, command, values=None, chunks=None):
        super().__init__(b"")
        self._status = status
        self._command = command
        self._request = request
        self._values = values
        self._chunks = chunks
        self._secrets = {}
        self._lists = {}
        self._answer = None
        self._done = asyncio.Event()

    async def write(self, stream):
        """Store, and send the answer; raises OSError when the peer is gone."""
        if self._status.storing:
            await failure(503, "somebody else is changing the settings",
                          headers={"Retry-After": "1"}).write(stream)
            return
        self._status.storing = True
        # A task of its own: a connection that ends meanwhile must not leave half of it stored.
        asyncio.create_task(self._run())
        await self._done.wait()
        await self._answer.write(stream)

    async def _run(self):
        try:
            self._answer = await self._judge() or await self._store()
        except Exception as problem:
            sys.print_exception(problem)
            self._answer = failure(500, "internal error")
        finally:
            self._status.storing = False
            self._done.set()

    async def _judge(self):
        """Look at all that is wanted; returns the answer if it cannot be had."""
        if self._chunks is not None:
            try:
                await self._read()
            except ValueError as problem:
                return failure(400, str(problem))
        status = self._status
        opened = trusted(self._request, status)
        drives = opened or status.setting("drive_locked") != "Enabled"
        errors = []
        denied = 0
        for key in self._values:
            await asyncio.sleep_ms(0)
            try:
                setting = self._spec(key)
                if not (opened if setting[LEVEL] == "install" else drives):
                    denied += 1
                    raise Refused("%s can only be set at the charger or by the installer" % key,
                                  key)
                if setting[KIND] == "int" and type(self._values[key]) is str:
                    self._values[key] = None  # elsewhere digits are a number, not in JSON
                self._values[key] = check(setting, self._values[key])
                if self._values[key] == "DeleteAll" and status.busy():
                    raise Refused("cards can be changed when nothing charges", key)
                if setting[KIND] == "secret":
                    self._secrets[key] = self._values[key]
            except Refused as exc:
                errors.append({"field": exc.field, "error": exc.reason, "allowed": exc.allowed})
        for key in self._secrets:
            del self._values[key]
        return Reply(_errors(errors), 403 if denied else 422) if errors else None

    @staticmethod
    def _spec(key):
        for setting in TABLE:
            if setting[KEY] == key:
                return setting
        raise Refused("no setting is called %s" % key, key)

    async def _store(self):
        status = self._status
        source = self._request.source
        command = self._command
        before = {"intervals": status.intervals(), "order": status.order()}
        done = []
        try:
            for key, value in self._lists.items():
                command(key, value, source)
                done.append(key)
            for _ in rare("many").store(self._values, status.setting, command, source):
                await asyncio.sleep_ms(0)
            # Last, because nobody can tell what they were. They have been found to be right.
            for key, value in self._secrets.items():
                command("set", (key, value), source)
        except Refused as exc:
            for key in done:
                command(key, before[key], source)
            return rare("net.api_write").refusal(exc)
        return Reply('{"ok":true}')

    # ---- a backup ----

    async def _read(self):
        """Take the settings out of a backup, piece by piece; ValueError when it is none."""
        self._values = {}
        for path, pair in _pairs(self._chunks):
            await asyncio.sleep_ms(0)
            if not pair:
                continue
            for key, value in pair.items():
                if path == "settings":
                    self._values[key] = value
                elif key in _LISTS:
                    self._lists[key] = value
                elif key not in _HEADER:
                    raise ValueError("no backup has %s" % key)
        if not self._values:
            raise ValueError("there are no settings in it")


def _errors(errors):
    """Yield what is wrong with the values: the first of it as ever, then each by its field."""
    yield json.dumps(errors[0])[:-1] + ',"errors":['
    comma = ""
    for error in errors:
        yield comma + json.dumps(error)
        comma = ","
    yield "]}"


def _pairs(chunks):
    """Yield ("settings" or "", {key: value}) of each member of a backup; ValueError if it is none.

    The members of the object ``settings`` come one by one like those of the whole document, so
    that nothing large is ever in memory. Now and then it yields ("", None): others may run.
    """
    part = bytearray()
    path = ""
    depth = count = 0
    quoted = escaped = nested = False
    for chunk in chunks:
        for byte in chunk:
            count += 1
            if not count % _AT_ONCE:
                yield "", None
            if not depth:
                # Nothing but one object, and blanks around it.
                if byte == _OPEN and not nested:
                    depth = 1
                elif byte > _BLANK:
                    raise ValueError("a backup is one JSON object")
                continue
            if quoted:
                part.append(byte)
                quoted = escaped or byte != _QUOTE
                escaped = byte == _ESCAPE and not escaped
                continue
            own = 2 if path else 1
            if byte == _QUOTE:
                quoted = True
            elif byte in b"{[":
                depth += 1
                if byte == _OPEN and depth == 2 and part == b'"settings":':
                    path = "settings"
                    part = bytearray()
                    continue
            elif byte in b"}]" or byte == _COMMA:
                if depth == own:
                    if byte == _LIST_END:
                        raise ValueError("the body is not valid JSON")
                    if part:
                        pair = json.loads(b"{" + part + b"}")
                        if len(pair) != 1:  # not everything that is no JSON is found to be none
                            raise ValueError("the body is not valid JSON")
                        yield path, pair
                        part = bytearray()
                    elif byte == _COMMA and not nested:
                        raise ValueError("the body is not valid JSON")
                    nested = byte != _COMMA
                    if nested:
                        path = ""
                        depth -= 1
                    continue
                if byte != _COMMA:
                    depth -= 1
            if byte > _BLANK:
                part.append(byte)
                if len(part) > _PART_MAX:
                    raise ValueError("no member of a backup is that long")
    if depth or not nested:
        raise ValueError("the body is not valid JSON")
