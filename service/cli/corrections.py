"""Rejected rows on their way to a spreadsheet, and back."""

import csv
import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from service.cli import output
from service.cli.command import Run, segment
from service.cli.failures import Failure, Refused
from service.cli.rejections import why

MOST_ROWS = 1000  # of one request, by the contract
ID, POSITION, LINE, REASONS = "rejection_id", "position", "_line", "reasons"
COUNTS = ("received", "accepted", "rejected", "already_present")
Rejection = dict[str, Any]


def write_corrections(run: Run, target: Path | None, only: Mapping[str, str | None]) -> int:
    """Writes a CSV file (default: stdout) with the table's columns and the reasons; how many rows.

    Raises:
        Failure: there is none, or they are of several tables.
    """
    with run.connect() as client:
        found = client.pages("/v1/rejections", "rejections", sys.maxsize, **only)[::-1]
        tables = sorted({each["table"] for each in found})
        if not tables:
            raise Failure("there is no such rejection")
        if len(tables) > 1:
            raise Failure("they are of several tables", f"name a --table: {', '.join(tables)}")
        known = client.get(f"/v1/tables/{segment(tables[0])}")["columns"]
    names = [column["name"] for column in known]
    rows = [each["payload"] for each in found if isinstance(each["payload"], dict)]
    others = sorted({name for row in rows for name in row} - set(names))
    with _opened(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, *others, LINE, POSITION, ID, REASONS])
        for each in found:
            writer.writerow(_fields(each, [*names, *others]))
    return len(found)


def _fields(rejection: Rejection, names: list[str]) -> list[str]:
    row = rejection["payload"]
    by_name = row if isinstance(row, dict) else {}
    line = "" if isinstance(row, dict) else _text(row)
    about = [line, str(rejection["position"]), rejection[ID], why(rejection)]
    return [_text(by_name.get(name)) for name in names] + about


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@contextmanager
def _opened(target: Path | None) -> Iterator[TextIO]:
    if target is None:
        yield sys.stdout
        return
    with target.open("w", encoding="utf-8", newline="") as file:
        yield file


def replay_file(run: Run, path: Path) -> int:
    """Tries the rows of a corrected export; the exit code."""
    rows = _corrected(path)
    sums: dict[str, Any] = dict.fromkeys(COUNTS, 0)
    failed: list[Rejection] = []
    with run.connect() as client, output.progress("replaying", len(rows)) as step:
        for first in range(0, len(rows), MOST_ROWS):
            part = rows[first : first + MOST_ROWS]
            body = [{ID: each[ID], **_said(each)} for each in part]
            answer = client.post("/v1/rejections/replay", body)
            for name in COUNTS:
                sums[name] += answer[name]
            failed += [{ID: each[ID], "why": why(each)} for each in answer["rejections"]]
            failed += [{ID: each[ID], "why": each["detail"]} for each in answer["not_tried"]]
            step(len(part))
    if failed or run.as_json:
        run.show(sums | {"failed": failed}, failed, [ID, "why"])
    if not run.as_json:
        output.line(_counted(sums, path.name))
    return int(bool(failed))


def _said(row: Mapping[str, str]) -> dict[str, Any]:
    """The row as text; nothing where it says nothing, as a line that was never taken apart."""
    about = (ID, POSITION, LINE, REASONS)
    text = {name: value for name, value in row.items() if value and name not in about}
    return {"text": text} if text else {}


def _corrected(path: Path) -> list[dict[str, str]]:
    """The rows of a file that may come back from a spreadsheet in another shape.

    Raises:
        Failure: it is not an export of rejections.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("windows-1252", "replace")
    head = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if ID in _names(head, mark)), None)
    if delimiter is None:
        raise Failure(
            f"{path} has no column {ID}", "`gatehouse rejections export` makes such files"
        )
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip() for name in next(lines)]
    rows = [dict(zip(names, line, strict=False)) for line in lines if any(line)]
    for number, row in enumerate(rows, 1):
        if not row.get(ID):
            raise Failure(f"{path}: row {number} has no {ID}")
    return rows


def _names(head: str, delimiter: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([head.strip()], delimiter=delimiter), [])]


def replay_all(run: Run, table: str | None) -> int:
    """Tries every open rejection; the exit code."""
    parameters = {"table": table} if table else {}
    with run.connect() as client, output.progress("replaying"):
        answer = client.post("/v1/rejections/replay", None, **parameters)
    reasons = [
        {"table": name, **reason}
        for name, found in answer["tables"].items()
        for reason in found["reasons"]
    ]
    if reasons or run.as_json:
        run.show(answer, reasons, ["table", "column", "rule", "rows"])
    if not run.as_json:
        output.line(_counted(answer, "open rejections"))
    return int(answer["rejected"] > 0)


def replay_one(run: Run, rejection_id: str) -> int:
    """Tries one row as it was; the exit code."""
    path = f"/v1/rejections/{segment(rejection_id)}/replay"
    with run.connect() as client:
        try:
            answer = client.post(path)
        except Refused as refused:
            if refused.status != 422 or not refused.problem.get("rejections"):
                raise
            answer = refused.problem
    broken = [each for found in answer["rejections"] for each in found["violations"]]
    if broken or run.as_json:
        run.show(answer, broken, ["column", "rule", "message", "value"])
    if not run.as_json:
        output.line(_counted(answer, rejection_id))
    return int(answer["rejected"] > 0)


def _counted(answer: Mapping[str, Any], what: str) -> str:
    received, accepted, rejected, present = (f"{answer[name]:,}" for name in COUNTS)
    return (
        f"{what}: {received} rows ({accepted} accepted, {rejected} still rejected, "
        f"{present} already present)"
    )
