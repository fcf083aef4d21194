"""Which values a column has among the rows that fit a query, and how many rows have each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Column
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.warehouse.row_queries import RowCount, RowQuery, count
from service.warehouse.stored_rows import shown_column


@dataclass(frozen=True)
class FacetValue:
    """A value, as rows show it, and how many rows have it."""

    value: Any
    rows: int


@dataclass(frozen=True)
class Facet:
    """The values of a column that most rows have; `missing` is how many rows have none.

    With `more` there are others. Of a column in which no two rows have one value, none is listed.
    """

    column: str
    values: Sequence[FacetValue]
    missing: int
    more: bool


@dataclass(frozen=True)
class CountedRows:
    """How many rows fit a query, and how many of them have each value of some columns."""

    count: RowCount
    facets: Sequence[Facet]


def counted(
    connection: Connection, query: RowQuery, columns: Sequence[Column], limit: int
) -> CountedRows:
    """How many rows fit, and the `limit` most frequent values of each column.

    Where there are filters, all are counted in one go as far as they count the same rows: to find
    those is what takes long.
    """
    alike = [column for column in columns if not column.is_unique and not _own(query, column)]
    if not (query.filters and alike):
        found = [facet(connection, query, column, limit) for column in columns]
        return CountedRows(count(connection, query, exact=False), found)
    rows, together = _together(connection, query, alike, limit)
    others = [column for column in columns if column.name not in together]
    together |= {column.name: facet(connection, query, column, limit) for column in others}
    return CountedRows(RowCount(rows, is_exact=True), [together[each.name] for each in columns])


def _own(query: RowQuery, column: Column) -> bool:
    return any(each.column.name == column.name for each in query.filters)


def _together(
    connection: Connection, query: RowQuery, columns: Sequence[Column], limit: int
) -> tuple[int, dict[str, Facet]]:
    """How many rows there are, and the facets of columns that have no filter of their own."""
    where, values = query.where()
    names = [quoted(column.name) for column in columns]
    which = " ".join(f"when grouping({name}) = 0 then {at}" for at, name in enumerate(names))
    shown = ", ".join(shown_column(column.name, column.type.name) for column in columns)
    found = connection.execute(
        f"select column_at, rows, {shown} from ("
        f"select {', '.join(names)}, case {which} end as column_at, count(*) as rows"
        f" from {core(query.table.name)} where {where}"
        f" group by grouping sets ({', '.join(f'({name})' for name in names)}, ()))"
        " qualify row_number() over ("
        f"partition by column_at, {' and '.join(f'{name} is null' for name in names)}"
        f" order by rows desc, {', '.join(names)}) <= ? order by rows desc, {', '.join(names)}",
        [*values, limit + 1],
    ).fetchall()
    groups: dict[int | None, list[tuple[Any, int]]] = defaultdict(list)
    for at, rows, *row in found:
        groups[at].append((None if at is None else row[at], rows))
    facets = {column.name: _facet(column, groups[at], limit) for at, column in enumerate(columns)}
    return groups[None][0][1], facets


def _facet(column: Column, rows: Sequence[tuple[Any, int]], limit: int) -> Facet:
    missing = sum(count for value, count in rows if value is None)
    listed = [FacetValue(*row) for row in rows if row[0] is not None]
    return Facet(column.name, listed[:limit], missing, len(listed) > limit)


def facet(connection: Connection, query: RowQuery, column: Column, limit: int) -> Facet:
    """The `limit` most frequent values of a column.

    Filters on the column itself are left out, so that one can choose another of its values.
    """
    where, values = query.without(column.name).where()
    name, table = quoted(column.name), core(query.table.name)
    if column.is_unique:
        found = connection.execute(
            f"select count(*) filter ({name} is null), count({name}) > 0"
            f" from {table} where {where}",
            values,
        ).fetchall()
        return Facet(column.name, (), *found[0])
    rows = connection.execute(
        f"select {shown_column(column.name, column.type.name)}, rows from ("
        f"select {name}, count(*) as rows from {table} where {where} and {name} is not null"
        f" group by all) order by rows desc, {name} limit ?",
        [*values, limit + 1],
    ).fetchall()
    missing = 0
    if not column.required:
        [(missing,)] = connection.execute(
            f"select count(*) from {table} where {where} and {name} is null", values
        ).fetchall()
    listed = [FacetValue(*row) for row in rows[:limit]]
    return Facet(column.name, listed, missing, len(rows) > limit)
