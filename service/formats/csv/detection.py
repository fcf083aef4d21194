"""Finds out the dialect of a CSV file: the one by which most of its first records fit the table.

What the types say decides, not an order of delimiters. Where two dialects fit alike and read other
values, the file is refused with what settles it.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from service.formats.csv.dialect import (
    BACKSLASH,
    DELIMITERS,
    DOUBLED,
    QUOTES,
    Dialect,
    DialectOptions,
    ExpectedColumn,
    UnreadableFile,
)
from service.formats.csv.header import preamble
from service.formats.csv.reading import Reading
from service.formats.csv.sample import Marks, Sample
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
    return _dialect(found, reading, options)


def _dialect(found: Scan, reading: Reading, options: DialectOptions) -> Dialect:
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


def _best(
    readings: list[Reading], expected: Sequence[ExpectedColumn], options: DialectOptions
) -> Reading:
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
    whole = Reading(best.sample.extended(), best.skip, expected, options)
    if whole.failure:
        raise whole.failure
    whole.reasons += _why_delimiter(best, readings)
    return whole


def _why_delimiter(best: Reading, readings: Sequence[Reading]) -> tuple[str, ...]:
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


def _by_single_quotes(best: Reading, readings: Sequence[Reading]) -> Reading:
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


def _settled(one: Reading, other: Reading) -> Reading:
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


def _check_rows_above(reading: Reading, above: Sequence[int]) -> None:
    """Raises UnreadableFile where a row stands above a header that has another order."""
    assert reading.header is not None
    for line in reading.sample.records[: reading.header.place]:
        if line.number not in above and reading.fits(line.fields):
            raise UnreadableFile(
                f"its line {line.number} is a row, and a line below it names the columns;"
                " say how many lines are to be passed over (--skip), or that it has no header"
                " (--no-header)"
            )


def _readings(
    found: Scan, expected: Sequence[ExpectedColumn], options: DialectOptions
) -> Iterator[Reading]:
    said = _sep(found.sample)
    skip = options.skip or int(said is not None)
    for marks in _marks(found, options, said, len(expected)):
        sample = Sample(found, marks, options, skip)
        yield Reading(sample, skip, expected, options)


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
