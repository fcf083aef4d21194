"""Rows judged value by value, to name every violation: those that the fast way doubts."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from service.dictionary import Column, Table
from service.dictionary.written_values import JsonText, Unreadable
from service.errors import shortened
from service.formats.bodies.fields import TOLD
from service.formats.bodies.rows_protocol import MalformedRow, Rows, decoding
from service.judge.batch import Broken, Violation
from service.judge.columns import key_values, mask

Violations = list[list[Violation]]  # of each row that is judged


def judged_by_value(
    table: Table, struct: type[msgspec.Struct], rows: Rows, positions: Iterable[int]
) -> tuple[dict[int, Broken], dict[int, msgspec.Struct]]:
    """The rows at `positions` by position: those that break a rule, and those that fit as structs.

    Raises:
        MalformedBody: one of them is not of the body's format.
    """
    order = sorted(positions)
    with decoding():
        sent = [rows.plain(position) for position in order]
        meant = [rows.exact(position, table.exact_columns) for position in order]
    objects = [row if isinstance(row, dict) else {} for row in sent]
    violations: Violations = [[] for _ in sent]
    read, keys = {}, {}
    for column in table.columns:
        fields = [
            _Field(row.get(column.name), exact.get(column.name))
            for row, exact in zip(objects, meant, strict=True)
        ]
        read[column.name], kept, array = _judged_column(column, fields, violations, rows.from_text)
        if column.is_unique or column.reference:
            keys[column.name] = _keys(column, kept, array)
    broken: dict[int, Broken] = {}
    fitting: dict[int, msgspec.Struct] = {}
    for i, position in enumerate(order):
        _judge_fields(table, sent[i], rows, position, violations[i])
        values = {name: read[name][i] for name in read}
        if violations[i]:
            broken[position] = Broken(violations[i], {name: keys[name][i] for name in keys})
        else:
            fitting[position] = struct(**values)
    return broken, fitting


class _Field(NamedTuple):
    """One field of a row: its plain value, and how JSON has it where the digits count."""

    plain: Any
    exact: JsonText | None

    @property
    def told(self) -> Any:
        """As a violation tells it: a decoder may have rounded a number."""
        return str(self.exact) if self.exact and isinstance(self.plain, float) else self.plain


def _judged_column(
    column: Column, fields: Sequence[_Field], violations: Violations, from_text: bool
) -> tuple[list[Any], list[Any], pa.Array]:
    """The values of a column as they are read and as they are kept, None where there is none, and
    as an array those that are kept; what is wrong joins `violations`.
    """
    read = _read(column, fields, violations, from_text)
    kept = [
        column.adjusted(value) if value is not None or field.plain is None else None
        for value, field in zip(read, fields, strict=True)
    ]
    written = [field.told for field in fields]
    # A value that could not be read is not missing.
    missing = [i for i, value in enumerate(written) if value is None and kept[i] is None]
    there = [i for i, value in enumerate(kept) if value is not None]
    array = column.type.array([kept[i] for i in there])
    for rule in column.own_rules:
        breaking = missing
        if rule.kind != "not_null":
            texts = _texts([written[i] for i in there]) if rule.judges_writing else array
            broken = np.flatnonzero(mask(rule.breaks(array, texts)))
            breaking = [there[i] for i in broken.tolist()]
        for i in breaking:
            message = rule.message(written[i])
            violations[i].append(Violation(column.name, rule.kind, message, written[i]))
    return read, kept, array


def _keys(column: Column, read: Sequence[Any], array: pa.Array) -> Sequence[Any]:
    """The values of a key column as `key_values` has them, where there are any."""
    there = iter(key_values(column.type, array))
    return [None if value is None else next(there) for value in read]


def _read(
    column: Column, fields: Sequence[_Field], violations: Violations, from_text: bool
) -> list[Any]:
    read_one = column.type.from_text if from_text else column.type.read
    read: list[Any] = []
    for i, field in enumerate(fields):
        value = field.exact or field.plain
        try:
            read.append(None if field.plain is None else read_one(value))
        except Unreadable as error:
            read.append(None)
            message = f"{column.name} {error.said or f'is not {column.type.reads}'}"
            violations[i].append(Violation(column.name, "type", message, field.told))
    return read


def _texts(written: Sequence[Any]) -> pa.Array:
    """What was written as an array of text, null where it was no text."""
    texts = (value if isinstance(value, str) else None for value in written)
    return pa.array(map(_encodable, texts), pa.string())


def _encodable(text: str | None) -> str | None:
    return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode()


def _judge_fields(
    table: Table, row: Any, rows: Rows, position: int, violations: list[Violation]
) -> None:
    """Adds what is wrong with the row as a whole: it is no object, or has fields it should not."""
    if isinstance(row, MalformedRow):
        message = f"the line cannot be read: {row.problem}"
        violations[:] = [Violation(None, "malformed_line", message, row.text)]
        return
    if not isinstance(row, dict):
        violations[:] = [Violation(None, "type", "the row is not an object", row)]
        return
    for name in rows.repeated(position):
        message = f"{shortened(name)} stands more than once in the row"
        violations.append(Violation(name, "repeated_field", message, row.get(name)))
    unknown = [name for name in row if name not in table.column_names]
    for name in unknown[:TOLD]:
        if name is None and rows.from_text:
            message = f"the line has more fields than {table.name} has columns"
            violations.append(Violation(None, "unknown_field", message, ",".join(row[None])))
        else:
            message = f"{shortened(name)} is not a column of {table.name}"
            violations.append(Violation(str(name), "unknown_field", message, row[name]))
    if (more := len(unknown) - TOLD) > 0:
        message = f"and {more} more fields are no columns of {table.name}"
        violations.append(Violation(None, "unknown_field", message, None))
