"""`gatehouse backups`: lists the backups, and says whose they are."""

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, local_command, segment

COLUMNS = ["backup_id", "table", "rows", "bytes", "created_at", "set_id"]


class _ListByDefault(click.Group):
    """Lists, where no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the command in front that is meant."""
        is_named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else ["list", *args])


@click.group(cls=_ListByDefault)
def backups() -> None:
    """List the backups (`gatehouse backups`, `gatehouse backups TABLE`), or adopt them."""


@backups.command("list")
@click.argument("table", required=False, shell_complete=completing.tables)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--from", "place", type=click.Choice(["primary", "copy"]), help="List what is there.")
@command
def list_backups(run: Run, table: str | None, limit: int, place: str | None) -> None:
    """List the backups, newest first; with TABLE those of one table."""
    with run.connect() as client:
        path = f"/v1/tables/{segment(table)}/backups" if table else "/v1/backups"
        found = client.pages(path, "backups", limit, place=place)
    copies = any(each["copied"] is not None for each in found)
    run.show(found, found, [*COLUMNS, "copied"] if copies else COLUMNS)


@backups.command()
@local_command
def adopt(run: Run) -> None:
    """Make the place of the backups this warehouse's, whoever's it was; that of copies, too.

    For a folder that was copied or moved here, or whose warehouse is no more. The one whose it was
    is refused it from then on. No service may run on either of them.
    """
    from service.cli.inside import adopt_backups

    before = adopt_backups(run.settings)
    if run.as_json:
        whose_before = before and before.warehouse
        output.print_json({"folder": str(run.settings.backups), "before": whose_before})
        return
    whose = f"; they were those of {before.warehouse}" if before else ""
    output.line(f"the backups in {run.settings.backups} are this warehouse's now{whose}")
