"""GET /tables and /tables/{t}: what there is, and each table's dictionary in words."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.describing import described_page
from service.api.v1.dictionary_content import document_of
from service.console.pages import page
from service.dictionary import Table
from service.gate import Gate
from service.ops.latest import LatestLoad, latest_loads
from service.ops.violation_counts import open_by_table
from service.warehouse import stored_rows

PAGE = described_page()
Asked: TypeAlias = Request[Any, Any, Any]


@dataclass(frozen=True)
class TableLine:
    """A table, in one line: its rows, its open rejections, and what was loaded last."""

    table: Table
    rows: int
    open: int
    last: LatestLoad | None


class TablePages(Controller):
    """The tables of record."""

    path = "/tables"
    tags = ("pages",)

    @get("/", operation_id="show_tables_page", sync_to_thread=True, opt=PAGE)
    def show_tables_page(self, request: Asked, gate: NamedDependency[Gate]) -> Response[Any]:
        """Shows which tables there are."""
        tables = gate.dictionary.tables
        with gate.database.reading() as connection:
            rows, open_ones = stored_rows.counts(connection, tables), open_by_table(connection)
            latest = latest_loads(connection)
        lines = [
            TableLine(table, rows[name], open_ones.get(name, 0), latest.get(name))
            for name, table in tables.items()
        ]
        return page(request, "tables.html", tables=lines)

    @get("/{name:str}", operation_id="show_table_page", sync_to_thread=True, opt=PAGE)
    def show_table_page(
        self, request: Asked, gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Response[Any]:
        """Shows a table: its columns and rules in words, references both ways, its last load."""
        table = gate.table(name)
        document = document_of(gate)
        entry = next(each for each in document.tables if each.name == table.name)
        known = [
            *(each.name for each in document.tables),
            *(each.name for each in document.marts),
        ]
        with gate.database.reading() as connection:
            last = latest_loads(connection).get(table.name)
        return page(request, "table_page.html", entry=entry, known=known, last=last)
