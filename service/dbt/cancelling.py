"""Ending what goes on for too long: dbt's statements, and the landing of files, are interrupted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from service.engines.duckdb import DatabaseError
from service.engines.engine import Connection

AGAIN_SECONDS = 0.05  # an interruption ends one statement, and the next one may have begun

_landing: set[Connection] = set()


class Cancelled(Exception):
    """What was going on was ended before it had come to its end; the message says why."""


class Cancel:
    """Ends one run of dbt, when someone asks for it or its time is up."""

    def __init__(self, seconds: float | None = None, of: str = "") -> None:
        """It may take so many `seconds`, which are those of the setting `of`."""
        self._seconds, self._setting = seconds, of
        self._wake, self._over = threading.Event(), threading.Event()
        self.why: str | None = None

    def ask(self, why: str) -> None:
        """Has it end soon, or not begin; the first reason counts."""
        self.why = self.why or why
        self._wake.set()

    def check(self) -> None:
        """Raises Cancelled when it is to end."""
        if self.why:
            raise Cancelled(self.why)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within the block, which is the run, statements are interrupted once it is to end."""
        self.check()
        watcher = threading.Thread(target=self._watch, name="cancel", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            self._wake.set()
            watcher.join()

    def _watch(self) -> None:
        if not self._wake.wait(self._seconds):
            self.ask(f"cancelled: it took longer than {self._seconds} s, see {self._setting}")
        while self.why and not self._over.wait(AGAIN_SECONDS):
            _interrupt_dbt()


@contextmanager
def landing(connection: Connection) -> Iterator[None]:
    """Within the block, `connection` is dbt's too: it reads a file for it."""
    _landing.add(connection)
    try:
        yield
    finally:
        _landing.discard(connection)


def _interrupt_dbt() -> None:
    from dbt.adapters.contracts.connection import ConnectionState
    from dbt.adapters.factory import FACTORY

    for connection in [*_landing]:
        with suppress(DatabaseError):
            connection.interrupt()
    for adapter in [*FACTORY.adapters.values()]:
        connections = adapter.connections
        for each in [*connections.thread_connections.values()]:
            if each.state == ConnectionState.OPEN:
                with suppress(Exception):  # it has just ended
                    connections.cancel(each)
