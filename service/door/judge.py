"""Judges the rows of a request by what the dictionary says of each row on its own.

The fast way, for rows that fit: msgspec decodes all of them to structs (types, limits), their
columns become Arrow arrays, and the other rules look at whole columns. Only rows that one of
these steps doubts are read value by value, to name every violation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary import Column, Table
from service.dictionary.column_types import Unreadable
from service.door.formats import Rows, decoding
from service.errors import WrongNumberOfRows


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
    the rows of `fitting`; the rows of `broken` are by position.
    """

    table: Table
    received: int
    fitting: pa.Table
    positions: Sequence[int]
    keys: dict[str, list[Any]]
    broken: dict[int, Broken] = field(default_factory=dict)
    rows: Rows | None = None

    def payload(self, position: int) -> str:
        """What was sent at `position`, in JSON."""
        assert self.rows is not None
        return self.rows.payload(position).decode()


class Judge:
    """Judges rows of one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.struct = struct_of(table)
        self._getters = {name: attrgetter(name) for name in table.column_names}
        self._key_columns = [c.name for c in table.columns if c.is_unique or c.reference]
        self._not_decoded = {
            column.name: [rule for rule in column.own_rules if not rule.judged_by_decoding]
            for column in table.columns
        }

    def judge(self, rows: Rows, most: int | None = None) -> Batch:
        """The rows that fit and those that do not.

        Raises:
            MalformedBody: the body is not of its format.
            WrongNumberOfRows: there are none, or more than `most`, where that is given.
        """
        structs = self._decoded(rows, most)
        broken: dict[int, Broken] = {}
        doubtful: Iterable[int] = [i for i, struct in enumerate(structs) if struct is None]
        read: set[int] = set()
        while True:
            read.update(doubtful)
            for position, outcome in self._read_slowly(rows, doubtful):
                if isinstance(outcome, Broken):
                    broken[position], structs[position] = outcome, None
                else:
                    structs[position] = outcome
            positions = (
                [i for i, struct in enumerate(structs) if struct is not None]
                if broken
                else range(len(structs))
            )
            fitting, keys, doubts = self._columns([structs[i] for i in positions])
            if fitting is not None:
                return Batch(self.table, len(structs), fitting, positions, keys, broken, rows)
            doubtful = [positions[i] for i in doubts]
            if read.issuperset(doubtful):  # for ever, then
                raise RuntimeError(f"two judges of {self.table.name} differ on rows {doubtful}")

    def _decoded(self, rows: Rows, most: int | None) -> list[Any]:
        with decoding():
            try:
                structs = rows.structs(self.struct)
            except msgspec.ValidationError:
                check_number(len(rows), most)
                structs = rows.each(self.struct)
        check_number(len(structs), most)
        return structs

    def _columns(
        self, structs: list[Any]
    ) -> tuple[pa.Table | None, dict[str, list[Any]], Sequence[int]]:
        """The structs as Arrow columns with the values of the keys, or the rows in doubt."""
        arrays, keys = [], {}
        doubts = np.zeros(len(structs), dtype=bool)
        for column in self.table.columns:
            values = list(map(self._getters[column.name], structs))
            if column.name in self._key_columns:
                keys[column.name] = values
            try:
                array, doubted = self._column(column, values)
            except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
                return None, {}, range(len(structs))
            doubts |= doubted
            arrays.append(array)
        if doubts.any():
            return None, {}, np.flatnonzero(doubts).tolist()
        return pa.table(arrays, names=list(self.table.column_names)), keys, ()

    def _column(self, column: Column, values: list[Any]) -> tuple[pa.Array, Any]:
        doubted: Any = False
        written: pa.Array | None = None
        if column.type.form is not None:
            written = pa.array(values, pa.string())
            doubted = _mask(pc.invert(pc.match_substring_regex(written, column.type.form)))
            if doubted.any():  # `array` may not be given such text
                return None, doubted
        array = column.type.array(values)
        if pa.types.is_floating(array.type):  # MessagePack knows infinity, and what is no number
            doubted |= _mask(pc.invert(pc.is_finite(array)))
        for rule in self._not_decoded[column.name]:
            doubted |= _mask(rule.breaks(array, array if written is None else written))
        return array, doubted

    def _read_slowly(
        self, rows: Rows, positions: Iterable[int]
    ) -> list[tuple[int, msgspec.Struct | Broken]]:
        wanted = list(positions)
        if not wanted:
            return []
        with decoding():
            sent = [rows.plain(position) for position in wanted]
        objects = [row if isinstance(row, dict) else {} for row in sent]
        found: list[list[Violation]] = [[] for _ in sent]
        read = {
            column.name: _read_column(column, objects, found, rows.from_text)
            for column in self.table.columns
        }
        for i, position in enumerate(wanted):
            _judge_shape(self.table, sent[i], rows, position, found[i])
        outcomes: list[tuple[int, msgspec.Struct | Broken]] = []
        for i, position in enumerate(wanted):
            if found[i]:
                keys = {name: read[name][i] for name in self._key_columns}
                outcomes.append((position, Broken(found[i], keys)))
            else:
                outcomes.append((position, self.struct(**{n: read[n][i] for n in read})))
        return outcomes


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
    texts = [value if isinstance(value, str) else None for value in written]
    arrays = column.type.array(read), pa.array(map(_encodable, texts), pa.string())
    for rule in column.own_rules:
        for i in np.flatnonzero(_mask(rule.breaks(*arrays))).tolist():
            # A value that could not be read is not missing.
            if (rule.kind == "not_null") == (written[i] is None):
                message = rule.message(written[i])
                found[i].append(Violation(column.name, rule.kind, message, written[i]))
    return read


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


def _mask(broken: pa.Array) -> Any:
    return pc.fill_null(broken, False).to_numpy(zero_copy_only=False)


def struct_of(table: Table) -> type[msgspec.Struct]:
    """The table's row as msgspec knows it: types, limits and words of the dictionary.

    Its JSON schema is what OpenAPI shows; unknown fields are refused.
    """
    required = [(c.name, _field(c)) for c in table.columns if c.required]
    optional = [(c.name, _field(c) | None, None) for c in table.columns if not c.required]
    name = "".join(part.title() for part in table.name.split("_")) + "Row"
    return msgspec.defstruct(
        name,
        [*required, *optional],
        kw_only=True,
        forbid_unknown_fields=True,
        omit_defaults=True,
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
