"""Records what a build, or the load of a file, has changed: in dbt's transaction, by its hook."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.dictionary.column_types import type_of
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.outbox import feed_state
from service.outbox.book_rows import READ_ROWS
from service.outbox.content import PART_ROWS
from service.outbox.recorder import Recorder


@dataclass(frozen=True)
class BuiltRows:
    """What the macro `tell_feed` says of a load: `typed` and `exceptions` are tables, by line."""

    table: str
    load_id: str
    columns: dict[str, str]  # of the table, with their types
    typed: str
    exceptions: str


def record_build(connection: Connection, committed: Connection, built: BuiltRows) -> None:
    """Records what the open transaction of `connection` has changed, if there is a feed.

    `committed` is another connection: it sees what was there before.
    """
    if not feed_state.is_kept(connection):
        return
    state = feed_state.read(connection)
    if not state.recording:
        return
    recorder = Recorder(connection, state.last + 1, state.room)
    for rows in _rows(connection, built, "exceptions.line is null"):
        recorder.add(built.table, "insert", rows, built.load_id)
    for rows in _rows(connection, built, "exceptions.state = 'changed'"):
        recorder.add(built.table, "update", rows, built.load_id)
    recorder.rows_changed("_loads", "load_id = ?", [built.load_id])
    _tell_rejections(recorder, committed, built.table)
    recorder.finish()


def _rows(connection: Connection, built: BuiltRows, which: str) -> Iterator[pa.Table]:
    """The rows of lines that the model has inserted, or that change one, some lines at a time."""
    schema = pa.schema([(name, type_of(kind).arrow) for name, kind in built.columns.items()])
    columns = ", ".join(f"typed.{quoted(name)}" for name in built.columns)
    query = (
        f"select {columns} from {built.typed} as typed"
        f" left join {built.exceptions} as exceptions on typed.line = exceptions.line"
        f" where {which} and typed.line between ? and ? order by typed.line"
    )
    ((first, last),) = connection.execute(
        f"select coalesce(min(line), 0), coalesce(max(line), -1) from {built.typed}"
    ).fetchall()
    for start in range(first, last + 1, PART_ROWS):
        found = connection.execute(query, [start, start + PART_ROWS - 1])
        rows = found.to_arrow_reader(READ_ROWS).read_all().cast(schema)
        if rows.num_rows:
            yield rows


def _tell_rejections(recorder: Recorder, committed: Connection, table: str) -> None:
    """Those that are new, and those whose status is another than before."""
    ((last,),) = committed.execute(
        "select coalesce(max(number), 0) from ops.rejections where number >= 0"
    ).fetchall()
    recorder.rows_changed("_rejections", "table_name = ? and number > ?", [table, last])
    before: Any = committed.execute(
        "select rejection_id as id, status as status_before from ops.rejections"
        " where table_name = ? and number <= ?",
        [table, last],
    ).to_arrow_reader(READ_ROWS)
    changed = (
        "rejection_id in (select id from arrow_rows inner join ops.rejections as now"
        " on now.rejection_id = id where now.status <> status_before)"
    )
    recorder.rows_changed("_rejections", changed, (), before)
