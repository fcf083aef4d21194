"""What the rest of the service asks of an SQL engine: a connection, and names for what can fail.

An engine is one module beside this one that has all of `Engine`'s names, as duckdb.py does. Its
dialect of SQL stands in dbt's macros, in a file of the same name (dbt_project/macros/engines/).
"""

from collections.abc import Sequence
from typing import Any, Protocol, Self

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
    """What the module of an engine has, besides `Database`, the open warehouse."""

    DatabaseError: type[Exception]  # whatever the engine raises
    FatalError: type[Exception]  # the file has to be opened anew
    InUseError: type[Exception]  # the file cannot be opened: another process has it, say
    MISSING: tuple[type[Exception], ...]  # a table or column is not there
    PASSING: tuple[type[Exception], ...]  # may be over soon: a full disk, an interruption

    @staticmethod
    def is_key_conflict(error: Exception) -> bool:
        """Whether a statement or a commit failed since a key is there already."""

    @staticmethod
    def as_problem(error: Exception) -> Exception:
        """What a client is told; never the engine's own words."""

    @staticmethod
    def query_arrow(
        connection: Connection, query: str, rows: Any, parameters: Sequence[Any] = ()
    ) -> Connection:
        """Runs a statement that reads Arrow `rows` as the relation ``arrow_rows``."""
