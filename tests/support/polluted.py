"""CSV files of any dialect, polluted at random, of which is known what each line means."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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


def polluted(random: Random) -> Polluted:
    """A file with one to three kinds of pollution."""
    look = look_of(random)
    kinds = random.sample(sorted(POLLUTIONS), random.choice((1, 1, 2, 3)))
    if "trailing" in kinds:
        look = replace(look, trailing=random.choice(("all", "some")))
    order = list(range(len(look.expected)))
    if look.header == "reordered":
        random.shuffle(order)
    file = Polluted(look, order, [], kinds)
    _fill(file, _size(random), random)
    for kind in kinds:
        POLLUTIONS[kind](file, random)
    return file


def _size(random: Random) -> int:
    """Rows: mostly few."""
    sizes = ((1, 5), (6, 25), (26, 200), (201, 3000))
    return random.randint(*random.choices(sizes, (400, 545, 50, 5))[0])


def _fill(file: Polluted, size: int, random: Random) -> None:
    look = file.look
    if look.header != "none":
        names = [_styled(name, look) for name in look.names]
        file.items.append(Item(file.line(names), "header", must=False, may=False))
    if look.quote == "'":
        size += 3  # one who sees a single value in apostrophes cannot tell
    for number in range(1, size + 1):
        values = _values(look, number, random)
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


def _values(look: Look, number: int, random: Random) -> tuple[str, ...]:
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


# The pollutions. Each says of what it touches whether it may still be accepted, and as what.

Pollution = Callable[[Polluted, Random], None]
POLLUTIONS: dict[str, Pollution] = {}


def pollution(function: Pollution) -> Pollution:
    """Registers one."""
    POLLUTIONS[function.__name__.strip("_")] = function
    return function


def _some(file: Polluted, random: Random, most: int = 2) -> list[Item]:
    """One row or some that are to be polluted."""
    rows = file.rows()
    chosen = random.sample(rows, min(len(rows), random.randint(1, most)))
    for i in chosen:
        file.items[i].polluted = True
        file.items[i].must = False
    return [file.items[i] for i in chosen]


def _name(file: Polluted, item: Item) -> str:
    assert item.values is not None
    return item.values[1]


def _renamed(file: Polluted, item: Item, name: str) -> tuple[str, ...]:
    assert item.values is not None
    return (item.values[0], name, *item.values[2:])


def _stray(file: Polluted, item: Item, before: str, after: str) -> None:
    """Puts marks around a plain name that stands in no quotes."""
    plain = _renamed(file, item, "Bo")
    fields = file.line(plain).split(file.look.delimiter)
    at = file.order.index(1)
    fields[at] = before + "Bo" + after
    item.text = file.look.delimiter.join(fields)
    item.values = _renamed(file, item, before + "Bo" + after)
    item.quote = True


@pollution
def _quote_opens(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        _stray(file, item, file.look.quote, "")


@pollution
def _quote_closes(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        _stray(file, item, "", file.look.quote)


@pollution
def _quote_within(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        _stray(file, item, "x" + file.look.quote, "")


@pollution
def _text_with_breaks(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        lines = "\n".join(
            random.choice(("", "a", "b c", "- d")) for _ in range(random.randint(2, 9))
        )
        item.values = _renamed(file, item, f"note:\n{lines}\nend")
        item.text = file.line(item.values)
        item.must = True


@pollution
def _text_like_records(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        lines = "\n".join(
            _plain(file, str(900_000 + i), random) for i in range(random.randint(1, 6))
        )
        ends = random.choice(("see:\n{}", "see:\n{}\nend", "{}\nend"))
        item.values = _renamed(file, item, ends.format(lines))
        item.text = file.line(item.values)
        item.quote = True


def _plain(file: Polluted, number: str, random: Random) -> str:
    values = (number, "Eve", *_values(file.look, 1, random)[2:])
    return file.look.delimiter.join(values[i] for i in file.order)


@pollution
def _separator_too_many(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        fields = _fields(file, item)
        at = random.randint(0, len(fields))
        item.may = at == len(fields)
        fields.insert(at, "")
        item.text = file.look.delimiter.join(fields)


def _fields(file: Polluted, item: Item) -> list[str]:
    assert item.values is not None
    item.values = _renamed(file, item, random_name(item))
    return file.line(item.values).removesuffix(file.look.delimiter).split(file.look.delimiter)


def random_name(item: Item) -> str:
    """A name that is one word, by which a line can be cut."""
    return f"Word{len(item.text)}"


@pollution
def _separator_too_few(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        fields = _fields(file, item)
        at = random.randrange(len(fields) - 1)
        fields[at : at + 2] = ["".join(fields[at : at + 2])]
        item.text = file.look.delimiter.join(fields)


@pollution
def _ragged(file: Polluted, random: Random) -> None:
    for item in _some(file, random, 4):
        fields = _fields(file, item)
        if random.random() < 0.5:
            del fields[random.randrange(1, len(fields)) :]
        else:
            fields += random.sample(("x", "7", "2021-01-01"), random.randint(1, 3))
        item.text, item.may = file.look.delimiter.join(fields), False


@pollution
def _other_delimiter(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        other = random.choice([each for each in ",;\t| " if each != file.look.delimiter])
        item.text = other.join(_fields(file, item))


@pollution
def _title(file: Polluted, random: Random) -> None:
    lines = random.sample(
        ("Employees", "As of 2021-11-30", "Report for HR: all sites"), random.randint(1, 2)
    )
    if random.random() < 0.3:
        lines = [line + file.look.delimiter * (len(file.order) - 1) for line in lines]
    if random.random() < 0.3:
        lines.append("")
    at = file.first_row()
    file.items[at:at] = [Item(text, "title", must=False, may=False) for text in lines]


@pollution
def _comments(file: Polluted, random: Random) -> None:
    lines = random.sample(("# exported by a tool", "# 2021-11-30", "#"), random.randint(1, 3))
    at = file.first_row()
    file.items[at:at] = [Item(text, "comment", must=False, may=False) for text in lines]


@pollution
def _blank_lines(file: Polluted, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        text = random.choice(("", "", " "))
        _put(file, Item(text, "blank", must=False, may=False), random)


@pollution
def _only_delimiters(file: Polluted, random: Random) -> None:
    for _ in range(random.randint(1, 4)):
        text = file.look.delimiter * (len(file.order) - 1)
        _put(file, Item(text, "blank", must=False, may=False), random)


def _put(file: Polluted, item: Item, random: Random) -> None:
    file.items.insert(random.randint(file.first_row(), len(file.items)), item)


@pollution
def _header_again(file: Polluted, random: Random) -> None:
    headers = [each for each in file.items if each.kind == "header"]
    for _ in range(random.randint(1, 2) if headers else 0):
        at = random.randint(file.first_row() + 1, len(file.items))
        file.items.insert(at, Item(headers[0].text, "header", must=False, may=False))


@pollution
def _total(file: Polluted, random: Random) -> None:
    values = [random.choice(("", str(random.randint(1, 999)))) for _ in file.order]
    values[0] = random.choice(("Total", "Sum:", "SUBTOTAL"))
    text = file.look.delimiter.join(values[i] for i in file.order)
    file.items.append(Item(text, "total", must=False, may=False))


@pollution
def _trailing(file: Polluted, random: Random) -> None:
    """Was done when the lines were written."""


@pollution
def _nul(file: Polluted, random: Random) -> None:
    for item in _some(file, random):
        item.values = _renamed(file, item, "N\x00l")
        item.text = file.line(item.values)


@pollution
def _stray_bytes(file: Polluted, random: Random) -> None:
    if file.look.encoding != "utf-8" or len(file.rows()) < 5:
        return
    for item in _some(file, random, 1):
        item.values = _renamed(file, item, "Caf\udce9")
        item.text = file.line(item.values)
    # Others show that the file is UTF-8: with less there are two readings.
    for i in random.sample(file.rows(), min(len(file.rows()), 4)):
        item = file.items[i]
        item.polluted = True  # so that nothing else takes their place
        item.values = _renamed(file, item, "Éléonore")
        item.text = file.line(item.values)


@pollution
def _dos_end(file: Polluted, random: Random) -> None:
    encoding = file.look.encoding.replace("-sig", "").replace("utf-16", "utf-16-le")
    encoding = encoding.replace("-le-le", "-le").replace("-le-be", "-be")
    file.tail = "\x1a".encode(encoding)
    if file.final_newline:
        file.items.append(Item("\x1a", "end", must=False, may=False))
        file.final_newline, file.tail = False, b""
    else:
        file.items[-1].must = False


@pollution
def _no_final_newline(file: Polluted, random: Random) -> None:
    file.final_newline = False


@pollution
def _huge_text(file: Polluted, random: Random) -> None:
    if random.random() > 0.05:
        return
    for item in _some(file, random, 1):
        line = random.choice(("x" * 99, _plain(file, "900000", random)))
        name = "\n".join([line] * (MAX_QUOTED // len(line) + 9))
        item.values = _renamed(file, item, random.choice((name, "y" * MAX_QUOTED + "z")))
        item.text, item.quote = file.line(item.values), True


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
