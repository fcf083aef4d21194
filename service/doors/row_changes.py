"""Rows that are in, changed or removed one by one, or removed by filters: each is a load.

The writer finds the row, judges what it becomes, and changes it, in one transaction.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from service.dictionary import Dictionary, Table
from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.errors import Unavailable
from service.judge.key_index import KeyIndex
from service.judge.rulebook import Rulebook
from service.ops import records
from service.ops.row_history import ChangedBy
from service.runtime.clock import utc_now
from service.runtime.metrics import Metrics
from service.warehouse.many_rows import RowsRemoved, remove_fitting
from service.warehouse.one_row import RowChange, RowChanged, RowWork
from service.warehouse.row_queries import RowQuery
from service.warehouse.warned_rows import warnings_of
from service.warehouse.work import Idempotency, StoredAnswer
from service.warehouse.writer import Writer

T = TypeVar("T")
Counts: TypeAlias = dict[str, int]
_COUNTED = {"insert": "accepted", "update": "changed", "delete": "removed", None: "already_present"}


@dataclass(frozen=True)
class Asking:
    """Who asks for a change; `render` makes the answer that is stored for a repeat."""

    actor: str | None
    idempotency: Idempotency | None
    render: Callable[[Any], records.AnswerRecord]


class RowChanges:
    """The door of changes. Its futures are done after the commit."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        metrics: Metrics,
        rulebook: Callable[[], Rulebook],
    ) -> None:
        """`rulebook` gives the current one."""
        self._database, self._writer = database, writer
        self._metrics, self._rulebook = metrics, rulebook

    def change(self, change: RowChange, asking: Asking) -> "Future[RowChanged | StoredAnswer]":
        """Changes one row; it raises as `RowWork.do`.

        Raises:
            Unavailable: the dictionary has just changed, or too many requests wait.
        """
        judge = self._rulebook().judge(change.table.name)
        begun = utc_now()

        def do(connection: Connection, keys: KeyIndex) -> RowChanged:
            dictionary = self._dictionary(change.table)
            by = _changed_by(asking)
            work = RowWork(connection, dictionary, judge, keys, self._writer.erased)
            done = work.do(change, by)
            if not change.dry_run:
                counts = counts_of(done)
                load = _load(by, change.table, counts, begun)
                records.write(connection, [load])
                self._metrics.judged(change.table.name, counts)
                if done.warned:
                    records.write(connection, list(warnings_of(done.warned, load)))
                    self._metrics.warned(change.table.name, 1)
            return done

        return self._run(do, change.table, asking, change.dry_run)

    def remove(
        self, query: RowQuery, most: int | None, dry_run: bool, asking: Asking
    ) -> "Future[RowsRemoved | StoredAnswer]":
        """Removes the rows that fit the filters; where none do there is no load.

        It raises as `remove_fitting`, and as `change`.
        """
        begun, table = utc_now(), query.table

        def do(connection: Connection, keys: KeyIndex) -> RowsRemoved:
            dictionary, by = self._dictionary(table), _changed_by(asking)
            with self._database.all_cores():
                done = remove_fitting(
                    connection, dictionary, query, keys, by, most=most, dry_run=dry_run
                )
            if done.load_id:
                counts = {"received": done.rows, "removed": done.rows}
                records.write(connection, [_load(by, table, counts, begun)])
            return done

        return self._run(do, table, asking, dry_run)

    def _dictionary(self, table: Table) -> Dictionary:
        """The writer's, in its thread."""
        found = self._writer.dictionary.tables.get(table.name)
        if found is None or found.fingerprint != table.fingerprint:
            raise Unavailable("the dictionary has just changed; try again")
        return self._writer.dictionary

    def _run(
        self,
        do: Callable[[Connection, KeyIndex], T],
        table: Table,
        asking: Asking,
        dry_run: bool,
    ) -> "Future[T | StoredAnswer]":
        once = None if dry_run else asking.idempotency
        return self._writer.change(do, table.name, idempotency=once, render=asking.render)


def counts_of(done: RowChanged) -> Counts:
    """What one row counts as: ``received`` is the sum of the others."""
    counts = dict.fromkeys(("accepted", "changed", "removed", "already_present", "rejected"), 0)
    counts["rejected" if done.violations else _COUNTED[done.operation]] = 1
    return {"received": 1, **counts}


def _changed_by(asking: Asking) -> ChangedBy:
    return ChangedBy(str(uuid4()), asking.actor, utc_now())


def _load(by: ChangedBy, table: Table, counts: Counts, begun: datetime) -> records.LoadRecord:
    return records.LoadRecord(
        load_id=by.load_id,
        table_name=table.name,
        kind="change",
        status="refused" if counts.get("rejected") else "done",
        **counts,  # type: ignore[arg-type]
        started_at=begun,
        finished_at=utc_now(),
        actor=by.actor,
    )
