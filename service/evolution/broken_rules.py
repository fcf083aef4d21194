"""How many stored rows break rules that are new, or ask for more than before."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from service.dictionary import Column, Dictionary, Rule, Table
from service.dictionary.dictionary_change import JUDGING, DictionaryChange
from service.engines.engine import Connection
from service.errors import RulesBroken
from service.evolution.lost_values import Effect
from service.evolution.rows_to_come import RowsToCome
from service.judge.findings import Findings
from service.judge.relations import check_unique, dangling_rows

ROWS = 100_000  # judged at once


class BrokenRules:
    """Judges the rows of a warehouse by the rules that have changed, and by no others."""

    def __init__(self, connection: Connection, old: Dictionary, new: Dictionary) -> None:
        self._connection, self._new = connection, new
        self._rows = RowsToCome(old, new)

    def of(self, changes: Sequence[DictionaryChange]) -> Iterator[Effect]:
        """For each change by which rows break a rule: the change, how many rows, the first keys.

        Of a required column that is new, those are all rows.
        """
        for name, table in self._new.tables.items():
            asked = {
                (each.column, kind): each
                for each in changes
                if each.table == name
                for kind in _kinds_of(each, table)
            }
            if asked:
                yield from self._of_table(table, asked)

    def _of_table(
        self, table: Table, asked: dict[tuple[str | None, str], DictionaryChange]
    ) -> Iterator[Effect]:
        def is_asked(rule: Rule) -> bool:
            return (rule.column, rule.kind) in asked

        for column, kind, count, first in self._broken(_only(table, is_asked), is_asked):
            yield Effect(asked[column, kind], count, tuple(map(str, first)), rule=kind)

    def _broken(
        self, table: Table, is_asked: Callable[[Rule], bool]
    ) -> Iterator[tuple[str | None, str, int, list[Any]]]:
        rows, findings = self._rows.of(table), Findings(table)
        if table.own_rules:
            found = self._connection.execute(f"select * from {rows}").to_arrow_reader(ROWS)
            for batch in found:
                findings.look_at(batch)
        for breach in findings.breaches:
            if is_asked(breach.rule):  # not of what is a text at all
                yield breach.rule.column, breach.rule.kind, breach.count, breach.first_ids
        try:
            check_unique(self._connection, table, table.unique_columns, rows)
        except RulesBroken as error:
            for each in error.members["violations"]:
                yield each["column"], each["rule"], each["count"], each["first_ids"]
        for column in table.referring_columns:
            left = dangling_rows(self._connection, self._new, table, column, self._rows.of)
            if left:
                yield column.name, "relationships", left["count"], left["first_ids"]


def _kinds_of(change: DictionaryChange, table: Table) -> Sequence[str]:
    """The kinds of rules that rows may break by a change."""
    if change.kind == "column added":
        return [rule.kind for rule in table.column(str(change.column)).rules]
    return [str(change.rule)] if change.kind in JUDGING else []


def _only(table: Table, is_asked: Callable[[Rule], bool]) -> Table:
    """The table with those of its rules alone."""

    def of_column(column: Column) -> Column:
        return replace(column, rules=tuple(filter(is_asked, column.rules)))

    return replace(
        table,
        columns=tuple(map(of_column, table.columns)),
        combined=tuple(map(of_column, table.combined)),
        rules=tuple(filter(is_asked, table.rules)),
    )
