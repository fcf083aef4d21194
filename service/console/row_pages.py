"""The rows of a table as a grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.client_queries import asked
from service.api.http.describing import described_part
from service.api.v1.row_answers import RowsAsked, RowsPage, answer_rows, page_of_rows
from service.console.choices import choices_of
from service.console.forms import see_other
from service.console.judged_rows import as_text
from service.console.pages import fragment, page, segment, url
from service.console.row_grid import OPERATORS, Grid, field_name, kind_of
from service.dictionary import Column, Table
from service.dictionary.combined_columns import text_of
from service.engines.engine import Connection
from service.errors import BadRequest
from service.gate import Gate
from service.warehouse import stored_rows
from service.warehouse.facet_counts import TableCounts
from service.warehouse.facets import Facet
from service.warehouse.row_queries import RowCount

PART = described_part()
COUNTS = "_counts"  # a parameter of the page: that it shows them at once
FACET_VALUES = 12
Asked: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[Any]


@dataclass(frozen=True)
class FacetsView:
    """How many rows there are, and how many of each value; `labels` by column and value."""

    count: RowCount
    facets: Sequence[Facet]
    labels: Mapping[tuple[str, str], str]


class RowPages(Controller):
    """The rows of a table."""

    path = "/tables/{name:str}"
    tags = ("pages",)

    @get("/rows", operation_id="show_rows_page", opt=PART)
    async def show_rows_page(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """Shows a page of rows; how many there are comes later, or at once by `_counts`."""
        found, items = gate.table(name), _items(request)
        own = [item for item in items if item[0] != COUNTS]
        counts = gate.facet_counts.of(found)
        try:
            wanted = RowsAsked.read(found, own)
            rows = await asked(request, gate, lambda connection: page_of_rows(connection, wanted))
        except BadRequest as problem:
            return _refused(request, gate, found, problem)
        grid = Grid(wanted.query, own)
        facets = None
        if len(own) < len(items):
            facets = await asked(
                request, gate, lambda connection: _facets(connection, gate, grid, counts)
            )
        return _grid_page(request, gate, grid, rows, wanted, facets=facets)

    @get("/facets", operation_id="show_facets", opt=PART)
    async def show_facets(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """Shows how many rows there are, and how many of each value."""
        found, items = gate.table(name), _items(request)
        grid, counts = Grid(RowsAsked.read(found, items).query, items), gate.facet_counts.of(found)
        facets = await asked(
            request, gate, lambda connection: _facets(connection, gate, grid, counts)
        )
        return fragment(request, "_facets.html", grid=grid, facets=facets)

    @get("/filter", operation_id="add_filter", sync_to_thread=False, opt=PART)
    def add_filter(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """Leads to the grid with the filter that the form says, besides those that hold."""
        found, said = gate.table(name), request.query_params
        items = parse_qsl(said.get("_to", ""), keep_blank_values=True)
        grid = Grid(RowsAsked.read(found, items).query, items)
        column = said.get("_column", "")
        return see_other(
            grid.with_filter(column, said.get("_operator", "eq"), said.get("_value", ""))
        )

    @get(["/rows.csv", "/rows.parquet"], operation_id="save_rows", opt=PART)
    async def save_rows(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Answer:
        """All rows of the grid as a file."""
        ending = request.scope["path"].rpartition(".")[2]
        return await answer_rows(request, gate, gate.table(name), ending)


def _items(request: Asked) -> list[tuple[str, str]]:
    """The query, in the order in which it was written."""
    return parse_qsl(str(request.url.query), keep_blank_values=True)


def _grid_page(
    request: Asked,
    gate: Gate,
    grid: Grid,
    rows: RowsPage,
    wanted: RowsAsked,
    *,
    facets: FacetsView | None = None,
    problem: str | None = None,
) -> Answer:
    base = str(request.base_url).rstrip("/")
    return page(
        request,
        "rows.html",
        400 if problem else 200,
        table=grid.table,
        grid=grid,
        rows=_cells(gate, grid, rows),
        next=rows.next,
        limit=wanted.limit or 100,
        is_later=wanted.after is not None,
        filter_operators=OPERATORS,
        curl=f"curl '{base}{grid.url(f'/v1{grid.path}')}'",
        facets=facets,
        problem=problem,
    )


def _refused(request: Asked, gate: Gate, table: Table, problem: BadRequest) -> Answer:
    """The grid without rows, and what is wrong with its filters."""
    wanted = RowsAsked.read(table, [])
    empty = RowsPage(stored_rows.RowPage(wanted.query.names, ()), None)
    facets = FacetsView(RowCount(0, is_exact=True), (), {})
    grid = Grid(wanted.query, [])
    return _grid_page(request, gate, grid, empty, wanted, facets=facets, problem=problem.detail)


def _cells(
    gate: Gate, grid: Grid, rows: RowsPage
) -> list[list[tuple[str | None, str | None, str]]]:
    """Of each value: its text, where it leads, and number, time or text."""
    columns = grid.query.columns
    return [
        [
            (text, _leads_to(gate, grid.table, column, texts), kind_of(column))
            for column, text in zip(columns, texts.values(), strict=True)
        ]
        for row in rows.rows.values
        if (texts := dict(zip(grid.query.names, map(as_text, row), strict=True)))
    ]


def _leads_to(
    gate: Gate, table: Table, column: Column, texts: Mapping[str, str | None]
) -> str | None:
    """The page of the row that a value names: this one, or one that it refers to. Of a key of
    several columns the first that refers to nothing by itself leads to this one, else the first.
    """
    text = texts[column.name]
    if text is None:
        return None
    free = [part.name for part in table.key.parts if part.reference is None]
    is_whole = {*table.key_names} <= texts.keys()
    if is_whole and column.name == (free or table.key_names)[0]:
        return f"/tables/{segment(table.name)}/rows/{segment(str(table.key_of(texts)))}"
    if column.reference is None:
        return _leads_together(gate, table, column, texts)
    parent, field = gate.table(column.reference.args["parent"]), column.reference.args["field"]
    if field == parent.primary_key:
        return f"/tables/{segment(parent.name)}/rows/{segment(text)}"
    return url(f"/tables/{segment(parent.name)}/rows", **{field_name(field): f"eq.{text}"})


def _leads_together(
    gate: Gate, table: Table, column: Column, texts: Mapping[str, str | None]
) -> str | None:
    """The page of the row that several columns refer to, if they are shown and this is of them."""
    for each in table.combined:
        if each.reference and column.name in table.named_in(each.name):
            values = [texts.get(part.name) for part in each.parts]
            parent = gate.table(each.reference.args["parent"])
            if None not in values and each.reference.args["field"] == parent.primary_key:
                return f"/tables/{segment(parent.name)}/rows/{segment(text_of(values))}"
    return None


def _facets(connection: Connection, gate: Gate, grid: Grid, counts: TableCounts) -> FacetsView:
    columns = grid.faceted()
    found = counts.counted(connection, grid.query, columns, FACET_VALUES)
    labels = {
        (column.name, value): label
        for column in columns
        for value, label in choices_of(connection, gate, column)
    }
    return FacetsView(found.count, found.facets, labels)
