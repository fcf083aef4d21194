"""Whether a backup is what the catalogue says: its bytes, its schema, its rows to the last one."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

import msgspec

from service.backups.catalogue import Catalogue, Entry
from service.dictionary import Table
from service.errors import DamagedBackup
from service.formats.avro.avro_files import AvroFile
from service.runtime.wording import counted


class Verification(msgspec.Struct, frozen=True):
    """What reading a backup again has shown; `rows` are those that could be read."""

    ok: bool
    rows: int
    sha256: str
    problems: list[str]


def verify(entry: Entry, table: Table, catalogue: Catalogue) -> Verification:
    """Reads a backup of `table` again, to its last row, and compares it with the catalogue."""
    problems: list[str] = []
    sha256, rows = "", 0
    try:
        with catalogue.open(entry) as file:
            sha256, problems = byte_problems(entry, file)
            avro = AvroFile(file, table)
            if avro.schema_fingerprint != entry.schema_fingerprint:
                problems.append("its schema is not the one that the catalogue says")
            for batch in avro.batches():
                rows += batch.num_rows
            if rows != entry.rows:
                problems.append(f"it has {counted(rows, 'row')}, the catalogue says {entry.rows}")
    except DamagedBackup as error:
        problems.append(error.detail)
    return Verification(not problems, rows, sha256, problems)


def byte_problems(entry: Entry, file: BufferedReader) -> tuple[str, list[str]]:
    """The file's SHA-256, and in what its bytes differ from what the catalogue says."""
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    file.seek(0)
    problems = []
    if size != entry.bytes:
        problems.append(f"it has {counted(size, 'byte')}, the catalogue says {entry.bytes}")
    if sha256 != entry.sha256:
        problems.append("its bytes are not those that were backed up (the SHA-256 differs)")
    return sha256, problems


@contextmanager
def named(entry: Entry) -> Iterator[None]:
    """Says in DamagedBackup which backup it is."""
    try:
        yield
    except DamagedBackup as error:
        members = {"backup_id": entry.backup_id, "table": entry.table, **error.members}
        raise DamagedBackup(f"backup {entry.backup_id}: {error.detail}", **members) from error


@contextmanager
def trusted(entry: Entry, table: Table, catalogue: Catalogue) -> Iterator[AvroFile]:
    """The backup's rows, once its bytes and its schema are known to be those of the catalogue.

    Raises:
        DamagedBackup: they are not, or the rows (read in the block) turn out to be unreadable.
    """
    with named(entry), catalogue.open(entry) as file:
        _, problems = byte_problems(entry, file)
        if problems:
            raise DamagedBackup("; ".join(problems))
        rows = AvroFile(file, table)
        if rows.schema_fingerprint != entry.schema_fingerprint:
            raise DamagedBackup("its schema is not the one that the catalogue says")
        yield rows
