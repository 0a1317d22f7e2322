"""Charts as SVG: small, the same bytes each time, legible on light and on dark."""

import textwrap
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 720, 52, 14
LETTERS = 108  # in a line of a caption
# Class of a line: its colour on light, on dark; "a" behind it is an area, paler and opaque.
COLOURS = {"mains": (("#2f3640", "#c9ced3"), ("#e3e7ea", "#4a5158")),
           "limit": (("#c62828", ""), ("#ff7b72", "")),
           "sun": (("#c98a00", "#f6dc9a"), ("#f2c14e", "#6b5519")),
           "house": (("#767f88", "#c3c9ce"), ("#9aa3ab", "#545c64")),
           "e0": (("#2a6fd0", "#a9c9f5"), ("#6aa8ff", "#2b4f80")),
           "e1": (("#c8641b", "#f4c7a2"), ("#ffa057", "#7a4a22")),
           "e2": (("#178a63", "#a5dcc8"), ("#4fd0a5", "#236350")),
           "e3": (("#9a45b5", "#dfbdea"), ("#d48cf0", "#683a7a"))}
PLAIN = ("text{font:11px system-ui,sans-serif;fill:%s}.h{font-size:15px;font-weight:600}"
         ".s{fill:%s}.bg{fill:%s}.g{stroke:%s;stroke-opacity:.16;fill:none}"
         ".m{stroke:%s;fill:none;stroke-dasharray:2 3}")
LIGHT = ("#1d2125", "#58626c", "#fdfdfc", "#000", "#39424a")
DARK = ("#eceff1", "#a7b0b8", "#15181b", "#fff", "#c3cad0")
STEPS_S = (1, 2, 5, 10, 20, 60, 120, 300, 600, 900)
MOST_STEPS = 14


def style():
    """The style sheet: light, and dark for who prefers it."""
    sheets = []
    for number, plain in enumerate((LIGHT, DARK)):
        rules = [PLAIN % plain]
        for name, shades in COLOURS.items():
            rules.append(".%s{stroke:%s;fill:none;stroke-width:1.5}" % (name, shades[number][0]))
            if shades[number][1]:
                rules.append(".%sa{fill:%s}" % (name, shades[number][1]))
        sheets.append("\n".join(rules))
    return ("%s\n.limit{stroke-dasharray:6 3}\n@media (prefers-color-scheme:dark){\n%s}"
            % tuple(sheets))


def short(number):
    """A coordinate with as few digits as it needs."""
    text = "%.1f" % number
    return text[:-2] if text.endswith(".0") else text


class Sheet:
    """A picture: title, what it says, the legend, then panels from top to bottom.

    ``legend``: (class, words) of lines, areas ("...a") and marks ("m").
    """

    def __init__(self, title, caption, legend):
        self.parts = []
        self.y = 24
        self.text(12, self.y, title, "h")
        for line in textwrap.wrap(caption, LETTERS):
            self.y += 16
            self.text(12, self.y, line, "s")
        self.y += 20
        x = 12
        for name, words in legend:
            area = name.endswith("a")
            form = '<path class="%s" d="M%d %dh18%s"/>'
            self.parts.append(form % (name, x, self.y - (8 if area else 4),
                                      "v9h-18z" if area else ""))
            self.text(x + 23, self.y, words)
            x += 42 + 6 * len(words)
        self.y += 5

    def text(self, x, y, words, kind="", anchor="start"):
        """Write at a place."""
        self.parts.append('<text%s x="%s" y="%s"%s>%s</text>' % (
            kind and ' class="%s"' % kind, short(x), short(y),
            "" if anchor == "start" else ' text-anchor="%s"' % anchor, escape(words)))

    def svg(self):
        """The whole file."""
        size = (WIDTH, self.y + 10)
        return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" '
                'height="%d">\n<style>%s</style>\n<rect class="bg" width="100%%" height="100%%" '
                'rx="6"/>\n%s\n</svg>\n' % (*size, *size, style(), "\n".join(self.parts)))


class Panel:
    """Axes in a sheet over ``span`` seconds and ``levels``, the marks of the scale, rising.

    ``place``: its left and right edge. ``clock``: second of the day at t 0, None to count from 0.
    ``axis``: times are written below. ``stays``: the next panel is beside it, not below.
    """

    def __init__(self, sheet, height, span, levels, unit="A", place=(LEFT, WIDTH - RIGHT),
                 clock=None, axis=True, stays=False):
        self.sheet, self.span, self.levels, self.height = sheet, span, levels, height
        self.left, self.right = place
        self.top, self.bottom = sheet.y + 10, sheet.y + 10 + height
        self._behind = len(sheet.parts)  # areas go behind the grid
        for level in levels:
            y = self.y(level)
            sheet.parts.append('<path class="g" d="M%s %sH%s"/>'
                               % (self.left, short(y), self.right))
            words = "%g" % level + (" " + unit if level == levels[-1] else "")
            if level or axis:
                sheet.text(self.left - 5, y + 4, words, "s", "end")
        self._times(clock, axis)
        if not stays:
            sheet.y = self.bottom + (18 if axis else 0)

    def _times(self, clock, axis):
        begin, end = self.span
        step = next(step for step in STEPS_S if (end - begin) / step <= MOST_STEPS)
        moments = range(-(-int(begin) // step) * step, int(end) + 1, step)
        for t_s in moments:
            x = self.x(t_s)
            self.sheet.parts.append('<path class="g" d="M%s %sv4"/>'
                                    % (short(x), short(self.bottom)))
            words = "%d" % (t_s if step < 60 else t_s // 60)
            if t_s == moments[-1]:
                words += " s" if step < 60 else " min"
            if clock is not None:
                words = "%d:%02d" % ((clock + t_s) // 3600, (clock + t_s) // 60 % 60)
            if axis:
                edge = x > self.right - 14
                self.sheet.text(self.right + 6 if edge else x, self.bottom + 15, words, "s",
                                "end" if edge else "middle")

    def x(self, t_s):
        """Where a moment is."""
        begin, end = self.span
        return self.left + (self.right - self.left) * (t_s - begin) / (end - begin)

    def y(self, value):
        """Where a value is; what is outside ends at the edge."""
        low, high = self.levels[0], self.levels[-1]
        value = min(max(value, low), high)
        return self.bottom - self.height * (value - low) / (high - low)

    def _steps(self, series):
        """The path of values that hold; of many in one dot the extremes and the last."""
        dots = {}
        for t_s, value in series:
            dots.setdefault(round(self.x(t_s)), []).append(self.y(value))
        path, shown = "", None
        for x, values in dots.items():
            for y in [min(values), max(values)] * (len(values) > 2) + values[-1:]:
                if short(y) != shown:
                    shown = short(y)
                    path += ("H%dV%s" if path else "M%d %s") % (x, shown)
        return path + "H%d" % round(self.x(series[-1][0]))

    def area(self, kind, series):
        """Fill from 0 to the values, over what was filled before."""
        self.sheet.parts.insert(self._behind, '<path class="%sa" d="%sV%sH%dz"/>' % (
            kind, self._steps(series), short(self.y(0)), round(self.x(series[0][0]))))
        self._behind += 1

    def line(self, kind, series):
        """Draw the values."""
        self.sheet.parts.append('<path class="%s" d="%s"/>' % (kind, self._steps(series)))

    def slope(self, kind, points):
        """Draw straight from point to point."""
        self.sheet.parts.append('<path class="%s" d="M%s"/>' % (kind, "L".join(
            "%s %s" % (short(self.x(t_s)), short(self.y(value))) for t_s, value in points)))

    def limit(self, value, words="", kind="limit"):
        """A value that matters, named at its right end."""
        self.line(kind, [(self.span[0], value), (self.span[1], value)])
        self.note(self.span[1], value, words, "end")

    def mark(self, t_s, words, value=None, anchor="start"):
        """A moment that matters, named at the top or above a value."""
        self.sheet.parts.append('<path class="m" d="M%s %sV%s"/>'
                                % (short(self.x(t_s)), short(self.top), short(self.bottom)))
        shift = 15 * (self.levels[-1] - self.levels[0]) / self.height
        self.note(t_s, self.levels[-1] - shift if value is None else value, words, anchor)

    def note(self, t_s, value, words, anchor="start"):
        """Write above a place, beside it."""
        if words:
            shift = {"start": 4, "end": -4, "middle": 0}[anchor]
            self.sheet.text(self.x(t_s) + shift, self.y(value) - 4, words, "", anchor)
