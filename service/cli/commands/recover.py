"""`gatehouse recover`: brings back a warehouse that is lost, damaged, or lacks rows."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli import consent, output
from service.cli.failures import Failure, Refused, Unreachable
from service.cli.invocation import Run, local_command
from service.cli.rebuilding import Restored, make_anew

if TYPE_CHECKING:
    from service.runtime.settings import Settings
    from service.warehouse.salvage import Attempt

ELSEWHERE = ("acknowledged rows", "backups")  # checks that say nothing of the file itself
_WITHOUT_LOG = (
    "the log has nothing more: `gatehouse recover --accept` goes on with what is there, and"
    " `--from-backups` makes the warehouse anew from the history and the backups"
)
_DONE = {False: "the warehouse is brought back", True: "the warehouse is made anew"}


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a warehouse, in lines."""

    said: list[str]
    can_be_opened: bool


@dataclass(frozen=True)
class Recovered:
    """What came of it; `how` is None where it was made anew, `missing` is in lines."""

    how: str | None
    restored: list[Restored]
    missing: list[str]
    kept: list[Path]


@click.command()
@click.option("--dry-run", is_flag=True, help="Try it all, and leave the warehouse as it is.")
@consent.yes_option
@click.option("--accept", is_flag=True, help="Go on with what is there, without what is missing.")
@click.option("--from-backups", is_flag=True, help="Leave the damaged file and its log out of it.")
@click.option("--force", is_flag=True, help="Also where nothing is wrong with the warehouse.")
@local_command
def recover(
    run: Run, dry_run: bool, yes: bool, accept: bool, from_backups: bool, force: bool
) -> int:
    """Bring back what can be read of a warehouse that is damaged, or lacks rows.

    That is its file with what can be read of its log; where the file cannot be, the warehouse is
    made anew, from the history and the newest backups that are whole. What is then missing is told
    as far as the journal of commits knows it.

    The files that are there are never deleted: they are kept under other names. Keys and settings
    are not touched.
    """
    from service.cli.inside import quieten

    quieten(run.settings)
    wrong = _wrong(run.settings, force or from_backups)
    if not dry_run:
        consent.require(yes, "gatehouse recover")
    if accept:
        if not (dry_run or yes):
            consent.confirm("Go on without them?")
        return _accept(run, wrong, dry_run)
    with _elsewhere(run.settings) as settings:
        there = replace(run, settings=settings)
        restored: list[Restored] = []
        how = None if from_backups else _bring_back(there, run.settings)
        if how is None and not (from_backups or force) and wrong.can_be_opened:
            raise Failure("; ".join(wrong.said), _WITHOUT_LOG)
        if how is None:
            _remove(settings)
            restored = make_anew(there)
        lost = _settle(run.settings, settings, how)
        if not (dry_run or yes):
            consent.confirm("Put it in the place of the warehouse that is there?")
        kept = [] if dry_run else _put_in_place(run.settings, settings.warehouse)
    if how is None and not dry_run:
        _adopt(run.settings)
    _tell(run, Recovered(how, restored, lost, kept), dry_run)
    return 0


def _wrong(settings: "Settings", force: bool) -> Wrong:
    from service.cli.inside import damage, losses_here
    from service.runtime.running import find

    if url := find(settings):
        raise Unreachable(f"a service has this warehouse: {url}", "stop it first")
    if damaged := damage(settings):
        wrong = Wrong([damaged], can_be_opened=False)
    else:
        losses = losses_here(settings)
        wrong = Wrong(losses.described() if losses else [], can_be_opened=True)
    if not wrong.said and not force:
        raise Failure("the warehouse can be opened, and lacks nothing", "--force makes it anew")
    for line in wrong.said or ["it can be opened"]:
        output.note(f"{settings.warehouse.name}: {line}")
    return wrong


def _accept(run: Run, wrong: Wrong, dry_run: bool) -> int:
    """Goes on with what is there; a log that cannot be read to its end is kept."""
    from service.engines.duckdb import Database
    from service.engines.duckdb_log import log_of, read_log
    from service.runtime.durable_files import write_whole
    from service.warehouse.salvage import go_on

    if not wrong.can_be_opened or not wrong.said:
        raise Failure("there is nothing to accept", "`gatehouse recover` without --accept")
    if dry_run:
        output.line("dry run: the warehouse is as it was")
        return 0
    log = log_of(run.settings.warehouse)
    kept = log.with_name(f"{log.name}.damaged-{_now()}")
    if not read_log(run.settings.warehouse).is_whole:
        write_whole(kept, log.read_bytes())
        output.line(f"the log is kept as {kept}")
    database = Database(run.settings.warehouse)
    try:
        go_on(database, "warehouse.accept", "; ".join(wrong.said), None)
    finally:
        database.close()
    output.line("it goes on with what is there; what was missing is on the trail")
    return 0


def _bring_back(there: Run, damaged: "Settings") -> str | None:
    """Makes a copy with what can be read of the log; how, or None where there is no such copy.

    Of several ways the first that breaks the fewest checks of the audit is taken.
    """
    from service.warehouse.salvage import attempts

    tried: list[tuple[int, Attempt]] = []
    for attempt in attempts(damaged.warehouse):
        _remove(there.settings)
        attempt.make(damaged.warehouse, there.settings.warehouse)
        if (broken := _broken_checks(there)) is not None:
            tried.append((broken, attempt))
    if not tried:
        return None
    _, best = min(tried, key=lambda each: each[0])
    _remove(there.settings)
    best.make(damaged.warehouse, there.settings.warehouse)
    return best.how


def _broken_checks(there: Run) -> int | None:
    """How many checks of the audit fail besides that all is there; None: it cannot be opened."""
    try:
        with there.connect() as client:
            checks = client.get("/v1/audit")["checks"]
    except (Unreachable, Refused):
        return None
    return sum(not check["ok"] for check in checks if check["name"] not in ELSEWHERE)


def _settle(damaged: "Settings", made: "Settings", how: str | None) -> list[str]:
    """Begins the journal of what was made; what it lacks by the journal that was there."""
    from service.engines.duckdb import Database
    from service.warehouse.commit_journal import CommitJournal
    from service.warehouse.salvage import go_on, rows_less_than

    database = Database(made.warehouse)
    try:
        noted = CommitJournal(damaged.warehouse).last_noted()
        with database.reading() as connection:
            losses = rows_less_than(noted, connection)
        lost = losses.described() if losses else []
        go_on(database, "warehouse.recover", "; ".join([how or "made anew", *lost]), None, noted)
    finally:
        database.close()
    return lost if noted else ["there is no journal that says whether rows are missing"]


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


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _put_in_place(settings: "Settings", made: Path) -> list[Path]:
    """Renames the old files, then the new ones to their names; the second last is the commit point.

    Killed in between, the next start finds the old warehouse with rows missing, or the new one
    with a journal that is not its own; both say so, and write nothing.
    """
    from service.runtime.durable_files import keep_as, put_in_place
    from service.warehouse.commit_journal import path_of_journal

    now, kept = _now(), []
    # A log of the old file must not be taken for the new one's.
    for ending in (".wal.checkpoint", ".wal", ".journal", ""):
        old = settings.warehouse.with_name(settings.warehouse.name + ending)
        aside = old.with_name(f"{settings.warehouse.name}.damaged-{now}{ending}")
        if old.exists() and ending.startswith(".wal"):
            put_in_place(old, aside)
        elif old.exists():
            keep_as(old, aside)  # and not moved: at no moment is there no file in its place
        kept += [aside] * aside.exists()
    put_in_place(made, settings.warehouse)
    put_in_place(path_of_journal(made), path_of_journal(settings.warehouse))
    return kept


def _adopt(settings: "Settings") -> None:
    """What was made anew has an id of its own: the backups are this warehouse's from now on."""
    from service.cli.inside import adopt_backups
    from service.errors import StoreUnavailable

    try:
        adopt_backups(settings)
    except (StoreUnavailable, OSError):
        output.note("the backups are away; when they are back: `gatehouse backups adopt`")


def _tell(run: Run, done: Recovered, dry_run: bool) -> None:
    if run.as_json:
        said = {"how": done.how, "restored": done.restored, "missing": done.missing}
        output.print_json(said | {"kept": [path.name for path in done.kept]})
        return
    if done.restored:
        output.table(done.restored, ["table", "backup_id", "created_at", "rows_after"])
    if done.how:
        output.line(done.how)
    else:
        output.line(
            "rows that came in later are lost" if done.restored else "there is no whole backup"
        )
    for line in done.missing:
        output.line(line)
    for path in done.kept:
        output.line(f"the old file is kept as {path}")
    output.line("dry run: the warehouse is as it was" if dry_run else _DONE[done.how is None])
