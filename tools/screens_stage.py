"""Runs on MicroPython: a real core behind a real display, watched by a recorder.

``Stage.show`` puts what one situation shows on the display and sends it to standard output as one
line of JSON behind MARK: its name, caption, the 1024 bytes in hexadecimal, what is wrong with it.
Whatever else the situation shows in its turns is looked through as well.
"""

import json

from evse.panel.screens import Screens
from evse.panel.texts import Texts
from helpers_recorder import Recorder

MARK = "\x1eSCREEN "
_TURN_S = 4
_TURNS = 12  # until all that takes turns has been shown
_NOW_S = 100


def _hex(data):
    return "".join("%02x" % byte for byte in data)


def _take(status, facts):
    """Put ``facts`` into a status; returns what was there."""
    before = {}
    for fact, value in facts.items():
        before[fact] = getattr(status, fact)
        setattr(status, fact, value)
    return before


def _give_back(status, before):
    for fact, value in before.items():
        if callable(value):
            delattr(status, fact)  # its class's own is there again
        else:
            setattr(status, fact, value)


class Stage:
    """All that is shown in one language."""

    def __init__(self, language):
        self.language = language
        self.canvas = Recorder()
        self.texts = Texts(language)
        self._now_s = _NOW_S

    def show(self, name, caption, bench, turns=1, held=0, **facts):
        """Send the first ``turns`` pictures of a situation; ``facts`` replace the status's own."""
        status = bench.status
        before = _take(status, facts)
        self._now_s = _NOW_S
        screens = Screens(self.canvas, status, self.texts)
        screens.held = held
        shown = []
        for turn in range(max(turns, _TURNS)):
            screens.seconds = turn * _TURN_S
            self._draw(screens)
            found = self.canvas.faults()
            texts = [text.row() for text in self.canvas.texts if text.words != "·"]
            if turn < turns and texts not in shown:
                shown.append(texts)
                self.send(name + ("_%d" % (turn + 1) if turns > 1 else ""),
                          caption + (" (%d)" % (turn + 1) if turns > 1 else ""), found)
            else:
                self.wrong("%s, turn %d" % (name, turn + 1), found)
        _give_back(status, before)

    def watch(self, name, bench, seconds, **facts):
        """Look at ``seconds`` pictures in a row, and send none."""
        status = bench.status
        before = _take(status, facts)
        screens = Screens(self.canvas, status, self.texts)
        for second in range(seconds):
            self._draw(screens)
            self.wrong("%s, second %d" % (name, second), self.canvas.faults())
        _give_back(status, before)

    def _draw(self, screens):
        self.canvas.start()
        self._now_s += 1
        for _ in screens.draw(self._now_s):
            pass

    def send(self, name, caption, found):
        """Tell what is on the display now."""
        print(MARK + json.dumps({
            "language": self.language, "name": name, "caption": caption,
            "data": _hex(self.canvas.data), "wrong": found,
            "texts": [text.row() for text in self.canvas.texts]}))

    def wrong(self, where, found):
        """Tell what is wrong with a picture that is not kept."""
        if found:
            print(MARK + json.dumps({"language": self.language, "where": where, "wrong": found}))
