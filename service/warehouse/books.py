"""The warehouse's own books (schema ``ops``): made by macros/ops/books.sql, kept by the writer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args, get_type_hints

import duckdb
import msgspec
import pyarrow as pa

from service.warehouse.database import insert_arrow


class Load(msgspec.Struct, frozen=True):
    """What became of the rows of one table in one load; times are UTC without time zone."""

    load_id: str
    table_name: str
    kind: str
    source: str | None
    status: str
    received: int
    accepted: int
    rejected: int
    already_present: int
    started_at: datetime
    finished_at: datetime | None
    actor: str | None
    detail: str | None = None


class Rejection(msgspec.Struct, frozen=True):
    """A row that was kept out; `payload` and `violations` are JSON."""

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


class Replay(msgspec.Struct, frozen=True):
    """A rejected row that was tried again, and what came of it; `payload` is the corrected row."""

    load_id: str
    rejection_id: str
    table_name: str
    outcome: str  # accepted, rejected or already_present
    payload: str | None
    violations: str | None  # None: there are none, or the same as before
    replayed_at: datetime
    actor: str | None


class Answer(msgspec.Struct, frozen=True):
    """The answer to a request with an Idempotency-Key; `request` tells one request from another."""

    key: str
    request: str
    status: int
    headers: str
    body: bytes
    created_at: datetime


class Deed(msgspec.Struct, frozen=True):
    """Something that was done besides loading rows, and by whom; `happened_at` is UTC."""

    entry_id: str
    happened_at: datetime
    actor: str | None
    action: str
    subject: str | None
    detail: str | None = None


_NAMES: dict[type, str] = {
    Load: "ops.loads",
    Deed: "ops.trail",
    Rejection: "ops.rejections",
    Replay: "ops.replays",
    Answer: "ops.idempotency_keys",
}
_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us"),
}


def _type(kind: type) -> pa.StructType:
    """The entries of a book as Arrow has them, from their annotations (`T` or `T | None`)."""
    hints = get_type_hints(kind).items()
    return pa.struct([(name, _ARROW[(get_args(hint) or (hint,))[0]]) for name, hint in hints])


_TYPES = {kind: _type(kind) for kind in _NAMES}


def write(connection: duckdb.DuckDBPyConnection, entries: Sequence[Any]) -> None:
    """Adds entries, all of one kind, to their book, as part of the open transaction."""
    if not entries:
        return
    kind = type(entries[0])
    # All columns in one go: an array for each takes Arrow three to seven times as long.
    structs = pa.array(map(msgspec.structs.asdict, entries), _TYPES[kind])
    insert_arrow(connection, f"{_NAMES[kind]} by name", pa.RecordBatch.from_struct_array(structs))


def answer_to(connection: duckdb.DuckDBPyConnection, key: str) -> Answer | None:
    """The answer that was given for an Idempotency-Key, if it is still kept."""
    row = connection.execute("select * from ops.idempotency_keys where key = ?", [key]).fetchone()
    return Answer(*row) if row else None


def forget_answers(connection: duckdb.DuckDBPyConnection, before: datetime) -> None:
    """Forgets the answers given before a time (UTC)."""
    connection.execute("delete from ops.idempotency_keys where created_at < ?", [before])
