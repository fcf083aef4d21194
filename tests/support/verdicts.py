"""What a reader makes of a polluted file, judged by what is known of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import Dialect, DialectOptions, LineCounts, UnreadableFile
from service.formats.csv.reader import blocks_of
from service.formats.csv.scan import SAMPLE
from tests.support.polluted import Item, Polluted, is_accepted

NO_LIMIT = 1 << 40


@dataclass
class Reading:
    """A file as it was read; or why it was refused."""

    refused: str = ""
    dialect: Dialect | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    counts: LineCounts = field(default_factory=LineCounts)
    last_lines: list[int] = field(default_factory=list)


def read(file: Polluted, path: Path) -> Reading:
    """Reads a file with nothing stated."""
    path.write_bytes(file.content())
    found = Reading()
    try:
        found.dialect = detect_dialect(path, file.look.expected, DialectOptions(), NO_LIMIT)
        for block in blocks_of(path, found.dialect, file.look.names, NO_LIMIT):
            found.rows += block.records.to_pylist()
            found.counts.add(block.counts)
            found.last_lines.append(block.last_line)
    except UnreadableFile as error:
        found.refused = error.detail
    found.rows.sort(key=lambda row: row["line"])
    return found


def faults(file: Polluted, found: Reading) -> list[str]:
    """What is wrong with it, each as ``kind: …``; nothing when all is well."""
    if found.refused:
        may = any(doubt(file) for doubt in MAY_BE_REFUSED)
        return [] if may else [f"refused: {found.refused}"]
    return [*_misread(file, found), *_lost(file, found), *_not_adding_up(file, found)]


def is_mostly_polluted(file: Polluted) -> bool:
    """Whether what most lines say is not what they are meant to say."""
    odd = [item for item in file.items if not item.must and item.kind not in ("header", "blank")]
    return len(file.clean) <= len(odd)


def has_names_to_guess(file: Polluted) -> bool:
    """Whether two columns of whole numbers have names that are not known."""
    return file.look.header == "guessed" and file.look.table == "hired_employees"


def has_one_row(file: Polluted) -> bool:
    """One row may be read with many delimiters."""
    return len(file.clean) < 2


def has_stray_apostrophes(file: Polluted) -> bool:
    """Whether single quotes may be apostrophes, as some are."""
    return file.look.quote == "'" and any(item.quote for item in file.items)


# The kinds of doubt for which a whole file may be refused.
MAY_BE_REFUSED = (is_mostly_polluted, has_names_to_guess, has_one_row, has_stray_apostrophes)


def is_clean(file: Polluted, item: Item) -> bool:
    """Whether a row has to be accepted."""
    return item.must and item.kind == "row" and not is_escaped_out_of_sight(file, item)


def is_escaped_out_of_sight(file: Polluted, item: Item) -> bool:
    """Whether backslashes stand before quotes so far below that nothing has told of them."""
    return f"\\{file.look.quote}" in item.text and len(file.text) > SAMPLE


def _misread(file: Polluted, found: Reading) -> Iterator[str]:
    """Accepted rows that say something else than what is true."""
    starts = file.starts
    for row in found.rows:
        if not is_accepted(row, file.look.expected):
            continue
        item = starts.get(row["line"])
        values = tuple(row[name] for name in file.look.names)
        if item is None:
            yield f"misread: line {row['line']}, within a text, was accepted as {_short(values)}"
        elif item.values is None or not item.may:
            yield f"misread: {item.kind} {_short(item.text)} was accepted as {_short(values)}"
        elif tuple(map(_bare, values)) != tuple(map(_bare, item.values)):
            yield f"misread: {_short(item.text)} was accepted as {_short(values)}"


def _lost(file: Polluted, found: Reading) -> Iterator[str]:
    """Clean rows that were not accepted, without a doubt that others cast; lines on no record."""
    by_line = {row["line"]: row for row in found.rows}
    doubted: set[int] = set()
    covered: set[int] = set()
    doubtful = any(item.quote for item in file.items)
    told = not is_mostly_polluted(file)
    for row in found.rows:
        lines = range(row["line"], row["line"] + row["_lines"])
        covered.update(lines)
        if doubtful and row["_problem"] and len(lines) > 1:
            doubted.update(lines)
    for line, item in file.starts.items():
        if item.kind not in ("row", "total"):
            continue
        if line not in covered:
            yield f"lost: {_short(item.text)}, line {line}, is on no record"
        elif told and is_clean(file, item) and line not in doubted:
            there = by_line.get(line)
            if there is None or not is_accepted(there, file.look.expected):
                yield f"kept out: {_short(item.text)}, line {line}: {_short(there)}"


def _not_adding_up(file: Polluted, found: Reading) -> Iterator[str]:
    """Lines that are told twice, or not, or as what they are not."""
    assert found.dialect is not None
    physical = {file.lines}
    if file.items[-1].kind == "end":
        physical.add(file.lines - 1)  # the mark of DOS may count as one, or not
    counts, lines = found.counts, found.dialect.lines
    if lines not in physical:
        yield f"lines: {lines} were counted, there are {file.lines}"
    if counts.lines != lines:
        yield f"lines: {lines} were counted, {counts} make {counts.lines}"
    if found.last_lines and found.last_lines[-1] not in physical:
        yield f"lines: the last is {found.last_lines[-1]} of {file.lines}"
    if found.last_lines != sorted(found.last_lines):
        yield f"lines: blocks end at {found.last_lines}"
    end = 1
    for row in found.rows:
        if row["line"] < end:
            yield f"lines: {row['line']} is in two records"
        end = row["line"] + row["_lines"]
    if sum(row["_lines"] for row in found.rows) != counts.records:
        yield f"lines: {counts} does not count those of the records"
    if not is_mostly_polluted(file):
        yield from _told_as_what_they_are_not(file, counts)


def _told_as_what_they_are_not(file: Polluted, counts: LineCounts) -> Iterator[str]:
    kinds: dict[str, int] = {}
    for item in file.items:
        kinds[item.kind] = kinds.get(item.kind, 0) + item.text.count("\n") + 1
    bare = sum(not item.text.strip() for item in file.items if item.kind == "title")
    if counts.blank > kinds.get("blank", 0) + kinds.get("end", 0) + bare:
        yield f"told wrong: {counts.blank} lines are told to be blank"
    if counts.header > kinds.get("header", 0):
        yield f"told wrong: {counts.header} lines are told to be the header"
    above = kinds.get("title", 0) + kinds.get("comment", 0) + kinds.get("blank", 0)
    if counts.skipped > above + kinds.get("end", 0):
        yield f"told wrong: {counts.skipped} lines are told to be skipped"


def _bare(value: str | None) -> str:
    """Without the kind of its line breaks, which are the file's."""
    return (value or "").replace("\r\n", "\n").replace("\r", "\n")


def _short(what: object) -> str:
    said = repr(what)
    return said if len(said) < 300 else said[:200] + " … " + said[-60:]


def smallest(file: Polluted, path: Path, kind: str) -> Polluted:
    """The same with fewer lines, for as long as the same kind of fault is found."""
    items = file.items
    step = max(1, len(items) // 2)
    while step:
        at = 0
        while at < len(items):
            fewer = replace(file, items=items[:at] + items[at + step :])
            if _is_still_a_file(file, fewer) and _fails(fewer, path, kind):
                items = fewer.items
            else:
                at += step
        step //= 2
    return replace(file, items=items)


def _is_still_a_file(file: Polluted, fewer: Polluted) -> bool:
    """Whether it keeps its header, and rows by which to know its dialect."""
    headers = [any(item.kind == "header" for item in each.items) for each in (file, fewer)]
    return headers[0] == headers[1] and len(fewer.clean) >= min(3, len(file.clean))


def _fails(file: Polluted, path: Path, kind: str) -> bool:
    return any(each.startswith(kind) for each in faults(file, read(file, path)))
