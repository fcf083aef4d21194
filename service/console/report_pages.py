"""GET /reports/: the reports as pages: what they ask for, the chart, the rows."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from markupsafe import Markup

from service.api.http.client_queries import asked
from service.api.http.describing import (
    ProblemDocument,
    Schema,
    described,
    described_page,
    described_part,
)
from service.api.http.negotiation import HTML
from service.api.http.parameters import only_known
from service.api.http.problems import CONTENT_TYPE as PROBLEM
from service.api.v1.reports import answer_report, report_named
from service.console.pages import page
from service.dictionary import Report, ReportParameter
from service.engines.engine import Connection
from service.errors import BadRequest
from service.gate import Gate
from service.reports import marts
from service.reports.arguments import as_asked, read_arguments, type_of_parameter
from service.reports.chart_data import chart_of, titled
from service.reports.chart_svg import svg_of
from service.warehouse.stored_rows import RowPage

SHOWN_ROWS = 200  # of a report, on its page; its files have all
TRUTHS = ("true", "false")


@dataclass(frozen=True)
class FieldOfReport:
    """A field of the form: what it is called, what is in it, and what there is to choose from."""

    parameter: ReportParameter
    label: str
    values: tuple[str, ...]
    choices: tuple[str, ...]

    @property
    def input_type(self) -> str:
        """Of an ``<input>``."""
        kind = type_of_parameter(self.parameter)
        is_number = kind.is_whole or kind.name == "double"
        return "date" if kind.name == "date" else "number" if is_number else "text"


@dataclass(frozen=True)
class ReportShown:
    """A report with what it says now; `rows` is None where it was not asked for all it needs."""

    report: Report
    fields: list[FieldOfReport]
    query: str
    rows: RowPage | None = None
    scalars: dict[str, Any] | None = None
    more: int = 0
    charts: tuple[Markup, ...] = ()
    wrong: str | None = None


class ReportPages(Controller):
    """Reports."""

    path = "/reports"
    tags = ("pages",)

    @get(
        "/",
        operation_id="show_reports_page",
        guards=[only_known],
        sync_to_thread=False,
        opt=described_page(public="public_reports"),
    )
    def show_reports_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Shows which reports there are."""
        found = [(titled(name), each) for name, each in sorted(gate.dictionary.reports.items())]
        return page(request, "reports.html", reports=found)

    @get(
        "/{name:str}",
        operation_id="show_report_page",
        opt=described(
            answers={200: {HTML: Schema.TEXT}, 400: {HTML: Schema.TEXT, PROBLEM: ProblemDocument}},
            page=True,
            problems=(503,),
            public="public_reports",
        ),
    )
    async def show_report_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Response[Any]:
        """Shows a report: a form for what it asks for, its chart, its rows, and its files.

        What it needs and was not asked for is the newest there is.
        """
        report = report_named(gate, name)
        items = [*request.query_params.multi_items()]

        def find(connection: Connection) -> ReportShown:
            with gate.database.all_cores():
                return _shown(connection, report, items)

        shown = await asked(request, gate, find)
        status = 400 if shown.wrong else 200
        return page(request, "report.html", status, shown=shown, title=titled(report.name))

    @get(
        "/{name:str}/file/{ending:str}",
        operation_id="save_report",
        opt=described_part(public="public_reports"),
    )
    async def save_report(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        ending: FromPath[str],
    ) -> Response[Any]:
        """The report as a file, for those who are logged in: a session counts for pages alone."""
        return await answer_report(request, gate, report_named(gate, name), ending)


def _shown(connection: Connection, report: Report, items: list[tuple[str, str]]) -> ReportShown:
    choices = {
        each.name: tuple(map(as_asked, marts.choices_of(connection, report, each)))
        or (TRUTHS if type_of_parameter(each).name == "boolean" else ())
        for each in report.takes
    }
    was_asked = bool(items)
    if not was_asked:
        items = [
            (each.name, choices[each.name][0])
            for each in report.takes
            if each.required and choices[each.name]
        ]
    fields = [
        FieldOfReport(
            each,
            titled(each.name),
            tuple(text for name, text in items if name == each.name),
            choices[each.name],
        )
        for each in report.takes
    ]
    query = urlencode([item for item in items if item[1]])
    try:
        arguments = read_arguments(report, items)
    except BadRequest as error:
        return ReportShown(report, fields, query, wrong=error.detail if was_asked else None)
    found = marts.report(connection, report, arguments)
    said = ", ".join(str(value) for values in arguments.values() for value in values)
    chart = chart_of(report, found.rows, found.scalars, said)
    rows = RowPage(found.rows.names, found.rows.values[:SHOWN_ROWS])
    # Drawn here, of texts that are escaped there.
    charts = () if chart is None else (Markup(svg_of(chart)), Markup(svg_of(chart, narrow=True)))  # noqa: S704
    more = max(len(found.rows.values) - SHOWN_ROWS, 0)
    return ReportShown(report, fields, query, rows, found.scalars, more, charts)
