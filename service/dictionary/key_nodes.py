"""What dbt's manifest says of the primary key of a table, and who gives it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.dictionary import DictionaryError, Table
from service.dictionary.combined_columns import SEPARATOR
from service.dictionary.combined_rules import UNIQUE

GENERATED = "generated"  # of `meta.key`: the service gives new rows their primary key
Node = Mapping[str, Any]


def key_names(node: Node) -> list[str]:
    """The names of the columns with the constraint primary_key; as dbt has it, at the column, or at
    the model where they are several.

    Raises:
        DictionaryError: there is not one.
    """
    keys = [
        [name]
        for name, column in node["columns"].items()
        if any(constraint["type"] == "primary_key" for constraint in column["constraints"])
    ]
    keys += [
        list(constraint.get("columns") or ())
        for constraint in node.get("constraints") or ()
        if constraint["type"] == "primary_key"
    ]
    if len(keys) != 1:
        raise DictionaryError(f"{node['name']}: there must be one constraint primary_key")
    for name in keys[0]:
        if name not in node["columns"]:
            raise DictionaryError(f"{node['name']}: there is no column {name}")
    return keys[0]


def with_key(table: Table) -> Table:
    """The table.

    Raises:
        DictionaryError: its primary key lacks the rules that make it one.
    """
    names = table.primary_key.split(SEPARATOR)
    known = {column.name: column for column in (*table.columns, *table.combined)}
    key = known.get(table.primary_key)
    unique = "unique" if len(names) == 1 else UNIQUE
    if not (key and key.is_unique and all(known[name].required for name in names)):
        raise DictionaryError(
            f"{table.name}.{table.primary_key}: a primary key needs the rules not_null and {unique}"
        )
    return table


def with_ids(table: Table, said: Any) -> Table:
    """With a key that is `said` to be ``generated`` (``meta.key``), or where nothing is said.

    Raises:
        DictionaryError: it says something else, or the key is none that can be given.
    """
    if said is None:
        return table
    where, key = f"{table.name}: key: {said}", table.key
    if said != GENERATED:
        raise DictionaryError(f"{where} is not known: there is {GENERATED}")
    if key.type.name != "bigint":
        raise DictionaryError(f"{where} needs {key.name} to be a bigint, not {key.type.name}")
    if key.default is not None or {rule.kind for rule in key.rules} != {"not_null", "unique"}:
        raise DictionaryError(f"{where}: {key.name} has not_null, unique and nothing else")
    columns = (replace(each, is_generated=each is key) for each in table.columns)
    return replace(table, columns=tuple(columns))
