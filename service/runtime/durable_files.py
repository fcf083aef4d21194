"""Files that are complete and on the disk, or not there at all (POSIX)."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from service.errors import DamagedBackup, NoSpace

READABLE = 0o777  # the mode of a folder that is no secret; the umask takes away from it
TEMPORARY = ".tmp"  # ends the name of a file that is still being written
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# Called with a name between the steps of a long operation, so that tests can inject faults there.
Steps: TypeAlias = Callable[[str], None]


def no_steps(_name: str) -> None:
    """Does nothing between the steps."""


@contextmanager
def disk_may_be_full(what: str) -> Iterator[None]:
    """Turns the operating system's "no space" into NoSpace, which says `what` did not fit.

    Raises:
        NoSpace: the disk, the quota or the largest size of a file is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise NoSpace(f"no space is left for the {what}; nothing of it was kept") from error
        raise


class HashingFile:
    """A new file, open for writing, that keeps its SHA-256 and its size in bytes."""

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        """Creates the file at `path`, readable by its owner only, since backups name people.

        Raises:
            FileExistsError: `path` exists.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, mode), "wb", buffering=1 << 20)
        self._hash = hashlib.sha256()
        self.path = path
        self.size = 0

    def write(self, data: bytes) -> None:
        """Appends `data`."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all that was written, in hexadecimal."""
        return self._hash.hexdigest()

    def settle(self) -> None:
        """Flushes and fsyncs: returns once all that was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except OSError:  # the buffer does not fit either; the first error says why
            if error is None:
                raise


@contextmanager
def made_whole(path: Path) -> Iterator[HashingFile]:
    """A file to write, which appears at `path` when the block ends well.

    Whatever fails, neither it nor its temporary file is left.

    Raises:
        NoSpace: it does not fit.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    with disk_may_be_full("backup"):
        make_folder(path.parent)
        file = HashingFile(temporary)  # another writer's is not touched
        is_whole = False
        try:
            with file:
                yield file
                file.settle()
            is_whole = True
            put_in_place(temporary, path)  # the commit point of the file
        except BaseException:
            temporary.unlink(missing_ok=True)
            if is_whole:  # before, what is there is another's
                path.unlink(missing_ok=True)
            raise


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Creates `folder` and its parents, where missing, and fsyncs each parent."""
    if not folder.is_dir():
        make_folder(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)


def put_in_place(made: Path, path: Path) -> None:
    """Gives what is at `made` the name `path`, whatever has it now, and fsyncs both folders.

    After a power cut there is what was there before, or what is there now.
    """
    made.replace(path)
    sync_folder(path.parent)
    if made.parent != path.parent:
        sync_folder(made.parent)


def keep_as(path: Path, other: Path) -> None:
    """Gives the file at `path` a second name, durably."""
    other.hardlink_to(path)
    sync_folder(other.parent)


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Makes `content` what is in the file at `path`: after a power cut it is that, or as before.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)  # of a process that was killed
    try:
        with HashingFile(temporary, mode) as file:
            file.write(content)
            file.settle()
        put_in_place(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Fsyncs `folder`: returns once the names in it are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_durably(path: Path) -> None:
    """Removes the file at `path`, if it exists, and fsyncs its folder."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def open_plain(path: Path) -> BufferedReader:
    """Opens a plain file for reading; follows no symbolic link, waits for no pipe.

    Raises:
        DamagedBackup: there is none, or something else in its place.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except FileNotFoundError as error:
        raise DamagedBackup("its file is missing") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise DamagedBackup("its file is not a plain file") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DamagedBackup("its file is not a plain file")
    return os.fdopen(handle, "rb")
