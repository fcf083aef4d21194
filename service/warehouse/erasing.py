"""A row is erased, with all traces of it in the warehouse, in the writer's transaction."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from service.dictionary import Dictionary, Table
from service.engines.column_sql import is_value, shown_column_value, value_of
from service.engines.engine import Connection
from service.engines.sql import core
from service.judge.columns import unique_values
from service.judge.key_index import KeyIndex
from service.judge.orphans import parent_of
from service.ops import erased_rows, records
from service.ops.changes import listener_of
from service.ops.erased_rows import ErasedKeys
from service.ops.row_history import SENT, ChangedBy, keys_in, run
from service.ops.traces import forget_traces
from service.runtime.clock import utc_now
from service.warehouse.children import check_left
from service.warehouse.one_row import missing, stored


@dataclass
class ErasedRow:
    """What was taken out of the warehouse; `row` says whether the table had it."""

    table: str
    key_hash: str
    row: bool
    traces: dict[str, int]


@dataclass
class Erasing:
    """Erases rows of `dictionary` in one transaction, as one load."""

    connection: Connection
    dictionary: Dictionary
    keys: KeyIndex
    by: ChangedBy
    reason: str
    done: list[ErasedRow] = field(default_factory=list)
    seen: set[tuple[str, Any]] = field(default_factory=set)  # tables and keys
    before: ErasedKeys = field(default_factory=ErasedKeys)  # what went with it before

    def erase(self, table: Table, key: Any, cascade: bool, again: bool) -> list[ErasedRow]:
        """Erases the row of that primary key; with `cascade`, first the rows that refer to it.

        With `again`, one that was erased before may be, so that its backups can go as well: with
        `cascade` also those of the rows that went with it then, of which only hashes are known.

        Raises:
            NotFound: neither a row nor a trace of it is there.
            DanglingReferences: rows refer to it, and are not to go.
        """
        again = again and erased_rows.is_erased(self.connection, table.name, key)
        below = self._below(table)
        before = erased_rows.gone_with(self.connection, table.name, key, below)
        self._erase(table, key, cascade)
        own = self.done[-1]
        erased_rows.take_over(self.connection, before, self.by)
        if again and cascade:
            self._name(before)
        if not (again or own.row or any(own.traces.values())):
            raise missing(table, key)
        for name in {each.table for each in self.done}:
            self._record(name)
        return self.done

    def _erase(self, table: Table, key: Any, cascade: bool) -> None:
        """Rows may refer to each other in a circle: all are found first. The last is its own."""
        found, waiting = list[tuple[Table, Any, pa.Table]](), [(table, key)]
        self.seen.add((table.name, key))
        while waiting:
            each, of_row = waiting.pop()
            row = stored(self.connection, each, of_row)
            found.append((each, of_row, row))
            if cascade and row.num_rows:
                for child, other in list(self._children(each, row.to_pylist()[0])):
                    if (child.name, other) not in self.seen:
                        self.seen.add((child.name, other))
                        waiting.append((child, other))
        for each, of_row, row in reversed(found):
            if row.num_rows and not cascade:
                check_left(self.connection, self.dictionary, each, SENT, row)
            self._take_out(each, of_row, row)

    def _take_out(self, table: Table, key: Any, row: pa.Table) -> None:
        kept = row.to_pylist()[0] if row.num_rows else None
        if kept:
            self._remove(table, row)
        traces = forget_traces(self.connection, table, key, kept)
        hashed = erased_rows.add(self.connection, table.name, key, self.reason, self.by)
        self.done.append(ErasedRow(table.name, hashed, kept is not None, traces))

    def _below(self, table: Table) -> set[str]:
        """The tables whose rows refer to its rows, to those rows, and so on."""
        found: set[str] = set()
        waiting = [table.name]
        while waiting:
            children = {child.name for child, _ in self.dictionary.children(waiting.pop())}
            waiting += children - found
            found |= children
        return found

    def _name(self, before: ErasedKeys) -> None:
        """Has what went with the row before be among what is done, where it is not."""
        self.before = before
        known = {(each.table, each.key_hash) for each in self.done}
        more = [(table, each) for table, hashes in before.hashes.items() for each in hashes]
        self.done[-1:-1] = [ErasedRow(*each, False, {}) for each in more if each not in known]

    def _children(self, table: Table, row: dict[str, Any]) -> Iterator[tuple[Table, Any]]:
        for child, column in self.dictionary.children(table.name):
            field = table.column(parent_of(column)[1])
            found = self.connection.execute(
                f"select {shown_column_value(child.key)} from {core(child.name)}"
                f" where {is_value(column)}",
                [row[part.name] for part in field.parts],
            ).fetchall()
            yield from ((child, key) for (key,) in found)

    def _remove(self, table: Table, row: pa.Table) -> None:
        if (listener := listener_of(self.connection)) is not None:  # its key, and nothing else
            told = pa.table(
                {
                    name: row[name] if name in table.key_names else pa.nulls(1, kind)
                    for name, kind in zip(table.column_names, table.arrow_schema.types, strict=True)
                },
                schema=table.arrow_schema,
            )
            listener.add(table.name, "delete", told, self.by.load_id)
        key, keys = value_of(table.key), keys_in(table, SENT)
        gone = f"delete from {core(table.name)} where {key} in {keys}"
        run(self.connection, gone, [], row)
        for name, values in unique_values(table, row).items():
            self.keys.remove((table.name, name), values)

    def _record(self, table: str) -> None:
        removed = sum(each.row for each in self.done if each.table == table)
        load = records.LoadRecord(
            load_id=self.by.load_id,
            table_name=table,
            kind="erasure",
            status="done",
            received=removed,
            removed=removed,
            started_at=self.by.at,
            finished_at=utc_now(),
            actor=self.by.actor,
        )
        records.write(self.connection, [load])
