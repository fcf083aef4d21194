"""Several columns as one: a composite key, or a reference by several columns.

Its name is theirs with commas between. A value is a text: the values of its parts as they are
shown, with commas between; in a part a comma is %2C, and a percent sign %25. A row that lacks a
part has no value.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.column_types import type_of
from service.dictionary.typed_values import ColumnType
from service.dictionary.written_values import Unreadable, Written

COMBINED = "combined"  # the name of its type, which no column of the YAML has
SEPARATOR = ","
ESCAPED = (("%", "%25"), (SEPARATOR, "%2C"))  # in this order


def name_of(names: Iterable[str]) -> str:
    """Of the columns of these names together."""
    return SEPARATOR.join(names)


def text_of(values: Iterable[Any]) -> str:
    """The value of which these are the parts, as they are shown; none of them is None."""
    return SEPARATOR.join(map(_escaped, values))


def _escaped(value: Any) -> str:
    text = str(value)
    for character, escape in ESCAPED:
        text = text.replace(character, escape)
    return text


def parts_of(types: Sequence[ColumnType], text: str) -> list[Any]:
    """The values of which `text` is made, each as its type reads it.

    Raises:
        Unreadable: there are more or fewer, or one cannot be read.
    """
    found = split(text)
    if len(found) != len(types):
        raise Unreadable(f"has not the {len(types)} parts that it needs")
    return [kind.from_text(part) for kind, part in zip(types, found, strict=True)]


def split(text: str) -> list[str]:
    """The parts of a value, each as it is shown."""
    return [unquote(part) for part in text.split(SEPARATOR)]


@dataclass(frozen=True)
class CombinedType(ColumnType):
    """Reads and shows values of several columns together; `of` are the names of their types."""

    of: tuple[str, ...] = ()

    def __reduce__(self) -> Any:
        return type_of_parts, (self.of,)  # another process has the same


@lru_cache(1000)
def type_of_parts(names: tuple[str, ...]) -> CombinedType:
    """The type of columns together whose types have these names."""
    types = [type_of(name) for name in names]

    def from_text(text: str) -> str:
        return text_of(parts_of(types, text))

    def read(value: Written) -> str:
        if not isinstance(value, str):
            raise Unreadable
        return from_text(value)

    return CombinedType(
        COMBINED,
        f"{len(types)} values with commas between, each {', '.join(kind.reads for kind in types)}",
        str,
        {},
        pa.string(),
        "string",
        read,
        from_text,
        lambda values: pa.array(values, pa.string()),
        of=names,
    )


def texts_of_rows(parts: Sequence[tuple[ColumnType, pa.Array | pa.ChunkedArray]]) -> list[Any]:
    """The values of rows, given the columns of the parts; None where one of them is missing."""
    texts = []
    for kind, column in parts:
        if kind.is_whole:
            text = column.cast(pa.string())
        elif kind.name == "varchar":
            text = column
            for character, escape in ESCAPED:
                text = pc.replace_substring(text, character, escape)
        else:
            text = pa.array(kind.texts(column), pa.string())
        texts.append(text)
    return pc.binary_join_element_wise(*texts, SEPARATOR).to_pylist()  # type: ignore[no-any-return]
