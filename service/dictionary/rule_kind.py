"""What a kind of rule is, in Python."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.dictionary.rule_arguments import no_meta, nothing_lacks
from service.dictionary.rule_masks import nothing_breaks
from service.dictionary.rule_words import Words


def base_of(type_name: str) -> str:
    """A type without its arguments: of "decimal(10,2)" it is decimal."""
    return type_name.partition("(")[0].strip()


def always(_type_name: str, _args: dict[str, Any]) -> bool:
    """Of a kind that Python knows whatever the type."""
    return True


def never(_type_name: str, _args: dict[str, Any]) -> bool:
    """Of a kind that is DuckDB's to judge."""
    return False


def of_types(*names: str) -> Callable[[str, dict[str, Any]], bool]:
    """Of a kind that Python knows for columns of those types."""
    return lambda type_name, _args: type_name in names


@dataclass(frozen=True)
class Kind:
    """What a kind of rule means: its arguments, its judgement, its words."""

    says: Callable[[dict[str, Any]], str]  # what is demanded of a value, with the arguments
    message: Callable[[str, dict[str, Any], Any], str]  # of column, arguments, value
    words: Words  # for docs/rules.md
    breaks: Callable[[dict[str, Any], pa.Array, pa.Array], pa.Array] = nothing_breaks
    meta: Callable[[dict[str, Any]], dict[str, Any]] = no_meta
    judged_by_decoding: bool = False
    judges_writing: bool = False  # whether it looks at the text as it was sent
    arguments: frozenset[str] = frozenset()
    lacks: Callable[[dict[str, Any], str], str | None] = nothing_lacks  # among its arguments
    types: frozenset[str] | None = None  # of the columns it can be a rule of; None: any
    unfit: frozenset[str] = frozenset()  # but those
    # Whether `breaks` knows a type, with the arguments; else DuckDB is asked.
    quick: Callable[[str, dict[str, Any]], bool] = always
    of_columns: bool = True
    of_rows: bool = False  # whether it can be a rule of the row as a whole

    def fits(self, type_name: str) -> bool:
        """Whether a column of that type can have such a rule."""
        known = self.types is None or base_of(type_name) in self.types
        return known and base_of(type_name) not in self.unfit

    def is_quick(self, type_name: str | None, args: dict[str, Any]) -> bool:
        """Whether Python judges it, of a column of that type."""
        return self.quick(base_of(type_name or ""), args)
