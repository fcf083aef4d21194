"""Commands that look: tables, loads, reports."""

from typing import Any

import click

from service.cli import output
from service.cli.invocation import Run, command, segment


@click.command()
@click.argument("table", required=False)
@command
def tables(run: Run, table: str | None) -> None:
    """List the tables, or show the columns and rules of one."""
    with run.connect() as client:
        answer = client.get(f"/v1/tables/{segment(table)}" if table else "/v1/tables")
    if table is None:
        run.show(answer, answer, ["name", "rows", "columns", "primary_key", "description"])
    else:
        _show_table(run, answer)


def _show_table(run: Run, table: dict[str, Any]) -> None:
    if not run.as_json:
        output.line(f"{table['name']}: {table['rows']} rows. {table['description']}")
    columns = [
        {**column, "rules": ", ".join(map(_rule, column["rules"]))} for column in table["columns"]
    ]
    run.show(table, columns, ["name", "type", "nullable", "rules", "description"])


def _rule(rule: dict[str, Any]) -> str:
    arguments = [f"{name}: {value}" for name, value in rule.items() if name != "rule"]
    return f"{rule['rule']} ({', '.join(arguments)})" if arguments else str(rule["rule"])


@click.command()
@click.option("--table", help="Only loads of this table.")
@click.option("--kind", help="history, file, batch, replay or restore.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def loads(run: Run, table: str | None, kind: str | None, limit: int) -> None:
    """List the loads and their counts, newest first."""
    with run.connect() as client:
        found = client.pages("/v1/loads", "loads", limit, table=table, kind=kind)
    columns = ["load_id", "kind", "table", "status", "received", "accepted", "rejected"]
    run.show(found, found, [*columns, "already_present", "started_at", "source"])


@click.command()
@click.argument("name", required=False)
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
