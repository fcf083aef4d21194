"""Segments: what the lake consists of. Each is a JSON object that names the files of a range.

It is the commit point: a file that no segment names is not there. The name of a segment is that of
its first sequence, and it is created only if it is not there. So of two shippers one goes on.
"""

from collections.abc import Iterator

import msgspec

from service.errors import DamagedBackup, Unprocessable
from service.stores.store import Store

SEGMENTS, RAW = "segments", "raw"
FORMAT = 1
LARGEST = 16 << 20  # bytes of a segment's JSON


class LakeDamaged(Unprocessable):
    """The lake is not what its segments say."""

    slug, title = "lake-damaged", "The lake is damaged"


class SegmentFile(msgspec.Struct, frozen=True):
    """A Parquet file with the changes of one table."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The sequences from `first` to `last`; `epoch` is that of the lease it was written under.

    `dictionary` is the version of the dictionary that they are of. A `snapshot` has all tables and
    books as they were at its last sequence, and nothing of those before.
    """

    format: int = FORMAT
    first: int
    last: int
    gate: str
    epoch: int
    dictionary: str
    snapshot: bool
    made_at: str
    files: tuple[SegmentFile, ...]

    def has(self, file: SegmentFile) -> bool:
        """Whether a file is where those of this segment are, and nowhere else on the disk."""
        if "/" in file.table or file.table == "..":
            return False
        named = (file.table, self.first, self.last)  # so were files of before, without an epoch
        return file.path in (path_of_file(*named, self.epoch), path_of_file(*named))

    @property
    def sequences(self) -> set[int]:
        """Those that its files have, all together."""
        return set(range(self.last if self.snapshot else self.first, self.last + 1))


def name_of_segment(first: int) -> str:
    """Where the segment is that begins with a sequence."""
    return f"{SEGMENTS}/{first:020d}.json"


def path_of_file(table: str, first: int, last: int, epoch: int | None = None) -> str:
    """Where the changes of a table are, for the segment of a range.

    The epoch of the lease is part of it: no one else writes a file of that name.
    """
    written_by = "" if epoch is None else f"-{epoch:020d}"
    return f"{RAW}/{table}/{first:020d}-{last:020d}{written_by}.parquet"


def read_segment(store: Store, first: int) -> Segment | None:
    """The segment that begins with a sequence; None if there is none.

    Raises:
        LakeDamaged: it cannot be read.
        StoreUnavailable: the store is away.
    """
    name = name_of_segment(first)
    if not store.exists(name):
        return None
    try:
        text, _ = store.read(name, LARGEST)
        found = msgspec.json.decode(text, type=Segment)
    except (DamagedBackup, msgspec.DecodeError, UnicodeDecodeError):
        raise LakeDamaged(f"{store.name}/{name} cannot be read") from None
    if found.format != FORMAT or found.first != first or found.last < first:
        raise LakeDamaged(f"{store.name}/{name} is of another format, or is another segment")
    if not all(map(found.has, found.files)):
        raise LakeDamaged(f"{store.name}/{name} names a file that is not of it")
    return found


def firsts(store: Store) -> list[int]:
    """The first sequences of all segments, in order."""
    names = (each.name.rpartition("/")[2].removesuffix(".json") for each in store.list(SEGMENTS))
    return sorted(int(name) for name in names if len(name) == 20 and name.isdigit())


def read_chain(store: Store, first: int = 1) -> Iterator[Segment]:
    """The segments from the one that begins with `first` on, each behind the one before."""
    while (segment := read_segment(store, first)) is not None:
        yield segment
        first = segment.last + 1
