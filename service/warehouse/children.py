"""Rows that refer to others which are about to go: they must not be left behind."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Dictionary, Table
from service.engines.column_sql import is_there, listed, shown_column_value, value_of
from service.engines.engine import Connection
from service.engines.sql import core
from service.judge.findings import FIRST_IDS
from service.judge.orphans import parent_of
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
    key, field = table.key, table.column(parent_of(column)[1])
    # Arrow rows can be read once only.
    sent = f"with sent(sent_key) as materialized {keys_in(table, source)}"
    keys = "(select sent_key from sent)"
    gone = f"select {value_of(field)} from {core(table.name)} where {value_of(key)} in {keys}"
    referring = (
        f"from {core(child.name)} as child"
        f" where {is_there(column, 'child')} and {value_of(column, 'child')} in ({gone})"
    )
    if child.name == table.name:  # what goes too is not left
        referring += f" and {value_of(key, 'child')} not in {keys}"
    ((count,),) = run(connection, f"{sent} select count(*) {referring}", [], rows).fetchall()
    if not count:
        return None
    shown = shown_column_value(child.key, "child")
    order = f"order by {listed(child.key, 'child')} limit {FIRST_IDS}"
    first = f"{sent} select {shown} {referring} {order}"
    ids = [each for (each,) in run(connection, first, [], rows).fetchall()]
    said = {"rule": "relationships", "table": child.name, "column": column.name}
    return {**said, "parent": table.name, "count": count, "first_ids": ids}
