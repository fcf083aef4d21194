"""A journal: a file of a fixed size, to whose lines others are added, each durable on return.

The first line is a head, the others are entries; each begins with the CRC-32 of what follows. The
rest of the file is zeros, which are there already: to write in their place needs no more room, and
fsync takes half as long. When it is full, it is written anew with fewer of the old entries: the
older they are, the further apart.
"""

import os
import zlib
from pathlib import Path
from typing import Any, Self

import msgspec

from service.runtime.durable_files import write_whole

BYTES = 1 << 20  # of a file, unless its entries are very long
LEAST_ENTRIES = 64


class DamagedJournal(Exception):
    """The head of the file cannot be read."""


class JournalFile:
    """The file at a path, whose content is `head` and `entries`, all JSON values."""

    def __init__(self, path: Path, head: Any, entries: list[Any]) -> None:
        """Nothing is written yet: `rewrite` does, and has to before the first `append`."""
        self.path, self.head, self.entries = path, head, entries
        self._descriptor: int | None = None
        self._end = self._size = 0

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The journal at `path`, as far as it can be read; None where there is none.

        An entry that is damaged is passed over, so is one that a power cut has torn.

        Raises:
            DamagedJournal: its head cannot be read.
            OSError: nor can the file.
        """
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return None
        found = [_decoded(line) for line in lines]
        if found[0] is None:
            raise DamagedJournal("its head is damaged")
        return cls(path, found[0], [entry for entry in found[1:] if entry is not None])

    def rewrite(self) -> None:
        """Writes all of it into a new file, which then is in the place of the old one.

        Raises:
            OSError: it cannot; the old file is as it was.
        """
        self.close()
        lines = [_encoded(self.head), *map(_encoded, self.entries)]
        size = max(BYTES, LEAST_ENTRIES * max(map(len, lines)))
        while len(self.entries) > 1 and sum(map(len, lines)) > size * 3 // 4:
            self.entries = _thinned(self.entries)
            lines = [lines[0], *map(_encoded, self.entries)]
        written = b"".join(lines)
        write_whole(self.path, written.ljust(size, b"\0"))
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        self._end, self._size = len(written), size

    def make_room(self, entry: Any) -> None:
        """Sees to it that `append` finds room for such an entry, and a file that can be written.

        Raises:
            OSError: there is none.
        """
        if self._descriptor is None or self._end + 2 * len(_encoded(entry)) > self._size:
            self.rewrite()

    def append(self, entry: Any) -> None:
        """Adds an entry, for which `make_room` has seen to it; on return it is on the disk.

        Raises:
            OSError: it is not, or may not be; the next `make_room` writes the file anew, with it.
        """
        self.entries.append(entry)
        line = _encoded(entry)
        try:
            if self._descriptor is None or self._end + len(line) > self._size:
                self.rewrite()
            else:
                os.pwrite(self._descriptor, line, self._end)
                os.fdatasync(self._descriptor)
                self._end += len(line)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _thinned(entries: list[Any]) -> list[Any]:
    """Every second of the older half, and the newer half."""
    half = len(entries) // 2
    return entries[:half:2] + entries[half:]


def _encoded(value: Any) -> bytes:
    said = msgspec.json.encode(value)
    return b"%08x %s\n" % (zlib.crc32(said), said)


def _decoded(line: bytes) -> Any:
    said = line[9:]
    try:
        if int(line[:8], 16) != zlib.crc32(said) or line[8:9] != b" ":
            return None
        return msgspec.json.decode(said)
    except ValueError:  # of msgspec, too
        return None
