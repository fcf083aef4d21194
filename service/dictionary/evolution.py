"""How a dictionary differs from the one before: tables, columns, rules, words. Nothing is asked of
any warehouse here; what becomes of rows is `service/evolution`'s to say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from service.dictionary import Column, Dictionary, Rule, Table
from service.dictionary.combined_columns import name_of
from service.dictionary.dictionary_change import JUDGING, ChangeKind, DictionaryChange
from service.dictionary.rule_strictness import strictness
from service.dictionary.wider_types import is_wider

_ALWAYS_BREAKING = frozenset(
    {
        *("table removed", "table renamed", "column dropped", "column renamed"),
        *("column narrowed", "column retyped", "key changed"),
    }
)


def compare(old: Dictionary | None, new: Dictionary) -> list[DictionaryChange]:
    """The differences, in the order of the new dictionary; then what is gone.

    Without an old one there are none: all is new.
    """
    if old is None:
        return []
    befores = _matched(old.tables, new.tables)
    names = {before.name: name for name, before in befores.items()}
    found: list[DictionaryChange] = []
    for name, table in new.tables.items():
        before = befores.get(name)
        if before is None:
            found.append(DictionaryChange("table added", name))
        else:
            found += _of_table(table, before, _Renamed(old, new, names))
    gone = (name for name in old.tables if name not in names)
    return found + [_change("table removed", Table(name, "", "", ())) for name in gone]


def table_before(table: Table, old: Dictionary, new: Dictionary) -> Table | None:
    """The table that one of the new dictionary was in the old one; None where it is new."""
    return _matched(old.tables, new.tables).get(table.name)


def column_before(table: Table, before: Table, column: str) -> Column | None:
    """The column that one of `table` was in the table of before; None where it is new."""
    return _matched_columns(table, before).get(column)


def _matched(old: Mapping[str, Table], new: Mapping[str, Table]) -> dict[str, Table]:
    """The tables of before, by their names of now."""
    found = {name: old[name] for name in new if name in old}
    for name, table in new.items():
        former = (was for was in table.renamed_from if was in old and was not in new)
        if name not in found and (was := next(former, None)) is not None:
            found[name] = old[was]
    return found


def _matched_columns(new: Table, old: Table) -> dict[str, Column]:
    there = {column.name: column for column in old.columns}
    found = {name: there[name] for name in new.column_names if name in there}
    for column in new.columns:
        former = (
            was for was in column.renamed_from if was in there and was not in new.column_names
        )
        if column.name not in found and (was := next(former, None)) is not None:
            found[column.name] = there[was]
    return found


class _Renamed:
    """Rules of before in the names of now, so that a rename is not told again for each."""

    def __init__(self, old: Dictionary, new: Dictionary, tables: Mapping[str, str]) -> None:
        self._old, self._new, self._tables = old, new, tables

    def args(self, table: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a rule of the old `table`."""
        said = dict(args)
        if "columns" in said:
            said["columns"] = [self._column(table, each) for each in said["columns"]]
        if "parent" in said:
            parent = said["parent"]
            fields = [self._column(parent, each) for each in said.get("fields", [said["field"]])]
            said["field"], said["parent"] = name_of(fields), self._tables.get(parent, parent)
            if "fields" in said:
                said["fields"] = fields
        return said

    def _column(self, table: str, column: str) -> str:
        name = self._tables.get(table)
        if name is None:
            return column
        before = _matched_columns(self._new.tables[name], self._old.tables[table])
        return next((now for now, was in before.items() if was.name == column), column)


def _of_table(table: Table, before: Table, renamed: _Renamed) -> Iterator[DictionaryChange]:
    if table.name != before.name:
        yield _change("table renamed", table, was=before.name, becomes=table.name)
    columns = _matched_columns(table, before)
    now = {was.name: name for name, was in columns.items()}
    key, becomes = [now.get(name, name) for name in before.key_names], [*table.key_names]
    if key != becomes:
        yield _change("key changed", table, was=", ".join(key), becomes=", ".join(becomes))
    if (table.description, table.owner) != (before.description, before.owner):
        yield _change("described anew", table)
    for column in table.columns:
        if (was := columns.get(column.name)) is None:
            yield _added(table, column)
        else:
            yield from _of_column(table, column, before, was, renamed)
    yield from _of_combined(table, before, now, renamed)
    yield from _of_rules(table, None, table.rules, before, before.rules, renamed)
    for column in before.columns:
        if column.name not in now:
            yield _change("column dropped", table, column.name)


def _of_combined(
    table: Table, before: Table, now: Mapping[str, str], renamed: _Renamed
) -> Iterator[DictionaryChange]:
    """The rules of several columns together."""
    were = {
        name_of(now.get(part.name, part.name) for part in column.parts): column.rules
        for column in before.combined
    }
    are = {column.name: column.rules for column in table.combined}
    for name in dict.fromkeys((*are, *were)):
        rules, old = are.get(name, ()), were.get(name, ())
        yield from _of_rules(table, name, rules, before, old, renamed)


def _added(table: Table, column: Column) -> DictionaryChange:
    return DictionaryChange(
        "column added",
        *(table.name, column.name, None, None, column.type.name),
        breaks_clients=column.must_be_sent,
        default=column.default,
    )


def _of_column(
    table: Table, column: Column, before: Table, was: Column, renamed: _Renamed
) -> Iterator[DictionaryChange]:
    name = column.name
    if name != was.name:
        yield _change("column renamed", table, name, was=was.name, becomes=name)
    if column.type.name != was.type.name:
        types = {"was": was.type.name, "becomes": column.type.name}
        yield _change(_of_types(column.type.name, was.type.name), table, name, **types)
    if column.default != was.default:
        yield DictionaryChange(
            "default changed",
            *(table.name, name, None, was.default or "none", column.default or "none"),
            breaks_clients=column.must_be_sent and not was.must_be_sent,
        )
    if column.is_generated != was.is_generated:
        yield DictionaryChange(
            "generation changed",
            *(table.name, name, None, _who_gives(was), _who_gives(column)),
            breaks_clients=True,
        )
    if column.normalise != was.normalise:
        steps = {"was": _listed(was.normalise), "becomes": _listed(column.normalise)}
        yield _change("normalising changed", table, name, **steps)
    yield from _of_rules(table, name, column.rules, before, was.rules, renamed)
    if _words(column) != _words(was):
        yield _change("described anew", table, name)


def _of_types(new: str, old: str) -> ChangeKind:
    if is_wider(new, old):
        return "column widened"
    return "column narrowed" if is_wider(old, new) else "column retyped"


def _who_gives(key: Column) -> str:
    return "generated" if key.is_generated else "sent"


def _listed(steps: Sequence[str]) -> str:
    return ", ".join(steps) or "none"


def _words(column: Column) -> tuple[object, ...]:
    return column.description, column.example, column.synonyms


def _of_rules(
    table: Table,
    column: str | None,
    rules: Iterable[Rule],
    before: Table,
    were: Iterable[Rule],
    renamed: _Renamed,
) -> Iterator[DictionaryChange]:
    """Those that are the same are paired, then those of one kind in their order."""
    new = list(rules)
    old = [
        Rule(r.kind, column, renamed.args(before.name, r.args), r.where, r.warns, r.sql)
        for r in were
    ]
    for rule in [*new]:
        same = next((each for each in old if _are_same(each, rule)), None)
        if same is not None:
            old.remove(same)
            new.remove(rule)
    for rule in new:
        was = next((each for each in old if each.kind == rule.kind), None)
        if was is None:
            yield _of_rule("rule added", table, rule, becomes=rule.words)
        else:
            old.remove(was)
            kind: ChangeKind = f"rule {strictness(rule, was)}"  # type: ignore[assignment]
            yield _of_rule(kind, table, rule, was=was.words, becomes=rule.words)
    for rule in old:
        yield _of_rule("rule removed", table, rule, was=rule.words)


def _are_same(one: Rule, other: Rule) -> bool:
    """Compiled predicates are compared where both are: a macro may have changed, and not the YAML.

    Before a build they are not known.
    """
    compiled = [rule.sql.predicate for rule in (one, other) if rule.sql and rule.sql.predicate]
    is_said_alike = _said(one) == _said(other)
    return is_said_alike and (len(compiled) < 2 or compiled[0] == compiled[1])


def _said(rule: Rule) -> dict[str, Any]:
    """`to` is how the YAML says what `parent` is."""
    return {name: value for name, value in rule.described().items() if name != "to"}


def _of_rule(kind: ChangeKind, table: Table, rule: Rule, **words: str) -> DictionaryChange:
    return DictionaryChange(
        kind,
        *(table.name, rule.column, rule.kind),
        **words,
        breaks_clients=kind in JUDGING and not rule.warns,
    )


def _change(
    kind: ChangeKind,
    table: Table,
    column: str | None = None,
    was: str | None = None,
    becomes: str | None = None,
) -> DictionaryChange:
    breaks = kind in _ALWAYS_BREAKING
    return DictionaryChange(
        kind, table.name, column, was=was, becomes=becomes, breaks_clients=breaks
    )
