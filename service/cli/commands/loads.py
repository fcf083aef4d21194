"""`gatehouse loads`: lists the loads."""

import click

from service.cli import output
from service.cli.invocation import Run, command


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
    run.show_entries(found, found, [*columns, "already_present", "started_at", "source"], _told)


def _told(load: output.Row) -> list[str]:
    moment = load["started_at"].split(".")[0].rstrip("Z") + "Z"
    counts = output.count_line(load["table"] or ", ".join(load.get("tables", ())), load)
    source = [f"from {load['source']}"] if load["source"] else []
    return [f"{load['load_id']}  {moment}  {load['kind']}  {load['status']}", counts, *source]
