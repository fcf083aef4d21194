"""Which rows were erased, by keyed hashes of their primary keys: ``ops.erased``.

The hash is SHA-256 over the warehouse's secret and SHA-256 over the secret, the table and the key;
macros/history/erased.sql makes the same of lines.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.dictionary import Table
from service.engines.column_sql import listed, shown_column_value
from service.engines.engine import Connection
from service.ops.row_history import ChangedBy, key_as_text


@dataclass(frozen=True)
class ErasedKeys:
    """The hashes of erased keys, by table."""

    secret: str = ""
    hashes: Mapping[str, Collection[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection) -> "ErasedKeys":
        """As they are in the warehouse."""
        hashes: dict[str, set[str]] = {}
        found = connection.execute("select table_name, key_hash from ops.erased").fetchall()
        for table, key_hash in found:
            hashes.setdefault(table, set()).add(key_hash)
        return cls(secret_of(connection), hashes)

    def among(self, table: str, keys: Sequence[Any]) -> list[int]:
        """The places in `keys` of those that are erased."""
        erased = self.hashes.get(table)
        if not erased:
            return []
        return [i for i, key in enumerate(keys) if key_hash(self.secret, table, key) in erased]


def secret_of(connection: Connection) -> str:
    """What keys are hashed with."""
    ((secret,),) = connection.execute("select secret from ops.erasure_secret").fetchall()
    return str(secret)


def key_hash(secret: str, table: str, key: Any) -> str:
    """64 hexadecimal digits."""
    inner = hashlib.sha256(f"{secret}{table}/{key}".encode()).hexdigest()
    return hashlib.sha256(f"{secret}{inner}".encode()).hexdigest()


def hash_in_sql(table: Table, alias: str) -> str:
    """The same as an expression, of the row of an alias; its one value is the secret, twice."""
    place = "'" + table.name.replace("'", "''") + "/'"
    return f"sha256(? || sha256(? || {place} || {key_as_text(table, alias)}))"


def erased_among(connection: Connection, table: Table, source: str) -> list[Any]:
    """The primary keys in the relation `source` whose rows were erased, the first ones first."""
    secret = secret_of(connection)
    key = table.key
    shown = shown_column_value(key) if key.combines else listed(key)
    found = connection.execute(
        f"select {shown} from {source} as new where {hash_in_sql(table, 'new')} in"
        " (select key_hash from ops.erased where table_name = ?)"
        f" order by {listed(key)}",
        [secret, secret, table.name],
    ).fetchall()
    return [value for (value,) in found]


def is_erased(connection: Connection, table: str, key: Any) -> bool:
    """Whether the row of that primary key was erased, and did not come back since."""
    found = connection.execute(
        "select 1 from ops.erased where table_name = ? and key_hash = ?",
        [table, key_hash(secret_of(connection), table, key)],
    )
    return bool(found.fetchall())


def gone_with(connection: Connection, table: str, key: Any, others: Collection[str]) -> ErasedKeys:
    """The rows of the tables `others` that went with the row of that primary key, by one load."""
    secret = secret_of(connection)
    found = connection.execute(
        "select other.table_name, other.key_hash from ops.erased as one"
        " inner join ops.erased as other on one.load_id = other.load_id"
        " where one.table_name = ? and one.key_hash = ?"
        " and (other.table_name, other.key_hash) <> (one.table_name, one.key_hash)"
        " and other.table_name in (select unnest(?::varchar[])) order by all",
        [table, key_hash(secret, table, key), sorted(others)],
    ).fetchall()
    hashes: dict[str, list[str]] = {}
    for name, hashed in found:
        hashes.setdefault(name, []).append(hashed)
    return ErasedKeys(secret, hashes)


def take_over(connection: Connection, erased: ErasedKeys, by: ChangedBy) -> None:
    """Has rows that are erased be of this load, so that they are found by its other rows."""
    for table, hashes in erased.hashes.items():
        connection.execute(
            "update ops.erased set load_id = ?"
            " where table_name = ? and key_hash in (select unnest(?::varchar[]))",
            [by.load_id, table, list(hashes)],
        )


def add(connection: Connection, table: str, key: Any, reason: str, by: ChangedBy) -> str:
    """Puts on record that a row is erased; returns the hash of its key."""
    hashed = key_hash(secret_of(connection), table, key)
    connection.execute(
        "insert or replace into ops.erased values (?, ?, ?, ?, ?, ?)",
        [table, hashed, by.at, reason, by.actor, by.load_id],
    )
    return hashed


def allow(connection: Connection, table: str, keys: Sequence[Any]) -> int:
    """Lets rows of these keys come in again; returns how many were erased."""
    secret = secret_of(connection)
    hashes = [key_hash(secret, table, key) for key in keys]
    found = connection.execute(
        "delete from ops.erased where table_name = ? and key_hash in (select unnest(?::varchar[]))",
        [table, hashes],
    ).fetchall()
    return int(found[0][0])
