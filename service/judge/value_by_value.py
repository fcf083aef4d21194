"""Rows judged value by value, to name every violation: those that the fast way doubts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from service.dictionary import Column, Table
from service.dictionary.combined_columns import text_of
from service.dictionary.written_values import JsonText, Unreadable
from service.errors import shortened
from service.formats.bodies.fields import TOLD
from service.formats.bodies.rows_protocol import MalformedRow, Rows, decoding
from service.judge.batch import Broken, Violation
from service.judge.columns import key_values
from service.judge.row_rules import BrokenRule, RowRules

Violations = list[list[Violation]]  # of each row that is judged


class ValueByValue:
    """Judges rows of one table so that every violation has a name."""

    def __init__(self, table: Table, struct: type[msgspec.Struct]) -> None:
        self._table, self._struct = table, struct
        self._rules = RowRules(table, table.rules_of_sent)

    def judged(
        self, rows: Rows, positions: Iterable[int]
    ) -> tuple[dict[int, Broken], dict[int, msgspec.Struct]]:
        """The rows at `positions` by position: those that break a rule; those that fit as structs.

        Raises:
            MalformedBody: one of them is not of the body's format.
        """
        order = sorted(positions)
        with decoding():
            sent = [rows.plain(position) for position in order]
            meant = [rows.exact(position, self._table.exact_columns) for position in order]
        objects = [row if isinstance(row, dict) else {} for row in sent]
        values = _Values(self._table, objects, meant, rows.from_text)
        keys, violations = values.keys(), self._violations(values)
        broken: dict[int, Broken] = {}
        fitting: dict[int, msgspec.Struct] = {}
        for i, position in enumerate(order):
            _judge_fields(self._table, sent[i], rows, position, violations[i])
            if violations[i]:
                own = {name: key[i] for name, key in keys.items()}
                broken[position] = Broken(violations[i], own)
            else:
                fitting[position] = self._struct(
                    **{name: read[i] for name, read in values.read.items()}
                )
        return broken, fitting

    def _violations(self, values: "_Values") -> Violations:
        """Of each row, by column as the dictionary has them, then those of the row as a whole."""
        violations: Violations = [[] for _ in range(values.count)]
        verdicts = self._rules.broken(values.arrays(), values.texts)
        for column in self._table.columns:
            for i, message in values.unreadable[column.name].items():
                value = values.told(column.name, i)
                violations[i].append(Violation(column.name, "type", message, value))
            self._add(values, [v for v in verdicts if v.rule.column == column.name], violations)
        self._add(values, [v for v in verdicts if v.rule.column is None], violations)
        return violations

    def _add(
        self, values: "_Values", verdicts: Iterable[BrokenRule], violations: Violations
    ) -> None:
        for found in verdicts:
            rule, others = found.rule, self._rules.others_of(found.rule)
            for i in np.flatnonzero(found.rows).tolist():
                value = values.told(rule.column, i) if rule.column else None
                # A value that could not be read is not missing; what looks at it is not asked.
                missing_only = rule.kind == "not_null" and value is not None
                if not missing_only and not any(i in values.unreadable[name] for name in others):
                    message = found.message(i, value)
                    violations[i].append(Violation(rule.column, rule.kind, message, value))


class SentValue(NamedTuple):
    """One field of a row: its plain value, and how JSON has it where the digits count."""

    plain: Any
    exact: JsonText | None

    @property
    def told(self) -> Any:
        """As a violation tells it: a decoder may have rounded a number."""
        return str(self.exact) if self.exact and isinstance(self.plain, float) else self.plain


class _Values:
    """The values of some rows by column: as they were written, and as they are read.

    `unreadable` has the numbers of rows whose value cannot be read, with what is said of it.
    """

    def __init__(
        self,
        table: Table,
        objects: Sequence[dict[Any, Any]],
        meant: Sequence[Mapping[str, JsonText]],
        from_text: bool,
    ) -> None:
        self.table, self.count = table, len(objects)
        self.unreadable: dict[str, dict[int, str]] = {c.name: {} for c in table.columns}
        self.fields = {
            c.name: [
                SentValue(row.get(c.name), exact.get(c.name))
                for row, exact in zip(objects, meant, strict=True)
            ]
            for c in table.columns
        }
        self.read = {c.name: self._read(c, from_text) for c in table.columns}
        self.kept = {c.name: self._kept(c) for c in table.columns}

    def told(self, name: str, i: int) -> Any:
        """The value of row `i` as a violation tells it."""
        return self.fields[name][i].told

    def arrays(self) -> pa.Table:
        """The values that are kept as Arrow columns; null where there is none."""
        columns = {c.name: c.type.array(self.kept[c.name]) for c in self.table.columns}
        return pa.table(list(columns.values()), names=list(columns))

    def texts(self, name: str) -> pa.Array:
        """What was written in a column, as texts."""
        return texts_of([field.told for field in self.fields[name]])

    def keys(self) -> dict[str, Sequence[Any]]:
        """The values in the key columns, as `key_values` has them."""
        parts = {
            part.name: self._keys(part)
            for column in self.table.key_columns
            for part in column.parts
        }
        return {
            column.name: [*map(_together, *(parts[part.name] for part in column.parts))]
            if column.combines
            else parts[column.name]
            for column in self.table.key_columns
        }

    def _keys(self, column: Column) -> Sequence[Any]:
        kept = self.kept[column.name]
        array = column.type.array([value for value in kept if value is not None])
        there = iter(key_values(column.type, array))
        return [None if value is None else next(there) for value in kept]

    def _kept(self, column: Column) -> list[Any]:
        return [
            column.adjusted(value) if value is not None or field.plain is None else None
            for value, field in zip(self.read[column.name], self.fields[column.name], strict=True)
        ]

    def _read(self, column: Column, from_text: bool) -> list[Any]:
        read_one = column.type.from_text if from_text else column.type.read
        read: list[Any] = []
        for i, field in enumerate(self.fields[column.name]):
            value = field.exact or field.plain
            try:
                read.append(None if field.plain is None else read_one(value))
            except Unreadable as error:
                read.append(None)
                said = error.said or f"is not {column.type.reads}"
                self.unreadable[column.name][i] = f"{column.name} {said}"
        return read


def _together(*values: Any) -> str | None:
    return None if None in values else text_of(values)


def texts_of(written: Sequence[Any]) -> pa.Array:
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
