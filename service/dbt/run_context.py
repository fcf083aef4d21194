"""What a run of dbt shares with the plugin.

dbt-duckdb makes the plugin itself and hands it nothing of ours, and dbt runs nodes in threads of
its own. So the current run is kept here. There is one at a time in a process.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from service.dbt.cancelling import Cancel
from service.dbt.landing import CsvSource
from service.engines.engine import Connection


@dataclass(frozen=True)
class RunContext:
    """One run of dbt: what may end it, the files that are open for it, by load id, and what may be
    lost by it where the dictionary has changed. `shown` are texts that it hands back; `prepared`
    the warehouses that it has prepared, which whoever runs dbt here keeps open until it has ended.

    A file comes into a table by this way: doors/files.py opens it and hands it to runner.run, which
    puts it here; dbt's macro land_lines calls plugin.py, which takes it from here.
    """

    current: ClassVar["RunContext | None"] = None  # None where dbt is run by its own command

    cancel: Cancel
    files: Mapping[str, CsvSource] = field(default_factory=dict)
    allowed: Collection[str] = ()
    shown: list[str] = field(default_factory=list)
    prepared: set[Path] = field(default_factory=set)

    @contextmanager
    def in_progress(self) -> Iterator[Self]:
        """Within the block it is the current one."""
        before, RunContext.current = RunContext.current, self
        try:
            yield self
        finally:
            RunContext.current = before


def open_file(load_id: str) -> CsvSource | None:
    """The file of a load, if the current run was handed it."""
    return RunContext.current.files.get(load_id) if RunContext.current else None


def allowed_by_run() -> Collection[str]:
    """What may be lost by the current run: ``drop:table`` and ``drop:table.column``."""
    return RunContext.current.allowed if RunContext.current else ()


def prepared_by_run() -> set[Path]:
    """The warehouses that the current run has prepared, to be added to; none by dbt's own command,
    where each node may open the file anew.
    """
    return RunContext.current.prepared if RunContext.current else set()


def show_dictionary(content: str) -> None:
    """Hands the text of a dictionary to whoever runs dbt."""
    if RunContext.current:
        RunContext.current.shown.append(content)


def landing(connection: Connection) -> AbstractContextManager[None]:
    """Within the block `connection` reads a file, and is interrupted when the run is cancelled."""
    current = RunContext.current
    return current.cancel.landing(connection) if current else nullcontext()
