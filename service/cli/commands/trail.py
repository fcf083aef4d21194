"""`gatehouse trail`: shows the audit log."""

from datetime import datetime

import click

from service.cli.dates import date_option
from service.cli.invocation import Run, command


@click.command()
@click.option("--actor", help="Only what was done with the key of this name.")
@click.option("--action", help="Only this, such as `restore`, `backup.delete` or `load`.")
@click.option("--since", callback=date_option, metavar="90d|DAY", help="Only from then on.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def trail(
    run: Run, actor: str | None, action: str | None, since: datetime | None, limit: int
) -> None:
    """Show who did what and when, newest first."""
    filters = {"actor": actor, "action": action, "since": since and since.isoformat()}
    with run.connect() as client:
        found = client.pages("/v1/trail", "entries", limit, **filters)
    run.show(found, found, ["happened_at", "actor", "action", "subject", "outcome", "detail"])
