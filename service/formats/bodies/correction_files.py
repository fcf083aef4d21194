"""Rejected rows as CSV, for correction in a spreadsheet, and back.

Values go out exactly as they were sent; guarding those that a spreadsheet takes for formulas
would change them. What is read may be what a spreadsheet made of it.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from service.formats.bodies.csv_lines import csv_line

ID, TABLE, REST, REASONS = "rejection_id", "_table", "_rest", "reasons"
OURS = (ID, TABLE, REST, REASONS)
DELIMITERS = ",;\t"
csv.field_size_limit(2**31 - 1)  # the service limits whole bodies


class NoCorrections(ValueError):
    """A file is none of corrected rows; the message is to stand behind its name."""


def header_of(columns: Sequence[str], of_one_table: bool) -> list[str]:
    """The header of such a file; that of rows of several tables says which each is of.

    Raises:
        NoCorrections: a table has a column of a name that the file needs for itself.
    """
    for name in OURS:
        if name in columns:
            raise NoCorrections(
                f"{name} is a column of a table, and one that the file needs for itself"
            )
    return [ID, *([] if of_one_table else [TABLE]), *columns, REST, REASONS]


def line_of(
    header: Sequence[str], rejection_id: str, table: str, payload: Any, reasons: str
) -> str:
    """The line of a rejected row; `payload` is what was sent, `reasons` why it was kept out."""
    columns = [name for name in header if name not in OURS]
    row = {ID: rejection_id, TABLE: table, REASONS: reasons, **_values(payload, columns)}
    return csv_line(map(row.get, header))


def reasons_told(violations: Iterable[Mapping[str, Any]]) -> str:
    """Every violation of a rejected row, on one line: "rule: message; rule: message"."""
    return "; ".join(f"{each['rule']}: {each['message']}" for each in violations)


def corrected_rows(content: bytes) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yields of each row of a file its line number, the id of its rejection, its values by column.

    With a BOM, in UTF-16 or Windows-1252, with semicolons or tabs, its columns in any order.
    Columns without a name and `reasons` are passed over, and so are empty lines.

    Raises:
        NoCorrections: it has no column rejection_id, or a line has no value there.
    """
    text = _decoded(content)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    header = [name.strip() for name in next(lines, [])]
    if header.count(ID) != 1:
        raise NoCorrections(f" has no column {ID}")
    for line in lines:
        if not any(value.strip() for value in line):
            continue
        row = dict(zip(header, line, strict=False))
        if not row[ID].strip():
            raise NoCorrections(f", line {lines.line_num} has no {ID}")
        yield lines.line_num, row[ID].strip(), _row(row, line[len(header) :])


def _values(payload: Any, columns: Sequence[str]) -> dict[str, str]:
    """The row's values by column; values without a column go into REST, as JSON."""
    if isinstance(payload, str):  # a line that could not be read
        return {REST: payload}
    if not isinstance(payload, dict):
        return {REST: json.dumps(payload, ensure_ascii=False)}
    found = {name: _text(payload[name]) for name in columns if name in payload}
    rest = {name: value for name, value in payload.items() if name not in columns}
    if rest.keys() == {REST} and isinstance(rest[REST], str):
        return {**found, REST: rest[REST]}
    return {**found, REST: json.dumps(rest, ensure_ascii=False)} if rest else found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(row: dict[str, str], surplus: list[str]) -> dict[str, str]:
    """Values by column; empty fields are left out."""
    values = {name: row[name] for name in row if row[name] and name not in ("", ID, TABLE, REASONS)}
    if rest := [value for value in surplus if value]:
        values[REST] = ",".join([*filter(None, [values.get(REST)]), *rest])
    return values


def _delimiter(text: str) -> str:
    """The delimiter by which the header has a column rejection_id."""
    for delimiter in DELIMITERS:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        if ID in [name.strip() for name in header]:
            return delimiter
    return DELIMITERS[0]


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
