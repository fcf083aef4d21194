"""The lines of a file that are no records: its header, again and again, and what is skipped."""

import numpy as np

from service.formats.csv.dialect import Dialect
from service.formats.csv.lines import Lines
from service.formats.csv.record_reader import END_OF_FILE, Record, Records


class Head:
    """Which lines of a file are its header, or are passed over."""

    def __init__(self, dialect: Dialect, records: Records) -> None:
        self._skip, self._preamble = dialect.skip, frozenset(dialect.preamble)
        self._header = range(dialect.header_line, dialect.header_line + dialect.header_lines)
        # The number of the last line that is here by its number, not by what it says.
        self.last = max(self._skip, *self._preamble, *self._header, 0)
        self._comment = (dialect.comment or "").encode()
        self._names: list[str] = []
        self._begins: list[bytes] = []
        if dialect.header_text:
            text = dialect.header_text.encode() + b"\n"
            record = records.read(text, 0, True)
            self._names = record.fields if record else []
            first = dialect.header_text.split(dialect.delimiter)[0].strip(" \t" + dialect.quote)
            quotes = {"", dialect.quote}
            self._begins = [f"\n{quote}{first}".encode() for quote in quotes] if first else []

    def mark(self, block: bytes, lines: Lines, number: int) -> None:
        """Takes lines of a block from those that are plain: its first one has a number."""
        lines.plain[: max(0, self.last + 1 - number)] = False
        for beginning in (*self._begins, *([b"\n" + self._comment] if self._comment else ())):
            if block.startswith(beginning[1:]):
                lines.plain[0] = False
            places, at = [], block.find(beginning)
            while at >= 0:
                places.append(at + 1)
                at = block.find(beginning, at + 1)
            lines.plain[np.searchsorted(lines.starts, places)] = False
        if block.endswith((END_OF_FILE, END_OF_FILE + b"\n")):
            lines.plain[-1] = False

    def passes_over(self, number: int, line: bytes) -> bool:
        """Whether a line is none that could say something."""
        return (
            number <= self._skip
            or number in self._preamble
            or (bool(self._comment) and line.startswith(self._comment))
            or (line.startswith(END_OF_FILE) and not line.strip(END_OF_FILE + b"\r"))
        )

    def is_header(self, number: int, record: Record) -> bool:
        """Whether a record names the columns, for the first time or again."""
        return number in self._header or (bool(self._names) and record.fields == self._names)
