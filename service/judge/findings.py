"""Which stored rows, read batch by batch, break rules that concern each row on its own."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary import Column, Rule, Table
from service.dictionary.combined_columns import texts_of_rows
from service.dictionary.written_values import HAS_NUL, NUL
from service.errors import RulesBroken
from service.judge.row_rules import RowRules
from service.runtime.wording import counted

FIRST_IDS = 10  # how many rows of a violation are named


class TypeRule(Rule):
    """Not of the dictionary: that a text is one that its column's type reads (no NUL is in it)."""

    def breaks(self, read: pa.Array, written: pa.Array) -> pa.Array:
        return pc.fill_null(pc.match_substring(read, NUL), False)

    def message(self, value: Any = None, is_judged: bool = True) -> str:
        return f"{self.column} {HAS_NUL}"


@dataclass
class Breach:
    """Rows that break one rule; `first_ids` are primary keys."""

    rule: Rule
    count: int = 0
    first_ids: list[Any] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """As problem details show it."""
        said = {"column": self.rule.column, "rule": self.rule.kind}
        return {**said, "count": self.count, "first_ids": self.first_ids}


def keys_of_rows(table: Table, rows: pa.RecordBatch) -> list[Any]:
    """The primary keys of rows: as Arrow has them, of several columns as they are shown."""
    if table.key.combines:
        return texts_of_rows([(part.type, rows.column(part.name)) for part in table.key.parts])
    return rows.column(table.primary_key).to_pylist()  # type: ignore[no-any-return]


class Findings:
    """Which rows of a table, seen batch by batch, break rules that concern each row on its own."""

    def __init__(self, table: Table) -> None:
        self._table = table
        of_types = (rule for column in table.columns for rule in _of_type(column))
        self._rules = RowRules(table, (*of_types, *table.own_rules))
        self._breaches = [Breach(rule) for rule in self._rules.rules]

    def __bool__(self) -> bool:
        return any(breach.count for breach in self._breaches)

    def look_at(self, batch: pa.RecordBatch) -> None:
        """Judges the rows of `batch`, whose columns are the table's."""
        for breach, found in zip(self._breaches, self._rules.broken(batch), strict=True):
            if count := int(np.count_nonzero(found.rows)):
                breach.first_ids += self._first(batch.filter(pa.array(found.rows)), breach)
                breach.count += count

    def _first(self, rows: pa.RecordBatch, breach: Breach) -> list[Any]:
        rows = rows.slice(0, FIRST_IDS - len(breach.first_ids))
        return keys_of_rows(self._table, rows)

    @property
    def breaches(self) -> list[Breach]:
        """The rules that are broken."""
        return [breach for breach in self._breaches if breach.count]

    def raise_if_any(self) -> None:
        """Says so, if there are any.

        Raises:
            RulesBroken: names table, column, rule, count and first rows of the first; all of them
                are among its ``violations``.
        """
        raise_if_broken(self._table, self.breaches)


def _of_type(column: Column) -> list[Rule]:
    return [TypeRule("type", column.name)] if column.type.name == "varchar" else []


def raise_if_broken(table: Table, breaches: list[Breach]) -> None:
    """Raises RulesBroken if there are breaches."""
    if not breaches:
        return
    first = breaches[0]
    words = "is taken by another row" if first.rule.kind == "unique" else first.rule.message()
    shown = ", ".join(map(str, first.first_ids))
    raise RulesBroken(
        f"{counted(first.count, 'row')} of {table.name} {'breaks' if first.count == 1 else 'break'}"
        f" {first.rule.kind}{f' of {first.rule.column}' if first.rule.column else ''}"
        f" ({words}), first those with {table.primary_key} {shown}",
        table=table.name,
        **first.described(),
        violations=[breach.described() for breach in breaches],
    )
