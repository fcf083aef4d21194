"""Answers to the questions that the marts were made for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.client_queries import asked
from service.api.http.describing import Schema, described
from service.api.http.negotiation import (
    ARROW,
    CSV,
    FORMATS,
    JSON,
    NDJSON,
    PARQUET,
    answer_with,
    form_asked,
)
from service.api.http.paging import cursor, key_of_any, link, read_limit, split_off
from service.api.http.parameters import only_known
from service.dictionary import Report, ReportChart, ReportParameter
from service.engines.engine import Connection
from service.errors import NotFound, shortened
from service.formats.row_streams import TYPED
from service.gate import Gate
from service.reports import marts
from service.reports.arguments import Arguments, read_arguments
from service.reports.chart_data import Chart, chart_of
from service.reports.marts import ReportPage
from service.reports.report_files import PICTURES, picture, policy_of_svg, typed_file

MAX_LIMIT = 10_000
PAGING = ("limit", "after", "format")
FILES = {
    CSV: Schema.TEXT,
    NDJSON: Schema.TEXT,
    PARQUET: Schema.BYTES,
    ARROW: Schema.BYTES,
    **dict.fromkeys(PICTURES.values(), Schema.BYTES),
}
Choice = Annotated[Any, msgspec.Meta(description="As the parameter takes it.")]


class TakenParameter(msgspec.Struct):
    """What a report asks for. `choices` are all that it takes, where there are any."""

    name: str
    type: str  # text, number, year, or that of a column
    description: str
    required: bool
    several: bool
    choices: list[Choice]


class ShownChart(msgspec.Struct):
    """How a report is drawn: by which columns, and which of its scalars is a line across."""

    kind: Literal["bars", "line"]
    label: list[str]
    values: list[str]
    parts: str | None
    mean: str | None
    sort: Literal["value", "label"]


class ReportSummary(msgspec.Struct):
    """A report: which parameters it takes, the columns of its rows, and how it is drawn."""

    name: str
    description: str
    parameters: list[str]
    takes: list[TakenParameter]
    columns: list[str]
    chart: ShownChart | None
    href: str


class ReportController(Controller):
    """Reports."""

    path = "/v1/reports"
    tags = ("reports",)

    @get(
        "/",
        operation_id="list_reports",
        guards=[only_known],
        sync_to_thread=False,
        opt=described(public="public_reports"),
    )
    def list_reports(self, gate: NamedDependency[Gate]) -> list[ReportSummary]:
        """Lists the reports."""
        return [_summary(report) for report in gate.dictionary.reports.values()]

    @get(
        "/{name:str}",
        operation_id="show_report",
        opt=described(
            answers={200: {JSON: Schema.REPORT, **FILES}},
            endings={JSON: Schema.ANY, **FILES},
            problems=(400, 406, 503),
            links=True,
            public="public_reports",
        ),
    )
    async def show_report(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Response[bytes]:
        """Shows a report as it is at this moment; in CSV and other files its rows alone.

        Where the path ends in .csv, .ndjson, .parquet or .arrow it is such a file, in .svg or .png
        its chart.
        """
        return await answer_report(request, gate, *_named(gate, name))


async def answer_report(
    request: Request[Any, Any, Any], gate: Gate, report: Report, ending: str | None
) -> Response[bytes]:
    """A report as `ending` says, or else the query or the headers."""
    wanted = ReportAsked.read(request, report, ending)

    def answer(connection: Connection) -> Response[bytes]:
        with gate.database.all_cores():
            found = marts.report(connection, report, wanted.arguments, wanted.limit, wanted.after)
        return wanted.answer(request, found, marts.report_types(connection, report))

    return await asked(request, gate, answer)


@dataclass(frozen=True)
class ReportAsked:
    """What a request wants of a report; `form` is a name of a format, `limit` None for all rows."""

    report: Report
    arguments: Arguments
    form: str
    limit: int | None
    after: Sequence[Any] | None

    @classmethod
    def read(
        cls, request: Request[Any, Any, Any], report: Report, ending: str | None
    ) -> "ReportAsked":
        """What the query and the headers say.

        Raises:
            BadRequest: a parameter is missing, not known, or of another type.
            NotAcceptable: there is no such format.
        """
        paging, given = split_off(request.query_params.multi_items(), PAGING)
        offered = {**FORMATS, **PICTURES} if report.chart else FORMATS
        form = form_asked(request, ending or paging.get("format"), offered, report.name)
        arguments = read_arguments(report, given)
        after = key_of_any(paging["after"]) if "after" in paging else None
        return cls(report, arguments, form, read_limit(paging.get("limit"), None, MAX_LIMIT), after)

    def answer(
        self, request: Request[Any, Any, Any], found: ReportPage, types: dict[str, str]
    ) -> Response[bytes]:
        """The rows, or the chart, in the format asked for."""
        if self.form in PICTURES:
            return self._picture(found)
        following = None if found.last is None else cursor(*found.last)
        headers = link(request, following)
        if self.form in TYPED:
            name = f"{self.report.name}.{self.form}"
            headers |= {
                "Vary": "Accept",
                "Content-Disposition": f'attachment; filename="{name}"',
            }
            body = typed_file(found.rows, types, self.form)
            return Response(body, media_type=FORMATS[self.form], headers=headers)
        members = {} if following is None else {"next": following}
        return answer_with(
            found.rows,
            FORMATS[self.form],
            lambda rows: {**found.scalars, "rows": rows, **members},
            headers,
        )

    def chart(self, found: ReportPage) -> Chart | None:
        """How the rows are drawn; None where the report has no chart."""
        said = ", ".join(str(value) for values in self.arguments.values() for value in values)
        return chart_of(self.report, found.rows, found.scalars, said)

    def _picture(self, found: ReportPage) -> Response[bytes]:
        chart = self.chart(found)
        assert chart is not None  # no such format is offered for a report without a chart
        headers = {"Vary": "Accept"}
        if self.form == "svg":
            headers["Content-Security-Policy"] = policy_of_svg()
        return Response(picture(chart, self.form), media_type=PICTURES[self.form], headers=headers)


def _summary(report: Report) -> ReportSummary:
    return ReportSummary(
        report.name,
        report.description,
        list(report.parameters),
        [_taken(each) for each in report.takes],
        list(report.columns),
        None if report.chart is None else _chart(report.chart),
        f"/v1/reports/{report.name}",
    )


def _taken(said: ReportParameter) -> TakenParameter:
    return TakenParameter(
        said.name,
        cast(Any, said.type),
        said.description,
        said.required,
        said.several,
        list(said.choices),
    )


def _chart(said: ReportChart) -> ShownChart:
    kind = cast(Any, said.kind)
    sort: Literal["value", "label"] = "label" if said.by_label else "value"
    return ShownChart(kind, list(said.label), list(said.values), said.parts, said.mean, sort)


def report_named(gate: Gate, name: str) -> Report:
    """The report of that name.

    Raises:
        NotFound: there is none; it says which there are.
    """
    known = gate.dictionary.reports
    if name not in known:
        detail = f"there is no report {shortened(name)!r}; there are {', '.join(known)}"
        raise NotFound(detail, known=list(known))
    return known[name]


def _named(gate: Gate, name: str) -> tuple[Report, str | None]:
    """The report, and the ending of the path where it says the format."""
    path = PurePosixPath(name)
    ending = path.suffix.removeprefix(".")
    if name not in gate.dictionary.reports and ending in {*FORMATS, *PICTURES}:
        return report_named(gate, path.stem), ending
    return report_named(gate, name), None
