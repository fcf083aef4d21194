"""One type of the dictionary in every guise: what `column_types` has one of for each type.

A *written* value is what a client sent or a file says. A *read* value is the plain Python value
that the column's Arrow array is made of: a number, a truth, or a text. Timestamps are read to text
in UTC with ``Z`` (ISO 8601), because Arrow parses a column of text ten times faster than it
converts Python datetimes; decimals and documents too, since no number of Python has their digits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.timestamps import Mask
from service.dictionary.written_values import Unreadable, Written

Decoded = tuple[pa.Array, Mask]
NUMBERS = frozenset({"tinyint", "smallint", "integer", "bigint"})  # whole ones


@dataclass(frozen=True)
class ColumnType:
    """One type of the dictionary in every guise."""

    name: str  # with its parameters, as engines take it: "decimal(10,2)"
    reads: str  # what a readable value is, for messages: "<column> is not <reads>"
    struct: type  # the type of its field in the structs that request bodies are decoded to
    meta: dict[str, Any]  # msgspec.Meta of that field: limits and what the OpenAPI schema says
    arrow: pa.DataType
    avro: str | dict[str, Any]
    read: Callable[[Written], Any]  # raises Unreadable
    from_text: Callable[[str], Any]  # raises Unreadable
    array: Callable[[Sequence[Any]], pa.Array]  # of read values; raises pa.ArrowInvalid
    form: str | None = None  # of the texts that `array` can be given without `read` first
    # What `decoded` does for values of the usual form, many times as fast; None for others.
    quickly: Callable[[Sequence[Any]], Decoded | None] | None = None
    # Of a type that is read from what was written: the same of fields that are msgspec.Raw, JSON.
    exactly: Callable[[Sequence[Any]], Decoded] | None = None

    @property
    def kind(self) -> str:
        """The name without parameters: "decimal"."""
        return self.name.partition("(")[0]

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers of 64 bits at most."""
        return self.name in NUMBERS

    def texts(self, array: pa.Array | pa.ChunkedArray) -> list[str | None]:
        """The values of an Arrow array as they are shown: ``2021-07-27T16:02:08.5Z``, ``1.50``."""
        if pa.types.is_decimal(array.type):
            return [None if each is None else format(each, "f") for each in array.to_pylist()]
        if pa.types.is_timestamp(array.type):
            texts = pc.replace_substring(array.cast(pa.timestamp("us")).cast(pa.string()), " ", "T")
            return pc.binary_join_element_wise(_short(texts), "Z", "").to_pylist()  # type: ignore[no-any-return]
        if pa.types.is_time(array.type):
            return _short(array.cast(pa.string())).to_pylist()  # type: ignore[no-any-return]
        return array.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]

    def decoded(self, values: Sequence[Any]) -> Decoded:
        """Values that a body's decoder let through: an array of type `arrow`, and a mask of doubt.

        Both have one item for each value. Where the mask is set, the item can be anything: the
        value has to be read by `read`.
        """
        if self.exactly:
            return self.exactly(values)
        if self.quickly and (found := self.quickly(values)):
            return found
        doubted = self._out_of_form(values)
        fit = _without(values, doubted)
        try:
            array = self.array(fit)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            doubted |= [not self._is_readable(value) for value in fit]
            array = self.array(_without(fit, doubted))
        if pa.types.is_floating(array.type):  # MessagePack knows infinity, and what is no number
            doubted |= pc.fill_null(pc.invert(pc.is_finite(array)), False).to_numpy(False)
        return array, doubted

    def _out_of_form(self, values: Sequence[Any]) -> Mask:
        if self.form is None:
            return np.zeros(len(values), np.bool_)
        try:
            others = pc.invert(pc.match_substring_regex(pa.array(values, pa.string()), self.form))
        except UnicodeEncodeError:  # a lone surrogate
            return np.ones(len(values), np.bool_)
        return pc.fill_null(others, False).to_numpy(False)  # type: ignore[no-any-return]

    def _is_readable(self, value: Any) -> bool:
        try:
            return value is None or self.read(value) is not None
        except Unreadable:
            return False


def _without(values: Sequence[Any], doubted: Mask) -> Sequence[Any]:
    if not doubted.any():
        return values
    return [None if doubt else value for value, doubt in zip(values, doubted, strict=True)]


def _short(texts: pa.Array) -> pa.Array:
    """Times without the zeros that end their fractions, as DuckDB writes them."""
    whole = pc.replace_substring_regex(texts, r"\.0+$", "")
    return pc.replace_substring_regex(whole, r"(\.[0-9]*[1-9])0+$", r"\1")
