"""Ending what takes too long: dbt's statements, and the landing of files, are interrupted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from service.engines.duckdb import DatabaseError
from service.engines.engine import Connection

AGAIN_SECONDS = 0.05  # an interruption ends one statement, and the next one may have begun


class Cancelled(Exception):
    """What was going on was ended before it had come to its end; the message says why."""


class Cancel:
    """Ends one run of dbt, when someone asks for it or its time is up."""

    def __init__(self, seconds: float | None = None, setting: str = "") -> None:
        """The run may take so many `seconds`, as the `setting` of that name says."""
        self._seconds, self._setting = seconds, setting
        self._wake, self._over = threading.Event(), threading.Event()
        self._landing: set[Connection] = set()
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
    def landing(self, connection: Connection) -> Iterator[None]:
        """Within the block, `connection` reads a file for the run: it is interrupted, too."""
        self._landing.add(connection)
        try:
            yield
        finally:
            self._landing.discard(connection)

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
            self._interrupt()

    def _interrupt(self) -> None:
        for connection in [*self._landing]:
            with suppress(DatabaseError):
                connection.interrupt()
        _interrupt_adapters()


def _interrupt_adapters() -> None:
    """Interrupts the statements of dbt's own connections."""
    from dbt.adapters.contracts.connection import ConnectionState
    from dbt.adapters.factory import FACTORY

    for adapter in [*FACTORY.adapters.values()]:
        connections = adapter.connections
        for each in [*connections.thread_connections.values()]:
            if each.state == ConnectionState.OPEN:
                with suppress(Exception):  # it has just ended
                    connections.cancel(each)
