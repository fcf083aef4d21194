"""What the rest of the service asks of an SQL engine: a connection, and names for what can fail.

An engine is one module beside this one that has all of `Engine`'s names, as duckdb.py does. Its
dialect of SQL stands in dbt's macros, in a file of the same name (dbt_project/macros/engines/).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy.typing as npt
import pyarrow as pa


class Connection(Protocol):
    """A connection to the engine, for one thread at a time; statements see one transaction."""

    def execute(self, query: str, parameters: object = None, /) -> "Connection":
        """Runs a statement, `parameters` in place of its ``?``; its rows are read from the result.

        Raises:
            DatabaseError: of the engine.
        """

    def fetchall(self) -> list[Any]:
        """All rows that are left, each a tuple."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None where there is none."""

    def fetchnumpy(self) -> dict[str, npt.NDArray[Any]]:
        """The rows that are left, as an array for each column; nulls are masked."""

    def to_arrow_reader(self, batch_size: int = ..., /) -> pa.RecordBatchReader:
        """The rows that are left as Arrow record batches of about `batch_size` rows."""

    def begin(self) -> object:
        """Begins a transaction."""

    def commit(self) -> object:
        """Commits it; on return it is on the disk."""

    def rollback(self) -> object:
        """Takes back all that it did."""

    def interrupt(self) -> None:
        """Ends the statement that runs, from another thread, by an error."""

    def cursor(self) -> "Connection":
        """Another connection to the same warehouse."""

    def close(self) -> None:
        """Ends it; what was not committed is taken back."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: object, error: object, trace: object, /) -> bool | None: ...


class Engine(Protocol):
    """The module of an engine. It has `Database`, the open warehouse, too.

    tests/engines/test_engine.py holds DuckDB's to it.
    """

    @property
    def DatabaseError(self) -> type[Exception]:
        """Whatever the engine raises."""

    @property
    def FatalError(self) -> tuple[type[Exception], ...]:
        """The file has to be opened anew, or was, and the connection is of the one before."""

    @property
    def InUseError(self) -> type[Exception]:
        """The file cannot be opened: another process has it, say."""

    @property
    def MISSING(self) -> tuple[type[Exception], ...]:
        """A table or column is not there."""

    @property
    def PASSING(self) -> tuple[type[Exception], ...]:
        """May be over soon: a full disk, an interruption."""

    def open_bare(self, path: Path) -> Connection:
        """A connection to the warehouse file at `path`, configured by nobody yet."""

    def is_key_conflict(self, error: Exception) -> bool:
        """Whether a statement or a commit failed since a key is there already."""

    def as_problem(self, error: Exception) -> Exception:
        """What a client is told; never the engine's own words."""

    def query_arrow(
        self, connection: Connection, query: str, rows: Any, parameters: Sequence[Any] = ()
    ) -> Connection:
        """Runs a statement that reads Arrow `rows` as the relation ``arrow_rows``."""

    def insert_arrow(self, connection: Connection, target: str, rows: Any) -> None:
        """Inserts Arrow `rows` into a table without copying them."""
