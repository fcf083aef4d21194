"""How the YAML writes a column's type: names, aliases and parameters, as DuckDB has them.

The SQL side is `type_said` of macros/dictionary/types.sql.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

MOST_DIGITS = 38  # of a decimal
TIMESTAMPTZ = "timestamp with time zone"
KINDS_OF_TYPES = (
    *("integer", "bigint", "smallint", "tinyint", "double", "decimal", "boolean", "varchar"),
    *("uuid", "date", "time", "timestamp", TIMESTAMPTZ, "json"),
)
ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("int1",), "tinyint"),
    **dict.fromkeys(("int2", "int16", "short"), "smallint"),
    **dict.fromkeys(("int", "int4", "int32", "integral", "signed"), "integer"),
    **dict.fromkeys(("int8", "int64", "long"), "bigint"),
    **dict.fromkeys(("float8", "double precision"), "double"),
    **dict.fromkeys(("numeric", "dec"), "decimal"),
    **dict.fromkeys(("bool", "logical"), "boolean"),
    **dict.fromkeys(("text", "string", "char", "character", "bpchar", "nvarchar"), "varchar"),
    "character varying": "varchar",
    "guid": "uuid",
    "time without time zone": "time",
    **dict.fromkeys(("datetime", "timestamp_us", "timestamp without time zone"), "timestamp"),
    "timestamptz": TIMESTAMPTZ,
}
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("float", "float4", "real"), "double, or decimal(p,s) where digits count"),
    **dict.fromkeys(("hugeint", "uhugeint", "int128"), "decimal(38,0)"),
    **dict.fromkeys(("utinyint", "usmallint", "uint8", "uint16"), "integer with a rule in_range"),
    **dict.fromkeys(("uinteger", "uint32"), "bigint with a rule in_range"),
    **dict.fromkeys(("ubigint", "uint64"), "decimal(20,0)"),
    **dict.fromkeys(("timestamp_s", "timestamp_ms", "timestamp_ns"), "timestamp"),
}
_written = re.compile(r"([a-z_][a-z0-9_ ]*?) ?(?:\( ?([0-9]+) ?(?:, ?([0-9]+) ?)?\))?").fullmatch


class UnknownType(ValueError):
    """A type that no door could follow; says why."""


class TypeName(NamedTuple):
    """A type as the dictionary has it: ``decimal`` with (10, 2)."""

    kind: str
    parameters: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """As it is written: ``decimal(10,2)``."""
        said = ",".join(map(str, self.parameters))
        return f"{self.kind}({said})" if said else self.kind


def read_type_name(text: str) -> TypeName:
    """The type that a `data_type` names, whatever its case and white space.

    A decimal has always two parameters, as DuckDB fills them in: (18, 3) where none is said. A
    varchar may have its length.

    Raises:
        UnknownType: there is no such type, or its parameters make no sense.
    """
    plain = " ".join(text.lower().split())
    found = _written(plain)
    name = found[1] if found else plain
    kind = ALIASES.get(name, name)
    if found is None or kind not in KINDS_OF_TYPES:
        instead = f"; say {INSTEAD[name]}" if name in INSTEAD else ""
        known = ", ".join(KINDS_OF_TYPES)
        raise UnknownType(f"data_type {text!r} is not known; known are {known}{instead}")
    numbers = tuple(int(number) for number in found.groups()[1:] if number is not None)
    if kind == "decimal":
        return TypeName(kind, _digits(text, numbers))
    if numbers and (kind != "varchar" or len(numbers) > 1 or numbers[0] < 1):
        raise UnknownType(f"data_type {text!r} has parameters that make no sense")
    return TypeName(kind, numbers)


def _digits(text: str, numbers: tuple[int, ...]) -> tuple[int, int]:
    precision, scale = (*numbers, 0)[:2] if numbers else (18, 3)
    if not (1 <= precision <= MOST_DIGITS and scale <= precision):
        raise UnknownType(f"data_type {text!r} has parameters that make no sense")
    return precision, scale
