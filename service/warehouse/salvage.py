"""What is done with a warehouse whose rows are missing: read its log on, or go on without them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.engines.duckdb import Database
from service.engines.duckdb_log import log_beside, log_of, read_log
from service.engines.engine import Connection
from service.ops import trail
from service.ops.sequences import move_on, tables_noted
from service.ops.stored_counts import stored_counts, table_of_name
from service.warehouse.commit_journal import CommitJournal
from service.warehouse.losses import Counts, Losses


@dataclass(frozen=True)
class Attempt:
    """A copy of a warehouse with what could be read of its log; `how` says what that is."""

    how: str
    log: bytes

    def make(self, warehouse: Path, copy: Path) -> None:
        """Writes the copy, its logs and its journal beside each other."""
        shutil.copyfile(warehouse, copy)
        log_of(copy).write_bytes(self.log)
        if log_beside(warehouse).exists():
            shutil.copyfile(log_beside(warehouse), log_beside(copy))
        journal = CommitJournal(warehouse).path
        if journal.exists():
            shutil.copyfile(journal, CommitJournal(copy).path)


def attempts(warehouse: Path) -> Iterator[Attempt]:
    """What can be tried with a log that is damaged: the more is brought back the earlier.

    A transaction that only adds rows needs none before it. One that changes or removes some names
    them by their place, which is another when rows before them are missing.
    """
    read = read_log(warehouse)
    if read.is_whole or not warehouse.exists():
        return
    later, before = read.with_later_additions(), read.until_damage()
    lost = f"{read.unreadable:,} bytes of the log cannot be read"
    if later != before:
        yield Attempt(f"{lost}; what follows them is brought back as well", later)
    yield Attempt(f"{lost}; what stands before them is brought back", before)


def go_on(
    database: Database, action: str, said: str, actor: str | None, noted: Counts | None = None
) -> None:
    """Begins a new journal by what the warehouse has; it is on the trail, with what is `said`.

    Ids that the journal has noted, here or in `noted`, are not given again.
    """
    journal = CommitJournal(database.path)
    last = tables_noted({**journal.last_noted(), **(noted or {})})
    connection = database.connect()
    try:
        connection.begin()
        trail.record(connection, actor, action, None, said)
        move_on(connection, last)
        connection.commit()
        journal.begin_anew(connection)
    finally:
        journal.close()
        connection.close()


def rows_less_than(noted: Counts, connection: Connection) -> Losses | None:
    """Which tables of record have fewer rows than was `noted`, whatever the books say."""
    found = stored_counts(connection)
    less = {name: count - found.get(name, 0) for name, count in noted.items()}
    lost = {name: n for name, n in less.items() if n > 0 and table_of_name(name)}
    return Losses(missing=lost) if lost else None
