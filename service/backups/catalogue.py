"""The catalogue of backups: objects beside the data, so that it survives the loss of the warehouse.

``<table>/<backup_id>.avro`` has the rows; ``<table>/<backup_id>.json``, written last, makes it a
backup. While the entries of a set are written one by one, ``sets/<set_id>.pending`` says so: until
it is gone, the set is not there.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from secrets import token_hex

import msgspec

from service.backups.entry import (
    DATA,
    ENTRY,
    MAX_LEFT_OUT,
    PENDING,
    SETS,
    Entry,
    Kind,
    id_in,
    is_table,
    marker_of,
    name_of,
    set_in,
    table_of,
)
from service.backups.entry_index import EntryIndex
from service.dictionary import Dictionary, DictionaryError
from service.errors import Conflict, NotFound
from service.runtime.durable_files import Steps, no_steps
from service.stores.store import AlreadyThere, Store, Stored, Writing

__all__ = ["MAX_LEFT_OUT", "Catalogue", "Entry", "Kind"]

_NEVER = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)


class Catalogue:
    """The backups in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._entries = EntryIndex(store)
        self._lock = threading.Lock()
        self._latest_id = _NEVER
        self.before_change: Callable[[], None] = lambda: None  # may raise that it is not ours
        # The table that one of a name is now, and what it was called before.
        self.name_now: Callable[[str], str] = str
        self.former_names: Callable[[str], Sequence[str]] = lambda table: ()

    def go_by(self, dictionary: Callable[[], Dictionary]) -> None:
        """Tells of backups of tables that were renamed as of those that they are now."""

        def former_names(table: str) -> Sequence[str]:
            found = dictionary().tables.get(table)
            return found.renamed_from if found else ()

        self.name_now = lambda table: dictionary().name_now(table)
        self.former_names = former_names

    def _told(self, entry: Entry) -> Entry:
        now = self.name_now(entry.table)
        return entry if now == entry.table else msgspec.structs.replace(entry, table=now)

    def list(self, table: str | None = None) -> Sequence[Entry]:
        """All backups, or those of one table, newest first."""
        if table is not None and not is_table(table):
            return []
        folders = [""] if table is None else [table, *self.former_names(table)]
        listed = [each for name in folders for each in _named(self.store.list(name), ENTRY)]
        found = self._entries.of(listed, whole=table is None)
        # Read last: what is seen of a set whose marker is gone is there.
        pending = {set_in(each.name) for each in self.store.list(SETS)}
        there = [entry for entry in found.values() if entry and entry.set_id not in pending]
        return sorted(map(self._told, there), key=lambda entry: entry.backup_id, reverse=True)

    def _is_pending(self, set_id: str) -> bool:
        return self.store.exists(marker_of(set_id))

    def unreadable(self) -> Sequence[str]:
        """The ids of the backups whose entries are damaged: nothing else tells of them."""
        found = self._entries.of(_named(self.store.list(), ENTRY), whole=True)
        return [str(id_in(name, ENTRY)) for name, entry in found.items() if entry is None]

    def get(self, backup_id: str) -> Entry:
        """The backup of that id, which may come from outside.

        Raises:
            NotFound: there is none.
        """
        entry = self._entries.one(name_of(backup_id, ENTRY))
        if entry is None or (entry.set_id and self._is_pending(entry.set_id)):
            raise NotFound("there is no backup of this id")
        return self._told(entry)

    def latest(self, table: str) -> Entry:
        """The newest backup that someone asked for: of those taken before a restore there is always
        a newer one, and restoring it would undo the restore. A file from elsewhere without rows
        counts only by its id: no table is to be emptied because someone sent the wrong file.

        Raises:
            NotFound: the table has none.
        """
        asked_for = (
            entry
            for entry in self.list(table)
            if entry.kind != "safety" and not (entry.kind == "import" and entry.rows == 0)
        )
        entry = next(asked_for, None)
        if entry is None:
            raise NotFound(f"{table} has no backup")
        return entry

    def of_set(self, set_id: str) -> Sequence[Entry]:
        """The backups that were taken together.

        Raises:
            NotFound: there is no such set.
            Conflict: backups of it were removed, or are damaged: the rest is no consistent state.
        """
        entries = [entry for entry in self.list() if entry.set_id == set_id]
        if not entries:
            raise NotFound("there is no set of backups of this id")
        size = entries[0].set_size or len(entries)
        if len(entries) < size:
            left = f"{len(entries)} of the {size} backups of this set are left"
            raise Conflict(f"{left}; they can be restored one by one", set_id=set_id)
        return entries

    def new_id(self, table: str) -> str:
        """A name that no other backup has; by their names, backups are in the order in which they
        were taken. It begins with the time, or where the clock has gone back, with what follows
        the newest that is there.

        Raises:
            DictionaryError: the table's name cannot be part of it.
        """
        if not is_table(table):
            raise DictionaryError(f"{table} cannot be backed up: its name is not plain ASCII")
        self.before_change()
        with self._lock:
            if self._latest_id == _NEVER:  # nobody else makes any while this process does
                there = map(_time_of, sorted(self._ids(), reverse=True))
                self._latest_id = next(filter(None, there), _NEVER)
            now = max(datetime.now(UTC), self._latest_id + timedelta(microseconds=1))
            self._latest_id = now
        return f"{now:%Y%m%dT%H%M%S%f}Z-{table}-{token_hex(6)}"

    def new_set_id(self) -> str:
        """A name for backups that are taken together."""
        return self.new_id("set")

    def writing(self, backup_id: str) -> AbstractContextManager[Writing]:
        """The data of a backup, to write; `add` then makes it one.

        Raises:
            NotFound: the id is not one of ours.
            NoSpace: it does not fit.
        """
        return self.store.writing(name_of(backup_id, DATA))

    def open(self, entry: Entry) -> BufferedReader:
        """The data of a backup, open for reading.

        Raises:
            DamagedBackup: it is missing, or no plain file.
        """
        return self.store.open(name_of(entry.backup_id, DATA))

    def add(self, entry: Entry) -> None:
        """Makes the data, which is there, a backup.

        Raises:
            Conflict: there is a backup of that id.
            NoSpace: the entry does not fit.
        """
        entry = msgspec.structs.replace(entry, table=table_of(entry.backup_id))
        text = msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n"
        try:
            self.store.put(name_of(entry.backup_id, ENTRY), text)  # the commit point of the backup
        except AlreadyThere as error:
            raise Conflict("there is a backup of this id", backup_id=entry.backup_id) from error

    def add_set(self, set_id: str, entries: Sequence[Entry], steps: Steps = no_steps) -> None:
        """Makes the data backups of one set: all of them, or none whatever happens.

        Raises:
            Conflict: the set is being made by someone else.
            NoSpace: an entry does not fit.
        """
        marker = marker_of(set_id)
        try:
            self.store.put(marker, b"")
        except AlreadyThere as error:
            raise Conflict("this set is being made", set_id=set_id) from error
        try:
            for entry in entries:
                self.add(entry)
                steps(f"entry {entry.table}")
            self.store.remove(marker)  # the commit point of the set
        except BaseException:
            self._remove_all(entry.backup_id for entry in entries)
            self.store.remove(marker)
            raise

    def remove(self, backup_id: str) -> None:
        """Removes a backup: the entry first, so that there is never one without its data.

        Raises:
            NotFound: there is none.
        """
        self.get(backup_id)
        self.before_change()
        self._remove_all([backup_id])

    def discard(self, backup_id: str) -> None:
        """Removes what there is under the id of a backup that did not come about."""
        self._remove_all([backup_id])

    def sweep(self) -> Sequence[str]:
        """Removes what a killed process left half-made, and names it. Call it before any backup."""
        listed = [*self.store.list()]
        for set_id in filter(None, (set_in(each.name) for each in listed)):
            found = self._entries.of(_named(listed, ENTRY), whole=True).values()
            self._remove_all(entry.backup_id for entry in found if entry and entry.set_id == set_id)
            for marker in (marker_of(set_id), set_id + PENDING):
                self.store.remove(marker)
        leftovers = [*self.store.sweep(_is_ours), *self._without_entry()]
        for name in leftovers:
            self.store.remove(name)
            _log.warning("removed %s, which an interrupted backup had left", name)
        return [name.rpartition("/")[2] for name in leftovers]

    def _without_entry(self) -> Iterator[str]:
        """The data whose entry was never written."""
        listed = [*self.store.list()]
        backed_up = {id_in(each.name, ENTRY) for each in listed}
        for each in _named(listed, DATA):
            if id_in(each.name, DATA) not in backed_up:
                yield each.name

    def _ids(self) -> Iterator[str]:
        """Of all backups and sets there are, finished or not."""
        for each in self.store.list():
            found = id_in(each.name, DATA) or id_in(each.name, ENTRY) or set_in(each.name)
            if found:
                yield found

    def _remove_all(self, backup_ids: Iterable[str]) -> None:
        for backup_id in backup_ids:
            for ending in (ENTRY, DATA):
                self.store.remove(name_of(backup_id, ending))


def _named(listed: Iterable[Stored], ending: str) -> Sequence[Stored]:
    """The objects of our names; any others in the store are none of our business."""
    return [each for each in listed if id_in(each.name, ending)]


def _time_of(backup_id: str) -> datetime | None:
    """What its name begins with; None where that is no day of the calendar."""
    try:
        return datetime.strptime(backup_id.split("-")[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_ours(name: str) -> bool:
    return bool(id_in(name, DATA) or id_in(name, ENTRY) or set_in(name))
