"""DuckDB, the one place that opens it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from service.dictionary import Dictionary
from service.dictionary.manifest import read_dictionary
from service.errors import NotBuilt

# What the WAL holds before it is written into the file, while inserts wait: 2 million rows or so,
# half a second. DuckDB's own 16 MiB are there every second under load; to replay 64 MiB after a
# crash takes 1.2 s.
WAL_BYTES = 64 * 1024 * 1024

# To try it for each column of text made a checkpoint, and so inserts' longest wait, half as long
# again; what DuckDB packs texts with instead (fsst) is as small. profiles.yml has dbt say the same.
NOT_TRIED = "dictionary"

# Tables and columns of the books that were added last: a build by an older version lacks them.
LATEST_BOOKS = (("files", "is_current"), ("rejections", "raw"), ("replays", "load_id"))


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def core(table: str) -> str:
    """The table of record of that name, as SQL names it."""
    return f"core.{quoted(table)}"


def insert_arrow(connection: duckdb.DuckDBPyConnection, target: str, rows: pa.Table) -> None:
    """Inserts Arrow rows into `target` without copying them: 300 times faster than executemany."""
    # DuckDB finds the local variable by its name. A stream of Arrow's C interface is scanned
    # without Python: a table takes three times as long to begin, a registered view five times.
    arrow_rows = rows.__arrow_c_stream__()  # noqa: F841
    connection.execute(f"insert into {target} select * from arrow_rows")


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
        self._root.execute(f"set global checkpoint_threshold = '{WAL_BYTES} bytes'")
        self._root.execute(f"set global disabled_compression_methods = '{NOT_TRIED}'")
        (self._cores,) = self._root.execute("select current_setting('threads')").fetchall()[0]
        self._root.execute("set global threads = 1")
        self._sharing, self._sharers = threading.Lock(), 0

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

    @contextmanager
    def all_cores(self) -> Iterator[None]:
        """Within the block DuckDB spreads a query over all cores, and over one outside of it.

        A batch of rows is too small: handing parts of it to another thread takes a fifth of the
        time that it takes to write it.
        """
        with self._sharing:
            self._sharers += 1
            self._let_use(self._cores)
        try:
            yield
        finally:
            with self._sharing:
                self._sharers -= 1
                self._let_use(self._cores if self._sharers else 1)

    def _let_use(self, cores: int) -> None:
        with self._root.cursor() as connection:
            connection.execute(f"set global threads = {cores}")

    def dictionary(self) -> Dictionary:
        """The dictionary that the warehouse was last built by.

        Raises:
            NotBuilt: no build has finished yet, or none since the books have changed.
        """
        try:
            with self.reading() as connection:
                for book in LATEST_BOOKS:
                    connection.execute(f"select {book[1]} from ops.{book[0]} limit 0")
                row = connection.execute("select content from ops.dictionary").fetchone()
        except (duckdb.CatalogException, duckdb.BinderException):
            row = None
        if row is None:
            raise NotBuilt("no build has finished here, by this version; run `gatehouse build`")
        return read_dictionary(msgspec.json.decode(row[0])["nodes"])

    def close(self) -> None:
        """Writes what is in the WAL into the file and lets go of it."""
        self._root.close()
