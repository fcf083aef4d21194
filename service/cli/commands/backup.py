"""`gatehouse backup`: backs tables up."""

import click

from service.cli import completing
from service.cli.following import following
from service.cli.interruptions import offering
from service.cli.invocation import Run, command, segment

COLUMNS = ["backup_id", "table", "rows", "bytes", "created_at", "set_id"]


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...", shell_complete=completing.tables)
@command
def backup(run: Run, tables: tuple[str, ...]) -> None:
    """Back tables up; without TABLE all of them, as one set of one moment."""
    goes_on = "goes on; it will be whole or not there: `gatehouse backups` lists it"
    with (
        run.connect() as client,
        offering("the backup", goes_on),
        following(client, "backup", "backing up"),
    ):
        answer = {"set_id": None, "backups": []} if tables else client.post("/v1/backups")
        for table in tables:
            answer["backups"].append(client.post(f"/v1/tables/{segment(table)}/backups"))
    run.show(answer, answer["backups"], COLUMNS)
