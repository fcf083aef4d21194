"""DuckDB, the one place that opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from service.dictionary import Dictionary
from service.dictionary.manifest import read_dictionary
from service.errors import NotBuilt


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def core(table: str) -> str:
    """The table of record of that name, as SQL names it."""
    return f"core.{quoted(table)}"


def insert_arrow(connection: duckdb.DuckDBPyConnection, target: str, rows: pa.Table) -> None:
    """Inserts Arrow rows into `target` without copying them: 300 times faster than executemany."""
    connection.register("arrow_rows", rows)
    try:
        connection.execute(f"insert into {target} select * from arrow_rows")
    finally:
        connection.unregister("arrow_rows")


def count_rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """The number of rows of a table of record."""
    (count,) = connection.execute(f"select count(*) from {core(table)}").fetchall()[0]
    return int(count)


class Database:
    """An open warehouse file; every connection of the process is a cursor of this one.

    DuckDB wants all connections of a process to be configured alike, so this one is opened bare
    and set afterwards, as dbt's are (profiles.yml).
    """

    def __init__(self, path: Path) -> None:
        """Opens the file at `path`, which a build has made.

        Raises:
            NotBuilt: there is no such file.
            duckdb.IOException: another process has it open.
        """
        if not path.exists():
            raise NotBuilt(f"no warehouse at {path.name}; `gatehouse build` makes it")
        self.path = path
        self._root = duckdb.connect(str(path))
        self._root.execute("set global TimeZone = 'UTC'")

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, for one thread; the caller closes it."""
        return self._root.cursor()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose queries all see one snapshot."""
        connection = self._root.cursor()
        try:
            connection.execute("begin transaction read only")
            yield connection
        finally:
            connection.close()

    def dictionary(self) -> Dictionary:
        """The dictionary that the warehouse was last built by.

        Raises:
            NotBuilt: no build has finished yet.
        """
        try:
            with self.reading() as connection:
                row = connection.execute("select content from ops.dictionary").fetchone()
        except duckdb.CatalogException:
            row = None
        if row is None:
            raise NotBuilt("no build has finished here; run `gatehouse build`")
        return read_dictionary(msgspec.json.decode(row[0])["nodes"])

    def close(self) -> None:
        """Writes what is in the WAL into the file and lets go of it."""
        self._root.close()
