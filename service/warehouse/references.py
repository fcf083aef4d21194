"""What a row refers to, and which rows refer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Column, Dictionary, Rule, Table
from service.dictionary.combined_columns import text_of
from service.engines.column_sql import is_value, listed, shown_column_value
from service.engines.engine import Connection
from service.engines.sql import core
from service.errors import NotFound
from service.warehouse.row_filters import parameters_of
from service.warehouse.row_queries import COUNTED
from service.warehouse.stored_rows import shown

FIRST = 10  # rows that refer to this one, by their keys


@dataclass(frozen=True)
class ParentRow:
    """The row that a column refers to; both `value` and `row` are None where it has none."""

    column: str
    table: str
    field: str
    value: Any
    key: Any  # primary key of the row
    row: dict[str, Any] | None


@dataclass(frozen=True)
class ChildRows:
    """The rows of a table whose `column` refers to this row's `field`: how many, the first keys.

    If not `is_exact`, there are more than `rows`. `wanted` are the columns by which they refer to
    it, each with its value as it is shown.
    """

    table: str
    column: str
    field: str
    wanted: Sequence[tuple[str, Any]]
    rows: int
    is_exact: bool
    first: Sequence[Any]


@dataclass(frozen=True)
class RowReferences:
    """A row's references, both ways."""

    parents: Sequence[ParentRow]
    children: Sequence[ChildRows]


def references(
    connection: Connection, dictionary: Dictionary, table: Table, key: Any
) -> RowReferences:
    """The references of the row of that primary key, as its type reads it.

    Raises:
        NotFound: there is no such row.
    """
    found = _row(connection, table, table.key, key)
    if found is None:
        raise NotFound(f"{table.name} has no row {key!r}", table=table.name)
    parents = [
        _parent(connection, dictionary, column, column.reference, _value(column, found))
        for column in table.referring_columns
        if column.reference
    ]
    children = [
        _children(connection, table, child, column, column.reference, found)
        for child, column in dictionary.children(table.name)
        if column.reference
    ]
    return RowReferences(parents, children)


def _value(column: Column, row: Mapping[str, Any]) -> Any:
    """What a row, as it is shown, has in a column; None where it has none."""
    if not column.combines:
        return row[column.name]
    values = [row[part.name] for part in column.parts]
    return None if None in values else text_of(values)


def _row(connection: Connection, table: Table, column: Column, value: Any) -> dict[str, Any] | None:
    found = connection.execute(
        f"select {shown(table.columns)} from {core(table.name)} where {is_value(column)}",
        parameters_of(column, value),
    ).fetchone()
    return None if found is None else dict(zip(table.column_names, found, strict=True))


def _parent(
    connection: Connection, dictionary: Dictionary, column: Column, said: Rule, value: Any
) -> ParentRow:
    parent, field = dictionary.tables[said.args["parent"]], said.args["field"]
    read = None if value is None else column.type.read(value)
    row = None if value is None else _row(connection, parent, parent.column(field), read)
    key = None if row is None else parent.key_of(row)
    return ParentRow(column.name, parent.name, field, value, key, row)


def _children(
    connection: Connection,
    parent: Table,
    child: Table,
    column: Column,
    said: Rule,
    row: dict[str, Any],
) -> ChildRows:
    field = said.args["field"]
    parts = zip(column.parts, parent.column(field).parts, strict=True)
    pairs = [(part.name, row[of_parent.name]) for part, of_parent in parts]
    value = _value(parent.column(field), row)
    if value is None:
        return ChildRows(child.name, column.name, field, pairs, 0, True, ())
    wanted = parameters_of(column, column.type.read(value))
    name, key, table = is_value(column), child.key, core(child.name)
    [(rows,)] = connection.execute(
        f"select count(*) from (select 1 from {table} where {name} limit ?)",
        [*wanted, COUNTED + 1],
    ).fetchall()
    first = connection.execute(
        f"select {shown_column_value(key, 'child')} from {table} as child where {name}"
        f" order by {listed(key, 'child')} limit ?",
        [*wanted, FIRST],
    ).fetchall()
    keys = [each for (each,) in first]
    exact = rows <= COUNTED
    return ChildRows(child.name, column.name, field, pairs, min(rows, COUNTED), exact, keys)
