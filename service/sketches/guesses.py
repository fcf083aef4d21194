"""What the values of a file's column are likely to be: a type, a key, rules, each with its share.

A share is that of the values that are there; what is less than all of them is told, so that people
can decide.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from service.dictionary.column_types import KEY_KINDS, ColumnType, type_of
from service.dictionary.type_names import MOST_DIGITS, TIMESTAMPTZ
from service.dictionary.written_values import Unreadable
from service.sketches.file_columns import FileColumn

ENOUGH = 0.95  # of the values are of a type, which it then is likely to be
FEW = 12  # different values may be a list of all that there are
OFTEN = 10  # times that each of them comes, on average
_starts_with_zero = re.compile(r"-?0[0-9]").match
_is_document = re.compile(r"\s*[\[{]").match
CANDIDATES = ("boolean", "integer", "bigint", "double", "date", "time", TIMESTAMPTZ, "timestamp")


@dataclass(frozen=True)
class Parent:
    """A key of a table that there is, and the share of the column's values that it has."""

    table: str
    field: str
    share: float


@dataclass
class ColumnGuess:
    """A column and what it is likely to be."""

    column: FileColumn
    is_key: bool = False
    parents: list[Parent] = field(default_factory=list)

    @cached_property
    def there(self) -> list[str]:
        """The values but those that are missing."""
        return [value for value in self.column.values if value]

    @cached_property
    def filled(self) -> float:
        """The share of rows that have a value."""
        rows = len(self.column.values)
        return len(self.there) / rows if rows else 0.0

    @cached_property
    def times(self) -> Counter[Any]:
        """How often each value comes, as the type reads it."""
        return Counter(value for value in map(self._read, self.there) if value is not None)

    @cached_property
    def distinct(self) -> float:
        """The share of values that come once, the first of each counted too."""
        return len(self.times) / len(self.there) if self.there else 0.0

    @cached_property
    def type(self) -> ColumnType:
        """The first type that nearly all values are of; text, if none is."""
        if any(map(_starts_with_zero, self.there)):  # a number with zeros before it is a code
            return type_of("uuid") if self._share(type_of("uuid")) >= ENOUGH else type_of("varchar")
        for name in CANDIDATES:
            kind = self._exact if name == "double" and self._exact else type_of(name)
            if self.there and self._share(kind) >= ENOUGH:
                return kind
        for name in ("uuid", "json"):
            wanted = self.there if name == "uuid" else list(filter(_is_document, self.there))
            if wanted and len(wanted) == len(self.there) and self._share(type_of(name)) >= ENOUGH:
                return type_of(name)
        return type_of("varchar")

    @cached_property
    def fit(self) -> float:
        """The share of values that are of the type."""
        return self._share(self.type) if self.there else 1.0

    def fits(self, text: str) -> bool:
        """Whether a text is of the type."""
        return _is_of(self.type, text)

    @property
    def could_be_key(self) -> bool:
        """Whether nearly every row has a value of its own."""
        return self.type.kind in KEY_KINDS and min(self.filled, self.distinct) >= ENOUGH

    @cached_property
    def _exact(self) -> ColumnType | None:
        """The decimal with room for two digits more than the longest; None with exponents.

        Behind the point are as many digits as are written: of amounts that all end in `.50`, two.
        """
        parts = [re.fullmatch(r"-?0*([0-9]*)(?:\.([0-9]*))?", text) for text in self.there]
        numbers = [part for part in parts if part]
        if not numbers or len(numbers) < ENOUGH * len(self.there):
            return None
        whole = max(len(part[1]) for part in numbers) + 2
        behind = max(len(part[2] or "") for part in numbers)
        return (
            type_of(f"decimal({whole + behind},{behind})")
            if whole + behind <= MOST_DIGITS
            else None
        )

    def _share(self, kind: ColumnType) -> float:
        return sum(_is_of(kind, text) for text in self.there) / len(self.there)

    def _read(self, text: str) -> Any:
        try:
            return self.type.from_text(text)
        except Unreadable:
            return None

    @cached_property
    def rules(self) -> list[tuple[str, Mapping[str, Any], float]]:
        """Rules that may be meant, with the share of values that follow them: kind, arguments."""
        found: list[tuple[str, Mapping[str, Any], float]] = []
        if ENOUGH <= self.filled < 1:
            found.append(("not_null", {}, self.filled))
        if not self.is_key and self.could_be_key and len(self.there) > FEW:
            found.append(("unique", {}, self.distinct))
        kind = self.type.kind
        if (kind == "varchar" or self.type.is_whole) and self._is_list:
            found.append(("accepted_values", {"values": sorted(self.times)}, 1.0))
        elif kind == "varchar" and self.there:
            found.append(("max_length", {"length": max(map(len, self.there))}, 1.0))
        elif (self.type.is_whole or kind == "double") and self.times and not self.parents:
            found.append(("in_range", {"min": min(self.times), "max": max(self.times)}, 1.0))
        return found

    @property
    def _is_list(self) -> bool:
        return 0 < len(self.times) <= FEW and len(self.there) >= OFTEN * len(self.times)


def _is_of(kind: ColumnType, text: str) -> bool:
    try:
        kind.from_text(text)
    except Unreadable:
        return False
    return True


def guessed(columns: Sequence[FileColumn], table: str) -> list[ColumnGuess]:
    """The columns, one of which is the key: by its name, else the first that could be.

    None is where no column tells rows apart.
    """
    guesses = [ColumnGuess(column) for column in columns]
    able = [guess for guess in guesses if guess.could_be_key]
    if not able:
        return guesses
    named = {"id": 0, f"{table}_id": 1, f"{table.removesuffix('s')}_id": 1}
    key = min(able, key=lambda guess: (named.get(guess.column.name, 2), guess.distinct < 1))
    key.is_key = True
    return guesses
