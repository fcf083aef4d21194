"""Takes backups, and takes in those that were made elsewhere."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader, BytesIO
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from service.backups.catalogue import Catalogue
from service.backups.entry import DATA, MAX_LEFT_OUT, Entry, Kind
from service.dictionary import Rule, Table
from service.engines.column_sql import is_above, is_up_to, listed
from service.engines.engine import Connection
from service.engines.sql import core, count_rows, quoted
from service.errors import DamagedBackup, StoreUnavailable, shortened
from service.formats.avro.avro_files import BATCH_ROWS, DEFAULT_CODEC, AvroFile, Written, write
from service.judge.findings import FIRST_IDS, Breach, Findings, keys_of_rows, raise_if_broken
from service.runtime.durable_files import Steps, no_steps, open_plain
from service.runtime.progress import RowProgress
from service.stores.store import Writing

PART_ROWS = 1 << 18  # sorted at once, about
# What a backup of that kind is called while it is taken.
PHASES: dict[Kind, str] = {"safety": "backing up what is there"}
SAMPLED = 64  # rows of each part whose keys are looked at


def back_up(
    connection: Connection,
    tables: Sequence[Table],
    catalogue: Catalogue,
    codec: str = DEFAULT_CODEC,
    *,
    dictionary_version: str,
    set_id: str | None = None,
    kind: Kind = "manual",
    backup_ids: Sequence[str] | None = None,
    steps: Steps = no_steps,
    progress: RowProgress | None = None,
) -> list[Entry]:
    """Backs `tables` up from the one snapshot that `connection`, in a transaction, sees.

    All of them become backups (of one set, if there are several) or none, by the names
    `backup_ids`, if those are given. Rows are ordered by primary key. A safety backup is taken so
    on the write connection, in the restore's transaction.

    Raises:
        NoSpace: they do not fit on the disk.
    """
    if len(tables) > 1 and set_id is None:
        set_id = catalogue.new_set_id()
    taken = _Taken(
        dictionary_version=dictionary_version,
        created_at=_snapshot_time(connection),
        kind=kind,
        set_id=set_id,
        set_size=None if set_id is None else len(tables),
    )
    entries: list[Entry] = []
    progress = progress or RowProgress()
    progress.begin(PHASES.get(kind, "backing up"), _rows_of(connection, tables))
    with _all_or_none(catalogue) as begun:
        for table, backup_id in zip(tables, backup_ids or repeat(None), strict=False):
            begun.append(backup_id or catalogue.new_id(table.name))
            with catalogue.writing(begun[-1]) as file:
                rows = _counted(_batches(connection, table), progress)
                written = _write(connection, table, rows, file, begun[-1], codec, taken)
            entries.append(taken.entry(table, begun[-1], codec, written))
            steps(f"data {table.name}")
        _add(catalogue, set_id, entries, steps)
    return entries


def _add(catalogue: Catalogue, set_id: str | None, entries: list[Entry], steps: Steps) -> None:
    if set_id is not None:
        catalogue.add_set(set_id, entries, steps)
        return
    for entry in entries:
        catalogue.add(entry)


@contextmanager
def _all_or_none(catalogue: Catalogue) -> Iterator[list[str]]:
    """The ids of backups that have begun, none of which stays if the block fails."""
    begun: list[str] = []
    try:
        yield begun
    except BaseException:
        with suppress(StoreUnavailable):  # the next start sweeps; the first error says why
            for backup_id in begun:
                catalogue.discard(backup_id)
        raise


@dataclass(frozen=True)
class _Taken:
    """What the catalogue says alike of all backups that were taken together."""

    dictionary_version: str
    created_at: str
    kind: Kind
    set_id: str | None = None
    set_size: int | None = None

    def entry(self, table: Table, backup_id: str, codec: str, written: Written) -> Entry:
        return Entry(
            backup_id=backup_id,
            table=table.name,
            rows=written.rows,
            bytes=written.bytes,
            sha256=written.sha256,
            codec=codec,
            schema_fingerprint=written.schema_fingerprint,
            dictionary_version=self.dictionary_version,
            created_at=self.created_at,
            file=backup_id + DATA,
            set_id=self.set_id,
            kind=self.kind,
            set_size=self.set_size,
        )


def _snapshot_time(connection: Connection) -> str:
    # now() is when the transaction began.
    found = connection.execute("select timezone('UTC', now())").fetchall()
    return _iso(found[0][0])


def _iso(timestamp: datetime) -> str:
    return timestamp.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _write(
    connection: Connection,
    table: Table,
    rows: Iterator[pa.RecordBatch],
    file: Writing,
    backup_id: str,
    codec: str,
    taken: _Taken,
) -> Written:
    about = {
        "gatehouse.backup_id": backup_id,
        "gatehouse.dictionary_version": taken.dictionary_version,
        "gatehouse.created_at": taken.created_at,
    }
    lacking = _lacking(connection, table)
    return write(file, table, rows, codec, about, nullable=lacking)


def _rows_of(connection: Connection, tables: Sequence[Table]) -> int:
    return sum(count_rows(connection, table.name) for table in tables)


def _counted(batches: Iterator[pa.RecordBatch], progress: RowProgress) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        progress.advance(batch.num_rows)


def _batches(connection: Connection, table: Table) -> Iterator[pa.RecordBatch]:
    """All rows by primary key, sorted part by part: to sort all takes memory for all."""
    columns = ", ".join(map(quoted, table.column_names))
    bounds = _bounds(connection, table)
    for above, last in pairwise([None, *bounds, None]):
        conditions, given = ["true"], list[Any]()
        for bound, compared in ((above, is_above), (last, is_up_to)):
            if bound is not None:
                condition, values = compared(table.key, bound)
                conditions.append(f"({condition})")
                given += values
        connection.execute(
            f"select {columns} from {core(table.name)}"
            f" where {' and '.join(conditions)} order by {listed(table.key)}",
            given,
        )
        yield from connection.to_arrow_reader(BATCH_ROWS)


def _bounds(connection: Connection, table: Table) -> list[Any]:
    """Keys that part the table into about equal parts of PART_ROWS, as a sample has it."""
    parts = count_rows(connection, table.name) // PART_ROWS
    if not parts:
        return []
    found = connection.execute(
        f"select {listed(table.key)} from {core(table.name)} using sample {parts * SAMPLED} rows"
    ).fetchall()
    return sorted(found)[SAMPLED // 2 :: SAMPLED]


def _lacking(connection: Connection, table: Table) -> frozenset[str]:
    """Required columns that rows from before that rule lack: a backup keeps what is there."""
    names = [column.name for column in table.columns if column.required]
    counts = ", ".join(f"count(*) - count({quoted(name)})" for name in names)
    found = connection.execute(f"select {counts} from {core(table.name)}").fetchall()
    return frozenset(name for name, missing in zip(names, found[0], strict=True) if missing)


def import_file(
    source: Path | BytesIO,
    table: Table,
    catalogue: Catalogue,
    *,
    dictionary_version: str,
    backup_id: str | None = None,
    steps: Steps = no_steps,
) -> Entry:
    """Takes an Avro file from elsewhere in as a backup of `table`, as it is.

    It is read to its end before: what could not be restored is not taken in. Relations to other
    rows (``unique`` of what is not the primary key, ``relationships``) are judged by the restore.

    Raises:
        DamagedBackup: it cannot be read, or its schema does not resolve to the table's.
        RulesBroken: a row does not fit the dictionary, or an id comes more than once.
        NoSpace: it does not fit on the disk.
    """
    with _all_or_none(catalogue) as begun, _opened(source) as theirs:
        begun.append(backup_id or catalogue.new_id(table.name))
        sha256 = hashlib.file_digest(theirs, "sha256").hexdigest()
        theirs.seek(0)
        through = _read_through(theirs, table)
        theirs.seek(0)
        with catalogue.writing(begun[0]) as file:
            shutil.copyfileobj(theirs, file, 1 << 20)
            if file.sha256 != sha256:
                raise DamagedBackup("it was changed while it was read")
        steps(f"data {table.name}")
        taken = _Taken(dictionary_version, _iso(datetime.now(UTC)), kind="import")
        written = Written(through.rows, file.size, file.sha256, through.schema_fingerprint)
        entry = taken.entry(table, begun[0], through.codec, written)
        entry = msgspec.structs.replace(entry, left_out=through.left_out)
        catalogue.add(entry)
    return entry


def _opened(source: Path | BytesIO) -> AbstractContextManager[BufferedReader]:
    return open_plain(source) if isinstance(source, Path) else BufferedReader(source)


@dataclass(frozen=True)
class _Through:
    """What a file was found to be that was read to its end, and all of whose rows fit."""

    rows: int
    codec: str
    schema_fingerprint: str
    left_out: tuple[str, ...]


def _read_through(file: BufferedReader, table: Table) -> _Through:
    findings, keys, rows = Findings(table), list[pa.Array](), 0
    avro = AvroFile(file, table)
    for batch in avro.batches():
        findings.look_at(batch)
        keys.append(_keys(table, batch))
        rows += batch.num_rows
    findings.raise_if_any()
    raise_if_broken(table, _repeated(table, keys))
    left_out = tuple(map(shortened, avro.left_out[:MAX_LEFT_OUT]))
    return _Through(rows, avro.codec, avro.schema_fingerprint, left_out)


def _keys(table: Table, batch: pa.RecordBatch) -> pa.Array:
    if not table.key.combines:
        return batch.column(table.primary_key)
    return pa.array(keys_of_rows(table, batch), pa.string())


def _repeated(table: Table, keys: Sequence[pa.Array]) -> list[Breach]:
    """Which primary keys come more than once, if any do."""
    if not keys:
        return []
    counted = pc.value_counts(pa.chunked_array(keys))
    times = counted.field("counts")
    again = counted.filter(pc.greater(times, 1))
    if not len(again):
        return []
    ids = sorted(again.field("values").to_pylist())[:FIRST_IDS]
    count = pc.sum(again.field("counts")).as_py() - len(again)
    return [Breach(Rule("unique", table.primary_key), count, ids)]
