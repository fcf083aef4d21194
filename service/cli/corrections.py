"""Rejected rows as a CSV file, for correction in a spreadsheet, and back.

Values go out exactly as they were sent; guarding those that a spreadsheet takes for formulas
would change them.
"""

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from service.cli.failures import Failure, WrongSettings
from service.cli.invocation import segment
from service.cli.replays import reason_of
from service.formats.bodies.csv_lines import csv_line

if TYPE_CHECKING:
    from service.cli.client import Client

ID, TABLE, REST, REASONS = "rejection_id", "_table", "_rest", "reasons"
OURS = (ID, TABLE, REST, REASONS)
PAGE = 1000
DELIMITERS = ",;\t"
csv.field_size_limit(2**31 - 1)  # the service limits whole bodies


def write(client: "Client", path: str, only: dict[str, str | None]) -> int:
    """Writes rejections to the CSV file at `path` ("-" is stdout); returns their number.

    Raises:
        Failure: a table has a column of a name that the file needs for itself.
    """
    columns = _columns(client, only["table"])
    header = [ID, *([] if only["table"] else [TABLE]), *columns, REST, REASONS]
    count = 0
    with _opened(path) as file:
        file.write(csv_line(header))
        for rejection in _all(client, only):
            row = {ID: rejection[ID], REASONS: reason_of(rejection), **_values(rejection, columns)}
            row[TABLE] = rejection["table"]
            file.write(csv_line(map(row.get, header)))
            count += 1
    return count


def _columns(client: "Client", table: str | None) -> list[str]:
    """The column names of one table, or of all, each once."""
    names = [table] if table else [each["name"] for each in client.get("/v1/tables")]
    pages = [client.get(f"/v1/tables/{segment(name)}") for name in names]
    columns = dict.fromkeys(column["name"] for page in pages for column in page["columns"])
    for name in OURS:
        if name in columns:
            raise Failure(f"{name} is a column of a table, and one that the file needs for itself")
    return list(columns)


def _all(client: "Client", only: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = client.get("/v1/rejections", limit=PAGE, after=after, **only)
        yield from page["rejections"]
        if (after := page["next"]) is None:
            return


def _values(rejection: dict[str, Any], columns: Sequence[str]) -> dict[str, str]:
    """The row's values by column; values without a column go into REST, as JSON."""
    payload = rejection["payload"]
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


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    if path == "-":
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        yield sys.stdout
        return
    try:
        file = Path(path).open("w", encoding="utf-8", newline="")  # noqa: SIM115 - closed below
    except OSError as error:
        raise WrongSettings(f"{path} cannot be written: {error.strerror}") from error
    with file:
        yield file


def read(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the corrected rows of a file, each with its line number, as the API takes them.

    Whatever a spreadsheet makes of a CSV file can be read: with a BOM, in UTF-16 or Windows-1252,
    with semicolons or tabs, its columns in any order. Columns without a name and `reasons` are
    passed over, and so are empty lines.

    Raises:
        WrongSettings: there is no such file.
        Failure: it has no column rejection_id, or a line has no value there.
    """
    text = _decoded(path)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    header = [name.strip() for name in next(lines, [])]
    if header.count(ID) != 1:
        raise Failure(
            f"{path} has no column {ID}", "`gatehouse rejections export` writes such a file"
        )
    for line in lines:
        if not any(value.strip() for value in line):
            continue
        row = dict(zip(header, line, strict=False))
        if not row[ID].strip():
            raise Failure(f"{path}, line {lines.line_num} has no {ID}")
        yield lines.line_num, {ID: row[ID].strip(), "text": _row(row, line[len(header) :])}


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


def _decoded(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise WrongSettings(f"{path} cannot be read: {error.strerror}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
