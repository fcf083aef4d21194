"""Rows that refer to others which are about to go: they must not be left behind."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.engines.engine import Connection
from service.engines.sql import core, quoted, shown_value
from service.judge.admission import parent_of
from service.judge.findings import FIRST_IDS
from service.judge.relations import dangling
from service.ops.row_history import keys_in, run


def check_left(
    connection: Connection,
    dictionary: Dictionary,
    table: Table,
    source: str,
    rows: pa.Table | None = None,
    fields: Collection[str] | None = None,
) -> None:
    """Checks that no other row refers to the rows of `table` whose keys are in `source`.

    `source` is as for `change_rows`. With `fields`, the rows stay, and lose their values there.

    Raises:
        DanglingReferences: names table, column, count and first ids of the first rows that do; all
            are among its ``references``.
    """
    found = [
        left
        for child, column in dictionary.children(table.name)
        if fields is None or parent_of(column)[1] in fields
        if (left := _left(connection, table, child, column, source, rows))
    ]
    if found:
        raise dangling(found)


def _left(
    connection: Connection,
    table: Table,
    child: Table,
    column: Column,
    source: str,
    rows: pa.Table | None,
) -> dict[str, Any] | None:
    key, keys = quoted(table.primary_key), keys_in(table, source)
    gone = f"select {quoted(parent_of(column)[1])} from {core(table.name)} where {key} in {keys}"
    referring = f"from {core(child.name)} as child where child.{quoted(column.name)} in ({gone})"
    if child.name == table.name:  # what goes too is not left
        referring += f" and child.{key} not in {keys}"
    ((count,),) = run(connection, f"select count(*) {referring}", [], rows).fetchall()
    if not count:
        return None
    of_child = quoted(child.primary_key)
    shown = shown_value(f"child.{of_child}", child.column(child.primary_key).type.name)
    first = f"select {shown} {referring} order by child.{of_child} limit {FIRST_IDS}"
    ids = [each for (each,) in run(connection, first, [], rows).fetchall()]
    said = {"rule": "relationships", "table": child.name, "column": column.name}
    return {**said, "parent": table.name, "count": count, "first_ids": ids}
