"""What a command says: tables or JSON on stdout, notes and progress on stderr.

On a terminal tables are drawn; in a pipe they are tab-separated lines under a header.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from service.runtime.printable import printable

Row = Mapping[str, Any]


def print_json(value: Any) -> None:
    """One JSON document; ASCII only, so that no value can speak to a terminal."""
    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def note(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(printable(text), err=True)


def line(text: str) -> None:
    """A line on stdout."""
    click.echo(printable(text))


def table(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """`rows` under a header, a column for each name of `columns`."""
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for texts in ([column.replace("_", " ") for column in columns], *cells):
            click.echo("\t".join(texts))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        # the first one names the row, and is what people copy
        drawn.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == columns[0])
    for texts in cells:
        drawn.add_row(*map(Text, texts))
    Console().print(drawn)


def count_line(name: str, counts: Row) -> str:
    """The counts of a load: "jobs 3 rows (1 accepted, 2 rejected, 0 already present)"."""
    return (
        f"{name} {counts['received']} rows ({counts['accepted']} accepted, "
        f"{counts['rejected']} rejected, {counts['already_present']} already present)"
    )


def cell(value: Any) -> str:
    """`value` on one line; lists of texts are joined, what is not text is JSON."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(cell, value))
    if isinstance(value, str):
        return printable(value)
    return json.dumps(value)


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """A bar on stderr (where that is a terminal); call what it gives with how far it went on.

    A second argument says anew how much there is in all.
    """
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(
        console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda done, total=total: bar.update(task, advance=done, total=total)
