"""`gatehouse load`: uploads CSV files of any size."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, output
from service.cli.failures import Failure, Refused, WrongSettings
from service.cli.interruptions import offering
from service.cli.invocation import Run, command, segment
from service.runtime.resolutions import ON_CONFLICT, OnConflict, preferred
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client

Load = dict[str, Any]
CHUNK_BYTES = 1 << 20
POLL_SECONDS = 0.25
OF_A_FILE = (400, 413, 415, 422)  # what may be right in one, and wrong in the next


@click.command()
@click.argument("table", shell_complete=completing.tables)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only judge the rows.")
@click.option("--explain", is_flag=True, help="Tell how it is read, and why; write nothing.")
@click.option("--delimiter", help=r"A character; tab, space, or any byte such as \x01.")
@click.option("--quote", help="What stands around texts: \" or ', or none.")
@click.option("--escape", help="How a quote stands within quotes: doubled or backslash.")
@click.option("--comment", help="What lines begin with that are passed over, such as #.")
@click.option("--skip", type=click.IntRange(0), help="How many lines stand above the header.")
@click.option("--header/--no-header", default=None, help="Whether the first line names columns.")
@click.option("--columns", help="The table's columns in the file's order; \"-\" leaves one out.")
@click.option("--encoding", help="Such as utf-8 or windows-1252.")
@click.option("--null", multiple=True, help="What stands for no value, such as NA; repeatable.")
@click.option(
    "--on-conflict",
    type=click.Choice(ON_CONFLICT),
    help="Of a row whose key is there: an error, ignore it if it is the same, or merge.",
)
@command
def load(
    run: Run,
    table: str,
    files: tuple[str, ...],
    null: tuple[str, ...],
    dry_run: bool,
    explain: bool,
    on_conflict: OnConflict | None,
    **said: Any,
) -> int:
    """Load CSV files of any size and shape (also gzip and zstd).

    What is not said of a file's shape is found out, and told. The same file twice adds nothing.
    A row whose key is there is ignored if it is the same, unless the YAML of the table or
    --on-conflict says otherwise.
    """
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.is_file():
            raise WrongSettings(f"{path} is not a file")
    options = {name: value for name, value in said.items() if value is not None}
    if dry_run or explain:
        options["dry_run"] = True
    if null:
        options["null"] = ",".join(null)
    with run.connect() as client:
        headers = {"Prefer": preferred(on_conflict)} if on_conflict else {}
        loads = [_load(run, client, table, path, options, headers, explain) for path in paths]
    if run.as_json:
        output.print_json(loads)
    return int(any(load["status"] != "done" or load["rejected"] for load in loads))


def _load(
    run: Run,
    client: "Client",
    table: str,
    path: Path,
    options: dict[str, Any],
    headers: dict[str, str],
    explain: bool,
) -> Load:
    """Uploads a file, shows its dialect, and waits until its load has ended."""
    with (
        offering(f"{path.name} was on its way;", "`gatehouse loads` lists it if it had arrived"),
        output.progress(f"sending {path.name}", path.stat().st_size) as step,
    ):
        taken = _sent(client, table, path, options, headers, step)
    if not run.as_json:
        output.line(f"{path.name}: {taken['found']}")
    done = _followed(client, taken["href"], path.name)
    if not run.as_json:
        if explain and done["status"] == "done":
            _explain(done)
        _tell(done, bool(options.get("dry_run")))
    return {"found": taken["found"], **done}


def _sent(
    client: "Client",
    table: str,
    path: Path,
    options: dict[str, Any],
    headers: dict[str, str],
    step: Callable[[int], None],
) -> Load:
    try:
        taken: Load = client.send(
            "POST",
            f"/v1/tables/{segment(table)}/files",
            headers={"Content-Type": "text/csv", **headers},
            params={"filename": path.name, **options},
            content=FileContent(path, step),
        ).json()
    except Refused as refused:
        if refused.status in OF_A_FILE:
            raise refused.of_file(path.name, str(path)) from None
        raise
    return taken


class FileContent:
    """The body of a request, read anew for each attempt: a lost request is sent again."""

    def __init__(self, path: Path, step: Callable[[int], None]) -> None:
        self._path, self._step = path, step

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks of CHUNK_BYTES."""
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
                self._step(len(chunk))


def _followed(client: "Client", href: str, name: str) -> Load:
    """Polls the load until it has ended; returns it."""
    found: Load = client.get(href)
    total = found.get("progress", {}).get("of_bytes")
    with (
        offering(f"the load of {name}", _goes_on(client, href), lambda: client.delete(href)),
        output.progress(f"loading {name}", total) as step,
    ):
        read = 0
        while found["status"] == "running":
            time.sleep(POLL_SECONDS)
            found = client.get(href)
            now = found.get("progress", {}).get("bytes", read)
            step(now - read)
            read = now
    return found


def _goes_on(client: "Client", href: str) -> str:
    load_id = href.rpartition("/")[2]
    how = "with the next command or service here" if client.is_here else "at the service"
    return f"goes on {how}: `gatehouse loads show {load_id}` says how far it is"


def _explain(done: Load) -> None:
    """Why the file is read as it is, and what its first rows are then."""
    for reason in done["dialect"]["reasons"]:
        output.line(f"  {reason}")
    output.table(
        [{**each, "column": each["column"] or "(left out)"} for each in done["columns"]],
        ["in_file", "column", "why"],
    )
    if done["first_rows"]:
        names = list(done["first_rows"][0]["values"])
        rows = [_row_read(each) for each in done["first_rows"]]
        problems = ["problem"] if any(row["problem"] for row in rows) else []
        output.table(rows, ["line", *names, *problems])


def _row_read(row: dict[str, Any]) -> dict[str, Any]:
    return {**row["values"], "line": row["line"], "problem": row["problem"]}


def _lines(done: Load) -> str:
    """The account of the lines, where there are others than a header and one for each row."""
    counts = [done[f"{kind}_lines"] or 0 for kind in ("header", "blank", "skipped")]
    of_records = done["record_lines"]
    if of_records is None or (not any(counts[1:]) and of_records == done["received"]):
        return ""
    kinds = zip(counts, ("header", "blank", "skipped"), strict=True)
    said = [f"{count:,} {kind}" for count, kind in kinds if count]
    return ", ".join([*said, f"{of_records:,} of records"])


def _tell(done: Load, dry_run: bool) -> None:
    if done["status"] != "done":
        raise Failure(
            f"{done['source']} was not loaded: {done['detail']}",
            "what was there before is still there" if not done["received"] else None,
        )
    would = " (dry run: nothing is written)" if dry_run else ""
    output.line(output.count_line(done["table"], done) + would)
    if said := _lines(done):
        output.line(f"  lines: {said}")
    if done["detail"]:
        output.note(f"  {done['detail']}")
    if dry_run and done["rejections"]:
        broken = [
            {"line": each["line"], **violation}
            for each in done["rejections"]
            for violation in each["violations"]
        ]
        output.table(broken, ["line", "column", "rule", "message"])
        if (listed := len(done["rejections"])) < done["rejected"]:
            output.note(f"these are the first {listed} of {counted(done['rejected'], 'line')}")
    elif done["rejected"]:
        output.note(f"HINT: gatehouse rejections --load {done['load_id']}")
