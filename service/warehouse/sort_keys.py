"""The columns that rows are sorted by, and the condition for what comes later (keyset paging)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.engines.sql import quoted


@dataclass(frozen=True)
class SortKey:
    """One column of an order; `parameter` is how a value of it stands in SQL."""

    name: str
    descending: bool = False
    nulls_first: bool = False
    required: bool = False
    parameter: str = "?"

    def sql(self, relation: str | None = None) -> str:
        """As ``order by`` takes it; of `relation` where columns of that name are shown, too."""
        place = "" if relation is None else f"{relation}."
        direction = " desc" if self.descending else ""
        nulls = "first" if self.nulls_first else "last"
        return f"{place}{quoted(self.name)}{direction} nulls {nulls}"

    def behind(self, value: Any) -> tuple[str, list[Any]]:
        """The condition that a row comes later than one that has `value` here."""
        name = quoted(self.name)
        if value is None:
            return (f"{name} is not null" if self.nulls_first else "false"), []
        condition = f"{name} {'<' if self.descending else '>'} {self.parameter}"
        if not self.nulls_first and not self.required:
            condition = f"({condition} or {name} is null)"
        return condition, [value]

    def same(self, value: Any) -> tuple[str, list[Any]]:
        """The condition that a row has `value` here."""
        name = quoted(self.name)
        return (f"{name} is null", []) if value is None else (f"{name} = {self.parameter}", [value])


def rows_behind(keys: Sequence[SortKey], values: Sequence[Any]) -> tuple[str, list[Any]]:
    """The condition that a row comes later than the place of `values`, and the values in it.

    Of the order a, b and the place (1, 2): ``a > 1 or (a = 1 and b > 2)``.
    """
    conditions: list[str] = []
    parameters: list[Any] = []
    same, of_same = ["true"], list[Any]()
    for key, value in zip(keys, values, strict=True):
        later, of_later = key.behind(value)
        conditions.append(f"({' and '.join([*same, later])})")
        parameters += [*of_same, *of_later]
        equal, of_equal = key.same(value)
        same.append(equal)
        of_same += of_equal
    return f"({' or '.join(conditions)})", parameters
