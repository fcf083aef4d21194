"""The head of a file, read by one of the dialects that it may be of."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from service.formats.csv.dialect import DialectOptions
from service.formats.csv.record_reader import END_OF_FILE, Record, Records
from service.formats.csv.scan import Scan

COMPARED, LOOKED_AT = 200, 1000  # records by which dialects are compared, and of the one taken


@dataclass(frozen=True)
class Marks:
    """What parts the fields of a record, and what holds them together."""

    delimiter: str
    quote: str
    escape: str


@dataclass(frozen=True)
class Line:
    """A record of the sample: the number of its first line, how many it has, what it says.

    One that cannot be read has no fields.
    """

    number: int
    lines: int
    fields: list[str]
    text: str


class Sample:
    """The records at the head of a file, read by `marks`; those that say nothing are left out."""

    def __init__(
        self, found: Scan, marks: Marks, options: DialectOptions, skip: int, most: int = COMPARED
    ) -> None:
        self.marks = marks
        nulls = frozenset(options.nulls)
        self._reader = Records(marks.delimiter, marks.quote, marks.escape, nulls=nulls)
        self._found, self._options, self._skip, self._most = found, options, skip, most
        self._comment = (options.comment or "").encode()
        mark, quote = re.escape(marks.delimiter.encode()), re.escape(marks.quote.encode())
        space = b"[" + b" \t".replace(marks.delimiter.encode(), b"") + b"]*+"
        empty = space + (rb"(?:" + quote + quote + rb")?+" if quote else b"") + space
        self._blank = re.compile(rb"(?:(?:%b%b)*+%b\r*+\n)*+" % (empty, mark, empty)).match

    def extended(self) -> "Sample":
        """The same with LOOKED_AT records."""
        return Sample(self._found, self.marks, self._options, self._skip, LOOKED_AT)

    @cached_property
    def records(self) -> list[Line]:
        """The first ones."""
        return list(islice(self._lines(), self._most))

    @cached_property
    def width(self) -> int:
        """How many fields most records have; 0 where none can be read."""
        return self.width_below(-1)

    def width_below(self, place: int) -> int:
        """How many fields most of the records behind one have; 0 where none can be read."""
        widths = Counter(
            len(each.fields)
            for each in self.records[place + 1 :]
            if each.fields and not each.text.startswith("#")
        )
        return widths.most_common(1)[0][0] if widths else 0

    @property
    def has_quotes(self) -> bool:
        """Whether the quote of its marks stands where a field begins."""
        quote, mark = self.marks.quote.encode(), re.escape(self.marks.delimiter.encode())
        begins = rb"(?:^|[\n" + mark + rb"])[ ]*" + re.escape(quote)
        return bool(quote) and re.search(begins, self._found.sample) is not None

    def naive(self, line: Line) -> list[str]:
        """The fields of a record by its delimiters alone."""
        return self._reader.naive(line.text.encode())

    def _lines(self) -> Iterator[Line]:
        block, whole = self._found.sample, self._found.whole
        block = block.rstrip(END_OF_FILE) if whole else block[: block.rfind(b"\n") + 1]
        if not block.endswith(b"\n"):
            block += b"\n"
        at, number = 0, 1
        for _ in range(self._skip):
            if at >= len(block):
                return
            at, number = block.find(b"\n", at) + 1 or len(block), number + 1
        while at < len(block):
            if above := self._blank(block, at).end() - at:  # type: ignore[union-attr]
                at, number = at + above, number + block.count(b"\n", at, at + above)
                continue
            record = self._reader.read(block, at, whole)
            if record is None:
                return
            lines = block.count(b"\n", at, record.end)
            text = block[at : record.end]
            if self._comment and text.startswith(self._comment):
                record = Record([], None, block.find(b"\n", at) + 1)
            elif record.problem or any(record.fields) or self._says(text):
                said = text.rstrip(b"\r\n").decode("utf-8", "replace")
                yield Line(number, lines, record.fields, said)
            at, number = record.end, number + lines

    def _says(self, text: bytes) -> bool:
        """Whether a line has more than delimiters: marks for no value, say."""
        return bool(text.strip(b" \t\r\n\x1a\"'" + self.marks.delimiter.encode()))
