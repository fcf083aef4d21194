"""What ``ops.changes`` has of one row, the newest first; and when it is forgotten."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from service.dictionary import Table
from service.engines.engine import Connection
from service.ops.row_history import RowOperation

Row = dict[str, msgspec.Raw]
_row = msgspec.json.Decoder(Row).decode
_NULL = msgspec.Raw(b"null")


@dataclass(frozen=True)
class PastChange:
    """Something that was done to a row; `kind` is that of its load, None where that is gone."""

    number: int
    load_id: str
    kind: str | None
    operation: RowOperation
    before: Row | None
    after: Row | None
    changed_at: datetime
    actor: str | None


def changes_of(
    connection: Connection, table: Table, key: Any, limit: int, before: int | None = None
) -> tuple[list[PastChange], bool]:
    """At most `limit` changes of the row of that primary key, and whether there are older ones.

    With `before` they are those whose number is lower. A column that the table got later is null.
    """
    found = connection.execute(
        "select changes.number, load_id, loads.kind, operation, before, after, changed_at,"
        " changes.actor from ops.changes as changes left join ops.loads as loads"
        " using (load_id, table_name) where table_name = ? and row_key = ?"
        " and (? is null or changes.number < ?) order by changes.number desc limit ?",
        [table.name, str(key), before, before, limit + 1],
    ).fetchall()
    changes = [
        PastChange(number, load, kind, what, _complete(table, old), _complete(table, new), at, who)
        for number, load, kind, what, old, new, at, who in found[:limit]
    ]
    return changes, len(found) > limit


def _complete(table: Table, text: str | None) -> Row | None:
    if text is None:
        return None
    """By the names of now; a column that the table has no more keeps its name of then."""
    row = {table.former_names.get(name, name): value for name, value in _row(text).items()}
    return {**dict.fromkeys(table.column_names, _NULL), **row}


def forget_changes(connection: Connection, before: datetime) -> None:
    """Forgets what was done before a time (UTC)."""
    connection.execute("delete from ops.changes where changed_at < ?", [before])
