"""The lock file of a running service: ``<warehouse>.service``.

Whether a service runs is told by the lock, not by the file: the kernel releases a lock however its
process ends, while the file would stay.
"""

import faulthandler
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from service.errors import Conflict
from service.runtime.durable_files import READABLE, make_folder
from service.runtime.settings import Settings

# Retries: `find` holds the lock for microseconds, and a service that has just taken it has not yet
# written its address.
ATTEMPTS, PAUSE_SECONDS = 20, 0.01


class Marker(msgspec.Struct, frozen=True):
    """The content of the file, as JSON."""

    pid: int
    url: str
    started_at: datetime
    died_before: str | None = None  # how the service before ended, if it was not in order


class AlreadyRunning(Conflict):
    """A service has this warehouse. `members` has its ``url`` and ``pid``, if they are known."""

    slug, title = "already-running", "Already running"

    def __init__(self, marker: Marker | None) -> None:
        if marker is None:
            super().__init__("a service that is just starting has this warehouse")
        else:
            detail = f"a service has this warehouse: {marker.url} (process {marker.pid})"
            super().__init__(detail, url=marker.url, pid=marker.pid)


@contextmanager
def hold(settings: Settings, url: str | None = None) -> Iterator[None]:
    """Holds the lock of the warehouse within the block, for a service that answers at `url`.

    The default is the address of `settings`.

    Raises:
        AlreadyRunning: another service has it.
    """
    path = _path(settings.warehouse)
    make_folder(path.parent, READABLE)
    descriptor = _lock(path)
    try:
        died = _death(descriptor)
        marker = Marker(os.getpid(), url or settings.url, datetime.now(UTC), died)
        os.truncate(descriptor, 0)
        os.write(descriptor, msgspec.json.encode(marker) + b"\n")
        with _last_words(descriptor):
            yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def death_before(settings: Settings) -> str | None:
    """How the service before this one ended, if that was not in order; for who holds the lock."""
    try:
        with _path(settings.warehouse).open("rb") as file:
            marker = _read(file.fileno())
    except OSError:
        return None
    return marker.died_before if marker and marker.pid == os.getpid() else None


def find(settings: Settings) -> str | None:
    """The URL of the service that has the warehouse of `settings`; None where none runs.

    Raises:
        AlreadyRunning: one runs, and has not written its address.
    """
    marker = holder_of(settings.warehouse)
    return marker.url if marker else None


def holder_of(warehouse: Path) -> Marker | None:
    """The marker of the service that has the warehouse at a path; None where none runs.

    Raises:
        AlreadyRunning: one runs, and has not written its address.
    """
    for _ in range(ATTEMPTS):
        try:
            descriptor = os.open(_path(warehouse), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            if _take(descriptor, fcntl.LOCK_SH):
                return None
            if marker := _read(descriptor):
                return marker
        finally:
            os.close(descriptor)
        time.sleep(PAUSE_SECONDS)
    raise AlreadyRunning(None)


def _path(warehouse: Path) -> Path:
    return warehouse.with_name(f"{warehouse.name}.service")


def _lock(path: Path) -> int:
    marker = None
    for _ in range(ATTEMPTS):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if _take(descriptor, fcntl.LOCK_EX) and _is_at(path, descriptor):
            return descriptor
        marker = _read(descriptor)
        os.close(descriptor)
        time.sleep(PAUSE_SECONDS)
    raise AlreadyRunning(marker)


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one at `path`: a service that ends removes it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Marker | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0).split(b"\n")[0], type=Marker)
    except msgspec.DecodeError:
        return None


def _death(descriptor: int) -> str | None:
    """Of a file that a process has left which is no more: who it was, and its last words."""
    marker = _read(descriptor)
    if marker is None:
        return None
    words = os.pread(descriptor, 8192, 0).decode(errors="replace").splitlines()[1:2]
    how = words[0] if words else "it was killed, or the machine stopped"
    since = f"{marker.started_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"process {marker.pid}, a service since {since}, did not end in order: {how}"


@contextmanager
def _last_words(descriptor: int) -> Iterator[None]:
    """Has Python write behind the marker what it dies of, where it can: of a SIGSEGV, say."""
    if faulthandler.is_enabled():  # someone else wants to have it
        yield
        return
    faulthandler.enable(descriptor)
    try:
        yield
    finally:
        faulthandler.disable()
