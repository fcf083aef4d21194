"""What there is to choose from in a table: the values of its columns; and what a row refers to."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.client_queries import asked
from service.api.http.describing import described
from service.api.http.paging import read_limit, split_off
from service.api.http.parameters import only_known
from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from service.errors import BadRequest, NotFound, shortened
from service.gate import Gate
from service.warehouse import facets, references
from service.warehouse.row_filters import ESCAPE, split
from service.warehouse.row_queries import RESERVED, RowQuery

COLUMN, LIMIT = "column", "limit"
DEFAULT_VALUES, MAX_VALUES = 20, 1000
Value = Annotated[Any, msgspec.Meta(description="As rows show it.")]
Key = Annotated[Any, msgspec.Meta(description="A primary key, as rows show it.")]


class ValueCount(msgspec.Struct):
    """A value, and how many rows have it."""

    value: Value
    rows: int


class ColumnFacet(msgspec.Struct):
    """The values of a column that most rows have; with `more` there are others.

    `missing` counts the rows without one. Of a unique column no values are listed.
    """

    column: str
    values: list[ValueCount]
    missing: int
    more: bool


class FacetList(msgspec.Struct):
    """Facets of the rows of a table that fit the filters."""

    table: str
    facets: list[ColumnFacet]


class ReferredRow(msgspec.Struct):
    """The row that `column` refers to; `row` and `href` are null where there is none."""

    column: str
    table: str
    field: str
    value: Value
    row: dict[str, Any] | None
    href: str | None


class ReferringRows(msgspec.Struct):
    """The rows whose `column` refers to this one; if not `exact`, there are more than `rows`.

    `first` are primary keys.
    """

    table: str
    column: str
    rows: int
    exact: bool
    first: list[Key]
    href: str


class References(msgspec.Struct):
    """What a row refers to, and what refers to it."""

    parents: list[ReferredRow]
    children: list[ReferringRows]


class FacetController(Controller):
    """Facets and references."""

    path = "/v1/tables/{table:str}"
    tags = ("rows",)

    @get(
        "/facets",
        operation_id="list_facets",
        opt=described(problems=(400, 503), facets=True),
    )
    async def list_facets(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], table: FromPath[str]
    ) -> FacetList:
        """Counts the rows by the values of one or more columns, the most frequent first.

        Filters are as those of rows; a column's own are left out of its counts. `column` names the
        columns (all that are not unique, where it is left out), `limit` how many values of each.
        """
        found = gate.table(table)
        query, columns, limit = _asked_facets(found, [*request.query_params.multi_items()])
        counts = gate.facet_counts.of(found)

        counted = await asked(
            request,
            gate,
            lambda connection: counts.counted(connection, query, columns, limit),
        )
        return FacetList(found.name, [_facet(each) for each in counted.facets])

    @get(
        "/rows/{row_id:str}/references",
        operation_id="list_references",
        guards=[only_known],
        opt=described(problems=(503,)),
    )
    async def list_references(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        row_id: FromPath[str],
    ) -> References:
        """Shows the rows that a row refers to, and how many refer to it."""
        found, dictionary = gate.table(table), gate.dictionary
        try:
            key = found.key.type.from_text(row_id)
        except Unreadable:
            raise NotFound(f"{table} has no row {row_id!r}", table=table) from None
        both = await asked(
            request,
            gate,
            lambda connection: references.references(connection, dictionary, found, key),
        )
        return References(
            [_referred(each) for each in both.parents],
            [_referring(each) for each in both.children],
        )


def _asked_facets(table: Table, items: list[tuple[str, str]]) -> tuple[RowQuery, list[Column], int]:
    said, filters = split_off(items, (COLUMN, LIMIT))
    query = RowQuery.read(table, filters, (COLUMN, LIMIT))
    columns = [column for column in table.columns if not column.is_unique]
    if COLUMN in said:
        columns = [_column(table, name) for name in split(said[COLUMN]) or [""]]
    return query, columns, read_limit(said.get(LIMIT), DEFAULT_VALUES, MAX_VALUES)


def _column(table: Table, name: str) -> Column:
    if name not in table.column_names:
        detail = f"{table.name} has no column {shortened(name)!r}"
        known = list(table.column_names)
        raise BadRequest(f"{detail}; columns: {', '.join(known)}", parameter=COLUMN, known=known)
    return table.column(name)


def _facet(found: facets.Facet) -> ColumnFacet:
    values = [ValueCount(each.value, each.rows) for each in found.values]
    return ColumnFacet(found.column, values, found.missing, found.more)


def _path(table: str) -> str:
    return f"/v1/tables/{quote(table, safe='')}/rows"


def _referred(found: references.ParentRow) -> ReferredRow:
    href = None if found.row is None else f"{_path(found.table)}/{quote(str(found.key), safe='')}"
    return ReferredRow(found.column, found.table, found.field, found.value, found.row, href)


def _referring(found: references.ChildRows) -> ReferringRows:
    query = urlencode(
        {
            f"{ESCAPE}{name}" if name in RESERVED else name: (
                "is.null" if value is None else f"eq.{value}"
            )
            for name, value in found.wanted
        }
    )
    return ReferringRows(
        found.table,
        found.column,
        found.rows,
        found.is_exact,
        list(found.first),
        f"{_path(found.table)}?{query}",
    )
