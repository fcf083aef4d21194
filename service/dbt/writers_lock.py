"""The lock that a build holds while dbt writes tables of record."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from service.dbt.cancelling import Cancel
from service.engines.duckdb import DatabaseError, open_bare


class WritersLock(Protocol):
    """What a build holds while dbt writes a table of record."""

    def take(self, cancel: Cancel) -> None:
        """Waits until no one else writes; Cancelled when it is not to wait any more."""

    def release(self, table: str | None) -> None:
        """Lets others write again; `table` was written. Does nothing when it is not held."""

    def altered(self) -> None:
        """Lets others write again, by the dictionary that the tables have got now."""

    def keeping_open(self, warehouse: Path) -> AbstractContextManager[object]:
        """Keeps the warehouse open within the block, where no one else does."""


class NoLock:
    """No one else writes, or has the warehouse open."""

    def take(self, cancel: Cancel) -> None: ...

    def release(self, table: str | None) -> None: ...

    def altered(self) -> None: ...

    def keeping_open(self, warehouse: Path) -> AbstractContextManager[object]:
        """Else DuckDB opens the file anew for each node, which takes longer than many a node."""
        try:
            return open_bare(warehouse)
        except DatabaseError:  # dbt will say why
            return nullcontext()
