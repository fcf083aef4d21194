"""A file without a table: its columns by the names of its header, and all their values as text."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from service.dictionary.file_options import normalised
from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import (
    DELIMITERS,
    DOUBLED,
    Dialect,
    DialectOptions,
    ExpectedColumn,
    UnreadableFile,
)
from service.formats.csv.reader import PROBLEM, SURPLUS, rows_of
from service.formats.csv.sample import Marks, Sample
from service.formats.csv.scan import scan

NO_LIMIT = 1 << 62  # bytes; it is a file of whoever calls
# Words that DuckDB takes for no name: the DDL of a model has names without quotes.
_WORDS = (
    " all analyse analyze and anti any array as asc asof asymmetric at authorization binary"
    " both by case cast check collate collation column concurrently constraint create cross"
    " default deferrable desc describe distinct do else end except false fetch for foreign"
    " freeze from full glob group having ilike in initially inner intersect into is isnull"
    " join lambda lateral leading left like limit natural not notnull null offset on only or"
    " order outer overlaps pivot placing positional primary qualify references returning right"
    " select semi show similar some summarize symmetric table tablesample then to trailing"
    " true union unique unpack unpivot using variadic verbose when where window with"
)
RESERVED = frozenset(_WORDS.split())


@dataclass(frozen=True)
class FileColumn:
    """A column of a file: its name in the table, that in the header, and its values."""

    name: str
    header: str
    values: list[str | None]


@dataclass(frozen=True)
class FileOfRows:
    """A file that was read: how, and what it says; `unread` records could not be."""

    dialect: Dialect
    columns: tuple[FileColumn, ...]
    rows: int
    unread: int


def read_file(path: Path, options: DialectOptions) -> FileOfRows:
    """All of a file with a header.

    Raises:
        UnreadableFile: it has no header, or makes no sense.
    """
    headers = options.columns or _header(path, options)
    names = names_of(headers)
    expected = tuple(ExpectedColumn(name, "varchar", False) for name in names)
    said = msgspec.structs.replace(options, columns=names, header=options.header is not False)
    if options.delimiter is None:
        said = msgspec.structs.replace(said, delimiter=_best(path, options)[0])
    dialect = detect_dialect(path, expected, said, NO_LIMIT)
    table = rows_of(path, dialect, names, NO_LIMIT).read_all()
    fine = [
        problem is None and surplus is None
        for problem, surplus in zip(
            table[PROBLEM].to_pylist(), table[SURPLUS].to_pylist(), strict=True
        )
    ]
    table = table.filter(pa.array(fine, pa.bool_()))
    columns = (
        FileColumn(name, header, table[name].to_pylist())
        for name, header in zip(names, headers, strict=True)
    )
    return FileOfRows(dialect, tuple(columns), len(table), len(fine) - len(table))


def names_of(headers: Sequence[str]) -> tuple[str, ...]:
    """Names that SQL takes without quotes, each once: ``Order No.`` is order_no."""
    names: list[str] = []
    for place, header in enumerate(headers, 1):
        name = re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_") or f"column_{place}"
        if name[0].isdigit() or name in RESERVED:
            name = f"{name}_" if name in RESERVED else f"n{name}"
        taken = Counter(names)[name]
        names.append(f"{name}_{place}" if taken else name)
    return tuple(names)


def needs_synonym(column: FileColumn) -> bool:
    """Whether a file with that header would not be understood otherwise."""
    return bool(column.header) and normalised(column.header) != normalised(column.name)


def _header(path: Path, options: DialectOptions) -> tuple[str, ...]:
    headers = _best(path, options)[1]
    if not headers or not all(re.search(r"[^\W\d]", name) for name in headers):
        raise UnreadableFile("its first line does not name its columns; say --columns")
    return tuple(headers)


def _best(path: Path, options: DialectOptions) -> tuple[str, list[str]]:
    """The delimiter by which most records have as many fields as the first, and that record."""
    found = scan(path, NO_LIMIT, options)
    marks = [options.delimiter] if options.delimiter else [*DELIMITERS]
    best: tuple[float, str, list[str]] = (-1.0, marks[0], [])
    for mark in marks:
        quote = '"' if options.quote is None else options.quote
        sample = Sample(
            found, Marks(mark, quote, options.escape or DOUBLED), options, options.skip or 0
        )
        records = sample.records
        if not records:
            continue
        first = [field.strip() for field in records[0].fields]
        alike = sum(len(each.fields) == len(first) for each in records) / len(records)
        score = alike + (1 if len(first) > 1 else 0)
        if score > best[0]:
            best = (score, mark, first)
    return best[1:]
