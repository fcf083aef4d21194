"""The rows that are there when a batch is judged: stored ones, and those that its group brings."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.judge.columns import KeysOf
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

    def _bring_in(self, table: Table, keys: Sequence[Any] | None) -> None:
        if self._group.waits_for(table, keys):
            write_rows(self._connection, self._group)

    def compared(self, table: Table, rows: pa.Table) -> Mapping[int, bool]:
        """By the number of each of `rows` whose key is there: whether its content is the same."""
        self._bring_in(table, rows[table.primary_key].to_pylist())
        key, columns = quoted(table.primary_key), map(quoted, table.column_names)
        same = " and ".join(f"sent.{name} is not distinct from kept.{name}" for name in columns)
        numbered = rows.append_column(NUMBER, pa.array(range(rows.num_rows), pa.int64()))
        found = query_arrow(
            self._connection,
            f"select sent.{quoted(NUMBER)}, {same} from arrow_rows as sent"
            f" inner join {core(table.name)} as kept on sent.{key} = kept.{key}",
            numbered,
        )
        return dict(found.fetchall())

    def values(self, table: Table, rows: pa.Table, names: Sequence[str]) -> Mapping[Any, Any]:
        """The values of the columns `names` of the stored rows that have the keys of `rows`, by
        key and then by name; they are as in `Batch.keys`.
        """
        columns = ", ".join(map(quoted, (table.primary_key, *names)))
        there = self._those_of(table, rows, f"select {columns}")
        found = KeysOf(table, there.to_arrow_reader(AT_ONCE).read_all())
        values = zip(*(found[name] for name in names), strict=True)
        return {
            key: dict(zip(names, row, strict=True))
            for key, row in zip(found[table.primary_key], values, strict=True)
        }

    def referred(self, table: Table, rows: pa.Table, child: Table, column: Column) -> set[Any]:
        """Which values of the stored rows that have the keys of `rows` a column of `child` has."""
        assert column.reference is not None
        self._bring_in(child, None)
        name, field = quoted(column.name), quoted(column.reference.args["field"])
        distinct = f"select distinct {name} from {core(child.name)} where {name} in (select {field}"
        there = self._those_of(table, rows, distinct, ")").to_arrow_reader(AT_ONCE).read_all()
        return set(KeysOf(child, there)[column.name])

    def _those_of(self, table: Table, rows: pa.Table, select: str, rest: str = "") -> Connection:
        """The stored rows that have the keys of `rows`."""
        key = quoted(table.primary_key)
        return query_arrow(
            self._connection,
            f"{select} from {core(table.name)} where {key} in (select {key} from arrow_rows){rest}",
            rows.select([table.primary_key]),
        )
