"""One record of a CSV file at a time (RFC 4180, leniently), for the lines that need a closer look.

Everything is bytes in UTF-8: delimiters, quotes and line ends are ASCII, so that they cannot be
part of another character.

What can be read in two ways is not read: a record in quotes over several lines of which one would
be a record of the table by itself, a quote that closes nothing, an escape that means nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.formats.csv.dialect import BACKSLASH, NAMES, QUOTES, UnreadableFile

MAX_RECORD = 16 << 20  # bytes; where a quote is not closed by then, someone has to look at it
LENIENT = 1 << 16  # bytes behind a quote out of place in which its field may go on
END_OF_FILE = b"\x1a"  # of DOS
UNCLOSED = "a quote is not closed at the end of its field"
STRAY = "a quote closes a field that none has opened"
LONE_CR = "a carriage return stands in a field without quotes"
ESCAPED = "a backslash stands before what needs none"
TWO_WAYS = "its quotes can be read in two ways: as one record, or as lines that are records"

Fits = Callable[[Sequence[str]], bool]


@dataclass(frozen=True)
class Record:
    """The fields of a record, or what is wrong with it; `end` is where the next begins."""

    fields: list[str]
    problem: str | None
    end: int


class Records:
    """Reads records of one dialect."""

    def __init__(
        self,
        delimiter: str,
        quote: str = '"',
        escape: str = '"',
        *,
        encoding: str = "utf-8",
        nulls: frozenset[str] = frozenset(),
        fits: Fits | None = None,
    ) -> None:
        """`fits` says of the fields of a line whether it would be a record of the table."""
        self._delimiter, self._quote = delimiter.encode(), quote.encode()
        self._nulls, self.fits = nulls, fits
        self._escapes = escape == BACKSLASH
        self._undecodable = f"it is not {NAMES.get(encoding, encoding.upper())}"
        self._spaces = b" \t".replace(self._delimiter, b"")
        self._mark, self._around = delimiter, self._spaces.decode()
        self._needs_care = re.compile(rb'["\\\'\r]').search
        mark, space = re.escape(self._delimiter), b"[" + self._spaces + b"]*"
        self._plain = re.compile(rb"[^\n" + mark + rb"]*")
        if self._escapes:
            self._plain = re.compile(rb"(?:[^\n\\" + mark + rb"]++|\\(?s:.))*+")
        if quote:
            q = re.escape(self._quote)
            inner = rb"[^" + q + rb"]*+(?:" + q + q + rb"[^" + q + rb"]*+)*+"
            if self._escapes:
                inner = rb"[^\\" + q + rb"]*+(?:(?:\\(?s:.)|" + q + q + rb")[^\\" + q + rb"]*+)*+"
            self._opens = re.compile(space + q).match
            self._inner = re.compile(inner).match
            self._ends = re.compile(space + rb"(?=" + mark + rb"|\r*\n)").match

    def read(self, block: bytes, at: int, last: bool) -> Record | None:
        """The record at `at` of a block of whole lines; None when it goes on behind the block.

        `last` says that nothing comes behind the block that could close a quote. A record that
        cannot be read has its lines, and no fields.

        Raises:
            UnreadableFile: a quote is not closed within MAX_RECORD.
        """
        if (simple := self._simple(block, at)) is not None:
            return simple
        start, fields = at, list[str | None]()
        problem: str | None = None
        while True:
            if not self._quote or not (opened := self._opens(block, at)):
                end = self._plain.match(block, at).end()  # type: ignore[union-attr]
                field, wrong = self._unquoted(block[at:end])
            else:
                inner = self._inner(block, opened.end())
                closing = inner.end()  # type: ignore[union-attr]
                if closing >= len(block):
                    return self._unclosed(block, start, last)
                after = self._ends(block, closing + 1)
                if after is None:
                    return self._out_of_place(block, start, closing, last)
                end = after.end()
                field, wrong = self._quoted(block[opened.end() : closing])
            fields.append(field)
            problem = problem or wrong
            if block[end : end + 1] != self._delimiter:
                break
            at = end + 1
        end = block.find(b"\n", end) + 1
        if problem is None and self._is_doubtful(block, start, end):
            problem = TWO_WAYS
        if problem:
            return Record([], problem, end)
        return Record([field or "" for field in fields], None, end)

    def _simple(self, block: bytes, start: int) -> Record | None:
        """The record of a line that can be parted by its delimiters, as most can."""
        end = block.find(b"\n", start)
        line = block[start:end].rstrip(b"\r")
        if self._needs_care(line):
            return None
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return None
        fields = [field.strip(self._around) for field in text.split(self._mark)]
        if self._nulls:
            fields = ["" if field in self._nulls else field for field in fields]
        return Record(fields, None, end + 1)

    def naive(self, line: bytes) -> list[str]:
        """The fields of a line by its delimiters alone, without spaces and quotes around them."""
        around = self._spaces + self._quote + b"\r\n"
        parts = line.split(self._delimiter)
        return [part.strip(around).decode("utf-8", "replace") for part in parts]

    def _unquoted(self, field: bytes) -> tuple[str | None, str | None]:
        field = field.strip(self._spaces).rstrip(b"\r").rstrip(self._spaces)
        try:
            text = field.decode()
        except UnicodeDecodeError:
            return None, self._undecodable
        if text in self._nulls or (self._escapes and text == "\\N"):
            return None, None
        if b"\r" in field:
            return None, LONE_CR
        if self._quote and field.endswith(self._quote):
            return None, STRAY
        return self._unescaped(text) if self._escapes else (text, None)

    def _quoted(self, field: bytes) -> tuple[str | None, str | None]:
        try:
            text = field.decode()
        except UnicodeDecodeError:
            return None, self._undecodable
        if self._escapes:
            return self._unescaped(text)
        quote = self._quote.decode()
        return text.replace(quote * 2, quote), None

    def _unescaped(self, text: str) -> tuple[str | None, str | None]:
        quote = self._quote.decode()
        plain = {"\\", quote, self._delimiter.decode(), "\n"}
        wrong = False

        def meant(found: re.Match[str]) -> str:
            nonlocal wrong
            if found[0][1:] in QUOTES and found[0][1:] != quote:
                return found[0]  # the other quote, which needs none: two texts
            wrong = wrong or found[0][1:] not in plain
            return found[0][1:]

        pairs = rf"\\(?s:.)|{re.escape(quote * 2)}" if quote else r"\\(?s:.)"
        meaning = re.sub(pairs, meant, text)
        return (None, ESCAPED) if wrong else (meaning, None)

    def _is_doubtful(self, block: bytes, start: int, end: int) -> bool:
        """Whether lines of a record of several would be records of the table by themselves.

        That is one within it, or both the first and the last, if each had a quote too many.
        """
        if self.fits is None or block.find(b"\n", start) + 1 == end:
            return False
        first, *within, last = block[start : end - 1].split(b"\n")
        return any(self.fits(self.naive(line)) for line in within) or (
            self.fits(self.naive(first)) and self.fits(self.naive(last))
        )

    def _unclosed(self, block: bytes, start: int, last: bool) -> Record | None:
        """A quote that no other closes is stray: its line is wrong, and no other."""
        if last:
            return self._malformed(block, start, UNCLOSED)
        if len(block) - start > MAX_RECORD:
            raise UnreadableFile(
                f"a quote that is opened in it is not closed within {MAX_RECORD >> 20} MiB; mend"
                " it, or say that quotes are text like any other: quote none"
            )
        return None

    def _out_of_place(self, block: bytes, start: int, place: int, last: bool) -> Record | None:
        """A field is closed at `place`, and something stands behind it.

        If a quote in it was meant as text, and another one closes it further down, then the lines
        up to there are wrong together, unless they are records all the same.
        """
        limit = min(len(block), place + LENIENT)
        if self._begins_field(block, start, place):
            return self._malformed(block, start, UNCLOSED)
        while (place := block.find(self._quote, place + 1, limit)) >= 0:
            if self._begins_field(block, start, place):
                break
            if self._ends(block, place + 1):
                end = block.find(b"\n", place) + 1
                lines = block[start : end - 1].split(b"\n")[1:]
                if self.fits and all(self.fits(self.naive(line)) for line in lines):
                    break
                return Record([], UNCLOSED, end)
        if place < 0 and limit == len(block) and not last:
            return None
        return self._malformed(block, start, UNCLOSED)

    def _begins_field(self, block: bytes, start: int, place: int) -> bool:
        line = max(start, block.rfind(b"\n", start, place) + 1)
        before = block[line:place].rstrip(self._spaces)
        return not before or before.endswith(self._delimiter)

    @staticmethod
    def _malformed(block: bytes, start: int, problem: str) -> Record:
        return Record([], problem, block.find(b"\n", start) + 1)
