"""Which backup of each table Spark shows in the schema `backup`: the newest one that is whole.

A backup that was found whole is remembered on the list, and not read again as long as it is there.
"""

import io
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from service.backups.catalogue import Catalogue, Entry
from service.backups.entry import DATA, name_of
from service.backups.verifying import verify
from service.dictionary import Table
from service.spark.lists import MOST, write_list
from service.stores.store import Store

LIST = "spark/backups.parquet"  # read by macros/engines/spark/backups.sql
SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("backup_id", pa.string()),
        ("sha256", pa.string()),
        ("created_at", pa.string()),
        ("path", pa.string()),
    ]
)


def list_backups(store: Store, catalogue: Catalogue, place: str, tables: Iterable[Table]) -> int:
    """Writes down the newest whole backup of each table; returns how many tables have one.

    `store` is the lake's, `place` is where the backups of `catalogue` are, as Spark calls it.
    """
    known = _known(store)
    found = [entry for table in tables if (entry := _newest(catalogue, table, known))]
    rows = [
        {
            "table_name": entry.table,
            "backup_id": entry.backup_id,
            "sha256": entry.sha256,
            "created_at": entry.created_at,
            "path": f"{place}/{name_of(entry.backup_id, DATA)}",
        }
        for entry in found
    ]
    write_list(store, LIST, rows, SCHEMA)
    return len(rows)


def _newest(catalogue: Catalogue, table: Table, known: set[tuple[str, str]]) -> Entry | None:
    for entry in catalogue.list(table.name):
        is_known = (entry.backup_id, entry.sha256) in known
        if is_known or verify(entry, table, catalogue).ok:
            return entry
    return None


def _known(store: Store) -> set[tuple[str, str]]:
    """(id, SHA-256) of the backups that were found whole before."""
    if not store.exists(LIST):
        return set()
    rows = pq.read_table(io.BytesIO(store.read(LIST, MOST)[0]), schema=SCHEMA).to_pylist()
    return {(row["backup_id"], row["sha256"]) for row in rows}
