"""Writes what a group of requests brings into the tables of record, in the open transaction."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.engines.sql import core
from service.judge.columns import KeysOf
from service.ops.changes import listener_of
from service.ops.row_history import SENT, ChangedByMany, with_loads
from service.outbox.content import loads_of
from service.runtime.clock import utc_now
from service.warehouse.changed_rows import change_rows
from service.warehouse.work import Changes, Group


def write_rows(connection: Connection, group: Group) -> None:
    """Writes the rows that wait, then the changes, which may be of these rows."""
    for table, parts in group.rows.items():
        # In one piece: DuckDB takes as long to begin with a piece as for a hundred rows.
        rows = pa.concat_tables(parts).combine_chunks()
        insert_arrow(connection, f"{core(table)} by name", rows)
        if listener := listener_of(connection):
            listener.add(table, "insert", rows, loads_of(parts, group.row_loads[table]))
    for each in _together(group.changes):
        _change(connection, each)
    group.rows.clear()
    group.row_loads.clear()
    group.changes.clear()


def _together(changes: Sequence[Changes]) -> Iterator[list[Changes]]:
    """Changes of one table of which no two are of one row, in their order."""
    for name in dict.fromkeys(each.table.name for each in changes):
        part: list[Changes] = []
        seen: set[Any] = set()
        for each in changes:
            if each.table.name != name:
                continue
            keys = KeysOf(each.table, each.rows)[each.table.primary_key]
            if not seen.isdisjoint(keys):
                yield part
                part, seen = [], set()
            part.append(each)
            seen.update(keys)
        yield part


def _change(connection: Connection, part: Sequence[Changes]) -> None:
    rows = pa.concat_tables(with_loads(each.rows, each.load_id, each.actor) for each in part)
    changed = change_rows(connection, part[0].table, SENT, ChangedByMany(utc_now()), rows)
    if changed < rows.num_rows:
        raise RuntimeError(f"{changed} of {rows.num_rows} rows were there to be changed")
