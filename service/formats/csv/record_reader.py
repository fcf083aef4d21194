"""One record of a CSV file at a time (RFC 4180, leniently), for the lines that need a closer look.

Everything is bytes in UTF-8: delimiters, quotes and line ends are ASCII, so that they cannot be
part of another character.
"""

import re
from dataclasses import dataclass

MAX_RECORD = 1 << 20  # bytes; a quote that is not closed by then was never meant to be one
UNCLOSED = "a quote is not closed at the end of its field"
NOT_UTF8 = "it is not UTF-8"


@dataclass(frozen=True)
class Record:
    """The fields of a record, or what is wrong with its line; `end` is where the next begins."""

    fields: list[str]
    problem: str | None
    end: int


class Records:
    """Reads records of one dialect."""

    def __init__(self, delimiter: str, width: int | None, nulls: frozenset[str]) -> None:
        """`width` is the number of fields; None when it is not known yet."""
        mark = re.escape(delimiter.encode())
        space = b"[ ]" if delimiter == "\t" else b"[ \t]"
        self._delimiter, self._width, self._nulls = delimiter.encode(), width, nulls
        self._space = b" " if delimiter == "\t" else b" \t"
        opened = space + rb'*"([^"]*(?:""[^"]*)*)"'
        self._quoted = re.compile(opened + space + rb"*(?=" + mark + rb"|\r?\n)")
        self._closed = re.compile(opened + rb'(?!")')
        self._opens = re.compile(space + rb'*"')
        self._plain = re.compile(rb"[^\n" + mark + rb"]*")

    def read(self, block: bytes, at: int, last: bool) -> Record | None:
        """The record at `at` of a block of whole lines; None when it goes on behind the block.

        `last` says that nothing comes behind the block. A line that cannot be read is a record of
        its own, whose next begins with the next line.
        """
        start, fields = at, list[bytes | None]()
        while True:
            if not self._opens.match(block, at):
                end = self._plain.match(block, at).end()  # type: ignore[union-attr]
                fields.append(self._unquoted(block[at:end]))
            elif quoted := self._quoted.match(block, at):
                end = quoted.end()
                fields.append(quoted[1].replace(b'""', b'"'))
            elif not last and len(block) - start < MAX_RECORD and not self._closed.match(block, at):
                return None
            else:
                return self._malformed(block, start, UNCLOSED)
            if block[end : end + 1] != self._delimiter:
                break
            at = end + 1
        return self._record(block, start, block.find(b"\n", end) + 1, fields)

    def _unquoted(self, field: bytes) -> bytes | None:
        field = field.strip(self._space + b"\r")
        return None if self._nulls and field.decode("utf-8", "replace") in self._nulls else field

    def _record(self, block: bytes, start: int, end: int, fields: list[bytes | None]) -> Record:
        if end - start > MAX_RECORD or self._swallows_others(block, start, end, len(fields)):
            return self._malformed(block, start, UNCLOSED)
        try:
            return Record([(field or b"").decode() for field in fields], None, end)
        except UnicodeDecodeError:
            return self._malformed(block, start, NOT_UTF8)

    def _swallows_others(self, block: bytes, start: int, end: int, width: int) -> bool:
        """Whether a stray quote far below has closed what a stray quote had opened."""
        if self._width is None:
            return False
        # Each line within it would be a record by itself. One that has the right number of fields
        # all the same needs to have more of them, to be thought of so.
        few = 1 if width != self._width else 3 if width > 2 else MAX_RECORD
        within = block[start : end - 1].split(b"\n")[1:-1]
        return len(within) >= few and all(
            line.count(self._delimiter) == self._width - 1 for line in within
        )

    @staticmethod
    def _malformed(block: bytes, start: int, problem: str) -> Record:
        return Record([], problem, block.find(b"\n", start) + 1)
