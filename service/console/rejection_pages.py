"""GET /rejections: what was kept out, in groups and as a list to work off; one; all as a file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup

from service.api.http.client_queries import asked, streamed
from service.api.http.describing import described_part
from service.console.choices import choices_of
from service.console.list_filters import PLACE, RejectionFilters
from service.console.pages import fragment, hidden, page
from service.console.rejection_lookups import (
    GroupCounts,
    all_rejections,
    groups_of,
    page_of_rejections,
)
from service.console.row_grid import kind_of
from service.console.viewer import Viewer
from service.console.work_list import WorkItem, work_items
from service.dictionary import Table
from service.engines.engine import Connection
from service.errors import NotFound
from service.formats.bodies.correction_files import header_of, line_of, reasons_told
from service.formats.bodies.csv_lines import csv_line
from service.gate import Gate
from service.ops import queries
from service.ops.records import RejectionRecord
from service.ops.violation_counts import open_by_table

PART = described_part()
LIMIT = 40  # each may have several fields to type into
EXPORTED = 1000  # rows that are read at once
Asked: TypeAlias = Request[Any, Any, Any]
Answer: TypeAlias = Response[Any]


@dataclass(frozen=True)
class Done:
    """What came of what was asked for last, in words."""

    words: str
    went_well: bool = True


@dataclass(frozen=True)
class GroupPreview:
    """What a change of a whole group would do; `action` is the form that does it."""

    action: str
    matched: int
    words: str
    button: str
    fields: Mapping[str, str]
    can_go_on: bool = True
    value: str = ""
    sets: bool = False
    reasons: Sequence[Any] = ()


@dataclass(frozen=True)
class ListView:
    """What the page shows; `tables` are those with open rejections, and how many."""

    filters: RejectionFilters
    tables: Mapping[str, int]
    table: Table
    groups: GroupCounts
    items: Sequence[WorkItem]
    next: str | None
    lists: Mapping[str, Sequence[tuple[str, str]]]


class RejectionPages(Controller):
    """Rows that were kept out."""

    path = PLACE
    tags = ("pages",)

    @get("/", operation_id="show_rejections_page", opt=PART)
    async def show_rejections_page(self, request: Asked, gate: NamedDependency[Gate]) -> Answer:
        """Shows why rows were kept out, and the rows of one reason to correct."""
        said = request.query_params
        done = None
        if words := said.get("done"):
            done = Done(words[:200], not said.get("failed"))
        return await list_page(request, gate, RejectionFilters.read(said), done=done)

    @get("/groups", operation_id="show_rejection_groups", opt=PART)
    async def show_rejection_groups(self, request: Asked, gate: NamedDependency[Gate]) -> Answer:
        """Shows the part with the counts."""
        filters = RejectionFilters.read(request.query_params)

        def look(connection: Connection) -> dict[str, Any]:
            tables = open_of_tables(connection, gate)
            return {"groups": groups_of(connection, filters), "tables": tables}

        shown = await asked(request, gate, look)
        return fragment(request, "_renewed_groups.html", **shown, **_words(gate, filters))

    @get("/export.csv", operation_id="export_rejections", opt=PART)
    async def export_rejections(self, request: Asked, gate: NamedDependency[Gate]) -> Answer:
        """The rows of the filters as CSV, to be corrected and sent back."""
        filters = RejectionFilters.read(request.query_params)
        names = [filters.table] if filters.table else [*gate.dictionary.tables]
        columns = dict.fromkeys(name for each in names for name in gate.table(each).column_names)
        header = header_of(list(columns), bool(filters.table))

        def pieces(connection: Connection) -> Iterator[bytes]:
            yield csv_line(header).encode()
            for records in all_rejections(connection, filters, EXPORTED):
                yield "".join(_line(header, each) for each in records).encode()

        name = f"{filters.table or 'all'}-{filters.status}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return await streamed(request, gate, pieces, "text/csv", headers)

    @get("/{rejection_id:str}", operation_id="show_rejection_page", opt=PART)
    async def show_rejection_page(
        self, request: Asked, gate: NamedDependency[Gate], rejection_id: FromPath[str]
    ) -> Answer:
        """Shows one rejection: all its values, why it was kept out, what was tried."""

        def look(connection: Connection) -> tuple[Table, WorkItem]:
            record = queries.rejection(connection, rejection_id)
            table = gate.table(record.table_name)
            return table, work_items(connection, table, [record])[0]

        table, item = await asked(request, gate, look)
        return await one_page(request, gate, table, item, back_of(request.query_params))


async def list_page(
    request: Asked,
    gate: Gate,
    filters: RejectionFilters,
    *,
    status: int = 200,
    done: Done | None = None,
    preview: GroupPreview | None = None,
) -> Answer:
    """The page of the list."""
    after = request.query_params.get("after") if request.method == "GET" else None
    view = await asked(request, gate, lambda connection: _look(connection, gate, filters, after))
    viewer = Viewer(request)
    return page(
        request,
        "rejections.html",
        status,
        **{**_words(gate, view.filters), **vars(view)},
        limit=LIMIT,
        done=done,
        preview=preview,
        back=view.filters.to_url(PLACE, after=after),
        filter_fields=_hidden_fields(view.filters),
        may_correct=viewer.may("correct_rejection"),
        kind_of=lambda name: kind_of(view.table.column(name)),
        may_dismiss=viewer.may("dismiss_group"),
    )


async def one_page(
    request: Asked, gate: Gate, table: Table, item: WorkItem, back: str, status: int = 200
) -> Answer:
    """The page of one rejection."""

    def look(connection: Connection) -> dict[str, Any]:
        return {
            "attempts": queries.replays(connection, item.record.rejection_id),
            "lists": {each.name: choices_of(connection, gate, each) for each in table.columns},
        }

    shown = await asked(request, gate, look)
    return page(
        request,
        "rejection.html",
        status,
        table=table,
        item=item,
        back=back,
        may_correct=Viewer(request).may("correct_rejection"),
        **shown,
    )


def back_of(said: Mapping[str, str]) -> str:
    """Where a page came from: the list, by some filters; never elsewhere."""
    back = said.get("back", "")
    return back if back == PLACE or back.startswith(f"{PLACE}?") else PLACE


def _words(gate: Gate, filters: RejectionFilters) -> dict[str, Any]:
    return {
        "filters": filters,
        "link": filters.to_url,
        "several": filters.table is None and len(gate.dictionary.tables) > 1,
    }


def _look(
    connection: Connection, gate: Gate, filters: RejectionFilters, after: str | None
) -> ListView:
    tables = open_of_tables(connection, gate)
    if filters.table is None:
        filters = filters.of(_first_table(connection, filters, tables))
    table = gate.table(filters.table or "")
    records, following = page_of_rejections(connection, filters, after, LIMIT)
    return ListView(
        filters,
        tables,
        table,
        groups_of(connection, filters),
        work_items(connection, table, records),
        following,
        {each.name: choices_of(connection, gate, each) for each in table.columns},
    )


def open_of_tables(connection: Connection, gate: Gate) -> dict[str, int]:
    """How many rejections of each table are open."""
    open_ones = open_by_table(connection)
    return {name: open_ones.get(name, 0) for name in gate.dictionary.tables}


def _first_table(
    connection: Connection, filters: RejectionFilters, tables: Mapping[str, int]
) -> str:
    """Of the load, if it is of one; else that with the most to correct."""
    if filters.load:
        with suppress(NotFound):
            names = [each.table_name for each in queries.load(connection, filters.load)]
            tables = {name: tables[name] for name in names if name in tables} or tables
    return max(tables, key=tables.__getitem__)


def _hidden_fields(filters: RejectionFilters) -> Markup:
    """The filters as the fields of a form."""
    return Markup("").join(hidden(*item) for item in filters.items().items())


def _line(header: Sequence[str], record: RejectionRecord) -> str:
    reasons = reasons_told(msgspec.json.decode(record.violations))
    payload = msgspec.json.decode(record.payload)
    return line_of(header, record.rejection_id, record.table_name, payload, reasons)
