"""`gatehouse tasks`: how far backups and restores are."""

import click

from service.cli.invocation import Run, command

COLUMNS = ["task_id", "kind", "tables", "status", "phase", "rows_done", "rows", "started_at"]


@click.command()
@command
def tasks(run: Run) -> None:
    """Show backups and restores that run, and the last that have ended, newest first."""
    with run.connect() as client:
        found = client.get("/v1/tasks")["tasks"]
    run.show(found, [{**each, **each["progress"]} for each in found], COLUMNS)
