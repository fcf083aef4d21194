"""Rules asked of whole rows at once: by Arrow where Python knows them, else by DuckDB.

DuckDB is asked for what a build has compiled: the predicates of rules that Python does not know,
and `where`, which says of which rows a rule is asked. All of it is one query over the rows.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

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


class BrokenRule(NamedTuple):
    """A rule with two masks of the same length: the rows that break it, and which of those because
    it cannot be evaluated for them (None: of none).
    """

    rule: Rule
    rows: Mask
    not_judged: Mask | None = None

    def message(self, row: int, value: Any) -> str:
        """Why that row, which has `value` in the rule's column, is kept out."""
        return self.rule.message(value, self.not_judged is None or not self.not_judged[row])


class RowRules:
    """Some rules of a table, each of which says which rows break it."""

    def __init__(self, table: Table, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        types = {column.name: column.type.name for column in table.columns}
        self._looked_at = {sql: checked(sql, types) for sql in self._texts()}
        asked = (each for rule in self.rules for each in (_violated(rule), _applies(rule)))
        self._asked = [*dict.fromkeys(filter(None, asked))]
        seen = {name for names in self._looked_at.values() for name in names}
        seen |= {rule.column for rule in self.rules if rule.sql and rule.column}
        self._columns = [name for name in types if name in seen] or [*types][:1]
        self._types = {n: types[n] for n in self._columns if types[n] not in NATURAL}

    def _texts(self) -> Iterable[str]:
        for rule in self.rules:
            if rule.sql:
                assert rule.sql.predicate is not None, f"{rule.kind} was compiled by no build"
                yield rule.sql.predicate
            if rule.where:
                yield rule.where

    def others_of(self, rule: Rule) -> tuple[str, ...]:
        """The columns beside its own that a rule looks at."""
        texts = (rule.sql.predicate if rule.sql else None, rule.where)
        names = dict.fromkeys(name for sql in texts if sql for name in self._looked_at[sql])
        return tuple(name for name in names if name != rule.column)

    def broken(
        self, rows: Rows, written: Callable[[str], pa.Array] | None = None
    ) -> list[BrokenRule]:
        """Each rule with the rows that break it; `rows` have the table's columns.

        `written` gives the texts of a column as they were sent; without it they never were text.

        Raises:
            Unavailable: DuckDB takes too long.
        """
        answers = self._answers(rows)
        return [self._broken(rule, rows, answers, written) for rule in self.rules]

    def _answers(self, rows: Rows) -> Mapping[str, pa.ChunkedArray]:
        """What each expression is for each row: true, false, or null where it fails."""
        if not self._asked:
            return {}
        asked, until = rows.select(self._columns), time.monotonic() + SECONDS
        try:
            found = sandbox().evaluate(self._asked, asked, self._types, SECONDS)
        except PredicateFailed:
            left = until - time.monotonic()
            found = sandbox().evaluate_each(self._asked, asked, self._types, left)
        return dict(zip(self._asked, found, strict=True))

    def _broken(
        self,
        rule: Rule,
        rows: Rows,
        answers: Mapping[str, pa.ChunkedArray],
        written: Callable[[str], pa.Array] | None,
    ) -> BrokenRule:
        violated, applies = _violated(rule), _applies(rule)
        if violated is not None:
            broken = answers[violated]
        else:
            assert rule.column is not None
            read = rows[rule.column]
            if isinstance(read, pa.ChunkedArray):
                read = read.combine_chunks()
            texts = written(rule.column) if written and rule.judges_writing else read
            broken = rule.breaks(read, texts)
        if applies is not None:  # false and null is false: what is not asked cannot fail
            broken = pc.and_kleene(_plain(answers[applies]), _plain(broken))
        if broken.null_count == 0:
            return BrokenRule(rule, mask(broken))
        return BrokenRule(rule, mask(pc.fill_null(broken, True)), mask(pc.is_null(broken)))


def _plain(answers: pa.Array | pa.ChunkedArray) -> pa.Array:
    return answers.combine_chunks() if isinstance(answers, pa.ChunkedArray) else answers


def _violated(rule: Rule) -> str | None:
    """Whether a row breaks it, in SQL.

    The macro `fails` of dbt_project/macros/engines/duckdb/values.sql says the same.
    """
    if rule.sql is None:
        return None
    violated = f"not coalesce((\n{rule.sql.predicate}\n), true)"
    if rule.column is None:
        return violated
    return f"case when {quoted(rule.column)} is null then false else {violated} end"


def _applies(rule: Rule) -> str | None:
    """Whether it is asked of a row, in SQL: as the macro `applies`."""
    return f"coalesce((\n{rule.where}\n), false)" if rule.where else None
