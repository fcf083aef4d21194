"""What every suite is given."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.contestants.gatehouse import Gatehouse
from benchmarks.loading import Generator, Load
from benchmarks.report import Report


@dataclass(frozen=True)
class Bench:
    """How this run is set up; seconds are those of one measurement."""

    folder: Path
    contestants: dict[str, Contestant]
    generator: Generator
    report: Report
    rounds: int
    seconds: float
    warm_up: float
    sizes: list[int]  # rows of histories, backups and large tables, ascending
    full: bool
    loads: list[Load]  # instead of the insert suite's own, when there are any

    @property
    def large(self) -> int:
        """How many rows a large table has."""
        return self.sizes[-1]

    @property
    def ours(self) -> Gatehouse:
        """The service that this is all about."""
        return Gatehouse(self.folder)


def in_words(rows: int) -> str:
    """``10 M``, ``250 k``."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if rows >= size and rows % size == 0:
            return f"{rows // size} {letter}"
    return f"{rows:,}"
