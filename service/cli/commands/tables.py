"""`gatehouse tables`: lists the tables and their columns."""

from typing import Any

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted


@click.command()
@click.argument("table", required=False, shell_complete=completing.tables)
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
        output.line(f"{table['name']}: {counted(table['rows'], 'row')}. {table['description']}")
    columns = [
        {**column, "rules": ", ".join(map(_rule, column["rules"]))} for column in table["columns"]
    ]
    synonyms = ["synonyms"] if any(column["synonyms"] for column in columns) else []
    run.show(table, columns, ["name", "type", "nullable", "rules", *synonyms, "description"])


def _rule(rule: dict[str, Any]) -> str:
    arguments = [f"{name}: {value}" for name, value in rule.items() if name != "rule"]
    return f"{rule['rule']} ({', '.join(arguments)})" if arguments else str(rule["rule"])
