"""`gatehouse insert`: sends rows from files in batches."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import output
from service.cli.failures import Failure, Refused
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client
    from service.cli.row_files import RowChunk

MAX_ROWS = 1000  # of one request, by the contract
RESERVE = 64 * 1024  # bytes of a body left free for a CSV header and brackets


@dataclass
class Sum:
    """The answers to all batches, added up."""

    table: str
    dry_run: bool
    received: int = 0
    accepted: int = 0
    rejected: int = 0
    load_ids: list[str] = field(default_factory=list)
    rejections: list[dict[str, Any]] = field(default_factory=list)

    def add(self, file: str, first_row: int, answer: dict[str, Any]) -> None:
        """Adds the answer to the batch whose first row is `first_row` of `file`."""
        for count in ("received", "accepted", "rejected"):
            setattr(self, count, getattr(self, count) + answer[count])
        if answer.get("load_id"):
            self.load_ids.append(answer["load_id"])
        self.rejections += [
            {"file": file, **rejection, "row": first_row + rejection["row"]}
            for rejection in answer["rejections"]
        ]


@click.command()
@click.argument("table")
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
@click.option(
    "--format", "form", type=click.Choice(["json", "ndjson", "csv"]), help="Default: by extension."
)
@click.option(
    "--strict", is_flag=True, help="Of each batch all rows or none; stop at the first refused."
)
@click.option("--dry-run", is_flag=True, help="Only judge the rows.")
@command
def insert(
    run: Run, table: str, files: tuple[str, ...], form: str | None, strict: bool, dry_run: bool
) -> int:
    """Insert rows from files (a JSON array, NDJSON, CSV with a header; "-" is stdin).

    They are sent in batches of at most 1000. Rows are counted from 0, blank lines are not.
    """
    total = Sum(table, dry_run)
    with run.connect() as client, output.progress("inserting", _bytes(files)) as step:
        try:
            for file, batch in _batches(run, files, form):
                answer = _send(client, table, batch, strict, dry_run)
                total.add(file, batch.first_row, answer)
                step(len(batch.body))
                if strict and answer["rejected"]:
                    break
        except Failure:
            if total.received:
                output.note(f"before the error: {_summary(total)}")
            raise
    _show(run, total)
    return int(total.rejected > 0)


def _batches(
    run: Run, files: tuple[str, ...], form: str | None
) -> "Iterator[tuple[str, RowChunk]]":
    from service.cli.row_files import batches

    rows = min(run.settings.max_rows, MAX_ROWS)
    for file in files:
        for batch in batches(file, form, rows, run.settings.max_body_bytes - RESERVE):
            yield file, batch


def _send(client: "Client", table: str, batch: "RowChunk", strict: bool, dry_run: bool) -> Any:
    """Sends a batch; returns the answer of a 201, 207, or of a 422 that lists rejections."""
    try:
        return client.send(
            "POST",
            f"/v1/tables/{segment(table)}/rows",
            content=batch.body,
            params={"dry_run": "true"} if dry_run else {},
            headers={
                "Content-Type": batch.content_type,
                "Prefer": f"handling={'strict' if strict else 'lenient'}",
            },
        ).json()
    except Refused as refused:
        if refused.status == 422 and refused.problem.get("rejections"):
            return refused.problem
        raise


def _show(run: Run, total: Sum) -> None:
    if run.as_json:
        output.print_json(vars(total))
        return
    broken = [
        {"file": rejection["file"], "row": rejection["row"], **violation}
        for rejection in total.rejections
        for violation in rejection["violations"]
    ]
    if broken:
        output.table(broken, ["file", "row", "column", "rule", "message"])
    output.line(_summary(total))


def _summary(total: Sum) -> str:
    would = " (dry run: nothing is written)" if total.dry_run else ""
    return (
        f"{total.table} {counted(total.received, 'row')} "
        f"({total.accepted:,} accepted, {total.rejected:,} rejected){would}"
    )


def _bytes(files: tuple[str, ...]) -> int | None:
    paths = [Path(file) for file in files]
    return sum(path.stat().st_size for path in paths) if all(map(Path.is_file, paths)) else None
