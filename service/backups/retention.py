"""Which backups have been kept for long enough."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from service.backups.entry import Entry
from service.runtime.settings import Settings


@dataclass(frozen=True)
class Keep:
    """How many scheduled sets stay: the last ones, and the newest of so many days and ISO weeks.

    Safety backups stay as long as they are among the `last` of their tables. What was made or
    brought in by hand stays until someone removes it.
    """

    last: int
    daily: int
    weekly: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say it."""
        return cls(
            last=settings.backup_keep_last,
            daily=settings.backup_keep_daily,
            weekly=settings.backup_keep_weekly,
        )


def expired(entries: Iterable[Entry], keep: Keep) -> list[Entry]:
    """Those of `entries` that have been kept for long enough, in UTC; of a set all or none."""
    taken = _together(entries)
    gone = [each for each in taken if each[0].kind in ("scheduled", "safety")]
    scheduled = [each for each in gone if each[0].kind == "scheduled"]
    kept = [*scheduled[: keep.last]]
    kept += _newest_of_each(scheduled, lambda taken_at: taken_at.date(), keep.daily)
    kept += _newest_of_each(scheduled, _week, keep.weekly)
    for alike in _by_tables(each for each in gone if each[0].kind == "safety").values():
        kept += alike[: keep.last]
    stay = {entry.backup_id for each in kept for entry in each}
    return [entry for each in gone for entry in each if entry.backup_id not in stay]


def _together(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Backups that were taken together, newest first: by their ids, since clocks go back."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.backup_id, reverse=True):
        found.setdefault(entry.set_id or entry.backup_id, []).append(entry)
    return [*found.values()]


def _by_tables(taken: Iterable[list[Entry]]) -> Mapping[frozenset[str], list[list[Entry]]]:
    found: dict[frozenset[str], list[list[Entry]]] = {}
    for entries in taken:
        found.setdefault(frozenset(entry.table for entry in entries), []).append(entries)
    return found


def _newest_of_each(
    taken: Sequence[list[Entry]], period: Callable[[datetime], object], number: int
) -> list[list[Entry]]:
    """The newest ones of the last `number` periods that have any."""
    newest: dict[object, list[Entry]] = {}
    for entries in taken:
        newest.setdefault(period(datetime.fromisoformat(entries[0].created_at)), entries)
    return [*newest.values()][:number]


def _week(taken_at: datetime) -> tuple[int, int]:
    year, week, _ = date.isocalendar(taken_at)
    return year, week
