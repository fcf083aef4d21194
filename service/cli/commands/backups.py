"""`gatehouse backups`: lists the backups."""

import click

from service.cli.invocation import Run, command, segment

COLUMNS = ["backup_id", "table", "rows", "bytes", "created_at", "set_id"]


@click.command()
@click.argument("table", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--from", "place", type=click.Choice(["primary", "copy"]), help="List what is there.")
@command
def backups(run: Run, table: str | None, limit: int, place: str | None) -> None:
    """List the backups, newest first; with TABLE those of one table."""
    with run.connect() as client:
        path = f"/v1/tables/{segment(table)}/backups" if table else "/v1/backups"
        found = client.pages(path, "backups", limit, place=place)
    copies = any(each["copied"] is not None for each in found)
    run.show(found, found, [*COLUMNS, "copied"] if copies else COLUMNS)
