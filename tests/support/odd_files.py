"""Files of the kinds that loaders stumble over, each with what may come of it.

A kind is a few lines written with ``¦`` for the delimiter; `variations` makes files of it with
other delimiters, line ends and neighbours.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.formats.csv.dialect import ExpectedColumn

MARK = "¦"
LINE_FEED = "␊"  # one that ends no line
SAMPLE = 1 << 18  # bytes that a dialect is found out from
TABLES = {
    "departments": (
        ExpectedColumn("id", "integer", True),
        ExpectedColumn("department", "varchar", True),
    ),
    "jobs": (ExpectedColumn("id", "integer", True), ExpectedColumn("job", "varchar", True)),
    "hired_employees": (
        ExpectedColumn("id", "integer", True),
        ExpectedColumn("name", "varchar", True),
        ExpectedColumn("datetime", "timestamp", True),
        ExpectedColumn("department_id", "integer", True),
        ExpectedColumn("job_id", "integer", True),
    ),
}
Values = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """What stands in a file, and what may come of it: `accepted` as such values, or `kept out`.

    `whole` is what it may be with the lines up to the one named `ends`: one record, kept out.
    """

    text: str
    accepted: Values | None = None
    kept_out: bool = False
    is_record: bool = True


def ok(text: str, *values: str) -> Line:
    """A row that must be accepted; what its fields say, unless other `values` are given."""
    return Line(text, values or tuple(text.split(MARK)))


def no(text: str) -> Line:
    """A row that must be kept out."""
    return Line(text, kept_out=True)


def maybe(text: str, *values: str) -> Line:
    """A row that may be accepted as that, or kept out."""
    return Line(text, values, kept_out=True)


def other(text: str) -> Line:
    """What is no row: a header, a title, a blank line."""
    return Line(text, is_record=False)


@dataclass(frozen=True)
class Kind:
    """Lines, and how they may be varied."""

    table: str
    lines: Sequence[Line]
    header: Line | None = None  # that must be there; else both are tried
    headerless: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    refused: bool = False  # it may be
    must_be_refused: bool = False
    first: bool = False  # nothing stands before its lines
    delimiters: str = ",;\t|"
    newlines: Sequence[str] = ("\n", "\r\n")
    encode: Callable[[str], bytes] = str.encode
    # Lines that are one record when it is kept out, besides what each of them may be.
    together: tuple[int, int] | None = None
    finish: Callable[[bytes], bytes] = bytes


@dataclass(frozen=True)
class Case:
    """A file, and what may come of it: accepted values by line, or lines that are kept out."""

    table: str
    content: bytes
    options: dict[str, Any]
    lines: dict[int, Line]
    refused: bool
    must_be_refused: bool
    together: range | None


HEADERS = {
    name: other(MARK.join(column.name for column in columns)) for name, columns in TABLES.items()
}
MOMENT = "2019-06-07T08:09:10Z"


def plain(table: str, number: int) -> Line:
    """A row that nothing is wrong with."""
    if table == "hired_employees":
        return ok(f"{number}¦Kim {number}¦{MOMENT}¦2¦3")
    return ok(f"{number}¦Unit {number}")


def variations(kind: Kind) -> Iterator[tuple[str, Case]]:
    """Files of a kind, each with what is different about it."""
    headers: list[Line | None] = [kind.header or HEADERS[kind.table]]
    if not kind.header and kind.headerless:
        headers.append(None)
    for delimiter in kind.delimiters:
        for newline in kind.newlines:
            for header in headers:
                for before in (0,) if kind.first else (0, 4):
                    above = "no header" if header is None else "header"
                    said = f"{delimiter!r}, {newline!r}, {above}, {before} before"
                    yield said, case(kind, delimiter, newline, header, before)
    if not kind.first and not kind.must_be_refused:
        rows = SAMPLE // len(plain(kind.table, 100_000).text) + 9
        yield (
            "beyond the sample",
            case(kind, kind.delimiters[0], kind.newlines[0], headers[0], rows),
        )


def case(kind: Kind, delimiter: str, newline: str, header: Line | None, before: int) -> Case:
    """A file of a kind with so many rows before it, and a few behind it."""
    lead = [] if header is None else [header]
    lead += [plain(kind.table, 700_000 + i) for i in range(before)]
    behind = [] if kind.first else [plain(kind.table, 900_000 + i) for i in range(3)]
    number, by_number, lines = 1, {}, [*lead, *kind.lines, *behind]
    for line in lines:
        if line.is_record:
            by_number[number] = line
        number += line.text.count("\n") + 1
    text = "\n".join(line.text for line in lines) + "\n"
    text = text.replace("\n", newline).replace(MARK, delimiter)
    together = None
    if kind.together:
        starts = [1]
        for line in lines:
            starts.append(starts[-1] + line.text.count("\n") + 1)
        first = len(lead) + kind.together[0]
        together = range(starts[first], starts[len(lead) + kind.together[1] + 1])
    options = dict(kind.options)
    if "delimiter" in options:
        options["delimiter"] = delimiter
    content = kind.finish(kind.encode(text))
    return Case(
        kind.table, content, options, by_number, kind.refused, kind.must_be_refused, together
    )


_HIRED = "hired_employees"
_SWAPPED = ok(f"41¦Lou¦{MOMENT}¦9¦6", "41", "Lou", MOMENT, "6", "9")
_SWAPPED_MORE = [
    ok(f"{i}¦Lou¦{MOMENT}¦{i % 7 + 1}¦{i}", str(i), "Lou", MOMENT, str(i), str(i % 7 + 1))
    for i in range(42, 46)
]
_LINES = f"as in:\n991¦Eve¦{MOMENT}¦1¦1\n992¦Eve¦{MOMENT}¦1¦1\nthat is all"
_LONG = "y" * (SAMPLE + 999)

KINDS: dict[str, Kind] = {
    "01 a stray quote in the first line": Kind(
        _HIRED,
        [no(f'31¦"Max" Power¦{MOMENT}¦1¦1'), ok(f"32¦Liv¦{MOMENT}¦1¦1")],
    ),
    "03 more lines that cannot be read than can": Kind(
        "jobs", [no('31¦"Chief" cook'), no('32¦"Second" mate'), ok("33¦Porter")]
    ),
    "04 a line of nothing but padded marks for no value": Kind(
        "departments",
        [ok("51¦P"), no(" NA ¦ NA "), no("NA¦NA"), ok("52¦Q")],
        options={"nulls": ("NA",)},
    ),
    "06 a first row with a bad id": Kind(
        "departments",
        [no("X7¦Sales"), ok("61¦Ops"), ok("62¦Lab")],
        header=Line("Y9¦Stores", kept_out=True),
        refused=True,
        first=True,
    ),
    "07 two stray quotes far apart": Kind(
        "departments",
        [
            no('71¦"21 inch'),
            *(ok(f"{i}¦R{i}") for i in range(72, 76)),
            no('76¦24"'),
        ],
        together=(0, 5),
    ),
    "07 two stray quotes in neighbouring lines": Kind(
        "departments", [no('71¦"21 inch'), no('76¦24"')], together=(0, 1)
    ),
    "08 a quoted text that holds lines like rows": Kind(
        _HIRED,
        [maybe(f'81¦"{_LINES}"¦{MOMENT}¦1¦1', "81", _LINES, MOMENT, "1", "1")],
    ),
    "08 a quoted text with line breaks": Kind(
        "departments", [ok('81¦"one\n\ntwo\nthree"', "81", "one\n\ntwo\nthree")]
    ),
    "08 a quoted text of more than a MiB with lines like rows": Kind(
        "departments",
        [maybe('81¦"' + "993¦Eve\n" * 140_000 + 'end"', "81", "993¦Eve\n" * 140_000 + "end")],
        delimiters=",",
        newlines=("\n",),
        refused=True,
        first=True,
    ),
    "09 a delimiter ends each line, and a value stands behind one": Kind(
        "departments",
        [*(ok(f"{i}¦P¦", str(i), "P") for i in range(9001, 10_300)), no("12¦P¦ all")],
        header=other("id¦department¦"),
        first=True,
    ),
    "09 without a header": Kind(
        "departments",
        [*(ok(f"{i}¦P¦", str(i), "P") for i in range(9001, 10_300)), no("12¦P¦ all")],
        header=ok("9000¦P¦", "9000", "P"),
        first=True,
        delimiters=",;",
    ),
    "10 one odd name in a header": Kind(
        _HIRED,
        [_SWAPPED, *_SWAPPED_MORE],
        header=other("id¦name¦datetime¦job_id¦department_id!"),
        refused=True,
        first=True,
    ),
    "12 a title above the header": Kind(
        _HIRED,
        [_SWAPPED],
        header=other("Staff in June¦¦¦¦\nid¦name¦datetime¦job_id¦department_id"),
        first=True,
    ),
    "12 a title and a blank line above the header": Kind(
        _HIRED,
        [_SWAPPED],
        header=other("Staff in June\n\nid¦name¦datetime¦job_id¦department_id"),
        first=True,
    ),
    "14 two byte order marks": Kind(
        _HIRED,
        [_SWAPPED],
        header=other("\ufeff\ufeffid¦name¦datetime¦job_id¦department_id"),
        refused=True,
        first=True,
    ),
    "16 names in camel case": Kind(
        _HIRED, [_SWAPPED], header=other("Id¦Name¦DateTime¦JobId¦DepartmentId"), first=True
    ),
    "16 names with spaces": Kind(
        _HIRED, [_SWAPPED], header=other("ID¦Name¦Datetime¦Job ID¦Department ID"), first=True
    ),
    "16 names with dashes and a mark": Kind(
        _HIRED,
        [_SWAPPED],
        header=other("#id¦NAME¦date-time¦job-id¦department-id"),
        first=True,
        refused=True,
    ),
    "17 short names in another order": Kind(
        _HIRED,
        [_SWAPPED],
        header=other("id¦name¦datetime¦job¦department"),
        refused=True,
        first=True,
    ),
    "18 strange names in another order": Kind(
        _HIRED,
        [_SWAPPED],
        header=other("no¦who¦start¦post_no¦unit_no"),
        refused=True,
        first=True,
        must_be_refused=True,
    ),
    "20 a space that does not break in a name": Kind(
        "departments", [ok("21¦P")], header=other("id\u00a0¦department"), first=True
    ),
    "30 every field is quoted": Kind(
        "departments",
        [ok('"301"¦"Ops"', "301", "Ops")],
        header=other('"id"¦"department"'),
        first=True,
    ),
    "31 every field and capitals are quoted": Kind(
        "departments",
        [ok('"311"¦"Ops"', "311", "Ops"), ok('"312"¦"A ""B"""', "312", 'A "B"')],
        header=other('"ID"¦"DEPARTMENT"'),
        first=True,
    ),
    "33 another delimiter in texts, without a header": Kind(
        "departments",
        [ok("331¦Rome, Italy"), ok("332¦Bern, Switzerland")],
        header=ok("330¦Kiel, Germany"),
        delimiters=";\t|",
        first=True,
    ),
    "35 another delimiter in quoted texts, without a header": Kind(
        "departments",
        [ok('351¦"Rome, Italy"', "351", "Rome, Italy")],
        header=ok('350¦"Kiel, Germany"', "350", "Kiel, Germany"),
        delimiters=";\t|",
        first=True,
    ),
    "36 a delimiter ends the lines of data only": Kind(
        "departments",
        [ok("361¦P¦", "361", "P"), ok("362¦Q¦", "362", "Q")],
        header=HEADERS["departments"],
    ),
    "38 a title line": Kind(
        "departments",
        [ok("381¦P"), ok("382¦Q")],
        header=other("Printed on 2024-02-03\nid¦department"),
        first=True,
    ),
    "40 line feeds in texts, and lines that end with returns": Kind(
        "departments",
        [ok(f'401¦"Three{LINE_FEED}lines"', "401", "Three\nlines"), ok("402¦Ops")],
        newlines=("\r",),
        encode=lambda text: text.replace(LINE_FEED, "\n").encode(),
    ),
    "41 a control character that is said to delimit": Kind(
        "departments",
        [ok("411¦Sales"), ok("412¦Ops")],
        delimiters="\x01\x1f",
        options={"delimiter": "\x01"},
    ),
    "42 a line that says the delimiter, with spaces": Kind(
        "departments",
        [ok("421¦P")],
        header=other("sep= ¦\nid¦department"),
        refused=True,
        first=True,
    ),
    "43 the end of a DOS file": Kind(
        "departments", [ok("431¦Sales")], finish=lambda content: content + b"\x1a"
    ),
    "43 the end of a DOS file without one of its line": Kind(
        "departments",
        [ok("431¦Sales")],
        finish=lambda content: content.rstrip(b"\r\n") + b"\x1a",
    ),
    "45 a first record longer than the sample": Kind(
        "departments",
        [maybe(f'451¦"{_LONG}"', "451", _LONG), ok("452¦Ops")],
        delimiters=",;",
        first=True,
    ),
    "46 a return within a line": Kind(
        "departments",
        [no("461¦P\r462¦Q"), ok("463¦R")],
        newlines=("\r\n", "\n"),
        headerless=False,
    ),
    "50 UTF-16 is said of what is not": Kind(
        "departments",
        [no("501¦P")],
        options={"encoding": "utf-16"},
        must_be_refused=True,
    ),
    "50 another encoding is said that is none of text": Kind(
        "departments",
        [no("501¦P")],
        options={"encoding": "idna"},
        must_be_refused=True,
    ),
    "51 ASCII is said of what is not": Kind(
        "departments", [no("511¦Señor"), ok("512¦P")], options={"encoding": "ascii"}, refused=True
    ),
    "51 UTF-8 is said of what is not": Kind(
        "departments",
        [no("511¦Se\udcf1or"), ok("512¦P")],
        options={"encoding": "utf-8"},
        refused=True,
        encode=lambda text: text.encode("utf-8", "surrogateescape"),
    ),
    "53 UTF-16 that is cut within a character": Kind(
        "departments",
        [ok("531¦P"), no("532¦Q")],
        refused=True,
        first=True,
        encode=lambda text: text.encode("utf-16"),
        finish=lambda content: content[:-1],
    ),
    "64 a NUL in a text": Kind("departments", [maybe("641¦No\x00rth", "641", "No\x00rth")]),
    "76 a stray quote between lines": Kind(
        "departments", [ok("761¦P"), no('762¦"Q" R'), ok("763¦S")]
    ),
}
