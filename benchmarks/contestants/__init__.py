"""The services that are compared, by their names on the command line."""

from pathlib import Path

from benchmarks.contestants.contestant import Contestant
from benchmarks.contestants.datasette import Datasette
from benchmarks.contestants.gatehouse import Gatehouse
from benchmarks.contestants.limits import DecodeOnly
from benchmarks.contestants.postgresql import AsyncpgCopy, SqlAlchemy, SqlAlchemyPsycopg

__all__ = ["ALL", "Contestant", "contestants"]

ALL: tuple[type[Contestant], ...] = (
    Gatehouse,
    SqlAlchemy,
    SqlAlchemyPsycopg,
    AsyncpgCopy,
    Datasette,
    DecodeOnly,
)


def contestants(folder: Path, names: list[str]) -> dict[str, Contestant]:
    """Those of `names` (all, when it is empty), ours always and first, installed."""
    kinds = [kind for kind in ALL if kind is Gatehouse or not names or kind.name in names]
    found = {kind.name: kind(folder) for kind in kinds}
    for contestant in found.values():
        contestant.installed()
    return found
