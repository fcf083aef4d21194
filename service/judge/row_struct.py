"""A table's row as a msgspec struct: what request bodies are decoded to, and OpenAPI shows."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from service.dictionary import Column, Rule, Table


def struct_of(table: Table, *, kept: bool = False) -> type[msgspec.Struct]:
    """The table's row as msgspec knows it: types, limits and words of the dictionary.

    Its JSON schema is what OpenAPI shows; unknown fields are refused. It is a row as it is sent;
    as it is `kept`, it always has the id that the service gives, where it gives one.
    """
    sure = [c for c in table.columns if c.must_be_sent or (kept and c.is_generated)]
    required = [(c.name, _field(c)) for c in sure]
    optional = [
        (c.name, _field(c) | None | UnsetType, UNSET) for c in table.columns if c not in sure
    ]
    title = "".join(part.title() for part in table.name.split("_"))
    name = f"{title}RowSent" if table.generated and not kept else f"{title}Row"
    return msgspec.defstruct(
        name,
        [*required, *optional],
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
        namespace={"__doc__": _description(table)},
    )


def _description(table: Table) -> str:
    """With the rules of the row as a whole, which a schema has no words for."""
    words = "; ".join(map(_told, table.rules))
    return f"{table.description}\n\nOf the row as a whole: {words}." if words else table.description


def _told(rule: Rule) -> str:
    return f"{rule.words} (a warning)" if rule.warns else rule.words


def _shown_default(column: Column) -> Any:
    if column.type.name == "json":
        return msgspec.json.decode(column.default_read)
    return column.default_read


def _field(column: Column) -> Any:
    limits = dict(column.type.meta)
    if column.default is not None:
        shown = {**limits.get("extra_json_schema", {}), "default": _shown_default(column)}
        limits["extra_json_schema"] = shown
    if column.is_generated:
        limits["extra_json_schema"] = {**limits.get("extra_json_schema", {}), "readOnly": True}
    for rule in column.rules_of_sent:
        for limit, value in rule.meta.items():
            if column.normalise and limit != "extra_json_schema":
                continue  # it is judged by what the text becomes
            narrower = {"ge": max, "le": min, "max_length": min, "min_length": max}.get(limit)
            if narrower and limit in limits:
                value = narrower(limits[limit], value)
            if limit == "extra_json_schema":
                value = {**limits.get(limit, {}), **value}
            limits[limit] = value
    further = [rule for rule in column.rules if not (rule.needs_other_rows or rule.by_itself)]
    if further:
        said = {"x-rules": list(map(_told, further))}
        limits["extra_json_schema"] = {**limits.get("extra_json_schema", {}), **said}
    examples = [] if column.example is None else [column.example]
    return Annotated[
        column.type.struct,
        msgspec.Meta(description=column.description, examples=examples, **limits),
    ]
