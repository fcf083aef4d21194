"""The command that checks the books."""

import click

from service.cli import output
from service.cli.command import Run, command


@click.command()
@command
def audit(run: Run) -> int:
    """Check that what is stored follows from what is on record: loads, rows, rules, backups."""
    with run.connect() as client, output.progress("checking"):
        found = client.get("/v1/audit")
    checks = [{**check, "ok": "ok" if check["ok"] else "WRONG"} for check in found["checks"]]
    run.show(found, checks, ["name", "ok", "detail"])
    return int(not found["ok"])
