"""Erasure: a row and its traces are taken out of the warehouse and, if that is asked, of backups.

What is done is on the trail, with the reason, and a keyed hash in place of what was erased.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from service.backups.catalogue import Catalogue
from service.backups.entry import Entry
from service.backups.paired_places import Places
from service.backups.pairing import Pairing
from service.backups.rewriting import erased_in, holds, rewrite
from service.dictionary import Table
from service.doors.differences import Differences
from service.engines.duckdb import Database, DatabaseError
from service.engines.engine import Connection
from service.errors import Conflict, DamagedBackup, NotFound, Problem, StoreUnavailable
from service.judge.key_index import KeyIndex
from service.judge.rulebook import Rulebook
from service.ops import erased_rows, trail
from service.ops.erased_rows import ErasedKeys
from service.ops.row_history import ChangedBy
from service.runtime.clock import utc_now
from service.warehouse.deeds import Deeds
from service.warehouse.erasing import ErasedRow, Erasing
from service.warehouse.work import StoredAnswer
from service.warehouse.writer import Writer


@dataclass(frozen=True)
class ErasureAsked:
    """What is to be erased, and how far: `cascade` to rows that refer to it, `backups` too."""

    table: Table
    key: Any
    reason: str
    cascade: bool = False
    backups: bool = False


@dataclass
class HeldBackup:
    """A backup with erased rows; `rewritten_to` is the one in its place, `problem` why not."""

    backup_id: str
    table: str
    rewritten_to: str | None = None
    problem: str | None = None


@dataclass
class Erasure:
    """What was erased, and where it may still be.

    `in_log` says whether the log of the warehouse may still have it; of the feed, up to which
    sequence changes may (None: there is none).
    """

    load_id: str
    rows: list[ErasedRow]
    backups: list[HeldBackup]
    in_log: bool
    feed_until: int | None


@dataclass
class Gone:
    """The rows that no backup is to have: their primary keys by table, and those known by hash."""

    keys: dict[str, list[Any]] = field(default_factory=dict)
    before: ErasedKeys = field(default_factory=ErasedKeys)


class Erasures:
    """The door of erasures. Its methods block: call them in a thread."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        deeds: Deeds,
        places: Places,
        pairing: Pairing | None,
        differences: Differences,
        rulebook: Callable[[], Rulebook],
    ) -> None:
        """`rulebook` gives the current one; `pairing` copies backups that are written anew."""
        self._database, self._writer, self._deeds = database, writer, deeds
        self._places, self._pairing, self._differences = places, pairing, differences
        self._rulebook = rulebook

    def erase(self, asked: ErasureAsked, actor: str | None) -> Erasure:
        """Erases a row, and says where it still is.

        Raises:
            NotFound: there is neither a row nor a trace of it; of one that was erased before,
                only where its backups are not to go as well.
            DanglingReferences: other rows refer to it.
            Conflict: a file is being loaded into the table.
        """
        by = ChangedBy(str(uuid4()), actor, utc_now())
        gone = Gone()

        def do(connection: Connection, layer: KeyIndex) -> list[ErasedRow]:
            _check_no_files(connection, asked.table)
            dictionary = self._writer.dictionary
            erasing = Erasing(connection, dictionary, layer, by, asked.reason)
            done = erasing.erase(asked.table, asked.key, asked.cascade, again=asked.backups)
            for table, key in erasing.seen:
                gone.keys.setdefault(table, []).append(key)
            gone.before = erasing.before
            for row in done:
                subject = f"{row.table}/{row.key_hash[:16]}"
                trail.record(connection, actor, "row.erase", subject, asked.reason)
            self._writer.erased_changed()
            return done

        done = self._writer.change(do, *self._rulebook().dictionary.tables).result()
        assert not isinstance(done, StoredAnswer)
        self._differences.forget()
        outbox = self._writer.outbox
        return Erasure(
            by.load_id,
            done,
            self._in_backups(gone, asked.backups, actor),
            self._is_in_log(),
            outbox.state.last if outbox and outbox.state.recording else None,
        )

    def allow(self, table: Table, key: Any, actor: str | None) -> None:
        """Lets a row that was erased come in again.

        Raises:
            NotFound: it was not erased.
        """

        def do(connection: Connection) -> None:
            if not erased_rows.allow(connection, table.name, [key]):
                raise NotFound(f"no row of {table.name} with this key was erased")
            hashed = erased_rows.key_hash(erased_rows.secret_of(connection), table.name, key)
            trail.record(connection, actor, "row.allow", f"{table.name}/{hashed[:16]}")
            self._writer.erased_changed()

        self._writer.run(do).result()
        self._differences.forget()

    def _is_in_log(self) -> bool:
        """The log goes with a checkpoint, if no one is just writing."""
        try:
            with self._writer.lock, self._database.connect() as connection:
                connection.execute("checkpoint")
        except (DatabaseError, Problem):
            return True
        return False

    def _in_backups(self, gone: Gone, rewriting: bool, actor: str | None) -> list[HeldBackup]:
        found: dict[str, HeldBackup] = {}
        for catalogue in (self._places.primary, self._places.second):
            if catalogue is None:
                continue
            for name in sorted({*gone.keys, *gone.before.hashes}):
                with suppress(StoreUnavailable):
                    for entry in catalogue.list(name):
                        if entry.backup_id not in found:
                            self._look(found, catalogue, entry, gone, rewriting, actor)
        if rewriting and self._pairing:
            self._pairing.wake()
        return [*found.values()]

    def _look(
        self,
        found: dict[str, HeldBackup],
        catalogue: Catalogue,
        entry: Entry,
        gone: Gone,
        rewriting: bool,
        actor: str | None,
    ) -> None:
        table, held = self._rulebook().table(entry.table), HeldBackup(entry.backup_id, entry.table)
        try:
            keys = gone.keys.get(table.name, [])
            keys = [*keys, *erased_in(entry, table, catalogue, gone.before)]
            if not holds(entry, table, catalogue, keys):
                return
            found[entry.backup_id] = held
            if rewriting:
                with self._deeds.doing(actor, "backup.rewrite", [entry.backup_id], "a row is gone"):
                    new = rewrite(entry, table, catalogue, keys)
                    self._forget_copy(catalogue, entry)
                held.rewritten_to = new.backup_id
        except (DamagedBackup, NotFound) as error:
            found[entry.backup_id] = held
            held.problem = error.detail

    def _forget_copy(self, catalogue: Catalogue, entry: Entry) -> None:
        """The copy of a backup that was written anew goes; the new one is copied in its turn."""
        second = self._places.second
        if second is not None and second is not catalogue:
            second.discard(entry.backup_id)


def _check_no_files(connection: Connection, table: Table) -> None:
    ((files,),) = connection.execute(
        "select count(*) from ops.files where table_name = ?", [table.name]
    ).fetchall()
    if files:
        raise Conflict(f"a file is being loaded into {table.name}; wait for its end, or cancel it")
