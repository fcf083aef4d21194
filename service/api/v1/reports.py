"""Answers to the questions that the marts were made for."""

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.describing import Schema, described
from service.api.http.negotiation import CSV, JSON, NDJSON, answer_with, negotiated
from service.api.http.parameters import only_known
from service.dictionary import Report
from service.dictionary.column_types import TYPES, Unreadable
from service.errors import BadRequest, NotFound
from service.gate import Gate
from service.reports import marts

YEARS = TYPES["integer"]  # the type of every parameter


class ReportSummary(msgspec.Struct):
    """A report: which parameters it takes, and the columns of its rows."""

    name: str
    description: str
    parameters: list[str]
    columns: list[str]
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
        return [
            ReportSummary(
                name,
                report.description,
                list(report.parameters),
                list(report.columns),
                f"/v1/reports/{name}",
            )
            for name, report in gate.dictionary.reports.items()
        ]

    @get(
        "/{name:str}",
        operation_id="show_report",
        sync_to_thread=True,
        opt=described(
            answers={200: {JSON: Schema.REPORT, CSV: Schema.TEXT, NDJSON: Schema.TEXT}},
            problems=(400, 406),
            public="public_reports",
        ),
    )
    def show_report(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], name: FromPath[str]
    ) -> Response[bytes]:
        """Shows a report as it is at this moment; in CSV and NDJSON its rows alone."""
        report = _report(gate, name)
        form, arguments = negotiated(request), _arguments(request, report)
        with gate.database.all_cores(), gate.database.reading() as connection:
            scalars, rows = marts.report(connection, report, arguments)
        return answer_with(rows, form, lambda shown: {**scalars, "rows": shown})


def _report(gate: Gate, name: str) -> Report:
    known = gate.dictionary.reports
    if name not in known:
        detail = f"there is no report {name!r}; there are {', '.join(known)}"
        raise NotFound(detail, known=list(known))
    return known[name]


def _arguments(request: Request[Any, Any, Any], report: Report) -> dict[str, int]:
    """The query, which has to name every parameter of the report once, and nothing else."""
    arguments: dict[str, int] = {}
    for name, text in request.query_params.multi_items():
        if name not in report.parameters:
            raise _wrong(report, name, f"{report.name} has no parameter {name!r}")
        if name in arguments:
            raise _wrong(report, name, f"the parameter {name} is there twice")
        try:
            arguments[name] = YEARS.from_text(text)
        except Unreadable:
            raise _wrong(report, name, f"{name} is not {YEARS.reads}: {text[:40]!r}") from None
    for name in report.parameters:
        if name not in arguments:
            raise _wrong(report, name, f"{report.name} needs the parameter {name}")
    return arguments


def _wrong(report: Report, name: str, detail: str) -> BadRequest:
    return BadRequest(detail, parameter=name, known=list(report.parameters))
