"""What the rows of backups and of their tables differ in, staged in temporary tables.

A part of a backup is compared with the rows of its table between its first key and its last one.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary import Table
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted

WHAT = '"what to do"'  # a column that no table has: Avro knows no such name


def staged(table: str) -> str:
    """The temporary table of the differences of `table`, as SQL names it.

    Its column WHAT says ``add``, ``change`` or ``remove``; of rows to remove it has the key only.
    """
    return f"temp.{quoted(f'restored__{table}')}"


class Unordered(Exception):
    """The rows of a file are not in the order of their keys, or a key comes twice."""


def compare_parts(connection: Connection, table: Table, parts: Iterable[pa.RecordBatch]) -> None:
    """Stages what the rows of a backup, in `parts`, and those of its table differ in.

    Raises:
        Unordered: the rows are not in the order of their keys; what is staged is of no use.
    """
    key = quoted(table.primary_key)
    last: Any = None
    for part in parts:
        keys = part.column(table.primary_key)
        if not _ascending(keys, last):
            raise Unordered
        above, last = last, keys[-1]
        bounds = [each.as_py() for each in (above, last) if each is not None]
        between = f"{key} <= ?" if above is None else f"{key} > ? and {key} <= ?"
        if not _is_there(connection, table, part, between, bounds):
            find_differences(connection, table, part, between, bounds)
    rest, bounds = ("true", []) if last is None else (f"{key} > ?", [last.as_py()])
    connection.execute(
        f"insert into {staged(table.name)} ({WHAT}, {key})"
        f" select 'remove', {key} from {core(table.name)} where {rest}",
        bounds,
    )


def _is_there(
    connection: Connection,
    table: Table,
    part: pa.RecordBatch,
    where: str,
    values: list[Any],
) -> bool:
    """Whether the table has, `where` it is asked, the rows of `part` and no others.

    Most parts of most backups are. To find that out takes half the time of a join, which hashes
    the rows.
    """
    columns = ", ".join(map(quoted, table.column_names))
    query = f"select {columns} from {core(table.name)} where {where}"
    # One row more than wanted, and not all: there may be any number of them.
    found = connection.execute(query, values).to_arrow_reader(part.num_rows + 1)
    batches = list(islice(found, 2))
    if len(batches) != 1:
        return False
    (kept,) = batches
    if not _ascending(kept.column(table.primary_key), None):
        kept = kept.sort_by(table.primary_key)
    return bool(kept.equals(part))


def _ascending(keys: pa.Array, last: pa.Scalar | None) -> bool:
    """Whether the keys grow with each row, beginning above `last`."""
    grows = pc.all(pc.less(keys[:-1], keys[1:]), skip_nulls=False).as_py()
    return bool(grows and (last is None or pc.less(last, keys[0]).as_py()))


def find_differences(
    connection: Connection,
    table: Table,
    rows: str | pa.RecordBatch,
    where: str,
    values: list[Any],
) -> None:
    """Compares `rows`, a table's name or Arrow's, with those of the table `where` keys are within
    bounds; stages what differs.
    """
    key, content = quoted(table.primary_key), _content(table)
    differs = " or ".join(f"kept.{name} is distinct from backup.{name}" for name in content)
    columns = "".join(f", {name}" for name in content)
    wanted = "".join(f", backup.{name}" for name in content)
    backup = rows if isinstance(rows, str) else as_kept(table, "arrow_rows")
    query = f"""
        insert into {staged(table.name)} ({WHAT}, {key}{columns})
        select
            case when kept.{key} is null then 'add' when backup.{key} is null then 'remove'
                else 'change' end,
            coalesce(backup.{key}, kept.{key}){wanted}
        from (select * from {core(table.name)} where {where}) as kept
        full outer join {backup} as backup on kept.{key} = backup.{key}
        where kept.{key} is null or backup.{key} is null or {differs or "false"}
    """
    if isinstance(rows, str):
        connection.execute(query, values)
    else:
        query_arrow(connection, query, rows, values)


def as_kept(table: Table, rows: str) -> str:
    """Arrow rows as SQL names them, of the table's types: Arrow has no UUID, and no JSON."""
    if not {"uuid", "json"} & {column.type.name for column in table.columns}:
        return rows
    columns = (
        f"cast({quoted(each.name)} as {each.type.name}) as {quoted(each.name)}"
        for each in table.columns
    )
    return f"(select {', '.join(columns)} from {rows})"


def _content(table: Table) -> list[str]:
    return [quoted(name) for name in table.column_names if name != table.primary_key]
