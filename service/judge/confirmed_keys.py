"""Asks a table of record which of some values a column of it has."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from service.dictionary import Column
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, count_rows, quoted, shown_value

# To look a value up by the index of the key takes as long as to join it with so many rows.
ROWS_PER_LOOKUP = 5000
MOST_LOOKUPS = 2000  # of one query: DuckDB reads the whole table for more


def confirmed(
    connection: Connection, table: str, column: Column, values: Collection[Any]
) -> list[Any]:
    """Those of `values`, which are as in `Batch.keys`, that the column of the table has."""
    name, kind = quoted(column.name), column.type
    read = f"select distinct {shown_value(name, kind.name)} as key from {core(table)} where {name}"
    if len(values) <= min(MOST_LOOKUPS, count_rows(connection, table) // ROWS_PER_LOOKUP):
        asked = ", ".join(f"cast(? as {kind.name})" for _ in values)
        found = connection.execute(f"{read} in ({asked})", [*values])
    else:
        rows = pa.table({"key": kind.array([*values])})
        query = f"{read} in (select cast(key as {kind.name}) from arrow_rows)"
        found = query_arrow(connection, query, rows)
    keys = found.to_arrow_reader(1 << 16).read_all().column("key")
    return keys.to_pylist() if kind.is_whole else kind.texts(keys)  # type: ignore[no-any-return]
