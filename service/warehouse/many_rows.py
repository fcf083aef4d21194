"""All rows that fit filters, removed at once, in the writer's transaction."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.dictionary import Dictionary
from service.engines.column_sql import listed, shown_column_value, value_of
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import TooManyAffected
from service.judge.columns import unique_values
from service.judge.findings import FIRST_IDS
from service.judge.key_index import KeyIndex
from service.ops.row_history import ChangedBy
from service.runtime.wording import counted
from service.warehouse.changed_rows import keep_keys, remove_rows, temporary
from service.warehouse.children import check_left
from service.warehouse.row_queries import RowQuery

READ_ROWS = 1 << 17  # at a time
GONE = "rows to remove"  # the temporary table of their keys


@dataclass(frozen=True)
class RowsRemoved:
    """How many rows went, and the primary keys of the first.

    `load_id` is None after a dry run, and where nothing went.
    """

    load_id: str | None
    rows: int
    first: list[Any]


def remove_fitting(
    connection: Connection,
    dictionary: Dictionary,
    query: RowQuery,
    keys: KeyIndex,
    by: ChangedBy,
    *,
    most: int | None = None,
    dry_run: bool = False,
) -> RowsRemoved:
    """Removes the rows that fit the filters of `query`, at most `most`, or none of them.

    `keys` is the layer of the transaction.

    Raises:
        TooManyAffected: there are more.
        DanglingReferences: other rows, which stay, refer to them.
    """
    table, (where, values) = query.table, query.where()
    rows = keep_keys(connection, table, GONE, where, values)
    if most is not None and rows > most:
        raise TooManyAffected(
            f"{counted(rows, 'row')} of {table.name} would go, and at most {most:,} may",
            table=table.name,
            count=rows,
            max_affected=most,
        )
    check_left(connection, dictionary, table, temporary(GONE))
    first = connection.execute(
        f"select {shown_column_value(table.key)} from {temporary(GONE)}"
        f" order by {listed(table.key)} limit {FIRST_IDS}"
    ).fetchall()
    is_done = rows > 0 and not dry_run
    if is_done:
        _forget_keys(connection, query, keys)
        remove_rows(connection, table, temporary(GONE), by)
    connection.execute(f"drop table {temporary(GONE)}")
    return RowsRemoved(by.load_id if is_done else None, rows, [each for (each,) in first])


def _forget_keys(connection: Connection, query: RowQuery, keys: KeyIndex) -> None:
    table = query.table
    key = value_of(table.key)
    names = (part.name for column in table.unique_columns for part in column.parts)
    columns = ", ".join(map(quoted, dict.fromkeys(names)))
    found = connection.execute(
        f"select {columns} from {core(table.name)}"
        f" where {key} in (select {key} from {temporary(GONE)})"
    )
    for batch in found.to_arrow_reader(READ_ROWS):
        for name, values in unique_values(table, pa.Table.from_batches([batch])).items():
            keys.remove((table.name, name), values)
