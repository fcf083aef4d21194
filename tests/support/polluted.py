"""CSV files of any dialect, polluted at random, of which is known what each line means."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from service.formats.csv.dialect import ExpectedColumn

TABLES = {
    "departments": (
        ExpectedColumn("id", "integer", True),
        ExpectedColumn("department", "varchar", True),
    ),
    "hired_employees": (
        ExpectedColumn("id", "integer", True),
        ExpectedColumn("name", "varchar", True),
        ExpectedColumn("datetime", "timestamp", True),
        ExpectedColumn("department_id", "integer", True),
        ExpectedColumn("job_id", "integer", True),
    ),
}
RENAMED = {  # each can be told by its type
    "departments": {"id": "number", "department": "title"},
    "hired_employees": {"id": "employee_id", "name": "employee_name", "datetime": "hire_date"},
}
GUESSED = {  # two of one type: nobody can tell
    "departments": {},
    "hired_employees": {"department_id": "unit_no", "job_id": "position_no"},
}
DELIMITERS = (",", ",", ",", ";", ";", "\t", "|", "^", " ")
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
HEADERS = (
    "none",
    "exact",
    "exact",
    "capitals",
    "camel",
    "spaced",
    "reordered",
    "renamed",
    "guessed",
)
NAMES = (
    *("Ada Byron", "Søren Ågård", "Zoë", "José Ñuñez", "O'Neil", "Müller-Lüdenscheid", "Grace H."),
    *("Holloway, Jr.", "a; b", "x | y", "R&D", 'the "old" one', '24" pipes', "Ops", "back\\slash"),
    *("two\nlines", "on\nthree\nlines", "tab\tbed", "1,234", "2021-01-01", "100 %", "a^b", "#7"),
)
MAX_QUOTED = 1 << 20


@dataclass
class Item:
    """What takes up one line or more of a file.

    `values` are those of its row, where it has any; `must` says that it has to be accepted, and not
    `may` that it must not be, whatever is read.
    """

    text: str
    kind: str = "row"  # or header, title, comment, blank, total, end
    values: tuple[str, ...] | None = None
    may: bool = True
    must: bool = True
    quote: bool = False  # it holds one more or less than it should, so that others are in doubt
    polluted: bool = False


@dataclass(frozen=True)
class Look:
    """The dialect of a file."""

    table: str
    delimiter: str
    quote: str
    escape: str
    newline: str
    encoding: str
    header: str
    quoting: str  # minimal, text or all
    trailing: str  # a delimiter at the end of none, some or all lines
    padding: str  # spaces around the values of none, some or all lines

    @property
    def expected(self) -> tuple[ExpectedColumn, ...]:
        """The columns of the table."""
        return TABLES[self.table]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(each.name for each in self.expected)

    def field(self, text: str, is_text: bool) -> str:
        """A value as it is written."""
        odd = any(mark in text for mark in (self.delimiter, self.quote, "\n")) or not text
        odd = odd or text != text.strip()
        if self.quoting == "all" or (self.quoting == "text" and is_text) or odd:
            escaped = text.replace(self.quote, self.escape + self.quote)
            return f"{self.quote}{escaped}{self.quote}"
        return text


@dataclass
class Polluted:
    """A file, line by line, and what was done to it."""

    look: Look
    order: list[int]  # of the table's columns, in the file
    items: list[Item]
    kinds: list[str] = field(default_factory=list)
    tail: bytes = b""
    final_newline: bool = True

    def line(self, values: Sequence[str], random: Random | None = None) -> str:
        """A row as it is written."""
        look = self.look
        is_text = [look.expected[i].type == "varchar" for i in self.order]
        fields = [look.field(values[i], text) for i, text in zip(self.order, is_text, strict=True)]
        chosen = random.random() < 0.5 if random else False
        if look.padding == "all" or (look.padding == "some" and chosen):
            fields = [f" {each} " for each in fields]
        chosen = random.random() < 0.5 if random else False
        if look.trailing == "all" or (look.trailing == "some" and chosen):
            fields.append("")
        return look.delimiter.join(fields)

    @property
    def text(self) -> str:
        """All lines, with their ends."""
        ends = self.look.newline
        lines = [item.text.replace("\n", ends) for item in self.items]
        return ends.join(lines) + (ends if self.final_newline else "")

    def content(self) -> bytes:
        """To the byte; what is no text of the encoding is written as it is."""
        text, encoding = self.text, self.look.encoding
        if encoding == "utf-8":
            return text.encode(encoding, "surrogateescape") + self.tail
        return text.encode(encoding) + self.tail

    @property
    def starts(self) -> dict[int, Item]:
        """The items by the number of their first line."""
        found, line = {}, 1
        for item in self.items:
            found[line] = item
            line += item.text.count("\n") + 1
        return found

    @property
    def lines(self) -> int:
        """How many lines it has; nothing behind the last line's end is none."""
        nothing = not self.final_newline and not self.items[-1].text
        return sum(item.text.count("\n") + 1 for item in self.items) - nothing

    @property
    def clean(self) -> list[Item]:
        """What has to be accepted."""
        return [item for item in self.items if item.must and item.kind == "row"]

    def rows(self) -> list[int]:
        """Where rows are that nothing was done to yet."""
        return [i for i, each in enumerate(self.items) if each.kind == "row" and not each.polluted]

    def first_row(self) -> int:
        """Where the header is, or else the first row."""
        return next(i for i, each in enumerate(self.items) if each.kind in ("header", "row"))

    def __str__(self) -> str:
        return f"{self.look}, {self.kinds}"


def look_of(random: Random) -> Look:
    """Some dialect, of those that can be told from a file."""
    delimiter = random.choice(DELIMITERS)
    quote = random.choice('"""\'')
    quoting = random.choice(
        ("text", "all") if quote == "'" else ("minimal", "minimal", "text", "all")
    )
    spaces = delimiter not in " \t"
    return Look(
        table=random.choice(list(TABLES)),
        delimiter=delimiter,
        quote=quote,
        escape=random.choice((quote, quote, "\\")),
        newline=random.choice(("\n", "\n", "\r\n", "\r")),
        encoding=random.choice(ENCODINGS),
        header=random.choice(HEADERS),
        quoting=quoting,
        trailing="none",
        padding=random.choice(("none",) * 6 + ("all", "some")) if spaces else "none",
    )


def size_of(random: Random) -> int:
    """Rows: mostly few."""
    sizes = ((1, 5), (6, 25), (26, 200), (201, 3000))
    return random.randint(*random.choices(sizes, (400, 545, 50, 5))[0])


def fill(file: Polluted, size: int, random: Random) -> None:
    """Gives a file its header and so many rows, to which nothing was done yet."""
    look = file.look
    if look.header != "none":
        names = [_styled(name, look) for name in look.names]
        file.items.append(Item(file.line(names), "header", must=False, may=False))
    if look.quote == "'":
        size += 3  # one who sees a single value in apostrophes cannot tell
    for number in range(1, size + 1):
        values = values_of(look, number, random)
        file.items.append(Item(file.line(values, random), values=values))
    file.final_newline = random.random() < 0.9


def _styled(name: str, look: Look) -> str:
    renamed = {"renamed": RENAMED, "guessed": GUESSED}.get(look.header, {})
    words = name.split("_")
    return {
        "capitals": name.upper(),
        "camel": "".join(word.capitalize() for word in words),
        "spaced": " ".join(word.capitalize() for word in words),
    }.get(look.header, renamed.get(look.table, {}).get(name, name))


def values_of(look: Look, number: int, random: Random) -> tuple[str, ...]:
    """The values of a row, in the order of the table's columns."""
    name = random.choice(NAMES)
    if look.escape == "\\" or look.newline == "\r":
        name = name.replace("\\", "/")
    if look.quote == "'" and look.escape == "\\":
        name = name.replace('"', "'")
    day = f"{random.randint(1990, 2021)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    made = {
        "id": str(number),
        "datetime": f"{day}T{random.randint(0, 23):02}:15:0{random.randint(0, 9)}Z",
        "department_id": str(random.randint(1, 12)),
        "job_id": str(random.randint(100, 300)),
    }
    return tuple(made.get(each, name) for each in look.names)


# The judge: what is accepted, told without the reader's help.

READABLE = {
    "integer": re.compile(r"-?\d{1,9}(\.0+)?"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?"),
    "varchar": re.compile(r".*\S.*", re.DOTALL),
}


def is_accepted(row: dict[str, str | None], expected: Sequence[ExpectedColumn]) -> bool:
    """Whether a record that was read would get into the table."""
    if row["_problem"] is not None or row["_rest"] is not None:
        return False
    for each in expected:
        value = row[each.name]
        if value is None and each.required:
            return False
        if value is not None and not READABLE[each.type].fullmatch(value):
            return False
    return True
