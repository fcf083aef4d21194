"""Dictionaries of a few words, for tests of what becomes of one that changes."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from service.dictionary import Dictionary
from service.dictionary.manifest import read_dictionary

Said: TypeAlias = tuple[str, dict[str, Any]]
KEY_TESTS = ("not_null", "unique")


def dictionary(**tables: Mapping[str, str]) -> Dictionary:
    """The dictionary of `nodes_of`."""
    return read_dictionary(nodes_of(**tables))


def content_of(**tables: Mapping[str, str]) -> str:
    """The same as a warehouse keeps it."""
    return msgspec.json.encode({"nodes": nodes_of(**tables)}).decode()


def nodes_of(**tables: Mapping[str, str]) -> dict[str, Any]:
    """By table, its columns: a type, then rules as ``kind`` or ``kind(name=value)``, with ``;``.

    The first column is the key. ``default=…``, ``was=…`` and ``about=…`` among the rules are no
    rules; the column ``_was`` is what the table was called, ``_key`` is its ``meta.key``.
    """
    nodes: dict[str, Any] = {}
    for name, columns in tables.items():
        said = dict(columns)
        meta = {"renamed_from": said.pop("_was", None), "key": said.pop("_key", None)}
        key = next(iter(said))
        made = {each: _column(each, text, each == key) for each, text in said.items()}
        nodes[f"model.gatehouse.{name}"] = {
            "resource_type": "model",
            "name": name,
            "schema": "core",
            "description": "One row per thing.",
            "columns": made,
            "group": None,
            "config": {"meta": {name: value for name, value in meta.items() if value}},
            "depends_on": {"nodes": []},
        }
        for column, text in said.items():
            tests: list[Said] = [(kind, {}) for kind in KEY_TESTS] if column == key else []
            for number, (kind, args) in enumerate([*tests, *_rules(text)]):
                test = _test(name, column, kind, args)
                nodes[f"test.gatehouse.{name}.{column}.{number}"] = test
    return nodes


def _column(name: str, text: str, is_key: bool) -> dict[str, Any]:
    kind, *more = text.split(";")
    said = dict(each.split("=", 1) for each in more if _is_no_rule(each))
    meta = {"default": said.get("default"), "renamed_from": said.get("was")}
    return {
        "name": name,
        "data_type": kind,
        "description": said.get("about", "Something."),
        "constraints": [{"type": "primary_key"}] if is_key else [],
        "config": {"meta": {key: value for key, value in meta.items() if value is not None}},
    }


def _is_no_rule(text: str) -> bool:
    return text.startswith(("default=", "was=", "about="))


def _rules(text: str) -> list[Said]:
    found: list[Said] = []
    for each in text.split(";")[1:]:
        if not _is_no_rule(each):
            kind, _, args = each.partition("(")
            found.append((kind, eval(f"dict({args or ')'}", {"__builtins__": {"dict": dict}})))
    return found


def _test(table: str, column: str, kind: str, args: dict[str, Any]) -> dict[str, Any]:
    severity = args.pop("severity", "error")
    if "to" in args:
        args["to"] = f"ref('{args['to']}')"
    return {
        "resource_type": "test",
        "name": f"{kind}_{table}_{column}",
        "column_name": column,
        "attached_node": f"model.gatehouse.{table}",
        "test_metadata": {"name": kind, "kwargs": args},
        "config": {"where": None, "severity": severity},
    }
