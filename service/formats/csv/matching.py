"""Which column of a table each column of a file is: by name, else by type, never by a guess."""

from collections import Counter
from collections.abc import Iterator, Sequence

from service.dictionary.column_types import type_of
from service.dictionary.file_options import normalised
from service.formats.csv.dialect import (
    AS_SAID,
    BY_NAME,
    BY_NORMAL_NAME,
    BY_POSITION,
    BY_SYNONYM,
    BY_TYPE,
    LEFT_OUT,
    ExpectedColumn,
    FileField,
    UnreadableFile,
)
from service.formats.csv.fitting import is_readable

Rows = Sequence[Sequence[str]]
SHOWN = 12  # names in a message
LONGEST = 40  # characters of a name in a message
MAX_NAMES, MAX_NAME = 1000, 1000  # of a header: names, and characters of one
PUNCTUATION = 20  # characters that two names in one may have besides
STEPS = 10_000  # that are tried to match columns by their types


class Names:
    """The columns of a table, by the names that files have for them."""

    def __init__(self, expected: Sequence[ExpectedColumn]) -> None:
        self._exact = {each.name: each for each in expected}
        normal = Counter(normalised(each.name) for each in expected)
        self._normal = {
            normalised(each.name): each for each in expected if normal[normalised(each.name)] == 1
        }
        self._synonyms = {normalised(name): each for each in expected for name in each.synonyms}

        known = (*self._exact, *self._normal, *self._synonyms)
        self._longest = 2 * max(map(len, known), default=0) + PUNCTUATION

    def find(self, name: str) -> tuple[ExpectedColumn | None, str]:
        """The column that goes by a name, and how it was found."""
        if len(name) > MAX_NAME:
            return None, ""
        plain, normal = name.strip("\ufeff\xa0 \t"), normalised(name)
        if plain in self._exact:
            return self._exact[plain], BY_NAME
        if normal in self._normal:
            return self._normal[normal], BY_NORMAL_NAME
        if normal in self._synonyms:
            return self._synonyms[normal], BY_SYNONYM
        return None, ""

    def known(self, names: Sequence[str]) -> int:
        """How many columns are named."""
        found = {column.name for name in names if (column := self.find(name)[0])}
        return len(found)

    def parted(self, name: str) -> tuple[str, str] | None:
        """A name that is two names between which a delimiter is missing."""
        if len(name) > self._longest:
            return None
        cuts = [(name[:i], name[i:]) for i in range(1, len(name))]
        both = [pair for pair in cuts if self.find(pair[0])[0] and self.find(pair[1])[0]]
        return both[0] if len(both) == 1 else None


def complaint(names: Sequence[str]) -> str | None:
    """What is wrong with a header of very many or very long names, of which none is looked up."""
    if len(names) > MAX_NAMES:
        return f"it has more than {MAX_NAMES:,} names"
    if any(len(name) > MAX_NAME for name in names):
        return f"it has a name of more than {MAX_NAME:,} characters"
    return None


def as_said(said: Sequence[str], width: int, expected: Sequence[ExpectedColumn]) -> list[FileField]:
    """The fields of a file whose columns were named by whoever sent it.

    Raises:
        UnreadableFile: they are not the table's, or not as many as the file has.
    """
    by_name = {each.name: each for each in expected}
    unknown = [name for name in said if name not in by_name and name != LEFT_OUT]
    if unknown:
        raise UnreadableFile(f"there is no column {listed(unknown)}; there are {listed(by_name)}")
    if len(said) != width:
        raise UnreadableFile(f"it has {number_of(width)}, and {len(said)} were named")
    if len(set(said) - {LEFT_OUT}) < len(said) - said.count(LEFT_OUT):
        raise UnreadableFile("a column was named twice")
    _all_required(said, expected)
    return [
        FileField(None, why=AS_SAID) if name == LEFT_OUT else field_of(by_name[name], name, AS_SAID)
        for name in said
    ]


def by_position(width: int, body: Rows, expected: Sequence[ExpectedColumn]) -> list[FileField]:
    """The fields of a file without a header; empty ones behind the last column are ghosts.

    Raises:
        UnreadableFile: they are not as many as the table has columns, but for one that is given.
    """
    whole = width
    while width > len(expected) and _is_ghost(width - 1, body):
        width -= 1
    sent = [each for each in expected if not each.is_given]
    if width == len(sent):
        expected = sent
    if width != len(expected):
        raise UnreadableFile(
            f"it has {number_of(width)} where {len(expected)} are needed"
            f" ({listed([each.name for each in expected])}); say the delimiter, or the columns"
        )
    fields = [field_of(each, "", BY_POSITION) for each in expected]
    return fields + [FileField(None, is_ghost=True)] * (whole - width)


def by_header(
    named: Sequence[str], body: Rows, expected: Sequence[ExpectedColumn]
) -> list[FileField]:
    """The fields of a file with a header: by name, then by type where that leaves one way only.

    Raises:
        UnreadableFile: they can be matched in two ways or in none; with what settles it.
    """
    names = Names(expected)
    found = [names.find(name) for name in named]
    twice = [name for name, times in Counter(c.name for c, _ in found if c).items() if times > 1]
    if twice:
        raise UnreadableFile(f"its header names {listed(twice)} twice; say which columns it has")
    ghosts = [i for i, name in enumerate(named) if not normalised(name) and _is_ghost(i, body)]
    strange = [i for i, (column, _) in enumerate(found) if column is None and i not in ghosts]
    if strange:
        sent = [each for each in expected if not each.is_given]
        missing = [each for each in sent if each not in [column for column, _ in found]]
        for i, column in _by_type(named, strange, missing, body, found).items():
            found[i] = column, BY_TYPE
    _all_required([column.name for column, _ in found if column], expected)
    return [
        field_of(column, name.strip(), why)
        if column
        else FileField(None, is_ghost=i in ghosts, name=name.strip())
        for i, (name, (column, why)) in enumerate(zip(named, found, strict=True))
    ]


Found = Sequence[tuple[ExpectedColumn | None, str]]


def _by_type(
    named: Sequence[str],
    strange: Sequence[int],
    missing: Sequence[ExpectedColumn],
    body: Rows,
    found: Found,
) -> dict[int, ExpectedColumn]:
    """The only way to match the columns of strange names with the columns that none is named for.

    Raises:
        UnreadableFile: there are several ways, or none.
    """
    ways = _ways(strange, missing, body)
    first, second = next(ways, None), next(ways, None)
    if first is None:
        raise UnreadableFile(_why_none(named, strange, missing, body, found))
    if second is not None:
        raise UnreadableFile(
            f"its columns {listed([named[i] for i in strange])} can be matched in two ways, such as"
            f" {_told(named, first)}, or {_told(named, second)};"
            f" say which columns it has: {_pasted(found, first)}, or {_pasted(found, second)}"
        )
    return first


def _ways(
    strange: Sequence[int], missing: Sequence[ExpectedColumn], body: Rows
) -> Iterator[dict[int, ExpectedColumn]]:
    fitting = {i: [each for each in missing if _could_be(i, each, body)] for i in strange}
    needed = {each.name for each in missing if each.required}
    order = sorted(strange, key=lambda i: len(fitting[i]))
    steps = 0

    def extended(
        way: dict[int, ExpectedColumn], taken: set[str]
    ) -> Iterator[dict[int, ExpectedColumn]]:
        nonlocal steps
        steps += 1
        if steps > STEPS:
            return
        if len(way) == len(order):
            if needed <= taken:
                yield way
            return
        i = order[len(way)]
        for each in fitting[i]:
            if each.name not in taken:
                yield from extended({**way, i: each}, taken | {each.name})

    return extended({}, set())


def _could_be(place: int, column: ExpectedColumn, body: Rows) -> bool:
    """Whether the values of a column of the file are mostly of a column's type."""
    there = [row[place] for row in body if len(row) > place and row[place]]
    if not there:
        return not column.required or not body
    return sum(is_readable(value, column.type) for value in there) * 2 >= len(there)


def _why_none(
    named: Sequence[str],
    strange: Sequence[int],
    missing: Sequence[ExpectedColumn],
    body: Rows,
    found: Found,
) -> str:
    if len(strange) == len(missing) == 1:
        (i,), (column,) = strange, missing
        return (
            f"its column {short(named[i])} would be {column.name}, the only one that is left, but"
            f" most of its values are not {type_of(column.type).reads}; say which columns it has"
        )
    names = listed([named[i] or f"(nameless, column {i + 1})" for i in strange])
    return (
        f"its header ({listed(named)}) names columns that are not known: {names};"
        f" say which columns it has, '{LEFT_OUT}' for those that are to be left out:"
        f" {_pasted(found, {})}"
    )


def _told(named: Sequence[str], way: dict[int, ExpectedColumn]) -> str:
    return " and ".join(f"{short(named[i])} as {way[i].name}" for i in sorted(way)[:SHOWN])


def _pasted(found: Found, way: dict[int, ExpectedColumn]) -> str:
    columns = [way.get(i) or column for i, (column, _) in enumerate(found)]
    return "--columns " + ",".join(each.name if each else LEFT_OUT for each in columns)


def field_of(column: ExpectedColumn, name: str, why: str) -> FileField:
    """The field of a file that is for `column`."""
    return FileField(column.name, column.type, column.required, name=name, why=why)


def _all_required(there: Sequence[str], expected: Sequence[ExpectedColumn]) -> None:
    absent = [each.name for each in expected if each.required and each.name not in there]
    if absent:
        raise UnreadableFile(f"it has no column {listed(absent)}")


def _is_ghost(place: int, body: Rows) -> bool:
    """Whether a column has no value but in a few rows, which then have one too many."""
    return sum(len(row) > place and bool(row[place]) for row in body) * 2 < max(len(body), 1)


def number_of(width: int) -> str:
    """``one column``, ``3 columns``."""
    return "one column" if width == 1 else f"{width} columns"


def listed(names: Sequence[str] | dict[str, ExpectedColumn]) -> str:
    """Names for a message, which is not to be as long as a file's header can be."""
    shown = [short(name.strip()) for name in list(names)[:SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def short(text: str) -> str:
    """A text for a message."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
