"""The start: the board first, then all that runs on it; whatever fails, the outputs are safe."""

import asyncio
import sys
import time

from micropython import const

from evse.build import BOARD

_REPL_WATCHDOG_MS = const(600_000)
_PAUSE_S = const(10)  # what cannot even start is tried again, but not without end at once


def main(load):
    """Run the app on this build's board; leave the outputs safe whatever happens.

    ``load`` loads the modules that the board does not need. They come after it because it makes
    the room for them, once its radio has what that needs.
    """
    board = __import__("evse.boards." + BOARD, None, None, ("create",)).create()
    app = None
    try:
        board.safe()
        load()
        from evse.app import App
        app = App(board)
        asyncio.run(app.run())
    except KeyboardInterrupt:
        # Somebody wants the REPL: nothing is live, and they get the time to work in it.
        board.safe()
        board.watchdog(_REPL_WATCHDOG_MS)
        if app:
            app.save()
    except Exception as problem:
        board.safe()
        try:
            sys.print_exception(problem)
            with open(board.data_dir() + "/crash.txt", "w") as file:
                sys.print_exception(problem, file)
            if app:
                app.save()
            else:
                time.sleep(_PAUSE_S)
        finally:
            board.reset()  # whatever is broken or full, it must not keep the board from restarting
