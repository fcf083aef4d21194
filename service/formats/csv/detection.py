"""Finds out the dialect of a CSV file, as a person would who looks at its first lines."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from service.dictionary.column_types import TYPES, Unreadable
from service.formats.csv.dialect import (
    DELIMITERS,
    LEFT_OUT,
    Dialect,
    DialectOptions,
    ExpectedColumn,
    UnreadableFile,
)
from service.formats.csv.record_reader import Record, Records
from service.formats.csv.scan import Scan, scan

LOOKED_AT = 1000  # rows
_is_like_a_name = re.compile(r"[^\W\d][\w .#/()-]*").fullmatch
_sep = re.compile(rb'"?sep=(.)"?[ ]*\r?\n', re.IGNORECASE).match

Fields = list[str]


@dataclass(frozen=True)
class Sample:
    """The rows at a file's head by one delimiter; `skipped` lines stand before the first."""

    delimiter: str
    rows: list[Fields]
    skipped: int
    skipped_by_first: int  # lines that the first row takes up

    @property
    def widths(self) -> Counter[int]:
        """How many rows have how many fields."""
        return Counter(map(len, self.rows))

    @property
    def width(self) -> int:
        """How many fields most rows have."""
        return self.widths.most_common(1)[0][0]


def detect_dialect(
    path: Path, expected: Sequence[ExpectedColumn], options: DialectOptions, max_bytes: int
) -> Dialect:
    """The dialect of the file at `path`, for a table with the columns `expected`.

    Raises:
        UnreadableFile: it makes no sense; the message says why, and what to say for it to.
    """
    found = scan(path, max_bytes, options.encoding)
    if not found.sample.strip(b'\r\n\t ;,|"'):
        raise UnreadableFile("it is empty")
    sample = _sample(found, expected, options)
    header = _has_header(sample, expected, options)
    named = sample.rows[0] if header else None
    body = sample.rows[1:] if header else sample.rows
    width = len(named) if named else sample.width
    columns, by_position = _columns(named, width, body, expected, options)
    return Dialect(
        encoding=found.encoding,
        bom=found.bom,
        newline=found.newline,
        delimiter=sample.delimiter,
        header=header,
        skipped=sample.skipped + (sample.skipped_by_first if header else 0),
        columns=columns,
        nulls=options.nulls,
        by_position=by_position,
        left_out=_left_out(named, columns),
        compression=found.compression,
        rows=_rows(found, header),
        exact=not found.quotes,
    )


def _rows(found: Scan, header: bool) -> int:
    """The lines that say something, but for ``sep=;`` and the header."""
    rows = found.lines
    if header:
        rows -= 1
    if _sep(found.sample):
        rows -= 1
    return rows


def _sample(found: Scan, expected: Sequence[ExpectedColumn], options: DialectOptions) -> Sample:
    said = _sep(found.sample)
    if options.delimiter is not None or said:
        delimiter = options.delimiter or said[1].decode("latin-1")  # type: ignore[index]
        if len(delimiter) != 1 or delimiter in '"\r\n ' or not delimiter.isascii():
            raise UnreadableFile(f"a delimiter is one character of ASCII, not {delimiter!r}")
        return _read(found, delimiter)
    samples = [_read(found, delimiter) for delimiter in DELIMITERS]
    names = {each.name for each in expected}
    width = len(options.columns or expected)

    def likely(sample: Sample) -> tuple[float, ...]:
        rows, named, alike = len(sample.rows), 0, 0.0
        if sample.width > 1:
            named = len(names & set(map(_normal, sample.rows[0])))
            alike = sample.widths[sample.width] / rows
        return named, sample.widths[width] / rows, alike

    return max(samples, key=likely)  # the first one where they are alike


def _read(found: Scan, delimiter: str) -> Sample:
    """The first rows that say something."""
    said = _sep(found.sample)
    at = said.end() if said else 0
    rows: list[Fields] = []
    skipped, by_first = int(said is not None), 1
    for start, record in islice(_records(found, delimiter, at), LOOKED_AT * 10):
        if any(record.fields):
            if not rows:
                by_first = found.sample.count(b"\n", start, record.end)
            rows.append(record.fields)
        elif not rows:
            skipped += 1
        if len(rows) > LOOKED_AT:
            break
    if not rows:
        raise UnreadableFile("none of its first lines can be read")
    return Sample(delimiter, rows, skipped, by_first)


def _records(found: Scan, delimiter: str, at: int) -> Iterator[tuple[int, Record]]:
    reader = Records(delimiter, None, frozenset())
    cut = len(found.sample) if found.whole else found.sample.rfind(b"\n") + 1
    block = found.sample[: cut or None]
    if not block.endswith(b"\n"):
        block += b"\n"
    while at < len(block) and (record := reader.read(block, at, found.whole)) is not None:
        yield at, record
        at = record.end


def _normal(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _has_header(
    sample: Sample, expected: Sequence[ExpectedColumn], options: DialectOptions
) -> bool:
    if options.header is not None:
        return options.header
    first = sample.rows[0]
    if not all(map(_is_like_a_name, filter(None, first))):
        return False
    if {_normal(name) for name in first} & {_normal(each.name) for each in expected}:
        return True
    if len(set(first)) < len(first):
        return False
    typed = [
        (name, each.type)
        for name, each in zip(first, expected, strict=False)
        if each.type != "varchar"
    ]
    below = sample.rows[1:]
    return (
        bool(typed)
        and not any(_is_readable(name, kind) for name, kind in typed)
        and all(
            _mostly_readable([row[i] for row in below if len(row) > i], each.type)
            for i, each in enumerate(expected[: len(first)])
        )
    )


def _is_readable(text: str, kind: str) -> bool:
    try:
        TYPES[kind].from_text(text)
    except Unreadable:
        return False
    return True


def _mostly_readable(values: Sequence[str], kind: str) -> bool:
    there = [value for value in values if value]
    readable = [value for value in there if _is_readable(value, kind)]
    return len(readable) * 2 >= len(there)


Columns = tuple[str | None, ...]
Pairs = tuple[tuple[str, str], ...]


def _columns(
    named: Fields | None,
    width: int,
    body: list[Fields],
    expected: Sequence[ExpectedColumn],
    options: DialectOptions,
) -> tuple[Columns, Pairs]:
    if options.columns is not None:
        return _as_said(options.columns, width, expected), ()
    known = {_normal(each.name): each.name for each in expected}
    if named is None or not any(_normal(name) in known for name in named):
        return _by_position(named, width, body, expected)
    columns = [known.get(_normal(name)) for name in named]
    twice = [name for name, times in Counter(columns).items() if name and times > 1]
    if twice:
        raise UnreadableFile(f"its header names {', '.join(twice)} twice")
    return _by_name(named, columns, body, expected)


def _as_said(said: Sequence[str], width: int, expected: Sequence[ExpectedColumn]) -> Columns:
    names = [each.name for each in expected]
    unknown = [name for name in said if name not in (*names, LEFT_OUT)]
    if unknown:
        raise UnreadableFile(
            f"there is no column {', '.join(unknown)}; there are {', '.join(names)}"
        )
    if len(said) != width:
        raise UnreadableFile(f"it has {_number(width)}, and {len(said)} were named")
    if len(set(said) - {LEFT_OUT}) < len(said) - said.count(LEFT_OUT):
        raise UnreadableFile("a column was named twice")
    _all_required(set(said), expected)
    return tuple(None if name == LEFT_OUT else name for name in said)


def _by_position(
    named: Fields | None, width: int, body: list[Fields], expected: Sequence[ExpectedColumn]
) -> tuple[Columns, Pairs]:
    """In their order; empty ones behind the last (a delimiter ends each line) are not read."""
    names, whole = [each.name for each in expected], width
    while width > len(expected) and _is_empty(width - 1, named, body):
        width -= 1
    if width != len(expected):
        raise UnreadableFile(
            f"it has {_number(width)} where {len(expected)} are needed ({', '.join(names)});"
            " say the delimiter, or the columns"
        )
    pairs = tuple(zip(named, names, strict=False)) if named else ()
    _readable_by_position(pairs, list(range(len(names))), body, expected)
    return tuple(names) + (None,) * (whole - width), pairs


def _by_name(
    named: Fields, columns: list[str | None], body: list[Fields], expected: Sequence[ExpectedColumn]
) -> tuple[Columns, Pairs]:
    """By name where they match; the others in their order where the count fits."""
    strange = [i for i, name in enumerate(columns) if name is None]
    strange = [i for i in strange if named[i].strip() or not _is_empty(i, None, body)]
    missing = [each for each in expected if each.name not in columns]
    pairs: Pairs = ()
    if strange and len(strange) == len(missing):
        pairs = tuple((named[i], each.name) for i, each in zip(strange, missing, strict=True))
        _readable_by_position(pairs, strange, body, expected)
        for i, each in zip(strange, missing, strict=True):
            columns[i] = each.name
    elif strange:
        names = ", ".join(named[i] or f"(nameless, column {i + 1})" for i in strange)
        raise UnreadableFile(
            f"its header ({', '.join(named)}) names columns that are not known: {names};"
            f" say which columns it has, '{LEFT_OUT}' for those that are to be left out"
        )
    _all_required(set(filter(None, columns)), expected)
    return tuple(columns), pairs


def _all_required(there: set[str], expected: Sequence[ExpectedColumn]) -> None:
    absent = [each.name for each in expected if each.required and each.name not in there]
    if absent:
        raise UnreadableFile(f"it has no column {', '.join(absent)}")


def _readable_by_position(
    pairs: Pairs, places: Sequence[int], body: list[Fields], expected: Sequence[ExpectedColumn]
) -> None:
    types = {each.name: each.type for each in expected}
    for (theirs, ours), i in zip(pairs, places, strict=False):
        if not _mostly_readable([row[i] for row in body if len(row) > i], types[ours]):
            raise UnreadableFile(
                f"its column {theirs} would be {ours} by position, but most of its values are not"
                f" {TYPES[types[ours]].reads}; say which columns it has"
            )


def _is_empty(place: int, named: Fields | None, body: list[Fields]) -> bool:
    """Whether a column says nothing: no name, and in no row a value."""
    if named and len(named) > place and named[place].strip():
        return False
    return not any(len(row) > place and row[place] for row in body)


def _left_out(named: Fields | None, columns: Columns) -> tuple[str, ...]:
    pairs = zip(named or (), columns, strict=False)
    return tuple(name.strip() for name, column in pairs if column is None and name.strip())


def _number(width: int) -> str:
    return "one column" if width == 1 else f"{width} columns"
