"""What was done to rows of record, in ``ops.changes``: each row as it was, and as it became.

A row is a JSON object of the table's columns, in their order, made by the engine: numbers are
numbers, timestamps and other values without a type in JSON are text as answers show them. Who
changes rows says so here first, in the transaction that changes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import pyarrow as pa

from service.dictionary import Table
from service.engines.column_sql import (
    has_same_key,
    is_value,
    shown_column_value,
    typed_value,
    value_of,
)
from service.engines.duckdb import query_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted, shown_value

RowOperation: TypeAlias = Literal["insert", "update", "delete"]
SENT = "arrow_rows"  # what the Arrow rows of a statement are called
LOAD, ACTOR = "load that changes it", "who changes it"  # columns that no table has


@dataclass(frozen=True)
class ChangedBy:
    """The load that changes rows, who asked for it, and when (UTC)."""

    load_id: str
    actor: str | None
    at: datetime

    def sql(self) -> tuple[str, list[Any]]:
        """Load, actor and time as expressions, and the values in them."""
        return "?, ?, ?", [self.load_id, self.actor, self.at]


@dataclass(frozen=True)
class ChangedByMany:
    """The same of rows of several loads: Arrow rows that have two more columns, `with_loads`."""

    at: datetime

    def sql(self) -> tuple[str, list[Any]]:
        """As the `sql` of ChangedBy."""
        return f"new.{quoted(LOAD)}, new.{quoted(ACTOR)}, ?", [self.at]


def with_loads(rows: pa.Table, load_id: str, actor: str | None) -> pa.Table:
    """The rows with the load that changes them, and who asked for it."""
    for name, value in ((LOAD, load_id), (ACTOR, actor)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, pa.string()), rows.num_rows))
    return rows


By: TypeAlias = ChangedBy | ChangedByMany


def row_as_json(table: Table, alias: str) -> str:
    """An expression: the row of `alias`, as SQL names it, as a JSON object in a varchar."""
    names = [(column.name, column.type.name) for column in table.columns]
    shown = {name: shown_value(f"{alias}.{quoted(name)}", kind) for name, kind in names}
    if all(kind != "json" for _, kind in names):
        members = ", ".join(f"{quoted(name)} := {value}" for name, value in shown.items())
        return f"cast(to_json(struct_pack({members})) as varchar)"
    # A document as it is written: `to_json` would make 1.0 of 1.00, and a text of one in Arrow.
    values = (shown[name] if kind == "json" else f"to_json({shown[name]})" for name, kind in names)
    written = (
        f"{_literal(name)} || coalesce(cast({value} as varchar), 'null')"
        for name, value in zip(shown, values, strict=True)
    )
    return "('{' || " + " || ',' || ".join(written) + " || '}')"


def _literal(name: str) -> str:
    """The name of a member and its colon, as a text in SQL."""
    return "'" + (msgspec.json.encode(name).decode() + ":").replace("'", "''") + "'"


def stored_row(connection: Connection, table: Table, key: Any) -> str | None:
    """The row of that primary key as a JSON object; None where there is none."""
    found = connection.execute(
        f"select {row_as_json(table, 'kept')} from {core(table.name)} as kept"
        f" where {is_value(table.key, 'kept')}",
        table.key.parts_of(key),
    ).fetchone()
    return found[0] if found else None


def keys_in(table: Table, source: str) -> str:
    """A subquery: the primary keys of `source`, of the table's type, which Arrow may not have."""
    return f"(select {typed_value(table.key)} from {source})"


def key_as_text(table: Table, alias: str) -> str:
    """An expression: the primary key of the row of `alias` as ``row_key`` has it."""
    return f"cast({shown_column_value(table.key, alias)} as varchar)"


def differs(table: Table, one: str, other: str) -> str:
    """A condition: the rows of the two aliases, of one key, have not the same content."""
    content = (quoted(name) for name in table.column_names if name not in table.key_names)
    each = (f"{one}.{name} is distinct from {other}.{name}" for name in content)
    return f"({' or '.join(each) or 'false'})"


def note_updates(
    connection: Connection, table: Table, source: str, by: By, rows: Any = None
) -> int:
    """Notes the rows of the table that are about to be those of `source`; how many differ.

    `source` is SQL: a relation with the table's columns. Where it is SENT, Arrow `rows` are it.
    """
    found = (
        f"from {core(table.name)} as kept inner join {source} as new"
        f" on {has_same_key(table, 'kept', 'new')}"
        f" where {differs(table, 'kept', 'new')}"
    )
    before, after = row_as_json(table, "kept"), row_as_json(table, "new")
    return _note(connection, table, "update", by, before, after, "kept", found, rows)


def note_deletes(
    connection: Connection, table: Table, source: str, by: By, rows: Any = None
) -> int:
    """The same of rows whose keys are in `source`, and which are about to be removed."""
    key = value_of(table.key, "kept")
    found = f"from {core(table.name)} as kept where {key} in {keys_in(table, source)}"
    before = row_as_json(table, "kept")
    return _note(connection, table, "delete", by, before, "null", "kept", found, rows)


def note_inserts(
    connection: Connection, table: Table, source: str, by: By, rows: Any = None
) -> int:
    """The same of the rows of `source`, all of which are about to be put in."""
    after = row_as_json(table, "new")
    return _note(
        connection, table, "insert", by, "null", after, "new", f"from {source} as new", rows
    )


def _note(
    connection: Connection,
    table: Table,
    operation: RowOperation,
    by: By,
    before: str,
    after: str,
    alias: str,
    found: str,
    rows: Any,
) -> int:
    said, values = by.sql()
    query = (
        "insert into ops.changes"
        " (load_id, actor, changed_at, table_name, row_key, operation, before, after)"
        f" select {said}, ?, {key_as_text(table, alias)}, ?, {before}, {after} {found}"
    )
    done = run(connection, query, [*values, table.name, operation], rows)
    ((count,),) = done.fetchall()
    return int(count)


def run(connection: Connection, query: str, values: Sequence[Any], rows: Any = None) -> Connection:
    """Runs a statement; where there are Arrow `rows`, it may read them as SENT."""
    if rows is None:
        return connection.execute(query, list(values))
    return query_arrow(connection, query, rows, values)
