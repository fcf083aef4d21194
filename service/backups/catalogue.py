"""The catalogue of backups: files beside the data, so that it survives the loss of the warehouse.

``<folder>/<table>/<backup_id>.avro`` has the rows; ``<backup_id>.json``, written last, makes it a
backup. While the entries of a set are written or removed one by one, ``<folder>/<set_id>.pending``
says so: until it is gone, the set is not there.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Literal, TypeAlias

import msgspec

from service.dictionary import DictionaryError
from service.dictionary.column_types import UTC_TIMESTAMP
from service.errors import Conflict, DamagedBackup, NotFound
from service.runtime.durable_files import (
    TEMPORARY,
    Steps,
    made_whole,
    no_steps,
    open_plain,
    remove_durably,
)

Kind: TypeAlias = Literal["manual", "scheduled", "safety", "import"]
Digits: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Timestamp: TypeAlias = Annotated[str, msgspec.Meta(pattern=f"^{UTC_TIMESTAMP}$")]

DATA, ENTRY, PENDING = ".avro", ".json", ".pending"
MAX_ENTRY_BYTES = 1 << 16  # bytes
MAX_LEFT_OUT = 100  # names, so that an entry stays below that
_TABLE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
_ID = rf"[0-9]{{8}}T[0-9]{{12}}Z-{_TABLE}-[0-9a-f]{{12}}"
_is_table = re.compile(_TABLE, re.ASCII).fullmatch
_is_id = re.compile(_ID, re.ASCII).fullmatch
_NEVER = datetime.min.replace(tzinfo=UTC)
_log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """What the catalogue says of one backup."""

    backup_id: str
    table: str
    rows: Count
    bytes: Count  # size of the file
    sha256: Digits  # of the file
    codec: str
    schema_fingerprint: str  # of the schema in the file
    dictionary_version: str
    created_at: Timestamp  # when the snapshot was taken, ISO 8601 in UTC
    file: str  # name beside the entry
    set_id: str | None
    kind: Kind
    set_size: Count | None = None  # backups that the set was taken of
    # Of a file from elsewhere: names of its columns that the table has not, MAX_LEFT_OUT at most.
    left_out: tuple[str, ...] = ()


class Catalogue:
    """The backups in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._latest_id = _NEVER
        self.before_change: Callable[[], None] = lambda: None  # may raise that it is not ours

    def list(self, table: str | None = None) -> Sequence[Entry]:
        """All backups, or those of one table, newest first."""
        pending = self._pending()
        found = (self._entry_or_none(path) for path in self._files(ENTRY, table))
        there = [entry for entry in found if entry and entry.set_id not in pending]
        return sorted(there, key=lambda entry: entry.backup_id, reverse=True)

    def unreadable(self) -> Sequence[str]:
        """The ids of the backups whose entries are damaged: nothing else tells of them."""
        return [path.stem for path in self._files(ENTRY) if self._entry_or_none(path) is None]

    def get(self, backup_id: str) -> Entry:
        """The backup of that id, which may come from outside.

        Raises:
            NotFound: there is none.
        """
        path = self._place(backup_id, ENTRY)
        entry = self._entry_or_none(path) if path else None
        if entry is None or entry.set_id in self._pending():
            raise NotFound("there is no backup of this id")
        return entry

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
        if not _is_table(table):
            raise DictionaryError(f"{table} cannot be backed up: its name is not plain ASCII")
        self.before_change()
        with self._lock:
            there = map(_time_of, sorted(self._ids(), reverse=True))
            before = max(self._latest_id, next(filter(None, there), _NEVER))
            self._latest_id = now = max(datetime.now(UTC), before + timedelta(microseconds=1))
        return f"{now:%Y%m%dT%H%M%S%f}Z-{table}-{token_hex(6)}"

    def new_set_id(self) -> str:
        """A name for backups that are taken together."""
        return self.new_id("set")

    def path_of(self, entry: Entry) -> Path:
        """The data file of a backup."""
        return self.new_path(entry.backup_id)

    def new_path(self, backup_id: str) -> Path:
        """Where the data file of a backup of that id goes.

        Raises:
            NotFound: the id is not one of ours, or its folder leads elsewhere.
        """
        path = self._place(backup_id, DATA)
        if path is None:
            raise NotFound("there is no backup of this id")
        return path

    def open(self, entry: Entry) -> BufferedReader:
        """The data file, open for reading.

        Raises:
            DamagedBackup: it is missing, or no plain file.
        """
        return open_plain(self.path_of(entry))

    def add(self, entry: Entry) -> None:
        """Makes the data file, which is there, a backup.

        Raises:
            NoSpace: the entry does not fit.
        """
        path = self.new_path(entry.backup_id).with_suffix(ENTRY)
        with made_whole(path) as file:  # the commit point of the backup
            file.write(msgspec.json.format(msgspec.json.encode(entry), indent=2) + b"\n")

    def add_set(self, set_id: str, entries: Sequence[Entry], steps: Steps = no_steps) -> None:
        """Makes the data files backups of one set: all of them, or none whatever happens.

        Raises:
            NoSpace: an entry does not fit.
        """
        marker = self._marker(set_id)
        with made_whole(marker):
            pass
        try:
            for entry in entries:
                self.add(entry)
                steps(f"entry {entry.table}")
            remove_durably(marker)  # the commit point of the set
        except BaseException:
            self._remove_all(entry.backup_id for entry in entries)
            remove_durably(marker)
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
        for set_id in self._pending():
            self._remove_all(self._ids_of(set_id))
            remove_durably(self._marker(set_id))
        leftovers = [*self._leftovers()]
        for path in leftovers:
            remove_durably(path)
            _log.warning("removed %s, which an interrupted backup had left", path.name)
        return [path.name for path in leftovers]

    def _place(self, backup_id: str, ending: str) -> Path | None:
        if not _is_id(backup_id):
            return None
        folder = self.folder / backup_id.split("-")[1]
        return None if folder.is_symlink() else folder / f"{backup_id}{ending}"

    def _files(self, ending: str, table: str | None = None) -> Iterator[Path]:
        """The files of our names; any others in the folder are none of our business."""
        names = [folder.name for folder in _content(self.folder)] if table is None else [table]
        for folder in (self.folder / name for name in names if _is_table(name)):
            if not folder.is_symlink():
                for path in _content(folder):
                    if path.name.endswith(ending) and _is_id(path.name.removesuffix(ending)):
                        yield path

    def _ids(self) -> Iterator[str]:
        """Of all backups and sets there are, finished or not."""
        for ending in (DATA, ENTRY):
            yield from (path.stem for path in self._files(ending))
        yield from self._pending()

    def _leftovers(self) -> Iterator[Path]:
        """What no entry stands for: temporary files, and data whose entry was never written."""
        yield from self._files(DATA + TEMPORARY)
        yield from self._files(ENTRY + TEMPORARY)
        for path in _content(self.folder):
            if _is_id(path.name.removesuffix(PENDING + TEMPORARY)):
                yield path
        for path in self._files(DATA):
            if not os.path.lexists(path.with_suffix(ENTRY)):
                yield path

    def _pending(self) -> frozenset[str]:
        paths = (path for path in _content(self.folder) if path.name.endswith(PENDING))
        return frozenset(path.stem for path in paths if _is_id(path.stem))

    def _marker(self, set_id: str) -> Path:
        if not _is_id(set_id):
            raise NotFound("there is no set of backups of this id")
        return self.folder / f"{set_id}{PENDING}"

    def _ids_of(self, set_id: str) -> Iterator[str]:
        for path in self._files(ENTRY):
            entry = self._entry_or_none(path)
            if entry and entry.set_id == set_id:
                yield entry.backup_id

    def _remove_all(self, backup_ids: Iterable[str]) -> None:
        for backup_id in backup_ids:
            path = self.new_path(backup_id)
            if path.parent.is_dir():
                remove_durably(path.with_suffix(ENTRY))
                remove_durably(path)

    def _entry_or_none(self, path: Path) -> Entry | None:
        """The entry in a file; None, with a warning, if it is damaged: the others still count."""
        if not os.path.lexists(path):
            return None
        try:
            return _read_entry(path)
        except (OSError, DamagedBackup, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("backup %s is left out: its entry is damaged: %s", path.stem, error)
            return None


def _time_of(backup_id: str) -> datetime | None:
    """What its name begins with; None where that is no day of the calendar."""
    try:
        return datetime.strptime(backup_id.split("-")[0], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _content(folder: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(folder.iterdir())
    return []


def _read_entry(path: Path) -> Entry:
    with open_plain(path) as file:
        text = file.read(MAX_ENTRY_BYTES)
    entry = msgspec.json.decode(text, type=Entry)
    names = (entry.backup_id, entry.table, entry.file)
    if names != (path.stem, path.parent.name, path.stem + DATA):
        raise DamagedBackup("it names another backup")
    return entry
