"""Queries on a table of record: rows that fit filters, in an order, page after page; and how many.

Values are shown as in `stored_rows`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Column, Table
from service.engines.column_sql import listed
from service.engines.engine import Connection
from service.engines.sql import core
from service.errors import BadRequest, shortened
from service.warehouse.row_filters import RowFilter, check_number, column_named, read_filter, split
from service.warehouse.row_order import LISTED, RowOrder
from service.warehouse.stored_rows import RowPage, documents_of, shown

COUNTED = 10_000  # an estimate counts up to here
FEW = 200  # rows whose keys are given to the engine one by one
ORDER, SELECT = "order", "select"
# Parameters besides the filters; a column of such a name takes ESCAPE before it.
RESERVED = (ORDER, SELECT, "limit", "after", "format", "column")


@dataclass(frozen=True)
class QueriedPage:
    """Rows, and the place that the next page begins after: what its cursor is made of."""

    rows: RowPage
    last: tuple[Any, ...] | None


@dataclass(frozen=True)
class RowCount:
    """How many rows there are; if not `is_exact`, there are more than that."""

    rows: int
    is_exact: bool


@dataclass(frozen=True)
class RowQuery:
    """Which rows of a table, in which order, with which columns."""

    table: Table
    filters: tuple[RowFilter, ...]
    order: RowOrder
    columns: tuple[Column, ...]

    @classmethod
    def read(
        cls, table: Table, items: Iterable[tuple[str, str]], known: tuple[str, ...] = ()
    ) -> "RowQuery":
        """What the `items` of a query string say: filters, ``order`` and ``select``.

        Raises:
            BadRequest: one of them cannot be read; `known` are other parameters there are.
        """
        filters: list[RowFilter] = []
        said: dict[str, str] = {}
        for name, text in items:
            if name not in (ORDER, SELECT):
                filters.append(read_filter(column_named(table, name, known), text))
            elif name in said:
                raise BadRequest(f"the parameter {name} is there twice", parameter=name)
            else:
                said[name] = text
        check_number(filters)
        order = RowOrder.read(table, said.get(ORDER))
        return cls(table, tuple(filters), order, _selected(table, said.get(SELECT)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns that are shown."""
        return tuple(column.name for column in self.columns)

    def without(self, name: str) -> "RowQuery":
        """The same without the filters on the column of that name."""
        kept = tuple(each for each in self.filters if each.column.name != name)
        return RowQuery(self.table, kept, self.order, self.columns)

    def where(self, after: Sequence[Any] | None = None) -> tuple[str, list[Any]]:
        """The filters as a condition, and the values in it; only of rows behind the place `after`.

        Raises:
            BadRequest: `after` is no place of the order.
        """
        sql = " and ".join(each.sql() for each in self.filters) or "true"
        values = [value for each in self.filters for value in each.values]
        if after is None:
            return sql, values
        behind, of_behind = self.order.behind(self.order.values_of(after))
        return f"{sql} and {behind}", [*values, *of_behind]


def _selected(table: Table, text: str | None) -> tuple[Column, ...]:
    if text is None:
        return table.columns
    names = split(text) or []
    if not names or len({*names}) < len(names):
        detail = f"select takes columns, each once: {shortened(text)!r}"
        raise BadRequest(detail, parameter=SELECT)
    if unknown := [name for name in names if name not in table.column_names]:
        raise BadRequest(
            f"{table.name} has no column {shortened(unknown[0])!r}; columns:"
            f" {', '.join(table.column_names)}",
            parameter=SELECT,
            known=list(table.column_names),
        )
    return tuple(map(table.column, names))


def page(
    connection: Connection, query: RowQuery, after: Sequence[Any] | None, limit: int
) -> QueriedPage:
    """At most `limit` rows, from the one that follows the place `after`.

    The keys are looked for first and the other columns fetched for those alone: among 10 million
    rows a page by the key then takes 20 ms wherever it lies, and a plain query up to 750 ms. In
    another order the keys lie anywhere, and the engine reads only the blocks of rows that have
    some, if it knows them beforehand: a page by time then takes 30 ms instead of 125.

    Raises:
        BadRequest: `after` is no place of the query's order.
    """
    where, values = query.where(after)
    key, order = query.table.key, query.order.sql()
    name = f"{core(query.table.name)} as {LISTED}"
    keys = f"select {listed(key)} from {name} where {where} order by {order} limit ?"
    values = [*values, limit + 1]
    if limit <= FEW and not query.order.is_by_key:
        there = connection.execute(keys, values).fetchall()
        values = [part for each in there for part in each]
        keys = ", ".join(f"({', '.join('?' for _ in each)})" for each in there) or "null"
    of_keys = f"({listed(key)}) in ({keys})" if values else "false"
    found = connection.execute(
        f"select {shown(query.columns)}, {shown(query.order.columns)} from {name}"
        f" where {of_keys} order by {order}",
        values,
    ).fetchall()
    width, more = len(query.columns), len(found) > limit
    values = [row[:width] for row in found[:limit]]
    rows = RowPage(query.names, values, more, documents_of(query.columns))
    return QueriedPage(rows, query.order.place_of(found[limit - 1][width:]) if more else None)


def count(connection: Connection, query: RowQuery, exact: bool) -> RowCount:
    """How many rows fit the filters. To count them all among 10 million takes a second and more,
    so an estimate ends at COUNTED.
    """
    where, values = query.where()
    counted = f"select count(*) from {core(query.table.name)} where {where}"
    if not exact and query.filters:
        counted = (
            f"select count(*) from (select 1 from {core(query.table.name)} where {where} limit ?)"
        )
        values = [*values, COUNTED + 1]
    ((rows,),) = connection.execute(counted, values).fetchall()
    is_exact = exact or not query.filters or rows <= COUNTED
    return RowCount(rows if is_exact else COUNTED, is_exact)
