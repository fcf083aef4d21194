"""Reports as the marts have them: scalars, and rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.dictionary import Report, ReportParameter
from service.engines.duckdb import MISSING
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.errors import NotBuilt
from service.reports.arguments import Arguments
from service.reports.report_order import LISTED, ReportOrder
from service.warehouse.row_filters import COMPARED
from service.warehouse.stored_rows import RowPage, Value, shown_column

MAX_CHOICES = 200

# Groups of up to so many bits are counted in an array rather than a hash table (DuckDB's limit is
# 12): years, months, departments and jobs take 18, in two thirds of the time.
GROUP_BITS = 20


@dataclass(frozen=True)
class ReportPage:
    """A report's scalars and rows; `last` is the place that the next page begins after."""

    scalars: dict[str, Any]
    rows: RowPage
    last: tuple[Any, ...] | None = None


def report(
    connection: Connection,
    asked: Report,
    arguments: Arguments,
    limit: int | None = None,
    after: Sequence[Any] | None = None,
) -> ReportPage:
    """The report's scalars, and at most `limit` of its rows (None: all) behind the place `after`.

    Raises:
        BadRequest: `after` is no place of this report.
        NotBuilt: there is no mart for it yet.
    """
    types = report_types(connection, asked)
    order = ReportOrder(asked, types)
    place = None if after is None else order.values_of(connection, after)
    connection.execute(f"set perfect_ht_threshold = {GROUP_BITS}")
    try:
        scalars, found = _report(connection, asked, arguments, order, place)
    except MISSING as error:
        raise NotBuilt(f"what the report {asked.name} shows is not built yet") from error
    width, more = len(asked.columns), limit is not None and len(found) > limit
    rows = RowPage(asked.columns, [row[:width] for row in found[:limit]], more)
    last = order.place_of(found[len(rows.values) - 1][width:]) if more else None
    return ReportPage(scalars, rows, last)


def _report(
    connection: Connection,
    asked: Report,
    arguments: Arguments,
    order: ReportOrder,
    place: Sequence[str | None] | None,
) -> tuple[dict[str, Any], Sequence[Value]]:
    """Scalars, and each row behind `place`: its columns, then its own place as texts."""
    mart = f"marts.{quoted(asked.model)}"
    where, values = _where(asked, arguments)
    behind, of_behind = order.behind(place)
    shown = f"({asked.where or 'true'}) and {behind}"
    columns = ", ".join(_shown(name, order.types[name]) for name in asked.columns)
    columns = f"{columns}, {order.places()}"
    if not asked.scalars:
        query = f"select {columns} from {mart} as {LISTED} where {where} and {shown}"
        query = f"{query} order by {order.sql()}"
        return {}, connection.execute(query, [*values, *of_behind]).fetchall()
    # Scalars are the same in every row, also in those that are not shown: one look at the mart.
    scalars = ", ".join(map(quoted, asked.scalars))
    query = f"select {scalars}, coalesce({shown}, false), {columns} from {mart} as {LISTED}"
    query = f"{query} where {where} order by {order.sql()}"
    found = connection.execute(query, [*of_behind, *values]).fetchall()
    width = len(asked.scalars)
    first = found[0][:width] if found else asked.scalars.values()
    rows = [row[width + 1 :] for row in found if row[width]]
    return dict(zip(asked.scalars, first, strict=True)), rows


def _shown(name: str, type_name: str) -> str:
    """As rows are shown, but that decimals stay numbers: a chart adds them up."""
    return quoted(name) if type_name.startswith("decimal") else shown_column(name, type_name)


def _where(asked: Report, arguments: Arguments) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for each in asked.takes:
        given = arguments.get(each.name, ())
        if len(given) == 1:
            conditions.append(f"{quoted(each.column)} {COMPARED[each.compare]} ?")
        elif given:
            conditions.append(f"{quoted(each.column)} in ({', '.join('?' for _ in given)})")
        values += given
    return " and ".join(conditions) or "true", values


def choices_of(connection: Connection, asked: Report, parameter: ReportParameter) -> list[Any]:
    """What there is to choose from: the parameter's own choices, or the values of its column.

    Raises:
        NotBuilt: there is no mart for it yet.
    """
    if not parameter.lists_values:
        return list(parameter.choices)
    types = report_types(connection, asked)
    shown = _shown(parameter.column, types[parameter.column])
    direction = "asc" if parameter.type == "text" else "desc"  # the newest first
    found = connection.execute(
        f"select {shown} from (select distinct {quoted(parameter.column)} from"
        f" marts.{quoted(asked.model)}) order by 1 {direction} limit {MAX_CHOICES}"
    ).fetchall()
    return [value for (value,) in found if value is not None]


def report_types(connection: Connection, asked: Report) -> dict[str, str]:
    """The types of the columns of a report's mart, by name, as the dictionary writes types.

    Raises:
        NotBuilt: there is no mart for it yet, or it lacks a column of the report.
    """
    found = connection.execute(
        "select column_name, lower(data_type) from information_schema.columns"
        " where table_catalog = current_database() and table_schema = 'marts' and table_name = ?",
        [asked.model],
    ).fetchall()
    types: dict[str, str] = dict(found)
    compared = (each.column for each in asked.takes)
    ordered = (each.column for each in asked.order_by)
    if not types.keys() >= {*asked.columns, *compared, *ordered, *asked.scalars}:
        raise NotBuilt(f"what the report {asked.name} shows is not built yet")
    return types
