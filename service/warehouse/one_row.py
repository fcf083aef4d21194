"""One row that is put, patched or removed, in the writer's transaction.

It is judged as the row that it becomes, by every rule: its own values are free for it to keep, and
those that it gives up must be nobody's parent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from service.dictionary import Dictionary, Table
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import KeyChanges, NotFound, shortened
from service.formats.bodies.json_rows import JsonRows
from service.judge.admission import Verdict, admit
from service.judge.batch import Violation
from service.judge.judge import Judge
from service.judge.key_index import KeyIndex
from service.ops.row_history import SENT, ChangedBy, RowOperation, row_as_json, run
from service.warehouse.changed_rows import add_rows, change_rows, remove_rows
from service.warehouse.children import check_left
from service.warehouse.row_filters import as_parameter

# What a row becomes, as JSON, from what it is (None: there is none); None: nothing.
Becoming: TypeAlias = Callable[[str | None], bytes | None]


@dataclass(frozen=True)
class RowChanged:
    """What became of a row: as it was and as it is, as JSON. `load_id` is None after a dry run.

    With `violations` it stays as it was; so it does where no `operation` was needed.
    """

    load_id: str | None
    operation: RowOperation | None
    before: str | None
    after: str | None
    violations: list[Violation] = field(default_factory=list)


@dataclass(frozen=True)
class RowChange:
    """What is to be done to the row of the primary key `key`, as its type reads it.

    `check` is shown what is there, and raises where that is not to be changed.
    """

    table: Table
    key: Any
    becoming: Becoming
    check: Callable[[str | None], None]
    dry_run: bool = False


class RowWork:
    """Does a `RowChange` in a transaction; `keys` is the layer of keys of that transaction."""

    def __init__(
        self, connection: Connection, dictionary: Dictionary, judge: Judge, keys: KeyIndex
    ) -> None:
        self._connection, self._dictionary = connection, dictionary
        self._judge, self._keys = judge, keys

    def do(self, change: RowChange, by: ChangedBy) -> RowChanged:
        """Changes the row, unless it breaks a rule.

        Raises:
            NotFound: there is no such row, and it does not become one.
            KeyChanges: it would have another primary key.
            DanglingReferences: other rows refer to what would go.
            MalformedBody: what it becomes is no row.
        """
        before = self._stored(change)
        kept = before.to_pylist()[0] if before.num_rows else None
        was = self._as_json(before, change.table) if kept else None
        body = change.becoming(was)  # which there may be nothing to become of: 404 before 412
        change.check(was)
        load_id = None if change.dry_run else by.load_id
        if body is None:
            self._remove(change, by, before, kept or {})
            return RowChanged(load_id, "delete", was, None)
        verdict = self._judged(change, body, kept)
        if verdict.rejected:
            return RowChanged(load_id, None, was, was, verdict.rejected[0])
        return self._put(change, by, verdict.accepted, kept, was, load_id)

    def _stored(self, change: RowChange) -> pa.Table:
        """The row, or none, in Arrow."""
        table = change.table
        columns = ", ".join(map(quoted, table.column_names))
        found = self._connection.execute(
            f"select {columns} from {core(table.name)} where {quoted(table.primary_key)} = ?",
            [as_parameter(table.column(table.primary_key).type, change.key)],
        )
        return found.to_arrow_reader(1).read_all().cast(table.arrow_schema)

    def _as_json(self, row: pa.Table, table: Table) -> str:
        query = f"select {row_as_json(table, 'new')} from {SENT} as new"
        ((text,),) = run(self._connection, query, [], row).fetchall()
        return str(text)

    def _remove(
        self, change: RowChange, by: ChangedBy, before: pa.Table, kept: dict[str, Any]
    ) -> None:
        check_left(self._connection, self._dictionary, change.table, SENT, before)
        if not change.dry_run:
            remove_rows(self._connection, change.table, SENT, by, before)
            for name in _unique(change.table):
                self._give_up(change.table, name, kept[name])

    def _judged(self, change: RowChange, body: bytes, kept: dict[str, Any] | None) -> Verdict:
        table = change.table
        batch = self._judge.judge(JsonRows(body), 1)
        found = batch.keys[table.primary_key] if batch.fitting.num_rows else ()
        broken = [each.keys.get(table.primary_key) for each in batch.broken.values()]
        if any(key not in (None, change.key) for key in (*found, *broken)):
            raise KeyChanges(
                f"a row keeps its {table.primary_key}: to have another, remove it and insert it",
                table=table.name,
                column=table.primary_key,
            )
        free = KeyIndex(self._dictionary, base=self._keys)
        parents = KeyIndex(self._dictionary, base=self._keys)
        for name in _unique(table) if kept else ():
            if kept and kept[name] is not None:
                free.remove((table.name, name), [kept[name]])
                if batch.fitting.num_rows and batch.fitting[name][0].as_py() != kept[name]:
                    parents.remove((table.name, name), [kept[name]])
        return admit(batch, free, parents)

    def _put(
        self,
        change: RowChange,
        by: ChangedBy,
        row: pa.Table,
        kept: dict[str, Any] | None,
        was: str | None,
        load_id: str | None,
    ) -> RowChanged:
        table, new = change.table, row.cast(change.table.arrow_schema)
        after = self._as_json(new, table)
        operation: RowOperation | None = "insert" if kept is None else "update"
        values = new.to_pylist()[0]
        others = [n for n in _unique(table) if kept is None or kept[n] != values[n]]
        if kept is not None:
            lost = [name for name in others if kept[name] is not None]
            check_left(self._connection, self._dictionary, table, SENT, new, lost)
            operation = operation if values != kept else None
        if operation is None or change.dry_run:
            return RowChanged(load_id, operation, was, after)
        if kept is None:
            add_rows(self._connection, table, SENT, by, new)
        else:
            change_rows(self._connection, table, SENT, by, new)
        for name in others:
            self._give_up(table, name, kept[name] if kept else None)
            if values[name] is not None:
                self._keys.add((table.name, name), [values[name]])
        return RowChanged(load_id, operation, was, after)

    def _give_up(self, table: Table, name: str, value: Any) -> None:
        if value is not None:
            self._keys.remove((table.name, name), [value])


def _unique(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.is_unique]


def missing(table: Table, key: Any) -> NotFound:
    """The complaint that there is no row of that primary key."""
    return NotFound(f"{table.name} has no row {shortened(repr(key))}", table=table.name)
