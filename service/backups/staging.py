"""What backups would change in the tables of record, in temporary tables, and what would be then.

A backup of ours is in the order of its keys. So it is compared with its table part by part, as it
is read, and only what differs is kept. A file in another order is put into a table as a whole.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

import pyarrow as pa

from service.backups.catalogue import Catalogue, Entry
from service.backups.comparing import WHAT, Unordered, compare_parts, find_differences, staged
from service.backups.verifying import trusted
from service.dictionary import Dictionary, Table
from service.engines.column_sql import value_of
from service.engines.duckdb import insert_arrow
from service.engines.engine import Connection
from service.engines.sql import core, quoted
from service.errors import DamagedBackup
from service.formats.avro.avro_files import AvroFile
from service.formats.avro.avro_resolution import FileColumns
from service.judge.findings import Findings
from service.judge.relations import check_unique, dangling, dangling_rows
from service.runtime.prefetch import ahead
from service.runtime.progress import RowProgress
from service.runtime.wording import counted

PART_ROWS, PART_BYTES = 1 << 16, 16 << 20  # compared at once, about


def _whole(table: str) -> str:
    return f"temp.{quoted(f'unordered__{table}')}"


def would_be(table: Table) -> str:
    """The rows of `table` once its differences are applied, as a subquery."""
    key, columns = value_of(table.key), ", ".join(map(quoted, table.column_names))
    return (
        # NOT EXISTS would hash the table, not the differences: 20 times slower, and 400 MB more.
        f"(select {columns} from {core(table.name)}"
        f" where {key} not in (select {key} from {staged(table.name)})"
        f" union all select {columns} from {staged(table.name)} where {WHAT} <> 'remove')"
    )


def stage(
    connection: Connection,
    table: Table,
    entry: Entry,
    catalogue: Catalogue,
    progress: RowProgress | None = None,
) -> FileColumns:
    """Finds the differences between a table and a backup, whose rows follow the table's own rules;
    what the columns of the backup are to those of the table.

    Raises:
        DamagedBackup: the backup is not what the catalogue says, or cannot be read.
        RulesBroken: rows do not fit the dictionary as it is now.
    """
    progress = progress or RowProgress()
    create_staged(connection, table)
    try:
        with _parts_of(entry, table, catalogue, progress) as (parts, columns):
            compare_parts(connection, table, parts)
    except Unordered:
        create_staged(connection, table)
        with _parts_of(entry, table, catalogue, progress) as (parts, columns):
            _stage_whole(connection, table, parts)
    others = [each for each in table.unique_columns if each.name != table.primary_key]
    check_unique(connection, table, others, would_be(table))
    return columns


def create_staged(connection: Connection, table: Table) -> None:
    """Makes the temporary table of the differences, empty."""
    _create(connection, staged(table.name), table, f"{WHAT} varchar")


def _create(connection: Connection, name: str, table: Table, *others: str) -> None:
    columns = (f"{quoted(column.name)} {column.type.name}" for column in table.columns)
    connection.execute(f"create or replace temp table {name} ({', '.join((*columns, *others))})")


@contextmanager
def _parts_of(
    entry: Entry, table: Table, catalogue: Catalogue, progress: RowProgress
) -> Iterator[tuple[Iterable[pa.RecordBatch], FileColumns]]:
    """A backup's judged rows, each part read while the one before is worked on; its columns."""
    with (
        trusted(entry, table, catalogue) as rows,
        # It is closed before the file is.
        closing(ahead(_judged(table, entry, rows, progress), 1)) as parts,
    ):
        yield parts, rows.columns


def _judged(
    table: Table, entry: Entry, rows: AvroFile, progress: RowProgress
) -> Iterator[pa.RecordBatch]:
    """The rows in parts, while none breaks a rule; when all are read, it is said if any does."""
    findings, count = Findings(table), 0
    for part in _parts(rows.batches()):
        count += part.num_rows
        if count > entry.rows:
            break
        findings.look_at(part)
        if not findings:
            yield part
        progress.advance(part.num_rows)
    if count != entry.rows:
        raise DamagedBackup(f"it has not the {counted(entry.rows, 'row')} that the catalogue says")
    findings.raise_if_any()


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    part: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        part.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= PART_ROWS or size >= PART_BYTES:
            yield pa.concat_batches(part)
            part, rows, size = [], 0, 0
    if part:
        yield pa.concat_batches(part)


def _stage_whole(connection: Connection, table: Table, parts: Iterable[pa.RecordBatch]) -> None:
    whole = _whole(table.name)
    _create(connection, whole, table)
    for part in parts:
        insert_arrow(connection, whole, part)
    check_unique(connection, table, table.unique_columns, whole)
    find_differences(connection, table, whole, "true", [])
    connection.execute(f"drop table {whole}")


def check_references(
    connection: Connection, dictionary: Dictionary, restored: Collection[str]
) -> None:
    """Checks that each reference leads to a row once the staged tables are in place.

    In both directions: staged rows without a parent, and rows that stay and would lose theirs.

    Raises:
        DanglingReferences: names table, column, count and first rows of the first; all of them
            are among its ``references``.
    """

    def rows_of(table: Table) -> str:
        return would_be(table) if table.name in restored else core(table.name)

    found = [
        left
        for child in dictionary.tables.values()
        for column in child.referring_columns
        if column.reference and {child.name, column.reference.args["parent"]} & set(restored)
        if (left := dangling_rows(connection, dictionary, child, column, rows_of))
    ]
    if found:
        raise dangling(found)


def drop_staged(connection: Connection, tables: Sequence[str]) -> None:
    """Removes the temporary tables; after a failure the writer's rollback does."""
    for table in tables:
        connection.execute(f"drop table {staged(table)}")
