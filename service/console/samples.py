"""A value that fits a schema of the OpenAPI document, to begin with."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
OF_TYPES = {"string": "text", "number": 1.5, "boolean": True, "null": None}
OF_FORMATS = {
    "date-time": "2021-07-27T16:02:08Z",
    "date": "2021-07-27",
    "decimal": "1",
    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
}
DEEPEST = 6  # a schema may hold itself


def sample(document: Json, schema: Json, depth: int = 0) -> Any:
    """A value of the schema; of an object what is required, else all that it names."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if options := schema.get("examples") or schema.get("enum"):
        return options[0]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return sample(document, _first(options), depth)
    kind = _type(schema)
    if kind == "object" and depth < DEEPEST:
        return _object(document, schema, depth)
    if kind == "array":
        return [sample(document, schema.get("items", {}), depth + 1)] if depth < DEEPEST else []
    if kind == "integer":
        return max(1, schema.get("minimum", 1))
    return OF_FORMATS.get(schema.get("format", ""), OF_TYPES.get(kind, {}))


def _object(document: Json, schema: Json, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    names = schema.get("required") or list(properties)
    return {
        name: sample(document, properties[name], depth + 1) for name in names if name in properties
    }


def _first(options: list[Json]) -> Json:
    """That which is not null; an array before what it has, for calls that take both."""
    rest = [each for each in options if each.get("type") != "null"]
    return rest[0] if rest else options[0]


def _type(schema: Json) -> str:
    said = schema.get("type", "object")
    return str(next(each for each in said if each != "null") if isinstance(said, list) else said)
