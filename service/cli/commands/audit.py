"""`gatehouse audit`: checks the stored rows against the records and the backups."""

import click

from service.cli import output
from service.cli.invocation import Run, command


@click.command()
@command
def audit(run: Run) -> int:
    """Check that what is stored follows from what is on record, and that every backup is whole.

    Exits with 1, and names each problem, if it is not so.
    """
    with run.connect() as client, output.progress("checking"):
        answer = client.get("/v1/audit")
    if run.as_json:
        output.print_json(answer)
    else:
        for check in answer["checks"]:
            verdict = "ok " if check["ok"] else "BAD"
            output.line(f"{verdict} {check['name']}: {check['detail']}")
    return int(not answer["ok"])
