"""What all contestants have in common: data made once, copied fresh for each run, counted after."""

import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loading import Target
from benchmarks.processes import Failed

BENCHMARKS = Path(__file__).resolve().parent.parent
CHECKOUT = BENCHMARKS.parent
PEERS_PYTHON = BENCHMARKS / ".venv" / "bin" / "python"


@dataclass(frozen=True)
class Served:
    """A service that answers, and the processes (with those below them) that it consists of."""

    target: Target
    pids: list[int]


class Contestant(ABC):
    """A service with the three tables; hired_employees has a row with the id 1, or many rows."""

    name: str  # on the command line
    title: str  # in the tables
    is_peer = True

    def __init__(self, folder: Path) -> None:
        """All its files lie in `folder`."""
        self._folder = folder

    @property
    def data(self) -> str:
        """Whose data it serves: contestants may share it."""
        return self.name

    def installed(self) -> None:
        """Installs what `make bench` has not; raises Failed when that cannot be done."""
        if self.is_peer and not PEERS_PYTHON.exists():
            raise Failed("what the peers need is not installed: run `make bench`")

    @abstractmethod
    def make(self, folder: Path, rows: int) -> None:
        """Makes its data in an empty folder, with so many hires, ids from 1."""

    @abstractmethod
    def serving(self, folder: Path) -> AbstractContextManager[Served]:
        """Serves the data in `folder`."""

    @abstractmethod
    def count(self, folder: Path) -> int | None:
        """How many hires there are, asked of the data itself; None when it keeps none."""

    @contextmanager
    def fresh(self, rows: int) -> Iterator[Path]:
        """A fresh copy of its data with so many hires, gone at the exit."""
        copy = self._folder / f"{self.name}-fresh"
        _copy(self._made(rows), copy)
        os.sync()  # what was copied shall not be written while something is measured
        try:
            yield copy
        finally:
            shutil.rmtree(copy)

    def _made(self, rows: int) -> Path:
        made = self._folder / f"{self.data}-{rows}"
        if not made.exists():
            making = made.with_name(f"{made.name}-unfinished")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            making.chmod(0o711)  # PostgreSQL passes through as a user of its own
            self.make(making, rows)
            making.rename(made)
        return made


def _copy(folder: Path, copy: Path) -> None:
    """Copies a folder with owners and modes."""
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", folder, copy], check=True)
