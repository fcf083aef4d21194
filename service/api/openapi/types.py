"""The types of the OpenAPI document that follow from the dictionary."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api.http.describing import Schema
from service.dictionary import Dictionary, Report, Table
from service.dictionary.type_names import TIMESTAMPTZ
from service.judge.row_struct import struct_of

_SHOWN: dict[str, Any] = {
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "double": float,
    "boolean": bool,
    "decimal": Annotated[str, Meta(extra_json_schema={"format": "decimal"})],
    "varchar": str,
    "uuid": Annotated[str, Meta(extra_json_schema={"format": "uuid"})],
    "time": str,
    "date": Annotated[str, Meta(extra_json_schema={"format": "date"})],
    "timestamp": Annotated[str, Meta(extra_json_schema={"format": "date-time"})],
    TIMESTAMPTZ: Annotated[str, Meta(extra_json_schema={"format": "date-time"})],
}


class Schemas:
    """For each Shape the type that it has for a table or a report."""

    def __init__(
        self,
        dictionary: Dictionary,
        max_rows: int,
        report_types: Mapping[str, Mapping[str, str]],
    ) -> None:
        tables = dictionary.tables.items()
        self._rows = {name: struct_of(table, kept=True) for name, table in tables}
        self._sent = {
            name: struct_of(table) if table.generated else self._rows[name]
            for name, table in tables
        }
        self._number = Meta(min_length=1, max_length=max_rows)
        self._report_types = report_types
        self._made: dict[tuple[Schema, str], Any] = {}  # one type each, or names would clash

    def of(self, schema: Schema, about: Table | Report | None) -> Any:
        """The type of `schema`, where it is about a table or a report."""
        name = about.name if about else ""
        if (schema, name) not in self._made:
            self._made[schema, name] = self._make(schema, about)
        return self._made[schema, name]

    def key(self, table: Table) -> Any:
        """The type of the primary key."""
        kind = table.key.type
        return str if kind.exactly else kind.struct

    def text(self, media_type: str, about: Table | Report | None) -> dict[str, Any]:
        """The schema of rows as text, which JSON Schema cannot look into."""
        schema = {"type": "string"}
        if about is not None and media_type == "text/csv":
            names = about.column_names if isinstance(about, Table) else about.columns
            schema["description"] = f"A header, {','.join(names)}, and one row a line (RFC 4180)."
        elif about is not None and media_type == "application/x-ndjson":
            row = f"{_title(about.name)}Row"
            schema["description"] = f"One JSON object a line, each as #/components/schemas/{row}."
        return schema

    def _make(self, schema: Schema, about: Table | Report | None) -> Any:
        if schema is Schema.ROWS_BY_TABLE:
            return self._by_table()
        if isinstance(about, Report):
            return self._report(about)
        assert about is not None, f"{schema} is about a table"
        row: Any = self._rows[about.name]
        if schema is Schema.ROW:
            return row
        if schema is Schema.PATCH:
            return self._patch(about)
        if schema is Schema.ROWS:
            row = self._sent[about.name]
            return Annotated[list[row], self._number] | row
        if schema is Schema.ROW_SENT:
            return self._sent[about.name]
        assert schema is Schema.PAGE, schema
        fields: list[tuple[str, Any, Any] | tuple[str, Any]] = [
            ("rows", list[self._selected(about)]),  # type: ignore[misc]
            ("next", str | None),
            ("count", int | UnsetType, UNSET),
            ("count_exact", bool | UnsetType, UNSET),
        ]
        doc = f"A page of {about.name}."
        return msgspec.defstruct(f"{_title(about.name)}Page", fields, namespace={"__doc__": doc})

    def _selected(self, table: Table) -> Any:
        """A row of which only some columns may have been asked for."""
        fields = [
            (each.name, each.type | UnsetType, UNSET)
            for each in msgspec.structs.fields(self._rows[table.name])
        ]
        doc = f"A row of {table.name}; with `select`, of those columns alone."
        return msgspec.defstruct(
            f"{_title(table.name)}Selected", fields, namespace={"__doc__": doc}
        )

    def _patch(self, table: Table) -> Any:
        fields = [
            (each.name, each.type | UnsetType, UNSET)
            for each in msgspec.structs.fields(self._rows[table.name])
        ]
        doc = f"The columns of a row of {table.name} that change."
        return msgspec.defstruct(
            f"{_title(table.name)}Patch",
            fields,
            forbid_unknown_fields=True,
            namespace={"__doc__": doc},
        )

    def _by_table(self) -> Any:
        fields = [
            (name, Annotated[list[row], self._number] | UnsetType, UNSET)  # type: ignore[valid-type]
            for name, row in self._sent.items()
        ]
        doc = "Rows by table, from 1 to the most that a request may bring in all."
        return msgspec.defstruct(
            "RowsByTable", fields, forbid_unknown_fields=True, namespace={"__doc__": doc}
        )

    def _report(self, report: Report) -> Any:
        types = {
            name: _SHOWN.get(kind.partition("(")[0], Any)
            for name, kind in self._report_types[report.name].items()
        }
        row: Any = msgspec.defstruct(
            f"{_title(report.name)}Row", [(name, types[name] | None) for name in report.columns]
        )
        fields: list[tuple[str, Any, Any] | tuple[str, Any]] = [
            *((name, types[name]) for name in report.scalars),
            ("rows", list[row]),
            ("next", str | UnsetType, UNSET),
        ]
        doc = report.description
        return msgspec.defstruct(_title(report.name), fields, namespace={"__doc__": doc})


def _title(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
