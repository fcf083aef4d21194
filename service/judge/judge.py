"""Judges the rows of a request by what the dictionary says of each row on its own.

The fast way, for rows that fit: msgspec decodes all of them to structs (types, limits), their
columns become Arrow arrays, and the other rules look at whole columns. Only rows that one of
these steps doubts are read value by value, to name every violation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, compress
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import UNSET, UnsetType

from service.dictionary import Column, Table
from service.dictionary.column_types import Unreadable
from service.errors import WrongNumberOfRows
from service.formats.bodies.body_rows import LazyRows
from service.formats.bodies.rows_protocol import Rows, decoding
from service.judge.columns import ColumnReader, Columns, mask
from service.judge.key_sets import KeySet


class Violation(msgspec.Struct, frozen=True):
    """One reason why a row is kept out; `value` is what was sent."""

    column: str | None
    rule: str
    message: str
    value: Any = None


@dataclass
class Broken:
    """A row that does not fit on its own; `keys` are its readable values in the key columns."""

    violations: list[Violation]
    keys: dict[str, Any]


@dataclass
class Batch:
    """The rows of one request for one table, judged on their own.

    `positions` (0-based, in the request) and `keys` (values of the key columns) go along with
    the rows of `fitting`; the rows of `broken` are by position. Where the values of a column are at
    hand as a set, without None, it is in `sets`.
    """

    table: Table
    received: int
    fitting: pa.Table
    positions: Sequence[int]
    keys: Mapping[str, Sequence[Any]]
    broken: dict[int, Broken] = field(default_factory=dict)
    rows: Rows | LazyRows | None = None
    sets: Mapping[str, KeySet] = field(default_factory=dict)

    def payload(self, position: int) -> str:
        """What was sent at `position`, in JSON."""
        assert self.rows is not None
        return self.rows.payload(position).decode()


class Judge:
    """Judges rows of one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.struct = struct_of(table)
        self._reader = ColumnReader(table, self.struct)

    def judge(self, rows: Rows, most: int | None = None) -> Batch:
        """The rows that fit and those that do not.

        Raises:
            MalformedBody: the body is not of its format.
            WrongNumberOfRows: there are none, or more than `most`, where that is given.
        """
        return self.judge_decoded(rows, self.decoded(rows, most))

    def decoded(self, rows: Rows, most: int | None) -> list[Any]:
        """Each row as a struct, or None where it does not fit one; raises as `judge` does."""
        with decoding():
            try:
                structs = rows.structs(self.struct)
            except msgspec.ValidationError:
                check_number(len(rows), most)
                structs = rows.each(self.struct)
        check_number(len(structs), most)
        return structs

    def judge_decoded(self, rows: Rows, structs: Sequence[Any]) -> Batch:
        """What `judge` does once the rows are decoded."""
        positions: Sequence[int] = range(len(structs))
        there = structs
        if None in structs:
            positions, there = list(compress(positions, structs)), list(filter(None, structs))
        values = self._reader.values(there)
        columns = self._reader.columns(values)
        if rows.drops_repeated and rows.colons(positions) != self._reader.colons(values):
            columns.doubted |= [bool(rows.repeated(i)) for i in positions]
        if not columns.doubted.any() and len(positions) == len(structs):
            return self._batch(rows, len(structs), positions, columns, {})
        certain = list(compress(positions, ~columns.doubted))
        broken, read = self._read_slowly(rows, set(range(len(structs))).difference(certain))
        if read:
            certain = sorted([*certain, *read])
            values = self._reader.values([read.get(i, structs[i]) for i in certain])
            columns = self._reader.columns(values)
        return self._batch(rows, len(structs), certain, columns.certain(), broken)

    def _batch(
        self,
        rows: Rows,
        received: int,
        positions: Sequence[int],
        columns: Columns,
        broken: dict[int, Broken],
    ) -> Batch:
        if columns.rows.num_rows < len(positions):
            raise RuntimeError(f"two judges of {self.table.name} differ")
        return Batch(self.table, received, columns.rows, positions, columns.keys, broken, rows)

    def judge_fitting(self, requests: Sequence[tuple[Rows, Sequence[Any]]]) -> list[Batch] | None:
        """A batch for each request, if there is no doubt about any row of any; else None."""
        if not all(rows.drops_repeated for rows, _ in requests):
            return None  # the count below is of all requests together
        values = self._reader.values([struct for _, structs in requests for struct in structs])
        columns = self._reader.columns(values)
        sent = sum(rows.colons(range(len(structs))) for rows, structs in requests)
        # No request has fewer than its values account for: if the sums are equal, each is.
        if sent != self._reader.colons(values) or columns.doubted.any():
            return None
        ends = list(accumulate(len(structs) for _, structs in requests))
        return [
            self._part(columns, rows, end - len(structs), len(structs))
            for (rows, structs), end in zip(requests, ends, strict=True)
        ]

    def _part(self, columns: Columns, rows: Rows, start: int, length: int) -> Batch:
        keys = {name: values[start : start + length] for name, values in columns.keys.items()}
        part = columns.rows.slice(start, length)
        return Batch(self.table, length, part, range(length), keys, {}, rows)

    def _read_slowly(
        self, rows: Rows, positions: Iterable[int]
    ) -> tuple[dict[int, Broken], dict[int, msgspec.Struct]]:
        """Rows read value by value: those that do not fit, with every reason, and those that do."""
        wanted = sorted(positions)
        with decoding():
            sent = [rows.plain(position) for position in wanted]
        objects = [row if isinstance(row, dict) else {} for row in sent]
        found: list[list[Violation]] = [[] for _ in sent]
        read = {
            column.name: _read_column(column, objects, found, rows.from_text)
            for column in self.table.columns
        }
        broken: dict[int, Broken] = {}
        fitting: dict[int, msgspec.Struct] = {}
        for i, position in enumerate(wanted):
            _judge_shape(self.table, sent[i], rows, position, found[i])
            values = {name: read[name][i] for name in read}
            if found[i]:
                broken[position] = Broken(found[i], self._reader.keys(values))
            else:
                fitting[position] = self.struct(**values)
        return broken, fitting


def check_number(received: int, most: int | None) -> None:
    """Raises WrongNumberOfRows unless a request brings 1 to `most` rows."""
    if most is not None and not 1 <= received <= most:
        raise WrongNumberOfRows(
            f"a request brings 1 to {most} rows, not {received}", received=received
        )


def _read_column(
    column: Column, rows: list[dict[Any, Any]], found: list[list[Violation]], from_text: bool
) -> list[Any]:
    """Reads one column of `rows`, None where that fails; what is wrong joins `found`."""
    read_one = column.type.from_text if from_text else column.type.read
    written = [row.get(column.name) for row in rows]
    read: list[Any] = []
    for i, value in enumerate(written):
        try:
            read.append(None if value is None else read_one(value))
        except Unreadable:
            read.append(None)
            message = f"{column.name} is not {column.type.reads}"
            found[i].append(Violation(column.name, "type", message, value))
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
            found[i].append(Violation(column.name, rule.kind, message, written[i]))
    return read


def _texts(written: Sequence[Any]) -> pa.Array:
    texts = (value if isinstance(value, str) else None for value in written)
    return pa.array(map(_encodable, texts), pa.string())


def _encodable(text: str | None) -> str | None:
    return text if text is None or text.isascii() else text.encode("utf-8", "replace").decode()


def _judge_shape(
    table: Table, row: Any, rows: Rows, position: int, violations: list[Violation]
) -> None:
    if not isinstance(row, dict):
        violations[:] = [Violation(None, "type", "the row is not an object", row)]
        return
    for name in rows.repeated(position):
        message = f"{name} stands more than once in the row"
        violations.append(Violation(name, "repeated_field", message, row.get(name)))
    for name in row:
        if name is None and rows.from_text:
            message = f"the line has more fields than {table.name} has columns"
            violations.append(Violation(None, "unknown_field", message, ",".join(row[None])))
        elif name not in table.column_names:
            message = f"{name} is not a column of {table.name}"
            violations.append(Violation(str(name), "unknown_field", message, row[name]))


def struct_of(table: Table) -> type[msgspec.Struct]:
    """The table's row as msgspec knows it: types, limits and words of the dictionary.

    Its JSON schema is what OpenAPI shows; unknown fields are refused.
    """
    required = [(c.name, _field(c)) for c in table.columns if c.required]
    optional = [
        (c.name, _field(c) | None | UnsetType, UNSET) for c in table.columns if not c.required
    ]
    name = "".join(part.title() for part in table.name.split("_")) + "Row"
    return msgspec.defstruct(
        name,
        [*required, *optional],
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
        namespace={"__doc__": table.description},
    )


def _field(column: Column) -> Any:
    limits = dict(column.type.meta)
    for rule in column.own_rules:
        for limit, value in rule.meta.items():
            narrower = {"ge": max, "le": min, "max_length": min, "min_length": max}.get(limit)
            if narrower and limit in limits:
                value = narrower(limits[limit], value)
            limits[limit] = value
    examples = [] if column.example is None else [column.example]
    return Annotated[
        column.type.struct,
        msgspec.Meta(description=column.description, examples=examples, **limits),
    ]
