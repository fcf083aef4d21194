"""Rules asked of whole rows at once: by Arrow where Python knows them, else by DuckDB.

DuckDB is asked for what a build has compiled: the predicates of rules that Python does not know,
and `where`, which says of which rows a rule is asked. All of it is one query over the rows.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from service.dictionary import Rule, Table
from service.dictionary.timestamps import Mask
from service.engines.predicates import checked
from service.engines.sandbox import SECONDS, PredicateFailed, sandbox
from service.engines.sql import quoted

Rows: TypeAlias = pa.Table | pa.RecordBatch

# Types whose Arrow arrays DuckDB takes for what the warehouse has.
NATURAL = frozenset({"varchar", "integer", "bigint", "double", "boolean", "date", "timestamp"})


def mask(broken: pa.Array | pa.ChunkedArray) -> Mask:
    """Arrow's booleans without nulls as numpy's, of the same length."""
    if isinstance(broken, pa.ChunkedArray):
        return broken.to_numpy()  # type: ignore[no-any-return]
    return broken.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


class RowRules:
    """Some rules of a table, each of which says which rows break it."""

    def __init__(self, table: Table, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._types = {column.name: column.type.name for column in table.columns}
        self._looked_at = {sql: checked(sql, self._types) for sql in self._texts()}
        asked = (each for rule in self.rules for each in (_violated(rule), _applies(rule)))
        self._asked = {each: i for i, each in enumerate(dict.fromkeys(filter(None, asked)))}
        seen = {name for names in self._looked_at.values() for name in names}
        seen |= {rule.column for rule in self.rules if rule.sql and rule.column}
        self._columns = [name for name in self._types if name in seen] or [*self._types][:1]
        self._source = self._as_in_the_warehouse()

    def _texts(self) -> Iterable[str]:
        for rule in self.rules:
            if rule.sql:
                assert rule.sql.predicate is not None, f"{rule.kind} was compiled by no build"
                yield rule.sql.predicate
            if rule.where:
                yield rule.where

    def _as_in_the_warehouse(self) -> str:
        if all(self._types[name] in NATURAL for name in self._columns):
            return "arrow_rows"
        casts = (f"cast({quoted(n)} as {self._types[n]}) as {quoted(n)}" for n in self._columns)
        return f"(select {', '.join(casts)} from arrow_rows) as arrow_rows"

    def others_of(self, rule: Rule) -> tuple[str, ...]:
        """The columns beside its own that a rule looks at."""
        texts = (rule.sql.predicate if rule.sql else None, rule.where)
        names = dict.fromkeys(name for sql in texts if sql for name in self._looked_at[sql])
        return tuple(name for name in names if name != rule.column)

    def broken(
        self, rows: Rows, written: Callable[[str], pa.Array] | None = None
    ) -> list[tuple[Rule, Mask]]:
        """Each rule with a mask of the rows that break it; `rows` have the table's columns.

        `written` gives the texts of a column as they were sent; without it they never were text.

        Raises:
            Unavailable: DuckDB takes too long.
        """
        answers = self._answers(rows)
        return [(rule, self._mask(rule, rows, answers, written)) for rule in self.rules]

    def _answers(self, rows: Rows) -> Mapping[str, Mask]:
        if not self._asked or len(rows) == 0:
            return {each: np.zeros(len(rows), np.bool_) for each in self._asked}
        asked = rows.select(self._columns)
        until = time.monotonic() + SECONDS
        try:
            found = self._evaluated([*self._asked], asked, until)
        except PredicateFailed:
            return {each: self._one_by_one(each, asked, until) for each in self._asked}
        return {each: found[i] for each, i in self._asked.items()}

    def _evaluated(self, asked: Sequence[str], rows: Rows, until: float) -> list[Mask]:
        seconds = until - time.monotonic()
        return [mask(each) for each in sandbox().evaluate(asked, rows, self._source, seconds)]

    def _one_by_one(self, asked: str, rows: Rows, until: float) -> Mask:
        """As `_evaluated`, of one expression that fails on some rows: of those it is true.

        So a rule whose predicate fails on a row is broken by it, and the others are judged.
        """
        try:
            return self._evaluated([asked], rows, until)[0]
        except PredicateFailed:
            if len(rows) == 1:
                return np.ones(1, np.bool_)
        half = len(rows) // 2
        parts = (rows.slice(0, half), rows.slice(half))
        return np.concatenate([self._one_by_one(asked, part, until) for part in parts])

    def _mask(
        self,
        rule: Rule,
        rows: Rows,
        answers: Mapping[str, Mask],
        written: Callable[[str], pa.Array] | None,
    ) -> Mask:
        violated, applies = _violated(rule), _applies(rule)
        if violated is not None:
            broken = answers[violated]
        else:
            assert rule.column is not None
            read = rows[rule.column]
            if isinstance(read, pa.ChunkedArray):
                read = read.combine_chunks()
            texts = written(rule.column) if written and rule.judges_writing else read
            broken = mask(rule.breaks(read, texts))
        return broken if applies is None else broken & answers[applies]


def _violated(rule: Rule) -> str | None:
    """Whether a row breaks it, in SQL.

    The macro `fails` of dbt_project/macros/engines/duckdb.sql says the same.
    """
    if rule.sql is None:
        return None
    violated = f"not coalesce((\n{rule.sql.predicate}\n), true)"
    if rule.column is None:
        return violated
    return f"{quoted(rule.column)} is not null and {violated}"


def _applies(rule: Rule) -> str | None:
    """Whether it is asked of a row, in SQL: as the macro `applies`."""
    return f"coalesce((\n{rule.where}\n), false)" if rule.where else None
