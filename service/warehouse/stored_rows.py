"""Rows of the tables of record, as they are shown: timestamps as text in UTC, with ``Z``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from service.dictionary import Column, Table
from service.engines.column_sql import is_value
from service.engines.engine import Connection
from service.engines.sql import core, quoted, shown_value

Value = tuple[Any, ...]


@dataclass(frozen=True)
class RowPage:
    """Rows whose values go along with `names`; `more` when others follow."""

    names: tuple[str, ...]
    values: Sequence[Value]
    more: bool = False
    documents: frozenset[str] = frozenset()  # columns whose values are JSON

    def dicts(self) -> list[dict[str, Any]]:
        """Each row by name, for JSON: a document is no text there."""
        rows = [dict(zip(self.names, row, strict=True)) for row in self.values]
        for name in self.documents.intersection(self.names):
            for row in rows:
                row[name] = row[name] and msgspec.Raw(row[name].encode())
        return rows


def counts(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    """How many rows each table has."""
    parts = [f"select {i}, count(*) from {core(table)}" for i, table in enumerate(tables)]
    found = dict(connection.execute(" union all ".join(parts)).fetchall()) if parts else {}
    return {table: found[i] for i, table in enumerate(tables)}


def row(connection: Connection, table: Table, key: Any) -> RowPage:
    """The row of that primary key; no row if there is none."""
    found = connection.execute(
        f"select {shown(table.columns)} from {core(table.name)} where {is_value(table.key)}",
        table.key.parts_of(key),
    ).fetchall()
    return RowPage(table.column_names, found, documents=documents_of(table.columns))


def documents_of(columns: Iterable[Column]) -> frozenset[str]:
    """The names of those whose values are JSON."""
    return frozenset(column.name for column in columns if column.type.name == "json")


def shown(columns: Iterable[Column]) -> str:
    """Columns as SQL selects them to be shown."""
    return ", ".join(shown_column(column.name, column.type.name) for column in columns)


def shown_column(name: str, type_name: str) -> str:
    """A column as SQL selects it to be shown: numbers and truths as they are, all else as text."""
    plain = quoted(name)
    shown = shown_value(plain, type_name)
    return plain if shown == plain else f"{shown} as {plain}"
