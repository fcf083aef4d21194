"""What the catalogue says of a backup, and the names of its objects."""

import re
from typing import Annotated, Literal, TypeAlias

import msgspec

from service.dictionary.written_values import UTC_TIMESTAMP
from service.errors import DamagedBackup, NotFound

Kind: TypeAlias = Literal["manual", "scheduled", "safety", "import"]
Digits: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Timestamp: TypeAlias = Annotated[str, msgspec.Meta(pattern=f"^{UTC_TIMESTAMP}$")]

DATA, ENTRY, PENDING = ".avro", ".json", ".pending"
SETS = "sets"  # the folder of markers
MAX_ENTRY_BYTES = 1 << 16  # bytes
MAX_LEFT_OUT = 100  # names, so that an entry stays below that
_TABLE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
_ID = rf"[0-9]{{8}}T[0-9]{{12}}Z-{_TABLE}-[0-9a-f]{{12}}"
is_table = re.compile(_TABLE, re.ASCII).fullmatch
is_id = re.compile(_ID, re.ASCII).fullmatch


class Entry(msgspec.Struct, frozen=True):
    """What the catalogue says of one backup."""

    backup_id: str
    table: str
    rows: Count
    bytes: Count  # size of the file
    sha256: Digits  # of the file
    codec: str
    schema_fingerprint: str  # of the schema in the file
    dictionary_version: str
    created_at: Timestamp  # when the snapshot was taken, ISO 8601 in UTC
    file: str  # name beside the entry
    set_id: str | None
    kind: Kind
    set_size: Count | None = None  # backups that the set was taken of
    # Of a file from elsewhere: names of its columns that the table has not, MAX_LEFT_OUT at most.
    left_out: tuple[str, ...] = ()
    rewritten_from: str | None = None  # the backup that it is, but for rows that were erased


def name_of(backup_id: str, ending: str) -> str:
    """The object of a backup, or of a set: ``<table>/<backup_id><ending>``.

    Raises:
        NotFound: the id, which may come from outside, is not one of ours.
    """
    if not is_id(backup_id):
        raise NotFound("there is no backup of this id")
    return f"{table_of(backup_id)}/{backup_id}{ending}"


def table_of(backup_id: str) -> str:
    """The table that it is of, by the name that the table had then."""
    return backup_id.split("-")[1]


def marker_of(set_id: str) -> str:
    """The object that says that a set is not there yet, or no more.

    Raises:
        NotFound: the id is not one of ours.
    """
    if not is_id(set_id):
        raise NotFound("there is no set of backups of this id")
    return f"{SETS}/{set_id}{PENDING}"


def id_in(name: str, ending: str) -> str | None:
    """The id of the backup that an object of that name belongs to; None for what is not ours."""
    folder, _, file = name.rpartition("/")
    backup_id = file.removesuffix(ending)
    if backup_id == file or not is_id(backup_id) or folder != table_of(backup_id):
        return None
    return backup_id


def set_in(name: str) -> str | None:
    """The id of the set whose marker has that name; they once stood beside the folders."""
    set_id = name.removeprefix(f"{SETS}/").removesuffix(PENDING)
    return set_id if name.endswith(PENDING) and is_id(set_id) else None


def read_entry(name: str, text: bytes) -> Entry:
    """The entry in the object of that name.

    Raises:
        DamagedBackup, MsgspecError, UnicodeDecodeError: it is none, or one of another backup.
    """
    entry = msgspec.json.decode(text, type=Entry)
    folder, _, file = name.rpartition("/")
    backup_id = file.removesuffix(ENTRY)
    if (entry.backup_id, entry.table, entry.file) != (backup_id, folder, backup_id + DATA):
        raise DamagedBackup("it names another backup")
    return entry
