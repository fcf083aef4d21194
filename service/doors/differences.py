"""Comparisons of backups with their tables, row by row: what a restore would do, before it does.

To compare reads the whole backup. So what was found is kept for as long as the table stays as it
is, and those that it refers to, or that refer to it: how many rows differ, the first of them, and
the references that would break. Pages behind those rows are found anew.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from service.backups.coming_back import check_erased
from service.backups.comparing import staged
from service.backups.difference import (
    KINDS,
    DifferenceKind,
    DifferenceWindow,
    differences,
)
from service.backups.paired_places import Found
from service.backups.preparing import Prepared, State, state_of
from service.backups.restoring import RestoreResult, compare
from service.backups.staging import check_references
from service.dictionary import Dictionary, Table
from service.doors.tasks import Task, Tasks
from service.engines.duckdb import Database, DatabaseError, as_problem
from service.engines.engine import Connection
from service.errors import BringsBackErased, DanglingReferences, Unavailable
from service.judge.rulebook import Rulebook

WINDOW = 1000  # rows of each kind that are found at once, and kept
KEPT = 4  # comparisons
Windows: TypeAlias = Mapping[tuple[str, DifferenceKind | None], DifferenceWindow]


@dataclass(frozen=True)
class Comparison:
    """What restoring backups would do: the counts of each table, and the first of the rows.

    `dangling` are the references that would break, for which it cannot be done as things are;
    `erased` the rows that were erased, for which it is done only if they may come back.
    """

    results: list[RestoreResult]
    dangling: DanglingReferences | None
    windows: Windows  # by table and kind; None: of all kinds
    erased: BringsBackErased | None = None

    def page(self, table: str, wanted: "PageAsked") -> DifferenceWindow:
        """The page of a table's differences that it was asked for."""
        page = self.windows[table, wanted.kind].page(wanted.after, wanted.limit)
        assert page is not None, wanted
        return page


@dataclass(frozen=True)
class PageAsked:
    """Which differences are wanted: of one kind or all, above which key, how many."""

    kind: DifferenceKind | None = None
    after: tuple[Any, ...] | None = None
    limit: int = 1


FIRST = PageAsked()


@dataclass(frozen=True)
class Comparing:
    """A comparison that is under way, or was made."""

    task: Task
    done: "Future[Comparison]" = field(default_factory=Future)

    def answers(self, made_for: PageAsked, wanted: PageAsked, is_meant: bool) -> bool:
        """Whether it has, or will have, the wanted page; a failure, for whom it `is_meant`."""
        if not self.done.done():
            return made_for == wanted or (
                made_for.after is None and wanted.after is None and wanted.limit <= WINDOW
            )
        if self.done.exception() is not None:
            return is_meant
        if made_for.after is not None and (wanted.after is None or wanted.after < made_for.after):
            return False
        windows = self.done.result().windows
        return all(
            window.page(wanted.after, wanted.limit) is not None
            for (_, kind), window in windows.items()
            if kind == wanted.kind
        )


@dataclass(frozen=True)
class _Asked:
    """Which comparison: of which backups, from which place, for which page, of which tables."""

    backups: tuple[str, ...]
    place: str
    page: PageAsked
    state: State

    def is_of(self, other: "_Asked") -> bool:
        """Whether it is of the same backups."""
        return (self.backups, self.place) == (other.backups, other.place)


class Differences:
    """The door of comparisons. One is made at a time."""

    def __init__(self, database: Database, tasks: Tasks, rulebook: Callable[[], Rulebook]) -> None:
        self._database, self._tasks, self._rulebook = database, tasks, rulebook
        self._thread = ThreadPoolExecutor(1, "comparison")
        self._lock = threading.Lock()
        self._kept: list[tuple[Comparing, _Asked]] = []  # the newest first

    def begin(
        self,
        found: Found,
        actor: str | None = None,
        *,
        page: PageAsked = FIRST,
        known: str | None = None,
    ) -> Comparing:
        """Begins to compare backups with their tables, unless that is known or under way.

        Its `done` has the page, or raises what `Prepared` does: DamagedBackup, RulesBroken. The
        comparison that is `known` by its task id is taken, if it is there, though rows have come in
        since, or it has failed.

        Raises:
            UnknownTable: the dictionary has a table no more.
        """
        ids = tuple(entry.backup_id for entry in found.entries)
        rulebook = self._rulebook()
        tables = [rulebook.table(entry.table) for entry in found.entries]
        with self._database.reading() as connection:
            state = state_of(connection, [*tables, *_related(rulebook.dictionary, tables)])
        asked = _Asked(ids, found.place, page, state)
        with self._lock:
            for comparing, made_for in self._kept:
                is_meant = comparing.task.task_id == known
                is_of_now = made_for.state == state or not comparing.done.done()
                if (
                    (is_meant or is_of_now)
                    and made_for.is_of(asked)
                    and comparing.answers(made_for.page, page, is_meant)
                ):
                    return comparing
            comparing = self._begun(found, tables, page, actor)
            self._kept = [(comparing, asked), *self._kept][:KEPT]
        return comparing

    def _begun(
        self, found: Found, tables: list[Table], page: PageAsked, actor: str | None
    ) -> Comparing:
        names, ids = [each.name for each in tables], [each.backup_id for each in found.entries]
        comparing = Comparing(self._tasks.begin("comparison", names, ids, actor))

        def end(done: "Future[Comparison]") -> None:
            error = _over() if done.cancelled() else done.exception()
            self._tasks.end(comparing.task, error=error)
            if error is not None:
                comparing.done.set_exception(error)
            else:
                comparing.done.set_result(done.result())

        try:
            work = self._thread.submit(self._compare, found, tables, page, comparing.task)
        except RuntimeError:  # it has ended
            self._tasks.end(comparing.task, error=_over())
            raise _over() from None
        work.add_done_callback(end)
        return comparing

    def _compare(
        self, found: Found, tables: list[Table], page: PageAsked, task: Task
    ) -> Comparison:
        dictionary = self._rulebook().dictionary
        with closing(self._database.connect()) as connection:  # nothing is committed
            try:
                connection.execute("begin")
                with self._database.all_cores():
                    prepared = Prepared(
                        connection, dictionary, found.entries, found.catalogue, task.progress
                    )
                    results = [
                        compare(connection, table, entry.backup_id, prepared.columns[table.name])
                        for table, entry in zip(tables, found.entries, strict=True)
                    ]
                    windows = _windows(connection, tables, page)
                    dangling, erased = _refused(connection, dictionary, tables)
            except DatabaseError as error:
                raise as_problem(error) from error
        return Comparison(results, dangling, windows, erased)

    def forget(self) -> None:
        """Drops the comparisons that are kept: rows in them were erased, or are so no more."""
        with self._lock:
            self._kept = []

    def stop(self) -> None:
        """Ends; what waits is not begun."""
        self._thread.shutdown(cancel_futures=True)


def _related(dictionary: Dictionary, tables: list[Table]) -> list[Table]:
    """Tables that refer to these, or to which these refer: by them references break, or do not."""
    names = {table.name for table in tables}
    above = set().union(*(table.parents for table in tables))
    return [
        table
        for name, table in dictionary.tables.items()
        if name not in names and (name in above or table.parents & names)
    ]


def _refused(
    connection: Connection, dictionary: Dictionary, tables: list[Table]
) -> tuple[DanglingReferences | None, BringsBackErased | None]:
    """Why the staged differences of the tables cannot be written, or only if that is said."""
    dangling, erased = None, None
    try:
        check_references(connection, dictionary, [each.name for each in tables])
    except DanglingReferences as problem:
        dangling = problem
    try:
        for table in tables:
            check_erased(connection, table, staged(table.name))
    except BringsBackErased as problem:
        erased = problem
    return dangling, erased


def _over() -> Unavailable:
    return Unavailable("the service is shutting down")


def _windows(connection: Connection, tables: list[Table], page: PageAsked) -> Windows:
    limit = max(page.limit, WINDOW)
    return {
        (table.name, kind): differences(connection, table, kind, page.after, limit)
        for table in tables
        for kind in (None, *KINDS)
    }
