"""Restores: tables become again what their backups hold, all of them or none.

As much as possible is done beside the writer: a backup of what is there is taken, the backups are
read, judged and compared. The writer waits only while the differences are written.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from typing import Any, TypeAlias

import msgspec

from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.backups.paired_places import Found, Place, Places
from service.backups.preparing import Prepared
from service.backups.restoring import RestoreResult, restore
from service.backups.safety import Safety
from service.doors.tasks import Begun, Task, Tasks, unnoticed
from service.engines.duckdb import Database, DatabaseError
from service.engines.engine import Connection
from service.errors import Problem, Unavailable, Unprocessable
from service.judge.rulebook import Rulebook
from service.ops import records, trail
from service.runtime.progress import RowProgress
from service.warehouse.deeds import Deeds, described
from service.warehouse.work import Idempotency, StoredAnswer
from service.warehouse.writer import Writer

Results: TypeAlias = list[RestoreResult]
NOBODY_WAITED = "nobody waited for it"
Render: TypeAlias = Callable[[Results], records.AnswerRecord]  # the answer to store for a repeat


class Restores:
    """The door of restores. Its methods block: call them in a thread."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        deeds: Deeds,
        tasks: Tasks,
        places: Places,
        rulebook: Callable[[], Rulebook],
        codec: str,
    ) -> None:
        """`rulebook` gives the current one; `codec` is that of safety backups."""
        self._database, self._writer, self._places = database, writer, places
        self._deeds, self._tasks = deeds, tasks
        self._rulebook, self._codec = rulebook, codec

    def backup_of(self, table: str, backup_id: str, place: Place | None = None) -> Found:
        """The backup of that id, or (``latest``) the newest one of the table.

        Raises:
            NotFound: there is none.
            Unprocessable: it is one of another table, or there is no such place.
            StoreUnavailable: the place is away.
        """
        return self._places.find(place, lambda catalogue: [_backup(catalogue, table, backup_id)])

    def set_of(self, set_id: str, place: Place | None = None) -> Found:
        """The backups that were taken together.

        Raises:
            NotFound: there is no such set.
            Conflict: some of it are left.
            Unprocessable, StoreUnavailable: as `backup_of`.
        """
        return self._places.find(place, lambda catalogue: catalogue.of_set(set_id))

    def begin(
        self,
        found: Found,
        actor: str | None = None,
        idempotency: Idempotency | None = None,
        render: Render | None = None,
        begun: Begun = unnoticed,
        with_erased: bool = False,
    ) -> "Future[Results | StoredAnswer]":
        """Prepares a restore, and has the writer do it; done after the commit.

        It is on the trail before anything of it is written; what came of it, in the transaction
        that does it.

        Rows that were erased come back only `with_erased`.

        Raises:
            UnknownTable: the dictionary has a table no more.
            NoSpace: the backup of what is there does not fit on the disk.
            StoreUnavailable: no place for it can be reached.
            Unavailable: too many requests wait for the writer.
        """
        rulebook = self._rulebook()
        tables = [rulebook.table(entry.table) for entry in found.entries]
        ids = [entry.backup_id for entry in found.entries]
        task = self._tasks.begin("restore", [table.name for table in tables], ids, actor)
        begun(task)
        try:
            safety = Safety(
                *(tables, self._places.to_write(), self._codec, rulebook.dictionary.version),
                task.progress,
            )
            run = RestoreRun(self._database, self._rulebook, safety, found, actor, task.progress)
            run.let_back = self._writer.erased_changed if with_erased else None
            restored = self._begun(run, actor, ids, idempotency, render)
        except BaseException as error:
            self._tasks.end(task, error=error)
            raise
        restored.add_done_callback(lambda done: self._end(task, done))
        return restored

    def _begun(
        self,
        run: "RestoreRun",
        actor: str | None,
        ids: Sequence[str],
        idempotency: Idempotency | None,
        render: Render | None,
    ) -> "Future[Results | StoredAnswer]":
        # What is there is backed up beside the writer, who writes this before it does the restore.
        on_trail, run.on_record = self._deeds.begin_soon(actor, "restore", ids)
        try:
            run.prepare()
            run.on_trail = on_trail
            restored = run.submit(self._writer, idempotency, render)
        except BaseException as error:
            self._deeds.end_soon(on_trail, "failed", described(error))
            raise
        restored.add_done_callback(lambda done: self._tell(done, on_trail))
        return restored

    def _tell(self, restored: "Future[Results | StoredAnswer]", on_trail: Sequence[str]) -> None:
        """Says of a restore that was not done that it was not."""
        if restored.cancelled():
            self._deeds.end_soon(on_trail, "failed", NOBODY_WAITED)
        elif (error := restored.exception()) is not None:
            self._deeds.end_soon(on_trail, "failed", described(error))
        elif isinstance(restored.result(), StoredAnswer):
            self._deeds.end_soon(on_trail, "done", "it was before")

    def _end(self, task: Task, restored: "Future[Results | StoredAnswer]") -> None:
        error = Unavailable(NOBODY_WAITED) if restored.cancelled() else restored.exception()
        results = None if error else restored.result()
        self._tasks.end(task, results if isinstance(results, list) else None, error)


class RestoreRun:
    """One restore: `prepare` beside the writer, `apply` by the writer, `finish` after it."""

    def __init__(
        self,
        database: Database,
        rulebook: Callable[[], Rulebook],
        safety: Safety,
        found: Found,
        actor: str | None,
        progress: RowProgress,
    ) -> None:
        """`safety` backs up what is there; it stays only if the restore is done."""
        self._database, self._rulebook = database, rulebook
        self._safety, self._found, self._actor = safety, found, actor
        self._progress = progress
        self._prepared: Prepared | None = None
        self.on_trail: Sequence[str] = ()  # its entries there
        self.on_record: Future[None] | None = None  # done when they are
        # Rows that were erased may come back if there is one: it is called where they have.
        self.let_back: Callable[[], None] | None = None
        self._cleanup = ExitStack()
        self._outcome: Future[Results | StoredAnswer] = Future()

    def prepare(self) -> None:
        """Takes the safety backup, and finds the differences; nothing is left where that fails."""
        with ExitStack() as stack:
            stack.callback(self._discard_unneeded)
            beside = stack.enter_context(closing(self._database.connect()))
            with self._database.all_cores():
                beside.execute("begin")
                self._safety.take(beside)
                self._prepared = self._differences(beside)
            self._cleanup = stack.pop_all()

    def _differences(self, beside: Connection) -> Prepared | None:
        """None where they cannot be found: the writer then finds out why, unless the request was
        answered before.
        """
        dictionary = self._rulebook().dictionary
        try:
            prepared = Prepared(
                *(beside, dictionary, self._found.entries, self._found.catalogue),
                self._progress,
            )
            beside.execute("commit")  # of temporary tables only
        except (Problem, DatabaseError):
            return None
        return prepared

    def submit(
        self, writer: Writer, idempotency: Idempotency | None, render: Render | None
    ) -> "Future[Results | StoredAnswer]":
        """Hands the restore to the writer. The future is done once all is cleaned up.

        It is not the writer's own: whoever waits for that would not wait for its callbacks.
        """
        touched = [entry.table for entry in self._found.entries]
        try:
            written: Future[Any] = (
                writer.run_once(self.apply, touched, idempotency, render)
                if idempotency and render
                else writer.run(self.apply, touched)
            )
        except BaseException:
            self._cleanup.close()
            raise
        written.add_done_callback(self.finish)
        self._outcome.add_done_callback(lambda outcome: outcome.cancelled() and written.cancel())
        return self._outcome

    def apply(self, connection: Connection) -> Results:
        """Restores, in the writer's transaction; what has changed since `prepare` is done anew."""
        if self.on_record is not None:
            self.on_record.result()  # the writer has come to it before; if it failed, so does this
        self._safety.renew(connection)
        with self._database.all_cores():
            results = restore(
                connection,
                self._rulebook().dictionary,
                self._found.entries,
                self._found.catalogue,
                actor=self._actor,
                prepared=self._prepared,
                progress=self._progress,
                with_erased=self.let_back is not None,
            )
        if self.let_back is not None:
            self.let_back()
        trail.end(connection, self.on_trail, "done")
        self._safety.needed = True  # should only the commit fail, it stays, and does no harm
        backups = {entry.table: entry.backup_id for entry in self._safety.entries}
        results = _from(self._found.place, results)
        return [
            msgspec.structs.replace(each, safety_backup_id=backups[each.table]) for each in results
        ]

    def finish(self, written: "Future[Any]") -> None:
        """Cleans up, then passes on what came of it; called once the writer is done with it."""
        try:
            self._cleanup.close()
        finally:
            _pass_on(written, self._outcome)

    def _discard_unneeded(self) -> None:
        """Where nothing was restored, the tables still hold what the safety backup has."""
        if not self._safety.needed:
            self._safety.discard()


def _backup(catalogue: Catalogue, table: str, backup_id: str) -> Entry:
    if backup_id == "latest":
        return catalogue.latest(table)
    entry = catalogue.get(backup_id)
    if entry.table != table:
        detail = f"it is a backup of {entry.table}, not of {table}"
        raise Unprocessable(detail, backup_id=backup_id, table=entry.table)
    return entry


def _from(place: Place, results: Results) -> Results:
    return [msgspec.structs.replace(each, place=place) for each in results]


def _pass_on(written: "Future[Any]", outcome: "Future[Any]") -> None:
    if written.cancelled():
        outcome.cancel()
    elif not outcome.set_running_or_notify_cancel():  # nobody waits any more
        return
    elif (error := written.exception()) is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(written.result())
