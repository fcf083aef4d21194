"""What the rows of backups and of their tables differ in, staged in temporary tables.

A part of a backup is compared with the rows of its table between its first key and its last one.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary import Table
from service.engines.column_sql import has_same_key, is_above, is_up_to, listed
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
    last: list[pa.Scalar] | None = None
    for part in parts:
        keys = [part.column(name) for name in table.key_names]
        if not _ascending(keys, last):
            raise Unordered
        above, last = last, [each[-1] for each in keys]
        between, bounds = _between(table, above, last)
        if not _is_there(connection, table, part, between, bounds):
            find_differences(connection, table, part, between, bounds)
    rest, bounds = _between(table, last, None)
    key = listed(table.key)
    connection.execute(
        f"insert into {staged(table.name)} ({WHAT}, {key})"
        f" select 'remove', {key} from {core(table.name)} where {rest}",
        bounds,
    )


def _between(
    table: Table, above: list[pa.Scalar] | None, last: list[pa.Scalar] | None
) -> tuple[str, list[Any]]:
    """The condition that keys are above one and up to another, and its parameters."""
    conditions, parameters = ["true"], list[Any]()
    for bound, compared in ((above, is_above), (last, is_up_to)):
        if bound is not None:
            condition, values = compared(table.key, [each.as_py() for each in bound])
            conditions.append(f"({condition})")
            parameters += values
    return " and ".join(conditions), parameters


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
    if not _ascending([kept.column(name) for name in table.key_names], None):
        kept = kept.sort_by([(name, "ascending") for name in table.key_names])
    return bool(kept.equals(part))


def _ascending(keys: Sequence[pa.Array], last: Sequence[pa.Scalar] | None) -> bool:
    """Whether the keys, given by their columns, grow with each row, beginning above `last`."""
    grows = pc.all(_less([(each[:-1], each[1:]) for each in keys]), skip_nulls=False).as_py()
    if last is None or not grows:
        return bool(grows)
    return bool(_less([(one, each[0]) for one, each in zip(last, keys, strict=True)]).as_py())


def _less(pairs: Sequence[tuple[Any, Any]]) -> Any:
    """Whether the one is below the other, given their parts, the first of which counts most."""
    (one, other), *rest = pairs
    less = pc.less(one, other)
    return pc.or_(less, pc.and_(pc.equal(one, other), _less(rest))) if rest else less


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
    keys, content = [quoted(name) for name in table.key_names], _content(table)
    of_kept, of_backup = f"kept.{keys[0]} is null", f"backup.{keys[0]} is null"
    either = ", ".join(f"coalesce(backup.{name}, kept.{name})" for name in keys)
    differs = " or ".join(f"kept.{name} is distinct from backup.{name}" for name in content)
    columns = "".join(f", {name}" for name in content)
    wanted = "".join(f", backup.{name}" for name in content)
    backup = rows if isinstance(rows, str) else as_kept(table, "arrow_rows")
    query = f"""
        insert into {staged(table.name)} ({WHAT}, {", ".join(keys)}{columns})
        select
            case when {of_kept} then 'add' when {of_backup} then 'remove' else 'change' end,
            {either}{wanted}
        from (select * from {core(table.name)} where {where}) as kept
        full outer join {backup} as backup on {has_same_key(table, "kept", "backup")}
        where {of_kept} or {of_backup} or {differs or "false"}
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
    return [quoted(name) for name in table.column_names if name not in table.key_names]
