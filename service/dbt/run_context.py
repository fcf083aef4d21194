"""What a run of dbt shares with the plugin.

dbt-duckdb makes the plugin itself and hands it nothing of ours, and dbt runs nodes in threads of
its own. So the current run is kept here. There is one at a time in a process.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import ClassVar

from service.dbt.cancelling import Cancel
from service.dbt.landing import CsvSource
from service.engines.engine import Connection


@dataclass(frozen=True)
class RunContext:
    """One run of dbt: what may end it, and the files that are open for it, by load id.

    A file comes into a table by this way: doors/files.py opens it and hands it to runner.run, which
    puts it here; dbt's macro land_lines calls plugin.py, which takes it from here.
    """

    current: ClassVar["RunContext | None"] = None  # None where dbt is run by its own command

    cancel: Cancel
    files: Mapping[str, CsvSource] = field(default_factory=dict)

    @contextmanager
    def in_progress(self) -> Iterator[None]:
        """Within the block it is the current one."""
        before, RunContext.current = RunContext.current, self
        try:
            yield
        finally:
            RunContext.current = before


def open_file(load_id: str) -> CsvSource | None:
    """The file of a load, if the current run was handed it."""
    return RunContext.current.files.get(load_id) if RunContext.current else None


def landing(connection: Connection) -> AbstractContextManager[None]:
    """Within the block `connection` reads a file, and is interrupted when the run is cancelled."""
    current = RunContext.current
    return current.cancel.landing(connection) if current else nullcontext()
