"""The start: the board first, then all that runs on it; whatever fails, the outputs are safe."""

import asyncio
import sys
import time

from micropython import const

from evse.build import BOARD
from evse.crumb import Crumb
from evse.rare import rare

_REPL_WATCHDOG_MS = const(600_000)
_PAUSE_S = const(10)  # what cannot even start is tried again, but not without end at once
_FAILED_MOST = const(5)  # starts in a row that do not last; the next one is in safe mode
_OTHER_SLOT, _ONCE_MORE = const(8), const(9)  # what boot.py counts when not even that lasts
_BEGIN_WATCHDOG_MS = const(120_000)  # until whoever runs sets his own


def _starts(root):
    """How many starts in a row have not lasted, this one included, as boot.py counts them."""
    try:
        with open(root + "/boots", "rb") as file:
            return int(file.read(2))
    except (OSError, ValueError):
        return 0


def begun(board):
    """Return (starts in a row that did not last, with this one; Crumb; is it the safe mode)."""
    starts = _starts(board.root())
    # What was kept may be what ends every start.
    crumb = Crumb(board, starts != _OTHER_SLOT)
    # Who has asked for this start wants the app, also where no count can be written.
    return starts, crumb, _FAILED_MOST < starts < _ONCE_MORE and crumb.cause != "restart"


def main(load):
    """Run the app on this build's board; leave the outputs safe whatever happens.

    ``load(when)`` loads the modules that the board does not need: "now" for the app, "safe" for
    the safe mode. They come after it because it makes the room for them, once its radio has what
    that needs.
    """
    board = __import__("evse.boards." + BOARD, None, None, ("create",)).create()
    crumb = app = None
    try:
        board.safe()
        board.watchdog(_BEGIN_WATCHDOG_MS)
        starts, crumb, is_safe = begun(board)
        if is_safe:
            load("safe")
            from evse.safe import Safe as App
        else:
            load("now")
            from evse.app import App
        app = App(board, crumb, starts)
        asyncio.run(app.run())
    except KeyboardInterrupt:
        # Somebody wants the REPL: nothing is live, and they get the time to work in it.
        board.safe()
        board.watchdog(_REPL_WATCHDOG_MS)
        if app:
            app.save()
        rare("slots").count(board.root(), 0)
    except Exception as problem:
        board.safe()
        try:
            sys.print_exception(problem)
            if crumb:
                crumb.fail(problem)
            try:
                with open(board.data_dir() + "/crash.txt", "w") as file:
                    sys.print_exception(problem, file)
            except OSError:
                pass  # flash does not take it
            if app:
                app.save()
            else:
                time.sleep(_PAUSE_S)
        finally:
            board.reset()  # whatever is broken or full, it must not keep the board from restarting
