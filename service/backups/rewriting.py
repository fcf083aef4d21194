"""Backups without rows that were erased: written anew beside the old one, which then goes.

The new one has the place in time of the old one, also in the order of ids, and a hash of its own.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from service.backups.catalogue import Catalogue
from service.backups.entry import DATA, Entry
from service.backups.verifying import trusted
from service.dictionary import Table
from service.errors import StoreUnavailable
from service.formats.avro.avro_files import CODECS, DEFAULT_CODEC, write
from service.judge.columns import KeysOf
from service.judge.findings import keys_of_rows
from service.ops.erased_rows import ErasedKeys


def holds(entry: Entry, table: Table, catalogue: Catalogue, keys: Collection[Any]) -> bool:
    """Whether a backup has a row of one of the primary keys.

    Raises:
        DamagedBackup: it cannot be read.
    """
    with trusted(entry, table, catalogue) as rows:
        return any(pc.any(_is_one(batch, table, keys)).as_py() for batch in rows.batches())


def erased_in(entry: Entry, table: Table, catalogue: Catalogue, erased: ErasedKeys) -> list[Any]:
    """The primary keys in a backup that are known to be `erased` by their hashes alone.

    Raises:
        DamagedBackup: it cannot be read.
    """
    found: list[Any] = []
    if table.name in erased.hashes:
        with trusted(entry, table, catalogue) as rows:
            for batch in rows.batches():
                keys = KeysOf(table, batch)[table.primary_key]
                found += [keys[place] for place in erased.among(table.name, keys)]
    return found


def rewrite(entry: Entry, table: Table, catalogue: Catalogue, keys: Collection[Any]) -> Entry:
    """Writes a backup anew without those rows, and removes the old one; returns the new entry.

    Raises:
        DamagedBackup: it cannot be read.
        NoSpace: the new one does not fit.
    """
    lacking = _lacking(entry, table, catalogue)
    moment, name, _ = entry.backup_id.split("-")
    new_id = f"{moment}-{name}-{token_hex(6)}"
    codec = entry.codec if entry.codec in CODECS else DEFAULT_CODEC
    catalogue.before_change()
    try:
        with catalogue.writing(new_id) as file, trusted(entry, table, catalogue) as rows:
            about = {
                "gatehouse.backup_id": new_id,
                "gatehouse.dictionary_version": entry.dictionary_version,
                "gatehouse.created_at": entry.created_at,
            }
            left = _others(rows.batches(), table, keys)
            written = write(file, table, left, codec, about, nullable=lacking)
        new = msgspec.structs.replace(
            entry,
            backup_id=new_id,
            rows=written.rows,
            bytes=written.bytes,
            sha256=written.sha256,
            codec=codec,
            schema_fingerprint=written.schema_fingerprint,
            file=new_id + DATA,
            rewritten_from=entry.backup_id,
        )
        catalogue.add(new)  # the commit point: from here on there are both
    except BaseException:
        with suppress(StoreUnavailable):
            catalogue.discard(new_id)
        raise
    catalogue.remove(entry.backup_id)
    return new


def _is_one(batch: pa.RecordBatch, table: Table, keys: Collection[Any]) -> pa.Array:
    if table.key.combines:
        texts = pa.array(keys_of_rows(table, batch), pa.string())
        return pc.is_in(texts, value_set=pa.array(list(keys), pa.string()))
    column, kind = batch.column(table.primary_key), table.key.type
    return pc.is_in(column, value_set=kind.array(list(keys)).cast(column.type))


def _others(
    batches: Iterator[pa.RecordBatch], table: Table, keys: Collection[Any]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.filter(pc.invert(_is_one(batch, table, keys)))


def _lacking(entry: Entry, table: Table, catalogue: Catalogue) -> frozenset[str]:
    """Required columns that rows of it lack."""
    found: set[str] = set()
    required = [column.name for column in table.columns if column.required]
    with trusted(entry, table, catalogue) as rows:
        for batch in rows.batches():
            found |= {name for name in required if batch.column(name).null_count}
    return frozenset(found)
