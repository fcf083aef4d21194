"""One difference between a dictionary and the one before, and what kinds there are."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

ChangeKind: TypeAlias = Literal[
    "table added",
    "table removed",
    "table renamed",
    "key changed",
    "column added",
    "column dropped",
    "column renamed",
    "column widened",
    "column narrowed",
    "column retyped",
    "default changed",
    "generation changed",
    "normalising changed",
    "rule added",
    "rule removed",
    "rule tightened",
    "rule relaxed",
    "rule changed",
    "described anew",
]
# What is done to tables of record before anything else of a build.
ALTERING = frozenset(
    {
        *("table removed", "table renamed", "key changed"),
        *("column added", "column dropped", "column renamed"),
        *("column widened", "column narrowed", "column retyped"),
    }
)
# What takes values away, and is done where someone says so: `drop:table` or `drop:table.column`.
DROPPING = frozenset({"table removed", "column dropped"})
# What the plan judges rows by, and rows that were kept out.
JUDGING = frozenset({"rule added", "rule tightened", "rule changed"})


@dataclass(frozen=True)
class DictionaryChange:
    """One difference. `table` and `column` are the names of now; of what is gone, those of before.

    `was` and `becomes` say what changed in words: names, types, a rule with its arguments.
    """

    kind: ChangeKind
    table: str
    column: str | None = None
    rule: str | None = None
    was: str | None = None
    becomes: str | None = None
    breaks_clients: bool = False  # who went by the OpenAPI document of before has to change
    default: str | None = None  # of a column that is added

    @property
    def place(self) -> str:
        """What it is of: ``table`` or ``table.column``."""
        return f"{self.table}.{self.column}" if self.column else self.table

    @property
    def alters(self) -> bool:
        """Whether tables of record have another form by it."""
        return self.kind in ALTERING

    @property
    def allowed_by(self) -> str | None:
        """What has to be said for it to be done, should values be lost by it."""
        return f"drop:{self.place}" if self.kind in DROPPING else None

    @property
    def described(self) -> str:
        """In words: ``jobs.job renamed (title before)``."""
        what = self.kind.split(" ", 1)[1]
        plain = self.rule is None and what not in ("changed", "anew")
        place = f"{self.place} {what}" if plain else f"{self.place}: {self.kind}"
        said = f"{self.rule}: " if self.rule else ""
        if self.was is not None and self.becomes is not None:
            return f"{place} ({said}{self.was} before, {self.becomes} now)"
        words = self.becomes if self.was is None else self.was
        return f"{place} ({said}{words})" if words else place
