"""What the books and the landed lines have of one row, and how it is taken out of them.

Entries stay, so that counts hold; what was sent, and what was wrong with which value, goes.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from service.dictionary import Column, Table
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.ops.changes import rows_changed
from service.runtime.clock import utc_now

GONE = '{"erased":true}'  # in place of what was sent
ERASED = "erased"
BOOKS = ("rejections", "replays")  # they have the rows that were sent, as JSON:
SENT = "json_extract_string(try_cast(payload as json), ?)"
SHORTEST = 3  # characters of a text by which a stored answer is known to be about the row


def forget_traces(
    connection: Connection, table: Table, key: Any, row: dict[str, Any] | None
) -> dict[str, int]:
    """Takes out what there is of the row of that primary key, whose content was `row`.

    Returns how many changes, rejections, warnings, answers and lines it was found in.
    """
    written = _written(connection, table, key)
    rejected = _rejections(connection, table, written)
    if table.generated and row:  # which was sent without its key
        rejected = [*{*rejected, *_rejections_of_content(connection, table, key, row)}]
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
        "lines": _lines(connection, table, written),
    }
    _blank(connection, rejected)
    return found


def _count(connection: Connection, statement: str, values: Sequence[Any]) -> int:
    ((count,),) = connection.execute(statement, list(values)).fetchall()
    return int(count)


def _written(connection: Connection, table: Table, key: Any) -> list[Any]:
    """Of each column of the key its value, or the list of the ways that it was written in, where
    its texts are normalised.
    """
    parts = zip(table.key.parts, table.key.parts_of(key), strict=True)
    return [_ways(connection, table, column, value) for column, value in parts]


def _ways(connection: Connection, table: Table, column: Column, key: Any) -> Any:
    if not column.normalise:
        return key
    path = f"$.{quoted(column.name)}"
    each = [f"select {SENT} from ops.{book} where table_name = ?" for book in BOOKS]
    values = [path, table.name] * len(each)
    if table.name in _landed(connection):
        each.append(f"select {quoted(column.name)} from raw.{quoted(table.name)}")
    found = connection.execute(" union ".join(each), values).fetchall()
    return [text for (text,) in found if text is not None and column.adjusted(text) == key]


def _landed(connection: Connection) -> set[str]:
    """The tables of lines of files and history."""
    found = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'raw'"
    ).fetchall()
    return {name for (name,) in found}


def _is_written(column: Column, text: str) -> str:
    """A condition: a text is the value of a column of the key, as its type reads it. Its parameter
    is that of _written().
    """
    if column.normalise:
        return f"{text} in (select unnest(?::varchar[]))"
    kind = column.type.name
    return f"{text} = ?" if kind == "varchar" else f"try_cast({text} as {kind}) = cast(? as {kind})"


def _rejections(connection: Connection, table: Table, written: Sequence[Any]) -> list[str]:
    of_key = " and ".join(_is_written(part, SENT) for part in table.key.parts)
    values: list[Any] = [table.name]
    for name, value in zip(table.key_names, written, strict=True):
        values += [f"$.{quoted(name)}", value]
    each = [
        f"select rejection_id from ops.{book} where table_name = ? and {of_key}" for book in BOOKS
    ]
    found = connection.execute(" union ".join(each), values * len(each)).fetchall()
    return [rejection_id for (rejection_id,) in found]


def _rejections_of_content(
    connection: Connection, table: Table, key: Any, row: dict[str, Any]
) -> set[str]:
    """Rejections whose row has gone in, that say what the row says, or has said before."""
    found = connection.execute(
        "select unnest([before, after]) from ops.changes where table_name = ? and row_key = ?",
        [table.name, str(key)],
    ).fetchall()
    names = [column.name for column in table.columns if not column.is_generated]
    alike = " and ".join(f"{SENT} is not distinct from ?" for _ in names)
    ids: set[str] = set()
    for content in (row, *(msgspec.json.decode(text) for (text,) in found if text)):
        values: list[Any] = [table.name]
        for name in names:
            value = content.get(name)
            values += [f"$.{quoted(name)}", None if value is None else str(value)]
        for book in BOOKS:
            query = f"select rejection_id from ops.{book} where table_name = ? and {alike}"
            ids.update(each for (each,) in connection.execute(query, values).fetchall())
    accepted = "select rejection_id from ops.rejections where status = 'accepted'"
    kept = connection.execute(
        f"{accepted} and rejection_id in (select unnest(?::varchar[]))", [list(ids)]
    ).fetchall()
    return {each for (each,) in kept}


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


def _lines(connection: Connection, table: Table, written: Sequence[Any]) -> int:
    """Lines of files and history, as text."""
    names = _landed(connection)
    if table.name not in names:
        return 0
    raw, exceptions = f"raw.{quoted(table.name)}", f"{table.name}__exceptions"
    of_key = " and ".join(_is_written(part, quoted(part.name)) for part in table.key.parts)
    values = list(written)
    if (ids := f"{table.name}__ids") in names:  # of lines that bring no key
        of_key = f"{of_key} or line in (select line from raw.{quoted(ids)} where id = ?)"
        values *= 2
    if exceptions in names:
        connection.execute(
            f"update raw.{quoted(exceptions)} set violations = '[]' where line in"
            f" (select line from {raw} where {of_key})",
            values,
        )
    blank = ", ".join(f"{quoted(name)} = null" for name in _texts(connection, table.name))
    return _count(connection, f"update {raw} set {blank} where {of_key}", values)


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
