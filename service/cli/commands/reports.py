"""`gatehouse reports`: lists and shows reports."""

from typing import Any

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, segment


@click.command()
@click.argument("name", required=False, shell_complete=completing.reports)
@click.option("--year", type=int, default=2021, show_default=True)
@command
def reports(run: Run, name: str | None, year: int) -> None:
    """Show a report; without NAME, list them."""
    with run.connect() as client:
        if name is None:
            found = client.get("/v1/reports")
            run.show(found, found, ["name", "description"])
        else:
            _show_report(run, client.get(f"/v1/reports/{segment(name)}", year=year))


def _show_report(run: Run, report: dict[str, Any]) -> None:
    rows = report["rows"]
    if not run.as_json:
        for name, value in report.items():
            if name != "rows":
                output.line(f"{name}: {value}")
    run.show(report, rows, list(rows[0]) if rows else ["no rows"])
