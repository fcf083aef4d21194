"""Shuts the service down in order and in time, whatever is under way."""

import os
import threading
from collections.abc import Callable

from service.runtime.logs import get_logger

log = get_logger(__name__)
AGAIN_SECONDS = 0.1  # what is between two statements is not interrupted
LAST_SECONDS = 10.0  # for what was cut short to come to its end


class Ending:
    """A deadline for the shutdown: what takes longer is cancelled."""

    def __init__(self, seconds: float, cut_short: Callable[[], None], ends_process: bool) -> None:
        """After so many `seconds`, `cut_short` is called again and again until it is `over`.

        Threads that read, such as those that verify a backup, cannot be interrupted; with
        `ends_process` the process does not wait for them. All that was answered is on the disk.
        """
        self._seconds, self._cut_short, self._ends_process = seconds, cut_short, ends_process
        self._over = threading.Event()

    def begin(self) -> None:
        """Starts the timer."""
        threading.Thread(target=self._watch, name="ending", daemon=True).start()

    def over(self) -> None:
        """Stops the timer: the warehouse is closed."""
        self._over.set()

    def _watch(self) -> None:
        if not self._over.wait(self._seconds):
            log.warning("cut_short", after_seconds=self._seconds)
        pauses = int(LAST_SECONDS / AGAIN_SECONDS)
        for _ in range(pauses):
            if self._over.wait(AGAIN_SECONDS):
                break
            self._cut_short()
        if self._ends_process:
            threading.Event().wait(LAST_SECONDS)  # most often there is nothing left to wait for
            log.warning("ended_at_once", closed=self._over.is_set())
            os._exit(0 if self._over.is_set() else 1)
