"""`gatehouse backups`: lists the backups, and says whose they are."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from service.cli import completing, output
from service.cli.failures import Failure
from service.cli.groups import ListByDefault
from service.cli.invocation import Run, command, local_command, segment
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client

COLUMNS = ["backup_id", "table", "rows", "bytes", "created_at", "set_id"]


@click.group(cls=ListByDefault)
def backups() -> None:
    """List the backups (`gatehouse backups`, `gatehouse backups TABLE`), compare or adopt them."""


def named_backup(body: Callable[..., None]) -> Callable[..., None]:
    """The arguments that name a backup."""
    of_table = click.argument("table", shell_complete=completing.tables)
    which = click.argument("backup_id", required=False, shell_complete=completing.backups_of_table)
    return of_table(which(body))


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
@named_backup
@command
def show(run: Run, table: str, backup_id: str | None) -> None:
    """Show a backup of a table (the latest, if none is named)."""
    with run.connect() as client:
        found = client.get(f"/v1/backups/{segment(backup_id or _latest(client, table))}")
    if run.as_json:
        output.print_json(found)
        return
    for name, value in found.items():
        output.line(f"{name.replace('_', ' ')}: {output.cell(value)}")


@backups.command()
@named_backup
@click.option("--kind", type=click.Choice(["added", "removed", "changed"]), help="These alone.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Rows shown.")
@command
def diff(run: Run, table: str, backup_id: str | None, kind: str | None, limit: int) -> None:
    """Compare a table with a backup of it (the latest, if none is named).

    Says which rows a restore would bring back (added), remove or change, and in which columns.
    """
    with run.connect() as client:
        path = f"/v1/backups/{segment(backup_id or _latest(client, table))}/difference"
        rows = client.pages(path, "rows", limit, kind=kind)
        counts = client.get(path, limit=1, kind=kind)
    if run.as_json:
        output.print_json({**counts, "rows": rows, "next": None})
        return
    output.note(
        f"{counts['backup_id']}: of {counted(counts['rows_before'], 'row')} a restore would make"
        f" {counts['rows_after']:,} ({counts['added']:,} added, {counts['removed']:,} removed,"
        f" {counts['changed']:,} changed)"
    )
    output.table(rows, ["kind", "key", "columns", "before", "after"])


def _latest(client: "Client", table: str) -> str:
    """The id of the newest backup of a table."""
    found = client.get(f"/v1/tables/{segment(table)}/backups", limit=1)["backups"]
    if not found:
        raise Failure(f"there is no backup of {table}", f"`gatehouse backup {table}` takes one")
    newest: str = found[0]["backup_id"]
    return newest


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
