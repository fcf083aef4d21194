"""The parameters of calls that choose rows, for the document: handlers read them themselves."""

from collections.abc import Iterator
from typing import Any

from service.api.http.negotiation import FORMATS
from service.dictionary import Column, ReportParameter, Table
from service.reports.arguments import type_of_parameter
from service.reports.report_files import PICTURES
from service.warehouse.row_filters import ESCAPE
from service.warehouse.row_queries import RESERVED

Json = dict[str, Any]
FORMAT_OF = {media_type: name for name, media_type in {**FORMATS, **PICTURES}.items()}
# Of a report's parameter, by its kind; one that is not here is a whole number.
_SCHEMAS: dict[str, Json] = {
    "varchar": {"type": "string"},
    "double": {"type": "number"},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "timestamp": {"type": "string", "format": "date-time"},
    "timestamp with time zone": {"type": "string", "format": "date-time"},
}
LIMIT = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 10_000}, {"const": "all"}]}


def paging_parameters() -> Iterator[Json]:
    """Which rows of those that fit."""
    yield _query("limit", LIMIT, "How many rows to answer with, at most.")
    yield _query("after", {"type": "string"}, "Where the page begins: the `next` of the last one.")
    yield _query("format", {"enum": [*FORMATS]}, "The format, in place of `Accept`.")


def key_parameter(table: Table) -> dict[str, Any]:
    """What a path says of a key of several columns; nothing of another."""
    if not table.key.combines:
        return {}
    names = table.primary_key
    return {
        "description": f"The values of {names} with commas between. In a value a comma is written"
        " %2C and a percent sign %25; then the whole is encoded as a part of a path, as any key is:"
        " of the values `A,B` and 7 it is `A%252CB,7`."
    }


def row_parameters(table: Table) -> Iterator[Json]:
    """Filters by column, the order, and the columns to show."""
    yield _query("order", {"type": "string"}, "Columns: name.desc,id; nulls last or .nullsfirst.")
    yield _query("select", {"type": "string"}, "The columns to show: id,name.")
    yield from map(_filter, table.columns)


def filter_parameters(table: Table) -> Iterator[Json]:
    """Filters by column alone, and how many rows may fit."""
    yield from map(_filter, table.columns)
    yield {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "examples": ["max-affected=100"]},
        "description": "Where more rows fit, nothing is done.",
    }


def facet_parameters(table: Table) -> Iterator[Json]:
    """Whose values are counted, and of which rows."""
    yield _query("column", {"type": "string"}, "The columns: department_id,job_id.")
    limit = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 20}
    yield _query("limit", limit, "How many values of each.")
    yield from map(_filter, table.columns)


def report_parameter(said: ReportParameter) -> Json:
    """What a report asks for."""
    schema: Json = dict(_SCHEMAS.get(type_of_parameter(said).kind, {"type": "integer"}))
    if said.choices:
        schema["enum"] = list(said.choices)
    if said.several:
        schema = {"type": "array", "items": schema}
    parameter = _query(said.name, schema, said.description or f"Compared with {said.column}.")
    return {**parameter, "required": said.required}


def report_paging() -> Iterator[Json]:
    """Which rows of a report."""
    limit = {"type": "integer", "minimum": 1, "maximum": 10_000}
    yield _query("limit", limit, "How many rows to answer with, at most; else all.")
    yield _query("after", {"type": "string"}, "Where the page begins: the `next` of the last one.")
    formats = [*FORMATS, *PICTURES]
    yield _query("format", {"enum": formats}, "The format, in place of `Accept`.")


def _filter(column: Column) -> Json:
    name = f"{ESCAPE}{column.name}" if column.name in RESERVED else column.name
    return _query(name, {"type": "string"}, f"A filter, such as eq.… ({column.type.name}).")


def count_header() -> Json:
    """``Prefer: count``."""
    return {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "examples": ["count=exact", "count=estimated"]},
        "description": "RFC 7240. Counts the rows that fit; an estimate ends at 10 000.",
    }


def _query(name: str, schema: Json, description: str) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }
