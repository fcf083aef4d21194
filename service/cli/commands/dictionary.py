"""`gatehouse dictionary`: shows the dictionary, and exports the contract of a table."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from service.cli import completing, output
from service.cli.failures import Failure
from service.cli.invocation import Run, command, is_of_subcommand, segment

FORMATS = ("json-schema", "avro", "odcs")


class _WithTable(click.Group):
    """A group whose first argument may also be the name of a table, which is then shown."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.get_command(ctx, args[0]) is not None and args[0] != "show"
        return super().resolve_command(ctx, args if known else ["show", *args])


@click.group(cls=_WithTable, invoke_without_command=True, subcommand_metavar="[TABLE]")
@command
def dictionary(run: Run) -> None:
    """Show every table and mart, or TABLE (or a mart): its columns, and each rule in words.

    `gatehouse dictionary export` writes the contract of tables as files.
    """
    if is_of_subcommand(run):
        return
    from service.cli import dictionary_texts

    with run.connect() as client:
        document = client.get("/v1/dictionary")
    _show(run, document, document["tables"], dictionary_texts.overview(document))


@dictionary.command(hidden=True)
@click.argument("name", metavar="TABLE")
@command
def show(run: Run, name: str) -> None:
    """Show a table or a mart."""
    from service.cli import dictionary_texts

    with run.connect() as client:
        entry = client.get(f"/dictionary/{segment(name)}")
    is_table = entry["kind"] == "table"
    texts = dictionary_texts.of_table if is_table else dictionary_texts.of_mart
    _show(run, entry, [entry], texts(entry))


def _show(
    run: Run, answer: Any, tables: Iterable[Any], texts: Iterable[tuple[str, list[str]]]
) -> None:
    """On a terminal the texts; in a pipe a line for each column of the tables."""
    from service.cli import dictionary_texts

    if run.as_json or not output.is_terminal():
        run.show(answer, dictionary_texts.rows_of(tables), dictionary_texts.COLUMNS)
    else:
        entries = [{"lines": [head, *lines]} for head, lines in texts]
        run.show_entries(answer, entries, [], lambda each: each["lines"])


@dictionary.command()
@click.argument("tables", nargs=-1, shell_complete=completing.tables)
@click.option(
    "--format", "formats", type=click.Choice(FORMATS), multiple=True, help="Default: all three."
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder to write to; it is made where there is none.",
)
@command
def export(run: Run, tables: tuple[str, ...], formats: tuple[str, ...], folder: Path) -> None:
    """Write the contract of TABLES (default: of all) as files.

    JSON Schema (2020-12) says what a row in JSON is like, the Avro schema what a backup holds, and
    ODCS (Open Data Contract Standard) all of it in YAML. A file that is there is replaced.
    """
    with run.connect() as client:
        names = tables or [table["name"] for table in client.get("/v1/tables")]
        files = [
            file for name in names for file in _files(client, name, formats or FORMATS)
        ]  # all of them, before one is written
    written = [_write(folder, *file) for file in files]
    run.show(written, written, ["file", "bytes"])


def _files(client: Any, table: str, formats: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for name in formats:
        path = f"/v1/tables/{segment(table)}/schema"
        answer = client.send("GET", path, params={"format": name})
        said = answer.headers["content-disposition"]
        yield Path(said.partition('filename="')[2].rstrip('"')).name, answer.content


def _write(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    from service.runtime.durable_files import READABLE, make_folder, write_whole

    path = folder / name
    try:
        make_folder(folder, READABLE)
        write_whole(path, content, READABLE & 0o666)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from error
    return {"file": str(path), "bytes": len(content)}
