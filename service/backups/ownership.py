"""Whose a folder of backups is: ``owner.json`` in it names the warehouse, and is locked by whoever
has that open. Two warehouses on one folder would restore each other's rows and remove each other's
backups.

A folder without it becomes the first warehouse's that opens it, if that has made all the backups in
it. A warehouse that was made anew in the same place takes the old one's over.
"""

import fcntl
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from service.backups.catalogue import Catalogue
from service.engines.duckdb import Database
from service.errors import Conflict
from service.runtime.durable_files import make_folder, sync_folder
from service.runtime.logs import get_logger

log = get_logger(__name__)
OWNER = "owner.json"
RECOVERING = ".recovering"  # in the name of a warehouse that is made anew beside the old one
ADOPT = "`gatehouse backups adopt` makes them this warehouse's, or GATEHOUSE_BACKUPS names a folder"


class BackupsOwner(msgspec.Struct, frozen=True):
    """The content of the file."""

    warehouse_id: str
    warehouse: str  # its path
    since: datetime


class NotOurBackups(Conflict):
    """The folder of the backups is another warehouse's, or may be."""

    slug, title = "not-our-backups", "The backups are another warehouse's"


class Ownership:
    """One warehouse's claim to a folder: `claim` it before each use, `release` it in the end."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue, self._database = catalogue, database
        self._path = catalogue.folder / OWNER
        self._warehouse = _place_of(database.path)
        self._held: int | None = None
        self._claiming = threading.Lock()

    def claim(self) -> None:
        """Makes sure that the folder is this warehouse's, and no one else's meanwhile.

        Where it is missing or cannot be written, what comes next says so, or makes it.

        Raises:
            NotOurBackups: it is another's, whose or since when is said; or it cannot be told whose.
        """
        with self._claiming:
            self._hold(self._check)

    def adopt(self) -> BackupsOwner | None:
        """Makes the folder this warehouse's whoever's it was; whose it was, if that is known.

        Raises:
            NotOurBackups: a process has its warehouse open.
            OSError: it cannot be written.
        """
        before: list[BackupsOwner | None] = []
        make_folder(self._path.parent)
        self._hold(before.append)
        assert self._held is not None
        self._sign(self._held)
        return before[0] if before else None

    def release(self) -> None:
        """Lets others claim it."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _hold(self, check: Callable[[BackupsOwner | None], None]) -> None:
        if self._held is not None and _is_at(self._path, self._held):
            return
        self.release()
        if not self._path.parent.is_dir():
            return
        try:
            handle = _opened(self._path)
        except OSError as error:
            log.warning("backups_not_claimed", error=error.strerror)
            return
        try:
            _lock(handle, self._path)
            check(_read(handle))
            with suppress(OSError):  # it may only be read
                self._sign(handle)
        except BaseException:
            os.close(handle)
            raise
        self._held = handle

    def _check(self, owner: BackupsOwner | None) -> None:
        if owner is None:
            self._check_made_here()
        elif owner.warehouse_id == self._warehouse_id:
            if owner.warehouse != str(self._warehouse) and Path(owner.warehouse).exists():
                raise _not_ours(self._path, f"those of {owner.warehouse}, of which this is a copy")
        elif owner.warehouse != str(self._warehouse):
            raise _not_ours(self._path, f"those of the warehouse {owner.warehouse}")
        else:
            log.warning("backups_of_the_warehouse_before_taken_over", warehouse=owner.warehouse)

    def _check_made_here(self) -> None:
        """Of a folder without the mark: whether this warehouse knows all that someone asked for."""
        if self._database.path != self._warehouse:  # to recover is to take what is there
            return
        known = _made_here(self._database)
        others = [each for each in self._catalogue.list() if each.kind != "safety"]
        unknown = sum(each.backup_id not in known for each in others)
        if unknown:
            said = f"{unknown} of {len(others)} backups were not made by this warehouse"
            raise NotOurBackups(f"{said}, and nothing says whose they are; {ADOPT} of its own")

    def _sign(self, handle: int) -> None:
        owner = BackupsOwner(self._warehouse_id, str(self._warehouse), datetime.now(UTC))
        before = _read(handle)
        if before and (before.warehouse_id, before.warehouse) == (
            owner.warehouse_id,
            owner.warehouse,
        ):
            return
        os.truncate(handle, 0)
        os.pwrite(handle, msgspec.json.encode(owner) + b"\n", 0)
        os.fsync(handle)
        sync_folder(self._path.parent)

    @property
    def _warehouse_id(self) -> str:
        with self._database.reading() as connection:
            ((found,),) = connection.execute("select warehouse_id from ops.warehouse").fetchall()
        return str(found)


def _place_of(warehouse: Path) -> Path:
    """The path of a warehouse, also while it is made anew beside it."""
    return warehouse.with_name(warehouse.name.replace(RECOVERING, ""))


def _made_here(database: Database) -> set[str]:
    with database.reading() as connection:
        found = connection.execute(
            "select subject from ops.trail where action in ('backup.create', 'backup.import')"
        ).fetchall()
    return {subject for (subject,) in found}


def _not_ours(path: Path, whose: str) -> NotOurBackups:
    return NotOurBackups(f"the backups in {path.parent} are {whose}; {ADOPT} of its own")


def _opened(path: Path) -> int:
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return os.open(path, flags | os.O_RDONLY)  # a folder that may only be read


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _read(handle)
        whose = f"in use by the warehouse {owner.warehouse}" if owner else "in use by another"
        raise _not_ours(path, whose) from None


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False


def _read(handle: int) -> BackupsOwner | None:
    """What the file says; None where it is empty, as after a kill, or says nothing."""
    try:
        return msgspec.json.decode(os.pread(handle, 65536, 0), type=BackupsOwner)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
