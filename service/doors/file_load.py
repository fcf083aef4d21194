"""One file on its way into a table: what is said of it, how far it is, what came of a trial."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import msgspec

from service.dictionary import Table
from service.formats.csv.dialect import Dialect, DialectOptions, dialect_of
from service.ops.pending_files import PendingFile
from service.runtime.clock import utc_now
from service.runtime.resolutions import OnConflict

CANCELLED = "cancelled on request"  # what a load says that was


class Progress(msgspec.Struct):
    """How far a load is: `bytes` of the file's `of_bytes` are read."""

    phase: str  # waiting, reading, judging or testing
    bytes: int
    of_bytes: int


class LineRejected(msgspec.Struct):
    """A line that a trial would keep out."""

    line: int
    violations: list[dict[str, Any]]


class RowRead(msgspec.Struct):
    """A row of a file as it was read: its texts, or what is wrong with it."""

    line: int
    values: dict[str, str | None]
    problem: str | None


class TrialResult(msgspec.Struct):
    """What a load would do, the first lines that it would keep out, and the first of all."""

    received: int = 0
    accepted: int = 0
    changed: int = 0
    rejected: int = 0
    already_present: int = 0
    warned: int = 0
    lines: int | None = None  # counted by themselves; None: not known
    header_lines: int = 0
    blank_lines: int = 0
    skipped_lines: int = 0
    record_lines: int = 0
    rejections: list[LineRejected] = msgspec.field(default_factory=list)
    first_rows: list[RowRead] = msgspec.field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What is said of a file that is sent: for which table, its name, its dialect, by whom."""

    table: Table
    source: str
    options: DialectOptions
    is_trial: bool
    actor: str | None
    on_conflict: OnConflict | None = None  # None: as the YAML of the table says
    load_id: str = field(default_factory=lambda: str(uuid4()))

    def pending(self, path: Path, dialect: str, digest: str | None = None) -> PendingFile:
        """What is put on record of it once it is at `path`; `dialect` is JSON."""
        return PendingFile(
            load_id=self.load_id,
            table_name=self.table.name,
            path=str(path),
            source=self.source,
            shape=dialect,
            is_trial=self.is_trial,
            actor=self.actor,
            on_conflict=self.on_conflict or self.table.on_conflict,
            asked_at=utc_now(),
            digest=digest,
        )

    def digest_of(self, received: Path) -> str | None:
        """Of the bytes of the file, by which it is known again; None where rows have keys."""
        if self.table.generated is None:
            return None
        with received.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class FileLoad:
    """A file on its way, and how far it is; timestamps are UTC without time zone."""

    file: PendingFile
    dialect: Dialect
    progress: Progress
    status: str = "running"
    detail: str | None = None
    finished_at: datetime | None = None
    result: TrialResult | None = None
    is_cancelled: bool = False

    @classmethod
    def of(cls, file: PendingFile) -> Self:
        """The load of a file that is on record, and of which nothing was read by this service."""
        path = Path(file.path)
        size = path.stat().st_size if path.exists() else 0
        dialect = dialect_of(file.shape)
        return cls(file, dialect, Progress("waiting", 0, size))

    @property
    def load_id(self) -> str:
        """Of the load, as ``ops.loads`` has it."""
        return self.file.load_id

    @property
    def path(self) -> Path:
        """The file on this machine, which belongs to the load."""
        return Path(self.file.path)
