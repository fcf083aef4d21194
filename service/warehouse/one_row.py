"""One row that is put, patched or removed, in the writer's transaction.

It is judged as the row that it becomes, by every rule: its own values are free for it to keep, and
those that it gives up must be nobody's parent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import pyarrow as pa

from service.dictionary import Dictionary, Table
from service.dictionary.written_values import Unreadable
from service.engines.column_sql import is_value
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import KeyChanges, NotFound, shortened
from service.formats.bodies.json_rows import JsonRows
from service.judge.admission import Verdict, admit
from service.judge.batch import Violation
from service.judge.columns import unique_values
from service.judge.generated_keys import with_id
from service.judge.judge import Judge
from service.judge.kept_out import without_erased
from service.judge.key_index import KeyIndex
from service.ops.erased_rows import ErasedKeys
from service.ops.row_history import SENT, ChangedBy, RowOperation, row_as_json, run
from service.warehouse.changed_rows import add_rows, change_rows, remove_rows
from service.warehouse.children import check_left
from service.warehouse.row_filters import parameters_of

# What a row becomes, as JSON, from what it is (None: there is none); None: nothing.
Becoming: TypeAlias = Callable[[str | None], bytes | None]


@dataclass(frozen=True)
class RowChanged:
    """What became of a row: as it was and as it is, as JSON. `load_id` is None after a dry run.

    With `violations` it stays as it was; so it does where no `operation` was needed. `verdict` is
    on the row that it becomes.
    """

    load_id: str | None
    operation: RowOperation | None
    before: str | None
    after: str | None
    violations: list[Violation] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def warned(self) -> Verdict | None:
        """The verdict on a row that becomes so though it breaks rules of severity `warn`."""
        is_new = self.operation in ("insert", "update")
        return self.verdict if is_new and self.verdict and self.verdict.batch.warnings else None


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
        self,
        connection: Connection,
        dictionary: Dictionary,
        judge: Judge,
        keys: KeyIndex,
        erased: ErasedKeys,
    ) -> None:
        self._connection, self._dictionary, self._erased = connection, dictionary, erased
        self._judge, self._keys = judge, keys

    def do(self, change: RowChange, by: ChangedBy) -> RowChanged:
        """Changes the row, unless it breaks a rule.

        Raises:
            NotFound: there is no such row, and it does not become one.
            KeyChanges: it would have another primary key.
            DanglingReferences: other rows refer to what would go.
            MalformedBody: what it becomes is no row.
        """
        before = stored(self._connection, change.table, change.key)
        was = self._as_json(before, change.table) if before.num_rows else None
        body = change.becoming(was)  # which there may be nothing to become of: 404 before 412
        change.check(was)
        load_id = None if change.dry_run else by.load_id
        if body is None:
            self._remove(change, by, before)
            return RowChanged(load_id, "delete", was, None)
        verdict = self._judged(change, body, before)
        if verdict.rejected:
            return RowChanged(load_id, None, was, was, verdict.rejected[0])
        done = self._put(change, by, verdict.accepted, before, was, load_id)
        return replace(done, verdict=verdict)

    def _as_json(self, row: pa.Table, table: Table) -> str:
        query = f"select {row_as_json(table, 'new')} from {SENT} as new"
        ((text,),) = run(self._connection, query, [], row).fetchall()
        return str(text)

    def _remove(self, change: RowChange, by: ChangedBy, before: pa.Table) -> None:
        check_left(self._connection, self._dictionary, change.table, SENT, before)
        if not change.dry_run:
            remove_rows(self._connection, change.table, SENT, by, before)
            for name, values in unique_values(change.table, before).items():
                self._keys.remove((change.table.name, name), values)

    def _judged(self, change: RowChange, body: bytes, before: pa.Table) -> Verdict:
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
        batch = with_id(batch, change.key, is_there=before.num_rows > 0)
        free = KeyIndex(self._dictionary, base=self._keys)
        parents = KeyIndex(self._dictionary, base=self._keys)
        new = unique_values(table, batch.fitting)
        for name, old in unique_values(table, before).items():
            free.remove((table.name, name), old)
            parents.remove((table.name, name), old if new[name] and new[name] != old else ())
        return admit(without_erased(batch, self._erased), free, parents)

    def _put(
        self,
        change: RowChange,
        by: ChangedBy,
        row: pa.Table,
        before: pa.Table,
        was: str | None,
        load_id: str | None,
    ) -> RowChanged:
        table, new = change.table, row.cast(change.table.arrow_schema)
        after = self._as_json(new, table)
        old, values = unique_values(table, before), unique_values(table, new)
        others = [name for name in values if old[name] != values[name]]
        operation: RowOperation | None = "insert"
        if was is not None:
            lost = [name for name in others if old[name]]
            check_left(self._connection, self._dictionary, table, SENT, new, lost)
            operation = "update" if new.to_pylist() != before.to_pylist() else None
        if operation is None or change.dry_run:
            return RowChanged(load_id, operation, was, after)
        put = add_rows if operation == "insert" else change_rows
        put(self._connection, table, SENT, by, new)
        for name in others:
            self._keys.remove((table.name, name), old[name])
            self._keys.add((table.name, name), values[name])
        return RowChanged(load_id, operation, was, after)


def stored(connection: Connection, table: Table, key: Any) -> pa.Table:
    """The row of that primary key, or none, of the table's `arrow_schema`."""
    columns = ", ".join(map(quoted, table.column_names))
    found = connection.execute(
        f"select {columns} from {core(table.name)} where {is_value(table.key)}",
        parameters_of(table.key, key),
    )
    return found.to_arrow_reader(1).read_all().cast(table.arrow_schema)


def read_key(table: Table, text: str) -> Any:
    """A primary key, as its type reads it.

    Raises:
        NotFound: no row could have such a key.
    """
    try:
        return table.key.type.from_text(text)
    except Unreadable:
        raise missing(table, text) from None


def missing(table: Table, key: Any) -> NotFound:
    """The complaint that there is no row of that primary key."""
    return NotFound(f"{table.name} has no row {shortened(repr(key))}", table=table.name)
