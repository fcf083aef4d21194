"""Which backups can be restored by another dictionary, and how."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.backups.catalogue import Catalogue, Entry
from service.backups.verifying import named
from service.dictionary import Dictionary, Table
from service.errors import DamagedBackup
from service.formats.avro.avro_files import AvroFile
from service.formats.avro.avro_resolution import FileColumns


@dataclass(frozen=True)
class BackupsToCome:
    """Backups of a table that have the same schema: how many, and the newest of them.

    `refused` says why they cannot be restored; else `columns` is what theirs are to the table's.
    """

    table: str
    backups: int
    newest: str
    columns: FileColumns = field(default_factory=FileColumns)
    refused: str | None = None


def backups_to_come(catalogue: Catalogue, dictionary: Dictionary) -> list[BackupsToCome]:
    """All backups, as far as the dictionary says what they are to it; one of each schema is read.

    Whether their values follow the rules, a dry run of the restore says.

    Raises:
        StoreUnavailable: the place is away.
    """
    alike: dict[tuple[str, str], list[Entry]] = {}
    for entry in catalogue.list():
        alike.setdefault((entry.table, entry.schema_fingerprint), []).append(entry)
    return [_of(entries, dictionary, catalogue) for entries in alike.values()]


def _of(entries: Sequence[Entry], dictionary: Dictionary, catalogue: Catalogue) -> BackupsToCome:
    newest = entries[0]
    table = dictionary.tables.get(dictionary.name_now(newest.table))
    said = (newest.table, len(entries), newest.backup_id)
    if table is None:
        return BackupsToCome(*said, refused=f"there is no table {newest.table} then")
    try:
        return BackupsToCome(*said, columns=_columns(newest, table, catalogue))
    except DamagedBackup as error:
        return BackupsToCome(*said, refused=error.detail)


def _columns(entry: Entry, table: Table, catalogue: Catalogue) -> FileColumns:
    with named(entry), catalogue.open(entry) as file:
        return AvroFile(file, table).columns
