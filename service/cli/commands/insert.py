"""`gatehouse insert`: sends rows from files in batches."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, output
from service.cli.failures import Failure
from service.cli.inserting import InsertTotal, Sender
from service.cli.interruptions import Interrupted, offering
from service.cli.invocation import Run, command
from service.runtime.resolutions import ON_CONFLICT
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client
    from service.cli.row_files import RowChunk

MAX_ROWS = 1000  # of one request, by the contract
HOW_LONG = "within a day"  # the least that a service remembers Idempotency-Keys, by the contract
RESERVE = 64 * 1024  # bytes of a body left free for a CSV header and brackets


@click.command()
@click.argument("table", shell_complete=completing.tables)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...|-", type=click.Path(allow_dash=True)
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "ndjson", "csv", "avro"]),
    help="Default: by extension.",
)
@click.option(
    "--strict", is_flag=True, help="Of each batch all rows or none; stop at the first refused."
)
@click.option("--dry-run", is_flag=True, help="Only judge the rows.")
@click.option(
    "--on-conflict",
    type=click.Choice(ON_CONFLICT),
    help="Of a row whose key is there: an error (default), ignore it if it is the same, or merge.",
)
@click.option("--again", is_flag=True, help="Also send batches that were sent before.")
@command
def insert(run: Run, table: str, files: tuple[str, ...], form: str | None, **how: Any) -> int:
    """Insert rows from files (a JSON array, NDJSON, CSV with a header, Avro; "-" is stdin).

    They are sent in batches of at most 1000. Rows are counted from 0, blank lines are not.

    A batch has an Idempotency-Key made of its rows and their place: what was interrupted goes on
    where it was when the command is repeated within a day, and no row goes in twice.
    """
    send = Sender(table=table, **how)
    total = InsertTotal(table, send.dry_run)
    resumable = f"is left where it is; the same command goes on after what is in ({HOW_LONG})"
    with (
        run.connect() as client,
        offering(f"the insert into {table}", resumable),
        output.progress("inserting", _bytes(files)) as step,
    ):
        for size in _sent(client, _batches(run, files, form), send, total):
            step(size)
    _show(run, total)
    return int(total.rejected > 0 or total.rejected_before > 0)


def _sent(
    client: "Client", batches: "Iterator[tuple[str, RowChunk]]", send: Sender, total: InsertTotal
) -> Iterator[int]:
    """Sends the batches, adds their answers up, and yields the bytes of each."""
    try:
        for file, batch in batches:
            answer = send(client, file, batch)
            total.add(file, batch.first_row, answer)
            yield len(batch.body)
            if send.strict and answer["rejected"]:
                return
    except (Failure, Interrupted) as error:
        if total.received or total.sent_before:
            when = "interruption" if isinstance(error, Interrupted) else "error"
            output.note(f"before the {when}: {total.summary()}")
        raise


def _batches(
    run: Run, files: tuple[str, ...], form: str | None
) -> "Iterator[tuple[str, RowChunk]]":
    from service.cli.row_files import batches

    rows = min(run.settings.max_rows, MAX_ROWS)
    for file in files:
        for batch in batches(file, form, rows, run.settings.max_body_bytes - RESERVE):
            yield file, batch


def _show(run: Run, total: InsertTotal) -> None:
    if run.as_json:
        output.print_json(dataclasses.asdict(total))
        return
    broken = [
        {"file": rejection["file"], "row": rejection["row"], **violation}
        for rejection in total.rejections
        for violation in rejection["violations"]
    ]
    if broken:
        output.table(broken, ["file", "row", "column", "rule", "message"])
    output.line(total.summary())
    if total.sent_before:
        was = f"{total.accepted_before:,} were accepted, {total.rejected_before:,} rejected"
        output.note(
            f"{counted(total.sent_before, 'row')} had been sent before, and were not sent twice:"
            f" {was}; --again judges them again"
        )


def _bytes(files: tuple[str, ...]) -> int | None:
    paths = [Path(file) for file in files]
    return sum(path.stat().st_size for path in paths) if all(map(Path.is_file, paths)) else None
