"""What the books and the landed lines have of one row, and how it is taken out of them.

Entries stay, so that counts hold; what was sent, and what was wrong with which value, goes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from service.dictionary import Table
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.ops.changes import rows_changed
from service.runtime.clock import utc_now

GONE = '{"erased":true}'  # in place of what was sent
ERASED = "erased"
SHORTEST = 3  # characters of a text by which a stored answer is known to be about the row


def forget_traces(
    connection: Connection, table: Table, key: Any, row: dict[str, Any] | None
) -> dict[str, int]:
    """Takes out what there is of the row of that primary key, whose content was `row`.

    Returns how many changes, rejections, warnings, answers and lines it was found in.
    """
    rejected = _rejections(connection, table, key)
    loads = _loads(connection, table, key)
    found = {
        "answers": _answers(connection, [*rejected, *loads], row or {}),
        "changes": _count(
            connection,
            "delete from ops.changes where table_name = ? and row_key = ?",
            [table.name, str(key)],
        ),
        "rejections": len(rejected),
        "warnings": _count(
            connection,
            "update ops.warnings set row_key = ?, warnings = '[]'"
            " where table_name = ? and row_key = ?",
            [ERASED, table.name, str(key)],
        ),
        "lines": _lines(connection, table, key),
    }
    _blank(connection, rejected)
    return found


def _count(connection: Connection, statement: str, values: Sequence[Any]) -> int:
    ((count,),) = connection.execute(statement, list(values)).fetchall()
    return int(count)


def _is_key(table: Table, text: str) -> str:
    """A condition: a text is the key, as its type reads it; it has one value."""
    kind = table.column(table.primary_key).type.name
    return f"{text} = ?" if kind == "varchar" else f"try_cast({text} as {kind}) = cast(? as {kind})"


def _rejections(connection: Connection, table: Table, key: Any) -> list[str]:
    path = f"$.{quoted(table.primary_key)}"
    sent = "json_extract_string(try_cast({} as json), ?)"
    found = connection.execute(
        "select rejection_id from ops.rejections where table_name = ? and"
        f" {_is_key(table, sent.format('payload'))}"
        " union select rejection_id from ops.replays where table_name = ? and"
        f" {_is_key(table, sent.format('payload'))}",
        [table.name, path, key, table.name, path, key],
    ).fetchall()
    return [each for (each,) in found]


def _loads(connection: Connection, table: Table, key: Any) -> list[str]:
    found = connection.execute(
        "select distinct load_id from ops.changes where table_name = ? and row_key = ?",
        [table.name, str(key)],
    ).fetchall()
    return [each for (each,) in found]


def _answers(connection: Connection, ids: Sequence[str], row: dict[str, Any]) -> int:
    """Answers that are kept for a repeat, if they name a load or a rejection, or say a text."""
    texts = [each for each in row.values() if isinstance(each, str) and len(each) >= SHORTEST]
    said = [*ids, *(msgspec.json.encode(text).decode()[1:-1] for text in texts)]
    return _count(
        connection,
        "delete from ops.idempotency_keys where exists (select 1 from"
        " (select unnest(?::varchar[]) as said) where contains(decode(body), said))",
        [said],
    )


def _lines(connection: Connection, table: Table, key: Any) -> int:
    """Lines of files and history, as text."""
    there = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'raw'"
    ).fetchall()
    names = {name for (name,) in there}
    if table.name not in names:
        return 0
    raw, exceptions = f"raw.{quoted(table.name)}", f"{table.name}__exceptions"
    of_key = f"{_is_key(table, quoted(table.primary_key))}"
    if exceptions in names:
        connection.execute(
            f"update raw.{quoted(exceptions)} set violations = '[]' where line in"
            f" (select line from {raw} where {of_key})",
            [key],
        )
    blank = ", ".join(f"{quoted(name)} = null" for name in _texts(connection, table.name))
    return _count(connection, f"update {raw} set {blank} where {of_key}", [key])


def _texts(connection: Connection, table: str) -> list[str]:
    found = connection.execute(
        "select column_name from information_schema.columns"
        " where table_schema = 'raw' and table_name = ? and data_type = 'VARCHAR'",
        [table],
    ).fetchall()
    return [name for (name,) in found]


def _blank(connection: Connection, rejected: Sequence[str]) -> None:
    for rejection_id in rejected:
        ((said, status),) = connection.execute(
            "select violations, status from ops.rejections where rejection_id = ?", [rejection_id]
        ).fetchall()
        kept = [
            {"column": each.get("column"), "rule": each.get("rule"), "message": "", "value": None}
            for each in msgspec.json.decode(said)
        ]
        connection.execute(
            "update ops.rejections set payload = ?, violations = ?, raw = null"
            " where rejection_id = ?",
            [GONE, msgspec.json.encode(kept).decode(), rejection_id],
        )
        if status == "open":  # nobody can try it again
            connection.execute(
                "update ops.rejections set status = 'dismissed', resolved_at = ?, resolution = ?"
                " where rejection_id = ?",
                [utc_now(), ERASED, rejection_id],
            )
        connection.execute(
            "update ops.replays set payload = null, violations = null where rejection_id = ?",
            [rejection_id],
        )
        rows_changed(connection, "_rejections", "rejection_id = ?", [rejection_id])
        rows_changed(connection, "_replays", "rejection_id = ?", [rejection_id])
