"""What a warehouse has less than its journal of commits says, in numbers and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from service.errors import Unavailable
from service.ops.stored_counts import (
    BOOKS,
    ENDED,
    LOADS,
    RECEIVED,
    REJECTIONS,
    REPLAYS,
    TRAIL,
    table_of_name,
)
from service.runtime.wording import counted

Counts = Mapping[str, int]
_WORDS = {
    LOADS: ("load",),
    ENDED: ("load that had ended", "loads that had ended"),
    RECEIVED: ("row received", "rows received"),
    REJECTIONS: ("rejection",),
    REPLAYS: ("row tried again", "rows tried again"),
    TRAIL: ("entry of the trail", "entries of the trail"),
}
HINT = (
    "`gatehouse recover` brings back what can be read;"
    " `gatehouse recover --accept` goes on without the rest"
)


class RowsMissing(Unavailable):
    """The warehouse has less than was acknowledged, and an operator has not decided yet."""

    slug, title = "rows-missing", "Rows are missing"


@dataclass(frozen=True)
class Losses:
    """What is `missing`, by name; or, in words, why no one can tell.

    It was committed after the moment `after` (None: not known), from `since` to `until`.
    """

    why: str | None = None
    missing: Counts = field(default_factory=dict)
    after: str | None = None
    since: str | None = None
    until: str | None = None

    @classmethod
    def between(cls, entries: Sequence[tuple[str, Counts]], found: Counts) -> Self | None:
        """What the last of the entries (when, what was there) has and is not `found`."""
        lost = missing(entries[-1][1], found) if entries else {}
        if not lost:
            return None
        later = [moment for moment, counts in entries if is_ahead(found, counts)]
        before = [moment for moment, counts in entries if not is_ahead(found, counts)]
        last = entries[-1][0]
        return cls(
            missing=lost,
            after=before[-1] if before and later else None,
            since=later[0] if later else last,
            until=last,
        )

    def described(self) -> list[str]:
        """What is missing, a line each: first the tables of record."""
        if self.why:
            return [self.why]
        tables = [
            f"{table} lacks {counted(count, 'row')}"
            for name, count in self.missing.items()
            if (table := table_of_name(name))
        ]
        books = [
            f"missing: {counted(count, *_WORDS[name])}"
            for name, count in self.missing.items()
            if name in _WORDS
        ]
        return [*tables, *books, *self._when()]

    def _when(self) -> list[str]:
        if self.since is None:
            return []
        when = f"they were committed from {self.since} to {self.until}"
        return [f"{when}; what was there at {self.after} is there" if self.after else when]

    def problem(self) -> RowsMissing:
        """As a client is told."""
        said = "; ".join(self.described())
        return RowsMissing(f"nothing is written: {said}. An operator decides: {HINT}", 60)


def is_ahead(noted: Counts, found: Counts) -> bool:
    """Whether what is `found` came later than what was `noted`: a book has more."""
    return any(found.get(book, 0) > noted.get(book, 0) for book in BOOKS)


def missing(noted: Counts, found: Counts) -> Counts:
    """What was noted and is not found, by name.

    A restore takes rows away, and adds to the books. So a table that has less is only missing
    something where no book has more.
    """
    behind = any(found.get(book, 0) < noted.get(book, 0) for book in BOOKS)
    if not behind and is_ahead(noted, found):
        return {}
    fewer = {name: count - found.get(name, 0) for name, count in noted.items()}
    return {name: count for name, count in fewer.items() if count > 0}
