"""Rows in CSV: a header, and a line for each row, read as the lines of files are."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from service.dictionary import Table
from service.dictionary.written_values import JsonText
from service.errors import MalformedBody
from service.formats.bodies.rows_protocol import MAX_READ, MalformedRow, check_rows
from service.formats.bodies.text_bodies import MARK
from service.formats.csv.dialect import FileField, UnreadableFile, expected_columns
from service.formats.csv.fitting import Fitting
from service.formats.csv.matching import Names, complaint, field_of, short
from service.formats.csv.opening import SWAPPED
from service.formats.csv.record_reader import END_OF_FILE, Record, Records
from service.formats.csv.scan import newline_of

_marks = re.compile(b"(?:%b)*+" % MARK).match  # a body may be nothing but marks
_blank = re.compile(rb"(?:[ \t\r]*+\n)*+").match  # lines, of which a body may have millions


class CsvRows:
    """A CSV file with a header, comma-separated, in UTF-8; an empty field is a missing value.

    Lines that cannot be read are rows that are wrong. Names of columns match whatever their case.
    """

    from_text = True
    drops_repeated = False

    def __init__(self, body: bytes, table: Table | None = None) -> None:
        """`table` is the one that the rows are for; without it names are taken as they are."""
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise MalformedBody(f"the body is not CSV in UTF-8: {error}") from None
        self._table = table
        body = body[_marks(body).end() :]  # type: ignore[union-attr]
        self._is_mac = newline_of(body) == "CR"
        text = body.translate(SWAPPED) if self._is_mac else body
        lines = self._lines(text if text.endswith(b"\n") else text + b"\n")
        first, _ = next(lines, (Record([], None, 0), b""))
        if first.problem:
            raise MalformedBody(f"the header cannot be read: {first.problem}")
        if problem := complaint(first.fields):
            raise MalformedBody(f"the header cannot be read: {problem}")
        fields = _fields(first.fields, table)
        self._header = [field.column for field in fields]
        if twice := [name for name, times in Counter(self._header).items() if times > 1]:
            raise MalformedBody(f"the column {short(str(twice[0]))} stands twice in the header")
        self._fitting = Fitting(fields)
        self._rows: Sequence[Any] = list(islice(lines, MAX_READ + 1))
        check_rows(len(self._rows))

    def _lines(self, text: bytes) -> Iterator[tuple[Record, bytes]]:
        """Records and what is written of each; the first is the header, by which others are read.

        Raises:
            MalformedBody: a quote is closed too far away.
        """
        records, at = Records(","), 0
        while (at := _blank(text, at).end()) < len(text):  # type: ignore[union-attr]
            try:
                record = records.read(text, at, last=True)
            except UnreadableFile as error:
                raise MalformedBody(error.detail) from None
            assert record is not None  # nothing comes behind
            written = text[at : record.end]
            at = record.end
            if (said := written.strip()) and said != END_OF_FILE:
                yield record, written
                if self._table is not None:
                    records.fits = self._fitting.fits

    def __len__(self) -> int:
        return len(self._rows)

    def structs(self, struct: type[msgspec.Struct]) -> list[Any]:
        raise msgspec.ValidationError("text has to be read value by value")

    def each(self, struct: type[msgspec.Struct]) -> list[Any]:
        return [None] * len(self)

    def colons(self, positions: Sequence[int]) -> int:
        return 0

    def repeated(self, position: int) -> list[str]:
        return []  # the header has each name once

    def plain(self, position: int) -> dict[str | None, Any] | MalformedRow:
        record, written = self._rows[position]
        settled = self._fitting.settled(record.fields)
        if problem := record.problem or settled.problem:
            text = written.translate(SWAPPED) if self._is_mac else written
            return MalformedRow(text.rstrip(b"\r\n").decode(), problem)
        row: dict[str | None, Any] = {
            name: value or None for name, value in zip(self._header, settled.values, strict=False)
        }
        if settled.surplus:
            row[None] = settled.surplus
        return row

    def exact(self, position: int, names: Sequence[str]) -> Mapping[str, JsonText]:
        return {}  # `plain` has what was written

    def payload(self, position: int) -> bytes:
        row = self.plain(position)
        if isinstance(row, MalformedRow):
            return msgspec.json.encode(row.text)
        return msgspec.json.encode({"_rest" if key is None else key: row[key] for key in row})


def _fields(header: Sequence[str], table: Table | None) -> list[FileField]:
    """The fields by their columns; one that the table has not keeps its name."""
    names = Names(expected_columns(table) if table else ())
    fields = []
    for name in header:
        column, why = names.find(name)
        fields.append(field_of(column, name, why) if column else FileField(name, name=name))
    return fields
