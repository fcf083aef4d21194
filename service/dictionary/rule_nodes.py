"""Rules as dbt's data tests say them: their kind, arguments, `where` and severity."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from service.dictionary import DictionaryError, Rule, SqlRule
from service.dictionary.rule_kind import Kind
from service.dictionary.rules import KINDS, NEED_OTHER_ROWS

Node = Mapping[str, Any]

# Kinds by the names that dbt_utils has for them, with those of their arguments.
SAME_AS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "accepted_range": ("in_range", {"min_value": "min", "max_value": "max"}),
}


def read_rule(
    place: str, type_name: str | None, column: str | None, test: Node, own_kinds: Collection[str]
) -> Rule:
    """The rule that a data test is; `column` and its type are None for one of the row.

    Raises:
        DictionaryError: it is of no known kind, or makes no sense there.
    """
    said = test["test_metadata"]
    kind, renamed = SAME_AS.get(said["name"], (said["name"], {}))
    where = f"{place}: rule {said['name']}"
    args = {
        renamed.get(key, key): value
        for key, value in said["kwargs"].items()
        if key not in ("model", "column_name") and value is not None
    }
    if compiled := test.get("rule"):
        sql = SqlRule(compiled["predicate"], compiled["message"], compiled["words"])
    else:
        sql = SqlRule(None, *(("", "") if kind not in KINDS else ()))
    known = KINDS.get(kind)
    if known is None:
        if not compiled and kind not in own_kinds:
            raise DictionaryError(f"{where} is not a known kind of rule")
    else:
        _check(where, known, type_name, column, args)
    if kind == "relationships":
        args["parent"] = referred(where, args["to"])
    config = test.get("config") or {}
    condition, warns = config.get("where") or None, _warns(where, config)
    if (condition or warns) and kind in NEED_OTHER_ROWS:
        raise DictionaryError(
            f"{where} has where or severity, which a rule that needs other rows cannot have"
        )
    by_sql = known is None or not known.is_quick(type_name, args)
    return Rule(kind, column, args, condition, warns, sql if by_sql else None)


def _warns(where: str, config: Node) -> bool:
    severity = (config.get("severity") or "error").lower()
    if severity not in ("error", "warn"):
        raise DictionaryError(f"{where} has the severity {severity}; there are error and warn")
    return severity == "warn"


def _check(
    where: str, kind: Kind, type_name: str | None, column: str | None, args: Mapping[str, Any]
) -> None:
    if column is None and not kind.of_rows:
        raise DictionaryError(f"{where} is not on a column")
    if column is not None and not kind.of_columns:
        raise DictionaryError(f"{where} is of a whole row, and not of a column")
    if type_name is not None and not kind.fits(type_name):
        raise DictionaryError(f"{where} cannot be on a column of type {type_name}")
    if unknown := args.keys() - kind.arguments:
        raise DictionaryError(f"{where} has no argument {', '.join(sorted(unknown))}")
    if lacks := kind.lacks(dict(args), type_name or ""):
        raise DictionaryError(f"{where} needs {lacks}")


def referred(where: str, to: str) -> str:
    """The table that ``ref('<table>')`` names.

    Raises:
        DictionaryError: it is written otherwise.
    """
    found = re.fullmatch(r"\s*ref\(\s*['\"](\w+)['\"]\s*\)\s*", to)
    if not found:
        raise DictionaryError(f"{where} must go to: ref('<table>'), not {to}")
    return found.group(1)
