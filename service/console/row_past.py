"""What was done to a row, the newest first: changes with their values, and when it was kept out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from service.console.judged_rows import as_text
from service.dictionary import Table
from service.dictionary.written_values import Unreadable
from service.engines.engine import Connection
from service.ops import stored_warnings
from service.ops.past_rows import PastChange, Row, changes_of
from service.ops.row_history import RowOperation

MOST = 50  # of each
Warned: TypeAlias = tuple[datetime, str, list[str]]  # when, by which load, the messages
Cell: TypeAlias = tuple[str, str | None, str | None]  # a column, its text before and after


@dataclass(frozen=True)
class ShownChange:
    """A change, with the cells that it changed; of a row that was removed, all that it had."""

    at: datetime
    actor: str | None
    load_id: str
    kind: str | None
    operation: RowOperation
    cells: Sequence[Cell]


@dataclass(frozen=True)
class RowPast:
    """The changes of a row, and the rejections whose rows had its key; `warned` is what it was
    warned of last.
    """

    changes: Sequence[ShownChange]
    has_more: bool
    rejections: Sequence[dict[str, Any]]
    warned: Warned | None = None


def past_of(connection: Connection, table: Table, row_id: str) -> RowPast:
    """The past of the row of that primary key, as text; of none that could be, nothing."""
    try:
        key = table.key.type.from_text(row_id)
    except Unreadable:
        return RowPast([], False, [])
    changes, has_more = changes_of(connection, table, key, MOST)
    return RowPast(
        [_shown(table, each) for each in changes],
        has_more,
        _rejections(connection, table, row_id),
        _warned(connection, table, row_id),
    )


def _warned(connection: Connection, table: Table, row_id: str) -> Warned | None:
    found = stored_warnings.of_row(connection, table.name, row_id)
    if found is None:
        return None
    messages = [said["message"] for said in msgspec.json.decode(found.warnings)]
    return found.warned_at, found.load_id, messages


def _shown(table: Table, change: PastChange) -> ShownChange:
    cells = [
        (name, before, after)
        for name in table.column_names
        if (before := _text(change.before, name)) != (after := _text(change.after, name))
    ]
    return ShownChange(
        *(change.changed_at, change.actor, change.load_id, change.kind, change.operation),
        cells if change.operation != "insert" else [],
    )


def _text(row: Row | None, name: str) -> str | None:
    return None if row is None else as_text(msgspec.json.decode(row[name]))


def _rejections(connection: Connection, table: Table, key: str) -> list[dict[str, Any]]:
    """The rejections whose rows had that key, the newest first."""
    of_key = " and json_extract_string(payload, ?) = ?" * len(table.key_names)
    parts = table.key.texts_of(key).items()
    found = connection.execute(
        "select rejection_id, rejected_at, violations, status, resolved_at, resolved_by"
        f" from ops.rejections where table_name = ?{of_key} order by number desc limit ?",
        [table.name, *(each for name, text in parts for each in (f'$."{name}"', text)), MOST],
    ).fetchall()
    names = ("rejection_id", "rejected_at", "violations", "status", "resolved_at", "resolved_by")
    entries = [dict(zip(names, row, strict=True)) for row in found]
    for each in entries:
        each["messages"] = [said["message"] for said in msgspec.json.decode(each["violations"])]
    return entries
