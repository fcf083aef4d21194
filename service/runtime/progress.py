"""How far work on rows is: one thread does it, others look on."""

import threading


class RowProgress:
    """Rows done of rows, in phases one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._phase: str | None = None
        self._done = self._rows = 0

    def begin(self, phase: str, rows: int) -> None:
        """Begins a phase that works on so many rows."""
        with self._lock:
            self._phase, self._done, self._rows = phase, 0, rows

    def advance(self, rows: int) -> None:
        """So many more are done; what is done twice counts once."""
        with self._lock:
            self._done = min(self._done + rows, self._rows)

    def now(self) -> tuple[str | None, int, int]:
        """The phase (None before the first one), its rows that are done, and its rows."""
        with self._lock:
            return self._phase, self._done, self._rows
