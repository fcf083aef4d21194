"""The mark that says whose a place of backups is: ``owner.json``.

In a folder it is locked, too, by whoever has the warehouse open. In object storage nobody can hold
a lock: there the mark alone counts, and is written only in place of the one that was read.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from service.errors import Conflict, DamagedBackup
from service.runtime.durable_files import make_folder, sync_folder
from service.runtime.logs import get_logger
from service.stores.folder import FolderStore
from service.stores.store import AlreadyThere, Overtaken, Store

log = get_logger(__name__)
OWNER = "owner.json"
LARGEST = 65536  # bytes
ADOPT = "`gatehouse backups adopt` makes them this warehouse's, or GATEHOUSE_BACKUPS names a place"


class BackupsOwner(msgspec.Struct, frozen=True):
    """The content of the mark."""

    warehouse_id: str
    warehouse: str  # its path
    since: datetime


class NotOurBackups(Conflict):
    """The backups are another warehouse's, or may be."""

    slug, title = "not-our-backups", "The backups are another warehouse's"


def not_ours(place: str, whose: str) -> NotOurBackups:
    """That the backups in a place are not this warehouse's."""
    return NotOurBackups(f"the backups in {place} are {whose}; {ADOPT} of its own")


class Mark(Protocol):
    """The mark in one place."""

    def hold(self, check: Callable[[BackupsOwner | None], BackupsOwner]) -> None:
        """Reads the mark unless it is held; `check` may refuse it, and gives the one to leave."""

    def make_place(self) -> None:
        """Makes the place, where that has to be done."""

    def release(self) -> None:
        """Lets others have it."""


def mark_of(store: Store) -> Mark:
    """The mark in a store."""
    return _FolderMark(store.folder) if isinstance(store, FolderStore) else _ObjectMark(store)


class _ObjectMark:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._held = False

    def hold(self, check: Callable[[BackupsOwner | None], BackupsOwner]) -> None:
        if self._held:
            return
        try:
            text, version = self._store.read(OWNER, LARGEST)
        except DamagedBackup:  # there is none
            text, version = b"", None
        before = _owner_in(text)
        owner = check(before)
        if before != owner:
            try:
                self._store.put(OWNER, _written(owner), version)
            except (AlreadyThere, Overtaken):
                whose = "claimed by another warehouse just now"
                raise not_ours(self._store.name, whose) from None
        self._held = True

    def make_place(self) -> None:
        """Nothing: who may write objects may not always make a container."""

    def release(self) -> None:
        self._held = False


class _FolderMark:
    def __init__(self, folder: Path) -> None:
        self._path = folder / OWNER
        self._held: int | None = None

    def make_place(self) -> None:
        make_folder(self._path.parent)

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def hold(self, check: Callable[[BackupsOwner | None], BackupsOwner]) -> None:
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
            before = _read(handle)
            owner = check(before)
            with suppress(OSError):  # it may only be read
                if before != owner:
                    _sign(handle, owner, self._path.parent)
        except BaseException:
            os.close(handle)
            raise
        self._held = handle


def _written(owner: BackupsOwner) -> bytes:
    return msgspec.json.encode(owner) + b"\n"


def _owner_in(text: bytes) -> BackupsOwner | None:
    """What the mark says; None where it is empty, as after a kill, or says nothing."""
    try:
        return msgspec.json.decode(text, type=BackupsOwner)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _sign(handle: int, owner: BackupsOwner, folder: Path) -> None:
    os.truncate(handle, 0)
    os.pwrite(handle, _written(owner), 0)
    os.fsync(handle)
    sync_folder(folder)


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
        raise not_ours(str(path.parent), whose) from None


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False


def _read(handle: int) -> BackupsOwner | None:
    return _owner_in(os.pread(handle, LARGEST, 0))
