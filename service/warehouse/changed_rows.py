"""Changes, removes and adds rows of a table of record, in the writer's transaction.

Each row is noted as it was and as it becomes (ops/row_history.py), and the outbox is told. What
rows they are is said as a relation with the table's columns: a temporary table, or Arrow rows. The
caller judges them before, writes the load that they are counted in, and keeps the keys held in
memory right (judge/key_index.py).
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from service.dictionary import Table
from service.engines.column_sql import has_same_key, listed, value_of
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.ops.changes import Operation, listener_of
from service.ops.row_history import (
    LOAD,
    SENT,
    By,
    ChangedBy,
    ChangedByMany,
    differs,
    keys_in,
    note_deletes,
    note_inserts,
    note_updates,
    run,
)

TOLD_ROWS = 1 << 16  # at a time


def change_rows(
    connection: Connection, table: Table, source: str, by: By, rows: pa.Table | None = None
) -> int:
    """Gives rows of the table, by their keys, the content that they have in `source`.

    Keys are there once in `source`; those that the table lacks are passed over. `source` is the
    name of a table, or SENT for Arrow `rows`; rows of several loads come as `with_loads` makes
    them, and `by` is a ChangedByMany. It may be called again in the same transaction, of the same
    rows. Returns how many rows were not so already.
    """
    changed = note_updates(connection, table, source, by, rows)
    if not changed:
        return 0
    kept = core(table.name)
    joined = f"{has_same_key(table, 'kept', 'new')} and {differs(table, 'kept', 'new')}"
    found = f"from {{source}} as new inner join {kept} as kept on {joined}"
    _tell(connection, table, "update", "new", found, source, by, rows)
    content = (quoted(name) for name in table.column_names if name not in table.key_names)
    values = ", ".join(f"{name} = new.{name}" for name in content)
    query = f"update {kept} as kept set {values} from {source} as new where {joined}"
    run(connection, query, [], rows)
    return changed


def remove_rows(
    connection: Connection, table: Table, source: str, by: ChangedBy, rows: pa.Table | None = None
) -> int:
    """Removes the rows whose primary keys are in `source`; returns how many there were."""
    removed = note_deletes(connection, table, source, by, rows)
    if not removed:
        return 0
    key, kept = table.key, core(table.name)
    found = f"from {kept} as kept where {value_of(key, 'kept')} in {keys_in(table, '{source}')}"
    _tell(connection, table, "delete", "kept", found, source, by, rows)
    query = f"delete from {kept} where {value_of(key)} in {keys_in(table, source)}"
    run(connection, query, [], rows)
    return removed


def add_rows(
    connection: Connection, table: Table, source: str, by: ChangedBy, rows: pa.Table | None = None
) -> int:
    """Puts the rows of `source` in, each of which is noted; returns how many there are."""
    added = note_inserts(connection, table, source, by, rows)
    _tell(connection, table, "insert", "new", "from {source} as new", source, by, rows)
    columns = ", ".join(map(quoted, table.column_names))
    query = f"insert into {core(table.name)} ({columns}) select {columns} from {source}"
    run(connection, query, [], rows)
    return added


def _tell(
    connection: Connection,
    table: Table,
    operation: Operation,
    alias: str,
    found: str,
    source: str,
    by: By,
    rows: pa.Table | None,
) -> None:
    """Tells the outbox, if there is one, which rows are about to be changed."""
    if (listener := listener_of(connection)) is None:
        return
    columns = ", ".join(f"{alias}.{quoted(name)}" for name in table.column_names)
    if isinstance(by, ChangedByMany):
        columns += f", new.{quoted(LOAD)}"
    for part in _parts(connection, source):
        query = f"select {columns} {found.format(source=part)}"
        told = run(connection, query, [], rows).to_arrow_reader(TOLD_ROWS).read_all()
        if not told.num_rows:
            continue
        load_ids = by.load_id if isinstance(by, ChangedBy) else _loads(told)
        listener.add(
            table.name,
            operation,
            told.select(list(table.column_names)).cast(table.arrow_schema),
            load_ids,
        )


def _loads(told: pa.Table) -> pa.Array:
    return told.column(LOAD).combine_chunks()


def _parts(connection: Connection, source: str) -> Iterator[str]:
    """A relation in parts of TOLD_ROWS: what is told is held in memory."""
    if source == SENT:
        yield source
        return
    # Rows that are not committed are numbered from far above.
    ((first, last),) = connection.execute(
        f"select coalesce(min(rowid), 0), coalesce(max(rowid), -1) from {source}"
    ).fetchall()
    for start in range(first, last + 1, TOLD_ROWS):
        end = start + TOLD_ROWS
        yield f"(select * from {source} where rowid >= {start} and rowid < {end})"


def temporary(name: str) -> str:
    """The name of a temporary table, as SQL has it."""
    return f"temp.{quoted(name)}"


def keep_keys(
    connection: Connection, table: Table, name: str, where: str, values: list[Any]
) -> int:
    """Makes a temporary table of the keys of the rows that a condition finds; how many they are."""
    connection.execute(
        f"create or replace temp table {quoted(name)} as"
        f" select {listed(table.key)} from {core(table.name)} where {where}",
        values,
    )
    ((count,),) = connection.execute(f"select count(*) from {temporary(name)}").fetchall()
    return int(count)
