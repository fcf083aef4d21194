"""The rows that are there when a batch is judged: stored ones, and those that its group brings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.engines.column_sql import has_same_key, is_there, listed, value_of
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.judge.batch import Batch
from service.judge.columns import KeysOf
from service.judge.key_index import KeyIndex
from service.judge.orphans import parent_of
from service.judge.resolution import rows_there
from service.ops.row_history import SENT, keys_in
from service.warehouse.group_rows import write_rows
from service.warehouse.work import Group

NUMBER = "number of the row"  # a column that no table has
AT_ONCE = 1 << 16  # rows


class KeptRows:
    """As `RowsThere` of judge/resolution.py, in the writer's transaction.

    What the group brings, and what is looked for, is written before it is looked at.
    """

    def __init__(self, connection: Connection, dictionary: Dictionary, group: Group) -> None:
        self._connection, self.dictionary, self._group = connection, dictionary, group
        self._ahead: dict[int, dict[int, bool]] = {}  # by batch and row: whether it is the same

    def _bring_in(self, table: Table, keys: Sequence[Any] | None) -> None:
        if self._group.waits_for(table, keys):
            write_rows(self._connection, self._group)

    def look_ahead(self, batches: Iterable[Batch], keys: KeyIndex) -> None:
        """Compares the rows of batches that are there by now in one go: most of what a query takes
        is the same for a few rows and for many. `keys` are those that are there.
        """
        tables: dict[str, list[tuple[Batch, list[int]]]] = {}
        for batch in batches:
            if there := rows_there(batch, keys):
                tables.setdefault(batch.table.name, []).append((batch, there))
        for parts in tables.values():
            if len(parts) > 1:
                self._look_ahead(parts)

    def _look_ahead(self, parts: Sequence[tuple[Batch, list[int]]]) -> None:
        places = [(batch, row) for batch, there in parts for row in there]
        rows = pa.concat_tables(batch.fitting.take(there) for batch, there in parts)
        for number, is_same in self._ask(parts[0][0].table, rows).items():
            batch, row = places[number]
            self._ahead.setdefault(id(batch), {})[row] = is_same

    def compared(self, batch: Batch, rows: Sequence[int]) -> Mapping[int, bool]:
        """Of those `rows` of ``batch.fitting`` whose key is there: whether they are the same."""
        table = batch.table
        own = batch.keys[table.primary_key]
        known = self._ahead.get(id(batch), {})
        if self._group.has_changed(table, (own[row] for row in known)):
            known = {}  # another request of the group has changed some of them since
        left = [row for row in rows if row not in known]
        if not left:
            return known
        self._bring_in(table, [own[row] for row in left])
        found = self._ask(table, batch.fitting.take(left))
        return {**known, **{left[number]: is_same for number, is_same in found.items()}}

    def _ask(self, table: Table, rows: pa.Table) -> dict[int, bool]:
        columns = map(quoted, table.column_names)
        same = " and ".join(f"sent.{name} is not distinct from kept.{name}" for name in columns)
        numbered = rows.append_column(NUMBER, pa.array(range(rows.num_rows), pa.int64()))
        found = query_arrow(
            self._connection,
            f"select sent.{quoted(NUMBER)}, {same} from arrow_rows as sent"
            f" inner join {core(table.name)} as kept on {has_same_key(table, 'sent', 'kept')}",
            numbered,
        )
        return dict(found.fetchall())

    def values(self, table: Table, rows: pa.Table, names: Sequence[str]) -> Mapping[Any, Any]:
        """The values of the columns `names` of the stored rows that have the keys of `rows`, by
        key and then by name; they are as in `Batch.keys`.
        """
        wanted = (table.key, *map(table.column, names))
        columns = ", ".join(dict.fromkeys(quoted(part.name) for c in wanted for part in c.parts))
        there = self._those_of(table, rows, f"select {columns}")
        found = KeysOf(table, there.to_arrow_reader(AT_ONCE).read_all())
        values = zip(*(found[name] for name in names), strict=True)
        return {
            key: dict(zip(names, row, strict=True))
            for key, row in zip(found[table.primary_key], values, strict=True)
        }

    def referred(self, table: Table, rows: pa.Table, child: Table, column: Column) -> set[Any]:
        """Which values of the stored rows that have the keys of `rows` a column of `child` has."""
        self._bring_in(child, None)
        field = table.column(parent_of(column)[1])
        distinct = (
            f"select distinct {listed(column)} from {core(child.name)}"
            f" where {is_there(column)} and {value_of(column)} in (select {value_of(field)}"
        )
        there = self._those_of(table, rows, distinct, ")").to_arrow_reader(AT_ONCE).read_all()
        return set(KeysOf(child, there)[column.name])

    def _those_of(self, table: Table, rows: pa.Table, select: str, rest: str = "") -> Connection:
        """The stored rows that have the keys of `rows`."""
        key = value_of(table.key)
        return query_arrow(
            self._connection,
            f"{select} from {core(table.name)} where {key} in {keys_in(table, SENT)}{rest}",
            rows.select(list(table.key_names)),
        )
