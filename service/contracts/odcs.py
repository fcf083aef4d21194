"""A table as a data contract of the Open Data Contract Standard, version 3.1.0.

https://bitol-io.github.io/open-data-contract-standard/v3.1.0/. Of its rules the standard has words
for some; each is told as text besides, as the dictionary page tells it.
"""

import re
from collections.abc import Mapping
from typing import Any

from service.dictionary import Column, Owner, Rule, Table
from service.dictionary.type_names import TIMESTAMPTZ

Contract = dict[str, Any]
API_VERSION = "v3.1.0"
LOGICAL: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "tinyint": ("integer", {"format": "i8"}),
    "smallint": ("integer", {"format": "i16"}),
    "integer": ("integer", {"format": "i32"}),
    "bigint": ("integer", {"format": "i64"}),
    "double": ("number", {"format": "f64"}),
    "decimal": ("number", {}),
    "boolean": ("boolean", {}),
    "varchar": ("string", {}),
    "uuid": ("string", {"format": "uuid"}),
    "json": ("object", {}),
    "time": ("time", {"format": "HH:mm:ss"}),
    "date": ("date", {"format": "yyyy-MM-dd"}),
    "timestamp": ("timestamp", {"defaultTimezone": "Etc/UTC"}),
    TIMESTAMPTZ: ("timestamp", {"timezone": True, "defaultTimezone": "Etc/UTC"}),
}
# What a rule of a kind is about; of another one nothing is said.
DIMENSIONS = {
    "not_null": "completeness",
    "not_blank": "completeness",
    "unique": "uniqueness",
    "relationships": "consistency",
    "accepted_values": "conformity",
    "in_range": "conformity",
    "max_length": "conformity",
    "utc_datetime": "conformity",
    "expression_is_true": "consistency",
    "not_in_future": "conformity",
    "min_length": "conformity",
    "matches": "conformity",
}
_is_reference = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_-]*", re.ASCII).fullmatch


def odcs(table: Table) -> Contract:
    """The contract, in the order in which people read it; `version` changes as the table does."""
    contract: Contract = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"urn:gatehouse:table:{table.name}",
        "name": table.name,
        "version": table.fingerprint,
        "status": "active",
        "description": {"purpose": table.description},
        "schema": [_object(table)],
    }
    if table.owner:
        contract["team"] = _team(table.owner)
    return contract


def _team(owner: Owner) -> Contract:
    member = {"username": owner.email or owner.name, "name": owner.name, "role": "owner"}
    return {"name": owner.name, "members": [member]}


def _object(table: Table) -> Contract:
    return {
        "name": table.name,
        "physicalName": f"core.{table.name}",
        "physicalType": "table",
        "logicalType": "object",
        "description": table.description,
        "dataGranularityDescription": table.grain,
        "properties": [_property(table, column) for column in table.columns],
        **_together(table),
    }


def _together(table: Table) -> Contract:
    """What several columns are, or refer to, together."""
    said: Contract = {}
    references = [column for column in table.combined if column.reference]
    if references:
        said["relationships"] = [
            {
                "type": "foreignKey",
                "from": [f"{table.name}.{part.name}" for part in column.parts],
                "to": [f"{rule.args['parent']}.{name}" for name in rule.args["fields"]],
            }
            for column in references
            if (rule := column.reference)
        ]
    if rules := [(column, rule) for column in table.combined for rule in column.rules]:
        said["quality"] = [
            {
                "name": rule.kind,
                "description": f"{column.name}: {rule.words}",
                "dimension": DIMENSIONS[rule.kind],
                "severity": "error",
                "type": "text",
            }
            for column, rule in rules
        ]
    return said


def _property(table: Table, column: Column) -> Contract:
    logical, options = LOGICAL[column.type.kind]
    options = {**options, **_limits(column)}
    said: Contract = {
        "name": column.name,
        "logicalType": logical,
        "physicalType": column.type.name,
        "description": column.description,
        "required": column.required,
        "unique": column.is_unique,
    }
    if options:
        said["logicalTypeOptions"] = options
    if column.name in table.key_names:
        place = table.key_names.index(column.name) + 1
        said |= {"primaryKey": True, "primaryKeyPosition": place}
    if column.example is not None:
        said["examples"] = [column.example]
    if column.synonyms:
        said["customProperties"] = [{"property": "synonyms", "value": list(column.synonyms)}]
    if to := _referred(column):
        said["relationships"] = [{"type": "foreignKey", "to": to}]
    if column.rules:
        said["quality"] = [_quality(rule) for rule in column.rules]
    return said


def _limits(column: Column) -> Contract:
    """What the rules say of the logical type's options."""
    limits: Contract = {}
    for rule in column.rules:
        if rule.kind == "in_range":
            names = {"min": "minimum", "max": "maximum"}
            limits |= {names[end]: rule.args[end] for end in names if end in rule.args}
        elif rule.kind == "max_length":
            limits["maxLength"] = rule.args["length"]
        elif rule.kind == "not_blank":
            limits["minLength"] = 1
    return limits


def _referred(column: Column) -> str | None:
    """``table.column``; None where the standard cannot write it."""
    if column.reference is None:
        return None
    to = f"{column.reference.args['parent']}.{column.reference.args['field']}"
    return to if _is_reference(to) else None


def _quality(rule: Rule) -> Contract:
    said: Contract = {"name": rule.kind, "description": rule.words}
    if rule.kind in DIMENSIONS:
        said["dimension"] = DIMENSIONS[rule.kind]
    said["severity"] = "error"  # a row that breaks it is kept out
    if rule.kind == "not_null":
        return {**said, "type": "library", "metric": "nullValues", "mustBe": 0}
    if rule.kind == "unique":
        return {**said, "type": "library", "metric": "duplicateValues", "mustBe": 0}
    if rule.kind == "accepted_values":
        valid = {"validValues": list(rule.args["values"])}
        library = {"type": "library", "metric": "invalidValues", "arguments": valid}
        return {**said, **library, "mustBe": 0}
    return {**said, "type": "text"}
