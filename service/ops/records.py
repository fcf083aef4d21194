"""Records of the schema ``ops``: each class is a row of one of its tables.

dbt makes the tables (macros/ops/books.sql); the writer adds rows in the transaction that they are
about.
Timestamps are UTC without time zone, to the microsecond.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self, get_args, get_type_hints

import msgspec
import pyarrow as pa

from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.ops.changes import listener_of


class OpsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table of ``ops``; its fields are the table's columns.

    The warehouse gives each row its `number`: what came later has a higher one, in any of the
    tables, whatever the clock said.
    """

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """The record of a selected row, whose values are in the order of the fields."""
        return cls(**dict(zip(cls.__struct_fields__, row, strict=True)))


class LoadRecord(OpsRecord, frozen=True, kw_only=True):
    """What became of the rows of one table in one load: a row of ``ops.loads``."""

    load_id: str
    table_name: str
    kind: str
    source: str | None = None
    status: str
    received: int = 0
    accepted: int = 0
    rejected: int = 0
    already_present: int = 0
    changed: int = 0
    removed: int = 0
    started_at: datetime
    finished_at: datetime | None = None
    actor: str | None
    detail: str | None = None
    # Of a file: how many lines it has, and how many of them were what. None: it was no file, or
    # was loaded before they were counted.
    lines: int | None = None
    header_lines: int | None = None
    blank_lines: int | None = None
    skipped_lines: int | None = None
    record_lines: int | None = None
    on_conflict: str | None = None  # said of rows whose key is there; None: what the door does
    # Of the rows that went in: how many values are defaults, and were normalised to something else.
    # None: they were not counted yet.
    defaulted: int | None = 0
    normalised: int | None = 0
    number: int = 0


class RejectionRecord(OpsRecord, frozen=True, kw_only=True):
    """A row that was kept out, in ``ops.rejections``; `payload` and `violations` are JSON."""

    rejection_id: str
    load_id: str
    table_name: str
    source: str | None
    position: int
    payload: str
    violations: str
    rejected_at: datetime
    status: str = "open"
    raw: str | None = None  # of a line of a file: as it stood there
    is_text: bool | None = None  # whether values are text; None: if it came by a file
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: str | None = None  # the load that the row went in by, or why it was dismissed
    number: int = 0


class ReplayRecord(OpsRecord, frozen=True, kw_only=True):
    """A rejected row that was tried again, in ``ops.replays``; `payload` is the corrected row."""

    load_id: str
    rejection_id: str
    table_name: str
    outcome: str  # accepted, changed, rejected or already_present
    payload: str | None
    violations: str | None  # None: there are none, or the same as before
    replayed_at: datetime
    actor: str | None
    number: int = 0


class WarningRecord(OpsRecord, frozen=True, kw_only=True):
    """A row that went in although it breaks rules of severity `warn`, in ``ops.warnings``.

    `row_key` is its primary key as text, `warnings` JSON as the violations of a rejection.
    """

    load_id: str
    table_name: str
    source: str | None
    position: int
    row_key: str
    warnings: str
    warned_at: datetime
    number: int = 0


class AnswerRecord(OpsRecord, frozen=True, kw_only=True):
    """The answer to a request with an Idempotency-Key, in ``ops.idempotency_keys``.

    `request` is a digest of the request that it answers.
    """

    key: str
    request: str
    status: int
    headers: str
    body: bytes
    created_at: datetime


class TrailRecord(msgspec.Struct, frozen=True):
    """An entry of the audit log, ``ops.trail``: who did what besides loading rows."""

    entry_id: str
    happened_at: datetime
    actor: str | None
    action: str
    subject: str | None
    detail: str | None = None
    is_intent: bool | None = None  # it was written before the deed: its outcome says what came


class OutcomeRecord(msgspec.Struct, frozen=True):
    """What came of something on the trail, in ``ops.outcomes``: done, failed or interrupted."""

    entry_id: str
    outcome: str
    detail: str | None
    ended_at: datetime


NUMBER = "number"  # a column that is never written
BEFORE_ALL = -(1 << 62)  # a number below all, also those of before there were numbers
_TABLES: dict[type, str] = {
    LoadRecord: "ops.loads",
    TrailRecord: "ops.trail",
    OutcomeRecord: "ops.outcomes",
    RejectionRecord: "ops.rejections",
    ReplayRecord: "ops.replays",
    WarningRecord: "ops.warnings",
    AnswerRecord: "ops.idempotency_keys",
}
_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us"),
}


def _type(kind: type) -> pa.StructType:
    """The Arrow type of a kind of record, from its annotations (`T` or `T | None`)."""
    hints = get_type_hints(kind).items()
    given = [(name, hint) for name, hint in hints if name != NUMBER]
    return pa.struct([(name, _ARROW[(get_args(hint) or (hint,))[0]]) for name, hint in given])


_TYPES = {kind: _type(kind) for kind in _TABLES}
# Those that are part of the feed, and what they are called there.
_FED: dict[type, str] = {
    LoadRecord: "_loads",
    RejectionRecord: "_rejections",
    ReplayRecord: "_replays",
}


def schema_of(kind: type) -> pa.Schema:
    """The columns of a kind of record, in the order of its fields, without its number."""
    return pa.schema(list(_TYPES[kind]))


def write(connection: Connection, added: Sequence[Any]) -> None:
    """Inserts records, all of one kind, into their table, as part of the open transaction."""
    if not added:
        return
    kind = type(added[0])
    # All columns in one go: an array for each takes Arrow three to seven times as long.
    structs = pa.array(map(msgspec.structs.asdict, added), _TYPES[kind])
    rows = pa.RecordBatch.from_struct_array(structs)
    insert_arrow(connection, f"{_TABLES[kind]} by name", rows)
    if kind in _FED and (listener := listener_of(connection)) is not None:
        listener.add(_FED[kind], "upsert", pa.Table.from_batches([rows]))


def answer_to(connection: Connection, key: str) -> AnswerRecord | None:
    """The answer that was given for an Idempotency-Key, if it is still kept."""
    row = connection.execute("select * from ops.idempotency_keys where key = ?", [key]).fetchone()
    return AnswerRecord.from_row(row) if row else None


def forget_answers(connection: Connection, before: datetime) -> None:
    """Forgets the answers given before a time (UTC)."""
    connection.execute("delete from ops.idempotency_keys where created_at < ?", [before])
