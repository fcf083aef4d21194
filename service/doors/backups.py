"""Backups: taken, taken in from elsewhere, read again and removed, each of it on record.

Requests and the schedule come by the same door; `actor` says whose work it is.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.backups.backing_up import back_up, import_file
from service.backups.catalogue import Catalogue
from service.backups.entry import Entry, Kind
from service.backups.paired_places import Places
from service.backups.pairing import Pairing
from service.backups.retention import Keep, expired
from service.backups.verifying import Verification, verify
from service.dictionary import Table
from service.doors.tasks import Begun, Tasks, unnoticed
from service.engines.duckdb import Database
from service.errors import NotFound
from service.judge.rulebook import Rulebook
from service.ops import trail
from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics
from service.warehouse.deeds import Deeds
from service.warehouse.writer import Writer

log = get_logger(__name__)


class Backups:
    """The door of backups. Its methods block: call them in a thread."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        deeds: Deeds,
        tasks: Tasks,
        places: Places,
        pairing: Pairing | None,
        metrics: Metrics,
        rulebook: Callable[[], Rulebook],
        codec: str,
    ) -> None:
        """`rulebook` gives the current one; `codec` is that of backups that ask for none.

        `pairing` copies what is backed up, where there is a second place.
        """
        self._database, self._writer, self._metrics = database, writer, metrics
        self._deeds, self._tasks = deeds, tasks
        self._rulebook, self._codec = rulebook, codec
        self._places, self._pairing = places, pairing
        self.catalogue = places.primary

    def back_up(
        self,
        table: Table,
        actor: str | None,
        codec: str | None = None,
        begun: Begun = unnoticed,
    ) -> Entry:
        """Backs one table up.

        Raises:
            NoSpace: it does not fit on the disk.
        """
        (entry,) = self._back_up([table], actor, codec, None, "manual", begun)
        return entry

    def back_up_all(
        self,
        actor: str | None,
        codec: str | None = None,
        kind: Kind = "manual",
        begun: Begun = unnoticed,
    ) -> list[Entry]:
        """Backs every table up as one set, from one snapshot.

        Raises:
            NoSpace: they do not fit on the disk.
        """
        tables = list(self._rulebook().dictionary.tables.values())
        return self._back_up(tables, actor, codec, self.catalogue.new_set_id(), kind, begun)

    def take_in(self, source: Path, table: Table, actor: str | None) -> Entry:
        """Takes an Avro file in as a backup of `table`.

        Raises:
            DamagedBackup, RulesBroken: it could not be restored.
            NoSpace: it does not fit on the disk.
        """
        version = self._rulebook().dictionary.version
        backup_id = self.catalogue.new_id(table.name)
        with self._deeds.doing(actor, "backup.import", [backup_id]):
            entry = import_file(
                source, table, self.catalogue, dictionary_version=version, backup_id=backup_id
            )
        self._copy_soon()
        return entry

    def verify(self, backup_id: str) -> Verification:
        """Reads a backup again, to its last row; not on record.

        It is read in the first place or, where that is away or has lost it, in the second.

        Raises:
            NotFound: there is no such backup, or no table for it.
            StoreUnavailable: no place can be reached.
        """
        found = self._places.find(None, lambda catalogue: [catalogue.get(backup_id)])
        (entry,) = found.entries
        return verify(entry, self._rulebook().table(entry.table), found.catalogue)

    def check(self, entry: Entry, actor: str | None) -> bool:
        """Whether a backup can be read to its last row; on record, and counted.

        One that was removed meanwhile, or whose table is gone, counts as good.
        """
        table = self._rulebook().dictionary.tables.get(entry.table)
        if table is None or not self._is_there(entry):
            return True
        found = verify(entry, table, self.catalogue)
        said = "ok" if found.ok else "; ".join(found.problems)
        self._writer.run(
            lambda connection: trail.record(
                connection, actor, "backup.verify", entry.backup_id, said
            )
        ).result()
        self._metrics.verifications.labels("ok" if found.ok else "damaged").inc()
        if not found.ok:
            log.error("backup_damaged", backup_id=entry.backup_id, problems=said)
        return found.ok

    def last_checks(self, actor: str) -> dict[str, datetime]:
        """When `actor` last checked backups, in UTC, by their ids: in the order of the checks."""
        with self._database.reading() as connection:
            found = connection.execute(
                "select subject, arg_max(happened_at, number) from ops.trail"
                " where action = 'backup.verify' and actor = ? group by subject"
                " order by max(number)",
                [actor],
            ).fetchall()
        return {subject: checked_at.replace(tzinfo=UTC) for subject, checked_at in found}

    def remove(self, backup_id: str, actor: str | None, why: str | None = None) -> None:
        """Removes a backup and its file, and its copy before.

        Raises:
            NotFound: there is no such backup.
            StoreUnavailable: a place is away.
        """
        self._remove(backup_id, actor, why, self._places.second)

    def _remove(
        self, backup_id: str, actor: str | None, why: str | None, second: Catalogue | None = None
    ) -> None:
        self.catalogue.get(backup_id)
        with self._deeds.doing(actor, "backup.delete", [backup_id], why, makes_room=True):
            if second:
                second.discard(backup_id)
            self.catalogue.remove(backup_id)

    def remove_expired(self, keep: Keep, tables: set[str], actor: str | None) -> None:
        """Removes what `keep` keeps no longer, of these tables; `pairing` does so of copies."""
        for entry in expired(self.catalogue.list(), keep):
            if entry.table in tables:
                self._remove(entry.backup_id, actor, "kept for long enough")

    def _back_up(
        self,
        tables: Sequence[Table],
        actor: str | None,
        codec: str | None,
        set_id: str | None,
        kind: Kind,
        begun: Begun,
    ) -> list[Entry]:
        ids = [self.catalogue.new_id(table.name) for table in tables]
        names = [table.name for table in tables]
        with (
            self._tasks.doing("backup", names, ids, actor) as task,
            self._deeds.doing(actor, "backup.create", ids),
            self._database.all_cores(),
            self._database.reading() as connection,
        ):
            begun(task)
            task.outcome = entries = back_up(
                connection,
                tables,
                self.catalogue,
                codec or self._codec,
                dictionary_version=self._rulebook().dictionary.version,
                set_id=set_id,
                kind=kind,
                backup_ids=ids,
                progress=task.progress,
            )
        self._copy_soon()
        return entries

    def _copy_soon(self) -> None:
        if self._pairing:
            self._pairing.wake()

    def _is_there(self, entry: Entry) -> bool:
        try:
            self.catalogue.get(entry.backup_id)
        except NotFound:
            return False
        return True
