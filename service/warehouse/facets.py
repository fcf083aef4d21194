"""Which values a column has among the rows that fit a query, and how many rows have each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Column
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.warehouse.row_queries import RowQuery
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
