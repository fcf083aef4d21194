"""A folder as a store: an object is a file, complete and on the disk, or not there."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from service.errors import DamagedBackup, NotFound
from service.runtime.durable_files import (
    TEMPORARY,
    HashingFile,
    disk_may_be_full,
    made_whole,
    make_folder,
    open_plain,
    remove_durably,
    write_whole,
)
from service.stores.store import AlreadyThere, Overtaken, Stored


class FolderStore:
    """The files of a folder and of its folders. Symbolic links are never followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self.folder)

    @property
    def trouble(self) -> str | None:
        """None: its disk is looked at instead."""
        return None

    def list(self, folder: str = "") -> Iterator[Stored]:
        """As `Store.list`; sizes are not asked for, and links and pipes are listed, too."""
        start = self.folder / folder if folder else self.folder
        if not (folder and start.is_symlink()):
            inside = f"{folder}/" if folder else ""
            for name in _names(start, within=0 if folder else 1):
                if not name.endswith(TEMPORARY):
                    yield Stored(inside + name, 0)

    def exists(self, name: str) -> bool:
        """As `Store.exists`."""
        path = self.folder / name
        return not _leads_away(path, self.folder) and os.path.lexists(path)

    def read(self, name: str, limit: int) -> tuple[bytes, str | None]:
        """As `Store.read`."""
        with self.open(name) as file:
            data = file.read(limit)
        return data, _version(data)

    def open(self, name: str) -> BufferedReader:
        """As `Store.open`."""
        return open_plain(self._path(name))

    def writing(self, name: str) -> AbstractContextManager[HashingFile]:
        """As `Store.writing`."""
        return made_whole(self._path(name))

    def put(self, name: str, data: bytes, version: str | None = None) -> str | None:
        """As `Store.put`. Writers wait for each other by a lock on the folder."""
        path = self._path(name)
        make_folder(path.parent)
        with _alone(path.parent):
            if version is None and os.path.lexists(path):
                raise AlreadyThere(name)
            if version is not None and _version_at(path) != version:
                raise Overtaken(name)
            if version is None:
                with made_whole(path) as file:
                    file.write(data)
            else:
                with disk_may_be_full("backup"):
                    write_whole(path, data)
        return _version(data)

    def remove(self, name: str) -> None:
        """As `Store.remove`."""
        path = self._path(name)
        if path.parent.is_dir():
            remove_durably(path)

    def sweep(self, ours: Callable[[str], bool]) -> Sequence[str]:
        """As `Store.sweep`."""
        names = [name for name in _names(self.folder, within=2) if name.endswith(TEMPORARY)]
        swept = [name for name in names if ours(name.removesuffix(TEMPORARY))]
        for name in swept:
            remove_durably(self.folder / name)
        return swept

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if _leads_away(path, self.folder):
            raise NotFound("its folder leads elsewhere")
        return path


def _leads_away(path: Path, top: Path) -> bool:
    return path.parent != top and path.parent.is_symlink()


def _names(folder: Path, within: int) -> Iterator[str]:
    """What is in a folder and in its own folders, as many levels `within` as are asked for."""
    for entry in _content(folder):
        if not entry.is_dir(follow_symlinks=False):
            yield entry.name
        elif within:
            for name in _names(Path(entry.path), within - 1):
                yield f"{entry.name}/{name}"


def _content(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)
    return []


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _version_at(path: Path) -> str | None:
    with suppress(DamagedBackup), open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Alone among those who put into `folder`, of this process and others."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
