"""`gatehouse warnings`: lists rows that went in although they break rules of severity `warn`."""

import click

from service.cli import completing, output
from service.cli.invocation import Run, command


@click.command()
@click.option("--table", help="Only rows of this table.", shell_complete=completing.tables)
@click.option("--load", "load_id", help="Only of this load.", shell_complete=completing.loads)
@click.option("--rule", help="Only rows that broke this rule.", shell_complete=completing.rules)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def warnings(run: Run, limit: int, **only: str | None) -> None:
    """List rows that went in with warnings, newest first."""
    with run.connect() as client:
        found = client.pages("/v1/warnings", "warnings", limit, **only)
    run.show_entries(found, found, ["load_id", "table", "position", "row_key"], _told)


def _told(row: output.Row) -> list[str]:
    head = f"{row['table']} {row['row_key']}  row {row['position']} of load {row['load_id']}"
    return [head, *(f"  {each['message']}" for each in row["warnings"])]
