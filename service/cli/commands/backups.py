"""Commands about backups: make, list, verify, restore."""

import sys
from typing import TYPE_CHECKING, Any

import click

from service.cli import output
from service.cli.invocation import Run, command, segment

if TYPE_CHECKING:
    pass

BACKUP = ["backup_id", "table", "rows", "bytes", "created_at", "set_id"]
RESTORED = ["table", "backup_id", "rows_before", "rows_after", "added", "removed", "changed"]


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@command
def backup(run: Run, tables: tuple[str, ...]) -> None:
    """Back tables up; without TABLE all of them, as one set of one moment."""
    with run.connect() as client, output.progress("backing up", len(tables) or None) as step:
        answer = {"set_id": None, "backups": []} if tables else client.post("/v1/backups")
        for table in tables:
            answer["backups"].append(client.post(f"/v1/tables/{segment(table)}/backups"))
            step(1)
    run.show(answer, answer["backups"], BACKUP)


@click.command()
@click.argument("table", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def backups(run: Run, table: str | None, limit: int) -> None:
    """List the backups, newest first; with TABLE those of one table."""
    with run.connect() as client:
        path = f"/v1/tables/{segment(table)}/backups" if table else "/v1/backups"
        found = client.pages(path, "backups", limit)
    run.show(found, found, BACKUP)


@click.command()
@click.argument("backup_ids", nargs=-1, metavar="[BACKUP_ID]...")
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


@click.command()
@click.argument("table", required=False)
@click.argument("backup_id", required=False, metavar="[BACKUP_ID|latest]")
@click.option("--set", "set_id", help="Restore every table of this set, instead of one table.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def restore(
    run: Run,
    table: str | None,
    backup_id: str | None,
    set_id: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Put a table back to what a backup holds (the latest, if none is named).

    A backup of what was there is taken first. On a terminal you see what would change, and are
    asked.
    """
    if bool(table) == bool(set_id):
        raise click.UsageError("name either a TABLE or a --set")
    path = f"/v1/tables/{segment(table)}/restore" if table else "/v1/restore"
    asked: dict[str, Any] = {"backup_id": backup_id or "latest"} if table else {"set_id": set_id}
    with run.connect() as client:
        if dry_run or (sys.stdin.isatty() and not yes):
            plan = client.post(path, {**asked, "dry_run": True})
            if dry_run:
                _show(run, plan)
                return
            _confirm(plan)
            if table:
                asked["backup_id"] = plan["backup_id"]  # what was shown, should a newer one come
        _show(run, client.post(path, {**asked, "dry_run": False}))


def _confirm(plan: dict[str, Any]) -> None:
    for each in _tables(plan):
        output.note(
            f"{each['table']}: {each['rows_before']} rows become {each['rows_after']} "
            f"({each['added']} added, {each['removed']} removed, {each['changed']} changed)"
        )
    click.confirm("Restore?", abort=True, err=True)


def _tables(answer: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.get("tables", [answer])
    return found


def _show(run: Run, answer: dict[str, Any]) -> None:
    run.show(answer, _tables(answer), [*RESTORED, "safety_backup_id"])
