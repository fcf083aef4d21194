"""`gatehouse recover`: rebuilds a lost or damaged warehouse from history and backups."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import consent, output
from service.cli.failures import Failure, Refused, Unreachable
from service.cli.invocation import Run, local_command, segment

if TYPE_CHECKING:
    from service.backups.catalogue import Catalogue, Entry
    from service.cli.client import Client
    from service.runtime.settings import Settings

Restored = dict[str, Any]


@click.command()
@click.option("--dry-run", is_flag=True, help="Try it all, and leave the warehouse as it is.")
@consent.yes_option
@click.option("--force", is_flag=True, help="Also where the warehouse can be opened.")
@local_command
def recover(run: Run, dry_run: bool, yes: bool, force: bool) -> int:
    """Make the warehouse anew, from the history and the newest backups that are whole.

    The file that is there is never deleted: it is kept under another name. Rows that came in
    after the backups are lost with it; keys and settings are not touched.
    """
    from service.cli.inside import quieten

    quieten(run.settings)
    _check_needed(run.settings, force)
    if not dry_run:
        consent.require(yes, "gatehouse recover")
    with _elsewhere(run.settings) as settings:
        _build(settings)
        restored = _restore(replace(run, settings=settings), _whole_backups(run))
        if not (dry_run or yes):
            consent.confirm("Put it in the place of the warehouse that is there?")
        kept = [] if dry_run else _put_in_place(run.settings, settings.warehouse)
    _tell(run, restored, kept, dry_run)
    return 0


def _check_needed(settings: "Settings", force: bool) -> None:
    from service.cli.inside import damage
    from service.runtime.running import find

    if url := find(settings):
        raise Unreachable(f"a service has this warehouse: {url}", "stop it first")
    wrong = damage(settings)
    if wrong is None and not force:
        raise Failure("the warehouse can be opened", "--force makes it anew all the same")
    output.note(f"{settings.warehouse.name}: {wrong or 'it can be opened'}")


@contextmanager
def _elsewhere(settings: "Settings") -> "Iterator[Settings]":
    """The same settings with a temporary warehouse beside, removed after the block."""
    import msgspec

    from service.backups.ownership import RECOVERING

    name = f"{settings.warehouse.stem}{RECOVERING}{settings.warehouse.suffix}"
    other = msgspec.structs.replace(settings, warehouse=settings.warehouse.with_name(name))
    try:
        _remove(other)
        yield other
    finally:
        _remove(other)


def _remove(settings: "Settings") -> None:
    for path in settings.warehouse.parent.glob(f"{settings.warehouse.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(settings.target, ignore_errors=True)


def _build(settings: "Settings") -> None:
    from service.dbt.runner import build_offline
    from service.runtime.interpreter import collect_less

    collect_less()
    with output.progress("building from the history"):
        build = build_offline(settings)
    if build.status != "done":
        raise Failure(f"the history cannot be built: {build.message}", "nothing was changed")


def _whole_backups(run: Run) -> "list[list[Entry]]":
    """Complete sets of backups, then single backups; newest first."""
    from service.backups.catalogue import Catalogue
    from service.stores.kinds import open_store

    settings = run.settings
    catalogue = Catalogue(open_store(settings.backups, settings.backups_credentials))
    entries = [entry for entry in catalogue.list() if entry.kind != "safety"]
    ids = dict.fromkeys(entry.set_id for entry in entries if entry.set_id)
    sets = [_complete(catalogue, set_id) for set_id in ids]
    return [each for each in sets if each] + [[entry] for entry in entries]


def _complete(catalogue: "Catalogue", set_id: str) -> "list[Entry]":
    from service.errors import Conflict

    try:
        return list(catalogue.of_set(set_id))
    except Conflict:
        return []


def _restore(run: Run, found: "Sequence[Sequence[Entry]]") -> list[Restored]:
    """Restores the newest intact set, then the newest intact backup of each table that it lacks."""
    done: dict[str, Restored] = {}
    with run.connect() as client, output.progress("restoring", len(found)) as step:
        tables = {table["name"] for table in client.get("/v1/tables")}
        for entries in found:
            step(1)
            names = {entry.table for entry in entries}
            if names & done.keys() or not names <= tables or not _verified(client, entries):
                continue
            for each in _restored(client, entries):
                done[each["table"]] = {**each, "created_at": entries[0].created_at}
    return list(done.values())


def _verified(client: "Client", entries: "Sequence[Entry]") -> bool:
    for entry in entries:
        answer = client.post(f"/v1/backups/{segment(entry.backup_id)}/verify")
        if not answer["ok"]:
            output.note(f"{entry.backup_id} is damaged: {output.cell(answer['problems'])}")
            return False
    return True


def _restored(client: "Client", entries: "Sequence[Entry]") -> list[Restored]:
    try:
        if len(entries) > 1 and entries[0].set_id:
            answer = client.post("/v1/restore", {"set_id": entries[0].set_id})["tables"]
        else:
            path = f"/v1/tables/{segment(entries[0].table)}/restore"
            answer = [client.post(path, {"backup_id": entries[0].backup_id})]
    except Refused as refused:
        output.note(f"{entries[0].backup_id} cannot be restored: {refused.message}")
        return []
    for each in answer:  # of what was just built, which no one needs
        client.delete(f"/v1/backups/{segment(each['safety_backup_id'])}")
    return list(answer)


def _put_in_place(settings: "Settings", made: Path) -> list[Path]:
    """Renames the old files, then the new one to their name; that is the commit point."""
    from service.runtime.durable_files import sync_folder

    now, kept = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", []
    for ending in (".wal", ""):  # a log of the old file must not be taken for the new one's
        old = settings.warehouse.with_name(settings.warehouse.name + ending)
        aside = old.with_name(f"{settings.warehouse.name}.damaged-{now}{ending}")
        if old.exists() and ending:
            old.rename(aside)
        elif old.exists():
            aside.hardlink_to(old)  # and not moved: at no moment is there no file in its place
        kept += [aside] * aside.exists()
    made.rename(settings.warehouse)
    sync_folder(settings.warehouse.parent)
    return kept


def _tell(run: Run, restored: list[Restored], kept: list[Path], dry_run: bool) -> None:
    if run.as_json:
        output.print_json({"restored": restored, "kept": [path.name for path in kept]})
        return
    if restored:
        output.table(restored, ["table", "backup_id", "created_at", "rows_after"])
    output.line("rows that came in later are lost" if restored else "there is no whole backup")
    for path in kept:
        output.line(f"the old file is kept as {path}")
    output.line("dry run: the warehouse is as it was" if dry_run else "the warehouse is made anew")
