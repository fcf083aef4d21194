"""Reads tables of record and marts, as they are shown: moments as text in UTC, with ``Z``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Column, Report, Table
from service.engines.duckdb import MISSING
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import NotBuilt

Value = tuple[Any, ...]

# Groups of up to so many bits are counted in an array rather than a hash table (DuckDB's limit is
# 12): years, months, departments and jobs take 18, in two thirds of the time.
GROUP_BITS = 20


@dataclass(frozen=True)
class RowPage:
    """Rows whose values go along with `names`; `more` when others follow."""

    names: tuple[str, ...]
    values: Sequence[Value]
    more: bool = False

    def dicts(self) -> list[dict[str, Any]]:
        """Each row by name."""
        return [dict(zip(self.names, row, strict=True)) for row in self.values]


def counts(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    """How many rows each table has."""
    parts = [f"select {i}, count(*) from {core(table)}" for i, table in enumerate(tables)]
    found = dict(connection.execute(" union all ".join(parts)).fetchall()) if parts else {}
    return {table: found[i] for i, table in enumerate(tables)}


def page(connection: Connection, table: Table, after: Any | None, limit: int) -> RowPage:
    """At most `limit` rows by primary key, from the one that follows the key `after`.

    The keys are looked for first and the other columns fetched for those alone: among 10 million
    rows a page then takes 20 ms wherever it lies, and a plain query up to 750 ms.
    """
    key, where = quoted(table.primary_key), "" if after is None else "where key > ?"
    keys = f"select {key} as key from {core(table.name)}"
    found = connection.execute(
        f"select {_shown_columns(table)} from {core(table.name)} where {key} in "
        f"(select key from ({keys}) {where} order by key limit ?) order by {key}",
        [*([] if after is None else [after]), limit + 1],
    ).fetchall()
    return RowPage(table.column_names, found[:limit], len(found) > limit)


def row(connection: Connection, table: Table, key: Any) -> RowPage:
    """The row of that primary key; no row if there is none."""
    found = connection.execute(
        f"select {_shown_columns(table)} from {core(table.name)}"
        f" where {quoted(table.primary_key)} = ?",
        [key],
    ).fetchall()
    return RowPage(table.column_names, found)


def _shown_columns(table: Table) -> str:
    return ", ".join(_shown(column.name, column.type.name) for column in table.columns)


def _shown(name: str, type_name: str) -> str:
    # A cast gives a fraction of a second only where there is one, and strftime always.
    if type_name.startswith("timestamp"):
        return f"replace(cast({quoted(name)} as varchar), ' ', 'T') || 'Z' as {quoted(name)}"
    return quoted(name)


def key_column(table: Table) -> Column:
    """The column of the primary key."""
    return table.column(table.primary_key)


def report(
    connection: Connection, asked: Report, arguments: Mapping[str, int]
) -> tuple[dict[str, Any], RowPage]:
    """The report's scalars and its rows; `arguments` are by parameter.

    Raises:
        NotBuilt: there is no mart for it yet.
    """
    types = report_types(connection, asked)
    connection.execute(f"set perfect_ht_threshold = {GROUP_BITS}")
    try:
        return _report(connection, asked, arguments, types)
    except MISSING as error:
        raise NotBuilt(f"what the report {asked.name} shows is not built yet") from error


def _report(
    connection: Connection,
    asked: Report,
    arguments: Mapping[str, int],
    types: Mapping[str, str],
) -> tuple[dict[str, Any], RowPage]:
    mart = f"marts.{quoted(asked.model)}"
    equal = " and ".join(f"{quoted(name)} = ?" for name in asked.parameters) or "true"
    values = [arguments[name] for name in asked.parameters]
    columns = ", ".join(_shown(name, types[name]) for name in asked.columns)
    order = ", ".join(asked.order_by)
    if not asked.scalars:
        query = f"select {columns} from {mart} where {equal} and ({asked.where or 'true'})"
        found = connection.execute(f"{query} order by {order}", values).fetchall()
        return {}, RowPage(asked.columns, found)
    # Scalars are the same in every row, also in those that are not shown: one look at the mart.
    scalars = ", ".join(map(quoted, asked.scalars))
    query = f"select {scalars}, coalesce({asked.where or 'true'}, false), {columns} from {mart}"
    found = connection.execute(f"{query} where {equal} order by {order}", values).fetchall()
    width = len(asked.scalars)
    first = found[0][:width] if found else asked.scalars.values()
    shown = [row[width + 1 :] for row in found if row[width]]
    return dict(zip(asked.scalars, first, strict=True)), RowPage(asked.columns, shown)


def report_types(connection: Connection, asked: Report) -> dict[str, str]:
    """The types of the columns of a report's mart, by name, as the dictionary writes types.

    Raises:
        NotBuilt: there is no mart for it yet, or it lacks a column of the report.
    """
    found = connection.execute(
        "select column_name, lower(data_type) from information_schema.columns"
        " where table_schema = 'marts' and table_name = ?",
        [asked.model],
    ).fetchall()
    types: dict[str, str] = dict(found)
    if not types.keys() >= {*asked.columns, *asked.parameters, *asked.scalars}:
        raise NotBuilt(f"what the report {asked.name} shows is not built yet")
    return types
