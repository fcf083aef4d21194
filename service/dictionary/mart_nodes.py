"""What dbt's manifest says of the models that are made of the tables of record, and of their users.

Nothing here is judged by, so nothing is refused: what is not said is left out.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from service.dictionary import DataTest, Exposure, Mart, MartColumn, Owner
from service.dictionary.rules import KINDS

Node = Mapping[str, Any]
GRAIN_TEST = "unique_combination_of_columns"


def read_mart(node: Node, tests: Iterable[Node], groups: Mapping[str, Node]) -> Mart:
    """A mart, of its node, its data tests, and the groups by name."""
    own = list(tests)
    nullable = _may_be_missing(own)
    columns = [
        _column(said, own, nullable is not None and said["name"] not in nullable)
        for said in node["columns"].values()
    ]
    return Mart(
        node["name"],
        node["description"],
        tuple(columns),
        _grain(own, columns),
        made_of(node),
        owner_of(node, groups),
    )


def read_exposure(said: Node) -> Exposure:
    """Someone who uses what is here."""
    return Exposure(
        said.get("label") or said["name"],
        said["type"],
        said.get("description") or "",
        said.get("url") or None,
        made_of(said),
        _owner(said.get("owner") or {}),
    )


def owner_of(node: Node, groups: Mapping[str, Node]) -> Owner | None:
    """Who answers for a model: the owner of its group."""
    group = node.get("group")
    if not group:
        return None
    return _owner({"name": group, **_without_nothing(groups.get(group, {}).get("owner") or {})})


def made_of(node: Node) -> tuple[str, ...]:
    """The models that `node` depends on by name, and the sources as ``schema.table``."""
    parts = [key.split(".") for key in (node.get("depends_on") or {}).get("nodes", ())]
    names = {
        ".".join(part[2:]) if part[0] == "source" else part[2]
        for part in parts
        if part[0] in ("model", "source")
    }
    return tuple(sorted(names))


def _owner(said: Node) -> Owner | None:
    email = said.get("email") or None
    name = said.get("name") or email
    return Owner(name, email) if name else None


def _without_nothing(said: Node) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _column(said: Node, tests: Iterable[Node], never_missing: bool) -> MartColumn:
    type_name = (said.get("data_type") or "").lower()
    own = [_test(type_name, test) for test in tests if test["column_name"] == said["name"]]
    if never_missing and not any(test.kind == "not_null" for test in own):
        own.append(DataTest("not_null", {}, _words("not_null", {}, type_name)))
    own.sort(key=lambda test: test.kind)
    return MartColumn(said["name"], type_name, said["description"], tuple(own))


def _may_be_missing(tests: Iterable[Node]) -> Iterable[str] | None:
    """The columns that our own test of a mart's grain lets be missing; None where there is none.

    That of dbt_utils has the same name, and a namespace; it looks at no other column.
    """
    for test in tests:
        said = test["test_metadata"]
        if said["name"] == GRAIN_TEST and not said.get("namespace"):
            return _args_of(test).get("nullable", ())  # type: ignore[no-any-return]
    return None


def _test(type_name: str, test: Node) -> DataTest:
    kind, args = test["test_metadata"]["name"], _args_of(test)
    if kind == "relationships":
        found = re.search(r"['\"](\w+)['\"]\s*\)\s*$", args.get("to", ""))
        args["parent"] = found.group(1) if found else args.get("to")
    return DataTest(kind, args, _words(kind, args, type_name))


def _args_of(test: Node) -> dict[str, Any]:
    said = test["test_metadata"]["kwargs"]
    return {
        name: value
        for name, value in said.items()
        if name not in ("model", "column_name") and value is not None
    }


def _words(kind: str, args: Mapping[str, Any], type_name: str) -> str:
    """Those of the rule kind, where it is one and has its arguments; else its name."""
    known = KINDS.get(kind)
    if known and args.keys() <= known.arguments and known.lacks(dict(args), type_name) is None:
        return known.says(dict(args))
    named = ", ".join(f"{name}: {value}" for name, value in args.items())
    return f"{kind} ({named})" if named else kind


def _grain(tests: Iterable[Node], columns: Iterable[MartColumn]) -> tuple[str, ...]:
    """What a data test of the model says that names one row; else the first unique column."""
    for test in tests:
        if test["column_name"] is None and test["test_metadata"]["name"] == GRAIN_TEST:
            return tuple(_args_of(test).get("combination_of_columns", ()))
    unique = (each.name for each in columns if any(test.kind == "unique" for test in each.tests))
    return tuple(unique)[:1]
