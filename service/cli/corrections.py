"""Rejected rows as a CSV file, for correction in a spreadsheet, and back."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from service.cli.failures import Failure, WrongSettings
from service.cli.invocation import segment
from service.cli.replays import reason_of
from service.formats.bodies.correction_files import (
    ID,
    NoCorrections,
    corrected_rows,
    header_of,
    line_of,
)
from service.formats.bodies.csv_lines import csv_line

if TYPE_CHECKING:
    from service.cli.client import Client

PAGE = 1000


def write(client: "Client", path: str, only: dict[str, str | None]) -> int:
    """Writes rejections to the CSV file at `path` ("-" is stdout); returns their number.

    Raises:
        Failure: a table has a column of a name that the file needs for itself.
    """
    try:
        header = header_of(_columns(client, only["table"]), bool(only["table"]))
    except NoCorrections as error:
        raise Failure(str(error)) from error
    count = 0
    with _opened(path) as file:
        file.write(csv_line(header))
        for each in _all(client, only):
            said = (each["table"], each["payload"], reason_of(each))
            file.write(line_of(header, each[ID], *said))
            count += 1
    return count


def _columns(client: "Client", table: str | None) -> list[str]:
    """The column names of one table, or of all, each once."""
    names = [table] if table else [each["name"] for each in client.get("/v1/tables")]
    pages = [client.get(f"/v1/tables/{segment(name)}") for name in names]
    return list(dict.fromkeys(column["name"] for page in pages for column in page["columns"]))


def _all(client: "Client", only: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = client.get("/v1/rejections", limit=PAGE, after=after, **only)
        yield from page["rejections"]
        if (after := page["next"]) is None:
            return


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

    Raises:
        WrongSettings: there is no such file.
        Failure: it has no column rejection_id, or a line has no value there.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise WrongSettings(f"{path} cannot be read: {error.strerror}") from error
    try:
        for line, rejection_id, values in corrected_rows(content):
            yield line, {ID: rejection_id, "text": values}
    except NoCorrections as error:
        hint = "`gatehouse rejections export` writes such a file"
        raise Failure(f"{path}{error}", hint) from error
