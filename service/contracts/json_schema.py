"""A table's row as JSON Schema (draft 2020-12).

It is the schema that the OpenAPI document shows, and says besides what can be said of texts by
patterns (ECMA-262, with the flag u), and under ``x-gatehouse`` what JSON Schema cannot say.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from service.dictionary import Column, Table
from service.dictionary.blank import BLANK
from service.judge.row_struct import struct_of

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMENT = (
    "Of a row in JSON. In CSV the same values are texts, and an empty field is null. Whether a"
    " value is unique and whether the row that it refers to is there depends on other rows:"
    " x-gatehouse says where that is asked. That a day is in the calendar is said by format alone."
)
_ENDS = {
    bits: {"minimum": -(1 << bits - 1), "maximum": (1 << bits - 1) - 1} for bits in (8, 16, 32, 64)
}
_WHOLE = {
    "tinyint": _ENDS[8],
    "smallint": _ENDS[16],
    "integer": _ENDS[32],
    "bigint": _ENDS[64],
}
# A text has no NUL; one that is not blank has a character that is seen.
_TEXT = "^[^\0]*$"


def json_schema(table: Table) -> Json:
    """The schema of one row, as it is sent in JSON; properties in the order of the dictionary."""
    _, components = msgspec.json.schema_components([struct_of(table)])
    [row] = components.values()
    properties = {
        each.name: _property(each, row["properties"][each.name]) for each in table.columns
    }
    schema: Json = {
        "$schema": DIALECT,
        "$id": f"urn:gatehouse:table:{table.name}",
        "$comment": COMMENT,
        "title": table.name,
        "description": table.description,
        "type": "object",
        "properties": properties,
        "required": [each.name for each in table.columns if each.must_be_sent],
        "additionalProperties": False,
    }
    examples = {each.name: each.example for each in table.columns if each.example is not None}
    if examples.keys() >= {*schema["required"]}:
        schema["examples"] = [examples]
    return {**schema, "x-gatehouse": _beyond(table)}


def _property(column: Column, shown: Json) -> Json:
    """What the OpenAPI document shows of a column; one that may be missing has two branches."""
    branches = shown.get("anyOf", [shown])
    said = next(branch for branch in branches if branch.get("type") != "null")
    words = {key: said[key] for key in ("description", "examples") if said.get(key)}
    said = {key: value for key, value in said.items() if key not in (*words, "examples")}
    said = {**_WHOLE.get(column.type.name, {}), **said, **_of_text(column)}
    if not column.must_be_sent:
        if "type" in said:  # else it may be anything, and is null already
            types = said["type"] if isinstance(said["type"], list) else [said["type"]]
            said["type"] = [*types, "null"]
        if "enum" in said:
            said["enum"] = [*said["enum"], None]
    rules = [{**rule.described(), "words": rule.words} for rule in column.rules]
    return {**words, **said, "x-gatehouse": {"type": column.type.name, "rules": rules}}


def _of_text(column: Column) -> Json:
    kinds = {rule.kind for rule in column.rules}
    if column.type.name == "varchar":
        seen = f"^[^\0]*[^{_literally(BLANK)}][^\0]*$"
        return {"pattern": seen if "not_blank" in kinds else _TEXT}
    return {}


def _literally(characters: str) -> str:
    r"""A character class of RE2 with the characters themselves for ``\x20`` and ``\x{2000}``."""
    return re.sub(
        r"\\x(?:\{([0-9a-f]+)\}|([0-9a-f]{2}))",
        lambda found: chr(int(found.group(1) or found.group(2), 16)),
        characters,
    )


def _beyond(table: Table) -> Mapping[str, Any]:
    """What JSON Schema cannot say of the table."""
    references = [
        {"column": each.name, "table": said.args["parent"], "field": said.args["field"]}
        for each in table.referring_columns
        if (said := each.reference)
    ]
    return {
        "table": table.name,
        "fingerprint": table.fingerprint,
        "primary_key": table.primary_key,
        "key": list(table.key_names),
        "unique": [each.name for each in table.unique_columns],
        "relationships": references,
    }
