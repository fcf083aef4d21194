"""Deeds that are more than a transaction: on the trail before they are done, and what came of them.

Whatever ends the service in between, its next start finds the intent, and says so.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.errors import NoSpace, Problem
from service.ops import records, trail
from service.ops.trail import Deed, Ended
from service.runtime.logs import get_logger
from service.warehouse.writer import Writer

log = get_logger(__name__)


class Deeds:
    """Puts deeds on the trail. Its methods block, but for `…_soon`: call them in a thread."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    @contextmanager
    def doing(
        self,
        actor: str | None,
        action: str,
        subjects: Sequence[str],
        detail: str | None = None,
        *,
        makes_room: bool = False,
    ) -> Iterator[None]:
        """The block is what is done to each of the subjects; if it raises, that has failed.

        Raises:
            NoSpace: there is no room to put it on record before; one that `makes_room` is done
                all the same, and put on record after.
            Unavailable: too many requests wait for the writer.
        """
        try:
            begun = self.begin(actor, action, subjects, detail)
        except NoSpace:
            if not makes_room:
                raise
            yield
            self._record(actor, action, subjects, detail)
            return
        try:
            yield
        except BaseException as error:
            self.end_soon(begun, "failed", described(error))
            raise
        self.end(begun, "done")

    def begin(
        self, actor: str | None, action: str, subjects: Sequence[str], detail: str | None = None
    ) -> list[str]:
        """Returns when it is on record that something is about to be done: the entries' ids."""
        begun, written = self.begin_soon(actor, action, subjects, detail)
        written.result()
        return begun

    def begin_soon(
        self, actor: str | None, action: str, subjects: Sequence[str], detail: str | None = None
    ) -> "tuple[list[str], Future[None]]":
        """The same, without waiting: the entries' ids, and when they are on record."""
        begun = trail.intents(actor, action, subjects, detail)
        written = self._writer.run(lambda connection: records.write(connection, begun))
        return [each.entry_id for each in begun], written

    def end(self, begun: Sequence[str], outcome: Ended, detail: str | None = None) -> None:
        """Returns when it is on record what came of it; else the log says why not."""
        ending = self.end_soon(begun, outcome, detail)
        if ending is not None:
            ending.exception()

    def end_soon(
        self, begun: Sequence[str], outcome: Ended, detail: str | None = None
    ) -> "Future[Any] | None":
        """The same, without waiting. That it is done, it stays, whether this can be written."""
        try:
            ending = self._writer.run(
                lambda connection: trail.end(connection, begun, outcome, detail)
            )
        except Problem as error:
            _tell(error)
            return None
        ending.add_done_callback(lambda done: _tell(done.exception()))
        return ending

    def end_interrupted(self, found: Callable[[Deed], str | None]) -> None:
        """Says of each deed that a service has left unfinished that it was; `found` says more."""
        with self._database.reading() as connection:
            left = trail.unfinished(connection)
        if not left:
            return
        said = [(deed, _interrupted(found(deed))) for deed in left]
        for deed, detail in said:
            log.warning("deed_interrupted", action=deed.action, subject=deed.subject, found=detail)

        def end(connection: Connection) -> None:
            for deed, detail in said:
                trail.end(connection, [deed.entry_id], "interrupted", detail)

        self._writer.run(end).result()

    def _record(
        self, actor: str | None, action: str, subjects: Sequence[str], detail: str | None
    ) -> None:
        def record(connection: Connection) -> None:
            for subject in subjects:
                trail.record(connection, actor, action, subject, detail)

        self._writer.run(record).result()


def described(error: BaseException) -> str:
    """Why something has failed, for the trail."""
    return error.detail if isinstance(error, Problem) else f"it ended by {type(error).__name__}"


def _interrupted(found: str | None) -> str:
    said = "the service ended before it could say what came of it"
    return f"{said}; {found}" if found else said


def _tell(error: BaseException | None) -> None:
    if error is not None:
        log.warning("outcome_not_on_the_trail", error=type(error).__name__)
