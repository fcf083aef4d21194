"""The rows of backups beside the tables of record, in temporary tables, and what they would do."""

from collections.abc import Collection, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from service.backups.avro_files import AvroFile
from service.backups.catalogue import Catalogue, Entry
from service.backups.checking import FIRST_IDS, Breach, Findings, raise_if_broken, trusted
from service.dictionary import Column, Dictionary, Rule, Table
from service.errors import DamagedBackup, DanglingReferences
from service.warehouse.database import core, insert_arrow, quoted


def staged(table: str) -> str:
    """The temporary table with the rows of a backup of `table`, as SQL names it."""
    return f"temp.{quoted(f'restored__{table}')}"


def stage(
    connection: duckdb.DuckDBPyConnection, table: Table, entry: Entry, catalogue: Catalogue
) -> None:
    """Puts the rows of a backup, which follow the table's own rules, into its temporary table.

    Raises:
        DamagedBackup: the backup is not what the catalogue says, or cannot be read.
        RulesBroken: rows do not fit the dictionary as it is now.
    """
    columns = ", ".join(f"{quoted(column.name)} {column.type.name}" for column in table.columns)
    connection.execute(f"create or replace temp table {staged(table.name)} ({columns})")
    findings = Findings(table)
    with trusted(entry, table, catalogue) as rows:
        _stage_rows(connection, entry, rows, findings)
    findings.raise_if_any()
    _check_unique(connection, table)


def _stage_rows(
    connection: duckdb.DuckDBPyConnection, entry: Entry, rows: AvroFile, findings: Findings
) -> None:
    count = 0
    for batch in rows.batches():
        count += batch.num_rows
        if count > entry.rows:
            break
        findings.look_at(batch)
        if not findings:
            insert_arrow(connection, staged(entry.table), pa.Table.from_batches([batch]))
    if count != entry.rows:
        raise DamagedBackup(f"it has not the {entry.rows} rows that the catalogue says")


def _check_unique(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    breaches = []
    for column in (column for column in table.columns if column.is_unique):
        name, key = quoted(column.name), quoted(table.primary_key)
        repeated = (
            f"select {name}, count(*) as times from {staged(table.name)}"
            f" where {name} is not null group by {name} having count(*) > 1"
        )
        count = one_row(connection, f"select coalesce(sum(times - 1), 0) from ({repeated})")[0]
        if count:
            ids = first_ids(
                connection,
                f"select distinct {key} from {staged(table.name)}"
                f" where {name} in (select {name} from ({repeated}))",
            )
            breaches.append(Breach(Rule("unique", column.name), count, ids))
    raise_if_broken(table, breaches)


def one_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The one row that `query` gives."""
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def first_ids(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """The lowest values of the one column of `query`."""
    found = connection.execute(f"{query} order by 1 limit {FIRST_IDS}").fetchall()
    return [row[0] for row in found]


def check_references(
    connection: duckdb.DuckDBPyConnection, dictionary: Dictionary, restored: Collection[str]
) -> None:
    """Whether each reference leads somewhere once the staged tables are in place.

    Both directions: staged rows without parent, and rows that stay and would lose theirs.

    Raises:
        DanglingReferences: names table, column, count and first rows of the first; all of them
            are among its ``references``.
    """
    found = [
        dangling
        for child in dictionary.tables.values()
        for column in child.columns
        if column.reference and {child.name, column.reference.args["parent"]} & set(restored)
        if (dangling := _dangling(connection, child, column, restored))
    ]
    if not found:
        return
    first = found[0]
    raise DanglingReferences(
        f"{first['count']} rows of {first['table']} would refer by {first['column']} to rows of"
        f" {first['parent']} that are not there, first those with ids"
        f" {', '.join(map(str, first['first_ids']))}",
        **first,
        references=found,
    )


def _dangling(
    connection: duckdb.DuckDBPyConnection, child: Table, column: Column, restored: Collection[str]
) -> dict[str, Any] | None:
    assert column.reference is not None
    parent, field = column.reference.args["parent"], column.reference.args["field"]
    rows, parents = (
        staged(name) if name in restored else core(name) for name in (child.name, parent)
    )
    orphans = (
        f"from {rows} as child where child.{quoted(column.name)} is not null and not exists"
        f" (select 1 from {parents} as parent"
        f" where parent.{quoted(field)} = child.{quoted(column.name)})"
    )
    (count,) = one_row(connection, f"select count(*) {orphans}")
    if not count:
        return None
    ids = first_ids(connection, f"select child.{quoted(child.primary_key)} {orphans}")
    said = {"rule": "relationships", "table": child.name, "column": column.name, "parent": parent}
    return {**said, "count": count, "first_ids": ids}


def drop_staged(connection: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
    """Removes the temporary tables; after a failure the writer's rollback does."""
    for table in tables:
        connection.execute(f"drop table {staged(table)}")
