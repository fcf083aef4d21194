"""What the machine gives at most: the same server that keeps no row, and the database alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sys import executable
from typing import Any

from benchmarks.contestants.contestant import BENCHMARKS, Contestant, Served
from benchmarks.loading import Target
from benchmarks.processes import Command, Program, free_port, running, status_of, timed


class DecodeOnly(Contestant):
    """A handler that decodes the rows, with our server and its settings."""

    name, title = "decode-only", "limit: Litestar handler that only decodes (msgspec)"
    is_peer = False

    def make(self, folder: Path, rows: int) -> None:
        """It keeps nothing."""

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Served]:
        """Serves what forgets."""
        port = free_port()
        command: Command = [executable, BENCHMARKS / "peers" / "decode_only.py", str(port)]
        program = Program(command, folder / "log")
        with running(program):
            program.wait_for(lambda: status_of(port) is not None, self.title)
            yield Served(Target(port, "/rows"), [program.pid])

    def count(self, folder: Path) -> None:
        """It keeps nothing."""


def duckdb_from_arrow(folder: Path, rows: int, seconds: float) -> dict[str, Any]:
    """DuckDB alone, one process, no HTTP: transactions of so many rows from Arrow, with PK."""
    program = BENCHMARKS / "peers" / "duckdb_arrow.py"
    command: Command = [executable, program, str(rows), str(seconds), folder / "limit.duckdb"]
    printed = timed(command)[2]
    return json.loads(printed)  # type: ignore[no-any-return]
