"""Files that loaders stumble over: what comes of each, and of its siblings."""

from pathlib import Path
from typing import Any

import pytest

from service.formats.csv.detection import detect_dialect
from service.formats.csv.dialect import DialectOptions, LineCounts, UnreadableFile
from service.formats.csv.reader import blocks_of
from tests.support.odd_files import KINDS, TABLES, Case, Line, variations
from tests.support.polluted import is_accepted

NO_LIMIT = 1 << 40


def read(case: Case, path: Path) -> tuple[list[dict[str, Any]], LineCounts, int]:
    """The records of a file, what its lines are, and how many it has."""
    path.write_bytes(case.content)
    expected = TABLES[case.table]
    dialect = detect_dialect(path, expected, DialectOptions(**case.options), NO_LIMIT)
    names = tuple(column.name for column in expected)
    rows, counts = [], LineCounts()
    for block in blocks_of(path, dialect, names, NO_LIMIT):
        rows += block.records.to_pylist()
        counts.add(block.counts)
    return sorted(rows, key=lambda row: row["line"]), counts, dialect.lines


@pytest.mark.parametrize("name", KINDS)
def test_each_line_is_accepted_or_kept_out_as_it_should_be(name: str, tmp_path: Path) -> None:
    wrong = []
    for said, case in variations(KINDS[name]):
        why = fault(case, tmp_path / "file.csv")
        if why:
            wrong.append(f"{said}: {why}; {case.content[-300:]!r}")
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:5])


def fault(case: Case, path: Path) -> str:
    """What is wrong with how a file was read; nothing when all is well."""
    try:
        rows, counts, lines = read(case, path)
    except UnreadableFile as error:
        may = (case.refused or case.must_be_refused) and "0 columns" not in error.detail
        return "" if may else f"refused: {error.detail}"
    if case.must_be_refused:
        return "not refused"
    if counts.lines != lines:
        return f"{counts} make {counts.lines} of {lines} lines"
    found = {row["line"]: row for row in rows}
    meant = {line: each for line, each in case.lines.items() if line not in _doubted(case, found)}
    wrong = [_of_line(case, line, each, found.pop(line, None)) for line, each in meant.items()]
    wrong += [
        f"accepted besides: {_short(row)}"
        for row in found.values()
        if is_accepted(row, TABLES[case.table])
    ]
    return next(filter(None, wrong), "")


def _doubted(case: Case, found: dict[int, dict[str, Any]]) -> range:
    """The lines that are one record, where they may be."""
    lines = case.together or range(0)
    whole = bool(lines) and found.get(lines[0], {}).get("_lines") == len(lines)
    return lines if whole else range(0)


def _of_line(case: Case, line: int, meant: Line, row: dict[str, Any] | None) -> str:
    if row is None:
        return f"line {line}, {_short(meant.text)}, is on no record"
    values = tuple(row[column.name] or "" for column in TABLES[case.table])
    if not is_accepted(row, TABLES[case.table]):
        return "" if meant.kept_out else f"line {line} was kept out: {_short(row)}"
    right = _says(values, meant.accepted)
    return "" if right else f"line {line} was accepted as {_short(values)}"


def _says(values: tuple[str, ...], meant: tuple[str, ...] | None) -> bool:
    """Whether values are those that are meant, whatever the file's delimiter and line ends."""
    if meant is None or len(values) != len(meant):
        return False
    return all(map(_alike, values, meant))


def _alike(value: str, meant: str) -> bool:
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return any(value == meant.replace("¦", mark) for mark in ",;\t|")


def _short(what: object) -> str:
    said = repr(what)
    return said if len(said) < 300 else said[:200] + " … " + said[-60:]
