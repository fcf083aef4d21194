"""Requests that arrive at the same time, and how the writer waits for the last of them."""

import asyncio
import threading
from contextlib import suppress

QUIET_TURNS = 2  # turns of the event loop without a request, after which the writer begins
MAX_SECONDS = 0.01


class Arrivals:
    """Counts the requests that an event loop hands to the writer.

    Loop and writer share one interpreter (the GIL). Writing one request while the loop reads the
    next ones takes twice as long as reading all of them first and writing them as one group.
    """

    def __init__(self) -> None:
        self.count = 0

    def wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Blocks until QUIET_TURNS turns of the loop have brought no request, or MAX_SECONDS.

        To be called in another thread than the loop's.
        """
        settled = threading.Event()
        with suppress(RuntimeError):  # the loop is closed: no one comes any more
            loop.call_soon_threadsafe(self._turn, loop, settled, self.count, 0)
            settled.wait(MAX_SECONDS)

    def _turn(
        self, loop: asyncio.AbstractEventLoop, settled: threading.Event, before: int, quiet: int
    ) -> None:
        quiet = quiet + 1 if self.count == before else 0
        if quiet > QUIET_TURNS:
            settled.set()
        else:
            loop.call_soon(self._turn, loop, settled, self.count, quiet)
