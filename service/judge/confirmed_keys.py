"""Asks a table of record which of some values a column of it has, or several columns together."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from service.dictionary import Column
from service.engines.column_sql import is_same, listed, shown_column_value
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, count_rows, quoted

# To look a value up by the index of the key takes as long as to join it with so many rows.
ROWS_PER_LOOKUP = 5000
MOST_LOOKUPS = 2000  # of one query: DuckDB reads the whole table for more


def confirmed(
    connection: Connection, table: str, column: Column, values: Collection[Any]
) -> list[Any]:
    """Those of `values`, which are as in `Batch.keys`, that the column of the table has."""
    read = f"select distinct {shown_column_value(column, 'kept')} as key from {core(table)} as kept"
    lookups = 0 if column.combines else count_rows(connection, table) // ROWS_PER_LOOKUP
    if len(values) <= min(MOST_LOOKUPS, lookups):
        asked = ", ".join(f"cast(? as {column.type.name})" for _ in values)
        condition = f"{listed(column, 'kept')} in ({asked})"
        found = connection.execute(f"{read} where {condition}", [*values])
    else:
        typed = (
            f"cast({quoted(e.name)} as {e.type.name}) as {quoted(e.name)}" for e in column.parts
        )
        asked = f"(select {', '.join(typed)} from arrow_rows) as asked"
        condition = is_same(column, "kept", column, "asked")
        query = f"{read} semi join {asked} on {condition}"
        found = query_arrow(connection, query, _rows(column, values))
    keys = found.to_arrow_reader(1 << 16).read_all().column("key")
    return keys.to_pylist() if column.type.is_whole else column.type.texts(keys)


def _rows(column: Column, values: Collection[Any]) -> pa.Table:
    """A column for each part of the values."""
    parts = zip(*map(column.parts_of, values), strict=True)
    return pa.table(
        {part.name: part.type.array(each) for part, each in zip(column.parts, parts, strict=True)}
    )
