"""Queries of readers, in threads of their own, that can be stopped: few at a time, so that many
who look at tables take nothing from those who write.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, Generic, TypeVar

from service.engines.duckdb import Database, DatabaseError
from service.engines.engine import Connection
from service.errors import Unavailable

T = TypeVar("T")
THREADS = 8
AGAIN_SECONDS = 0.05  # what is between two statements is not interrupted, so it is tried again


class QueryPool:
    """The threads that queries of readers run in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = ThreadPoolExecutor(THREADS, "query")

    def ask(self, work: Callable[[Connection], T]) -> "PooledQuery[T]":
        """Has `work` done on one snapshot, as soon as a thread is free."""
        query = PooledQuery[T](self._database)
        query.future = self._threads.submit(query.run, work)
        return query

    def stream(self, pieces: Callable[[Connection], Iterator[bytes]]) -> "PooledStream":
        """The pieces that are made of one snapshot, each when it is asked for."""
        return PooledStream(self._database, self._threads, pieces)

    def close(self) -> None:
        """Lets what is under way come to its end; what waits is not begun."""
        self._threads.shutdown(cancel_futures=True)


class _Stoppable:
    """What runs on a connection, until it is told to stop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._is_stopped = False

    def _interrupt(self, future: "Future[Any]", then: Callable[[], None]) -> None:
        """Ends what runs, without waiting for it; `then` comes when it has ended."""
        self._is_stopped = True
        future.cancel()

        def end() -> None:
            while not future.done():
                connection = self._connection
                if connection is not None:
                    with suppress(DatabaseError):
                        connection.interrupt()
                wait([future], AGAIN_SECONDS)
            then()

        threading.Thread(target=end, daemon=True).start()

    def _check(self) -> None:
        if self._is_stopped:
            raise Unavailable("the query was stopped")


class PooledQuery(_Stoppable, Generic[T]):
    """A query that has been asked; its answer is in `future`."""

    future: "Future[T]"

    def run(self, work: Callable[[Connection], T]) -> T:
        """Does the work; raises what it raises."""
        self._check()
        with self._database.reading() as connection:
            self._connection = connection
            try:
                self._check()
                return work(connection)
            finally:
                self._connection = None

    def stop(self) -> None:
        """Ends it, by an error, without waiting for that."""
        if not self.future.done():
            self._interrupt(self.future, lambda: None)


class PooledStream(_Stoppable):
    """Pieces of an answer; between two of them it takes no thread."""

    def __init__(
        self,
        database: Database,
        threads: ThreadPoolExecutor,
        pieces: Callable[[Connection], Iterator[bytes]],
    ) -> None:
        super().__init__(database)
        self._threads, self._make = threads, pieces
        self._pieces = self._made()
        self._last: Future[bytes | None] | None = None

    def _made(self) -> Generator[bytes, None, None]:
        with self._database.reading() as connection:
            self._connection = connection
            try:
                self._check()
                yield from self._make(connection)
            finally:
                self._connection = None

    def next(self) -> "Future[bytes | None]":
        """The next piece; None when there is no other."""
        self._last = self._threads.submit(next, self._pieces, None)
        return self._last

    def stop(self) -> None:
        """Ends it and lets go of its snapshot, without waiting for that."""
        if self._last is None or self._last.done():
            self._pieces.close()
        else:
            self._interrupt(self._last, self._pieces.close)
