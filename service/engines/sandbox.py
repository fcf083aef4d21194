"""Evaluates predicates of the dictionary over Arrow rows, by a DuckDB that can do nothing else.

It is in memory, reads and writes no file, loads no extension, and its settings are locked. What a
predicate may say, predicates.py decides.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache

import duckdb
import pyarrow as pa

from service.errors import Unavailable

MEMORY = "512MB"
SECONDS = 5.0  # that one batch of rows may take; a thousand rows take a millisecond
TICK_SECONDS = 0.5


class PredicateFailed(Exception):
    """An expression fails on one of the rows."""


def _too_much() -> Unavailable:
    return Unavailable("the rules of the table take too long for these rows; nothing was written")


class Sandbox:
    """One DuckDB of a process, with a cursor for each thread."""

    def __init__(self) -> None:
        self._root = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "memory_limit": MEMORY,
                "threads": 1,  # each thread that asks works itself
            },
        )
        self._root.execute("set TimeZone = 'UTC'")
        self._root.execute("set lock_configuration = true")
        self._own = threading.local()
        self._watch = _Watch()

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The cursor of this thread."""
        found: duckdb.DuckDBPyConnection | None = getattr(self._own, "cursor", None)
        if found is None:
            found = self._own.cursor = self._root.cursor()
        return found

    def evaluate(
        self,
        expressions: Sequence[str],
        rows: pa.Table | pa.RecordBatch,
        source: str = "arrow_rows",
        seconds: float = SECONDS,
    ) -> list[pa.ChunkedArray]:
        """The value of each expression for each of the `rows`, whose columns it may name.

        `source` is what is read of the relation ``arrow_rows``, as SQL has it behind ``from``.

        Raises:
            PredicateFailed: an expression fails on a row.
            Unavailable: it took longer than so many `seconds`, or more memory than there is.
        """
        if seconds <= 0:
            raise _too_much()
        cursor = self.cursor
        # A table, and not a stream of it, would be looked at from Python: that takes as long again.
        cursor.register("arrow_rows", rows.__arrow_c_stream__())
        selected = ", ".join(f"({each}\n) as c{i}" for i, each in enumerate(expressions))
        try:
            with self._watch.bounded(cursor, seconds):
                found = cursor.execute(f"select {selected} from {source}").to_arrow_table()
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise _too_much() from None
        except duckdb.Error as error:
            raise PredicateFailed(type(error).__name__) from None  # its words have values of rows
        return list(found.columns)


@cache
def sandbox() -> Sandbox:
    """That of this process; made when it is asked for first."""
    return Sandbox()


class _Watch:
    """Interrupts what takes too long: a thread of its own, which sleeps while nothing runs."""

    def __init__(self) -> None:
        self._running: dict[duckdb.DuckDBPyConnection, float] = {}
        self._lock, self._any = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def bounded(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
        with self._lock:
            self._running[cursor] = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="sandbox", daemon=True)
                self._thread.start()
        self._any.set()
        try:
            yield
        finally:
            with self._lock:  # an interruption that comes later would meet what is run next
                del self._running[cursor]

    def _look(self) -> None:
        while self._any.wait():
            time.sleep(TICK_SECONDS)
            with self._lock:
                if not self._running:
                    self._any.clear()
                late = [c for c, until in self._running.items() if until < time.monotonic()]
                for cursor in late:
                    with suppress(duckdb.Error):
                        cursor.interrupt()
