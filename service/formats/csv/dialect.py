"""The dialect of a CSV file: what was said of it, and what was found out."""

from typing import Any

import msgspec

from service.dictionary import Table
from service.errors import Unprocessable

DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
NAMES = {
    "cp1252": "Windows-1252",
    "iso8859-1": "Latin-1",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16 (big-endian)",
}
LEFT_OUT = "-"  # in place of the name of a column that is not to be read


class UnreadableFile(Unprocessable):
    """No sense can be made of a file as a CSV file for its table; nothing of it is loaded."""

    slug, title = "unreadable-file", "Unreadable file"


class ExpectedColumn(msgspec.Struct, frozen=True):
    """A column of the table that a file is for."""

    name: str
    type: str
    required: bool
    synonyms: tuple[str, ...] = ()  # other names that files have for it


class DialectOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a file; what is None is found out."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    columns: tuple[str, ...] | None = None  # LEFT_OUT for one that is not to be read
    nulls: tuple[str, ...] = ()  # what stands for no value, besides nothing
    quote: str | None = None  # '"', "'", or "" where quotes are text like any other
    escape: str | None = None  # what a quote in quotes has before it: '"' (doubled) or a backslash
    comment: str | None = None  # what a line begins with that is passed over
    skip: int | None = None  # lines at the head that are passed over


class LineCounts(msgspec.Struct):
    """How many lines of a file are what; those of `records` may hold line breaks in quotes."""

    header: int = 0
    blank: int = 0
    skipped: int = 0  # by request, or above the header
    records: int = 0

    def add(self, other: "LineCounts") -> None:
        """Adds the lines of another part of the file."""
        self.header += other.header
        self.blank += other.blank
        self.skipped += other.skipped
        self.records += other.records

    @property
    def lines(self) -> int:
        """All of them."""
        return self.header + self.blank + self.skipped + self.records


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read; `columns` has the table's column for each of its fields, or None."""

    encoding: str
    bom: bool
    newline: str  # LF, CRLF or CR
    delimiter: str
    header: bool
    skipped: int  # lines before the first row: blank ones, ``sep=;``, the header
    columns: tuple[str | None, ...]
    nulls: tuple[str, ...] = ()
    by_position: tuple[tuple[str, str], ...] = ()  # names in the header, and what they count as
    left_out: tuple[str, ...] = ()  # columns of the file that are not read
    compression: str | None = None
    lines: int = 0  # of the file, as one counts them who only looks for line ends
    rows: int = 0
    exact: bool = True  # False where quotes may hold line breaks, so that `rows` may be too many
    reasons: tuple[str, ...] = ()  # why it is taken to be so, a sentence each
    named: tuple[str, ...] = ()  # what the header calls its columns; nothing where there is none
    columns_why: tuple[str, ...] = ()  # of each of `columns`: "by its name", "as said" …

    def explained(self) -> list[tuple[str, str | None, str]]:
        """Of each field: what the file calls it, the table's column or None, and why."""
        theirs = {ours: name for name, ours in self.by_position}
        found = []
        for i, column in enumerate(self.columns):
            ours = column if self.header and column else None
            name = self.named[i] if i < len(self.named) else theirs.get(column or "", ours)
            why = self.columns_why[i] if i < len(self.columns_why) else ""
            found.append((name or f"column {i + 1}", column, why))
        return found

    def described(self) -> str:
        """For people: ``delimiter ';', no header, UTF-8 with BOM, 1,999 rows``."""
        said = [
            f"delimiter {DELIMITERS.get(self.delimiter, repr(self.delimiter))}",
            "header" if self.header else "no header, columns by position",
            NAMES.get(self.encoding, self.encoding.upper()) + (" with BOM" if self.bom else ""),
        ]
        if self.newline != "LF":
            said.append(f"{self.newline} line ends")
        if self.compression:
            said.append(self.compression)
        if self.by_position:
            pairs = ", ".join(f"{theirs} as {ours}" for theirs, ours in self.by_position)
            said.append(f"by position: {pairs}")
        if self.left_out:
            said.append(f"left out: {', '.join(self.left_out)}")
        noun = "row" if self.rows == 1 else "rows"
        said.append(f"{'' if self.exact else 'about '}{self.rows:,} {noun}")
        return ", ".join(said)


def expected_columns(table: Table) -> tuple[ExpectedColumn, ...]:
    """The columns that a file for `table` has to have."""
    return tuple(
        ExpectedColumn(each.name, each.type.name, each.required, each.synonyms)
        for each in table.columns
    )


def as_json(dialect: Dialect) -> dict[str, Any]:
    """The dialect in plain values: what an event in the log shows."""
    return msgspec.to_builtins(dialect)  # type: ignore[no-any-return]
