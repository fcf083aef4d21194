"""Replays of rejected rows, and how their results are shown."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from service.cli import output
from service.cli.failures import Refused
from service.cli.interruptions import offering
from service.cli.invocation import Run, segment
from service.formats.bodies.correction_files import reasons_told

if TYPE_CHECKING:
    from service.cli.client import Client

MAX_ROWS = 1000  # of one request, by the contract
COUNTS = ("received", "accepted", "changed", "rejected", "already_present")
Answer = dict[str, Any]


def replay_one(run: Run, client: "Client", rejection_id: str, dry_run: bool) -> int:
    """Replays one rejected row as it was sent; returns the exit code, 1 if it still fails."""
    path = f"/v1/rejections/{segment(rejection_id)}/replay"
    try:
        answer: Answer = client.post(path, **({"dry_run": "true"} if dry_run else {}))
    except Refused as refused:
        if refused.status != 422 or not refused.problem.get("rejections"):
            raise
        answer = refused.problem
    violations = [
        {"rejection_id": rejection_id, **violation}
        for rejection in answer["rejections"]
        for violation in rejection["violations"]
    ]
    if run.as_json:
        output.print_json(answer)
    else:
        if violations:
            output.table(violations, ["rejection_id", "column", "rule", "message"])
        _show_counts({answer["table"]: answer})
    return int(answer["rejected"] > 0)


def replay_all(run: Run, client: "Client", wanted: Answer, changes: Answer) -> int:
    """Replays every open rejected row that is wanted, with `changes`; returns the exit code."""

    def cancel() -> None:
        for load in client.pages("/v1/loads", "loads", MAX_ROWS, kind="replay", status="running"):
            with suppress(Refused):  # it has just ended
                client.delete(f"/v1/loads/{segment(load['load_id'])}")

    goes_on = "goes on: `gatehouse loads --kind replay` shows what comes of it"
    with offering("the replay", goes_on, cancel), output.progress("trying again"):
        content = {"set": changes} if changes else None
        answer = client.post("/v1/rejections/replay", content, **wanted)
    return show_replays(run, answer)


def replay_corrected(run: Run, client: "Client", rows: Sequence[tuple[int, Answer]]) -> int:
    """Replays corrected rows in batches; returns the exit code.

    `rows` are the line number and the row of each, as `corrections.read` yields them.
    """
    total: Answer = {"load_ids": [], **dict.fromkeys(COUNTS, 0), "tables": {}}
    total |= {"rejections": [], "not_tried": []}
    lines = {row["rejection_id"]: line for line, row in rows}
    sent = [row for _, row in rows]
    stays = "is left where it is: rows that went in stay in, and the same file goes on after them"
    with offering("the replay", stays), output.progress("trying again", len(sent)) as step:
        for part in _parts(sent, min(run.settings.max_rows, MAX_ROWS)):
            _add(total, client.post("/v1/rejections/replay", part))
            step(len(part))
    for each in (*total["rejections"], *total["not_tried"]):
        each["line"] = lines.get(each["rejection_id"])
    return show_replays(run, total)


def _parts(rows: Sequence[Answer], size: int) -> Iterable[Sequence[Answer]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _add(total: Answer, answer: Answer) -> None:
    """Adds the answer to one batch to the total."""
    if answer["load_id"]:
        total["load_ids"].append(answer["load_id"])
    for name in COUNTS:
        total[name] += answer[name]
    for table, counts in answer["tables"].items():
        known = total["tables"].setdefault(table, dict.fromkeys(COUNTS, 0))
        for name in COUNTS:
            known[name] += counts[name]
    total["rejections"] += answer["rejections"]
    total["not_tried"] += answer["not_tried"]


def show_replays(run: Run, answer: Answer) -> int:
    """Shows what became of the replayed rows; returns the exit code, 1 if some still fail."""
    failed = int(answer["rejected"] > 0 or bool(answer.get("not_tried")))
    if run.as_json:
        output.print_json(answer)
        return failed
    if "rejections" in answer:
        rows, columns = _failing(answer), ["line", "rejection_id", "column", "rule", "message"]
    else:
        rows, columns = _reasons(answer), ["rows", "table", "column", "rule"]
    if rows:
        output.table(rows, columns)
    _show_counts(answer["tables"])
    return failed


def _reasons(answer: Answer) -> list[Answer]:
    return [
        {"table": table, **reason}
        for table, counts in answer["tables"].items()
        for reason in counts["reasons"]
    ]


def _failing(answer: Answer) -> list[Answer]:
    rows = [
        {"line": each["line"], "rejection_id": each["rejection_id"], **violation}
        for each in answer["rejections"]
        for violation in each["violations"]
    ]
    rows += [{**each, "message": each["detail"]} for each in answer["not_tried"]]
    return sorted(rows, key=lambda row: row["line"] or 0)


def _show_counts(tables: dict[str, Answer]) -> None:
    if not tables:
        output.line("nothing to try again")
    for table, counts in tables.items():
        output.line(output.count_line(table, counts))


def reason_of(rejection: Answer) -> str:
    """Every violation of a rejected row, on one line: "rule: message; rule: message"."""
    return reasons_told(rejection["violations"])
