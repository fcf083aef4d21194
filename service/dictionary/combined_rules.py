"""Rules of several columns together, which need other rows: what is unique, what refers to a row.

The data test ``unique_combination_of_columns`` is the rule ``unique`` of such columns, and
``relationships_of_columns`` their rule ``relationships``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.dictionary import Column, DictionaryError, Rule
from service.dictionary.column_types import KEY_KINDS
from service.dictionary.combined_columns import name_of, type_of_parts
from service.dictionary.rule_nodes import referred

Node = Mapping[str, Any]
UNIQUE, REFERENCE = "unique_combination_of_columns", "relationships_of_columns"
KINDS = (UNIQUE, REFERENCE)


def combined_of(table: str, columns: Sequence[Column], tests: Iterable[Node]) -> tuple[Column, ...]:
    """The columns that are looked at together, each list of names once, as `tests` say.

    Raises:
        DictionaryError: a test makes no sense.
    """
    by_name = {column.name: column for column in columns}
    rules: dict[tuple[str, ...], list[Rule]] = {}
    for test in tests:
        if (said := test["test_metadata"])["name"] in KINDS:
            where = f"{table}: rule {said['name']}"
            _check(where, test)
            rule = _unique(where, said) if said["name"] == UNIQUE else _reference(where, said)
            rules.setdefault(_columns(where, rule, by_name), []).append(rule)
    found = tuple(_combined([by_name[name] for name in names], rules[names]) for names in rules)
    for column in found:
        _check_rules(table, column)
        if column.name in by_name:
            raise DictionaryError(f"{table}: there is a column {column.name} besides")
    return found


def _check(where: str, test: Node) -> None:
    config = test.get("config") or {}
    if config.get("where") or (config.get("severity") or "error").lower() != "error":
        raise DictionaryError(
            f"{where} has where or severity, which a rule that needs other rows cannot have"
        )


def _columns(where: str, rule: Rule, known: Mapping[str, Column]) -> tuple[str, ...]:
    names = tuple(rule.args["columns"])
    for name in names:
        if name not in known:
            raise DictionaryError(f"{where}: there is no column {name}")
        kind = known[name].type.kind
        if kind not in KEY_KINDS:
            raise DictionaryError(f"{where} cannot be on a column of type {kind}: {name}")
    return names


def _unique(where: str, said: Node) -> Rule:
    names = _names(where, said, "combination_of_columns")
    return Rule("unique", name_of(names), {"columns": names})


def _reference(where: str, said: Node) -> Rule:
    names, fields = _names(where, said, "columns"), _names(where, said, "fields")
    if len(names) != len(fields):
        raise DictionaryError(f"{where} needs as many fields as columns")
    to = said["kwargs"].get("to") or ""
    args = {"columns": names, "to": to, "fields": fields}
    args |= {"parent": referred(where, to), "field": name_of(fields)}
    return Rule("relationships", name_of(names), args)


def _names(where: str, said: Node, argument: str) -> list[str]:
    names = said["kwargs"].get(argument)
    known = list(names) if isinstance(names, list | tuple) else []
    if len(set(map(str, known))) < 2 or len(set(map(str, known))) < len(known):
        raise DictionaryError(f"{where} needs {argument}, two names or more")
    return [str(name) for name in known]


def _check_rules(table: str, column: Column) -> None:
    kinds = [rule.kind for rule in column.rules]
    for kind in set(kinds):
        if kinds.count(kind) > 1:
            raise DictionaryError(f"{table}: rule {kind} of {column.name} stands twice")


def _combined(parts: Sequence[Column], rules: Sequence[Rule]) -> Column:
    return Column(
        name_of(part.name for part in parts),
        type_of_parts(tuple(part.type.name for part in parts)),
        "",
        tuple(sorted(rules, key=lambda rule: rule.kind)),
        combines=tuple(parts),
    )
