"""GET /: how things are, for people; for programs, where everything is."""

from dataclasses import dataclass
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency

from service.api.http.describing import Schema, described, described_part
from service.api.http.letting_in import check_visitor
from service.api.http.negotiation import HTML, JSON, negotiated
from service.api.v1.index import INDEX, Index
from service.backups.catalogue import Entry
from service.console.news import News, activity
from service.console.pages import of_text, page, text
from service.dictionary import first_sentence
from service.gate import Gate
from service.ops.latest import LatestLoad, latest_loads
from service.ops.violation_counts import open_by_table
from service.warehouse import stored_rows


@dataclass(frozen=True)
class TableState:
    """How a table is: `backup` is its newest one that no restore has taken."""

    name: str
    about: str
    rows: int
    open: int  # rejected rows that no one has corrected or dismissed
    load: LatestLoad | None
    backup: Entry | None


class OverviewPage(Controller):
    """The index."""

    path = "/"
    tags = ("about",)

    @get(
        "/",
        operation_id="show_index",
        sync_to_thread=True,
        opt=described(
            answers={200: {JSON: Index, HTML: Schema.TEXT}},
            problems=(406,),
            role="open",
            page=True,
        ),
    )
    def show_index(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Shows how things are, to people; where everything is, to programs."""
        if negotiated(request, (JSON, HTML)) == JSON:
            return Response(INDEX, headers={"Vary": "Accept"})
        check_visitor(request.scope)
        tables = _tables(gate)
        return page(
            request,
            "overview.html",
            tables=tables,
            rows=sum(each.rows for each in tables),
            open=sum(each.open for each in tables),
            activity=activity(gate),
        )

    @get(
        "/activity",
        operation_id="show_activity",
        sync_to_thread=True,
        opt=described_part(polled=True),
    )
    def show_activity(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """The part of the overview that is renewed: what runs, and what came in last."""
        news: News = request.app.state.news
        return of_text(news.told(lambda: text("_activity.html", activity=activity(gate))))


def _tables(gate: Gate) -> list[TableState]:
    tables = gate.dictionary.tables
    with gate.database.reading() as connection:
        rows = stored_rows.counts(connection, tables)
        open_ones, latest = open_by_table(connection), latest_loads(connection)
    backups: dict[str, Entry] = {}
    for entry in gate.catalogue.list():
        if entry.kind != "safety":
            backups.setdefault(entry.table, entry)  # the newest comes first
    return [
        TableState(
            *(name, first_sentence(table.description), rows[name], open_ones.get(name, 0)),
            *(latest.get(name), backups.get(name)),
        )
        for name, table in tables.items()
    ]
