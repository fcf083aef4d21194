"""Whether the lake is right: whole, without a gap, and, replayed, what the tables are."""

import hashlib
from collections.abc import Iterator

import msgspec
import pyarrow as pa

from service.dictionary import Dictionary
from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import DamagedBackup
from service.lake.parquet_files import read_file
from service.lake.segments import LakeDamaged, Segment, SegmentFile, firsts, read_segment
from service.outbox import feed_state
from service.outbox.book_rows import select_book
from service.outbox.content import (
    BOOK_KEYS,
    BOOKS,
    NUMBER,
    OPERATION,
    SEQUENCE,
    feed_schema,
    schema_of,
)
from service.outbox.stored_changes import batches_of
from service.runtime.wording import counted
from service.stores.store import Store

PIECE = 8 << 20  # bytes that are hashed at a time


class TableCheck(msgspec.Struct):
    """A table or book: how many rows it has, and how many the replay of the feed gives.

    `differing` rows are in one and not in the other.
    """

    table: str
    rows: int
    replayed: int
    differing: int


class LakeCheck(msgspec.Struct):
    """What was found: `problems` in words, none if it is right; sequences up to `last`."""

    ok: bool
    segments: int
    last: int
    shipped: int
    problems: list[str]
    tables: list[TableCheck]


class LakeChecker:
    """Checks a lake against what a transaction sees; it is to be used once."""

    def __init__(self, connection: Connection, dictionary: Dictionary, store: Store) -> None:
        """`connection` is in a transaction that may make temporary tables, and is rolled back."""
        self._connection, self._dictionary, self._store = connection, dictionary, store
        self._state = feed_state.read(connection)
        self._problems: list[str] = []
        self._sequences: dict[int, int] = {}

    def check(self) -> LakeCheck:
        """Reads all of the lake.

        Raises:
            StoreUnavailable: it is away.
        """
        columns = {name: schema_of(each) for name, each in self._dictionary.tables.items()}
        columns |= {book: BOOKS[book] for book in BOOK_KEYS}
        for table, schema in columns.items():
            self._make(table, schema)
        segments, shipped = 0, 0
        for segment in self._chain():
            segments += 1
            shipped = segment.last
            self._read(segment, columns)
        self._add_outbox(shipped, columns)
        tables = []
        if self._state.recording and shipped >= self._state.base:
            tables = [self._compared(table, schema) for table, schema in columns.items()]
        else:
            self._problems.append("changes are not recorded just now: a snapshot is to follow")
        return LakeCheck(
            not self._problems, segments, self._state.last, shipped, self._problems, tables
        )

    def _chain(self) -> Iterator[Segment]:
        first, gate = 1, ""
        for begun in firsts(self._store):
            if begun != first:
                self._problems.append(f"no segment has the sequences from {first} to {begun - 1}")
            try:
                segment = read_segment(self._store, begun)
            except LakeDamaged as error:
                self._problems.append(error.detail)
                return
            if segment is None:
                return
            if gate not in ("", segment.gate) and not segment.snapshot:
                self._problems.append(f"the segment {begun} is another gate's, and no snapshot")
            yield segment
            first, gate = segment.last + 1, segment.gate

    def _make(self, table: str, schema: pa.Schema) -> None:
        empty = feed_schema(schema).empty_table()
        self._connection.execute(f"drop table if exists {_replay(table)}")
        types = ", ".join(
            f"{quoted(name)} {_sql_type(kind)}"
            for name, kind in zip(empty.schema.names, empty.schema.types, strict=True)
        )
        self._connection.execute(f"create temp table {_replay(table)} ({types})")

    def _read(self, segment: Segment, columns: dict[str, pa.Schema]) -> None:
        seen: set[int] = set()
        for file in segment.files:
            try:
                self._check_bytes(file)
                rows = 0
                for batch in read_file(self._store, file):
                    rows += batch.num_rows
                    seen.update(batch.column(SEQUENCE).to_pylist())
                    self._insert(file.table, batch, columns)
            except LakeDamaged as error:
                self._problems.append(error.detail)
                continue
            if rows != file.rows:
                said = f"{file.path} has {counted(rows, 'row')}, and {file.rows} by its segment"
                self._problems.append(said)
        if seen != segment.sequences:
            self._problems.append(
                f"the files of the segment {segment.first} have not the sequences up to"
                f" {segment.last}, each of them"
            )

    def _check_bytes(self, file: SegmentFile) -> None:
        found = hashlib.sha256()
        try:
            with self._store.open(file.path) as opened:
                while piece := opened.read(PIECE):
                    found.update(piece)
        except DamagedBackup as error:
            raise LakeDamaged(f"{file.path}: {error.detail}") from None
        if found.hexdigest() != file.sha256:
            raise LakeDamaged(f"{file.path} has not the SHA-256 that its segment says")

    def _insert(self, table: str, batch: pa.RecordBatch, columns: dict[str, pa.Schema]) -> None:
        if table in columns and batch.num_rows:
            known = [
                name for name in batch.schema.names if name in feed_schema(columns[table]).names
            ]
            insert_arrow(self._connection, f"{_replay(table)} by name", batch.select(known))

    def _add_outbox(self, shipped: int, columns: dict[str, pa.Schema]) -> None:
        expected = shipped + 1
        for table, batch in batches_of(self._connection, shipped + 1, self._state.last):
            sequence = batch.column(SEQUENCE)[0].as_py()
            if sequence > expected:
                self._problems.append(f"the outbox lacks the sequence {expected}")
            expected = sequence + 1
            self._insert(table, batch, columns)
        if expected <= self._state.last:
            self._problems.append(f"the outbox lacks the sequences from {expected} on")

    def _compared(self, table: str, schema: pa.Schema) -> TableCheck:
        key = BOOK_KEYS.get(table)
        if key is None:
            key = self._dictionary.tables[table].key_names
            columns = ", ".join(map(quoted, schema.names))
            stored = f"select {columns} from {core(table)}"
        else:
            stored = select_book(table, "true")
        replayed = _state(table, schema, key, self._state.last)
        ((rows, others, differing),) = self._connection.execute(
            f"with stored as ({stored}), replayed as ({replayed})"
            " select (select count(*) from stored), (select count(*) from replayed),"
            " (select count(*) from ((from stored except all from replayed)"
            " union all (from replayed except all from stored)))"
        ).fetchall()
        if differing:
            said = f"{counted(differing, 'row')} of {table} differ between the tables and the feed"
            self._problems.append(said)
        return TableCheck(table, rows, others, differing)


def _replay(table: str) -> str:
    return f"temp.{quoted(f'replayed__{table}')}"


def _state(table: str, schema: pa.Schema, key: tuple[str, ...], last: int) -> str:
    """What a table is by its changes up to `last`: of each key the last one, if it is no end."""
    columns, keys = ", ".join(map(quoted, schema.names)), ", ".join(map(quoted, key))
    return (
        f"select {columns} from (select *, row_number() over (partition by {keys}"
        f" order by {SEQUENCE} desc, {NUMBER} desc) as place from {_replay(table)}"
        f" where {SEQUENCE} <= {last} and {OPERATION} <> 'reset' and {SEQUENCE} >= coalesce(("
        f"select max({SEQUENCE}) from {_replay(table)} where {OPERATION} = 'reset'"
        f" and {SEQUENCE} <= {last}), 0))"
        f" where place = 1 and {OPERATION} <> 'delete'"
    )


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return {
        pa.int8(): "tinyint",
        pa.int16(): "smallint",
        pa.time64("us"): "time",
        pa.timestamp("us", "UTC"): "timestamp with time zone",
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.string(): "varchar",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
    }[kind]


def check_lake(connection: Connection, dictionary: Dictionary, store: Store) -> LakeCheck:
    """As `LakeChecker.check`."""
    return LakeChecker(connection, dictionary, store).check()
