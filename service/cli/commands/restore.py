"""`gatehouse restore`: puts tables back to what a backup holds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, consent, output
from service.cli.differing import differences_of, show_differences
from service.cli.following import following
from service.cli.interruptions import offering
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client

COLUMNS = [
    "table", "backup_id", "rows_before", "rows_after", "added", "removed", "changed",
    "safety_backup_id",
]  # fmt: skip
GOES_ON = "is all or nothing, and goes on: `gatehouse loads --kind restore` shows what comes of it"


@click.command()
@click.argument("table", required=False, shell_complete=completing.tables)
@click.argument(
    "backup_id",
    required=False,
    metavar="[BACKUP_ID|latest]",
    shell_complete=completing.backups_of_table,
)
@click.option(
    "--set",
    "set_id",
    help="Restore every table of this set, instead of one table.",
    shell_complete=completing.sets,
)
@click.option(
    "--from",
    "place",
    type=click.Choice(["primary", "copy"]),
    help="Read the backup there; without it, the copy only where the primary place fails.",
)
@click.option("--with-erased", is_flag=True, help="Bring rows back, too, that were erased.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="N",
    help="With --dry-run: show the first N rows that would come back, go or change.",
)
@consent.yes_option
@command
def restore(
    run: Run,
    table: str | None,
    backup_id: str | None,
    set_id: str | None,
    place: str | None,
    with_erased: bool,
    dry_run: bool,
    rows: int | None,
    yes: bool,
) -> None:
    """Put a table back to what a backup holds (the latest, if none is named).

    A backup of what was there is taken first. On a terminal you see what would change, and are
    asked; without one it takes --yes.
    """
    if bool(table) == bool(set_id):
        raise click.UsageError("name either a TABLE or a --set")
    if rows and not dry_run:
        raise click.UsageError("--rows goes with --dry-run")
    if not dry_run:
        consent.require(yes, f"gatehouse restore {table or f'--set {set_id}'}")
    path = f"/v1/tables/{segment(table)}/restore" if table else "/v1/restore"
    asked: dict[str, Any] = {"backup_id": backup_id or "latest"} if table else {"set_id": set_id}
    if place:
        asked["place"] = place
    if with_erased:
        asked["with_erased"] = True
    with run.connect() as client:
        if dry_run or not yes:
            with following(client, "comparison", "comparing"):
                plan = client.post(path, {**asked, "dry_run": True})
        if dry_run:
            _show_plan(run, client, plan, rows)
            return
        if not yes:
            asked = _confirmed(plan, asked)
        with offering("the restore", GOES_ON), following(client, "restore", "restoring"):
            done = client.post(path, {**asked, "dry_run": False})
        _show(run, done)


def _show_plan(run: Run, client: "Client", plan: dict[str, Any], rows: int | None) -> None:
    if rows is None:
        _show(run, plan)
        return
    found = differences_of(client, _tables(plan), rows)
    if run.as_json:
        output.print_json({**plan, "differences": found})
        return
    _show(run, plan)
    show_differences(found)


def _confirmed(plan: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """What is to be restored: that which was shown, should a newer backup come meanwhile."""
    for each in _tables(plan):
        output.note(
            f"{each['table']}: {counted(each['rows_before'], 'row')} "
            f"{'becomes' if each['rows_before'] == 1 else 'become'} {each['rows_after']:,} "
            f"({each['added']:,} added, {each['removed']:,} removed, {each['changed']:,} changed)"
        )
    consent.confirm("Restore?")
    return {**asked, "backup_id": plan["backup_id"]} if "backup_id" in asked else asked


def _tables(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.get("tables", [answer])
    return found


def _show(run: Run, answer: dict[str, Any]) -> None:
    if any(each["place"] == "copy" for each in _tables(answer)):
        output.note("read from the copy of the backups")
    for each in _tables(answer):
        for told in _columns(each):
            output.note(f"{each['table']}: {told}")
    run.show(answer, _tables(answer), COLUMNS)


def _columns(table: dict[str, Any]) -> Iterator[str]:
    """Where the columns of a backup are not those of its table."""
    for was, now in table["renamed"].items():
        yield f"{was} of the backup is {now} now"
    for name in table["left_out"]:
        yield f"the backup's column {name} is left out: the table has none"
    for name in table["filled"]:
        yield f"the backup has no {name}: its default goes in, or nothing"
