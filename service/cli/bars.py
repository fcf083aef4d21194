"""The chart of a report as bars of characters, for a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Any

from service.dictionary import Report, ReportChart
from service.reports.chart_data import Chart, chart_of
from service.reports.chart_scale import written
from service.warehouse.stored_rows import RowPage

WIDTH, LABEL = 80, 24
STEPS = "█▓▒░"


def bars(said: dict[str, Any], report: dict[str, Any]) -> Iterator[str]:
    """The lines of the chart; `said` is the report as it is listed, `report` what it answered."""
    chart = _chart(said, report)
    if chart is None or not chart.entries:
        return
    if len(chart.parts) > 1:
        yield "  ".join(f"{_step(n)} {part}" for n, part in enumerate(chart.parts))
    longest = max(entry.total for entry in chart.entries) or 1
    widest = max(len(written(entry.total)) for entry in chart.entries)
    room = WIDTH - LABEL - widest - 2
    for entry in chart.entries:
        label = entry.label if len(entry.label) <= LABEL else f"{entry.label[: LABEL - 1]}…"
        drawn, at = "", 0.0
        for number, value in enumerate(entry.values):
            at += max(value, 0)
            drawn += _step(number) * (round(at / longest * room) - len(drawn))
        yield f"{label:>{LABEL}} {drawn} {written(entry.total)}"
    if chart.mean is not None:
        yield f"{'mean':>{LABEL}} {' ' * round(chart.mean / longest * room)}│ {written(chart.mean)}"
    if chart.left_out:
        yield f"and {chart.left_out} more, {written(chart.left_out_total)} in all"


def _step(number: int) -> str:
    return STEPS[min(number, len(STEPS) - 1)]


def _chart(said: dict[str, Any], report: dict[str, Any]) -> Chart | None:
    spec = said["chart"]
    chart = ReportChart(
        spec["kind"],
        tuple(spec["label"]),
        tuple(spec["values"]),
        spec["parts"],
        spec["mean"],
        spec["sort"] == "label",
    )
    columns = tuple(said["columns"])
    asked = Report(said["name"], said["description"], "", (), columns, (), chart=chart)
    rows = [tuple(row[name] for name in columns) for row in report["rows"]]
    return chart_of(asked, RowPage(columns, rows), report)
