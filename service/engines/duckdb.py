"""DuckDB, the one place that opens it, and that says what a client is told when it fails."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

import duckdb
import msgspec
import pyarrow as pa

from service.dictionary import Dictionary
from service.dictionary.manifest import read_saved
from service.engines.engine import Connection
from service.engines.sql import quoted
from service.errors import NoSpace, NotBuilt, Problem, Unavailable
from service.runtime.logs import get_logger

log = get_logger(__name__)

# What the WAL holds before it is written into the file, while inserts wait: 2 million rows or so,
# half a second. DuckDB's own 16 MiB are there every second under load; to replay 64 MiB after a
# crash takes 1.2 s.
WAL_BYTES = 64 * 1024 * 1024

# To try it for each column of text made a checkpoint, and so inserts' longest wait, half as long
# again; what DuckDB packs texts with instead (fsst) is as small. profiles.yml has dbt say the same.
NOT_TRIED = "dictionary"

TEMPORARY_BYTES = 1 << 50  # as many as there is room for

DatabaseError = duckdb.Error
# The file was given up, and has to be opened anew; or it was, which closes all older connections.
FatalError = (duckdb.FatalException, duckdb.ConnectionException)
InUseError = duckdb.IOException  # as an error of opening: another process has the file
MISSING = (duckdb.CatalogException, duckdb.BinderException)  # a table or column is not there
# What may be over soon: a full disk, too little memory, an interruption, a file that was given up.
PASSING = (
    duckdb.FatalException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.InterruptException,
)
# DuckDB's words for a disk that has no room: for the file or its log, by a limit of their size, for
# what does not fit into memory.
FULL = ("no space left", "file too large", "max_temp_directory_size")

# Tables and columns of the books that were added last: a build by an older version lacks them.
LATEST_BOOKS = (
    ("files", "on_conflict"),
    ("rejections", "raw"),
    ("replays", "load_id"),
    ("loads", "record_lines"),
    ("loads", "normalised"),
    ("loads", "removed"),
    ("loads", "on_conflict"),
    ("changes", "number"),
    ("erased", "key_hash"),
    ("trail", "number"),
    ("outcomes", "entry_id"),
    ("warnings", "number"),
    ("warehouse", "warehouse_id"),
)


def query_arrow(
    connection: Connection, query: str, rows: Any, parameters: Sequence[Any] = ()
) -> Connection:
    """Runs a statement that reads `rows` as the relation ``arrow_rows``.

    `rows` is an Arrow table, record batch or reader of record batches; they are not copied, and
    not looked at from Python: a table takes three times as long to begin with, a registered view
    five times.
    """
    # DuckDB finds the local variable by its name, which therefore must not be changed.
    arrow_rows = rows.__arrow_c_stream__()  # noqa: F841
    return connection.execute(query, list(parameters))


def insert_arrow(
    connection: Connection, target: str, rows: pa.Table | pa.RecordBatch | pa.RecordBatchReader
) -> None:
    """Inserts Arrow rows into `target`, a table's name with ``by name`` or a list of columns behind
    it. That is 300 times faster than executemany.
    """
    query_arrow(connection, f"insert into {target} select * from arrow_rows", rows)


class Database:
    """An open warehouse file; every connection of the process is a cursor of this one.

    DuckDB wants all connections of a process to be configured alike, so this one is opened bare
    and set afterwards, as dbt's are (profiles.yml).

    DuckDB gives a file up for good when a checkpoint fails, as on a full disk: each query fails
    from then on. So the file is opened anew for the next connection; nothing is lost by that.
    """

    def __init__(
        self, path: Path, memory_bytes: int = 0, floor_bytes: int = 0, *, read_only: bool = False
    ) -> None:
        """Opens the file at `path`, which a build has made.

        With `read_only`, neither it nor its log is changed: else what cannot be read of the log is
        cut off.

        What takes more memory than `memory_bytes` (0: as DuckDB likes) goes into temporary files.
        After a full disk, nothing is written before `floor_bytes` are free.

        Raises:
            NotBuilt: there is no such file.
            duckdb.IOException: another process has it open.
        """
        if not path.exists():
            raise NotBuilt(f"no warehouse at {path.name}; `gatehouse build` makes it")
        self.path = path
        self._memory, self._floor = memory_bytes, floor_bytes
        self.read_only = read_only
        self._sharing, self._sharers = threading.Lock(), 0
        self._opening, self._given_up, self._was_full = threading.RLock(), False, False
        self._connections: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._open()

    def _open(self) -> None:
        self._root = duckdb.connect(str(self.path), read_only=self.read_only)
        self._root.execute("set global TimeZone = 'UTC'")
        self._root.execute(f"set global checkpoint_threshold = '{WAL_BYTES} bytes'")
        self._root.execute(f"set global disabled_compression_methods = '{NOT_TRIED}'")
        # Else it is what was free when the first one was written: nothing, after a full disk.
        self._root.execute(f"set global max_temp_directory_size = '{TEMPORARY_BYTES} bytes'")
        if self._memory:
            self._root.execute(f"set global memory_limit = '{self._memory} bytes'")
        (self._cores,) = self._root.execute("select current_setting('threads')").fetchall()[0]
        self._root.execute(f"set global threads = {self._cores if self._sharers else 1}")

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own, for one thread; the caller closes it.

        Raises:
            NoSpace, Unavailable: DuckDB has given the file up, and it cannot be opened anew.
        """
        with self._opening:
            if self._given_up:
                self._open_anew()
            connection = self._root.cursor()
            self._connections.add(connection)
            return connection

    def _open_anew(self) -> None:
        self.interrupt()  # DuckDB waits, at full speed, for rows that are read from the old one
        with suppress(duckdb.Error):
            self._root.close()
        try:
            self._open()
        except duckdb.Error as error:
            raise as_problem(error) from error
        self._given_up = False
        log.warning("warehouse_opened_anew")

    def has_failed(self, error: BaseException) -> None:
        """Takes note of what a connection raised: the file may have to be opened anew."""
        if isinstance(error, duckdb.FatalException):
            with self._opening:
                self._given_up = True
                self._was_full = isinstance(as_problem(error), NoSpace)

    def check_room(self) -> None:
        """Raises NoSpace when the disk was too full for DuckDB to go on, and still is."""
        if self._was_full:
            if shutil.disk_usage(self.path.parent).free < self._floor:
                raise NoSpace("the disk is full; nothing was written")
            self._was_full = False

    def interrupt(self) -> None:
        """Ends what every connection is doing just now, by an error."""
        with self._opening:
            connections = [*self._connections]
        for connection in connections:
            with suppress(duckdb.Error):
                connection.interrupt()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose queries all see one snapshot.

        Raises:
            NoSpace, Unavailable: as `connect`.
        """
        connection = self._begun()
        try:
            yield connection
        except duckdb.FatalException as error:
            self.has_failed(error)
            raise
        finally:
            connection.close()

    def _begun(self) -> duckdb.DuckDBPyConnection:
        while True:
            connection = self.connect()
            try:
                return connection.execute("begin transaction read only")
            except duckdb.FatalException as error:  # given up before: the next one is opened anew
                self.has_failed(error)
                connection.close()

    def copy_to(self, path: Path) -> None:
        """Writes all that is committed now into a new DuckDB file; nobody waits for it.

        Meanwhile the copy is attached: its tables are seen wherever the catalogue is looked
        through, as dbt does.

        Raises:
            duckdb.Error: it cannot be written.
        """
        with self.connect() as connection:
            copy = quoted(f"copy {path.parent.name}")
            ((own,),) = connection.execute("select current_database()").fetchall()
            connection.execute(f"attach {_literal(path)} as {copy}")
            try:
                connection.execute(f"copy from database {quoted(own)} to {copy}")
            except duckdb.FatalException as error:
                self.has_failed(error)
                raise
            finally:
                connection.execute(f"detach {copy}")

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
        # Who opens the file anew sees to the number, too.
        with suppress(Problem, duckdb.FatalException), self.connect() as connection:
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
        except MISSING:
            row = None
        if row is None:
            raise NotBuilt("no build has finished here, by this version; run `gatehouse build`")
        return read_saved(msgspec.json.decode(row[0]))

    def close(self) -> None:
        """Writes what is in the WAL into the file and lets go of it."""
        self._root.close()


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def as_problem(error: Exception) -> Exception:
    """What a client is told when DuckDB fails: never its words, which name files and SQL."""
    if isinstance(error, Problem) or not isinstance(error, duckdb.Error | OSError):
        return error
    said = str(error).lower()
    if any(sign in said for sign in FULL):
        return NoSpace("the disk is full; nothing was written")
    return Unavailable("the warehouse cannot do it now; nothing was written")


def is_key_conflict(error: Exception) -> bool:
    """Whether a statement or a commit failed since a key is there already.

    It is the commit that fails if the key came in during the transaction.
    """
    failed_commit = isinstance(error, duckdb.TransactionException) and "PRIMARY KEY" in str(error)
    return failed_commit or isinstance(error, duckdb.ConstraintException)


def open_bare(path: Path) -> Connection:
    """A connection to the file at `path`, configured by nobody yet.

    Raises:
        DatabaseError: it cannot be opened.
    """
    return duckdb.connect(str(path))
