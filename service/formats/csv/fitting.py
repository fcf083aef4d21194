"""Whether the fields of a record fit a table: their number, their types, and those it needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from service.dictionary.column_types import type_of
from service.dictionary.written_values import Unreadable
from service.formats.csv.dialect import FileField
from service.runtime.wording import counted

TEXT = "varchar"


@dataclass(frozen=True)
class RecordValues:
    """The values of a record, one for each field; those that it has too many; or its problem."""

    values: list[str]
    problem: str | None = None
    surplus: list[str] = field(default_factory=list)


class Fitting:
    """The fields that a file's records have."""

    def __init__(self, fields: Sequence[FileField]) -> None:
        self.width = len(fields)
        self._types = [
            (i, each.type)
            for i, each in enumerate(fields)
            if each.type is not None and each.type != TEXT
        ]
        self._required = [i for i, each in enumerate(fields) if each.required]
        self._ghosts = [i for i, each in enumerate(fields) if each.is_ghost]
        self.needed = self.width
        while self.needed and self.needed - 1 in self._ghosts:
            self.needed -= 1

    @property
    def is_all_text(self) -> bool:
        """Whether any text fits each field."""
        return not self._types

    def fits(self, values: Sequence[str]) -> bool:
        """Whether `values` are as many as needed, and each is of its column's type."""
        return len(values) == self.width and self._fit(values)

    def _fit(self, values: Sequence[str]) -> bool:
        return (
            all(values[i] for i in self._required)
            and not any(values[i] for i in self._ghosts if i < len(values))
            and all(not values[i] or is_readable(values[i], kind) for i, kind in self._types)
        )

    def settled(self, values: list[str]) -> RecordValues:
        """What the values of a record are, though they may be more or fewer than others have."""
        if len(values) == self.width:
            return RecordValues(values, surplus=[values[i] for i in self._ghosts if values[i]])
        if (whole := self.padded(values)) is not None:
            return RecordValues(whole)
        if len(values) > self.width:
            return RecordValues(values[: self.needed], surplus=values[self.needed :])
        if any(i >= len(values) for i in self._required):  # it is rejected for want of that
            return RecordValues(values + [""] * (self.width - len(values)))
        return RecordValues([], problem=f"it has {counted(len(values), 'field')}, not {self.width}")

    def padded(self, values: list[str]) -> list[str] | None:
        """`values`, if they are of another number than others are, and mean one thing all the same.

        That is so where empty fields behind the last one are more or less than elsewhere, and the
        types say that no other delimiter can be the one too many. None where it is not so.
        """
        core = values[: self.needed]
        if len(core) < self.needed or any(values[self.needed :]) or self.is_all_text:
            return None
        whole = core + [""] * (self.width - self.needed)
        if not self._fit(whole):
            return None
        for i in range(self.needed if len(values) > self.width else 0):
            other = [*values[:i], values[i] + values[i + 1], *values[i + 2 :]][: self.needed]
            if other != core and self._fit(other + whole[self.needed :]):
                return None
        return whole


def is_readable(text: str, kind: str) -> bool:
    """Whether `text` is of the type `kind`."""
    try:
        type_of(kind).from_text(text)
    except Unreadable:
        return False
    return True
