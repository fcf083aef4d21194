"""Which line of a file names its columns, and what stands above it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.formats.csv.dialect import (
    DELIMITERS,
    DialectOptions,
    ExpectedColumn,
    UnreadableFile,
)
from service.formats.csv.fitting import TEXT, is_readable
from service.formats.csv.matching import MAX_NAMES, Names, complaint, listed
from service.formats.csv.sample import Line, Sample

ROWS = 3  # that are needed to tell that a header has another delimiter than they have
SEARCHED = 30  # records in which a header is looked for
COMMENTS = ("#", "//", "--", ";", "%")
NO_VALUES = ("missing", "na", "nan", "nil", "none", "null", "sum", "test", "total", "unknown")
_is_identifier = re.compile(r"[a-z][a-z0-9_]*").fullmatch
_is_like_a_name = re.compile(r"[^\W\d][^\d,;|\t]*").fullmatch


@dataclass(frozen=True)
class HeaderLine:
    """The record that names the columns: its place among those of the sample, and its names."""

    place: int
    names: list[str]
    known: int  # columns of the table that are named
    mended: str = ""  # what was wrong with it


def find_header(
    sample: Sample, expected: Sequence[ExpectedColumn], options: DialectOptions
) -> HeaderLine | None:
    """The header of a file, or None where its first record is a row.

    Raises:
        UnreadableFile: its first line may be either, or rows stand above its header.
    """
    if options.header is False or not sample.records:
        return None
    names = Names(expected)
    _check_names(sample.records[0].fields, names, options)
    found = [
        header
        for i, line in enumerate(sample.records[:SEARCHED])
        if (header := _named(i, line, sample, names, expected))
    ]
    best = max(found, key=lambda header: (header.known, -header.place), default=None)
    if best is None and options.header:
        first = sample.records[0]
        best = HeaderLine(0, first.fields or sample.naive(first), 0)
    if best is None and _may_be_header(sample, expected, options):
        first_names = sample.records[0].fields
        if not _look_like_names(first_names, expected):
            wanted = ",".join(options.columns or [each.name for each in expected])
            raise UnreadableFile(
                f"its first line ({listed(first_names)}) may name its columns or be a row; say that"
                f" it has a header (--header), with --columns {wanted} where its names do not"
                " tell, or that it has none (--no-header)"
            )
        best = HeaderLine(0, first_names, 0)
    if best is None:
        return None
    return _of_width(best, sample.width_below(best.place), names)


def _check_names(first: Sequence[str], names: Names, options: DialectOptions) -> None:
    """Raises UnreadableFile where the first line is a header of too much; one that is none may."""
    if (problem := complaint(first)) and (options.header or names.known(first[:MAX_NAMES])):
        raise UnreadableFile(f"its header cannot be read: {problem}")


def preamble(sample: Sample, header: HeaderLine) -> tuple[int, ...]:
    """The numbers of the lines above a header that are no record: titles, remarks.

    A line that has as much to say as a record stays one, and is rejected for what is wrong with it.
    """
    most = max(1, sum(map(bool, header.names)) // 2)
    return tuple(
        number
        for line in sample.records[: header.place]
        if line.text.lstrip("\ufeff \t\"'").startswith(COMMENTS)
        or sum(map(bool, line.fields or sample.naive(line))) <= most
        for number in range(line.number, line.number + line.lines)
    )


def _named(
    place: int, line: Line, sample: Sample, names: Names, expected: Sequence[ExpectedColumn]
) -> HeaderLine | None:
    """A record as a header, if it names columns and is no row."""
    fields = line.fields or sample.naive(line)
    if complaint(fields) or _is_row(fields, expected):
        return None
    known = names.known(fields)
    if known and not _has_values(fields, expected):
        there = sum(map(bool, fields))
        # A row of a table of texts may have a column's name for a value.
        if known * 2 < there and all(each.type == TEXT for each in expected):
            return None
        return HeaderLine(place, fields, known)
    if len(expected) < 2 or len(sample.records) <= ROWS:
        return None
    for other in DELIMITERS:
        if line.text.count(other) != len(expected) - 1:
            continue
        fields = [each.strip("\"' \t") for each in line.text.split(other)]
        if names.known(fields) == len(expected):
            return HeaderLine(
                place, fields, len(expected), f"its header has the delimiter {other!r}"
            )
    return None


def _is_row(fields: Sequence[str], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether fields fit the columns in their order, and one of them is more than any text."""
    typed = [
        (value, each.type)
        for value, each in zip(fields, expected, strict=False)
        if each.type != TEXT and value
    ]
    return (
        len(fields) >= len(expected)
        and bool(typed)
        and all(is_readable(value, kind) for value, kind in typed)
    )


def _has_values(fields: Sequence[str], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether a field is a number, or a date, or whatever else a column holds besides texts."""
    kinds = {each.type for each in expected} - {TEXT}
    return any(is_readable(value, kind) for value in fields if value for kind in kinds)


def _of_width(header: HeaderLine, width: int, names: Names) -> HeaderLine:
    """A header with as many names as the rows below have fields, if it is clear how.

    Names that are empty are one delimiter too many; two names in one are one too few.
    """
    there = [name for name in header.names if name.strip()]
    if not width or len(header.names) == width or header.known == 0:
        return header
    if len(header.names) > width == len(there):
        return HeaderLine(header.place, there, header.known, "its header has a delimiter too many")
    if len(header.names) < width:
        parted: list[str] = []
        for name in header.names:
            plain = name.replace('"', "").replace("'", "")
            pair = names.parted(plain) if names.find(name)[0] is None else None
            parted += pair or (name,)
        if len(parted) == width and names.known(parted) == width:
            return HeaderLine(header.place, parted, width, "its header has a delimiter too few")
    return header


def _may_be_header(
    sample: Sample, expected: Sequence[ExpectedColumn], options: DialectOptions
) -> bool:
    """Whether the first line has texts like names where most others have values of the types."""
    first, below = sample.records[0].fields, [each.fields for each in sample.records[1:]]
    there = [each for each in first if each]
    kinds = _kinds(expected, options)
    if (
        not len(first) == sample.width == len(kinds)
        or not all(map(_is_like_a_name, there))
        or len(set(there)) < len(first)
        or all(kind == TEXT for kind in kinds)
    ):
        return False
    # The order of the columns is not known when their names are not.
    values = [value for row in below for value in row if value]
    return not _has_values(there, expected) and _has_values(values, expected)


def _look_like_names(first: Sequence[str], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether names that are not known are names all the same, and no row that is wrong.

    All are identifiers, or most have a word of a column's name: ``department_id`` that of ``id``.
    """
    words = {word for each in expected for word in _words(each.name)}
    there = [name for name in first if name]
    if all(_is_identifier(name) and name not in NO_VALUES for name in there):
        return True
    return sum(bool(words & set(_words(name))) for name in there) * 2 > len(there)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).casefold())


def _kinds(expected: Sequence[ExpectedColumn], options: DialectOptions) -> list[str]:
    types = {each.name: each.type for each in expected}
    return [types.get(name, TEXT) for name in options.columns or types]
