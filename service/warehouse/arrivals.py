"""Requests that come at the same time, and how the writer, in its thread, waits for the last."""

import asyncio
import threading
from contextlib import suppress

QUIET_TURNS = 2  # of the event loop, after which no other is waited for
MOST_SECONDS = 0.01


class Arrivals:
    """The requests that an event loop brings; it counts them.

    The loop and the writer take turns at the interpreter: to write one request while the loop reads
    the next ones takes both twice the time that it takes to read all and to write them together.
    """

    def __init__(self) -> None:
        self.count = 0

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Returns, in another thread than the loop's, once some turns of it have brought nothing,
        or after `MOST_SECONDS`.
        """
        settled = threading.Event()
        with suppress(RuntimeError):  # the loop is closed: no one comes any more
            loop.call_soon_threadsafe(self._turn, loop, settled, self.count, 0)
            settled.wait(MOST_SECONDS)

    def _turn(
        self, loop: asyncio.AbstractEventLoop, settled: threading.Event, before: int, quiet: int
    ) -> None:
        quiet = quiet + 1 if self.count == before else 0
        if quiet > QUIET_TURNS:
            settled.set()
        else:
            loop.call_soon(self._turn, loop, settled, self.count, quiet)
