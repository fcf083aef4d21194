"""Rows judged value by value, to name every violation: those that the fast way doubts."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from service.errors import shortened
from service.formats.bodies.fields import TOLD
from service.formats.bodies.rows_protocol import MalformedRow, Rows, decoding
from service.judge.batch import Broken, Violation
from service.judge.columns import key_columns, mask

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
    objects = [row if isinstance(row, dict) else {} for row in sent]
    violations: Violations = [[] for _ in sent]
    read = {
        column.name: _judged_column(column, objects, violations, rows.from_text)
        for column in table.columns
    }
    keys = [column.name for column in key_columns(table)]
    broken: dict[int, Broken] = {}
    fitting: dict[int, msgspec.Struct] = {}
    for i, position in enumerate(order):
        _judge_fields(table, sent[i], rows, position, violations[i])
        values = {name: read[name][i] for name in read}
        if violations[i]:
            broken[position] = Broken(violations[i], {name: values[name] for name in keys})
        else:
            fitting[position] = struct(**values)
    return broken, fitting


def _judged_column(
    column: Column, rows: Sequence[dict[Any, Any]], violations: Violations, from_text: bool
) -> list[Any]:
    """The read values of a column, None where there is none; what is wrong joins `violations`."""
    written = [row.get(column.name) for row in rows]
    read = _read(column, written, violations, from_text)
    # A value that could not be read is not missing.
    missing = [i for i, value in enumerate(written) if value is None]
    there = [i for i, value in enumerate(read) if value is not None]
    array = column.type.array([read[i] for i in there])
    for rule in column.own_rules:
        breaking = missing
        if rule.kind != "not_null":
            texts = _texts([written[i] for i in there]) if rule.judges_writing else array
            broken = np.flatnonzero(mask(rule.breaks(array, texts)))
            breaking = [there[i] for i in broken.tolist()]
        for i in breaking:
            message = rule.message(written[i])
            violations[i].append(Violation(column.name, rule.kind, message, written[i]))
    return read


def _read(
    column: Column, written: Sequence[Any], violations: Violations, from_text: bool
) -> list[Any]:
    read_one = column.type.from_text if from_text else column.type.read
    read: list[Any] = []
    for i, value in enumerate(written):
        try:
            read.append(None if value is None else read_one(value))
        except Unreadable as error:
            read.append(None)
            message = f"{column.name} {error.said or f'is not {column.type.reads}'}"
            violations[i].append(Violation(column.name, "type", message, value))
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
