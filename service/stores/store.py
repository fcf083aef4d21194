"""What a store is: eight things to ask of a folder, or of object storage, alike.

An object is whole or not there. Its name has ``/`` between folder and file, and is never one that
came from outside: the catalogue makes and checks names.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BufferedReader
from typing import Protocol


class AlreadyThere(Exception):
    """An object of that name is there, and it was to be made anew."""


class Overtaken(Exception):
    """Someone else has written the object since it was read."""


@dataclass(frozen=True)
class Stored:
    """An object that is there; `size` in bytes, `version` changes whenever its bytes do.

    `version` is None where it is not known without reading the object.
    """

    name: str
    size: int
    version: str | None = None


class Writing(Protocol):
    """An object that is being written."""

    @property
    def size(self) -> int:
        """How many bytes were written."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hexadecimal."""

    def write(self, data: bytes) -> object:
        """Appends `data`."""


class Store(Protocol):
    """A place of objects. What cannot be reached raises StoreUnavailable."""

    @property
    def name(self) -> str:
        """What people call it: a path, or a URL without secrets."""

    @property
    def trouble(self) -> str | None:
        """Why the last request to it failed; None if it did not."""

    def list(self, folder: str = "") -> Iterator[Stored]:
        """The objects below `folder`, in no order; half-made ones are not among them."""

    def exists(self, name: str) -> bool:
        """Whether something is there under that name, whatever it is."""

    def read(self, name: str, limit: int) -> tuple[bytes, str | None]:
        """The first `limit` bytes of an object, and its version.

        Raises:
            DamagedBackup: it is missing, or no plain file.
        """

    def open(self, name: str) -> BufferedReader:
        """An object to read as a file, piece by piece; it stays the one that was opened.

        Raises:
            DamagedBackup: it is missing, or no plain file.
        """

    def writing(self, name: str) -> AbstractContextManager[Writing]:
        """A new object, there when the block ends well, and not at all if it fails.

        What is in memory at a time is bounded. The name must be one that nobody else writes.

        Raises:
            NoSpace: it does not fit.
        """

    def put(self, name: str, data: bytes, version: str | None = None) -> str | None:
        """Writes a small object at once: a new one, or in place of that `version` of it.

        Of several that try at the same time, one succeeds. Returns the new version, if it is known.

        Raises:
            AlreadyThere: it was to be new, and is there.
            Overtaken: it has another version, or is gone.
            NoSpace: it does not fit.
        """

    def remove(self, name: str) -> None:
        """Removes an object, if it is there."""

    def sweep(self, ours: Callable[[str], bool]) -> Sequence[str]:
        """Removes what killed writers have left half-made of names that are `ours`; names it."""
