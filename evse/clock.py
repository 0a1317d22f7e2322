"""Wall clock: local time out of Unix seconds, by a POSIX rule like "CET-1CEST,M3.5.0,M10.5.0/3".

Everything is whole numbers. Unix seconds do not fit the small ints of the board, so nothing here
belongs into the 10 ms path.
"""

from micropython import const

_DAY_S = const(86400)


def _days(year, month, day):
    """Days since 1970-01-01. Month 13 is the next January; ``day`` may lie outside its month."""
    if month < 3:  # years that begin in March have their leap day at the end
        year -= 1
        month += 12
    return (365 * year + year // 4 - year // 100 + year // 400
            + (153 * month - 457) // 5 + day - 719469)


def _date(days):
    """Return (year, month, day) of the day so many days after 1970-01-01."""
    era, day = divmod(days + 719468, 146097)  # 400 years
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month - 3) // 5
    if month > 9:
        return era * 400 + year + 1, month - 9, day
    return era * 400 + year, month + 3, day


def _span(text, most):
    """Return the seconds that "[+-]h[:mm[:ss]]" stands for, of at most ``most`` hours."""
    total = 0
    unit = 3600
    parts = (text[1:] if text[:1] in ("+", "-") else text).split(":")
    for part in parts:
        if not part.isdigit() or int(part) > (most if unit == 3600 else 59):
            raise ValueError("%s is no time" % text)
        total += int(part) * unit
        unit //= 60
    if len(parts) > 3:
        raise ValueError("%s is no time" % text)
    return -total if text[0] == "-" else total


def _cut(text):
    """Drop the zone's name ``text`` begins with; return (its offset, what follows)."""
    end = 0
    if text[:1] == "<":
        end = text.find(">") + 1
    else:
        while text[end : end + 1].isalpha():
            end += 1
    if end < 3:
        raise ValueError("a zone's name has at least three letters: %s" % text)
    start = end
    while text[end : end + 1] and text[end] in "+-:0123456789":
        end += 1
    return text[start:end], text[end:]


def _rule(text):
    """Return (month, week, weekday, s) of "Mm.w.d/time", (0, 1, n, s) of Jn, (0, 0, n, s) of n."""
    date, slash, at = text.partition("/")
    at = _span(at, 167) if slash else 7200
    parts = date[1:].split(".") if date[:1] in ("M", "J") else (date,)
    for part in parts:
        if not part.isdigit():
            raise ValueError("%s is no date" % text)
    numbers = [int(part) for part in parts]
    if date[0] == "M":
        if len(numbers) == 3:
            month, week, day = numbers
            if 0 < month < 13 and 0 < week < 6 and day < 7:
                return month, week, day, at
    elif len(numbers) == 1:
        julian = 1 if date[0] == "J" else 0
        if julian <= numbers[0] <= 365:
            return 0, julian, numbers[0], at
    raise ValueError("%s is no date" % text)


def _turn(rule, year):
    """Return what the clock in force till then shows at ``rule``'s turn, in s since 1970-01-01."""
    month, week, day, at = rule
    if month:
        first = _days(year, month, 1)
        day = first + (day - first - 4) % 7 + 7 * (week - 1)
        if day >= _days(year, month + 1, 1):
            day -= 7  # week 5 is the last one
    else:
        first = _days(year, 1, 1)
        if week and (day < 60 or _days(year, 3, 1) - first == 59):
            day -= 1  # Jn counts from 1 and leaves the leap day out
        day += first
    return day * _DAY_S + at


class Zone:
    """A time zone by its POSIX rule; ValueError says what is wrong with the rule.

    Times are Unix seconds. What the rule says is taken to hold for all years.
    """

    def __init__(self, rule):
        parts = rule.split(",")
        offset, rest = _cut(parts[0])
        # POSIX counts westwards.
        self._standard = self._summer = -_span(offset, 24)
        self._rules = None
        if rest:
            offset, rest = _cut(rest)
            self._summer = -_span(offset, 24) if offset else self._standard + 3600
            if len(parts) == 3:
                self._rules = (_rule(parts[1]), _rule(parts[2]))
        if rest or len(parts) != (3 if self._rules else 1) or \
                (self._summer != self._standard and not self._rules):
            raise ValueError("a zone with summer time needs the two dates it begins and ends on")
        # Summer time of one year, as Unix seconds: what was asked for last is asked for again.
        self._year = None
        self._begins = self._ends = 0

    def offset(self, utc):
        """Return the seconds by which local time is ahead of ``utc`` then."""
        if not self._rules:
            return self._standard
        year = _date((utc + self._standard) // _DAY_S)[0]
        if year != self._year:
            self._year = year
            self._begins = _turn(self._rules[0], year) - self._standard
            self._ends = _turn(self._rules[1], year) - self._summer
        if self._begins < self._ends:
            return self._summer if self._begins <= utc < self._ends else self._standard
        return self._standard if self._ends <= utc < self._begins else self._summer

    def local(self, utc):
        """Return (year, month, day, hour, minute, second, weekday from Monday 0) of ``utc``."""
        days, second = divmod(utc + self.offset(utc), _DAY_S)
        return _date(days) + (second // 3600, second // 60 % 60, second % 60, (days + 3) % 7)

    def utc(self, year, month, day, hour, minute):
        """Return the Unix seconds of a local time; day, hour and minute may overflow.

        A time that the clocks skip moves forward by what they skip; of one that comes twice it is
        the first.
        """
        seconds = _days(year, month, day) * _DAY_S + hour * 3600 + minute * 60
        early = max(self._standard, self._summer)
        if self.offset(seconds - early) == early:
            return seconds - early
        return seconds - min(self._standard, self._summer)

    def parse(self, text):
        """Return the Unix seconds of the local time "YYYY-MM-DDTHH:MM", or raise ValueError.

        A space may stand for the T; seconds and whatever follows are ignored.
        """
        digits = text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16]
        if len(digits) == 12 and digits.isdigit() and \
                text[4] + text[7] + text[10] + text[13] in ("--T:", "-- :"):
            year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
            hour, minute = int(digits[8:10]), int(digits[10:])
            if hour < 24 and minute < 60 and 0 < month < 13 and \
                    _date(_days(year, month, day)) == (year, month, day):
                return self.utc(year, month, day, hour, minute)
        raise ValueError("a time is written YYYY-MM-DDTHH:MM")

    def text(self, utc):
        """Return the local time of ``utc`` as "YYYY-MM-DDTHH:MM"."""
        return "%04d-%02d-%02dT%02d:%02d" % self.local(utc)[:5]
