"""The dialect of a CSV file: what was said of it, and what was found out."""

import msgspec

from service.dictionary import Table
from service.errors import Unprocessable, shortened
from service.runtime.wording import counted

DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'", "^": "'^'", " ": "space"}
QUOTES = {'"': "", "'": 'quotes "\'"', "": "no quotes"}
DOUBLED, BACKSLASH = '"', "\\"  # what makes a quote within quotes text: another one, or this
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
    is_given: bool = False  # whether it is given to rows without it: only a name can mean it


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


class FileField(msgspec.Struct, frozen=True):
    """A field of a file's records: the table's column it is for, or None where it is not read.

    A field that `is_ghost` has no name and no value: one that has a value all the same is too many.
    """

    column: str | None
    type: str | None = None
    required: bool = False
    is_ghost: bool = False
    name: str = ""  # in the file's header
    why: str = ""  # how its column was found


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read."""

    encoding: str
    bom: bool
    newline: str  # LF, CRLF or CR
    delimiter: str
    quote: str = '"'
    escape: str = DOUBLED
    comment: str | None = None
    skip: int = 0  # lines at the head that are passed over by request, or that say the delimiter
    preamble: tuple[int, ...] = ()  # numbers of lines above the header that are no record
    header_line: int = 0  # where the header begins; 0: there is none
    header_lines: int = 0  # how many lines it has
    header_text: str = ""  # as it stands in the file: a line like it is a header once more
    fields: tuple[FileField, ...] = ()
    nulls: tuple[str, ...] = ()
    compression: str | None = None
    last_quote: int = -1  # its place among the bytes of the file in UTF-8
    lines: int = 0  # of the file, as one counts them who only looks for line ends
    rows: int = 0
    exact: bool = True  # False where quotes may hold line breaks, so that `rows` may be too many
    reasons: tuple[str, ...] = ()  # sentences: what spoke for this and not for another dialect

    @property
    def header(self) -> bool:
        """Whether a line names the columns."""
        return self.header_line > 0

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The table's column for each field; None where it is not read."""
        return tuple(field.column for field in self.fields)

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Names that are not the columns' own, and the columns that they were found to be."""
        return self._found(BY_TYPE) + self._found(BY_SYNONYM)

    def _found(self, why: str) -> tuple[tuple[str, str], ...]:
        there = [field for field in self.fields if field.why == why]
        return tuple((shortened(field.name), field.column or "") for field in there)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The names of the file's columns that are not read."""
        return tuple(field.name for field in self.fields if field.name and not field.column)

    def explained(self) -> list[tuple[str, str | None, str]]:
        """Of each field: what the file calls it, the table's column or None, and why."""
        return [
            (field.name or f"column {i}", field.column, field.why)
            for i, field in enumerate(self.fields, 1)
        ]

    def described(self) -> str:
        """For people: ``delimiter ';', no header, UTF-8 with BOM, 1,999 rows``."""
        said = [f"delimiter {DELIMITERS.get(self.delimiter, repr(self.delimiter))}"]
        if QUOTES[self.quote]:
            said.append(QUOTES[self.quote])
        if self.escape == BACKSLASH:
            said.append("backslash escapes")
        said.append(self._head())
        said.append(
            NAMES.get(self.encoding, self.encoding.upper()) + (" with BOM" if self.bom else "")
        )
        if self.newline != "LF":
            said.append(f"{self.newline} line ends")
        if self.compression:
            said.append(self.compression)
        for way, why in ("by type", BY_TYPE), ("by synonym", BY_SYNONYM):
            if pairs := ", ".join(f"{theirs} as {ours}" for theirs, ours in self._found(why)):
                said.append(f"{way}: {pairs}")
        if self.left_out:
            said.append(f"left out: {shortened(', '.join(self.left_out))}")
        said.append(f"{'' if self.exact else 'about '}{counted(self.rows, 'row')}")
        return ", ".join(said)

    def _head(self) -> str:
        passed = len(self.preamble) + self.skip
        above = f", {counted(passed, 'line')} above it passed over" if passed else ""
        if not self.header:
            how = "as said" if any(each.why == AS_SAID for each in self.fields) else "by position"
            return f"no header, columns {how}{above}"
        place = f" in line {self.header_line}" if self.header_line > 1 else ""
        return f"header{place}{above}"


BY_NAME, BY_NORMAL_NAME = "by its name", "by its name, but for case and punctuation"
BY_SYNONYM, BY_TYPE = "by a synonym", "by its type: no other column fits its values"
BY_POSITION, AS_SAID = "by its position", "as said"


def expected_columns(table: Table) -> tuple[ExpectedColumn, ...]:
    """The columns that a file for `table` has to have."""
    return tuple(
        ExpectedColumn(
            each.name, each.type.name, each.must_be_sent, each.names_in_files, each.is_generated
        )
        for each in table.columns
    )


def dialect_of(record: str) -> Dialect:
    """The dialect that is on record of a file in JSON; also as versions before 0.2 wrote it."""
    dialect = msgspec.json.decode(record, type=Dialect)
    if dialect.fields:
        return dialect
    before = msgspec.json.decode(record)
    fields = tuple(FileField(name, is_ghost=name is None) for name in before["columns"])
    return msgspec.structs.replace(dialect, fields=fields, skip=before["skipped"])
