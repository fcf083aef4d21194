"""A file becomes a first page of YAML: read here, with the keys of the tables that there are."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.cli.failures import Failure, WrongSettings
from service.cli.invocation import Run, segment
from service.dictionary.column_types import type_of
from service.errors import Problem
from service.formats.csv.dialect import DialectOptions, UnreadableFile
from service.sketches.file_columns import names_of, read_file
from service.sketches.guesses import ColumnGuess, Parent, guessed
from service.sketches.page import model_of, page_of
from service.sketches.project_files import TableIsThere, check_free, paths_of, write_all

if TYPE_CHECKING:
    from service.cli.client import Client

ASKED = 500  # different values at most by which a reference is looked for
LIKELY = 0.5  # of them are keys of a table, if the column may refer to it


def sketched(run: Run, path: Path, name: str | None, said: dict[str, Any]) -> dict[str, Any]:
    """Writes the files of the table that `path` is of; says which, and what it was taken for.

    Raises:
        WrongSettings, Failure: nothing was written.
    """
    if not path.is_file():
        raise WrongSettings(f"{path} is not a file")
    table = names_of([name or re.sub(r"^raw_|\..*$", "", path.name)])[0]
    paths = paths_of(run.settings.project, run.settings.seeds, table)
    options = DialectOptions(
        delimiter={"tab": "\t"}.get(said["delimiter"], said["delimiter"]),
        encoding=said["encoding"],
        columns=tuple(said["columns"].split(",")) if said["columns"] else None,
        header=False if said["columns"] else None,
        nulls=said["null"],
    )
    try:
        check_free(paths)
        read = read_file(path, options)
        guesses = guessed(read.columns, table)
        _refer(run, guesses, table)
        texts = {"page": page_of(table, read.rows, guesses), "model": model_of(guesses)}
        write_all(paths, texts, path, read.dialect)
    except (TableIsThere, UnreadableFile, ValueError, OSError) as error:
        said_of = error.detail if isinstance(error, UnreadableFile) else str(error)
        raise Failure(f"{path.name}: {said_of}") from error
    return {
        "table": table,
        "rows": read.rows,
        "unread": read.unread,
        "files": [str(each) for each in paths.values()],
    }


def _refer(run: Run, guesses: list[ColumnGuess], table: str) -> None:
    """Looks for tables whose keys are values of a column; without a warehouse there are none."""
    try:
        with run.connect() as client:
            there = client.get("/v1/tables")
            for guess in guesses:
                if not guess.is_key and guess.times:
                    guess.parents = list(
                        filter(
                            None,
                            (
                                _parent(client, guess, each)
                                for each in there
                                if each["name"] != table
                            ),
                        )
                    )
    except (Failure, Problem):
        return


def _parent(client: "Client", guess: ColumnGuess, there: dict[str, Any]) -> Parent | None:
    """The table, if its key is of the column's type and has many of its values."""
    if len(there["key"]) > 1:
        return None
    (key,) = there["key"]
    columns = client.get(f"/v1/tables/{segment(there['name'])}")["columns"]
    kind = next(each["type"] for each in columns if each["name"] == key)
    if type_of(kind) is not guess.type or not _is_named_so(guess, there["name"], key):
        return None
    values = [str(value) for value, _ in guess.times.most_common(ASKED)]
    listed = ",".join(f'"{value}"' for value in values)
    address = f"/v1/tables/{segment(there['name'])}/rows"
    found = client.get(address, **{key: f"in.({listed})", "select": key, "limit": len(values)})
    share = len(found["rows"]) / len(values)
    return Parent(there["name"], key, share) if share >= LIKELY else None


def _is_named_so(guess: ColumnGuess, table: str, key: str) -> bool:
    """Whether the column's name speaks of the table: department_id of departments."""
    name = guess.column.name
    stem = table.removesuffix("s")
    return name in {table, stem, f"{stem}_{key}", f"{table}_{key}", f"{stem}id"} or (
        key != "id" and name == key
    )
