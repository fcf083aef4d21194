"""Finds out the dialect of a CSV file: the one by which most of its first records fit the table.

What the types say decides, not an order of delimiters. Where two dialects fit alike and read other
values, the file is refused with what settles it.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from service.formats.csv.dialect import (
    BACKSLASH,
    DELIMITERS,
    DOUBLED,
    QUOTES,
    Dialect,
    DialectOptions,
    ExpectedColumn,
    FileField,
    UnreadableFile,
)
from service.formats.csv.fitting import Fitting
from service.formats.csv.header import HeaderLine, find_header, preamble
from service.formats.csv.matching import as_said, by_header, by_position
from service.formats.csv.sample import COMPARED, Marks, Sample
from service.formats.csv.scan import LARGE_SAMPLE, Scan, scan

_sep = re.compile(rb'"?sep=(?:[ ]*([^\s"])[ ]*|(.))"?[ ]*\r?\n', re.IGNORECASE).match


def detect_dialect(
    path: Path, expected: Sequence[ExpectedColumn], options: DialectOptions, max_bytes: int
) -> Dialect:
    """The dialect of the file at `path`, for a table with the columns `expected`.

    Raises:
        UnreadableFile: it makes no sense; the message says why, and what to say for it to.
    """
    _check(options)
    found = scan(path, max_bytes, options)
    if not found.sample.strip(b'\r\n\t ;,|"\x1a'):
        raise UnreadableFile("it is empty")
    readings = list(_readings(found, expected, options))
    if not found.whole and all(len(each.sample.records) < 2 for each in readings):
        found = scan(path, max_bytes, options, LARGE_SAMPLE)
        readings = list(_readings(found, expected, options))
    reading = _best(readings, expected, options)
    if found.encoding == "cp1252" and options.encoding is None:
        reading.reasons += ("it is not UTF-8; where its texts look wrong, say its encoding",)
    header = reading.header
    above = preamble(reading.sample, header) if header else ()
    first = reading.sample.records[header.place] if header else None
    if first is not None:
        _check_rows_above(reading, above)
    return Dialect(
        encoding=found.encoding,
        bom=found.bom,
        newline=found.newline,
        delimiter=reading.sample.marks.delimiter,
        quote=reading.sample.marks.quote,
        escape=reading.sample.marks.escape,
        comment=options.comment,
        skip=reading.skip,
        preamble=above,
        header_line=first.number if first else 0,
        header_lines=first.lines if first else 0,
        header_text=first.text if first else "",
        fields=tuple(reading.fields),
        nulls=options.nulls,
        compression=found.compression,
        last_quote=found.last_quotes.get(reading.sample.marks.quote, -1),
        lines=found.lines,
        rows=max(0, found.saying - len(above) - reading.skip - (first.lines if first else 0)),
        exact=reading.sample.marks.quote not in found.last_quotes,
        reasons=reading.reasons,
    )


def _check(options: DialectOptions) -> None:
    """Raises UnreadableFile where what is said of a file cannot be."""
    delimiter, quote = options.delimiter, options.quote
    if delimiter is not None and (
        len(delimiter) != 1 or delimiter in '"\r\n\0' or not delimiter.isascii()
    ):
        raise UnreadableFile(f"a delimiter is one character of ASCII, not {delimiter!r}")
    if quote is not None and quote not in QUOTES:
        raise UnreadableFile(f"a quote is \" or ', or none, not {quote!r}")
    if options.escape not in (None, DOUBLED, BACKSLASH):
        raise UnreadableFile(f"quotes are doubled or escaped by \\, not by {options.escape!r}")


class _Reading:
    """The file as it is by one dialect: header, fields, and how many of its records fit."""

    def __init__(
        self,
        sample: Sample,
        skip: int,
        expected: Sequence[ExpectedColumn],
        options: DialectOptions,
    ) -> None:
        self.sample, self.skip, self._expected, self._options = sample, skip, expected, options
        self.header: HeaderLine | None = None
        self.fields: list[FileField] = []
        self.failure: UnreadableFile | None = None
        self.reasons: tuple[str, ...] = ()
        try:
            self.header = find_header(sample, expected, options)
            self.fields = self._match()
        except UnreadableFile as error:
            self.failure = error
        if self.header and self.header.mended:
            self.reasons = (self.header.mended,)
        self._fitting = Fitting(self.fields)

    @cached_property
    def body(self) -> list[list[str]]:
        """The fields of the records behind the header that can be read."""
        first = self.header.place + 1 if self.header else 0
        return [line.fields for line in self.sample.records[first:] if line.fields]

    @cached_property
    def fit(self) -> float:
        """The share of the first records that fit the table."""
        first = self.header.place + 1 if self.header else 0
        lines = self.sample.records[first : first + COMPARED]
        if self.failure or not lines:
            return 0.0
        return sum(map(self._fits, (line.fields for line in lines))) / len(lines)

    @property
    def likelihood(self) -> float:
        """What speaks for it: records that fit, and names that are known."""
        known = self.header.known if self.header else 0
        return round(self.fit + 0.5 * known / len(self._expected), 9)

    @property
    def resemblance(self) -> tuple[float, ...]:
        """What speaks for it where no record fits: as many fields as columns, and alike."""
        records = self.sample.records
        width = len(self._options.columns or self._expected)
        as_wide = sum(len(line.fields) == width for line in records)
        alike = sum(len(line.fields) == self.sample.width > 1 for line in records)
        return as_wide / (len(records) or 1), alike / (len(records) or 1)

    @cached_property
    def values(self) -> list[list[str]]:
        """What is read of the first records."""
        places = [i for i, field in enumerate(self.fields) if field.column]
        return [[row[i] for i in places] for row in self.body[:COMPARED] if self._fits(row)]

    @property
    def names_are_wrapped(self) -> bool:
        """Whether the header has names within single quotes, which are read as text."""
        return any(map(_is_wrapped, self.header.names if self.header else ()))

    @property
    def values_are_wrapped(self) -> bool:
        """Whether a column has values within single quotes, as they are read: not one by chance."""
        for column in zip(*self.values, strict=True):
            there = [value for value in column if value]
            if sum(map(_is_wrapped, there)) * 10 >= len(there) > 0:
                return True
        return False

    def _fits(self, fields: list[str]) -> bool:
        return self._fitting.fits(fields) or self._fitting.padded(fields) is not None

    def _match(self) -> list[FileField]:
        options, header = self._options, self.header
        body_width = self.sample.width_below(header.place if header else -1)
        names = list(header.names) if header else []
        width = max(len(names), body_width) if not header else len(names)
        if header:
            names, width = self._trimmed(names, body_width)
        if options.columns is not None:
            return as_said(options.columns, width or len(options.columns), self._expected)
        if header is None:
            return by_position(width, self.body, self._expected)
        return by_header(names, self.body, self._expected)

    def _trimmed(self, names: list[str], body_width: int) -> tuple[list[str], int]:
        """The header as wide as most rows, where they differ by what is empty at the end."""
        while len(names) > max(body_width, 1) and not names[-1].strip():
            names.pop()
        extra = range(len(names), body_width)
        if not any(len(row) > i and row[i] for row in self.body for i in extra):
            names += [""] * len(extra)
        return names, len(names)


def _is_wrapped(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == "'"


def _best(
    readings: list[_Reading], expected: Sequence[ExpectedColumn], options: DialectOptions
) -> _Reading:
    if len(readings) > 1:
        readings.sort(key=lambda each: (each.likelihood, each.fit), reverse=True)
        if not readings[0].likelihood:
            readings.sort(key=lambda each: each.resemblance, reverse=True)
    best = readings[0]
    best = _by_single_quotes(best, readings)
    for other in readings:
        if other.likelihood < best.likelihood or not best.fit:
            break
        if other.values != best.values:
            best = _settled(best, other)
    whole = _Reading(best.sample.extended(), best.skip, expected, options)
    if whole.failure:
        raise whole.failure
    whole.reasons += _why_delimiter(best, readings)
    return whole


def _why_delimiter(best: _Reading, readings: Sequence[_Reading]) -> tuple[str, ...]:
    """What speaks for a delimiter and not for another one of those that the file has."""
    mark = best.sample.marks.delimiter
    others: dict[str, float] = {}
    for each in readings:
        other = each.sample.marks.delimiter
        others[other] = max(others.get(other, 0.0), each.fit)
    del others[mark]
    if not others:
        return ()
    less = ", ".join(f"{share:.0%} with {DELIMITERS[other]}" for other, share in others.items())
    return (
        f"with the delimiter {DELIMITERS[mark]}, {best.fit:.0%} of the first records fit the table"
        f" ({less})",
    )


def _by_single_quotes(best: _Reading, readings: Sequence[_Reading]) -> _Reading:
    """The reading by single quotes, where another one has them around names and values.

    Raises:
        UnreadableFile: they may be text, or not.
    """
    marks = best.sample.marks
    single = [
        each
        for each in readings
        if each.sample.marks.quote == "'" and each.sample.marks.delimiter == marks.delimiter
    ]
    if marks.quote != '"' or not single:
        return best
    if best.names_are_wrapped:
        return single[0]
    breaks = any(line.lines > 1 and line.fields for line in single[0].sample.records)
    if best.sample.has_quotes or not (breaks or best.values_are_wrapped):
        return best
    if single[0].fit * 2 >= best.fit:
        return single[0]
    raise UnreadableFile(
        "single quotes stand around values of it, as text or as quotes; say which"
        " (--quote \"'\", or --quote '\"')"
    )


def _settled(one: _Reading, other: _Reading) -> _Reading:
    """Which of two readings it is that fit alike, and read other values.

    Raises:
        UnreadableFile: it can be either.
    """
    a, b = one.sample.marks, other.sample.marks
    if a.delimiter != b.delimiter:
        raise UnreadableFile(
            f"it can be read with the delimiter {DELIMITERS.get(a.delimiter, repr(a.delimiter))} or"
            f" {DELIMITERS.get(b.delimiter, repr(b.delimiter))} alike; say which one"
            " (--delimiter)"
        )
    if a.quote != b.quote:
        return one
    return one if a.escape == DOUBLED else other


def _check_rows_above(reading: _Reading, above: Sequence[int]) -> None:
    """Raises UnreadableFile where a row stands above a header that has another order."""
    assert reading.header is not None
    for line in reading.sample.records[: reading.header.place]:
        if line.number not in above and reading._fits(line.fields):
            raise UnreadableFile(
                f"its line {line.number} is a row, and a line below it names the columns;"
                " say how many lines are to be passed over (--skip), or that it has no header"
                " (--no-header)"
            )


def _readings(
    found: Scan, expected: Sequence[ExpectedColumn], options: DialectOptions
) -> Iterator[_Reading]:
    said = _sep(found.sample)
    skip = options.skip or int(said is not None)
    for marks in _marks(found, options, said, len(expected)):
        sample = Sample(found, marks, options, skip)
        yield _Reading(sample, skip, expected, options)


def _marks(
    found: Scan, options: DialectOptions, said: re.Match[bytes] | None, columns: int
) -> Iterator[Marks]:
    text = found.sample
    delimiters = [each for each in DELIMITERS if each.encode() in text]
    if columns == 1 or not delimiters:
        delimiters += [each for each in DELIMITERS if each not in delimiters][:1]
    if options.delimiter is not None:
        delimiters = [options.delimiter]
    elif said:
        delimiters = [(said[1] or said[2]).decode("latin-1")]
    for delimiter in delimiters:
        for quote in _quotes(text, delimiter, options):
            for escape in _escapes(text, quote, options):
                if delimiter != quote:
                    yield Marks(delimiter, quote, escape)


def _quotes(text: bytes, delimiter: str, options: DialectOptions) -> list[str]:
    if options.quote is not None:
        return [options.quote]
    mark = delimiter.encode()
    if re.search(rb"(?:^|[\n" + re.escape(mark) + rb"])[ ]*'", text):
        return ['"', "'"]
    return ['"']


def _escapes(text: bytes, quote: str, options: DialectOptions) -> list[str]:
    if options.escape is not None:
        return [options.escape]
    if quote and b"\\" + quote.encode() in text:
        return [DOUBLED, BACKSLASH]
    return [DOUBLED]
