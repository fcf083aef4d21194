"""The rows that are there when a batch is judged: stored ones, and those that its group brings."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.warehouse.group_rows import write_rows
from service.warehouse.work import Group

NUMBER = "number of the row"  # a column that no table has


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
        key and then by name.
        """
        key = quoted(table.primary_key)
        columns = ", ".join(map(quoted, (table.primary_key, *names)))
        found = query_arrow(
            self._connection,
            f"select {columns} from {core(table.name)}"
            f" where {key} in (select {key} from arrow_rows)",
            rows.select([table.primary_key]),
        )
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in found.fetchall()}

    def referred(self, child: Table, column: Column, values: Sequence[Any]) -> set[Any]:
        """Those of `values` that rows of `child` have in a column of theirs."""
        self._bring_in(child, None)
        name = quoted(column.name)
        found = query_arrow(
            self._connection,
            f"select distinct {name} from {core(child.name)}"
            f" where {name} in (select value from arrow_rows)",
            pa.table({"value": pa.array(values, column.type.arrow)}),
        )
        return {value for (value,) in found.fetchall()}
