"""Files with the same rows in every shape that the product of some traits has."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import zstandard

from service.formats.csv.dialect import ExpectedColumn

WANTED = (
    ExpectedColumn("id", "integer", True),
    ExpectedColumn("name", "varchar", True),
    ExpectedColumn("datetime", "timestamp", True),
    ExpectedColumn("department_id", "integer", False),
)
NAMES = tuple(each.name for each in WANTED)
Row = tuple[str, str, str, str]
ROWS: tuple[Row, ...] = (
    ("1", "Ada Byron", "2021-11-07T02:48:42Z", "2"),
    ("2", "", "2021-05-30T05:43:46Z", "8.0"),
    ("3", "Søren Ågård", "", ""),
    ("4", "O'Neil (5\" pipe), the; |third|\tof", "2021-01-01", "x"),
    ("5", "two\nlines", "2021-10-01T13:04:21Z", "12"),
    ("x", "Zoë", "2021-10-10T22:22:17Z", "1,234"),
    ("6", 'she said "yes"', "2022-01-18T10:47:37Z", "1"),
)
HEADERS: dict[str, tuple[str, ...] | None] = {
    "none": None,
    "named": NAMES,
    "capitals": ("ID", "Name", "DateTime", "Department-Id"),
    "renamed": ("employee_id", "employee_name", "hire_date", "department_id"),
}
ENCODINGS = {
    "utf-8": "utf-8",
    "bom": "utf-8-sig",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "cp1252": "cp1252",
}
TAILS = {"none": "", "blank": "\n\n", "delimiters": "{d}{d}{d}\n{d} {d}{d}\n"}


@dataclass(frozen=True)
class Traits:
    """What a file looks like."""

    header: str
    delimiter: str
    newline: str
    encoding: str
    quoting: int
    padding: str
    tail: str
    compression: str = "none"

    def __str__(self) -> str:
        return "-".join(map(repr, vars(self).values()))

    def lines(self, rows: Sequence[Row] = ROWS) -> list[str]:
        """The header, if there is one, and a text for each row; line breaks in values are LF."""
        header = HEADERS[self.header]
        return [self._line(row) for row in ([header] if header else []) + list(rows)]

    def _line(self, row: Sequence[str]) -> str:
        text = io.StringIO(newline="")
        writer = csv.writer(
            text,
            delimiter="\x1f",
            quoting=self.quoting,  # type: ignore[arg-type]
            lineterminator="",
        )
        needs = [any(mark in value for mark in f'{self.delimiter}"\n') for value in row]
        if self.quoting == csv.QUOTE_MINIMAL:
            fields = [_quoted(v) if need else v for v, need in zip(row, needs, strict=True)]
        else:
            writer.writerow(row)
            fields = text.getvalue().split("\x1f")
        return self.delimiter.join(f"{self.padding}{field}{self.padding}" for field in fields)

    def file(self, rows: Sequence[Row] = ROWS) -> bytes:
        """The file, to the byte."""
        tail = TAILS[self.tail].replace("{d}", self.delimiter)
        text = "\n".join(self.lines(rows)) + "\n" + tail
        content = text.replace("\n", self.newline).encode(ENCODINGS[self.encoding])
        if self.compression == "gzip":
            return gzip.compress(content[:100]) + gzip.compress(content[100:])
        return zstandard.compress(content) if self.compression == "zstd" else content

    def expected(self, rows: Sequence[Row] = ROWS) -> list[tuple[int, tuple[str | None, ...]]]:
        """The line and the values of each row; an empty value is None."""
        line, found = 1, []
        texts = self.lines(rows)
        if HEADERS[self.header]:
            line += texts.pop(0).count("\n") + 1
        for row, text in zip(rows, texts, strict=True):
            values = tuple(value.replace("\n", self.newline) or None for value in row)
            found.append((line, values))
            line += text.count("\n") + 1
        return found


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


VALUES: tuple[Sequence[Any], ...] = (
    [*HEADERS],
    ",;\t|",
    ("\n", "\r\n", "\r"),
    [*ENCODINGS],
    (csv.QUOTE_MINIMAL, csv.QUOTE_ALL),
    ("", " "),
    [*TAILS],
)
EACH_THREE = 5  # of so many files, one is enough to have any three values of traits together


def all_traits() -> Iterator[Traits]:
    """The product of all traits but compression, which each third file has."""
    for number, places in enumerate(_places()):
        yield _traits(number, places)


def each_three_traits() -> Iterator[Traits]:
    """Those of the product in which any three values of different traits come together."""
    for number, places in enumerate(_places()):
        if sum(places) % EACH_THREE == 0:
            yield _traits(number, places)


def _places() -> Iterator[tuple[int, ...]]:
    return product(*(range(len(values)) for values in VALUES))


def _traits(number: int, places: Sequence[int]) -> Traits:
    chosen = [values[place] for values, place in zip(VALUES, places, strict=True)]
    return replace(Traits(*chosen), compression=("none", "gzip", "zstd")[number % 3])
