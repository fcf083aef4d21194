"""`gatehouse verify`: reads backups again."""

import sys

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, segment


@click.command()
@click.argument("backup_ids", nargs=-1, metavar="[BACKUP_ID]...", shell_complete=completing.backups)
@command
def verify(run: Run, backup_ids: tuple[str, ...]) -> int:
    """Read backups again and compare checksums; without BACKUP_ID all of them."""
    with run.connect() as client:
        ids = backup_ids or [
            found["backup_id"] for found in client.pages("/v1/backups", "backups", sys.maxsize)
        ]
        checked = []
        with output.progress("verifying", len(ids)) as step:
            for backup_id in ids:
                answer = client.post(f"/v1/backups/{segment(backup_id)}/verify")
                checked.append({"backup_id": backup_id, **answer})
                step(1)
    run.show(checked, checked, ["backup_id", "ok", "rows", "problems"])
    return int(not all(each["ok"] for each in checked))
