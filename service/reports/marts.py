"""Reports as the marts have them: scalars, and rows."""

from collections.abc import Mapping
from typing import Any

from service.dictionary import Report
from service.engines.duckdb import MISSING
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.errors import NotBuilt
from service.warehouse.stored_rows import RowPage, shown_column

# Groups of up to so many bits are counted in an array rather than a hash table (DuckDB's limit is
# 12): years, months, departments and jobs take 18, in two thirds of the time.
GROUP_BITS = 20


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
    columns = ", ".join(shown_column(name, types[name]) for name in asked.columns)
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
        " where table_catalog = current_database() and table_schema = 'marts' and table_name = ?",
        [asked.model],
    ).fetchall()
    types: dict[str, str] = dict(found)
    if not types.keys() >= {*asked.columns, *asked.parameters, *asked.scalars}:
        raise NotBuilt(f"what the report {asked.name} shows is not built yet")
    return types
